"""Readers of a hub under test: raw sockets that subscribe and count; one of them reads every record whole."""

from __future__ import annotations

import json
import os
import select
import socket
import time
from typing import Any

import msgspec

from bench.load import cpu_of, open_many, usage_of
from bench.payloads import TEXT, client_frame

__all__ = ["open_subscribers", "read_hub"]

MARK = b'"op":"data"'
"""In each record once, and nowhere else."""
WINDOW = 10
"""Times the CPU window of other rows that is waited for here: updates come at a rate, and most of the time nobody works."""


def open_subscribers(spec: dict[str, Any], count: int) -> list[socket.socket]:
    """Open connections that have subscribed and been told so."""
    opened = open_many(spec, count)
    wish = {"op": "subscribe", "topics": ["load.>"], "interval_ms": spec["detail"]["interval_ms"]}
    for start in range(0, count, 100):
        batch = opened[start : start + 100]
        for connection in batch:
            connection.sendall(client_frame(json.dumps(wish).encode(), TEXT))
        for connection in batch:
            got = b""
            while b'"op":"ack"' not in got:
                data = connection.recv(65536)
                if not data:
                    raise SystemExit(f"the hub under test said {got!r} and went")
                got += data
    return opened


class Counter:
    """Counts the records of one reader, whatever they are cut into."""

    def __init__(self, connection: socket.socket, is_kept: bool) -> None:
        self.connection = connection
        self.records = 0
        self.kept: bytearray | None = bytearray() if is_kept else None
        self._tail = b""

    def read(self) -> int:
        """Take what has come; returns how many records began in it."""
        data = self.connection.recv(262_144)
        if not data:
            raise SystemExit("the hub under test closed a connection")
        if self.kept is not None:
            self.kept += data
        data = self._tail + data
        found = data.count(MARK)
        self._tail = data[-(len(MARK) - 1) :]
        self.records += found
        return found


def read_hub(spec: dict[str, Any]) -> dict[str, Any]:
    """Read for a while; returns how many records came and what CPU time they cost the process under test."""
    counters = {
        connection.fileno(): Counter(connection, is_kept=not place)
        for place, connection in enumerate(open_subscribers(spec, spec["readers"]))
    }
    poll = select.epoll()
    for fd, counter in counters.items():
        counter.connection.setblocking(False)
        poll.register(fd, select.EPOLLIN)
    pid, records = spec["pid"], 0
    os.write(spec["told_fd"], b"x")

    def read_until(end_s: float, least: int) -> None:
        nonlocal records
        while time.perf_counter() < end_s or records < least:
            for fd, _ in poll.poll(0.1):
                records += counters[fd].read()

    born = time.perf_counter()
    read_until(born + spec["warm_s"] * WINDOW, len(counters))
    cpu, wall, usage, before = cpu_of(pid), time.perf_counter(), usage_of(pid), records
    read_until(wall + spec["window_s"] * WINDOW, before + len(counters))
    result = {"messages": records - before, "cpu_s": cpu_of(pid) - cpu, "wall_s": time.perf_counter() - wall}
    user, system = usage_of(pid)
    counts = [counter.records for counter in counters.values()]
    if min(counts) < max(counts) * 0.8 - 100:
        raise SystemExit(f"one reader got {max(counts):,} records and another {min(counts):,}")
    kept = next(counter.kept for counter in counters.values() if counter.kept is not None)
    checked = check_records(kept, is_whole=spec["is_whole"])
    return {**result, "user_s": user - usage[0], "system_s": system - usage[1], "checked": checked}


def check_records(received: bytearray, *, is_whole: bool) -> int:
    """Read whole frames; each topic's numbers grow, one by one where nothing may be passed over; returns how many."""
    at, count, seen = 0, 0, dict[str, int]()
    while at + 4 <= len(received):
        size, head = received[at + 1], 2
        if size == 126:
            size, head = int.from_bytes(received[at + 2 : at + 4], "big"), 4
        elif size == 127:
            size, head = int.from_bytes(received[at + 2 : at + 10], "big"), 10
        if at + head + size > len(received):
            break
        opcode, payload = received[at] & 0x0F, received[at + head : at + head + size]
        at += head + size
        if opcode >= 8:
            continue  # a ping of a longer window
        found = msgspec.json.decode(payload)
        for message in found if isinstance(found, list) else [found]:
            topic, seq, record = message["topic"], message["seq"], message["record"]
            before = seen.get(topic, 0)
            if seq <= before or (is_whole and seq != before + 1):
                raise SystemExit(f"{topic} went from {before} to {seq}")
            if record["symbol"] not in topic or record["bid_size"] != 300:
                raise SystemExit(f"{topic} holds {record}")
            seen[topic] = seq
            count += 1
    if not count:
        raise SystemExit("no record came whole")
    return count
