"""Crypto order books kept from a whole book and its changes; a change without a whole book before it is not used.

The vendor sends neither sequence numbers nor checksums, so after a break only a new whole book helps, and comes by
itself after subscribing. A change that cannot be read breaks a book as well, and so does one that grows without end; a book
that stays crossed has missed a change. Such a book is let go of, and who keeps the subscriptions asks for it anew.
"""

from __future__ import annotations

from wsexample.brokers.alpaca.messages.market import LevelMessage
from wsexample.records.market import Level

__all__ = ["CROSSED_NS", "MAX_BOOKS", "MAX_LEVELS", "Books"]

Levels = tuple[Level, ...]

MAX_LEVELS = 20_000
"""Levels of one side; what has more is no book that the vendor sends."""
MAX_BOOKS = 10_000
CROSSED_NS = 2_000_000_000
"""How long a book may be crossed before it counts as broken: one move may come as two changes."""


class _Side:
    """Levels of one side, and the same sorted, made anew only after a change."""

    __slots__ = ("_is_descending", "_sizes", "_sorted")

    def __init__(self, is_descending: bool) -> None:
        self._sizes: dict[float, float] = {}
        self._is_descending = is_descending
        self._sorted: Levels | None = ()

    def __len__(self) -> int:
        return len(self._sizes)

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
        self._crossed: dict[str, int] = {}
        self.orphans = 0
        """Changes that came without a whole book before them."""
        self.crossed = 0
        """States in which the best bid was above the best ask; they are not handed over."""
        self.broken: dict[str, int] = {}
        """Books that were let go of, and since when they are wrong, UTC epoch nanoseconds; until a whole one comes."""
        self.unasked: set[str] = set()
        """Those of them that nobody has asked for anew."""

    def clear(self) -> None:
        """Forget every book: the connection is a new one."""
        for kept in (self._books, self._crossed, self.broken, self.unasked):
            kept.clear()

    def forget(self, symbol: str) -> None:
        """Forget a book that is not subscribed to any more."""
        for kept in (self._books, self._crossed, self.broken):
            kept.pop(symbol, None)
        self.unasked.discard(symbol)

    def let_go(self, symbol: str | None, since_ns: int) -> None:
        """Let go of a book that cannot be right any more; of every book where it is not known which (None)."""
        for name in list(self._books) if symbol is None else [symbol]:
            if self._books.pop(name, None) is not None:
                self.broken[name] = self._crossed.pop(name, since_ns)
                self.unasked.add(name)

    def take(
        self,
        symbol: str,
        bids: list[LevelMessage] | None,
        asks: list[LevelMessage] | None,
        is_whole: bool,
        received_ns: int = 0,
    ) -> tuple[Levels, Levels] | None:
        """Take a message; returns bids and asks, best first, or None when there is no book to hand over now."""
        book = self._books.get(symbol)
        if is_whole:
            if book is None and len(self._books) >= MAX_BOOKS:
                self.orphans += 1
                return None
            book = self._books[symbol] = (_Side(is_descending=True), _Side(is_descending=False))
        elif book is None:
            self.orphans += 1
            return None
        buyers, sellers = book
        buyers.change(bids)
        sellers.change(asks)
        if max(len(buyers), len(sellers)) > MAX_LEVELS:
            self.let_go(symbol, received_ns)
            return None
        if buyers.levels and sellers.levels and buyers.levels[0].price > sellers.levels[0].price:
            self.crossed += 1
            if received_ns - self._crossed.setdefault(symbol, received_ns) >= CROSSED_NS:
                self.let_go(symbol, received_ns)
            return None
        if self._crossed:
            self._crossed.pop(symbol, None)
        return buyers.levels, sellers.levels
