"""Work on whole tapes runs beside the event loop, so that Ctrl-C ends it; what the work is, is decided elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from wsexample.cli.running import Stop
from wsexample.tape.reader import Progress

__all__ = ["aside"]

Result = TypeVar("Result")


class _Ended(Exception):  # noqa: N818 - no error: how the thread leaves its work
    """The user wants the program to end."""


async def aside(work: Callable[[Progress], Result], stop: Stop, progress: Progress | None) -> Result | None:
    """Do something in a thread until it is done or the program shall end; returns its result, None in the second case.

    Parameters:
        work: takes what it tells its progress to, now and then; there it ends early.
        stop: whether the program shall end.
        progress: is told as well, in the thread; None where nobody looks.
    """

    def told(done: int, total: int) -> None:
        if stop.is_asked:
            raise _Ended
        if progress is not None:
            progress(done, total)

    try:
        return await asyncio.to_thread(work, told)
    except _Ended:
        return None
