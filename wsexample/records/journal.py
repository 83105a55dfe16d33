"""What happened to the stream itself, kept beside the market data: gaps and connection events.

They travel the same road as quotes and boards, so that whoever reads a file later knows where it may be incomplete.
Market data is in `wsexample.records.market`.
"""

from __future__ import annotations

from wsexample.records.market import Record

__all__ = ["ConnectionEvent", "Gap"]


class Gap(Record, frozen=True, kw_only=True, gc=False, tag="gap"):
    """A stretch of time for which data may be missing; ``received_ns`` is when it was noticed."""

    symbol: str = ""
    """The symbol concerned; "" for everything that the connection carried."""
    from_ns: int
    """Last sign of life before the gap, less the lag of the stream behind its venue, UTC epoch nanoseconds."""
    to_ns: int
    """When the stream was live again, UTC epoch nanoseconds."""
    reason: str = ""
    """What broke the stream, in one sentence."""
    filled: bool = False
    """Whether the broker was asked for what was missed and answered all of it."""


class ConnectionEvent(Record, frozen=True, kw_only=True, gc=False, tag="connection"):
    """A change in the life of a connection: opened, closed, retried, given up."""

    symbol: str = ""
    """Empty: an event concerns the whole connection."""
    event: str
    """What happened, a past participle: "opened", "closed", "refused", "retried"."""
    detail: str = ""
    """The same for a person, in one sentence, without secrets."""
    code: int | None = None
    """Close code or HTTP status; None where there was none."""
    reason: str | None = None
    """The other side's own words; None where it gave none."""
    phase: str | None = None
    """The session phase in which it happened, such as "logging_in" or "live"."""
    attempt: int | None = None
    """Number of the connection attempt since the stream was last live, from 1; None where it does not apply."""
