"""What waits for a simulator's clients that read slowly or not at all: so much for each, and so much for all of them together.

How much each may have is decided by each simulator; how messages look is not known here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from wsexample.ports import Clock
from wsexample.wire.server import ServerConnection

__all__ = ["MOST_BYTES", "Backlog"]

MOST_BYTES = 16 * 1024 * 1024
"""How much may wait for all clients together, or for one alone, before somebody is dropped. Of messages of fifty bytes, each of
which the loop keeps by itself, this is three times as much memory."""

LOOK_EVERY_BYTES = 1024 * 1024
"""After how much that was sent it is looked whether that is exceeded."""

STUCK_S = 1.0
"""Seconds without taking anything after which a client counts as one that does not read."""


class Backlog:
    """Sends without waiting, and drops clients before too much waits for them.

    Parameters:
        log: where a drop is told.
        clock: says for how long a client has taken nothing.
        connections: returns those that the bound for all counts.
    """

    def __init__(
        self, log: logging.Logger, clock: Clock, connections: Callable[[], Collection[ServerConnection]]
    ) -> None:
        self._log = log
        self._clock = clock
        self._connections = connections
        self._sent_bytes = 0
        self._seen: dict[ServerConnection, tuple[int, float]] = {}
        """Of each client for whom something waits: how much did after the last message, and since when nothing was taken."""

    def send(self, connection: ServerConnection, message: str | bytes, most_bytes: int = MOST_BYTES) -> bool:
        """Send a message, unless the client is gone or so far behind that it is dropped; returns whether it was sent.

        Parameters:
            connection: the client's.
            message: a text or a binary message.
            most_bytes: how much may wait for it, 16 MiB by default.
        """
        if not connection.is_open:
            return False
        waiting = connection.write_buffer_bytes
        if waiting > most_bytes:
            self._drop(connection, waiting)
            return False
        self._sent_bytes += len(message)
        if self._sent_bytes > LOOK_EVERY_BYTES:
            self._sent_bytes = 0
            if connection in self._make_room(max(most_bytes, MOST_BYTES)):
                return False
        connection.send_nowait(message)
        if waiting:
            before, since_s = self._seen.get(connection, (0, 0.0))
            has_read = waiting < before or not before
            self._seen[connection] = (
                connection.write_buffer_bytes,
                self._clock.monotonic_s() if has_read else since_s,
            )
        elif self._seen:
            self._seen.pop(connection, None)
        return True

    def _make_room(self, most_bytes: int) -> list[ServerConnection]:
        """Drop clients until what waits is within the bound: first those that do not read, of them first the furthest behind."""
        waiting = {each: each.write_buffer_bytes for each in self._connections()}
        self._seen = {each: seen for each, seen in self._seen.items() if waiting.get(each)}
        total = sum(waiting.values())
        if total <= most_bytes:
            return []
        now_s = self._clock.monotonic_s()

        def rank(connection: ServerConnection) -> tuple[bool, int]:
            before, since_s = self._seen.get(connection, (0, now_s))
            is_stuck = waiting[connection] >= before and now_s - since_s > STUCK_S
            return is_stuck, waiting[connection]

        dropped = []
        for connection in sorted(waiting, key=rank, reverse=True):
            if total <= most_bytes:
                break
            total -= waiting[connection]
            self._drop(connection, waiting[connection])
            dropped.append(connection)
        return dropped

    def _drop(self, connection: ServerConnection, waiting: int) -> None:
        self._log.warning("%s does not read: dropped with %d bytes waiting", connection.peer, waiting)
        connection.abort()
