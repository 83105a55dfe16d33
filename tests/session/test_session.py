"""A session as its user sees it: events, journal, counts, taps, and what it takes to make one."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.conftest import Runner
from tests.session.reading import until_the_end
from tests.session.toy import ToyDialect, numbers, said, toy_dialer, trade
from wsexample.clock import ManualClock
from wsexample.errors import BrokerUnavailableError, OptionError, StateError
from wsexample.ports import ConnectionEvent, Failure, Step
from wsexample.session import events
from wsexample.session.session import Session
from wsexample.session.testing import NoWaiting, settle


async def kinds(session: Session) -> list[str]:
    """The names of all events of a session that is over."""
    return [type(event).__name__ async for event in session.events()]


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


@pytest.mark.parametrize("when", [events.Opened, events.Received, events.Sent, events.Closed, events.Ended])
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
        if when is events.Ended:
            dialer.connection.finish()
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
