"""Gaps in the stream of a session, and what was missed put before the live records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.conftest import Runner
from tests.session.reading import assert_adds_up, taken, until_the_end
from tests.session.toy import HttpSide, ToyDialect, broker, numbers, said, toy_dialer, trade
from wsexample.clock import ManualClock
from wsexample.errors import BrokerUnavailableError, ConnectError
from wsexample.ports import Gap, Record
from wsexample.session.session import Session
from wsexample.session.testing import NoWaiting, advance_until, settle


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
