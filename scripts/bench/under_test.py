"""The process under test: runs one operation of one subject on one loop and prints what its meter found.

Run as ``python -m bench.under_test JSON``; the runner pins it to its core before Python starts.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import sys
from collections.abc import Callable

from bench.job import Job
from bench.subjects import SUBJECTS

__all__ = ["loop_factory"]


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return the maker of a loop by its name: ``asyncio`` or ``uvloop``, with ``+fastnet`` over aiofastnet's transports."""
    make: Callable[[], asyncio.AbstractEventLoop]
    if name.startswith("uvloop"):
        import uvloop

        make = uvloop.new_event_loop
    else:
        make = asyncio.new_event_loop
    if name.endswith("+fastnet"):
        import aiofastnet

        return aiofastnet.loop_factory(make)
    return make


def lane_name() -> str:
    """Return which lane our classes run on, "" where ours is not under test."""
    if "wsexample.wire.autobahn" not in sys.modules:
        return ""
    try:
        lane = importlib.import_module("wsexample.wire.lane")
    except ImportError:
        return "none"
    return str(getattr(lane, "LANE", getattr(lane, "name", "?")))


def main() -> None:
    job = Job(**json.loads(sys.argv[1]))
    subject = SUBJECTS[job.subject]
    operation = getattr(importlib.import_module(f"bench.subjects.{subject.module}"), job.operation)

    def leave() -> None:
        """Say what was found and end the process as it is: closing a connection under full load is not measured."""
        print(json.dumps({**job.meter.result, "lane": lane_name()}), flush=True)
        os._exit(0)

    if inspect.iscoroutinefunction(operation):

        async def run() -> None:
            await operation(job)
            leave()

        with asyncio.Runner(loop_factory=loop_factory(job.loop)) as runner:
            runner.run(run())
    else:
        operation(job)
        leave()


if __name__ == "__main__":
    main()
