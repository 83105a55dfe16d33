"""As an app ours does better than websocket-client: reconnecting, closing, exceptions of callbacks."""

from __future__ import annotations

import logging
import struct
import threading
from typing import Any

import pytest

from tests.sync.peer import Conn, frame_bytes, peer, run_in_thread, saying
from wsexample import sync


def test_every_failure_of_a_reconnecting_run_is_told() -> None:
    """on_error is called for each disconnect, not for the first only."""
    errors: list[Any] = []

    def on_error(app: Any, error: Any) -> None:
        errors.append(error)
        if len(errors) == 3:
            app.keep_running = False

    with peer(lambda conn: conn.shake_hands()) as server:
        sync.WebSocketApp(server.url, on_error=on_error).run_forever(reconnect=0.01)
    assert len(errors) == 3


def test_reconnecting_can_give_up() -> None:
    """max_attempts failures in a row end the run, and it returns True."""
    with peer() as server:
        url = server.url
    errors: list[Any] = []
    app = sync.WebSocketApp(url, on_error=lambda app, error: errors.append(error))
    assert app.run_forever(reconnect=sync.Reconnect(interval_s=0.01, max_attempts=2)) is True
    assert len(errors) == 3


def test_each_connection_can_have_its_own_on_close() -> None:
    """When the policy asks for it."""
    closes: list[Any] = []

    def on_close(app: Any, code: Any, reason: Any) -> None:
        closes.append(code)
        if len(closes) == 2:
            app.keep_running = False

    with peer(saying(frame_bytes(8, struct.pack("!H", 4001)))) as server:
        app = sync.WebSocketApp(server.url, on_close=on_close)
        app.run_forever(reconnect=sync.Reconnect(interval_s=0.01, close_each=True))
    assert closes == [4001, 4001]


@pytest.mark.parametrize("ending", ["program", "cut"])
def test_each_connection_has_one_on_close_however_it_ends(ending: str) -> None:
    """Also the last one of the run: when the program closes it, and when it is lost and not made again."""
    closes: list[Any] = []

    def on_open(app: Any) -> None:
        if ending == "program":
            app.close()

    with peer() if ending == "program" else peer(lambda conn: conn.shake_hands()) as server:
        app = sync.WebSocketApp(server.url, on_open=on_open, on_close=lambda app, code, reason: closes.append(code))
        app.run_forever(reconnect=sync.Reconnect(interval_s=0.01, close_each=True, max_attempts=0))
    assert closes == [1000 if ending == "program" else None]


def test_a_dead_peer_is_not_asked_to_say_goodbye() -> None:
    """After a ping timeout no close frame is sent and none is waited for."""
    with peer(saying()) as server:
        app = sync.WebSocketApp(server.url)
        assert app.run_forever(ping_interval=0.2, ping_timeout=0.1) is True
        assert {opcode for opcode, _ in server.result()} == {9}


def test_a_pong_behind_a_slow_callback_counts() -> None:
    """A peer is judged only after everything that came from it was looked at."""

    def script(conn: Conn) -> None:
        conn.shake_hands()
        payload = conn.read()[1]
        conn.raw(frame_bytes(1, b"slow") + frame_bytes(10, payload))
        conn.raw(frame_bytes(8, struct.pack("!H", 1000)))
        conn.until_end()

    with peer(script) as server:
        errors: list[Any] = []
        app = sync.WebSocketApp(
            server.url,
            on_message=lambda app, message: threading.Event().wait(0.3),
            on_error=lambda app, error: errors.append(error),
        )
        assert app.run_forever(ping_interval=0.2, ping_timeout=0.1) is False
        assert [error.status_code for error in errors] == [1000]


def test_text_reaches_the_app_as_str_without_validation_too() -> None:
    """What is not UTF-8 is replaced."""
    messages: list[Any] = []
    with peer(saying(frame_bytes(1, b"ok"), frame_bytes(1, b"\xff"), frame_bytes(8))) as server:
        app = sync.WebSocketApp(server.url, on_message=lambda app, message: messages.append(message))
        app.run_forever(skip_utf8_validation=True)
    assert messages == ["ok", "\ufffd"]


def test_on_data_gets_the_kind_of_a_joined_message() -> None:
    """Not the opcode of its last frame."""
    seen: list[Any] = []
    with peer(saying(frame_bytes(2, b"a", 0), frame_bytes(0, b"b"), frame_bytes(8))) as server:
        app = sync.WebSocketApp(server.url, on_data=lambda app, *arguments: seen.append(arguments))
        app.run_forever()
    assert seen == [(b"ab", 2, True)]


def test_an_exception_of_a_callback_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """So that its place can be found."""
    with peer(saying(frame_bytes(1, b"x"), frame_bytes(8))) as server, caplog.at_level(logging.ERROR, "websocket"):
        sync.WebSocketApp(server.url, on_message=lambda app, message: 1 / 0).run_forever()
    assert any(record.exc_info and record.exc_info[0] is ZeroDivisionError for record in caplog.records)


def test_an_exception_of_a_callback_can_end_the_run() -> None:
    """With raise_from_callbacks it comes out of run_forever, after on_close."""
    closes: list[Any] = []
    with peer(saying(frame_bytes(1, b"x"))) as server:
        app = sync.WebSocketApp(
            server.url,
            on_message=lambda app, message: 1 / 0,
            on_close=lambda *arguments: closes.append(arguments[1:]),
            raise_from_callbacks=True,
        )
        with pytest.raises(ZeroDivisionError):
            app.run_forever()
    assert len(closes) == 1


def test_a_dispatcher_may_be_used_in_any_thread() -> None:
    """Signals are asked for in the main thread only, where Python allows them."""

    class Loop:
        def signal(self, number: int, callback: Any) -> None:
            raise ValueError("signal only works in main thread")

        def abort(self) -> None: ...

        def read(self, sock: Any, callback: Any) -> None: ...

        def timeout(self, seconds: float, callback: Any, *arguments: Any) -> None: ...

        def buffwrite(self, sock: Any, data: bytes, send: Any, on_error: Any) -> None:
            send(sock, data)

    with peer() as server:
        app = sync.WebSocketApp(server.url)
        assert run_in_thread(lambda: app.run_forever(dispatcher=Loop()))() is False
        app.close()
