"""How symbols and streams are spelled: ``BTCUSDT`` and ``BTCUSDT@depth15``, whatever a caller writes."""

from __future__ import annotations

from wsexample.brokers.weex.codes import BOOK_LEVELS, INTERVALS_S, PRICE_TYPES
from wsexample.errors import OptionError

__all__ = ["book_topic", "kline_topic", "quote_topic", "spell", "ticker_topic", "trade_topic", "wire_level"]


def spell(symbol: str) -> str:
    """Return a symbol as V3 spells it: from ``cmt_btcusdt``, ``BTC/USDT:USDT``, ``BTCUSDT_SPBL`` or ``btcusdt``.

    Raises:
        OptionError: it is no symbol.
    """
    plain = symbol.strip().upper().partition(":")[0].replace("/", "").removeprefix("CMT_").removesuffix("_SPBL")
    if not plain.isalnum() or not plain.isascii():
        raise OptionError(f"{symbol!r} is no symbol of WEEX; write it as BTCUSDT", option="symbol")
    return plain


def wire_level(level: int) -> int:
    """Return the depth to ask the venue for: the smallest that it has and that holds so many levels.

    Parameters:
        level: levels of each side.

    Raises:
        OptionError: no book is that deep.
    """
    if isinstance(level, bool) or not isinstance(level, int) or not 1 <= level <= BOOK_LEVELS[-1]:
        raise OptionError(f"level must be a number from 1 to {BOOK_LEVELS[-1]}, not {level!r}", option="level")
    return next(depth for depth in BOOK_LEVELS if level <= depth)


def ticker_topic(symbol: str) -> str:
    """Return the stream of a symbol's 24 hour figures."""
    return f"{spell(symbol)}@ticker"


def trade_topic(symbol: str) -> str:
    """Return the stream of a symbol's trades."""
    return f"{spell(symbol)}@trade"


def quote_topic(symbol: str) -> str:
    """Return the stream of a symbol's best bid and ask; the spot market alone has it."""
    return f"{spell(symbol)}@bookTicker"


def book_topic(symbol: str, level: int = 15) -> str:
    """Return the stream of a symbol's order book that holds so many levels.

    Parameters:
        level: levels of each side.
    """
    return f"{spell(symbol)}@depth{wire_level(level)}"


def kline_topic(symbol: str, interval: str = "1m", price_type: str = "LAST_PRICE") -> str:
    """Return the stream of a symbol's candles.

    Parameters:
        price_type: "LAST_PRICE" or "MARK_PRICE".

    Raises:
        OptionError: there is no such interval or price type.
    """
    if interval not in INTERVALS_S:
        raise OptionError(f"interval must be one of {', '.join(INTERVALS_S)}, not {interval!r}", option="interval")
    if price_type not in PRICE_TYPES:
        raise OptionError(f"price_type must be {' or '.join(PRICE_TYPES)}, not {price_type!r}", option="price_type")
    return f"{spell(symbol)}@kline_{interval}_{price_type}"
