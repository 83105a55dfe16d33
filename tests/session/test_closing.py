"""The end of a session: from outside and from inside, in every phase, and what can still be taken after it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from tests.conftest import Runner
from tests.session.reading import taken, until_the_end
from tests.session.toy import HttpSide, ToyDialect, broker, numbers, said, toy_dialer
from wsexample.clock import ManualClock
from wsexample.errors import ConnectError, StateError
from wsexample.ports import NOTHING, Gap, Record, Step
from wsexample.session import events
from wsexample.session.session import Session
from wsexample.session.testing import NoWaiting, ScriptedDialer, advance_until, settle
from wsexample.wire.options import ConnectOptions


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
