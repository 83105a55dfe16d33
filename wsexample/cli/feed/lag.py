"""Whether a stream has fallen behind its venue's clock, told when it begins and when it ends. Pure."""

from __future__ import annotations

from wsexample.cli.feed.numbers import span_text
from wsexample.records.market import Book, Quote, Record, Ticker, Trade

__all__ = ["LagNotices"]

TELLING = (Quote, Trade, Book, Ticker)
"""Kinds whose time is that of the event; a bar's is its beginning, an article's its writing."""
WINDOW_NS = 5 * 10**9
"""Over how long the least lag counts: among many records one is fresh."""
LATE_S = 5.0
EARLY_S = -2.0
PLAUSIBLE_S = 600.0
"""A greater distance says nothing about the way: a delayed feed, a closed session, a replay."""
WINDOWS = 3
"""Windows in a row after which it is told, so that one slow moment is not."""


class LagNotices:
    """Watches the records of one stream."""

    def __init__(self) -> None:
        self._least_ns: int | None = None
        self._until_ns = 0
        self._windows = 0
        self._said = ""

    def take(self, record: Record) -> str:
        """Return what is to be said once records have become late, early or timely again; "" for nothing."""
        if record.exchange_ns is None or not isinstance(record, TELLING):
            return ""
        lag_ns = record.received_ns - record.exchange_ns
        if self._least_ns is None or lag_ns < self._least_ns:
            self._least_ns = lag_ns
        if record.received_ns < self._until_ns:
            return ""
        least_s, self._least_ns = self._least_ns / 1e9, None
        self._until_ns = record.received_ns + WINDOW_NS
        return self._judged(least_s)

    def _judged(self, least_s: float) -> str:
        if abs(least_s) > PLAUSIBLE_S:
            return ""
        state = "late" if least_s > LATE_S else "early" if least_s < EARLY_S else ""
        self._windows = self._windows + 1 if state else 0
        if state == self._said or (state and self._windows < WINDOWS):
            return ""
        self._said = state
        if state == "late":
            return f"what comes is {span_text(least_s)} behind the venue's clock: the way is slow, or the clock here is ahead"
        if state == "early":
            return f"what comes is {span_text(-least_s)} ahead of the clock here: set the clock"
        return "what comes is in time again"
