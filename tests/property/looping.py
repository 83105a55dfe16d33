"""State machines of Hypothesis whose steps are coroutines: one loop and one clock moved by hand for each example.

Nothing waits for the machine's time, so that a step costs what it computes; what hangs fails after `DEADLINE_S`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis.stateful import RuleBasedStateMachine

from wsexample.clock import ManualClock
from wsexample.session.testing import settle

T = TypeVar("T")

DEADLINE_S = 30.0
"""Real seconds that one step may take, which needs none; it hangs when they pass."""


class LoopingMachine(RuleBasedStateMachine):
    """A state machine with an event loop."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.loop = asyncio.new_event_loop()
        self.complaints: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda loop, context: self.complaints.append(context))

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine; fail when it hangs."""

        async def bounded() -> T:
            async with asyncio.timeout(DEADLINE_S):
                return await work

        return self.loop.run_until_complete(bounded())

    def let_run(self) -> None:
        """Let every task run that can, without any time passing."""
        self.loop.run_until_complete(settle(1000))

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a task and let it run as far as it gets."""
        task = self.loop.create_task(work)
        self.let_run()
        return task

    async def leave(self) -> None:
        """End what the example began; nothing may run after it."""

    def teardown(self) -> None:
        """No task, no sleeper and no complaint of the loop is left."""
        try:
            self.do(self.leave())
            self.let_run()
            left = asyncio.all_tasks(self.loop)
            sleeps_ns = self.clock.next_wake_ns
        finally:
            self.loop.run_until_complete(_cancel_all(self.loop))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()
        assert not left, f"tasks left behind: {left}"
        assert sleeps_ns is None, "somebody still sleeps on the clock"
        assert not self.complaints, self.complaints


async def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
