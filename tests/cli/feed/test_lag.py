"""A stream that falls behind is told once, and once when it has caught up."""

from __future__ import annotations

from wsexample.cli.feed.lag import LagNotices
from wsexample.records.market import Bar, Record, Trade

START_NS = 1_772_590_532 * 10**9


def told(*lags_s: float) -> list[str]:
    """Return what is said about a trade a second with these lags."""
    notices = LagNotices()
    records = [
        Trade(
            venue="v",
            symbol="s",
            received_ns=START_NS + second * 10**9,
            exchange_ns=START_NS + second * 10**9 - round(lag_s * 1e9),
            price=1.0,
            size=1.0,
        )
        for second, lag_s in enumerate(lags_s)
    ]
    return [sentence for record in records if (sentence := notices.take(record))]


def test_late_is_told_once_and_so_is_the_end() -> None:
    """Three windows of lag make a line, the first timely window another."""
    assert told(*[0.1] * 10, *[42.0] * 30, *[0.1] * 20) == [
        "what comes is 42 s behind the venue's clock: the way is slow, or the clock here is ahead",
        "what comes is in time again",
    ]


def test_one_slow_moment_is_not_told() -> None:
    """A burst that comes late and is over says nothing about the way."""
    assert told(*[0.1] * 10, *[42.0] * 8, *[0.1] * 20) == []


def test_among_old_records_a_fresh_one_counts() -> None:
    """Quiet symbols repeat old times; one fresh record in five seconds is enough."""
    assert told(*[30.0, 30.0, 0.2] * 20) == []


def test_a_clock_that_is_behind_is_told() -> None:
    """Records from the future mean that the clock here is wrong."""
    assert told(*[-10.0] * 30) == ["what comes is 10 s ahead of the clock here: set the clock"]


def test_delayed_feeds_and_bars_tell_nothing() -> None:
    """Fifteen minutes are a delayed feed; the time of a bar is its beginning."""
    assert told(*[900.0] * 30) == []
    bar: Record = Bar(
        venue="v", symbol="s", received_ns=START_NS, exchange_ns=START_NS - 60 * 10**9, interval_s=60.0,
        open=1.0, high=1.0, low=1.0, close=1.0,
    )  # fmt: skip
    assert [LagNotices().take(bar) for _ in range(30)] == [""] * 30
