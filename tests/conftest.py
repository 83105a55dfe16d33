"""Fixtures for every test: running coroutines under a deadline, the grid of environments, and parts that may be missing."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import ssl
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from tests.property import profiles

profiles.register()  # before pytest reads --hypothesis-profile

T = TypeVar("T")
Runner = Callable[[Coroutine[Any, Any, T]], T]

DEADLINE_S = 90.0


def run_with_deadline(
    coroutine: Coroutine[Any, Any, T],
    *,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    deadline_s: float = DEADLINE_S,
) -> T:
    """Run a coroutine on a fresh loop; fail when it hangs or when it leaves a task behind.

    Without a factory it is the standard loop, or the one that ``WSEXAMPLE_LOOP`` names.
    """
    if loop_factory is None:
        loop_factory = loop_factory_named(os.environ.get("WSEXAMPLE_LOOP", ""))

    async def bounded() -> T:
        async with asyncio.timeout(deadline_s):
            result = await coroutine
        for _ in range(10):  # callbacks of closed transports run in the next turns
            await asyncio.sleep(0)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task() and not task.done()]
        assert not left, f"tasks left behind: {left}"
        return result

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(bounded())


@pytest.fixture
def run() -> Runner[Any]:
    """Run a coroutine on the standard loop, or the one that ``WSEXAMPLE_LOOP`` names, under a deadline of 90 s."""
    return run_with_deadline


def _loops() -> list[str]:
    return ["asyncio"] + (["uvloop"] if importlib.util.find_spec("uvloop") else [])


def loop_factory_named(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return the factory of an event loop by its name in the grid; without a name the standard one."""
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop
    return asyncio.new_event_loop


@pytest.fixture(params=_loops())
def run_grid(request: pytest.FixtureRequest) -> Runner[Any]:
    """The same as `run`, once for each event loop of this machine."""
    factory = loop_factory_named(request.param)

    def runner(coroutine: Coroutine[Any, Any, T]) -> T:
        return run_with_deadline(coroutine, loop_factory=factory)

    return runner


@pytest.fixture(scope="session")
def tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server context for localhost and 127.0.0.1, and a client context that trusts it."""
    import trustme

    ca = trustme.CA()
    cert = ca.issue_cert("localhost", "127.0.0.1", "::1")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    cert.configure_cert(server)
    client = ssl.create_default_context()
    ca.configure_trust(client)
    return server, client


def missing(reason: str) -> None:
    """Skip because a component is missing on this machine; on CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"missing on CI: {reason}")
    pytest.skip(reason)


@pytest.fixture
def need() -> Callable[[str], str]:
    """Return the path of a program that the test needs; skip with the reason when it is missing, fail on CI."""

    def find(program: str, *others: str) -> str:
        for name in (program, *others):
            path = shutil.which(name) or shutil.which(
                name, path=f"{os.path.dirname(sys.executable)}:/usr/sbin:/usr/bin"
            )
            if path:
                return path
        missing(f"{program} is not installed")
        raise AssertionError("unreachable")

    return find
