"""A session in a storm: live again after it, every record accounted for, every break told as a gap."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

from tests.faults.proxy import FaultProxy
from tests.faults.storm import DIALLING, OPEN, WAYS, Storm
from tests.session.toy import ToyDialect, broker, numbers, said
from wsexample.errors import ConnectionClosed, WsExampleError
from wsexample.ports import Gap, Record, Silence
from wsexample.session.options import Retry
from wsexample.session.session import Session
from wsexample.wire.options import ConnectOptions, ServeOptions
from wsexample.wire.server import ServerConnection, serve

SILENCE_S = 0.2
"""When the session gives a silent connection up; the market says something far more often."""
Story = Callable[[FaultProxy, Session, list[Record]], Awaitable[None]]


def session_through(proxy: FaultProxy, *, tls: Any = None, **changes: Any) -> Session:
    """A session with short deadlines."""
    return Session(
        ToyDialect(login=True, acks=True, silence=Silence(message_s=SILENCE_S)),
        ["A"],
        url=ConnectOptions(
            url=proxy.url if tls is None else proxy.url.replace("ws", "wss", 1),
            tls=tls,
            proxy=None,
            connect_timeout_s=2 * SILENCE_S if tls is not None else 10.0,
            handshake_timeout_s=SILENCE_S,
            ping_interval_s=0,
            close_timeout_s=0.05,
        ),
        login_timeout_s=SILENCE_S,
        subscribe_timeout_s=SILENCE_S,
        retry=Retry(first_s=0.01, max_s=0.05, interval_s=0.005),
        **changes,
    )


def assert_adds_up(session: Session) -> None:
    """received == delivered + conflated + dropped + waiting."""
    stats = session.stats
    assert stats.received == stats.delivered + stats.conflated + stats.dropped + stats.waiting


class EndedByBytesError(Exception):
    """The session has ended because changed bytes said something final, such as HTTP 400."""


async def until(is_so: Callable[[], bool], session: Session, *, may_end: bool = False) -> None:
    """Wait for a fact; the sums hold all the while."""
    async with asyncio.timeout(20):
        while not is_so():
            if may_end and isinstance(session.error, WsExampleError):
                raise EndedByBytesError
            assert session.error is None, session.error
            assert_adds_up(session)
            await asyncio.sleep(0.005)


async def market_through(
    make: Callable[[int], FaultProxy], story: Story, *, tls: Any = None, **changes: Any
) -> list[Record]:
    """Let a story happen while a market prints trades 1, 2, 3 and so on; returns the records of the session.

    Parameters:
        make: makes the proxy before the market's port.
        story: what happens.
        tls: contexts of market and session.
        changes: options of the session.
    """
    last = 0
    readers: set[ServerConnection] = set()
    taken: list[Record] = []

    async def handle(ws: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed, ValueError, TypeError):  # what is corrupted is no login
            async for message in ws:
                for reply in broker(message):
                    await ws.send(reply)
                    if "have" in json.loads(reply):
                        readers.add(ws)
        readers.discard(ws)

    async def print_trades() -> None:
        nonlocal last
        while True:
            last += 1
            for ws in list(readers):
                if ws.is_open:
                    ws.send_nowait(said("A", last))
            await asyncio.sleep(0.005)

    async def consume(session: Session) -> None:
        async for record in session:
            taken.append(record)  # noqa: PERF401 - the story looks at it meanwhile

    options = ServeOptions(ping_interval_s=0, close_timeout_s=0.05)
    async with serve(handle, options=options, tls=None if tls is None else tls[0]) as server:
        printing = asyncio.create_task(print_trades())
        proxy = make(server.port)
        async with session_through(proxy, tls=None if tls is None else tls[1], **changes) as session:
            consuming = asyncio.create_task(consume(session))
            await story(proxy, session, taken)
        try:
            await consuming
        except WsExampleError as error:
            assert error is session.error  # noqa: PT017 - the story has looked whether it may end
        assert_adds_up(session)
        assert session.stats.waiting == 0
        printing.cancel()
        await asyncio.gather(printing, return_exceptions=True)
        proxy.heal()
    return taken


def trades_are_in_order(taken: list[Record]) -> bool:
    """No number twice, none before an earlier one, and none missing but where a gap stands."""
    before: int | None = None
    is_gap = False
    for record in taken:
        if isinstance(record, Gap):
            is_gap = True
        for number in numbers([record]):
            if before is not None and (number <= before or (number != before + 1 and not is_gap)):
                return False
            before, is_gap = number, False
    return True


async def trial(storm: Storm) -> None:
    """One or two strikes, live or while it connects again."""
    strikes = [storm.draw(OPEN, DIALLING) for _ in range(storm.draw(1, 2))]
    policy = storm.draw("block", "block", "drop_oldest")

    async def story(proxy: FaultProxy, session: Session, taken: list[Record]) -> None:
        with contextlib.suppress(EndedByBytesError):
            for when in strikes:
                await _struck(storm, when, proxy, session, taken)
            since = len(taken)
            await until(lambda: len(taken) > since + 5, session, may_end=storm.spoils)

    taken = await market_through(storm.proxy, story, tls=storm.tls, policy=policy)
    assert storm.spoils or trades_are_in_order(taken)
    if storm.ends:
        assert sum(isinstance(record, Gap) for record in taken) >= len(strikes)


async def _struck(storm: Storm, when: str, proxy: FaultProxy, session: Session, taken: list[Record]) -> None:
    """Let records flow, strike, wait until it is felt, heal, and wait until the session is live."""
    since, reconnects = len(taken), session.stats.reconnects
    await until(lambda: len(taken) > since + 3, session, may_end=storm.spoils)
    if when == DIALLING:
        proxy.cut()
    # who only listens does not feel that nothing of it arrives, and a cut after some bytes of it never comes
    storm.strike(proxy, when, ("down", "both") if when == OPEN else WAYS)
    if storm.silences:
        await until(lambda: not session.is_live, session)
    elif storm.ends or when == DIALLING:
        await until(lambda: session.stats.reconnects > reconnects, session, may_end=storm.spoils)
    await asyncio.sleep(storm.chance.uniform(0, 0.1))
    storm.heal()
    await until(lambda: session.is_live, session, may_end=storm.spoils)
