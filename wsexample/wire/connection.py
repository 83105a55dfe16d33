"""`connect` and `Connection`: a WebSocket as something to send to, iterate over and close. camelCase ends below it.

It reads no further ahead than its bound: when the consumer is behind, the transport is paused and TCP tells the peer.
Reconnecting and subscribing again belong to the session.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
import time
from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from wsexample.errors import ConnectionClosed, DeadlineError, OptionError, StateError
from wsexample.wire.fragments import Fragment, with_last
from wsexample.wire.heartbeat import Heartbeat
from wsexample.wire.inflow import Arrival, Inflow
from wsexample.wire.options import ConnectOptions, ServeOptions
from wsexample.wire.pings import Pings

if TYPE_CHECKING:
    from wsexample.wire.option_fields import ConnectFields

__all__ = ["Connection", "connect"]

CONNECTING, OPEN = 1, 3  # Autobahn's states
FAILED_S = 1.0
"""Seconds that a peer which broke the protocol or a limit has to take note of the close frame; what it sends is passed over."""
CLEAN_CODES = frozenset({1000, 1001})
SENDABLE_CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})


def check_close(code: int, reason: str) -> bytes:
    """Return the reason as it goes on the wire; raises `OptionError` for what a close frame cannot carry (RFC 6455 7.4)."""
    if code not in SENDABLE_CODES:
        raise OptionError(f"{code} is not a close code that may be sent; use 1000 or 3000 to 4999", option="code")
    raw = reason.encode()
    if len(raw) > 123:
        raise OptionError(f"a close reason has at most 123 bytes of UTF-8, this one has {len(raw)}", option="reason")
    return raw


class Connection:
    """An open WebSocket; made by `connect` or handed to a server's handler.

    Sends may come from any number of tasks of the connection's loop; one task at a time may receive.
    """

    def __init__(self, link: Any, options: ConnectOptions | ServeOptions) -> None:
        self._link = link
        self._options = options
        self._loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = self._loop.create_future()
        """Done when the socket is gone; never holds an exception."""
        self._close_error: ConnectionClosed | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self._drain: asyncio.Future[None] | None = None
        self._fragmenting: asyncio.Future[None] | None = None
        self._heartbeat: Heartbeat | None = None
        self._last_control_ns = 0
        self._pings = Pings()
        # a fragment may end in the middle of a character
        self._on_bad_utf8 = "strict" if options.validate_utf8 and not options.deliver_fragments else "replace"
        deflate = options.compression
        self._compress_from = deflate.min_bytes if not isinstance(deflate, bool) else 0
        self._largest = -1 if self._compress_from else options.max_message_bytes or sys.maxsize
        self._plain_bytes = self._largest
        """Messages up to this length need no closer look: -1 while a message in fragments is being sent."""
        self._inflow = Inflow(
            max_messages=options.read_ahead_messages,
            max_bytes=options.read_ahead_bytes,
            pause=link.pauseReading,
            resume=link.resumeReading,
        )
        link.onMessage = self._inflow.put
        link.connection = self
        if options.deliver_fragments:
            link.deliver_fragments()
        self.response_headers: Mapping[str, str] = {}
        """Headers of the 101 response, lower-case names; empty on a server."""
        self.subprotocol: str | None = None
        """The subprotocol agreed on."""
        self.peer: str = ""
        """``host:port`` of the other end."""
        self.on_control = options.on_control if isinstance(options, ConnectOptions) else None
        """Called with opcode (9 ping, 10 pong) and payload of each ping and pong that comes; may be set at any time."""

    # -- sending ---------------------------------------------------------------------------------------------

    async def send(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send one message: str as text, anything else as binary; waits while the write buffer is full.

        Raises:
            ConnectionClosed: the connection is over or being closed.
        """
        while self._fragmenting is not None:
            await asyncio.shield(self._fragmenting)
        self.send_nowait(message)
        if self._drain is not None:
            await self._drained()

    def send_nowait(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send one message without waiting for the write buffer; the caller bounds what it piles up.

        Raises:
            ConnectionClosed: the connection is over or being closed.
            StateError: another task is in the middle of `send_fragments`.
        """
        if isinstance(message, str):
            payload, is_binary = message.encode(), False
        else:
            payload, is_binary = (message if type(message) is bytes else bytes(message)), True
        if self._link.state == OPEN and len(payload) <= self._plain_bytes:
            self._link.sendMessage(payload, is_binary)
        else:
            self._send_unusual(payload, is_binary)

    async def send_text(self, payload: bytes | bytearray | memoryview) -> None:
        """Send one text message that is UTF-8 already, such as JSON fresh from an encoder; else as `send`.

        Parameters:
            payload: the bytes of the message.
        """
        while self._fragmenting is not None:
            await asyncio.shield(self._fragmenting)
        payload = payload if type(payload) is bytes else bytes(payload)
        if self._link.state == OPEN and len(payload) <= self._plain_bytes:
            self._link.sendMessage(payload, False)
        else:
            self._send_unusual(payload, False)
        if self._drain is not None:
            await self._drained()

    def _send_unusual(self, payload: bytes, is_binary: bool) -> None:
        """Send what needs a closer look, or say why it cannot be sent."""
        link = self._link
        if link.state != OPEN:
            raise self._closing_error()
        if self._fragmenting is not None:
            raise StateError("a message in fragments is being sent; await send() to wait for its end")
        if len(payload) < self._compress_from:
            link.sendMessage(payload, is_binary, doNotCompress=True)
        elif 0 < link.maxMessagePayloadSize < len(payload):
            self._send_large(payload, is_binary)
        else:
            link.sendMessage(payload, is_binary)

    def _send_large(self, payload: bytes, is_binary: bool) -> None:
        """Send what is larger than this side would accept; Autobahn holds its limit against both directions."""
        link = self._link
        if link._perMessageCompress is None:
            link.sendFrame(opcode=2 if is_binary else 1, payload=payload)
        else:
            link.beginMessage(is_binary)
            link.sendMessageFrame(payload)
            link.endMessage()

    async def send_fragments(
        self, parts: Iterable[str | bytes] | AsyncIterable[str | bytes], *, is_binary: bool | None = None
    ) -> None:
        """Send one message in fragments, each as soon as it is there; other messages wait for its end.

        Parameters:
            parts: the fragments, also as an asynchronous iterable. If it fails the connection is closed with 1011,
                because a message begun must be ended.
            is_binary: kind of the message; None goes by the first part.

        Raises:
            ConnectionClosed: the connection is over or being closed.
        """
        while self._fragmenting is not None:
            await asyncio.shield(self._fragmenting)
        turn = self._fragmenting = self._loop.create_future()
        self._plain_bytes = -1
        opcode: int | None = None
        try:
            async for part, is_last in with_last(parts):
                if opcode is None:
                    opcode = 2 if (not isinstance(part, str) if is_binary is None else is_binary) else 1
                payload = part.encode() if isinstance(part, str) else bytes(part)
                await self.send_frame(opcode, payload, fin=is_last)
                opcode = 0
        except BaseException:
            if opcode == 0:
                self.start_close(1011, "a message was not finished")
            raise
        finally:
            self._fragmenting = None
            self._plain_bytes = self._largest
            turn.set_result(None)

    async def send_frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> None:
        """Send one frame as it is, valid or not; for protocols of your own and for testing servers.

        Parameters:
            opcode: 0 to 15 (RFC 6455 section 5.2).
            payload: its data, sent uncompressed.
            fin: whether the message ends with it.
            rsv: the three reserved bits as a number.

        Raises:
            OptionError: the opcode or the bits do not fit.
            ConnectionClosed: the connection is over or being closed.
        """
        if not 0 <= opcode <= 15 or not 0 <= rsv <= 7:
            raise OptionError(
                f"a frame has an opcode of 0 to 15 and bits of 0 to 7, not {opcode} and {rsv}", option="opcode"
            )
        if self._link.state != OPEN:
            raise self._closing_error()
        self._link.sendFrame(opcode=opcode, payload=bytes(payload), fin=fin, rsv=rsv)
        if self._drain is not None:
            await self._drained()

    async def _drained(self) -> None:
        assert self._drain is not None
        await asyncio.shield(self._drain)
        if self._close_error is not None:
            raise self._closing_error()

    @property
    def write_buffer_bytes(self) -> int:
        """Bytes that wait to be written to the socket."""
        transport = self._link.transport
        return transport.get_write_buffer_size() if transport is not None else 0

    @property
    def is_writing_paused(self) -> bool:
        """Whether the write buffer is above high water, so that `send` would wait."""
        return self._drain is not None

    # -- receiving -------------------------------------------------------------------------------------------

    async def receive_stamped(self, timeout_s: float | None = None) -> Arrival:
        """Return the next message as (payload, is_binary, received_ns).

        Parameters:
            timeout_s: longest wait, seconds; None waits for ever.
        """
        if not len(self._inflow):
            await self._arrived(timeout_s)
        return self._inflow.take()

    async def _arrived(self, timeout_s: float | None) -> None:
        """Wait until there is something to take."""
        try:
            if not await self._inflow.wait(timeout_s):
                raise self._closing_error()
        except TimeoutError:
            raise DeadlineError(
                f"no message within {timeout_s:g} s", step="receive", timeout_s=timeout_s or 0.0
            ) from None

    async def receive_payload(self, timeout_s: float | None = None) -> tuple[bytes, bool]:
        """Return the next message undecoded as (payload, is_binary); raises as `receive` does."""
        return (await self.receive_stamped(timeout_s))[:2]

    async def receive(self, timeout_s: float | None = None) -> str | bytes:
        """Return the next message: str for text, bytes for binary.

        Parameters:
            timeout_s: seconds to wait, None for ever.

        Raises:
            ConnectionClosed: the connection is over and everything that came has been taken.
            DeadlineError: nothing came in time; the connection stays usable.
        """
        take = self._inflow.take_message
        while (message := take(self._on_bad_utf8)) is None:
            await self._arrived(timeout_s)
        return message

    async def receive_fragment(self, timeout_s: float | None = None) -> Fragment:
        """Return the next fragment of a connection with ``deliver_fragments``; raises as `receive` does."""
        payload, _, _ = await self.receive_stamped(timeout_s)
        if not isinstance(payload, Fragment):
            raise StateError("this connection delivers whole messages; connect with deliver_fragments=True")
        return payload

    def take_waiting(self) -> list[Arrival]:
        """Return every message that waits already, without waiting; oldest first."""
        return self._inflow.take_all()

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Iterate over messages; ends when the connection was closed with 1000 or 1001, raises otherwise."""
        inflow, take, on_bad_utf8 = self._inflow, self._inflow.take_message, self._on_bad_utf8
        while True:
            while (message := take(on_bad_utf8)) is not None:
                yield message
            if not await inflow.wait(None):
                break
        self._raise_unless_clean()

    async def payloads(self) -> AsyncIterator[tuple[bytes, bool]]:
        """Iterate over undecoded messages as (payload, is_binary); ends as iterating over the connection does."""
        inflow, take = self._inflow, self._inflow.take_payload
        while True:
            while (message := take()) is not None:
                yield message
            if not await inflow.wait(None):
                break
        self._raise_unless_clean()

    def _raise_unless_clean(self) -> None:
        error = self._closing_error()
        if error.code not in CLEAN_CODES:
            raise error

    # -- keeping alive ---------------------------------------------------------------------------------------

    async def ping(self, payload: bytes = b"", *, timeout_s: float = 10.0) -> float:
        """Send a ping and return the round-trip time in seconds.

        Parameters:
            payload: up to 125 bytes; random when empty.
            timeout_s: seconds to wait for the pong.

        Raises:
            DeadlineError: no pong came in time.
            ConnectionClosed: the connection is over.
        """
        payload = payload or os.urandom(8)
        if len(payload) > 125:
            raise OptionError(f"a ping carries at most 125 bytes, not {len(payload)}", option="payload")
        if self._link.state != OPEN:
            raise self._closing_error()
        return await self._pings.round_trip_s(payload, self._link.sendPing, timeout_s)

    @property
    def latency_s(self) -> float | None:
        """Round-trip time of the last keep-alive ping or `ping()`, None before the first answer."""
        return self._pings.latency_s

    def pong(self, payload: bytes = b"") -> None:
        """Send a pong that nobody asked for (RFC 6455 section 5.5.3).

        Parameters:
            payload: what it carries, at most 125 bytes.
        """
        if len(payload) > 125:
            raise OptionError(f"a pong carries at most 125 bytes, not {len(payload)}", option="payload")
        if self._link.state != OPEN:
            raise self._closing_error()
        self._link.sendPong(payload)

    # -- the end ---------------------------------------------------------------------------------------------

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Perform the closing handshake and wait for it within ``close_timeout_s``; closing twice is harmless.

        Messages that came before the peer's close frame can still be received.

        Raises:
            OptionError: the code may not be sent, or the reason is too long.
        """
        self.start_close(code, reason)
        await self.wait_closed()

    def start_close(self, code: int = 1000, reason: str = "") -> None:
        """Send the close frame and return at once.

        Parameters:
            code: close code (RFC 6455 section 7.4).
            reason: the words that are given for it.
        """
        raw = check_close(code, reason)
        self._inflow.open_gate()
        if self._link.state == OPEN:
            self._link.sendCloseFrame(code=code, reasonUtf8=raw or None, isReply=False)
        elif self._link.state == CONNECTING:
            self.abort()

    async def wait_closed(self) -> None:
        """Wait until the connection is over; once a close frame was sent or received that is within ``close_timeout_s``."""
        await asyncio.shield(self.over)

    def abort(self) -> None:
        """Cut the connection without a closing handshake."""
        transport = self._link.transport
        if transport is not None:
            transport.abort()

    def reset(self) -> None:
        """Cut the connection with a TCP reset: what was not sent is dropped, and the peer sees an error, not an end."""
        transport = self._link.transport
        if transport is None:
            return
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family != getattr(socket, "AF_UNIX", None):
            # lingering for zero seconds turns the close into a reset; Windows' struct has shorts
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))
        transport.abort()

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return bool(self._link.state == OPEN)

    @property
    def close_code(self) -> int | None:
        """The close code (1006 for a lost connection), None while the connection is not over."""
        return self._close_error.code if self._close_error else None

    @property
    def close_reason(self) -> str:
        """The closing side's words, "" while the connection is not over."""
        return self._close_error.reason if self._close_error else ""

    @property
    def was_clean(self) -> bool:
        """Whether the connection is over and the closing handshake was completed."""
        return self._close_error is not None and self._close_error.was_clean

    @property
    def closed_by_peer(self) -> bool:
        """Whether the connection is over and the peer began that."""
        return self._close_error is not None and self._close_error.by_peer

    @property
    def last_received_ns(self) -> int:
        """When the last message, ping or pong came, UTC epoch nanoseconds; 0 before the first."""
        return self._inflow.last_received_ns

    @property
    def last_control_ns(self) -> int:
        """When the last ping or pong came, UTC epoch nanoseconds; 0 before the first."""
        return self._last_control_ns

    @property
    def received(self) -> int:
        """Messages that ever came."""
        return self._inflow.received

    @property
    def waiting(self) -> int:
        """Messages that came and were not taken yet."""
        return len(self._inflow)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close(1000 if kind is None or not issubclass(kind, Exception) else 1011)

    def __repr__(self) -> str:
        state = "open" if self.is_open else f"closed {self.close_code}" if self._close_error else "closing"
        return f"<{type(self).__name__} {self.peer or '?'} {state}, {self.received} received, {self.waiting} waiting>"

    # -- told by the link ------------------------------------------------------------------------------------

    def handshake_done(self, headers: Mapping[str, str], subprotocol: str | None) -> None:
        """Keep what the opening handshake agreed on.

        Parameters:
            headers: headers of the answer.
            subprotocol: what was agreed on; None for nothing.
        """
        self.response_headers = headers
        self.subprotocol = subprotocol

    def opened(self) -> None:
        """The connection can be used: keep it alive."""
        options = self._options
        if options.ping_interval_s:
            self._heartbeat = Heartbeat(
                interval_s=options.ping_interval_s,
                timeout_s=options.ping_timeout_s,
                ping=self._send_beat,
                progress=self._progress,
                is_paused=self._is_reading_paused,
                give_up=self._give_up,
            )

    def _send_beat(self) -> None:
        payload = self._options.ping_payload or os.urandom(8)
        self._pings.keep_alive_sent(payload)
        self._link.sendPing(payload)

    def _progress(self) -> object:
        stats = self._link.trafficStats
        taken = stats.outgoingOctetsWireLevel - self._link.lane_backlog if self.is_writing_paused else None
        return self._inflow.last_received_ns, stats.incomingOctetsWireLevel, taken

    def _is_reading_paused(self) -> bool:
        # A peer that takes nothing of what waits for it gives no sign of life, however much it sends.
        return self._inflow.is_paused and not self.is_writing_paused

    def _give_up(self) -> None:
        timeout_s = self._options.ping_timeout_s
        self._link.give_up(DeadlineError(f"no pong within {timeout_s:g} s", step="pong", timeout_s=timeout_s))

    def ping_received(self, payload: bytes) -> None:
        """A ping came.

        Parameters:
            payload: what it carries, at most 125 bytes.
        """
        self._last_control_ns = self._inflow.last_received_ns = time.time_ns()
        if self.on_control is not None:
            self.on_control(9, payload)

    def pong_received(self, payload: bytes) -> None:
        """A pong came; wakes whoever waits for it.

        Parameters:
            payload: what it carries, at most 125 bytes.
        """
        self._last_control_ns = self._inflow.last_received_ns = time.time_ns()
        if self._pings.pong_came(payload) and self._heartbeat is not None:
            self._heartbeat.answered()
        if self.on_control is not None:
            self.on_control(10, payload)

    def fragment_received(self, payload: bytes, is_binary: bool, opcode: int, is_last: bool) -> None:
        """A fragment came, and fragments are wanted.

        Parameters:
            payload: the bytes of the message.
            is_binary: whether it came as a binary message.
            opcode: kind of frame (RFC 6455 section 5.2).
            is_last: whether the message ends with it.
        """
        self._inflow.put(Fragment.of(payload, opcode, is_last), is_binary)

    def closing(self) -> None:
        """A close frame was sent or came: from here the end of the socket is awaited, for a bounded time."""
        if self._close_timer is None and not self.over.done():
            timeout_s = self._options.close_timeout_s
            if self._link.failedByMe:
                timeout_s = min(timeout_s, FAILED_S)
            self._close_timer = self._loop.call_later(timeout_s, self._close_late)

    def _close_late(self) -> None:
        timeout_s = self._options.close_timeout_s
        self._link.give_up(
            DeadlineError(f"no answer to the close within {timeout_s:g} s", step="close", timeout_s=timeout_s)
        )

    def writing_paused(self) -> None:
        """The write buffer is above high water."""
        if self._drain is None:
            self._drain = self._loop.create_future()

    def writing_resumed(self) -> None:
        """The write buffer is below low water again."""
        drain, self._drain = self._drain, None
        if drain is not None and not drain.done():
            drain.set_result(None)

    def closed(self, error: ConnectionClosed) -> None:
        """The WebSocket is over."""
        if self._close_error is None:
            self._close_error = error

    def lost(self) -> None:
        """The socket is gone: wake everybody."""
        if self._close_error is None:
            self._close_error = ConnectionClosed(code=1006, reason="the connection was cut")
        if self._heartbeat is not None:
            self._heartbeat.stop()
        if self._close_timer is not None:
            self._close_timer.cancel()
        self.writing_resumed()
        self._pings.finish(self._closing_error)
        self._inflow.finish()
        if not self.over.done():
            self.over.set_result(None)

    def _closing_error(self) -> ConnectionClosed:
        """Return a fresh error, so that tasks do not share one traceback."""
        error = self._close_error or self._link.closing_facts()
        copy = ConnectionClosed(code=error.code, reason=error.reason, was_clean=error.was_clean, by_peer=error.by_peer)
        copy.__cause__ = error.__cause__
        return copy


class _Connecting:
    """What `connect` returns: await it for a connection, or enter it to have it closed in the end."""

    def __init__(self, options: ConnectOptions) -> None:
        self._options = options
        self._connection: Connection | None = None

    async def _open(self) -> Connection:
        from wsexample.wire.dial import dial

        return await dial(self._options)

    def __await__(self) -> Generator[Any, None, Connection]:
        return self._open().__await__()

    async def __aenter__(self) -> Connection:
        self._connection = await self._open()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            await self._connection.__aexit__(kind, error, trace)


def connect(url: str | ConnectOptions, **changes: Unpack[ConnectFields]) -> _Connecting:
    """Open a WebSocket: ``async with connect(url) as ws`` or ``ws = await connect(url)``.

    Parameters:
        url: the address, or a whole `ConnectOptions`.
        changes: fields of `ConnectOptions` to set.

    Raises:
        OptionError: an option has a value that cannot work (at once, before any waiting).
        DialError, DeadlineError: a step of connecting failed or took too long; says which.
        HandshakeError: the server refused; carries HTTP status, headers and body.
    """
    options = url.replace(**changes) if isinstance(url, ConnectOptions) else ConnectOptions(url=url, **changes)
    return _Connecting(options)
