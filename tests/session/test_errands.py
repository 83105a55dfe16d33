"""What a broker wants done beside the socket, before each attempt and each subscription."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.conftest import Runner
from tests.session.toy import HttpSide, ToyDialect, numbers, said, toy_dialer
from wsexample.clock import ManualClock
from wsexample.errors import BrokerUnavailableError, CredentialsError, DeadlineError, RateLimitError, UnknownSymbolError
from wsexample.ports import NOTHING, Errands, Step
from wsexample.session.session import Session
from wsexample.session.testing import NoWaiting, advance_until, settle


def test_errands_run_before_each_attempt_and_before_each_subscription(run: Runner[None]) -> None:
    """Credentials are refreshed for every attempt, registration is done anew after every reconnect."""

    async def main() -> None:
        dialer, side = toy_dialer(), HttpSide()
        async with Session(ToyDialect(), ["A"], dial=dialer, errands=side, testing=NoWaiting(attempts=None)) as session:
            await session.subscribe(["B"])
            await session.unsubscribe(["A"])
            dialer.connection.drop()
            await dialer.opened(2)
            await settle()
            assert session.is_live
        assert [entry for entry in side.log if entry != "backfill"] == [
            "prepare 1",
            "subscribe A",
            "subscribe B",
            "unsubscribe A",
            "prepare 2",
            "subscribe B",
        ]
        assert [options.headers for options in dialer.dialled] == [(("X-Token", "token-1"),), (("X-Token", "token-5"),)]

    run(main())


def test_what_an_errand_brings_is_delivered(run: Runner[None]) -> None:
    """A snapshot fetched while subscribing comes before what the stream says."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), ["A"], dial=dialer, errands=HttpSide()) as session:
            dialer.connection.say(said("A", 1))
            assert numbers([await session.receive(1) for _ in range(2)]) == [0, 1]

    run(main())


def test_an_errand_that_fails_for_now_is_tried_again(run: Runner[None]) -> None:
    """A failed login by HTTP costs an attempt, not the session."""

    async def main() -> None:
        side = HttpSide()
        side.problems = {"prepare": [BrokerUnavailableError("starting up")], "subscribe": [RateLimitError("429")]}
        async with Session(
            ToyDialect(), ["A"], dial=toy_dialer(), errands=side, testing=NoWaiting(attempts=None)
        ) as session:
            assert session.stats.attempts == 3

    run(main())


def test_an_errand_that_fails_for_good_ends_the_session(run: Runner[None]) -> None:
    """A final error of the HTTP side is raised with its words."""

    async def main() -> None:
        side = HttpSide()
        side.problems = {"subscribe": [UnknownSymbolError("no such symbol")]}
        with pytest.raises(UnknownSymbolError, match="no such symbol"):
            async with Session(ToyDialect(), ["A"], dial=toy_dialer(), errands=side):
                pass

    run(main())


def test_errands_may_overrule_what_is_final(run: Runner[None]) -> None:
    """A broker that can log in again says that a dead token is no reason to stop."""

    class Relogin(HttpSide):
        def is_final(self, error: Exception) -> bool | None:
            return False if isinstance(error, CredentialsError) else None

    async def main() -> None:
        side = Relogin()
        side.problems = {"subscribe": [CredentialsError("token expired")]}
        async with Session(
            ToyDialect(), ["A"], dial=toy_dialer(), errands=side, testing=NoWaiting(attempts=None)
        ) as session:
            assert session.stats.attempts == 2

    run(main())


def test_a_topic_given_up_during_its_errand_is_not_asked_for(run: Runner[None]) -> None:
    """The dialect hears only of what is still wanted when the errand is done."""

    class Slow(Errands):
        def __init__(self) -> None:
            self.gate = asyncio.Event()

        async def subscribe(self, topics: Sequence[str]) -> Step:
            await self.gate.wait()
            return NOTHING

    async def main() -> None:
        side, dialer = Slow(), toy_dialer()
        session = Session(ToyDialect(), ["A", "B"], dial=dialer, errands=side)
        session.start()
        await dialer.opened()
        await settle()
        await session.unsubscribe("A")
        side.gate.set()
        await session.wait_live()
        assert '{"want": ["B"]}' in dialer.connection.sent
        await session.unsubscribe("B")
        side.gate.clear()
        asking = asyncio.create_task(session.subscribe("C"))
        await settle()
        await session.unsubscribe("C")
        await asking
        side.gate.set()
        await settle()
        assert session.topics == ()
        assert '{"want": ["C"]}' not in dialer.connection.sent
        await session.close()

    run(main())


def test_an_errand_that_fails_while_live_is_raised_to_who_asked(run: Runner[None]) -> None:
    """The 51st symbol is refused to its caller; the other fifty flow on."""

    async def main() -> None:
        side = HttpSide()
        async with Session(ToyDialect(), ["A"], dial=toy_dialer(), errands=side) as session:
            side.problems = {"subscribe": [RateLimitError("too fast")]}
            with pytest.raises(RateLimitError, match="too fast"):
                await session.subscribe("B")
            assert session.is_live
            assert session.topics == ("A",)

    run(main())


@pytest.mark.parametrize("errand", ["prepare", "subscribe"])
def test_an_errand_that_hangs_is_left_in_time(run: Runner[None], errand: str) -> None:
    """Each errand has its deadline, and is cancelled when that passes."""

    class Hanging(Errands):
        was_cancelled = False

        async def hang(self) -> None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.was_cancelled = True

        async def prepare(self, attempt: int) -> Mapping[str, Any]:
            if errand == "prepare":
                await self.hang()
            return {}

        async def subscribe(self, topics: Sequence[str]) -> Step:
            await self.hang()
            return NOTHING

    async def main() -> None:
        clock, side = ManualClock(), Hanging()
        session = Session(
            ToyDialect(), ["A"], dial=toy_dialer(clock=clock), errands=side, clock=clock, testing=NoWaiting(attempts=1)
        )
        session.start()
        assert await advance_until(clock, lambda: session.phase == "closed") == pytest.approx(30.0)
        assert isinstance(session.error, DeadlineError)
        assert side.was_cancelled
        await session.close()

    run(main())


def test_an_errand_while_live_has_its_deadline_too(run: Runner[None]) -> None:
    """A subscription by HTTP that never ends is cut; who asked is told, and the topic stays wanted."""

    async def main() -> None:
        clock, running = ManualClock(), [0]

        class Stuck(HttpSide):
            async def subscribe(self, topics: Sequence[str]) -> Step:
                if "B" in topics and len(dialer.connections) == 1:
                    running[0] += 1
                    try:
                        await asyncio.get_running_loop().create_future()
                    finally:
                        running[0] -= 1
                return await super().subscribe(topics)

        dialer = toy_dialer(clock=clock)
        session = Session(ToyDialect(), ["A"], dial=dialer, errands=Stuck(), clock=clock)
        session.start()
        await advance_until(clock, lambda: session.is_live)
        asking = asyncio.ensure_future(session.subscribe(["B"]))
        await advance_until(clock, asking.done)
        with pytest.raises(DeadlineError):
            await asking
        assert (running, session.topics, session.is_live) == ([0], ("A", "B"), True)
        session.reconnect()
        await advance_until(clock, lambda: session.stats.reconnects == 1)
        assert session.topics == ("A", "B")
        await session.close()

    run(main())


def test_an_errand_that_begins_beside_another_has_its_whole_time(run: Runner[None]) -> None:
    """A topic asked for while others are being subscribed by HTTP is not cut off by the deadline of their answer."""

    async def main() -> None:
        clock = ManualClock()

        class Slow(HttpSide):
            async def subscribe(self, topics: Sequence[str]) -> Step:
                await clock.sleep(5 if "A" in topics else 20)  # the answer may take 10 s, an errand 30 s
                return await super().subscribe(topics)

        session = Session(ToyDialect(), ["A"], dial=toy_dialer(clock=clock), errands=Slow(), clock=clock)
        session.start()
        await settle()
        asking = asyncio.ensure_future(session.subscribe(["B"]))
        await advance_until(clock, lambda: session.is_live)
        await asking
        assert session.stats.attempts == 1
        await session.close()

    run(main())


def test_the_socket_is_told_of_topics_given_up_when_the_errand_fails(run: Runner[None]) -> None:
    """Who is not wanted any more is not sent any more, whatever the HTTP side says."""

    async def main() -> None:
        dialer, side = toy_dialer(), HttpSide()
        async with Session(ToyDialect(acks=True), ["A"], dial=dialer, errands=side) as session:
            side.problems = {"unsubscribe": [RateLimitError("429")]}
            with pytest.raises(RateLimitError):
                await session.unsubscribe(["A"])
        assert dialer.connection.sent[-1] == '{"drop": ["A"]}'

    run(main())
