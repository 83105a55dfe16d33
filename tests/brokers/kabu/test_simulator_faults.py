"""Promises of the faults on command, as methods and over the control endpoint."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
import websockets

from wsexample.brokers.kabu.simulator import KabuSimulator, Switches
from wsexample.clock import ManualClock
from wsexample.errors import ConnectError, ConnectionClosed
from wsexample.wire.connection import Connection, connect

from .market_samples import instruments
from .simulator_calls import Caller, caller_of

DEADLINE_S = 30.0


def simulator(**options: Any) -> KabuSimulator:
    """Return a simulator of two busy stocks."""
    return KabuSimulator(ticks_per_s=200, instruments=instruments("9433", "8306"), **options)


def listen(sim: KabuSimulator) -> Any:
    return connect(sim.push_url, ping_interval_s=0)


async def hears(ws: Connection) -> str:
    payload, _ = await ws.receive_payload(timeout_s=DEADLINE_S)
    return str(json.loads(payload)["Symbol"])


async def end_of(ws: Connection) -> ConnectionClosed:
    """Read to the end of a connection and return how it ended."""
    try:
        while True:
            await ws.receive_payload(timeout_s=DEADLINE_S)
    except ConnectionClosed as closed:
        return closed


def test_displaced(run: Any) -> None:
    """As if another program had connected: the listener is closed with the switch's code."""

    async def main() -> None:
        async with simulator(switches=Switches(displaced_code=1001)) as sim, listen(sim) as ws:
            await sim.wait_for("connected")
            sim.displace()
            assert (await end_of(ws)).code == 1001
            assert await sim.wait_for("displaced") == 1

    run(main())


def test_reset_at_the_open(run_grid: Any) -> None:
    """The connection is lost without a close frame; the list stays, and a new connection hears boards again."""

    async def main() -> None:
        async with simulator() as sim, caller_of(sim) as caller:
            await caller.register("9433")
            async with listen(sim) as ws:
                await hears(ws)
                sim.reset()
                closed = await end_of(ws)
                assert (closed.code, closed.was_clean) == (1006, False)
            async with listen(sim) as again:
                assert await hears(again) == "9433"

    run_grid(main())


def test_closed_with_a_code(run: Any) -> None:
    """Any code and words may be sent."""

    async def main() -> None:
        async with simulator() as sim, listen(sim) as ws:
            await sim.wait_for("connected")
            sim.close_push(4000, "bye")
            closed = await end_of(ws)
            assert (closed.code, closed.reason) == (4000, "bye")

    run(main())


def test_muted(run: Any) -> None:
    """While muted neither boards nor Pongs are sent though the connection is open; afterwards both are again."""

    async def main() -> None:
        clock = ManualClock()
        sim = simulator(clock=clock, switches=Switches(unsolicited_pong_interval_s=1))
        async with sim, caller_of(sim) as caller, listen(sim):
            await sim.wait_for("connected")
            await caller.register("9433")
            sim.mute(duration_s=10)
            await tick(clock, 5)
            assert (sim.stats.boards_sent.total(), sim.stats.pongs) == (0, 0)
            await tick(clock, 7)
            assert sim.stats.boards_sent.total() > 0
            assert sim.stats.pongs > 0
            sim.mute()
            boards = sim.stats.boards_sent.total()
            await tick(clock, 5)
            assert sim.stats.boards_sent.total() == boards
            sim.unmute()
            await tick(clock, 5)
            assert sim.stats.boards_sent.total() > boards

    run(main())


async def tick(clock: ManualClock, seconds: int) -> None:
    for _ in range(seconds * 20):
        clock.advance(0.05)
        for _ in range(8):
            await asyncio.sleep(0)


def test_logged_out(run: Any) -> None:
    """After the morning logout calls are 401/4001007 and push goes on; after the login a new token is needed."""

    async def main() -> None:
        async with simulator() as sim, caller_of(sim) as caller, listen(sim) as ws:
            await caller.register("9433")
            sim.log_out()
            refused = await caller.register("8306")
            assert (refused.status, refused.json["Code"]) == (401, 4001007)
            sent = sim.stats.boards_sent.total()
            await sim.wait_for("boards", sent + 3)
            assert await hears(ws) == "9433"
            sim.log_in()
            assert (await caller.register("8306")).json["Code"] == 4001009
            sim.issue_token()
            assert len((await caller.register("8306")).json["RegistList"]) == 2

    run(main())


def test_token_taken(run: Any) -> None:
    """Another program's token makes ours worthless."""

    async def main() -> None:
        async with simulator() as sim, caller_of(sim) as caller:
            old = sim.station.token
            sim.issue_token()
            stale = await caller.call("PUT", "unregister/all", headers={"X-API-KEY": old})
            assert (stale.status, stale.json["Code"]) == (401, 4001009)

    run(main())


def test_a_storm_of_429(run: Any) -> None:
    """For its time every call is refused, the token call included; a second after the last refusal it is over."""

    async def main() -> None:
        clock = ManualClock()
        async with simulator(clock=clock) as sim, caller_of(sim) as caller:
            sim.storm_429(2.0)
            assert (await caller.register("9433")).status == 429
            assert (await caller.call("POST", "token", json={"APIPassword": sim.password})).status == 429
            clock.advance(2.0)
            assert (await caller.register("9433")).status == 200

    run(main())


def test_a_slow_start(run: Any) -> None:
    """For its time answers and handshakes are held back; nothing is refused."""

    async def main() -> None:
        clock = ManualClock()
        async with simulator(clock=clock) as sim, caller_of(sim) as caller:
            sim.slow_start(duration_s=30, delay_s=3)
            call = asyncio.ensure_future(caller.register("9433"))
            opening = asyncio.ensure_future(open_one(sim))
            await sim.wait_for("held_back", 2)
            assert not call.done()
            assert not opening.done()
            clock.advance(3)
            assert (await call).status == 200
            await (await opening).close()
            clock.advance(30)
            assert (await caller.register("9433")).status == 200

    run(main())


async def open_one(sim: KabuSimulator) -> Connection:
    ws: Connection = await listen(sim)
    return ws


def test_restart_with_an_empty_list(run_grid: Any) -> None:
    """kabu Station exits: the connection breaks, nobody listens; back again, token and list are gone."""

    async def main() -> None:
        clock = ManualClock()
        async with simulator(clock=clock) as sim, caller_of(sim) as caller:
            await caller.register("9433")
            ws = await listen(sim)
            await sim.wait_for("connected")
            old = sim.station.token
            restart = asyncio.ensure_future(sim.restart(down_s=5, login_after_s=2))
            assert (await end_of(ws)).code == 1006
            await sim.wait_for("exits")
            with pytest.raises(ConnectError):
                await listen(sim)
            clock.advance(5)
            await restart
            starting = await caller.call("PUT", "register", json={"Symbols": []}, headers={"X-API-KEY": old})
            assert (starting.status, starting.json["Code"]) == (401, 4001017)
            await log_in(clock)
            again = Caller(sim, caller.http)
            sim.issue_token()
            assert (await again.call("PUT", "register", json={"Symbols": []})).json == {"RegistList": []}
            assert sim.stats.restarts == 1

    run_grid(main())


async def log_in(clock: ManualClock) -> None:
    clock.advance(2)
    for _ in range(5):
        await asyncio.sleep(0)


def test_restart_without_a_pause(run: Any) -> None:
    """By default it is back at once and logged in, on the same port."""

    async def main() -> None:
        async with simulator() as sim, caller_of(sim) as caller:
            port = sim.port
            await sim.restart()
            assert sim.port == port
            token = await caller.call("POST", "token", json={"APIPassword": sim.password})
            assert token.status == 200
            async with websockets.connect(sim.push_url, ping_interval=None):
                await sim.wait_for("connected")

    run(main())


def test_shock(run: Any) -> None:
    """A stock's price follows what people believe at once."""

    async def main() -> None:
        async with simulator() as sim, caller_of(sim) as caller, listen(sim) as ws:
            await caller.register("9433")
            before = sim.board("9433").CurrentPrice
            assert isinstance(before, float)
            sim.shock("9433", 0.05)
            price = before
            while price < before * 1.03:
                payload, _ = await ws.receive_payload(timeout_s=DEADLINE_S)
                price = json.loads(payload)["CurrentPrice"]

    run(main())


# -- over HTTP -----------------------------------------------------------------------------------------------


def test_the_control_endpoint_is_off_by_default(run: Any) -> None:
    """Nothing but kabu Station is there."""

    async def main() -> None:
        async with simulator() as sim, caller_of(sim) as caller:
            url = sim.rest_url.replace("/kabusapi", "/simulator/reset")
            async with caller.http.post(url) as reply:
                assert reply.status == 404
                assert "text/html" in reply.headers["Content-Type"]

    run(main())


class Control:
    """A program that commands faults by HTTP."""

    def __init__(self, sim: KabuSimulator, http: aiohttp.ClientSession) -> None:
        self._base = sim.rest_url.replace("/kabusapi", "/simulator")
        self._http = http

    async def __call__(self, name: str = "", method: str = "POST", **arguments: Any) -> tuple[int, Any]:
        body = json.dumps(arguments) if arguments else None
        async with self._http.request(method, f"{self._base}/{name}", data=body) as reply:
            return reply.status, await reply.json()


def test_faults_over_http(run: Any) -> None:
    """Each fault is a POST with JSON arguments; a restart runs in the background."""

    async def main() -> None:
        async with simulator(control=True) as sim, caller_of(sim) as caller, listen(sim) as ws:
            await sim.wait_for("connected")
            control = Control(sim, caller.http)
            assert await control("close_push", code=4001, reason="out") == (200, {"done": "close_push"})
            assert (await end_of(ws)).code == 4001
            assert (await control("log_out"))[0] == 200
            assert (await caller.register("9433")).json["Code"] == 4001007
            assert (await control("restart", down_s=0))[0] == 200
            assert await sim.wait_for("restarts", 1) == 1

    run(main())


def test_the_control_endpoint_explains_itself(run: Any) -> None:
    """GET lists every fault with its purpose, and the counters; mistakes are named."""

    async def main() -> None:
        async with simulator(control=True) as sim, caller_of(sim) as caller:
            control = Control(sim, caller.http)
            status, faults = await control(method="GET")
            assert status == 200
            assert faults["mute"].startswith("Send nothing")
            assert all(faults.values())
            assert (await control("stats", method="GET"))[1]["connections"] == 0
            assert (await control("explode"))[0] == 404
            assert (await control("reset", method="GET"))[0] == 405
            assert (await control("mute", duration="long"))[0] == 400
            assert (await control("storm_429", duration_s="long"))[0] == 400
            assert (await control("storm_429"))[0] == 400
            assert (await control("close_push", code=5))[0] == 400
            assert (await control("shock", symbol="nope", fraction=0.1))[0] == 400

    run(main())


def test_the_control_endpoint_is_for_localhost(run: Any) -> None:
    """The Host check protects it as it protects the rest."""

    async def main() -> None:
        async with simulator(control=True) as sim, caller_of(sim) as caller:
            url = f"http://127.0.0.1:{sim.port}/simulator/reset"
            async with caller.http.post(url) as reply:
                assert reply.status == 400

    run(main())
