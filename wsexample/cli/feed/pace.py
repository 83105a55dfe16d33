"""How fast records come, and how far they are behind their venue's clock."""

from __future__ import annotations

from collections import deque

from wsexample.records.market import Bar, Record

__all__ = ["Pace"]

WINDOW_S = 5.0
"""Over how long the rate is averaged, and of how long the least lag counts."""
PLAUSIBLE_LAG_S = 600.0
"""A greater distance between the venue's clock and ours says nothing about the wire: a replay, a closed session."""


class Pace:
    """Rate and lag of the last few seconds; time comes as an argument, from any clock that does not go back."""

    def __init__(self) -> None:
        self._arrivals: deque[tuple[float, int]] = deque()
        self._lags: deque[tuple[float, float]] = deque()
        self._first_s: float | None = None

    def take(self, record: Record, now_s: float) -> None:
        """Note a record."""
        if self._first_s is None:
            self._first_s = now_s
        if self._arrivals and now_s - self._arrivals[-1][0] < 0.1:
            second, count = self._arrivals[-1]
            self._arrivals[-1] = (second, count + 1)
        else:
            self._arrivals.append((now_s, 1))
        if record.exchange_ns is None or isinstance(record, Bar):  # a bar has the time of its beginning
            return
        lag_s = (record.received_ns - record.exchange_ns) / 1e9
        if abs(lag_s) > PLAUSIBLE_LAG_S:
            return
        if self._lags and now_s - self._lags[-1][0] < 0.1:
            second, least_s = self._lags[-1]
            self._lags[-1] = (second, min(least_s, lag_s))
        else:
            self._lags.append((now_s, lag_s))

    def lag_s(self, now_s: float) -> float | None:
        """Return how far what arrives is behind the venue's clock, seconds; None when that cannot be told.

        The least counts: a full image tells when something traded last, which may be long before it was sent.
        """
        while self._lags and now_s - self._lags[0][0] > WINDOW_S:
            self._lags.popleft()
        return min((lag_s for _, lag_s in self._lags), default=None)

    def rate(self, now_s: float) -> float:
        """Return records per second."""
        while self._arrivals and now_s - self._arrivals[0][0] > WINDOW_S:
            self._arrivals.popleft()
        if self._first_s is None:
            return 0.0
        window_s = min(WINDOW_S, max(now_s - self._first_s, 1.0))
        return sum(count for _, count in self._arrivals) / window_s
