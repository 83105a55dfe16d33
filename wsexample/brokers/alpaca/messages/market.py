"""The market data streams' messages: every server message is an array of these, and ``T`` tells which one.

Times are RFC 3339 text in JSON and the standard timestamp extension in MessagePack, so the classes leave open what a
time is. Fields stand in the order seen on the wire, which a decoder rewards with a sixth of its time. A number may be
written as an integer or not. Sources: Alpaca's real-time stock, crypto, option and news pages.
"""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar, Union

import msgspec
from msgspec import Meta
from msgspec.msgpack import Ext

__all__ = [
    "BarMessage",
    "BookMessage",
    "CancelMessage",
    "ClientRequest",
    "CorrectionMessage",
    "DailyBarMessage",
    "ErrorMessage",
    "ImbalanceMessage",
    "JsonMessage",
    "LevelMessage",
    "LuldMessage",
    "MarketMessage",
    "NewsMessage",
    "PackedMessage",
    "PricingMessage",
    "QuoteMessage",
    "StatusMessage",
    "SubscriptionMessage",
    "SuccessMessage",
    "TradeMessage",
    "UpdatedBarMessage",
    "symbols_by_channel",
]

Time = TypeVar("Time")
Value = Annotated[float, Meta(ge=-1e300, le=1e300)]
"""A number: MessagePack can carry NaN and infinity too, and those are none."""
Number = Value | None
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)] | Annotated[float, Meta(ge=0, le=2.0**53, multiple_of=1)] | None
"""A whole number, which may be written with a point as well."""
Text = str | None
Conditions = tuple[str, ...] | str | None
"""An array of codes for stocks, one text for options."""
Identifier = int | Annotated[float, Meta(ge=-(2.0**53), le=2.0**53, multiple_of=1)] | str | None


class TradeMessage(msgspec.Struct, Generic[Time], tag_field="T", tag="t", gc=False, omit_defaults=True, kw_only=True):
    """A trade of a stock, a crypto pair or an option."""

    S: str
    """Symbol."""
    i: Identifier = None
    """Trade id; 64 bits for crypto."""
    x: Text = None
    """Exchange code."""
    p: Value
    """Price."""
    s: Value
    """Size."""
    c: Conditions = None
    """Sale conditions."""
    z: Text = None
    """Tape."""
    t: Time | None = None
    """Exchange time."""
    tks: Text = None
    """Side of the taker, "B" or "S"; crypto only."""


class QuoteMessage(msgspec.Struct, Generic[Time], tag_field="T", tag="q", gc=False, omit_defaults=True, kw_only=True):
    """A quote. A side without one has price 0 and size 0."""

    S: str
    """Symbol."""
    ax: Text = None
    """Exchange of the ask."""
    ap: Number = None
    """Ask price."""
    as_: Number = msgspec.field(name="as", default=None)
    """Ask size, in round lots for stocks."""
    bx: Text = None
    """Exchange of the bid."""
    bp: Number = None
    """Bid price."""
    bs: Number = None
    """Bid size."""
    c: Conditions = None
    """Quote conditions."""
    z: Text = None
    """Tape."""
    t: Time | None = None
    """Exchange time."""


class BarMessage(msgspec.Struct, Generic[Time], tag_field="T", tag="b", gc=False, omit_defaults=True, kw_only=True):
    """A minute bar, sent right after its minute."""

    S: str
    """Symbol."""
    o: Value
    """First price."""
    h: Value
    """Highest price."""
    l: Value  # noqa: E741 - the vendor's name
    """Lowest price."""
    c: Value
    """Last price."""
    v: Number = None
    """Volume."""
    n: Count = None
    """Number of trades."""
    vw: Number = None
    """Volume-weighted average price."""
    t: Time | None = None
    """Start of the bar."""


class UpdatedBarMessage(
    BarMessage[Time], Generic[Time], tag_field="T", tag="u", gc=False, omit_defaults=True, kw_only=True
):
    """A minute bar that a late trade has changed; same ``t`` as the one it replaces."""


class DailyBarMessage(
    BarMessage[Time], Generic[Time], tag_field="T", tag="d", gc=False, omit_defaults=True, kw_only=True
):
    """The bar of the day so far; ``t`` is midnight in New York."""


class CorrectionMessage(
    msgspec.Struct, Generic[Time], tag_field="T", tag="c", gc=False, omit_defaults=True, kw_only=True
):
    """A trade put right."""

    S: str
    """Symbol."""
    oi: Identifier = None
    """Original id."""
    op: Number = None
    """Original price."""
    os: Number = None
    """Original size."""
    oc: Conditions = None
    """Original conditions."""
    ci: Identifier = None
    """Corrected id."""
    cp: Number = None
    """Corrected price."""
    cs: Number = None
    """Corrected size."""
    cc: Conditions = None
    """Corrected conditions."""
    x: Text = None
    """Exchange code."""
    t: Time | None = None
    """Time of the correction."""
    z: Text = None
    """Tape."""


class CancelMessage(msgspec.Struct, Generic[Time], tag_field="T", tag="x", gc=False, omit_defaults=True, kw_only=True):
    """A trade taken back."""

    S: str
    """Symbol."""
    i: Identifier = None
    """Id of the trade."""
    x: Text = None
    """Exchange code."""
    p: Number = None
    """Price of the trade."""
    s: Number = None
    """Its size."""
    a: Text = None
    """"C" for canceled, "E" for an error."""
    t: Time | None = None
    """Time."""
    z: Text = None
    """Tape."""


class LuldMessage(msgspec.Struct, Generic[Time], tag_field="T", tag="l", gc=False, omit_defaults=True, kw_only=True):
    """Limit up, limit down: the band in which a stock may trade."""

    S: str
    """Symbol."""
    u: Number = None
    """Highest price allowed."""
    d: Number = None
    """Lowest price allowed."""
    i: Text = None
    """Indicator."""
    t: Time | None = None
    """Time."""
    z: Text = None
    """Tape."""


class StatusMessage(msgspec.Struct, Generic[Time], tag_field="T", tag="s", gc=False, omit_defaults=True, kw_only=True):
    """A halt or a resumption; codes have their meaning by the tape."""

    S: str
    """Symbol."""
    sc: Text = None
    """Status code."""
    sm: Text = None
    """Status in words."""
    rc: Text = None
    """Reason code."""
    rm: Text = None
    """Reason in words."""
    t: Time | None = None
    """Time."""
    z: Text = None
    """Tape."""


class ImbalanceMessage(
    msgspec.Struct, Generic[Time], tag_field="T", tag="i", gc=False, omit_defaults=True, kw_only=True
):
    """Where an auction would clear; mostly during halts."""

    S: str
    """Symbol."""
    p: Number = None
    """Price."""
    t: Time | None = None
    """Time."""
    z: Text = None
    """Tape."""


class LevelMessage(msgspec.Struct, gc=False):
    """A level of an order book; size 0 takes it away."""

    p: Annotated[float, Meta(gt=0, le=1e300)]
    """Price."""
    s: Annotated[float, Meta(ge=0, le=1e300)]
    """Size."""


class BookMessage(msgspec.Struct, Generic[Time], tag_field="T", tag="o", gc=False, omit_defaults=True, kw_only=True):
    """A whole crypto order book (``r`` true) or what changed in it."""

    S: str
    """Symbol."""
    t: Time | None = None
    """Time."""
    b: list[LevelMessage] | None = None
    """Bids."""
    a: list[LevelMessage] | None = None
    """Asks."""
    r: bool | None = None
    """Whether this is the whole book."""


class PricingMessage(msgspec.Struct, Generic[Time], tag_field="T", tag="p", gc=False, omit_defaults=True, kw_only=True):
    """Valuation of a perpetual contract; known from the Go SDK."""

    S: str
    """Symbol."""
    x: Text = None
    """Exchange code."""
    ip: Number = None
    """Index price."""
    mp: Number = None
    """Mark price."""
    fr: Number = None
    """Funding rate."""
    oi: Number = None
    """Open interest."""
    t: Time | None = None
    """Time."""
    ft: Time | None = None
    """Next funding time."""


class NewsMessage(msgspec.Struct, Generic[Time], tag_field="T", tag="n", gc=False, omit_defaults=True, kw_only=True):
    """An article; has neither ``S`` nor ``t``, and may be larger than 1 MiB."""

    id: Identifier
    """Id of the article."""
    headline: Text = None
    """Headline."""
    summary: Text = None
    """Summary."""
    author: Text = None
    """Author."""
    created_at: Time | None = None
    """Published at."""
    updated_at: Time | None = None
    """Changed at."""
    content: Text = None
    """Text, may be HTML."""
    url: Text = None
    """Address."""
    symbols: tuple[str, ...] | None = None
    """Every symbol that it names."""
    source: Text = None
    """Publisher."""


class SuccessMessage(msgspec.Struct, tag_field="T", tag="success", gc=False):
    """ "connected" and "authenticated"; comes alone in its array, like the next two."""

    msg: str = ""
    """Which."""


class ErrorMessage(msgspec.Struct, tag_field="T", tag="error", gc=False):
    """A request was refused, or the connection is about to end."""

    code: int = 0
    """Number, see `wsexample.brokers.alpaca.codes.STREAM_ERRORS`."""
    msg: str = ""
    """Words."""


Symbols = list[str] | None


class SubscriptionMessage(
    msgspec.Struct, tag_field="T", tag="subscription", gc=False, omit_defaults=True, rename="camel"
):
    """Everything that is subscribed to now; a channel that a feed has not is absent."""

    trades: Symbols = None
    quotes: Symbols = None
    bars: Symbols = None
    updated_bars: Symbols = None
    daily_bars: Symbols = None
    statuses: Symbols = None
    lulds: Symbols = None
    imbalances: Symbols = None
    orderbooks: Symbols = None
    pricing: Symbols = None
    news: Symbols = None
    corrections: Symbols = None
    cancel_errors: Symbols = None


class ClientRequest(msgspec.Struct, gc=False, omit_defaults=True, rename="camel"):
    """What a client sends: ``auth`` with key and secret, ``subscribe`` and ``unsubscribe`` with channels."""

    action: str = ""
    key: str | None = None
    secret: str | None = None
    trades: Symbols = None
    quotes: Symbols = None
    bars: Symbols = None
    updated_bars: Symbols = None
    daily_bars: Symbols = None
    statuses: Symbols = None
    lulds: Symbols = None
    imbalances: Symbols = None
    orderbooks: Symbols = None
    pricing: Symbols = None
    news: Symbols = None

    def __repr__(self) -> str:
        return f"ClientRequest(action={self.action!r})"


def symbols_by_channel(message: SubscriptionMessage | ClientRequest) -> dict[str, list[str]]:
    """Return the channels that a message names, in the vendor's spelling, each with its symbols."""
    found = {}
    for field, name in zip(message.__struct_fields__, message.__struct_encode_fields__, strict=True):
        symbols = getattr(message, field)
        if isinstance(symbols, list):
            found[name] = symbols
    return found


MarketMessage = (
    TradeMessage[Time]
    | QuoteMessage[Time]
    | BarMessage[Time]
    | UpdatedBarMessage[Time]
    | DailyBarMessage[Time]
    | CorrectionMessage[Time]
    | CancelMessage[Time]
    | LuldMessage[Time]
    | StatusMessage[Time]
    | ImbalanceMessage[Time]
    | BookMessage[Time]
    | PricingMessage[Time]
    | NewsMessage[Time]
)
"""Any data message."""


def _union(time: type) -> object:
    """Return the union of every message with this type of time, for a decoder."""
    generics = (
        TradeMessage,
        QuoteMessage,
        BarMessage,
        UpdatedBarMessage,
        DailyBarMessage,
        CorrectionMessage,
        CancelMessage,
        LuldMessage,
        StatusMessage,
        ImbalanceMessage,
        BookMessage,
        PricingMessage,
        NewsMessage,
    )
    controls = (SuccessMessage, ErrorMessage, SubscriptionMessage)
    return Union[(*(kind[time] for kind in generics), *controls)]


JsonMessage = _union(str)
"""Type of one message in JSON."""
PackedMessage = _union(Ext)
"""Type of one message in MessagePack."""
