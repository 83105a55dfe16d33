"""Identifiers as Alpaca makes them, the same from the same seed: UUIDs, ULIDs that sort by time, trade numbers."""

from __future__ import annotations

from random import Random
from uuid import UUID

__all__ = ["Ids"]

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Ids:
    """A source of identifiers.

    Parameters:
        seed: the same seed gives the same identifiers.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(f"ids {seed}")
        self._last_ulid = 0

    def uuid(self) -> str:
        """Return a random UUID (version 4)."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def ulid(self, time_ns: int) -> str:
        """Return a ULID: 48 bits of milliseconds, 80 random ones; later ones always sort behind earlier ones."""
        number = (time_ns // 1_000_000) << 80 | self._random.getrandbits(80)
        if number <= self._last_ulid:
            number = self._last_ulid + 1
        self._last_ulid = number
        return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))
