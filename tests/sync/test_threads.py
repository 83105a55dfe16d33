"""Many threads on one connection: nothing is lost, nothing is mixed up."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sync.peer import Conn, frame_bytes, peer, run_in_thread
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


@pytest.fixture
def _restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_restless")
def test_several_receivers_share_what_comes() -> None:
    """Each message goes to exactly one of them."""
    with peer() as server:
        ws = sync.create_connection(server.url, timeout=20)
        found: list[Any] = []

        def take() -> None:
            for _ in range(500):
                found.append(ws.recv())  # noqa: PERF401 - the threads share the list

        waits = [run_in_thread(take) for _ in range(4)]
        for i in range(2000):
            ws.send(str(i))
        for wait in waits:
            wait()
        assert sorted(map(int, found)) == list(range(2000))
        ws.close()


@pytest.mark.usefixtures("_restless")
def test_several_receivers_never_tear_a_message() -> None:
    """Fragments with pings between them belong to whoever has begun their message."""

    def script(conn: Conn) -> None:
        conn.shake_hands()
        for i in range(2000):
            text = b"%04d" % i
            conn.raw(frame_bytes(1, text[:2], 0) + frame_bytes(9) + frame_bytes(0, text[2:]) + frame_bytes(2, text))
        conn.until_end()

    with peer(script) as server:
        ws = sync.create_connection(server.url, timeout=20)
        found: list[Any] = []

        def take() -> None:
            for _ in range(1000):
                found.append(ws.recv())  # noqa: PERF401 - the threads share the list

        waits = [run_in_thread(take) for _ in range(4)]
        for wait in waits:
            wait()
        assert sorted(found, key=str) == sorted(
            [*map("{:04d}".format, range(2000)), *(b"%04d" % i for i in range(2000))], key=str
        )
        ws.shutdown()


def test_waiting_for_the_turn_counts_towards_the_timeout() -> None:
    """While one thread receives, another gives up after its own time, and one that may not wait is told at once."""
    with peer() as server:
        ws = sync.create_connection(server.url)
        wait = run_in_thread(ws.recv)
        while ws.readlock.acquire(False):  # until the first has taken its turn
            ws.readlock.release()
        with pytest.raises(sync.WebSocketTimeoutException):
            ws.recv(timeout=0.01)
        ws.settimeout(0)
        with pytest.raises(BlockingIOError):
            ws.recv()
        ws.settimeout(0.01)
        with pytest.raises(sync.WebSocketTimeoutException):
            ws.recv_data()
        ws.settimeout(None)
        ws.send("x")
        assert wait() == "x"
        ws.close()
