"""Rate and lag of the last few seconds."""

from __future__ import annotations

from wsexample.cli.feed.pace import Pace
from wsexample.records.market import Bar, Trade

RECEIVED_NS = 1_772_590_532_400_000_000


def trade(lag_s: float) -> Trade:
    """A trade that came so long after it happened."""
    exchange_ns = RECEIVED_NS - round(lag_s * 1e9)
    return Trade(venue="v", symbol="s", received_ns=RECEIVED_NS, exchange_ns=exchange_ns, price=1.0, size=1.0)


def test_the_rate_is_that_of_the_last_seconds() -> None:
    """Ten a second are ten a second, and nothing when they stop."""
    pace = Pace()
    for number in range(50):
        pace.take(trade(0.1), number / 10)
    assert round(pace.rate(4.9), 1) == 10.2
    assert pace.rate(20.0) == 0.0


def test_the_least_lag_counts() -> None:
    """Among several records one is fresh; an old one does not make a stream late."""
    pace = Pace()
    pace.take(trade(30.0), 0.0)
    pace.take(trade(0.4), 1.0)
    assert pace.lag_s(1.0) == 0.4
    assert pace.lag_s(100.0) is None


def test_a_venue_clock_of_another_day_gives_no_lag() -> None:
    """Times of a replay or a closed session say nothing about the wire."""
    pace = Pace()
    pace.take(trade(86_400.0), 0.0)
    assert pace.lag_s(0.0) is None


def test_a_bar_says_nothing_about_the_lag() -> None:
    """Its time is that of its beginning, which is long ago by nature."""
    pace = Pace()
    pace.take(
        Bar(
            venue="weex", symbol="BTCUSDT", exchange_ns=1, received_ns=60 * 10**9, interval_s=60.0,
            open=1.0, high=1.0, low=1.0, close=1.0,
        ),
        0.0,
    )  # fmt: skip
    assert pace.lag_s(0.0) is None
    assert pace.rate(0.0) == 1.0
