"""Programs of others that integration tests run: started on a free loopback port, stopped with all they started."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["free_port", "running"]

START_S = 20.0


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def running(command: Sequence[str], port: int, *, folder: Path, ends_with: int = signal.SIGTERM) -> Iterator[None]:
    """Run a program until the block ends; it counts as started when something listens on its port."""
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for_port(process, port, folder)
        yield
    finally:
        _stop(process, ends_with)


def _wait_for_port(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    ends_s = time.monotonic() + START_S
    while time.monotonic() < ends_s:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"{process.args!r} does not listen:\n{(folder / 'output').read_text(errors='replace')}")


def _stop(process: subprocess.Popen[bytes], ends_with: int) -> None:
    """End the process and everything in its session, which it began itself."""
    for number in (ends_with, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            continue
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it left behind in its own session
        return
