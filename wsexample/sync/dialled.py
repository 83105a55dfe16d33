"""A `Pipe` while it is dialled: a transport on a loop, for the wire's dial and its link.

It reads not a byte more than up to the end of an answer's head, so that what comes after it is there for whoever reads by hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Any

from wsexample.sync.pipe import BUFFER_BYTES, PACKED_BYTES, Pipe, scratch
from wsexample.sync.tls_layer import TlsLayer
from wsexample.wire.frames import Frames

__all__ = ["DialledPipe"]

WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class DialledPipe(Pipe, asyncio.Transport):
    """A pipe that a loop drives until `leave_loop`.

    Parameters:
        sock: see `Pipe`.
        loop: what drives it.
    """

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        Pipe.__init__(self, sock)
        asyncio.Transport.__init__(self)
        self._loop: asyncio.AbstractEventLoop | None = loop
        self._protocol: Any = None
        self._head_tail = b""
        self._is_reading = False

    def begin(self, protocol: Any) -> None:
        """Hand the pipe to its first protocol."""
        self._protocol = protocol
        protocol.connection_made(self)
        if not self._is_lost:
            self.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Feed another protocol from now on."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol that is fed."""
        return self._protocol  # type: ignore[no-any-return] # asyncio does not say which protocol

    def is_closing(self) -> bool:
        """Tell whether the connection is over."""
        return self._is_lost

    def pause_reading(self) -> None:
        """Read no more in the loop."""
        if self._is_reading and self._loop is not None:
            self._is_reading = False
            self._loop.remove_reader(self.sock)

    def resume_reading(self) -> None:
        """Read in the loop again."""
        if not self._is_reading and self._loop is not None:
            self._is_reading = True
            self._loop.add_reader(self.sock, self._readable)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send while the loop drives; later keep it for whoever may send."""
        if self._is_lost:
            return
        if self._loop is None:
            self.replies.append(bytes(data))
            return
        try:
            self.send(bytes(data))
        except WOULD_BLOCK:
            self._loop.add_writer(self.sock, self._writable)
        except OSError as error:
            self._lose(error)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent."""
        return len(self._unsent)

    def close(self) -> None:
        """End the connection."""
        self._lose(None)

    abort = close

    def _writable(self) -> None:
        assert self._loop is not None
        try:
            self.send(b"")
        except WOULD_BLOCK:
            return
        except OSError as error:
            self._lose(error)
            return
        self._loop.remove_writer(self.sock)

    def _readable(self) -> None:
        """Read the answer of a proxy or of the server, and not a byte more than up to the end of its head."""
        try:
            if not self._read_head():
                self._lose(None)
        except WOULD_BLOCK:
            pass
        except (OSError, ssl.SSLError) as error:
            self._lose(error)

    def _lose(self, error: BaseException | None) -> None:
        if self._is_lost:
            return
        self._is_lost = True
        if self._loop is None:
            self._is_at_end = True  # what the link has said last is still to be sent
            return
        self._loop.remove_reader(self.sock)
        self._loop.remove_writer(self.sock)
        self._is_reading = False
        self._loop.call_soon(self._lost, error)

    def _lost(self, error: BaseException | None) -> None:
        self.sock.close()
        if self._protocol is not None:
            self._protocol.connection_lost(error)

    async def start_tls(self, layer: TlsLayer) -> None:
        """Speak TLS from now on; raises ``ssl.SSLError`` or ``ConnectionResetError``."""
        loop = self._loop
        assert loop is not None
        self.pause_reading()
        received = b""
        try:
            while True:
                is_done, output = layer.shake_hands(received)
                if output:
                    await loop.sock_sendall(self.sock, self._encrypted(output))
                if is_done:
                    break
                received = b""
                while not received:
                    raw = await loop.sock_recv(self.sock, BUFFER_BYTES)
                    if not raw:
                        raise ConnectionResetError("it ended in the middle")
                    received = b"".join(self._decrypted(raw))
        except ssl.SSLError:
            with contextlib.suppress(OSError):  # the alert; if it does not go at once, never mind
                self.sock.send(self._encrypted(layer.farewell()))
            raise
        self.layers.append(layer)

    def leave_loop(self, frames: Frames) -> None:
        """Be driven by hand from now on, and feed these frames."""
        self.pause_reading()
        assert self._loop is not None
        self._loop.remove_writer(self.sock)
        self._loop = None
        self._frames = frames
        if frames.link.lane_inflates:
            self._most_bytes = PACKED_BYTES
        if self._ahead and not frames.is_raw:
            ahead, self._ahead = self._ahead, []
            for piece in ahead:
                frames.feed(piece)

    def _read_head(self) -> bool:
        store, view = scratch()
        if self.layers or not self._peeks:
            size = self.sock.recv_into(store)
            self._ahead += self._decrypted(bytes(view[:size]))
            if size == 0 or not self._ahead:
                return size > 0 and not self._is_at_end
            self._feed_ahead()
            return True
        size = self.sock.recv_into(store, 0, socket.MSG_PEEK)
        if size == 0:
            return False
        head = self._head_part(bytes(view[:size]))
        self._consume(len(head))
        self._protocol.data_received(head)
        return True

    def _head_part(self, data: bytes) -> bytes:
        """Return the part of these bytes that belongs to the head, its end included."""
        joined = self._head_tail + data
        end = joined.find(b"\r\n\r\n")
        self._head_tail = joined[-3:] if end < 0 else b""
        return data if end < 0 else data[: end + 4 - (len(joined) - len(data))]

    def _feed_ahead(self) -> None:
        """Feed one head; what comes after it is for whoever reads on when the head has been judged."""
        if not self._is_reading or not self._ahead or self._loop is None:
            return
        data = b"".join(self._ahead)
        head = self._head_part(data)
        self._ahead = [data[len(head) :]] if len(head) < len(data) else []
        self._protocol.data_received(head)
        if self._ahead:
            self._loop.call_soon(self._feed_ahead)
