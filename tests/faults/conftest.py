"""Fixtures of tests that break connections: the proxy, seeds, and a look at what is left open."""

from __future__ import annotations

import contextlib
import gc
import os
import stat
import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.proxy import FaultProxy

SEEDS = [int(word) for word in os.environ.get("WSEXAMPLE_FAULT_SEEDS", "1,2").split(",")]

MakeProxy = Callable[[int], FaultProxy]


@pytest.fixture(params=SEEDS, ids=lambda seed: f"seed{seed}")
def seed(request: pytest.FixtureRequest) -> int:
    """What the test draws its chances from; ``WSEXAMPLE_FAULT_SEEDS=7,8`` tries others."""
    return int(request.param)


@pytest.fixture
def fault_proxy(request: pytest.FixtureRequest) -> Iterator[MakeProxy]:
    """Return what makes a proxy before a port, with the test's seed; they stop when the test is over."""
    chosen = request.getfixturevalue("seed") if "seed" in request.fixturenames else 0
    print(f"fault proxy with seed {chosen}")  # noqa: T201 - pytest shows it when the test fails
    with contextlib.ExitStack() as stack:
        yield lambda port: stack.enter_context(FaultProxy(port, seed=chosen))


def open_sockets() -> set[int]:
    """The inodes of this process's sockets."""
    found = set()
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):
            facts = os.stat(int(name))
            if stat.S_ISSOCK(facts.st_mode):
                found.add(facts.st_ino)
    return found


@pytest.fixture(autouse=True)
def _no_socket_left() -> Iterator[None]:
    """Fail a test after which more sockets are open than before it, before the garbage collector comes to help."""
    before = open_sockets()
    gc.disable()
    yield
    deadline = time.monotonic() + 5
    while (left := open_sockets() - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    gc.enable()
    assert not left, f"{len(left)} sockets left open"
