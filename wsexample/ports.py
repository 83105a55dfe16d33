"""The few Protocols at which neighbouring rooms meet, with what each guarantees and what it does not.

Implementations live in their own rooms and never import each other; they are joined in ``cli/`` or in your code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from wsexample.records.market import Record

__all__ = ["Clock", "Dialect", "Failure", "RecordSink", "Step"]


class Clock(Protocol):
    """A source of time and waiting. ``now_ns`` may jump (NTP); ``monotonic_s`` never goes back."""

    def now_ns(self) -> int:
        """Return the UTC epoch time in nanoseconds."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds of a clock that never goes back."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Wait for a number of seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """What a dialect could not go on with."""

    error: Exception
    """The error to raise or to report."""
    is_final: bool
    """True: a new connection cannot help. False: worth a retry."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a dialect wants done after one input; everything in it is optional."""

    records: Sequence[Record] = ()
    """Records to deliver, in order."""
    replies: Sequence[str | bytes] = ()
    """Messages to send, in order; str as text, bytes as binary."""
    phase: str | None = None
    """The session phase reached, such as "subscribing" or "live"; None for no change."""
    failure: Failure | None = None
    """Set when the connection is of no further use."""


NOTHING = Step()


class Dialect(Protocol):
    """A broker's language without any I/O: bytes in, `Step` out.

    Guaranteed: no call blocks or looks at a clock; the same inputs give the same steps; a message that cannot be
    read is counted and kept, never raised. Not guaranteed: that records of different symbols keep the vendor's order
    across messages.
    """

    venue: str

    def start(self) -> Step:
        """Begin anew on a fresh connection; returns what to send first."""
        ...

    def receive(self, payload: bytes, is_binary: bool, received_ns: int) -> Step:
        """Read one message."""
        ...

    def subscribe(self, topics: Iterable[str]) -> Step:
        """Ask for topics; returns what to send."""
        ...

    def unsubscribe(self, topics: Iterable[str]) -> Step:
        """Give topics up; returns what to send."""
        ...

    def heartbeat(self, now_ns: int) -> Step:
        """Say that time has passed; returns what to send, or a failure when the peer was silent too long."""
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
