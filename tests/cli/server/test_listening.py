"""Where ``wseserver`` listens, and what it says when it cannot."""

from __future__ import annotations

import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.server.visiting import converse
from tests.commands import Launch


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


def test_it_listens_on_several_addresses(launch: Launch, run: Callable[[Any], Any]) -> None:
    """-l adds addresses; each is announced and each serves."""
    server = launch("wseserver", "0", "-l", "0", "-l", "127.0.0.1:0", "--announce")
    server.wait_for("ws://", on="out", count=3)

    async def scenario() -> None:
        for url in server.out:
            assert await converse(url, "x") == ["x"]

    run(scenario())
    assert len(set(server.out)) == 3


def test_host_and_port_may_stand_apart(launch: Launch, run: Callable[[Any], Any]) -> None:
    """--host and --port say the same as the address."""
    server = launch("wseserver", "--host", "127.0.0.1", "--port", "0", "--announce")
    assert run(converse(server.wait_for("ws://127.0.0.1:", on="out"), "x")) == ["x"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no unix sockets in asyncio")
def test_it_listens_on_a_unix_socket(launch: Launch, run: Callable[[Any], Any], tmp_path: Path) -> None:
    """--unix-socket serves there with the permissions asked for, replaces a stale socket, and takes it away."""
    path = tmp_path / "ws.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    server = launch("wseserver", "--unix-socket", str(path), "--chmod", "600", "--announce")
    assert server.wait_for("ws+unix:", on="out") == f"ws+unix:{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run(converse("ws://localhost/", "x", unix_path=str(path))) == ["x"]
    server.terminate()
    assert server.finish() == 0
    assert not path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no unix sockets in asyncio")
def test_no_unlink_leaves_a_stale_socket(launch: Launch, tmp_path: Path) -> None:
    """With --no-unlink a socket that is in the way is an error, and stays."""
    path = tmp_path / "ws.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    server = launch("wseserver", "--unix-socket", str(path), "--no-unlink")
    assert server.finish() == 45
    assert path.exists()


def test_a_ready_file_tells_scripts(launch: Launch, run: Callable[[Any], Any], tmp_path: Path) -> None:
    """The file holds the URL while the server listens, and is gone afterwards."""
    file = tmp_path / "ready"
    server = launch("wseserver", "0", "--ready-file", str(file))
    server.wait_for("echo on")
    assert run(converse(file.read_text(encoding="utf-8").strip(), "x")) == ["x"]
    server.terminate()
    assert server.finish() == 0
    assert not file.exists()


def test_a_ready_file_that_cannot_be_written_is_an_error(launch: Launch, tmp_path: Path) -> None:
    """A script must not wait for a file that never comes."""
    server = launch("wseserver", "0", "--ready-file", str(tmp_path / "none" / "ready"))
    assert server.finish() == 23
    assert "cannot be written" in server.err[-1]
