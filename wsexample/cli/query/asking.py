"""A question that runs beside the event loop, so that Ctrl-C ends it however long it would take.

What is asked, and of whom, is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any

from wsexample.cli.query.engine import Answer, Engine
from wsexample.cli.running import LAST_WORDS_S, Stop
from wsexample.errors import OptionError

__all__ = ["answered", "batches_of"]

INTERRUPT_AGAIN_S = 0.05
"""An interruption that comes between two steps of an engine has no effect; it is repeated."""


async def answered(work: Coroutine[Any, Any, int], engine: Engine, stop: Stop) -> int:
    """Return what ``work`` returns, or the exit status of a program that was ended meanwhile.

    Parameters:
        work: asks the engine in threads; what it raises is raised.
        engine: is interrupted when the program shall end.
        stop: whether to end.
    """
    task = asyncio.ensure_future(work)
    asked = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
        ends_s = time.monotonic() + LAST_WORDS_S
        while not task.done() and time.monotonic() < ends_s:
            engine.interrupt()
            await asyncio.wait({task}, timeout=INTERRUPT_AGAIN_S)
        if not stop.is_asked:
            return task.result()
        with suppress(OptionError):  # the engine says that it was interrupted
            if task.done():
                task.result()
        return stop.exit_code
    finally:
        for left in (task, asked):
            left.cancel()
        await asyncio.gather(task, asked, return_exceptions=True)


async def batches_of(answer: Answer) -> AsyncIterator[Any]:
    """Yield the rows of an answer, some at a time; the engine works in a thread meanwhile."""
    batches = iter(answer.batches)
    while (batch := await asyncio.to_thread(next, batches, None)) is not None:
        yield batch
