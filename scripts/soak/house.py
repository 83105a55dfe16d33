"""The process that is measured: clients of every broker, a store, tapes, paper trading, and a hub with its readers.

Run by ``scripts/soak.py``. It lives until it is told to end; then it says what it has counted, and in the end how many handles,
tasks and threads are left.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import msgspec

from soak.line import Orders, tell
from soak.plan import Plan
from soak.readers import BadNetwork, Blocking, ComesAndGoes, Reader, Slow, Steady
from soak.sampling import Growth, take, top_types
from soak.streams import Stream, streams_of
from soak.venues import ALPACA_SYMBOLS
from wsexample.hub.access import Access, Rights
from wsexample.hub.desk import DeskOptions
from wsexample.hub.server import Hub, HubOptions
from wsexample.paper.engine import PaperTradingEngine
from wsexample.ports import Record
from wsexample.records.market import Quote, Trade
from wsexample.records.orders import Fill
from wsexample.sinks.base import open_sink

STARTS_S = 60.0
SETTLES_S = 60.0
"""How long everything may take to be live, and to be caught up with, after the last fault."""
CALM_S = 1.0
"""So long nothing comes any more when everything has come."""
TRACES_FROM = 0.5
"""After which part of a run it is noted where memory is given out: when all memories are full."""
HISTORY = 100
"""Records of a topic that the hub keeps, and ended orders of the paper account: few, so that they are full soon and their filling
up is no slope."""
TRADED = ALPACA_SYMBOLS[0]
"""What is traded on paper: one symbol, because the hub keeps some records of each topic."""
TYPES_EVERY = 10
LEAKS = 1_000
"""How many small objects a planted leak keeps at each sample."""


class Complaints(logging.Handler):
    """Keeps what the loop and the library call an error: none may be logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        text = self.format(record)
        if len(self.said) < 50:
            self.said.append(text)


class House:
    """Everything behind the sockets."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.streams: list[Stream] = []
        self.readers: list[Reader] = []
        self.paper = PaperTradingEngine(20_000, history=HISTORY)
        self.written = 0
        self.taken: Counter[str] = Counter()
        self.paper_fills = 0
        self._growth = Growth() if plan.traces else None
        self._leaked: list[bytearray] = []

    async def live(self, orders: Orders) -> None:
        """From the first connection to the last record."""
        plan = self.plan
        async with AsyncExitStack() as stack:
            path = os.path.abspath(os.path.join(plan.folder, "records.db"))  # noqa: ASYNC240 - asks no disk
            self.sink = await stack.enter_async_context(open_sink(f"sqlite:///{path}"))
            everything = Access(anybody=Rights("soak", account=True, personal=True))
            desk = DeskOptions(history=HISTORY, max_backlog_bytes=64 * 1024)
            options = HubOptions(desk=desk, ops_per_s=1000)
            self.hub = await stack.enter_async_context(Hub(access=everything, options=options))
            tell("hub", port=self.hub.port)
            ports = (await orders.next())["ports"]
            self.readers = [kind(self.hub.url, plan.seed) for kind in (Steady, Slow, ComesAndGoes, Blocking)]
            self.readers.append(BadNetwork(f"ws://127.0.0.1:{ports['hub']}", plan.seed))
            self.streams = streams_of(plan, ports, self.take)
            flowing, reading = asyncio.Event(), asyncio.Event()
            readers = [asyncio.create_task(one.run(reading)) for one in self.readers]
            tasks = [asyncio.create_task(one.run(flowing)) for one in self.streams]
            sampling = asyncio.create_task(self._sample())
            await self._until(lambda: all(stream.is_live for stream in self.streams), STARTS_S, [*tasks, *readers])
            tell("live")
            await self._ordered(orders, [*tasks, *readers])  # the simulators are about to fall silent
            if self._growth is not None:
                tell("growth", lines=self._growth.lines())
            await self._until(lambda: all(stream.is_live for stream in self.streams), SETTLES_S, [*tasks, *readers])
            tell("live")
            await self._ordered(orders, [*tasks, *readers])  # nothing more is sent
            await self._calm([*tasks, *readers])
            flowing.set()
            await asyncio.gather(*tasks)
            await self._finish_paper()
            await self.sink.flush()
            for reader in self.readers:
                if isinstance(reader, (Slow, ComesAndGoes)):
                    reader.stays = True
            numbers = {name: topic.seq for name, topic in self.hub.desk.topics.items()}
            with contextlib.suppress(TimeoutError):  # who is still behind is told below
                await self._until(lambda: not any(one.behind(numbers) for one in self.readers), SETTLES_S, readers)
            reading.set()
            await asyncio.gather(*readers)
            sampling.cancel()
            await asyncio.gather(sampling, return_exceptions=True)
            tell("account", **self.account(numbers))

    async def _ordered(self, orders: Orders, tasks: list[asyncio.Task[None]]) -> None:
        """Wait for the next order; a part that ends before is raised at once."""
        order = asyncio.create_task(orders.next())
        done, _ = await asyncio.wait([order, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {order}:
            order.cancel()
            task.result()
            raise RuntimeError(f"{task.get_name()} has ended by itself")
        if order.result()["do"] == "stop":
            raise RuntimeError("the starting process is gone")

    async def _until(self, is_so: Any, timeout_s: float, tasks: list[asyncio.Task[None]]) -> None:
        """Wait for a fact; a part that failed is raised."""
        async with asyncio.timeout(timeout_s):
            while not is_so():
                for task in tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.05)

    async def _calm(self, tasks: list[asyncio.Task[None]]) -> None:
        """Wait until nothing has come for a while."""
        before, since_s = -1, time.monotonic()

        def is_calm() -> bool:
            nonlocal before, since_s
            rows = [counts for one in self.streams for counts in one.counts().values()]
            now = sum(counts["messages"] + counts["received"] for counts in rows)
            if now != before:
                before, since_s = now, time.monotonic()
            return time.monotonic() - since_s > CALM_S

        await self._until(is_calm, SETTLES_S, tasks)

    # -- records -------------------------------------------------------------------------------------------------

    async def take(self, name: str, record: Record) -> None:
        """Store a record, publish it, and trade on it."""
        self.taken[name] += 1
        records = [record]
        if name == "alpaca.data" and isinstance(record, (Quote, Trade)):
            records += self.paper.feed(record)
            if record.symbol == TRADED:
                self.paper.follow(record)
                records += self.paper.take_told()
        await self._keep(records)

    async def _keep(self, records: list[Record]) -> None:
        self.paper_fills += sum(isinstance(one, Fill) and one.venue == self.paper.venue for one in records)
        self.written += len(records)
        self.hub.publish(records)
        if self.plan.plant == "loss" and self.written > 1000:
            self.plan = msgspec.structs.replace(self.plan, plant="")
            records = records[1:]
        if records:
            await self.sink.write(records)

    async def _finish_paper(self) -> None:
        told = self.paper.take_told()
        if told:
            await self._keep(told)

    # -- figures -------------------------------------------------------------------------------------------------

    def counts(self) -> dict[str, int]:
        """Return what is counted now, in all."""
        found: Counter[str] = Counter()
        for stream in self.streams:
            for counts in stream.counts().values():
                found.update(counts)
        names = ("messages", "received", "delivered", "dropped", "waiting", "gaps", "reconnects")
        return {
            **{name: found[name] for name in names},
            "written": self.written,
            "sink_waiting": self.sink.waiting,
            "published": self.hub.desk.stats.published,
            "hub_readers": len(self.hub.readers),
        }

    async def _sample(self) -> None:
        number = 0
        while True:
            number += 1
            types = top_types() if number % TYPES_EVERY == 1 else {}
            tell("sample", sample=take(self.counts()), types=types)
            if self._growth is not None and number == round(self.plan.seconds * TRACES_FROM / self.plan.sample_s):
                self._growth.begin()
            if self.plan.plant == "leak":
                self._leaked += [bytearray(100) for _ in range(LEAKS)]
            await asyncio.sleep(self.plan.sample_s)

    def account(self, numbers: dict[str, int]) -> dict[str, Any]:
        """Return everything that must add up."""
        stats = self.sink.stats
        exchange, ledger = self.paper.exchange, self.paper.exchange.ledger
        return {
            "sessions": {name: counts for stream in self.streams for name, counts in stream.counts().items()},
            "outlets": [counts for stream in self.streams for counts in stream.outlets],
            "ends": {stream.broker: stream.ends for stream in self.streams},
            "taken": dict(self.taken),
            "written": self.written,
            "sink": {"written": stats.written, "stored": stats.stored, "extra": stats.extra},
            "hub": {"published": self.hub.desk.stats.published, "numbers": sum(numbers.values())},
            "hub_stats": {
                name: getattr(self.hub.desk.stats, name) for name in ("slow", "closed_slow", "resumed", "missed")
            },
            "readers": {one.name: {**one.told(), "behind": one.behind(numbers)} for one in self.readers},
            "paper": {
                "fills": self.paper_fills,
                "orders": len(exchange.orders) + exchange.orders.forgotten,
                "refused": self.paper.refused,
                "imbalance": str(sum(abs(ledger.imbalance(currency)) for currency in ledger.currencies)),
                "equity": str(ledger.equity()),
            },
        }


async def main(plan: Plan) -> None:
    """Live, and say what came of it."""
    async with Orders() as orders:
        await House(plan).live(orders)
    tell("left", tasks=[task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()])


def run(plan: Plan) -> None:
    """Run on the loop that was asked for, and look at the process before and after."""
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    factory = None
    if plan.loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
        with asyncio.Runner(
            loop_factory=factory
        ) as first:  # libuv's pipe for signals stays open for the life of the process
            first.run(asyncio.sleep(0))
    from wsexample.wire.lane import LANE

    tell("before", sample=take(), lane=LANE, python=sys.version.split()[0])
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main(plan))
    gc.collect()
    tell("after", sample=take(), complaints=complaints.said)


if __name__ == "__main__":
    run(msgspec.json.decode(sys.argv[1], type=Plan))
