"""Promises of the market model, for any seed."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexample.brokers.kabu.dialect.hours import Phase
from wsexample.brokers.kabu.simulator.catalogue import Kind
from wsexample.brokers.kabu.simulator.listing import Listing
from wsexample.brokers.kabu.simulator.market import Market

from .market_samples import S, at, boards, future, instruments, option, play, play_for, small_market

seeds = st.integers(0, 2**32)
few = settings(max_examples=20, deadline=None)
starts = st.sampled_from(["08:30", "09:00:10", "10:15", "11:45", "12:20", "15:24:30", "15:29", "17:05", "23:00"])


def traded_listings(market: Market) -> list[Listing]:
    return list({view.listing for view in market.views.values() if view.listing.instrument.kind is not Kind.INDEX})


@few
@given(seed=seeds, start=starts)
def test_books_rest_uncrossed_on_the_grid(seed: int, start: str) -> None:
    """After every change in continuous trading the book is uncrossed, sorted, on the tick grid and within the limits."""
    market = small_market(start, seed=seed)
    for change in market.advance(at(start) + 20 * S):
        listing = market.views[change.key].listing
        if change.phase is not Phase.OPEN or listing.instrument.kind is Kind.INDEX:
            continue
        assert not listing.book.is_crossed
        for side in (listing.book.asks, listing.book.bids):
            assert side.prices == sorted(set(side.prices))
            assert all(listing.grid.is_on(price) for price in side.prices)
            assert all(listing.low_limit <= price <= listing.high_limit for price in side.prices)
            assert all(quantity % listing.instrument.unit == 0 for quantity in side.quantities.values())


@few
@given(seed=seeds)
def test_ten_levels_are_always_shown(seed: int) -> None:
    """Away from the daily limits both sides have ten levels at every moment of continuous trading."""
    market = small_market(seed=seed, symbols=("9433", "9432", future()))
    for change in market.advance(at("10:15:30")):
        book = market.views[change.key].listing.book
        assert len(book.asks.best_first(10)) == 10
        assert len(book.bids.best_first(10)) == 10


@few
@given(seed=seeds, start=starts)
def test_figures_of_the_day_agree(seed: int, start: str) -> None:
    """Open and last lie between low and high, the average price too; volume and value only grow within a day."""
    market = small_market(start, seed=seed)
    before: dict[object, tuple[int, int]] = {}
    for change in market.advance(at(start) + 30 * S):
        day = market.views[change.key].day
        volume, value = before.get(change.key, (0, 0))
        if day.last is None:
            assert (day.opening, day.volume, day.value) == (None, 0, 0)
            continue
        assert day.opening is not None
        assert day.low is not None
        assert day.high is not None
        assert day.low <= day.opening <= day.high
        assert day.low <= day.last <= day.high
        assert day.opening_ns <= day.high_ns <= day.last_ns <= market.now_ns
        if day.volume:
            assert day.low <= day.value / day.volume <= day.high
        assert day.volume >= volume
        assert day.value >= value
        before[change.key] = (day.volume, day.value)


@few
@given(seed=seeds, start=starts)
def test_the_same_seed_gives_the_same_bytes(seed: int, start: str) -> None:
    """Two markets of one seed show the same boards, byte by byte, before and after; another seed shows others."""
    first, second, other = (small_market(start, seed=used, session="always") for used in (seed, seed, seed + 1))
    assert boards(first) == boards(second) != boards(other)
    pushed = [play_for(market, 5) for market in (first, second, other)]
    assert pushed[0] == pushed[1] != pushed[2]
    assert boards(first) == boards(second) != boards(other)


@few
@given(seed=seeds, cuts=st.lists(st.integers(0, 40 * S), max_size=8))
def test_how_time_is_cut_makes_no_difference(seed: int, cuts: list[int]) -> None:
    """Advancing in many steps, or leaving the iterator early, ends in the same market as one long step."""
    whole, parts = small_market(seed=seed), small_market(seed=seed)
    changes = list(whole.advance(at("10:15:40")))
    pieces = []
    for cut in sorted(cuts):
        for change in parts.advance(at("10:15") + cut):
            pieces.append(change)
            break
    pieces += list(parts.advance(at("10:15:40")))
    assert pieces == changes
    assert boards(whole) == boards(parts)


@few
@given(seed=seeds)
def test_time_never_runs_back(seed: int) -> None:
    """Changes come in order of time, none before the start and none after the end."""
    market = small_market("08:59:50", seed=seed)
    times = [change.at_ns for change in market.advance(at("09:00:10"))]
    assert times == sorted(times)
    assert at("08:59:50") < times[0]
    assert times[-1] <= at("09:00:10") == market.now_ns


def test_a_day_from_the_wait_for_the_opening_to_the_close() -> None:
    """Nothing trades before nine; an auction opens, lunch is silent, an auction closes, and then nothing moves."""
    market = small_market("08:10", ticks_per_s=0.5, symbols=("9433",))
    day = market.views["9433", 1].day
    play(market, "08:59:59")
    assert day.last is None
    play(market, "09:00")
    assert (day.opening_ns, day.last_ns) == (at("09:00"), at("09:00"))
    play(market, "11:30")
    assert play(market, "12:04:59") == []
    play(market, "12:29:59")
    assert day.last_ns < at("11:30")
    play(market, "12:30")
    assert day.last_ns == at("12:30")
    play(market, "15:29:59")
    before_close = day.last_ns
    assert before_close < at("15:25")
    assert play(market, "15:30") != []
    assert day.last_ns == at("15:30")
    assert (day.status, day.tick) == (8, "0061")
    assert play(market, "23:59") == []


def test_the_close_becomes_the_previous_close() -> None:
    """On the next trading day the figures start anew, from the closing price, whose date is the last trading day."""
    market = small_market("15:20", ticks_per_s=0.5, symbols=("9433",))
    view = market.views["9433", 1]
    play(market, "15:31")
    close = view.day.last
    play(market, "08:00", date(2026, 3, 5))
    assert (view.day.last, view.day.volume) == (None, 0)
    assert view.day.previous_close == close
    assert view.day.previous_ns == at("00:00")


def test_market_codes_of_a_future_count_their_own_session() -> None:
    """Whole day, day and night are views of one book, each with the figures of its own sessions."""
    market = small_market("16:00", ticks_per_s=0.5, symbols=(future(),))
    whole, day, night = (market.views[future(), code].day for code in (2, 23, 24))
    assert day.status == whole.status == 8
    assert day.volume + night.volume == whole.volume
    play(market, "17:30")
    whole, night = market.views[future(), 2].day, market.views[future(), 24].day
    assert whole.volume == night.volume > 0
    assert market.views[future(), 23].day == day, "the day session's figures stand through the night"
    play(market, "08:46", date(2026, 3, 5))
    assert market.views[future(), 23].day.opening_ns == at("08:45", date(2026, 3, 5))
    assert market.views[future(), 2].day.opening_ns == at("17:00")


def test_an_endless_session_begins_a_new_day_at_midnight() -> None:
    """Round the clock, the figures start anew at midnight in Japan, for every market code."""
    market = small_market("23:59:50", session="always", symbols=("9433", future()))
    assert all(view.day.volume > 0 for view in market.views.values())
    list(market.advance(at("23:59:59") + S - 1))
    closes = {key: view.listing.last for key, view in market.views.items()}
    list(market.advance(at("00:00", date(2026, 3, 5))))
    for key, view in market.views.items():
        assert view.day.previous_close == closes[key]
        assert (view.day.volume, view.day.last) == (0, None)


def test_an_endless_session_may_begin_at_midnight() -> None:
    """In its first instant nothing has traded; soon something has."""
    market = small_market("00:00", session="always", symbols=("9433",))
    assert market.views["9433", 1].day.last is None
    play(market, "00:01")
    assert market.views["9433", 1].day.opening_ns > at("00:00")


def test_spreads_of_liquid_stocks_are_narrow() -> None:
    """A large stock is quoted a tick or two apart, most of the time."""
    market = small_market(symbols=("7203", "8306"), ticks_per_s=2)
    spreads = []
    for change in market.advance(at("10:25")):
        listing = market.views[change.key].listing
        ask, bid = listing.book.asks.best, listing.book.bids.best
        assert ask is not None
        assert bid is not None
        if change.key[1] == 1:
            spreads.append((ask - bid) / listing.grid.tick_below(ask))
    assert sum(spreads) / len(spreads) < 2


def test_prices_follow_what_people_believe() -> None:
    """After a shock the book moves to the new fair price within a minute of market time."""
    market = small_market(symbols=("9433",), ticks_per_s=20)
    before = market.views["9433", 1].listing.last
    market.shock("9433", 1, 0.03)
    play(market, "10:16:30")
    after = market.views["9433", 1].listing.last
    assert after / before == pytest.approx(1.03, abs=0.01)


def test_a_price_stops_at_its_daily_limit() -> None:
    """A stock that everybody wants rises to its limit: nobody sells, the last price is the limit."""
    market = small_market(symbols=("9433",), ticks_per_s=20)
    market.shock("9433", 1, 0.5)
    play(market, "10:20")
    listing = market.views["9433", 1].listing
    assert listing.last == listing.high_limit
    assert listing.book.bids.best == listing.high_limit
    assert listing.book.asks.best is None


def test_the_index_follows_its_members() -> None:
    """When every member rises, the index and its futures rise as much."""
    market = Market(seed=3, start_ns=at("10:15"), session="clock", ticks_per_s=20)
    index = market.views["101", 1].listing
    before, future_before = index.last, market.views[future(), 2].listing.last
    for symbol, _ in index.instrument.members:
        market.shock(symbol, 1, 0.02)
    list(market.advance(at("10:16:30")))
    assert index.last / before == pytest.approx(1.02, abs=0.004)
    assert market.views[future(), 2].listing.last / future_before == pytest.approx(1.02, abs=0.004)


def test_calls_and_puts_move_against_each_other() -> None:
    """A call is worth more and a put less when the index rises; their deltas differ by one."""
    market = Market(seed=3, start_ns=at("10:15"), session="clock", ticks_per_s=2)
    views = market.views[option(is_call=True), 2], market.views[option(is_call=False), 2]
    worth = [market.worth(view) for view in views]
    assert worth[0] is not None
    assert worth[1] is not None
    assert worth[0].delta - worth[1].delta == pytest.approx(1.0)
    assert worth[0].delta > 0 > worth[1].delta
    for symbol, _ in market.views["101", 1].listing.instrument.members:
        market.shock(symbol, 1, 0.02)
    list(market.advance(market.now_ns + 2 * S))
    after = [market.worth(view) for view in views]
    assert after[0] is not None
    assert after[1] is not None
    assert after[0].price > worth[0].price
    assert after[1].price < worth[1].price


def test_a_market_of_one_stock_stands_alone() -> None:
    """Whatever is listed, what it depends on need not be: futures without their index, an index without members."""
    for symbols in (("9433",), ("101",), (future(),), (option(is_call=True),)):
        market = small_market(symbols=symbols, session="always")
        assert list(market.advance(at("10:16"))) != []


def test_liquid_stocks_are_busier() -> None:
    """A large stock gets many times the orders of a small one."""
    market = small_market(symbols=("7203", "501A"))
    counts = {"7203": 0, "501A": 0}
    for change in market.advance(at("10:20")):
        if change.key[1] == 1:
            counts[change.key[0]] += 1
    assert counts["7203"] > 3 * counts["501A"] > 0


def test_everything_is_listed_once() -> None:
    """No symbol appears twice on one market, and prices, units and limits of the catalogue fit together."""
    market = Market(seed=1, start_ns=at("10:15"))
    assert len(market.views) == sum(len(item.exchanges) for item in market.instruments)
    assert len(market.instruments) >= 60
    for listing in traded_listings(market):
        assert listing.grid.is_on(listing.base)
        assert listing.low_limit <= listing.base <= listing.high_limit


def test_contracts_move_on_with_the_calendar() -> None:
    """The nearest contract is the one that still trades: the day after the last trading day it is the next month's."""
    from wsexample.brokers.kabu.simulator.catalogue import contract_months, last_trading_day

    assert last_trading_day(2026, 3) == date(2026, 3, 12)
    assert contract_months(date(2026, 3, 12), 2) == [(2026, 3), (2026, 6)]
    assert contract_months(date(2026, 3, 13), 2) == [(2026, 6), (2026, 9)]
    assert contract_months(date(2026, 12, 20), 1, every=1) == [(2027, 1)]
    assert instruments(future())[0].name == "日経225mini 26/03"
