"""The fault proxy does what it says: otherwise the tests that use it prove nothing."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.conftest import MakeProxy
from tests.faults.proxy import FaultProxy

TEXT = bytes(range(256)) * 4
QUIET_S = 0.03
"""How long nothing has to come before it counts as withheld."""


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server that sends back whatever comes, on any number of connections."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(sock: socket.socket) -> None:
        with sock:
            try:
                while data := sock.recv(65536):
                    sock.sendall(data)
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(sock,), daemon=True))
            threads[-1].start()

    threads = [threading.Thread(target=accept, daemon=True)]
    threads[0].start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def proxy(echo_port: int, fault_proxy: MakeProxy) -> FaultProxy:
    """Before the echo server, and stopped before it."""
    return fault_proxy(echo_port)


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[socket.socket]:
    """A connection through the proxy that has carried a byte."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as sock:
        sock.sendall(b"!")
        assert sock.recv(1) == b"!"
        yield sock


def exactly(sock: socket.socket, count: int) -> bytes:
    """The next bytes."""
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        assert more, f"ended after {len(data)} bytes"
        data += more
    return data


def is_quiet(sock: socket.socket) -> bool:
    """Whether nothing comes for a while, neither bytes nor an end."""
    sock.settimeout(QUIET_S)
    try:
        sock.recv(1)
    except TimeoutError:
        return True
    finally:
        sock.settimeout(10)
    return False


def test_a_cut_is_an_end_of_file(proxy: FaultProxy, client: socket.socket) -> None:
    """FIN, and a new connection works at once."""
    proxy.cut()
    assert client.recv(1) == b""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as again:
        again.sendall(TEXT)
        assert exactly(again, len(TEXT)) == TEXT
    assert proxy.accepted == 2


def test_a_reset_is_a_reset(proxy: FaultProxy, client: socket.socket) -> None:
    """RST, not FIN."""
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_a_cut_can_be_placed_to_the_byte(proxy: FaultProxy, client: socket.socket) -> None:
    """So many bytes come, then the end."""
    proxy.cut_after(7)
    client.sendall(TEXT)
    assert exactly(client, 7) == TEXT[:7]
    assert client.recv(1) == b""


@pytest.mark.parametrize("way", ["up", "down", "both"])
def test_a_stalled_way_carries_nothing_until_it_is_healed(proxy: FaultProxy, client: socket.socket, way: str) -> None:
    """TCP stays, and nothing is lost."""
    proxy.stall(way)
    client.sendall(TEXT)
    assert is_quiet(client)
    proxy.heal()
    assert exactly(client, len(TEXT)) == TEXT


def test_a_stall_is_felt_by_the_sender_and_a_hold_is_not(proxy: FaultProxy, client: socket.socket) -> None:
    """Held segments are taken from the sender; stalled ones fill its buffers."""
    much = bytes(8 << 20)
    proxy.hold("up")
    client.sendall(much)
    proxy.stall("up")
    client.settimeout(0.1)
    with pytest.raises(TimeoutError):
        client.sendall(bytes(64 << 20))


def test_held_segments_come_in_one_burst(proxy: FaultProxy, client: socket.socket) -> None:
    """Said one after the other, heard together, in order."""
    proxy.hold("down")
    for number in range(50):
        client.sendall(bytes((number,)))
    assert is_quiet(client)
    proxy.heal()
    assert exactly(client, 50) == bytes(range(50))


def test_half_open_hides_that_the_other_side_is_gone(proxy: FaultProxy, client: socket.socket) -> None:
    """The end of one side is told to the other only after healing."""
    proxy.half_open()
    client.shutdown(socket.SHUT_WR)
    assert is_quiet(client)
    proxy.heal()
    assert client.recv(1) == b""


def test_splitting_keeps_the_bytes(proxy: FaultProxy, client: socket.socket) -> None:
    """Every byte for itself, all of them, in order; the first comes alone."""
    proxy.split()
    client.sendall(TEXT)
    first = client.recv(65536)
    assert len(first) < len(TEXT)
    assert first + exactly(client, len(TEXT) - len(first)) == TEXT


@pytest.mark.parametrize("fault", ["throttle", "delay"])
def test_slow_ways_are_slow_and_lose_nothing(proxy: FaultProxy, client: socket.socket, fault: str) -> None:
    """At least the time that was asked for; there is no upper bound on a busy machine."""
    if fault == "throttle":
        proxy.throttle(len(TEXT) / 0.05, "down")
    else:
        proxy.delay(0.05, "down")
    begun = time.monotonic()
    client.sendall(TEXT)
    assert exactly(client, len(TEXT)) == TEXT
    assert time.monotonic() - begun >= 0.04


def test_one_byte_is_corrupted_and_the_seed_says_which(proxy: FaultProxy, client: socket.socket, seed: int) -> None:
    """Exactly one byte differs, at the place that the seed gives; what comes after is whole."""
    proxy.corrupt()
    client.sendall(TEXT)
    heard = exactly(client, len(TEXT))
    chance = random.Random(seed)
    at, change = chance.randrange(len(TEXT)), chance.randrange(1, 256)
    assert [(i, a ^ b) for i, (a, b) in enumerate(zip(TEXT, heard, strict=True)) if a != b] == [(at, change)]
    client.sendall(TEXT)
    assert exactly(client, len(TEXT)) == TEXT
