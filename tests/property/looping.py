"""State machines of Hypothesis whose steps are coroutines: one loop and one clock moved by hand for each example.

Nothing waits for the machine's time: where a loop has nothing to do before a timer is due, it leaps to that moment. So a step
costs what it computes, and what hangs fails at once.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from hypothesis.stateful import RuleBasedStateMachine

from wsexample.clock import ManualClock
from wsexample.session.testing import settle

T = TypeVar("T")

DEADLINE_S = 3600.0
"""Seconds of the loop's own time that one step may take; it hangs when they pass."""


class _Leaper(selectors.DefaultSelector):
    """Waits for nothing: the time of its loop passes instead."""

    now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found:
            assert timeout is not None, "nothing can happen any more"
            self.now_s += timeout
        return found


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while it would wait, and then at once."""

    def __init__(self) -> None:
        self.leaper = _Leaper()
        super().__init__(self.leaper)

    def time(self) -> float:
        """Return the loop's own time, seconds."""
        return self.leaper.now_s


class LoopingMachine(RuleBasedStateMachine):
    """A state machine with an event loop."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.loop = LeapingLoop()
        self.complaints: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda loop, context: self.complaints.append(context))

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine; fail when it hangs."""

        async def bounded() -> T:
            async with asyncio.timeout(DEADLINE_S):
                return await work

        return self.loop.run_until_complete(bounded())

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function inside the loop."""

        async def inside() -> T:
            return function(*args)

        return self.loop.run_until_complete(inside())

    def let_run(self) -> None:
        """Let every task run that can, without any time passing."""
        self.loop.run_until_complete(settle(1000))

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a task and let it run as far as it gets."""
        task = self.loop.create_task(work)
        self.let_run()
        return task

    def come_to_rest(self) -> None:
        """End what the example began and check what must hold in the end; nothing may run after it."""

    def teardown(self) -> None:
        """No task, no sleeper and no complaint of the loop is left."""
        try:
            self.come_to_rest()
            self.let_run()
            left = asyncio.all_tasks(self.loop)
            assert not left, f"tasks left behind: {left}"
            assert self.clock.next_wake_ns is None, "somebody still sleeps on the clock"
            assert not self.complaints, self.complaints
        finally:
            self.loop.run_until_complete(_cancel_all(self.loop))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()


async def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
