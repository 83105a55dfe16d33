"""Run our commands as a user does: as processes, with their output watched line by line and their exit status kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import IO, Protocol

import pytest

DEADLINE_S = 20.0


class Running:
    """One running command; everything that it prints is kept."""

    def __init__(
        self, module: str, *args: str, env: dict[str, str] | None = None, stdin: int | IO[bytes] | None
    ) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("KABU_", "WSECLIENT_", "WSESERVER_"))}
        environment |= {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "120", **(env or {})}
        self.args = (module, *args)
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"wsexample.cli.{module}", *args],
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        self._told = threading.Condition()
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[bytes], lines: list[str]) -> None:
        for line in stream:
            with self._told:
                lines.append(line.decode().rstrip("\r\n"))
                self._told.notify_all()
        with self._told:
            self._told.notify_all()

    def _find(self, lines: list[str], part: str, count: int) -> str | None:
        found = [line for line in lines if part in line]
        return found[count - 1] if len(found) >= count else None

    def wait_for(self, part: str, *, count: int = 1, on: str = "any") -> str:
        """Return the line on which ``part`` stands (for the ``count``-th time); fail when it does not come."""
        lines = {"out": [self.out], "err": [self.err], "any": [self.out, self.err]}[on]
        ends_s = time.monotonic() + DEADLINE_S
        with self._told:
            while True:
                for each in lines:
                    line = self._find(each, part, count)
                    if line is not None:
                        return line
                left_s = ends_s - time.monotonic()
                is_over = self.process.poll() is not None and not any(reader.is_alive() for reader in self._readers)
                if left_s <= 0 or is_over:
                    raise AssertionError(f"{self.args} never printed {part!r}:\n{self.story}")
                self._told.wait(min(left_s, 0.2))

    def send(self, text: str | bytes) -> None:
        """Write to the command's stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() if isinstance(text, str) else text)
        self.process.stdin.flush()

    def end_input(self) -> None:
        """Close the command's stdin."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def terminate(self) -> None:
        """Ask it to end, as a service manager does."""
        self.process.terminate()

    def kill(self) -> None:
        """End it without asking."""
        self.process.kill()

    def finish(self) -> int:
        """Wait for the end and return the exit status."""
        try:
            code = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.args} did not end:\n{self.story}") from None
        for reader in self._readers:
            reader.join(DEADLINE_S)
        return code

    @property
    def story(self) -> str:
        """Everything printed so far, for people."""
        return "\n".join(["-- stdout", *self.out, "-- stderr", *self.err])

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE_S)
        for reader in self._readers:
            reader.join(DEADLINE_S)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


class Launch(Protocol):
    """What the `launch` fixture is."""

    def __call__(
        self, module: str, *args: str, env: dict[str, str] | None = None, stdin: int | IO[bytes] | None = None
    ) -> Running:
        """Start a command."""
        ...


@pytest.fixture
def launch() -> Iterator[Launch]:
    """Start commands by module name ("wseserver") and arguments; they are ended with the test."""
    started: list[Running] = []

    def start(
        module: str, *args: str, env: dict[str, str] | None = None, stdin: int | IO[bytes] | None = None
    ) -> Running:
        running = Running(module, *args, env=env, stdin=stdin)
        started.append(running)
        return running

    yield start
    for running in started:
        running.close()


@pytest.fixture
def echo_url(launch: Launch) -> str:
    """The URL of a running ``wseserver``."""
    return launch("wseserver", "0", "--announce").wait_for("ws://", on="out")
