"""Promises of the exchanges' timetables."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsexample.brokers.kabu.dialect.hours import (
    ALWAYS,
    DERIVATIVES,
    STOCKS,
    Phase,
    Timetable,
    day_of,
    iso,
    jst_ns,
)

WEDNESDAY = date(2026, 3, 4)
SATURDAY = date(2026, 3, 7)
MONDAY = date(2026, 3, 9)


def at(day: date, clock: str) -> int:
    hours, minutes = clock.split(":")
    return jst_ns(day, int(hours) * 60 + int(minutes))


@pytest.mark.parametrize(
    ("clock", "phase"),
    [
        ("07:59", Phase.CLOSED),
        ("08:00", Phase.PRE_OPEN),
        ("09:00", Phase.OPEN),
        ("11:29", Phase.OPEN),
        ("11:30", Phase.BREAK),
        ("12:05", Phase.BREAK_ORDERS),
        ("12:30", Phase.OPEN),
        ("15:25", Phase.PRE_CLOSE),
        ("15:30", Phase.CLOSED),
        ("23:59", Phase.CLOSED),
    ],
)
def test_stocks_follow_the_tokyo_day(clock: str, phase: Phase) -> None:
    """A weekday in Tokyo has two sessions, a lunch break and two waits for auctions."""
    assert STOCKS.span_at(at(WEDNESDAY, clock)).phase is phase


@pytest.mark.parametrize(
    ("day", "clock", "phase", "session"),
    [
        (WEDNESDAY, "08:45", Phase.OPEN, "day"),
        (WEDNESDAY, "15:40", Phase.PRE_CLOSE, "day"),
        (WEDNESDAY, "15:45", Phase.CLOSED, "day"),
        (WEDNESDAY, "17:00", Phase.OPEN, "night"),
        (WEDNESDAY, "03:00", Phase.OPEN, "night"),
        (WEDNESDAY, "05:55", Phase.PRE_CLOSE, "night"),
        (WEDNESDAY, "06:00", Phase.CLOSED, "night"),
        (SATURDAY, "03:00", Phase.OPEN, "night"),
        (SATURDAY, "10:00", Phase.CLOSED, "night"),
        (MONDAY, "07:00", Phase.CLOSED, "night"),
    ],
)
def test_derivatives_trade_by_night(day: date, clock: str, phase: Phase, session: str) -> None:
    """A night session lasts until six in the morning, Friday's into Saturday."""
    span = DERIVATIVES.span_at(at(day, clock))
    assert (span.phase, span.session) == (phase, session)


def test_a_night_belongs_to_the_next_trading_day() -> None:
    """Friday evening in Osaka is already Monday's trading day."""
    assert DERIVATIVES.trading_day(at(date(2026, 3, 6), "18:00")) == MONDAY
    assert DERIVATIVES.trading_day(at(MONDAY, "10:00")) == MONDAY


def test_figures_stand_until_the_next_trading_day() -> None:
    """On a Sunday the trading day is still Friday's, and so it is on Monday until eight."""
    assert STOCKS.trading_day(at(date(2026, 3, 8), "12:00")) == date(2026, 3, 6)
    assert STOCKS.trading_day(at(MONDAY, "07:59")) == date(2026, 3, 6)
    assert STOCKS.trading_day(at(MONDAY, "08:00")) == MONDAY


def test_new_year_is_closed() -> None:
    """From 31 December to 3 January nothing trades."""
    assert STOCKS.trading_day(at(date(2026, 1, 2), "10:00")) == date(2025, 12, 30)
    assert STOCKS.trading_day_before(date(2026, 1, 5)) == date(2025, 12, 30)


@given(
    now_ns=st.integers(jst_ns(date(2026, 1, 1)), jst_ns(date(2027, 1, 1))),
    table=st.sampled_from([STOCKS, DERIVATIVES, ALWAYS]),
)
def test_spans_cover_all_time(now_ns: int, table: Timetable) -> None:
    """At every moment exactly one span holds, and the next one begins where it ends."""
    span = table.span_at(now_ns)
    assert span.start_ns <= now_ns < span.end_ns
    assert table.span_at(span.end_ns).start_ns == span.end_ns


def test_times_are_written_as_the_vendor_does() -> None:
    """Japanese time, whole seconds, offset."""
    assert iso(at(WEDNESDAY, "10:15") + 32_999_999_999) == "2026-03-04T10:15:32+09:00"
    assert day_of(at(WEDNESDAY, "00:00")) == WEDNESDAY
