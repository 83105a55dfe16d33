"""What the simulator has done so far, for tests and people: plain counters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from wsexample.brokers.base.facts import plain_counters

__all__ = ["Stats"]


@dataclass(slots=True)
class Stats:
    """Counters since the simulator was made; nothing resets them."""

    points_sent: Counter[str] = field(default_factory=Counter)
    """Market data messages sent, by channel."""
    frames: int = 0
    """Frames of market data sent."""
    updates_sent: int = 0
    """Trade updates sent on the trading stream."""
    updates_dropped: int = 0
    """Trade updates that nobody listened to, or that a fault has taken."""
    executions: int = 0
    """Executions told."""
    requests: Counter[str] = field(default_factory=Counter)
    """HTTP requests, by "GET /v2/orders"; identifiers in paths are left out."""
    replies: Counter[int] = field(default_factory=Counter)
    """HTTP replies, by status."""
    errors_sent: Counter[int] = field(default_factory=Counter)
    """Error messages on market data streams, by code."""
    connections: Counter[str] = field(default_factory=Counter)
    """WebSockets ever opened, "trading" or "data"."""
    refused_handshakes: int = 0
    """WebSockets refused with an HTTP status."""
    logins: int = 0
    """Logins accepted on either stream."""
    refused_logins: int = 0
    """Logins refused on either stream."""
    resets: int = 0
    """WebSockets cut with a TCP reset."""
    event_streams: int = 0
    """Event streams over HTTP ever opened."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values, as JSON needs them."""
        return plain_counters(self)
