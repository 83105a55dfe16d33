"""Waits under a deadline on any clock, and a bounded log that any number of tasks can follow.

What is waited for is decided elsewhere; here is only how a task sleeps without being forgotten.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

from wsexample.errors import DeadlineError
from wsexample.ports import Clock
from wsexample.session.events import Event

__all__ = ["EventLog", "Wakeup", "within"]

T = TypeVar("T")


async def within(clock: Clock, awaitable: Awaitable[T], late: DeadlineError) -> T:
    """Return what an awaitable returns, or cancel it and raise ``late`` when its ``timeout_s`` has passed on a clock."""
    work = asyncio.ensure_future(awaitable)
    alarm = asyncio.ensure_future(clock.sleep(max(late.timeout_s, 0.0)))
    try:
        await asyncio.wait({work, alarm}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise late
        return work.result()
    finally:
        for task in (work, alarm):
            task.cancel()
        # Awaited, so that nothing of it runs on after the deadline; its own outcome has no reader any more.
        await asyncio.gather(work, alarm, return_exceptions=True)


class Wakeup:
    """Tasks wait until somebody says that something changed; saying it to nobody is free and is not remembered."""

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    def set(self) -> None:
        """Wake everybody who waits now."""
        if self._waiters:
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    async def wait(self) -> None:
        """Wait for the next `set`."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)


class EventLog:
    """The latest events of a session, numbered; every follower reads at its own speed.

    Parameters:
        keep: how many events are kept for followers that are behind.
    """

    def __init__(self, keep: int = 1000) -> None:
        self._events: deque[Event] = deque(maxlen=keep)
        self._wakeup = Wakeup()
        self.count = 0
        """Events ever added."""
        self.is_over = False
        """Whether no event will follow."""

    def add(self, event: Event) -> None:
        """Add an event that has been given the number ``count + 1``."""
        self.count += 1
        self._events.append(event)
        self._wakeup.set()

    def finish(self) -> None:
        """Say that no event will follow."""
        self.is_over = True
        self._wakeup.set()

    async def follow(self) -> AsyncIterator[Event]:
        """Iterate over the events kept and those to come, until the log is finished."""
        read = 0
        while True:
            while read < self.count:
                position = len(self._events) - (self.count - read)
                event = self._events[max(position, 0)]
                read = event.number
                yield event
            if self.is_over:
                return
            await self._wakeup.wait()
