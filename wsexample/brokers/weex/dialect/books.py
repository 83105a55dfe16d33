"""Order books kept from a snapshot and the changes after it, and the numbers that tell whether one is missing.

A change continues a book when its first number ``U`` is the last number ``u`` of the frame before it (measured on 27,146
changes; there is no checksum). How a side is kept is the matter of `wsexample.brokers.weex.dialect.sides`.
"""

from __future__ import annotations

from collections.abc import Sequence

from wsexample.brokers.weex.dialect.sides import Side, WireSide
from wsexample.records.market import Level

__all__ = ["KeptBook", "Pair", "WireBook"]

Pair = tuple[str, str]
"""Price and size as they stand on the wire."""


class KeptBook:
    """One order book in numbers.

    Parameters:
        bids, asks: the whole book.
        sequence: the snapshot's ``u``.
    """

    __slots__ = ("asks", "bids", "sequence")

    def __init__(self, bids: Sequence[Level], asks: Sequence[Level], sequence: int) -> None:
        self.bids = Side(-1.0)
        self.asks = Side(1.0)
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
        self.bids = WireSide(-1.0)
        self.asks = WireSide(1.0)
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
