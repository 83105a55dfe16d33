"""What ``wseserver`` promises on the command line, in short; the rest is in the folder ``server`` beside this file."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.server.visiting import converse
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


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--close-code", "1005"), "1005"),
        (("--chmod", "999"), "--chmod 999"),
        (("--path", "ws"), "a path begins with /"),
        (("--server-header", "nonsense"), "has no colon"),
        (("--auth", "user"), "no terminal to ask at"),
        (("--origin", "x\ny"), "line break"),
        (("--token-file", sys.executable), "cannot be read: it is not UTF-8"),
    ],
)
def test_settings_that_cannot_work_are_usage_errors(launch: Launch, flags: tuple[str, ...], words: str) -> None:
    """A mistake is one sentence with exit status 2, before the server listens."""
    server = launch("wseserver", "0", *flags)
    assert server.finish() == 2
    assert words in server.err[-1]


def test_profiles_give_the_server_defaults(launch: Launch, run: Callable[[Any], Any], tmp_path: Path) -> None:
    """--config and --profile work as the client's."""
    file = tmp_path / "profiles.toml"
    file.write_text('announce = true\nport = 0\n[profile.parrot]\nreply = "polly"\n', encoding="utf-8")
    server = launch("wseserver", "--config", str(file), "--profile", "parrot")
    assert run(converse(server.wait_for("ws://", on="out"), "x")) == ["polly"]


def test_debug_shows_the_traceback(launch: Launch) -> None:
    """With --debug an error comes with its traceback."""
    server = launch("wseserver", "0", "--chmod", "999", "--debug")
    assert server.finish() == 2
    assert any(line.startswith("Traceback") for line in server.err)
