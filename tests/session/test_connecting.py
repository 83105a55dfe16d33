"""A session on its way to being live: what is raised on entering, what is tried again, and when it is given up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Runner
from tests.session.toy import ToyDialect, numbers, said, toy_dialer
from wsexample.clock import ManualClock
from wsexample.errors import (
    BrokerUnavailableError,
    ConnectError,
    CredentialsError,
    DeadlineError,
    HandshakeError,
    OptionError,
    TlsError,
    UnknownSymbolError,
)
from wsexample.session.events import Live
from wsexample.session.options import Retry
from wsexample.session.session import Session
from wsexample.session.testing import NoWaiting, ScriptedConnection, ScriptedDialer, advance_until
from wsexample.wire.options import ConnectOptions


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


def test_the_first_failure_of_a_session_that_never_was_live_is_warned_of(
    run: Runner[None], caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever has written a wrong address reads so at once, and once; a break later on is for who asks for such lines."""

    async def main() -> None:
        dialer = toy_dialer()
        session = Session(ToyDialect(), dial=dialer, testing=NoWaiting(attempts=None))
        dialer.fail(ConnectError("nobody answers"))
        dialer.fail(ConnectError("still nobody"))
        async with session:
            dialer.fail(ConnectError("gone again"))
            session.reconnect("to see")
            async for event in session.events():
                if event.number > 1 and isinstance(event, Live) and event.is_again:
                    break

    run(main())
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [sentence.split(";")[0] for sentence in warned] == ["toy: nobody answers"]


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
        dialer.fail(ConnectError("nobody answers"))
        with pytest.raises(ConnectError) as caught:
            async with Session(ToyDialect(), dial=dialer, retry=Retry(initial_attempts=1)):
                pass
        assert caught.value.__notes__ == ["gave up after one failure"]

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


def test_a_connection_that_opens_with_its_deadline_is_not_forgotten(run: Runner[None]) -> None:
    """What a dialer brings back although its time is over is closed, and the next attempt has one of its own."""

    async def main() -> None:
        clock, dialer = ManualClock(), toy_dialer()

        async def late(options: ConnectOptions) -> ScriptedConnection:
            connection = await dialer(options)
            if len(dialer.connections) == 1:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.get_running_loop().create_future()
            return connection

        session = Session(ToyDialect(), ["A"], dial=late, clock=clock)
        session.start()
        await advance_until(clock, lambda: session.is_live)
        assert [connection.is_over for connection in dialer.connections] == [True, False]
        await session.close()

    run(main())
