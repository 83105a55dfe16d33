"""What a process looks like from inside at one moment: memory, handles, tasks, threads, timers, CPU time.

Linux tells all of it by ``/proc``; elsewhere what cannot be had is None.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
import tracemalloc
from collections import Counter

import msgspec

from soak.heap import parts

__all__ = ["Growth", "Sample", "take", "top_types"]

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Sample(msgspec.Struct, kw_only=True):
    """One look."""

    at_ns: int
    """When, UTC epoch nanoseconds."""
    rss_bytes: int | None
    """Memory in use as the system sees it."""
    blocks: int
    """Blocks of memory that Python has given out, which says more than the system does: nothing of it is rounded."""
    handles: int | None
    """Open file descriptors."""
    tasks: int
    threads: int
    timers: int | None
    """Callbacks that wait for their time; uvloop does not tell."""
    cpu_s: float
    """CPU time of the process so far."""
    counts: dict[str, int] = {}
    """What the part of the house in this process has counted."""
    heap: dict[str, int] = {}
    """What resident memory is made of, bytes (`soak.heap.parts`)."""


def take(counts: dict[str, int] | None = None) -> Sample:
    """Look at this process; inside a running loop or without one."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        tasks, timers = 0, 0
    else:
        tasks = len(asyncio.all_tasks(loop))
        scheduled = getattr(loop, "_scheduled", None)
        timers = len(scheduled) if scheduled is not None else None
    return Sample(
        at_ns=time.time_ns(),
        rss_bytes=_rss_bytes(),
        blocks=sys.getallocatedblocks(),
        handles=_handles(),
        tasks=tasks,
        threads=threading.active_count(),
        timers=timers,
        cpu_s=time.process_time(),
        counts=counts or {},
        heap=parts(),
    )


def top_types(count: int = 12) -> dict[str, int]:
    """Return the most frequent types among the objects that the garbage collector watches; takes some ten milliseconds."""
    return dict(Counter(type(one).__name__ for one in gc.get_objects()).most_common(count))


class Growth:
    """Where memory was given out between two moments, by ``tracemalloc``; it begins when this is made."""

    def __init__(self) -> None:
        tracemalloc.start()
        self._first: tracemalloc.Snapshot | None = None

    def begin(self) -> None:
        """Take the first moment."""
        gc.collect()
        self._first = tracemalloc.take_snapshot()

    def lines(self, count: int = 40) -> list[str]:
        """Return what has grown most since then: bytes, blocks, line of code."""
        if self._first is None:
            return []
        gc.collect()
        grown = tracemalloc.take_snapshot().compare_to(self._first, "lineno")
        tracemalloc.stop()
        grown.sort(key=lambda one: -one.size_diff)
        return [f"{one.size_diff:+11,} bytes {one.count_diff:+9,} blocks  {one.traceback}" for one in grown[:count]]


def _rss_bytes() -> int | None:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE_BYTES
    except OSError:
        return None


def _handles() -> int | None:
    try:
        return len(os.listdir("/proc/self/fd")) - 1  # one is the look itself
    except OSError:
        return None
