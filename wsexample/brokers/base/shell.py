"""What the simulators' shells share: work that goes on beside the answers, and how much a client may send at once.

What a simulator answers and what it plays belongs to each broker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

__all__ = ["MAX_MESSAGE_BYTES", "Background"]

MAX_MESSAGE_BYTES = 1024 * 1024
"""Largest message that a simulator takes, and about how much it holds of a client that it has not answered yet; a list of every
symbol that a venue has is a hundredth of it."""


class Background:
    """Tasks that end with their simulator, and whose failures are told.

    Parameters:
        log: where a failure is told.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine beside everything else.

        Parameters:
            work: what to run; it is cancelled when the simulator ends.

        Returns:
            Its task, which may be cancelled earlier.
        """
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    async def close(self) -> None:
        """Cancel what still runs, and wait until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._log.error("the simulator failed", exc_info=task.exception())
