"""One socket of the simulator, and what it listens to."""

from __future__ import annotations

from typing import Any

import msgspec

from wsexample.brokers.base.backlog import Backlog
from wsexample.brokers.weex.simulator.gate import Window
from wsexample.wire.server import ServerConnection

__all__ = ["Peer", "encoded"]


def encoded(message: Any) -> str:
    """Return a message as it stands on the wire."""
    return msgspec.json.encode(message).decode()


class Peer:
    """One socket.

    Parameters:
        ws: the connection.
        operations: how often it may subscribe and unsubscribe.
        backlog: sends.
    """

    def __init__(self, ws: ServerConnection, operations: Window, backlog: Backlog) -> None:
        path = ws.request.path
        self.ws = ws
        self.operations = operations
        self._backlog = backlog
        self.is_private = path.endswith("/private")
        self.is_spot = path.startswith("/spot")
        self.topics: set[str] = set()
        self.unanswered = 0
        """Pings that it has not answered."""

    def say(self, text: str) -> bool:
        """Send a message without waiting, and drop a reader that is too far behind; returns whether it was sent.

        Parameters:
            text: the message.
        """
        return self._backlog.send(self.ws, text)
