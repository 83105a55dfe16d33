"""The hostile server's process: listens as a JSON job on standard input says, does one attack to all who come, and counts.

Each further line of standard input is a question; the answer is one line of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hostile.server_attacks import SERVER_ATTACKS, Aim, Call


async def serve(job: dict[str, Any]) -> None:
    """Listen until standard input ends."""
    aim = Aim(job["limit"])
    attack = SERVER_ATTACKS[job["attack"]]

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        aim.open.add(task)
        aim.calls += 1
        try:
            await attack(Call(reader, writer, aim))
        except (OSError, EOFError, asyncio.LimitOverrunError, StopIteration, RuntimeError):
            pass  # the client has gone, or has not asked for a WebSocket
        except asyncio.CancelledError:
            pass  # it is over; asyncio's streams would tell a traceback of it
        finally:
            aim.open.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(play, "127.0.0.1", 0, backlog=512)
    port = server.sockets[0].getsockname()[1]
    aim.elsewhere = b"localhost:%d" % port
    print(json.dumps({"port": port}), flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps({"sent": aim.sent, "calls": aim.calls, "leaks": aim.leaks, "open": len(aim.open)}), flush=True)
    server.close()
    for task in list(aim.open):
        task.cancel()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            await asyncio.gather(*aim.open, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.stdin.readline())))
