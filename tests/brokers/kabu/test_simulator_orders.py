"""Orders through real sockets: other people's HTTP, pushed boards, and replies that are lost."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec
import pytest

from wsexample.brokers.kabu.orders import cash_order
from wsexample.brokers.kabu.simulator import AccountPlan, KabuSimulator, Switches
from wsexample.brokers.kabu.simulator.http import encode

from .simulator_calls import QUICK, caller_of

BUY = encode(cash_order("9433", "buy", 100))
JSON = {"Content-Type": "application/json"}


def test_an_order_over_http_is_filled_and_pushed(run: Any) -> None:
    """Sent by one program, seen on the board by another, found in ``/orders`` with its executions."""

    async def main() -> None:
        async with KabuSimulator(switches=QUICK) as sim, caller_of(sim) as caller:
            await caller.register("9433")
            async with caller.http.ws_connect(sim.push_url) as ws:
                reply = await caller.call("POST", "sendorder", data=BUY, headers=JSON)
                assert reply.status == 200
                assert reply.json["Result"] == 0
                await sim.wait_for("orders_finished")
                board = msgspec.json.decode(await ws.receive_str(timeout=5))
                assert board["Symbol"] == "9433"
                rows = (await caller.call("GET", f"orders?id={reply.json['OrderId']}")).json
                assert rows[0]["CumQty"] == 100
                positions = (await caller.call("GET", "positions")).json
                assert positions[0]["LeavesQty"] == 100
                wallet = (await caller.call("GET", "wallet/cash")).json
                assert wallet["StockAccountWallet"] < 10_000_000

    run(main())


def test_a_lost_reply_does_not_mean_a_lost_order(run: Any) -> None:
    """The vendor's issue 972 on command: executed, and nobody answered."""

    async def main() -> None:
        async with KabuSimulator(switches=QUICK) as sim, caller_of(sim) as caller:
            sim.lose_order_replies()
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await caller.call("POST", "sendorder", data=BUY, headers=JSON)
            await sim.wait_for("executions")
            assert (await caller.call("GET", "orders")).json[0]["CumQty"] == 100
            assert (await caller.call("POST", "sendorder", data=BUY, headers=JSON)).status == 200

    run(main())


def test_the_account_can_be_furnished(run: Any) -> None:
    """Cash and holdings of one's choice; the list can be emptied as another program would."""

    async def main() -> None:
        account = AccountPlan(cash_yen=123, holdings={"9433": 100})
        async with KabuSimulator(switches=Switches(), account=account) as sim, caller_of(sim) as caller:
            assert (await caller.call("GET", "wallet/cash")).json["StockAccountWallet"] == 123
            assert (await caller.call("GET", "positions")).json[0]["LeavesQty"] == 100
            await caller.register("9433")
            sim.forget_list()
            assert sim.station.entries == {}

    run(main())
