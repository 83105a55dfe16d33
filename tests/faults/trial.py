"""One trial: a part of the package in a storm, with a look at what is left behind: tasks, sockets, threads, errors unheard.

``tests/faults/test_matrix.py`` tries each cell a little, ``scripts/faults.py`` tries each for many seeds.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import inspect
import logging
import os
import socket
import ssl
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from tests.conftest import loop_factory_named, run_with_deadline
from tests.faults.conftest import open_sockets
from tests.faults.storm import Storm

PARTS = ("client", "server", "session", "sync", "hub", "kabu", "alpaca", "weex")
"""Modules of `tests.faults.parts`; each has ``trial(storm)``, a function or a coroutine function."""
DEADLINE_S = 30.0
SETTLE_S = 5.0

Certificates = tuple[ssl.SSLContext, ssl.SSLContext]


def made_certificates() -> Certificates:
    """Contexts of a server and a client who trusts it."""
    import trustme

    ca = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    ca.configure_trust(client)
    return server, client


def try_once(part: str, kind: str, seed: int, certificates: Certificates, loops: tuple[str, ...] = ("asyncio",)) -> str:
    """Try a part once; returns what was drawn.

    Parameters:
        part, kind, seed: the cell, and what everything is drawn from.
        certificates: for the trials under TLS.
        loops: event loops to draw from.

    Raises:
        AssertionError: a promise broke, or something was left behind; carries what was drawn, and how much of a processor the
            trial had: its deadlines are of a second and less, and a trial that hardly runs breaks them.
    """
    trial: Callable[[Storm], Any] = importlib.import_module(f"tests.faults.parts.{part}").trial
    with contextlib.ExitStack() as stack:
        storm = Storm(kind, seed, stack, certificates)
        if not storm.draw(True, False):
            storm.tls = None
        loop = storm.draw(*loops)
        begun_s, used_s = time.monotonic(), time.process_time()
        try:
            with _nothing_left(may_stumble=storm.spoils):
                try:
                    if inspect.iscoroutinefunction(trial):
                        run_with_deadline(
                            _heard(trial(storm)), loop_factory=loop_factory_named(loop), deadline_s=DEADLINE_S
                        )
                    else:
                        trial(storm)
                finally:
                    stack.close()
        except Exception as error:
            story = ", ".join(storm.story)
            had = f"{time.process_time() - used_s:.2f} s of a processor in {time.monotonic() - begun_s:.1f} s"
            said = f"{type(error).__name__}: {error}"
            raise AssertionError(f"{part} {kind} seed {seed} ({story}), which had {had}: {said}") from error
        return ", ".join(storm.story)


async def _heard(trial: Any) -> None:
    """Run a trial; an error that nobody awaits fails it."""
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    await trial
    assert not unheard, f"errors that nobody heard: {unheard}"


def _described(inodes: set[int]) -> list[str]:
    """Say between whom these sockets are."""
    found = []
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):
            if os.stat(int(name)).st_ino in inodes:
                with socket.socket(fileno=os.dup(int(name))) as copy:
                    found.append(repr(copy))
    return found


class _Errors(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.exc_info[1]!r}" if record.exc_info else record.getMessage())


@contextlib.contextmanager
def _nothing_left(*, may_stumble: bool) -> Iterator[None]:
    """See that sockets and threads are as before, without help of the garbage collector, and that no defect was logged.

    Parameters:
        may_stumble: whether errors may be logged, for bytes were changed that only their reader can find wrong.
    """
    sockets, threads = open_sockets(), set(threading.enumerate())
    errors = _Errors()
    logger = logging.getLogger("wsexample")
    logger.addHandler(errors)
    was_enabled = gc.isenabled()
    gc.disable()
    dropped: list[str] = []
    hook, sys.unraisablehook = sys.unraisablehook, lambda told: dropped.append(f"{told.exc_value!r} in {told.object!r}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ResourceWarning)
            yield
        deadline_s = time.monotonic() + SETTLE_S
        while (left := open_sockets() - sockets) and time.monotonic() < deadline_s:
            time.sleep(0.005)
        assert not left, f"{len(left)} sockets left open: {_described(left)}"
        for thread in set(threading.enumerate()) - threads:
            if not thread.name.startswith("asyncio_"):  # the loop's pool of resolvers is joined with the loop
                thread.join(SETTLE_S)
                assert not thread.is_alive(), f"{thread} goes on"
        assert not dropped, f"dropped unclosed: {dropped}"
        assert may_stumble or not errors.lines, f"logged as errors: {errors.lines}"
    finally:
        sys.unraisablehook = hook
        logger.removeHandler(errors)
        if was_enabled:
            gc.enable()
