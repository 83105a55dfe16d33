"""Alpaca's languages without any I/O: the market data streams and the trading stream, bytes in, records out.

``market`` and ``orders`` read what the streams carry, ``data`` and ``trading`` log in and subscribe.
"""

from __future__ import annotations

from wsexample.brokers.alpaca.dialect.data import AlpacaDataDialect, stream_error
from wsexample.brokers.alpaca.dialect.kept import Kept, Remainder
from wsexample.brokers.alpaca.dialect.market import MarketDecoder
from wsexample.brokers.alpaca.dialect.orders import OrderReader, decimal_of
from wsexample.brokers.alpaca.dialect.times import TextTimes, packed_ns, packed_time, rfc3339
from wsexample.brokers.alpaca.dialect.topics import spell, split_topic, topics_of
from wsexample.brokers.alpaca.dialect.trading import AlpacaTradingDialect

__all__ = [
    "AlpacaDataDialect",
    "AlpacaTradingDialect",
    "Kept",
    "MarketDecoder",
    "OrderReader",
    "Remainder",
    "TextTimes",
    "decimal_of",
    "packed_ns",
    "packed_time",
    "rfc3339",
    "spell",
    "split_topic",
    "stream_error",
    "topics_of",
]
