"""Waits that end, and followers that do not miss anything unnoticed."""

from __future__ import annotations

import asyncio

import pytest

from tests.conftest import Runner
from wsexample.clock import ManualClock
from wsexample.errors import DeadlineError
from wsexample.session.events import LoggedIn
from wsexample.session.testing import settle
from wsexample.session.waiting import EventLog, Wakeup, within

LATE = DeadlineError("late", step="x", timeout_s=5.0)


def test_what_is_in_time_is_returned(run: Runner[None]) -> None:
    """The result, or the error, of what was waited for; and nothing is left on the clock."""

    async def main() -> None:
        clock = ManualClock()

        async def fails() -> None:
            raise ZeroDivisionError

        assert await within(clock, asyncio.sleep(0, "done"), LATE) == "done"
        with pytest.raises(ZeroDivisionError):
            await within(clock, fails(), LATE)
        await settle()
        assert clock.next_wake_ns is None

    run(main())


def test_what_is_late_is_cancelled_to_its_end(run: Runner[None]) -> None:
    """When the deadline is raised, the work has finished cleaning up."""

    async def main() -> None:
        clock, log = ManualClock(), []

        async def work() -> None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                await asyncio.sleep(0)
                log.append("cleaned up")

        waiting = asyncio.create_task(within(clock, work(), LATE))
        await settle()
        clock.advance(5.0)
        with pytest.raises(DeadlineError) as caught:
            await waiting
        assert caught.value is LATE
        assert log == ["cleaned up"]

    run(main())


def test_a_cancelled_wait_cancels_its_work(run: Runner[None]) -> None:
    """Nothing goes on behind the back of who was cancelled."""

    async def main() -> None:
        work: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(within(ManualClock(), work, LATE))
        await settle()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert work.cancelled()

    run(main())


def test_a_wakeup_wakes_all_who_wait_and_nobody_later(run: Runner[None]) -> None:
    """set() is for those who wait at that moment."""

    async def main() -> None:
        wakeup = Wakeup()
        wakeup.set()
        waiting = [asyncio.create_task(wakeup.wait()) for _ in range(3)]
        await settle()
        assert not any(task.done() for task in waiting)
        wakeup.set()
        await asyncio.gather(*waiting)

    run(main())


def event(log: EventLog) -> LoggedIn:
    return LoggedIn(number=log.count + 1, at_ns=0)


def test_a_follower_reads_from_the_beginning_to_the_end(run: Runner[None]) -> None:
    """What was there, what comes, and then the end."""

    async def main() -> None:
        log = EventLog()
        log.add(event(log))
        seen: list[int] = []

        async def follow() -> None:
            seen.extend([event.number async for event in log.follow()])

        task = asyncio.create_task(follow())
        await settle()
        log.add(event(log))
        log.add(event(log))
        log.finish()
        await task
        assert seen == [1, 2, 3]

    run(main())


def test_a_follower_that_is_behind_sees_a_jump(run: Runner[None]) -> None:
    """With room for three of ten, the numbers show that seven are missing."""

    async def main() -> None:
        log = EventLog(keep=3)
        for _ in range(10):
            log.add(event(log))
        log.finish()
        assert [event.number async for event in log.follow()] == [8, 9, 10]

    run(main())
