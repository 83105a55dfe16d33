"""What a hub under test is fed: quotes of fifty symbols, in bursts of one size at a steady rate, for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from bench.job import Job

if TYPE_CHECKING:
    from wsexample.records.market import Quote

__all__ = ["Numbered", "feed_hub"]

SYMBOLS = 50


async def feed_hub(job: Job, publish: Callable[[Sequence[Quote]], None]) -> None:
    """Wait until every reader has subscribed, then publish burst after burst; a late one is not made up by a larger one."""
    from wsexample.records.market import Quote

    await job.told()
    burst, period_s = job.burst, job.burst / job.detail["rate"]
    number, due_s = 0, time.perf_counter()
    while True:
        now_ns = time.time_ns()
        publish(
            [
                Quote(
                    venue="load",
                    symbol=f"S{one % SYMBOLS}",
                    received_ns=now_ns,
                    exchange_ns=now_ns,
                    bid_price=100 + one % 7 / 100,
                    bid_size=300.0,
                    ask_price=100.05 + one % 7 / 100,
                    ask_size=200.0,
                )
                for one in range(number, number + burst)
            ]
        )
        number += burst
        due_s = max(due_s + period_s, time.perf_counter() - period_s)
        await asyncio.sleep(max(due_s - time.perf_counter(), 0))


class Numbered:
    """Writes records as the hub's language has them, for relays that are not ours."""

    def __init__(self) -> None:
        self._seq: dict[str, int] = {}
        self._encode = msgspec.json.Encoder().encode

    def write(self, record: Quote) -> tuple[str, str]:
        """Return the topic of a record and its message."""
        topic = f"{record.venue}.{record.symbol}.quote"
        seq = self._seq[topic] = self._seq.get(topic, 0) + 1
        return topic, self._encode({"op": "data", "topic": topic, "seq": seq, "record": record}).decode()
