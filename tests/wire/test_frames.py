"""Frames come one by one, in order and unanswered, and plain ones by the lane."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any

import pytest

from tests.sync.peer import frame_bytes
from tests.wire.conftest import answering, raw_peer, until
from wsexample.errors import HandshakeError
from wsexample.wire.frames import Frame, Frames, Violation, dial_frames
from wsexample.wire.options import ConnectOptions

Run = Callable[[Any], Any]


async def row_of(data: bytes, *, cut: int = 1 << 20, **options: Any) -> tuple[list[Any], Frames]:
    """What stands in the row after these bytes came in pieces, and what was sent is in ``frames.link``."""
    done = asyncio.Event()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(accepted(head))
        await done.wait()

    async with raw_peer(play) as url:
        frames = await dial_frames(ConnectOptions(url=url, proxy=None, **options))
        for start in range(0, len(data), cut):
            frames.feed(data[start : start + cut])
        done.set()
        frames.abort()
        await frames.over
    return list(frames.row), frames


def accepted(head: bytes) -> bytes:
    import base64
    import hashlib

    key = head.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


EVERYTHING = b"".join(
    (
        frame_bytes(1, b"one"),
        frame_bytes(9, b"ping"),
        frame_bytes(2, b"two"),
        frame_bytes(1, b"a", 0),
        frame_bytes(10, b"pong"),
        frame_bytes(0, b"b"),
        frame_bytes(1, b"masked", key=b"abcd"),
        frame_bytes(8, struct.pack("!H", 1000) + b"bye"),
        frame_bytes(1, b"after the end"),
    )
)


@pytest.mark.parametrize("cut", [1, 3, 1 << 20])
def test_every_frame_stands_in_its_place(run: Run, cut: int) -> None:
    """However the bytes come; nothing counts after the close frame."""
    row, frames = run(row_of(EVERYTHING, cut=cut))
    assert row == [
        b"one",
        Frame(9, True, b"ping"),
        Frame(2, True, b"two"),
        Frame(1, False, b"a"),
        Frame(10, True, b"pong"),
        Frame(0, True, b"b"),
        b"masked",
        Frame(8, True, struct.pack("!H", 1000) + b"bye"),
    ]
    assert frames.link.localCloseCode is None, "a close frame is for whoever takes it to answer"


def test_plain_frames_come_by_the_lane(run: Run) -> None:
    """Seeing fragments does not cost the others their speed."""
    _, frames = run(row_of(frame_bytes(1, b"x")))
    assert type(frames.link).lane_shares == {"onMessageFrameEnd", "onMessageEnd"}
    assert frames.link.lane_receives


@pytest.mark.parametrize(
    ("data", "code"),
    [(frame_bytes(3), 1002), (frame_bytes(1, b"\xff"), 1007), (frame_bytes(1, b"x" * 9), 1009)],
)
def test_what_breaks_the_protocol_stands_in_its_place(run: Run, data: bytes, code: int) -> None:
    """Behind what came before it, once, with the code of the close frame that was sent."""
    row, frames = run(row_of(frame_bytes(1, b"before") + data, max_message_bytes=8))
    assert row[0] == b"before"
    assert [item.code for item in row if isinstance(item, Violation)] == [code]
    assert frames.violation is not None


def test_any_subprotocol_may_be_chosen(run: Run) -> None:
    """Whether it is acceptable is decided by whoever dialled."""

    async def scenario() -> str | None:
        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(accepted(head)[:-2] + b"Sec-WebSocket-Protocol: odd\r\n\r\n")
            await reader.read()

        async with raw_peer(play) as url:
            frames = await dial_frames(ConnectOptions(url=url, proxy=None, subprotocols=["a"]))
            frames.abort()
            await frames.over
            return frames.subprotocol

    assert run(scenario()) == "odd"


def test_heads_can_be_seen_when_it_fails(run: Run) -> None:
    """Request and answer, also of a refusal that announces no length and is therefore not waited for."""
    seen: list[Frames] = []

    async def scenario() -> None:
        async with answering(b"HTTP/1.1 404 Not Found\r\nX-A: 1\r\n\r\n", then_close=False) as url:
            with pytest.raises(HandshakeError):
                await dial_frames(ConnectOptions(url=url, proxy=None), made=seen.append)
            await until(lambda: seen[0].over.done())

    run(scenario())
    assert seen[0].request_head.startswith(b"GET / HTTP/1.1\r\n")
    assert seen[0].response_head.startswith(b"HTTP/1.1 404 Not Found\r\nX-A: 1")


def test_nothing_is_parsed_where_that_is_not_wanted(run: Run) -> None:
    """The bytes that came with the answer are in ``spare``."""

    async def scenario() -> tuple[bytes, int]:
        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(accepted(head) + frame_bytes(1, b"x"))
            await reader.read()

        async with raw_peer(play) as url:
            frames = await dial_frames(ConnectOptions(url=url, proxy=None), is_raw=True)
            found = frames.spare, len(frames.row)
            frames.abort()
            await frames.over
            return found

    assert run(scenario()) == (frame_bytes(1, b"x"), 0)
