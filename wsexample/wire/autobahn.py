"""Autobahn's four class names, with the same callbacks and options, over the lane.

What travels through here are frames. Opening and closing handshakes, extensions, timers and limits are left to Autobahn;
a program that imports these names from here instead of ``autobahn.asyncio.websocket`` goes on working as it did.
"""

from __future__ import annotations

from typing import Any

from autobahn.asyncio import websocket as _autobahn
from autobahn.websocket.compress import (
    PerMessageDeflateOffer,
    PerMessageDeflateOfferAccept,
    PerMessageDeflateResponse,
    PerMessageDeflateResponseAccept,
)

__all__ = [
    "WebSocketClientFactory",
    "WebSocketClientProtocol",
    "WebSocketServerFactory",
    "WebSocketServerProtocol",
    "deflate_client_options",
    "deflate_server_options",
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

    protocol: Any = WebSocketClientProtocol


class WebSocketServerFactory(_autobahn.WebSocketServerFactory):
    """Makes one `WebSocketServerProtocol` for each connection that it accepts."""

    protocol: Any = WebSocketServerProtocol


def deflate_client_options() -> dict[str, Any]:
    """Return the protocol options with which a client offers permessage-deflate (RFC 7692)."""

    def accept(response: Any) -> Any:
        if isinstance(response, PerMessageDeflateResponse):
            return PerMessageDeflateResponseAccept(response)
        return None

    return {"perMessageCompressionOffers": [PerMessageDeflateOffer()], "perMessageCompressionAccept": accept}


def deflate_server_options() -> dict[str, Any]:
    """Return the protocol options with which a server accepts permessage-deflate (RFC 7692)."""

    def accept(offers: list[Any]) -> Any:
        for offer in offers:
            if isinstance(offer, PerMessageDeflateOffer):
                return PerMessageDeflateOfferAccept(offer)
        return None

    return {"perMessageCompressionAccept": accept}
