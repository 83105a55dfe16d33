"""Receiving on a blocking connection: what waits is handed over at once, and the socket is read only when nothing does.

One thread receives at a time, from the first frame of a message to its last; others wait for their turn. Pings and close frames
are answered here. Parsing is left to the wire.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from wsexample.sync._abnf import ABNF, MAX_CONTROL_BYTES, STATUS_NORMAL, STATUS_PROTOCOL_ERROR
from wsexample.sync._exceptions import (
    ConnectionResetByPeer,
    WebSocketConnectionClosedException,
    WebSocketException,
    WebSocketPayloadException,
    WebSocketProtocolException,
    WebSocketTimeoutException,
)
from wsexample.sync._logging import _Trace, trace
from wsexample.sync._socket import recv
from wsexample.sync.close_frame import parse_close
from wsexample.sync.failures import tls_failure
from wsexample.sync.pipe import SLICE_S, Last, Pipe
from wsexample.sync.sending import Sending
from wsexample.wire.frames import Frame, Violation
from wsexample.wire.lane import build_frame
from wsexample.wire.trace import printable

__all__ = ["Receiving", "is_whole_binary"]

T = TypeVar("T")

_MESSAGES = (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY, ABNF.OPCODE_CONT)
ANSWER_S = 3.0
"""Longest wait for a peer that has sent a close frame to take the answer, behind a frame half sent, seconds."""
CLEAN_CODES = (None, 1000, 1001)


def is_whole_binary(item: Any) -> bool:
    """Tell whether something taken is a binary message that needs nothing else."""
    return type(item) is Frame and item.opcode == ABNF.OPCODE_BINARY and item.is_last


class Receiving(Sending):
    """What receives."""

    def recv(self, timeout: float | None = None) -> str | bytes:
        """Return the next message: str for text, bytes for binary, "" when a close frame came; pings are answered.

        Parameters:
            timeout: seconds for this call; None takes what `settimeout` says.

        Raises:
            WebSocketTimeoutException: nothing came in time; the connection can be used as before.
            WebSocketConnectionClosedException: nothing will come any more.
            WebSocketProtocolException, WebSocketPayloadException: the peer broke the protocol.
        """
        if timeout is None and self._is_fast and self.readlock.acquire(False):
            try:
                row = self._row
                try:
                    item = row.popleft() if row else self._take()
                except IndexError:  # another thread has thrown it away
                    item = self._take()
                if type(item) is bytes and not _Trace.is_on:
                    return item.decode()
                opcode, data = self._finish(item)
            finally:
                self.readlock.release()
        else:
            opcode, data = self._in_turn(timeout, self.recv_data)
        if opcode == ABNF.OPCODE_TEXT:
            return data if isinstance(data, str) else bytes(data).decode()
        if opcode == ABNF.OPCODE_BINARY:
            return data  # type: ignore[no-any-return] # what the hook gives back is what was asked for
        return ""

    def recv_data(self, control_frame: bool = False, timeout: float | None = None) -> tuple[int, Any]:
        """Return the next message, or close frame, as (opcode, bytes); else as `recv`.

        Parameters:
            control_frame: return pings (they are answered all the same) and pongs too.
            timeout: seconds for this call; None takes what `settimeout` says.
        """
        if timeout is None and self._is_fast and self.readlock.acquire(False):
            try:
                item = self._take()
                if type(item) is bytes and not _Trace.is_on and self.cont_frame.cont_data is None:
                    return ABNF.OPCODE_TEXT, item
                return self._finish(item, control_frame)
            finally:
                self.readlock.release()
        opcode, frame = self.recv_data_frame(control_frame, timeout)
        return opcode, frame.data

    def recv_data_frame(self, control_frame: bool = False, timeout: float | None = None) -> tuple[int, ABNF]:
        """Return the next message, or close frame, as (opcode, `ABNF`); else as `recv_data`."""
        return self._in_turn(timeout, self._next_message, control_frame)

    def recv_frame(self) -> ABNF:
        """Return the next frame as it came; pings and close frames are not answered. A subclass may replace this."""
        if self._pipe is None or self._frames is None or self._frames.is_raw or not self._is_own_socket(self.sock):
            return self.frame_buffer.recv_frame()
        return self._in_turn(None, self._next_frame)

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
                f"the peer closed the connection with {code}{f': {printable(reason)}' if reason else ''}",
                status_code=code,
                reason=reason,
            )
        return message

    def next(self) -> str | bytes:
        """Return the next message as `recv` does."""
        return self.recv()

    # -- frames become messages --------------------------------------------------------------------------------------

    def _finish(self, item: Any, control_frame: bool = False) -> tuple[int, Any]:
        """Go on with what was taken until a message is whole."""
        if is_whole_binary(item) and not _Trace.is_on:
            return ABNF.OPCODE_BINARY, item.payload
        found = self._digest(self._frame(item), control_frame) or self._next_message(control_frame)
        return found[0], found[1].data

    def _next_message(self, control_frame: bool) -> tuple[int, ABNF]:
        """Take frames until they are a message; a flood of those that are none does not prolong a call's own timeout."""
        own = self._patience.get(threading.get_ident()) if self._patience else None
        while True:
            found = self._digest(self.recv_frame(), control_frame)
            if found is not None:
                return found
            if own is not None and time.monotonic() >= own:
                raise WebSocketTimeoutException("Connection timed out")

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

    def _next_frame(self) -> ABNF:
        return self._frame(self._take())

    def _frame(self, item: Any) -> ABNF:
        """Return the frame that something taken stands for; raises when it is no good."""
        if type(item) is Last:
            item = self._opened(item)
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

    # -- answers -----------------------------------------------------------------------------------------------------

    def _answer_ping(self, payload: bytes) -> None:
        """Send a pong without ever waiting for a thread that sends: it may itself wait for us to read."""
        pipe = self._pipe
        if not self._is_fast_to_send or pipe is None or _Trace.is_on:
            # Whether the connection is over is found out by reading: what came before that is not to be lost.
            with contextlib.suppress(WebSocketException, OSError):
                self.pong(payload)
        elif not self._has_sent_close:
            pipe.owe_pong(build_frame(ABNF.OPCODE_PONG, payload, os.urandom(4)))
            self._pay(pipe)

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
            timeout_s = self.sock_opt.timeout
            deadline = time.monotonic() + (ANSWER_S if timeout_s is None else min(timeout_s, ANSWER_S))
            deadline = min(deadline, self._patience.get(threading.get_ident(), deadline))
            with contextlib.suppress(WebSocketException, OSError):  # it may be gone already
                self._send_goodbye(code.to_bytes(2, "big"), deadline)

    # -- taking what waits -------------------------------------------------------------------------------------------

    def _take(self) -> Any:
        """Return what came next; reads the socket only when nothing waits."""
        while True:
            try:
                item = self._row.popleft()
            except IndexError:
                self._fill()
                continue
            return self._opened(item) if type(item) is Last else item

    def _opened(self, last: Last) -> Any:
        """Return the last message of a burst and let the socket be empty now."""
        pipe = self._pipe
        if pipe is not None:
            with contextlib.suppress(OSError):  # the next read says what became of the socket; this came before that
                pipe.catch_up()
        return last.item

    # -- waiting -----------------------------------------------------------------------------------------------------

    def _patiently(self, timeout: float, call: Callable[..., T], *arguments: Any) -> T:
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

    def _in_turn(self, timeout: float | None, call: Callable[..., T], *arguments: Any) -> T:
        """Make a call that receives as soon as no other thread does; both count towards the timeout."""
        if timeout is not None:
            result: T = self._patiently(timeout, self._in_turn, None, call, *arguments)
            return result
        if not self.readlock.acquire(False):
            own = self._patience.get(threading.get_ident())
            timeout_s = self.sock_opt.timeout
            if own is None and timeout_s is not None:
                if timeout_s == 0:
                    raise BlockingIOError("another thread is receiving, and the timeout is 0")
                return self._in_turn(timeout_s, call, *arguments)
            left_s = -1 if own is None else min(max(0.0, own - time.monotonic()), threading.TIMEOUT_MAX)
            if not self.readlock.acquire(True, left_s):
                raise WebSocketTimeoutException("Connection timed out")
        try:
            return call(*arguments)
        finally:
            self.readlock.release()

    def _fill(self) -> None:
        """Read until something waits to be taken; whoever calls holds the turn."""
        timeout_s = self.sock_opt.timeout
        own = self._patience.get(threading.get_ident()) if self._patience else None
        deadline = own
        if own is None and timeout_s:
            deadline = time.monotonic() + timeout_s
        # The first wait is the socket's own, which has the same timeout; after it only what is left counts.
        is_first = own is None and SLICE_S is None
        while not self._row:
            pipe = self._pipe
            if pipe is None:
                raise WebSocketConnectionClosedException("Connection is closed")
            if pipe.owes and timeout_s != 0:
                self._wait_owing(pipe, deadline)
            elif not is_first and (own is not None or timeout_s != 0) and not (deadline is None and SLICE_S is None):
                self._wait(pipe, deadline)
            if not self._read_once(pipe) and not self._row:
                self._drop()
                raise WebSocketConnectionClosedException("Connection to remote host was lost.")
            is_first = False

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
            is_more = pipe.fill(self._row)
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
        if not self.readlock.acquire(timeout=0.05):
            return  # another thread reads, in close() perhaps
        try:
            pipe = self._pipe
            if pipe is None:
                raise WebSocketConnectionClosedException("Connection is closed")
            if not self._row and pipe.wait(0) and not self._read_once(pipe) and not self._row:
                self._drop()
                raise WebSocketConnectionClosedException("Connection to remote host was lost.")
        finally:
            self.readlock.release()

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

    def _read_failure(self, error: Exception) -> Exception:
        """Return what is raised when the socket could not be read; forgets a connection that is over."""
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLWantReadError | ssl.SSLWantWriteError):
            return tls_failure(error)
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
