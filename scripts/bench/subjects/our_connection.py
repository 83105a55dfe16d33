"""Our `connect` and `serve`: awaitable messages over the same lane."""

from __future__ import annotations

import asyncio
from typing import Any

from bench.job import Job


def _client(job: Job) -> Any:
    from wsexample.wire.connection import connect

    return connect(job.url, tls=job.client_tls(), compression=job.deflate)


async def receive(job: Job) -> None:
    meter = job.meter
    total = 0
    ws = await _client(job)
    if job.variant == "payloads":
        target = meter.begin("bytes")
        async for payload, _ in ws.payloads():
            total += len(payload)
            if total >= target:
                target = meter.lap(total, payload)
                if meter.done:
                    break
    else:
        target = meter.begin(job.delivers)
        async for message in ws:
            total += len(message)
            if total >= target:
                target = meter.lap(total, message)
                if meter.done:
                    break


async def request_reply(job: Job) -> None:
    meter = job.meter
    request = job.payloads.texts[0]
    total, target = 0, meter.begin(job.delivers)
    ws = await _client(job)
    while True:
        await ws.send(request)
        message = await ws.receive()
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
        await ws.receive()
        if not meter.add(group):
            break


def _serve(handler: Any, job: Job) -> Any:
    from wsexample.wire.options import ServeOptions
    from wsexample.wire.server import serve

    return serve(handler, "127.0.0.1", 0, tls=job.server_tls(), options=ServeOptions(backlog=1024))


async def echo_server(job: Job) -> None:
    async def echo(ws: Any) -> None:
        async for message in ws:
            await ws.send(message)

    async with _serve(echo, job) as server:
        job.listening(server.port)
        await asyncio.Event().wait()


async def idle_server(job: Job) -> None:
    await echo_server(job)


async def broadcast(job: Job) -> None:
    from wsexample.wire.broadcast import Broadcaster

    readers: list[Any] = []
    complete = asyncio.Event()

    async def hold(ws: Any) -> None:
        readers.append(ws)
        if len(readers) == job.readers:
            complete.set()
        await ws.wait_closed()

    server = await _serve(hold, job)
    job.listening(server.port)
    await complete.wait()
    broadcaster = Broadcaster()
    for reader in readers:
        broadcaster.add(reader)

    def send_to_all(payload: bytes) -> None:
        broadcaster.send(payload.decode())

    await job.broadcast(send_to_all)
