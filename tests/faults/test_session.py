"""A session on a bad network: live again after each fault, every record accounted for, every break told as a gap."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.conftest import Runner
from tests.faults.conftest import MakeProxy
from tests.faults.proxy import ENDING, FAULTS, SILENCING, SLOWING, FaultProxy
from tests.session.toy import ToyDialect, broker, numbers, said
from wsexample.errors import ConnectionClosed
from wsexample.ports import Gap, Record, Silence
from wsexample.session.options import Retry
from wsexample.session.session import Session
from wsexample.wire.options import ConnectOptions, ServeOptions
from wsexample.wire.server import ServerConnection, serve

SILENCE_S = 0.2
"""When the session gives a silent connection up; the market says something far more often."""


def session_through(proxy: FaultProxy) -> Session:
    return Session(
        ToyDialect(login=True, acks=True, silence=Silence(message_s=SILENCE_S)),
        ["A"],
        url=ConnectOptions(
            url=proxy.url, proxy=None, handshake_timeout_s=SILENCE_S, ping_interval_s=0, close_timeout_s=0.05
        ),
        login_timeout_s=SILENCE_S,
        subscribe_timeout_s=SILENCE_S,
        retry=Retry(first_s=0.01, max_s=0.05, interval_s=0.005),
    )


def assert_adds_up(session: Session) -> None:
    """received == delivered + conflated + dropped + waiting."""
    stats = session.stats
    assert stats.received == stats.delivered + stats.conflated + stats.dropped + stats.waiting


async def until(is_so: Callable[[], bool], session: Session) -> None:
    """Wait for a fact; the sums hold all the while."""
    async with asyncio.timeout(20):
        while not is_so():
            assert session.error is None
            assert_adds_up(session)
            await asyncio.sleep(0.005)


async def market_through(
    make: MakeProxy, story: Callable[[FaultProxy, Session, list[Record]], Awaitable[None]]
) -> list[Record]:
    """Let a story happen while a market prints trades 1, 2, 3 and so on; returns the records of the session."""
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

    async with serve(handle, options=ServeOptions(ping_interval_s=0, close_timeout_s=0.05)) as server:
        printing = asyncio.create_task(print_trades())
        proxy = make(server.port)
        async with session_through(proxy) as session:
            consuming = asyncio.create_task(consume(session))
            await story(proxy, session, taken)
        await consuming
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


@pytest.mark.parametrize("fault", [fault for fault in ENDING | SILENCING if fault != "stalled up"])
def test_a_session_is_live_again_and_tells_the_gap(run: Runner[Any], fault_proxy: MakeProxy, fault: str) -> None:
    """One break, one gap, no number twice."""

    async def story(proxy: FaultProxy, session: Session, taken: list[Record]) -> None:
        await until(lambda: len(taken) > 5, session)
        FAULTS[fault](proxy)
        await until(lambda: not session.is_live, session)
        proxy.heal()
        await until(lambda: session.is_live and session.stats.reconnects >= 1, session)
        since = len(taken)
        await until(lambda: len(taken) > since + 5, session)

    taken = run(market_through(fault_proxy, story))
    assert any(isinstance(record, Gap) for record in taken)
    assert trades_are_in_order(taken)


@pytest.mark.parametrize("fault", [*SLOWING, "stalled up"])
def test_what_lets_records_through_breaks_nothing(run: Runner[Any], fault_proxy: MakeProxy, fault: str) -> None:
    """Every number that was said comes, in order; where the machine itself was too slow a gap says so.

    A client that only listens does not feel that nothing of it arrives.
    """

    async def story(proxy: FaultProxy, session: Session, taken: list[Record]) -> None:
        FAULTS[fault](proxy)
        await until(lambda: len(taken) > 10, session)

    assert trades_are_in_order(run(market_through(fault_proxy, story)))


def test_a_session_survives_a_row_of_faults(run: Runner[Any], fault_proxy: MakeProxy, seed: int) -> None:
    """Whatever comes one after the other, corrupted bytes among it: records flow again after each."""
    chance = random.Random(seed)
    faults = chance.sample(list(FAULTS), len(FAULTS))

    async def story(proxy: FaultProxy, session: Session, taken: list[Record]) -> None:
        for fault in faults:
            print(fault, "after", len(taken), "records")  # noqa: T201 - pytest shows it when the test fails
            FAULTS[fault](proxy)
            await asyncio.sleep(chance.random() * 0.03)
            proxy.heal()
            since = len(taken)
            await until(lambda since=since: session.is_live and len(taken) > since + 3, session)  # type: ignore[misc]

    taken = run(market_through(fault_proxy, story))
    assert any(isinstance(record, Gap) for record in taken)
