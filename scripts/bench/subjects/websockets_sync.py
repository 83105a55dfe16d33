"""websockets' blocking client; a thread of its own reads the socket."""

from __future__ import annotations

from typing import Any

from bench.job import Job


def _connect(job: Job) -> Any:
    from websockets.sync.client import connect

    compression = "deflate" if job.deflate else None
    return connect(job.url, ssl=job.client_tls(), compression=compression, proxy=None, max_size=None)


def receive(job: Job) -> None:
    meter = job.meter
    total, target = 0, meter.begin(job.delivers)
    ws = _connect(job)
    for message in ws:
        total += len(message)
        if total >= target:
            target = meter.lap(total, message)
            if meter.done:
                break


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
    message = job.payloads.raw[0] if job.payloads.is_binary else job.payloads.texts[0]
    ws = _connect(job)
    going = meter.add(0)
    while going:
        for _ in range(group):
            ws.send(message)
        ws.recv()
        going = meter.add(group)
