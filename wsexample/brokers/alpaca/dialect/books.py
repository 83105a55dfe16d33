"""Crypto order books kept from a whole book and its changes; a change without a whole book before it is not used.

The vendor sends neither sequence numbers nor checksums, so after a break only a new whole book helps, and comes by
itself after subscribing.
"""

from __future__ import annotations

from wsexample.brokers.alpaca.messages.market import LevelMessage
from wsexample.records.market import Level

__all__ = ["Books"]

Levels = tuple[Level, ...]


class _Side:
    """Levels of one side, and the same sorted, made anew only after a change."""

    __slots__ = ("_is_descending", "_sizes", "_sorted")

    def __init__(self, is_descending: bool) -> None:
        self._sizes: dict[float, float] = {}
        self._is_descending = is_descending
        self._sorted: Levels | None = ()

    def change(self, levels: list[LevelMessage] | None) -> None:
        for level in levels or ():
            if level.s > 0:
                self._sizes[level.p] = level.s
            else:
                self._sizes.pop(level.p, None)
            self._sorted = None

    @property
    def levels(self) -> Levels:
        if self._sorted is None:
            sizes = self._sizes
            self._sorted = tuple([Level(price, sizes[price]) for price in sorted(sizes, reverse=self._is_descending)])
        return self._sorted


class Books:
    """Every order book of one connection."""

    def __init__(self) -> None:
        self._books: dict[str, tuple[_Side, _Side]] = {}
        self.orphans = 0
        """Changes that came without a whole book before them."""

    def clear(self) -> None:
        """Forget every book: the connection is a new one."""
        self._books.clear()

    def forget(self, symbol: str) -> None:
        """Forget a book that is not subscribed to any more."""
        self._books.pop(symbol, None)

    def take(
        self, symbol: str, bids: list[LevelMessage] | None, asks: list[LevelMessage] | None, is_whole: bool
    ) -> tuple[Levels, Levels] | None:
        """Take a message; returns bids and asks, best first, or None when there is no whole book to change."""
        book = self._books.get(symbol)
        if is_whole:
            book = self._books[symbol] = (_Side(is_descending=True), _Side(is_descending=False))
        elif book is None:
            self.orphans += 1
            return None
        book[0].change(bids)
        book[1].change(asks)
        return book[0].levels, book[1].levels
