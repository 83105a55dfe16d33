"""Commands of ours as processes, without the time that an interpreter takes to begin: forked from one that has loaded it all."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Self

PRELOADED = [
    "wsexample.cli.main",
    *(
        f"wsexample.cli.{name}"
        for name in ("kclient", "wseclient", "wseserver", "hub.command", "query.command", "tapes.command")
    ),
    *(
        f"wsexample.cli.{name}"
        for name in ("alpaca.market", "alpaca.reads", "weex.market", "weex.account", "kabu.stream")
    ),
    *(f"wsexample.brokers.{name}.simulator" for name in ("kabu", "alpaca", "weex")),
    *(
        f"wsexample.brokers.{name}"
        for name in ("kabu.client", "alpaca.client", "alpaca.rest", "weex.client", "weex.rest")
    ),
    *(
        "wsexample.sinks.sqlite",
        "wsexample.tape.recorder",
        "wsexample.tape.player",
        "wsexample.hub.server",
        "wsexample.doors.hub",
    ),
    *("wsexample.wire.autobahn", "wsexample.wire.dial", "aiohttp.web", "rich.table", "rich.live"),
    "tests.examples.processes",
]
DEADLINE_S = 40.0
LOOK_S = 0.02
LOCK = threading.Lock()
"""multiprocessing looks after all children wherever one is started or asked for; two threads must not at once."""


class Outcome(NamedTuple):
    """How a command ended."""

    status: int
    output: str
    errors: str

    def __str__(self) -> str:
        return f"status {self.status}\n-- stdout\n{self.output[-3000:]}\n-- stderr\n{self.errors[-3000:]}"


def be(module: str, words: list[str], folder: str, environment: dict[str, str], files: tuple[str, str, str]) -> None:
    """Become a command; runs in the new process."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, (name, mode) in enumerate(zip(files, ("rb", "wb", "wb"), strict=True)):
        with open(name, mode) as file:
            os.dup2(file.fileno(), number)
    streams = [os.fdopen(number, mode, encoding="utf-8", closefd=False) for number, mode in enumerate("rww")]
    sys.stdin, sys.stdout, sys.stderr = streams
    sys.argv = [module, *words]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        import_module(f"wsexample.cli.{module}").main(args=words, prog_name=module)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # how it ended is settled; a late Ctrl-C is not to change that
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()


class Command:
    """A running command; its output goes to files in a folder of its own."""

    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")

    def __init__(self, program: str, words: list[str], folder: Path, kept: Path, *, stdin: str | None = None) -> None:
        module = {"wsexample": "main"}.get(program, program)
        kept.mkdir(parents=True, exist_ok=True)
        given = kept / "in"
        given.write_text(stdin or "", encoding="utf-8")
        self.files = (str(given), str(kept / "out"), str(kept / "err"))
        for name in self.files[1:]:
            Path(name).touch()
        ours = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_COLOR": "1", "COLUMNS": "100", "LANG": "C.UTF-8"}
        ours |= {"KABU_API_PASSWORD": "password"}
        if sys.platform != "win32":
            self.context.set_forkserver_preload(PRELOADED)
        self.process = self.context.Process(target=be, args=(module, words, str(folder), ours, self.files))
        with LOCK:
            self.process.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def text(self, number: int) -> str:
        """What was written so far to a stream, by its number."""
        return Path(self.files[number]).read_text(encoding="utf-8", errors="replace")

    def wait_for(self, part: str) -> str:
        """Wait until a text was written, and return all that was."""
        ends_s = time.monotonic() + DEADLINE_S
        while part not in (story := self.text(1) + self.text(2)):
            assert self._is_running(), f"it never said {part!r}:\n{self.outcome()}"
            assert time.monotonic() < ends_s, f"it did not say {part!r} in time:\n{self.outcome()}"
            time.sleep(LOOK_S)
        return story

    def _is_running(self) -> bool:
        with LOCK:
            return self.process.is_alive()

    def outcome(self) -> Outcome:
        """How it stands."""
        with LOCK:
            code = self.process.exitcode
        return Outcome(999 if code is None else code, self.text(1), self.text(2))

    def finish(self) -> Outcome:
        """Wait for the end."""
        ends_s = time.monotonic() + DEADLINE_S
        while self._is_running() and time.monotonic() < ends_s:
            time.sleep(LOOK_S)
        found = self.outcome()
        self.end()
        return found

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        if self.process.pid is not None and self._is_running():
            os.kill(self.process.pid, signal.SIGINT)

    def end(self) -> None:
        """Leave nothing behind."""
        with LOCK:
            if self.process.is_alive():
                self.process.kill()
            self.process.join(DEADLINE_S)
