"""What a simulator remembers of what was: the newest so many, each with its number, whatever comes after them.

Numbers count from 0 and never come again, so that a reader who was at one finds its place again, or is told that it is gone.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

__all__ = ["Newest", "Rows"]

_T = TypeVar("_T")


class Newest(Generic[_T]):
    """The newest objects of a series.

    Parameters:
        most: how many are kept.
    """

    __slots__ = ("_kept", "total")

    def __init__(self, most: int) -> None:
        self._kept: deque[_T] = deque(maxlen=most)
        self.total = 0
        """How many there have ever been, which is the number of the next one."""

    def append(self, one: _T) -> None:
        """Keep one more, in place of the oldest where there are as many as may be."""
        self._kept.append(one)
        self.total += 1

    @property
    def first(self) -> int:
        """Number of the oldest that is kept."""
        return self.total - len(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[_T]:
        return iter(self._kept)

    def __reversed__(self) -> Iterator[_T]:
        return reversed(self._kept)

    def __getitem__(self, place: int) -> _T:
        """Return one by its place among those that are kept: 0 is the oldest, -1 the newest."""
        return self._kept[place]


class Rows:
    """The newest rows of numbers of a series, packed: a tenth of what objects take.

    Parameters:
        layout: what a row is made of, in the notation of `struct`.
        most: how many are kept.
    """

    __slots__ = ("_bytes", "_most", "_pack", "_pack_into", "_row", "_size", "total")

    def __init__(self, layout: str, most: int) -> None:
        self._row = struct.Struct(layout)
        self._size, self._pack, self._pack_into = self._row.size, self._row.pack, self._row.pack_into
        self._most = most
        self._bytes = bytearray()
        self.total = 0
        """How many there have ever been, which is the number of the next one."""

    def append(self, *values: Any) -> None:
        """Keep one more, in place of the oldest where there are as many as may be.

        Parameters:
            values: one for each part of the layout.
        """
        total = self.total
        if total < self._most:
            self._bytes += self._pack(*values)
        else:
            self._pack_into(self._bytes, total % self._most * self._size, *values)
        self.total = total + 1

    @property
    def first(self) -> int:
        """Number of the oldest that is kept."""
        return max(self.total - self._most, 0)

    def newest(self) -> tuple[Any, ...]:
        """Return the newest row; raises IndexError when there is none."""
        if not self.total:
            raise IndexError("nothing is kept")
        return self._row.unpack_from(self._bytes, (self.total - 1) % self._most * self._size)

    def __len__(self) -> int:
        return self.total - self.first

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Iterate over the rows as they are now, oldest first."""
        cut = self.first % self._most * self._size
        return self._row.iter_unpack(bytes(self._bytes[cut:] + self._bytes[:cut]))

    def clear(self) -> None:
        """Forget every row; numbers begin with 0 again."""
        self._bytes.clear()
        self.total = 0
