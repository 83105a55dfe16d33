"""One message to many readers: everybody gets it, compressed or not, and nobody waits for the slow one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from tests.conftest import Runner
from wsexample.wire.broadcast import Broadcaster
from wsexample.wire.connection import Connection, connect
from wsexample.wire.options import ServeOptions
from wsexample.wire.server import ServerConnection, serve


async def joined(broadcaster: Broadcaster, n: int) -> None:
    """Wait until this many readers are there."""
    async with asyncio.timeout(10):
        while len(broadcaster) < n:
            await asyncio.sleep(0)


def test_every_reader_gets_every_message_in_order(run_grid: Runner[None]) -> None:
    """Plain and compressing readers receive the same text and binary messages."""

    async def main() -> None:
        broadcaster = Broadcaster()

        async def handler(ws: ServerConnection) -> None:
            broadcaster.add(ws)
            await ws.wait_closed()

        async with serve(handler, options=ServeOptions(compression=True)) as server:
            readers = [await connect(server.url, compression=i % 2 == 0) for i in range(6)]
            await joined(broadcaster, 6)
            for i in range(50):
                assert broadcaster.send(f"tick {i} 円") == 6
            assert broadcaster.send(b"\0\1") == 6
            for reader in readers:
                assert [await reader.receive(5) for _ in range(50)] == [f"tick {i} 円" for i in range(50)]
                assert await reader.receive(5) == b"\0\1"
            assert broadcaster.sent == 306
            for reader in readers:
                await reader.close()

    run_grid(main())


@pytest.mark.parametrize("compression", [False, True])
def test_a_message_never_lands_between_fragments(run: Runner[None], compression: bool) -> None:
    """A reader that is being sent a message in fragments gets the broadcast behind it (RFC 6455 section 5.4)."""

    async def main() -> None:
        broadcaster, go_on = Broadcaster(), asyncio.Event()

        async def parts() -> AsyncIterator[str]:
            yield "a"
            yield "b"
            await go_on.wait()
            yield "c"

        async def handler(ws: ServerConnection) -> None:
            broadcaster.add(ws)
            await ws.send_fragments(parts())
            await ws.wait_closed()

        async with (
            serve(handler, options=ServeOptions(compression=compression)) as server,
            connect(server.url, compression=compression) as reader,
        ):
            await joined(broadcaster, 1)
            assert broadcaster.send("tick") == broadcaster.send(b"tock") == 1
            (sending,) = broadcaster
            assert sending.write_buffer_bytes == 8
            go_on.set()
            assert [await reader.receive(5) for _ in range(3)] == ["abc", "tick", b"tock"]
            assert sending.write_buffer_bytes == 0
            assert broadcaster.send("after") == 1
            assert await reader.receive(5) == "after"

    run(main())


def test_a_reader_that_left_is_forgotten(run: Runner[None]) -> None:
    """Sending to a closed connection counts nobody and keeps nothing."""

    async def main() -> None:
        broadcaster = Broadcaster()

        async def handler(ws: ServerConnection) -> None:
            broadcaster.add(ws)
            await ws.wait_closed()

        async with serve(handler) as server:
            async with connect(server.url):
                await joined(broadcaster, 1)
            async with asyncio.timeout(10):
                while server.connections:
                    await asyncio.sleep(0)
            assert broadcaster.send("x") == 0
            assert len(broadcaster) == 0

    run(main())


def test_a_frozen_reader_is_let_go_and_the_others_lose_nothing(run_grid: Runner[None]) -> None:
    """Past its backlog a reader is closed with 1013 while the rest receive every message."""

    async def main() -> None:
        slow: list[Connection] = []

        def note(connection: Connection) -> None:
            slow.append(connection)
            connection.start_close(1013, "too slow")

        broadcaster = Broadcaster(max_backlog_bytes=100_000, too_slow=note)

        async def handler(ws: ServerConnection) -> None:
            broadcaster.add(ws)
            await ws.wait_closed()

        async with serve(handler, options=ServeOptions(close_timeout_s=0.2)) as server:
            frozen = socket.create_connection(("127.0.0.1", server.port))
            frozen.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            frozen.sendall(
                b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            async with connect(server.url) as reader:
                await joined(broadcaster, 2)
                sent = 0
                while not slow:
                    broadcaster.send("x" * 20_000)
                    sent += 1
                    assert await reader.receive(5) == "x" * 20_000
                broadcaster.send("after")
                assert await reader.receive(5) == "after"
                assert broadcaster.skipped >= 1
                assert sent < 1000
            frozen.close()

    run_grid(main())
