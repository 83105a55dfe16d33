"""A hub read over a bad network: every number exactly once, in order."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from tests.conftest import Runner
from tests.faults.conftest import MakeProxy
from tests.faults.proxy import ENDING, FAULTS, SILENCING, SLOWING
from tests.hub.parts import hub, quote
from wsexample.doors.hub import connect_hub
from wsexample.records.market import Quote
from wsexample.session.options import Retry
from wsexample.wire.options import ConnectOptions

COUNT = 200
SOON_S = 0.15


def test_every_number_comes_exactly_once_over_faults(run: Runner[Any], fault_proxy: MakeProxy, seed: int) -> None:
    """Cut, reset, silent and slow: what the hub published is what the session yields.

    Corruption is left out: a changed digit is a number that nobody published.
    """
    chance = random.Random(seed)
    faults = chance.sample(list(ENDING | SILENCING | SLOWING), 4)

    async def main() -> None:
        async with hub(desk={"history": 10_000}, ops_per_s=10_000) as made:
            proxy = fault_proxy(made.port)
            session = connect_hub(
                ConnectOptions(
                    url=f"{proxy.url}/v1/stream",
                    proxy=None,
                    handshake_timeout_s=SOON_S,
                    ping_interval_s=SOON_S,
                    ping_timeout_s=SOON_S,
                    close_timeout_s=0.05,
                ),
                "t.>",
                retry=Retry(first_s=0.01, max_s=0.05, interval_s=0.001),
                login_timeout_s=SOON_S,
                subscribe_timeout_s=SOON_S,
            )

            async def publish() -> None:
                number = 0
                for fault in faults:
                    print(fault, "after", number)  # noqa: T201 - pytest shows it when the test fails
                    FAULTS[fault](proxy)
                    for _ in range(COUNT // len(faults)):
                        number += 1
                        made.publish([quote(number)])
                        if chance.random() < 0.1:
                            await asyncio.sleep(0.01)
                    if fault in SILENCING:
                        before = session.stats.reconnects
                        while session.is_live and session.stats.reconnects == before:
                            await asyncio.sleep(0.005)
                    proxy.heal()
                    while not session.is_live:
                        await asyncio.sleep(0.005)

            async with session:
                publishing = asyncio.create_task(publish())
                seen: list[int] = []
                while len(seen) < COUNT:
                    record = await session.receive(timeout_s=10)
                    if isinstance(record, Quote):
                        seen.append(record.received_ns)
                await publishing
            assert seen == list(range(1, COUNT + 1))
            assert session.stats.reconnects >= len(set(faults) - set(SLOWING) - {"cut inside a frame"})

    run(main())
