"""Clocks: the machine's, and the one that a test moves by hand."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from wsexample.clock import ManualClock, SystemClock

Runner = Any


def test_the_system_clock_tells_the_machine_time() -> None:
    """UTC epoch nanoseconds and monotonic seconds are the machine's own."""
    before_ns, before_s = time.time_ns(), time.monotonic()
    clock = SystemClock()
    assert before_ns <= clock.now_ns() <= time.time_ns()
    assert before_s <= clock.monotonic_s() <= time.monotonic()


def test_the_system_clock_waits(run: Runner) -> None:
    """A sleep returns after at least its delay."""

    async def main() -> float:
        clock = SystemClock()
        begun_s = clock.monotonic_s()
        await clock.sleep(0.01)
        return clock.monotonic_s() - begun_s

    assert run(main()) >= 0.0099  # a loop may wake one tick of its clock early


def test_a_manual_clock_moves_only_by_hand() -> None:
    """Both readings stand still until `advance`, and then agree."""
    clock = ManualClock(start_ns=5)
    assert (clock.now_ns(), clock.monotonic_s()) == (5, 0.0)
    assert clock.now_ns() == 5
    clock.advance(2.5)
    assert (clock.now_ns(), clock.monotonic_s()) == (2_500_000_005, 2.5)


def test_sleepers_wake_in_order_of_their_deadline(run: Runner) -> None:
    """Whoever wants to wake first wakes first, and equal deadlines wake in order of arrival."""

    async def main() -> list[str]:
        clock = ManualClock()
        woken: list[str] = []

        async def sleeper(name: str, delay_s: float) -> None:
            await clock.sleep(delay_s)
            woken.append(name)

        async with asyncio.TaskGroup() as group:
            for name, delay_s in [("late", 3.0), ("early", 1.0), ("also early", 1.0), ("at once", 0.0)]:
                group.create_task(sleeper(name, delay_s))
            await asyncio.sleep(0)
            clock.advance(3.0)
        return woken

    assert run(main()) == ["at once", "early", "also early", "late"]


def test_the_rest_of_a_rounded_float_is_waited_for(run: Runner) -> None:
    """Less than a nanosecond is one: who waits again and again until a moment has come gets there."""

    async def main() -> None:
        clock = ManualClock()
        sleeper = asyncio.ensure_future(clock.sleep(1e-13))
        await asyncio.sleep(0)
        begun_ns = clock.now_ns()
        clock.advance(1.0)
        assert clock.now_ns() == begun_ns + 10**9
        await sleeper
        again = asyncio.ensure_future(clock.sleep(1e-13))
        await asyncio.sleep(0)
        assert clock.next_wake_ns == clock.now_ns() + 1
        again.cancel()

    run(main())


def test_a_sleeper_is_not_woken_before_its_deadline(run: Runner) -> None:
    """Moving the clock by less than the delay wakes nobody."""

    async def main() -> tuple[bool, bool]:
        clock = ManualClock()
        sleeper = asyncio.create_task(clock.sleep(2.0))
        await asyncio.sleep(0)
        clock.advance(1.999)
        await asyncio.sleep(0)
        early = sleeper.done()
        clock.advance(0.001)
        await sleeper
        return early, sleeper.done()

    assert run(main()) == (False, True)


def test_a_test_can_see_who_waits(run: Runner) -> None:
    """`next_wake_ns` is the earliest deadline; a cancelled sleeper does not count."""

    async def main() -> list[int | None]:
        clock = ManualClock(start_ns=0)
        seen = [clock.next_wake_ns]
        first = asyncio.create_task(clock.sleep(1.0))
        second = asyncio.create_task(clock.sleep(2.0))
        await asyncio.sleep(0)
        seen.append(clock.next_wake_ns)
        first.cancel()
        await asyncio.wait([first])
        seen.append(clock.next_wake_ns)
        clock.advance(2.0)
        await second
        seen.append(clock.next_wake_ns)
        return seen

    assert run(main()) == [None, 1_000_000_000, 2_000_000_000, None]


@pytest.mark.parametrize("delay_s", [0.0, -1.0])
def test_a_manual_sleep_of_nothing_returns_without_a_hand(run: Runner, delay_s: float) -> None:
    """Zero and negative delays only give others a turn."""

    async def main() -> int | None:
        clock = ManualClock()
        await clock.sleep(delay_s)
        return clock.next_wake_ns

    assert run(main()) is None


def test_a_manual_clock_moves_to_a_moment_and_may_skip(run: Runner) -> None:
    """Moving wakes who is due, earliest first; skipping leaves them to the next move; it never goes back."""

    async def main() -> list[int]:
        clock = ManualClock(0)
        woken: list[int] = []

        async def sleeper(delay_s: float) -> None:
            await clock.sleep(delay_s)
            woken.append(round(delay_s))

        tasks = [asyncio.ensure_future(sleeper(delay_s)) for delay_s in (2, 1, 3)]
        await asyncio.sleep(0)
        clock.move_to(1_500_000_000)
        clock.skip_to(2_500_000_000)
        clock.move_to(1)
        await asyncio.sleep(0)
        assert (woken, clock.now_ns()) == ([1], 2_500_000_000)
        clock.move_to(3_000_000_000)
        await asyncio.gather(*tasks)
        return woken

    assert run(main()) == [1, 2, 3]
