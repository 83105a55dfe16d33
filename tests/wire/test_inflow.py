"""The room between socket and consumer is bounded, loses nothing, and serves one consumer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from wsexample.errors import StateError
from wsexample.wire.inflow import Inflow


class Tap:
    """Counts how often reading was paused and resumed."""

    def __init__(self, **bounds: int) -> None:
        self.calls: list[str] = []
        self.inflow = Inflow(
            **({"max_messages": 4, "max_bytes": 1000} | bounds),
            pause=lambda: self.calls.append("pause"),
            resume=lambda: self.calls.append("resume"),
        )

    def put(self, *payloads: bytes) -> None:
        for payload in payloads:
            self.inflow.put(payload, False)


def test_reading_pauses_when_full_and_resumes_when_half_empty() -> None:
    """At the bound reading stops once; at half of it, it goes on once."""
    tap = Tap()
    tap.put(b"1", b"2", b"3", b"4", b"5")
    assert (tap.calls, tap.inflow.is_paused) == (["pause"], True)
    taken = [tap.inflow.take()[0] for _ in range(2)]
    assert tap.calls == ["pause"]
    taken.append(tap.inflow.take()[0])
    assert (tap.calls, taken) == (["pause", "resume"], [b"1", b"2", b"3"])


def test_bytes_count_as_well_as_messages() -> None:
    """A few large messages fill the room too."""
    tap = Tap(max_bytes=10)
    tap.put(b"123456", b"789012")
    assert tap.calls == ["pause"]


def test_arrivals_are_stamped() -> None:
    """Each message carries when it came, and the newest time is at hand."""
    tap = Tap()
    tap.put(b"x")
    payload, is_binary, received_ns = tap.inflow.take()
    assert (payload, is_binary) == (b"x", False)
    assert received_ns == tap.inflow.last_received_ns > 0


def test_what_came_before_the_end_can_be_taken(run: Callable[[Any], Any]) -> None:
    """The end is told only after everything that waits was taken."""

    async def scenario() -> list[object]:
        tap = Tap()
        tap.put(b"x")
        tap.inflow.finish()
        first = await tap.inflow.wait(None)
        return [first, tap.inflow.take()[0], await tap.inflow.wait(None)]

    assert run(scenario()) == [True, b"x", False]


def test_a_second_consumer_is_told(run: Callable[[Any], Any]) -> None:
    """Two tasks that wait at once are a mistake, said to the second; the first goes on."""

    async def scenario() -> bool:
        tap = Tap()
        first = asyncio.ensure_future(tap.inflow.wait(None))
        await asyncio.sleep(0)
        with pytest.raises(StateError, match="one consumer"):
            await tap.inflow.wait(None)
        tap.put(b"x")
        return await first

    assert run(scenario()) is True


def test_a_cancelled_wait_leaves_room_for_the_next(run: Callable[[Any], Any]) -> None:
    """Who gave up waiting does not block the next one."""

    async def scenario() -> bool:
        tap = Tap()
        with pytest.raises(TimeoutError):
            await tap.inflow.wait(0.001)
        tap.put(b"x")
        return await tap.inflow.wait(1)

    assert run(scenario()) is True


def test_an_open_gate_keeps_memory_bounded() -> None:
    """While closing, as much again is kept, and what comes on top is counted, not hidden."""
    tap = Tap()
    tap.put(*(b"%d" % n for n in range(4)))
    tap.inflow.open_gate()
    tap.put(*(b"%d" % n for n in range(4, 20)))
    assert tap.calls == ["pause", "resume"]
    assert (len(tap.inflow), tap.inflow.discarded, tap.inflow.received) == (8, 12, 20)
    assert [tap.inflow.take()[0] for _ in range(8)] == [b"%d" % n for n in range(8)]


def test_a_second_consumer_is_never_forgotten(run: Callable[[Any], Any]) -> None:
    """Who takes what another task was woken for, and waits for the next, is woken by that; the other task is told."""

    async def scenario() -> tuple[bool, list[Any]]:
        inflow = Tap().inflow
        first = asyncio.ensure_future(inflow.wait(None))
        await asyncio.sleep(0)
        inflow.put(b"1", False)
        inflow.take()
        asyncio.get_running_loop().call_soon(inflow.put, b"2", False)
        return await inflow.wait(5), await asyncio.gather(first, return_exceptions=True)

    is_there, outcome = run(scenario())
    assert is_there
    assert isinstance(outcome[0], StateError)


def test_a_consumer_may_follow_one_that_was_cancelled(run: Callable[[Any], Any]) -> None:
    """The next may wait at once, also when the cancelled task has not had a turn since."""

    async def scenario() -> bool:
        inflow = Tap().inflow
        first = asyncio.ensure_future(inflow.wait(None))
        await asyncio.sleep(0)
        first.cancel()
        asyncio.get_running_loop().call_later(0.01, inflow.put, b"1", False)
        return await inflow.wait(5)

    assert run(scenario())
