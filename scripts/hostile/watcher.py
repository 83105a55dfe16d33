"""The well-behaved client beside an attack: asks, waits for the answer, and takes the time; every answer must be its own."""

from __future__ import annotations

import asyncio
import time
from statistics import quantiles

__all__ = ["Watcher", "spread"]

PAUSE_S = 0.01
ANSWER_S = 60.0


class Watcher:
    """Asks an echo one numbered question after the other."""

    def __init__(self) -> None:
        self.taken: list[tuple[float, float]] = []
        """When each answer came, and how long it took, seconds."""
        self.wrong = 0

    async def run(self, url: str, *, insecure: bool = False) -> None:
        """Ask until it is cancelled; an answer that does not come raises."""
        from wsexample.wire.connection import connect
        from wsexample.wire.tls import TlsOptions

        tls = TlsOptions(verify=False) if insecure else None
        async with connect(url, tls=tls, ping_interval_s=0) as ws:
            number = 0
            while True:
                number += 1
                asked_s = time.monotonic()
                await ws.send(str(number))
                self.wrong += await ws.receive(ANSWER_S) != str(number)
                now_s = time.monotonic()
                self.taken.append((now_s, now_s - asked_s))
                await asyncio.sleep(PAUSE_S)

    def times(self, since_s: float, until_s: float) -> list[float]:
        """Return the round trips of a span of time, milliseconds."""
        return [taken * 1e3 for at_s, taken in self.taken if since_s <= at_s < until_s]


def spread(times: list[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile."""
    if len(times) < 2:
        return (times[0], times[0]) if times else (float("nan"), float("nan"))
    cuts = quantiles(times, n=100)
    return cuts[49], cuts[98]
