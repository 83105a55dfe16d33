"""Orders that belong together at the simulated exchange: brackets, orders that trigger others, orders that exclude each other."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.brokers.alpaca.simulator_calls import WHOLE, Floor, floor
from wsexample.brokers.alpaca.messages.trading import ReplaceSubmission, StopLoss, TakeProfit
from wsexample.brokers.alpaca.simulator import Switches
from wsexample.brokers.alpaca.simulator.desk import Call, TradingDesk
from wsexample.brokers.alpaca.simulator.orders import SimOrder

PROFIT, LOSS = TakeProfit(limit_price="195"), StopLoss(stop_price="140")
CLASSES = {"bracket": {"take_profit": PROFIT, "stop_loss": LOSS}, "oto": {"stop_loss": LOSS}}
ENDS = {
    "cancel": lambda ground, order: ground.exchange.cancel(ground.account, order, ground.exchange.now_ns),
    "expiry": lambda ground, order: ground.exchange.close_market(),
    "rejection": lambda ground, order: ground.commands.force(order.order_id, "rejected"),
}


def entry(ground: Floor, kind: str = "bracket", filled: str = "4", **fields: Any) -> SimOrder:
    """Place a group whose entry, ten AAPL, waits for its price with a part of it filled."""
    order = ground.place(type="limit", limit_price="150", order_class=kind, **CLASSES[kind] | fields)
    ground.pass_time()
    if filled:
        ground.commands.fill_order(order.order_id, Decimal(filled))
    ground.events.clear()
    return order


def exits(ground: Floor) -> SimOrder:
    """Place two orders that exclude each other, to sell the ten AAPL that are held."""
    ground.place()
    ground.pass_time()
    order = ground.place(side="sell", type="limit", order_class="oco", take_profit=PROFIT, stop_loss=LOSS)
    ground.pass_time()
    ground.events.clear()
    return order


def replaced(ground: Floor, order: SimOrder, **fields: str) -> SimOrder:
    """Replace an order, with the time that takes."""
    new = ground.exchange.replace(ground.account, order, ReplaceSubmission(**fields), ground.exchange.now_ns)
    ground.pass_time()
    return new


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("kind", CLASSES)
def test_an_entry_that_ends_half_filled_takes_its_exits_along(kind: str, end: str) -> None:
    """Whatever ended it, no leg stays held for ever: each is told to be canceled, once."""
    ground = floor()
    order = entry(ground, kind)
    ENDS[end](ground, order)
    ground.pass_time()
    assert [leg.status for leg in order.legs] == ["canceled"] * len(order.legs)
    told = [update.event for update in ground.events if update.order.id != order.order_id]
    assert told == ["canceled"] * len(order.legs)
    assert not list(ground.account.open_orders())


@pytest.mark.parametrize("end", ENDS)
def test_exits_of_a_half_filled_entry_may_work_for_what_was_filled(end: str) -> None:
    """With the switch: they are as large as the position, and of them one is filled."""
    ground = floor(WHOLE.replace(partly_filled_parent="release_legs"))
    order = entry(ground)
    profit, loss = order.legs
    ENDS[end](ground, order)
    ground.pass_time()
    assert [(leg.status, leg.size) for leg in (profit, loss)] == [("new", 4), ("new", 4)]
    ground.quote("AAPL", 195.1, 195.2, last=195.1)
    assert (profit.status, loss.status, ground.account.held("AAPL")) == ("filled", "canceled", 0)


@pytest.mark.parametrize("end", ["cancel", "rejection"])
def test_the_end_of_a_leg_is_the_end_of_an_entry_that_waits(end: str) -> None:
    """Any order of a group that is canceled takes along whatever of it is open."""
    ground = floor()
    order = entry(ground, filled="")
    ENDS[end](ground, order.legs[1])
    ground.pass_time()
    assert [each.is_closed for each in (order, *order.legs)] == [True] * 3


def test_orders_of_the_day_that_belong_together_expire_once_each() -> None:
    """Two exits at work, and an order with the one that excludes it: at the close each says expired, and nothing else."""
    ground = floor()
    ground.commands.fill_order(entry(ground).order_id)
    exits(ground)
    ground.pass_time()
    ground.events.clear()
    ground.market.close_stocks()
    ground.exchange.close_market()
    ground.pass_time()
    assert ground.names() == ["expired"] * 4


def test_of_orders_that_exclude_each_other_the_half_filled_one_leaves_the_rest_to_the_other() -> None:
    """What one exit has sold the other cannot sell again; the end of one is the end of both."""
    ground = floor()
    order = exits(ground)
    ground.commands.fill_order(order.order_id, Decimal(4))
    assert order.legs[0].size == 6
    ground.quote("AAPL", 139.0, 139.1, last=139.0)
    assert (order.status, order.legs[0].status, ground.account.held("AAPL")) == ("canceled", "filled", 0)


@pytest.mark.parametrize("end", ENDS)
def test_a_half_filled_exit_that_ends_takes_the_other_along(end: str) -> None:
    """Of an oco too, whatever ended it."""
    ground = floor()
    order = exits(ground)
    ground.commands.fill_order(order.order_id, Decimal(4))
    ENDS[end](ground, order)
    ground.pass_time()
    assert [each.is_closed for each in (order, *order.legs)] == [True] * 2


def test_a_replaced_entry_keeps_its_exits() -> None:
    """They wait for the new one, grow with it, and work when it is filled; the old one leaves them alone."""
    ground = floor()
    order = entry(ground)
    legs = list(order.legs)
    new = replaced(ground, order, limit_price="151", qty="12")
    assert (new.size, new.legs, order.legs, [leg.status for leg in legs]) == (8, legs, [], ["held", "held"])
    ground.commands.fill_order(new.order_id)
    assert [(leg.status, leg.size) for leg in legs] == [("new", 12), ("new", 12)]


def test_a_replaced_leg_stays_in_its_group() -> None:
    """It waits while the entry does, and goes when the other exit is filled."""
    ground = floor()
    order = entry(ground)
    new = replaced(ground, order.legs[1], stop_price="145")
    assert (new.status, order.legs[1], new.stop_price) == ("held", new, Decimal(145))
    ground.commands.fill_order(order.order_id)
    newer = replaced(ground, new, stop_price="146")
    assert newer.status == "new"
    ground.commands.fill_order(order.legs[0].order_id)
    assert (newer.status, ground.account.held("AAPL"), list(ground.account.open_orders())) == ("canceled", 0, [])


def test_an_entry_and_its_leg_may_be_replaced_at_once() -> None:
    """The new leg belongs to the new entry: when it is filled, the other exit goes."""
    ground = floor()
    order = entry(ground, filled="")
    leg, now_ns = order.legs[1], ground.exchange.now_ns
    new = ground.exchange.replace(ground.account, order, ReplaceSubmission(limit_price="151"), now_ns)
    newer_leg = ground.exchange.replace(ground.account, leg, ReplaceSubmission(stop_price="145"), now_ns)
    ground.pass_time()
    assert (new.legs[1], newer_leg.parent) == (newer_leg, new)
    ground.commands.fill_order(new.order_id)
    ground.commands.fill_order(newer_leg.order_id)
    assert (ground.account.held("AAPL"), list(ground.account.open_orders())) == (0, [])


def test_what_is_filled_while_a_replacement_is_on_its_way_counts() -> None:
    """The new order is for what is left when its turn comes; when nothing is, it is refused."""
    ground = floor()
    first, second = ground.place(type="limit", limit_price="150"), ground.place(type="limit", limit_price="150")
    ground.pass_time()
    news = [
        ground.exchange.replace(ground.account, order, ReplaceSubmission(qty="7"), ground.exchange.now_ns)
        for order in (first, second)
    ]
    ground.commands.fill_order(first.order_id, Decimal(3))
    ground.commands.fill_order(second.order_id, Decimal(8))
    ground.pass_time()
    assert [(order.status, order.size) for order in news] == [("new", 4), ("rejected", -1)]
    assert (first.status, second.status) == ("replaced", "partially_filled")


def test_an_order_that_waits_for_the_close_waits_when_it_is_replaced() -> None:
    """A replacement is routed as a new order would be."""
    ground = floor()
    order = ground.place(time_in_force="cls")
    new = replaced(ground, order, qty="5")
    assert (order.status, new.status) == ("replaced", "accepted")
    ground.exchange.close_market()
    assert (new.status, ground.account.held("AAPL")) == ("filled", 5)


def test_canceling_everything_cancels_the_exits_of_a_filled_entry() -> None:
    """Exits at work have nobody else who takes them along; a group tells its end once."""
    ground = floor()
    order = entry(ground, filled="10")
    ground.pass_time()
    ground.events.clear()
    TradingDesk(ground.exchange, ground.market).answer(
        ground.account, Call("DELETE", "/v2/orders", {}, b""), ground.exchange.now_ns
    )
    ground.pass_time()
    assert [leg.status for leg in order.legs] == ["canceled", "canceled"]
    assert ground.names() == ["pending_cancel", "pending_cancel", "canceled", "canceled"]


def test_groups_whose_legs_were_replaced_are_forgotten() -> None:
    """A leg that was replaced is not kept for ever once its group is over."""
    ground = floor(Switches(partial_fill_chance=0, kept_orders=8))
    for _ in range(20):
        order = entry(ground, filled="")
        replaced(ground, order.legs[1], stop_price="145")
        ENDS["cancel"](ground, order)
        ground.pass_time()
    assert len(ground.account.orders) < 20
