#!/usr/bin/env python3
"""Two thousand boards a second into a consumer that takes 10 ms for each: is it fresh, is memory flat, do counts add up?

A server process sends full-image boards of fifty symbols; this process streams them through a session with kabu Station's
dialect and the policy "conflate". ``--blocking`` makes the consumer work without awaiting.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import multiprocessing.connection
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from wsexample.brokers.kabu.dialect import KabuDialect
from wsexample.records.market import Board
from wsexample.session.session import Session
from wsexample.wire.options import ConnectOptions, ServeOptions
from wsexample.wire.server import ServerConnection, serve

ROOT = Path(__file__).resolve().parent.parent
SYMBOLS = [str(1300 + number) for number in range(50)]
TICK_S = 0.005


def payloads() -> list[str]:
    """One compact board per symbol, with places for a number and for the time of sending."""
    board = json.loads((ROOT / "tests" / "data" / "kabu" / "stock.json").read_text(encoding="utf-8"))
    made = []
    for symbol in SYMBOLS:
        board.update(Symbol=symbol, TradingVolume="NUMBER", TotalMarketValue="SENT")
        made.append(json.dumps(board, ensure_ascii=False, separators=(",", ":")))
    return made


def send(pipe: multiprocessing.connection.Connection, rate: int, seconds: float) -> None:
    """The server process: tells its port, then what it sent."""

    async def handle(ws: ServerConnection) -> None:
        templates, sent = payloads(), 0
        begun_s = time.monotonic()
        while (passed_s := time.monotonic() - begun_s) < seconds:
            while sent < passed_s * rate:
                text = templates[sent % len(SYMBOLS)]
                text = text.replace('"NUMBER"', f"{sent}.0").replace('"SENT"', f"{time.time_ns() / 1000:.1f}")
                await ws.send(text)
                sent += 1
            await asyncio.sleep(TICK_S)
        pipe.send(sent)
        await ws.wait_closed()

    async def main() -> None:
        async with serve(handle, options=ServeOptions(ping_interval_s=0)) as server:
            pipe.send(server.port)
            await asyncio.get_running_loop().run_in_executor(None, pipe.recv)

    asyncio.run(main())


def resident_mib() -> float:
    """Memory of this process now; only Linux tells."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return 0.0
    return int(statm.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def stream(port: int, pipe: multiprocessing.connection.Connection, options: argparse.Namespace) -> dict[str, Any]:
    """Consume until everything sent has been received; returns the figures."""
    url = ConnectOptions(url=f"ws://127.0.0.1:{port}/", ping_interval_s=0)
    ages_s: list[float] = []
    behind: list[int] = []
    memory: list[float] = []
    dialect = KabuDialect()
    session = Session(dialect, [f"{symbol}@1" for symbol in SYMBOLS], url=url, policy="conflate")
    sent: int | None = None
    cpu_s = time.process_time()
    begun_s = looked_s = time.monotonic()
    async with session:
        seen = 0  # boards received when the consumer took the last one
        async for board in session:
            assert isinstance(board, Board)
            assert board.volume is not None
            assert board.market_value is not None
            ages_s.append(time.time() - board.market_value / 1e6)
            # The same symbol came again every 50 boards: how many of its boards were there a step ago that are newer?
            behind.append(max(0, (seen - 1 - int(board.volume)) // len(SYMBOLS)))
            seen = session.stats.received
            if options.blocking:
                time.sleep(options.step_ms / 1000)  # noqa: ASYNC251 - a consumer that works without awaiting
            else:
                await asyncio.sleep(options.step_ms / 1000)
            counts = session.stats
            assert counts.received == counts.delivered + counts.conflated + counts.dropped + counts.waiting
            if time.monotonic() - looked_s >= 1.0:
                looked_s = time.monotonic()
                memory.append(resident_mib())
            if sent is None and pipe.poll():
                sent = pipe.recv()
            if sent is not None and counts.messages == sent and counts.waiting == 0:
                break
    counts = session.stats
    ages_s.sort()
    warm = memory[len(memory) // 6 :] or memory
    return {
        "seconds": round(time.monotonic() - begun_s, 1),
        "sent": sent,
        "messages": counts.messages,
        "received": counts.received,
        "delivered": counts.delivered,
        "conflated": counts.conflated,
        "dropped": counts.dropped,
        "waiting": counts.waiting,
        "unreadable": dialect.unreadable,
        "newer_a_step_before_max": max(behind),
        "age_ms_median": round(statistics.median(ages_s) * 1000, 2),
        "age_ms_99": round(ages_s[int(len(ages_s) * 0.99)] * 1000, 2),
        "age_ms_max": round(ages_s[-1] * 1000, 2),
        "memory_mib": [round(min(warm), 1), round(max(warm), 1)],
        "cpu_share": round((time.process_time() - cpu_s) / (time.monotonic() - begun_s), 3),
        "reconnects": counts.reconnects,
    }


def main() -> int:
    """Run both processes and print the figures; returns 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the server sends (default 60)")
    parser.add_argument("--rate", type=int, default=2000, help="boards a second (default 2000)")
    parser.add_argument(
        "--step-ms", type=float, default=10.0, help="what the consumer takes for each board (default 10)"
    )
    parser.add_argument("--blocking", action="store_true", help="the consumer works without awaiting")
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=send, args=(theirs, options.rate, options.seconds), daemon=True
    )
    server.start()
    try:
        figures = asyncio.run(stream(ours.recv(), ours, options))
        ours.send("stop")
        server.join(10)
    finally:
        if server.is_alive():
            server.terminate()
    print(json.dumps(figures, indent=1))
    promises = {
        "every board sent was received": figures["sent"] == figures["messages"] == figures["received"],
        "every board received is accounted for": figures["received"]
        == figures["delivered"] + figures["conflated"] + figures["dropped"] + figures["waiting"],
        "nothing dropped, nothing unreadable": figures["dropped"] == figures["unreadable"] == 0,
        "no board was older than one step of the consumer": figures["newer_a_step_before_max"] == 0,
        "memory is flat (within 5 MiB)": figures["memory_mib"][1] - figures["memory_mib"][0] < 5,
        "the connection was never lost": figures["reconnects"] == 0,
    }
    for promise, is_kept in promises.items():
        print(f"{'kept  ' if is_kept else 'BROKEN'} {promise}")
    return 0 if all(promises.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
