"""What a client of ``wseserver`` gets: what others say, a fixed reply, lines of standard input."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.server.visiting import converse, fetch
from tests.commands import Launch
from wsexample import connect
from wsexample.errors import ConnectionClosed


def test_echo_is_the_default_and_may_be_said(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """--echo and its other name change nothing."""
    for flags in ((), ("--echo",), ("--mirror",)):
        assert run(converse(serving(*flags), "x")) == ["x"]


def test_broadcast_reaches_all_others(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """A message goes to every other client and not back to its sender."""
    url = serving("--broadcast")

    async def scenario() -> None:
        async with connect(url) as first, connect(url) as second, connect(url) as third:
            await first.send("from first")
            assert await second.receive(10) == "from first"
            assert await third.receive(10) == "from first"
            await second.send(b"from second")
            assert await first.receive(10) == b"from second"

    run(scenario())


def test_a_slow_reader_of_a_broadcast_loses_and_slows_nobody(
    serving: Callable[..., str], run: Callable[[Any], Any]
) -> None:
    """A client that does not read loses messages, which are counted; the others get everything."""
    url = serving("--broadcast", "--queue-len", "10")

    async def scenario() -> None:
        async with connect(url) as sender, connect(url, read_ahead_messages=1) as slow, connect(url) as reader:
            for number in range(200):
                await sender.send(f"{number} " + "x" * 200_000)
                assert (await reader.receive(10)).split()[0] == str(number)  # type: ignore[union-attr]
            slow.abort()

    run(scenario())
    dropped = [line for line in fetch(url, "/metrics")[1].splitlines() if line.startswith("wseserver_dropped_total")]
    assert int(dropped[0].split()[1]) > 0


@pytest.mark.parametrize(
    ("flags", "answer"), [(("--reply", '{"ok":true}'), '{"ok":true}'), (("--reply", "x", "--binary"), b"x")]
)
def test_a_fixed_reply(
    serving: Callable[..., str], run: Callable[[Any], Any], flags: tuple[str, ...], answer: str | bytes
) -> None:
    """Every message gets the same answer."""
    assert run(converse(serving(*flags), "a", b"b")) == [answer, answer]


def test_stdio_bridges_standard_input_and_output(launch: Launch, run: Callable[[Any], Any]) -> None:
    """Lines typed at the server go to its clients, their messages to its standard output."""
    server = launch("wseserver", "0", "--announce", "--stdio", stdin=subprocess.PIPE)
    url = server.wait_for("ws://", on="out")

    async def scenario() -> None:
        async with connect(url) as ws:
            await asyncio.to_thread(server.send, "to the client\n")
            assert await ws.receive(10) == "to the client"
            await ws.send("to the server")
            await asyncio.to_thread(server.wait_for, "to the server", on="out")

    run(scenario())


def test_who_does_not_read_stdio_holds_up_no_other_client(run: Callable[[Any], Any]) -> None:
    """The server answers others while its standard output takes no more."""
    command = [sys.executable, "-m", "wsexample.cli.wseserver", "0", "--stdio", "--announce"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0) as server:
        assert server.stdout is not None
        url = server.stdout.readline().decode().strip()

        async def scenario() -> int:
            async with connect(url) as ws:
                for _ in range(4):
                    await ws.send("x" * 65536)
                assert await ws.ping(timeout_s=10) > 0
                return (await asyncio.to_thread(fetch, url, "/health"))[0]

        try:
            assert run(scenario()) == 200
        finally:
            server.kill()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
@pytest.mark.parametrize(("where", "status", "said"), [("> /dev/full", 23, 1), ("| :", 0, 0)])
def test_a_standard_output_that_takes_no_more_ends_the_server(
    run: Callable[[Any], Any], tmp_path: Path, where: str, status: int, said: int
) -> None:
    """A full disk is one line with its status, a reader who leaves is the end; clients are told, as by Ctrl-C."""
    ready = tmp_path / "url"
    line = (
        f'{{ "{sys.executable}" -m wsexample.cli.wseserver 0 -q --stdio --ready-file {ready}; echo $? >&3; }} {where}'
    )
    command = ["bash", "-c", f"{{ {line}; }} 3>&1"]

    async def scenario(url: str) -> int:
        async with connect(url) as ws:
            await ws.send("x")
            with pytest.raises(ConnectionClosed) as closed:
                await ws.receive(10)
            return closed.value.code

    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        ends_s = time.monotonic() + 40
        while not ready.exists() and time.monotonic() < ends_s:
            time.sleep(0.02)
        assert run(scenario(ready.read_text().strip())) == 1001
        out, err = server.communicate(timeout=40)
    assert (out, err.count(b"\n")) == (b"%d\n" % status, said), err


def test_modes_exclude_each_other(launch: Launch) -> None:
    """Two modes at once are refused with their names."""
    server = launch("wseserver", "0", "--broadcast", "--reply", "x")
    assert server.finish() == 2
    assert "--broadcast and --reply exclude each other" in server.err[-1]


def test_an_empty_command_is_none(launch: Launch) -> None:
    """A variable of a script that is empty does not turn the server into an echo."""
    server = launch("wseserver", "0", "--exec", " ")
    assert (server.finish(), server.err) == (2, ["wseserver: --exec names no command"])
