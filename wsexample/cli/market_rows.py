"""What a terminal shows of trades, bars and articles: the newest trades, the last bar of each symbol, the headlines."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import count
from typing import Any, NamedTuple

from wsexample.cli.feed.numbers import time_of_day
from wsexample.cli.listing import NONE, Column, number
from wsexample.cli.rows import RowsView
from wsexample.records.market import Bar, News, Record, Trade, TradeCancel, TradeCorrection

__all__ = ["bars_view", "news_view", "tape_view"]


class _Print(NamedTuple):
    """A trade, or what was taken back of one, as a line of the tape."""

    place: int
    record: Record
    price: float | None
    size: float | None
    direction: int
    words: str


class _Tape:
    """Makes lines of trades; remembers the last price of each symbol, for the colour."""

    def __init__(self) -> None:
        self._numbers = count()
        self._last: dict[str, tuple[float, int]] = {}

    def __call__(self, record: Record) -> _Print | None:
        match record:
            case Trade(price=price, size=size):
                words = " ".join(record.conditions)
                return _Print(next(self._numbers), record, price, size, self._direction(record), words)
            case TradeCorrection():
                words = f"corrects {number(record.original_price)} × {number(record.original_size)}"
                return _Print(next(self._numbers), record, record.corrected_price, record.corrected_size, 0, words)
            case TradeCancel():
                words = f"taken back ({record.action or 'cancel'})"
                return _Print(next(self._numbers), record, record.price, record.size, 0, words)
        return None

    def _direction(self, trade: Trade) -> int:
        """Which way the price went last: a trade at the same price keeps the colour of the one before."""
        before, direction = self._last.get(trade.symbol, (trade.price, 0))
        if trade.price != before:
            direction = 1 if trade.price > before else -1
        self._last[trade.symbol] = (trade.price, direction)
        return direction


_TAPE = (
    Column("Time", lambda item: time_of_day(item.record.exchange_ns, None, decimals=3), is_text=True),
    Column("Symbol", lambda item: item.record.symbol, is_text=True),
    Column("Price", lambda item: number(item.price), tone=lambda item: item.direction, is_price=True),
    Column("Size", lambda item: number(item.size)),
    Column("Side", lambda item: getattr(item.record, "aggressor", None) or "", is_text=True, rank=1),
    Column("Exchange", lambda item: getattr(item.record, "exchange", None) or "", is_text=True, rank=3),
    Column("Conditions", lambda item: item.words, is_text=True, rank=2),
)


def tape_view() -> RowsView:
    """Return a view of the newest trades."""
    return RowsView(
        _TAPE, lambda item: item.place, shape=_Tape(), is_newest_first=True, waiting="waiting for the first trade"
    )


def _span(item: Bar) -> str:
    for unit_s, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if item.interval_s >= unit_s and item.interval_s % unit_s == 0:
            return f"{item.interval_s / unit_s:g}{unit}"
    return f"{item.interval_s:g}s"


def _gained(item: Bar) -> float:
    return item.close - item.open


_BARS = (
    Column("Time", lambda item: time_of_day(item.exchange_ns, None), is_text=True),
    Column("Symbol", lambda item: item.symbol, is_text=True),
    Column("Bar", _span, is_text=True, rank=5),
    Column("Open", lambda item: number(item.open), rank=2, is_price=True),
    Column("High", lambda item: number(item.high), rank=1, is_price=True),
    Column("Low", lambda item: number(item.low), rank=1, is_price=True),
    Column("Close", lambda item: number(item.close), tone=_gained, is_price=True),
    Column("Volume", lambda item: number(item.volume), rank=3),
    Column("VWAP", lambda item: NONE if item.vwap is None else f"{item.vwap:,.4f}", rank=6),
    Column("Trades", lambda item: number(item.trade_count), rank=4),
    Column("State", lambda item: item.state or "", is_text=True, rank=7),
)


def _bar_only(record: Record) -> Any | None:
    return record if isinstance(record, Bar) else None


def bars_view() -> RowsView:
    """Return a view of the newest bars; one that was changed or goes on takes the place of its former state."""

    def key(item: Bar) -> Hashable:
        return item.symbol, item.interval_s, item.exchange_ns

    waiting = "waiting for the first bar: one comes when its time is over"
    return RowsView(_BARS, key, shape=_bar_only, is_newest_first=True, waiting=waiting)


_NEWS = (
    Column("Time", lambda item: time_of_day(item.updated_ns or item.exchange_ns, None), is_text=True),
    Column("Symbols", lambda item: " ".join(item.symbols[:3]) + (" …" if len(item.symbols) > 3 else ""), is_text=True),
    Column("Headline", lambda item: item.headline, is_text=True),
    Column("Source", lambda item: item.source or "", is_text=True, rank=1),
)


def _news_only(record: Record) -> Any | None:
    return record if isinstance(record, News) else None


def news_view() -> RowsView:
    """Return a view of the newest articles; one that was changed comes back to the top."""
    waiting = "waiting for the first article"
    return RowsView(_NEWS, lambda item: item.news_id, shape=_news_only, is_newest_first=True, waiting=waiting)
