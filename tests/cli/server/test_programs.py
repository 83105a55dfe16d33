"""A program for each client of ``wseserver``: what it is told, and how both end."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.cli.server.visiting import leave
from tests.commands import Launch
from wsexample import connect
from wsexample.cli.server import modes
from wsexample.errors import ConnectionClosed

COMMAND = f'"{sys.executable}" -u -c "import sys; [print(line.strip().upper(), flush=True) for line in sys.stdin]"'


def test_a_program_for_each_client(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """Messages are lines of its input, lines of its output are messages, and each client has its own."""
    url = serving("--exec", COMMAND)

    async def scenario() -> None:
        async with connect(url) as first, connect(url) as second:
            await first.send("one")
            await second.send("two")
            assert await second.receive(10) == "TWO"
            assert await first.receive(10) == "ONE"

    run(scenario())


def test_a_program_knows_its_client(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """Path, query, address and headers are in its environment; credentials are not."""
    names = ["WSE_PATH", "WSE_QUERY", "WSE_REMOTE", "HTTP_X_COLOUR", "HTTP_AUTHORIZATION", "HTTP_PROXY"]
    code = f"import os; print('|'.join(os.environ.get(name, '-') for name in {names}))"
    url = serving("--exec", f'"{sys.executable}" -c "{code}"')

    async def scenario() -> str:
        headers = {"X-Colour": "blue", "Proxy": "evil"}
        async with connect(f"{url}/some/path?a=1", headers=headers, auth=("u", "p")) as ws:
            return str(await ws.receive(10))

    path, query, remote, colour, authorization, proxy = run(scenario()).split("|")
    assert (path, query, colour, authorization) == ("/some/path", "a=1", "blue", "-")
    assert proxy == os.environ.get("HTTP_PROXY", "-")
    assert remote.startswith("127.0.0.1:")


@pytest.mark.parametrize(("code", "closed"), [(0, (1000, "")), (3, (1011, "the command ended with 3"))])
def test_the_end_of_a_program_is_the_end_of_its_connection(
    serving: Callable[..., str], run: Callable[[Any], Any], code: int, closed: tuple[int, str]
) -> None:
    """A program that ends well closes with 1000; one that fails closes with 1011 and its status."""
    url = serving("--exec", f'"{sys.executable}" -c "print(1); raise SystemExit({code})"')

    async def scenario() -> tuple[int | None, str]:
        async with connect(url) as ws:
            assert await ws.receive(10) == "1"
            with pytest.raises(ConnectionClosed):
                await ws.receive(10)
            return ws.close_code, ws.close_reason

    assert run(scenario()) == closed


def test_a_program_ends_with_its_client(launch: Launch, run: Callable[[Any], Any], tmp_path: Path) -> None:
    """A client that leaves ends the input of its program."""
    mark = tmp_path / "ended"
    code = f"import sys; sys.stdin.read(); open({str(mark)!r}, 'w')"
    server = launch("wseserver", "0", "--announce", "--exec", f'"{sys.executable}" -c "{code}"')
    run(leave(server.wait_for("ws://", on="out")))
    server.wait_for("closed with 1000")
    server.terminate()
    assert server.finish() == 0
    assert mark.exists()


class Visitor:
    """A client that stays until its program has said something."""

    ws: Any = SimpleNamespace(
        peer="a client", is_open=True, request=SimpleNamespace(remote="a client", path="/", query={}, headers={})
    )

    def __init__(self) -> None:
        self._heard = asyncio.Event()

    async def send(self, message: str | bytes) -> None:
        """Hear the program."""
        self._heard.set()

    async def messages(self) -> AsyncIterator[str]:
        """Say nothing, and leave."""
        await self._heard.wait()
        for nothing in ():
            yield nothing


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups to end")
def test_what_a_shell_has_started_ends_with_it(
    run: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A program that its shell waits for, and that ends by no end of input, is ended too: it would run for ever."""
    monkeypatch.setattr(modes, "CHILD_GRACE_S", 0.1)
    path = tmp_path / "held"
    os.mkfifo(path)
    held = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    command = f"exec 3> '{path}'; sleep 600 & echo ready; wait"
    run(modes.Exec(command, is_binary=False, note=print).serve(cast("Any", Visitor())))
    assert select.select([held], [], [], 20)[0], "the program still runs"
    assert os.read(held, 1) == b""
    os.close(held)
