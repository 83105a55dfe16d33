"""WEEX's language without any I/O: signing, spelling, books, and the V3 sockets, bytes in, records out."""

from __future__ import annotations

from wsexample.brokers.weex.dialect.answers import answer_rows, past_trades
from wsexample.brokers.weex.dialect.books import KeptBook, WireBook
from wsexample.brokers.weex.dialect.items import WeexMessage
from wsexample.brokers.weex.dialect.positions import Holdings
from wsexample.brokers.weex.dialect.private import AccountReader, unrealized
from wsexample.brokers.weex.dialect.requests import order_body
from wsexample.brokers.weex.dialect.signing import auth_headers, handshake_headers, sign
from wsexample.brokers.weex.dialect.stream import WeexDialect
from wsexample.brokers.weex.dialect.symbols import (
    book_topic,
    kline_topic,
    quote_topic,
    spell,
    ticker_topic,
    trade_topic,
    wire_level,
)

__all__ = [
    "AccountReader",
    "Holdings",
    "KeptBook",
    "WeexDialect",
    "WeexMessage",
    "WireBook",
    "answer_rows",
    "auth_headers",
    "book_topic",
    "handshake_headers",
    "kline_topic",
    "order_body",
    "past_trades",
    "quote_topic",
    "sign",
    "spell",
    "ticker_topic",
    "trade_topic",
    "unrealized",
    "wire_level",
]
