"""A day of random orders: whatever happens, the sums of money, shares and queues are right."""

from __future__ import annotations

import random
from typing import Any

import pytest

from wsexample.brokers.kabu.messages.orders import StockOrder
from wsexample.brokers.kabu.orders import CloseRule, Stop, cash_order, derivative_order, margin_order, repay_order
from wsexample.brokers.kabu.simulator.lifecycle import OrderState, WorkingOrder

from .core_calls import Caller
from .market_samples import at, future
from .test_simulator_account import RICH

STOCKS = ("9433", "8306", "7203")
MINI = future()


def any_order(draw: random.Random, caller: Caller) -> Any:
    """Anything that a reckless trader may send."""
    side: Any = draw.choice(["buy", "sell"])
    if draw.random() < 0.25:
        last = caller.market.views[MINI, 2].listing.last / 100
        price = draw.choice([None, last + draw.randrange(-6, 7) * 5])
        tif: Any = draw.choice([None, "fak", "fok"])
        positions: Any = draw.choice([None, None, 0])
        rule = CloseRule(positions) if positions is not None else None
        return derivative_order(MINI, side, draw.randint(1, 9), price=price, time_in_force=tif, positions=rule)
    symbol = draw.choice(STOCKS)
    last = caller.market.views[symbol, 1].listing.last / 100
    price = draw.choice([None, round(last * 2 + draw.randrange(-10, 11)) / 2])
    make: Any = draw.choice([cash_order, cash_order, margin_order, repay_order])
    stop = None
    if draw.random() < 0.1:
        stop, price = Stop(price=round(last * 2 + draw.randrange(-6, 7)) / 2, when="at or above"), None
    kind = draw.choice([None, None, None, 17 if price is None else 27]) if stop is None else None
    return make(symbol, side, draw.randint(1, 20) * 100, price=price, stop=stop, kind=kind)


def assert_queues(caller: Caller) -> None:
    """Orders at work are in the book with what is left of them, and nobody else is."""
    for view in caller.market.views.values():
        book = view.listing.book
        for side in (book.bids, book.asks):
            assert all(side.quantities[price] >= queue.total for price, queue in side.queues.items())
            assert side.total == sum(side.quantities.values())
        owners = {guest.owner: guest.quantity for guest in book.guests()}
        working = {
            order: order.left
            for order in caller.core.floor.orders.values()
            if order.view.listing is view.listing and order.guest is not None and order.is_open
        }
        assert owners == working


@pytest.mark.parametrize("seed", [1, 2])
def test_a_day_of_random_orders_adds_up(seed: int) -> None:
    """From the open to the close: no level owes anybody, no order holds what it should not, cash is what trades say."""
    draw = random.Random(seed)
    caller = Caller("08:55", RICH)
    sent = 0
    while caller.market.now_ns < at("15:35"):
        # now and then a leap, through the breaks too
        caller.play(draw.choice([0.02, 0.5, 2, 20, 200, 600]))
        for _ in range(draw.randint(0, 4)):
            order = any_order(draw, caller)
            path = "sendorder" if isinstance(order, StockOrder) else "sendorder/future"
            sent += caller.call("POST", path, order).http_status == 200
        for order in list(caller.core.floor.orders.values()):
            if order.is_open and draw.random() < 0.1:
                caller.call("PUT", "cancelorder", {"OrderId": order.order_id})
        assert_queues(caller)
    orders = list(caller.core.floor.orders.values())
    assert sent > 30
    assert caller.core.floor.executions > 20
    assert_money(caller, orders)


def assert_money(caller: Caller, orders: list[WorkingOrder]) -> None:
    """Cash trades move cash by their value; positions by what they gained; what is over holds nothing."""
    ledger = caller.core.ledger
    assert all(not order.is_open for order in orders if order.is_stock)
    assert set(ledger._holds) == {order.order_id for order in orders if order.is_open}
    assert all(order.state is OrderState.FINISHED or order.left > 0 for order in orders)
    flow = {1: 0.0, 2: 0.0}
    shares: dict[str, int] = {}
    for order in orders:
        fills = [detail for detail in order.details if detail.RecType == 8]
        value = sum(float(fill.Price or 0) * float(fill.Qty or 0) for fill in fills)  # type: ignore[arg-type]
        assert sum(int(fill.Qty or 0) for fill in fills) == order.filled  # type: ignore[arg-type]
        sign = -1 if order.is_buy else 1
        is_cash = isinstance(order.body, StockOrder) and order.body.CashMargin == 1
        flow[1 if is_cash else 2] += sign * value * order.view.listing.instrument.multiplier
        if is_cash:
            shares[order.body.Symbol] = shares.get(order.body.Symbol, 0) - sign * order.filled
    assert {code: holding.quantity for (code, _), holding in ledger.holdings.items()} == {
        code: count for code, count in shares.items() if count
    }
    # a position that is open has paid nothing yet: its price stands for what its closing will be reckoned against
    still_open = sum(
        (lot.price if lot.is_long else -lot.price) * lot.quantity * lot.view.listing.instrument.multiplier / 100
        for lot in ledger.lots.values()
    )
    assert ledger.cash / 100 == pytest.approx(RICH.cash_yen + flow[1] + flow[2] + still_open)
