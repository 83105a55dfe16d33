"""What the wire's tests share: plain and TLS, an echo server, and peers that do one thing wrong."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from wsexample.wire.connection import Connection, connect
from wsexample.wire.server import Server, ServerConnection, serve

Run = Callable[[Awaitable[Any]], Any]


@dataclass(frozen=True)
class Security:
    """How both ends of a test speak."""

    server: ssl.SSLContext | None
    client: ssl.SSLContext | None


@pytest.fixture(params=["plain", "tls"])
def security(request: pytest.FixtureRequest) -> Security:
    """Once without and once with TLS."""
    if request.param == "plain":
        return Security(None, None)
    server, client = request.getfixturevalue("tls_contexts")
    return Security(server, client)


@asynccontextmanager
async def pair(
    handler: Callable[[ServerConnection], Awaitable[None]],
    *,
    security: Security | None = None,
    server: dict[str, Any] | None = None,
    **client: Any,
) -> AsyncIterator[tuple[Server, Connection]]:
    """Serve a handler and connect to it."""
    secure = security or Security(None, None)
    async with (
        serve(handler, tls=secure.server, **(server or {})) as serving,
        connect(serving.url, tls=secure.client, **client) as ws,
    ):
        yield serving, ws


async def echo(ws: ServerConnection) -> None:
    """Send everything back."""
    async for payload, is_binary in ws.payloads():
        await ws.send(payload if is_binary else payload.decode())


async def hold(ws: ServerConnection) -> None:
    """Stay until the connection is over."""
    await ws.wait_closed()


Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_peer(play: Peer) -> AsyncIterator[str]:
    """Listen with a function that speaks bytes; yields the ws:// address."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await play(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    tasks: set[asyncio.Task[None]] = set()

    def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(guarded(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(met, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(response: bytes, *, then_close: bool = True) -> AbstractAsyncContextManager[str]:
    """Listen with a peer that answers each request head with these bytes."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        await writer.drain()
        if not then_close:
            await reader.read()

    return raw_peer(play)


async def until(fact: Callable[[], object]) -> None:
    """Let the loop turn until something is so; the runner's deadline bounds the wait."""
    while not fact():
        await asyncio.sleep(0)


async def failure(url: str, **options: Any) -> Any:
    """Connect in vain and return the error."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each test looks at the kind
        await connect(url, **options)
    return caught.value


async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take everything and say nothing."""
    while await reader.read(65536):
        pass


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
