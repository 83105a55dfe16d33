"""A relay written with websockets, as its documentation has it: `broadcast` of each record, or of all of a burst together.

With an interval each client has the newest of every topic and a task that sends it; where readers are served together there is
one set of the newest for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from bench.hub_feed import Numbered, feed_hub
from bench.job import Job


async def hub(job: Job) -> None:
    from websockets.asyncio.server import broadcast, serve

    interval_s, is_joined = job.detail["interval_ms"] / 1000, job.variant == "joined"
    clients: dict[Any, dict[str, str]] = {}
    numbered = Numbered()
    newest_of_all: dict[str, str] = {}

    async def serve_client(ws: Any) -> None:
        await ws.recv()
        await ws.send('{"op":"ack"}')
        newest = clients[ws] = {}
        while interval_s and not is_joined:
            await asyncio.sleep(interval_s)
            if newest:
                text = f"[{','.join(newest.values())}]"
                newest.clear()
                await ws.send(text)
        await ws.wait_closed()

    async def send_to_all() -> None:
        while True:
            await asyncio.sleep(interval_s)
            if newest_of_all:
                text = f"[{','.join(newest_of_all.values())}]"
                newest_of_all.clear()
                broadcast(clients, text)

    def publish(records: Sequence[Any]) -> None:
        rows = [numbered.write(record) for record in records]
        if interval_s and is_joined:
            newest_of_all.update(rows)
        elif interval_s:
            for newest in clients.values():
                newest.update(rows)
        elif is_joined:
            broadcast(clients, f"[{','.join(text for _, text in rows)}]")
        else:
            for _, text in rows:
                broadcast(clients, text)

    async with (
        serve(serve_client, "127.0.0.1", 0, compression=None, backlog=1024) as server,
        asyncio.TaskGroup() as group,
    ):
        job.listening(server.sockets[0].getsockname()[1])
        if interval_s and is_joined:
            group.create_task(send_to_all())
        await feed_hub(job, publish)
