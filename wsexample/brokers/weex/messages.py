"""The messages of WEEX's V3 sockets as they stand on the wire; one-letter keys are the venue's.

``e`` tells which message it is; control messages have ``event``, ``type``, ``result`` or ``method`` in its place.

Source: contract API documentation V3, section "Websocket", and frames as they were seen on the wire.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta

__all__ = ["BookTickerFrame", "Control", "DepthFrame", "Head", "KlineFrame", "KlineRow", "PrivateFrame",
           "TickerFrame", "TickerRow", "TradeFrame", "TradeRow"]  # fmt: skip

Pair = tuple[str, str]
Entry = TypeVar("Entry")
Millis = Annotated[int, Meta(ge=0, le=9_000_000_000_000)]
"""UTC epoch milliseconds; later ones do not fit 64 bits in nanoseconds."""
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Head(msgspec.Struct, gc=False):
    """Enough of a message to tell which it is."""

    e: str = ""


class Control(msgspec.Struct, kw_only=True):
    """An answer, a ping or the greeting; only what is needed is read, for nobody has captured all of them."""

    event: str | None = None
    type: str | None = None
    result: bool | None = None
    id: int | str | None = None
    msg: str | None = None


class DepthFrame(msgspec.Struct, Generic[Entry], gc=False, kw_only=True):
    """A whole book or its changes; fields stand as on the wire, which a decoder rewards.

    An entry is what the reader wants: the venue's two texts, or the numbers that they are.
    """

    E: Millis | None = None
    s: str
    U: Count
    u: Count
    l: int  # noqa: E741 - the venue's name
    d: str
    b: list[Entry]
    a: list[Entry]


class TickerRow(msgspec.Struct, kw_only=True):
    """24 hour figures; ``P`` is a fraction."""

    c: str
    p: str | None = None
    P: str | None = None
    w: str | None = None
    o: str | None = None
    h: str | None = None
    l: str | None = None  # noqa: E741 - the venue's name
    v: str | None = None
    q: str | None = None
    n: Count | None = None
    m: str | None = None
    i: str | None = None


class TickerFrame(msgspec.Struct):
    """Figures of one symbol."""

    s: str
    d: list[TickerRow]
    E: Millis | None = None


class TradeRow(msgspec.Struct, kw_only=True):
    """One trade; ``m`` is true when the taker sold."""

    T: Millis
    t: str | int
    p: str
    q: str
    v: str | None = None
    m: bool


class TradeFrame(msgspec.Struct):
    """Trades of one symbol, not always in order of time."""

    s: str
    d: list[TradeRow]
    E: Millis | None = None


class KlineRow(msgspec.Struct, kw_only=True):
    """The candle of an interval that goes on."""

    t: Millis
    i: str
    o: str
    c: str
    h: str
    l: str  # noqa: E741 - the venue's name
    v: str | None = None
    n: Count | None = None
    q: str | None = None


class KlineFrame(msgspec.Struct):
    """Candles of one symbol."""

    s: str
    p: str
    d: list[KlineRow]
    E: Millis | None = None


class BookTickerFrame(msgspec.Struct):
    """Best bid and ask of one symbol (spot)."""

    s: str
    u: Count
    b: str
    B: str
    a: str
    A: str
    E: Millis | None = None


class PrivateFrame(msgspec.Struct):
    """Rows of an account's channel: texts, but for a few booleans. A row that cannot be read takes no other along."""

    d: list[Any]
    E: Any = None
    """Time of the frame, milliseconds."""
    v: Any = None
    """Version of the account; what it counts is not known."""
    msgEvent: str | None = None  # noqa: N815 - the venue's name
    """What brought it about."""
