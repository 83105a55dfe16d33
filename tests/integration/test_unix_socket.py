"""Real unix sockets: ours with ours, and with other people's clients and servers."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wsexample.errors import ConnectError
from wsexample.wire.connection import connect
from wsexample.wire.options import ServeOptions
from wsexample.wire.server import Request, ServerConnection, serve

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="unix sockets belong to POSIX"),
]

RunGrid = Callable[[Any], Any]


async def echo(ws: ServerConnection) -> None:
    async for message in ws:
        await ws.send(message)


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize("way", ["url", "option", "socket"])
def test_a_unix_socket_carries_everything(
    run_grid: RunGrid, tmp_path: Path, tls_contexts: Any, secure: bool, way: str
) -> None:
    """By its URL, by an option beside a URL, or as a socket of one's own; plain and with TLS; path and host as asked."""
    path = str(tmp_path / "s.sock")
    scheme = "wss" if secure else "ws"

    async def scenario() -> tuple[str | bytes, Request]:
        server_tls, client_tls = tls_contexts if secure else (None, None)
        async with serve(echo, unix_path=path, tls=server_tls) as server:
            options: dict[str, Any] = {"url": f"{scheme}+unix:{path}:/feed?x=1"}
            if way != "url":
                options = {"url": f"{scheme}://localhost/feed?x=1"}
                options |= {"unix_path": path} if way == "option" else {"sock": _connected(path)}
            async with connect(**options, tls=client_tls) as ws:
                await ws.send("x" * 200_000)
                answer = await ws.receive(10)
                return answer, next(iter(server.connections)).request

    answer, request = run_grid(scenario())
    assert answer == "x" * 200_000
    assert (request.path, request.query, request.headers["host"], request.remote) == (
        "/feed",
        {"x": ["1"]},
        "localhost",
        "unix",
    )


def _connected(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(path)
    return sock


def test_many_clients_share_a_unix_socket(run_grid: RunGrid, tmp_path: Path) -> None:
    """They are counted together, because a unix socket has no addresses to tell them apart."""

    async def scenario() -> list[str | bytes]:
        async with serve(echo, unix_path=str(tmp_path / "s.sock"), options=ServeOptions(max_connections=50)) as server:

            async def one(n: int) -> str | bytes:
                async with connect(server.url) as ws:
                    await ws.send(str(n))
                    return await ws.receive(10)

            return await asyncio.gather(*(one(n) for n in range(50)))

    assert run_grid(scenario()) == [str(n) for n in range(50)]


def test_a_server_that_is_gone_leaves_no_socket(run_grid: RunGrid, tmp_path: Path) -> None:
    """After the end of the server a client learns that there is none."""

    async def scenario() -> ConnectError:
        async with serve(echo, unix_path=str(tmp_path / "s.sock")) as server:
            url = server.url
        with pytest.raises(ConnectError) as caught:
            await connect(url)
        return caught.value

    assert "no unix socket" in str(run_grid(scenario()))


def test_websockets_talks_to_our_unix_server(run: RunGrid, tmp_path: Path) -> None:
    """The client of another library is served on a unix socket."""
    websockets = pytest.importorskip("websockets.asyncio.client")
    path = str(tmp_path / "s.sock")

    async def scenario() -> str | bytes:
        async with serve(echo, unix_path=path), websockets.unix_connect(path, "ws://localhost/") as ws:
            await ws.send("日本語")
            answer: str | bytes = await ws.recv()
            return answer

    assert run(scenario()) == "日本語"


def test_our_client_talks_to_the_unix_server_of_websockets(run: RunGrid, tmp_path: Path) -> None:
    """And the other way round."""
    websockets = pytest.importorskip("websockets.asyncio.server")
    path = str(tmp_path / "s.sock")

    async def back(ws: Any) -> None:
        async for message in ws:
            await ws.send(message)

    async def scenario() -> str | bytes:
        async with websockets.unix_serve(back, path), connect(f"ws+unix:{path}") as ws:
            await ws.send(b"\x00\xff")
            return await ws.receive(10)

    assert run(scenario()) == b"\x00\xff"
