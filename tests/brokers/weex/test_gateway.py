"""Orders in everybody's words, on both markets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.brokers.weex.venues import config
from tests.conftest import Runner
from wsexample.brokers.weex.client import RetryConfig, WeexGateway, WeexRest
from wsexample.brokers.weex.dialect import order_body
from wsexample.brokers.weex.simulator import WeexSimulator
from wsexample.errors import OrderRejectedError, OrderUnknownError
from wsexample.ports import OrderGateway
from wsexample.records.orders import OrderRequest

SIZE, LOW, HIGH = Decimal("0.0100"), Decimal("1000.0"), Decimal("99999.0")


def request(**changes: Any) -> OrderRequest:
    return OrderRequest(**{"symbol": "BTCUSDT", "side": "buy", "size": SIZE, **changes})


def limit(price: Decimal, **changes: Any) -> OrderRequest:
    return request(order_type="limit", limit_price=price, time_in_force="gtc", **changes)


@pytest.mark.parametrize("market", ["contract", "spot"])
def test_the_life_of_orders(run: Runner[None], market: str) -> None:
    """Sent, seen waiting, canceled; sent, filled; and the account with it."""

    async def main() -> None:
        async with WeexSimulator() as venue, WeexRest(config(venue, market=market)) as rest:
            gateway: OrderGateway = WeexGateway(rest)
            before = await gateway.fetch_account()
            waiting = await gateway.submit_order(limit(LOW, client_order_id="mine-1"))
            (seen,) = await gateway.fetch_orders()
            assert (seen.order_id, seen.client_order_id, seen.status) == (waiting.order_id, "mine-1", "new")
            await gateway.cancel_order(waiting.order_id)
            with pytest.raises(OrderRejectedError):
                await gateway.cancel_order(waiting.order_id)
            filled = await WeexGateway(rest).fetch_order((await gateway.submit_order(limit(HIGH))).order_id)
            assert (filled.status, filled.filled_size, filled.order_type) == ("filled", SIZE, "limit")
            closed = await WeexGateway(rest).fetch_orders("closed", symbol="BTCUSDT")
            assert [order.status for order in closed] == ["canceled", "filled"]
            after = await gateway.fetch_account()
            assert (after.cash or 0) < (before.cash or 0)
            positions = await gateway.fetch_positions()
            assert [one.size for one in positions] == ([SIZE] if market == "contract" else [])

    run(main())


@pytest.mark.parametrize(
    ("facts", "side"),
    [
        ({"side": "buy"}, "LONG"),
        ({"side": "sell"}, "SHORT"),
        ({"side": "sell", "reduce_only": True}, "LONG"),
        ({"side": "buy", "reduce_only": True}, "SHORT"),
        ({"side": "sell", "position_side": "long"}, "LONG"),
        ({"side": "sell", "position_side": "LONG", "reduce_only": True}, "LONG"),
    ],
)
def test_which_position_an_order_is_about(facts: dict[str, Any], side: str) -> None:
    """A buy opens long and closes short, unless it is said."""
    assert order_body(request(**facts), "x", is_spot=False)["positionSide"] == side


def test_an_order_in_the_venues_words() -> None:
    """Every field where WEEX has it, and none that it has not."""
    wanted = limit(LOW, take_profit_price=HIGH, stop_loss_price=Decimal("900"))
    assert order_body(wanted, "mine", is_spot=False) == {
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.0100", "newClientOrderId": "mine",
        "price": "1000.0", "timeInForce": "GTC", "positionSide": "LONG", "tpTriggerPrice": "99999.0",
        "slTriggerPrice": "900",
    }  # fmt: skip
    assert "positionSide" not in order_body(limit(LOW), "mine", is_spot=True)


@pytest.mark.parametrize(
    ("wanted", "is_spot"),
    [
        (request(order_type="stop", stop_price=LOW), False),
        (request(size=None, notional=LOW), False),
        (request(side="hold"), False),
        (request(limit_price=LOW), False),
        (request(order_type="limit"), False),
        (request(order_type="limit", limit_price=LOW, time_in_force="day"), False),
        (request(trail_price=LOW), False),
        (request(take_profit_price=HIGH), True),
        (request(reduce_only=True), True),
        (request(reduce_only=True, position_side="long"), False),
        (request(side="sell", reduce_only=True, position_side="short"), False),
    ],
)
def test_what_weex_does_not_have_is_refused_unsent(wanted: OrderRequest, is_spot: bool) -> None:
    """In words that say what to ask for instead."""
    with pytest.raises(OrderRejectedError):
        order_body(wanted, "x", is_spot=is_spot)


def test_an_order_without_an_answer_is_looked_for(run: Runner[None], monkeypatch: pytest.MonkeyPatch) -> None:
    """When it was taken after all it is returned; when it cannot be found that is raised. It is never sent twice."""

    async def main() -> None:
        async with WeexSimulator() as venue, WeexRest(config(venue, retry=RetryConfig(max_retries=0))) as rest:
            send = rest.submit_order
            monkeypatch.setattr(rest, "submit_order", _answerless(send, venue, is_sent=True))
            order = await WeexGateway(rest).submit_order(limit(LOW, client_order_id="mine-2"))
            assert (order.client_order_id, order.status) == ("mine-2", "new")
            monkeypatch.setattr(rest, "submit_order", _answerless(send, venue, is_sent=False))
            with pytest.raises(OrderUnknownError):
                await WeexGateway(rest).submit_order(limit(LOW, client_order_id="mine-3"))
            assert venue.calls["POST /capi/v3/order"] == 1

    run(main())


def _answerless(send: Any, venue: WeexSimulator, *, is_sent: bool) -> Any:
    """A call whose answer is lost, after it has arrived or before."""

    async def submit(body: Any) -> Any:
        if is_sent:
            await send(body)
        raise OrderUnknownError("no answer")

    return submit
