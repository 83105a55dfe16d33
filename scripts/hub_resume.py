#!/usr/bin/env python3
"""Let readers resume at a hub of very many topics, and say how long whoever reads beside them waits.

    python scripts/hub_resume.py                                 100,000 topics
    python scripts/hub_resume.py --topics 12000 --most-ms 100

The hub runs in a process of its own and goes on publishing; so does each reader that resumes: one with a number for every topic
and one pattern, one that asks for 1,000 topics by name, one that asks for 1,000 patterns. Each must get every record after its
numbers, once and in order. The exit status is 1 when one does not, or when a record takes longer than ``--most-ms`` to the reader
beside while the others resume.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

KINDS = ("all topics", "topics by name", "patterns")
DEADLINE_S = 120.0
NAMED = 1000
HAD = 3
"""Records of each topic before readers come; they have seen the first."""


def symbols(count: int) -> list[str]:
    """Return the names of what is traded."""
    return [f"S{number:06}" for number in range(count)]


async def serve(count: int) -> None:
    """Be the hub: publish, say where, then say on request what it has cost since."""
    from wsexample.hub.desk import DeskOptions
    from wsexample.hub.server import Hub, HubOptions
    from wsexample.records.market import Quote

    names = symbols(count)

    def quotes(chosen: list[str], now_ns: int) -> Iterator[Quote]:
        return (Quote(venue="t", symbol=name, received_ns=now_ns) for name in chosen)

    async with Hub(options=HubOptions(desk=DeskOptions(history=100), max_topics=NAMED)) as hub:
        for _ in range(HAD):
            hub.publish(quotes(names, 1))
        print(hub.port, flush=True)
        asked = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
        at, cpu_s, longest_s, last_s = 0, time.process_time(), 0.0, time.perf_counter()
        while True:
            hub.publish([*quotes(["beat"], time.time_ns()), *quotes(names[at : at + 2], 1)])
            at = (at + 2) % count
            await asyncio.sleep(0.002)
            now_s = time.perf_counter()
            longest_s, last_s = max(longest_s, now_s - last_s), now_s
            if asked.done():
                if not asked.result().strip():
                    return
                facts = {"cpu_s": time.process_time() - cpu_s, "block_s": longest_s, "mib": memory_mib()}
                print(json.dumps(facts), flush=True)
                cpu_s, longest_s = time.process_time(), 0.0
                asked = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))


def memory_mib() -> float:
    """Return what this process has in memory."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


async def resume(url: str, count: int, kind: str) -> None:
    """Be a reader that comes back; print what it got and how long that took, or what is wrong."""
    from wsexample.doors.hub import connect_hub
    from wsexample.records.market import Quote

    names = symbols(count)
    topics: dict[str, list[str]] = {
        "all topics": ["t.>"],
        "topics by name": [f"t.{name}.quote" for name in names[:NAMED]],
        "patterns": [f"t.{name}.*" for name in names[:NAMED]],
    }
    expected = set(names if kind == "all topics" else names[:NAMED])
    since = {f"t.{name}.quote": 1 for name in expected}
    began_s = time.perf_counter()
    got = dict.fromkeys(expected, 1)
    async with asyncio.timeout(DEADLINE_S), connect_hub(url, topics[kind], since=since) as session:
        dialect: Any = session.dialect
        waiting = len(expected)
        async for record in session:
            if isinstance(record, Quote) and record.symbol in got:
                got[record.symbol] += 1
                waiting -= got[record.symbol] == HAD
                if not waiting:
                    break
        took_s = time.perf_counter() - began_s
        await session.close()
        async for record in session:
            if isinstance(record, Quote) and record.symbol in got:
                got[record.symbol] += 1
    wrong = [name for name, number in got.items() if dialect.positions[f"t.{name}.quote"] != number]
    print(json.dumps({"took_s": took_s, "records": sum(got.values()) - len(got), "wrong": len(wrong)}), flush=True)


async def watch(url: str, latencies_s: list[float]) -> None:
    """Be the reader beside: note how long each record takes."""
    from wsexample.doors.hub import connect_hub
    from wsexample.records.market import Quote

    async with connect_hub(url, "t.beat.quote") as session:
        async for batch in session.batches():
            now_ns = time.time_ns()
            latencies_s += [(now_ns - record.received_ns) / 1e9 for record in batch if isinstance(record, Quote)]


async def check(options: argparse.Namespace, hub: subprocess.Popen[str]) -> int:
    """Let one reader after the other resume; returns the exit status."""
    assert hub.stdin is not None
    assert hub.stdout is not None
    url = f"ws://127.0.0.1:{(await asyncio.to_thread(hub.stdout.readline)).strip()}"
    latencies_s: list[float] = []
    watching = asyncio.create_task(watch(url, latencies_s))
    await asyncio.sleep(2)
    is_wrong = not latencies_s
    for kind in (None, *KINDS):
        latencies_s.clear()
        told: dict[str, Any] = {"took_s": 2.0, "records": 0, "wrong": 0}
        if kind is None:
            await asyncio.sleep(told["took_s"])
        else:
            words = [sys.executable, __file__, "--resume", url, str(options.topics), kind]
            said = await asyncio.to_thread(subprocess.run, words, stdout=subprocess.PIPE, text=True, check=True)
            told = json.loads(said.stdout)
        hub.stdin.write("cost\n")
        hub.stdin.flush()
        cost = json.loads(await asyncio.to_thread(hub.stdout.readline))
        worst_ms = max(latencies_s, default=DEADLINE_S) * 1000
        is_wrong = is_wrong or bool(told["wrong"]) or (kind is not None and worst_ms > options.most_ms)
        median_ms = sorted(latencies_s)[len(latencies_s) // 2] * 1000
        print(
            f"{options.topics:,} topics, {kind or 'nobody'}: {told['records']:,} records in {told['took_s']:.2f} s, "
            f"{told['wrong']} topics wrong; beside: median {median_ms:.1f} ms, longest {worst_ms:.0f} ms; "
            f"hub: longest turn {cost['block_s'] * 1000:.0f} ms, CPU {cost['cpu_s']:.2f} s, {cost['mib']:.0f} MiB",
            flush=True,
        )
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    hub.stdin.write("\n")
    hub.stdin.flush()
    return int(is_wrong)


def main() -> int:
    """Run what the command line asks for; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topics", type=int, default=100_000, help="how many (default 100,000)")
    parser.add_argument(
        "--most-ms", type=float, default=250, help="longest that the reader beside may wait (default 250)"
    )
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--resume", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve))
        return 0
    if options.resume:
        url, count, kind = options.resume
        asyncio.run(resume(url, int(count), kind))
        return 0
    words = [sys.executable, __file__, "--serve", str(options.topics)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as hub:
        return asyncio.run(check(options, hub))


if __name__ == "__main__":
    sys.exit(main())
