"""What each stream hands over, for type checkers: a `WeexMessage` whose ``record`` is of one kind.

Nothing runs here: at run time every one of them is a plain `WeexMessage`.
"""

from __future__ import annotations

from wsexample.brokers.weex.dialect import WeexMessage
from wsexample.records.market import Bar, Book, Quote, Ticker, Trade
from wsexample.records.orders import Balance, Fill, Order, Position

__all__ = [
    "BalanceMessage",
    "BarMessage",
    "BookMessage",
    "FillMessage",
    "OrderMessage",
    "PositionMessage",
    "QuoteMessage",
    "TickerMessage",
    "TradeMessage",
]


class TickerMessage(WeexMessage, frozen=True, kw_only=True):
    """Of `stream_tickers`."""

    record: Ticker


class BookMessage(WeexMessage, frozen=True, kw_only=True):
    """Of `stream_order_book`."""

    record: Book


class TradeMessage(WeexMessage, frozen=True, kw_only=True):
    """Of `stream_trades`."""

    record: Trade


class BarMessage(WeexMessage, frozen=True, kw_only=True):
    """Of `stream_candles`."""

    record: Bar


class QuoteMessage(WeexMessage, frozen=True, kw_only=True):
    """Of `stream_quotes`."""

    record: Quote


class OrderMessage(WeexMessage, frozen=True, kw_only=True):
    """Of `stream_orders`."""

    record: Order


class FillMessage(WeexMessage, frozen=True, kw_only=True):
    """Of `stream_fills`."""

    record: Fill


class BalanceMessage(WeexMessage, frozen=True, kw_only=True):
    """Of `stream_account`."""

    record: Balance


class PositionMessage(WeexMessage, frozen=True, kw_only=True):
    """Of `stream_positions`."""

    record: Position
