"""When the exchange is open: the trading day as a table, in Japan Standard Time. Pure; time is an argument.

Closed are Saturdays, Sundays and the turn of the year (31 December to 3 January); Japan's other holidays are not known here.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from functools import lru_cache

from wsexample.brokers.kabu.dialect.times import DAY_NS, JST

__all__ = [
    "ALWAYS",
    "DAY_NS",
    "DERIVATIVES",
    "JST",
    "STOCKS",
    "Phase",
    "S",
    "Span",
    "Timetable",
    "day_of",
    "iso",
    "jst_ns",
]

S = 1_000_000_000
_JST_NS = 9 * 3600 * S
_EPOCH = date(1970, 1, 1)


class Phase(Enum):
    """What the exchange does with orders."""

    CLOSED = "closed"
    """Nothing happens."""
    PRE_OPEN = "pre_open"
    """Orders are taken and wait for an auction."""
    OPEN = "open"
    """Continuous trading."""
    BREAK = "break"
    """The lunch break: orders rest, none are taken."""
    BREAK_ORDERS = "break_orders"
    """The end of the lunch break: orders are taken and wait for the afternoon's auction."""
    PRE_CLOSE = "pre_close"
    """Orders are taken and wait for the closing auction."""

    @property
    def takes_orders(self) -> bool:
        """Whether people send orders."""
        return self not in (Phase.CLOSED, Phase.BREAK)

    @property
    def is_call(self) -> bool:
        """Whether orders wait for an auction."""
        return self in (Phase.PRE_OPEN, Phase.BREAK_ORDERS, Phase.PRE_CLOSE)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time with one phase."""

    start_ns: int
    """First nanosecond, UTC epoch."""
    end_ns: int
    """First nanosecond after it."""
    phase: Phase
    """What the exchange does meanwhile."""
    session: str
    """"day" or "night": which of a derivative's markets (23 or 24) it belongs to."""


def jst_ns(day: date, minute: float = 0) -> int:
    """Return the UTC epoch nanoseconds of a minute of a day in Japan."""
    return (day - _EPOCH).days * DAY_NS - _JST_NS + round(minute * 60 * S)


def day_of(now_ns: int) -> date:
    """Return the calendar day in Japan."""
    return _EPOCH + timedelta(days=(now_ns + _JST_NS) // DAY_NS)


def iso(now_ns: int) -> str:
    """Write a time as the vendor does: Japanese time, whole seconds, offset."""
    return _iso_second(now_ns // S)


@lru_cache(maxsize=4096)
def _iso_second(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, JST).strftime("%Y-%m-%dT%H:%M:%S+09:00")


@dataclass(frozen=True, slots=True)
class Timetable:
    """The trading day of a market.

    ``rows`` hold (minute of the day at which it begins, phase, session). The first one begins the trading day: the
    day's figures start anew there.
    """

    name: str
    """Name for people."""
    rows: tuple[tuple[float, Phase, str], ...]
    """The day."""
    has_weekends: bool = True
    """Whether Saturdays, Sundays and the turn of the year are closed."""

    def is_trading_day(self, day: date) -> bool:
        """Tell whether a trading day of this name exists."""
        if not self.has_weekends:
            return True
        is_new_year = (day.month, day.day) in {(12, 31), (1, 1), (1, 2), (1, 3)}
        return day.weekday() < 5 and not is_new_year

    def trading_day_before(self, day: date) -> date:
        """Return the last trading day before this one."""
        day -= timedelta(days=1)
        while not self.is_trading_day(day):
            day -= timedelta(days=1)
        return day

    def spans_of(self, day: date) -> list[Span]:
        """Return the spans of one trading day, closed ones left out."""
        starts = [jst_ns(day, minute) for minute, _, _ in self.rows]
        ends = [*starts[1:], jst_ns(day, self.rows[-1][0])]
        return [
            Span(start, end, phase, session)
            for start, end, (_, phase, session) in zip(starts, ends, self.rows, strict=True)
            if phase is not Phase.CLOSED
        ]

    def start_of(self, day: date) -> int:
        """Return when a trading day begins, UTC epoch nanoseconds."""
        return self.spans_of(day)[0].start_ns

    def trading_day(self, now_ns: int) -> date:
        """Return the trading day that has begun last: its figures are shown until the next one begins."""
        day = day_of(now_ns) + timedelta(days=1)  # a night session belongs to the day after
        while not self.is_trading_day(day) or self.start_of(day) > now_ns:
            day -= timedelta(days=1)
        return day

    def span_at(self, now_ns: int) -> Span:
        """Return the span that holds now, closed ones included."""
        day = self.trading_day(now_ns)
        spans = self.spans_of(day)
        row = bisect_right([span.start_ns for span in spans], now_ns) - 1
        if now_ns < spans[row].end_ns:
            return spans[row]
        after = next((span.start_ns for span in spans if span.start_ns > now_ns), None)
        return Span(spans[row].end_ns, after or self._next_start(day), Phase.CLOSED, spans[row].session)

    def traded_spans(self, now_ns: int) -> list[Span]:
        """Return the stretches of continuous trading of the present trading day that lie before now."""
        spans = self.spans_of(self.trading_day(now_ns))
        return [
            Span(span.start_ns, min(span.end_ns, now_ns), span.phase, span.session)
            for span in spans
            if span.phase is Phase.OPEN and span.start_ns < now_ns
        ]

    def _next_start(self, day: date) -> int:
        day += timedelta(days=1)
        while not self.is_trading_day(day):
            day += timedelta(days=1)
        return self.start_of(day)


# Tokyo Stock Exchange since November 2024: closing auction 15:25 to 15:30.
STOCKS = Timetable(
    "stocks",
    (
        (8 * 60, Phase.PRE_OPEN, "day"),
        (9 * 60, Phase.OPEN, "day"),
        (11 * 60 + 30, Phase.BREAK, "day"),
        (12 * 60 + 5, Phase.BREAK_ORDERS, "day"),
        (12 * 60 + 30, Phase.OPEN, "day"),
        (15 * 60 + 25, Phase.PRE_CLOSE, "day"),
        (15 * 60 + 30, Phase.CLOSED, "day"),
    ),
)

# Osaka Exchange since November 2024: a trading day is the night session before it and its day session. The night's
# minutes count from the midnight that ends the trading day before, so its evening is negative.
_NIGHT = -24 * 60
_DERIVATIVES_ROWS = (
    (_NIGHT + 16 * 60 + 45, Phase.PRE_OPEN, "night"),
    (_NIGHT + 17 * 60, Phase.OPEN, "night"),
    (5 * 60 + 55, Phase.PRE_CLOSE, "night"),
    (6 * 60, Phase.CLOSED, "night"),
    (8 * 60, Phase.PRE_OPEN, "day"),
    (8 * 60 + 45, Phase.OPEN, "day"),
    (15 * 60 + 40, Phase.PRE_CLOSE, "day"),
    (15 * 60 + 45, Phase.CLOSED, "day"),
)


@dataclass(frozen=True, slots=True)
class NightTable(Timetable):
    """A timetable whose night session begins on the evening of the trading day before (Friday's for a Monday)."""

    def spans_of(self, day: date) -> list[Span]:
        """Return the spans of one trading day, the night session on the evening of the trading day before it."""
        before = self.trading_day_before(day)
        spans = []
        rows = self.rows
        for index, (minute, phase, session) in enumerate(rows):
            if phase is Phase.CLOSED:
                continue
            base, shift = (before, 1440) if session == "night" else (day, 0)
            end = rows[index + 1][0]
            spans.append(Span(jst_ns(base, minute + shift), jst_ns(base, end + shift), phase, session))
        return spans

    def trading_day(self, now_ns: int) -> date:
        """Return the trading day that has begun last."""
        day = day_of(now_ns) + timedelta(days=1)
        while not self.is_trading_day(day):
            day += timedelta(days=1)
        while self.start_of(day) > now_ns:
            day = self.trading_day_before(day)
        return day


DERIVATIVES: Timetable = NightTable("derivatives", _DERIVATIVES_ROWS)

# For demonstrations at any hour: one session that never ends; the day's figures start anew at midnight in Japan.
ALWAYS = Timetable("always", ((0, Phase.OPEN, "always"), (1440, Phase.CLOSED, "always")), has_weekends=False)
