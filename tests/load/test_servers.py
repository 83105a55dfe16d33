"""The mirror: servers that are hostile to our client cost it no more than its options allow, and end with a reason."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from tests.load.conftest import KIB, MIB, SLACK, bomb, frame, memory_below
from wsexample import sync
from wsexample.errors import ConnectionClosed, DeadlineError, HandshakeError, ProxyError
from wsexample.sync.pipe import MOST_REPLIES
from wsexample.wire.autobahn import WebSocketClientFactory
from wsexample.wire.connection import connect

RunGrid = Callable[[Any], Any]
LIMIT = 64 * KIB
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
HUGE = (1 << 63) - 1
Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def served(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, size: int | None = None) -> bytes:
    """Build a server's frame: a client's without mask."""
    masked = frame(opcode, payload, fin=fin, rsv=rsv, size=size)
    head = masked[: len(masked) - len(payload) - 4]
    return bytes((head[0], head[1] & 0x7F)) + head[2:] + payload


def accepted(request: bytes, *, deflate: bool = False) -> bytes:
    """Answer a handshake."""
    key = next(
        line.partition(b": ")[2] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
    )
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    more = b"Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else b""
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return head + b"Sec-WebSocket-Accept: " + accept + b"\r\n" + more + b"\r\n"


@asynccontextmanager
async def bad_server(play: Play) -> AsyncIterator[str]:
    """Listen with a function that speaks bytes."""
    playing: set[asyncio.Task[Any]] = set()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        playing.add(task)
        try:
            await play(reader, writer)
            while await reader.read(64 * KIB):
                pass
        except (OSError, RuntimeError):  # uvloop has the latter for a transport that is closed
            pass
        finally:
            playing.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        if playing:
            await asyncio.wait(playing, timeout=10)


def opening(block: bytes, count: int, *, first: bytes = b"", deflate: bool = False) -> Play:
    """Open the WebSocket, then send the same block so many times."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(accepted(request, deflate=deflate) + first)
        for _ in range(count):
            writer.write(block)
            await writer.drain()

    return play


@pytest.mark.parametrize(
    "first",
    [
        served(2, bytes(LIMIT + 1)),
        served(2, size=HUGE),
        served(2, fin=False, size=HUGE),
        served(2, bomb(8 * MIB), rsv=4),
    ],
    ids=["a byte too many", "endless frame", "endless fragment", "bomb"],
)
def test_what_is_too_large_ends_with_1009(run_grid: RunGrid, first: bytes) -> None:
    """Soon, whatever the server goes on sending, and nothing of that is kept."""
    play = opening(bytes(256 * KIB), 64, first=first, deflate=True)

    async def main() -> int:
        async with bad_server(play) as url, memory_below(4 * LIMIT + SLACK):
            ws = await connect(url, max_message_bytes=LIMIT, compression=True, close_timeout_s=3600, proxy=None)
            with pytest.raises(ConnectionClosed) as caught:
                await ws.receive()
            await ws.wait_closed()
            return caught.value.code

    assert run_grid(main()) == 1009


@pytest.mark.parametrize("opcode", [9, 10, 0], ids=["pings", "pongs", "fragments"])
def test_a_flood_leaves_the_loop_to_others(run_grid: RunGrid, opcode: int) -> None:
    """While a server floods, another task of the program has its turns, and the message behind the flood arrives."""
    one = served(opcode, b"" if opcode == 0 else b"x", fin=opcode != 0)
    first = served(2, fin=False) if opcode == 0 else b""
    last = served(0, b"end") if opcode == 0 else served(2, b"end")
    play = opening(one * 2_000 + last, 1, first=first)

    async def main() -> None:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with bad_server(play) as url, connect(url, proxy=None, close_timeout_s=0.2) as ws:
            counting = asyncio.create_task(count())
            assert await ws.receive(20) == b"end"
            counting.cancel()
            await asyncio.gather(counting, return_exceptions=True)
            assert turns > 20

    run_grid(main())


def test_a_flood_that_takes_its_time_is_a_sign_of_life(run_grid: RunGrid) -> None:
    """Nobody is given up for an answer that would stand behind what was read already and waits for its turns."""
    flood = served(0, b"x", fin=False) * 30_000
    play = opening(flood + served(0, b"end"), 1, first=served(2, fin=False))

    async def main() -> None:
        beats = {"ping_interval_s": 0.1, "ping_timeout_s": 0.1, "close_timeout_s": 0.1}
        async with bad_server(play) as url, connect(url, proxy=None, **beats) as ws:
            assert await ws.receive(20) == b"x" * 30_000 + b"end"

    run_grid(main())


@pytest.mark.parametrize(
    ("first", "block", "error"),
    [
        (b"HTTP/1.1 101 Fine\r\nX-Long: ", bytes(64 * KIB), HandshakeError),
        (b"HTTP/1.1 101 Fine\r\n", b"X-Another: one\r\n" * 4096, HandshakeError),
        (b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n1;more=", b"x" * 64 * KIB, HandshakeError),
        (b"HTTP/1.1 403 No\r\n\r\n", b"x" * 64 * KIB, HandshakeError),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2600, HandshakeError),
    ],
    ids=["endless line", "endless headers", "endless chunk", "endless body", "endless interim answers"],
)
def test_endless_answers_end_the_handshake(run_grid: RunGrid, first: bytes, block: bytes, error: type) -> None:
    """An answer without end is given up at a size, not kept until a deadline."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        for _ in range(128):  # 8 MiB
            writer.write(block)
            await writer.drain()

    async def main() -> None:
        async with bad_server(play) as url, memory_below(MIB + SLACK):
            with pytest.raises(error):
                await connect(url, proxy=None, handshake_timeout_s=20)

    run_grid(main())


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 101 Fine\r\nX-Long: "], ids=["silence", "a slow head"])
def test_slow_answers_have_a_deadline(run_grid: RunGrid, first: bytes) -> None:
    """A server, or a proxy, that answers one letter after the other is given up in time."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        while first:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async def main() -> None:
        async with bad_server(play) as url:
            with pytest.raises((DeadlineError, HandshakeError)):
                await connect(url, proxy=None, handshake_timeout_s=0.3)
            with pytest.raises((DeadlineError, ProxyError)):
                await connect("ws://elsewhere.example", proxy=url.replace("ws:", "http:"), connect_timeout_s=0.3)

    run_grid(main())


def test_a_proxy_that_answers_without_end_is_given_up(run_grid: RunGrid) -> None:
    """At 64 KiB of head."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(512):
            writer.write(bytes(64 * KIB))
            await writer.drain()

    async def main() -> None:
        async with bad_server(play) as url, memory_below(MIB + SLACK):
            with pytest.raises(ProxyError):
                await connect("ws://elsewhere.example", proxy=url.replace("ws:", "http:"))

    run_grid(main())


def test_the_protocol_classes_do_not_keep_an_endless_head(run: RunGrid) -> None:
    """What is no answer, or none that ends, is given up at 64 KiB and not kept until a deadline."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(128):  # 8 MiB
            writer.write(b"HTTP/1.1 101 Fine\r\nX-Long: " + bytes(64 * KIB))
            await writer.drain()

    async def main() -> None:
        async with bad_server(play) as url, memory_below(MIB + SLACK):
            factory = WebSocketClientFactory(url)
            factory.setProtocolOptions(openHandshakeTimeout=3600)
            port = int(url.rpartition(":")[2])
            _, client = await asyncio.get_running_loop().create_connection(factory, "127.0.0.1", port)
            async with asyncio.timeout(20):
                await client.is_closed

    run(main())


# -- the blocking twin -----------------------------------------------------------------------------------------------


@contextmanager
def blocking_server(data: bytes) -> Iterator[str]:
    """Open the WebSocket of one client and send it bytes, from a thread."""
    listener = socket.create_server(("127.0.0.1", 0))

    def play() -> None:
        connection, _ = listener.accept()
        with connection:
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(4096)
            try:
                connection.sendall(accepted(request) + data)
                while connection.recv(64 * KIB):
                    pass
            except OSError:
                pass

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join(20)
        listener.close()


@pytest.mark.parametrize(
    "flood",
    [served(9, b"x") * 3000, served(10, b"x") * 3000, served(2, fin=False) + served(0, b"", fin=False) * 3000],
    ids=["pings", "pongs", "fragments"],
)
def test_the_blocking_twin_gets_the_message_behind_a_flood(flood: bytes) -> None:
    """And answers no more than it must."""
    last = served(0, b"end") if flood[0] == 2 else served(2, b"end")
    with blocking_server(flood + last) as url:
        ws = sync.create_connection(url, timeout=20)
        try:
            assert ws.recv() == b"end"
        finally:
            ws.close(timeout=1)


def test_the_blocking_twin_does_not_wait_for_an_endless_frame() -> None:
    """A frame that announces more than a message may have fails at its head, where a limit is set."""
    with blocking_server(served(2, size=HUGE) + bytes(MIB)) as url:
        ws = sync.create_connection(url, timeout=20, max_message_bytes=LIMIT)
        try:
            with pytest.raises(sync.WebSocketException) as caught:
                ws.recv()
            assert not isinstance(caught.value, sync.WebSocketTimeoutException)
        finally:
            ws.shutdown()


@contextmanager
def flooding_server(block: bytes, *, is_deaf: bool = False) -> Iterator[tuple[str, list[int]]]:
    """Open the WebSocket of one client and send it the same 500 frames until it has gone; counts frames."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * KIB)
    sent = [0]

    def play() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(4096)
            connection.sendall(accepted(request))
            connection.settimeout(20)
            while True:
                connection.sendall(block)
                sent[0] += 500
                if not is_deaf:
                    with contextlib.suppress(BlockingIOError):
                        connection.recv(MIB, socket.MSG_DONTWAIT)

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}", sent
    finally:
        thread.join(30)
        listener.close()


@pytest.mark.parametrize("flood", [served(9, b"x"), served(10, b"x")], ids=["pings", "pongs"])
def test_a_server_that_never_stops_does_not_prolong_a_timeout(flood: bytes) -> None:
    """The time that one call was given holds although there is always something to read."""
    with flooding_server(flood * 500) as (url, _):
        ws = sync.create_connection(url, timeout=20)
        try:
            with pytest.raises(sync.WebSocketTimeoutException):
                ws.recv(timeout=0.05)
        finally:
            ws.shutdown()


def test_a_server_that_reads_no_pongs_does_not_have_them_pile_up() -> None:
    """The blocking twin owes it a few and the last one, however many pings it sends."""
    with flooding_server(served(9, bytes(125)) * 500, is_deaf=True) as (url, sent):
        ws = sync.create_connection(url, timeout=20)
        try:
            full_at = 0
            ends_s = time.monotonic() + 60
            while not full_at or sent[0] < full_at + 50_000:  # the kernel takes what fits into its own buffers first
                with pytest.raises(sync.WebSocketTimeoutException):
                    ws.recv(timeout=0.05)
                assert len(ws._pipe.replies) <= MOST_REPLIES
                if not full_at and len(ws._pipe.replies) == MOST_REPLIES:
                    full_at = sent[0]
                assert time.monotonic() < ends_s
            assert len(ws._pipe.replies) == MOST_REPLIES
        finally:
            ws.shutdown()
