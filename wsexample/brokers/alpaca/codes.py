"""Alpaca's words and numbers as tables: feeds, stream errors, order events and statuses, REST errors and what to do.

Only constants and look-ups; nothing here reads a message. The simulator answers from the same tables that the client
understands. Sources: Alpaca's documentation of 2026, the official SDKs, and what users reported; where these leave a
point open the table says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from wsexample.errors import (
    BrokerError,
    BrokerUnavailableError,
    CredentialsError,
    OrderRejectedError,
    PlanError,
    RateLimitError,
    RequestError,
    SubscriptionLimitError,
    UnknownSymbolError,
)
from wsexample.records.orders import OrderStatus

__all__ = [
    "CHANNELS",
    "CLOSED_STATUSES",
    "DATA_STREAM_URL",
    "DATA_URL",
    "EVENTS",
    "EXECUTION_EVENTS",
    "FEEDS",
    "LIVE_URL",
    "PAPER_URL",
    "SANDBOX_DATA_STREAM_URL",
    "SANDBOX_DATA_URL",
    "STATUSES",
    "STREAM_ERRORS",
    "TRADE_UPDATES",
    "VENUE",
    "Event",
    "Feed",
    "StreamError",
    "rest_error_of",
    "status_of",
]

VENUE = "alpaca"

PAPER_URL = "https://paper-api.alpaca.markets"
"""Base of the trading calls and of the trading stream for paper accounts."""
LIVE_URL = "https://api.alpaca.markets"
"""The same for live accounts."""
DATA_URL = "https://data.alpaca.markets"
"""Base of the market data calls."""
SANDBOX_DATA_URL = "https://data.sandbox.alpaca.markets"
"""The same for broker sandboxes."""
DATA_STREAM_URL = "wss://stream.data.alpaca.markets"
"""Base of the market data streams."""
SANDBOX_DATA_STREAM_URL = "wss://stream.data.sandbox.alpaca.markets"
"""The same for broker sandboxes."""

TRADE_UPDATES = "trade_updates"
"""The one documented stream of the trading socket."""

_STOCK_CHANNELS = ("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds", "imbalances")
_CRYPTO_CHANNELS = ("trades", "quotes", "orderbooks", "bars", "updatedBars", "dailyBars")

CHANNELS: dict[str, str] = {
    "trades": "t",
    "quotes": "q",
    "bars": "b",
    "updatedBars": "u",
    "dailyBars": "d",
    "statuses": "s",
    "lulds": "l",
    "imbalances": "i",
    "orderbooks": "o",
    "pricing": "p",
    "news": "n",
    "corrections": "c",
    "cancelErrors": "x",
}
"""Channel -> the ``T`` of its messages; the last two come by themselves with trades."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A market data stream: every path has its own connection limit."""

    path: str
    """Path below the stream host."""
    kind: str
    """"stock", "crypto", "perps", "news" or "option"."""
    channels: tuple[str, ...]
    """Channels that may be asked for."""
    needs_msgpack: bool = False
    """Whether JSON is refused with 412."""
    rest_feed: str | None = None
    """Value of ``feed`` in REST calls, where there are such calls."""
    is_round_the_clock: bool = False
    """Whether it goes on outside the exchanges' hours."""
    delay_s: float = 0.0
    """By how much it is late on purpose, seconds."""


FEEDS: dict[str, Feed] = {
    "iex": Feed("/v2/iex", "stock", _STOCK_CHANNELS, rest_feed="iex"),
    "sip": Feed("/v2/sip", "stock", _STOCK_CHANNELS, rest_feed="sip"),
    "delayed_sip": Feed("/v2/delayed_sip", "stock", _STOCK_CHANNELS, rest_feed="delayed_sip", delay_s=900.0),
    "boats": Feed("/v1beta1/boats", "stock", _STOCK_CHANNELS, rest_feed="boats", is_round_the_clock=True),
    "overnight": Feed(
        "/v1beta1/overnight",
        "stock",
        _STOCK_CHANNELS,
        rest_feed="overnight",
        is_round_the_clock=True,
        delay_s=900.0,  # according to users
    ),
    "test": Feed("/v2/test", "stock", _STOCK_CHANNELS, is_round_the_clock=True),
    "crypto": Feed("/v1beta3/crypto/us", "crypto", _CRYPTO_CHANNELS, rest_feed="us", is_round_the_clock=True),
    "crypto/us-1": Feed("/v1beta3/crypto/us-1", "crypto", _CRYPTO_CHANNELS, rest_feed="us-1", is_round_the_clock=True),
    "crypto/eu-1": Feed("/v1beta3/crypto/eu-1", "crypto", _CRYPTO_CHANNELS, rest_feed="eu-1", is_round_the_clock=True),
    "perps": Feed(
        "/v1beta1/crypto-perps/global",
        "perps",
        (*_CRYPTO_CHANNELS, "pricing"),
        needs_msgpack=True,
        is_round_the_clock=True,
    ),
    "news": Feed("/v1beta1/news", "news", ("news",), is_round_the_clock=True),
    "indicative": Feed("/v1beta1/indicative", "option", ("trades", "quotes"), needs_msgpack=True),
    "opra": Feed("/v1beta1/opra", "option", ("trades", "quotes"), needs_msgpack=True),
}
"""Name of a feed -> what is known of it."""


# --- stream errors ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StreamError:
    """A row of the market data stream's error table."""

    code: int
    """The vendor's number."""
    words: str
    """The vendor's words, exactly."""
    error: type[BrokerError]
    """What it means."""
    is_final: bool
    """Whether trying the same again cannot help."""
    what_to_do: str
    """For people."""
    ends: bool = False
    """Whether the connection is of no further use, be it closed by the server or not."""


STREAM_ERRORS: dict[int, StreamError] = {
    row.code: row
    for row in (
        StreamError(400, "invalid syntax", RequestError, True, "look at the spelling of the symbols"),
        StreamError(401, "not authenticated", CredentialsError, False, "log in before subscribing", ends=True),
        StreamError(
            402, "auth failed", CredentialsError, True, "check key and secret, and that they belong together", True
        ),
        StreamError(403, "already authenticated", RequestError, False, "nothing: the login stands"),
        StreamError(404, "auth timeout", BrokerUnavailableError, False, "it is tried again", True),
        StreamError(
            405, "symbol limit exceeded", SubscriptionLimitError, True, "ask for fewer symbols; a Basic plan has 30"
        ),
        StreamError(
            406,
            "connection limit exceeded",
            RateLimitError,
            False,
            "close the other connection of this account to the same feed; one that was lost is forgotten after about 90 s",
            True,
        ),
        StreamError(
            407, "slow client", BrokerUnavailableError, False, "take records faster, or ask for fewer symbols", True
        ),
        StreamError(408, "v2 not enabled", PlanError, True, "the account needs market data v2", True),
        StreamError(
            409, "insufficient subscription", PlanError, True, "the plan does not include this feed; try iex", True
        ),
        StreamError(410, "invalid subscribe action for this feed", RequestError, True, "this feed has no such channel"),
        StreamError(411, "insufficient scope", PlanError, True, "the token may not read market data", True),
        StreamError(
            412,
            "option messages are only available in MsgPack format",
            RequestError,
            True,
            "use the codec msgpack for options",
            True,
        ),
        StreamError(
            413,
            "star subscription is not allowed for option quotes",
            RequestError,
            True,
            "name the contracts instead of *",
        ),
        StreamError(500, "internal error", BrokerUnavailableError, False, "it is tried again", True),
    )
}
"""Code -> its row. 408 is in an older list only."""

CONNECTION_LIMIT_WAIT_S = 5.0
"""Least wait before a connection is tried again after 406; a dead peer keeps its slot for about 90 s."""


# --- orders -------------------------------------------------------------------------------------------------------------

STATUSES: dict[str, OrderStatus] = {
    "new": OrderStatus.NEW,
    "partially_filled": OrderStatus.PARTIALLY_FILLED,
    "filled": OrderStatus.FILLED,
    "done_for_day": OrderStatus.SUSPENDED,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "replaced": OrderStatus.REPLACED,
    "pending_cancel": OrderStatus.NEW,
    "pending_replace": OrderStatus.NEW,
    "pending_review": OrderStatus.PENDING,
    "accepted": OrderStatus.PENDING,
    "pending_new": OrderStatus.PENDING,
    "accepted_for_bidding": OrderStatus.PENDING,
    "stopped": OrderStatus.NEW,
    "rejected": OrderStatus.REJECTED,
    "suspended": OrderStatus.SUSPENDED,
    "calculated": OrderStatus.SUSPENDED,
    "held": OrderStatus.PENDING,
}
"""The vendor's status -> ours."""

CLOSED_STATUSES = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})
"""The vendor's statuses after which nothing happens to an order any more."""


def status_of(venue_status: str | None, has_fills: bool) -> OrderStatus:
    """Return our word for a status; an order at work of which something is filled is partially filled."""
    status = STATUSES.get(venue_status or "", OrderStatus.UNKNOWN)
    return OrderStatus.PARTIALLY_FILLED if status is OrderStatus.NEW and has_fills else status


@dataclass(frozen=True, slots=True)
class Event:
    """A kind of trade update."""

    name: str
    """The vendor's word."""
    status: str | None
    """Status of the order after it; None where it stays what it was or depends."""
    has_execution: bool = False
    """Whether it tells of an execution (price and quantity)."""
    documented_for: str = "stream"
    """"stream" (and SSE), "sse" alone, or "sdk": a constant of an official SDK, described nowhere."""


EVENTS: dict[str, Event] = {
    row.name: row
    for row in (
        Event("accepted", "accepted"),
        Event("pending_new", "pending_new"),
        Event("new", "new"),
        Event("partial_fill", "partially_filled", has_execution=True),
        Event("fill", "filled", has_execution=True),
        Event("canceled", "canceled"),
        Event("expired", "expired"),
        Event("done_for_day", "done_for_day"),
        Event("replaced", "replaced"),
        Event("rejected", "rejected"),
        Event("stopped", "stopped"),
        Event("pending_cancel", "pending_cancel"),
        Event("pending_replace", "pending_replace"),
        Event("calculated", "calculated"),
        Event("suspended", "suspended"),
        Event("order_replace_rejected", None),
        Event("order_cancel_rejected", None),
        Event("held", "held", documented_for="sse"),
        Event("trade_bust", None, documented_for="sse"),
        Event("trade_correct", None, has_execution=True, documented_for="sse"),
        Event("restated", None, documented_for="sse"),
        Event("pending_review", "pending_review", documented_for="sdk"),
        Event("partially_filled", "partially_filled", documented_for="sdk"),
    )
}
"""Every event name there is."""

EXECUTION_EVENTS = frozenset({"fill", "partial_fill"})
"""Events that tell of an execution that happened."""


# --- REST errors --------------------------------------------------------------------------------------------------------

_BY_CODE: dict[tuple[int, int], tuple[type[BrokerError], str]] = {
    (403, 40310000): (
        OrderRejectedError,
        "look at buying power, at what is held, and at open orders of the other side",
    ),
    (403, 40310100): (OrderRejectedError, "the rule against pattern day trading forbids it; wait until tomorrow"),
    (403, 42210000): (PlanError, "the plan does not include this; try feed=iex, or data older than 15 minutes"),
    (422, 42210000): (OrderRejectedError, "look at prices, the time in force and the state of the order"),
    (422, 40010001): (RequestError, "look at the request: client_order_id, type, quantity"),
    (429, 42910000): (RateLimitError, "it goes on when the limit lets it"),
}
"""(HTTP status, code) -> what it means. One number has many meanings: the vendor's words tell which."""

_BY_STATUS: dict[int, tuple[type[BrokerError], str]] = {
    400: (RequestError, "look at the parameters"),
    401: (CredentialsError, "check key and secret; paper keys work on paper hosts only, live keys on live ones"),
    403: (PlanError, "the account or the plan does not allow this; wrong credentials are answered alike"),
    404: (RequestError, "look at the path, the symbol or the identifier"),
    422: (RequestError, "look at the parameters"),
    429: (RateLimitError, "it goes on when the limit lets it"),
    500: (BrokerUnavailableError, "try again"),
    502: (BrokerUnavailableError, "try again"),
    503: (BrokerUnavailableError, "try again"),
    504: (BrokerUnavailableError, "try again"),
}


def rest_error_of(status: int, code: int | None, words: str) -> tuple[type[BrokerError], str]:
    """Return the error class of a REST answer, and what to do about it.

    Parameters:
        status: HTTP status.
        code: the vendor's number; None when the body had none.
        words: the vendor's words.
    """
    if code is not None and (status, code) in _BY_CODE:
        return _BY_CODE[status, code]
    if status == 404 and ("asset not found" in words or "symbol" in words.lower()):
        return UnknownSymbolError, "look at the spelling of the symbol"
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return (BrokerUnavailableError if status >= 500 else RequestError), "try again later"
