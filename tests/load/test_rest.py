"""Hostile answers over HTTP: what a broker's address says costs no more than the longest body, and no longer than a call."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.load.conftest import KIB, MIB, memory_below
from tests.load.test_servers import bad_server
from wsexample.brokers.base import HttpCaller
from wsexample.errors import DeadlineError, NetworkError

RunGrid = Callable[[Any], Any]
LIMIT = 256 * KIB
FOUND = b"HTTP/1.1 200 OK\r\n"


def packed(size: int) -> bytes:
    """Zeros in gzip."""
    machine = zlib.compressobj(9, zlib.DEFLATED, 31)
    return machine.compress(bytes(size)) + machine.flush()


BOMB = packed(64 * MIB)


@pytest.mark.parametrize(
    ("first", "block", "error"),
    [
        (FOUND + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB, b"", NetworkError),
        (FOUND + b"Content-Length: 9999999999\r\n\r\n", bytes(64 * KIB), NetworkError),
        (b"HTTP/1.1 401 No\r\nContent-Length: 9999999999\r\n\r\n", bytes(64 * KIB), NetworkError),
        (FOUND + b"\r\n", bytes(64 * KIB), NetworkError),
        (FOUND + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + bytes(4096) + b"\r\n", NetworkError),
        (FOUND + b"Transfer-Encoding: chunked\r\n\r\n1;more=", b"x" * 64 * KIB, (NetworkError, DeadlineError)),
        (FOUND + b"X-Long: ", b"x" * 64 * KIB, NetworkError),
        (FOUND, b"X-Another: one\r\n" * 4096, NetworkError),
        (FOUND + b"Content-Length: 1000\r\n\r\n{}", b"", DeadlineError),
        (b"", b"", DeadlineError),
    ],
    ids=[
        "bomb",
        "huge body",
        "huge refusal",
        "endless body",
        "endless chunks",
        "endless chunk head",
        "endless line",
        "endless headers",
        "length that lies",
        "silence",
    ],
)
def test_an_answer_without_end_is_a_typed_error(run: RunGrid, first: bytes, block: bytes, error: Any) -> None:
    """Within the call's time and the body's limit, whatever is announced."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        for _ in range(128 if block else 0):  # 8 MiB
            writer.write(block)
            await writer.drain()

    async def main() -> None:
        async with (
            bad_server(play) as url,
            HttpCaller(url.replace("ws:", "http:"), timeout_s=0.5, max_body_bytes=LIMIT) as caller,
            memory_below(16 * MIB),  # aiohttp inflates some way ahead
        ):
            with pytest.raises(error) as caught:
                await caller.call("GET", "/x", headers={"X-API-KEY": "secret"})
            assert str(caught.value).isprintable()
            assert "secret" not in str(caught.value)

    run(main())


def test_a_redirect_takes_no_credentials_anywhere(run: RunGrid) -> None:
    """It is an answer like any other: nobody goes there."""
    asked: list[bytes] = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 307 There\r\nLocation: http://localhost:%d/\r\nContent-Length: 0\r\n\r\n" % port)

    async def main() -> None:
        nonlocal port
        async with bad_server(play) as url, HttpCaller(url.replace("ws:", "http:"), timeout_s=5) as caller:
            port = int(url.rpartition(":")[2])
            assert (await caller.call("GET", "/x", headers={"X-API-KEY": "secret"})).status == 307

    port = 0
    run(main())
    assert len(asked) == 1
