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

    boards_sent: Counter[str] = field(default_factory=Counter)
    """Boards pushed, by "9433@1"."""
    requests: Counter[str] = field(default_factory=Counter)
    """HTTP requests, by "PUT /register"; symbols in paths are left out."""
    replies: Counter[int] = field(default_factory=Counter)
    """HTTP replies, by status."""
    refusals: Counter[int] = field(default_factory=Counter)
    """Refused calls, by the vendor's error code."""
    connections: int = 0
    """WebSockets ever opened."""
    disconnections: int = 0
    """WebSockets that are over."""
    displaced: int = 0
    """WebSockets that a later one has taken the place of."""
    resets: int = 0
    """WebSockets cut with a TCP reset."""
    skipped: int = 0
    """Boards left out because a slow reader's buffer was full."""
    client_messages: int = 0
    """Messages that clients sent; kabu Station ignores them."""
    pongs: int = 0
    """Unsolicited Pongs sent."""
    exits: int = 0
    """How often kabu Station has exited."""
    restarts: int = 0
    """How often it was started again."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values, as JSON needs them."""
        return plain_counters(self)
