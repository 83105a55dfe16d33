"""Keep-alive pings ask a silent peer and give up only one that is really silent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from wsexample.wire.heartbeat import STALL_S, Heartbeat


class Patient:
    """What a heartbeat asks and does, noted."""

    def __init__(self, *, timeout_s: float = 0.01, answers: int = 0, is_paused: int = 0) -> None:
        self.pings = 0
        self.sign = 0
        self.answers = answers
        self.pauses = is_paused
        self.given_up = asyncio.get_running_loop().create_future()
        self.pinged = asyncio.Event()
        self.heartbeat = Heartbeat(
            interval_s=0.001,
            timeout_s=timeout_s,
            ping=self.ping,
            progress=lambda: self.sign,
            is_paused=self.paused,
            give_up=lambda: self.given_up.set_result(self.pings),
        )

    def ping(self) -> None:
        self.pings += 1
        self.pinged.set()
        if self.pings <= self.answers:
            self.sign += 1

    def paused(self) -> bool:
        self.pauses -= 1
        return self.pauses >= 0


def test_a_silent_peer_is_given_up_after_one_ping(run_grid: Callable[[Any], Any]) -> None:
    """No sign of life within the time after a ping ends it."""

    async def scenario() -> int:
        return await Patient().given_up

    assert run_grid(scenario()) == 1


def test_signs_of_life_keep_it_going(run: Callable[[Any], Any]) -> None:
    """As long as something arrives after a ping nobody is given up."""

    async def scenario() -> int:
        return await Patient(answers=3).given_up

    assert run(scenario()) == 4


def test_nobody_is_given_up_while_reading_is_paused(run: Callable[[Any], Any]) -> None:
    """The answer may wait in our own socket, so a consumer that is behind does not cost the connection."""

    async def scenario() -> int:
        return await Patient(is_paused=2).given_up

    assert run(scenario()) == 3


def test_time_in_which_the_loop_stood_still_does_not_count(run_grid: Callable[[Any], Any]) -> None:
    """A program that holds the loop up for longer than the timeout does not lose a peer that answers."""

    async def scenario() -> int:
        patient = Patient(timeout_s=0.02)

        def answer() -> None:
            patient.sign += 1

        def ping() -> None:
            patient.pings += 1
            if patient.pings == 1:
                time.sleep(STALL_S + 0.1)
                asyncio.get_running_loop().call_later(0.002, answer)

        patient.heartbeat._ping = ping
        return await patient.given_up

    assert run_grid(scenario()) == 2


def test_a_loop_that_is_always_late_gives_up_too(run: Callable[[Any], Any]) -> None:
    """Each stall counts against the same allowance, which is as long as the timeout."""

    async def scenario() -> int:
        patient = Patient(timeout_s=0.02)
        loop = asyncio.get_running_loop()

        def hold_up() -> None:
            time.sleep(STALL_S + 0.01)
            if not patient.given_up.done():
                loop.call_soon(hold_up)

        hold_up()
        return await patient.given_up

    assert run(scenario()) == 1


def test_without_a_timeout_it_only_asks(run: Callable[[Any], Any]) -> None:
    """Zero pings on and never gives up."""

    async def scenario() -> bool:
        patient = Patient(timeout_s=0)
        while patient.pings < 3:
            patient.pinged.clear()
            await patient.pinged.wait()
        patient.heartbeat.stop()
        return patient.given_up.done()

    assert run(scenario()) is False


def test_an_answer_brings_the_next_ping_forward(run: Callable[[Any], Any]) -> None:
    """Who answered is asked again after the interval, not after the interval and the time for an answer."""

    async def scenario() -> int:
        patient = Patient(timeout_s=20)
        for _ in range(3):
            await patient.pinged.wait()
            patient.pinged.clear()
            patient.heartbeat.answered()
        patient.heartbeat.stop()
        return patient.pings

    assert run(scenario()) == 3


def test_a_stopped_heartbeat_is_silent(run: Callable[[Any], Any]) -> None:
    """After the end of the connection nothing is sent, also when stopped by the ping itself."""

    async def scenario() -> tuple[int, bool]:
        patient = Patient()
        ping = patient.ping

        def last() -> None:
            ping()
            patient.heartbeat.stop()

        patient.heartbeat._ping = last
        await patient.pinged.wait()
        patient.heartbeat.stop()
        return patient.pings, patient.given_up.done()

    assert run(scenario()) == (1, False)
