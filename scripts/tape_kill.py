"""Kill a recording program at random moments with SIGKILL, and look at what is on its tape.

Everything of which the program has said that it was flushed must be there, once and in order; a torn tail must be cut by
the next program that goes on with the tape, and nothing that was whole may be lost by that.

    python scripts/tape_kill.py               50 kills
    python scripts/tape_kill.py --kills 5 --codec zlib
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from wsexample.session.events import Received
from wsexample.tape.format import Kind
from wsexample.tape.reader import Tape
from wsexample.tape.recorder import Recorder

LONGEST_S = 0.25


def count_on(path: Path) -> int:
    """Return how many messages are on a tape, if there is one."""
    if not path.exists():
        return 0
    with Tape(path) as tape:
        return sum(1 for entry in tape.entries() if entry.kind < Kind.NOTE)


async def write(path: Path, codec: str) -> None:
    """Record numbered messages on a tape, for ever, and print how many are flushed."""
    number = count_on(path)
    generator = random.Random(number)
    async with Recorder(path, mode="append", codec=codec, block_bytes=4096, flush_s=0.01) as recorder:
        print(f"torn {recorder.stats.torn_bytes}", flush=True)
        while True:
            for _ in range(generator.randint(1, 400)):
                payload = f"{number} {'x' * generator.randint(0, 300)}".encode()
                recorder(Received(at_ns=time.time_ns(), connection=1, payload=payload, is_binary=False))
                number += 1
            await recorder.flush()
            print(number, flush=True)


def kill_once(path: Path, codec: str, generator: random.Random) -> tuple[int, int]:
    """Let a program record on a tape until it is killed; returns how many messages it said to have flushed, and torn bytes."""
    command = [sys.executable, __file__, "--write", str(path), "--codec", codec]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        torn = int(process.stdout.readline().split()[1])
        flushed = int(process.stdout.readline())  # it is under way
        time.sleep(generator.uniform(0, LONGEST_S))
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()
    return int(rest[-1]) if rest else flushed, torn


def check(path: Path, flushed: int) -> tuple[int, int]:
    """Say how many messages are on a tape, and how many bytes at its end are torn; raises when one is missing or twice."""
    with Tape(path) as tape:
        numbers = [int(entry.payload.split()[0]) for entry in tape.entries() if entry.kind < Kind.NOTE]
        assert numbers == list(range(len(numbers))), f"{path}: not every message is there once and in order"
        assert len(numbers) >= flushed, f"{path}: {flushed} were flushed, {len(numbers)} are there"
        assert tape.damaged_bytes == 0
        return len(numbers), tape.torn_bytes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="how often; 50")
    parser.add_argument("--codec", choices=["none", "zlib"], default="none", help="how the tape is compressed; none")
    parser.add_argument("--seed", type=int, default=1, help="chance; 1")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write is not None:
        asyncio.run(write(options.write, options.codec))
        return 0
    generator = random.Random(options.seed)
    torn_tails = unflushed = count = left_torn = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "killed.tape"
        for _ in range(options.kills):
            flushed, cut = kill_once(path, options.codec, generator)
            assert cut == left_torn, f"{left_torn} bytes were torn, {cut} were cut"
            count, left_torn = check(path, flushed)
            torn_tails += left_torn > 0
            unflushed += count - flushed
        size = path.stat().st_size
    print(
        f"{options.kills} kills: {count:,} messages, all that were flushed are there, once; {unflushed:,} more that were not"
        f" flushed yet; {torn_tails} torn tails, {size / 1e6:.1f} MB"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
