"""Order books kept from a snapshot and the changes after it, and the numbers that tell whether one is missing.

A change continues a book when its first number ``U`` is the last number ``u`` of the frame before it (measured on 27,146
changes; there is no checksum). Sides are kept sorted, so that a frame costs what it changes. Where only numbers are wanted
they come from msgspec already, which makes them of the venue's texts at a third of what ``float`` costs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from wsexample.records.market import Level

__all__ = ["KeptBook", "Pair", "WireBook"]

Pair = tuple[str, str]
"""Price and size as they stand on the wire."""


class _Side:
    """Levels of one side, best first.

    Parameters:
        sign: what turns a price into a key that is least where the price is best.
    """

    __slots__ = ("_keys", "_sign", "levels")

    def __init__(self, sign: float) -> None:
        self._sign = sign
        self._keys: list[float] = []
        self.levels: list[Level] = []

    def change(self, changes: Sequence[Level]) -> None:
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


class _WireSide(_Side):
    """The same, and beside each level the pair that it was read from."""

    __slots__ = ("pairs",)

    def __init__(self, sign: float) -> None:
        super().__init__(sign)
        self.pairs: list[Pair] = []

    def change_both(self, changes: Sequence[Pair]) -> None:
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


class KeptBook:
    """One order book in numbers.

    Parameters:
        bids, asks: the whole book.
        sequence: the snapshot's ``u``.
    """

    __slots__ = ("asks", "bids", "sequence")

    def __init__(self, bids: Sequence[Level], asks: Sequence[Level], sequence: int) -> None:
        self.bids = _Side(-1.0)
        self.asks = _Side(1.0)
        self.bids.change(bids)
        self.asks.change(asks)
        self.sequence = sequence

    def change(self, bids: Sequence[Level], asks: Sequence[Level], first: int, last: int) -> bool:
        """Take a frame of changes as a whole; returns False, and changes nothing, when a frame before it is missing."""
        if first != self.sequence:
            return False
        self.bids.change(bids)
        self.asks.change(asks)
        self.sequence = last
        return True


class WireBook:
    """One order book in numbers and in the venue's own texts.

    Parameters:
        bids, asks: the whole book.
        sequence: the snapshot's ``u``.
    """

    __slots__ = ("asks", "bids", "sequence")

    def __init__(self, bids: Sequence[Pair], asks: Sequence[Pair], sequence: int) -> None:
        self.bids = _WireSide(-1.0)
        self.asks = _WireSide(1.0)
        self.sequence = sequence
        self.change(bids, asks, sequence, sequence)

    def change(self, bids: Sequence[Pair], asks: Sequence[Pair], first: int, last: int) -> bool:
        """Take a frame of changes as a whole; returns False, and changes nothing, when a frame before it is missing."""
        if first != self.sequence:
            return False
        self.bids.change_both(bids)
        self.asks.change_both(asks)
        self.sequence = last
        return True
