"""The brokers' clients as sources of records: opened over bad networks, recorded on tape, opened anew when they gave up for good.

What becomes of the records is told by whoever opens a stream.
"""

from __future__ import annotations

import asyncio
import struct
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

from soak.plan import Plan
from soak.venues import ALPACA_SYMBOLS, KABU_SYMBOLS, WEEX_SYMBOLS
from wsexample.brokers.alpaca import AlpacaStream, AlpacaTradingStream
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET
from wsexample.brokers.kabu import KabuClient
from wsexample.brokers.weex.client import WeexConfig, WeexWebSocketClient
from wsexample.brokers.weex.codes import PRIVATE_PATH, PUBLIC_PATH
from wsexample.brokers.weex.dialect import WeexMessage
from wsexample.errors import WsExampleError
from wsexample.ports import Record
from wsexample.session.options import Retry
from wsexample.session.session import Session
from wsexample.tape.format import Source
from wsexample.tape.recorder import Recorder

__all__ = ["NETWORKS", "TAKEN", "Alpaca", "Kabu", "Stream", "Take", "Weex", "streams_of"]

NETWORKS = {
    "kabu": ("kabu",),
    "alpaca": ("alpaca.data", "alpaca.trading", "alpaca.rest"),
    "weex": ("weex.public", "weex.private", "weex.rest"),
}
"""The networks between a broker and its client; each has a fault proxy of its own."""
TAKEN = struct.Struct("<qq")
"""When the message of a record came, and when the record was taken, UTC epoch nanoseconds."""
SOON = Retry(first_s=0.1, max_s=2.0, proven_s=1.0, interval_s=0.05)
PING: dict[str, Any] = {"ping_interval_s": 2.0, "ping_timeout_s": 2.0}
WAITING = 100_000
"""Records that may wait; none may ever be dropped."""
REMEMBERED, REMEMBERED_OF_FEW = 1_000, 300
"""What clients remember to tell what comes again, of many and of few records a second: far less than by default, so that it is
full soon and filling up is no slope. Nothing that comes again after a break is older here."""
PAUSE_S = 0.5

Take = Callable[[str, Record], Awaitable[None]]
"""What is done with a record of a stream."""


class Stream(ABC):
    """One client and its sessions.

    Parameters:
        plan: of the run.
        ports: of the networks, by their names.
        take: what is done with each record.
    """

    broker: str

    def __init__(self, plan: Plan, ports: dict[str, int], take: Take) -> None:
        self.plan = plan
        self._ports = ports
        self._take = take
        self.sessions: dict[str, Session] = {}
        """Those of the present generation, by name."""
        self.totals: dict[str, dict[str, int]] = {}
        """What the sessions of earlier generations have counted."""
        self.ends: list[str] = []
        """Why generations ended that were not asked to."""
        self.generation = 0
        self.outlets: list[dict[str, int]] = []
        """What generators of the client have counted, where it has any."""
        self._recorders: list[Recorder] = []

    @abstractmethod
    async def open(self, stack: AsyncExitStack) -> list[tuple[str, AsyncIterator[Record]]]:
        """Open the client; returns its sources by name."""

    async def run(self, stop: asyncio.Event) -> None:
        """Live until told to stop; begin anew after an end that was final."""
        while not stop.is_set():
            self.generation += 1
            try:
                async with AsyncExitStack() as stack:
                    sources = await self.open(stack)
                    tasks = [asyncio.create_task(self._carry(name, source)) for name, source in sources]
                    stopping = asyncio.create_task(stop.wait())
                    done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
                    stopping.cancel()
                    await self._end(tasks)
                for task in done - {stopping}:
                    task.result()
            except WsExampleError as error:
                self.ends.append(f"{type(error).__name__}: {error}")
                await asyncio.sleep(PAUSE_S)
            finally:
                self._note_totals()

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        """Close the sessions; what waits in them is taken before their readers end."""
        for session in self.sessions.values():
            await session.close()
        _, late = await asyncio.wait(tasks, timeout=10)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _carry(self, name: str, source: AsyncIterator[Record]) -> None:
        with open(Path(self.plan.folder) / f"{name}.taken", "ab") as rows:  # noqa: ASYNC230 - buffered, as a program would
            async for record in source:
                plain = record.record if isinstance(record, WeexMessage) else record
                rows.write(TAKEN.pack(record.received_ns, time.time_ns()))
                await self._take(name, plain)

    def recorder(self, name: str) -> Recorder:
        """Return a new tape for this generation of a session."""
        path = Path(self.plan.folder) / f"{name}-{self.generation:03}.tape"
        recorder = Recorder(path, Source(venue=self.broker), codec="zlib")
        self._recorders.append(recorder)
        return recorder

    async def end_tapes(self) -> None:
        """Write everything to the tapes and close them."""
        for recorder in self._recorders:
            await recorder.close()
        self._recorders.clear()

    def _note_totals(self) -> None:
        for name, session in self.sessions.items():
            so_far = self.totals.setdefault(name, {})
            for key, value in counts_of(session).items():
                so_far[key] = so_far.get(key, 0) + value
        self.sessions = {}

    def counts(self) -> dict[str, dict[str, int]]:
        """Return what the sessions have counted in all generations."""
        found = {name: dict(counts) for name, counts in self.totals.items()}
        for name, session in self.sessions.items():
            so_far = found.setdefault(name, {})
            for key, value in counts_of(session).items():
                so_far[key] = so_far.get(key, 0) + value
        return found

    @property
    def is_live(self) -> bool:
        """Whether every session is live."""
        return bool(self.sessions) and all(session.is_live for session in self.sessions.values())


def counts_of(session: Session) -> dict[str, int]:
    """Return the counts of a session that may be added up."""
    stats = session.stats
    names = ("messages", "received", "delivered", "conflated", "dropped", "waiting", "unread", "duplicates", "gaps")
    return {name: getattr(stats, name) for name in (*names, "attempts", "reconnects")}


class Kabu(Stream):
    """Boards of some stocks."""

    broker = "kabu"

    async def open(self, stack: AsyncExitStack) -> list[tuple[str, AsyncIterator[Record]]]:
        """Open the client."""
        stack.push_async_callback(self.end_tapes)
        client = KabuClient(
            KABU_SYMBOLS,
            host="127.0.0.1",
            port=self._ports["kabu"],
            password="password",
            policy="drop_oldest",
            limit=WAITING,
            retry=SOON,
            journal=True,
            pong_interval_s=5.0,
            timeout_s=3.0,
            list_check_s=15.0,
            tap=self.recorder("kabu"),
        )
        self.sessions = {"kabu": client.session}
        await stack.enter_async_context(client)
        return [("kabu", client.records())]


class Alpaca(Stream):
    """Quotes, trades and bars of some stocks, and the orders and executions of an account."""

    broker = "alpaca"

    async def open(self, stack: AsyncExitStack) -> list[tuple[str, AsyncIterator[Record]]]:
        """Open both streams."""
        stack.push_async_callback(self.end_tapes)
        facts: dict[str, Any] = {
            "rest_url": f"http://127.0.0.1:{self._ports['alpaca.rest']}",
            "connect": PING,
            "retry": SOON,
            "policy": "drop_oldest",
            "limit": WAITING,
            "journal": True,
            "dedupe_memory": REMEMBERED,
        }
        data = AlpacaStream(
            DEFAULT_KEY,
            DEFAULT_SECRET,
            quotes=ALPACA_SYMBOLS,
            trades=ALPACA_SYMBOLS,
            bars=ALPACA_SYMBOLS,
            backfill=True,
            url=f"ws://127.0.0.1:{self._ports['alpaca.data']}",
            **facts,
        )
        trading = AlpacaTradingStream(
            DEFAULT_KEY,
            DEFAULT_SECRET,
            url=f"ws://127.0.0.1:{self._ports['alpaca.trading']}/stream",
            check_every_s=10.0,
            **facts | {"dedupe_memory": REMEMBERED_OF_FEW},
        )
        trading.memory._keep = REMEMBERED_OF_FEW
        self.sessions = {"alpaca.data": data, "alpaca.trading": trading}
        for name, session in self.sessions.items():
            session.attach(self.recorder(name))
            await stack.enter_async_context(session)
        return [("alpaca.data", aiter(data)), ("alpaca.trading", aiter(trading))]


class Weex(Stream):
    """Tickers, books and trades of some symbols, and the orders, executions and positions of an account."""

    broker = "weex"

    def _found(self, session: Session) -> None:
        """A session was made: the public one first."""
        name = "weex.private" if "weex.public" in self.sessions else "weex.public"
        self.sessions[name] = session
        delivery = session._parts.delivery  # the client has no option for it
        delivery._options = delivery._options.replace(dedupe_memory=REMEMBERED_OF_FEW)
        session.attach(self.recorder(name))
        self._sources.append((name, aiter(session.consumer(policy="drop_oldest", limit=WAITING))))

    async def open(self, stack: AsyncExitStack) -> list[tuple[str, AsyncIterator[Record]]]:
        """Open both sockets and read every kind of stream of the client."""
        stack.push_async_callback(self.end_tapes)
        self._sources: list[tuple[str, AsyncIterator[Record]]] = []
        self.sessions = {}
        config = WeexConfig(
            api_key="weex_demo_0001",
            secret_key="demo-secret-0001",
            passphrase="demoPass1",
            public_url=f"ws://127.0.0.1:{self._ports['weex.public']}{PUBLIC_PATH}",
            private_url=f"ws://127.0.0.1:{self._ports['weex.private']}{PRIVATE_PATH}",
            rest_url=f"http://127.0.0.1:{self._ports['weex.rest']}",
        )
        client = WeexWebSocketClient(
            config,
            max_retries=None,
            backoff_base=0.1,
            backoff_max=2.0,
            ping_interval=2.0,
            ping_timeout=2.0,
            on_session=self._found,
        )
        await stack.enter_async_context(client)
        await client.connect(private=True)
        generators = [
            client.stream_tickers(WEEX_SYMBOLS),
            *(client.stream_order_book(symbol, 15) for symbol in WEEX_SYMBOLS),
            *(client.stream_trades(symbol) for symbol in WEEX_SYMBOLS),
            client.stream_orders(),
            client.stream_fills(),
            client.stream_positions(),
        ]
        readers = [asyncio.create_task(_exhaust(one)) for one in generators]

        async def finish() -> None:
            await client.disconnect()
            await asyncio.gather(*readers, return_exceptions=True)
            stats = client.stats
            names = ("received", "delivered", "conflated", "dropped", "waiting")
            self.outlets.append({name: getattr(stats, name) for name in names})

        stack.push_async_callback(finish)
        return self._sources


async def _exhaust(generator: Any) -> None:
    """Take everything that comes."""
    async with aclosing(generator):
        async for _ in generator:
            pass


def streams_of(plan: Plan, ports: dict[str, int], take: Take) -> list[Stream]:
    """Return the streams of a run."""
    kinds: dict[str, type[Stream]] = {"kabu": Kabu, "alpaca": Alpaca, "weex": Weex}
    return [kinds[broker](plan, ports, take) for broker in plan.brokers]
