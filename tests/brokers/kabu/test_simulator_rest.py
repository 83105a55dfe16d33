"""Promises of the simulator's HTTP side, seen through other people's clients and bare sockets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from wsexample.brokers.kabu.simulator import KabuSimulator, Switches, run_simulator
from wsexample.clock import ManualClock
from wsexample.errors import DeadlineError, ListenError, OptionError, StateError

from .simulator_calls import QUICK, caller_of


async def raw(port: int, request: bytes, host: str = "127.0.0.1") -> bytes:
    """Send bytes and return everything until the server ends the connection."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_a_session_from_token_to_list(run: Any) -> None:
    """A program fetches a token, registers, reads the same list again and empties it."""

    async def main() -> None:
        async with KabuSimulator(switches=QUICK) as sim, aiohttp.ClientSession() as http:
            async with http.post(f"{sim.rest_url}/token", json={"APIPassword": sim.password}) as reply:
                token = (await reply.json())["Token"]
            headers = {"X-API-KEY": token}
            body = {"Symbols": [{"Symbol": "9433", "Exchange": 1}]}
            async with http.put(f"{sim.rest_url}/register", json=body, headers=headers) as reply:
                assert await reply.json() == {"RegistList": [{"Symbol": "9433", "Exchange": 1}]}
            assert await sim.wait_for("registered", count=1) == 1
            async with http.put(f"{sim.rest_url}/unregister/all", headers=headers) as reply:
                assert await reply.text() == '{"RegistList":[]}'
            assert sim.stats.requests["PUT /unregister/all"] == 1
            assert sim.stats.replies == {200: 3}

    run(main())


def test_replies_are_dressed_as_the_vendors(run: Any) -> None:
    """Server, content type and protective headers are those of kabu Station; the JSON is compact."""

    async def main() -> None:
        async with KabuSimulator() as sim, caller_of(sim) as caller:
            reply = await caller.call("GET", "apisoftlimit")
            assert reply.headers["Server"] == "Microsoft-HTTPAPI/2.0"
            assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
            assert reply.headers["Content-Length"] == str(len(reply.body))
            assert reply.headers["X-Frame-Options"] == "DENY"
            assert reply.headers["Access-Control-Allow-Origin"] == "*"
            assert "Date" in reply.headers
            assert b" " not in reply.body
            refused = await caller.call("GET", "nothing")
            assert (refused.status, len(refused.body)) == (404, 50)
            assert refused.headers["Server"] == "Microsoft-HTTPAPI/2.0"
            closing = await caller.call("GET", "apisoftlimit", headers={"Connection": "close"})
            assert closing.headers["Connection"] == "close"

    run(main())


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:18080", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1", 400),
        ("127.0.0.1:18080", 400),
        ("kabu.example", 400),
        ("localhost.example", 400),
    ],
)
def test_only_localhost_is_served(run: Any, host: str, status: int) -> None:
    """Another Host gets Windows' HTML page, not JSON; the port does not matter."""

    async def main() -> None:
        async with KabuSimulator() as sim, caller_of(sim) as caller:
            reply = await caller.call("GET", "apisoftlimit", headers={"Host": host})
            assert reply.status == status
            if status == 400:
                assert reply.headers["Content-Type"] == "text/html; charset=us-ascii"
                assert b"Invalid Hostname" in reply.body

    run(main())


def test_the_host_check_can_be_switched_off(run: Any) -> None:
    """For containers and remote machines the simulator may answer to any name."""

    async def main() -> None:
        async with KabuSimulator(switches=Switches(strict_host_header=False)) as sim, caller_of(sim) as caller:
            assert (await caller.call("GET", "apisoftlimit", headers={"Host": "127.0.0.1"})).status == 200

    run(main())


def test_what_windows_refuses_before_kabu_station_sees_it(run: Any) -> None:
    """A path outside /kabusapi/ is an HTML 404, a PUT without a length an HTML 411."""

    async def main() -> None:
        async with KabuSimulator() as sim:
            outside = await raw(sim.port, b"GET /elsewhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert outside.startswith(b"HTTP/1.1 404 ")
            assert b"text/html" in outside
            put = b"PUT /kabusapi/unregister/all HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: x\r\n\r\n"
            assert (await raw(sim.port, put)).startswith(b"HTTP/1.1 411 ")
            assert sim.stats.requests.total() == 0

    run(main())


@pytest.mark.parametrize("is_chunked", [False, True])
def test_long_bodies_are_refused(run: Any, is_chunked: bool) -> None:
    """A body over the limit is 413/4001015, whether its length is announced or not."""

    async def pieces() -> Any:
        for _ in range(8):
            yield b" " * 512

    async def main() -> None:
        async with KabuSimulator(switches=Switches(max_body_bytes=1024)) as sim, caller_of(sim) as caller:
            body = pieces() if is_chunked else b" " * 4096
            reply = await caller.call("PUT", "register", data=body, headers={"Content-Type": "application/json"})
            assert (reply.status, reply.json["Code"]) == (413, 4001015)

    run(main())


def test_forms_are_refused(run: Any) -> None:
    """A body that its header calls a form is 415/4001016."""

    async def main() -> None:
        async with KabuSimulator() as sim, caller_of(sim) as caller:
            reply = await caller.call("PUT", "register", data={"Symbols": "9433"})
            assert (reply.status, reply.json["Code"]) == (415, 4001016)

    run(main())


def test_bytes_that_are_not_http_do_not_stop_it(run: Any) -> None:
    """Garbage ends its own connection only."""

    async def main() -> None:
        async with KabuSimulator() as sim, caller_of(sim) as caller:
            assert b"400" in await raw(sim.port, b"\x16\x03\x01 garbage\r\n\r\n")
            assert (await caller.call("GET", "apisoftlimit")).status == 200

    run(main())


def test_the_429_penalty_over_http(run: Any) -> None:
    """After too many reads even a registration is refused, until a second has passed without a call."""

    async def main() -> None:
        clock = ManualClock()
        async with KabuSimulator(switches=QUICK, clock=clock) as sim, caller_of(sim) as caller:
            statuses = [(await caller.call("GET", "board/9433@1")).status for _ in range(11)]
            assert statuses == [200] * 10 + [429]
            refused = await caller.register("9433")
            assert (refused.status, refused.json["Message"]) == (429, "API実行回数エラー")
            clock.advance(1.0)
            assert (await caller.register("9433")).status == 200
            assert sim.stats.refusals == {4001006: 2}

    run(main())


def test_a_first_board_takes_its_time(run: Any) -> None:
    """The first read of a symbol waits as long as the switch says, on the simulator's clock."""

    async def main() -> None:
        clock = ManualClock()
        switches = Switches(first_board_delay_ms=1_000)
        async with KabuSimulator(switches=switches, clock=clock) as sim, caller_of(sim) as caller:
            first = asyncio.ensure_future(caller.call("GET", "board/9433@1"))
            await sim.wait_for("requests", 1)
            await caller.call("GET", "apisoftlimit")
            assert not first.done()
            clock.advance(1.0)
            assert (await first).status == 200
            assert (await caller.call("GET", "board/9433@1")).status == 200

    run(main())


def test_both_families_of_localhost_are_served(run: Any) -> None:
    """Who resolves localhost to ::1 finds the same port there, where the machine has IPv6."""

    async def main() -> None:
        async with KabuSimulator() as sim:
            hosts = [server.url for server in sim.servers]
            assert hosts[0] == f"ws://127.0.0.1:{sim.port}"
            for host in ["127.0.0.1", "::1"][: len(hosts)]:
                answer = await raw(sim.port, b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n", host)
                assert answer.startswith(b"HTTP/1.1 404")

    run(main())


def test_a_port_that_is_taken(run: Any) -> None:
    """Two simulators cannot share a port: the second says so."""

    async def main() -> None:
        async with KabuSimulator() as sim:
            with pytest.raises(ListenError) as caught:
                async with KabuSimulator(port=sim.port):
                    raise AssertionError("it listened")
            assert caught.value.in_use

    run(main())


def test_waiting_for_what_does_not_come(run: Any) -> None:
    """A wait has a deadline and says how far it came; a number that does not exist is an error at once."""

    async def main() -> None:
        async with KabuSimulator() as sim:
            with pytest.raises(DeadlineError, match="registered is 0, not 3"):
                await sim.wait_for("registered", count=3, timeout_s=0.01)
            with pytest.raises(OptionError, match="nothing is called 'registrations'"):
                await sim.wait_for("registrations")

    run(main())


def test_it_says_what_it_is(run: Any) -> None:
    """Printing it tells port and fill, and no password; outside its block it has no port."""

    async def main() -> None:
        sim = KabuSimulator(password="hidden123")
        with pytest.raises(StateError):
            _ = sim.port
        async with sim:
            assert repr(sim) == f"<KabuSimulator on port {sim.port}, 0 listed, 0 connected>"
        with pytest.raises(OptionError):
            KabuSimulator(speed=0)

    run(main())


def test_running_until_cancelled(run: Any) -> None:
    """The command's function tells when it listens and ends when it is cancelled."""

    async def main() -> None:
        ready: asyncio.Future[KabuSimulator] = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(run_simulator(port=0, on_ready=ready.set_result))
        sim = await ready
        assert (await raw(sim.port, b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")).startswith(b"HTTP/1.1 404")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await asyncio.open_connection("127.0.0.1", sim.port)

    run(main())


def test_counters_are_plain_values(run: Any) -> None:
    """Everything counted can be written as JSON."""

    async def main() -> None:
        async with KabuSimulator(switches=QUICK) as sim, caller_of(sim) as caller:
            await caller.call("GET", "board/9433@1")
            await caller.call("GET", "board/nope@1")
            stats = json.loads(json.dumps(sim.stats.as_dict()))
            assert stats["requests"] == {"GET /board": 2}
            assert stats["refusals"] == {"4002001": 1}

    run(main())
