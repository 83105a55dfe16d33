"""Tapes for tests, and how to play them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.session.toy import ToyDialect
from wsexample.clock import ManualClock
from wsexample.records.fields import encode_json
from wsexample.session.session import Session
from wsexample.session.testing import NoWaiting, ScriptedDialer, settle
from wsexample.tape.format import Kind, Meta, Note, Source, encode_note
from wsexample.tape.player import Player
from wsexample.tape.recorder import Recorder
from wsexample.tape.writer import TapeWriter

SECOND = 10**9
BEGIN = 1_700_000_000 * SECOND
TOY = Source(venue="toy", dialect="toy", url="ws://toy/a?token=hush", topics=("A",))


def write_tape(path: Path, rows: Sequence[tuple[Any, ...]], *sources: Source, codec: str = "none") -> Path:
    """Write (second, payload) or (second, payload, source) as a tape of one connection of received texts."""
    with TapeWriter(path, Meta(created_ns=BEGIN, sources=sources or (TOY,)), codec=codec) as writer:
        for second, payload, *source in rows:
            at_ns = BEGIN + round(second * SECOND)
            writer.write([(at_ns, 1, source[0] if source else 0, int(Kind.RECEIVED_TEXT), payload.encode())])
    return path


def write_bare_tape(path: Path) -> Path:
    """Write a connection as `wseclient` records one: opened, spoken to once, and a message each second up to the fifth."""
    with TapeWriter(path, Meta(created_ns=BEGIN, sources=(Source(url="ws://bare/"),))) as writer:
        writer.write([(BEGIN, 1, 0, int(Kind.NOTE), encode_note(Note(event="opened")))])
        writer.write([(BEGIN, 1, 0, int(Kind.SENT_TEXT), b"all")])
        writer.write([(BEGIN + n * SECOND, 1, 0, int(Kind.RECEIVED_TEXT), b"%d" % n) for n in range(6)])
    return path


def trade(number: int, second: float | None = None) -> str:
    """What the toy broker says about a trade."""
    at = "null" if second is None else BEGIN + round(second * SECOND)
    return f'{{"s": "A", "n": {number}, "t": {at}}}'


async def record(path: Path, *, breaks: bool = True, **options: Any) -> list[bytes]:
    """Record a toy session with a login, a break and a new connection; returns the records as it delivered them."""
    clock = ManualClock(BEGIN)
    dialer = ScriptedDialer(clock=clock)
    dialect = ToyDialect(login=True, acks=True)
    async with Recorder(path, TOY, **options) as tape:
        session = Session(dialect, ["A"], dial=dialer, clock=clock, tap=tape, testing=NoWaiting(attempts=None))
        session.start()
        for number in range(1 + breaks):
            connection = await dialer.opened(number + 1)
            connection.say('{"login": "ok"}', '{"have": ["A"]}')
            await session.wait_live()
            await settle()
            for n in range(5):
                clock.advance(0.5)
                connection.say(trade(10 * number + n, 10 * number + n / 4))
                await settle()
            if breaks and not number:
                connection.drop(reason="by the test")
                await settle()
                clock.advance(3)
        records = [encode_json(one) for one in session.consumer().take_waiting()]
        await tape.flush()
        await session.close()
    return records


async def play(path: Path, **options: Any) -> list[bytes]:
    """Play a toy tape as a session; returns its records."""
    with Player(path, **options) as player:
        session = Session(
            ToyDialect(login=True, acks=True),
            player.topics,
            dial=player.dial,
            clock=player.clock,
        )
        session.start()
        async with asyncio.timeout(20):
            return [encode_json(one) async for one in session]
