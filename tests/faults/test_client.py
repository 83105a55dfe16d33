"""`connect` and `serve` on a bad network: data, a typed error or a deadline, on both sides, and nothing left behind."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from tests.conftest import Runner
from tests.faults.conftest import MakeProxy
from tests.faults.proxy import ENDING, FAULTS, SILENCING, SLOWING, SPOILING, FaultProxy
from wsexample.errors import ConnectionClosed, DeadlineError, HandshakeError, WsExampleError
from wsexample.wire.connection import Connection, connect
from wsexample.wire.options import ConnectOptions, ServeOptions
from wsexample.wire.server import Server, ServerConnection, serve

SOON_S = 0.05
"""A deadline that is meant to pass."""
LATE_S = 10.0
"""A deadline that is not."""


def serving(**facts: Any) -> Any:
    """An echo server."""

    async def echo(ws: ServerConnection) -> None:
        async for message in ws:
            await ws.send(message)

    return serve(echo, options=ServeOptions(**{"ping_interval_s": 0, "close_timeout_s": SOON_S, **facts}))


def options(proxy: FaultProxy, **facts: Any) -> ConnectOptions:
    """Where the client connects; what it is not given it waits for only a moment at the end."""
    return ConnectOptions(url=proxy.url, proxy=None, **{"ping_interval_s": 0, "close_timeout_s": SOON_S, **facts})


async def echoes(ws: Connection, timeout_s: float, seed: int = 0) -> int:
    """Say things of many lengths; returns how many came back as they were."""
    chance = random.Random(seed)
    count = 0
    for size in (0, 1, 125, 126, 300):
        said = chance.randbytes(size)
        await ws.send(said)
        count += await ws.receive(timeout_s=timeout_s) == said
    return count


async def nobody_left(server: Server) -> None:
    """Wait until the server has noticed that its clients are gone."""
    async with asyncio.timeout(LATE_S):
        while server.connections:
            await asyncio.sleep(0.01)


async def outcome(proxy: FaultProxy, fault: str, when: str, timeout_s: float, seed: int = 0) -> int | WsExampleError:
    """What a client gets that meets a fault in its handshake or afterwards; anything foreign is raised."""
    try:
        if when == "in the handshake":
            FAULTS[fault](proxy)
        async with connect(options(proxy, handshake_timeout_s=timeout_s)) as ws:
            if when == "afterwards":
                FAULTS[fault](proxy)
            return await echoes(ws, timeout_s, seed)
    except WsExampleError as error:
        return error


WHEN = pytest.mark.parametrize("when", ["in the handshake", "afterwards"])


@WHEN
@pytest.mark.parametrize("fault", SLOWING)
def test_a_slow_network_costs_nothing_but_time(
    run: Runner[None], fault_proxy: MakeProxy, fault: str, when: str
) -> None:
    """Bytes in any pieces at any time make the same messages."""

    async def main() -> None:
        async with serving() as server:
            assert await outcome(fault_proxy(server.port), fault, when, LATE_S) == 5
            await nobody_left(server)

    run(main())


@pytest.mark.parametrize(
    ("fault", "when"),
    [*((fault, "afterwards") for fault in ENDING), ("cut inside a frame", "in the handshake")],
)
def test_a_connection_that_is_cut_is_told_at_once(
    run: Runner[None], fault_proxy: MakeProxy, fault: str, when: str
) -> None:
    """1006 without a closing handshake, or a handshake that was not one; the server is rid of it too."""

    async def main() -> None:
        async with serving() as server:
            found = await outcome(fault_proxy(server.port), fault, when, LATE_S)
            if when == "in the handshake":
                assert isinstance(found, HandshakeError)
            else:
                assert isinstance(found, ConnectionClosed)
                assert (found.code, found.was_clean, found.by_peer) == (1006, False, True)
            await nobody_left(server)

    run(main())


@WHEN
@pytest.mark.parametrize("fault", SILENCING)
def test_a_silent_network_is_a_deadline(run: Runner[None], fault_proxy: MakeProxy, fault: str, when: str) -> None:
    """The error says which step waited; the server is rid of the connection as soon as it can know."""

    async def main() -> None:
        async with serving() as server:
            proxy = fault_proxy(server.port)
            found = await outcome(proxy, fault, when, SOON_S)
            assert isinstance(found, DeadlineError)
            # on a busy machine even the sound handshake may be late
            assert found.step in ("handshake", "receive")
            proxy.heal()
            await nobody_left(server)

    run(main())


@WHEN
@pytest.mark.parametrize("fault", SPOILING)
def test_a_changed_byte_ends_in_data_or_a_typed_error(
    run: Runner[None], fault_proxy: MakeProxy, seed: int, fault: str, when: str
) -> None:
    """Nothing foreign is raised and nothing hangs, whichever byte it is."""

    async def main() -> None:
        async with serving() as server:
            found = await outcome(fault_proxy(server.port), fault, when, SOON_S, seed)
            assert isinstance(found, WsExampleError) or found <= 5
            await nobody_left(server)

    run(main())


@pytest.mark.parametrize("fault", SILENCING)
def test_keep_alive_notices_a_silent_network_on_both_sides(
    run: Runner[None], fault_proxy: MakeProxy, fault: str
) -> None:
    """A receive without a deadline ends all the same, and so does the server's."""

    async def main() -> None:
        async with serving(ping_interval_s=SOON_S, ping_timeout_s=SOON_S) as server:
            proxy = fault_proxy(server.port)
            async with connect(options(proxy, ping_interval_s=SOON_S, ping_timeout_s=SOON_S)) as ws:
                FAULTS[fault](proxy)
                with pytest.raises(ConnectionClosed) as caught:
                    await ws.receive()
                assert caught.value.code == 1006
            await nobody_left(server)

    run(main())


@pytest.mark.parametrize("fault", SILENCING)
def test_a_silence_that_passes_costs_nothing(run: Runner[None], fault_proxy: MakeProxy, fault: str) -> None:
    """After a deadline the connection is as good as before, and nothing is missing."""

    async def main() -> None:
        async with serving() as server:
            proxy = fault_proxy(server.port)
            async with connect(options(proxy)) as ws:
                FAULTS[fault](proxy)
                await ws.send("first")
                with pytest.raises(DeadlineError):
                    await ws.receive(timeout_s=SOON_S)
                proxy.heal()
                await ws.send("second")
                assert [await ws.receive(timeout_s=LATE_S) for _ in range(2)] == ["first", "second"]

    run(main())


def test_a_send_into_a_stalled_network_waits_and_ends_with_the_connection(
    run: Runner[None], fault_proxy: MakeProxy
) -> None:
    """It is bounded by the write buffer, and a cut ends it with a typed error."""

    async def main() -> None:
        async with serving() as server:
            proxy = fault_proxy(server.port)
            async with connect(options(proxy)) as ws:
                proxy.stall("up")

                async def pour() -> None:
                    while True:
                        await ws.send(bytes(1 << 20))

                pouring = asyncio.create_task(pour())
                async with asyncio.timeout(LATE_S):
                    while not ws.is_writing_paused:
                        await asyncio.sleep(0.01)
                proxy.reset()
                with pytest.raises(ConnectionClosed):
                    await pouring
            await nobody_left(server)

    run(main())
