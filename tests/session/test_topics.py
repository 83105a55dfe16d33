"""What a session subscribes to: topics added, given up, refused and unanswered, and the order of a dialect's answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

import pytest

from tests.conftest import Runner
from tests.session.toy import ToyDialect, numbers, said, toy_dialer
from wsexample.clock import ManualClock
from wsexample.errors import DeadlineError, UnknownSymbolError
from wsexample.ports import NOTHING, Step
from wsexample.session import events
from wsexample.session.session import Session
from wsexample.session.testing import NoWaiting, ScriptedDialer, advance_until, settle


def test_topics_can_be_added_and_given_up_while_live(run: Runner[None]) -> None:
    """subscribe returns when the broker has confirmed; unsubscribe when it has been told; both survive a reconnect."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(acks=True), ["A"], dial=dialer, testing=NoWaiting(attempts=None)) as session:
            await session.subscribe(["B", "A"])
            await session.unsubscribe("A")
            assert dialer.connection.sent == ['{"want": ["A"]}', '{"want": ["B"]}', '{"drop": ["A"]}']
            dialer.connection.drop()
            await dialer.opened(2)
            await settle()
            assert dialer.connection.sent == ['{"want": ["B"]}']
            assert session.topics == ("B",)

    run(main())


def test_a_topic_refused_while_live_is_raised_to_who_asked(run: Runner[None]) -> None:
    """The caller gets the broker's words, the session goes on, and the topic is forgotten."""

    async def main() -> None:
        dialer = ScriptedDialer(
            answer=lambda message: ['{"have":["A"]}' if "A" in str(message) else '{"have":[],"not":["B"]}']
        )
        async with Session(ToyDialect(acks=True), ["A"], dial=dialer) as session:
            with pytest.raises(UnknownSymbolError, match="B is unknown"):
                await session.subscribe("B")
            assert session.is_live
            assert session.topics == ("A",)

    run(main())


def test_a_topic_refused_after_a_reconnect_is_told_and_dropped(run: Runner[None]) -> None:
    """A symbol delisted overnight does not end a session that has others; events say so."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(acks=True), ["A", "B"], dial=dialer, testing=NoWaiting(attempts=None)) as session:
            dialer._answer = lambda message: ['{"have":["A"],"not":["B"]}']
            dialer.connection.drop()
            await dialer.opened(2)
            await settle()
            assert session.is_live
            assert session.topics == ("A",)
        refused = [event async for event in session.events() if isinstance(event, events.Refused)]
        assert [event.topic for event in refused] == ["B"]

    run(main())


def test_a_subscription_without_an_answer_has_a_deadline(run: Runner[None]) -> None:
    """The caller gets a DeadlineError; the session stays live and keeps wanting the topic."""

    async def main() -> None:
        clock = ManualClock()
        dialer = toy_dialer(clock=clock)
        async with Session(ToyDialect(acks=True), ["A"], dial=dialer, clock=clock) as session:
            dialer.connection._answer = None
            asking = asyncio.create_task(session.subscribe("B"))
            assert await advance_until(clock, asking.done) == pytest.approx(10.0)
            assert isinstance(asking.exception(), DeadlineError)
            assert session.is_live
            assert session.topics == ("A", "B")

    run(main())


def test_subscribing_from_the_consumers_own_loop_does_not_deadlock(run: Runner[None]) -> None:
    """Even when the inbox is full and the answer stands behind records that only this consumer could take."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(acks=True), ["A"], dial=dialer, policy="block", limit=2) as session:
            dialer.connection.say(*(said("A", number) for number in range(50)))
            got = []
            async for record in session:
                got.append(record)
                if len(got) == 1:
                    await session.subscribe("B")
                if len(got) == 50:
                    break
            assert numbers(got) == list(range(50))

    run(main())


def test_a_topic_wanted_while_backing_off_is_confirmed_when_live(run: Runner[None]) -> None:
    """subscribe waits across the reconnect."""

    async def main() -> None:
        clock = ManualClock()
        dialer = toy_dialer(clock=clock)
        async with Session(ToyDialect(acks=True), ["A"], dial=dialer, clock=clock) as session:
            dialer.connection.drop()
            await settle()
            assert session.phase == "backing_off"
            asking = asyncio.create_task(session.subscribe("B"))
            await advance_until(clock, asking.done)
            await asking
            assert session.is_live

    run(main())


def test_giving_up_the_last_open_topic_makes_the_session_live(run: Runner[None]) -> None:
    """A topic that is no longer wanted is not waited for, by nobody."""

    async def main() -> None:
        dialer = ScriptedDialer()
        session = Session(ToyDialect(acks=True), ["A"], dial=dialer)
        session.start()
        await dialer.opened()
        await settle()
        assert session.phase == "subscribing"
        asking = asyncio.create_task(session.subscribe("A"))
        await settle()
        await session.unsubscribe("A")
        await asking
        assert session.is_live
        await session.close()

    run(main())


def test_topics_noted_before_the_start_are_subscribed_first(run: Runner[None]) -> None:
    """subscribe before entering only adds to the list."""

    async def main() -> None:
        dialer = toy_dialer()
        session = Session(ToyDialect(), "A", dial=dialer)
        await session.subscribe(["B"])
        async with session:
            assert dialer.connection.sent == ['{"want": ["A", "B"]}']

    run(main())


@pytest.mark.parametrize("says", ["start", "subscribe", "receive"])
def test_a_dialect_may_say_live_instead_of_naming_topics(run: Runner[None], says: str) -> None:
    """phase="live" confirms everything asked for: from the start, with the request, or with a reply."""

    class Plain(ToyDialect):
        def start(self) -> Step:
            return Step(phase="live" if says == "start" else "subscribing")

        def subscribe(self, topics: Iterable[str]) -> Step:
            return Step(replies=[json.dumps({"want": list(topics)})], phase="live" if says == "subscribe" else None)

        def receive(self, payload: bytes, is_binary: bool, received_ns: int) -> Step:
            return Step(phase="live") if says == "receive" else NOTHING

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(Plain(), ["A", "B"], dial=dialer) as session:
            await session.subscribe("C")
            assert dialer.connection.sent == ['{"want": ["A", "B"]}', '{"want": ["C"]}']
        confirmed = [event.topics async for event in session.events() if isinstance(event, events.Subscribed)]
        assert confirmed == [("A", "B"), ("C",)]

    run(main())


@pytest.mark.parametrize("method", ["start", "subscribe", "silence", "heartbeat"])
def test_a_defect_of_a_dialect_ends_the_session_with_itself(run: Runner[None], method: str) -> None:
    """What is not ours is raised as it is, not tried again for ever."""

    class Broken(ToyDialect):
        pass

    def breaks(*args: object) -> Step:
        raise ZeroDivisionError(method)

    async def main() -> None:
        clock = ManualClock()
        setattr(Broken, method, breaks)
        session = Session(Broken(beat_s=1.0), ["A"], dial=toy_dialer(clock=clock), clock=clock)
        session.start()
        await advance_until(clock, lambda: session.phase == "closed")
        assert repr(session.error) == f"ZeroDivisionError('{method}')"
        await session.close()

    run(main())


def test_answers_before_the_login_change_nothing(run: Runner[None]) -> None:
    """A broker that confirms topics nobody asked for yet is not believed."""

    async def main() -> None:
        dialer = ScriptedDialer()
        session = Session(ToyDialect(login=True, acks=True), ["A"], dial=dialer)
        session.start()
        connection = await dialer.opened()
        connection.say('{"have":["A"]}')
        await settle()
        assert session.phase == "logging_in"
        connection.say('{"login":"ok"}')
        await settle()
        assert session.phase == "subscribing"
        connection.say('{"have":["A"]}', '{"login":"ok"}')
        await settle()
        assert session.is_live
        await session.close()

    run(main())
