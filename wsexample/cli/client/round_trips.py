"""Round-trip times of messages that an echo server sends back, and the summary in the manner of ``ping``.

Pure: whoever sends and receives says when; nothing here waits or prints.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["RoundTrips", "format_duration"]


@dataclass(slots=True)
class RoundTrips:
    """What was sent, what came back, and how long each took."""

    sent: int = 0
    """Messages sent."""
    echoed: int = 0
    """Messages that came back."""
    others: int = 0
    """Messages received that nobody here had sent."""
    fastest_s: float = 0.0
    """Shortest round trip, seconds."""
    slowest_s: float = 0.0
    """Longest round trip, seconds."""
    total_s: float = 0.0
    """Sum of all round trips, seconds."""
    _waiting: dict[str | bytes, float] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """Messages sent that have not come back."""
        return self.sent - self.echoed

    def note_sent(self, message: str | bytes, now_s: float) -> None:
        """Remember when a message was sent; messages must differ to be told apart."""
        self.sent += 1
        self._waiting[message] = now_s

    def note_received(self, message: str | bytes, now_s: float) -> float | None:
        """Return the round trip of a message in seconds, None for one that was not sent from here."""
        sent_s = self._waiting.pop(message, None)
        if sent_s is None:
            self.others += 1
            return None
        trip_s = now_s - sent_s
        self.fastest_s = min(trip_s, self.fastest_s) if self.echoed else trip_s
        self.slowest_s = max(trip_s, self.slowest_s)
        self.total_s += trip_s
        self.echoed += 1
        return trip_s

    def summary(self) -> str:
        """Tell the whole in one line."""
        words = f"{self.sent} sent, {self.echoed} echoed, {self.lost} lost"
        if self.others:
            words += f", {self.others} others received"
        if self.echoed:
            times = (self.fastest_s, self.total_s / self.echoed, self.slowest_s)
            words += "; round trip least/mean/most " + " / ".join(format_duration(time_s) for time_s in times)
        return words


def format_duration(seconds: float) -> str:
    """Write a short time with three digits: "412 us", "3.06 ms", "1.25 s"."""
    for factor, unit in ((1e6, "us"), (1e3, "ms")):
        if seconds * factor < 999.5:
            value = seconds * factor
            digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
            return f"{value:.{digits}f} {unit}"
    return f"{seconds:.2f} s"
