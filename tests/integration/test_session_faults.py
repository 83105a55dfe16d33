"""A session over real sockets, against a server that goes wrong at random: live again each time, all accounted for.

It takes six seconds of wall time; ``scripts/session_faults.py`` runs the same for two minutes (or as long as the variable
WSEXAMPLE_FAULT_SECONDS says).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from tests.conftest import run_with_deadline
from tests.session.toy import ToyDialect, trade
from wsexample.errors import BrokerUnavailableError, ConnectionClosed, StateError
from wsexample.ports import Errands, Gap, Record, Silence
from wsexample.records.market import Trade
from wsexample.session import events
from wsexample.session.options import Retry, SessionOptions
from wsexample.session.session import Session
from wsexample.wire.options import ConnectOptions, ServeOptions
from wsexample.wire.server import Reject, Request, ServerConnection, serve

SECONDS = float(os.environ.get("WSEXAMPLE_FAULT_SECONDS", "6"))
OPTIONS = SessionOptions(
    policy="block",
    login_timeout_s=0.4,
    subscribe_timeout_s=0.4,
    open_timeout_s=2.0,
    errand_timeout_s=1.0,
    backfill_timeout_s=0.5,
    retry=Retry(first_s=0.05, max_s=0.4, interval_s=0.01, proven_s=0.5),
)
ENDS = ("cut", "close 1001", "close 1011", "mute", "burst and cut", "garbage and cut", "server restart")
OBSTACLES = ("HTTP 503", "HTTP 429", "slow handshake", "login unanswered", "login busy", "no ack", "cut at login")
HISTORIES = ("complete", "complete", "fails", "hangs")


class Exchange:
    """A server that prints trades to whoever is logged in and subscribed, until it is told to go wrong."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.tape: list[tuple[int, int]] = []
        self.obstacles: list[str] = []
        self.history = "complete"
        self.is_mute = False
        self.readers: set[ServerConnection] = set()
        self.deciding = 0
        self.server: Any = None
        self.port = 0

    def obstacle(self, *names: str) -> str | None:
        if self.obstacles and self.obstacles[0] in names:
            return self.obstacles.pop(0)
        return None

    async def accept(self, request: Request) -> Reject | None:
        match self.obstacle("HTTP 503", "HTTP 429", "slow handshake"):
            case "HTTP 503":
                return Reject(503)
            case "HTTP 429":
                return Reject(429)
            case "slow handshake":
                self.deciding += 1
                await asyncio.sleep(1.0)  # the fault itself: more than the client's patience of 0.4 s
                self.deciding -= 1
        return None

    async def handle(self, ws: ServerConnection) -> None:
        try:
            async for message in ws:
                for reply in self.answer(ws, json.loads(message)):
                    await ws.send(reply)
        except (ConnectionClosed, StateError):
            pass
        finally:
            self.readers.discard(ws)

    def answer(self, ws: ServerConnection, message: Any) -> list[str]:
        match message:
            case {"login": _}:
                match self.obstacle("login unanswered", "login busy", "cut at login"):
                    case "login unanswered":
                        return []
                    case "login busy":
                        return ['{"login":"busy"}']
                    case "cut at login":
                        ws.abort()
                        return []
                return ['{"login":"ok"}']
            case {"want": topics}:
                if self.obstacle("no ack"):
                    return []
                self.readers.add(ws)
                return [json.dumps({"have": topics})]
        return []

    def print(self, count: int = 1) -> None:
        for _ in range(count):
            number, now_ns = len(self.tape), time.time_ns()
            self.tape.append((now_ns, number))
            text = json.dumps({"s": "A", "n": number, "t": now_ns})
            if not self.is_mute:
                for ws in list(self.readers):
                    if ws.is_open:
                        ws.send_nowait(text)

    async def break_it(self) -> str:
        """Go wrong in some way; returns which."""
        end = self.random.choice(ENDS)
        self.obstacles = self.random.choices(OBSTACLES, k=self.random.choice([0, 0, 1, 1, 2]))
        self.history = self.random.choice(HISTORIES)
        readers = list(self.readers)
        match end:
            case "mute":
                self.is_mute = True
            case "close 1001" | "close 1011":
                for ws in readers:
                    ws.start_close(int(end.split()[1]), "by the script")
            case "server restart":
                await self.close()
                await self.listen()
            case _:
                if end == "burst and cut":
                    self.print(300)
                if end == "garbage and cut":
                    for ws in readers:
                        ws.send_nowait("not json")
                for ws in readers:
                    ws.abort()
        return end

    async def listen(self) -> None:
        self.server = await serve(
            self.handle,
            port=self.port,
            accept=self.accept,
            options=ServeOptions(ping_interval_s=0, close_timeout_s=0.5),
        )
        self.port = self.server.port

    async def close(self) -> None:
        await self.server.close()


class HttpSide(Errands):
    """What was missed, out of the exchange's own tape."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    async def backfill(self, gap: Gap, topics: Sequence[str]) -> AsyncIterator[Sequence[Record]]:
        how, self.exchange.history = self.exchange.history, "complete"
        self.exchange.is_mute = False
        if how == "fails":
            raise BrokerUnavailableError("history is down")
        if how == "hangs":
            await asyncio.get_running_loop().create_future()
        yield [trade("A", number, gap.to_ns, at_ns) for at_ns, number in self.exchange.tape if at_ns >= gap.from_ns]


def assert_adds_up(session: Session) -> None:
    stats = session.stats
    assert stats.received == stats.delivered + stats.conflated + stats.dropped + stats.waiting


async def until(is_done: Any, session: Session, what: str) -> None:
    """Wait for a fact; the sums hold all the while."""
    async with asyncio.timeout(20.0):
        while not is_done():
            assert session.error is None, what
            assert_adds_up(session)
            await asyncio.sleep(0.01)


async def live_through(seconds: float, seed: int) -> None:
    exchange = Exchange(seed)
    await exchange.listen()
    session = Session(
        ToyDialect(login=True, acks=True, silence=Silence(message_s=0.4)),
        ["A"],
        url=ConnectOptions(
            url=f"ws://127.0.0.1:{exchange.port}/", handshake_timeout_s=0.4, ping_interval_s=0, close_timeout_s=0.5
        ),
        errands=HttpSide(exchange),
        dedupe=lambda record: getattr(record, "trade_id", None),
        random=random.Random(seed),
        options=OPTIONS,
    )
    records: list[Record] = []
    story: list[events.Event] = []

    async def prints() -> None:
        while True:
            exchange.print()
            await asyncio.sleep(0.01)

    async def consume() -> None:
        records.extend([record async for record in session])

    async def follow() -> None:
        story.extend([event async for event in session.events()])

    faults = []
    async with session:
        tasks = [asyncio.create_task(work()) for work in (prints, consume, follow)]
        ends_s = time.monotonic() + seconds
        while time.monotonic() < ends_s:
            await asyncio.sleep(exchange.random.random() * 0.7)
            seen = session.stats.reconnects
            faults.append(await exchange.break_it())

            def is_back(seen: int = seen) -> bool:
                return session.is_live and session.stats.reconnects > seen and not exchange.obstacles

            await until(is_back, session, faults[-1])
            exchange.is_mute = False
        await until(lambda: session.stats.gaps >= session.stats.reconnects, session, "the last gap")
    await asyncio.gather(*tasks[1:])
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await exchange.close()
    while exchange.deciding:  # a handshake that its client gave up is decided all the same
        await asyncio.sleep(0.01)

    check(session, exchange, records, story)
    if seconds >= 60:
        kinds = {name: faults.count(name) for name in sorted(set(faults))}
        print(f"\n{len(faults)} faults in {seconds:.0f} s: {kinds}\n{session.stats}")  # noqa: T201 - for the script


def check(session: Session, exchange: Exchange, records: list[Record], story: list[events.Event]) -> None:
    """What must hold of the whole run."""
    assert_adds_up(session)
    gaps = [record for record in records if isinstance(record, Gap)]
    losses = [event for event in story if isinstance(event, events.Failed) and event.phase == "live"]
    assert losses
    assert all(any(gap.from_ns <= loss.at_ns <= gap.to_ns for gap in gaps) for loss in losses)
    numbers = [int(record.trade_id or 0) for record in records if isinstance(record, Trade)]
    delivered = set(numbers)
    assert len(numbers) == len(delivered)
    last = max(delivered)
    open_gaps = [gap for gap in gaps if not gap.filled]
    lost = [
        (at_ns, number)
        for at_ns, number in exchange.tape
        if number not in delivered and number < last and not any(gap.from_ns <= at_ns <= gap.to_ns for gap in open_gaps)
    ]
    assert lost == []


@pytest.mark.timeout(SECONDS + 60)
def test_a_session_survives_whatever_its_server_does() -> None:
    """Random faults over real sockets: live again after each, nothing twice, nothing lost outside a Gap."""
    run_with_deadline(live_through(SECONDS, seed=5), deadline_s=SECONDS + 50)
