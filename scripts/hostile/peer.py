"""One hostile connection, written in bytes: what it sent is its attack's matter, what came back is counted here.

Nothing of wsexample is used, so that the attacker costs little and is wrong where it wants to be.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
import struct
import zlib
from contextlib import suppress

__all__ = ["REQUEST", "Peer", "bomb", "dial", "frame"]

REQUEST = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n"
)
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
HEAD_BYTES = 64 * 1024


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, size: int | None = None, masks: bool = True
) -> bytes:
    """Build a frame, a client's masked with zeros; ``size`` is what its header says when that is a lie."""
    n = len(payload) if size is None else size
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    bit = 0x80 if masks else 0
    if n < 126:
        head = struct.pack("!BB", first, bit | n)
    elif n < 65536:
        head = struct.pack("!BBH", first, bit | 126, n)
    else:
        head = struct.pack("!BBQ", first, bit | 127, n)
    return head + (bytes(4) if masks else b"") + payload


@functools.cache
def bomb(size: int) -> bytes:
    """Compress zeros as permessage-deflate does; a thousandth of them remains."""
    machine = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = bytes(1024 * 1024)
    parts = [machine.compress(piece) for _ in range(size // len(piece))]
    parts.append(machine.compress(bytes(size % len(piece))))
    return b"".join([*parts, machine.flush(zlib.Z_SYNC_FLUSH)])[:-4]


class Peer(asyncio.Protocol):
    """A connection and what came of it.

    Parameters:
        is_deaf: never read.
    """

    def __init__(self, *, is_deaf: bool = False) -> None:
        loop = asyncio.get_running_loop()
        self._is_deaf = is_deaf
        self._head: bytearray | None = bytearray()
        self._rest = bytearray()
        self._skip = 0
        self._is_close = False
        self._writable = asyncio.Event()
        self._writable.set()
        self.status: int | None = None
        """HTTP status of the answer."""
        self.code: int | None = None
        """Code of the close frame that came."""
        self.answered: asyncio.Future[None] = loop.create_future()
        """Done when the head of an answer came, or nothing will come."""
        self.gone: asyncio.Future[None] = loop.create_future()
        """Done when the socket is gone."""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Take the status, then the close code out of what comes."""
        if self._head is None:
            self._frames(data)
            return
        self._head += data
        head, end, rest = bytes(self._head).partition(b"\r\n\r\n")
        if end:
            words = head.split(b" ", 2)
            self.status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
            self._head = None
            if not self.answered.done():
                self.answered.set_result(None)
            if self._is_deaf:
                self.transport.pause_reading()
            if self.status == 101:
                self._frames(rest)

    def _frames(self, data: bytes) -> None:
        if self.status != 101:
            return
        self._rest += data
        rest, at = self._rest, 0
        while True:
            if self._skip:
                step = min(self._skip, len(rest) - at)
                at += step
                self._skip -= step
                if self._skip:
                    break
            if len(rest) - at < 10 and not self._is_whole(rest, at):
                break
            opcode, size = rest[at] & 15, rest[at + 1]
            at += 2
            if size == 126:
                size = int.from_bytes(rest[at : at + 2], "big")
                at += 2
            elif size == 127:
                size = int.from_bytes(rest[at : at + 8], "big")
                at += 8
            if opcode == 8 and size >= 2:
                if len(rest) - at < 2:
                    at -= 2
                    break
                self.code = int.from_bytes(rest[at : at + 2], "big")
            self._skip = size
        del rest[:at]

    @staticmethod
    def _is_whole(rest: bytearray, at: int) -> bool:
        """Tell whether a frame's header is here."""
        have = len(rest) - at
        if have < 2:
            return False
        size = rest[at + 1]
        return have >= (2 if size < 126 else 4 if size == 126 else 10)

    def eof_received(self) -> bool:
        """Let go."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Wake whoever waits."""
        self._writable.set()
        for future in (self.answered, self.gone):
            if not future.done():
                future.set_result(None)

    def pause_writing(self) -> None:
        """The victim does not take any more."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It does."""
        self._writable.set()

    @property
    def is_gone(self) -> bool:
        """Whether the socket is gone."""
        return self.gone.done()

    async def push(self, data: bytes, until_s: float) -> bool:
        """Write and wait until there is room again; False when the victim ended the connection or time is over."""
        if self.is_gone or self.transport.is_closing():
            return False
        self.transport.write(data)
        await asyncio.sleep(0)  # a socket that takes everything would let nothing be read
        with suppress(TimeoutError):
            async with asyncio.timeout(max(until_s - asyncio.get_running_loop().time(), 0)):
                await self._writable.wait()
        return not self.is_gone and self._writable.is_set() and asyncio.get_running_loop().time() < until_s

    async def outlast(self, until_s: float) -> None:
        """Wait until the victim ends it, or time is over."""
        await asyncio.wait({self.gone}, timeout=max(until_s - asyncio.get_running_loop().time(), 0))

    def outcome(self) -> str:
        """Say how it ended: a close code, an HTTP status, ``cut``, or ``held`` while it has not."""
        if not self.is_gone:
            return "held"
        if self.code is not None:
            return str(self.code)
        return "cut" if self.status in (None, 101) else f"HTTP {self.status}"

    def leave(self) -> None:
        """End it from this side, unless it has ended."""
        if not self.is_gone:
            self.transport.abort()


async def dial(
    port: int,
    *,
    path: bytes = b"/",
    deflate: bool = False,
    tls: ssl.SSLContext | None = None,
    is_deaf: bool = False,
    upgrade: bool = True,
) -> Peer:
    """Connect, and open a WebSocket when ``upgrade`` says so.

    Raises:
        OSError: the victim does not take connections.
    """
    loop = asyncio.get_running_loop()
    _, peer = await loop.create_connection(lambda: Peer(is_deaf=is_deaf), "127.0.0.1", port, ssl=tls)
    if upgrade:
        peer.transport.write(REQUEST % (path, DEFLATE if deflate else b""))
        await asyncio.wait({peer.answered}, timeout=30)
    return peer
