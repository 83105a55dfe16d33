"""What a simulated order can meet in one instrument: the sizes that stand in the book, and the prints that go by.

Pure. Any market record moves it: quotes and books and boards set the levels, trades and growing day volumes print, tickers and
bars say a last price. What the account itself has taken from a level stays taken: a repeated level gives nothing twice,
and only what is shown in addition can be met.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from wsexample.records.market import Bar, Board, Book, Level, Quote, Record, Ticker, Trade

__all__ = ["Depth", "MarketView", "Print", "exactly"]

INFINITE = float("inf")


def exactly(number: float) -> Decimal:
    """Return a float as the decimal number that it is written as."""
    return Decimal(repr(number))


class Depth:
    """One level: what is shown there, and what of it the account has not taken yet."""

    __slots__ = ("left", "price", "shown")

    def __init__(self, price: Decimal, shown: Decimal, left: Decimal) -> None:
        self.price, self.shown, self.left = price, shown, left

    def __repr__(self) -> str:
        return f"Depth({self.price}, shown {self.shown}, left {self.left})"


class Print(NamedTuple):
    """A trade on the market."""

    price: Decimal
    size: Decimal | None
    """None where only a last price is known."""
    aggressor: str | None
    """"buy" or "sell": who took; None where the venue does not say."""


class MarketView:
    """The market of one symbol as the newest records show it."""

    __slots__ = ("_volume", "asks", "bids", "last_price")

    def __init__(self) -> None:
        self.bids: list[Depth] = []
        """Buyers, best first: what a sell order meets."""
        self.asks: list[Depth] = []
        """Sellers, best first: what a buy order meets."""
        self.last_price: Decimal | None = None
        self._volume: float | None = None

    def see(self, record: Record) -> Print | None:
        """Take a record in; returns the trade that it tells of, None when it tells of none."""
        if isinstance(record, Quote):
            self.bids = _levels(_one(record.bid_price, record.bid_size), self.bids)
            self.asks = _levels(_one(record.ask_price, record.ask_size), self.asks)
            return None
        if isinstance(record, Book):
            self.bids, self.asks = _levels(record.bids, self.bids), _levels(record.asks, self.asks)
            return None
        if isinstance(record, Trade):
            return self._print(record.price, record.size, record.aggressor)
        if isinstance(record, Board):
            return self._see_board(record)
        if isinstance(record, Ticker):
            return self._print(record.last_price, None, None)
        if isinstance(record, Bar):
            return self._print(record.close, None, None)
        return None

    def _see_board(self, board: Board) -> Print | None:
        bids = board.bids or _one(board.bid_price, board.bid_size)
        asks = board.asks or _one(board.ask_price, board.ask_size)
        self.bids, self.asks = _levels(bids, self.bids), _levels(asks, self.asks)
        before, self._volume = self._volume, board.volume
        if board.last_price is None or not -INFINITE < board.last_price < INFINITE:
            return None
        if before is None or board.volume is None or board.volume <= before:
            self.last_price = exactly(board.last_price)
            return None
        return self._print(board.last_price, board.volume - before, None)

    def _print(self, price: float, size: float | None, aggressor: str | None) -> Print | None:
        if not -INFINITE < price < INFINITE or (size is not None and not 0 <= size < INFINITE):
            return None  # what is stored may hold numbers that are none
        self.last_price = exactly(price)
        return Print(self.last_price, None if size is None else exactly(size), aggressor)

    def opposite(self, side: str) -> list[Depth]:
        """Return the levels that an order of this side meets, best first."""
        return self.asks if side == "buy" else self.bids

    def own(self, side: str) -> list[Depth]:
        """Return the levels beside which an order of this side waits, best first."""
        return self.bids if side == "buy" else self.asks

    @property
    def mid(self) -> Decimal | None:
        """The price half-way between best bid and best ask; None without both."""
        if not self.bids or not self.asks:
            return None
        return (self.bids[0].price + self.asks[0].price) / 2

    def mark(self, size: Decimal) -> Decimal | None:
        """Return at what a position is valued: where it can be closed, else the last price; None when nothing is known."""
        levels = self.bids if size > 0 else self.asks
        return levels[0].price if levels else self.last_price


def _one(price: float | None, size: float | None) -> tuple[Level, ...]:
    return () if not price or not size else (Level(price, size),)


def _levels(levels: Sequence[Level], before: list[Depth]) -> list[Depth]:
    taken = {depth.price: depth for depth in before if depth.left != depth.shown}
    made = []
    for level in levels:
        if not 0 < level.size < INFINITE or not -INFINITE < level.price < INFINITE:
            continue
        price, size = exactly(level.price), exactly(level.size)
        old = taken.get(price) if taken else None
        left = size if old is None else min(max(old.left + size - old.shown, Decimal(0)), size)
        made.append(Depth(price, size, left))
    return made
