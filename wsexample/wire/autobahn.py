"""Autobahn's four class names, with the same callbacks and options, over the lane.

What travels through here are frames. Opening and closing handshakes, extensions, timers, limits and every frame that is
not plain are left to Autobahn; a program that imports these names from here instead of ``autobahn.asyncio.websocket``
goes on working as it did. This file decides which connections may use the lane; the lane itself has no policy.
"""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

import txaio
from autobahn.asyncio import websocket as _autobahn
from autobahn.asyncio.util import create_transport_details
from autobahn.exception import PayloadCorruptError, PayloadExceededError
from autobahn.websocket.protocol import TrafficStats, WebSocketProtocol

from wsexample.wire.deflate import deflate_client_options, deflate_server_options
from wsexample.wire.handshake import MAX_HEAD_BYTES
from wsexample.wire.lane import LaneCore, LaneCounters, is_utf8
from wsexample.wire.remainder import Remainder
from wsexample.wire.retold import Retold
from wsexample.wire.scratch import ReadsIntoScratch
from wsexample.wire.transports import BufferedPort, Nobody, is_closing, is_uvloops, socket_of

__all__ = [
    "WebSocketClientFactory",
    "WebSocketClientProtocol",
    "WebSocketServerFactory",
    "WebSocketServerProtocol",
    "deflate_client_options",
    "deflate_server_options",
]

CLOSED = WebSocketProtocol.STATE_CLOSED
CLOSING = WebSocketProtocol.STATE_CLOSING
CONNECTING = WebSocketProtocol.STATE_CONNECTING
OPEN = WebSocketProtocol.STATE_OPEN
PONG = 10
"""Opcode of a pong (RFC 6455 section 11.8)."""

TURN_FRAMES = 64
"""Frames for Autobahn's parser, of ten to twenty microseconds each, that a connection has in one turn of the loop."""
TURN_INFLATED_BYTES = 1024 * 1024
"""What a connection may inflate in one turn, a millisecond or two; a kilobyte on the wire may be a megabyte."""
PIECE_BYTES = 512
"""What Autobahn's parser gets at once where the lane has no part: it copies all that it has with each frame."""
MOST_PIECES = 1024
"""Pieces in which an unfinished message is kept before they become one."""

# Who overrides one of these wants to see frames as Autobahn's parser sees them, so that parser it is.
RECEIVE_HOOKS = (
    "consumeData",
    "onFrameBegin",
    "onFrameData",
    "onFrameEnd",
    "onMessageBegin",
    "onMessageEnd",
    "onMessageFrame",
    "onMessageFrameBegin",
    "onMessageFrameData",
    "onMessageFrameEnd",
    "processData",
    "_dataReceived",
    "_max_message_size_exceeded",
    "_onMessage",
    "_onMessageBegin",
    "_onMessageEnd",
    "_onMessageFrame",
    "_onMessageFrameBegin",
    "_onMessageFrameData",
    "_onMessageFrameEnd",
    "fire",
)
SEND_HOOKS = ("sendData", "sendFrame")


class _TrafficStats(LaneCounters, TrafficStats):
    """Autobahn's traffic statistics over counters that the lane reaches."""


def _option(name: str) -> Any:
    """Make an Autobahn option tell the lane when it changes; unset, it is missing as Autobahn expects."""

    def read(self: Any) -> Any:
        try:
            return self.__dict__[name]
        except KeyError:
            if name == "_listeners":
                return None
            raise AttributeError(name) from None

    def write(self: Any, value: Any) -> None:
        self.__dict__[name] = value
        if self.lane_is_open:
            self.lane_refresh()

    return property(read, write, doc=f"Autobahn's {name}.")


# The transport reads into a buffer of ours: the compiled lane's, or the one that all connections of a thread share.
_reading = asyncio.BufferedProtocol if LaneCore.is_buffered else ReadsIntoScratch
_Core: Any = type("_Core", (LaneCore, _reading), {})


class _Lane(_Core):
    """What both roles share: who may use the lane, and what the lane asks for."""

    factory: Any
    is_server: bool
    log: Any
    data: Any
    current_frame: Any
    frame_data: Any
    message_data: Any
    control_frame_data: Any
    autoPingPending: bytes | None
    wasNotCleanReason: str | None
    http_status_line: str | None = None
    lane_is_open = False
    lane_shares: frozenset[str] = frozenset()
    """Receive hooks that a class overrides for fragments only: a message in one frame still goes by the lane."""
    lane_takes_turns = True
    """Whether what one read brought may be delivered in several turns of the loop, so that tiny frames hold up nobody else."""
    lane_passes_over = False
    """Whether what comes after a failure is passed over; Autobahn reads it, and fails once more where that is wrong."""
    _slow_frames = 0
    _unasked_pongs = 0
    _inflated_bytes = 0
    _waiting = b""
    _is_held_back = False
    _gives_way = False
    _loss: tuple[BaseException | None] | None = None
    _remainder: Remainder | None = None

    _listeners = _option("_listeners")
    _perMessageCompress = _option("_perMessageCompress")
    acceptMaskedServerFrames = _option("acceptMaskedServerFrames")
    applyMask = _option("applyMask")
    autoFragmentSize = _option("autoFragmentSize")
    autoPingRestartOnAnyTraffic = _option("autoPingRestartOnAnyTraffic")
    logFrames = _option("logFrames")
    logOctets = _option("logOctets")
    maskClientFrames = _option("maskClientFrames")
    maskServerFrames = _option("maskServerFrames")
    maxFramePayloadSize = _option("maxFramePayloadSize")
    maxMessagePayloadSize = _option("maxMessagePayloadSize")
    trackedTimings = _option("trackedTimings")
    utf8validateIncoming = _option("utf8validateIncoming")

    # -- the transport's side ------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Begin; called by the event loop."""
        self.transport = transport
        if is_uvloops(transport):  # it lends no buffer to what is also a Protocol
            transport.set_protocol(BufferedPort(self))
        self._transport_details = create_transport_details(transport, self.is_server)
        self.peer = self._transport_details.peer
        self._connectionMade()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End; called by the event loop."""
        self.lane_use_socket(-1, False)
        if self.state == OPEN and self._loss is None and (self.lane_held or self._waiting):
            self._loss = (exc,)  # a pause has lost its purpose, nobody is left to be slowed down: first what has come
            self._is_held_back = False
            self.transport = Nobody()
            self._next_turn()
        else:
            self._end(exc)

    def _end(self, exc: BaseException | None) -> None:
        self.lane_is_open = False
        if self._unasked_pongs > 1:
            self.log.warn("Auto ping/pong: received {count} non-pending pongs in all", count=self._unasked_pongs)
        super().connection_lost(exc)
        # A protocol and its future is_closed hold each other until the collector comes by; what is large need not wait for it.
        pmce = self._perMessageCompress
        if pmce is not None:
            pmce._compressor = pmce._decompressor = None
        self.message_data = self.frame_data = None
        if self.lane_held:  # the lane hands it to Autobahn, which passes it over by now
            self.lane_resume()
        self.data = self._waiting = b""

    def pauseReading(self) -> None:
        """Stop delivering messages at once, also in the middle of what was read; TCP tells the peer."""
        if self._loss is not None:
            return
        self._is_held_back = True
        self._stop_reading()

    def resumeReading(self) -> None:
        """Go on delivering messages after `pauseReading`, first those that were read already."""
        self._is_held_back = False
        if self._gives_way:
            return
        self.lane_is_paused = False
        if self.lane_held or self._waiting:  # what was read already goes first, and may fill the reader up again
            self._loop().call_soon(self._held_delivered)
        else:
            self._read_on()

    def _held_delivered(self) -> None:
        if not (self._gives_way or self._is_held_back):
            self._next_turn()

    def _stop_reading(self) -> None:
        self.lane_is_paused = True
        transport = self.transport
        if transport is not None and not is_closing(transport):
            transport.pause_reading()

    def _read_on(self) -> None:
        transport = self.transport
        if transport is not None and not is_closing(transport):
            transport.resume_reading()

    # -- turns ---------------------------------------------------------------------------------------------------

    def _give_way(self) -> None:
        """Let other connections have a turn before going on with the rest of what was read."""
        if not self._gives_way and self.lane_takes_turns:
            self._gives_way = True
            self._stop_reading()
            self._loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._gives_way = False
        self._slow_frames = self._inflated_bytes = 0
        if self._is_held_back:
            return
        self.lane_is_paused = False
        if self._waiting:
            waiting, self._waiting = self._waiting, b""
            self.data_received(waiting)
        if not self.lane_is_paused and (self.lane_held or self.state == OPEN):
            self.lane_resume()
        if not self.lane_is_paused:
            self._read_on()
        if self._loss is not None and not self._gives_way and self.transport is not None:
            self._end(*self._loss)

    # -- Autobahn's side -----------------------------------------------------------------------------------------

    @property
    def trafficStats(self) -> Any:
        """Autobahn's traffic statistics of this connection."""
        return self.lane_stats

    @trafficStats.setter
    def trafficStats(self, stats: Any) -> None:
        self.lane_stats = _TrafficStats() if type(stats) is TrafficStats else stats

    def _onOpen(self) -> None:
        self.lane_is_open = True
        self.lane_refresh()
        self.lane_use_socket(*socket_of(self.transport))
        super()._onOpen()

    def consumeData(self) -> None:
        if self.state != OPEN:
            super().consumeData()
        elif not self.lane_is_open and self.http_status_line is not None:
            pass  # frames that came before onOpen ran wait in self.data; a test that sets the state by hand has no onOpen
        elif self.lane_receives:
            self.lane_resume()
        else:
            super().consumeData()

    def _dataReceived(self, data: bytes) -> None:
        """Have Autobahn parse what the lane has no part in; what a connection may not have at once waits for its next turn."""
        if self.state not in (OPEN, CLOSING):
            self._handshake_received(data)
            return
        if self._waiting:
            self._waiting += data
            return
        at, end = 0, len(data)
        while at < end and self.state != CLOSED:
            if self.state == OPEN and self._is_held_back:
                self._waiting = data[at:]
                return
            if self._slow_frames >= TURN_FRAMES and self.lane_takes_turns:
                self._waiting = data[at:]
                self._give_way()
                return
            stop = at + PIECE_BYTES
            if self.current_frame is not None:  # there is no need to cut a payload
                stop += self.current_frame.length - self.current_frame_masker.pointer()
            piece = data[at:stop]
            at = stop
            self._slow_frames += min(len(piece), PIECE_BYTES) // 8 + 1  # as many as there may be in it
            if self.failedByMe and self.lane_passes_over:
                self._pass_over(piece)
                continue
            super()._dataReceived(piece)
            if len(self.data) > MAX_HEAD_BYTES:  # it is stuck in a frame that could not be inflated
                self.wasNotCleanReason = "the peer went on sending after the connection was failed"
                self.dropConnection(abort=True)

    def _handshake_received(self, data: bytes) -> None:
        if self.state == CONNECTING and asyncio._get_running_loop() is None:
            self.factory.loop.call_soon(super()._dataReceived, data)  # a program's own test; onConnect may want it
        else:
            super()._dataReceived(data)

    def _loop(self) -> asyncio.AbstractEventLoop:
        loop: asyncio.AbstractEventLoop = asyncio._get_running_loop() or self.factory.loop
        return loop

    def _pass_over(self, data: bytes) -> None:
        if self._remainder is None:
            frame = self.current_frame
            self._remainder = Remainder(0 if frame is None else frame.length - self.current_frame_masker.pointer())
            data, self.data = self.data + data, b""
        close = self._remainder.close_frame_in(data)
        if close is not None:
            self.current_frame = None
            super()._dataReceived(close)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Write what the lane has no part in; nothing to a socket that broke and has not said so yet."""
        transport = self.transport
        if transport is None or not is_closing(transport):
            try:
                super().sendData(data, sync, chopsize)
            except RuntimeError:
                if not is_uvloops(transport):
                    raise  # uvloop closes the transport of a cancelled connect and says so to nobody, not even by is_closing()

    def _fail_connection(self, *arguments: Any, **more: Any) -> None:
        """Fail the connection, and let go of the message that was being read."""
        super()._fail_connection(*arguments, **more)
        if self.inside_message:
            self.message_data, self.frame_data = [], []
        if self.lane_passes_over and self.lane_takes_turns:  # a close frame may be in what was read already
            self._loop().call_soon(self._rest_passed_over)

    def _rest_passed_over(self) -> None:
        if self.state == CLOSING and self.data and not self._waiting:
            self.lane_resume()

    def processControlFrame(self) -> Any:
        """Process a control frame; the first pong that does not answer Autobahn's ping is logged, others are counted."""
        if self.current_frame.opcode == PONG and self.autoPingPending:
            payload = b"".join(self.control_frame_data)
            if payload != self.autoPingPending:
                self._unasked_pongs += 1
                if self._unasked_pongs > 1:
                    self.control_frame_data = None
                    self._onPong(payload)
                    return True
        return super().processControlFrame()

    def onMessageFrameData(self, payload: bytes) -> None:
        """A part of a frame came; nothing is kept of empty ones, and many small ones become one."""
        if payload:
            super().onMessageFrameData(payload)
            if self.frame_data is not None and len(self.frame_data) > MOST_PIECES:
                _gather(self.frame_data)

    def onMessageFrame(self, payload: list[bytes]) -> None:
        """A fragment of a message came; many small ones become one."""
        super().onMessageFrame(payload)
        if self.message_data is not None and len(self.message_data) > MOST_PIECES:
            _gather(self.message_data)

    # -- the lane's side -----------------------------------------------------------------------------------------

    def lane_refresh(self) -> None:
        receives, sends, self.lane_is_volatile = _class_facts(type(self))
        own = self.__dict__
        deflate = self._perMessageCompress
        is_server = self.is_server
        receives = receives and not any(name in own for name in RECEIVE_HOOKS)
        sends = sends and not any(name in own for name in SEND_HOOKS)
        self.lane_is_server = is_server
        self.lane_receives = (
            receives
            and self.lane_is_open
            and not (self.logFrames or self.logOctets or self._listeners)
            and self.trackedTimings is None
            and (self.applyMask or not is_server)
        )
        masks = self.maskServerFrames if is_server else self.maskClientFrames
        self.lane_sends = (
            sends
            and not (self.logFrames or self.logOctets)
            and self.trackedTimings is None
            and (self.applyMask or not masks)
        )
        self.lane_masks = bool(masks)
        self.lane_checks_utf8 = bool(self.utf8validateIncoming)
        self.lane_deflates = deflate is not None
        self.lane_inflates = deflate is not None and deflate.EXTENSION_NAME == "permessage-deflate"
        limits = [n for n in (self.maxFramePayloadSize, self.maxMessagePayloadSize) if n > 0]
        self.lane_max_payload = min(limits, default=0)
        self.lane_max_send = max(self.maxMessagePayloadSize, 0)
        self.lane_fragment = max(self.autoFragmentSize, 0)
        self.lane_restarts_ping = bool(self.autoPingRestartOnAnyTraffic)

    def lane_consume(self) -> None:
        if self.state == CLOSING:
            data, self.data = self.data, b""
            self._dataReceived(data)
            return
        WebSocketProtocol.consumeData(self)
        if type(self._perMessageCompress) is Retold:
            self._perMessageCompress = self._perMessageCompress.pmce
        self._slow_frames += 1
        if self._slow_frames >= TURN_FRAMES:
            self._give_way()

    def lane_inflate(self, payload: bytes, is_text: bool) -> bytes | None:
        pmce = self._perMessageCompress
        limit = self.maxMessagePayloadSize
        told: list[Any] = []
        try:
            pmce.start_decompress_message()
            message = pmce.decompress_message_data(payload, max_output_len=limit if limit > 0 else None)
            told.append(message)
            self._inflated_bytes += len(message)
            if self._inflated_bytes >= TURN_INFLATED_BYTES:
                self._give_way()
            if 0 < limit < len(message):
                raise PayloadExceededError("the message is too long")  # Autobahn's own check comes to the same
            pmce.end_decompress_message()
            told.append(None)
            if not is_text or not self.utf8validateIncoming or is_utf8(message):
                return bytes(message)
        except (PayloadExceededError, PayloadCorruptError) as error:
            told.append(error.with_traceback(None))
        self._perMessageCompress = Retold(pmce, told)
        return None

    def lane_deflate(self, payload: bytes) -> bytes:
        pmce = self._perMessageCompress
        pmce.start_compress_message()
        return bytes(pmce.compress_message_data(payload) + pmce.end_compress_message())

    def lane_returned(self, result: Any) -> None:
        if asyncio.iscoroutine(result):
            self._loop().create_task(result)  # a future is under way already; nobody waits for either, as with Autobahn

    def lane_failed(self, error: Exception) -> None:
        self.log.error(
            "dropping connection: unhandled error while processing received data:\n{tb}",
            tb=txaio.failure_format_traceback(txaio.create_failure(error)),
        )
        if self.transport is not None:
            self._closeConnection(abort=True)

    def lane_call_later(self) -> None:
        self._loop().call_soon(self.lane_turn_ended)


def _gather(pieces: list[Any]) -> None:
    """Make one of many pieces of bytes; the first one grows."""
    if type(pieces[0]) is not bytearray:
        pieces[0] = bytearray(pieces[0])
    pieces[0] += b"".join(pieces[1:])
    del pieces[1:]


# Options and fields of Autobahn on which the choice depends; each may change while the connection is open.
LANE_OPTIONS = tuple(
    name for name, value in vars(_Lane).items() if isinstance(value, property) and value.fset is not None
)


class WebSocketClientProtocol(_Lane, _autobahn.WebSocketClientProtocol):
    """Client side of a WebSocket: override the callbacks of Autobahn's class of the same name."""

    is_server = False  # Autobahn's own classes say so only since 26.10.2
    serverConnectionDropTimeoutCall: Any

    def processHandshake(self) -> Any:
        """Read the head of an answer; one without an end is not waited for."""
        if len(self.data) > MAX_HEAD_BYTES and b"\r\n\r\n" not in self.data[: MAX_HEAD_BYTES + 4]:
            return self.failHandshake("the response head is too long")
        return super().processHandshake()

    def onCloseFrame(self, code: int | None, reasonRaw: bytes | None) -> Any:
        """A close frame came; Autobahn would begin a timer of its own for each that follows, and cancel the last one only."""
        running = self.serverConnectionDropTimeoutCall
        result = super().onCloseFrame(code, reasonRaw)
        if running is not None and self.serverConnectionDropTimeoutCall is not running:
            self.serverConnectionDropTimeoutCall.cancel()
            self.serverConnectionDropTimeoutCall = running
        return result


class WebSocketServerProtocol(_Lane, _autobahn.WebSocketServerProtocol):
    """Server side of a WebSocket: override the callbacks of Autobahn's class of the same name."""

    is_server = True

    def processHandshake(self) -> Any:
        """Read the head of a request; one without an end is refused."""
        if len(self.data) > MAX_HEAD_BYTES and b"\r\n\r\n" not in self.data[: MAX_HEAD_BYTES + 4]:
            return self.failHandshake("the request head is too long", 431)
        return super().processHandshake()


_facts_of: WeakKeyDictionary[type, tuple[bool, bool, bool]] = WeakKeyDictionary()  # a class may live as long as a call


def _class_facts(cls: Any) -> tuple[bool, bool, bool]:
    """Tell of a protocol class: may it receive by the lane, may it send by it, and do its options hide ours."""
    facts = _facts_of.get(cls)
    if facts is None:
        ours = WebSocketServerProtocol if issubclass(cls, WebSocketServerProtocol) else WebSocketClientProtocol
        facts = _facts_of[cls] = (
            all(name in cls.lane_shares or getattr(cls, name) is getattr(ours, name) for name in RECEIVE_HOOKS),
            all(getattr(cls, name) is getattr(ours, name) for name in SEND_HOOKS),
            any(getattr(cls, name) is not getattr(ours, name) for name in LANE_OPTIONS),
        )
    return facts


class WebSocketClientFactory(_autobahn.WebSocketClientFactory):
    """Makes one `WebSocketClientProtocol` for each connection that it is handed to."""

    protocol: Any = WebSocketClientProtocol


class WebSocketServerFactory(_autobahn.WebSocketServerFactory):
    """Makes one `WebSocketServerProtocol` for each connection that it accepts."""

    protocol: Any = WebSocketServerProtocol
