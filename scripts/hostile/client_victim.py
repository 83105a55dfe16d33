"""The victim's process when it is a client: runs clients as a JSON job on standard input says, and answers questions.

Each further line of standard input is a question ("?") or, once, the word to begin; the answer is one line of JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from hostile.clients import KINDS, Bout
from hostile.victim import Lines, is_socket

LOOK_S = 0.01


async def run(job: dict[str, Any], lines: Lines) -> None:
    """Be attacked when told to, and answer questions until standard input ends."""
    loop = asyncio.get_running_loop()
    bouts: list[Bout] = []
    fighting: list[asyncio.Task[None]] = []
    late: list[tuple[float, float]] = []

    async def watch() -> None:
        """Take how late this loop is: what another task of the program feels."""
        while True:
            begun_s = time.monotonic()
            await asyncio.sleep(LOOK_S)
            now_s = time.monotonic()
            late.append((now_s, now_s - begun_s - LOOK_S))

    watching = asyncio.create_task(watch())
    await asyncio.to_thread(time.sleep, 0)  # the threads that this process has anyhow
    print(json.dumps({}), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        word = json.loads(line)
        if isinstance(word, dict):
            job |= word
            until_s = time.monotonic() + job["seconds"]
            bouts = [Bout(job, until_s) for _ in range(job["connections"])]
            fighting = [asyncio.create_task(KINDS[job["client"]](bout)) for bout in bouts]
        over = [task for task in fighting if task.done()]
        gc.collect()
        print(
            json.dumps(
                {
                    "open": len(fighting) - len(over),
                    "tasks": len(asyncio.all_tasks()) - (len(fighting) - len(over)),
                    "sockets": sum(is_socket(name) for name in os.listdir("/proc/self/fd")),
                    "threads": sum(thread.name.partition("_")[0] != "asyncio" for thread in threading.enumerate()),
                    "lines": lines.counts,
                    "outcomes": sum((bout.outcomes for bout in bouts), Counter()),
                    "tries": sum(bout.tries for bout in bouts),
                    "longest_s": max((bout.longest_s for bout in bouts), default=0.0),
                    "messages": sum(bout.messages for bout in bouts),
                    "untidy": [words for bout in bouts for words in bout.untidy][:3],
                    "defects": [repr(task.exception()) for task in over if task.exception() is not None],
                    "late": late if word == "late" else [],
                }
            ),
            flush=True,
        )
    watching.cancel()


def main() -> None:
    """Do what standard input says."""
    job = json.loads(sys.stdin.readline())
    if job["lane"] == "python":
        os.environ["WSEXAMPLE_LANE"] = "skip"
    lines = Lines()
    logging.getLogger().addHandler(lines)
    logging.getLogger("wsexample").setLevel(logging.INFO)
    factory = None
    if job["loop"] == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(run(job, lines))


if __name__ == "__main__":
    main()
