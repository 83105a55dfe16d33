"""Clients that do not come to the point: they are dropped by the handshake's deadline or at a limit, told of, and cost little."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web

from tests.load.conftest import KIB, MIB, REQUEST, SLACK, beside, echo, frame, hostile, memory_below, nobody_left
from wsexample.wire.connection import connect
from wsexample.wire.options import ServeOptions
from wsexample.wire.server import Request, serve

RunGrid = Callable[[Any], Any]
Tls = tuple[ssl.SSLContext, ssl.SSLContext]
COUNT = 30


async def hello(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text=f"{len(await request.read())} bytes\n")


@pytest.mark.parametrize("http", [None, hello], ids=["bare", "with http"])
def test_slow_heads_are_dropped_and_told_of(run_grid: RunGrid, http: Any) -> None:
    """Clients that say nothing, half a head, or one letter after the other are told of once each, by the deadline."""
    told: list[str] = []
    options = ServeOptions(handshake_timeout_s=0.3)

    async def slow(port: int, kind: int) -> None:
        async with hostile(port, opens=False) as peer:
            if kind:
                await peer.push(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ")
            while kind == 2 and await peer.push(b"x"):
                await asyncio.sleep(0.02)
            await peer.end()

    async def main() -> None:
        def tell(reason: str, remote: str) -> None:
            told.append(reason)

        async with serve(echo, http=http, options=options, refused=tell) as server, beside(server):
            await asyncio.gather(*(slow(server.port, place % 3) for place in range(COUNT)))
            await nobody_left(server, but=1)

    run_grid(main())
    assert told == ["handshake"] * COUNT


def test_unfinished_tls_is_told_of(run_grid: RunGrid, tls_contexts: Tls) -> None:
    """Clients that say nothing, something else, or a hello byte by byte where TLS is wanted are told of once each."""
    told: list[tuple[str, str]] = []
    options = ServeOptions(handshake_timeout_s=0.3)

    async def slow(port: int, kind: int) -> None:
        async with hostile(port, opens=False) as peer:
            if kind == 1:
                await peer.push(REQUEST % b"")
            while kind == 2 and await peer.push(b"\x16"):
                await asyncio.sleep(0.02)
            await peer.end()

    async def main() -> None:
        def tell(reason: str, remote: str) -> None:
            told.append((reason, remote.rpartition(":")[0]))

        async with (
            serve(echo, tls=tls_contexts[0], options=options, refused=tell) as server,
            connect(server.url, tls=tls_contexts[1]) as ws,
        ):
            await asyncio.gather(*(slow(server.port, place % 3) for place in range(COUNT)))
            await ws.send("still here")
            assert await ws.receive(10) == "still here"

    run_grid(main())
    assert told == [("tls", "127.0.0.1")] * COUNT


@pytest.mark.parametrize("begins", [False, True], ids=["silent", "begun"])
def test_a_server_stops_in_the_middle_of_tls_handshakes(run_grid: RunGrid, tls_contexts: Tls, begins: bool) -> None:
    """Clients that have not done with TLS do not hold up the end of a server, and none is left open behind it."""

    async def main() -> None:
        patient = ServeOptions(handshake_timeout_s=3600)
        async with (
            serve(echo, tls=tls_contexts[0], options=patient) as server,
            hostile(server.port, opens=False) as peer,
        ):
            if begins:
                await peer.push(b"\x16\x03\x01")
            else:
                await asyncio.sleep(0)
            await server.close()
            assert await peer.end() is None

    run_grid(main())


@pytest.mark.parametrize("http", [None, hello], ids=["bare", "with http"])
@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "tls"])
def test_who_arrives_while_a_server_stops_is_let_go(
    run_grid: RunGrid, tls_contexts: Tls, is_secure: bool, http: Any
) -> None:
    """Whichever turn of the loop it is: a client is ended at once, though it has an hour for its request."""

    async def main() -> None:
        patient = ServeOptions(handshake_timeout_s=3600)
        for turns in range(8):
            async with serve(echo, tls=tls_contexts[0] if is_secure else None, http=http, options=patient) as server:
                arriving = socket.create_connection(("127.0.0.1", server.port))
                for _ in range(turns):
                    await asyncio.sleep(0)
            with arriving, suppress(ConnectionError):
                arriving.setblocking(False)
                async with asyncio.timeout(10):
                    assert await asyncio.get_running_loop().sock_recv(arriving, 1) == b""

    run_grid(main())


@pytest.mark.parametrize("http", [None, hello], ids=["bare", "with http"])
@pytest.mark.parametrize("block", [b"x" * 64 * KIB, b"X-Another: one\r\n" * 4096], ids=["a line", "headers"])
def test_endless_heads_are_refused(run_grid: RunGrid, http: Any, block: bytes) -> None:
    """A head without end is refused at 64 KiB, and nothing of it is kept."""

    async def main() -> None:
        async with serve(echo, http=http) as server, beside(server), memory_below(SLACK + 2 * MIB):
            for _ in range(10):
                async with hostile(server.port, opens=False) as peer:
                    goes_on = await peer.push(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ")
                    sent = 0
                    while goes_on and sent < 200:
                        goes_on = await peer.push(block)
                        sent += 1
                    assert sent < 200
            await nobody_left(server, but=1)

    run_grid(main())


def test_an_endless_body_is_not_kept(run_grid: RunGrid) -> None:
    """A body in chunks ends with 413 at aiohttp's limit of 1 MiB, and the connection soon after."""

    async def main() -> None:
        block = b"10000\r\n" + bytes(64 * KIB) + b"\r\n"
        async with (
            serve(echo, http=hello) as server,
            beside(server),
            memory_below(SLACK + 8 * MIB),
            hostile(server.port, opens=False) as peer,
        ):
            await peer.push(b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(512):  # 32 MiB
                await peer.push(block)
            assert b" 413 " in await peer.reader.readuntil(b"\r\n\r\n")
            while await peer.push(block):
                await asyncio.sleep(0.01)

    run_grid(main())


def test_frames_of_a_hasty_client_wait_outside(run_grid: RunGrid) -> None:
    """While `accept` decides, no more than a head's length of what follows is taken in; nothing of it is lost then."""

    async def main() -> None:
        decided = asyncio.get_running_loop().create_future()

        async def accept(request: Request) -> None:
            await decided

        count = 16 * MIB // (60 * KIB)
        taken = 0

        async def take(ws: Any) -> None:
            nonlocal taken
            async for payload, _ in ws.payloads():
                taken += payload == bytes(60 * KIB)

        async with serve(take, accept=accept) as server, hostile(server.port, opens=False) as peer:

            async def hurry() -> None:
                await peer.push(REQUEST % b"")
                for _ in range(count):
                    await peer.push(frame(2, bytes(60 * KIB)))
                await peer.push(frame(8, b"\x03\xe8"))

            async with memory_below(2 * MIB):
                hurrying = asyncio.create_task(hurry())
                await asyncio.sleep(
                    0.2
                )  # nothing will happen that could be waited for: in this time it would go on if it could
                assert not hurrying.done()
            decided.set_result(None)
            await hurrying
            await peer.reader.read()
            assert taken == count

    run_grid(main())
