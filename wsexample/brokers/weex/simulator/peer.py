"""One socket of the simulator, and what it listens to."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from wsexample.brokers.weex.simulator.gate import Window
from wsexample.errors import ConnectionClosed
from wsexample.wire.server import ServerConnection

__all__ = ["Peer", "encoded"]

log = logging.getLogger("wsexample.weex.simulator")

MAX_BEHIND_BYTES = 16 * 1024 * 1024
"""How much may wait for a reader before it is dropped."""


def encoded(message: Any) -> str:
    """Return a message as it stands on the wire."""
    return msgspec.json.encode(message).decode()


class Peer:
    """One socket.

    Parameters:
        ws: the connection.
        operations: how often it may subscribe and unsubscribe.
    """

    def __init__(self, ws: ServerConnection, operations: Window) -> None:
        path = ws.request.path
        self.ws = ws
        self.operations = operations
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
        if self.ws.write_buffer_bytes > MAX_BEHIND_BYTES:
            log.warning("%s does not read: dropped with %d bytes waiting", self.ws.peer, self.ws.write_buffer_bytes)
            self.ws.abort()
            return False
        try:
            self.ws.send_nowait(text)
        except ConnectionClosed:
            return False
        return True
