"""picows' core API: frames, not messages; whoever uses it checks text and joins fragments."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from bench.job import Job


def _receiver(job: Job) -> tuple[Callable[..., None], Callable[[], int]]:
    """Return the callback for a frame, by what it takes from it, and the total so far."""
    meter = job.meter
    total, target = 0, meter.begin(job.delivers if job.variant == "text" else "bytes")

    def take_bytes(self: Any, transport: Any, frame: Any) -> None:
        nonlocal total, target
        payload = frame.get_payload_as_bytes()
        total += len(payload)
        if total >= target:
            target = meter.lap(total, payload)

    def take_text(self: Any, transport: Any, frame: Any) -> None:
        nonlocal total, target
        payload = frame.get_payload_as_utf8_text()
        total += len(payload)
        if total >= target:
            target = meter.lap(total, payload)

    def take_size(self: Any, transport: Any, frame: Any) -> None:
        nonlocal total, target
        total += frame.payload_size
        if total >= target:
            target = meter.lap(total, frame.get_payload_as_bytes())

    def so_far() -> int:
        return total

    return {"bytes": take_bytes, "text": take_text, "frame": take_size}[job.variant], so_far


async def _open(
    job: Job, frame_callback: Callable[..., None], on_connected: Callable[[Any], None] | None = None
) -> None:
    import picows

    class Listener(picows.WSListener):  # type: ignore[misc]
        on_ws_frame = frame_callback

        def on_ws_connected(self, transport: Any) -> None:
            if on_connected is not None:
                on_connected(transport)

        def on_ws_disconnected(self, transport: Any) -> None:
            job.meter.fail("disconnected")

    await picows.ws_connect(
        Listener, job.url, ssl_context=job.client_tls(), use_aiofastnet=job.fastnet, logger_name="bench"
    )
    await job.meter.finished


async def receive(job: Job) -> None:
    await _open(job, _receiver(job)[0])


async def request_reply(job: Job) -> None:
    import picows

    meter = job.meter
    request = job.payloads.raw[0]
    kind = picows.WSMsgType.BINARY if job.payloads.is_binary else picows.WSMsgType.TEXT
    total, target = 0, meter.begin("bytes")

    def on_frame(self: Any, transport: Any, frame: Any) -> None:
        nonlocal total, target
        payload = frame.get_payload_as_bytes()
        total += len(payload)
        if total >= target:
            target = meter.lap(total, payload)
        transport.send(kind, request)

    await _open(job, on_frame, lambda transport: transport.send(kind, request))


async def send(job: Job) -> None:
    import picows

    meter, group = job.meter, job.group
    payload = job.payloads.raw[0]
    kind = picows.WSMsgType.BINARY if job.payloads.is_binary else picows.WSMsgType.TEXT
    meter.add(0)

    def send_group(transport: Any) -> None:
        for _ in range(group):
            transport.send(kind, payload)

    def on_frame(self: Any, transport: Any, frame: Any) -> None:
        if meter.add(group):
            send_group(transport)

    await _open(job, on_frame, send_group)


async def _listen(job: Job, listener: Any) -> None:
    import picows

    server = await picows.ws_create_server(
        lambda request: listener(),
        "127.0.0.1",
        0,
        ssl=job.server_tls(),
        use_aiofastnet=job.fastnet,
        logger_name="bench",
        backlog=1024,
    )
    job.listening(server.sockets[0].getsockname()[1])


async def echo_server(job: Job) -> None:
    import picows

    # uvloop's own transport keeps what it cannot write at once, and picows' memoryview is gone by then
    lends = job.loop != "uvloop"

    class Echo(picows.WSListener):  # type: ignore[misc]
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            if frame.msg_type == picows.WSMsgType.CLOSE:
                transport.disconnect()
                return
            payload = frame.get_payload_as_memoryview() if lends else frame.get_payload_as_bytes()
            transport.send(frame.msg_type, payload)

    await _listen(job, Echo)
    await asyncio.Event().wait()


async def idle_server(job: Job) -> None:
    await echo_server(job)


async def broadcast(job: Job) -> None:
    import picows

    readers: list[Any] = []
    complete = asyncio.Event()

    class Reader(picows.WSListener):  # type: ignore[misc]
        def on_ws_connected(self, transport: Any) -> None:
            readers.append(transport)
            if len(readers) == job.readers:
                complete.set()

    await _listen(job, Reader)
    await complete.wait()

    def send_to_all(payload: bytes) -> None:
        for reader in readers:
            reader.send(picows.WSMsgType.TEXT, payload)

    await job.broadcast(send_to_all)


async def feed(job: Job) -> None:
    """Hand whole reads to the protocol of an open connection, without a socket in between."""
    import picows

    on_frame, so_far = _receiver(job)

    class Listener(picows.WSListener):  # type: ignore[misc]
        on_ws_frame = on_frame

    transport, _ = await picows.ws_connect(Listener, job.url, use_aiofastnet=job.fastnet, logger_name="bench")
    transport.underlying_transport.pause_reading()
    await job.feed(transport.underlying_transport.get_protocol(), so_far)
