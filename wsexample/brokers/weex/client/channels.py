"""Channels by the names of WEEX's client documentation, and what each is called on the wire.

| documented | others | stream |
|---|---|---|
| ``tickers`` | ``ticker`` | ``<symbol>@ticker`` |
| ``orderbook`` | ``order_book``, ``book``, ``depth`` | ``<symbol>@depth15`` or ``200``; parameter ``level`` |
| ``trades`` | ``trade`` | ``<symbol>@trade`` |
| ``candles`` | ``kline`` | ``<symbol>@kline_...``; parameters ``interval``, ``price_type`` |
| ``quotes`` | ``bookTicker`` | ``<symbol>@bookTicker``, spot only |
| ``account``, ``positions``, ``orders``, ``fills`` | ``fill`` | the private ones |

A stream as the venue spells it, such as ``BTCUSDT@ticker``, is a channel too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wsexample.brokers.weex.codes import PRIVATE_TOPICS
from wsexample.brokers.weex.dialect import (
    book_topic,
    kline_topic,
    quote_topic,
    spell,
    ticker_topic,
    trade_topic,
)
from wsexample.errors import OptionError

__all__ = ["channel_kind", "is_private_topic", "topic_of"]

_KINDS = {
    "tickers": "ticker",
    "orderbook": "depth",
    "order_book": "depth",
    "book": "depth",
    "trades": "trade",
    "candles": "kline",
    "quotes": "bookTicker",
    "fills": "fill",
}
_MAKERS: dict[str, Callable[..., str]] = {
    "ticker": ticker_topic,
    "depth": lambda symbol, level=5: book_topic(symbol, level),
    "trade": trade_topic,
    "kline": kline_topic,
    "bookTicker": quote_topic,
}


def is_private_topic(topic: str) -> bool:
    """Return whether a stream is the account's."""
    return topic in PRIVATE_TOPICS


def channel_kind(channel: str) -> str:
    """Return what a channel or a stream is about, in the venue's word: "ticker", "depth", ..., "orders".

    Raises:
        OptionError: there is no such channel.
    """
    event = channel.partition("@")[2] or channel
    kind = _KINDS.get(event, event)
    for known in _MAKERS:
        if kind == known or ("@" in channel and kind.startswith(known)):
            return known
    if kind in PRIVATE_TOPICS:
        return kind
    names = ", ".join(dict.fromkeys([*_KINDS, *PRIVATE_TOPICS]))
    raise OptionError(f"there is no channel {channel!r}; there are {names}", option="channel")


def topic_of(channel: str, symbol: str | None, **parameters: Any) -> str:
    """Return the stream of a channel.

    Parameters:
        channel: a name of the table above, or a stream as the venue spells it.
        symbol: which one; private channels have none.
        parameters: ``level``, ``interval`` or ``price_type``, where the channel has them.

    Raises:
        OptionError: there is no such channel, or a parameter does not belong to it.
    """
    kind = channel_kind(channel)
    if "@" in channel:
        name, _, event = channel.partition("@")
        return f"{spell(name)}@{event}"
    if kind in PRIVATE_TOPICS:
        return kind
    if symbol is None:
        raise OptionError(f"the channel {channel!r} needs a symbol", option="symbol")
    try:
        return _MAKERS[kind](symbol, **parameters)
    except TypeError:
        given = ", ".join(parameters)
        raise OptionError(f"the channel {channel!r} has no parameters {given}", option="parameters") from None
