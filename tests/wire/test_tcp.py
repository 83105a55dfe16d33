"""Unix sockets that cannot be reached say why; TCP is told in test_dial."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wsexample.errors import ConnectError, OptionError
from wsexample.wire.options import ConnectOptions
from wsexample.wire.tcp import connect_unix

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="unix sockets belong to POSIX")

RunGrid = Callable[[Any], Any]


async def failure(path: str, **options: Any) -> Any:
    with pytest.raises((ConnectError, OptionError)) as caught:
        await connect_unix(path, ConnectOptions(url="ws://localhost", **options))
    return caught.value


def test_a_path_without_a_socket_says_so(run_grid: RunGrid, tmp_path: Path) -> None:
    """No such file is not the same as nobody listening."""
    error = run_grid(failure(str(tmp_path / "none.sock")))
    assert "there is no unix socket" in str(error)
    assert (error.step, error.address, error.refused) == ("connect", str(tmp_path / "none.sock"), False)


def test_a_socket_whose_server_is_gone_says_so(run_grid: RunGrid, tmp_path: Path) -> None:
    """The file is there, the server is not."""
    path = str(tmp_path / "dead.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    error = run_grid(failure(path))
    assert error.refused
    assert "its server is gone" in str(error)


def test_a_path_that_is_too_long_says_so(run_grid: RunGrid) -> None:
    """The system's limit for paths of sockets is told as a failure to reach it."""
    assert "could not be reached" in str(run_grid(failure("/" + "x" * 200)))


def test_an_option_that_does_not_fit_is_named(run_grid: RunGrid, tmp_path: Path) -> None:
    """Socket options are applied to unix sockets as well."""
    error = run_grid(failure(str(tmp_path / "s"), socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]))
    assert error.option == "socket_options"
