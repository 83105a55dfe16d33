#!/usr/bin/env python3
"""Load a hub with readers and say what each costs: CPU, memory, bytes.

    python scripts/hub_load.py                                   1,000 readers, 500 updates a second, conflated at 10 Hz
    python scripts/hub_load.py --readers 100 --interval 0        everything to everybody
    python scripts/hub_load.py --frozen 1                        beside one reader that reads nothing

The hub runs in a process of its own, whose CPU time and memory are what is reported; the readers are in this one. Each reader
checks that the numbers of each topic only grow, and that they end with the last one that was published.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SYMBOLS = 50
DEADLINE_S = 60.0


async def serve(options: argparse.Namespace) -> None:
    """Be the hub: publish at the rate asked for, then say what it has cost."""
    from wsexample.hub.desk import DeskOptions
    from wsexample.hub.server import Hub, HubOptions
    from wsexample.records.market import Quote

    def memory_mib() -> float:
        with open("/proc/self/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024

    before_mib = memory_mib()
    hub_options = HubOptions(desk=DeskOptions(history=100, stall_s=10), max_readers=100_000, ops_per_s=1000)
    async with Hub(options=hub_options) as hub:
        print(hub.port, flush=True)
        while len(hub.readers) < options.readers + options.frozen:  # noqa: ASYNC110 - the hub has no event for it
            await asyncio.sleep(0.05)
        await asyncio.to_thread(sys.stdin.readline)
        connected_mib = memory_mib()
        idle_s, begun_s = time.process_time(), time.perf_counter()
        number = 0
        while time.perf_counter() - begun_s < options.seconds:
            due = round((time.perf_counter() - begun_s) * options.rate)
            now_ns = time.time_ns()
            hub.publish(
                Quote(
                    venue="load",
                    symbol=f"S{one % SYMBOLS}",
                    received_ns=now_ns,
                    exchange_ns=now_ns,
                    bid_price=100 + one % 7 / 100,
                    bid_size=300.0,
                    ask_price=100.05 + one % 7 / 100,
                    ask_size=200.0,
                )
                for one in range(number, due)
            )
            number = due
            await asyncio.sleep(0.005)
        cpu_s = time.process_time() - idle_s
        await asyncio.sleep(max(options.interval, 100) / 1000 * 3)
        stats = hub.desk.stats
        print(
            json.dumps(
                {
                    "published": number,
                    "seconds": options.seconds,
                    "cpu_s": cpu_s,
                    "idle_mib": before_mib,
                    "connected_mib": connected_mib,
                    "end_mib": memory_mib(),
                    "slow": stats.slow,
                    "conflated_slow": stats.conflated,
                    "closed_slow": stats.closed_slow,
                    "last": {name: topic.seq for name, topic in hub.desk.topics.items()},
                }
            ),
            flush=True,
        )
        await asyncio.to_thread(sys.stdin.readline)


class Reader:
    """One reader: counts messages and octets, and checks the order of numbers."""

    def __init__(self) -> None:
        self.messages = self.records = self.octets = 0
        self.seen: dict[str, int] = {}

    async def read(self, url: str, interval_ms: int) -> None:
        """Read until the hub goes away."""
        from wsexample import connect

        async with connect(url, ping_interval_s=0) as ws:
            await ws.receive(timeout_s=DEADLINE_S)
            await ws.send(json.dumps({"op": "subscribe", "topics": ["load.>"], "interval_ms": interval_ms}))
            async for payload, _ in ws.payloads():
                self.messages += 1
                self.octets += len(payload)
                self._check(payload)

    def _check(self, payload: bytes) -> None:
        found = DECODE(payload)
        for message in found if isinstance(found, list) else [found]:
            if message["op"] == "data":
                self.records += 1
                topic, seq = message["topic"], message["seq"]
                assert seq > self.seen.get(topic, 0), f"{topic} went back to {seq}"
                self.seen[topic] = seq


def _decoder() -> Any:
    import msgspec

    return msgspec.json.Decoder().decode


DECODE = _decoder()


async def freeze(url: str) -> Any:
    """Subscribe and read nothing more."""
    from wsexample import connect

    ws = await connect(url, ping_interval_s=0, read_ahead_messages=1, read_ahead_bytes=1000)
    await ws.receive(timeout_s=DEADLINE_S)
    await ws.send(json.dumps({"op": "subscribe", "topics": ["load.>"], "interval_ms": 0}))
    return ws


async def load(options: argparse.Namespace, hub: subprocess.Popen[str]) -> int:
    """Be the readers; returns the exit status."""
    assert hub.stdin is not None
    assert hub.stdout is not None
    url = f"ws://127.0.0.1:{hub.stdout.readline().strip()}/v1/stream"
    readers = [Reader() for _ in range(options.readers)]
    tasks = []
    for place, reader in enumerate(readers):
        tasks.append(asyncio.create_task(reader.read(url, options.interval)))
        if place % 50 == 49:
            await asyncio.sleep(0.05)
    frozen = [await freeze(url) for _ in range(options.frozen)]
    await asyncio.sleep(1)
    hub.stdin.write("go\n")
    hub.stdin.flush()
    told = json.loads(await asyncio.to_thread(hub.stdout.readline))
    await asyncio.sleep(0.5)
    complete = sum(reader.seen == told["last"] for reader in readers)
    hub.stdin.write("end\n")
    hub.stdin.flush()
    for ws in frozen:
        ws.abort()
    await asyncio.wait(tasks, timeout=10)
    for task in tasks:
        task.cancel()
    _report(options, readers, told, complete)
    return 0 if complete == len(readers) else 1


def _report(options: argparse.Namespace, readers: list[Reader], told: dict[str, Any], complete: int) -> None:
    records = sum(reader.records for reader in readers)
    messages = sum(reader.messages for reader in readers)
    octets = sum(reader.octets for reader in readers)
    cpu_s, count = told["cpu_s"], len(readers)
    per_s = records / max(cpu_s, 1e-9)
    idle, connected, end = told["idle_mib"], told["connected_mib"], told["end_mib"]
    each = (connected - idle) * 1024 / max(count, 1)
    lines = [
        f"{count:,} readers, {options.rate} updates/s for {options.seconds} s, interval {options.interval} ms",
        f"  published       {told['published']:,}",
        f"  delivered       {records:,} records in {messages:,} messages, {octets / 1e6:,.1f} MB",
        f"  complete        {complete:,} readers ended with the last number of every topic",
        f"  CPU of the hub  {cpu_s:.2f} s = {cpu_s / told['seconds']:.1%} of a core",
        f"                  {1e6 / max(per_s, 1e-9):.2f} us for each record delivered, {per_s:,.0f} records/CPU s",
        f"  memory          {idle:.0f} MiB alone, {connected:.0f} with readers ({each:.1f} kB each), {end:.0f} at the end",
        f"  slow            {told['slow']} times, {told['conflated_slow']:,} passed over, {told['closed_slow']} closed",
    ]
    print("\n".join(lines))


def main() -> int:
    """Run what the command line asks for; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=500, help="updates a second (default 500)")
    parser.add_argument("--interval", type=int, default=100, help="of the readers, milliseconds (default 100)")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--frozen", type=int, default=0, help="readers that read nothing (default 0)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if os.name == "nt":
        print("memory is read from /proc: run this on Linux")
        return 2
    if options.serve:
        asyncio.run(serve(options))
        return 0
    words = [sys.executable, __file__, "--serve"]
    for name in ("readers", "rate", "interval", "seconds", "frozen"):
        words += [f"--{name}", str(getattr(options, name))]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as hub:
        return asyncio.run(load(options, hub))


if __name__ == "__main__":
    sys.exit(main())
