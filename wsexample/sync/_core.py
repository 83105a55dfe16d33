"""`WebSocket` and `create_connection`: one blocking connection with websocket-client's names.

A connection is dialled on a private event loop in the caller's own thread. From then on there is no loop: `recv` takes what
waits at once, and reads the socket, a whole burst at a time, only when nothing does. Any thread may send, receive, ping and
close; one reads the socket at a time, and one sends.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from wsexample.errors import StateError
from wsexample.sync._abnf import (
    ABNF,
    MAX_CONTROL_BYTES,
    STATUS_NORMAL,
    STATUS_PROTOCOL_ERROR,
    continuous_frame,
    frame_buffer,
)
from wsexample.sync._exceptions import (
    BrokenPipe,
    ConnectionResetByPeer,
    WebSocketConnectionClosedException,
    WebSocketException,
    WebSocketPayloadException,
    WebSocketProtocolException,
    WebSocketTimeoutException,
)
from wsexample.sync._handshake import Opened, handshake_response, open_connection, warn_of_unknown
from wsexample.sync._logging import _Trace, trace
from wsexample.sync._socket import getdefaulttimeout, recv, send, sock_opt
from wsexample.sync.pipe import SLICE_S, Last, Pipe
from wsexample.sync.tls_socket import TlsSocket
from wsexample.wire.frames import Frames, Violation
from wsexample.wire.lane import build_frame
from wsexample.wire.trace import SENT

__all__ = ["WebSocket", "create_connection"]

RECEIVE_HOOKS = ("recv_frame", "recv_data_frame", "recv_data", "_recv")
SEND_HOOKS = ("send_frame", "_send")
_HOOKS = frozenset({*RECEIVE_HOOKS, *SEND_HOOKS, "dispatcher", "get_mask_key", "sock"})
_MESSAGES = (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY, ABNF.OPCODE_CONT)
CLEAN_CODES = (None, 1000, 1001)


class NoLock:
    """Stands for a lock where the program has only one thread."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Do nothing."""
        return True

    def release(self) -> None:
        """Do nothing."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


def _mask_keys() -> Iterator[bytes]:
    """Yield unpredictable masking keys (RFC 6455 section 10.3), drawn from the system in batches."""
    while True:
        pool = os.urandom(1024)
        for start in range(0, len(pool), 4):
            yield pool[start : start + 4]


class WebSocket:
    """A blocking WebSocket connection.

    Parameters:
        get_mask_key: called with 4, returns the four bytes (or characters) that mask a frame; None takes unpredictable ones.
        sockopt: arguments of ``setsockopt``, applied after `DEFAULT_SOCKET_OPTION` and before connecting.
        sslopt: TLS settings, see ``docs/sync.md``.
        fire_cont_frame: hand over each fragment of a message by itself.
        enable_multithread: whether threads share the connection; False saves their locks.
        skip_utf8_validation: do not check that texts are UTF-8; `recv` then raises UnicodeDecodeError for those that are not.
        dispatcher: object whose ``send(sock, data)`` writes; used by `WebSocketApp`.
        options: whatever `connect` takes; accepted for ``create_connection``'s sake. Unknown names are warned of.
    """

    _overrides_receive = False
    _overrides_send = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._overrides_receive = any(getattr(cls, name) is not getattr(WebSocket, name) for name in RECEIVE_HOOKS)
        cls._overrides_send = any(getattr(cls, name) is not getattr(WebSocket, name) for name in SEND_HOOKS)

    def __init__(
        self,
        get_mask_key: Callable[[int], str | bytes] | None = None,
        sockopt: Sequence[Any] | None = None,
        sslopt: dict[str, Any] | None = None,
        fire_cont_frame: bool = False,
        enable_multithread: bool = True,
        skip_utf8_validation: bool = False,
        dispatcher: Any = None,
        **options: Any,
    ) -> None:
        self._row: deque[Any] = deque()
        self._pipe: Pipe | None = None
        self._frames: Frames | None = None
        self._is_fast = self._is_fast_to_send = False
        self._owns_socket = True
        self._reading = threading.RLock()
        self._patience: dict[int, float | None] = {}
        self._peer_close: ABNF | None = None
        self._has_sent_close = self._is_closing = False
        self._cancel_dial: Callable[[], None] | None = None
        self._next_key = _mask_keys().__next__
        self.sock_opt = sock_opt(sockopt, sslopt)
        self.handshake_response: handshake_response | None = None
        self.sock: Any = None
        self.connected = False
        self.close_frame: ABNF | None = None
        self.get_mask_key = get_mask_key
        self.frame_buffer = frame_buffer(lambda size: self._recv(size), skip_utf8_validation)
        self.cont_frame = continuous_frame(fire_cont_frame, skip_utf8_validation)
        self.dispatcher = dispatcher
        self.lock: Any = threading.Lock() if enable_multithread else NoLock()
        self.readlock: Any = threading.Lock() if enable_multithread else NoLock()
        self._warned = frozenset(options)
        warn_of_unknown(options, 2)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name in _HOOKS:
            self._choose_paths()

    def _choose_paths(self) -> None:
        """Decide whether messages may go the short way, past the methods that a program may have replaced."""
        own = self.__dict__
        frames = self._frames
        is_ours = self._pipe is not None and frames is not None and self._is_own_socket(own.get("sock"))
        self._is_fast = is_ours and not self._overrides_receive and not any(name in own for name in RECEIVE_HOOKS)
        self._is_fast_to_send = (
            is_ours
            and not self._overrides_send
            and not any(name in own for name in SEND_HOOKS)
            and own.get("dispatcher") is None
            and own.get("get_mask_key") is None
            and frames is not None
            and frames.link.tracer is None
        )

    def _is_own_socket(self, sock: Any) -> bool:
        pipe = self._pipe
        return pipe is not None and (sock is pipe.sock or type(sock) is TlsSocket)

    # -- connecting --------------------------------------------------------------------------------------------------

    def connect(self, url: str, **options: Any) -> None:
        """Connect and shake hands; whatever fails, nothing is left open.

        Parameters:
            url: ``ws://HOST[:PORT]/…``, ``wss://…``, or ``ws+unix:PATH[:RESOURCE]``.
            header: request headers as mapping, list of "Name: value", or a callable that returns either; they replace
                built-in ones.
            cookie: value of the Cookie header.
            cookie_jar: `CookieJar` in which cookies are kept between connections.
            origin, suppress_origin: value of the Origin header, or none at all.
            host, suppress_host: value of the Host header, or none at all.
            connection: whole Connection header line.
            subprotocols: names offered; the server must choose one of them.
            timeout: seconds for each step and for each later call, None for ever; given here it replaces `settimeout`'s.
            redirect_limit: redirects followed, 3.
            socket: connected socket to use; TLS is put on it for wss unless it has it.
            http_proxy_host, http_proxy_port, http_proxy_auth, http_no_proxy, http_proxy_timeout, proxy_type: the proxy.
            compression: offer permessage-deflate (RFC 7692), False.
            max_message_bytes: largest message accepted, 0 for any; a larger one closes the connection with 1009.

        Raises:
            ValueError: the URL or an option cannot work.
            WebSocketBadStatusException: the server answered with another status.
            WebSocketTimeoutException: it took the connection and did not answer.
            OSError: the way to it failed: ConnectionRefusedError, TimeoutError, ssl.SSLError and others.
            WebSocketException: everything else.
        """
        warn_of_unknown({name: None for name in options if name not in self._warned}, 2)
        self.sock_opt.timeout = options.get("timeout", self.sock_opt.timeout)
        self.shutdown()
        try:
            opened = self._open(url, options)
        finally:
            self._cancel_dial = None
        self._adopt(opened, is_given=options.get("socket") is not None)

    def _open(self, url: str, options: dict[str, Any]) -> Opened:
        skips = self.cont_frame.skip_utf8_validation or self.cont_frame.fire_cont_frame
        return open_connection(
            url,
            self.sock_opt,
            options,
            is_raw=type(self)._recv is not WebSocket._recv or "_recv" in self.__dict__,
            validate_utf8=not skips,
            begun=lambda cancel: setattr(self, "_cancel_dial", cancel),
        )

    def _adopt(self, opened: Opened, *, is_given: bool) -> None:
        pipe, frames = opened.pipe, opened.frames
        pipe.sock.settimeout(self.sock_opt.timeout)
        self._frames, self._pipe, self._row = frames, pipe, frames.row
        self._owns_socket = not is_given
        self._peer_close = self.close_frame = None
        self._has_sent_close = False
        self.frame_buffer.clear()
        self.frame_buffer.recv_buffer = []
        self.cont_frame.cont_data = self.cont_frame.recving_frames = None
        self.handshake_response = opened.response
        self.sock = TlsSocket(pipe, frames.row, self._send_formed) if pipe.layers else pipe.sock
        self.connected = True

    @property
    def status(self) -> int | None:
        """HTTP status of the handshake, None before it."""
        return self.handshake_response.status if self.handshake_response else None

    @property
    def headers(self) -> dict[str, str] | None:
        """Headers of the handshake's answer with lower-case names, None before it."""
        return self.handshake_response.headers if self.handshake_response else None

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol agreed on, in lower case; None before the handshake or without one."""
        return self.handshake_response.subprotocol if self.handshake_response else None

    def getstatus(self) -> int | None:
        """Return `status`."""
        return self.status

    def getheaders(self) -> dict[str, str] | None:
        """Return `headers`."""
        return self.headers

    def getsubprotocol(self) -> str | None:
        """Return `subprotocol`."""
        return self.subprotocol

    def is_ssl(self) -> bool:
        """Tell whether the connection speaks TLS."""
        return isinstance(self.sock, ssl.SSLSocket)

    def fileno(self) -> int:
        """Return the socket's number, for ``select``; while messages wait the socket is readable."""
        if self.sock is None:
            raise WebSocketException("not connected")
        return int(self.sock.fileno())

    def set_mask_key(self, func: Callable[[int], str | bytes] | None) -> None:
        """Take masking keys from this function, which gets 4 and returns four bytes; None takes unpredictable ones."""
        self.get_mask_key = func

    def gettimeout(self) -> float | None:
        """Return the timeout of each call in seconds, None for ever."""
        return self.sock_opt.timeout

    def settimeout(self, timeout: float | None) -> None:
        """Let each call from now on take at most so many seconds; None blocks, 0 raises BlockingIOError instead of waiting."""
        self.sock_opt.timeout = timeout
        if self.sock is not None:
            self.sock.settimeout(timeout)

    timeout = property(gettimeout, settimeout, doc="Seconds that each call may take, None for ever.")

    # -- sending -----------------------------------------------------------------------------------------------------

    def send(self, payload: str | bytes | bytearray | memoryview, opcode: int = ABNF.OPCODE_TEXT) -> int:
        """Send one unfragmented frame and return its length on the wire.

        Parameters:
            payload: str is sent as UTF-8.
            opcode: one of `ABNF`'s ``OPCODE_…`` constants.

        Raises:
            WebSocketConnectionClosedException: the connection is over.
            WebSocketTimeoutException: the peer did not take it in time; what is left of the frame goes before the next.
            ValueError: a control frame of more than 125 bytes, or no opcode.
        """
        data = payload.encode() if isinstance(payload, str) else payload
        if type(data) is not bytes:
            data = bytes(memoryview(data))  # which refuses numbers, where bytes() makes as many zeros
        if opcode >= ABNF.OPCODE_CLOSE and len(data) > MAX_CONTROL_BYTES:
            raise ValueError(f"a control frame carries at most 125 bytes, not {len(data)}")
        pipe = self._pipe
        if not self._is_fast_to_send or pipe is None or _Trace.is_on or opcode not in ABNF.OPCODES:
            return self._send_slowly(data, opcode)
        with self.lock:
            frames = self._frames
            if frames is not None and opcode in (1, 2) and (packed := frames.deflate(data)) is not None:
                frame = build_frame(opcode | 0x40, packed, self._next_key())
            else:
                frame = build_frame(opcode, data, self._next_key())
            self._send_through(pipe, frame)
        if pipe.replies:
            self._pay(pipe)
        return len(frame)

    def _send_slowly(self, data: bytes, opcode: int) -> int:
        frames = self._frames
        if frames is not None and opcode in (1, 2) and self.sock is not None and frames.link.lane_deflates:
            with self.lock:  # the order of compressing is the order of sending
                frame = ABNF(1, 1, 0, 0, opcode, 1, frames.deflate(data))
                return self._send_formatted(frame)
        return self.send_frame(ABNF.create_frame(data, opcode))

    def send_text(self, text_data: str) -> int:
        """Send a text message; see `send`."""
        return self.send(text_data, ABNF.OPCODE_TEXT)

    def send_bytes(self, data: bytes | bytearray | memoryview) -> int:
        """Send a binary message; see `send`."""
        return self.send(data, ABNF.OPCODE_BINARY)

    def send_binary(self, payload: bytes | bytearray | memoryview) -> int:
        """Send a binary message; see `send`."""
        return self.send(payload, ABNF.OPCODE_BINARY)

    def send_frame(self, frame: ABNF) -> int:
        """Send a frame as it is and return its length; the way to send fragments."""
        with self.lock:
            return self._send_formatted(frame)

    def _send_formatted(self, frame: ABNF) -> int:
        if self.get_mask_key:
            frame.get_mask_key = self.get_mask_key
        data = frame.format()
        if _Trace.is_on:
            trace(f"++Sent raw: {data!r}")
            trace(f"++Sent decoded: {frame}")
        frames = self._frames
        if frames is not None and frames.link.tracer is not None:
            payload = frame.data.encode() if isinstance(frame.data, str) else bytes(frame.data)
            frames.link.tracer.frame(SENT, frame.opcode, bool(frame.fin), frame.rsv1 << 2, payload)
        length = len(data)
        while data:
            data = data[self._send(data) :]
        return length

    def _send(self, data: bytes) -> int:
        """Write bytes to the socket and return how many it took; a program may replace this."""
        if self.sock is None:
            raise WebSocketConnectionClosedException("socket is already closed.")
        if self.dispatcher is not None:
            return int(self.dispatcher.send(self.sock, data))
        if self._pipe is None or not self._is_own_socket(self.sock):
            return send(self.sock, data)
        self._send_through(self._pipe, data)
        return len(data)

    def _send_formed(self, data: bytes) -> int:
        """Write bytes that are a frame already, for the dispatcher that sends in our place and in its own time."""
        pipe = self._pipe
        if pipe is None:
            raise WebSocketConnectionClosedException("socket is already closed.")
        self._send_through(pipe, data)
        return len(data)

    def _send_through(self, pipe: Pipe, data: bytes) -> None:
        try:
            pipe.send(data)
        except BlockingIOError:
            raise
        except TimeoutError as error:
            raise WebSocketTimeoutException("Connection timed out while sending") from error
        except (BrokenPipeError, ConnectionResetError) as error:
            failure = BrokenPipe("the peer closed the connection")
            failure.errno = error.errno
            raise failure from error
        except (OSError, ValueError) as error:
            if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
                raise
            raise WebSocketConnectionClosedException("socket is already closed.") from error

    def ping(self, payload: str | bytes = "") -> None:
        """Send a ping; raises ValueError for more than 125 bytes."""
        self.send(payload, ABNF.OPCODE_PING)

    def pong(self, payload: str | bytes = "") -> None:
        """Send a pong; raises ValueError for more than 125 bytes."""
        self.send(payload, ABNF.OPCODE_PONG)

    def _answer_ping(self, payload: bytes) -> None:
        """Send a pong without ever waiting for a thread that sends: it may itself wait for us to read."""
        pipe = self._pipe
        if not self._is_fast_to_send or pipe is None or _Trace.is_on:
            # Whether the connection is over is found out by reading: what came before that is not to be lost.
            with contextlib.suppress(WebSocketException, OSError):
                self.pong(payload)
        elif not self._has_sent_close:
            pipe.replies.append(build_frame(ABNF.OPCODE_PONG, payload, os.urandom(4)))
            self._pay(pipe)

    def _pay(self, pipe: Pipe) -> None:
        """Send what the connection owes, if nobody sends and the socket takes it; who sends does it otherwise."""
        while pipe.owes and self.lock.acquire(blocking=False):
            try:
                if not pipe.wait(0, to_write=True):
                    return  # whoever reads next waits for that too
                pipe.send(b"")
            except (OSError, ValueError):
                return
            finally:
                self.lock.release()

    # -- receiving ---------------------------------------------------------------------------------------------------

    def recv(self, timeout: float | None = None) -> str | bytes:
        """Return the next message: str for text, bytes for binary, "" when a close frame came; pings are answered.

        Parameters:
            timeout: seconds for this call; None takes what `settimeout` says.

        Raises:
            WebSocketTimeoutException: nothing came in time; the connection can be used as before.
            WebSocketConnectionClosedException: nothing will come any more.
            WebSocketProtocolException, WebSocketPayloadException: the peer broke the protocol.
        """
        if self._is_fast:
            if not self._row and timeout is None:
                self._fill()
            try:
                item = self._row.popleft()
            except IndexError:
                pass  # another thread was faster
            else:
                if type(item) is bytes and not _Trace.is_on:
                    return item.decode()
                self._row.appendleft(item)
        with self.readlock:
            opcode, data = self.recv_data() if timeout is None else self._patiently(timeout, self.recv_data)
        if opcode == ABNF.OPCODE_TEXT:
            return data if isinstance(data, str) else bytes(data).decode()
        if opcode == ABNF.OPCODE_BINARY:
            return data  # type: ignore[no-any-return]
        return ""

    def recv_data(self, control_frame: bool = False, timeout: float | None = None) -> tuple[int, Any]:
        """Return the next message, or close frame, as (opcode, bytes); else as `recv`.

        Parameters:
            control_frame: return pings (they are answered all the same) and pongs too.
            timeout: seconds for this call; None takes what `settimeout` says.
        """
        if timeout is not None:
            return self._patiently(timeout, self.recv_data, control_frame)  # type: ignore[no-any-return]
        if self._is_fast and self.cont_frame.cont_data is None:
            item = self._take()
            if type(item) is bytes and not _Trace.is_on:
                return ABNF.OPCODE_TEXT, item
            self._row.appendleft(item)
        opcode, frame = self.recv_data_frame(control_frame)
        return opcode, frame.data

    def recv_data_frame(self, control_frame: bool = False, timeout: float | None = None) -> tuple[int, ABNF]:
        """Return the next message, or close frame, as (opcode, `ABNF`); else as `recv_data`."""
        if timeout is not None:
            return self._patiently(timeout, self.recv_data_frame, control_frame)  # type: ignore[no-any-return]
        while True:
            found = self._digest(self.recv_frame(), control_frame)
            if found is not None:
                return found

    def _digest(self, frame: ABNF, control_frame: bool) -> tuple[int, ABNF] | None:
        """Answer a frame and join fragments; returns what is to be handed over, None when that needs more frames."""
        if _Trace.is_on:
            trace(f"++Rcv raw: {frame.format()!r}")
            trace(f"++Rcv decoded: {frame}")
        if frame.opcode in _MESSAGES:
            joining = self.cont_frame
            joining.validate(frame)
            joining.add(frame)
            return joining.extract(frame) if joining.is_fire(frame) else None
        if frame.opcode == ABNF.OPCODE_CLOSE:
            self._answer_close(frame)
            return frame.opcode, frame
        if frame.opcode == ABNF.OPCODE_PING:
            if len(frame.data) > MAX_CONTROL_BYTES:  # made by a recv_frame() of the program's own
                raise WebSocketProtocolException("Ping message is too long")
            self._answer_ping(frame.data)
        return (frame.opcode, frame) if control_frame else None

    def recv_frame(self) -> ABNF:
        """Return the next frame as it came; pings and close frames are not answered. A subclass may replace this."""
        if self._pipe is None or self._frames is None or self._frames.is_raw or not self._is_own_socket(self.sock):
            return self.frame_buffer.recv_frame()
        item = self._take()
        if type(item) is bytes:
            return ABNF(1, 0, 0, 0, ABNF.OPCODE_TEXT, 0, item)
        if isinstance(item, Violation):
            self._has_sent_close = True
            self.connected = False
            kind = WebSocketProtocolException if item.code == STATUS_PROTOCOL_ERROR else WebSocketPayloadException
            raise kind(item.reason)
        frame = ABNF(int(item.is_last), 0, 0, 0, item.opcode, 0, item.payload)
        if frame.opcode == ABNF.OPCODE_CLOSE:
            try:
                frame.validate(self.cont_frame.skip_utf8_validation)
            except WebSocketProtocolException:
                self._close_politely(STATUS_PROTOCOL_ERROR)
                raise
            self._peer_close = frame
        return frame

    def _recv(self, bufsize: int) -> bytes:
        """Read at most so many bytes from the socket; a program may replace this, and all reading then goes through it."""
        if self.sock is None:
            raise WebSocketConnectionClosedException("Connection is closed")
        try:
            if self._pipe is None or not self._is_own_socket(self.sock):
                return recv(self.sock, bufsize)
            try:
                data = self._pipe.read(bufsize)
            except (OSError, ValueError) as error:
                failure = self._read_failure(error)
                if failure is error:
                    raise
                raise failure from error
            if not data:
                raise WebSocketConnectionClosedException("Connection to remote host was lost.")
        except WebSocketConnectionClosedException:
            self._drop()
            raise
        return data

    def _take(self) -> Any:
        """Return what came next; reads the socket only when nothing waits."""
        while True:
            try:
                item = self._row.popleft()
            except IndexError:
                self._fill()
                continue
            if type(item) is Last:
                pipe = self._pipe
                if pipe is not None:
                    pipe.catch_up()
                return item.item
            return item

    def _patiently(self, timeout: float, call: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call that waits at most so long, whatever `settimeout` says."""
        me = threading.get_ident()
        before = self._patience.get(me)
        self._patience[me] = time.monotonic() + timeout
        try:
            return call(*arguments)
        finally:
            if before is None:
                del self._patience[me]
            else:
                self._patience[me] = before

    def _fill(self) -> None:
        """Read until something waits to be taken; one thread reads, others wait for what it brings."""
        timeout_s = self.sock_opt.timeout
        own = self._patience.get(threading.get_ident()) if self._patience else None
        deadline = own
        if own is None and timeout_s:
            deadline = time.monotonic() + timeout_s
        if not self._take_seat(deadline, is_hasty=own is None and timeout_s == 0):
            raise WebSocketTimeoutException("Connection timed out")
        try:
            # The first wait is the socket's own, which has the same timeout; after it only what is left counts.
            is_first = own is None and SLICE_S is None
            while not self._row:
                pipe = self._pipe
                if pipe is None:
                    raise WebSocketConnectionClosedException("Connection is closed")
                if pipe.owes and timeout_s != 0:
                    self._wait_owing(pipe, deadline)
                elif (
                    not is_first and (own is not None or timeout_s != 0) and not (deadline is None and SLICE_S is None)
                ):
                    self._wait(pipe, deadline)
                if not self._read_once(pipe) and not self._row:
                    self._drop()
                    raise WebSocketConnectionClosedException("Connection to remote host was lost.")
                is_first = False
        finally:
            self._reading.release()

    def _take_seat(self, deadline: float | None, *, is_hasty: bool) -> bool:
        """Wait until no other thread reads the socket; tells whether that was in time."""
        if is_hasty:
            if self._reading.acquire(blocking=False):
                return True
            raise BlockingIOError("another thread is reading, and the timeout is 0")
        if deadline is None:
            return self._reading.acquire()
        return self._reading.acquire(timeout=min(max(0.0, deadline - time.monotonic()), threading.TIMEOUT_MAX))

    @staticmethod
    def _wait(pipe: Pipe, deadline: float | None) -> None:
        while True:
            left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
            if pipe.wait(left_s if SLICE_S is None else min(SLICE_S, left_s if left_s is not None else SLICE_S)):
                return
            if left_s is not None and left_s <= (SLICE_S or left_s):
                raise WebSocketTimeoutException("Connection timed out")

    def _wait_owing(self, pipe: Pipe, deadline: float | None) -> None:
        """Wait for the peer to say something or to take what it is owed, whatever comes first."""
        while pipe.owes:
            left_s = SLICE_S if deadline is None else max(0.0, deadline - time.monotonic())
            is_readable, is_writable = pipe.wait_either(left_s)
            if is_writable:
                self._pay(pipe)
            if is_readable:
                return
            if deadline is not None and time.monotonic() >= deadline:
                raise WebSocketTimeoutException("Connection timed out")
        self._wait(pipe, deadline)

    def _read_once(self, pipe: Pipe) -> bool:
        """Read the socket once; returns False at its end."""
        try:
            is_more = pipe.fill()
        except (OSError, ValueError) as error:
            failure = self._read_failure(error)
            if failure is error:
                raise
            raise failure from error
        if pipe.replies or pipe.layers:
            self._pay(pipe)
        return is_more

    def _pump(self) -> None:
        """Read what the socket has now, without waiting; raises as `recv` does when the connection is over."""
        if not self._reading.acquire(timeout=0.05):
            return  # another thread reads, in close() perhaps
        try:
            pipe = self._pipe
            if pipe is None:
                raise WebSocketConnectionClosedException("Connection is closed")
            if not self._row and pipe.wait(0) and not self._read_once(pipe) and not self._row:
                self._drop()
                raise WebSocketConnectionClosedException("Connection to remote host was lost.")
        finally:
            self._reading.release()

    def _read_failure(self, error: Exception) -> Exception:
        """Return what is raised when the socket could not be read; forgets a connection that is over."""
        if isinstance(error, BlockingIOError | ssl.SSLError):
            return error
        if isinstance(error, TimeoutError):
            return WebSocketTimeoutException("Connection timed out")
        self._drop()
        if isinstance(error, ConnectionResetError):
            failure = ConnectionResetByPeer("Connection to remote host was lost: it was reset")
            failure.errno = error.errno
            return failure
        return WebSocketConnectionClosedException("Connection to remote host was lost.")

    def __iter__(self) -> Iterator[str | bytes]:
        """Iterate over messages; ends when the peer closes with 1000, 1001 or no code, raises otherwise."""
        return self

    def __next__(self) -> str | bytes:
        message = self.recv()
        closed = self._peer_close
        if message == "" and closed is not None and not self._row:
            code, reason = parse_close(closed)
            if code in CLEAN_CODES:
                raise StopIteration
            raise WebSocketConnectionClosedException(
                f"the peer closed the connection with {code}{f': {reason}' if reason else ''}",
                status_code=code,
                reason=reason,
            )
        return message

    def next(self) -> str | bytes:
        """Return the next message as `recv` does."""
        return self.recv()

    # -- the end -----------------------------------------------------------------------------------------------------

    def send_close(self, status: int = STATUS_NORMAL, reason: str | bytes = b"") -> None:
        """Send a close frame and do not wait for the peer's.

        Parameters:
            status: 0 to 65535; a code that RFC 6455 section 7.4 does not let anyone send is warned of and sent.
            reason: at most 123 bytes of UTF-8.
        """
        payload = close_payload(status, reason)
        self.connected = False
        self._has_sent_close = True
        self.send(payload, ABNF.OPCODE_CLOSE)

    def _answer_close(self, frame: ABNF) -> None:
        """Answer a close frame with its own code; one that answers ours needs none."""
        self._peer_close = frame
        self.connected = False
        if self._is_closing and self._pipe is not None:
            self._pipe.hang_up()  # another thread waits in close(), and this is all that it waits for
        code, _ = parse_close(frame)
        self._close_politely(STATUS_NORMAL if code is None else code)

    def _close_politely(self, code: int) -> None:
        self.connected = False
        if not self._has_sent_close:
            self._has_sent_close = True
            with contextlib.suppress(WebSocketException, OSError):  # it may be gone already
                self.send(code.to_bytes(2, "big"), ABNF.OPCODE_CLOSE)

    def close(self, status: int = STATUS_NORMAL, reason: str | bytes = b"", timeout: float | None = 3) -> None:
        """Say goodbye, wait for the peer's close frame, and close the socket; harmless when that has been done.

        Parameters:
            status: close code, 0 to 65535.
            reason: at most 123 bytes of UTF-8.
            timeout: seconds for all of it, None for ever.

        What goes wrong on the way is of no interest any more and is not raised.
        """
        if not self.connected:
            self.shutdown()
            return
        payload = close_payload(status, reason)
        self.close_frame = None
        self.connected = False
        self._is_closing = True
        try:
            self._say_goodbye(payload, timeout)
        except (WebSocketException, OSError, ValueError, StateError):
            pass
        finally:
            self.close_frame = self._peer_close
            self._is_closing = False
            self.shutdown()

    def _say_goodbye(self, payload: bytes, timeout: float | None) -> None:
        deadline = time.monotonic() + (threading.TIMEOUT_MAX / 2 if timeout is None else timeout)
        if not self._has_sent_close:
            if not self._can_send_within(deadline):
                return  # another thread has been waiting for the peer to read all the time
            self._has_sent_close = True
            self.send(payload, ABNF.OPCODE_CLOSE)
        while (left_s := deadline - time.monotonic()) > 0 and self._peer_close is None:
            frame = self._patiently(left_s, self.recv_frame)
            if frame.opcode == ABNF.OPCODE_CLOSE:
                self._peer_close = frame

    def _can_send_within(self, deadline: float) -> bool:
        """Tell whether the close frame can be sent at once, after waiting for whoever sends."""
        if not self.lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return False
        self.lock.release()
        pipe = self._pipe
        return pipe is None or pipe.wait(max(0.0, deadline - time.monotonic()), to_write=True)

    def abort(self) -> None:
        """Cut the connection without a close frame; threads that wait in a receive raise at once."""
        pipe = self._pipe
        if pipe is not None:
            pipe.hang_up()

    def shutdown(self) -> None:
        """Close the socket at once; harmless when that has been done. Threads that wait for it raise."""
        pipe = self._pipe
        foreign = self.sock if pipe is None else None
        cancel = self._cancel_dial
        if cancel is not None:
            cancel()  # another thread is connecting
        if pipe is not None:
            pipe.hang_up()  # before it is closed: closing alone wakes nobody
        self._drop()
        if foreign is not None:
            foreign.close()

    def _drop(self) -> None:
        """Forget the connection; the socket is closed, and what it brought in is gone."""
        pipe = self._pipe
        self._pipe = self._frames = None
        self._row = deque()
        self.sock = None
        self.connected = False
        if pipe is not None:
            pipe.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        pipe = self.__dict__.get("_pipe")
        if pipe is not None and self._owns_socket:
            pipe.sock.close()

    def __repr__(self) -> str:
        pipe = self._pipe
        peer = pipe.get_extra_info("peername") if pipe is not None else None
        where = f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) and len(peer) > 1 else peer or "?"
        state = "open" if self.connected else "closed"
        return f"<{type(self).__name__} {where} {state}, {len(self._row)} waiting>"


def close_payload(status: int, reason: str | bytes | None) -> bytes:
    """Return what a close frame carries; raises ValueError for what it cannot."""
    if not 0 <= status < ABNF.LENGTH_16:
        raise ValueError("code is invalid range")
    if not ABNF._is_valid_close_status(status):
        warnings.warn(f"{status} is not a close code that may be sent (RFC 6455 section 7.4)", UserWarning, 3)
    words = reason.encode() if isinstance(reason, str) else bytes(reason or b"")
    if len(words) > MAX_CONTROL_BYTES - 2:
        raise ValueError(f"a close reason has at most 123 bytes of UTF-8, this one has {len(words)}")
    return status.to_bytes(2, "big") + words


def parse_close(frame: ABNF | None) -> tuple[int | None, str | None]:
    """Return code and words of a close frame; None for what it has not."""
    data: Any = getattr(frame, "data", b"") or b""
    octets = data.encode() if isinstance(data, str) else bytes(data)
    if len(octets) < 2:
        return None, None
    return int.from_bytes(octets[:2], "big"), octets[2:].decode("utf-8", "replace") or None


def create_connection(url: str, timeout: float | None = None, class_: type[Any] = WebSocket, **options: Any) -> Any:
    """Make a `WebSocket`, connect it and return it.

    Parameters:
        url: see `WebSocket.connect`.
        timeout: seconds for each step and for each later call; None takes `getdefaulttimeout`.
        class_: what to make; it takes `WebSocket`'s keywords and has ``settimeout`` and ``connect``.
        options: those of `WebSocket` and of `WebSocket.connect`.
    """
    own = {
        "sockopt": options.pop("sockopt", []),
        "sslopt": options.pop("sslopt", {}),
        "fire_cont_frame": options.pop("fire_cont_frame", False),
        "enable_multithread": options.pop("enable_multithread", True),
        "skip_utf8_validation": options.pop("skip_utf8_validation", False),
    }
    ws = class_(**own, **options)
    ws.settimeout(timeout if timeout is not None else getdefaulttimeout())
    ws.connect(url, **options)
    return ws
