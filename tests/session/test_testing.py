"""What is shipped for testing programs that use sessions."""

from __future__ import annotations

import asyncio

import pytest

from tests.conftest import Runner
from tests.session.toy import ToyDialect, numbers, said
from wsexample.clock import ManualClock
from wsexample.errors import ConnectError, ConnectionClosed, DeadlineError, StateError
from wsexample.ports import Gap
from wsexample.session.options import Retry, SessionOptions
from wsexample.session.session import Session
from wsexample.session.testing import NoWaiting, ScriptedConnection, ScriptedDialer, advance_until, mode_now, no_waiting
from wsexample.wire.options import ConnectOptions


def test_no_waiting_makes_sessions_try_once(run: Runner[None]) -> None:
    """Inside the block a failure is raised at once, though the session would try for ever."""

    async def main() -> None:
        dialer = ScriptedDialer()
        dialer.fail(ConnectError("nobody"))
        with no_waiting(), pytest.raises(ConnectError):
            async with Session(ToyDialect(), dial=dialer):
                pass

    run(main())


def test_no_waiting_ends_with_its_block() -> None:
    """Outside of it nothing is changed; blocks may be nested."""
    with no_waiting(attempts=5) as outer:
        with no_waiting(attempts=7) as inner:
            assert mode_now() is inner
        assert mode_now() is outer
    assert mode_now() is None


@pytest.mark.parametrize(
    ("own", "cap", "result"), [(None, 3, 3), (2, 3, 2), (5, 3, 3), (5, None, 5), (None, None, None)]
)
def test_attempts_are_a_cap(own: int | None, cap: int | None, result: int | None) -> None:
    """A session under test tries no more often than it would, and waits never."""
    options = SessionOptions(retry=Retry(max_attempts=own, window_attempts=3))
    retry = NoWaiting(attempts=cap).applied(options).retry
    assert (retry.max_attempts, retry.bound_s(9), retry.interval_s, retry.window_attempts) == (result, 0.0, 0.0, 0)


def test_a_script_is_played_to_its_end(run: Runner[None]) -> None:
    """Errors are raised, connections are lost after their last message, and with the last one the session ends."""

    async def main() -> None:
        script = [[said("A", 1)], ConnectError("nobody"), [said("A", 2), said("A", 3)]]
        with no_waiting(attempts=None):
            async with Session(ToyDialect(), ["A"], dial=ScriptedDialer(script)) as session:
                records = [record async for record in session]
        assert numbers(records) == [1, 2, 3]
        assert [type(record).__name__ for record in records] == ["Trade", "Gap", "Trade", "Trade"]
        assert isinstance(records[1], Gap)
        assert session.error is None

    run(main())


def test_an_empty_script_ends_before_it_is_live(run: Runner[None]) -> None:
    """A feed without anything is the end, not an endless retry."""

    async def main() -> None:
        session = Session(ToyDialect(), dial=ScriptedDialer([]))
        session.start()
        with pytest.raises(StateError, match="before it was live"):
            await session.wait_live()
        await session.close()

    run(main())


def test_a_scripted_connection_behaves_like_one(run: Runner[None]) -> None:
    """Text and binary are told apart; what was said before the end arrives first; after it nothing can be sent."""

    async def main() -> None:
        clock = ManualClock()
        connection = ScriptedConnection(clock)
        connection.say("text", b"\x00")
        connection.drop(1001, "bye", was_clean=True)
        assert await connection.receive_stamped() == (b"text", False, clock.now_ns())
        assert connection.take_waiting() == [(b"\x00", True, clock.now_ns())]
        with pytest.raises(ConnectionClosed, match="bye"):
            await connection.receive_stamped()
        with pytest.raises(ConnectionClosed):
            connection.send_nowait("late")
        await connection.wait_closed()
        assert (connection.close_code, connection.close_reason) == (1001, "bye")
        assert (connection.was_clean, connection.closed_by_peer, connection.waiting) == (True, True, 0)

    run(main())


def test_a_dialler_says_what_it_was_asked_for(run: Runner[None]) -> None:
    """Each attempt's options are kept; opened() waits for as many connections as are wanted."""

    async def main() -> None:
        dialer = ScriptedDialer()
        with pytest.raises(StateError, match="nothing has been dialled"):
            _ = dialer.connection
        waiting = asyncio.create_task(dialer.opened(2))
        options = ConnectOptions(url="ws://a.test/")
        await dialer(options)
        await dialer(options)
        assert await waiting is dialer.connection
        assert dialer.dialled == [options, options]

    run(main())


def test_advancing_says_how_long_it_took_or_that_it_is_in_vain(run: Runner[None]) -> None:
    """The clock jumps from sleeper to sleeper, and a fact that nobody brings about is an error."""

    async def main() -> None:
        clock = ManualClock()
        task = asyncio.create_task(clock.sleep(3600.0))
        assert await advance_until(clock, task.done) == 3600.0
        with pytest.raises(DeadlineError):
            await advance_until(clock, lambda: False)
        ticker = asyncio.create_task(tick(clock))
        with pytest.raises(DeadlineError):
            await advance_until(clock, lambda: False, limit_s=100.0)
        ticker.cancel()
        await asyncio.gather(ticker, return_exceptions=True)

    async def tick(clock: ManualClock) -> None:
        while True:
            await clock.sleep(1.0)

    run(main())
