"""How far what arrives is behind the exchange's clock: the PC's clock, kabu Station, or this program may be late. Pure.

A board tells when something was traded or quoted last, in whole seconds, which may be long before it was sent. The least
distance of a few seconds is what counts: among many boards one is fresh.
"""

from __future__ import annotations

__all__ = ["LagWatch"]

WINDOW_S = 5.0
"""Over how long the least distance is taken."""
LATE_S = 5.0
"""From where on boards count as late; whole seconds and thinning explain up to two."""
EARLY_S = -2.0
"""Below it the boards come from the future: this PC's clock is behind."""
PLAUSIBLE_S = 600.0
"""A greater distance says nothing about the way: a closed session, a replay."""
_WINDOWS = 3
"""Windows in a row after which it is told, so that one slow moment is not."""
_NONE = 2**62


class LagWatch:
    """The least distance between the exchange's clock and ours, window by window."""

    def __init__(self) -> None:
        self.least_ns = _NONE
        """The least distance in the present window; whoever decodes keeps it, because every board passes there."""
        self.lag_s: float | None = None
        """The least distance of the last whole window, seconds; None when nothing could be told."""
        self._until_ns = 0
        self._late = 0
        self._said = ""

    def turn(self, now_ns: int) -> str | None:
        """Say that time has passed; returns a sentence when boards have become late, early, or well again."""
        if now_ns < self._until_ns:
            return None
        least_s, self.least_ns = self.least_ns / 1e9, _NONE
        self._until_ns = now_ns + round(WINDOW_S * 1e9)
        self.lag_s = least_s if abs(least_s) <= PLAUSIBLE_S else None
        if self.lag_s is None:
            return None
        state = "late" if self.lag_s > LATE_S else "early" if self.lag_s < EARLY_S else ""
        self._late = self._late + 1 if state else 0
        if (state and self._late < _WINDOWS) or state == self._said:
            return None
        self._said = state
        return self._sentence(state, self.lag_s)

    @staticmethod
    def _sentence(state: str, lag_s: float) -> str:
        if state == "late":
            return (
                f"boards arrive {lag_s:.0f} s after the exchange's time: kabu Station is behind, or this PC's clock is"
                " ahead; set the clock first, then stream fewer symbols"
            )
        if state == "early":
            return f"boards are {-lag_s:.0f} s ahead of this PC's clock: set the clock"
        return "boards arrive in time again"
