"""What a client of ``wseserver`` may not exceed: number, size, rate, time."""

from __future__ import annotations

import asyncio
import socket
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.server.visiting import converse, refused
from tests.commands import Launch
from wsexample import connect
from wsexample.errors import ConnectionClosed, WsExampleError


@pytest.mark.parametrize(("flag", "status"), [("--max-connections", 503), ("--max-per-address", 429)])
def test_limited_connections(serving: Callable[..., str], run: Callable[[Any], Any], flag: str, status: int) -> None:
    """One client more than allowed is refused; when one leaves there is room again."""
    url = serving(flag, "1")

    async def scenario() -> None:
        async with connect(url):
            assert await refused(url) == status
        assert await refused(url) == 101

    run(scenario())


def test_a_message_that_is_too_big_closes_with_1009(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """--max-size bounds what a client may send."""
    url = serving("--max-size", "1k")

    async def scenario() -> int:
        async with connect(url) as ws:
            await ws.send("x" * 1024)
            assert await ws.receive(10) == "x" * 1024
            await ws.send("x" * 1025)
            with pytest.raises(ConnectionClosed) as closed:
                await ws.receive(10)
            return closed.value.code

    assert run(scenario()) == 1009


def test_a_flood_closes_with_1008(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """--rate bounds messages a second."""
    url = serving("--rate", "5")

    async def scenario() -> int:
        async with connect(url) as ws:
            try:
                for _ in range(100):
                    await ws.send("x")
                    await ws.receive(10)
            except ConnectionClosed as closed:
                return closed.code
            return 0

    assert run(scenario()) == 1008


def test_a_flood_of_pongs_closes_with_1008_too(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """--rate bounds what is no message as well, far above what an honest client sends."""
    url = serving("--rate", "5")

    async def scenario() -> int:
        async with connect(url) as ws:
            for _ in range(500):
                ws.pong()
            await ws.send("x")
            assert await ws.receive(10) == "x"
            for _ in range(20_000):
                ws.pong()
            with pytest.raises(ConnectionClosed) as closed:
                await ws.receive(10)
            return closed.value.code

    assert run(scenario()) == 1008


def test_a_client_that_only_connects_is_let_go(serving: Callable[..., str]) -> None:
    """--handshake-timeout bounds how long a client may say nothing."""
    url = urllib.parse.urlsplit(serving("--handshake-timeout", "200ms"))
    with socket.create_connection((str(url.hostname), url.port or 0), timeout=10) as silent:
        while silent.recv(4096):
            pass


def test_silent_clients_are_pinged_and_given_up(launch: Launch) -> None:
    """A client that answers no ping is let go after --ping-interval and --ping-timeout."""
    server = launch("wseserver", "0", "--announce", "--ping-interval", "100ms", "--ping-timeout", "100ms")
    url = urllib.parse.urlsplit(server.wait_for("ws://", on="out"))
    request = (
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection((str(url.hostname), url.port or 0), timeout=10) as dead:
        dead.sendall(request.encode())
        server.wait_for("closed with 1006")


def test_oneshot_serves_one_client_and_ends(launch: Launch, run: Callable[[Any], Any]) -> None:
    """After its only client the server ends with 0; a second one is refused."""
    server = launch("wseserver", "0", "--announce", "--oneshot")
    url = server.wait_for("ws://", on="out")

    async def scenario() -> None:
        async with connect(url) as ws:
            await ws.send("x")
            await ws.receive(10)
            assert await refused(url) == 503

    run(scenario())
    assert server.finish() == 0


def test_oneshot_serves_one_of_many_that_come_at_once(launch: Launch, run: Callable[[Any], Any]) -> None:
    """Clients whose handshakes arrive together do not all get in."""
    server = launch("wseserver", "0", "--announce", "--oneshot")
    url = server.wait_for("ws://", on="out")

    async def is_served() -> bool:
        try:
            return await converse(url, "x") == ["x"]
        except WsExampleError:
            return False

    async def scenario() -> int:
        return sum(await asyncio.gather(*(is_served() for _ in range(5))))

    assert run(scenario()) == 1
    assert server.finish() == 0
