"""Our blocking twin: websocket-client's names over the lane."""

from __future__ import annotations

from typing import Any

from bench.job import Job


def _connect(job: Job) -> Any:
    from wsexample import sync

    return sync.create_connection(job.url, sslopt=_tls(job), timeout=30, compression=job.deflate)


def _tls(job: Job) -> dict[str, str]:
    return {"ca_certs": job.certificate.split(":")[2]} if job.certificate else {}


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
    meter = job.meter
    total, target = 0, meter.begin(job.delivers)

    def on_message(app: Any, message: Any) -> None:
        nonlocal total, target
        total += len(message)
        if total >= target:
            target = meter.lap(total, message)
            if meter.done:
                app.keep_running = False

    from wsexample import sync

    sync.WebSocketApp(job.url, on_message=on_message).run_forever(sslopt=_tls(job))
