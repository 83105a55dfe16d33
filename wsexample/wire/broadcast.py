"""`Broadcaster`: one message to many readers, encoded once; a reader that is too far behind is let go, not waited for.

What is sent to whom, and what a slow reader gets instead, is decided by whoever uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from wsexample.errors import OptionError
from wsexample.wire.connection import Connection
from wsexample.wire.lane import build_frame, send_to_all
from wsexample.wire.sending import octets_of
from wsexample.wire.server import ServerConnection

__all__ = ["Broadcaster"]


def _let_go(connection: Connection) -> None:
    connection.start_close(1013, "too slow")


class Broadcaster:
    """Sends the same message to every reader that it knows; of one event loop, like its connections.

    Parameters:
        max_backlog_bytes: how much may wait for a reader's socket before it counts as too slow; 0 for no bound
            (default 1 MiB).
        too_slow: called with a reader that passes it, instead of sending; the default closes it with 1013.

    Raises:
        OptionError: the bound is below zero.

    Example:
        ``broadcaster.add(ws)`` in a server's handler, ``broadcaster.send("tick")`` from anywhere in its loop.
    """

    def __init__(
        self, *, max_backlog_bytes: int = 1024 * 1024, too_slow: Callable[[Connection], None] = _let_go
    ) -> None:
        if max_backlog_bytes < 0:
            raise OptionError("max_backlog_bytes must be zero or more", option="max_backlog_bytes")
        self._max_backlog = max_backlog_bytes
        self._too_slow = too_slow
        self._readers: dict[ServerConnection, Any] = {}
        self.sent = 0
        """Messages handed to sockets, one for each reader."""
        self.skipped = 0
        """Messages not sent because a reader was too slow, one for each reader."""

    def add(self, connection: ServerConnection) -> None:
        """Send to this connection from now on; it is forgotten when it is no longer open."""
        self._readers[connection] = connection._link

    def discard(self, connection: ServerConnection) -> None:
        """Send to this connection no more; harmless when it is unknown."""
        self._readers.pop(connection, None)

    def __len__(self) -> int:
        return len(self._readers)

    def __iter__(self) -> Iterator[ServerConnection]:
        return iter(list(self._readers))

    def __repr__(self) -> str:
        return f"<Broadcaster {len(self)} readers, {self.sent} sent, {self.skipped} skipped>"

    def send(self, message: str | bytes) -> int:
        """Send to every reader without waiting for any; str as text, bytes as binary.

        Returns:
            The number of readers whose socket or buffer took the message.
        """
        is_text = isinstance(message, str)
        return self.send_encoded(message.encode() if isinstance(message, str) else octets_of(message), is_text=is_text)

    def send_encoded(self, payload: bytes, *, is_text: bool) -> int:
        """Send what is encoded already. Otherwise like `send`.

        Parameters:
            payload: the message.
            is_text: whether it is text, which must be UTF-8, and not binary.
        """
        frame = build_frame(1 if is_text else 2, payload, None)
        sent, unable, behind = send_to_all(list(self._readers.values()), frame, len(payload), self._max_backlog)
        for link in unable:
            sent += self._send_alone(link.connection, payload.decode() if is_text else payload)
        for link in behind:
            self.skipped += 1
            self._too_slow(link.connection)
        self.sent += sent
        return sent

    def _send_alone(self, connection: ServerConnection, message: str | bytes) -> int:
        """Send to a reader that cannot have the frame that all get: it compresses, traces, or is sent a message in fragments.

        One that is gone is forgotten.
        """
        if not connection.is_open:
            self.discard(connection)
            return 0
        if self._max_backlog and connection.write_buffer_bytes > self._max_backlog:
            self.skipped += 1
            self._too_slow(connection)
            return 0
        connection._send_soon(message)
        return 1
