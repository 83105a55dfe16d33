"""aiohttp's client session and web server."""

from __future__ import annotations

import asyncio
from typing import Any

from bench.job import Job


def _connect(session: Any, job: Job) -> Any:
    return session.ws_connect(job.url, ssl=job.client_tls() or True, compress=15 if job.deflate else 0, max_msg_size=0)


async def receive(job: Job) -> None:
    import aiohttp

    meter = job.meter
    total, target = 0, meter.begin(job.delivers)
    async with aiohttp.ClientSession() as session:
        ws = await _connect(session, job)
        async for message in ws:
            total += len(message.data)
            if total >= target:
                target = meter.lap(total, message.data)
                if meter.done:
                    break


async def request_reply(job: Job) -> None:
    import aiohttp

    meter = job.meter
    request = job.payloads.texts[0]
    total, target = 0, meter.begin(job.delivers)
    async with aiohttp.ClientSession() as session:
        ws = await _connect(session, job)
        while True:
            await ws.send_str(request)
            message = await ws.receive()
            total += len(message.data)
            if total >= target:
                target = meter.lap(total, message.data)
                if meter.done:
                    break


async def send(job: Job) -> None:
    import aiohttp

    meter, group = job.meter, job.group
    meter.add(0)
    async with aiohttp.ClientSession() as session:
        ws = await _connect(session, job)
        if job.payloads.is_binary:
            put, message = ws.send_bytes, job.payloads.raw[0]
        else:
            put, message = ws.send_str, job.payloads.texts[0]
        while True:
            for _ in range(group):
                await put(message)
            await ws.receive()
            if not meter.add(group):
                break


async def _serve(job: Job, handler: Any) -> None:
    from aiohttp import web

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=job.server_tls(), backlog=1024)
    await site.start()
    job.listening(runner.addresses[0][1])


async def echo_server(job: Job) -> None:
    from aiohttp import web

    async def echo(request: Any) -> Any:
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        async for message in ws:
            if message.type is web.WSMsgType.TEXT:
                await ws.send_str(message.data)
            else:
                await ws.send_bytes(message.data)
        return ws

    await _serve(job, echo)
    await asyncio.Event().wait()


async def idle_server(job: Job) -> None:
    await echo_server(job)


async def broadcast(job: Job) -> None:
    from aiohttp import web

    readers: list[Any] = []
    complete = asyncio.Event()

    async def hold(request: Any) -> Any:
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        readers.append(ws)
        if len(readers) == job.readers:
            complete.set()
        async for _ in ws:
            pass
        return ws

    await _serve(job, hold)
    await complete.wait()

    async def send_to_all(payload: bytes) -> None:
        text = payload.decode()
        for reader in readers:
            await reader.send_str(text)

    await job.broadcast(send_to_all)
