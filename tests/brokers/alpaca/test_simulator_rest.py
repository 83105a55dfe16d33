"""The simulator's REST side over HTTP: every call, its refusals, paging, limits, the event stream, faults and control."""

from __future__ import annotations

import json
import re
from typing import Any

import aiohttp
import pytest

from tests.brokers.alpaca.payloads import ns
from tests.brokers.alpaca.simulator_calls import HEADERS, WHOLE, Caller, caller_of
from tests.conftest import Runner
from wsexample.brokers.alpaca.simulator import AlpacaSimulator, Switches


def still(switches: Switches | None = None, **options: Any) -> AlpacaSimulator:
    """A simulator with two minutes of history."""
    return AlpacaSimulator(switches=switches or WHOLE, **{"warm_up_s": 130, **options})


async def bought(caller: Caller, **fields: Any) -> Any:
    """A filled order."""
    order = await caller.order(**fields)
    await caller.sim.wait_for("executions")
    return order


# --- account, orders, positions -------------------------------------------------------------------------------------------


def test_credentials_are_asked_for(run: Runner[None]) -> None:
    """401 with the vendor's words for wrong ones and for none; crypto data needs none."""

    async def main() -> None:
        async with still() as sim, aiohttp.ClientSession() as http:
            for headers in ({}, {**HEADERS, "APCA-API-SECRET-KEY": "no"}, {"Authorization": "Bearer no"}):
                async with http.get(f"{sim.url}/v2/account", headers=headers) as reply:
                    assert (reply.status, await reply.json()) == (401, {"message": "unauthorized."})
            async with http.get(f"{sim.url}/v1beta3/crypto/us/latest/trades?symbols=BTC/USD") as reply:
                assert (await reply.json())["trades"]["BTC/USD"]["p"] > 0

    run(main())


def test_an_account_is_shown(run: Runner[None]) -> None:
    """Money as texts; fields of the removed rule are not there."""

    async def main() -> None:
        async with still() as sim, caller_of(sim) as caller:
            account = (await caller.call("GET", "/v2/account")).json
            assert (account["cash"], account["buying_power"], account["status"]) == ("100000", "200000", "ACTIVE")
            assert "pattern_day_trader" not in account

    run(main())


def test_an_order_is_placed_listed_and_found(run: Runner[None]) -> None:
    """By its id, by the client's id, and in lists by status, symbol, side, time and direction."""

    async def main() -> None:
        async with still() as sim, caller_of(sim) as caller:
            filled = await bought(caller, client_order_id="mine")
            resting = await caller.order(symbol="MSFT", type="limit", limit_price="100")
            for path in (f"/v2/orders/{filled['id']}", "/v2/orders:by_client_order_id?client_order_id=mine"):
                found = (await caller.call("GET", path)).json
                assert (found["id"], found["status"], found["qty"]) == (filled["id"], "filled", "5")

            async def listed(**query: str) -> list[str]:
                return [order["id"] for order in (await caller.call("GET", "/v2/orders", params=query)).json]

            both = [filled["id"], resting["id"]]
            assert await listed() == [resting["id"]]
            assert await listed(status="closed") == [filled["id"]]
            assert await listed(status="all", direction="asc") == both
            assert await listed(status="all") == both[::-1]
            assert await listed(status="all", symbols="AAPL,F") == [filled["id"]]
            assert await listed(status="all", side="sell") == []
            assert await listed(status="all", limit="1", direction="asc") == [filled["id"]]
            assert await listed(status="all", after=found["submitted_at"]) == [resting["id"]]
            assert await listed(status="all", until=found["submitted_at"]) == []

    run(main())


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/orders/none", 404, 40410000),
        ("GET", "/v2/orders:by_client_order_id?client_order_id=none", 404, 40410000),
        ("DELETE", "/v2/orders/none", 404, 40410000),
        ("PATCH", "/v2/orders/none", 404, 40410000),
        ("GET", "/v2/orders?limit=501", 422, 42210000),
        ("GET", "/v2/orders?after=soon", 422, 42210000),
        ("GET", "/v2/positions/AAPL", 404, 40410000),
        ("DELETE", "/v2/positions/AAPL", 404, 40410000),
        ("GET", "/v2/assets/NOPE", 404, 40410000),
        ("GET", "/v2/account/activities/FILL?page_token=none", 422, 42210000),
        ("GET", "/v2/calendar?start=soon", 422, 42210000),
        ("PUT", "/v2/account", 405, None),
        ("GET", "/v2/nothing", 404, None),
        ("GET", "/v2/stocks/bars", 400, None),
        ("GET", "/v2/stocks/bars?symbols=AAPL&limit=0", 400, None),
        ("GET", "/v2/stocks/bars?symbols=AAPL&timeframe=1Moon", 400, None),
        ("GET", "/v2/stocks/bars?symbols=AAPL&page_token=%21", 400, None),
        ("GET", "/v2/stocks/bars?symbols=not%20one", 400, None),
        ("GET", "/v2/stocks/trades?symbols=AAPL&feed=sip", 403, 42210000),
        ("POST", "/v2/stocks/bars", 405, None),
    ],
)
def test_what_is_not_there_is_refused(run: Runner[None], method: str, path: str, status: int, code: int | None) -> None:
    """Status and code as the real one's."""

    async def main() -> None:
        async with still() as sim, caller_of(sim) as caller:
            answer = await caller.call(method, path)
            assert (answer.status, answer.json.get("code")) == (status, code)
            assert answer.json["message"]

    run(main())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"qty":{}}'])
def test_a_body_that_is_no_order_is_refused(run: Runner[None], body: bytes) -> None:
    """422 with a code, never a fault of the server."""

    async def main() -> None:
        async with still() as sim, caller_of(sim) as caller:
            answer = await caller.call("POST", "/v2/orders", data=body)
            assert (answer.status, answer.json["code"]) == (422, 40010001)

    run(main())


def test_refusals_carry_their_extras(run: Runner[None]) -> None:
    """403 with buying power and cost, 422 with the vendor's code."""

    async def main() -> None:
        async with still() as sim, caller_of(sim) as caller:
            poor = await caller.order(qty="100000", type="limit", limit_price="150")
            assert (poor["code"], poor["buying_power"], poor["cost_basis"]) == (40310000, "200000", "15000000")
            shape = await caller.order(type="limit")
            assert shape["code"] == 40010001

    run(main())


def test_orders_are_replaced_and_canceled(run: Runner[None]) -> None:
    """PATCH answers with a new order, DELETE with 204 and nothing, all at once with 207."""

    async def main() -> None:
        async with still() as sim, caller_of(sim) as caller:
            first = await caller.order(type="limit", limit_price="150")
            await sim.step()
            while (await caller.call("GET", f"/v2/orders/{first['id']}")).json["status"] != "new":
                await sim.step()
            new = (await caller.call("PATCH", f"/v2/orders/{first['id']}", json={"limit_price": "151"})).json
            assert (new["replaces"], new["status"], new["limit_price"]) == (first["id"], "accepted", "151")
            second = await caller.order(symbol="MSFT", type="limit", limit_price="100")
            gone = await caller.call("DELETE", f"/v2/orders/{second['id']}")
            assert (gone.status, gone.body) == (204, b"")
            many = await caller.call("DELETE", "/v2/orders")
            assert (many.status, {each["status"] for each in many.json}) == (207, {200, 422})

    run(main())


def test_a_share_of_a_position_is_closed_in_whole_smallest_parts(run: Runner[None]) -> None:
    """Half of an odd number of them is rounded down; nothing at all is refused, and closes nothing."""

    async def main() -> None:
        async with still() as sim, caller_of(sim) as caller:
            await caller.order(symbol="BTC/USD", qty="0.012345679", time_in_force="gtc")
            await sim.wait_for("executions", 1)
            for percentage in ("0", "0.000000001"):
                none = await caller.call("DELETE", f"/v2/positions/BTCUSD?percentage={percentage}")
                assert (none.status, none.json["message"]) == (422, "qty must be > 0")
            half = await caller.call("DELETE", "/v2/positions/BTCUSD?percentage=50")
            assert (half.status, half.json["qty"]) == (200, "0.006172839")

    run(main())


def test_positions_are_shown_and_closed(run: Runner[None]) -> None:
    """One, a part of one, and all of them."""

    async def main() -> None:
        async with still() as sim, caller_of(sim) as caller:
            await bought(caller, qty="10")
            await caller.order(symbol="BTC/USD", qty="0.01", time_in_force="gtc")
            await sim.wait_for("executions", 2)
            held = (await caller.call("GET", "/v2/positions")).json
            assert {(each["symbol"], each["qty"], each["side"]) for each in held} == {
                ("AAPL", "10", "long"),
                ("BTC/USD", "0.01", "long"),
            }
            half = await caller.call("DELETE", "/v2/positions/AAPL?percentage=50")
            assert (half.status, half.json["qty"], half.json["side"]) == (200, "5", "sell")
            await sim.wait_for("executions", 3)
            for name in ("BTCUSD", "BTC%2FUSD"):
                assert (await caller.call("GET", f"/v2/positions/{name}")).json["symbol"] == "BTC/USD"
            rest = await caller.call("DELETE", "/v2/positions?cancel_orders=true")
            assert (rest.status, [each["status"] for each in rest.json]) == (207, [200, 200])
            await sim.wait_for("executions", 5)
            assert (await caller.call("GET", "/v2/positions")).json == []

    run(main())


def test_executions_are_listed_in_pages(run: Runner[None]) -> None:
    """In both directions, after and until a moment, at most a hundred a page, each id a time and a UUID."""

    async def main() -> None:
        async with still() as sim, caller_of(sim) as caller:
            flow = sim.start_fills(150, per_s=10_000)
            await sim.wait_for("executions", 150)

            async def page(**query: str) -> list[Any]:
                found: list[Any] = (await caller.call("GET", "/v2/account/activities/FILL", params=query)).json
                return found

            first = await page(direction="asc")
            rest = await page(direction="asc", page_token=first[-1]["id"])
            assert [each["id"].partition("::")[2] for each in first + rest] == flow.execution_ids
            assert (len(first), len(await page(page_size="7"))) == (100, 7)
            assert (await page())[0] == rest[-1]
            after = await page(direction="asc", after=first[9]["transaction_time"])
            assert after[0] == first[10]
            assert await page(direction="asc", until=first[3]["transaction_time"]) == first[:3]
            assert (await caller.call("GET", "/v2/account/activities/DIV")).json == []
            assert re.fullmatch(r"\d{17}::[0-9a-f-]{36}", first[0]["id"])

    run(main())


def test_clock_calendar_and_assets(run: Runner[None]) -> None:
    """The clock is in New York; weekends are no days of the calendar; assets are found by every name."""

    async def main() -> None:
        async with still(start_ns=ns("2026-03-02T15:00:00Z")) as sim, caller_of(sim) as caller:
            clock = (await caller.call("GET", "/v2/clock")).json
            assert clock["timestamp"].startswith("2026-03-02T10:00:0")
            assert (clock["is_open"], clock["next_close"]) == (True, "2026-03-02T16:00:00-05:00")
            sim.close_market()
            assert (await caller.call("GET", "/v2/clock")).json["is_open"] is False
            days = (await caller.call("GET", "/v2/calendar?start=2026-03-06&end=2026-03-10")).json
            assert [day["date"] for day in days] == ["2026-03-06", "2026-03-09", "2026-03-10"]
            assets = (await caller.call("GET", "/v2/assets?asset_class=crypto")).json
            assert {asset["class"] for asset in assets} == {"crypto"}
            for name in ("BTC%2FUSD", "BTCUSD", assets[0]["id"]):
                assert (await caller.call("GET", f"/v2/assets/{name}")).json == assets[0]

    run(main())


# --- market data ----------------------------------------------------------------------------------------------------------


def test_history_comes_in_pages(run: Runner[None]) -> None:
    """Symbol by symbol and in order; the pages together are the whole, whatever their size."""

    async def main() -> None:
        async with still() as sim, caller_of(sim) as caller:
            query = {"symbols": "MSFT,AAPL", "start": "2020-01-01", "end": "2030-01-01"}
            whole = (await caller.call("GET", "/v2/stocks/trades", params={**query, "limit": "10000"})).json
            assert (list(whole["trades"]), whole["next_page_token"]) == (["AAPL", "MSFT"], None)
            found: dict[str, list[Any]] = {}
            token = ""
            while token is not None:
                page = {**query, "limit": "37", **({"page_token": token} if token else {})}
                answer = (await caller.call("GET", "/v2/stocks/trades", params=page)).json
                for symbol, points in answer["trades"].items():
                    found.setdefault(symbol, []).extend(points)
                token = answer["next_page_token"]
            count = len(whole["trades"]["AAPL"])
            assert count > 40
            assert [point["i"] for point in found["AAPL"]][:count] == [point["i"] for point in whole["trades"]["AAPL"]]

    run(main())


@pytest.mark.parametrize(
    ("path", "key", "fields"),
    [
        ("/v2/stocks/quotes?symbols=AAPL", "quotes", {"ap", "as", "bp", "bs", "ax", "bx", "c", "z", "t"}),
        ("/v2/stocks/AAPL/trades?", "trades", {"p", "s", "i", "x", "c", "z", "t"}),
        ("/v2/stocks/bars?symbols=AAPL&timeframe=1Min", "bars", {"o", "h", "l", "c", "v", "n", "vw", "t"}),
        ("/v1beta3/crypto/us/trades?symbols=BTC/USD", "trades", {"p", "s", "i", "tks", "t"}),
        ("/v1beta3/crypto/us/bars?symbols=BTC/USD&timeframe=1min", "bars", {"o", "h", "l", "c", "v", "n", "vw", "t"}),
        ("/v1beta1/options/trades?symbols=AAPL260619C00200000", "trades", {"p", "s", "i", "x", "c", "t"}),
    ],
)
def test_points_have_the_fields_of_the_streams(run: Runner[None], path: str, key: str, fields: set[str]) -> None:
    """Without type and symbol, times as texts."""

    async def main() -> None:
        async with still() as sim, caller_of(sim) as caller:
            answer = (await caller.call("GET", f"{path}&start=2020-01-01")).json
            points = answer[key] if isinstance(answer[key], list) else next(iter(answer[key].values()))
            assert set(points[0]) == fields
            assert [point["t"] for point in points] == sorted(point["t"] for point in points)

    run(main())


def test_longer_bars_are_made_of_minutes(run: Runner[None]) -> None:
    """Volume and count add up, the extremes are those of the minutes."""

    async def main() -> None:
        async with (
            still(start_ns=ns("2026-03-02T15:30:05Z"), warm_up_s=1500, quotes_per_s=0.5) as sim,
            caller_of(sim) as caller,
        ):

            async def bars(timeframe: str) -> Any:
                path = f"/v2/stocks/bars?symbols=AAPL&start=2020-01-01&timeframe={timeframe}"
                return (await caller.call("GET", path)).json["bars"]["AAPL"]

            minutes, longer = await bars("1Min"), await bars("10Min")
            assert len(longer) < len(minutes)
            assert sum(bar["v"] for bar in longer) == sum(bar["v"] for bar in minutes)
            assert max(bar["h"] for bar in longer) == max(bar["h"] for bar in minutes)
            assert longer[0]["t"].endswith(":00Z")

    run(main())


def test_latest_points_and_snapshots(run: Runner[None]) -> None:
    """In the single and in the plural form."""

    async def main() -> None:
        async with still() as sim, caller_of(sim) as caller:
            many = (await caller.call("GET", "/v2/stocks/quotes/latest?symbols=AAPL,MSFT")).json["quotes"]
            one = (await caller.call("GET", "/v2/stocks/AAPL/quotes/latest")).json
            assert (set(many), one["symbol"], set(one["quote"])) == ({"AAPL", "MSFT"}, "AAPL", set(many["AAPL"]))
            shots = (await caller.call("GET", "/v2/stocks/snapshots?symbols=AAPL")).json
            shot = (await caller.call("GET", "/v2/stocks/AAPL/snapshot")).json
            expected = {"latestTrade", "latestQuote", "minuteBar", "dailyBar", "prevDailyBar"}
            assert set(shots["AAPL"]) == set(shot) - {"symbol"} == expected
            books = (await caller.call("GET", "/v1beta3/crypto/us/latest/orderbooks?symbols=BTC/USD")).json
            assert set(books["orderbooks"]["BTC/USD"]) == {"a", "b", "t"}
            sim.publish_news("One", "AAPL")
            sim.publish_news("Two", "MSFT")
            news = (await caller.call("GET", "/v1beta1/news?symbols=AAPL")).json["news"]
            assert [article["headline"] for article in news] == ["One"]

    run(main())


# --- limits and the event stream ------------------------------------------------------------------------------------------


def test_calls_are_counted(run: Runner[None]) -> None:
    """Headers on every answer; the call beyond the limit is 429, trading and data counted apart."""

    async def main() -> None:
        async with still(WHOLE.replace(requests_per_minute=3, retry_after=True)) as sim, caller_of(sim) as caller:
            left = [(await caller.call("GET", "/v2/clock")).headers["X-RateLimit-Remaining"] for _ in range(3)]
            assert left == ["2", "1", "0"]
            refused = await caller.call("GET", "/v2/clock")
            assert (refused.status, refused.json["code"], refused.headers["X-RateLimit-Limit"]) == (429, 42910000, "3")
            assert int(refused.headers["Retry-After"]) in range(50, 63)
            assert len(refused.headers["X-Request-ID"]) == 32
            assert (await caller.call("GET", "/v2/stocks/AAPL/trades/latest")).status == 200

    run(main())


async def events(caller: Caller, **query: str) -> tuple[list[Any], list[str]]:
    """Events and comments of an event stream that ends."""
    answer = await caller.call("GET", "/v2/events/trades", params=query)
    assert answer.status == 200, answer.body
    lines = answer.body.decode().splitlines()
    found = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    return found, [line for line in lines if line.startswith(":")]


FAR = "2030-01-01T00:00:00Z"


@pytest.mark.parametrize("is_inclusive", [False, True])
def test_events_can_be_had_again(run: Runner[None], is_inclusive: bool) -> None:
    """From a moment until a moment, from an event (with it or behind it) until an event, with identifiers, in order."""

    async def main() -> None:
        async with still(WHOLE.replace(inclusive_since_id=is_inclusive)) as sim, caller_of(sim) as caller:
            await bought(caller)
            until = (await caller.call("GET", "/v2/clock")).json["timestamp"]
            found, comments = await events(caller, since="2020-01-01", until=until)
            assert [each["event"] for each in found] == ["pending_new", "new", "fill"]
            assert all(each["account_id"] == sim.account.account_id and each["at"] for each in found)
            assert comments[0] == ":heartbeat"
            last, first = found[-1]["event_id"], found[0]["event_id"]
            again, _ = await events(caller, since_id=first, until_id=last)
            assert [each["event"] for each in again] == ["pending_new"] * is_inclusive + ["new", "fill"]

    run(main())


def test_events_go_on_until_the_moment_asked_for(run: Runner[None]) -> None:
    """A moment to come: what happens meanwhile is sent, then the stream ends."""

    async def main() -> None:
        async with still() as sim, caller_of(sim) as caller:
            sim.start_fills(20, per_s=100)
            since, until = sim.market_ns, sim.market_ns + 10**9
            from wsexample.brokers.alpaca.dialect import rfc3339

            found, _ = await events(caller, since=rfc3339(since), until=rfc3339(until))
            assert sum(each["event"].endswith("fill") for each in found) == 20

    run(main())


def test_who_may_not_use_the_event_stream_is_told(run: Runner[None]) -> None:
    """403 for ordinary accounts, when the switch says so; 400 for parameters that do not go together."""

    async def main() -> None:
        async with still(WHOLE.replace(events_over_http=False)) as sim, caller_of(sim) as caller:
            assert (await caller.call("GET", f"/v2/events/trades?since=2020-01-01&until={FAR}")).status == 403
        async with still() as sim, caller_of(sim) as caller:
            for query in (f"until={FAR}", "until_id=1", "since=2020-01-01&since_id=1", "since=soon"):
                assert (await caller.call("GET", f"/v2/events/trades?{query}")).status in (400, 422)
            assert (await caller.call("POST", "/v2/events/trades")).status == 405

    run(main())


def test_a_slow_reader_of_events_loses_some(run: Runner[None]) -> None:
    """It is told so in a comment."""

    async def main() -> None:
        async with still() as sim, caller_of(sim) as caller:
            await bought(caller)
            sim.drop_events(2)
            until = (await caller.call("GET", "/v2/clock")).json["timestamp"]
            found, comments = await events(caller, since="2020-01-01", until=until)
            assert [each["event"] for each in found] == ["fill"]
            assert any("reading too slowly" in comment for comment in comments)

    run(main())


# --- faults and control -----------------------------------------------------------------------------------------------------


def test_calls_can_fail_on_command(run: Runner[None]) -> None:
    """A page of HTML with any status, a storm of 429, an event stream that breaks off."""

    async def main() -> None:
        async with still() as sim, caller_of(sim) as caller:
            sim.rest_fault(502, 1)
            broken = await caller.call("GET", "/v2/clock")
            assert (broken.status, broken.body[:6]) == (502, b"<html>")
            assert (await caller.call("GET", "/v2/clock")).status == 200
            sim.storm_429(60)
            assert (await caller.call("GET", "/v2/clock")).status == 429
            sim.storm_429(0)
            await bought(caller)
            sim.break_event_stream(1)
            with pytest.raises(aiohttp.ClientError):
                await caller.call("GET", f"/v2/events/trades?since=2020-01-01&until={FAR}")

    run(main())


def test_the_clock_can_be_wrong(run: Runner[None]) -> None:
    """The whole simulator is an hour ahead then."""

    async def main() -> None:
        async with still(start_ns=ns("2026-03-02T15:00:00Z")) as sim, caller_of(sim) as caller:
            sim.skew_clock(3600)
            assert (await caller.call("GET", "/v2/clock")).json["timestamp"].startswith("2026-03-02T11:00:0")

    run(main())


def test_every_command_can_be_given_by_http(run: Runner[None]) -> None:
    """Where it is allowed: the list of commands, one of them with arguments, and the counters."""

    async def main() -> None:
        async with still(control=True) as sim, caller_of(sim) as caller:
            commands = (await caller.call("GET", "/simulator")).json
            assert set(sim.commands()) == set(commands)
            assert all(commands.values())
            done = await caller.call("POST", "/simulator/start_fills", json={"count": 3, "per_s": 1000.0})
            assert (done.status, done.json) == (200, {"done": "start_fills"})
            await sim.wait_for("executions", 3)
            wrong = await caller.call("POST", "/simulator/start_fills", json={"count": "many"})
            assert wrong.status == 400
            counters = (await caller.call("GET", "/simulator/stats")).json
            assert counters["requests"] == {}
        async with still() as sim, caller_of(sim) as caller:
            assert (await caller.call("GET", "/simulator")).status == 404

    run(main())


def test_the_port_and_the_repr(run: Runner[None]) -> None:
    """Addresses follow the port, and printing it says what is connected."""

    async def main() -> None:
        async with still() as sim:
            assert sim.url == f"http://127.0.0.1:{sim.port}"
            assert sim.trading_stream_url == f"ws://127.0.0.1:{sim.port}/stream"
            assert repr(sim) == f"<AlpacaSimulator on port {sim.port}, 0 trading and 0 data streams>"
            assert "secret" not in repr(vars(sim)).replace("secret_key", "")

    run(main())
