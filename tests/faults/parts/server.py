"""`serve` in a storm: who is gone is let go, who is slow is kept, and a client on a sound network feels nothing."""

from __future__ import annotations

import asyncio
import contextlib

from tests.faults.parts.client import LATE_S, SIZES, nobody_left, options_through, talk
from tests.faults.proxy import FaultProxy
from tests.faults.storm import DIALLING, OPEN, Storm
from wsexample.errors import WsExampleError
from wsexample.wire.connection import connect
from wsexample.wire.options import ConnectOptions, ServeOptions
from wsexample.wire.server import ServerConnection, serve

ALIVE_S = 0.3
"""Keep-alive of the server; twice this without a sign is the end."""


async def trial(storm: Storm) -> None:
    """Three clients in the storm and one beside it."""
    begun: list[ServerConnection] = []
    ended: list[ServerConnection] = []

    async def handler(ws: ServerConnection) -> None:
        begun.append(ws)
        try:  # anything but ConnectionClosed is logged as an error, which fails the trial
            async for message in ws:
                await ws.send(message)
        finally:
            ended.append(ws)

    options = ServeOptions(
        ping_interval_s=ALIVE_S,
        ping_timeout_s=ALIVE_S if not storm.slows else LATE_S,
        close_timeout_s=0.05,
        handshake_timeout_s=0.5 if not storm.slows else LATE_S,
        compression=storm.draw(True, False),
    )
    when = storm.draw(DIALLING, OPEN)
    stops_in_it = storm.draw(True, False)
    async with serve(handler, tls=None if storm.tls is None else storm.tls[0], options=options) as server:
        proxy = storm.proxy(server.port)
        scheme = "ws" if storm.tls is None else "wss"
        sound = ConnectOptions(
            url=f"{scheme}://127.0.0.1:{server.port}", tls=None if storm.tls is None else storm.tls[1], proxy=None
        )
        async with connect(sound) as beside:
            struck = asyncio.Event()
            clients = [asyncio.create_task(weathered(proxy, storm, when, struck)) for _ in range(3)]
            if when == OPEN:
                async with asyncio.timeout(LATE_S):
                    while len(begun) < 4:
                        await asyncio.sleep(0.005)
            storm.strike(proxy, when)
            struck.set()
            for _ in range(5):
                assert await talk(beside, storm, LATE_S) == len(SIZES)
            if storm.ends or storm.silences:
                async with asyncio.timeout(LATE_S):  # without the proxy's help
                    while len(server.connections) > 1 and not (when == DIALLING and storm.ends):
                        await asyncio.sleep(0.005)
            if not stops_in_it:
                storm.heal()
                kept = await asyncio.gather(*clients)
                if storm.slows:
                    assert kept == [len(SIZES)] * 3, kept
                assert await talk(beside, storm, LATE_S) == len(SIZES)
        if not stops_in_it:
            await nobody_left(server)
        async with asyncio.timeout(LATE_S):
            await server.close()
        storm.heal()
        await asyncio.gather(*clients)
    assert len(begun) == len(ended) == server.accepted
    assert not server.connections


async def weathered(proxy: FaultProxy, storm: Storm, when: str, struck: asyncio.Event) -> int:
    """A client in the storm; returns how much of its talk came back."""
    if when == DIALLING:
        await struck.wait()
    with contextlib.suppress(WsExampleError):
        async with connect(options_through(proxy, storm, handshake_timeout_s=LATE_S if storm.slows else 0.3)) as ws:
            await struck.wait()
            return await talk(ws, storm, LATE_S if storm.slows else 0.3)
    return 0
