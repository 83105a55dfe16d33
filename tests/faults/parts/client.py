"""`connect` in a storm: data, a typed error or a deadline; under TLS never a wrong byte."""

from __future__ import annotations

import asyncio

from tests.faults.proxy import FaultProxy
from tests.faults.storm import DIALLING, OPEN, Storm
from wsexample.errors import ConnectionClosed, DeadlineError, WsExampleError
from wsexample.wire.connection import Connection, connect
from wsexample.wire.options import ConnectOptions, ServeOptions
from wsexample.wire.server import Server, ServerConnection, serve

SOON_S = 0.08
"""A deadline that is meant to pass."""
LATE_S = 10.0
"""A deadline that is not."""
SIZES = (0, 1, 125, 126, 300)


async def echo(ws: ServerConnection) -> None:
    """Send everything back."""
    async for message in ws:
        await ws.send(message)


def options_through(proxy: FaultProxy, storm: Storm, **facts: object) -> ConnectOptions:
    """Where a client connects, through a proxy."""
    return ConnectOptions(
        url=proxy.url if storm.tls is None else proxy.url.replace("ws", "wss", 1),
        tls=None if storm.tls is None else storm.tls[1],
        proxy=None,
        **{"ping_interval_s": 0, "close_timeout_s": 0.05, **facts},  # type: ignore[arg-type]
    )


async def nobody_left(server: Server) -> None:
    """Wait until a server has noticed that its clients are gone."""
    async with asyncio.timeout(LATE_S):
        while server.connections:
            await asyncio.sleep(0.005)


async def talk(ws: Connection, storm: Storm, timeout_s: float) -> int:
    """Say things of many lengths; returns how many came back as they were. Only a storm that spoils may change one."""
    same = 0
    for size in SIZES:
        said = storm.chance.randbytes(size)
        await ws.send(said)
        heard = await ws.receive(timeout_s=timeout_s)
        assert heard == said or storm.spoils
        same += heard == said
    return same


async def trial(storm: Storm) -> None:
    """Connect, talk, be struck on the way, and close."""
    when = storm.draw(DIALLING, OPEN)
    compression = storm.draw(True, False)
    timeout_s = LATE_S if storm.slows or storm.ends else SOON_S
    is_patient = storm.silences and when == OPEN and storm.draw(True, False)
    serving = ServeOptions(ping_interval_s=0, close_timeout_s=0.05, handshake_timeout_s=0.5, compression=True)
    found: int | WsExampleError
    async with serve(echo, tls=None if storm.tls is None else storm.tls[0], options=serving) as server:
        proxy = storm.proxy(server.port)
        where = options_through(
            proxy, storm, compression=compression, connect_timeout_s=timeout_s, handshake_timeout_s=timeout_s
        )
        try:
            if when == DIALLING:
                storm.strike(proxy, when)
            async with connect(
                where.replace(connect_timeout_s=LATE_S, handshake_timeout_s=LATE_S) if when == OPEN else where
            ) as ws:
                if when == OPEN:
                    storm.strike(proxy)
                try:
                    found = await talk(ws, storm, timeout_s)
                except DeadlineError:
                    if not is_patient:
                        raise
                    storm.heal()
                    await ws.receive(timeout_s=LATE_S)
                    found = await talk(ws, storm, LATE_S)
        except WsExampleError as error:
            found = error
        check(storm, when, found, is_patient=is_patient)
        storm.heal()
        await nobody_left(server)


def check(storm: Storm, when: str, found: int | WsExampleError, *, is_patient: bool) -> None:
    """What must hold of the outcome."""
    if storm.slows or is_patient:
        assert found == len(SIZES), found
    elif storm.ends:
        assert isinstance(found, WsExampleError), found
        assert not isinstance(found, DeadlineError), "it waited for a deadline although it could know"
        if when == OPEN:
            assert isinstance(found, ConnectionClosed), found
            assert (found.code, found.was_clean) == (1006, False), found
    elif storm.silences:
        assert isinstance(found, DeadlineError), found
    else:
        assert isinstance(found, WsExampleError) or found <= len(SIZES)
