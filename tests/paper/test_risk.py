"""Limits and the kill switch."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.paper.parts import book, fills_of, order, quote, trade, venue
from wsexample.errors import OptionError, OrderRejectedError
from wsexample.paper.risk import KillSwitch, Limits
from wsexample.records.orders import Order

D = Decimal
DAY_NS = 86_400 * 10**9


def refused(limits: Limits, *sent: object, bid: float = 99, ask: float = 100, cash: object = 1_000_000) -> str:
    """Send orders, of which the last one must be refused; returns why."""
    made = venue(cash, limits=limits)
    made.see(quote(bid, ask, size=1000))
    for request in sent[:-1]:
        made.submit(request)  # type: ignore[arg-type]
    with pytest.raises(OrderRejectedError) as caught:
        made.submit(sent[-1])  # type: ignore[arg-type]
    return caught.value.words


def test_a_position_cannot_grow_beyond_its_limit_by_waiting_orders() -> None:
    """What is open counts as if it were filled."""
    words = refused(Limits(max_position=D(10)), order(size=4), order(size=4, limit_price=50), order(size=3))
    assert words == "the position of A could become 11, above max_position 10"


def test_a_short_position_counts_like_a_long_one() -> None:
    """The limit holds on both sides."""
    assert "max_position" in refused(Limits(max_position=D(10), can_short=True), order("sell", size=11))


def test_the_value_of_an_order_is_limited() -> None:
    """A market order is valued at what it would pay."""
    assert "worth 1100" in refused(Limits(max_order_value=D(1000)), order(size=11))


def test_exposure_counts_every_symbol() -> None:
    """Positions and open orders of all symbols add up."""
    words = refused(
        Limits(max_exposure=D(1000)), order(size=4), order(size=4, symbol="B", limit_price=100), order(size=3)
    )
    assert "above max_exposure 1000" in words


def test_nothing_is_bought_on_credit() -> None:
    """Without leverage the exposure stays within the equity; with it, within its multiple."""
    assert "not enough buying power" in refused(Limits(), order(size=11), cash=1000)
    assert "not enough buying power" in refused(Limits(max_leverage=D(2)), order(size=15), order(size=6), cash=1000)


def test_a_market_order_is_valued_at_every_level_that_it_takes() -> None:
    """A thin book makes nothing cheaper: no credit is given by its deeper levels, by size or by money; nor by slippage."""
    thin = book([(99, 1)], [(100, 1), (200, 99)])
    made = venue(10_000)
    made.see(thin)
    with pytest.raises(OrderRejectedError, match="could become 19900, and equity is 10000"):
        made.submit(order(size=100))
    assert made.submit(order(size=None, notional=10_000)).filled_size == D("50.5")
    assert made.ledger.cash["USD"] == 0
    slipped = venue(10_000, slippage_bps=D(10))
    slipped.see(quote(99, 100, size=1000))
    with pytest.raises(OrderRejectedError, match="not enough buying power"):
        slipped.submit(order(size=100))
    slipped.submit(order(size=None, notional=10_000))
    assert 0 <= slipped.ledger.cash["USD"] < 1


def test_what_has_no_price_yet_passes_no_limit_of_value() -> None:
    """Before anything is known of a symbol nobody can say what an order would cost; without such limits it may be sent."""
    made = venue(1000)
    with pytest.raises(OrderRejectedError, match="nothing is known of the price of A yet"):
        made.submit(order(size=1000))
    assert venue(1000, limits=Limits(max_leverage=None)).submit(order(size=1000)).status == "new"


def test_a_position_can_be_closed_whatever_the_limits() -> None:
    """An order that makes a position smaller passes limits of size and money."""
    made = venue(1000, limits=Limits(max_position=D(10), max_order_value=D(1000)))
    made.see(quote(99, 100))
    made.submit(order(size=10))
    made.see(quote(300, 301, at_s=1))
    made.submit(order("sell", size=10))
    assert made.ledger.size("A") == 0


def test_what_is_held_is_sold_once() -> None:
    """Two orders cannot both sell the same holding."""
    words = refused(Limits(), order(size=10), order("sell", size=6, limit_price=150), order("sell", size=5))
    assert words == "only 4 of A can be sold, and short positions are not allowed"


def test_reduce_only_never_opens() -> None:
    """An order that may only make a position smaller is refused where it would not."""
    assert "reduce_only" in refused(Limits(can_short=True), order("sell", size=5, reduce_only=True))


def test_reduce_only_passes_beside_other_orders_that_reduce() -> None:
    """As long as they do not sell more than there is, several orders may make a position smaller."""
    made = venue()
    made.see(quote(99, 100, size=100))
    made.submit(order(size=100))
    made.submit(order("sell", size=30, limit_price=110))
    assert made.submit(order("sell", size=50, limit_price=120, reduce_only=True)).status == "new"
    with pytest.raises(OrderRejectedError, match="only 20 of A can be sold"):
        made.submit(order("sell", size=70, limit_price=120, reduce_only=True))


def test_orders_are_limited_by_the_minute() -> None:
    """One more than allowed within 60 s is refused; a minute later it passes."""
    made = venue(limits=Limits(max_orders_per_minute=2))
    made.see(quote(99, 100, at_s=1))
    made.submit(order())
    made.submit(order())
    with pytest.raises(OrderRejectedError, match="2 orders within a minute"):
        made.submit(order())
    made.see(quote(99, 100, at_s=61))
    made.submit(order())


def test_a_drawdown_trips_the_switch_and_closes_everything() -> None:
    """Open orders are canceled, positions closed at market, everything after it is refused."""
    made = venue(1000, limits=Limits(max_drawdown=D("0.1")))
    made.see(quote(99, 100))
    made.submit(order(size=10))
    waiting = made.submit(order("sell", size=10, limit_price=200))
    made.see(quote(85, 86, at_s=1))
    assert made.order(waiting.order_id).status == "canceled"
    assert made.ledger.size("A") == 0
    assert fills_of(made) == [(100, 10), (85, 10)]
    with pytest.raises(OrderRejectedError, match=r"kill switch has tripped: equity is 15\.00 % below"):
        made.submit(order())


def test_closing_goes_on_until_nothing_is_held() -> None:
    """Where the book is too thin at first, what is left is closed by what comes."""
    made = venue(limits=Limits(max_leverage=None))
    made.see(quote(99, 100, size=10))
    made.submit(order(size=10))
    made.see(quote(90, 91, size=4, at_s=1))
    assert made.kill("by hand")
    assert made.ledger.size("A") == 6
    made.see(quote(88, 89, size=9, at_s=2))
    assert made.ledger.size("A") == 0
    assert not made.kill("again")


def test_orders_on_their_way_do_not_pass_a_tripped_switch() -> None:
    """What was sent before and has not arrived is canceled too."""
    made = venue(latency_s=1.0)
    made.see(quote(99, 100))
    sent = made.submit(order(size=5))
    made.kill("by hand")
    made.see(trade(100, at_s=5))
    assert made.order(sent.order_id).status == "canceled"
    told = [record for record in made.take_outbox() if isinstance(record, Order)]
    assert [record.event for record in told] == ["canceled"]


def test_a_daily_loss_is_forgotten_with_its_day() -> None:
    """The loss counts from the beginning of the account's day."""
    switch = KillSwitch(Limits(daily_loss=D(100)), D(1000))
    assert not switch.look(D(950), DAY_NS - 1)
    assert not switch.look(D(950), DAY_NS)
    assert not switch.look(D(860), DAY_NS + 1)
    assert switch.look(D(850), DAY_NS + 2)
    assert switch.reason == "the day's loss of 100 has reached 100"


def test_a_reset_switch_counts_anew() -> None:
    """After a reset, losses count from the equity of that moment."""
    switch = KillSwitch(Limits(max_drawdown=D("0.1")), D(1000))
    assert switch.look(D(900), 0)
    switch.reset(D(900))
    assert not switch.look(D(811), 1)
    assert switch.look(D(810), 2)


@pytest.mark.parametrize(
    "facts", [{"max_position": D(0)}, {"max_drawdown": D(1)}, {"daily_loss": D(-1)}, {"max_orders_per_minute": 0}]
)
def test_limits_that_make_no_sense_are_refused(facts: dict[str, object]) -> None:
    """A limit of nothing, or of more than everything, is an error that names it."""
    with pytest.raises(OptionError, match=next(iter(facts))):
        Limits(**facts)  # type: ignore[arg-type]


def test_a_loss_over_night_counts_for_the_day_that_begins_with_it() -> None:
    """A day begins with the equity of the day before, not with that of its first price, which may be far away."""
    made = venue(100_000, limits=Limits(daily_loss=D(500)))
    made.see(quote(100, 101, size=1000))
    made.submit(order(size=100))
    made.see(quote(100, 101, size=1000, at_s=86_399))
    made.see(quote(94, 95, size=1000, at_s=86_401))
    assert made.switch.reason == "the day's loss of 600 has reached 500"


def test_the_equity_of_the_day_before_is_told() -> None:
    """Without any limit too, and a record that comes late from the day before begins no day."""
    made = venue(100_000)
    made.see(quote(100, 101, size=1000))
    made.submit(order(size=100))
    for bid, at_s in ((110, 86_399), (120, 86_401), (121, 86_399), (122, 86_402)):
        made.see(quote(bid, bid + 1, size=1000, at_s=at_s))
    account = made.account()
    assert (account.last_equity, account.equity) == (100_900, 102_100)
