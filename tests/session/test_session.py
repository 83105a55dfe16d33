"""A session as its user holds it, over connections from a script and on a clock moved by hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

import pytest

from tests.conftest import Runner
from tests.session.toy import ToyDialect, broker, numbers, said, toy_dialer, trade
from wsexample.clock import ManualClock
from wsexample.errors import (
    BrokerUnavailableError,
    ConnectError,
    CredentialsError,
    DeadlineError,
    HandshakeError,
    OptionError,
    RateLimitError,
    SlowConsumerError,
    StateError,
    TlsError,
    UnknownSymbolError,
)
from wsexample.ports import NOTHING, ConnectionEvent, Errands, Failure, Gap, Record, Silence, Step
from wsexample.records.market import Trade
from wsexample.session import events
from wsexample.session.options import Retry
from wsexample.session.session import Session
from wsexample.session.testing import NoWaiting, ScriptedDialer, advance_until, settle
from wsexample.wire.options import ConnectOptions


def assert_adds_up(session: Session) -> None:
    """received == delivered + conflated + dropped + waiting."""
    stats = session.stats
    assert stats.received == stats.delivered + stats.conflated + stats.dropped + stats.waiting


async def kinds(session: Session) -> list[str]:
    """The names of all events of a session that is over."""
    return [type(event).__name__ async for event in session.events()]


# -- becoming live -------------------------------------------------------------------------------------------------


def test_records_come_out_of_an_entered_session(run: Runner[None]) -> None:
    """Entering logs in and subscribes; iterating gives records in order and ends when the feed does."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(login=True, acks=True), ["A"], dial=dialer) as session:
            assert session.phase == "live"
            dialer.connection.say(said("A", 1), said("A", 2))
            dialer.connection.finish()
            assert numbers([record async for record in session]) == [1, 2]
        assert dialer.connection.sent == ['{"login":"key"}', '{"want": ["A"]}']

    run(main())


def test_a_final_failure_is_raised_on_entering_with_the_brokers_words(run: Runner[None]) -> None:
    """Bad credentials are not tried twice."""

    async def main() -> None:
        dialer = ScriptedDialer(answer=lambda message: ['{"login":"bad"}'])
        with pytest.raises(CredentialsError, match="the key is wrong"):
            async with Session(ToyDialect(login=True), dial=dialer):
                pass
        assert len(dialer.dialled) == 1

    run(main())


def test_an_unknown_symbol_at_the_start_is_final(run: Runner[None]) -> None:
    """A topic that the broker refuses before the session was ever live ends it."""

    async def main() -> None:
        dialer = ScriptedDialer(answer=lambda message: ['{"have":["A"],"not":["B"]}'])
        with pytest.raises(UnknownSymbolError, match="B is unknown"):
            async with Session(ToyDialect(acks=True), ["A", "B"], dial=dialer):
                pass

    run(main())


@pytest.mark.parametrize(
    ("error", "is_final"),
    [
        (ConnectError("nobody"), False),
        (DeadlineError("late", step="tls", timeout_s=1), False),
        (HandshakeError("no", status=503), False),
        (HandshakeError("no", status=429), False),
        (HandshakeError("no", status=404), False),
        (HandshakeError("no", status=401), True),
        (HandshakeError("no", status=403), True),
        (TlsError("cut"), False),
        (TlsError("expired", certificate="server"), True),
        (OptionError("wrong"), True),
        (BrokerUnavailableError("closed"), False),
        (ZeroDivisionError("a defect"), True),
    ],
)
def test_failures_of_dialling_are_final_or_tried_again(run: Runner[None], error: Exception, is_final: bool) -> None:
    """What cannot change is raised as it is; what may pass is tried again."""

    async def main() -> None:
        dialer = toy_dialer()
        dialer.fail(error)
        session = Session(ToyDialect(), dial=dialer, testing=NoWaiting(attempts=None))
        if is_final:
            with pytest.raises(type(error)) as caught:
                await session.__aenter__()
            assert caught.value is error
        else:
            async with session:
                assert len(dialer.dialled) == 2

    run(main())


@pytest.mark.parametrize(("has_been_live", "tries"), [(False, 3), (True, 20)])
def test_an_address_that_stays_unknown_is_given_up_loudly(
    run: Runner[None], caplog: pytest.LogCaptureFixture, has_been_live: bool, tries: int
) -> None:
    """404 comes with outages, and with wrong addresses: it is warned of, and ends a session that never was live soon."""

    async def main() -> None:
        dialer = toy_dialer()
        session = Session(ToyDialect(), dial=dialer, testing=NoWaiting(attempts=None))
        refused = HandshakeError("nothing is here", status=404)
        if has_been_live:
            await session.__aenter__()
        for _ in range(tries):
            dialer.fail(refused)

        async def go_on() -> None:
            if not has_been_live:
                await session.__aenter__()
            session.reconnect("to see")
            async for _ in session:
                pass

        with pytest.raises(HandshakeError) as caught:
            await go_on()
        assert f"gave up after {tries} such answers" in caught.value.__notes__[-1]
        await session.close()

    run(main())
    assert sum(record.levelname == "WARNING" for record in caplog.records) == tries - 1


def test_entering_gives_up_within_the_limits_of_the_user(run: Runner[None]) -> None:
    """After max_attempts the last error is raised, and says how often was tried."""

    async def main() -> None:
        dialer = toy_dialer()
        for _ in range(3):
            dialer.fail(ConnectError("nobody answers"))
        retry = Retry(max_attempts=3, first_s=0, interval_s=0)
        with pytest.raises(ConnectError, match="nobody answers") as caught:
            async with Session(ToyDialect(), dial=dialer, retry=retry):
                pass
        assert caught.value.__notes__ == ["gave up after 3 failures in a row"]

    run(main())


@pytest.mark.parametrize(
    ("dialect", "answer", "step"),
    [
        (ToyDialect(login=True), lambda message: [], "login"),
        (ToyDialect(acks=True), lambda message: [], "subscribe"),
    ],
)
def test_a_broker_that_does_not_answer_is_left_in_time(
    run: Runner[None], dialect: ToyDialect, answer: Callable[[Any], list[str]], step: str
) -> None:
    """A login or subscription without a reply fails after its deadline, and is retryable."""

    async def main() -> None:
        clock = ManualClock()
        dialer = ScriptedDialer(answer=answer, clock=clock)
        session = Session(dialect, ["A"], dial=dialer, clock=clock, testing=NoWaiting(attempts=1))
        session.start()
        assert await advance_until(clock, lambda: session.phase == "closed") == pytest.approx(10.0)
        assert isinstance(session.error, DeadlineError)
        assert session.error.step == step
        await session.close()

    run(main())


def test_a_dialler_that_hangs_is_left_in_time(run: Runner[None]) -> None:
    """Opening has a deadline of the session's, whatever the dialler does."""

    async def main() -> None:
        clock = ManualClock()
        dialer = toy_dialer(clock=clock)
        dialer.hang()
        session = Session(ToyDialect(), ["A"], dial=dialer, clock=clock, testing=NoWaiting(attempts=None))
        session.start()
        assert await advance_until(clock, lambda: session.is_live) == pytest.approx(30.0)
        await session.close()

    run(main())


# -- staying live --------------------------------------------------------------------------------------------------


def test_a_break_leaves_a_gap_and_the_topics_are_asked_for_again(run: Runner[None]) -> None:
    """Lost while live: back within the back-off, subscribed again, with a Gap where data may be missing."""

    async def main() -> None:
        clock = ManualClock()
        dialer = toy_dialer(clock=clock)
        async with Session(ToyDialect(), ["A"], dial=dialer, clock=clock) as session:
            dialer.connection.say(said("A", 1))
            await settle()
            lost_ns = clock.now_ns()
            dialer.connection.drop(1006, "cable pulled")
            assert await advance_until(clock, lambda: session.stats.reconnects == 1) <= 0.5
            dialer.connection.say(said("A", 2))
            records = [await session.receive(1) for _ in range(3)]
            gap = records[1]
            assert isinstance(gap, Gap)
            assert (gap.from_ns, gap.to_ns, gap.filled) == (lost_ns, clock.now_ns(), False)
            assert "cable pulled" in gap.reason
            assert numbers(records) == [1, 2]
            assert dialer.connection.sent == ['{"want": ["A"]}']

    run(main())


@pytest.mark.parametrize(
    ("lag_s", "pong_after_s", "earlier_s"),
    [(0.25, 0.0, 0.25), (3600.0, 0.0, 60.0), (-5.0, 0.0, 0.0), (0.25, 30.0, 1.25), (0.25, 0.5, 0.75)],
)
def test_a_gap_begins_when_nothing_can_be_missing(
    run: Runner[None], lag_s: float, pong_after_s: float, earlier_s: float
) -> None:
    """What was under way had happened before: a gap begins at the venue's time of the newest record, or a later pong's."""

    async def main() -> None:
        clock = ManualClock()
        dialer = toy_dialer(clock=clock)
        async with Session(ToyDialect(), ["A"], dial=dialer, clock=clock) as session:
            clock.advance(100.0)
            dialer.connection.say(said("A", 1, t=clock.now_ns() - round(lag_s * 1e9)))
            await settle()
            clock.advance(pong_after_s)
            dialer.connection.show_life()
            heard_ns = clock.now_ns()
            dialer.connection.drop()
            await advance_until(clock, lambda: session.stats.gaps == 1)
            gap = next(record for record in await taken(session) if isinstance(record, Gap))
            assert gap.from_ns == heard_ns - round(earlier_s * 1e9)

    run(main())


def test_silence_beyond_the_dialects_limit_is_a_break(run: Runner[None]) -> None:
    """A connection that says nothing for longer than the market's pulse allows is replaced."""

    async def main() -> None:
        clock = ManualClock()
        dialer = toy_dialer(clock=clock)
        dialect = ToyDialect(silence=Silence(message_s=5.0))
        async with Session(dialect, ["A"], dial=dialer, clock=clock) as session:
            clock.advance(4.0)
            dialer.connection.say(said("A", 1))
            assert await advance_until(clock, lambda: not session.is_live) == pytest.approx(5.0)
            assert dialer.connection.close_code is not None
            await advance_until(clock, lambda: session.is_live)
            assert "nothing within 5 s" in next(r for r in await taken(session) if isinstance(r, Gap)).reason

    run(main())


async def until_the_end(session: Session) -> tuple[list[Record], Exception | None]:
    """Everything that comes, and what ended it."""
    records = []
    try:
        async for record in session:
            records.append(record)  # noqa: PERF401 - what came before the error is wanted
    except Exception as error:  # noqa: BLE001 - it is looked at by the test
        return records, error
    return records, None


async def taken(session: Session) -> list[Record]:
    """Everything that waits now."""
    return [await session.receive(1) for _ in range(session.stats.waiting)]


def test_pongs_are_signs_of_life_and_the_dialect_hears_of_them(run: Runner[None]) -> None:
    """While frames come the connection lives, though no message does; without any it is replaced."""

    async def main() -> None:
        clock = ManualClock()
        dialer = toy_dialer(clock=clock)
        dialect = ToyDialect(silence=Silence(frame_s=60.0))
        async with Session(dialect, ["A"], dial=dialer, clock=clock) as session:
            for _ in range(10):
                clock.advance(30.0)
                dialer.connection.show_life()
                await settle()
            assert session.stats.attempts == 1
            assert dialect.frames > 0
            assert session.stats.silence_s is not None
            await advance_until(clock, lambda: session.stats.attempts == 2)
            assert 359.0 < clock.monotonic_s() < 362.0

    run(main())


def test_a_pong_among_many_messages_is_heard_of(run: Runner[None]) -> None:
    """In a busy market the newest frame is always a message; the dialect learns of the pongs all the same."""

    async def main() -> None:
        clock = ManualClock()
        dialer = toy_dialer(clock=clock)
        dialect = ToyDialect()
        async with Session(dialect, ["A"], dial=dialer, clock=clock):
            await settle()
            dialer.connection.show_life()
            clock.advance(0.5)
            dialer.connection.say(said("A", 1))
            clock.advance(1.0)
            await settle()
            assert dialect.frames == 1

    run(main())


def test_a_consumer_that_works_without_awaiting_receives_the_newest(run: Runner[None]) -> None:
    """Between two records what has arrived meanwhile comes through, and what waited is replaced by it."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), ["A", "B"], dial=dialer, policy="conflate") as session:
            dialer.connection.say(said("A", 1), said("B", 1))
            await settle()
            assert (await session.receive()).symbol == "A"
            dialer.connection.say(said("B", 2))
            time.sleep(0.01)  # noqa: ASYNC251 - the work
            record = await session.receive()
            assert isinstance(record, Trade)
            assert (record.symbol, record.price) == ("B", 2.0)

    run(main())


def test_a_clock_that_jumps_does_not_kill_a_connection(run: Runner[None]) -> None:
    """Deadlines run on the clock that never goes back; a correction of the date is no silence."""

    class Jumpy(ManualClock):
        jump_ns = 0

        def now_ns(self) -> int:
            return super().now_ns() + self.jump_ns

    async def main() -> None:
        clock = Jumpy()
        dialer = toy_dialer(clock=clock)
        dialect = ToyDialect(silence=Silence(message_s=5.0, frame_s=5.0))
        async with Session(dialect, ["A"], dial=dialer, clock=clock) as session:
            for jump_s in (3600, -7200, 86400):
                clock.jump_ns += jump_s * 10**9
                for _ in range(4):
                    clock.advance(1.0)
                    await settle()
                dialer.connection.say(said("A", 1))
                await settle()
            assert session.stats.attempts == 1

    run(main())


def test_heartbeats_go_out_and_are_answered(run: Runner[None]) -> None:
    """A dialect that beats is called at its interval; unanswered beats cost the connection."""

    async def main() -> None:
        clock = ManualClock()
        dialer = toy_dialer(clock=clock)
        async with Session(ToyDialect(beat_s=10.0), dial=dialer, clock=clock) as session:
            for _ in range(60):
                clock.advance(1.0)
                await settle()
            assert dialer.connection.sent.count('{"beat":1}') == 6
            dialer.connection._answer = None
            await advance_until(clock, lambda: session.stats.reconnects == 1)
            assert 99.0 < clock.monotonic_s() < 101.5

    run(main())


def test_a_ping_of_the_broker_is_answered(run: Runner[None]) -> None:
    """What the dialect replies is sent, without a record or a change of phase."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), dial=dialer):
            dialer.connection.say('{"ping": 7}')
            await settle()
            assert dialer.connection.sent == ['{"pong": 7}']

    run(main())


def test_a_message_over_which_the_dialect_stumbles_costs_only_itself(
    run: Runner[None], caplog: pytest.LogCaptureFixture
) -> None:
    """A dialect that raises against its promise loses that message, which is counted, and nothing else."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), ["A"], dial=dialer) as session:
            dialer.connection.say(said("A", 1), "not json", said("A", 2))
            await settle()
            assert numbers(await taken(session)) == [1, 2]
            assert session.stats.unread == 1

    run(main())
    assert "stumbled" in caplog.text


def test_a_peer_that_does_not_read_is_left(run: Runner[None]) -> None:
    """When what waits to be sent grows without end the connection is of no use."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), dial=dialer, testing=NoWaiting(attempts=None)) as session:
            dialer.connection.write_buffer_bytes = 10**9
            dialer.connection.say('{"ping": 1}')
            await dialer.opened(2)
            await session.wait_live()

    run(main())


def test_a_new_connection_can_be_asked_for(run: Runner[None]) -> None:
    """reconnect() replaces a live connection with a gap; while backing off it ends the wait."""

    async def main() -> None:
        clock = ManualClock()
        dialer = toy_dialer(clock=clock)
        async with Session(ToyDialect(), ["A"], dial=dialer, clock=clock) as session:
            session.reconnect("the book looks wrong")
            await settle()
            assert session.phase == "backing_off"
            clock.advance(0.1)
            session.reconnect()
            await settle()
            assert session.is_live
            gaps = [record for record in await taken(session) if isinstance(record, Gap)]
            assert [gap.reason for gap in gaps] == ["the book looks wrong"]

    run(main())


def test_a_wait_that_the_broker_asks_for_is_kept(run: Runner[None]) -> None:
    """Retry-After of a refused handshake, and the wait of a rate limit, are least waits."""

    async def main() -> None:
        clock = ManualClock()
        dialer = toy_dialer(clock=clock)
        dialer.fail(HandshakeError("slow down", status=429, headers={"retry-after": "40"}))
        dialer.fail(RateLimitError("slow down", wait_s=50.0))
        session = Session(ToyDialect(), dial=dialer, clock=clock)
        session.start()
        passed_s = await advance_until(clock, lambda: session.is_live)
        assert 90.0 <= passed_s < 92.0
        await session.close()

    run(main())


# -- topics --------------------------------------------------------------------------------------------------------


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


# -- errands -------------------------------------------------------------------------------------------------------


class HttpSide(Errands):
    """A broker that registers by HTTP, and can be told to fail."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.problems: dict[str, list[Exception]] = {}
        self.missed: list[list[Record]] = []

    def _do(self, errand: str) -> None:
        self.log.append(errand)
        if self.problems.get(errand.split()[0]):
            raise self.problems[errand.split()[0]].pop(0)

    async def prepare(self, attempt: int) -> Mapping[str, Any]:
        self._do(f"prepare {attempt}")
        return {"headers": {"X-Token": f"token-{len(self.log)}"}}

    async def subscribe(self, topics: Sequence[str]) -> Step:
        self._do(f"subscribe {' '.join(topics)}")
        return Step(records=[trade(topic, 0) for topic in topics])

    async def unsubscribe(self, topics: Sequence[str]) -> Step:
        self._do(f"unsubscribe {' '.join(topics)}")
        return NOTHING

    async def backfill(self, gap: Gap, topics: Sequence[str]) -> AsyncIterator[Sequence[Record]]:
        self._do("backfill")
        for batch in self.missed:
            await asyncio.sleep(0)
            yield batch


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


# -- gaps ----------------------------------------------------------------------------------------------------------


def by_number(record: Record) -> str | None:
    """The key by which toy trades are told apart."""
    return getattr(record, "trade_id", None)


def test_what_was_missed_comes_before_the_live_records_once_each(run: Runner[None]) -> None:
    """Backfilled records stand behind the filled gap, in order; what overlaps with either side is not repeated."""

    async def main() -> None:
        dialer, side = toy_dialer(), HttpSide()
        async with Session(
            ToyDialect(), ["A"], dial=dialer, errands=side, dedupe=by_number, testing=NoWaiting(attempts=None)
        ) as session:
            dialer.connection.say(said("A", 1), said("A", 2))
            await settle()
            side.missed = [[trade("A", 2), trade("A", 3)], [trade("A", 4), trade("A", 5)]]
            dialer.connection.drop()
            connection = await dialer.opened(2)
            connection.say(said("A", 5), said("A", 6))
            await settle()
            connection.say(said("A", 6), said("A", 7))
            await settle()
            records = await taken(session)
            assert numbers(records) == [0, 1, 2, 3, 4, 5, 6, 7]
            gap = records[3]
            assert isinstance(gap, Gap)
            assert gap.filled
            assert session.stats.duplicates == 4

    run(main())


def test_a_backfill_that_fails_leaves_an_unfilled_gap(run: Runner[None]) -> None:
    """What could be fetched is delivered, the gap says that it is not all, and the session goes on."""

    class Breaking(HttpSide):
        async def backfill(self, gap: Gap, topics: Sequence[str]) -> AsyncIterator[Sequence[Record]]:
            yield [trade("A", 2)]
            raise BrokerUnavailableError("history is down")

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(
            ToyDialect(), ["A"], dial=dialer, errands=Breaking(), testing=NoWaiting(attempts=None)
        ) as session:
            dialer.connection.drop()
            (await dialer.opened(2)).say(said("A", 3))
            await settle()
            records = await taken(session)
            assert [record.filled for record in records if isinstance(record, Gap)] == [False]
            assert numbers(records) == [0, 2, 3, 0]

    run(main())


def test_a_backfill_has_a_deadline_and_a_limit(run: Runner[None]) -> None:
    """A history that never ends, or never comes, does not hold the live records back for ever."""

    class Endless(HttpSide):
        async def backfill(self, gap: Gap, topics: Sequence[str]) -> AsyncIterator[Sequence[Record]]:
            if not self.missed:
                await asyncio.get_running_loop().create_future()
            while True:
                yield self.missed[0]

    async def main() -> None:
        for missed, passed_s in (([], 60.0), ([[trade("A", 9)] * 10], 0.0)):
            clock, side = ManualClock(), Endless()
            side.missed = missed  # type: ignore[assignment]
            dialer = toy_dialer(clock=clock)
            async with Session(
                ToyDialect(),
                ["A"],
                dial=dialer,
                errands=side,
                clock=clock,
                backfill_limit=25,
                testing=NoWaiting(attempts=None),
            ) as session:
                dialer.connection.drop()
                assert await advance_until(clock, lambda: session.stats.gaps == 1) == pytest.approx(passed_s)
                gaps = [record for record in await taken(session) if isinstance(record, Gap)]
                assert [gap.filled for gap in gaps] == [False]

    run(main())


def test_a_break_during_the_backfill_ends_one_gap_and_begins_another(run: Runner[None]) -> None:
    """Live records held back meanwhile are not lost: they come behind the unfilled gap, before the next."""

    class Slow(HttpSide):
        async def backfill(self, gap: Gap, topics: Sequence[str]) -> AsyncIterator[Sequence[Record]]:
            self._do("backfill")
            if len([entry for entry in self.log if entry == "backfill"]) == 1:
                yield [trade("A", 2)]
                await asyncio.get_running_loop().create_future()

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(
            ToyDialect(), ["A"], dial=dialer, errands=Slow(), testing=NoWaiting(attempts=None)
        ) as session:
            dialer.connection.drop()
            connection = await dialer.opened(2)
            connection.say(said("A", 3))
            await settle()
            assert session.stats.gaps == 0
            connection.drop()
            (await dialer.opened(3)).say(said("A", 4))
            await settle()
            shown = [record.filled if isinstance(record, Gap) else record for record in await taken(session)]
            assert [item if isinstance(item, bool) else numbers([item])[0] for item in shown] == [
                *(0, False, 2, 3, 0),
                *(True, 4, 0),
            ]
            assert_adds_up(session)

    run(main())


def test_breaks_without_a_live_moment_between_make_one_gap(run: Runner[None]) -> None:
    """Ten failed attempts in a row are one gap, from the last sign of life to the next live moment."""

    async def main() -> None:
        clock = ManualClock()
        dialer = toy_dialer(clock=clock)
        async with Session(ToyDialect(login=True), ["A"], dial=dialer, clock=clock) as session:
            begun_ns = dialer.connection.last_received_ns
            for _ in range(5):
                dialer.fail(ConnectError("nobody"))
            dialer._answer = lambda message: ['{"login":"busy"}']
            dialer.connection.drop()
            await advance_until(clock, lambda: len(dialer.connections) == 4)
            dialer._answer = broker
            await advance_until(clock, lambda: session.is_live)
            gaps = [record for record in await taken(session) if isinstance(record, Gap)]
            assert [(gap.from_ns, gap.to_ns) for gap in gaps] == [(begun_ns, clock.now_ns())]

    run(main())


def test_a_session_that_gives_up_says_what_is_missing(run: Runner[None]) -> None:
    """The last break is covered by a gap too, though nothing comes after it."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), ["A"], dial=dialer, testing=NoWaiting(attempts=2)) as session:
            dialer.fail(ConnectError("nobody"))
            dialer.connection.drop()
            records, error = await until_the_end(session)
        assert isinstance(error, ConnectError)
        assert [type(record) for record in records] == [Gap]

    run(main())


def test_an_end_that_was_wanted_is_no_gap(run: Runner[None]) -> None:
    """Closing a live session leaves no gap behind."""

    async def main() -> None:
        async with Session(ToyDialect(), ["A"], dial=toy_dialer()) as session:
            pass
        assert session.stats.gaps == 0

    run(main())


# -- consumers -----------------------------------------------------------------------------------------------------


def test_several_consumers_get_everything_each(run: Runner[None]) -> None:
    """Each consumer has its own inbox, policy and pace; the sums of the session add up."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), ["A"], dial=dialer) as session:
            every = session.consumer()
            newest = session.consumer(policy="conflate")
            dialer.connection.say(*(said("A", number) for number in range(5)))
            await settle()
            assert numbers([await every.receive(1) for _ in range(5)]) == [0, 1, 2, 3, 4]
            assert numbers([await newest.receive(1)]) == [4]
            assert (session.stats.received, session.stats.delivered, session.stats.conflated) == (10, 6, 4)
            assert_adds_up(session)

    run(main())


def test_the_first_reader_gets_what_came_before_it(run: Runner[None]) -> None:
    """Records that arrive before anybody reads wait for the first consumer, and for no other."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), ["A"], dial=dialer) as session:
            dialer.connection.say(said("A", 1), said("A", 2))
            await settle()
            first = session.consumer(policy="conflate")
            second = session.consumer()
            assert (first.stats.waiting, second.stats.waiting) == (1, 0)
            assert_adds_up(session)

    run(main())


def test_a_consumer_can_ask_for_some_kinds_and_symbols(run: Runner[None]) -> None:
    """kinds and symbols choose; what concerns every symbol passes the choice of symbols."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), ["A", "B"], dial=dialer, testing=NoWaiting(attempts=None)) as session:
            only_b = session.consumer(symbols={"B"})
            only_gaps = session.consumer(kinds={"gap"})
            dialer.connection.say(said("A", 1), said("B", 2))
            await settle()
            dialer.connection.drop()
            await dialer.opened(2)
            await settle()
            assert [type(await only_b.receive(1)).__name__ for _ in range(2)] == ["Trade", "Gap"]
            assert only_gaps.stats.waiting == 1

    run(main())


def test_a_consumer_that_leaves_holds_nobody_up(run: Runner[None]) -> None:
    """A blocking consumer that is full stops the reading; when it leaves, the others go on, and the sums stay whole."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), ["A"], dial=dialer) as session:
            eager = session.consumer()
            async with session.consumer(policy="block", limit=2):
                dialer.connection.say(*(said("A", number) for number in range(20)))
                await settle()
                assert eager.stats.received < 20
            await settle()
            assert eager.stats.received == 20
            assert_adds_up(session)

    run(main())


def test_block_stops_reading_and_loses_nothing(run: Runner[None]) -> None:
    """With a full inbox messages stay with the connection until half of it is free again."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), ["A"], dial=dialer, policy="block", limit=10) as session:
            for number in range(100):
                dialer.connection.say(said("A", number))
                await settle(3)
            assert session.stats.received == 10
            assert dialer.connection.waiting > 0
            got = [await session.receive(1) for _ in range(100)]
            assert numbers(got) == list(range(100))
            assert_adds_up(session)

    run(main())


def test_a_blocked_session_does_not_blame_the_peer_for_silence(run: Runner[None]) -> None:
    """While this side does not read, deadlines of silence and heartbeats rest."""

    async def main() -> None:
        clock = ManualClock()
        dialer = toy_dialer(clock=clock)
        dialect = ToyDialect(silence=Silence(message_s=5.0, frame_s=5.0), beat_s=1.0)
        async with Session(dialect, ["A"], dial=dialer, clock=clock, policy="block", limit=1) as session:
            dialer.connection.say(said("A", 1), said("A", 2))
            for _ in range(60):
                await settle()
                clock.advance(1.0)
            assert session.stats.attempts == 1
            assert numbers([await session.receive(1) for _ in range(2)]) == [1, 2]

    run(main())


def test_conflate_never_stops_reading(run: Runner[None]) -> None:
    """However slow the consumer, the connection is read to the end, and what it takes next is the newest."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), ["A", "B"], dial=dialer, policy="conflate", limit=2) as session:
            for number in range(1000):
                dialer.connection.say(said("AB"[number % 2], number))
            await settle()
            assert dialer.connection.waiting == 0
            assert numbers([await session.receive(1) for _ in range(2)]) == [998, 999]
            assert session.stats.conflated == 998
            assert_adds_up(session)

    run(main())


def test_fail_ends_the_session_after_delivering_what_waited(run: Runner[None]) -> None:
    """The consumer gets what it had room for, then a SlowConsumerError."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), ["A"], dial=dialer, policy="fail", limit=3) as session:
            dialer.connection.say(*(said("A", number) for number in range(10)))
            await settle()
            got, error = await until_the_end(session)
            assert isinstance(error, SlowConsumerError)
            assert "more than 3" in str(error)
            assert numbers(got) == [0, 1, 2]
            assert session.phase == "closed"
            assert_adds_up(session)

    run(main())


def test_a_consumer_that_works_long_sees_what_arrived_meanwhile(run: Runner[None]) -> None:
    """Between two records of a consumer that blocks the loop, the session reads on, so that the next is the newest."""

    async def main() -> None:
        import time

        dialer = toy_dialer()
        async with Session(ToyDialect(), ["A", "B"], dial=dialer, policy="conflate") as session:
            dialer.connection.say(said("A", 1), said("B", 1))
            got = []
            async for record in session:
                got.append(record)
                if len(got) == 2:
                    break
                time.sleep(0.005)  # noqa: ASYNC251 - a consumer that works without awaiting
                dialer.connection.say(said("B", 2))
            assert numbers(got) == [1, 2]

    run(main())


def test_batches_give_all_that_waits(run: Runner[None]) -> None:
    """One list per turn, in order; the end is the end of the session."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), ["A"], dial=dialer) as session:
            dialer.connection.say(*(said("A", number) for number in range(5)))
            dialer.connection.finish()
            batches = [batch async for batch in session.batches()]
            assert [numbers(batch) for batch in batches] == [[0, 1, 2, 3, 4]]

    run(main())


# -- the end -------------------------------------------------------------------------------------------------------


def test_what_waits_can_be_taken_after_the_end(run: Runner[None]) -> None:
    """Closing loses nothing that has been received; then the iteration ends."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), ["A"], dial=dialer) as session:
            dialer.connection.say(said("A", 1), said("A", 2))
            await settle()
        assert numbers([record async for record in session]) == [1, 2]
        with pytest.raises(StateError, match="over"):
            await session.receive(1)

    run(main())


def test_closing_a_blocked_session_loses_nothing_that_came(run: Runner[None]) -> None:
    """Messages that waited behind a full inbox are delivered too; the inbox overshoots rather than lose them."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), ["A"], dial=dialer, policy="block", limit=2) as session:
            dialer.connection.say(*(said("A", number) for number in range(9)))
            await settle()
            assert session.stats.received == 2
        assert numbers([record async for record in session]) == list(range(9))

    run(main())


def test_a_blocked_session_notices_a_lost_connection(run: Runner[None]) -> None:
    """Though nobody takes records, a connection that is over is replaced; what it brought is kept."""

    async def main() -> None:
        clock = ManualClock()
        dialer = toy_dialer(clock=clock)
        async with Session(ToyDialect(), ["A"], dial=dialer, clock=clock, policy="block", limit=2) as session:
            dialer.connection.say(*(said("A", number) for number in range(9)))
            await settle()
            dialer.connection.drop()
            assert await advance_until(clock, lambda: session.stats.reconnects == 1) <= 1.6
            assert numbers(await taken(session)) == list(range(9))

    run(main())


def test_a_session_can_be_closed_from_its_consumer(run: Runner[None]) -> None:
    """close() inside the loop returns, and the loop ends after what waits."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), ["A"], dial=dialer) as session:
            dialer.connection.say(said("A", 1), said("A", 2))
            got = []
            async for record in session:
                got.append(record)
                await session.close()
            assert numbers(got) == [1, 2]

    run(main())


@pytest.mark.parametrize("phase", ["connecting", "logging_in", "subscribing", "live", "backing_off"])
def test_a_session_can_be_closed_in_every_phase(run: Runner[None], phase: str) -> None:
    """Wherever it stands, close() returns with nothing left running; who waited for it to be live is told."""

    async def main() -> None:
        clock = ManualClock()
        dialer = ScriptedDialer(clock=clock)
        session = Session(
            ToyDialect(login=phase == "logging_in", acks=phase == "subscribing"), ["A"], dial=dialer, clock=clock
        )
        if phase == "connecting":
            dialer.hang()
        if phase == "backing_off":
            dialer.fail(ConnectError("nobody"))
        session.start()
        waiting = asyncio.create_task(session.wait_live())
        await settle()
        assert session.phase == phase
        await session.close()
        await session.close()
        assert session.phase == "closed"
        if phase != "live":
            with pytest.raises(StateError):
                await waiting
        assert all(connection.is_over for connection in dialer.connections)

    run(main())


@pytest.mark.parametrize("where", ["prepare", "subscribe", "backfill", "tap"])
def test_a_session_can_be_closed_from_inside(run: Runner[None], where: str) -> None:
    """An errand, a backfill or a tap may close its own session without waiting for itself."""

    class Closing(HttpSide):
        session: Session

        async def prepare(self, attempt: int) -> Mapping[str, Any]:
            if where == "prepare":
                await self.session.close()
            return {}

        async def subscribe(self, topics: Sequence[str]) -> Step:
            if where == "subscribe":
                await self.session.close()
            return NOTHING

        async def backfill(self, gap: Gap, topics: Sequence[str]) -> AsyncIterator[Sequence[Record]]:
            await self.session.close()
            yield []

    async def main() -> None:
        side, dialer, closers = Closing(), toy_dialer(), []

        def tap(item: object) -> None:
            if where == "tap" and isinstance(item, events.Live):
                closers.append(asyncio.ensure_future(side.session.close()))

        side.session = Session(
            ToyDialect(), ["A"], dial=dialer, errands=side, tap=tap, testing=NoWaiting(attempts=None)
        )
        side.session.start()
        if where == "backfill":
            await side.session.wait_live()
            dialer.connection.drop()
        _, error = await until_the_end(side.session)
        assert error is None
        await side.session.close()
        await asyncio.gather(*closers)
        assert side.session.error is None

    run(main())


def test_a_connection_that_opens_in_the_moment_of_the_end_is_closed(run: Runner[None]) -> None:
    """A dialler that succeeds although it is cancelled leaves no open connection behind."""

    class Late(ScriptedDialer):
        async def __call__(self, options: ConnectOptions) -> Any:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()
            return await super().__call__(options)

    async def main() -> None:
        dialer = Late()
        session = Session(ToyDialect(), dial=dialer)
        session.start()
        await settle()
        await session.close()
        assert dialer.connection.is_over

    run(main())


def test_closing_from_many_places_at_once_is_polite(run: Runner[None]) -> None:
    """Several close() at the same time wait for one closing handshake, and none cuts it short."""

    async def main() -> None:
        dialer = toy_dialer()
        session = await Session(ToyDialect(), dial=dialer).__aenter__()
        await asyncio.gather(*(session.close() for _ in range(5)))
        closed = [event async for event in session.events() if isinstance(event, events.Closed)]
        assert [(event.code, event.was_clean) for event in closed] == [(1000, True)]

    run(main())


def test_a_cancelled_close_leaves_nothing_behind(run: Runner[None]) -> None:
    """Even when close() itself is cancelled, the session ends; a peer that does not answer is cut off."""

    class Stubborn(ScriptedDialer):
        async def __call__(self, options: ConnectOptions) -> Any:
            connection = await super().__call__(options)
            connection.start_close = lambda code=1000, reason="": None  # type: ignore[method-assign]
            return connection

    async def main() -> None:
        dialer = Stubborn(answer=broker)
        session = Session(ToyDialect(), ["A"], dial=dialer)
        await session.__aenter__()
        closing = asyncio.create_task(session.close())
        await settle()
        assert not closing.done()
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert session.phase == "closed"

    run(main())


def test_a_cancelled_body_closes_the_session(run: Runner[None]) -> None:
    """Cancellation inside the block ends the session and goes on upwards."""

    async def main() -> None:
        dialer = toy_dialer()

        async def consume() -> None:
            async with Session(ToyDialect(), ["A"], dial=dialer) as session:
                async for _ in session:
                    pass

        task = asyncio.create_task(consume())
        await dialer.opened()
        await settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert dialer.connection.is_over

    run(main())


def test_a_session_that_nobody_closed_ends_with_its_loop(caplog: pytest.LogCaptureFixture) -> None:
    """When the loop is shut down around it, it closes its connection and complains about nothing."""
    dialer = toy_dialer()

    async def main() -> Session:
        session = Session(ToyDialect(), ["A"], dial=dialer)
        session.start()
        await session.wait_live()
        return session

    session = asyncio.run(main())
    assert session.phase == "closed"
    assert dialer.connection.is_over
    assert caplog.text == ""


def test_giving_up_what_was_never_wanted_is_harmless(run: Runner[None]) -> None:
    """unsubscribe of an unknown topic sends nothing; subscribe of a confirmed one returns at once."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), ["A"], dial=dialer) as session:
            await session.unsubscribe("Z")
            await session.subscribe(["A"], timeout_s=0.0)
            assert dialer.connection.sent == ['{"want": ["A"]}']
        assert session.options.policy == "block"
        await session.unsubscribe("A")
        assert session.topics == ()

    run(main())


def test_closing_before_the_start_is_harmless(run: Runner[None]) -> None:
    """A session that never began can be closed, and then not be started."""

    async def main() -> None:
        session = Session(ToyDialect(), dial=toy_dialer())
        await session.close()
        assert session.phase == "closed"
        with pytest.raises(StateError):
            session.start()
        with pytest.raises(StateError):
            await session.subscribe("A")

    run(main())


def test_who_waits_for_an_answer_is_told_of_the_end(run: Runner[None]) -> None:
    """A pending subscribe() does not hang when the session ends."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(acks=True), ["A"], dial=dialer) as session:
            dialer.connection._answer = None
            asking = asyncio.create_task(session.subscribe("B"))
            await settle()
        with pytest.raises(StateError):
            await asking

    run(main())


# -- what can be seen ----------------------------------------------------------------------------------------------


def test_events_tell_the_whole_story_in_order(run: Runner[None]) -> None:
    """From the first connection to the end, also for who begins to follow late, numbered without a jump."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(
            ToyDialect(login=True, acks=True), ["A"], dial=dialer, testing=NoWaiting(attempts=None)
        ) as session:
            dialer.connection.drop(4001, "restart", was_clean=True)
            await dialer.opened(2)
            await settle()
        story = [event async for event in session.events()]
        assert [type(event).__name__ for event in story] == [
            *("Opened", "LoggedIn", "Subscribed", "Live"),
            *("Failed", "Waiting", "Closed"),
            *("Opened", "LoggedIn", "Subscribed", "Live", "Gap"),
            *("Closed", "Ended"),
        ]
        assert [event.number for event in story] == list(range(1, 15))
        closed = story[6]
        assert isinstance(closed, events.Closed)
        assert (closed.code, closed.reason, closed.was_clean, closed.connection) == (4001, "restart", True, 1)

    run(main())


def test_events_can_be_followed_while_they_happen(run: Runner[None]) -> None:
    """A follower beside the consumer sees the reconnect, and ends with the session."""

    async def main() -> None:
        dialer = toy_dialer()
        session = Session(ToyDialect(), ["A"], dial=dialer, testing=NoWaiting(attempts=None))
        follower = asyncio.create_task(kinds(session))
        async with session:
            dialer.connection.drop()
            await dialer.opened(2)
            await settle()
        assert (await follower).count("Live") == 2

    run(main())


def test_the_journal_stands_in_the_stream(run: Runner[None]) -> None:
    """With journal=True connection events are records among the others, lossless, not held back by a gap."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(
            ToyDialect(), ["A"], dial=dialer, journal=True, policy="conflate", testing=NoWaiting(attempts=None)
        ) as session:
            dialer.connection.drop(1001, "going away", was_clean=True)
            await dialer.opened(2)
            await settle()
        records = [record async for record in session]
        shown = [record.event if isinstance(record, ConnectionEvent) else "GAP" for record in records]
        assert shown == [
            *("opened", "logged_in", "subscribed", "live"),
            *("failed", "retried", "closed"),
            *("opened", "logged_in", "subscribed", "live", "GAP"),
            *("closed", "ended"),
        ]

    run(main())


def test_stats_tell_lag_silence_and_counts(run: Runner[None]) -> None:
    """Lag is arrival less the venue's time of the newest record; silence is the time since the last frame."""

    async def main() -> None:
        clock = ManualClock()
        dialer = toy_dialer(clock=clock)
        async with Session(ToyDialect(), ["A"], dial=dialer, clock=clock) as session:
            assert session.stats.lag_ns is None
            dialer.connection.say(said("A", 1, t=clock.now_ns() - 250_000_000), said("A", 2))
            await settle()
            clock.advance(3.0)
            stats = session.stats
            assert (stats.silence_s, stats.messages, stats.received, stats.waiting) == (3.0, 3, 2, 2)
            assert stats.lag_ns is None  # the newest has no time of its venue
            dialer.connection.say(said("A", 3, t=clock.now_ns() - 250_000_000))
            await settle()
            assert session.stats.lag_ns == 250_000_000
            assert repr(session) == "<Session toy live, 1 topics, 3 received, 3 waiting, 0 reconnects>"

    run(main())


def test_a_tap_sees_everything_before_it_is_decoded(run: Runner[None]) -> None:
    """Messages both ways with their connection, logins marked, and the events between them."""

    async def main() -> None:
        seen: list[Any] = []
        dialer = toy_dialer()
        async with Session(ToyDialect(login=True, acks=True), ["A"], dial=dialer, tap=seen.append):
            dialer.connection.say("not json", b"\x00")
            await settle()
        traffic = [item for item in seen if isinstance(item, events.Traffic)]
        assert [(type(item).__name__, item.payload, item.is_binary) for item in traffic] == [
            ("Sent", b'{"login":"key"}', False),
            ("Received", b'{"login":"ok"}', False),
            ("Sent", b'{"want": ["A"]}', False),
            ("Received", b'{"have": ["A"]}', False),
            ("Received", b"not json", False),
            ("Received", b"\x00", True),
        ]
        assert [item.is_login for item in traffic if isinstance(item, events.Sent)] == [True, False]
        assert isinstance(next(item for item in seen if isinstance(item, events.Event)), events.Opened)

    run(main())


def test_a_tap_may_be_attached_until_the_session_starts(run: Runner[None]) -> None:
    """One tap, before the start; its session says where it leads without credentials."""

    async def main() -> None:
        seen: list[Any] = []
        session = Session(ToyDialect(), ["A"], dial=toy_dialer(), url="ws://toy/?token=hush")
        session.attach(seen.append)
        with pytest.raises(StateError, match="only one"):
            session.attach(seen.append)
        async with session:
            assert isinstance(seen[0], events.Opened)
        assert session.url == "ws://toy/?token=***"

    run(main())


@pytest.mark.parametrize("when", [events.Opened, events.Received, events.Sent, events.Closed])
def test_a_tap_that_fails_ends_the_session(run: Runner[None], when: type) -> None:
    """A tape that cannot be written is not passed over in silence, wherever it happens; the tap is not called again."""

    async def main() -> None:
        failures = []

        def tap(item: object) -> None:
            if isinstance(item, when):
                failures.append(item)
                raise OSError("disk full")

        dialer = toy_dialer()
        session = Session(ToyDialect(acks=True), ["A"], dial=dialer, tap=tap, testing=NoWaiting(attempts=None))
        session.start()
        await settle()
        if when is events.Closed:
            dialer.connection.drop()
        with pytest.raises(OSError, match="disk full"):
            async for _ in session:
                pass
        await session.close()
        assert len(failures) == 1

    run(main())


def test_a_session_needs_an_address_or_a_dialler() -> None:
    """Without either it says at once what is missing."""
    with pytest.raises(OptionError, match="ws://"):
        Session(ToyDialect())


def test_a_session_can_be_started_once(run: Runner[None]) -> None:
    """A second start is the caller's mistake; a session that is over is not begun again."""

    async def main() -> None:
        async with Session(ToyDialect(), dial=toy_dialer()) as session:
            with pytest.raises(StateError, match="make a new one"):
                session.start()

    run(main())


def test_a_failure_that_the_dialect_marks_is_treated_as_marked(run: Runner[None]) -> None:
    """Step.failure decides by itself: retryable is tried again, final is raised to the consumer after what waits."""

    async def main() -> None:
        class Moody(ToyDialect):
            def receive(self, payload: bytes, is_binary: bool, received_ns: int) -> Step:
                if payload in (b"retry", b"final"):
                    error = BrokerUnavailableError(payload.decode())
                    return Step((trade("A", 7),), failure=Failure(error, is_final=payload == b"final"))
                return super().receive(payload, is_binary, received_ns)

        dialer = toy_dialer()
        async with Session(Moody(), ["A"], dial=dialer, testing=NoWaiting(attempts=None)) as session:
            dialer.connection.say("retry", said("A", 8))
            connection = await dialer.opened(2)
            await settle()
            connection.say(said("A", 9), "final", said("A", 10))
            got, error = await until_the_end(session)
            assert str(error) == "final"
            assert numbers(got) == [7, 8, 9, 7, 10]

    run(main())


def test_secrets_of_the_url_stay_out_of_events_and_repr(run: Runner[None]) -> None:
    """A password in the address is masked wherever the session shows the address."""

    async def main() -> None:
        dialer = toy_dialer()
        async with Session(ToyDialect(), url="ws://user:hunter2@broker.test/stream", dial=dialer) as session:
            pass
        story = json.dumps([str(event) async for event in session.events()])
        assert "hunter2" not in story + repr(session)

    run(main())
