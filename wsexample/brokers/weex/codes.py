"""WEEX's numbers and words: addresses, streams, limits, statuses, and what each error means here.

Source: contract API documentation V3, sections "Websocket", "Limits" and "Error codes"; measured where it says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsexample.errors import (
    BrokerError,
    BrokerUnavailableError,
    CredentialsError,
    NotLoggedInError,
    OrderRejectedError,
    PlanError,
    RateLimitError,
    RequestError,
    UnknownSymbolError,
)
from wsexample.records.orders import OrderStatus

__all__ = [
    "BOOK_LEVELS",
    "ERRORS",
    "INTERVALS_S",
    "MAX_CONNECTIONS",
    "MAX_OPERATIONS",
    "MAX_STREAMS",
    "PRICE_TYPES",
    "PRIVATE_PATH",
    "PRIVATE_TOPICS",
    "PUBLIC_PATH",
    "RATE_LIMIT_WAIT_S",
    "STATUSES",
    "VENUE",
    "error_of",
    "stream_error",
]

VENUE = "weex"
PUBLIC_PATH = "/v3/ws/public"
PRIVATE_PATH = "/v3/ws/private"
"""The path that the handshake of the private socket signs."""
BOOK_LEVELS = (15, 200)
"""Depths of book that the venue streams; others are cut from the next larger one."""
PRIVATE_TOPICS = ("account", "positions", "orders", "fill")
MAX_STREAMS = 100
"""Streams of one connection, as documented."""
MAX_CONNECTIONS = 20
"""Connections of one address: 20 in the documentation of September 2026, 100 in that of July."""
MAX_OPERATIONS = 240
"""Subscribe and unsubscribe messages of one connection in an hour, as documented."""

INTERVALS_S = {
    "1m": 60, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "2h": 7200, "4h": 14_400, "6h": 21_600,
    "8h": 28_800, "12h": 43_200, "1d": 86_400, "1w": 604_800, "1M": 2_592_000,
}  # fmt: skip
"""Candle intervals, seconds; a month counts thirty days."""

PRICE_TYPES = ("LAST_PRICE", "MARK_PRICE")
"""What candles are made of; spot has the first alone."""

STATUSES = {
    "PENDING": OrderStatus.NEW,
    "NEW": OrderStatus.NEW,
    "UNTRIGGERED": OrderStatus.NEW,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "EXPIRED": OrderStatus.CANCELED,
}
"""The venue's word for an order -> ours. ``CANCELING`` keeps the status before it; a partial fill has no word and is
derived from what is filled."""

ERRORS: Mapping[int, type[BrokerError]] = {
    **dict.fromkeys((-1040, -1041, -1042, -1044, -1047, -1049), CredentialsError),
    -1050: NotLoggedInError,
    -1055: NotLoggedInError,
    -1057: NotLoggedInError,
    **dict.fromkeys((-1051, -1052, -1053, -1056, -1058, -1190, -3235, -3236), PlanError),
    -1000: BrokerUnavailableError,
    **dict.fromkeys((-1043, -1045, -1046, -1115, -1116, -1117, -1128, -1135), RequestError),
    **dict.fromkeys((-1140, -1141, -1142, -1150, -1160, -1170, -1171, -1180), RequestError),
    -1121: UnknownSymbolError,
    -2007: UnknownSymbolError,
    **dict.fromkeys((-1054, -2200, -3006, -3007, -3200, -3201, -3313, -3613), OrderRejectedError),
}
"""Code of a REST reply -> what it means here. ``-1046`` (timestamp expired) is worth another try with a fresh clock."""

RATE_LIMIT_WAIT_S = 10.0
"""How long a caller over the limit is shut out (documented; the reply does not say)."""


def error_of(code: int, words: str, http_status: int | None = None) -> BrokerError:
    """Return the error of a REST reply.

    Parameters:
        code: the venue's number; 0 when it gave none.
        words: the venue's words.
        http_status: HTTP status of the reply.
    """
    facts: dict[str, Any] = {"venue": VENUE, "code": code or None, "words": words, "http_status": http_status}
    sentence = f"WEEX: {words or 'refused'} ({code or http_status})"
    if http_status == 429:
        return RateLimitError(sentence, wait_s=RATE_LIMIT_WAIT_S, **facts)
    if code == -1046:
        return RequestError(f"{sentence}; is the clock of this machine right?", is_final=False, **facts)
    kind = ERRORS.get(code)
    if kind is None:
        is_outage = http_status is not None and http_status >= 500
        kind = BrokerUnavailableError if is_outage else CredentialsError if http_status == 401 else RequestError
    return kind(sentence, **facts)


def stream_error(words: str, topic: str) -> BrokerError:
    """Return the error of a refused stream; the socket gives words and no code.

    Parameters:
        words: the venue's words, such as "INVALID_ARGUMENT: invalid symbol : cmt_nopeusdt".
        topic: the stream that was refused.
    """
    sentence = f"WEEX refused {topic}: {words}"
    if "invalid symbol" in words:
        return UnknownSymbolError(sentence, symbols=(topic.partition("@")[0],), venue=VENUE, words=words)
    return RequestError(sentence, venue=VENUE, words=words)
