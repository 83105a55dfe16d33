#!/usr/bin/env python3
"""Two thousand boards a second from the simulated kabu Station, through `KabuClient`, into a consumer that takes 10 ms for each.

The simulator runs in a process of its own and trades fifty stocks as busily as that takes. Shown are the figures and which
promises were kept: fresh boards, flat memory, counts that add up, a socket that is always read. ``--blocking`` makes the
consumer work without awaiting; for a quick look say ``--seconds 5``.
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

import msgspec

from wsexample.brokers.kabu import KabuClient
from wsexample.brokers.kabu.messages import PushMessage
from wsexample.brokers.kabu.simulator import KabuSimulator, Switches
from wsexample.records.market import Board

STOCKS = (
    "1332 1605 1925 2502 2802 2914 3382 3402 4063 4385 4502 4568 4661 4755 4911 5401 5801 6098 6146 6301 6501 6506 6758 6857"
    " 6861 6902 6920 6954 6981 7011 7203 7267 7974 8001 8035 8058 8306 8316 8411 8604 8766 9020 9101 9432 9433 9501 9983 9984"
    " 3350 501A"
)
ORDERS_PER_BOARD = 42.5
"""Boards a second of fifty stocks for each order a second and stock."""
MEMORY_MIB = 5.0
"""By how much the memory of the second half of a run may differ from moment to moment."""


def simulate(pipe: multiprocessing.connection.Connection, rate: int, seconds: float) -> None:
    """The simulator's process: tells its port, and in the end what it has sent."""

    async def main() -> None:
        switches = Switches(thinning_ms=0, first_board_delay_ms=0)
        async with KabuSimulator(switches=switches, ticks_per_s=rate / ORDERS_PER_BOARD) as simulator:
            push = simulator._push
            send = push.send

            def stamped(key: str, board: PushMessage) -> bool:
                # The time of sending stands in for the market value, so that a board's age can be told.
                return send(key, msgspec.structs.replace(board, TotalMarketValue=time.time_ns() / 1000))

            push.send = stamped  # type: ignore[method-assign]
            pipe.send(simulator.port)
            await simulator.wait_for("boards", timeout_s=60.0)
            begun_s = time.monotonic()
            await asyncio.sleep(seconds)
            simulator.mute()
            stats = simulator.stats
            pipe.send(
                {
                    "sent": stats.boards_sent.total(),
                    "seconds": time.monotonic() - begun_s,
                    "resets": stats.resets,
                    "disconnections": stats.disconnections,
                }
            )
            await asyncio.get_running_loop().run_in_executor(None, pipe.recv)

    asyncio.run(main())


def resident_mib() -> float:
    """Memory of this process now; only Linux tells."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return 0.0
    return int(statm.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def consume(
    port: int, pipe: multiprocessing.connection.Connection, options: argparse.Namespace
) -> dict[str, Any]:
    """Take boards until everything sent has been received; returns the figures."""
    ages_s: list[float] = []
    memory: list[float] = []
    stale = misfits = taken = 0
    said: dict[str, Any] | None = None
    async with KabuClient(STOCKS, port=port, password="password") as client:
        newest = client.dialect.newest
        step_ago: dict[str, int] = {}
        looked_s, cpu_s, begun_s = time.monotonic(), time.process_time(), time.monotonic()
        while said is None or client.received < said["sent"] or client.waiting:
            board = await client.receive()
            assert isinstance(board, Board)
            assert board.market_value is not None
            taken += 1
            ages_s.append(time.time() - board.market_value / 1e6)
            stale += board.received_ns < step_ago.get(board.symbol, 0)
            step_ago = {symbol: pushed.received_ns for symbol, pushed in newest.items()}
            if options.blocking:
                time.sleep(options.step_ms / 1000)  # noqa: ASYNC251 - a consumer that works without awaiting
            else:
                await asyncio.sleep(options.step_ms / 1000)
            handed = client.delivered + client.conflated + client.dropped
            misfits += client.received + client.snapshots != handed + client.unreadable + client.waiting
            if time.monotonic() - looked_s >= 0.5:
                looked_s = time.monotonic()
                memory.append(resident_mib())
            if said is None and pipe.poll():
                said = pipe.recv()
        lasted_s = time.monotonic() - begun_s
        cpu_share = (time.process_time() - cpu_s) / lasted_s
    ages_s.sort()
    warm = memory[len(memory) // 2 :] or memory or [0.0]
    return {
        "boards a second": round(said["sent"] / said["seconds"]),
        "seconds": round(said["seconds"], 1),
        "sent": said["sent"],
        "received": client.received,
        "delivered": client.delivered,
        "taken": taken,
        "conflated": client.conflated,
        "dropped": client.dropped,
        "waiting": client.waiting,
        "unreadable": client.unreadable,
        "sums that did not fit": misfits,
        "older than a step of the consumer": stale,
        "age in ms: median, 99 %, most": [
            round(age_s * 1000, 1) for age_s in (statistics.median(ages_s), ages_s[int(len(ages_s) * 0.99)], ages_s[-1])
        ],
        "memory in MiB: least, most": [round(min(warm), 1), round(max(warm), 1)],
        "share of a core": round(cpu_share, 2),
        "resets": said["resets"],
        "disconnections": said["disconnections"],
        "reconnects": client.reconnects,
    }


def main() -> int:
    """Run both processes and print the figures; returns 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long boards come (default 60)")
    parser.add_argument("--rate", type=int, default=2000, help="boards a second, about (default 2000)")
    parser.add_argument(
        "--step-ms", type=float, default=10.0, help="what the consumer takes for each board (default 10)"
    )
    parser.add_argument("--blocking", action="store_true", help="the consumer works without awaiting")
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    simulator = multiprocessing.get_context("spawn").Process(
        target=simulate, args=(theirs, options.rate, options.seconds), daemon=True
    )
    simulator.start()
    try:
        figures = asyncio.run(consume(ours.recv(), ours, options))
        ours.send("stop")
        simulator.join(10)
    finally:
        if simulator.is_alive():
            simulator.terminate()
    print(json.dumps(figures, indent=1))
    least, most = figures["memory in MiB: least, most"]
    promises = {
        "every board sent was received": figures["sent"] == figures["received"],
        "received is delivered, conflated and waiting, at every step": figures["sums that did not fit"] == 0
        and figures["received"] == figures["delivered"] + figures["conflated"] + figures["waiting"]
        and figures["taken"] == figures["delivered"],
        "nothing dropped, nothing unreadable": figures["dropped"] == figures["unreadable"] == 0,
        "no board was older than what had come a step before": figures["older than a step of the consumer"] == 0,
        f"memory is flat (within {MEMORY_MIB:g} MiB)": most - least < MEMORY_MIB,
        "the socket was never stalled": figures["resets"] == figures["disconnections"] == figures["reconnects"] == 0,
    }
    for promise, is_kept in promises.items():
        print(f"{'kept  ' if is_kept else 'BROKEN'} {promise}")
    return 0 if all(promises.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
