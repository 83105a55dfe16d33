"""The API of websockets' asyncio implementation: websockets itself, and picows' module of the same shape."""

from __future__ import annotations

import asyncio
from typing import Any

from bench.job import Job


def _client(job: Job) -> Any:
    if job.variant == "picows":
        from picows.websockets.asyncio.client import connect
    else:
        from websockets.asyncio.client import connect
    compression = "deflate" if job.deflate else None
    return connect(job.url, ssl=job.client_tls(), compression=compression, proxy=None, max_size=None)


async def receive(job: Job) -> None:
    meter = job.meter
    total, target = 0, meter.begin(job.delivers)
    ws = await _client(job)
    async for message in ws:
        total += len(message)
        if total >= target:
            target = meter.lap(total, message)
            if meter.done:
                break


async def request_reply(job: Job) -> None:
    meter = job.meter
    request = job.payloads.raw[0] if job.payloads.is_binary else job.payloads.texts[0]
    total, target = 0, meter.begin(job.delivers)
    ws = await _client(job)
    while True:
        await ws.send(request)
        message = await ws.recv()
        total += len(message)
        if total >= target:
            target = meter.lap(total, message)
            if meter.done:
                break


async def send(job: Job) -> None:
    meter, group = job.meter, job.group
    message = job.payloads.raw[0] if job.payloads.is_binary else job.payloads.texts[0]
    meter.add(0)
    ws = await _client(job)
    while True:
        for _ in range(group):
            await ws.send(message)
        await ws.recv()
        if not meter.add(group):
            break


async def _serve(job: Job, handler: Any) -> Any:
    if job.variant == "picows":
        from picows.websockets.asyncio.server import serve
    else:
        from websockets.asyncio.server import serve
    server = await serve(handler, "127.0.0.1", 0, ssl=job.server_tls(), compression=None, backlog=1024)
    job.listening(server.sockets[0].getsockname()[1])
    return server


async def echo_server(job: Job) -> None:
    async def echo(ws: Any) -> None:
        async for message in ws:
            await ws.send(message)

    server = await _serve(job, echo)
    await server.wait_closed()


async def idle_server(job: Job) -> None:
    await echo_server(job)


async def broadcast(job: Job) -> None:
    if job.variant == "picows":
        from picows.websockets.asyncio.server import broadcast as to_all
    else:
        from websockets.asyncio.server import broadcast as to_all
    readers: set[Any] = set()
    complete = asyncio.Event()

    async def hold(ws: Any) -> None:
        readers.add(ws)
        if len(readers) == job.readers:
            complete.set()
        await ws.wait_closed()

    server = await _serve(job, hold)
    await complete.wait()
    await job.broadcast(lambda payload: to_all(readers, payload.decode()))
    server.close()


async def feed(job: Job) -> None:
    """Hand whole reads to the protocol of an open connection, without a socket in between."""
    if job.variant == "picows":
        raise NotImplementedError("the protocol object of picows.websockets is not reachable")
    meter = job.meter
    total, target = 0, meter.begin(job.delivers)
    ws = await _client(job)
    ws.transport.pause_reading()

    async def consume() -> None:
        nonlocal total, target
        async for message in ws:
            total += len(message)
            if total >= target:
                target = meter.lap(total, message)

    async with asyncio.TaskGroup() as group:
        consumer = group.create_task(consume())
        await job.feed(ws, lambda: total)
        consumer.cancel()
