"""A consumer slower than its stream, over real sockets: fresh, accounted for, and nobody stalled.

``scripts/kabu_load.py`` does the same with a whole client and 2,000 boards a second for a minute.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.conftest import Runner
from tests.session.toy import ToyDialect, said
from wsexample.records.market import Trade
from wsexample.session.events import Received
from wsexample.session.session import Session
from wsexample.wire.options import ConnectOptions
from wsexample.wire.server import ServerConnection, serve

SYMBOLS = [f"S{number:02}" for number in range(50)]
MESSAGES = 4000


class Source:
    """Sends numbered trades of fifty symbols as fast as it is allowed to."""

    def __init__(self, count: int, pause_s: float) -> None:
        self.count = count
        self.pause_s = pause_s
        self.sent = 0
        self._ws: ServerConnection | None = None

    @property
    def waits(self) -> bool:
        """Whether no more fits into what lies between it and its reader."""
        return self._ws is not None and self._ws.is_writing_paused

    async def handle(self, ws: ServerConnection) -> None:
        self._ws = ws
        while self.sent < self.count:
            for _ in range(20):
                await ws.send(said(SYMBOLS[self.sent % len(SYMBOLS)], self.sent))
                self.sent += 1
            await asyncio.sleep(self.pause_s)
        await ws.wait_closed()


@pytest.mark.parametrize("works", ["awaiting", "blocking"])
def test_a_slow_consumer_gets_the_newest_of_each_symbol(run_grid: Runner[None], works: str) -> None:
    """Whatever a consumer takes is at least as new as what was there one step before; all is counted, all is read."""

    async def main() -> None:
        source = Source(MESSAGES, 0.005)
        newest: dict[str, int] = {}

        def tap(item: Any) -> None:
            if isinstance(item, Received):
                number = int(item.payload.split(b'"n": ')[1].rstrip(b"}"))
                newest[SYMBOLS[number % len(SYMBOLS)]] = number

        async with (
            serve(source.handle) as server,
            Session(ToyDialect(), ["all"], url=server.url, policy="conflate", tap=tap) as session,
        ):
            before: dict[str, int] = {}
            async for record in session:
                assert isinstance(record, Trade)
                assert int(record.price) >= before.get(record.symbol, -1)
                before = dict(newest)
                if works == "blocking":
                    time.sleep(0.01)  # noqa: ASYNC251 - a consumer that works without awaiting
                else:
                    await asyncio.sleep(0.01)
                stats = session.stats
                assert stats.received == stats.delivered + stats.conflated + stats.dropped + stats.waiting
                assert stats.waiting <= len(SYMBOLS)
                if int(record.price) == MESSAGES - 1:
                    break
            stats = session.stats
            assert (stats.messages, stats.received, stats.dropped) == (MESSAGES, MESSAGES, 0)
            assert stats.conflated > MESSAGES / 2

    run_grid(main())


def test_a_blocking_session_makes_the_server_wait(run_grid: Runner[None]) -> None:
    """With the policy block nothing is lost: TCP tells the server to wait while the consumer does nothing."""

    async def main() -> None:
        source = Source(200_000, 0.0)
        async with serve(source.handle) as server:
            options = ConnectOptions(url=server.url, read_ahead_messages=100, ping_interval_s=0)
            async with Session(ToyDialect(), ["all"], url=options, policy="block", limit=100) as session:
                sent = -1
                while sent != source.sent or session.stats.received < 100 or not source.waits:
                    sent = source.sent
                    await asyncio.sleep(0.02)
                assert sent < source.count
                assert session.stats.received == 100
                numbers = [int((await session.receive(5)).price) for _ in range(5000)]  # type: ignore[attr-defined]
                assert numbers == list(range(5000))

    run_grid(main())
