"""The few Protocols at which neighbouring rooms meet, with what each guarantees and what it does not.

Implementations live in their own rooms and never import each other; they are joined in ``cli/`` or in your code. A class
that names a Protocol as its base inherits the defaults written here.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import msgspec

from wsexample.records.journal import ConnectionEvent, Gap
from wsexample.records.kinds import is_market_data, kind_of
from wsexample.records.market import Record
from wsexample.records.orders import Account, Order, OrderRequest, Position

__all__ = [
    "NOTHING",
    "Backplane",
    "Clock",
    "ConnectionEvent",
    "Dialect",
    "Errands",
    "Failure",
    "Gap",
    "OrderGateway",
    "Record",
    "RecordSink",
    "Silence",
    "SinkStats",
    "Step",
    "is_market_data",
    "kind_of",
]


class Clock(Protocol):
    """A source of time and waiting. ``now_ns`` may jump (NTP); ``monotonic_s`` never goes back."""

    def now_ns(self) -> int:
        """Return the UTC epoch time in nanoseconds."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds of a clock that never goes back."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Wait for a number of seconds.

        Parameters:
            delay_s: how long, seconds.
        """
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """What a dialect could not go on with."""

    error: Exception
    """The error to raise or to report."""
    is_final: bool
    """True: a new connection cannot help. False: worth a retry, after ``error.wait_s`` seconds where it has them."""


@dataclass(frozen=True, slots=True)
class Silence:
    """How long a live connection may say nothing before it counts as dead; None is for ever."""

    message_s: float | None = None
    """Between messages; None in quiet markets and closed sessions, where nothing is what there is to say."""
    frame_s: float | None = None
    """Between frames of any kind, pings and pongs included; for peers that show signs of life by themselves."""


class Step(msgspec.Struct, frozen=True):
    """What a dialect wants done after one input; everything in it is optional."""

    records: Sequence[Record] = ()
    """Records to deliver, in order."""
    replies: Sequence[str | bytes] = ()
    """Messages to send, in order; str as text, bytes as binary."""
    phase: str | None = None
    """The phase reached: "subscribing" (logged in, or no login needed) or "live", which also confirms every topic asked
    for and not yet answered; None for no change."""
    failure: Failure | None = None
    """Set when the connection is of no further use."""
    confirmed: Sequence[str] = ()
    """Topics that the broker says it delivers now; once each asked topic is answered, the session is live."""
    refused: Sequence[tuple[str, Exception]] = ()
    """Topics that the broker will not deliver, each with its reason; the connection stays."""


NOTHING = Step()
"""The step of an input after which there is nothing to do."""


class Dialect(Protocol):
    """A broker's language without any I/O: bytes in, `Step` out.

    Guaranteed: no call blocks or looks at a clock; the same inputs give the same steps; a message that cannot be
    read is counted and kept, never raised. Not guaranteed: that records of different symbols keep the vendor's order
    across messages.
    """

    venue: str
    """What its records have as ``venue``: "kabu", "alpaca", "weex"."""

    heartbeat_interval_s: float = 0.0
    """How often `heartbeat` wants to be called while a connection is open, seconds; 0 for never."""

    def start(self) -> Step:
        """Begin anew on a fresh connection and forget the last one; returns what to send first.

        Without a phase the session waits for the login reply; "subscribing" says that no login is needed.
        """
        ...

    def receive(self, payload: bytes, is_binary: bool, received_ns: int) -> Step:
        """Read one message.

        Parameters:
            payload: the bytes of the message.
            is_binary: whether it came as a binary message.
            received_ns: when it arrived, UTC epoch nanoseconds.
        """
        ...

    def subscribe(self, topics: Iterable[str]) -> Step:
        """Ask for topics; returns what to send. Called with all wanted topics after login, with new ones while live.

        The answer is awaited in ``confirmed`` and ``refused``; a broker that does not answer has them in this step.
        """
        ...

    def unsubscribe(self, topics: Iterable[str]) -> Step:
        """Give topics up; returns what to send."""
        ...

    def heartbeat(self, now_ns: int) -> Step:
        """Say that time has passed; returns what to send, or a failure when the peer was silent too long.

        Parameters:
            now_ns: the time of the call, UTC epoch nanoseconds.
        """
        ...

    def frame_heard(self, at_ns: int) -> None:
        """Take note that a ping or a pong came; told within a second or so, not for each.

        Parameters:
            at_ns: when it was, UTC epoch nanoseconds.
        """
        return

    def silence(self, now_ns: int) -> Silence:
        """Return how long a live connection may be silent at this moment, which may hang on sessions, breaks and weekends.

        Without a dialect's own answer it may be silent for ever.

        Parameters:
            now_ns: the time of the call, UTC epoch nanoseconds.
        """
        return Silence()


class Errands(Protocol):
    """What a broker wants done beside the socket, mostly by HTTP; every errand has a deadline set by the session.

    Errors of `wsexample.errors` may be raised: final ones end the session, others cost the connection and are retried.
    """

    async def prepare(self, attempt: int) -> Mapping[str, Any]:
        """Get ready for a connection attempt: fetch or refresh credentials, sign headers anew.

        Parameters:
            attempt: number of the attempt since the session was last proven live, from 1.

        Returns:
            Fields of `wsexample.wire.options.ConnectOptions` to change for this attempt.
        """
        return {}

    async def subscribe(self, topics: Sequence[str]) -> Step:
        """Ask for topics by HTTP, before `Dialect.subscribe` is called with them; returns records and answers there are."""
        return NOTHING

    async def unsubscribe(self, topics: Sequence[str]) -> Step:
        """Give topics up by HTTP, before `Dialect.unsubscribe` is called with them."""
        return NOTHING

    def backfill(self, gap: Gap, topics: Sequence[str]) -> AsyncIterator[Sequence[Record]] | None:
        """Fetch what was missed between ``gap.from_ns`` and ``gap.to_ns``, oldest first, in batches; None cannot be asked.

        What overlaps with records delivered already is removed by the session's ``dedupe`` key.

        Parameters:
            topics: which ones, by their names.
        """
        return None

    def is_final(self, error: Exception) -> bool | None:
        """Say whether trying again cannot help after this error; None leaves it to the session."""
        return None


@runtime_checkable
class OrderGateway(Protocol):
    """Where orders go: a broker's REST client, or the paper engine.

    Guaranteed: an order that makes no sense or that the venue refuses at once raises
    `wsexample.errors.OrderRejectedError`; an order whose fate is not known raises `wsexample.errors.OrderUnknownError`
    and is never sent again by itself. What becomes of an order comes as `Order` and `Fill` records of a stream. Not
    guaranteed: that a cancel comes before the next fill.
    """

    async def submit_order(self, request: OrderRequest) -> Order:
        """Send an order; returns it as the venue has taken it.

        Parameters:
            request: the order that is wanted.
        """
        ...

    async def cancel_order(self, order_id: str) -> None:
        """Ask for an order to be canceled.

        Parameters:
            order_id: the venue's identifier of the order.
        """
        ...

    async def fetch_orders(self, status: str = "open") -> Sequence[Order]:
        """Return orders of the account.

        Parameters:
            status: "open" (default), "closed" or "all".
        """
        ...

    async def fetch_positions(self) -> Sequence[Position]:
        """Return what is held."""
        ...

    async def fetch_account(self) -> Account:
        """Return the account."""
        ...


@runtime_checkable
class RecordSink(Protocol):
    """A place where records come to rest.

    Guaranteed: what `flush` returned for is durable and survives SIGKILL of this process; `write` keeps the order of
    its calls. Not guaranteed: durability before `flush` returns; deduplication, unless the sink says so.
    """

    async def write(self, records: Sequence[Record]) -> None:
        """Take records; waits only while the sink's bounded queue is full."""
        ...

    async def flush(self) -> None:
        """Return when everything written so far is durable."""
        ...

    async def close(self) -> None:
        """Flush and release; further writes raise `wsexample.errors.StateError`."""
        ...


@runtime_checkable
class Backplane(Protocol):
    """Where hubs meet that publish the same topics: one of them owns the upstream and numbers, all of them hear everything.

    Guaranteed: a topic's numbers go on over a change of owner and over restarts, as long as the epoch is the same; what a
    hub missed on the way it fetches before it goes on; two owners do not read the upstream at once. Not guaranteed: that
    what an upstream said between two owners is published.
    """

    @property
    def epoch(self) -> str:
        """What the numbers belong to; known once it is open."""
        ...

    @property
    def is_owner(self) -> bool:
        """Whether this hub reads the upstream now."""
        ...

    async def open(self) -> None:
        """Join the others and take over what they remember; what is published is heard from then on."""
        ...

    async def publish_from(self, source: Callable[[], AsyncGenerator[Sequence[Record], None]]) -> None:
        """Stand by until this hub is the owner, then publish a source until it ends; begins it anew each time it is owner."""
        ...

    async def close(self) -> None:
        """Leave; the next hub may own the upstream at once."""
        ...


@dataclass(slots=True)
class SinkStats:
    """Plain counters that every sink keeps."""

    written: int = 0
    """Records taken by `RecordSink.write`."""
    stored: int = 0
    """Records that are durable."""
    by_kind: dict[str, int] = field(default_factory=dict)
    """Stored records by record kind."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What only this kind of sink counts."""
