"""Order books kept from a snapshot and the changes after it, and the numbers that tell whether one is missing.

A change continues a book when its first number ``U`` is the last number ``u`` of the frame before it (measured on 27,146
changes; there is no checksum). How a side is kept is the matter of `wsexample.brokers.weex.dialect.sides`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from wsexample.brokers.weex.dialect.numbers import number
from wsexample.brokers.weex.dialect.sides import Side, WireSide
from wsexample.records.market import Level

__all__ = ["MAX_LEVELS", "KeptBook", "Pair", "WireBook", "is_crossed"]

MAX_LEVELS = 4096
"""Levels of one side; the venue sends 200 at most."""

Pair = tuple[str, str]
"""Price and size as they stand on the wire."""


def _checked(levels: Sequence[Level]) -> Sequence[Level]:
    """Return levels whose prices and sizes are some; raises ValueError, so that a frame counts as a whole or not at all."""
    for level in levels:
        if not (0 <= level.price < math.inf and 0 <= level.size < math.inf):
            raise ValueError(f"{level} is no level of a book")
    return levels


def _checked_pairs(pairs: Sequence[Pair]) -> Sequence[Pair]:
    for price, size in pairs:
        if number(price) < 0 or number(size) < 0:
            raise ValueError(f"{price[:50]!r}, {size[:50]!r} is no level of a book")
    return pairs


class KeptBook:
    """One order book in numbers.

    Parameters:
        bids, asks: the whole book.
        sequence: the snapshot's ``u``.

    Raises:
        ValueError: a level has a price or a size that is none, here and in `change`, which then changes nothing.
    """

    __slots__ = ("asks", "bids", "sequence")

    def __init__(self, bids: Sequence[Level], asks: Sequence[Level], sequence: int) -> None:
        self.bids = Side(-1.0)
        self.asks = Side(1.0)
        self.bids.change(_checked(bids))
        self.asks.change(_checked(asks))
        self.sequence = sequence

    def change(self, bids: Sequence[Level], asks: Sequence[Level], first: int, last: int) -> bool:
        """Take a frame of changes as a whole; returns False, and changes nothing, when a frame before it is missing.

        Parameters:
            bids: changes of the bids.
            asks: changes of the asks.
            first: first number of the change.
            last: last number of the change.
        """
        if first != self.sequence:
            return False
        changes = _checked(bids), _checked(asks)
        self.bids.change(changes[0])
        self.asks.change(changes[1])
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
        """Take a frame of changes as a whole; returns False, and changes nothing, when a frame before it is missing.

        Parameters:
            bids: changes of the bids.
            asks: changes of the asks.
            first: first number of the change.
            last: last number of the change.
        """
        if first != self.sequence:
            return False
        changes = _checked_pairs(bids), _checked_pairs(asks)
        self.bids.change_both(changes[0])
        self.asks.change_both(changes[1])
        self.sequence = last
        return True


def is_crossed(bids: Sequence[Level], asks: Sequence[Level]) -> bool:
    """Whether the best bid is above the best ask."""
    return bool(bids) and bool(asks) and bids[0].price > asks[0].price
