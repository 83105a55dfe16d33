"""Many threads on one connection: nothing is lost, nothing is mixed up."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from tests.sync.peer import peer, run_in_thread
from wsexample import sync


def share(url: str, *, senders: int, messages: int) -> Counter[str]:
    """Send from several threads and receive the echoes in this one; returns what came back."""
    ws = sync.create_connection(url, timeout=60)
    start = threading.Barrier(senders)

    def send(number: int) -> None:
        start.wait()
        for i in range(messages):
            ws.send(f"{number}:{i}:{'x' * (i % 50)}")

    waits = [run_in_thread(lambda number=number: send(number)) for number in range(senders)]
    found: Counter[str] = Counter()
    last = [-1] * senders
    for _ in range(senders * messages):
        message = ws.recv()
        assert isinstance(message, str)
        number, i, filling = message.split(":")
        assert filling == "x" * (int(i) % 50)
        assert int(i) == last[int(number)] + 1, "a sender's messages came out of order"
        last[int(number)] = int(i)
        found[number] += 1
    for wait in waits:
        wait()
    ws.close()
    return found


def test_eight_senders_and_a_receiver() -> None:
    """Every message of every thread comes back whole and in that thread's order (a million: scripts/sync_threads.py)."""
    with peer() as server:
        assert share(server.url, senders=8, messages=500) == {str(number): 500 for number in range(8)}


def test_several_receivers_share_what_comes() -> None:
    """Each message goes to exactly one of them."""
    with peer() as server:
        ws = sync.create_connection(server.url, timeout=20)
        found: list[Any] = []

        def take() -> None:
            for _ in range(250):
                found.append(ws.recv())  # noqa: PERF401 - the threads share the list

        waits = [run_in_thread(take) for _ in range(4)]
        for i in range(1000):
            ws.send(str(i))
        for wait in waits:
            wait()
        assert sorted(map(int, found)) == list(range(1000))
        ws.close()
