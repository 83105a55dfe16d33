#!/usr/bin/env python3
"""Run a simulator as a process at full tilt, read what it sends, and see whether its memory grows, and what a message costs it.

    python scripts/sim_memory.py                    every broker, one after the other, three minutes each
    python scripts/sim_memory.py alpaca --minutes 10
    python scripts/sim_memory.py kabu --option=--ticks=200 --option=--switch=kept_executions=5000

A line is drawn through the process's resident memory after the warm-up. What a simulator keeps on purpose (switches ``kept_...``)
is little here, so that the warm-up fills it. Exit status: 0 when no simulator grew, 1 when one did: by more than allowed, twice
the line's error taken off; 2 when a run could not be brought to its end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec
from soak.figures import slope

from wsexample.brokers.kabu import KabuClient
from wsexample.errors import WsExampleError
from wsexample.wire.connection import connect

ROOT = Path(__file__).resolve().parent.parent
MIB = 2**20
SAMPLE_S = 2.0
STARTS_S = 60.0
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
COMMANDS = {
    "kabu": "--ticks 50 --switch thinning_ms=0 --switch kept_executions=100",
    "alpaca": "--quotes 33 --trades 7 --fills 20 --warm-up 1s"
    " --switch kept_points=500 --switch kept_orders=50 --switch kept_events=500",
    "weex": "--step 50ms --fills 5 --switch kept_orders=100 --switch kept_fills=200",
}
"""What each simulator is told: some hundred messages a second, executions of its account where it makes them by itself, and to
keep little."""
ALPACA_SYMBOLS = ["AAPL", "MSFT", "NVDA", "AMZN", "META", "TSLA"]
WEEX_STREAMS = [
    f"{symbol}@{stream}"
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    for stream in ("ticker", "trade", "depth15", "kline_1m_LAST_PRICE", "kline_1h_LAST_PRICE")
]


@dataclass
class Look:
    """What was seen of a process."""

    minutes: list[float] = field(default_factory=list)
    rss: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)

    def take(self, pid: int, begun_s: float, messages: int) -> None:
        """Look once more."""
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        self.minutes.append((time.monotonic() - begun_s) / 60)
        self.rss.append(float(int(stat[21]) * PAGE_BYTES))
        self.cpu_s.append((int(stat[11]) + int(stat[12])) / TICKS)
        self.messages.append(messages)


class Reader:
    """Counts what a simulator sends."""

    def __init__(self) -> None:
        self.messages = 0

    async def kabu(self, facts: dict[str, Any]) -> None:
        """Read boards."""
        async with KabuClient("7203 9433 9984 8306 6758", port=facts["port"], password="password") as client:
            while True:
                await client.receive()
                self.messages = client.session.stats.messages

    async def alpaca(self, facts: dict[str, Any]) -> None:
        """Read quotes, trades and bars of some symbols, and what happens to orders."""
        key = {"action": "auth", "key": facts["key"], "secret": facts["secret"]}
        symbols = dict.fromkeys(("quotes", "trades", "bars"), ALPACA_SYMBOLS)
        listen = {"action": "listen", "data": {"streams": ["trade_updates"]}}
        async with asyncio.TaskGroup() as tasks:
            data = f"{facts['stream_url']}/v2/iex"
            tasks.create_task(self._read(data, [key, {"action": "subscribe", **symbols}]))
            tasks.create_task(self._read(facts["trading_stream_url"], [key, listen]))

    async def weex(self, facts: dict[str, Any]) -> None:
        """Read every kind of public stream."""

        def answered(text: str) -> str | None:
            return '{"method":"PONG","id":1}' if '"event":"ping"' in text[:40] else None

        await self._read(facts["public_url"], [{"method": "SUBSCRIBE", "params": WEEX_STREAMS, "id": 1}], answered)

    async def _read(
        self, url: str, hello: list[dict[str, Any]], answered: Callable[[str], str | None] = lambda text: None
    ) -> None:
        async with connect(url) as ws:
            for message in hello:
                await ws.send(msgspec.json.encode(message).decode())
            async for got in ws:
                self.messages += 1
                answer = answered(got) if isinstance(got, str) else None
                if answer is not None:
                    await ws.send(answer)
        raise ConnectionError(f"{url} has ended the connection")


@asynccontextmanager
async def simulator(broker: str, options: list[str]) -> AsyncIterator[tuple[int, dict[str, Any]]]:
    """Start a simulator; yields its process id and what it announces."""
    command = [sys.executable, "-m", "wsexample.cli.main", "sim", broker, "--port", "0", "--announce", "-q", *options]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    process = await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=PIPE, env={**os.environ, "PYTHONPATH": path}
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(STARTS_S):
            line = await process.stdout.readline()
        if not line:
            raise ConnectionError(f"{' '.join(command)} has announced nothing")
        yield process.pid, msgspec.json.decode(line)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def look_at(broker: str, options: list[str], seconds: float) -> Look:
    """Run a simulator for a while with a reader."""
    look, reader = Look(), Reader()
    async with AsyncExitStack() as stack:
        pid, facts = await stack.enter_async_context(simulator(broker, options))
        reading = asyncio.create_task(getattr(reader, broker)(facts))
        stack.callback(reading.cancel)
        begun_s = time.monotonic()
        while time.monotonic() - begun_s < seconds:
            done, _ = await asyncio.wait([reading], timeout=SAMPLE_S)
            if done:
                reading.result()
            look.take(pid, begun_s, reader.messages)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    return look


def judge(look: Look, warm_up: float, allowed_mib: float) -> tuple[bool, str]:
    """Say whether memory stayed, and the figures behind that."""
    first = next((at for at, minute in enumerate(look.minutes) if minute >= warm_up), len(look.minutes))
    line = slope(look.minutes[first:], look.rss[first:])
    if line is None:
        return False, "too few samples to tell"
    messages, cpu_s = look.messages[-1] - look.messages[first], look.cpu_s[-1] - look.cpu_s[first]
    words = (
        f"{line.per_unit / 1024:+,.0f} ± {line.error / 1024:,.0f} KiB a minute (allowed {allowed_mib * 1024:,.0f}),"
        f" {look.rss[0] / MIB:.1f} MiB first, {look.rss[first] / MIB:.1f} warm, {look.rss[-1] / MIB:.1f} last;"
        f" {messages:,} messages, {cpu_s:.1f} s CPU, {cpu_s * 1e6 / max(messages, 1):,.0f} us a message"
    )
    return messages > 0 and line.at_least <= allowed_mib * MIB, words


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("brokers", nargs="*", metavar="BROKER", help="kabu, alpaca, weex (default: all)")
    parser.add_argument("--minutes", type=float, default=3.0, help="how long each runs (default 3)")
    parser.add_argument("--warm-up", type=float, default=1.0, help="minutes that do not count (default 1)")
    parser.add_argument("--allowed", type=float, default=1.0, metavar="MIB", help="growth in a minute (default 1)")
    parser.add_argument(
        "--option", action="append", default=[], metavar="TEXT", help="further option of wsexample sim; repeat"
    )
    options = parser.parse_args(arguments)
    if wrong := set(options.brokers) - set(COMMANDS):
        parser.error(f"there is no {', '.join(sorted(wrong))}")
    if not 0 <= options.warm_up < options.minutes:
        parser.error("the warm-up must end before the run does")
    return options


def main() -> int:
    """Run each broker's simulator; returns the exit status."""
    options = parse()
    if not Path("/proc/self/stat").exists():
        print("only Linux tells what a process uses", file=sys.stderr)
        return 2
    is_kept = True
    for broker in options.brokers or COMMANDS:
        told = [*COMMANDS[broker].split(), *options.option]
        print(f"wsexample sim {broker} {' '.join(told)}, {options.minutes:g} min", flush=True)
        try:
            look = asyncio.run(look_at(broker, told, options.minutes * 60))
        except (OSError, WsExampleError, ExceptionGroup) as error:
            print(f"BROKEN  {broker}: {type(error).__name__}: {error}", file=sys.stderr)
            return 2
        is_flat, words = judge(look, options.warm_up, options.allowed)
        print(f"{'kept  ' if is_flat else 'BROKEN'}  {broker}: {words}", flush=True)
        is_kept = is_kept and is_flat
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
