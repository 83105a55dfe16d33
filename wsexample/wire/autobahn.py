"""Autobahn's four class names, with the same callbacks and options, over the lane.

What travels through here are frames. Opening and closing handshakes, extensions, timers and limits are left to Autobahn;
a program that imports these names from here instead of ``autobahn.asyncio.websocket`` goes on working as it did.
"""

from __future__ import annotations

from typing import Any, ClassVar

from autobahn.asyncio import websocket as _autobahn

__all__ = [
    "WebSocketClientFactory",
    "WebSocketClientProtocol",
    "WebSocketServerFactory",
    "WebSocketServerProtocol",
]


class _Flow:
    """Back-pressure for either role."""

    transport: Any

    def pauseReading(self) -> None:
        """Stop delivering messages until `resumeReading`; TCP tells the peer."""
        if self.transport is not None:
            self.transport.pause_reading()

    def resumeReading(self) -> None:
        """Go on delivering messages after `pauseReading`."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()


class WebSocketClientProtocol(_Flow, _autobahn.WebSocketClientProtocol):
    """Client side of a WebSocket: override the callbacks of Autobahn's class of the same name."""


class WebSocketServerProtocol(_Flow, _autobahn.WebSocketServerProtocol):
    """Server side of a WebSocket: override the callbacks of Autobahn's class of the same name."""


class WebSocketClientFactory(_autobahn.WebSocketClientFactory):
    """Makes one `WebSocketClientProtocol` for each connection that it is handed to."""

    protocol: ClassVar[Any] = WebSocketClientProtocol


class WebSocketServerFactory(_autobahn.WebSocketServerFactory):
    """Makes one `WebSocketServerProtocol` for each connection that it accepts."""

    protocol: ClassVar[Any] = WebSocketServerProtocol
