"""The sides of a book in Python: what the compiled ones are held to, and what runs where those were not built."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

from wsexample.records.market import Level

__all__ = ["Side", "WireSide", "read_change"]

Pair = tuple[str, str]


class Side:
    """Levels of one side, best first.

    Parameters:
        sign: what turns a price into a key that is least where the price is best.
    """

    __slots__ = ("_keys", "_sign", "levels")

    def __init__(self, sign: float) -> None:
        self._sign = sign
        self._keys: list[float] = []
        self.levels: list[Level] = []

    def change(self, changes: Iterable[Level]) -> None:
        keys, levels, sign = self._keys, self.levels, self._sign
        for level in changes:
            key = level.price * sign
            at = bisect_left(keys, key)
            if at < len(keys) and keys[at] == key:
                if level.size > 0:
                    levels[at] = level
                else:
                    del keys[at], levels[at]
            elif level.size > 0:
                keys.insert(at, key)
                levels.insert(at, level)


class WireSide(Side):
    """The same, and beside each level the pair that it was read from."""

    __slots__ = ("pairs",)

    def __init__(self, sign: float) -> None:
        super().__init__(sign)
        self.pairs: list[Pair] = []

    def change_both(self, changes: Iterable[Pair]) -> None:
        keys, levels, pairs, sign = self._keys, self.levels, self.pairs, self._sign
        for pair in changes:
            price, size = float(pair[0]), float(pair[1])
            key = price * sign
            at = bisect_left(keys, key)
            if at < len(keys) and keys[at] == key:
                if size > 0:
                    levels[at], pairs[at] = Level(price, size), pair
                else:
                    del keys[at], levels[at], pairs[at]
            elif size > 0:
                keys.insert(at, key)
                levels.insert(at, Level(price, size))
                pairs.insert(at, pair)


def read_change(payload: bytes, books: dict[str, Any]) -> tuple[str, str, int] | None:
    """Read a frame of changes into the book that it belongs to; returns (topic, symbol, UTC epoch nanoseconds).

    None means that nothing was changed, and that the frame has to be read the long way: here, always.
    """
    return None
