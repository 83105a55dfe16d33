"""What rows without a socket share: proof that the outcome is the right one, and the cost of an import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

from bench.feeds import BookFeed, quotes
from bench.job import Job

__all__ = ["import_cost", "same_book", "same_quotes"]

IMPORTS = 5


def same_quotes(per_frame: int, found: Sequence[tuple[str, float, int]], precision_ns: int = 1) -> None:
    """Compare symbol, bid and time of the quotes read from the first frame with what is written there."""
    wanted = [(quote["S"], quote["bp"], quote["t"] // precision_ns) for quote in quotes(per_frame)[0]]
    if [(symbol, price, time_ns // precision_ns) for symbol, price, time_ns in found] != wanted:
        raise AssertionError(f"read {found[:2]}, and not {wanted[:2]}")


def same_book(feed: BookFeed, best_after: Callable[[int], Sequence[tuple[float, float]]]) -> None:
    """Compare the best bid and ask after each change of a whole cycle."""
    for number, wanted in enumerate(feed.best):
        found = tuple(best_after(number))
        if found != wanted:
            raise AssertionError(f"the book begins with {found} after change {number}, and not with {wanted}")


def import_cost(job: Job, statement: str) -> None:
    """Run a statement in fresh interpreters; the first writes the byte code and does not count."""
    program = (
        "import time, resource; wall = time.perf_counter(); cpu = time.process_time()\n"
        f"{statement}\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(time.process_time() - cpu, time.perf_counter() - wall, used.ru_utime, used.ru_stime)"
    )
    runs = []
    for _ in range(IMPORTS + 1):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True)
        runs.append([float(figure) for figure in done.stdout.split()])
    names = ("cpu_s", "wall_s", "user_s", "system_s")
    sums = {name: sum(run[i] for run in runs[1:]) for i, name in enumerate(names)}
    job.meter.result = {"messages": IMPORTS, **sums, "preempted": 0, "checked": 0}
