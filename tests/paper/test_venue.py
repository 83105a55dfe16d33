"""The simulated venue: what is filled, at which price, when; and what is not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paper.parts import S, book, fills_of, order, quote, trade, venue
from wsexample.errors import OrderRejectedError, RequestError
from wsexample.paper.instruments import Instrument
from wsexample.paper.matching import Fees
from wsexample.paper.risk import Limits
from wsexample.paper.venue import PaperVenue
from wsexample.records.orders import Fill, OrderRequest

D = Decimal


# -- taking ------------------------------------------------------------------------------------------------------------


def test_a_market_order_walks_the_book() -> None:
    """It takes level after level, never more than stands there; the rest waits for what comes."""
    made = venue()
    made.see(book([(99, 1)], [(100, 2), (101, 3)]))
    placed = made.submit(order(size=6))
    assert fills_of(made) == [(100, 2), (101, 3)]
    made.see(book([(99, 1)], [(102, 5)], at_s=1))
    assert fills_of(made) == [(102, 1)]
    assert made.order(placed.order_id).status == "filled"


def test_a_level_gives_nothing_twice() -> None:
    """A level that is repeated is as empty as the account has left it; only what is shown in addition can be met."""
    made = venue()
    made.see(quote(99, 100, size=10))
    made.submit(order(size=10))
    made.take_outbox()
    made.submit(order(size=5))
    made.see(quote(99, 100, size=10, at_s=1))
    assert fills_of(made) == []
    made.see(quote(99, 100, size=13, at_s=2))
    assert fills_of(made) == [(100, 3)]


def test_only_the_best_price_counts_against_quotes() -> None:
    """With against="quote" deeper levels are not met."""
    made = venue(against="quote")
    made.see(book([(99, 1)], [(100, 2), (101, 3)]))
    made.submit(order(size=5))
    assert fills_of(made) == [(100, 2)]


def test_slippage_makes_prices_worse_but_for_the_limit() -> None:
    """Taking costs the basis points asked for; a limit order never pays more than its limit."""
    made = venue(slippage_bps=D(100), limits=Limits(can_short=True))
    made.see(quote(100, 200))
    made.submit(order(size=1))
    made.submit(order("sell", size=1))
    made.submit(order(size=1, limit_price=201))
    assert fills_of(made) == [(202, 1), (99, 1), (201, 1)]


def test_against_trades_fills_come_from_prints() -> None:
    """An order waits for the next print and gets no more than its size."""
    made = venue(against="trade")
    made.see(quote(99, 100))
    made.submit(order(size=5))
    assert fills_of(made) == []
    made.see(trade(100.5, 3, at_s=1))
    made.see(trade(100.7, 3, at_s=2))
    assert fills_of(made) == [(100.5, 3), (100.7, 2)]


def test_one_print_is_not_filled_twice() -> None:
    """Two orders of the account share the size of one print."""
    made = venue(against="trade")
    made.see(quote(99, 100))
    made.submit(order(size=2))
    made.submit(order(size=2))
    made.see(trade(100, 3))
    assert fills_of(made) == [(100, 2), (100, 1)]


def test_against_the_last_price_size_does_not_matter() -> None:
    """For feeds that only say a last price, an order is filled whole there."""
    made = venue(against="last")
    made.see(trade(100, 0.5))
    made.submit(order(size=50))
    assert fills_of(made) == [(100, 50)]


# -- waiting -----------------------------------------------------------------------------------------------------------


def test_a_limit_order_waits_behind_what_was_there() -> None:
    """With queue="back" the size shown at its price is filled first."""
    made = venue()
    made.see(quote(100, 101, size=10))
    made.submit(order(size=5, limit_price=100))
    made.see(trade(100, 8, at_s=1))
    assert fills_of(made) == []
    made.see(trade(100, 4, at_s=2))
    assert fills_of(made) == [(100, 2)]
    made.see(trade(100, 9, at_s=3))
    assert fills_of(made) == [(100, 3)]


def test_who_leaves_the_queue_lets_others_move_up() -> None:
    """When less is shown at the price than stood ahead, the order stands behind what is left."""
    made = venue()
    made.see(quote(100, 101, size=10))
    made.submit(order(size=5, limit_price=100))
    made.see(quote(100, 101, size=1, at_s=1))
    made.see(trade(100, 3, at_s=2))
    assert fills_of(made) == [(100, 2)]


def test_at_the_front_the_first_print_fills() -> None:
    """With queue="front" nobody stands ahead."""
    made = venue(queue="front")
    made.see(quote(100, 101, size=10))
    made.submit(order(size=5, limit_price=100))
    made.see(trade(100, 3, at_s=1))
    assert fills_of(made) == [(100, 3)]


def test_through_means_beyond() -> None:
    """With queue="through" neither prints nor quotes at the price fill, only those beyond it."""
    made = venue(queue="through")
    made.see(quote(100, 101, size=10))
    made.submit(order(size=5, limit_price=100))
    made.see(trade(100, 50, at_s=1))
    made.see(quote(99, 100, size=1, at_s=2))
    assert fills_of(made) == []
    made.see(trade(99.9, 2, at_s=3))
    assert fills_of(made) == [(100, 2)]


def test_a_print_beyond_the_price_means_that_the_queue_is_gone() -> None:
    """Whoever stood ahead was filled when the market traded beyond the price."""
    made = venue()
    made.see(quote(100, 101, size=10))
    made.submit(order(size=5, limit_price=100))
    made.see(trade(99, 7, at_s=1))
    assert fills_of(made) == [(100, 5)]


def test_a_buyer_does_not_meet_a_buyer() -> None:
    """A print whose aggressor bought fills no order that waits to buy."""
    made = venue(queue="front")
    made.see(quote(100, 101, size=10))
    made.submit(order(size=5, limit_price=100))
    made.see(trade(100, 7, at_s=1, aggressor="buy"))
    assert fills_of(made) == []
    made.see(trade(100, 7, at_s=2, aggressor="sell"))
    assert fills_of(made) == [(100, 5)]


def test_quotes_that_come_to_the_price_fill_at_the_limit() -> None:
    """Somebody who sells at or below the limit meets it: at its price, for what they show, as a maker."""
    made = venue(fees=Fees(maker_bps=D(-1), taker_bps=D(5)))
    made.see(quote(100, 102))
    made.submit(order(size=5, limit_price=101))
    made.see(quote(99, 100, size=2, at_s=1))
    fill = next(record for record in made.take_outbox() if isinstance(record, Fill))
    assert (fill.price, fill.size, fill.liquidity, fill.fee) == (101, 2, "maker", D("-0.0202"))


def test_the_better_limit_is_filled_first() -> None:
    """Price comes before time among the account's own orders."""
    made = venue(queue="front")
    made.see(quote(100, 105))
    made.submit(order(size=2, limit_price=101))
    made.submit(order(size=2, limit_price=102))
    made.see(trade(101, 3, at_s=1))
    assert fills_of(made) == [(102, 2), (101, 1)]


# -- stops and times in force --------------------------------------------------------------------------------------------


def test_a_stop_order_waits_for_its_price() -> None:
    """It is held until a trade reaches the stop, then it is a market order."""
    made = venue(limits=Limits(can_short=True))
    made.see(quote(100, 101))
    held = made.submit(order("sell", size=3, stop_price=98))
    made.see(trade(98.5, at_s=1))
    assert (made.order(held.order_id).status, fills_of(made)) == ("pending", [])
    made.see(quote(97, 98, at_s=2))
    made.see(trade(98, at_s=3))
    assert fills_of(made) == [(97, 3)]


def test_a_stop_limit_order_keeps_its_limit() -> None:
    """Once triggered it waits at its limit."""
    made = venue()
    made.see(quote(100, 101))
    placed = made.submit(order(size=3, stop_price=103, limit_price=103))
    made.see(quote(104, 105, at_s=1))
    made.see(trade(104, at_s=2))
    assert (made.order(placed.order_id).status, fills_of(made)) == ("new", [])
    made.see(quote(102, 103, at_s=3))
    assert fills_of(made) == [(103, 3)]


def test_a_trailing_stop_follows_the_market_one_way() -> None:
    """It rises with the price, stays when that falls, and sells where the distance is reached."""
    made = venue()
    made.see(quote(99, 100))
    made.submit(order(size=1))
    stop = made.submit(order("sell", size=1, order_type="trailing_stop", trail_price=5))
    for second, price in enumerate((110, 120, 116), 1):
        made.see(trade(price, at_s=second))
    assert made.order(stop.order_id).stop_price == 115
    made.take_outbox()
    made.see(trade(115, at_s=9))
    assert fills_of(made) == [(99, 1)]


def test_a_trailing_stop_that_is_changed_follows_on() -> None:
    """Its replacement keeps the best price seen: asked for less, it sells where the first would have sold."""
    made = venue()
    made.see(quote(99, 100))
    made.submit(order(size=2))
    stop = made.submit(order("sell", size=2, order_type="trailing_stop", trail_price=5))
    for second, price in enumerate((120, 116), 1):
        made.see(trade(price, at_s=second))
    changed = made.replace(stop.order_id, size=D(1))
    assert (changed.status, changed.water_mark, changed.stop_price) == ("pending", 120, 115)
    made.take_outbox()
    made.see(trade(115, at_s=9))
    assert fills_of(made) == [(99, 1)]


def test_a_stop_that_was_reached_is_not_waited_for_again() -> None:
    """The replacement of a stop-limit order at work is at work; one with a stop price of its own waits for that."""
    made = venue()
    made.see(quote(102, 103))
    made.submit(order(size=2))
    placed = made.submit(order("sell", size=2, stop_price=100, limit_price=99))
    made.see(quote(97, 98, at_s=1))
    made.see(trade(100, aggressor="sell", at_s=1))
    made.see(trade(101, aggressor="sell", at_s=2))
    assert (made.order(placed.order_id).status, made.ledger.size("A")) == ("new", 2)
    second = made.replace(placed.order_id, limit_price=D(98))
    assert second.status == "new"
    third = made.replace(second.order_id, stop_price=D(90))
    assert third.status == "pending"


def test_immediate_or_cancel_takes_what_is_there() -> None:
    """What cannot be filled at once is canceled."""
    made = venue()
    made.see(quote(99, 100, size=2))
    placed = made.submit(order(size=5, limit_price=100, time_in_force="ioc"))
    assert (placed.status, placed.filled_size) == ("canceled", 2)


def test_fill_or_kill_takes_all_or_nothing() -> None:
    """An order that cannot be filled whole leaves the book as it was."""
    made = venue()
    made.see(quote(99, 100, size=2))
    killed = made.submit(order(size=5, time_in_force="fok"))
    filled = made.submit(order(size=2, time_in_force="fok"))
    assert (killed.status, killed.filled_size, filled.status) == ("canceled", 0, "filled")


def test_fill_or_kill_takes_all_of_a_print_or_nothing() -> None:
    """Against prints too: one that is too small fills nothing of it."""
    made = venue(against="trade")
    made.see(trade(100))
    killed = made.submit(order(size=5, time_in_force="fok"))
    made.see(trade(100, 4))
    assert made.order(killed.order_id).status == "canceled"
    filled = made.submit(order(size=5, time_in_force="fok"))
    made.see(trade(100, 6))
    assert made.order(filled.order_id).status == "filled"
    assert fills_of(made) == [(100, 5)]


def test_reduce_only_ends_with_the_position() -> None:
    """What may only make a position smaller is cut down to what is left of it, and canceled when nothing is."""
    made = venue(limits=Limits(can_short=True))
    made.see(quote(99, 100))
    made.submit(order(size=4))
    cut = made.submit(order("sell", 4, limit_price="101", reduce_only=True))
    made.submit(order("sell", 1))
    made.see(quote(101, 102))
    assert made.order(cut.order_id).filled_size == made.order(cut.order_id).size == 3
    made.submit(order("buy", 1))
    canceled = made.submit(order("sell", 1, limit_price="103", reduce_only=True))
    made.submit(order("sell", 1))
    made.see(quote(103, 104))
    assert made.order(canceled.order_id).status == "canceled"
    assert made.ledger.size("A") == 0


def test_what_cannot_be_valued_is_refused() -> None:
    """Without a rate of its currency, or with amounts beyond all reckoning, an order is refused and does not stay open."""
    made = venue(instruments=(Instrument("A", currency="EUR"), Instrument("B", lot_size=D(1))))
    made.see(quote(99, 100))
    with pytest.raises(OrderRejectedError, match="no rate of EUR in USD is known"):
        made.submit(order())
    with pytest.raises(OrderRejectedError, match="too large to reckon with"):
        made.submit(order(symbol="B", size="1E+40"))
    assert made.open_orders() == []


def test_a_day_order_expires_with_its_day() -> None:
    """It ends at the end of the account's day, and says so; one good till canceled stays."""
    made = venue(limits=Limits(day_offset_s=3600))
    made.see(quote(99, 100, at_s=3599))
    day = made.submit(order(size=1, limit_price=90, time_in_force="day"))
    stays = made.submit(order(size=1, limit_price=90))
    made.see(quote(80, 81, at_s=3600))
    assert (made.order(day.order_id).status, made.order(day.order_id).ended_ns) == ("expired", 3600 * S)
    assert made.order(stays.order_id).status == "filled"


# -- latency, cancel, replace --------------------------------------------------------------------------------------------


def test_an_order_arrives_after_the_latency() -> None:
    """It meets the market of the moment of its arrival, not of its sending."""
    made = venue(latency_s=1.0)
    made.see(quote(99, 100))
    assert made.submit(order(size=1)).status == "pending"
    made.see(quote(99, 103, at_s=0.5))
    made.see(quote(99, 107, at_s=2))
    assert fills_of(made) == [(103, 1)]


def test_a_cancel_on_its_way_does_not_stop_a_fill() -> None:
    """What is filled before the cancel arrives stays filled."""
    made = venue(latency_s=1.0, queue="front")
    made.see(quote(99, 101))
    placed = made.submit(order(size=2, limit_price=100))
    made.see(quote(99, 101, at_s=5))
    made.cancel(placed.order_id)
    made.see(trade(100, 1, at_s=5.5))
    made.see(trade(100, 1, at_s=7))
    ended = made.order(placed.order_id)
    assert (ended.status, ended.filled_size, ended.ended_ns) == ("canceled", 1, 6 * S)


def test_a_replacement_counts_what_was_filled_on_the_way() -> None:
    """Asked for 10 in all, nothing more than 10 is ever filled."""
    made = venue(latency_s=1.0, queue="front")
    made.see(quote(99, 101))
    old = made.submit(order(size=5, limit_price=100))
    made.see(trade(100, 1, at_s=5))
    new = made.replace(old.order_id, size=D(10), limit_price=D("100.5"))
    made.see(trade(100, 2, at_s=5.5))
    made.see(trade(100, 50, at_s=7))
    assert made.order(old.order_id).status == "replaced"
    assert (made.order(old.order_id).filled_size, made.order(new.order_id).filled_size) == (3, 7)


def test_jitter_comes_from_the_seed() -> None:
    """The same seed gives the same delays, another one others."""

    def times(seed: int) -> list[int | None]:
        made = venue(jitter_s=1.0, seed=seed)
        made.see(quote(99, 100, size=100))
        for _ in range(3):
            made.submit(order(size=1))
        made.see(quote(99, 100, size=100, at_s=9))
        return [record.exchange_ns for record in made.take_outbox() if isinstance(record, Fill)]

    assert times(1) == times(1) != times(2)
    assert len(times(1)) == 3


# -- what is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"side": "hold"}, "side must be"),
        ({"size": 0}, "size must be above 0"),
        ({"size": "NaN"}, "size must be above 0"),
        ({"size": None}, "size or notional"),
        ({"size": "1.5"}, "lot size"),
        ({"limit_price": "10.05"}, "tick size"),
        ({"order_type": "limit"}, "needs limit_price"),
        ({"order_type": "iceberg"}, "order_type must be"),
        ({"time_in_force": "opg"}, "not simulated"),
        ({"stop_price": 5, "time_in_force": "ioc"}, "cannot be 'ioc'"),
        ({"limit_price": 150}, "away from the market"),
        ({"size": 1000}, "buying power"),
        ({"side": "sell"}, "short positions are not allowed"),
        ({"take_profit_price": 5}, "not simulated"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_with_a_reason(facts: dict[str, object], words: str) -> None:
    """The error and the record of the order both say why."""
    terms = Instrument("A", tick_size=D("0.1"), lot_size=D(1))
    made = venue(10_000, instruments=(terms,), limits=Limits(price_band=D("0.2")))
    made.see(quote(99, 100))
    with pytest.raises(OrderRejectedError, match=words):
        made.submit(order(**facts))
    (told,) = made.take_outbox()
    assert told.status == "rejected"  # type: ignore[attr-defined]
    assert words in told.reason  # type: ignore[attr-defined]


def test_numbers_that_are_none_move_no_market() -> None:
    """A store may give back NaN where it was given one; the market stays as it was."""
    nan, made = float("nan"), venue()
    made.see(quote(99, 100))
    made.submit(order(size=2))
    made.submit(order("sell", size=2, stop_price=90))
    for record in (trade(nan), trade(float("inf")), trade(80, nan), book([(99, 10), (nan, 1)], [(100, nan), (101, 5)])):
        made.see(record)
    view = made.views["A"]
    assert (view.last_price, len(view.bids), [depth.price for depth in view.asks]) == (None, 1, [101])
    assert (made.ledger.size("A"), made.ledger.imbalance("USD")) == (2, 0)


def test_money_is_turned_into_whole_lots() -> None:
    """An order for an amount of money buys as many whole lots as it pays for."""
    made = venue(instruments=(Instrument("A", lot_size=D(100)),))
    made.see(quote(99, 100, size=1000))
    placed = made.submit(order(size=None, notional=25_000))
    assert (placed.size, placed.status) == (200, "filled")


def test_a_client_order_id_is_used_once() -> None:
    """A repeated identifier is refused: the order may have been heard the first time."""
    made = venue()
    made.see(quote(99, 100))
    made.submit(order(client_order_id="a-1"))
    with pytest.raises(OrderRejectedError, match="used before"):
        made.submit(order(client_order_id="a-1"))


def test_unknown_orders_are_named() -> None:
    """Neither a cancel nor a change of an order that does not exist passes silently."""
    made = venue()
    for act in (made.cancel, made.replace, made.order):
        with pytest.raises(RequestError, match="no order 'x'"):
            act("x")


# -- properties ----------------------------------------------------------------------------------------------------------

LEVELS = st.lists(st.tuples(st.integers(1, 20), st.integers(1, 9)), max_size=4)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("book"), LEVELS, LEVELS),
        st.tuples(st.just("trade"), st.integers(80, 120), st.integers(1, 9)),
        st.tuples(st.just("order"), st.sampled_from(["buy", "sell"]), st.integers(1, 12), st.integers(85, 115)),
        st.tuples(st.just("market"), st.sampled_from(["buy", "sell"]), st.integers(1, 12)),
        st.tuples(st.just("kill")),
    ),
    max_size=40,
)


def _sides(bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> tuple[list[tuple[float, float]], ...]:
    below = {100 - distance: size for distance, size in bids}
    above = {100 + distance: size for distance, size in asks}
    return (
        [(float(price), float(size)) for price, size in sorted(below.items(), reverse=True)],
        [(float(price), float(size)) for price, size in sorted(above.items())],
    )


@given(ACTS, st.sampled_from(["back", "front", "through"]))
def test_no_fill_beyond_the_book_none_after_the_switch_and_the_books_balance(acts: list[tuple], queue: str) -> None:  # type: ignore[type-arg]
    """Whatever is sent and whatever comes: between two books, no more is filled than both sides and the prints showed; a
    tripped switch lets nothing pass but what closes positions; the books balance to the last digit."""
    made = venue(10**9, queue=queue, limits=Limits(can_short=True, max_leverage=None))
    offered = D(0)
    for second, act in enumerate(acts):
        match act:
            case ("book", bids, asks):
                made.see(book(*_sides(bids, asks), at_s=second))
                offered = D(sum(dict(bids).values()) + sum(dict(asks).values()))
            case ("trade", price, size):
                made.see(trade(price, size, at_s=second))
                offered += size
            case ("order", side, size, price):
                _send(made, order(side, size, limit_price=price))
            case ("market", side, size):
                _send(made, order(side, size))
            case _:
                made.kill("by hand")
        filled = [record for record in made.take_outbox() if isinstance(record, Fill)]
        offered -= sum((fill.size for fill in filled), D(0))
        assert offered >= 0
        for fill in filled:
            assert made.orders[fill.order_id].is_flattening or not made.switch.is_tripped
        assert made.ledger.imbalance("USD") == 0
    if made.switch.is_tripped:
        assert all(made.orders[working.order_id].is_flattening for working in made.open_orders())


def _send(made: PaperVenue, request: OrderRequest) -> None:
    """Send an order; it is refused after the switch has tripped, and only then."""
    if made.switch.is_tripped:
        with pytest.raises(OrderRejectedError, match="kill switch"):
            made.submit(request)
    else:
        made.submit(request)
