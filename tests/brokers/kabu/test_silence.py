"""When silence of boards means something: in a market that trades, after it was heard to."""

from __future__ import annotations

from datetime import timedelta

from tests.brokers.kabu.market_samples import DAY, S, at
from wsexample.brokers.kabu.dialect.silence import Listener
from wsexample.brokers.kabu.messages import SymbolEntry

STOCK, FUTURE = SymbolEntry("9433", 1), SymbolEntry("167060019", 2)


def listening(*entries: SymbolEntry, since: str = "10:00", every_s: float = 0.5, count: int = 40) -> Listener:
    """A listener that has heard some messages at a steady pace."""
    listener = Listener()
    listener.watch(entries)
    for number in range(count):
        listener.heard(at(since) + round(number * every_s * S))
    return listener


def test_a_minute_of_a_busy_market_is_an_end() -> None:
    """Never less, however busy it was."""
    assert listening(STOCK).limit_s(at("10:01")) == 60.0


def test_a_slow_stock_gets_more_time() -> None:
    """Twenty-five usual distances: by chance that does not happen."""
    assert listening(STOCK, every_s=10.0).limit_s(at("10:10")) == 250.0


def test_little_heard_says_nothing() -> None:
    """How often something comes is not known yet."""
    assert listening(STOCK, count=19).limit_s(at("10:01")) is None
    assert listening(STOCK, count=20).limit_s(at("10:01")) == 60.0


def test_the_lunch_break_the_close_and_other_symbols_begin_anew() -> None:
    """What was heard in one stretch of trading says nothing about the next."""
    listener = listening(STOCK, since="11:29")
    assert listener.limit_s(at("11:29:59")) == 60.0
    assert listener.limit_s(at("11:30")) is None
    assert listener.limit_s(at("12:31")) is None
    again = listening(STOCK)
    again.watch([STOCK, FUTURE])
    assert again.limit_s(at("10:01")) is None


def test_boards_outside_of_trading_promise_nothing() -> None:
    """Orders that gather before the open are pushed in some releases, and in others not."""
    assert listening(STOCK, since="08:30").limit_s(at("08:31")) is None


def test_weekends_and_holidays_are_silent() -> None:
    """On a Saturday nothing trades, whatever comes; a holiday is not known, and is silent because nothing was heard."""
    saturday = DAY + timedelta(days=5 - DAY.weekday())
    listener = Listener()
    listener.watch([STOCK, FUTURE])
    for second in range(40):
        listener.heard(at("10:00", saturday) + second * S)
    assert listener.limit_s(at("10:01", saturday)) is None
    assert Listener().limit_s(at("10:01")) is None


def test_derivatives_keep_their_own_hours() -> None:
    """At night a future trades and a stock does not."""
    assert listening(FUTURE, since="20:00").limit_s(at("20:01")) == 60.0
    assert listening(STOCK, since="20:00").limit_s(at("20:01")) is None


def test_nothing_watched_is_never_missed() -> None:
    """Not even when boards come of what others have registered."""
    assert listening().limit_s(at("10:01", DAY)) is None
