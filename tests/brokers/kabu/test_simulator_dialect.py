"""What the simulator draws, the dialect reads: the same market at both ends, for any seed."""

from __future__ import annotations

from datetime import date

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexample.brokers.kabu.dialect import KabuDialect
from wsexample.brokers.kabu.dialect.hours import Phase
from wsexample.brokers.kabu.simulator.catalogue import Kind
from wsexample.brokers.kabu.simulator.image import draw
from wsexample.brokers.kabu.simulator.listing import View
from wsexample.brokers.kabu.simulator.market import Market
from wsexample.brokers.kabu.simulator.switches import Switches
from wsexample.records.market import Board

from .market_samples import S, at, future, play, small_market

LAYOUTS = {Kind.STOCK: "stock", Kind.FUTURE: "futures", Kind.OPTION: "option", Kind.INDEX: "index"}


def read(market: Market, view: View, **switches: bool) -> Board:
    """Draw a board, send it through the dialect."""
    payload = msgspec.json.encode(draw(market, view, Switches(**switches)))  # type: ignore[arg-type]
    (board,) = KabuDialect().receive(payload, False, market.now_ns).records
    assert isinstance(board, Board)
    return board


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), start=st.sampled_from(["08:30", "09:00:05", "10:15", "12:20", "15:29", "17:05"]))
def test_records_are_the_market(seed: int, start: str) -> None:
    """Whatever happens, the record has the book the right way round, the day's figures and the layout of its kind."""
    market = small_market(start, seed=seed)
    for change in market.advance(at(start) + 5 * S):
        view = market.views[change.key]
        listing, day = view.listing, view.day
        board = read(market, view)
        assert board.layout == LAYOUTS[listing.instrument.kind]
        assert board.name == listing.instrument.name
        assert board.last_price == (None if day.last is None else day.last / 100)
        assert board.last_ns == (None if day.last is None else day.last_ns // S * S)
        assert board.previous_close == day.previous_close / 100
        if change.phase is Phase.OPEN and listing.instrument.kind is not Kind.INDEX:
            assert [level.price for level in board.bids] == [p / 100 for p in listing.book.bids.best_first(10)]
            assert [level.price for level in board.asks] == [p / 100 for p in listing.book.asks.best_first(10)]
            assert board.bid_price is not None
            assert board.ask_price is not None
            assert board.bid_price < board.ask_price
            assert board.volume == day.volume


def test_the_midnight_bug_is_drawn_as_the_dialect_knows_it() -> None:
    """With the bug on, the dialect puts the times of the last trade right again."""
    market = small_market("23:59:50", symbols=(future(),), session="always", ticks_per_s=5)
    play(market, "00:05", date(2026, 3, 5))
    view = market.views[future(), 2]
    wrong, right = read(market, view, midnight_date_bug=True), read(market, view)
    assert (wrong.last_ns, wrong.volume_ns) == (right.last_ns, right.volume_ns)
    assert wrong.previous_close_ns == (right.previous_close_ns or 0) - 86_400 * S, "nothing tells it from a holiday"
