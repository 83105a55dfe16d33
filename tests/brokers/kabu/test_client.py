"""`KabuClient` against the simulator: registration, the stream, its end, and what it counts."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from tests.brokers.kabu.payloads import raw
from tests.conftest import Runner, missing
from wsexample.brokers.kabu import KabuClient
from wsexample.brokers.kabu.messages import SymbolEntry
from wsexample.brokers.kabu.simulator import KabuSimulator, Switches
from wsexample.errors import (
    ConnectError,
    ConnectionClosed,
    CredentialsError,
    DeadlineError,
    HandshakeError,
    NotLoggedInError,
    OptionError,
    StateError,
    SubscriptionLimitError,
    UnknownSymbolError,
)
from wsexample.records.market import Board
from wsexample.wire.options import ServeOptions
from wsexample.wire.server import Reject, Request, ServerConnection, serve

Handler = Callable[[ServerConnection], Awaitable[None]]
LIVELY = Switches(first_board_delay_ms=0, thinning_ms=0)
NINE = SymbolEntry("9433", 1)


@asynccontextmanager
async def lively(switches: Switches = LIVELY) -> AsyncIterator[KabuSimulator]:
    """A simulated kabu Station on a very busy day."""
    async with KabuSimulator(switches=switches, ticks_per_s=50) as simulator:
        yield simulator


@asynccontextmanager
async def bare(push: Handler, **options: Any) -> AsyncIterator[KabuClient]:
    """A client of a kabu Station whose push stream is written in the test; REST answers that 9433 is registered."""

    async def rest(request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"RegistList": [{"Symbol": "9433", "Exchange": 1}]})

    accept = options.pop("accept", None)
    async with (
        serve(push, accept=accept, http=rest, options=ServeOptions(ping_interval_s=0)) as server,
        KabuClient("9433", port=server.port, token="t", policy="drop_oldest", reconnect=False, **options) as client,
    ):
        yield client


def client_of(simulator: KabuSimulator, symbols: str = "9433 7203", **options: Any) -> KabuClient:
    """A client with the right password."""
    options = {"policy": "drop_oldest", "reconnect": False, **options}
    return KabuClient(symbols, port=simulator.port, password="password", **options)


async def some(client: KabuClient, count: int) -> list[Board]:
    """The next boards."""
    boards = []
    async for board in client:
        boards.append(board)
        if len(boards) == count:
            break
    return boards


async def all_left(client: KabuClient) -> list[Board]:
    """Every board until the stream is lost."""
    boards: list[Board] = []
    while True:
        try:
            board = await client.receive()
        except ConnectionClosed:
            return boards
        assert board is not None
        boards.append(board)


def assert_accounted(client: KabuClient) -> None:
    handed = client.delivered + client.conflated + client.dropped
    assert client.received + client.snapshots == handed + client.unreadable + client.waiting


# --- the stream ---------------------------------------------------------------------------------------------------------


def test_boards_of_the_registered_symbols_arrive(run_grid: Runner[None]) -> None:
    """Register several, stream, and every board is of one of them, whole and stamped."""

    async def main() -> None:
        async with lively() as simulator, client_of(simulator) as client:
            boards = await some(client, 40)
            assert client.registered == [NINE, SymbolEntry("7203", 1)]
            assert_accounted(client)
        assert {board.symbol for board in boards} == {"9433@1", "7203@1"}
        assert all(board.layout == "stock" and board.bids and board.asks for board in boards)
        assert all(boards[i].received_ns <= boards[i + 1].received_ns for i in range(39))

    run_grid(main())


def test_what_was_sent_is_what_was_received(run: Runner[None]) -> None:
    """Nothing is lost between the two ends, whether taken one by one or all at once."""

    async def main() -> None:
        async with lively(LIVELY.replace(exit="close")) as simulator, client_of(simulator) as client:
            boards = await some(client, 20)
            await simulator.wait_for("boards", 50)
            boards += client.take_waiting()
            simulator.close_push()
            boards += await all_left(client)
            assert client.received == client.delivered == len(boards) == simulator.stats.boards_sent.total()
            assert (client.waiting, client.unreadable) == (0, 0)

    run(main())


def test_every_kind_of_product_streams(run: Runner[None]) -> None:
    """Stocks, an index, futures and an option in one stream keep their symbols and layouts."""

    async def main() -> None:
        async with lively() as simulator:
            contracts = [f"{code}@{market}" for code, market in simulator.market.views if market == 2]
            symbols = ["9433@1", "101@1", *contracts[::8]]
            layouts: dict[str, str | None] = {}
            async with client_of(simulator, " ".join(symbols), snapshot=True) as client:
                async for board in client:
                    layouts[board.symbol] = board.layout
                    if len(layouts) == len(symbols):
                        break
        assert set(layouts) == set(symbols)
        assert set(layouts.values()) == {"stock", "index", "futures", "option"}

    run(main())


def test_snapshots_stand_in_the_stream(run: Runner[None]) -> None:
    """Outside the sessions nothing is pushed; the boards that are read come all the same, and all is counted."""

    async def main() -> None:
        station = KabuSimulator(switches=LIVELY, ticks_per_s=0.001)
        async with station as simulator, client_of(simulator, snapshot=True) as client:
            boards = await some(client, 2)
            assert {board.symbol for board in boards} == {"9433@1", "7203@1"}
            assert (client.snapshots, client.delivered) == (2, 2)
            assert_accounted(client)

    run(main())


def test_a_snapshot_never_comes_behind_a_newer_board(run: Runner[None]) -> None:
    """On a busy market what is pushed while a board is read is newer, and the read one is left out."""

    async def main() -> None:
        async with lively() as simulator, client_of(simulator, snapshot=True) as client:
            boards = await some(client, 60)
            for symbol in ("9433@1", "7203@1"):
                times = [board.received_ns for board in boards if board.symbol == symbol]
                assert times == sorted(times)
            assert_accounted(client)

    run(main())


def test_a_message_that_is_no_board_is_passed_over(run: Runner[None]) -> None:
    """The stream goes on, the nonsense is counted and kept."""

    async def push(ws: ServerConnection) -> None:
        for message in (raw("stock").decode(), "not a board", b"\x00", raw("index").decode()):
            await ws.send(message)
        await ws.wait_closed()

    async def main() -> None:
        async with bare(push) as client:
            assert [board.symbol for board in await some(client, 2)] == ["9433@1", "101@1"]
            assert [kept.payload for kept in client.dialect.kept] == [b"not a board", b"\x00"]
            assert (client.received, client.delivered, client.unreadable) == (4, 2, 2)

    run(main())


def test_the_client_never_pings(run: Runner[None]) -> None:
    """kabu Station does not answer pings, and a client that asks drops a healthy connection."""

    async def main() -> None:
        async with lively() as simulator, client_of(simulator) as client:
            await some(client, 1)
            assert client.session._connect_options.ping_interval_s == 0

    run(main())


def test_registration_happens_before_the_stream_and_stays(run: Runner[None]) -> None:
    """What was registered before stays, and what this client registered stays behind it."""

    async def main() -> None:
        async with lively() as simulator:
            async with client_of(simulator, "101") as first:
                await first.rest.fetch_registry()
            async with client_of(simulator, "9433") as client:
                assert client.registered == [SymbolEntry("101", 1), NINE]
            assert list(simulator.station.pushed) == [("101", 1), ("9433", 1)]

    run(main())


def test_on_exit_only_what_this_client_added_is_unregistered(run: Runner[None]) -> None:
    """The list is shared with other programs, so their symbols stay on it."""

    async def main() -> None:
        async with lively() as simulator:
            async with client_of(simulator, "9433"):
                pass
            async with client_of(simulator, "9433 7203 101", unregister_on_exit=True) as client:
                await some(client, 3)
                assert len(simulator.station.pushed) == 3
            assert list(simulator.station.pushed) == [("9433", 1)]

    run(main())


# --- the end ------------------------------------------------------------------------------------------------------------


def test_a_lost_stream_raises_after_everything_was_delivered(run_grid: Runner[None]) -> None:
    """kabu Station exits: what came before is handed over, then the loss is told."""

    async def main() -> None:
        async with lively(LIVELY.replace(exit="close")) as simulator, client_of(simulator) as client:
            await simulator.wait_for("boards", 30)
            simulator.close_push(1001, "going away")
            await simulator.wait_for("disconnections")
            sent = simulator.stats.boards_sent.total()
            with pytest.raises(ConnectionClosed, match="1001: going away"):
                await some(client, 1_000_000)
            assert client.delivered == client.received == sent

    run_grid(main())


def test_a_reset_is_a_lost_connection(run: Runner[None]) -> None:
    """The TCP reset of the open becomes the same error, with 1006."""

    async def main() -> None:
        async with lively() as simulator, client_of(simulator) as client:
            await some(client, 3)
            simulator.reset()
            with pytest.raises(ConnectionClosed) as caught:
                await some(client, 1_000_000)
            assert (caught.value.code, caught.value.was_clean) == (1006, False)
            assert_accounted(client)

    run(main())


def test_another_client_takes_the_stream_over(run: Runner[None]) -> None:
    """kabu Station serves one; the first learns that it is over."""

    async def main() -> None:
        async with lively() as simulator, client_of(simulator) as first:
            await some(first, 1)
            async with client_of(simulator) as second:
                with pytest.raises(ConnectionClosed):
                    await some(first, 1_000_000)
                assert await some(second, 3)

    run(main())


def test_a_dead_station_is_noticed_by_its_missing_pongs(run: Runner[None]) -> None:
    """Once Pongs have been seen, their absence ends the stream; the machine sleeps, the cable is out."""

    async def main() -> None:
        switches = LIVELY.replace(unsolicited_pong_interval_s=0.02)
        async with lively(switches) as simulator, client_of(simulator, pong_interval_s=0.05) as client:
            await simulator.wait_for("pongs", 2)
            simulator.mute()
            with pytest.raises(DeadlineError, match=r"no sign of life came.* within 0\.16 s"):
                await some(client, 1_000_000)

    run(main())


def test_a_quiet_market_is_not_a_dead_station(run: Runner[None]) -> None:
    """With Pongs and no boards the stream stays open past the limit, and the next board is delivered."""

    async def push(ws: ServerConnection) -> None:
        for _ in range(60):
            ws.pong()
            await asyncio.sleep(0.02)
        await ws.send(raw("stock").decode())
        await ws.wait_closed()

    async def main() -> None:
        async with bare(push, pong_interval_s=0.1) as client:
            (board,) = await some(client, 1)
            assert board.symbol == "9433@1"
            assert client.dialect.silence(0).frame_s == pytest.approx(0.32)
            assert client.session.stats.attempts == 1

    run(main())


def test_closing_ends_the_iteration_of_another_task(run: Runner[None]) -> None:
    """This side's own close is no error, and may come from anywhere, twice."""

    async def main() -> None:
        async with KabuSimulator(switches=LIVELY, ticks_per_s=0.001, seed=3) as simulator:
            client = await client_of(simulator).__aenter__()
            reader = asyncio.ensure_future(some(client, 1_000_000))
            await simulator.wait_for("connected")
            await client.close()
            await client.close()
            await reader
            assert await client.receive() is None

    run(main())


# --- what goes wrong at the start ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prepare", "options", "kind"),
    [
        (lambda simulator: simulator.log_out(), {}, NotLoggedInError),
        (lambda simulator: None, {"password": "wrong"}, CredentialsError),
        (lambda simulator: None, {"symbols": "9433 9999"}, UnknownSymbolError),
        (lambda simulator: None, {"symbols": "9433 7203 101"}, SubscriptionLimitError),
    ],
    ids=["logged out", "wrong password", "unknown symbol", "list full"],
)
def test_a_refused_start_is_told_and_leaves_nothing_open(
    run: Runner[None], prepare: Any, options: dict[str, Any], kind: type[Exception]
) -> None:
    """The broker's error comes out of entering the client; no socket is left, and nothing stays registered if so asked."""

    async def main() -> None:
        async with lively(LIVELY.replace(register_limit=2)) as simulator:
            prepare(simulator)
            given: dict[str, Any] = {"symbols": "9433", "password": "password", **options}
            client = KabuClient(given.pop("symbols"), port=simulator.port, unregister_on_exit=True, **given)
            with pytest.raises(kind):
                await client.__aenter__()
            assert simulator.stats.connections == 0
            assert list(simulator.station.pushed) == []

    run(main())


def test_nobody_listens(run: Runner[None]) -> None:
    """The first call finds out, and says what to start."""

    async def main() -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with pytest.raises(ConnectError, match="start kabu Station"):
            await KabuClient("9433", port=port, token="t").__aenter__()

    run(main())


def test_a_refused_stream_says_what_to_look_at(run: Runner[None]) -> None:
    """REST works and the WebSocket does not: a proxy in between, most of the time."""

    async def accept(request: Request) -> Reject:
        return Reject(502, "bad gateway")

    async def nobody(ws: ServerConnection) -> None: ...

    async def main() -> None:
        with pytest.raises(HandshakeError, match="did not open the push stream \\(HTTP 502\\)") as caught:
            async with bare(nobody, accept=accept):
                pass
        assert caught.value.body.startswith(b"bad gateway")

    run(main())


def test_a_snapshot_that_cannot_be_read_is_told_and_no_more(
    run: Runner[None], caplog: pytest.LogCaptureFixture
) -> None:
    """The stream is worth more than one board that could not be read."""
    caplog.set_level(logging.WARNING)

    async def push(ws: ServerConnection) -> None:
        while "could not be read" not in caplog.text:
            await asyncio.sleep(0.01)
        await ws.send(raw("stock").decode())
        await ws.wait_closed()

    async def main() -> None:
        async with bare(push, snapshot=True) as client:
            assert await some(client, 1)
            assert client.snapshots == 0

    run(main())
    assert "the board of 9433@1 could not be read: " in caplog.text


def test_a_station_on_ipv6_alone_is_found(run: Runner[None]) -> None:
    """The resolver may know localhost as 127.0.0.1 only; captured traffic of kabu Station went to ::1."""

    async def main() -> None:
        if not socket.has_dualstack_ipv6():
            missing("this machine has no IPv6")
        station = KabuSimulator(host="::1", switches=LIVELY, ticks_per_s=50)
        async with station as simulator, client_of(simulator) as client:
            assert await some(client, 3)

    run(main())


def test_unregistering_that_fails_is_logged_not_raised(run: Runner[None], caplog: pytest.LogCaptureFixture) -> None:
    """On the way out a logged-out station must not hide how the stream ended."""
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        async with lively() as simulator, client_of(simulator, "9433", unregister_on_exit=True):
            simulator.log_out()

    run(main())
    assert "9433@1 stayed registered: kabu Station: kabu Station is not logged in" in caplog.text


# --- the object ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("symbols", "option"), [("", "symbols"), ("9433@27", "symbol"), ([], "symbols")])
def test_symbols_that_cannot_work_are_refused_at_once(symbols: Any, option: str) -> None:
    """Before anything is dialled."""
    with pytest.raises(OptionError) as caught:
        KabuClient(symbols, token="t")
    assert caught.value.option == option


def test_a_client_is_opened_once(run: Runner[None]) -> None:
    """Reading before, and opening again, are the caller's mistakes."""

    async def main() -> None:
        async with lively() as simulator:
            client = client_of(simulator)
            with pytest.raises(StateError, match="open the client first"):
                await client.receive()
            async with client:
                await some(client, 1)
            with pytest.raises(StateError, match="opened before"):
                await client.__aenter__()

    run(main())


def test_the_repr_tells_numbers_and_no_secret(run: Runner[None]) -> None:
    """What is printed while it runs helps, and can be shown to anybody."""

    async def main() -> None:
        async with lively() as simulator, client_of(simulator) as client:
            await some(client, 2)
            text = repr(client)
            assert text.startswith(f"<KabuClient localhost:{simulator.port} live, 2 symbols, ")
            assert "2 delivered, 0 unreadable>" in text
            token = client.rest._token
            assert token is not None
            assert token.reveal() not in text

    run(main())
