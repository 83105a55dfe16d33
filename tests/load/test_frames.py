"""Frames that are meant to hurt: whoever sends them costs no more than the options allow, and the others are served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.load.conftest import (
    KIB,
    MIB,
    SLACK,
    Hostile,
    beside,
    bomb,
    echo,
    frame,
    hostile,
    memory_below,
    nobody_left,
)
from wsexample.wire.options import ServeOptions
from wsexample.wire.server import serve

RunGrid = Callable[[Any], Any]
LIMIT = 64 * KIB
OPTIONS = ServeOptions(max_message_bytes=LIMIT, read_ahead_bytes=LIMIT, compression=True)
HUGE = (1 << 63) - 1


async def everything_read(peer: Hostile) -> None:
    """Wait until the victim has taken all frames: the pong of a last ping comes behind them."""
    await peer.push(frame(9, b"the last"))
    while b"the last" not in await peer.reader.read(64 * KIB):
        pass


@pytest.mark.parametrize("payload", [b"", b"x", b"xyz"], ids=["0 bytes", "1 byte", "3 bytes"])
def test_many_fragments_cost_no_more_than_their_message(run_grid: RunGrid, payload: bytes) -> None:
    """An unfinished message of 2,000 continuation frames takes the memory of its bytes, and others are served."""
    block = frame(0, payload, fin=False) * 200

    async def main() -> None:
        async with serve(echo, options=OPTIONS) as server, beside(server) as others, hostile(server.port) as peer:
            await peer.push(frame(2, fin=False))
            async with memory_below(2 * LIMIT + SLACK):
                for _ in range(10):
                    await peer.push(block)
                await everything_read(peer)
            await others.more()
            await peer.push(frame(0, b"end"))
            assert (await peer.reader.readexactly(4))[0] == 0x82

    run_grid(main())


def test_a_message_in_fragments_ends_at_its_limit(run_grid: RunGrid) -> None:
    """More fragments than a message may have bytes end with 1009."""
    options = OPTIONS.replace(max_message_bytes=3000)

    async def main() -> int | None:
        async with serve(echo, options=options) as server, beside(server), hostile(server.port) as peer:
            await peer.push(frame(2, fin=False))
            await peer.push(frame(0, b"x", fin=False) * 3001)
            return await peer.end()

    assert run_grid(main()) == 1009


@pytest.mark.parametrize("opcode", [9, 10], ids=["pings", "pongs"])
def test_a_flood_of_control_frames_lets_others_through(run_grid: RunGrid, opcode: int) -> None:
    """Between the turns of one read of a flood another connection is answered."""

    async def main() -> None:
        async with serve(echo, options=OPTIONS) as server, beside(server) as others, hostile(server.port) as peer:
            await peer.push(frame(opcode, b"x") * 2_000)
            before = others.answered
            await everything_read(peer)
            assert others.answered > before + 5

    run_grid(main())


def test_too_many_frames_are_too_many(run_grid: RunGrid) -> None:
    """Where a rate is set, pings above it close the connection with 1008, and slower ones do not."""
    options = ServeOptions(max_frames_per_s=100)

    async def main() -> None:
        async with serve(echo, options=options) as server, beside(server), hostile(server.port) as peer:
            async with hostile(server.port) as moderate:
                await moderate.push(frame(9, b"x") * 50)
                await everything_read(moderate)
            await peer.push(frame(9, b"x") * 1000)
            assert await peer.end() == 1008
            await nobody_left(server, but=1)

    run_grid(main())


def test_a_flood_that_ends_is_no_warning(run_grid: RunGrid, caplog: pytest.LogCaptureFixture) -> None:
    """A client that floods with pings and cuts the connection leaves no line for each answer that it did not wait for."""

    async def main() -> None:
        async with serve(echo, options=OPTIONS) as server:
            for _ in range(3):
                async with hostile(server.port) as peer:
                    await peer.push(frame(9, b"x") * 2_000)
            await nobody_left(server)

    run_grid(main())
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


@pytest.mark.parametrize(
    "first",
    [
        frame(2, bytes(LIMIT + 1)),
        frame(2, size=HUGE),
        frame(2, fin=False, size=HUGE),
        frame(2, bomb(8 * MIB), rsv=4),
        frame(2, bomb(8 * MIB)[:4000], fin=False, rsv=4) + frame(0, bomb(8 * MIB)[4000:]),
    ],
    ids=["a byte too many", "endless frame", "endless fragment", "bomb", "bomb in fragments"],
)
def test_what_is_too_large_ends_soon_and_costs_nothing_more(run_grid: RunGrid, first: bytes) -> None:
    """1009; what the peer goes on sending is not kept, and it is cut long before ``close_timeout_s``."""
    options = OPTIONS.replace(close_timeout_s=3600)

    async def main() -> None:
        async with serve(echo, options=options) as server, beside(server), hostile(server.port, deflate=True) as peer:
            async with memory_below(4 * LIMIT + SLACK):
                goes_on = await peer.push(first)
                for _ in range(64):  # 16 MiB
                    goes_on = goes_on and await peer.push(bytes(256 * KIB))
                assert await peer.end() in (1009, None)  # the cut may overtake the close frame of one who does not read
            await nobody_left(server, but=1)

    run_grid(main())


@pytest.mark.parametrize("is_bomb", [True, False], ids=["bomb", "too large"])
def test_whoever_answers_the_close_is_let_go_at_once(run_grid: RunGrid, is_bomb: bool) -> None:
    """The peer's close frame is found behind what was too large, also in the same read."""
    options = OPTIONS.replace(close_timeout_s=3600)
    data = frame(2, bomb(8 * MIB), rsv=4) if is_bomb else frame(2, bytes(LIMIT + 1))

    async def main() -> None:
        async with serve(echo, options=options) as server, hostile(server.port, deflate=True) as peer:
            await peer.push(data + frame(2, b"more") * 10 + frame(8, b"\x03\xf1"))
            assert await peer.end() == 1009
            await nobody_left(server)

    run_grid(main())


def test_many_bombs_at_once_are_many_refusals(run_grid: RunGrid) -> None:
    """Twenty connections with a bomb each get 1009 each; memory is that of what is allowed to each."""
    packed = frame(2, bomb(8 * MIB), rsv=4)

    async def main() -> None:
        async with serve(echo, options=OPTIONS) as server, beside(server):

            async def one() -> int | None:
                async with hostile(server.port, deflate=True) as peer:
                    await peer.push(packed)
                    return await peer.end()

            async with memory_below(20 * 4 * LIMIT + SLACK):
                codes = await asyncio.gather(*(one() for _ in range(20)))
            assert codes == [1009] * 20
            await nobody_left(server, but=1)

    run_grid(main())


def test_the_largest_message_is_still_a_message(run_grid: RunGrid) -> None:
    """Exactly what is allowed comes through, in one frame, in fragments, and compressed with the memory of the one before."""
    whole = frame(2, bytes(LIMIT))
    parts = frame(2, bytes(LIMIT // 2), fin=False) + frame(0, bytes(LIMIT // 2))
    packed = frame(2, bomb(LIMIT), rsv=4) * 2

    async def main() -> int:
        taken = []

        async def count(ws: Any) -> None:
            async for payload, _ in ws.payloads():
                taken.append(len(payload))

        async with serve(count, options=OPTIONS) as server, hostile(server.port, deflate=True) as peer:
            await peer.push(whole + parts + packed)
            await everything_read(peer)
            return taken == [LIMIT] * 4

    assert run_grid(main())
