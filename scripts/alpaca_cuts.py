#!/usr/bin/env python3
"""Cut Alpaca's trading stream a hundred times at random during ten thousand fills, and count what each client has of them.

Every cut meets every client: it comes a random while after the slowest of them is connected again.

A simulated exchange fills orders at a steady pace; connections are reset, closed, failed and refused for a while. Beside
each other, on the same account: our client with the event stream, our client with REST lists alone, and alpaca-py's
TradingStream, each with its own defaults. Ours must have every execution once and in order; the exit status says whether.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import logging
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from wsexample.brokers.alpaca import AlpacaTradingStream
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET, AlpacaSimulator, Switches
from wsexample.records.orders import Fill

SETTLE_S = 40.0
"""How long a client may take to get the last fill after it happened; alpaca-py waits up to 30 s to connect again."""
START_S = 20.0
RECONNECT_S = 1.5
"""About how long the slowest client takes to connect again."""


@dataclass
class Tally:
    """What one client got."""

    name: str
    execution_ids: list[str] = field(default_factory=list)
    backfilled: int = 0
    connections: int = 0

    def against(self, happened: Sequence[str]) -> tuple[int, int, int]:
        """Return how many are missing, how many came again, and how many came behind a later one."""
        place = {execution_id: number for number, execution_id in enumerate(happened)}
        counts = Counter(self.execution_ids)
        places = [place[one] for one in dict.fromkeys(self.execution_ids)]
        late = sum(earlier > later for earlier, later in pairwise(places))
        return len(place) - len(counts), sum(counts.values()) - len(counts), late

    def is_perfect(self, happened: Sequence[str]) -> bool:
        """Return whether every execution is there once and in order."""
        return self.execution_ids == list(happened)


@dataclass
class Outcome:
    """What happened, and who noticed what."""

    happened: list[str]
    cuts: Counter[str]
    seconds: float
    tallies: list[Tally]

    def __str__(self) -> str:
        ways = ", ".join(f"{count} {way}" for way, count in sorted(self.cuts.items()))
        lines = [
            f"{len(self.happened):,} fills in {self.seconds:.0f} s, {self.cuts.total()} cuts ({ways})",
            f"{'client':<36}{'connections':>12}{'fills':>8}{'missing':>9}{'doubled':>9}{'out of order':>14}{'backfilled':>12}",
        ]
        for tally in self.tallies:
            missing, doubled, late = tally.against(self.happened)
            got = len(set(tally.execution_ids))
            lines.append(
                f"{tally.name:<36}{tally.connections:>12,}{got:>8,}{missing:>9,}{doubled:>9,}{late:>14,}"
                f"{tally.backfilled:>12,}"
            )
        return "\n".join(lines)


async def experiment(
    fills: int, cuts: int, per_s: float, *, seed: int = 1, with_alpaca_py: bool = True, **options: Any
) -> Outcome:
    """Let it all happen.

    Parameters:
        fills: executions in all.
        cuts: how often the connections are cut, at random moments.
        per_s: executions a second.
        seed: of the market and of the cuts.
        with_alpaca_py: whether alpaca-py runs beside.
        options: of our clients in place of their defaults.
    """
    chance = random.Random(seed)
    async with AlpacaSimulator(seed=seed, switches=Switches(partial_fill_chance=0.0)) as sim:
        options = {"url": sim.trading_stream_url, "rest_url": sim.url, **options}
        tallies = [Tally("wsexample, event stream"), Tally("wsexample, REST orders + activities")]
        async with (
            AlpacaTradingStream(DEFAULT_KEY, DEFAULT_SECRET, **options, backfill="events") as by_events,
            AlpacaTradingStream(DEFAULT_KEY, DEFAULT_SECRET, **options, backfill="rest") as by_lists,
        ):
            if with_alpaca_py:
                tallies.append(Tally(f"alpaca-py {importlib.metadata.version('alpaca-py')}"))
                peer = AlpacaPy(sim.trading_stream_url, tallies[-1])
                peer.start()
            await sim.wait_for("listening", len(tallies), START_S)
            begun_s = time.monotonic()
            flow = sim.start_fills(fills, per_s)
            takers = [
                asyncio.ensure_future(take(stream, tally, fills))
                for stream, tally in zip((by_events, by_lists), tallies, strict=False)
            ]
            done = await cut(sim, chance, fills, cuts, per_s, clients=len(tallies))
            await sim.wait_for("executions", fills, fills / per_s + START_S)
            seconds = time.monotonic() - begun_s
            await asyncio.wait(takers, timeout=SETTLE_S)
            for taker in takers:
                taker.cancel()
            await asyncio.gather(*takers, return_exceptions=True)
            if with_alpaca_py:
                await asyncio.to_thread(peer.settle, flow.execution_ids[-1])
            for stream, tally in zip((by_events, by_lists), tallies, strict=False):
                tally.connections = stream.stats.reconnects + 1
            if with_alpaca_py:
                tallies[-1].connections = sim.stats.logins - sum(tally.connections for tally in tallies[:2])
        return Outcome(flow.execution_ids, done, seconds, tallies)


async def take(stream: AlpacaTradingStream, tally: Tally, fills: int) -> None:
    """Note every fill until there are as many different ones as happened."""
    seen: set[str] = set()
    async for record in stream:
        if isinstance(record, Fill):
            tally.execution_ids.append(record.fill_id)
            tally.backfilled += record.is_backfilled
            seen.add(record.fill_id)
            if len(seen) >= fills:
                return


async def cut(
    sim: AlpacaSimulator, chance: random.Random, fills: int, cuts: int, per_s: float, *, clients: int
) -> Counter[str]:
    """Cut every connection at random moments, in several ways; returns how often in which."""
    done: Counter[str] = Counter()
    for left in range(cuts, 0, -1):
        happened = len(sim.account.activities)
        rest = (fills - happened) / left - RECONNECT_S * per_s
        moment = min(happened + chance.randint(1, max(2, round(2 * rest))), fills)
        await sim.wait_for("executions", moment, fills / per_s + START_S)
        logins = sim.stats.logins
        way = chance.choices(("reset", "closed with 1001", "internal error", "down for 1 s"), (70, 10, 10, 10))[0]
        if way == "reset":
            sim.reset("trading")
        elif way == "closed with 1001":
            sim.close_streams(1001, "going away", "trading")
        elif way == "internal error":
            sim.internal_error("trading")
        else:
            sim.stop_streams(1.0)
        done[way] += 1
        if sys.stderr.isatty():
            print(
                f"\r{done.total()} of {cuts} cuts, {happened:,} of {fills:,} fills", end="", file=sys.stderr, flush=True
            )
        await sim.wait_for("logins", logins + clients, START_S + SETTLE_S)
        await sim.wait_for("listening", clients, START_S)
    return done


class AlpacaPy:
    """alpaca-py's own client in a thread of its own, unchanged but for its address."""

    def __init__(self, url: str, tally: Tally) -> None:
        from alpaca.trading.stream import TradingStream

        self._tally = tally
        self._stream = TradingStream(DEFAULT_KEY, DEFAULT_SECRET, url_override=url)
        self._stream.subscribe_trade_updates(self._noted)
        self._thread = threading.Thread(target=self._stream.run, name="alpaca-py", daemon=True)

    async def _noted(self, update: Any) -> None:
        if update.event in ("fill", "partial_fill"):
            self._tally.execution_ids.append(str(update.execution_id))

    def start(self) -> None:
        """Let it connect."""
        self._thread.start()

    def settle(self, last_id: str) -> None:
        """Give it time to get what was sent, then end it."""
        ends_s = time.monotonic() + 2.0
        while last_id not in self._tally.execution_ids[-1:] and time.monotonic() < ends_s:
            time.sleep(0.05)
        self._stream.stop()
        self._thread.join(timeout=10.0)


def main() -> int:
    """Run the experiment and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--fills", type=int, default=10_000, help="executions in all (default 10000)")
    parser.add_argument("--cuts", type=int, default=100, help="how often the connections are cut (default 100)")
    parser.add_argument("--per-second", type=float, default=25.0, help="executions a second (default 25)")
    parser.add_argument("--seed", type=int, default=1, help="of the market and of the cuts (default 1)")
    parser.add_argument("--alone", action="store_true", help="without alpaca-py beside it")
    options = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    outcome = asyncio.run(
        experiment(options.fills, options.cuts, options.per_second, seed=options.seed, with_alpaca_py=not options.alone)
    )
    print(outcome)
    return 0 if all(tally.is_perfect(outcome.happened) for tally in outcome.tallies[:2]) else 1


if __name__ == "__main__":
    sys.exit(main())
