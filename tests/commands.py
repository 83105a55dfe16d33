"""Run our commands as a user does: as processes, with their output watched line by line and their exit status kept."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Protocol

import pytest

DEADLINE_S = 40.0
OUR_VARIABLES = ("KABU_", "WSECLIENT_", "WSESERVER_")


class Running:
    """One running command; everything that it prints is kept."""

    def __init__(
        self, module: str, *args: str, env: dict[str, str] | None = None, stdin: int | IO[bytes] | None
    ) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(OUR_VARIABLES)}
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
                lines.append(line.decode("utf-8", "backslashreplace").rstrip("\r\n"))
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


def tell(command: Running | OnTerminal) -> None:
    """Print what a command is, how it stands and what it said: pytest shows it when the test has failed."""
    status = command.process.poll()
    standing = "running" if status is None else f"ended with {status}"
    print(f"== {' '.join(command.args)}: {standing}\n{command.story}")  # noqa: T201 - see above


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
        tell(running)
        running.close()


@pytest.fixture
def echo_url(launch: Launch) -> str:
    """The URL of a running ``wseserver``."""
    return launch("wseserver", "0", "--announce").wait_for("ws://", on="out")


class OnTerminal:
    """A command that believes to be at a terminal: what it shows is collected, what is typed is sent."""

    def __init__(
        self,
        module: str,
        *args: str,
        env: dict[str, str] | None = None,
        stdout: IO[bytes] | None = None,
        columns: int = 120,
        lines: int = 40,
    ) -> None:
        import fcntl
        import pty
        import struct
        import termios

        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        environment = {name: value for name, value in os.environ.items() if not name.startswith(OUR_VARIABLES)}
        environment |= {"TERM": "xterm-256color", **(env or {})}
        environment.pop("NO_COLOR", None)
        environment.pop("COLUMNS", None)
        self.args = (module, *args)

        # The new session takes the terminal as its own, so that Ctrl-C is a signal there, and then becomes the command.
        take_terminal = (
            "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", take_terminal, sys.executable, "-m", f"wsexample.cli.{module}", *args],
            stdin=theirs,
            stdout=theirs if stdout is None else stdout,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = ""
        self._told = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        import codecs

        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with contextlib.suppress(OSError):  # the other end is closed
            while data := os.read(self._ours, 65536):
                with self._told:
                    self.shown += decoder.decode(data)
                    self._told.notify_all()
        with self._told:
            self._told.notify_all()

    def wait_for(self, part: str, *, after: int = 0) -> int:
        """Wait until ``part`` is shown behind position ``after``; returns the position behind it."""
        ends_s = time.monotonic() + DEADLINE_S
        with self._told:
            while (at := self.shown.find(part, after)) < 0:
                left_s = ends_s - time.monotonic()
                if left_s <= 0 or not self._reader.is_alive():
                    raise AssertionError(f"{self.args} never showed {part!r}:\n{self.story}")
                self._told.wait(min(left_s, 0.2))
        return at + len(part)

    def type(self, text: str) -> None:
        """Type something; "\\r" is the return key, "\\x03" Ctrl-C."""
        os.write(self._ours, text.encode())

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed."""
        import termios

        return bool(termios.tcgetattr(self._ours)[3] & termios.ECHO)

    def type_until(self, text: str, part: str) -> int:
        """Type something as often as it takes until ``part`` is shown behind what is shown now."""
        before = len(self.shown)
        ends_s = time.monotonic() + DEADLINE_S
        while True:
            self.type(text)
            with self._told:
                if self._told.wait_for(lambda: part in self.shown[before:], timeout=1.0):
                    return self.shown.index(part, before) + len(part)
            if time.monotonic() > ends_s:
                raise AssertionError(f"{self.args} never showed {part!r}:\n{self.story}")

    @property
    def story(self) -> str:
        """Everything shown so far, with its control characters as escapes."""
        return repr(self.shown)

    def finish(self) -> int:
        """Wait for the end and return the exit status."""
        try:
            code = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.args} did not end:\n{self.story}") from None
        self._reader.join(DEADLINE_S)
        return code

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        os.close(self._ours)


class LaunchOnTerminal(Protocol):
    """What the `terminal` fixture is."""

    def __call__(
        self,
        module: str,
        *args: str,
        env: dict[str, str] | None = None,
        stdout: IO[bytes] | None = None,
        columns: int = 120,
        lines: int = 40,
    ) -> OnTerminal:
        """Start a command at a terminal."""
        ...


@pytest.fixture
def terminal() -> Iterator[LaunchOnTerminal]:
    """Start commands at a terminal of their own; they are ended with the test."""
    if sys.platform == "win32":
        pytest.skip("Windows has no pseudo-terminals that Python can open")
    started: list[OnTerminal] = []

    def start(module: str, *args: str, **settings: Any) -> OnTerminal:
        running = OnTerminal(module, *args, **settings)
        started.append(running)
        return running

    yield start
    for running in started:
        tell(running)
        running.close()


@dataclass
class SimulatedKabu:
    """A simulated kabu Station in a process of its own."""

    running: Running
    port: int
    rest_url: str
    token: str

    @property
    def arguments(self) -> tuple[str, ...]:
        """Where ``kclient`` finds it."""
        return ("--port", str(self.port))

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Make a REST call."""
        return self._ask(f"{self.rest_url}{path}", method, body)

    def fault(self, name: str, **arguments: Any) -> None:
        """Have something go wrong."""
        self._ask(f"http://localhost:{self.port}/simulator/{name}", "POST", arguments)

    def registered(self) -> list[str]:
        """Return what is on the registration list."""
        reply = self.call("PUT", "/register", {"Symbols": []})
        return [f"{entry['Symbol']}@{entry['Exchange']}" for entry in reply["RegistList"]]

    def _ask(self, url: str, method: str, body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"X-API-KEY": self.token, "Content-Type": "application/json"}
        with urllib.request.urlopen(
            urllib.request.Request(url, data=data, headers=headers, method=method), timeout=DEADLINE_S
        ) as answer:
            return json.load(answer)


@pytest.fixture
def kabu(launch: Launch) -> SimulatedKabu:
    """A simulated kabu Station with a busy market, whose faults can be called by HTTP."""
    arguments = ("--port", "0", "--announce", "--control", "--ticks", "20", "--password", "open sesame")
    running = launch("main", "sim", "kabu", *arguments)
    facts = json.loads(running.wait_for("token", on="out"))
    return SimulatedKabu(running, facts["port"], facts["rest_url"], facts["token"])


def wait_until_stuck(pipe: int) -> None:
    """Wait until a pipe is full and gets no more from its writer, who would write several times between two looks."""
    ends_s = time.monotonic() + DEADLINE_S
    waiting = -1
    while time.monotonic() < ends_s:
        before, waiting = waiting, bytes_waiting(pipe)
        if waiting == before > 0 and is_full(pipe):
            return
        time.sleep(0.2)  # a writer that waits does nothing; only in time can that be told from one that writes on
    raise AssertionError(f"the pipe never filled: {waiting} bytes wait in it")


def is_full(pipe: int) -> bool:
    """Whether a pipe takes no more; only Linux tells it to who reads, elsewhere what has stopped growing counts as full."""
    name = f"/proc/self/fd/{pipe}"
    if not os.path.exists(name):
        return True
    writer = os.open(name, os.O_WRONLY | os.O_NONBLOCK)
    try:
        return not select.select([], [writer], [], 0)[1]
    finally:
        os.close(writer)


def bytes_waiting(pipe: int) -> int:
    """Return how many bytes a pipe holds."""
    import array
    import fcntl
    import termios

    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]
