"""A chain of hubs in a storm: its source side, its readers, or both. Each number comes exactly once, and others feel nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.faults.proxy import FaultProxy
from tests.faults.storm import Storm
from tests.hub.parts import OWNER, quote
from wsexample.doors.hub import connect_hub
from wsexample.errors import WsExampleError
from wsexample.hub.access import Access
from wsexample.hub.desk import DeskOptions
from wsexample.hub.server import Hub, HubOptions
from wsexample.records.market import Quote
from wsexample.session.options import Retry
from wsexample.session.session import Session
from wsexample.wire.options import ConnectOptions

COUNT = 120
SOON_S = 0.25
LATE_S = 20.0


def made_hub(storm: Storm) -> Hub:
    """A hub that remembers everything."""
    options = HubOptions(desk=DeskOptions(history=10_000), ops_per_s=10_000, handshake_timeout_s=1.0)
    return Hub(access=Access(anybody=OWNER), options=options, tls=None if storm.tls is None else storm.tls[0])


def reader_of(storm: Storm, port: int, **changes: Any) -> Session:
    """A session that reads a hub, with short deadlines."""
    secure = storm.tls is not None
    where = ConnectOptions(
        url=f"{'wss' if secure else 'ws'}://127.0.0.1:{port}/v1/stream",
        tls=storm.tls[1] if storm.tls is not None else None,
        proxy=None,
        connect_timeout_s=SOON_S,
        handshake_timeout_s=SOON_S,
        ping_interval_s=SOON_S,
        ping_timeout_s=SOON_S,
        close_timeout_s=0.05,
    )
    deadlines: dict[str, Any] = {"login_timeout_s": SOON_S, "subscribe_timeout_s": SOON_S, "backfill_timeout_s": 1.0}
    return connect_hub(where, "t.>", retry=Retry(first_s=0.01, max_s=0.05, interval_s=0.001), **deadlines, **changes)


async def trial(storm: Storm) -> None:
    """origin -> (storm) -> hub -> (storm) -> reader, with a second reader on a sound network."""
    sides = storm.draw("source", "readers", "both")
    async with made_hub(storm) as origin, made_hub(storm) as made:
        upstream, downstream = storm.proxy(origin.port), storm.proxy(made.port)
        struck: list[FaultProxy] = []
        struck += [upstream] if sides != "readers" else []
        struck += [downstream] if sides != "source" else []
        source = reader_of(storm, upstream.port)
        shaken, sound = reader_of(storm, downstream.port), reader_of(storm, made.port)
        async with source:
            feeding = asyncio.create_task(_feed(source, made))
            origin.publish([quote(1)])
            async with shaken, sound:
                taking = [asyncio.create_task(_taken(session)) for session in (shaken, sound)]
                await _publish(storm, origin, struck, [source, shaken])
                both = await asyncio.wait_for(asyncio.gather(*taking, return_exceptions=True), LATE_S)
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
        for seen in both:
            if storm.spoils:
                assert isinstance(seen, list | WsExampleError | TimeoutError), seen
            else:
                assert seen == list(range(1, COUNT + 1)), seen
        for session in (source, shaken, sound):
            stats = session.stats
            assert stats.received == stats.delivered + stats.conflated + stats.dropped + stats.waiting


async def _feed(source: Session, made: Hub) -> None:
    """What a source says is published again."""
    async for record in source:
        if isinstance(record, Quote):
            made.publish([record])


async def _taken(session: Session) -> list[int]:
    """Every number up to the last."""
    seen: list[int] = []
    async with asyncio.timeout(LATE_S):
        while not seen or seen[-1] != COUNT:
            record = await session.receive()
            if isinstance(record, Quote):
                seen.append(record.received_ns)
    return seen


async def _publish(storm: Storm, origin: Hub, struck: list[FaultProxy], sessions: list[Session]) -> None:
    """Publish every number; strike in the middle, and heal when it was felt."""
    number = 1
    first, last = storm.chance.randint(2, COUNT // 2), storm.chance.randint(COUNT // 2, COUNT - 2)
    async with asyncio.timeout(LATE_S):
        while number < COUNT:
            number += 1
            origin.publish([quote(number)])
            if storm.chance.random() < 0.2:
                await asyncio.sleep(0.005)
            if number == first:
                before = sum(session.stats.reconnects for session in sessions)
                for proxy in struck:
                    storm.strike(proxy)
            if number == last:
                if storm.silences:
                    is_felt = sum(session.stats.reconnects for session in sessions) > before
                    while not is_felt and all(session.is_live for session in sessions):
                        await asyncio.sleep(0.005)
                        is_felt = sum(session.stats.reconnects for session in sessions) > before
                storm.heal()
                while not storm.spoils and not all(session.is_live for session in sessions):
                    await asyncio.sleep(0.005)
