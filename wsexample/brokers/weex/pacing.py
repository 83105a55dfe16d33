"""How fast REST calls may follow each other: the caller's own rates, and the venue's units of weight. Time is an argument."""

from __future__ import annotations

from collections import deque

from wsexample.brokers.base import Pace
from wsexample.brokers.weex.config import RateLimitConfig

__all__ = ["WEIGHT_PERIOD_S", "WEIGHT_UNITS", "CallPace"]

WEIGHT_UNITS, WEIGHT_PERIOD_S = 500, 10.0
"""Units of weight that the venue allows an address in a stretch of seconds; measured, and in its FAQ."""


class CallPace:
    """When the next call may be made.

    Parameters:
        limits: the caller's rates.
    """

    def __init__(self, limits: RateLimitConfig) -> None:
        burst = limits.burst_size
        self._paces = (Pace(burst, burst / limits.requests_per_second), Pace(limits.requests_per_minute, 60.0))
        self._spent: deque[tuple[float, int]] = deque()
        self._quiet_until_s = float("-inf")

    def wait_s(self, now_s: float, weight: int) -> float:
        """Return the seconds to wait before a call of this weight; 0 for none."""
        waits = [pace.wait_s(now_s) for pace in self._paces]
        return max(*waits, self._quiet_until_s - now_s, self._weight_wait_s(now_s, weight), 0.0)

    def _weight_wait_s(self, now_s: float, weight: int) -> float:
        while self._spent and self._spent[0][0] + WEIGHT_PERIOD_S <= now_s:
            self._spent.popleft()
        used = sum(units for _, units in self._spent)
        for at_s, units in self._spent:
            if used + weight <= WEIGHT_UNITS:
                return 0.0
            used -= units
            free_s = at_s + WEIGHT_PERIOD_S
            if used + weight <= WEIGHT_UNITS:
                return free_s - now_s
        return 0.0

    def note(self, now_s: float, weight: int) -> None:
        """Count a call that was answered at this moment."""
        for pace in self._paces:
            pace.note(now_s)
        self._spent.append((now_s, weight))

    def hold_off(self, until_s: float) -> None:
        """Let no call through before this moment."""
        self._quiet_until_s = max(self._quiet_until_s, until_s)
