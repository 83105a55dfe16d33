"""Standard input is read in order, no further ahead than wanted, and to its end."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from wsexample.cli.stdin import AHEAD_BLOCKS, BLOCK_BYTES, StdinReader

Pipe = tuple[int, int]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A pipe: the end to read, and the end to write, which the test closes."""
    ours, theirs = os.pipe()
    yield ours, theirs
    os.close(ours)


async def read_all(reader: StdinReader) -> bytes:
    """Read to the end, so that the reader's thread is done with the pipe."""
    found = b""
    while block := await reader.read():
        found += block
    return found


def test_everything_comes_in_order(run: Callable[[Any], Any], pipe: Pipe) -> None:
    """What was written comes out, whole and in order, and the end stays the end."""
    ours, theirs = pipe
    data = os.urandom(BLOCK_BYTES * (AHEAD_BLOCKS + 3))

    def write() -> None:
        with os.fdopen(theirs, "wb") as file:
            file.write(data)

    async def scenario() -> bytes:
        writer = threading.Thread(target=write)
        writer.start()
        reader = StdinReader(ours)
        found = await read_all(reader)
        writer.join()
        assert await reader.read() == b""
        return found

    assert run(scenario()) == data


def test_nothing_is_read_before_it_is_wanted(run: Callable[[Any], Any], pipe: Pipe) -> None:
    """A reader that nobody asked has taken nothing from the pipe."""
    ours, theirs = pipe
    os.write(theirs, b"first line\n")

    async def scenario() -> bytes:
        reader = StdinReader(ours)
        await asyncio.sleep(0)
        os.set_blocking(ours, False)
        waiting = os.read(ours, 100)
        os.set_blocking(ours, True)
        os.write(theirs, waiting)
        os.close(theirs)
        return await read_all(reader)

    assert run(scenario()) == b"first line\n"


def test_a_cancelled_read_takes_nothing(run: Callable[[Any], Any], pipe: Pipe) -> None:
    """What arrives after a read was given up is there for the next one."""
    ours, theirs = pipe

    async def scenario() -> bytes:
        reader = StdinReader(ours)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reader.read()
        os.write(theirs, b"late")
        os.close(theirs)
        return await read_all(reader)

    assert run(scenario()) == b"late"
