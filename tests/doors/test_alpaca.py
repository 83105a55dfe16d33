"""`AlpacaWebsocketClient` against the simulator: connect, handle, store, survive, override, disconnect."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Runner
from tests.sinks.mongo_double import MongoDouble
from wsexample import AlpacaWebsocketClient
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET, AlpacaSimulator, Switches
from wsexample.errors import CredentialsError, DeadlineError, OptionError, StateError, StorageError
from wsexample.ports import ConnectionEvent, Gap, Record
from wsexample.records.orders import Fill, Order
from wsexample.sinks.sqlite import read_records

SWITCHES = Switches(partial_fill_chance=0.0, requests_per_minute=0)


class Watched(AlpacaWebsocketClient):
    """A client as users write it, with lists for the tests."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.handled: list[Order | Fill] = []
        self.noted: list[ConnectionEvent | Gap] = []
        self.threads: set[str] = set()
        self.grew = threading.Condition()

    def handle_trade_update(self, update: Order | Fill) -> None:
        self.threads.add(threading.current_thread().name)
        with self.grew:
            self.handled.append(update)
            self.grew.notify_all()

    def log_connection_event(self, event: ConnectionEvent | Gap) -> Any:
        self.noted.append(event)
        return super().log_connection_event(event)

    @property
    def fills(self) -> list[str]:
        return [update.fill_id for update in self.handled if isinstance(update, Fill)]

    async def until_fills(self, count: int) -> None:
        def wait() -> bool:
            with self.grew:
                return self.grew.wait_for(lambda: len(self.fills) >= count, timeout=20)

        assert await asyncio.to_thread(wait)


def client_of(sim: AlpacaSimulator, folder: Path, kind: type[Any] = Watched, **options: Any) -> Any:
    known = {"url": sim.trading_stream_url, "rest_url": sim.url, "reconnect_s": 0.1}
    return kind(DEFAULT_KEY, DEFAULT_SECRET, store_of(folder), **{**known, **options})


def store_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'trades.db'}"


def stored(folder: Path, kind: str | None = None) -> list[Record]:
    return list(read_records(folder / "trades.db", kind))


@contextlib.asynccontextmanager
async def connected(client: AlpacaWebsocketClient) -> AsyncIterator[None]:
    await asyncio.to_thread(client.connect)
    try:
        yield
    finally:
        await asyncio.to_thread(client.disconnect)


def test_updates_are_handled_and_stored(run: Runner[None], tmp_path: Path) -> None:
    """Each execution once and in order, in the handler and in the store, with the connection's story beside."""

    async def main() -> None:
        async with AlpacaSimulator(switches=SWITCHES) as sim:
            client = client_of(sim, tmp_path)
            assert not client.is_connected()
            async with connected(client):
                assert client.is_connected()
                flow = sim.start_fills(30, per_s=300)
                await client.until_fills(30)
            assert not client.is_connected()
            assert client.fills == flow.execution_ids
            assert [fill.fill_id for fill in stored(tmp_path, "fill")] == flow.execution_ids  # type: ignore[attr-defined]
            assert stored(tmp_path, "order") == [u for u in client.handled if isinstance(u, Order)]
            events = [event.event for event in stored(tmp_path, "connection")]  # type: ignore[attr-defined]
            assert events[:3] == ["opened", "logged_in", "subscribed"]
            assert "ended" in [event.event for event in client.noted]
            assert len(client.threads) == 1
            assert client.stats.messages > 30

    run(main())


def test_cuts_lose_nothing(run: Runner[None], tmp_path: Path) -> None:
    """What happened while the connection was down comes first, marked, and once; a gap tells of it."""

    async def main() -> None:
        async with AlpacaSimulator(switches=SWITCHES) as sim:
            client = client_of(sim, tmp_path)
            async with connected(client):
                flow = sim.start_fills(120, per_s=200)
                for moment in (20, 70):
                    await sim.wait_for("executions", moment)
                    sim.stop_streams(0.1)
                await client.until_fills(120)
            assert client.fills == flow.execution_ids
            assert [fill.fill_id for fill in stored(tmp_path, "fill")] == flow.execution_ids  # type: ignore[attr-defined]
            assert any(update.is_backfilled for update in client.handled)
            assert [gap.filled for gap in client.noted if isinstance(gap, Gap)] == [True, True]

    run(main())


def test_wrong_credentials_are_raised_by_connect(run: Runner[None], tmp_path: Path) -> None:
    """At once, instead of trying them every five seconds for ever; nothing goes on behind."""

    async def main() -> None:
        async with AlpacaSimulator(switches=SWITCHES) as sim:
            client = AlpacaWebsocketClient(
                DEFAULT_KEY, "wrong", store_of(tmp_path), url=sim.trading_stream_url, rest_url=sim.url
            )
            with pytest.raises(CredentialsError, match="did not accept"):
                await asyncio.to_thread(client.connect)
            assert not client.is_connected()
            assert sim.stats.refused_logins == 1

    run(main())


def test_credentials_that_are_revoked_end_the_wait(run: Runner[None], tmp_path: Path) -> None:
    """wait() raises what ended the client."""

    async def main() -> None:
        async with AlpacaSimulator(switches=SWITCHES) as sim:
            client = client_of(sim, tmp_path)
            async with connected(client):
                sim.revoke()
                sim.reset("trading")
                with pytest.raises(CredentialsError):
                    await asyncio.to_thread(client.wait, 10)
                assert not client.is_connected()

    run(main())


def test_nobody_there_is_a_deadline(tmp_path: Path) -> None:
    """connect gives up after its timeout, says what was in the way, and leaves nothing behind."""
    client = AlpacaWebsocketClient(DEFAULT_KEY, DEFAULT_SECRET, store_of(tmp_path), url="ws://127.0.0.1:9/stream")
    with pytest.raises(DeadlineError, match=r"not connected within 2 s: .*refused"):
        client.connect(timeout_s=2)
    assert "alpaca-stream" not in {thread.name for thread in threading.enumerate()}


def test_a_handler_that_fails_costs_nothing(
    run: Runner[None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged and counted; the update is stored, and the next ones come."""

    class Failing(Watched):
        def handle_trade_update(self, update: Order | Fill) -> None:
            super().handle_trade_update(update)
            if isinstance(update, Fill) and len(self.fills) == 2:
                raise KeyError("oops")

    async def main() -> None:
        async with AlpacaSimulator(switches=SWITCHES) as sim:
            client = client_of(sim, tmp_path, Failing)
            async with connected(client):
                flow = sim.start_fills(10, per_s=100)
                await client.until_fills(10)
            assert client.handler_errors == 1
            assert [fill.fill_id for fill in stored(tmp_path, "fill")] == flow.execution_ids  # type: ignore[attr-defined]

    run(main())
    assert "handle_trade_update failed" in caplog.text


def test_methods_may_be_coroutines_and_stores_of_ones_own(run: Runner[None], tmp_path: Path) -> None:
    """An overridden coroutine is awaited; a store of one's own takes the place of the default one."""

    class Own(Watched):
        async def handle_trade_update(self, update: Order | Fill) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            Watched.handle_trade_update(self, update)

        def store_trade_update(self, update: Order | Fill) -> None:
            kept.append(update)

    kept: list[Order | Fill] = []

    async def main() -> None:
        async with AlpacaSimulator(switches=SWITCHES) as sim:
            client = client_of(sim, tmp_path, Own)
            async with connected(client):
                sim.start_fills(5, per_s=100)
                await client.until_fills(5)
            assert kept == client.handled
            assert stored(tmp_path, "fill") == []

    run(main())


def test_a_slow_handler_does_not_cost_the_connection(run: Runner[None], tmp_path: Path) -> None:
    """While it works, pings are answered and updates are received."""
    go_on = threading.Event()

    class Slow(Watched):
        def handle_trade_update(self, update: Order | Fill) -> None:
            assert go_on.wait(20)
            super().handle_trade_update(update)

    async def main() -> None:
        pinging = SWITCHES.replace(ping_interval_s=0.05, pong_timeout_s=0.5)
        async with AlpacaSimulator(switches=pinging) as sim:
            client = client_of(sim, tmp_path, Slow)
            async with connected(client):
                flow = sim.start_fills(100, per_s=100)
                await sim.wait_for("executions", 100, 10)
                assert (client.handled, client.stats.reconnects) == ([], 0)
                go_on.set()
                await client.until_fills(100)
                assert client.fills == flow.execution_ids
                assert client.stats.reconnects == 0

    run(main())


def test_disconnect_from_a_handler_and_connect_again(run: Runner[None], tmp_path: Path) -> None:
    """The first returns at once, and the second begins a new life that stores into the same file."""

    class Once(Watched):
        def handle_trade_update(self, update: Order | Fill) -> None:
            super().handle_trade_update(update)
            if isinstance(update, Fill) and len(self.fills) == 1:
                self.disconnect()

    async def main() -> None:
        async with AlpacaSimulator(switches=SWITCHES) as sim:
            client = client_of(sim, tmp_path, Once)
            await asyncio.to_thread(client.connect)
            sim.start_fills(1, per_s=100)
            assert await asyncio.to_thread(client.wait, 10)
            async with connected(client):
                sim.start_fills(3, per_s=100)
                await client.until_fills(4)
            assert len(stored(tmp_path, "fill")) == 4
            await asyncio.to_thread(client.disconnect)  # again is harmless

    run(main())


def test_a_method_that_disconnects_while_connect_still_asks_is_no_error(run: Runner[None], tmp_path: Path) -> None:
    """`connect` was done and so was its end; asking afterwards says so, however the threads meet."""

    class Hasty(Watched):
        def subscribe_to_trades(self) -> None:
            life = self._life
            assert life is not None
            self.disconnect()
            with pytest.raises(StateError, match="disconnected meanwhile"):
                life.subscribe()
            super().subscribe_to_trades()

    async def main() -> None:
        async with AlpacaSimulator(switches=SWITCHES) as sim:
            client = client_of(sim, tmp_path, Hasty)
            await asyncio.to_thread(client.connect)
            assert not client.is_connected()

    run(main())


@pytest.mark.parametrize("is_another_run", [False, True])
def test_a_client_goes_on_where_it_stopped(run: Runner[None], tmp_path: Path, is_another_run: bool) -> None:
    """What happened between two lives comes first and once, also to another run of the program with the same store."""

    async def main() -> None:
        async with AlpacaSimulator(switches=SWITCHES) as sim:
            client = client_of(sim, tmp_path)
            async with connected(client):
                first = sim.start_fills(10, per_s=500)
                await client.until_fills(10)
            away = sim.start_fills(10, per_s=500)
            await sim.wait_for("executions", 20)
            later = client_of(sim, tmp_path) if is_another_run else client
            async with connected(later):
                back = sim.start_fills(10, per_s=500)
                await later.until_fills(20 if is_another_run else 30)
            everything = first.execution_ids + away.execution_ids + back.execution_ids
            assert (client.fills + later.fills if is_another_run else later.fills) == everything
            assert [fill.fill_id for fill in stored(tmp_path, "fill")] == everything  # type: ignore[attr-defined]

    run(main())


def test_what_could_not_be_stored_in_time_comes_again(run: Runner[None], tmp_path: Path) -> None:
    """An update whose storing the end has cut off was not taken: the next connect brings it, like those behind it."""

    class Stuck(Watched):
        """A store that is away at first."""

        is_away = True

        async def store_trade_update(self, update: Order | Fill) -> None:
            if self.is_away and isinstance(update, Fill):
                stuck.set()
                await asyncio.Event().wait()
            stored_now = super().store_trade_update(update)
            assert stored_now is not None
            await stored_now

    stuck = threading.Event()

    async def main() -> None:
        async with AlpacaSimulator(switches=SWITCHES) as sim:
            client = client_of(sim, tmp_path, Stuck)
            async with connected(client):
                flow = sim.start_fills(3, per_s=500)
                assert await asyncio.to_thread(stuck.wait, 20)
                await sim.wait_for("executions", 3)
                await asyncio.to_thread(client.disconnect, 0.05)
            client.is_away = False
            async with connected(client):
                await client.until_fills(3)
            assert client.fills == flow.execution_ids
            assert [fill.fill_id for fill in stored(tmp_path, "fill")] == flow.execution_ids  # type: ignore[attr-defined]

    run(main())


def test_a_client_may_begin_with_now(run: Runner[None], tmp_path: Path) -> None:
    """With resume=False another run does not ask for what happened before."""

    async def main() -> None:
        async with AlpacaSimulator(switches=SWITCHES) as sim:
            client = client_of(sim, tmp_path)
            async with connected(client):
                sim.start_fills(5, per_s=500)
                await client.until_fills(5)
            sim.start_fills(5, per_s=500)
            await sim.wait_for("executions", 10)
            later = client_of(sim, tmp_path, resume=False, check_every_s=0)
            async with connected(later):
                flow = sim.start_fills(5, per_s=500)
                await later.until_fills(5)
            assert later.fills == flow.execution_ids

    run(main())


def test_connect_again_while_connected_does_nothing(run: Runner[None], tmp_path: Path) -> None:
    """One connection, not two; and run_forever ends when somebody disconnects."""

    async def main() -> None:
        async with AlpacaSimulator(switches=SWITCHES) as sim:
            client = client_of(sim, tmp_path)
            async with connected(client):
                running = asyncio.ensure_future(asyncio.to_thread(client.run_forever))
                await asyncio.to_thread(client.connect)
                assert sim.stats.connections["trading"] == 1
                await asyncio.to_thread(client.disconnect)
                await running

    run(main())


def test_a_store_that_cannot_be_opened_is_raised_by_connect(run: Runner[None], tmp_path: Path) -> None:
    """Before anything is handled."""

    async def main() -> None:
        async with AlpacaSimulator(switches=SWITCHES) as sim:
            client = client_of(sim, tmp_path / "nowhere")
            with pytest.raises(StorageError):
                await asyncio.to_thread(client.connect)
            assert sim.stats.connections["trading"] == 0

    run(main())


def test_updates_may_be_stored_in_mongodb(run: Runner[None]) -> None:
    """As documents, each once, with the connection's story beside."""

    async def main() -> None:
        with MongoDouble() as double:
            url = f"mongodb://127.0.0.1:{double.port}/trades"
            async with AlpacaSimulator(switches=SWITCHES) as sim:
                client = Watched(
                    DEFAULT_KEY, DEFAULT_SECRET, url, url=sim.trading_stream_url, rest_url=sim.url, reconnect_s=0.1
                )
                async with connected(client):
                    flow = sim.start_fills(10, per_s=500)
                    await sim.wait_for("executions", 5)
                    sim.reset("trading")
                    await client.until_fills(10)
            kept = double.tables("trades")
            assert [row["fill_id"] for row in kept["fills"]] == flow.execution_ids
            assert {"orders", "gaps"} < set(kept)

    run(main())


def test_options_that_cannot_work_are_refused_at_once(tmp_path: Path) -> None:
    """A store that does not exist, a wait of nothing, an option of nobody, and a call before connect."""
    with pytest.raises(OptionError, match="sink"):
        AlpacaWebsocketClient("k", "s", "papyrus://scroll")
    with pytest.raises(OptionError, match="reconnect_s"):
        AlpacaWebsocketClient("k", "s", store_of(tmp_path), reconnect_s=0)
    with pytest.raises(OptionError, match="backfill"):
        AlpacaWebsocketClient("k", "s", store_of(tmp_path), backfill="sometimes")
    assert "hidden" not in repr(AlpacaWebsocketClient("k", "s", "mongodb://user:hidden@127.0.0.1/trades"))
    with pytest.raises(StateError, match="not connected"):
        AlpacaWebsocketClient("k", "s", store_of(tmp_path)).subscribe_to_trades()


def test_the_rhythm_is_the_one_people_know(tmp_path: Path) -> None:
    """A ping every 30 s, and a new connection after 5 s at most, however often it fails."""
    stream = AlpacaWebsocketClient("k", "s", store_of(tmp_path)).new_stream()
    assert stream._connect_options.ping_interval_s == 30.0
    assert {stream.options.retry.bound_s(failures) for failures in (1, 2, 50)} == {5.0}
    assert stream._connect_options.url == "wss://paper-api.alpaca.markets/stream"
    live = AlpacaWebsocketClient("k", "s", store_of(tmp_path), paper=False).new_stream()
    assert live._connect_options.url == "wss://api.alpaca.markets/stream"


def test_secrets_are_nowhere(run: Runner[None], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in logs at the finest level, nor in reprs, nor in what is stored."""
    caplog.set_level(logging.DEBUG)

    async def main() -> None:
        async with AlpacaSimulator(switches=SWITCHES) as sim:
            client = client_of(sim, tmp_path)
            async with connected(client):
                sim.reset("trading")
                sim.start_fills(3, per_s=100)
                await client.until_fills(3)
                shown.append(repr(client) + repr(vars(client)) + repr(client.handled) + repr(client.noted))

    shown: list[str] = []
    run(main())
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (DEFAULT_KEY, DEFAULT_SECRET):
        assert secret not in shown[0]
        assert secret not in caplog.text
        assert secret.encode() not in kept
