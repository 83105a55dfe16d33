"""Our tape: taking messages of a session, and playing them as a session as fast as it goes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bench.feeds import RECEIVED_NS, alpaca_quotes, kabu_boards
from bench.job import Job

FLUSHED_EVERY = 20_000


async def messages_kept(job: Job) -> None:
    from wsexample.session.events import Received
    from wsexample.tape.recorder import Recorder

    payloads, meter, is_going = job.payloads.raw, job.meter, True
    with tempfile.TemporaryDirectory() as folder:
        async with Recorder(Path(folder) / "bench.tape") as tap:
            meter.add(0)
            while is_going:
                for i in range(FLUSHED_EVERY):
                    payload = payloads[i % len(payloads)]
                    tap(Received(at_ns=RECEIVED_NS + i, connection=1, payload=payload, is_binary=False))
                await tap.flush()
                is_going = meter.add(FLUSHED_EVERY)


def tape_of(path: Path, feed: str, count: int) -> Any:
    """Write a tape of so many messages, a tenth of a millisecond apart, in blocks as the recorder makes them."""
    from wsexample.tape.format import Kind, Meta, Source
    from wsexample.tape.writer import TapeWriter

    frames, kind = (kabu_boards(), Kind.RECEIVED_TEXT) if feed == "kabu" else (packed(feed), Kind.RECEIVED_BINARY)
    meta = Meta(created_ns=RECEIVED_NS, sources=(Source(topics=("9433@1",) if feed == "kabu" else ("quotes:*",)),))
    rows = [(RECEIVED_NS + i * 100_000, 1, 0, int(kind), frames[i % len(frames)]) for i in range(count)]
    size = max(1, 256 * 1024 // len(frames[0]))
    with TapeWriter(path, meta) as writer:
        for at in range(0, count, size):
            writer.write(rows[at : at + size])
    return path


def packed(feed: str) -> tuple[bytes, ...]:
    """Return Alpaca's frames for "alpaca-N", N quotes in each."""
    return alpaca_quotes("msgpack", int(feed.rpartition("-")[2]))


def dialect_of(feed: str) -> Any:
    """Return the dialect that reads a tape of this feed."""
    if feed == "kabu":
        from wsexample.brokers.kabu.dialect import KabuDialect

        return KabuDialect()
    from wsexample.brokers.alpaca.dialect import AlpacaDataDialect

    return AlpacaDataDialect(feed="iex")


async def tape_replayed(job: Job) -> None:
    from wsexample.session.session import Session
    from wsexample.session.testing import NoWaiting
    from wsexample.tape.player import Player

    feed, count = job.detail["feed"], job.detail["count"]
    topics = ("9433@1",) if feed == "kabu" else ("quotes:*",)
    meter = job.meter
    with tempfile.TemporaryDirectory() as folder:
        path = tape_of(Path(folder) / "bench.tape", feed, count)
        meter.add(0)
        is_going = True
        while is_going:
            with Player(path) as player:
                testing: Any = NoWaiting(attempts=None)
                session: Any = Session(dialect_of(feed), topics, dial=player.dial, clock=player.clock, testing=testing)
                session.start()
                found = 0
                if job.variant == "batches":
                    async for batch in session.batches():
                        for _ in batch:
                            found += 1
                else:
                    async for _ in session:
                        found += 1
            if found != count * job.detail["records"]:
                raise AssertionError(f"{found} records were played, and not {count * job.detail['records']}")
            is_going = meter.add(found)
