"""The Autobahn protocols under a `wsexample.wire.connection.Connection`: camelCase callbacks end in this file.

A link tells its connection what happened and does what it is told; it decides nothing.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wsexample.errors import ConnectionClosed, HandshakeError, OptionError, TlsError
from wsexample.wire.admission import RateLimit
from wsexample.wire.autobahn import WebSocketClientProtocol, WebSocketServerProtocol
from wsexample.wire.deflate import usable_offers
from wsexample.wire.handshake import (
    LONGEST_REASON,
    MAX_HEAD_BYTES,
    read_answer,
    refusal_body,
    refusal_response,
    request_head,
)
from wsexample.wire.lane import build_frame
from wsexample.wire.log import WireLog
from wsexample.wire.trace import RECEIVED, SENT, Tracer, printable

if TYPE_CHECKING:
    from wsexample.wire.autobahn import _Lane as Autobahn
    from wsexample.wire.connection import Connection
    from wsexample.wire.options import ConnectOptions, Target
else:
    Autobahn = object  # each role brings its own

__all__ = ["CLOSED", "CLOSING", "CONNECTING", "OPEN", "ClientLink", "ServerLink"]

CLOSED, CONNECTING, CLOSING, OPEN = 0, 1, 2, 3
"""Autobahn's states of a connection."""
BAD_GATEWAY, NEAREST_TO_BAD_GATEWAY = 1014, 1013
"""A close code of IANA's registry (RFC 6455 section 11.7) that Autobahn takes for none, and one that it knows."""


class _Link(Autobahn):
    """What both roles share: events go to the connection."""

    log = WireLog()
    lane_passes_over = True
    connection: Connection | None = None
    answer_pings = True
    lost_with: BaseException | None = None
    tracer: Tracer | None = None
    _plain: bytes | None = None
    _owed_pong: bytes | None = None
    _holds_back = False
    _is_bad_gateway = False

    # -- what Autobahn tells -------------------------------------------------------------------------------------

    def onPing(self, payload: bytes) -> None:
        if self.connection is not None:
            self.connection.ping_received(payload)
        if not self.answer_pings:
            return
        if self.connection is not None and self.connection.is_writing_paused:
            # A peer that asks and does not read must not fill our memory: the last ping's answer will do (section 5.5.3).
            self._owed_pong = payload
        else:
            self.sendPong(payload)

    def onPong(self, payload: bytes) -> None:
        if self.connection is not None:
            self.connection.pong_received(payload)

    def onCloseFrame(self, code: int | None, reasonRaw: bytes | None) -> Any:
        self._is_bad_gateway = code == BAD_GATEWAY
        result = super().onCloseFrame(NEAREST_TO_BAD_GATEWAY if self._is_bad_gateway else code, reasonRaw)
        if self._is_bad_gateway and not self.failedByMe:
            self.remoteCloseCode = BAD_GATEWAY
        if self.connection is not None:
            self.connection.closing()
        return result

    def sendCloseFrame(self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False) -> None:
        super().sendCloseFrame(BAD_GATEWAY if isReply and self._is_bad_gateway else code, reasonUtf8, isReply)
        if self.connection is not None and self.state == CLOSING:
            self.connection.closing()

    def onClose(self, was_clean: bool, code: int | None, reason: str | None) -> None:
        if self.connection is not None:
            self.connection.closed(self.closing_facts(was_clean=was_clean))

    def closing_facts(self, *, was_clean: bool = False) -> ConnectionClosed:
        """Return how the connection ends, as far as is known by now."""
        ours = self.localCloseCode
        if ours is not None and (self.failedByMe or (self.remoteCloseCode is None and self.state == CLOSING)):
            return ConnectionClosed(
                code=ours,
                reason=(self.localCloseReason or b"").decode("utf-8", "replace"),
                was_clean=was_clean,
                by_peer=False,
            )
        if was_clean or self.remoteCloseCode is not None:
            return ConnectionClosed(
                code=self.remoteCloseCode if self.remoteCloseCode is not None else 1005,
                reason=self.remoteCloseReason or "",
                was_clean=was_clean,
                by_peer=not self.closedByMe,
            )
        closed = ConnectionClosed(code=1006, reason=self.wasNotCleanReason or "", by_peer=not self.droppedByMe)
        closed.__cause__ = self.lost_with
        return closed

    # -- what the event loop tells -------------------------------------------------------------------------------

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost_with = self.lost_with or exc
        super().connection_lost(exc)

    def _end(self, exc: BaseException | None) -> None:
        super()._end(exc)
        if self.connection is not None:  # Autobahn tells of a close only once; the connection always wants to know
            self.connection.lost()

    def pause_writing(self) -> None:
        if self.connection is not None:
            self.connection.writing_paused()

    def resume_writing(self) -> None:
        if self.connection is not None:
            self.connection.writing_resumed()
        if self._owed_pong is not None:
            owed, self._owed_pong = self._owed_pong, None
            self.sendPong(owed)

    # -- what the connection tells -------------------------------------------------------------------------------

    def give_up(self, cause: Exception) -> None:
        """Cut a connection whose peer does not answer any more."""
        self.wasNotCleanReason = str(cause)
        self.lost_with = cause
        transport = self.transport
        if transport is not None and transport.get_write_buffer_size():
            self.wasClean = False  # our close frame is among what never left
        self.dropConnection(abort=True)
        if transport is not None:
            transport.abort()  # Autobahn passes over what it has dropped politely: a peer that does not read would stay

    def fail(self, code: int, reason: str) -> None:
        """Close a connection whose peer broke a limit; what it still sends is passed over."""
        self._fail_connection(code, reason)

    def hold_back(self, is_on: bool) -> None:
        """Let nobody send a frame that was built for many while a message in fragments is being sent."""
        self._holds_back = is_on
        self.lane_refresh()

    def lane_refresh(self) -> None:
        super().lane_refresh()
        if self._holds_back:
            self.lane_sends = False

    def deliver_fragments(self) -> None:
        """Hand over fragments one by one; the lane leaves a link with hooks of its own to Autobahn's parser."""
        self.onMessageFrameEnd = self._fragment_ended  # type: ignore[method-assign] # the lane heeds it
        self.onMessageEnd = self._fragments_ended  # type: ignore[method-assign] # the lane heeds it

    def _fragment_ended(self) -> None:
        frame = self.current_frame
        if not self.failedByMe and self.connection is not None:
            payload = b"".join(self.frame_data)
            self.connection.fragment_received(payload, self.message_is_binary, frame.opcode, frame.fin)
        self.frame_data = None

    def _fragments_ended(self) -> None:
        self.message_data = None

    # -- the trace -----------------------------------------------------------------------------------------------

    def use_tracer(self, tracer: Tracer | None) -> None:
        """Show what this link sends and receives; the lane leaves such a link to Autobahn."""
        if tracer is not None:
            self.tracer = tracer
            self.logFrames = True
            self.sendMessage = self._send_traced  # type: ignore[method-assign] # for traced links only

    def _send_traced(self, payload: bytes, *arguments: Any, **more: Any) -> None:
        """Keep what a message says, because the frame that is traced may be compressed."""
        self._plain = payload
        super().sendMessage(payload, *arguments, **more)
        self._plain = None

    def logRxFrame(self, frameHeader: Any, payload: Any) -> None:
        if self.tracer is not None:
            data = b"".join(payload or ())
            self.tracer.frame(RECEIVED, frameHeader.opcode, frameHeader.fin, frameHeader.rsv, data)

    def logTxFrame(self, frameHeader: Any, payload: bytes, *_: Any) -> None:
        if self.tracer is not None:
            is_compressed = frameHeader.rsv & 4 and self._plain is not None
            data = self._plain if is_compressed else payload
            self.tracer.frame(SENT, frameHeader.opcode, frameHeader.fin, frameHeader.rsv, data or b"")


class _OwnMasks:
    """Sends the frames of a link with masking keys that the caller chooses.

    The lane leaves a link whose ``sendFrame`` is not the class's own to Autobahn's way of sending, which ends here.
    """

    def __init__(self, link: ClientLink, mask_key: Callable[[], bytes]) -> None:
        self._link = link
        self._mask_key = mask_key

    def __call__(
        self,
        opcode: int,
        payload: bytes = b"",
        fin: bool = True,
        rsv: int = 0,
        mask: bytes | None = None,
        payload_len: int | None = None,
        chopsize: int | None = None,
        sync: bool = False,
    ) -> None:
        link = self._link
        key = mask or self._mask_key()
        if len(key) != 4:
            raise OptionError(f"a masking key has 4 bytes, not {len(key)}", option="mask_key")
        if link.tracer is not None:
            link.tracer.frame(SENT, opcode, fin, rsv, payload)
        frame = build_frame(opcode, payload, key)
        first = (0x80 if fin else 0) | (rsv & 7) << 4 | opcode & 15
        link.sendData(bytes((first,)) + frame[1:])


class ClientLink(_Link, WebSocketClientProtocol):
    """Client side: writes our request head and keeps what a refusal said."""

    target: Target
    options: ConnectOptions
    request_headers: tuple[tuple[str, str], ...] = ()
    authorization = ""
    user_agent = ""
    refusal: HandshakeError | TlsError | None = None
    check_peer: Callable[[Any], None] | None = None
    _interim_bytes = 0

    def mask_with(self, mask_key: Callable[[], bytes]) -> None:
        """Mask frames with keys from this function."""
        self.sendFrame = _OwnMasks(self, mask_key)  # type: ignore[method-assign] # the lane heeds it

    def startHandshake(self) -> Any:
        if self.check_peer is not None:
            try:
                self.check_peer(self.transport)
            except TlsError as error:
                self.refusal = error
                self.dropConnection(abort=True)
                return None
        return super().startHandshake()

    def _actuallyStartHandshake(self, request_options: Any) -> None:
        """Send our own request head in place of Autobahn's, which writes the port always and headers twice."""
        options = self.options
        given = {name.lower(): value for name, value in self.request_headers}
        key = given.get("sec-websocket-key") or base64.b64encode(os.urandom(16)).decode("ascii")
        self.websocket_key = key.encode("ascii")
        self.http_request_data = request_head(
            self.target,
            key=key,
            version=13,
            headers=self.request_headers,
            subprotocols=options.subprotocols,
            extensions=[offer.get_extension_string() for offer in self.perMessageCompressionOffers],
            origin=options.origin,
            user_agent=self.user_agent,
            host=options.host,
            cookie=options.cookie_header,
            authorization=self.authorization,
        )
        self.sendData(self.http_request_data)
        if self.tracer is not None:
            self.tracer.head(SENT, self.http_request_data)

    def processHandshake(self) -> Any:
        data = self._after_interim_answers()
        if self._interim_bytes > MAX_HEAD_BYTES:
            return self.failHandshake(f"its interim answers are longer than {MAX_HEAD_BYTES} bytes")
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            if len(data) > MAX_HEAD_BYTES:
                return self.failHandshake(f"the response head is longer than {MAX_HEAD_BYTES} bytes")
            if not b"HTTP/".startswith(data[:5]):
                return self.failHandshake("the answer is not HTTP")
            return None
        answer = read_answer(head)
        if answer.status not in (None, 101) and refusal_body(answer, rest) is None:
            return None  # a refusal whose body is still on its way; the handshake deadline bounds the wait
        if self.tracer is not None:
            self.tracer.head(RECEIVED, data)
        if not head.isascii():  # Autobahn insists on UTF-8, HTTP allows any byte in a header
            self.data = head.decode("utf-8", "replace").encode() + end + rest
        return super().processHandshake()

    def _after_interim_answers(self) -> bytes:
        """Drop the interim answers that have come (RFC 9110 section 15.2), and return the rest."""
        data, start = bytes(self.data), 0
        while (end := data.find(b"\r\n\r\n", start)) >= 0:
            status = read_answer(data[start:end]).status
            if status is None or status == 101 or not 100 <= status < 200:
                break
            start = end + 4
        if start:
            self._interim_bytes += start
            self.data = data = data[start:]
        return data

    def failHandshake(self, reason: str) -> None:
        if self.refusal is None:
            self.refusal = self.read_refusal(reason)
        super().failHandshake(reason)

    def read_refusal(self, reason: str) -> HandshakeError:
        """Return the error that tells what came in place of a WebSocket."""
        head, end, body = bytes(self.data).partition(b"\r\n\r\n")
        answer = read_answer(head if end else b"")
        address, said = self.target.address, printable(reason[:LONGEST_REASON])
        if answer.status is None:
            sentence = f"{address} did not answer as a web server does; is it a WebSocket server? ({said})"
        elif answer.status == 101:
            sentence = f"{address} opened the WebSocket wrongly: {said}"
        else:
            words = f" {answer.reason}" if answer.reason else ""
            sentence = f"{address} did not open a WebSocket: HTTP {answer.status}{words}"
        return HandshakeError(
            sentence,
            status=answer.status,
            reason=answer.reason,
            headers=answer.headers,
            body=refusal_body(answer, body, is_all=True) or b"",
        )

    @property
    def has_answer_head(self) -> bool:
        """Whether the head of an answer has come, if not all of its body."""
        return self.state == CONNECTING and b"\r\n\r\n" in self.data

    def connection_lost(self, exc: BaseException | None) -> None:
        if self.transport is None:
            return  # TLS through a proxy did not come about: nothing had begun
        if self.refusal is None and self.has_answer_head:  # a body without a length ends with the connection
            self.refusal = self.read_refusal("the answer was cut off")
            if self.tracer is not None:
                self.tracer.head(RECEIVED, bytes(self.data))
        super().connection_lost(exc)

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
    handshake_timeout_s: float
    is_asked = False
    is_too_hasty = False
    lane_shares = frozenset({"onFrameEnd"})
    frame_rate: RateLimit | None = None
    _late: asyncio.TimerHandle | None = None
    websocket_extensions: list[tuple[str, Any]]

    def connection_made(self, transport: Any) -> None:
        is_welcome = self.server.link_made(self)
        super().connection_made(transport)
        self._late = asyncio.get_running_loop().call_later(self.handshake_timeout_s, self._head_is_late)
        if not is_welcome:
            transport.abort()  # accepted in the turn in which the server closed: nobody else would end it

    def _head_is_late(self) -> None:
        if not self.is_asked and self.transport is not None:
            self.server.head_is_late(self.transport)
            self.transport.abort()

    def processHandshake(self) -> Any:
        if self.is_asked:  # frames of a hasty client; they wait until the server has decided, and more of them outside
            if len(self.data) > MAX_HEAD_BYTES and self.transport is not None and not self.transport.is_closing():
                self.transport.pause_reading()
                self.is_too_hasty = True
            return None
        if self.tracer is not None and b"\r\n\r\n" in self.data:
            self.tracer.head(RECEIVED, bytes(self.data))
        return super().processHandshake()

    def onConnect(self, request: Any) -> Any:
        self.is_asked = True
        if self._late is not None:
            self._late.cancel()
        return self.server.link_asked(self, request)

    def onFrameEnd(self) -> Any:
        rate = self.frame_rate
        if rate is not None and self.state == OPEN and not rate.allows(asyncio.get_running_loop().time()):
            self.fail(1008, "too many frames")
        return super().onFrameEnd()

    def succeedHandshake(self, res: Any) -> None:
        if self.state != CONNECTING or self.transport is None:
            return  # the client left while the server decided
        self.websocket_extensions = usable_offers(self.websocket_extensions)
        super().succeedHandshake(res)

    def onOpen(self) -> None:
        if self.tracer is not None:
            self.tracer.head(SENT, self.http_response_data.encode())
        if self.is_too_hasty:
            self.resumeReading()
        self.server.link_opened(self)

    def failHandshake(self, reason: str, code: int = 400, responseHeaders: Any = None) -> None:
        if self.state == CONNECTING and self.transport is not None:
            super().failHandshake(reason, code, responseHeaders)

    def sendHttpErrorResponse(self, code: int, reason: str, responseHeaders: Any = None) -> None:
        body, headers = "", list(responseHeaders or [])
        if self.refusal is not None:
            code, reason, body, headers = self.refusal
        response = refusal_response(code, reason, body=body, headers=headers, server=self.server_header)
        if self.tracer is not None:
            self.tracer.head(SENT, response)
        self.sendData(response)
        if self._late is not None:
            self._late.cancel()
        self._late = asyncio.get_running_loop().call_later(self.handshake_timeout_s, self._refusal_is_late)

    def _refusal_is_late(self) -> None:
        if self.transport is not None:  # it does not read what refuses it
            self.transport.abort()

    def _end(self, exc: BaseException | None) -> None:
        super()._end(exc)
        if self._late is not None:
            self._late.cancel()
        self.server.link_lost(self)
