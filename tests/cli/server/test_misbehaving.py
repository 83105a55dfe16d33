"""``wseserver`` misbehaves when it is told to, for tests of clients."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from wsexample import connect
from wsexample.errors import ConnectionClosed, DeadlineError, StateError


@pytest.mark.parametrize(
    ("flags", "answers", "code"),
    [
        (("--drop-after", "2"), 2, 1006),
        (("--drop-after", "2", "--close-code", "4001"), 2, 4001),
        (("--close-code", "1013"), 0, 1013),
    ],
)
def test_connections_end_as_told(
    serving: Callable[..., str], run: Callable[[Any], Any], flags: tuple[str, ...], answers: int, code: int
) -> None:
    """A connection is cut or closed after so many messages, or at once."""
    url = serving(*flags)

    async def scenario() -> tuple[int, int | None]:
        async with connect(url) as ws:
            count = 0
            try:
                while True:
                    await ws.send("x")
                    await ws.receive(10)
                    count += 1
            except (ConnectionClosed, StateError):
                await ws.wait_closed()
            return count, ws.close_code

    assert run(scenario()) == (answers, code)


def test_latency_is_added(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """An answer comes no sooner than --latency-ms."""
    url = serving("--latency-ms", "300")

    async def scenario() -> float:
        async with connect(url) as ws:
            started_s = time.monotonic()
            await ws.send("x")
            await ws.receive(10)
            return time.monotonic() - started_s

    assert run(scenario()) >= 0.3


def test_pongs_are_withheld(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """After --inhibit-pongs N pings, no more are answered."""
    url = serving("--inhibit-pongs", "2")

    async def scenario() -> None:
        async with connect(url) as ws:
            await ws.send("the server counts from here")
            await ws.receive(10)
            await ws.ping(timeout_s=10)
            await ws.ping(timeout_s=10)
            with pytest.raises(DeadlineError):
                await ws.ping(timeout_s=0.3)
            await ws.send("still here")
            assert await ws.receive(10) == "still here"

    run(scenario())
