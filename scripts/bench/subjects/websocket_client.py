"""websocket-client: blocking, one frame per call."""

from __future__ import annotations

from typing import Any

from bench.job import Job


def _connect(job: Job) -> Any:
    import websocket

    options = {"ca_certs": job.certificate.split(":")[2]} if job.certificate else None
    return websocket.create_connection(job.url, sslopt=options, timeout=30)


def receive(job: Job) -> None:
    meter = job.meter
    total, target = 0, meter.begin(job.delivers)
    ws = _connect(job)
    while not meter.done:
        message = ws.recv()
        total += len(message)
        if total >= target:
            target = meter.lap(total, message)


def request_reply(job: Job) -> None:
    meter = job.meter
    request = job.payloads.texts[0]
    total, target = 0, meter.begin(job.delivers)
    ws = _connect(job)
    while not meter.done:
        ws.send(request)
        message = ws.recv()
        total += len(message)
        if total >= target:
            target = meter.lap(total, message)


def send(job: Job) -> None:
    meter, group = job.meter, job.group
    ws = _connect(job)
    if job.payloads.is_binary:
        put, message = ws.send_binary, job.payloads.raw[0]
    else:
        put, message = ws.send, job.payloads.texts[0]
    going = meter.add(0)
    while going:
        for _ in range(group):
            put(message)
        ws.recv()
        going = meter.add(group)


def run_forever(job: Job) -> None:
    import websocket

    meter = job.meter
    total, target = 0, meter.begin(job.delivers)

    def on_message(app: Any, message: Any) -> None:
        nonlocal total, target
        total += len(message)
        if total >= target:
            target = meter.lap(total, message)
            if meter.done:
                app.keep_running = False

    websocket.WebSocketApp(job.url, on_message=on_message).run_forever()
