"""No library: the system calls and the callback for each message, and nothing that looks at a frame.

What nothing above a socket can go below; the distance to it is what parsing, checking and the event loop cost.
"""

from __future__ import annotations

import base64
import hashlib
import os
import socket
from collections import deque
from itertools import repeat
from typing import Any

from bench.job import Job
from bench.payloads import client_frame, server_frame


def receive(job: Job) -> None:
    meter = job.meter
    total, target = 0, meter.begin("bytes")

    class Client:
        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            nonlocal total, target
            total += len(payload)
            if total >= target:
                target = meter.lap(total, payload)

    callback = Client().onMessage
    raw = job.payloads.raw
    frame_bytes = len(server_frame(raw[0], job.payloads.opcode))
    cycle = raw * (2 * 1024 * 1024 // (frame_bytes * len(raw)) + 2)
    connection = _open(job)
    buffer = bytearray(1024 * 1024)
    have = first = 0
    while not meter.done:
        have += connection.recv_into(buffer)
        count, have = divmod(have, frame_bytes)
        deque(map(callback, cycle[first : first + count], repeat(False)), maxlen=0)
        first = (first + count) % len(raw)


def request_reply(job: Job) -> None:
    meter = job.meter
    raw = job.payloads.raw
    request = client_frame(raw[0], job.payloads.opcode)
    answer_bytes = len(server_frame(raw[0], job.payloads.opcode))
    connection = _open(job)
    while True:
        for _ in range(job.chunk):
            connection.send(request)
            if len(connection.recv(65536)) != answer_bytes:
                raise AssertionError("an answer came in pieces")
        if not meter.add(job.chunk):
            return


def send(job: Job) -> None:
    meter, group = job.meter, job.group
    block = client_frame(job.payloads.raw[0], job.payloads.opcode) * group
    connection = _open(job)
    while meter.add(group):
        connection.sendall(block)
        connection.recv(4096)


def echo_server(job: Job) -> None:
    connection = _accept(job, 1)[0]
    raw = job.payloads.raw
    frames = [server_frame(payload, job.payloads.opcode) for payload in raw]
    ours, theirs = len(frames[0]), len(frames[0]) + 4
    cycle = b"".join(frames) * (2 * 1024 * 1024 // (ours * len(raw)) + 2)
    buffer = bytearray(1024 * 1024)
    have = first = 0
    while got := connection.recv_into(buffer):
        count, have = divmod(have + got, theirs)
        connection.sendall(cycle[first * ours : (first + count) * ours])
        first = (first + count) % len(raw)


def broadcast(job: Job) -> None:
    readers = _accept(job, job.readers)
    assert job.told_fd is not None
    raw, rounds = job.payloads.raw, 20
    while True:
        for i in range(rounds):
            frame = server_frame(raw[i % len(raw)], job.payloads.opcode)
            for reader in readers:
                reader.send(frame)
        os.read(job.told_fd, 1)
        if not job.meter.add(rounds * job.readers):
            return


def _open(job: Job) -> Any:
    connection: Any = socket.create_connection(("127.0.0.1", job.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tls = job.client_tls()
    if tls is not None:
        connection = tls.wrap_socket(connection, server_hostname="127.0.0.1")
    key = base64.b64encode(os.urandom(16)).decode()
    lines = ["GET / HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
    connection.sendall("\r\n".join(lines).encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    return connection


def _accept(job: Job, count: int) -> list[Any]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    job.listening(listener.getsockname()[1])
    accepted = []
    tls = job.server_tls()
    for _ in range(count):
        connection: Any = listener.accept()[0]
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            connection = tls.wrap_socket(connection, server_side=True)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        key = head.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
        digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        accepted.append(connection)
    return accepted
