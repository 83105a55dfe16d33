"""What ``wseserver`` promises on the command line."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.commands import Launch
from wsexample import connect
from wsexample.errors import ConnectionClosed


def test_it_echoes_text_and_binary(echo_url: str, run: Callable[[Any], Any]) -> None:
    """A message comes back as it was sent, text as text and binary as binary."""

    async def scenario() -> list[str | bytes]:
        async with connect(echo_url) as ws:
            await ws.send("日本語")
            await ws.send(b"\x00\xff")
            return [await ws.receive(10), await ws.receive(10)]

    assert run(scenario()) == ["日本語", b"\x00\xff"]


def test_its_default_address_is_in_the_help(launch: Launch) -> None:
    """The help names the default address and every exit status that can happen."""
    server = launch("wseserver", "--help")
    assert server.finish() == 0
    text = "\n".join(server.out)
    assert "ws://127.0.0.1:9000" in text
    assert "45  the server's address is in use" in text


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently on Windows")
def test_stopping_closes_clients_with_1001(launch: Launch, run: Callable[[Any], Any], signum: signal.Signals) -> None:
    """Ctrl-C and SIGTERM both close the clients with 1001 and end with 0."""
    server = launch("wseserver", "0", "--announce")
    url = server.wait_for("ws://", on="out")

    async def scenario() -> int:
        async with connect(url) as ws:
            await asyncio.to_thread(server.wait_for, "connected")
            server.process.send_signal(signum)
            with pytest.raises(ConnectionClosed) as closed:
                await ws.receive(10)
            return closed.value.code

    assert run(scenario()) == 1001
    assert server.finish() == 0


def test_a_taken_port_is_one_line(launch: Launch) -> None:
    """A port in use gives one line that names it, and exit status 45."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = launch("wseserver", f"127.0.0.1:{port}")
        assert server.finish() == 45
    assert len(server.err) == 1
    assert f"127.0.0.1:{port} is in use" in server.err[0]


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:", "127.0.0.1:70000"])
def test_a_bad_address_is_a_usage_error(launch: Launch, address: str) -> None:
    """An address that cannot be one is refused with 2 and an example."""
    server = launch("wseserver", address)
    assert server.finish() == 2
    assert "is not an address; write 9000 or 127.0.0.1:9000" in server.err[-1]


def test_quiet_says_nothing(launch: Launch, run: Callable[[Any], Any]) -> None:
    """With -q nothing but the announced URL is printed, whoever comes and goes."""
    server = launch("wseserver", "0", "--announce", "-q")
    url = server.wait_for("ws://", on="out")

    async def scenario() -> None:
        async with connect(url) as ws:
            await ws.send("x")
            await ws.receive(10)

    run(scenario())
    server.terminate()
    assert server.finish() == 0
    assert (server.out, server.err) == ([url], [])
