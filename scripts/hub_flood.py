#!/usr/bin/env python3
"""Flood a hub with connections that never ask for anything, and say what it does to a reader.

    python scripts/hub_flood.py                              10,000 connections
    python scripts/hub_flood.py --rounds 3                   and again, to see whether memory grows
    python scripts/hub_flood.py --connections 300

``wsexample hub`` runs in a process of its own; the connections and one reader are in this one. A third of the connections say
nothing, a third begin a request and do not end it, a third say one more letter of it each second. The hub has to drop each at its
handshake deadline and to note it; meanwhile the reader must get every number in order, and a second reader must come in. The
exit status is 1 when something of that is wrong. Each process needs a file descriptor for each connection (``ulimit -n``).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from hostile.process import memory_mib

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

RATE = 200
"""Records a second."""
CALM_S = 5.0
"""How long the reader is watched before the flood, seconds."""
DEADLINE_S = 60.0
AT_ONCE = 200
BEGINNING = b"GET /v1/stream HTTP/1.1\r\nHost: hub\r\nX-Long: "
KINDS = ("silent", "begun", "dripping")


class Nobody(asyncio.Protocol):
    """One connection of the flood: how long it was left open."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.made_s = self.lost_s = 0.0
        self.lost = asyncio.get_running_loop().create_future()
        self._drip: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say what its kind says."""
        assert isinstance(transport, asyncio.Transport)
        self.made_s = time.monotonic()
        if self.kind != "silent":
            transport.write(BEGINNING)
        if self.kind == "dripping":
            self._say_more(transport)

    def _say_more(self, transport: asyncio.Transport) -> None:
        transport.write(b"x")
        self._drip = asyncio.get_running_loop().call_later(1.0, self._say_more, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Take the time."""
        self.lost_s = time.monotonic()
        if self._drip is not None:
            self._drip.cancel()
        if not self.lost.done():
            self.lost.set_result(None)


class Watch:
    """A reader: how late each record was, and whether one is missing."""

    def __init__(self) -> None:
        self.lags_s: list[tuple[float, float]] = []
        self.last = self.wrong = 0

    async def read(self, url: str) -> None:
        """Read until it is cancelled."""
        from wsexample import connect_hub

        async with connect_hub(url, "flood.A.quote", interval_ms=0) as session:
            async for record in session:
                number = int(record.bid_price)
                self.wrong += bool(self.last) and number != self.last + 1
                self.last = number
                self.lags_s.append((time.monotonic(), time.time() - record.received_ns / 1e9))

    def lags(self, since_s: float, until_s: float) -> list[float]:
        """Return the lags of a span of time, in milliseconds."""
        return [lag * 1e3 for at_s, lag in self.lags_s if since_s <= at_s < until_s]


async def publish(hub: Process) -> None:
    """Have the hub publish numbered quotes at a steady rate."""
    from wsexample.records.fields import encode_json
    from wsexample.records.market import Quote

    assert hub.stdin is not None
    begun_s, number = time.monotonic(), 0
    while True:
        while number < (time.monotonic() - begun_s) * RATE:
            number += 1
            quote = Quote(venue="flood", symbol="A", received_ns=time.time_ns(), bid_price=float(number))
            hub.stdin.write(encode_json(quote) + b"\n")
        await hub.stdin.drain()
        await asyncio.sleep(1 / RATE)


async def listen(hub: Process, noted: dict[str, int], url: asyncio.Future[str]) -> None:
    """Count what the hub notes, by event and reason."""
    assert hub.stderr is not None
    while line := await hub.stderr.readline():
        try:
            found = json.loads(line)
        except ValueError:
            print(line.decode().rstrip(), file=sys.stderr)
            continue
        name = f"{found['event']} {found.get('reason', '')}".strip()
        noted[name] = noted.get(name, 0) + 1
        if found["event"] == "listening":
            url.set_result(found["url"])
        elif found["level"] not in ("info", "warning"):
            print(line.decode().rstrip(), file=sys.stderr)


async def flood(port: int, count: int) -> list[Nobody]:
    """Open the connections; a few at a time, for a listener takes them one by one."""
    loop = asyncio.get_running_loop()
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(place: int) -> Nobody:
        async with turns:
            made = await loop.create_connection(lambda: Nobody(KINDS[place % len(KINDS)]), "127.0.0.1", port)
            return made[1]

    return list(await asyncio.gather(*map(one, range(count))))


async def second_reader(url: str) -> float:
    """Connect while the flood is on; returns after how many seconds the first record was there."""
    from wsexample import connect_hub

    begun_s = time.monotonic()
    async with connect_hub(url, "flood.A.quote") as session:
        async for _ in session:
            break
    return time.monotonic() - begun_s


async def run(count: int, rounds: int) -> int:
    """Do it all; returns the exit status."""
    words = [sys.executable, "-m", "wsexample.cli.main", "hub", "--listen", "0", "--log-format", "json"]
    hub = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stdin=PIPE, stdout=DEVNULL, stderr=PIPE)
    noted: dict[str, int] = {}
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    watch = Watch()
    tasks = [asyncio.create_task(listen(hub, noted, address)), asyncio.create_task(publish(hub))]
    try:
        async with asyncio.timeout(CALM_S + 20 + rounds * DEADLINE_S):
            url = await address
            tasks.append(asyncio.create_task(watch.read(url)))
            while not watch.last:  # noqa: ASYNC110 - a session has no event for its first record
                await asyncio.sleep(0.05)
            calm_s = time.monotonic()
            await asyncio.sleep(CALM_S)
            before_mib, flood_s = memory_mib(hub.pid, "VmRSS"), time.monotonic()
            port = int(url.rpartition(":")[2].partition("/")[0])
            nobodies = await flood(port, count)
            open_s = time.monotonic()
            entered_s = await second_reader(url)
            still_open = sum(not each.lost.done() for each in nobodies)
            await asyncio.wait([each.lost for each in nobodies], timeout=DEADLINE_S)
            most_mib = [memory_mib(hub.pid, "VmHWM")]
            for _ in range(rounds - 1):
                more = await flood(port, count)
                await asyncio.wait([each.lost for each in more], timeout=DEADLINE_S)
                nobodies += more
                most_mib.append(memory_mib(hub.pid, "VmHWM"))
            over_s = time.monotonic()
            await asyncio.sleep(2)  # for the last lines of the log, and for memory to be given back
            facts = {
                "opened_s": open_s - flood_s,
                "still_open": still_open,
                "entered_s": entered_s,
                "held_s": [each.lost_s - each.made_s for each in nobodies if each.lost.done()],
                "calm": watch.lags(calm_s, flood_s),
                "flood": watch.lags(flood_s, over_s),
                "before_mib": before_mib,
                "most_mib": most_mib,
            }
    finally:
        for task in tasks[1:]:
            task.cancel()
        hub.terminate()
        await hub.wait()
        await asyncio.gather(*tasks, return_exceptions=True)
    return _report(count * rounds, facts, watch, noted)


def _report(count: int, facts: dict[str, Any], watch: Watch, noted: dict[str, int]) -> int:
    held_s: Sequence[float] = facts["held_s"]
    most = ", ".join(f"{mib:.0f}" for mib in facts["most_mib"])
    lines = [
        f"{count:,} connections that ask for nothing, the first of {len(facts['most_mib'])} rounds opened in "
        f"{facts['opened_s']:.1f} s",
        f"  dropped         {len(held_s):,}, after {min(held_s):.1f} to {max(held_s):.1f} s",
        f"  noted           {noted.get('refused handshake', 0):,} lines: refused, handshake",
        f"  reader          {watch.last:,} records, {watch.wrong} gaps; lag in ms, median / 99 of 100 / most:",
        f"    before        {_spread(facts['calm'])}",
        f"    meanwhile     {_spread(facts['flood'])}",
        f"  second reader   had its first record after {facts['entered_s']:.2f} s, while {facts['still_open']:,} were open",
        f"  memory          {facts['before_mib']:.0f} MiB before, at most {most} MiB up to the end of each round",
    ]
    print("\n".join(lines))
    is_right = len(held_s) == count == noted.get("refused handshake") and not watch.wrong
    return 0 if is_right else 1


def _spread(lags: Sequence[float]) -> str:
    return f"{median(lags):.1f} / {quantiles(lags, n=100)[98]:.1f} / {max(lags):.1f}"


def main() -> int:
    """Run what the command line asks for; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1, help="do it so often, one after the other (default 1)")
    options = parser.parse_args()
    if os.name == "nt":
        print("memory is read from /proc: run this on Linux")
        return 2
    import resource

    need, (_, hard) = options.connections + 100, resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < need:
        print(f"each process needs {need} file descriptors, and may have {hard}: see ulimit -n")
        return 2
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft != resource.RLIM_INFINITY and soft < need:
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard))  # which the hub inherits
    return asyncio.run(run(options.connections, options.rounds))


if __name__ == "__main__":
    sys.exit(main())
