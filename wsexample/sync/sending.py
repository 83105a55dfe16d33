"""Sending on a blocking connection: one frame at a time, from any thread, whole or not at all as the peer sees it.

What the connection owes without having been asked, such as pongs, goes out between the frames of whoever sends, and never
waits for them.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

from wsexample.sync._abnf import ABNF, MAX_CONTROL_BYTES
from wsexample.sync._exceptions import (
    BrokenPipe,
    WebSocketConnectionClosedException,
    WebSocketTimeoutException,
)
from wsexample.sync._logging import _Trace, trace
from wsexample.sync._socket import send
from wsexample.sync.failures import tls_failure
from wsexample.sync.paths import Paths
from wsexample.sync.pipe import Pipe
from wsexample.wire.lane import build_frame
from wsexample.wire.trace import SENT

__all__ = ["Sending"]


def _mask_keys() -> Iterator[bytes]:
    """Yield unpredictable masking keys (RFC 6455 section 10.3), drawn from the system in batches."""
    while True:
        pool = os.urandom(1024)
        for start in range(0, len(pool), 4):
            yield pool[start : start + 4]


class Sending(Paths):
    """What sends."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._next_key: Callable[[], bytes] = _mask_keys().__next__

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
                raise tls_failure(error) from error
            raise WebSocketConnectionClosedException("socket is already closed.") from error

    def ping(self, payload: str | bytes = "") -> None:
        """Send a ping; raises ValueError for more than 125 bytes."""
        self.send(payload, ABNF.OPCODE_PING)

    def pong(self, payload: str | bytes = "") -> None:
        """Send a pong; raises ValueError for more than 125 bytes."""
        self.send(payload, ABNF.OPCODE_PONG)

    def _send_goodbye(self, payload: bytes, deadline: float) -> bool:
        """Send the close frame when whoever sends is done and the peer takes it; tells whether that was in time."""
        if not self.lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return False
        try:
            pipe = self._pipe
            if pipe is not None and not (
                pipe.send_kept_until(deadline) and pipe.wait(max(0.0, deadline - time.monotonic()), to_write=True)
            ):
                return False
            self._has_sent_close = True
            if not (self._replaces_sending() or "send" in self.__dict__ or type(self).send is not Sending.send):
                self._send_formatted(ABNF.create_frame(payload, ABNF.OPCODE_CLOSE))
                return True
        finally:
            self.lock.release()
        self.send(payload, ABNF.OPCODE_CLOSE)
        return True

    def _pay(self, pipe: Pipe) -> None:
        """Send what the connection owes, if nobody sends and the socket takes it; who sends does it otherwise."""
        while pipe.owes and self.lock.acquire(blocking=False):
            try:
                if not pipe.send_what_fits():
                    return  # whoever reads next waits for that too
            except (OSError, ValueError):
                return
            finally:
                self.lock.release()
