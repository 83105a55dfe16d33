"""The blocking twin on a bad network: data or websocket-client's exceptions, no thread and no socket left."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.conftest import MakeProxy
from tests.faults.proxy import ENDING, FAULTS, SILENCING, SLOWING, FaultProxy
from tests.sync.peer import peer, run_in_thread
from wsexample import sync as websocket
from wsexample.errors import TlsError, WsExampleError

SOON_S = 0.05
"""A deadline that is meant to pass."""
LATE_S = 10.0
"""A deadline that is not."""
SAID = ["", "a", "b" * 125, "c" * 126, "d" * 300]


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(LATE_S)
        assert not thread.is_alive(), thread


@pytest.fixture
def proxy(fault_proxy: MakeProxy) -> Iterator[FaultProxy]:
    """Before an echo server of threads."""
    with peer() as server, contextlib.closing(_Healed(fault_proxy(server.port))) as healed:
        yield healed.proxy


class _Healed:
    """A proxy that lets the server know that its client is gone before the server is waited for."""

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy

    def close(self) -> None:
        self.proxy.heal()
        self.proxy.cut()


def talk(proxy: FaultProxy, fault: str, timeout_s: float) -> list[Any]:
    """Connect, meet the fault, say things; returns what came back."""
    ws = websocket.create_connection(proxy.url, timeout=LATE_S)
    try:
        ws.settimeout(timeout_s)
        FAULTS[fault](proxy)
        heard = []
        for text in SAID:
            ws.send(text)
            heard.append(ws.recv())
        return heard
    finally:
        ws.close(timeout=SOON_S)


@pytest.mark.parametrize("fault", SLOWING)
def test_a_slow_network_costs_nothing_but_time(proxy: FaultProxy, fault: str) -> None:
    """recv returns what was sent, in whatever pieces it comes."""
    assert talk(proxy, fault, LATE_S) == SAID


@pytest.mark.parametrize("fault", ENDING)
def test_a_connection_that_is_cut_is_told_at_once(proxy: FaultProxy, fault: str) -> None:
    """send or recv raises what websocket-client raises, which is an error of ours too."""
    with pytest.raises(websocket.WebSocketConnectionClosedException) as caught:
        talk(proxy, fault, LATE_S)
    assert isinstance(caught.value, WsExampleError)


@pytest.mark.parametrize("fault", SILENCING)
def test_a_silent_network_is_a_timeout(proxy: FaultProxy, fault: str) -> None:
    """recv keeps its timeout."""
    with pytest.raises(websocket.WebSocketTimeoutException):
        talk(proxy, fault, SOON_S)


def test_a_changed_byte_ends_in_data_or_a_typed_error(proxy: FaultProxy, seed: int) -> None:
    """Nothing foreign is raised and nothing hangs, whichever byte of the server's it is."""
    with contextlib.suppress(WsExampleError):
        assert len(talk(proxy, "corrupted down", SOON_S)) == len(SAID)


@pytest.mark.parametrize("fault", [*ENDING, "half-open"])
def test_run_forever_comes_back_after_a_fault(proxy: FaultProxy, fault: str) -> None:
    """With `reconnect` and pings the app is open again on a new connection, and messages flow."""
    opened: list[str] = []
    heard = threading.Event()

    def on_open(app: Any) -> None:
        opened.append("open")
        FAULTS[fault](proxy)
        app.send("lost on the way")

    def on_reconnect(app: Any) -> None:
        opened.append("reconnect")
        app.send("found again")

    def on_error(app: Any, error: Exception) -> None:
        proxy.heal()
        assert isinstance(error, WsExampleError)

    def on_message(app: Any, message: str) -> None:
        if message == "found again":
            heard.set()
            app.close()

    app = websocket.WebSocketApp(
        proxy.url, on_open=on_open, on_reconnect=on_reconnect, on_error=on_error, on_message=on_message
    )
    wait = run_in_thread(lambda: app.run_forever(reconnect=0.02, ping_interval=0.2, ping_timeout=0.1))
    assert heard.wait(LATE_S)
    wait()
    assert opened[:2] == ["open", "reconnect"]


@pytest.mark.parametrize("way", ["up", "down"])
def test_tls_that_breaks_is_both_an_ssl_error_and_ours(
    fault_proxy: MakeProxy, tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext], way: str
) -> None:
    """Programs written for websocket-client catch ``ssl.SSLError``; what was changed is never delivered."""
    with peer(tls=tls_contexts[0]) as server:
        behind = fault_proxy(server.port)
        ws = websocket.create_connection(
            behind.url.replace("ws", "wss"), timeout=LATE_S, sslopt={"context": tls_contexts[1]}
        )
        ws.send("hello")
        assert ws.recv() == "hello"
        behind.corrupt(1, way)
        ws.send("again")
        with pytest.raises(ssl.SSLError) as caught:
            ws.recv()
        assert isinstance(caught.value, TlsError)
        ws.close(timeout=SOON_S)
