"""A live session and its connection: breaks, silence, heartbeats, a peer that does not read, a new connection when asked for."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.conftest import Runner
from tests.session.reading import taken
from tests.session.toy import ToyDialect, numbers, said, toy_dialer
from wsexample.clock import ManualClock
from wsexample.errors import HandshakeError, RateLimitError
from wsexample.ports import Gap, Silence
from wsexample.records.market import Trade
from wsexample.session.session import Session
from wsexample.session.testing import NoWaiting, advance_until, settle


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


def test_what_came_while_the_process_stood_still_is_read_before_a_peer_counts_as_silent(run: Runner[None]) -> None:
    """A process that was stopped for longer than the limit looks at its socket before it calls the connection dead."""

    async def main() -> None:
        clock = ManualClock()
        dialer = toy_dialer(clock=clock)
        dialect = ToyDialect(silence=Silence(message_s=5.0))
        async with Session(dialect, ["A"], dial=dialer, clock=clock) as session:
            await settle()
            clock.advance(60)  # the timer is noticed first
            asyncio.get_running_loop().call_soon(dialer.connection.say, said("A", 1))
            await settle()
            assert (session.phase, session.stats.attempts) == ("live", 1)
            assert numbers([await session.receive(1)]) == [1]

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
