"""What the trials of the brokers share: rest calls beside a stream, and when a strike is felt and over."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

from tests.faults.proxy import FaultProxy
from tests.faults.storm import DIALLING, OPEN, Storm
from wsexample.errors import StateError, WsExampleError
from wsexample.session.options import Retry
from wsexample.session.session import Session

SOON = Retry(first_s=0.01, max_s=0.1, interval_s=0.01)
LATE_S = 20.0
REST_S = 1.0
"""Deadline of a REST call; with what surrounds it nothing may take ten times as long."""


class EndedByBytesError(Exception):
    """Changed bytes said something final."""


def through(proxy: FaultProxy, url: str) -> str:
    """The same address behind the proxy."""
    return urlsplit(url)._replace(netloc=f"127.0.0.1:{proxy.port}").geturl()


def assert_adds_up(session: Session) -> None:
    """received == delivered + conflated + dropped + waiting."""
    stats = session.stats
    assert stats.received == stats.delivered + stats.conflated + stats.dropped + stats.waiting


async def until(fact: Callable[[], bool], sessions: list[Session], storm: Storm, what: str) -> None:
    """Wait for a fact while the sums hold and no session ends."""
    late_s = time.monotonic() + LATE_S
    while not fact():
        for session in sessions:
            assert_adds_up(session)
            if storm.spoils and isinstance(session.error, WsExampleError):
                raise EndedByBytesError
            assert session.error is None, session.error
        assert time.monotonic() < late_s, f"waited {LATE_S:g} s for {what}: {sessions}; {where_tasks_wait()}"
        await asyncio.sleep(0.005)


async def strike_and_heal(storm: Storm, proxy: FaultProxy, sessions: list[Session], counts: Callable[[], int]) -> None:
    """Strike live streams once or twice; each time they must be live again, and more must come.

    Parameters:
        storm: what goes wrong.
        proxy: what all connections go through.
        sessions: behind it.
        counts: how much has come.
    """
    for _ in range(storm.draw(1, 2)):
        when = storm.draw(OPEN, DIALLING)
        before = [session.stats.reconnects for session in sessions]
        seen = counts()
        await until(lambda seen=seen: counts() > seen + 2, sessions, storm, "records before the strike")  # type: ignore[misc]
        if when == DIALLING:
            proxy.cut()
        storm.strike(proxy, when, ("down", "both") if when == OPEN else ("up", "down", "both"))
        is_broken = lambda before=before: any(  # noqa: E731
            not session.is_live or session.stats.reconnects > count
            for session, count in zip(sessions, before, strict=True)
        )
        if storm.ends:  # some bytes more of another connection may have come first
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await until(is_broken, sessions, storm, "somebody to notice")
            if not is_broken():
                proxy.reset()
        if storm.ends or storm.silences or when == DIALLING:
            await until(is_broken, sessions, storm, "somebody to notice")
        await asyncio.sleep(storm.chance.uniform(0, 0.1))
        storm.heal()
        await until(lambda: all(session.is_live for session in sessions), sessions, storm, "all to be live")
    seen = counts()
    await until(lambda: counts() > seen + 3, sessions, storm, "records after the last strike")


def where_tasks_wait() -> list[str]:
    """Say of each task in which line it waits, innermost first."""
    found = []
    for task in asyncio.all_tasks():
        at, lines = task.get_coro(), []
        while at is not None and (frame := getattr(at, "cr_frame", None)) is not None:
            lines.append(f"{frame.f_code.co_qualname}:{frame.f_lineno}")
            at = at.cr_await  # type: ignore[union-attr]
        found.append(" < ".join(reversed(lines[-6:])))
    return found


def may_be_over() -> contextlib.suppress:
    """Changed bytes may end a trial."""
    return contextlib.suppress(EndedByBytesError)


@contextlib.asynccontextmanager
async def calling(call: Callable[[], Awaitable[object]]) -> AsyncIterator[list[object]]:
    """Make REST calls all the while: each answers or raises a typed error, in time. Yields a list of what came of them."""
    outcomes: list[object] = []

    async def again_and_again() -> None:
        while True:
            try:
                async with asyncio.timeout(LATE_S):
                    outcomes.append(type(await call()))
            except StateError:
                raise
            except WsExampleError as error:
                outcomes.append(error)
            await asyncio.sleep(0.02)

    task = asyncio.create_task(again_and_again())
    try:
        yield outcomes
        async with asyncio.timeout(LATE_S):
            while not outcomes and not task.done():
                await asyncio.sleep(0.005)
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
