"""What the simulators' shells share: the port and the end of it, work beside the answers, and how much a client may send.

What a simulator answers and what it plays belongs to each broker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine
from types import TracebackType
from typing import Any

from aiohttp import web

from wsexample.errors import StateError
from wsexample.wire.options import ServeOptions
from wsexample.wire.server import Server, ServerConnection

__all__ = ["LIMITS", "MAX_MESSAGE_BYTES", "Background", "OnePort", "not_listening", "read_body"]

MAX_MESSAGE_BYTES = 1024 * 1024
"""Largest message that a simulator takes, and about how much it holds of a client that it has not answered yet; a list of every
symbol that a venue has is a hundredth of it."""

LIMITS = ServeOptions(max_message_bytes=MAX_MESSAGE_BYTES, read_ahead_bytes=MAX_MESSAGE_BYTES)
"""What every simulator's server keeps to; the rest is the broker's own."""


def not_listening() -> StateError:
    """Return the error of a simulator that was asked where it listens before it does."""
    return StateError("the simulator does not listen; use it in an `async with` block")


async def read_body(request: web.BaseRequest, most_bytes: int = MAX_MESSAGE_BYTES) -> bytes | None:
    """Read the body of a request to its end; returns None for one that is longer than it may be, read no further.

    aiohttp's own reading raises there, and what is raised holds what was read until the garbage collector comes by.

    Parameters:
        request: what came.
        most_bytes: longest body (default 1 MiB).
    """
    if (request.content_length or 0) > most_bytes:
        return None
    body = bytearray()
    try:
        while more := await request.content.readany():
            if len(body) + len(more) > most_bytes:
                return None
            body += more
        return bytes(body)
    finally:
        body.clear()  # whatever ends this early may be held for a while with its traceback


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


class OnePort:
    """The end of a simulator that listens on one port: its tasks, then its server.

    Parameters:
        log: where a failure of a task is told.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._background = Background(log)
        self._server: Server | None = None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._background.close()
        if self._server is not None:
            await self._server.close()

    def _connected(self) -> Collection[ServerConnection]:
        """Return the clients' connections."""
        return self._server.connections if self._server is not None else ()

    @property
    def port(self) -> int:
        """The TCP port; raises `StateError` while nothing listens."""
        if self._server is None:
            raise not_listening()
        return self._server.port
