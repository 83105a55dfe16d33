"""The blocking twin in a storm: data or websocket-client's exceptions, within its timeout; under TLS never a wrong byte."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from tests.faults.proxy import FaultProxy
from tests.faults.storm import DIALLING, OPEN, Storm
from tests.sync.peer import Conn, echo, peer, run_in_thread
from wsexample import sync as websocket
from wsexample.errors import DeadlineError, WsExampleError

SOON_S = 0.08
LATE_S = 10.0
SIZES = (0, 1, 125, 126, 300)


def trial(storm: Storm) -> None:
    """One connection, or an app that connects again."""
    talks = storm.draw(_talk, _run_forever)

    def answer(conn: Conn) -> None:
        try:
            echo(conn)
        except (AssertionError, ValueError, IndexError):
            assert storm.spoils  # what was changed is no frame of a client

    with peer(answer, tls=None if storm.tls is None else storm.tls[0]) as server:
        proxy = storm.proxy(server.port)
        try:
            talks(storm, proxy)
        finally:
            storm.heal()
            proxy.cut()  # so that the server knows that its client is gone before it is waited for


def _where(storm: Storm, proxy: FaultProxy) -> tuple[str, dict[str, Any]]:
    if storm.tls is None:
        return proxy.url, {}
    return proxy.url.replace("ws", "wss", 1), {"sslopt": {"context": storm.tls[1]}}


def _talk(storm: Storm, proxy: FaultProxy) -> None:
    when = storm.draw(DIALLING, OPEN)
    url, how = _where(storm, proxy)
    timeout_s = SOON_S if storm.silences or storm.kind == "corrupt" else LATE_S
    found: int | Exception
    same = 0
    try:
        if when == DIALLING:
            storm.strike(proxy, when)
        ws = websocket.create_connection(url, timeout=LATE_S if when == OPEN else timeout_s, **how)
        try:
            ws.settimeout(timeout_s)
            if when == OPEN:
                storm.strike(proxy)
            for size in SIZES:
                said = storm.chance.randbytes(size)
                ws.send_binary(said)
                heard = ws.recv()
                assert heard == said or storm.spoils or (size == 0 and not heard)
                same += 1
            found = same
        finally:
            ws.close(timeout=0.05)
    except (WsExampleError, websocket.WebSocketException) as error:
        found = error
    if storm.slows:
        assert found == len(SIZES), found
    elif storm.ends:
        assert isinstance(found, websocket.WebSocketException if when == OPEN else WsExampleError), found
        assert not isinstance(found, websocket.WebSocketTimeoutException | DeadlineError), found
    elif storm.silences:
        assert isinstance(found, websocket.WebSocketTimeoutException | DeadlineError), found


def _run_forever(storm: Storm, proxy: FaultProxy) -> None:
    url, how = _where(storm, proxy)
    heard = threading.Event()
    opened: list[int] = []
    errors: list[Exception] = []
    lock = threading.Lock()

    def on_open(app: Any) -> None:
        with lock:
            opened.append(len(opened))
            is_first = len(opened) == 1
        if is_first:
            storm.strike(proxy)
        app.send("lost or not")
        if storm.slows or not is_first:
            app.send("found again")

    def on_error(app: Any, error: Exception) -> None:
        errors.append(error)
        storm.heal()

    def on_message(app: Any, message: str) -> None:
        if message == "found again":
            heard.set()
            app.close()
        elif storm.kind == "corrupt":  # it may have changed nothing that anybody sees
            with contextlib.suppress(WsExampleError, websocket.WebSocketException):
                app.send("found again")

    app = websocket.WebSocketApp(url, on_open=on_open, on_reconnect=on_open, on_error=on_error, on_message=on_message)
    pace: dict[str, Any] = {"reconnect": 0.02}
    if not storm.slows:
        pace |= {"ping_interval": 0.2, "ping_timeout": 0.1}
    wait = run_in_thread(lambda: app.run_forever(**pace, **how))
    try:
        assert heard.wait(LATE_S) or storm.spoils, (opened, errors)
    finally:
        storm.heal()
        app.close()
        wait()
    assert all(isinstance(error, WsExampleError) for error in errors), errors
    if storm.ends or storm.silences:
        assert len(opened) >= 2
