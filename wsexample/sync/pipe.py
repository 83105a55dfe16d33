"""The socket of one connection, read and written by whoever calls. What drives it while it is dialled is in ``dialled.py``.

No loop, thread or timer stands between a blocking call and the socket: a call that has to wait waits inside the system
call. What bytes mean is left to the `Frames` that are fed, and whose turn it is to read or send to the `WebSocket`.

The promise behind ``fileno()``: while messages wait, the socket is readable, so that a program may sleep in ``select``. A burst
is therefore looked at with MSG_PEEK, and when it held several messages its last byte stays with the system until the last
of them is taken (`Last`).
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import threading
import time
from collections import deque
from typing import Any, NamedTuple

from wsexample.sync.tls_layer import TlsLayer
from wsexample.wire.frames import Frames

__all__ = ["BUFFER_BYTES", "SLICE_S", "Last", "Pipe", "scratch"]

BUFFER_BYTES = 256 * 1024
PACKED_BYTES = 16 * 1024
"""What is read at once where messages are compressed: all that it holds waits in a row, a thousand times as large."""
DONT_WAIT = getattr(socket, "MSG_DONTWAIT", 0)
PIECE_BYTES = 4096
"""What a socket that can be written takes at once, where it cannot be told not to wait for the rest."""
MOST_REPLIES = 64
"""Answers that wait for a peer which does not read; of further pings the last one's pong will do (RFC 6455 section 5.5.3)."""
PONG = 0x8A
"""First byte of a pong."""
LONGEST_WAIT_S = 1e6
"""Longest wait that every system call takes; it ends early then, and whoever waits looks at the clock again."""
SLICE_S = 0.25 if os.name == "nt" else None
"""Longest wait in one system call where Ctrl-C does not interrupt it."""

_threads = threading.local()


class Last(NamedTuple):
    """The last of several messages that one read brought; when it is taken, the read is completed."""

    item: Any


def scratch() -> tuple[bytearray, memoryview]:
    """Return the read buffer of this thread; it is free again before anything else can run in the thread."""
    try:
        found: tuple[bytearray, memoryview] = _threads.scratch
    except AttributeError:
        store = bytearray(BUFFER_BYTES)
        found = _threads.scratch = (store, memoryview(store))
    return found


class Pipe:
    """A connected socket, perhaps with TLS on it.

    Parameters:
        sock: connected; it belongs to the pipe. An ``ssl.SSLSocket`` is used as it is.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.layers: list[TlsLayer] = []
        """TLS on it, outermost first."""
        self.replies: deque[bytes] = deque()
        """What the link answered while it was fed; whoever may send sends it first."""
        self._frames: Frames | None = None
        self._most_bytes = BUFFER_BYTES
        self._peeks = not isinstance(sock, ssl.SSLSocket)
        self._fed = 0  # bytes that were fed and still stand first in the system's queue
        self._catching_up = threading.RLock()  # a signal handler may close what it has interrupted
        self._ahead: list[bytes] = []  # plain bytes that came with the head of the answer and are not fed yet
        self._unsent = b""
        self._has_rest = False  # whether that is of something that nobody asked for
        self._is_torn = False
        self._is_lost = False
        self._is_at_end = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about the connection, by asyncio's names."""
        if name == "socket":
            return self.sock
        if name in ("peername", "sockname"):
            try:
                return self.sock.getpeername() if name == "peername" else self.sock.getsockname()
            except OSError:
                return default
        speaker: Any = self.layers[-1].object if self.layers else None
        if speaker is None and isinstance(self.sock, ssl.SSLSocket):
            speaker = self.sock
        if speaker is None:
            return default
        if name == "ssl_object":
            return speaker
        if name == "peercert":
            return speaker.getpeercert()
        return speaker.cipher() if name == "cipher" else default

    # -- reading -----------------------------------------------------------------------------------------------------

    def _consume(self, size: int) -> None:
        """Take bytes that were looked at out of the system's queue."""
        _, view = scratch()
        while size > 0:
            if os.name == "posix":
                size -= os.readv(self.sock.fileno(), (view[:size],))
            else:
                size -= self.sock.recv_into(view[:size])

    def fill(self, row: deque[Any]) -> bool:
        """Read once, and put what came at the end of a row; returns False when nothing will come any more.

        One thread at a time; others may take from the row meanwhile.

        Raises:
            BlockingIOError, TimeoutError: nothing came within the socket's timeout.
            OSError: the connection broke.
        """
        frames = self._frames
        assert frames is not None
        if self._is_torn:
            raise ConnectionAbortedError("a read was interrupted in its middle")
        if self._is_at_end:
            return False
        self.catch_up()
        store, view = scratch()
        if not self._peeks:
            size = self.sock.recv_into(store, self._most_bytes)
            self._is_torn = True
            if size:
                frames.feed(view[:size])
            self._move(frames.row, row)
            self._is_torn = False
            return size > 0
        size = self.sock.recv_into(store, self._most_bytes, socket.MSG_PEEK)
        self._is_torn = True
        if self.layers:
            for piece in self._decrypted(view[:size]):
                frames.feed(piece)
        elif size:
            frames.feed(view[:size])
        found = frames.row
        if len(found) > 1 and size:
            self._consume(size - 1)
            self._fed = 1
            found.append(Last(found.pop()))
        else:
            self._consume(size)
        self._move(found, row)
        self._is_torn = False
        if size == 0:
            self._is_at_end = True
        return not self._is_at_end or bool(row)

    @staticmethod
    def _move(found: deque[Any], row: deque[Any]) -> None:
        """Hand over what was parsed, when the reading of it is done: whoever takes it may be in another thread."""
        row.extend(found)
        found.clear()

    def catch_up(self) -> None:
        """Take the byte that was left so that the socket stayed readable; from any thread."""
        with self._catching_up:
            size, self._fed = self._fed, 0
            self._consume(size)

    def read(self, size: int) -> bytes:
        """Return at most so many bytes without looking at them; b"" when nothing will come any more.

        For who reads frames byte by byte; raises as `fill` does.
        """
        frames = self._frames
        assert frames is not None
        if frames.spare:
            self._ahead.insert(0, frames.spare)
            frames.spare = b""
        while not self._ahead and self.layers:
            raw = self.sock.recv(BUFFER_BYTES)
            self._ahead += self._decrypted(raw)
            if self._is_at_end:
                break
        if self._ahead:
            piece = self._ahead.pop(0)
            if len(piece) > size:
                self._ahead.insert(0, piece[size:])
            return piece[:size]
        return b"" if self.layers else self.sock.recv(size)

    @property
    def pending(self) -> int:
        """Bytes that were read from the socket and are not parsed yet."""
        return sum(map(len, self._ahead))

    def _decrypted(self, data: Any) -> list[bytes]:
        pieces = [data]
        for layer in self.layers:
            pieces = [plain for piece in pieces for plain in layer.decrypt(piece)]
            if layer.is_at_end:
                self._is_at_end = True
        return pieces

    def _encrypted(self, data: bytes) -> bytes:
        for layer in reversed(self.layers):
            data = layer.encrypt(data)
        return data

    def wait(self, timeout_s: float | None, *, to_write: bool = False) -> bool:
        """Wait until the socket can be read or written; returns False when it took too long."""
        if self.sock.fileno() < 0:
            return True  # another thread closed it, as whoever uses it next is told
        if timeout_s is not None:
            timeout_s = min(timeout_s, LONGEST_WAIT_S)
        try:
            if hasattr(select, "poll"):
                poll = select.poll()
                poll.register(self.sock, select.POLLOUT if to_write else select.POLLIN)
                return bool(poll.poll(None if timeout_s is None else timeout_s * 1000))
            return any(select.select([] if to_write else [self.sock], [self.sock] if to_write else [], [], timeout_s))
        except ValueError:  # closed in this moment
            return True

    def wait_either(self, timeout_s: float | None) -> tuple[bool, bool]:
        """Wait until the socket can be read or written; tells which."""
        if self.sock.fileno() < 0:
            return True, False
        if timeout_s is not None:
            timeout_s = min(timeout_s, LONGEST_WAIT_S)
        try:
            if hasattr(select, "poll"):
                poll = select.poll()
                poll.register(self.sock, select.POLLIN | select.POLLOUT)
                events = sum(event for _, event in poll.poll(None if timeout_s is None else timeout_s * 1000))
                return bool(events & ~select.POLLOUT), bool(events & select.POLLOUT)
            readable, writable, _ = select.select([self.sock], [self.sock], [], timeout_s)
            return bool(readable), bool(writable)
        except ValueError:  # closed in this moment
            return True, False

    # -- sending -----------------------------------------------------------------------------------------------------

    @property
    def owes(self) -> bool:
        """Whether something is to be sent that nobody asked for: a link's reply, a TLS message, the rest of one."""
        if self.replies or self._has_rest:
            return True
        return bool(self.layers) and any(layer.has_output for layer in self.layers)

    def owe_pong(self, frame: bytes) -> None:
        """Keep a pong for whoever may send; in place of the latest where too many wait already.

        Parameters:
            frame: all of it.
        """
        replies = self.replies
        try:
            if len(replies) >= MOST_REPLIES and replies[-1][0] == PONG:
                replies[-1] = frame
                return
        except IndexError:  # another thread has just sent them all
            pass
        replies.append(frame)

    def send(self, data: bytes) -> None:
        """Send all of this, waiting as the socket's timeout says; one thread at a time.

        When it fails halfway the rest goes first next time, so that the stream stays whole.

        Raises:
            BlockingIOError, TimeoutError: the peer did not take it in time; None of it was sent, or the rest is kept.
            OSError: the connection broke.
        """
        if self._unsent or self.replies or self.layers:
            self._send_in_order(data)
            return
        sent = self.sock.send(data)
        if sent != len(data):
            self._unsent = bytes(memoryview(data)[sent:])
            self._flush()

    def _send_in_order(self, data: bytes) -> None:
        if self._unsent:
            self._flush()  # when this fails, the new data is not taken
        while self.replies:
            self._unsent += self._encrypted(self.replies.popleft())
        if self.layers:
            self._unsent += self._encrypted(data)
        else:
            self._unsent += data
        if self._unsent:
            self._flush()

    def send_what_fits(self) -> bool:
        """Send of what is owed as much as the socket takes at once; the rest is kept. Returns whether none is left.

        One thread at a time, as for `send`; raises OSError as it does.
        """
        if not self._send_kept():
            return False  # and what else is owed stays where it is bounded
        while self.replies:
            self._unsent += self._encrypted(self.replies.popleft())
        if self.layers:
            self._unsent += self._encrypted(b"")
        self._has_rest = bool(self._unsent)
        return self._send_kept()

    def send_kept_until(self, deadline_s: float) -> bool:
        """Send what is left of a frame that was not sent whole; returns False when that was not done in time.

        Parameters:
            deadline_s: until when, on the clock that never goes back.
        """
        while not self._send_kept():
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not self.wait(left_s, to_write=True):
                return False
        return True

    def _send_kept(self) -> bool:
        """Send of what is kept as much as the socket takes at once, whatever its timeout; returns whether that was all."""
        left = memoryview(self._unsent)
        try:
            while left and self.wait(0, to_write=True):
                left = left[self._send_at_once(left) :]
        except BlockingIOError:  # it takes nothing after all
            pass
        finally:
            self._keep(left)
        return not left

    def _send_at_once(self, data: memoryview) -> int:
        """Send a part of this to a socket that is known to take some, and never wait for it to take the rest."""
        if isinstance(self.sock, ssl.SSLSocket):
            return self.sock.send(data[:PIECE_BYTES])
        if DONT_WAIT:
            return self.sock.send(data, DONT_WAIT)
        return self.sock.send(data[:PIECE_BYTES])

    def _flush(self) -> None:
        """Send what is kept within one timeout."""
        timeout_s = self.sock.gettimeout()
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        left = memoryview(self._unsent)
        try:
            while True:
                left = left[self.sock.send(left) :]
                if not left:
                    return
                if timeout_s == 0:
                    raise BlockingIOError("the peer takes no more")
                left_s = None if deadline is None else deadline - time.monotonic()
                if left_s is not None and (left_s <= 0 or not self.wait(left_s, to_write=True)):
                    raise TimeoutError("timed out")
        finally:
            self._keep(left)

    def _keep(self, left: memoryview) -> None:
        self._unsent = bytes(left)
        self._has_rest = self._has_rest and bool(left)

    # -- the end -----------------------------------------------------------------------------------------------------

    def let_go(self) -> None:
        """Close the socket; no byte is taken from another one that gets its number."""
        with self._catching_up:
            self.sock.close()

    def hang_up(self) -> None:
        """Cut the connection in both directions; who waits in a read or a send comes back at once."""
        self._is_lost = True
        with contextlib.suppress(OSError, ValueError):  # the peer may have been faster
            self.sock.shutdown(socket.SHUT_RDWR)
