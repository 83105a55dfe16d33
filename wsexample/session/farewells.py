"""Connections on their way out: closed in the background, so that nothing waits for a peer that does not answer.

When a connection is of no further use is decided elsewhere; here it is closed, awaited, and told of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from wsexample.errors import DeadlineError
from wsexample.ports import Failure
from wsexample.session.events import Closed
from wsexample.session.stay import Dialled

__all__ = ["Farewells"]


class Farewells:
    """The connections of one session that are being closed.

    Parameters:
        emit: tells an event: ``emit(Kind, **facts)``.
    """

    def __init__(self, emit: Callable[..., Any]) -> None:
        self._emit = emit
        self._leaving: dict[asyncio.Task[None], Dialled] = {}

    def say(self, connection: Dialled, number: int, failure: Failure | None) -> None:
        """Begin to close a connection; returns at once.

        Parameters:
            connection: which one; it may be over already.
            number: which connection attempt of the session it was.
            failure: why it is of no further use, None when the session ends.
        """
        if connection.close_code is None:
            connection.start_close(1000)
            if failure is not None and isinstance(failure.error, DeadlineError):
                connection.abort()  # who said nothing for so long does not answer a close either
        task = asyncio.get_running_loop().create_task(self._see_off(connection, number))
        self._leaving[task] = connection
        task.add_done_callback(self._leaving.pop)

    async def _see_off(self, connection: Dialled, number: int) -> None:
        await connection.wait_closed()
        self._emit(
            Closed,
            connection=number,
            code=connection.close_code or 1006,
            reason=connection.close_reason,
            was_clean=connection.was_clean,
            by_peer=connection.closed_by_peer,
        )

    async def finish(self) -> None:
        """Wait until every connection is over."""
        if self._leaving:
            await asyncio.gather(*self._leaving, return_exceptions=True)

    def cut_short(self) -> None:
        """Cut what is still being closed."""
        for connection in self._leaving.values():
            connection.abort()
