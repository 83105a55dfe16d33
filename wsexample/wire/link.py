"""The Autobahn protocols under a `wsexample.wire.connection.Connection`: camelCase callbacks end in this file.

A link tells its connection what happened and does what it is told; it decides nothing.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any

from wsexample.errors import ConnectionClosed, HandshakeError
from wsexample.wire.autobahn import WebSocketClientProtocol, WebSocketServerProtocol
from wsexample.wire.handshake import refusal_response, request_head, response_is_complete
from wsexample.wire.log import WireLog

if TYPE_CHECKING:
    from wsexample.wire.connection import Connection
    from wsexample.wire.options import ConnectOptions, Target

__all__ = ["ClientLink", "ServerLink"]

MAX_HEAD_BYTES = 64 * 1024


class _Link:
    """What both roles share: events go to the connection."""

    log = WireLog()
    connection: Connection | None = None
    answer_pings = True
    lost_with: BaseException | None = None
    # Autobahn's fields, as far as they are used here
    data: Any
    state: int
    transport: Any
    wasNotCleanReason: str | None
    localCloseCode: int | None
    remoteCloseCode: int | None
    closedByMe: bool
    droppedByMe: bool

    def onPing(self, payload: bytes) -> None:
        if self.connection is not None:
            self.connection.ping_received(payload)
        if self.answer_pings:
            self.sendPong(payload)  # type: ignore[attr-defined]

    def onPong(self, payload: bytes) -> None:
        if self.connection is not None:
            self.connection.pong_received(payload)

    def onClose(self, was_clean: bool, code: int | None, reason: str | None) -> None:
        if self.connection is None:
            return
        if was_clean:
            closed = ConnectionClosed(
                code=code if code is not None else 1005,
                reason=reason or "",
                was_clean=True,
                by_peer=not self.closedByMe,
            )
        else:
            closed = self._unclean_close()
        self.connection.closed(closed)

    def _unclean_close(self) -> ConnectionClosed:
        if self.remoteCloseCode is not None:  # the peer said why before TCP went away
            return ConnectionClosed(
                code=self.remoteCloseCode,
                reason=getattr(self, "remoteCloseReason", None) or "",
                was_clean=False,
                by_peer=not self.closedByMe,
            )
        closed = ConnectionClosed(code=1006, reason=self.wasNotCleanReason or "", by_peer=not self.droppedByMe)
        closed.__cause__ = self.lost_with
        return closed

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost_with = exc
        super().connection_lost(exc)  # type: ignore[misc]
        if self.connection is not None:  # Autobahn tells of a close only once; the connection always wants to know
            self.connection.lost()

    def pause_writing(self) -> None:
        if self.connection is not None:
            self.connection.writing_paused()

    def resume_writing(self) -> None:
        if self.connection is not None:
            self.connection.writing_resumed()


class ClientLink(_Link, WebSocketClientProtocol):
    """Client side: writes our request head and keeps what a refusal said."""

    target: Target
    options: ConnectOptions
    request_headers: tuple[tuple[str, str], ...] = ()
    user_agent = ""
    refusal: HandshakeError | None = None

    def _actuallyStartHandshake(self, request_options: Any) -> None:
        """Send our own request head in place of Autobahn's, which writes the port always and headers twice."""
        given = {name.lower(): value for name, value in self.request_headers}
        key = given.get("sec-websocket-key") or base64.b64encode(os.urandom(16)).decode("ascii")
        self.websocket_key = key.encode("ascii")
        self.http_request_data = request_head(
            self.target,
            key=key,
            version=13,
            headers=self.request_headers,
            subprotocols=self.options.subprotocols,
            extensions=[offer.get_extension_string() for offer in self.perMessageCompressionOffers],
            origin=self.options.origin,
            user_agent=self.user_agent,
        )
        self.sendData(self.http_request_data)

    def processHandshake(self) -> Any:
        data = bytes(self.data)
        if b"\r\n\r\n" not in data:
            if len(data) > MAX_HEAD_BYTES:
                return self.failHandshake(f"the response head is longer than {MAX_HEAD_BYTES} bytes")
            if data and not b"HTTP/".startswith(data[:5]) and not data.startswith(b"HTTP/"):
                return self.failHandshake("the answer is not HTTP")
            return None
        if not data.startswith(b"HTTP/1.1 101") and not response_is_complete(data):
            return None  # a refusal whose body is still on its way; the handshake deadline bounds the wait
        return super().processHandshake()

    def failHandshake(self, reason: str) -> None:
        if self.refusal is None:
            self.refusal = self._read_refusal(reason)
        super().failHandshake(reason)

    def _read_refusal(self, reason: str) -> HandshakeError:
        head, _, body = bytes(self.data).partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status_line = lines[0].split(None, 2)
        status: int | None = None
        words = ""
        if len(status_line) >= 2 and status_line[0].startswith("HTTP/") and status_line[1].isdigit():
            status = int(status_line[1])
            words = status_line[2] if len(status_line) > 2 else ""
        headers: dict[str, str] = {}
        if status is not None:
            for line in lines[1:]:
                name, _, value = line.partition(":")
                headers[name.strip().lower()] = value.strip()
        address = self.target.address
        if status is None:
            sentence = f"{address} did not answer with HTTP; is it a WebSocket server? ({reason})"
        elif status == 101:
            sentence = f"{address} opened the WebSocket wrongly: {reason}"
        else:
            sentence = f"{address} did not open a WebSocket: HTTP {status}{f' {words}' if words else ''}"
        return HandshakeError(sentence, status=status, reason=words, headers=headers, body=body[: 64 * 1024])

    def onConnect(self, response: Any) -> None:
        if self.connection is not None:
            self.connection.handshake_done(dict(response.headers), response.protocol)

    def onOpen(self) -> None:
        if self.connection is not None:
            self.connection.opened()


class ServerLink(_Link, WebSocketServerProtocol):
    """Server side: asks the server whether to accept, and refuses with a complete HTTP answer."""

    server_header = ""
    refusal: tuple[int, str, str, list[tuple[str, str]]] | None = None
    server: Any

    def processHandshake(self) -> Any:
        if len(self.data) > MAX_HEAD_BYTES and b"\r\n\r\n" not in self.data[: MAX_HEAD_BYTES + 4]:
            return self.failHandshake("the request head is too long", 431)
        return super().processHandshake()

    def onConnect(self, request: Any) -> Any:
        return self.server.link_asked(self, request)

    def onOpen(self) -> None:
        self.server.link_opened(self)

    def sendHttpErrorResponse(self, code: int, reason: str, responseHeaders: Any = None) -> None:
        body, headers = "", list(responseHeaders or [])
        if self.refusal is not None:
            code, reason, body, headers = self.refusal
        self.sendData(refusal_response(code, reason, body=body, headers=headers, server=self.server_header))

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self.server.link_lost(self)
