"""What tests of hostile load share: hostile connections in bytes, and a well-behaved client that goes on beside them."""

from __future__ import annotations

import asyncio
import struct
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wsexample.wire.connection import connect
from wsexample.wire.server import Server, ServerConnection

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n"
)
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
KIB, MIB = 1024, 1024 * 1024
SLACK = 2 * MIB
"""What both ends' socket buffers and objects may take in one process, beside what the options allow."""


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, size: int | None = None) -> bytes:
    """Build a client's frame, masked with zeros; ``size`` is what its header says when that is a lie."""
    n = len(payload) if size is None else size
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    if n < 126:
        head = struct.pack("!BB", first, 0x80 | n)
    elif n < 65536:
        head = struct.pack("!BBH", first, 0xFE, n)
    else:
        head = struct.pack("!BBQ", first, 0xFF, n)
    return head + bytes(4) + payload


def bomb(size: int) -> bytes:
    """Compress zeros as permessage-deflate does."""
    machine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (machine.compress(bytes(size)) + machine.flush(zlib.Z_SYNC_FLUSH))[:-4]


class Hostile:
    """A connection that speaks bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def push(self, data: bytes) -> bool:
        """Send bytes, whole; False when the victim has ended the connection."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except (ConnectionError, RuntimeError):  # uvloop has the latter for a transport that is closed
            return False
        return not self.reader.at_eof()

    async def end(self) -> int | None:
        """Read until the victim ends the connection; returns the code of its close frame, None without one."""
        code = None
        try:
            while True:
                first, size = await self.reader.readexactly(2)
                if size > 125:
                    size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
                payload = await self.reader.readexactly(size)
                if first & 15 == 8:
                    code = int.from_bytes(payload[:2], "big")
        except (asyncio.IncompleteReadError, ConnectionError):
            return code


@asynccontextmanager
async def hostile(port: int, *, deflate: bool = False, opens: bool = True) -> AsyncIterator[Hostile]:
    """Connect, and open a WebSocket when ``opens`` says so."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        if opens:
            writer.write(REQUEST % (DEFLATE if deflate else b""))
            assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        yield Hostile(reader, writer)
    finally:
        writer.transport.abort()


async def echo(ws: ServerConnection) -> None:
    """Send everything back."""
    async for payload, is_binary in ws.payloads():
        await ws.send(payload if is_binary else payload.decode())


class Beside:
    """A well-behaved client: how many of its numbered questions were answered, each by its own answer."""

    answered = 0
    task: asyncio.Task[None]

    async def more(self, count: int = 10) -> None:
        """Wait until so many more were answered."""
        wanted = self.answered + count
        while self.answered < wanted:
            if self.task.done():
                await self.task
            await asyncio.sleep(0)


@asynccontextmanager
async def beside(server: Server) -> AsyncIterator[Beside]:
    """Ask a server's echo one thing after the other while something else happens."""
    seen = Beside()

    async def ask() -> None:
        async with connect(server.url) as ws:
            while True:
                await ws.send(f"question {seen.answered}")
                assert await ws.receive(20) == f"question {seen.answered}"
                seen.answered += 1

    seen.task = asyncio.create_task(ask())
    try:
        await seen.more(1)
        yield seen
        await seen.more()
    finally:
        seen.task.cancel()
        await asyncio.gather(seen.task, return_exceptions=True)


async def nobody_left(server: Server, *, but: int = 0) -> None:
    """Wait until a server holds no more connections than this."""
    while len(server._links) > but:
        await asyncio.sleep(0.005)


@asynccontextmanager
async def memory_below(most: int) -> AsyncIterator[None]:
    """Fail when Python's objects grow by more than so many bytes meanwhile, both ends together."""
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        yield
        grown = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert grown < most, f"grew by {grown / MIB:.1f} MiB, allowed are {most / MIB:.1f}"
