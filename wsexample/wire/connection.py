"""`connect` and `Connection`: a WebSocket as something to send to, iterate over and close. camelCase ends below it.

It reads no further ahead than its bound: when the consumer is behind, the transport is paused and TCP tells the peer.
How it sends is in `wsexample.wire.sending`, how it ends in `wsexample.wire.closing`; reconnecting and subscribing again
belong to the session.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import AsyncIterator, Generator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from wsexample.errors import ConnectionClosed, DeadlineError, OptionError, StateError
from wsexample.wire.closing import CLEAN_CODES, OPEN
from wsexample.wire.fragments import Fragment
from wsexample.wire.heartbeat import Heartbeat
from wsexample.wire.inflow import Arrival, Inflow
from wsexample.wire.options import ConnectOptions, ServeOptions
from wsexample.wire.pings import Pings
from wsexample.wire.sending import Sending

if TYPE_CHECKING:
    from wsexample.wire.option_fields import ConnectFields

__all__ = ["Connection", "connect"]

log = logging.getLogger("wsexample.connection")


class Connection(Sending):
    """An open WebSocket; made by `connect` or handed to a server's handler.

    Sends may come from any number of tasks of the connection's loop; one task at a time may receive.

    Parameters:
        link: the protocol object below it, which speaks Autobahn's language.
        options: the limits, deadlines and heartbeat that it keeps to.
    """

    def __init__(self, link: Any, options: ConnectOptions | ServeOptions) -> None:
        inflow = Inflow(
            max_messages=options.read_ahead_messages,
            max_bytes=options.read_ahead_bytes,
            pause=link.pauseReading,
            resume=link.resumeReading,
        )
        super().__init__(link, options, inflow)
        self._heartbeat: Heartbeat | None = None
        self._last_control_ns = 0
        self._pings = Pings()
        # a fragment may end in the middle of a character
        self._on_bad_utf8 = "strict" if options.validate_utf8 and not options.deliver_fragments else "replace"
        link.onMessage = inflow.put
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
        """Called with opcode (9 ping, 10 pong) and payload of each ping and pong that comes; may be set at any time.

        What it raises is logged, and the connection goes on."""

    # -- receiving -------------------------------------------------------------------------------------------

    async def receive_stamped(self, timeout_s: float | None = None) -> Arrival:
        """Return the next message as (payload, is_binary, received_ns).

        Parameters:
            timeout_s: longest wait, seconds; None waits for ever.

        Raises:
            ConnectionClosed, DeadlineError: as `receive` does.
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
        """Return the next fragment of a connection with ``deliver_fragments``; raises as `receive` does.

        Raises:
            StateError: the connection delivers whole messages.
        """
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
            OptionError: the payload has more than 125 bytes.
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

        Raises:
            OptionError: the payload has more than 125 bytes.
            ConnectionClosed: the connection is over or being closed.
        """
        if len(payload) > 125:
            raise OptionError(f"a pong carries at most 125 bytes, not {len(payload)}", option="payload")
        if self._link.state != OPEN:
            raise self._closing_error()
        self._link.sendPong(payload)

    # -- what can be seen ------------------------------------------------------------------------------------

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

    def __repr__(self) -> str:
        state = "open" if self.is_open else f"closed {self.close_code}" if self._close_error else "closing"
        return f"<{type(self).__name__} {self.peer or '?'} {state}, {self.received} received, {self.waiting} waiting>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close(1000 if kind is None or not issubclass(kind, Exception) else 1011)

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
        # A peer that takes nothing of what waits for it gives no sign of life, however much it has sent. What was read and waits
        # for its turn stands before everything that the peer has to say, as a pause of the consumer's does.
        return (self._inflow.is_paused or self._link.lane_is_paused) and not self.is_writing_paused

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
            self._tell_control(9, payload)

    def pong_received(self, payload: bytes) -> None:
        """A pong came; wakes whoever waits for it.

        Parameters:
            payload: what it carries, at most 125 bytes.
        """
        self._last_control_ns = self._inflow.last_received_ns = time.time_ns()
        if self._pings.pong_came(payload) and self._heartbeat is not None:
            self._heartbeat.answered()
        if self.on_control is not None:
            self._tell_control(10, payload)

    def _tell_control(self, opcode: int, payload: bytes) -> None:
        assert self.on_control is not None
        try:
            self.on_control(opcode, payload)
        except Exception:  # whatever it raises must not cost the connection, nor the peer its pong
            log.exception("on_control failed for %s", self.peer)

    def fragment_received(self, payload: bytes, is_binary: bool, opcode: int, is_last: bool) -> None:
        """A fragment came, and fragments are wanted.

        Parameters:
            payload: its data.
            is_binary: whether it is of a binary message.
            opcode: kind of frame (RFC 6455 section 5.2).
            is_last: whether the message ends with it.
        """
        self._inflow.put(Fragment.of(payload, opcode, is_last), is_binary)

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

    if not TYPE_CHECKING:  # a type checker says by itself what is not there

        def __getattr__(self, name: str) -> Any:
            hint = (
                "; write ws = await connect(...) or async with connect(...) as ws" if hasattr(Connection, name) else ""
            )
            raise AttributeError(f"what connect() returns has no {name!r} before it is awaited{hint}")


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
