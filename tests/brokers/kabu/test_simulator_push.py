"""Promises of the simulator's push socket, over real sockets: somebody else's client, ours, and bare bytes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets
from aiohttp import ClientSession

from wsexample.brokers.kabu.messages import PushMessage
from wsexample.brokers.kabu.simulator import KabuSimulator, Switches
from wsexample.clock import ManualClock
from wsexample.errors import HandshakeError
from wsexample.ports import Clock
from wsexample.wire.connection import connect

from .market_samples import instruments
from .simulator_calls import caller_of

LIVELY = {"ticks_per_s": 200.0}
DEADLINE_S = 30.0
BUSY = ("9433", "8306", "7203", "9984", "6758")


def listen(sim: KabuSimulator) -> websockets.connect:
    """Connect with `websockets`; its own pings are off, as they must be with kabu Station."""
    return websockets.connect(sim.push_url, ping_interval=None, open_timeout=DEADLINE_S)


async def next_board(ws: websockets.ClientConnection) -> dict[str, Any]:
    board: dict[str, Any] = json.loads(await asyncio.wait_for(ws.recv(), DEADLINE_S))
    return board


@contextlib.asynccontextmanager
async def bare_socket(sim: KabuSimulator, *, receive_buffer: int = 0) -> AsyncIterator[tuple[socket.socket, bytes]]:
    """Open the push socket by hand; yields the socket and the head of the answer."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setblocking(False)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    await loop.sock_connect(sock, ("127.0.0.1", sim.port))
    key = base64.b64encode(os.urandom(16)).decode()
    await loop.sock_sendall(
        sock,
        f"GET /kabusapi/websocket HTTP/1.1\r\nHost: localhost:{sim.port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode(),
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await loop.sock_recv(sock, 1)
    try:
        yield sock, head
    finally:
        sock.close()


async def drain(sock: socket.socket) -> None:
    """Read until the other end is done."""
    while await asyncio.get_running_loop().sock_recv(sock, 65_536):
        pass


def flood(switches: Switches, clock: Clock | None = None) -> KabuSimulator:
    """Return a simulator of a few stocks that change thousands of times a second."""
    return KabuSimulator(ticks_per_s=1_000, switches=switches, instruments=instruments(*BUSY), clock=clock)


def test_registered_symbols_are_pushed(run_grid: Any) -> None:
    """After the registration boards of exactly those symbols arrive, as text, as full images."""

    async def main() -> None:
        async with KabuSimulator(**LIVELY) as sim, caller_of(sim) as caller, listen(sim) as ws:
            await caller.register("9433", "8306", "101")
            seen: dict[str, dict[str, Any]] = {}
            while len(seen) < 3:
                board = await next_board(ws)
                seen[board["Symbol"]] = board
            assert set(seen) == {"9433", "8306", "101"}
            assert "Sell10" in seen["9433"]
            assert seen["9433"]["SymbolName"] == "ＫＤＤＩ"
            assert "Exchange" not in seen["101"]

    run_grid(main())


def test_our_own_client_hears_the_same(run_grid: Any) -> None:
    """Our connection receives the boards too, as text."""

    async def main() -> None:
        async with KabuSimulator(**LIVELY) as sim, caller_of(sim) as caller:
            await caller.register("9433")
            async with connect(sim.push_url, ping_interval_s=0) as ws:
                payload, is_binary = await ws.receive_payload(timeout_s=DEADLINE_S)
                assert not is_binary
                assert json.loads(payload)["Symbol"] == "9433"

    run_grid(main())


def test_reading_a_board_starts_no_push(run: Any) -> None:
    """A symbol that was only read takes a slot and is never pushed; once registered it is."""

    async def main() -> None:
        async with KabuSimulator(**LIVELY) as sim, caller_of(sim) as caller, listen(sim) as ws:
            await caller.call("GET", "board/7203@1")
            await caller.register("9433")
            await sim.wait_for("boards", 20)
            assert sim.stats.boards_sent["7203@1"] == 0
            assert await sim.wait_for("listed", 2) == 2
            await caller.register("7203")
            while (await next_board(ws))["Symbol"] != "7203":
                pass

    run(main())


def test_unregistered_symbols_fall_silent(run: Any) -> None:
    """After unregister/all not one more board is sent."""

    async def main() -> None:
        clock = ManualClock()
        async with KabuSimulator(clock=clock, **LIVELY) as sim, caller_of(sim) as caller, listen(sim):
            await caller.register("9433")
            await sim.wait_for("connected")
            await advance_until(sim, clock, "boards", 5)
            await caller.call("PUT", "unregister/all")
            sent = sim.stats.boards_sent.total()
            await advance(clock, 5.0)
            assert sim.stats.boards_sent.total() == sent

    run(main())


def test_a_board_read_is_the_board_pushed(run: Any) -> None:
    """`GET /board` answers byte for byte what push sent last."""

    async def main() -> None:
        clock = ManualClock()
        simulator = KabuSimulator(clock=clock, switches=Switches(thinning_ms=0))
        async with simulator as sim, caller_of(sim) as caller, listen(sim) as ws:
            await caller.register("9433")
            await sim.wait_for("connected")
            await advance_until(sim, clock, "boards", 3)
            pushed = [await asyncio.wait_for(ws.recv(), DEADLINE_S) for _ in range(sim.stats.boards_sent.total())]
            read = await caller.call("GET", "board/9433@1")
            assert read.body == str(pushed[-1]).encode()

    run(main())


async def advance(clock: ManualClock, seconds: float) -> None:
    """Move the clock in steps, letting the loop do what became due."""
    for _ in range(round(seconds / 0.05)):
        clock.advance(0.05)
        for _ in range(5):
            await asyncio.sleep(0)


async def advance_until(sim: KabuSimulator, clock: ManualClock, name: str, count: int) -> None:
    """Move the clock until a number of the simulator is reached, for at most ten minutes of its time."""
    for _ in range(12_000):
        with contextlib.suppress(TimeoutError):
            await sim.wait_for(name, count, timeout_s=0)
            return
        await advance(clock, 0.05)
    await sim.wait_for(name, count, timeout_s=0)


def test_boards_are_thinned(run: Any) -> None:
    """However lively the market, a symbol is pushed at most a hundred times a second; unthinned, at every change."""

    async def count(switches: Switches) -> int:
        clock = ManualClock()
        simulator = KabuSimulator(clock=clock, ticks_per_s=400, switches=switches, instruments=instruments("9433"))
        async with simulator as sim, caller_of(sim) as caller, bare_socket(sim):
            await caller.register("9433")
            await sim.wait_for("connected")
            await advance(clock, 2.0)
            return sim.stats.boards_sent.total()

    async def main() -> None:
        assert 2 <= await count(Switches()) <= 200
        assert await count(Switches(thinning_ms=0)) > 500

    run(main())


def test_a_snapshot_after_registering_is_a_switch(run: Any) -> None:
    """Switched on, each newly registered symbol is pushed at once, though nothing has changed."""

    async def main() -> None:
        simulator = KabuSimulator(clock=ManualClock(), switches=Switches(snapshot_on_register=True))
        async with simulator as sim, caller_of(sim) as caller, listen(sim) as ws:
            await sim.wait_for("connected")
            await caller.register("9433", "101")
            assert [(await next_board(ws))["Symbol"] for _ in range(2)] == ["9433", "101"]
            await caller.register("9433")
            assert sim.stats.boards_sent.total() == 2

    run(main())


def test_pings_are_not_answered(run: Any) -> None:
    """A ping stays without a pong while boards keep coming; with the switch it is answered."""

    async def main() -> None:
        async with KabuSimulator(**LIVELY) as sim, caller_of(sim) as caller, listen(sim) as ws:
            await caller.register("9433")
            pong = await ws.ping()
            for _ in range(3):
                await next_board(ws)
            assert not pong.done()
        async with KabuSimulator(switches=Switches(answer_ping=True)) as sim, listen(sim) as ws:
            await asyncio.wait_for(await ws.ping(), DEADLINE_S)

    run(main())


def test_empty_pongs_come_unasked(run: Any) -> None:
    """On a bare socket the two bytes 8A 00 arrive every interval, in a handshake dressed as the vendor's."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        clock = ManualClock()
        async with KabuSimulator(clock=clock) as sim, bare_socket(sim) as (sock, head):
            assert head.startswith(b"HTTP/1.1 101 ")
            assert b"Server: Microsoft-HTTPAPI/2.0" in head
            assert b"Sec-WebSocket-Extensions" not in head
            await sim.wait_for("connected")
            for count in (1, 2):
                await advance_until(sim, clock, "pongs", count)
                assert await loop.sock_recv(sock, 100) == b"\x8a\x00"
            assert clock.monotonic_s() == pytest.approx(60.0, abs=0.5)

    run(main())


def test_a_second_client_takes_over(run: Any) -> None:
    """The first is closed when a second arrives, and the boards go to the second."""

    async def main() -> None:
        async with KabuSimulator(**LIVELY) as sim, caller_of(sim) as caller, listen(sim) as first:
            await caller.register("9433")
            async with listen(sim) as second:
                await asyncio.wait_for(first.wait_closed(), DEADLINE_S)
                assert first.close_code == 1000
                assert (await next_board(second))["Symbol"] == "9433"
                assert sim.stats.displaced == 1

    run(main())


def test_a_second_client_may_freeze_the_first(run: Any) -> None:
    """With the switch the first stays open and hears nothing more, no Pong either."""

    async def main() -> None:
        clock = ManualClock()
        switches = Switches(second_client="freeze", thinning_ms=0, unsolicited_pong_interval_s=1)
        simulator = KabuSimulator(clock=clock, switches=switches, instruments=instruments("9433"))
        async with simulator as sim, caller_of(sim) as caller, bare_socket(sim) as (frozen, _):
            await sim.wait_for("connected")
            await caller.register("9433")
            async with listen(sim):
                await sim.wait_for("connected", 2)
                await advance_until(sim, clock, "pongs", 3)
                await advance_until(sim, clock, "boards", 3)
                with pytest.raises(BlockingIOError):
                    frozen.recv(1)
                assert sim.stats.disconnections == 0

    run(main())


def test_a_slow_reader_is_reset(run: Any) -> None:
    """A client that does not read is cut with a TCP reset: no close frame, an error on its socket."""

    async def main() -> None:
        simulator = flood(Switches(thinning_ms=0, send_buffer_bytes=65_536))
        async with simulator as sim, caller_of(sim) as caller, bare_socket(sim, receive_buffer=4_096) as (sock, _):
            await caller.register(*BUSY)
            assert await sim.wait_for("resets", 1, timeout_s=20) == 1
            await sim.wait_for("disconnections", 1)
            with pytest.raises(ConnectionResetError):
                await drain(sock)

    run(main())


def test_a_slow_reader_may_be_ignored(run: Any) -> None:
    """With the switch boards are left out for it instead, and it stays connected."""

    async def main() -> None:
        simulator = flood(Switches(thinning_ms=0, send_buffer_bytes=65_536, slow_reader="ignore"))
        async with simulator as sim, caller_of(sim) as caller, bare_socket(sim, receive_buffer=4_096):
            await caller.register(*BUSY)
            await sim.wait_for("skipped", 100, timeout_s=20)
            assert sim.stats.disconnections == 0

    run(main())


@pytest.mark.parametrize(
    ("path", "host", "status", "part"),
    [
        ("/kabusapi/websocket", "127.0.0.1", 400, b"Invalid Hostname"),
        ("/kabusapi/stream", "localhost", 404, b'{"Code":4001012'),
        ("/", "localhost", 404, b"Not Found"),
    ],
)
def test_handshakes_that_are_refused(run: Any, path: str, host: str, status: int, part: bytes) -> None:
    """A wrong Host is refused on the handshake too; another path is the JSON or the HTML 404."""

    async def main() -> None:
        async with KabuSimulator() as sim:
            with pytest.raises(HandshakeError) as caught:
                await connect(f"ws://127.0.0.1:{sim.port}{path}", headers={"Host": host})
            assert caught.value.status == status
            assert part in caught.value.body

    run(main())


def test_an_upgrade_on_a_kept_alive_connection(run: Any) -> None:
    """A client may call REST first and open the push socket on the same TCP connection."""

    async def main() -> None:
        async with KabuSimulator(**LIVELY) as sim, caller_of(sim) as caller:
            await caller.register("9433")
            async with caller.http.ws_connect(sim.push_url, autoping=False) as ws:
                board = json.loads(await asyncio.wait_for(ws.receive_str(), DEADLINE_S))
                assert board["Symbol"] == "9433"

    run(main())


def test_what_a_client_sends_is_ignored(run: Any) -> None:
    """Messages from the client change nothing; boards go on."""

    async def main() -> None:
        async with KabuSimulator(**LIVELY) as sim, caller_of(sim) as caller, listen(sim) as ws:
            await ws.send('{"Symbols":[{"Symbol":"8306","Exchange":1}]}')
            await ws.send(b"\x00\x01")
            await sim.wait_for("client_messages", 2)
            assert sim.station.entries == {}
            await caller.register("9433")
            assert (await next_board(ws))["Symbol"] == "9433"

    run(main())


def test_the_verification_environment_pushes_nothing(run: Any) -> None:
    """There the socket opens and stays silent."""

    async def main() -> None:
        clock = ManualClock()
        simulator = KabuSimulator(clock=clock, switches=Switches(env="verification"), instruments=instruments("9433"))
        async with simulator as sim, caller_of(sim) as caller, listen(sim):
            await sim.wait_for("connected")
            await caller.register("9433")
            await advance(clock, 5.0)
            assert sim.stats.boards_sent.total() == 0

    run(main())


def test_lunch_is_silent_unless_switched(run: Any) -> None:
    """Orders that gather before the afternoon are pushed only with the switch."""

    async def count(mode: str) -> int:
        clock = ManualClock(start_ns=1_772_593_500 * 10**9)  # 12:05 in Japan on 4 March 2026
        switches = Switches(lunch_and_after_hours_push=mode)  # type: ignore[arg-type]
        sim = KabuSimulator(clock=clock, switches=switches, session="clock", **LIVELY)
        async with sim, caller_of(sim) as caller, listen(sim):
            await sim.wait_for("connected")
            await caller.register("9433")
            await advance(clock, 3.0)
            return sim.stats.boards_sent.total()

    async def main() -> None:
        assert await count("off") == 0
        assert await count("quotes") > 0

    run(main())


def test_the_market_runs_at_its_own_speed(run: Any) -> None:
    """At speed 60 a second is a minute on the market."""

    async def main() -> None:
        clock = ManualClock()
        async with KabuSimulator(clock=clock, speed=60) as sim:
            start_ns = sim.market_ns
            await advance(clock, 10.0)
            assert sim.market_ns - start_ns == 600 * 10**9
            assert sim.market.now_ns - start_ns == pytest.approx(600 * 10**9, rel=0.01)

    run(main())


def test_two_simulators_of_one_seed_push_the_same(run: Any) -> None:
    """On the same clock, the same seed gives the same messages, byte by byte."""

    async def record() -> list[str | bytes]:
        clock = ManualClock()
        simulator = KabuSimulator(seed=7, clock=clock, **LIVELY, instruments=instruments("9433", "8306"))
        async with simulator as sim, caller_of(sim) as caller, listen(sim) as ws:
            await sim.wait_for("connected")
            await caller.register("9433", "8306")
            await advance(clock, 2.0)
            return [await asyncio.wait_for(ws.recv(), DEADLINE_S) for _ in range(sim.stats.boards_sent.total())]

    async def main() -> None:
        first, second = await record(), await record()
        assert len(first) > 5
        assert first == second

    run(main())


def test_thousands_of_boards_a_second_arrive_complete(run_grid: Any) -> None:
    """Under load nothing is lost or reordered for a reader that reads: volumes never fall, counts agree."""

    async def main() -> None:
        clock = ManualClock()
        simulator = flood(Switches(thinning_ms=0, send_buffer_bytes=2**30), clock)
        async with simulator as sim, caller_of(sim) as caller, listen(sim) as ws:
            await caller.register(*BUSY)
            while sim.stats.boards_sent.total() < 4_000:  # as fast as this machine can, and not a board more
                clock.advance(0.02)
                await asyncio.sleep(0)
            await caller.call("PUT", "unregister/all")
            volumes: dict[str, float] = {}
            for _ in range(sim.stats.boards_sent.total()):
                board = await next_board(ws)
                assert board["TradingVolume"] >= volumes.get(board["Symbol"], 0.0)
                volumes[board["Symbol"]] = board["TradingVolume"]
            assert sim.stats.skipped == 0
            assert clock.monotonic_s() < 4.0

    run_grid(main())


def test_messages_decode_into_the_shared_structs(run: Any) -> None:
    """Client and simulator share the message type: what is pushed decodes strictly into it."""
    import msgspec

    class Strict(PushMessage, forbid_unknown_fields=True):
        """The same fields, and no others."""

    async def main() -> None:
        async with KabuSimulator(**LIVELY) as sim, caller_of(sim) as caller, listen(sim) as ws:
            contract = (await caller.call("GET", "symbolname/future?FutureCode=NK225mini&DerivMonth=0")).json["Symbol"]
            await caller.register("9433", "101", f"{contract}@2", f"{contract}@23")
            seen: set[tuple[object, object]] = set()
            while len(seen) < 4:
                message = msgspec.json.decode(await asyncio.wait_for(ws.recv(), DEADLINE_S), type=Strict)
                seen.add((message.Symbol, message.Exchange))
            assert ("101", msgspec.UNSET) in seen

    run(main())


def test_leaving_the_block_ends_connections(run: Any) -> None:
    """When the simulator exits its client loses the connection, with or without a close frame as switched."""

    async def main() -> None:
        for how, code in (("reset", 1006), ("close", 1001)):
            async with KabuSimulator(switches=Switches(exit=how)) as sim:  # type: ignore[arg-type]
                ws = await listen(sim)
                await sim.wait_for("connected")
            await asyncio.wait_for(ws.wait_closed(), DEADLINE_S)
            assert ws.close_code == code

    run(main())


def test_aiohttp_hears_it_too(run: Any) -> None:
    """A third client library, alone on its connection."""

    async def main() -> None:
        async with KabuSimulator(**LIVELY) as sim, caller_of(sim) as caller, ClientSession() as other:
            await caller.register("9984")
            async with other.ws_connect(sim.push_url) as ws:
                assert json.loads(await asyncio.wait_for(ws.receive_str(), DEADLINE_S))["Symbol"] == "9984"

    run(main())
