"""Connections as a weapon: many, idle, coming and going, half-closed, or never read from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.load.conftest import KIB, MIB, REQUEST, SLACK, beside, echo, frame, hostile, memory_below, nobody_left
from wsexample.echo import WSEServe
from wsexample.wire.autobahn import WebSocketServerFactory
from wsexample.wire.options import ServeOptions
from wsexample.wire.server import ServerConnection, serve

RunGrid = Callable[[Any], Any]


def test_idle_connections_cost_little(run_grid: RunGrid) -> None:
    """A hundred idle WebSockets take less than 64 KiB each of both ends together, and leave nothing when they go."""

    async def main() -> None:
        async with serve(echo) as server, beside(server) as others, memory_below(100 * 64 * KIB + SLACK):
            peers = [hostile(server.port) for _ in range(100)]
            for peer in peers:
                await peer.__aenter__()
            await others.more()
            for peer in peers:
                await peer.__aexit__(None, None, None)
            await nobody_left(server, but=1)
            while len(server._tasks) > 1:
                await asyncio.sleep(0)

    run_grid(main())


def test_coming_and_going_leaves_nothing(run_grid: RunGrid) -> None:
    """Ends with a close frame, with a reset, and in the middle of a handshake leave no connection and no handler."""

    async def main() -> None:
        async with serve(echo, options=ServeOptions(max_connections=50)) as server, beside(server):
            for turn in range(90):
                async with hostile(server.port, opens=turn % 3 != 2) as peer:
                    if turn % 3 == 0:
                        await peer.push(frame(8, b"\x03\xe8"))
                        assert await peer.end() == 1000
                    elif turn % 3 == 2:
                        await peer.push(REQUEST % b"")
            await nobody_left(server, but=1)
            while (len(server._tasks), len(server._census)) != (1, 1):
                await asyncio.sleep(0)

    run_grid(main())


def test_half_closed_peers_are_let_go(run_grid: RunGrid) -> None:
    """A peer that says that nothing more will come is closed, in the handshake and afterwards."""

    async def main() -> None:
        async with serve(echo) as server, beside(server):
            for opens in (False, True):
                async with hostile(server.port, opens=opens) as peer:
                    peer.writer.write_eof()
                    assert await peer.end() is None
            await nobody_left(server, but=1)

    run_grid(main())


@pytest.mark.parametrize("opcode", [2, 9], ids=["messages", "pings"])
def test_whoever_sends_and_never_reads_is_given_up(run_grid: RunGrid, opcode: int) -> None:
    """It is stopped at the read-ahead and the write buffer, and dropped when it takes nothing for the ping timeout."""
    options = ServeOptions(read_ahead_bytes=64 * KIB, ping_interval_s=0.3, ping_timeout_s=0.3, close_timeout_s=0.3)

    async def main() -> None:
        async with serve(echo, options=options) as server, beside(server), hostile(server.port) as peer:
            block = frame(opcode, bytes(125)) * 500
            async with memory_below(MIB + SLACK):
                while await peer.push(block):
                    await asyncio.sleep(0)
                await nobody_left(server, but=1)

    if opcode == 2:
        run_grid(main())
    else:
        run_grid(pings_are_answered_by_the_last(options))


async def pings_are_answered_by_the_last(options: ServeOptions) -> None:
    """A peer that reads no pongs may go on sending pings, and they fill no memory."""
    async with serve(echo, options=options) as server, beside(server), hostile(server.port) as peer:
        async with memory_below(MIB + SLACK):
            for _ in range(40):
                await peer.push(frame(9, bytes(125)) * 500)
        connection = next(
            ws for ws in server.connections if ws.peer.endswith(str(peer.writer.get_extra_info("sockname")[1]))
        )
        assert connection.write_buffer_bytes < 256 * KIB


def test_the_echo_of_the_protocol_classes_reads_no_further_than_it_is_read_from(run_grid: RunGrid) -> None:
    """The small echo server stops reading a client that takes none of its answers."""

    async def main() -> None:
        echoes: list[Any] = []

        class Quiet(WSEServe):
            def onConnect(self, request: Any) -> None:
                echoes.append(self)

            def onOpen(self) -> None:
                pass

            def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
                pass

        factory = WebSocketServerFactory()
        factory.protocol = Quiet
        listener = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
        async with hostile(listener.sockets[0].getsockname()[1]) as peer:
            peer.writer.transport.pause_reading()
            peer.writer.write(frame(2, bytes(8 * KIB)) * 4096)  # 32 MiB
            while not (echoes and echoes[0]._is_held_back):
                await asyncio.sleep(0.005)
            assert echoes[0].transport.get_write_buffer_size() < MIB
        listener.close()

    run_grid(main())


def test_a_handler_hears_everything_before_a_flooded_end(run_grid: RunGrid) -> None:
    """What came before a cut is delivered in order, however many tiny frames stand between, and then the end."""

    async def main() -> None:
        seen: list[bytes] = []

        async def take(ws: ServerConnection) -> None:
            async for payload, _ in ws.payloads():
                seen.append(payload)

        async with serve(take) as server:
            async with hostile(server.port) as peer:
                for number in range(20):
                    await peer.push(frame(9, b"x") * 300 + frame(2, b"%d" % number))
                peer.writer.write_eof()
                while await peer.reader.read(64 * KIB):
                    pass
            await nobody_left(server)
            assert seen == [b"%d" % number for number in range(20)]

    run_grid(main())
