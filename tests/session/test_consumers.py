"""Who reads a session: several consumers, what each of them asks for, and what happens to the rest when one is behind."""

from __future__ import annotations

from tests.conftest import Runner
from tests.session.reading import assert_adds_up, until_the_end
from tests.session.toy import ToyDialect, numbers, said, toy_dialer
from wsexample.clock import ManualClock
from wsexample.errors import SlowConsumerError
from wsexample.ports import Silence
from wsexample.session.session import Session
from wsexample.session.testing import NoWaiting, settle


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
