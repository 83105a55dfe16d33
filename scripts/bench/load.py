"""The other end of the socket: prebuilt frames in large blocks, raw sockets, no library.

Run as ``python -m bench.load JSON``. As a server it serves one connection; as a client it opens as many as asked.
Where the process under test is a server, its CPU clock is read from here, so that nothing is added to it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import resource
import select
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from bench.payloads import (
    BINARY,
    TEXT,
    Payloads,
    client_frame,
    client_frame_bytes,
    deflated_server_frames,
    mask,
    payloads,
    server_frame,
)

Opener = Callable[[dict[str, Any], int], list[socket.socket]]
BLOCK_BYTES = 256 * 1024
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def main() -> None:
    spec = json.loads(sys.argv[1])
    load = payloads(spec["kind"] or "json140")
    if spec["role"] == "server":
        serve_one(spec, load)
    else:
        print(json.dumps(act_as_client(spec, load)))


def act_as_client(spec: dict[str, Any], load: Payloads) -> dict[str, Any]:
    """Do what is asked for; returns what was found."""
    match spec["act"]:
        case "blast":
            return blast(spec, load)
        case "readers":
            return read_broadcasts(spec, load)
        case "idle":
            return hold_idle(spec, open_many)
    from bench.subscribers import open_subscribers, read_hub

    return read_hub(spec) if spec["act"] == "subscribers" else hold_idle(spec, open_subscribers)


# -- as a server ----------------------------------------------------------------------------------------------------


def serve_one(spec: dict[str, Any], load: Payloads) -> None:
    """Accept connections until one completes the handshake, then act; ends when the client goes away."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(30)
    print(f"PORT {listener.getsockname()[1]}", flush=True)
    connection, _ = listener.accept()
    connection.settimeout(60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    if spec["certificate"]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        chain, key, _ = spec["certificate"].split(":")
        context.load_cert_chain(chain, key)
        connection = context.wrap_socket(connection, server_side=True)
    answer_handshake(connection, deflate=spec["deflate"])
    act = {"stream": stream, "bursts": bursts, "reply": reply, "sink": sink, "silence": silence, "alpaca": alpaca}[
        spec["act"]
    ]
    try:
        act(connection, spec, load)
    except (ConnectionError, ssl.SSLError, EOFError):
        pass  # the client has what it wanted
    finally:
        connection.close()
        listener.close()


def answer_handshake(connection: socket.socket, deflate: bool) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(65536)
        if not data:
            raise EOFError("no request")
        head += data
    fields = {}
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        fields[name.strip().lower()] = value.strip()
    accept = base64.b64encode(hashlib.sha1(fields[b"sec-websocket-key"] + GUID).digest())
    lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
    lines.append(b"Sec-WebSocket-Accept: " + accept)
    if deflate:
        if b"permessage-deflate" not in fields.get(b"sec-websocket-extensions", b""):
            raise SystemExit("the client under test did not offer permessage-deflate")
        lines.append(b"Sec-WebSocket-Extensions: permessage-deflate")
    connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n")


def stream(connection: socket.socket, spec: dict[str, Any], load: Payloads) -> None:
    """Send for ever: whole cycles of payloads, so that the receiver knows what comes."""
    if spec["deflate"]:
        cycle = deflated_server_frames(load.raw, load.opcode)
    else:
        cycle = b"".join(server_frame(payload, load.opcode) for payload in load.raw)
    block = cycle * max(1, BLOCK_BYTES // len(cycle))
    while True:
        connection.sendall(block)


def alpaca(connection: socket.socket, spec: dict[str, Any], load: Payloads) -> None:
    """Greet, let log in and subscribe as Alpaca's market data stream does, whatever is said; then send quotes for ever."""
    from bench.feeds import alpaca_quotes

    codec, per_frame = spec["detail"]["codec"], spec["detail"]["per_frame"]
    encode, opcode = (msgspec.msgpack.encode, BINARY) if codec == "msgpack" else (msgspec.json.encode, TEXT)
    replies = ({"T": "success", "msg": "connected"}, {"T": "success", "msg": "authenticated"},
               {"T": "subscription", "quotes": ["*"]})  # fmt: skip
    for number, reply in enumerate(replies):
        if number:
            connection.recv(65536)
        connection.sendall(server_frame(encode([reply]), opcode))
    cycle = b"".join(server_frame(frame, opcode) for frame in alpaca_quotes(codec, per_frame))
    block = cycle * max(1, BLOCK_BYTES // len(cycle))
    while True:
        connection.sendall(block)


def bursts(connection: socket.socket, spec: dict[str, Any], load: Payloads) -> None:
    """Send so many frames with one call, wait for the receiver's word, and again."""
    frames = [server_frame(payload, load.opcode) for payload in load.raw]
    count, ack = spec["burst"], spec["ack_fd"]
    cycle = b"".join(frames[i % len(frames)] for i in range(count * len(frames)))
    step = len(frames[0]) * count
    blocks = [cycle[start : start + step] for start in range(0, len(cycle), step)]
    while True:
        for block in blocks:
            connection.sendall(block)
            if not os.read(ack, 1):
                return


def silence(connection: socket.socket, spec: dict[str, Any], load: Payloads) -> None:
    """Keep the connection open until the client goes away."""
    connection.recv(1)


def reply(connection: socket.socket, spec: dict[str, Any], load: Payloads) -> None:
    """Answer each whole request frame with the next payload; requests are compared now and again."""
    size = client_frame_bytes(load.size_bytes)
    frames = [server_frame(payload, load.opcode) for payload in load.raw]
    count = 0
    while True:
        request = connection.recv(size)
        while len(request) < size:
            more = connection.recv(size - len(request))
            if not more:
                return
            request += more
        if count % 499 == 0:
            check_client_frame(request, load.raw[0])
        connection.sendall(frames[count % len(frames)])
        count += 1


def sink(connection: socket.socket, spec: dict[str, Any], load: Payloads) -> None:
    """Read groups of frames, compare the first and the last of each group, and answer each group with one message."""
    size, group = client_frame_bytes(load.size_bytes), spec["group"]
    buffer = bytearray(size * group)
    view = memoryview(buffer)
    answer = server_frame(b"go on", 1)
    while True:
        have = 0
        while have < len(buffer):
            got = connection.recv_into(view[have:])
            if not got:
                return
            have += got
        check_client_frame(bytes(view[:size]), load.raw[0])
        check_client_frame(bytes(view[-size:]), load.raw[0])
        connection.sendall(answer)


def check_client_frame(frame: bytes, expected: bytes) -> None:
    head = len(frame) - len(expected) - 4
    if frame[0] & 0xF0 != 0x80 or not frame[1] & 0x80:
        raise SystemExit(f"a frame under test begins with {frame[:2].hex()}")
    if mask(frame[head + 4 :], frame[head : head + 4]) != expected:
        raise SystemExit("a frame under test does not carry what was to be sent")


# -- as a client ----------------------------------------------------------------------------------------------------


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of another process, to the nanosecond (the clock id that clock_getcpuclockid gives)."""
    return time.clock_gettime((~pid << 3) | 2)


def usage_of(pid: int) -> tuple[float, float]:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return int(fields[11]) / ticks, int(fields[12]) / ticks


def open_client(spec: dict[str, Any]) -> socket.socket:
    connection: socket.socket = socket.create_connection(("127.0.0.1", spec["port"]), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if spec["certificate"]:
        context = ssl.create_default_context(cafile=spec["certificate"].split(":")[2])
        connection = context.wrap_socket(connection, server_hostname="127.0.0.1")
    connection.sendall(
        b"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n"
        % (spec["path"].encode(), spec["port"], base64.b64encode(os.urandom(16)))
    )
    return connection


def finish_handshake(connection: socket.socket) -> None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = connection.recv(1)  # one byte at a time: a server may send its first frame at once
        if not data:
            raise SystemExit(f"the server under test refused: {head!r}")
        head += data
    if b" 101 " not in head.split(b"\r\n")[0]:
        raise SystemExit(f"the server under test refused: {head!r}")


def blast(spec: dict[str, Any], load: Payloads) -> dict[str, Any]:
    """Send blocks of masked frames to an echo server and read its answers; two blocks are on their way at most."""
    connection = open_client(spec)
    finish_handshake(connection)
    connection.setblocking(False)
    pid = spec["pid"]
    per_block = spec["in_flight"]
    count = per_block // len(load.raw) or 1
    per_block = count * len(load.raw)
    block = b"".join(client_frame(payload, load.opcode) for payload in load.raw) * count
    answers = b"".join(server_frame(payload, load.opcode) for payload in load.raw) * count
    incoming = bytearray(len(answers))
    view = memoryview(incoming)
    pending = memoryview(b"")
    sent_blocks = answered_blocks = have = 0
    start: tuple[float, float, tuple[float, float], int] | None = None
    born, born_cpu = time.perf_counter(), cpu_of(pid)
    while True:
        if not pending and sent_blocks - answered_blocks < 2:
            pending = memoryview(block)
            sent_blocks += 1
        moved = False
        if pending:
            try:
                pending = pending[connection.send(pending) :]
                moved = True
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
        try:
            got = connection.recv_into(view[have:])
            if not got:
                raise SystemExit("the server under test closed the connection")
            have += got
            moved = True
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        if have == len(answers):
            if incoming != answers:
                raise SystemExit("the server under test did not echo what was sent")
            have = 0
            answered_blocks += 1
            count = answered_blocks * per_block
            cpu, wall = cpu_of(pid), time.perf_counter()
            if start is None:
                if count >= spec["warm_messages"] and cpu - born_cpu >= spec["warm_s"]:
                    start = (cpu, wall, usage_of(pid), count)
            elif (count - start[3] >= spec["min_messages"] and cpu - start[0] >= spec["window_s"]) or (
                wall - born > spec["longest_s"]
            ):
                user, system = usage_of(pid)
                connection.close()
                return {
                    "messages": count - start[3],
                    "cpu_s": cpu - start[0],
                    "wall_s": wall - start[1],
                    "user_s": user - start[2][0],
                    "system_s": system - start[2][1],
                    "checked": count,
                }
        if not moved:
            select.select([connection], [connection] if pending else [], [], 30)


def read_broadcasts(spec: dict[str, Any], load: Payloads) -> dict[str, Any]:
    """Hold many connections, read whatever comes, and tell the server under test when all have everything."""
    readers = open_many(spec, spec["readers"])
    size = len(server_frame(load.raw[0], load.opcode))
    rounds = 20
    expected = b"".join(server_frame(load.raw[i % len(load.raw)], load.opcode) for i in range(rounds))
    poll = select.epoll()
    by_fd = {}
    for reader in readers:
        reader.setblocking(False)
        poll.register(reader.fileno(), select.EPOLLIN)
        by_fd[reader.fileno()] = (reader, bytearray())
    full = 0
    while True:
        for fd, _ in poll.poll(30):
            reader, got = by_fd[fd]
            try:
                data = reader.recv(65536)
            except BlockingIOError:
                continue
            except ConnectionError:
                return {"checked": 0}
            if not data:
                return {"checked": 0}
            got += data
            if len(got) == size * rounds:
                if got != expected:
                    raise SystemExit("a reader got something else than was sent")
                got.clear()
                full += 1
                if full == len(readers):
                    full = 0
                    os.write(spec["told_fd"], b"x")


def open_many(spec: dict[str, Any], count: int) -> list[socket.socket]:
    """Open connections, a hundred handshakes at a time; closed with a reset, so that no port stays in TIME_WAIT."""
    opened: list[socket.socket] = []
    while len(opened) < count:
        batch = [open_client(spec) for _ in range(min(100, count - len(opened)))]
        for connection in batch:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            finish_handshake(connection)
        opened += batch
    return opened


def memory_of(pid: int) -> dict[str, int]:
    """Return resident and proportional memory of another process in bytes."""
    found = {"rss": 0, "pss": 0}
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if name.lower() in found:
                found[name.lower()] = int(rest.split()[0]) * 1024
    return found


def hold_idle(spec: dict[str, Any], open_so_many: Opener) -> dict[str, Any]:
    """Open a few connections to warm the server up, then many; returns what one of the many costs the server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wanted = min(spec["connections"], hard - 200)
    warm = open_so_many(spec, 200)
    time.sleep(0.5)
    before = memory_of(spec["pid"])
    cpu0, wall0 = cpu_of(spec["pid"]), time.perf_counter()
    many = open_so_many(spec, wanted)
    cpu1, wall1 = cpu_of(spec["pid"]), time.perf_counter()
    time.sleep(1.0)
    after = memory_of(spec["pid"])
    for connection in warm + many:
        connection.close()
    return {
        "connections": wanted,
        "wanted": spec["connections"],
        "rss_per_connection": (after["rss"] - before["rss"]) / wanted,
        "pss_per_connection": (after["pss"] - before["pss"]) / wanted,
        "handshake_cpu_us": (cpu1 - cpu0) / wanted * 1e6,
        "handshake_wall_s": wall1 - wall0,
        "soft_limit": soft,
    }


if __name__ == "__main__":
    main()
