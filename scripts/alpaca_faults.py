#!/usr/bin/env python3
"""Let everything go wrong at once on the way from a simulated Alpaca to a client, and check that no execution is lost.

Connections are cut, muted, refused; updates lost, doubled, exchanged, late, odd; REST fails, storms, breaks off; the venue's
clock jumps. Each execution must come once, whatever the order; the exit status says whether it did.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from wsexample.brokers.alpaca import AlpacaTradingStream
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET, AlpacaSimulator, Switches
from wsexample.records.orders import Fill
from wsexample.session.options import Retry

ODDITIES = ("unknown_event", "unknown_status", "unknown_field", "null_order", "bad_json", "one_byte")
SETTLE_S = 60.0

Place = tuple[str, Decimal]


@dataclass
class Outcome:
    """What happened, and what came of it."""

    happened: set[Place]
    """Every execution: its order and what of that was filled with it. Lists may call it by another identifier."""
    came: list[Place]
    backfilled: int
    reconnects: int
    faults: Counter[str]

    @property
    def missing(self) -> int:
        """Executions that never came."""
        return len(self.happened - set(self.came))

    @property
    def doubled(self) -> int:
        """Executions that came again."""
        return len(self.came) - len(set(self.came))

    def __str__(self) -> str:
        faults = ", ".join(f"{count} {name}" for name, count in sorted(self.faults.items()))
        return (
            f"{len(self.happened):,} executions: {self.missing} missing, {self.doubled} doubled; {self.backfilled:,} fetched,"
            f" {self.reconnects} reconnects; {self.faults.total()} faults ({faults})"
        )


def faults_of(sim: AlpacaSimulator, chance: random.Random) -> dict[str, Callable[[], Any]]:
    """Return what can go wrong, by name."""
    return {
        "reset": lambda: sim.reset("trading"),
        "close": lambda: sim.close_streams(1001, "going away", "trading"),
        "internal error": lambda: sim.internal_error("trading"),
        "down": lambda: sim.stop_streams(0.4),
        "lost": lambda: sim.drop_updates(chance.randint(1, 6)),
        "doubled": lambda: sim.double_updates(5),
        "exchanged": lambda: sim.reorder_updates(2),
        "late": lambda: sim.delay_updates(chance.choice((0.0, 0.2, 0.5))),
        "odd": lambda: sim.odd_update(chance.choice(ODDITIES)),
        "mute": lambda: sim.mute(0.7),
        "silent login": lambda: sim.silent_auth(0.2),
        "REST fault": lambda: sim.rest_fault(502, chance.randint(1, 8)),
        "REST storm": lambda: sim.storm_429(0.5),
        "events broken off": lambda: sim.break_event_stream(chance.randint(0, 20)),
        "events left out": lambda: sim.drop_events(1),
        "clock set": lambda: sim.skew_clock(chance.choice((-2.0, 2.0))),
    }


async def experiment(seed: int, *, fills: int, per_s: float, backfill: Any, **options: Any) -> Outcome:
    """Let it all happen.

    Parameters:
        seed: of the market and of the faults.
        fills, per_s: executions in all and a second.
        backfill: "auto" or "rest", as of `AlpacaTradingStream`.
        options: further ones of it.
    """
    chance = random.Random(seed)
    switches = Switches(
        requests_per_minute=0,
        event_ids=chance.random() < 0.5,
        activity_ids=chance.choice(("execution", "other")) if backfill == "rest" else "execution",
    )
    known = {"retry": Retry(first_s=0.05, max_s=0.5, interval_s=0.01), "patience_s": 3.0, "check_every_s": 3.0}
    came: list[Fill] = []

    async def take() -> None:
        async for record in stream:
            if isinstance(record, Fill):
                came.append(record)  # noqa: PERF401 - looked at meanwhile

    async with AlpacaSimulator(seed=seed, switches=switches) as sim:
        stream = AlpacaTradingStream(
            DEFAULT_KEY,
            DEFAULT_SECRET,
            url=sim.trading_stream_url,
            rest_url=sim.url,
            backfill=backfill,
            **{**known, **options},
        )
        async with stream:
            taking = asyncio.ensure_future(take())
            flow = sim.start_fills(fills, per_s)
            done = await _break_everything(sim, chance, lambda: flow.is_over)
            for _ in range(round(SETTLE_S / 0.1)):
                if len({_place(fill) for fill in came}) >= fills:
                    break
                await asyncio.sleep(0.1)
            reconnects = stream.stats.reconnects
        await taking
        happened = {(str(one.order_id), Decimal(str(one.cum_qty))) for one in sim.account.activities}
    places = [_place(fill) for fill in came]
    return Outcome(happened, places, sum(fill.is_backfilled for fill in came), reconnects, done)


async def _break_everything(sim: AlpacaSimulator, chance: random.Random, is_over: Callable[[], bool]) -> Counter[str]:
    faults = faults_of(sim, chance)
    done: Counter[str] = Counter()
    while not is_over():
        await asyncio.sleep(chance.uniform(0.05, 0.5))
        name = chance.choice(sorted(faults))
        faults[name]()
        done[name] += 1
    sim.delay_updates(0.0)
    sim.unmute()
    sim.answer_again()
    sim.rest_fault(502, 0)
    return done


def _place(fill: Fill) -> Place:
    return fill.order_id, fill.cumulative_size or Decimal(0)


def main() -> int:
    """Run the experiment with one seed after the other."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--seeds", type=int, default=5, help="how many runs (default 5)")
    parser.add_argument("--first-seed", type=int, default=1, help="the first of them (default 1)")
    parser.add_argument("--fills", type=int, default=1000, help="executions of a run (default 1000)")
    parser.add_argument("--per-second", type=float, default=50.0, help="executions a second (default 50)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    bad = 0
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for backfill in ("auto", "rest"):
            outcome = asyncio.run(experiment(seed, fills=options.fills, per_s=options.per_second, backfill=backfill))
            print(f"seed {seed}, {backfill}: {outcome}", flush=True)
            bad += outcome.missing + outcome.doubled
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
