#!/usr/bin/env python3
"""Try parts of the package on bad networks, for many seeds: nothing hangs, nothing is left behind, what is promised holds.

Each trial is one part (client, server, session, sync, hub, kabu, alpaca, weex) and one kind of fault (cut, reset, half-open,
stall, throttle, delay, split, reorder, corrupt); the seed draws everything else: variant, direction, moment, event loop, TLS.
The same trials are in the tests, with fewer seeds (tests/faults/test_matrix.py). Faults that the peer itself makes, not the
network, are in scripts/session_faults.py and scripts/alpaca_faults.py.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import importlib.util
import logging
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.faults.storm import KINDS
from tests.faults.trial import PARTS, Certificates, made_certificates, try_once

EXAMPLES = """examples:
  python scripts/faults.py                          every part, every kind, 5 seeds
  python scripts/faults.py --seeds 50 --jobs 2      as many as docs/reliability.md tells of
  python scripts/faults.py sync weex --kind corrupt --first-seed 12 --seeds 1       one trial again
  WSEXAMPLE_LANE=skip python scripts/faults.py      the same with the pure-Python lane

The exit status is 1 when a promise broke; each such trial is told with its seed, with what was drawn, and with how much of a
processor it had: one that was late with a twentieth of one says something of the machine.
"""
HANGS_AFTER_S = 120.0
BATCH = 5
_certificates: list[Certificates] = []


def tried(part: str, kind: str, seeds: range) -> tuple[str, str, int, list[str]]:
    """Try a cell with some seeds, in a process of its own; returns what broke."""
    logging.getLogger("wsexample").addHandler(logging.NullHandler())
    for name in ("wsexample", "aiohttp", "asyncio"):
        logging.getLogger(name).propagate = False
        logging.getLogger(name).addHandler(logging.NullHandler())
    if not _certificates:
        _certificates.append(made_certificates())
        for each in PARTS:  # all at once, so that a run is of one version of the source
            importlib.import_module(f"tests.faults.parts.{each}")
    loops = ("asyncio", "uvloop") if importlib.util.find_spec("uvloop") else ("asyncio",)
    broken = []
    for seed in seeds:
        faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True)  # not even a deadline has helped
        try:
            try_once(part, kind, seed, _certificates[0], loops)
        except AssertionError as error:
            broken.append(" ".join(str(error).split())[:600])
        finally:
            faulthandler.cancel_dump_traceback_later()
    return part, kind, len(seeds), broken


def batches(parts: list[str], kinds: list[str], first: int, count: int) -> Iterator[tuple[str, str, range]]:
    """Divide the work."""
    for part in parts:
        for kind in kinds:
            for start in range(first, first + count, BATCH):
                yield part, kind, range(start, min(start + BATCH, first + count))


def main() -> int:
    """Try everything; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--kind", action="append", choices=KINDS, help="kind of fault; repeat (default: all)")
    parser.add_argument("--seeds", type=int, default=5, help="trials of each cell (default 5)")
    parser.add_argument("--first-seed", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once (default 1)")
    given = parser.parse_args()
    parts, kinds = given.parts or list(PARTS), given.kind or list(KINDS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    work = list(batches(parts, kinds, given.first_seed, given.seeds))
    runs: Counter[tuple[str, str]] = Counter()
    broken: dict[tuple[str, str], list[str]] = {}
    begun_s = time.monotonic()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(given.jobs, mp_context=spawn) as pool:
        for done, future in enumerate(as_completed([pool.submit(tried, *each) for each in work]), 1):
            part, kind, count, found = future.result()
            runs[part, kind] += count
            broken.setdefault((part, kind), []).extend(found)
            for line in found:
                print(f"\r{line}", flush=True)
            if sys.stderr.isatty() or done % 20 == 0:
                end = "\r" if sys.stderr.isatty() else "\n"
                print(f"{done} of {len(work)} batches, {time.monotonic() - begun_s:.0f} s", end=end, file=sys.stderr)
    show(parts, kinds, runs, broken)
    total = sum(map(len, broken.values()))
    lane = os.environ.get("WSEXAMPLE_LANE", "") or "compiled where built"
    print(f"{runs.total()} trials in {time.monotonic() - begun_s:.0f} s (lane: {lane}): {total} broke a promise")
    return 1 if total else 0


def show(
    parts: list[str], kinds: list[str], runs: Counter[tuple[str, str]], broken: dict[tuple[str, str], list[str]]
) -> None:
    """Print a table: trials of each cell, and how many broke a promise where any did."""
    print("\n" + "part".ljust(10) + "".join(kind.rjust(11) for kind in kinds))
    for part in parts:
        cells = [
            f"{runs[part, kind]}" + (f" ({len(found)}!)" if (found := broken.get((part, kind))) else "")
            for kind in kinds
        ]
        print(part.ljust(10) + "".join(cell.rjust(11) for cell in cells))


if __name__ == "__main__":
    sys.exit(main())
