"""Autobahn's protocol classes: plain ones, or ours under the same names."""

from __future__ import annotations

import asyncio
from typing import Any

from bench.job import Job


def _names(job: Job) -> Any:
    if job.variant == "plain":
        from autobahn.asyncio import websocket as names
    else:
        from wsexample.wire import autobahn as names
    return names


def _deflate() -> dict[str, Any]:
    from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateResponseAccept

    return {
        "perMessageCompressionOffers": [PerMessageDeflateOffer()],
        "perMessageCompressionAccept": lambda response: PerMessageDeflateResponseAccept(response),
    }


async def _open(job: Job, names: Any, protocol: Any) -> Any:
    """Connect with a protocol class and wait until its meter has its window."""
    loop = asyncio.get_running_loop()

    class Client(protocol):  # type: ignore[misc]
        def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
            job.meter.fail(f"closed: {code} {reason}")

    factory = names.WebSocketClientFactory(job.url, loop=loop)
    factory.protocol = Client
    if job.deflate:
        factory.setProtocolOptions(**_deflate())
    await loop.create_connection(factory, "127.0.0.1", job.port, ssl=job.client_tls())
    await job.meter.finished


async def receive(job: Job) -> None:
    names, meter = _names(job), job.meter
    total, target = 0, meter.begin("bytes")

    class Client(names.WebSocketClientProtocol):
        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            nonlocal total, target
            total += len(payload)
            if total >= target:
                target = meter.lap(total, payload)

    await _open(job, names, Client)


async def request_reply(job: Job) -> None:
    names, meter = _names(job), job.meter
    request, is_binary = job.payloads.raw[0], job.payloads.is_binary
    total, target = 0, meter.begin("bytes")

    class Client(names.WebSocketClientProtocol):
        def onOpen(self) -> None:
            self.sendMessage(request, is_binary)

        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            nonlocal total, target
            total += len(payload)
            if total >= target:
                target = meter.lap(total, payload)
            self.sendMessage(request, is_binary)

    await _open(job, names, Client)


async def send(job: Job) -> None:
    names, meter, group = _names(job), job.meter, job.group
    payload, is_binary = job.payloads.raw[0], job.payloads.is_binary
    meter.add(0)

    class Client(names.WebSocketClientProtocol):
        def onOpen(self) -> None:
            for _ in range(group):
                self.sendMessage(payload, is_binary)

        def onMessage(self, answer: bytes, isBinary: bool) -> None:
            if meter.add(group):
                for _ in range(group):
                    self.sendMessage(payload, is_binary)

    await _open(job, names, Client)


async def _listen(job: Job, names: Any, protocol: Any) -> Any:
    loop = asyncio.get_running_loop()
    factory = names.WebSocketServerFactory(loop=loop)
    factory.protocol = protocol
    server = await loop.create_server(factory, "127.0.0.1", 0, ssl=job.server_tls(), backlog=1024)
    job.listening(server.sockets[0].getsockname()[1])
    return factory


async def echo_server(job: Job) -> None:
    names = _names(job)

    class Echo(names.WebSocketServerProtocol):
        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            self.sendMessage(payload, isBinary)

    await _listen(job, names, Echo)
    await asyncio.Event().wait()


async def idle_server(job: Job) -> None:
    await echo_server(job)


async def broadcast(job: Job) -> None:
    names = _names(job)
    readers: list[Any] = []
    complete = asyncio.Event()

    class Reader(names.WebSocketServerProtocol):
        def onOpen(self) -> None:
            readers.append(self)
            if len(readers) == job.readers:
                complete.set()

    factory = await _listen(job, names, Reader)
    await complete.wait()

    def send_to_all(payload: bytes) -> None:
        prepared = factory.prepareMessage(payload, False)
        for reader in readers:
            reader.sendPreparedMessage(prepared)

    await job.broadcast(send_to_all)


async def feed(job: Job) -> None:
    """Hand whole reads to the protocol of an open connection, without a socket in between."""
    names, meter = _names(job), job.meter
    total, target = 0, meter.begin("bytes")
    loop = asyncio.get_running_loop()
    opened = loop.create_future()

    class Client(names.WebSocketClientProtocol):
        def onOpen(self) -> None:
            opened.set_result(self)

        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            nonlocal total, target
            total += len(payload)
            if total >= target:
                target = meter.lap(total, payload)

    factory = names.WebSocketClientFactory(job.url, loop=loop)
    factory.protocol = Client
    transport, protocol = await loop.create_connection(factory, "127.0.0.1", job.port)
    await opened
    transport.pause_reading()
    await job.feed(protocol, lambda: total)
