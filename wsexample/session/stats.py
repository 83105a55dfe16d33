"""The counts of a session, at one moment: what its user sees of its connections and of all that came by them."""

from __future__ import annotations

from wsexample.session.inbox import InboxStats
from wsexample.session.stay import Parts, Stay

__all__ = ["SessionStats", "stats_of"]


class SessionStats(InboxStats, frozen=True, kw_only=True):
    """Where a session stands, at one moment.

    The inherited counts are sums over all consumers, those that left included: received is always the sum of delivered,
    conflated, dropped and waiting.
    """

    phase: str
    """"connecting", "logging_in", "subscribing", "live", "backing_off" or "closed"."""
    messages: int
    """Messages that came on the wire, on all connections."""
    unread: int
    """Messages over which the dialect stumbled; what it could not read it counts by itself."""
    duplicates: int
    """Records left out because the same had come before, by the ``dedupe`` key."""
    gaps: int
    """Gaps so far."""
    attempts: int
    """Connection attempts begun."""
    reconnects: int
    """How often the session became live again."""
    lag_ns: int | None
    """Arrival less the venue's time of the newest record that has one, nanoseconds; None before the first."""
    silence_s: float | None
    """Seconds since the last frame of any kind; None before the first."""


def stats_of(parts: Parts, stay: Stay | None) -> SessionStats:
    """Return the counts at this moment.

    Parameters:
        parts: what the session and its connections share.
        stay: the connection that is open, None between two.
    """
    counts = parts.delivery.stats
    heard_ns = max(parts.heard_ns, stay.connection.last_received_ns if stay is not None else 0)
    return SessionStats(
        received=counts.received,
        delivered=counts.delivered,
        conflated=counts.conflated,
        dropped=counts.dropped,
        waiting=counts.waiting,
        phase=parts.machine.phase.value,
        messages=parts.messages,
        unread=parts.unread,
        duplicates=parts.delivery.duplicates,
        gaps=parts.gaps.count,
        attempts=parts.machine.connections,
        reconnects=max(parts.machine.times_live - 1, 0),
        lag_ns=parts.delivery.lag_ns,
        silence_s=max((parts.clock.now_ns() - heard_ns) / 1e9, 0.0) if heard_ns else None,
    )
