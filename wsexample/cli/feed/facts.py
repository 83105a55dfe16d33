"""What a record says about the price of an instrument, in the same words for every kind of record and every broker.

| word | meaning |
|---|---|
| ``name`` | name of the instrument |
| ``last``, ``change``, ``percent`` | last price; its distance from the close before, also in percent |
| ``bid``, ``bid_size``, ``ask``, ``ask_size`` | best quotes; the bid is where you can sell |
| ``open``, ``high``, ``low``, ``volume``, ``vwap``, ``turnover`` | the day, the last 24 hours or the bar |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wsexample.records.market import Bar, Board, Book, Quote, Record, Ticker, Trade

__all__ = ["NUMBERS", "Facts", "facts_of"]

Facts = Mapping[str, Any]

NUMBERS = (
    "last",
    "bid",
    "ask",
    "change",
    "percent",
    "open",
    "high",
    "low",
    "volume",
    "vwap",
    "turnover",
    "bid_size",
    "ask_size",
)
"""The words that stand for numbers."""


def _board(board: Board) -> Facts:
    return {
        "name": board.name,
        "last": board.last_price,
        "change": board.change,
        "percent": board.change_percent,
        "bid": board.bid_price,
        "bid_size": board.bid_size,
        "ask": board.ask_price,
        "ask_size": board.ask_size,
        "open": board.open_price,
        "high": board.high_price,
        "low": board.low_price,
        "volume": board.volume,
        "vwap": board.vwap,
        "turnover": board.turnover,
    }


def _quote(quote: Quote) -> Facts:
    return {
        "bid": quote.bid_price,
        "bid_size": quote.bid_size,
        "ask": quote.ask_price,
        "ask_size": quote.ask_size,
    }


def _trade(trade: Trade) -> Facts:
    return {"last": trade.price}


def _bar(bar: Bar) -> Facts:
    return {
        "last": bar.close,
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "volume": bar.volume,
        "vwap": bar.vwap,
    }


def _book(book: Book) -> Facts:
    bid, ask = (levels[0] if levels else None for levels in (book.bids, book.asks))
    return {
        "bid": bid.price if bid else None,
        "bid_size": bid.size if bid else None,
        "ask": ask.price if ask else None,
        "ask_size": ask.size if ask else None,
    }


def _ticker(ticker: Ticker) -> Facts:
    return {
        "last": ticker.last_price,
        "change": ticker.change,
        "percent": ticker.change_percent,
        "open": ticker.open_price,
        "high": ticker.high_price,
        "low": ticker.low_price,
        "volume": ticker.volume,
        "vwap": ticker.vwap,
        "turnover": ticker.turnover,
    }


_READERS: dict[type[Record], Callable[[Any], Facts]] = {
    Board: _board,
    Quote: _quote,
    Trade: _trade,
    Bar: _bar,
    Book: _book,
    Ticker: _ticker,
}


def facts_of(record: Record) -> Facts:
    """Return what a record says; None where it says that there is nothing, no word where it says nothing about it."""
    reader = _READERS.get(type(record))
    return reader(record) if reader is not None else {}
