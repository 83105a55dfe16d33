"""With time and threads ours does better than websocket-client: timeouts that hold, and a close that is noticed at once."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, cast

import pytest

from tests.sync.peer import DEADLINE_S, Conn, Peer, connected, frame_bytes, peer, run_in_thread, saying, staying
from wsexample import sync
from wsexample.sync._dispatcher import Waker
from wsexample.sync.pipe import Pipe

# -- time ------------------------------------------------------------------------------------------------------------


def test_one_call_can_have_its_own_timeout() -> None:
    """recv(timeout=…) leaves the connection's own timeout alone."""
    with peer() as server:
        ws = connected(server)
        for receive in (ws.recv, ws.recv_data, ws.recv_data_frame):
            with pytest.raises(sync.WebSocketTimeoutException):
                receive(timeout=0.01)
        assert ws.gettimeout() == 10
        ws.send("x")
        assert ws.recv(timeout=10) == "x"
        ws.close()


def test_a_timeout_holds_for_a_whole_call() -> None:
    """A server that sends a byte now and again does not keep recv waiting for ever."""

    def script(conn: Conn) -> None:
        conn.shake_hands()
        is_over = threading.Event()
        conn.raw(frame_bytes(1, b"x" * 60000)[:4])
        while not is_over.wait(0.02):
            conn.raw(b"x")

    with peer(script) as server:
        ws = sync.create_connection(server.url, timeout=0.2)
        with pytest.raises(sync.WebSocketTimeoutException):
            ws.recv()
        ws.shutdown()


def test_a_send_that_timed_out_does_not_tear_the_stream() -> None:
    """What was left of the frame goes before the next one."""
    go_on = threading.Event()

    def script(conn: Conn) -> list[tuple[int, int]]:
        conn.shake_hands()
        assert go_on.wait(DEADLINE_S)
        return [(opcode, len(payload)) for opcode, payload in (conn.read(), conn.read())]

    with peer(script) as server:
        ws = connected(server)
        ws.settimeout(0.05)
        with pytest.raises(sync.WebSocketTimeoutException):
            ws.send_binary(bytes(12_000_000))
        go_on.set()
        ws.settimeout(10)
        ws.send("after")
        assert server.result() == [(2, 12_000_000), (1, 5)]
        ws.shutdown()


def _half_sent(script: Callable[[Conn], None]) -> AbstractContextManager[Any]:
    """A connection without timeout on which a frame was sent in part; then the peer reads some of it, and follows a script."""

    @contextlib.contextmanager
    def made() -> Iterator[sync.WebSocket]:
        has_tried, has_read, is_over = threading.Event(), threading.Event(), threading.Event()

        def play(conn: Conn) -> None:
            conn.shake_hands()
            assert has_tried.wait(DEADLINE_S)
            left = 2_000_000
            while left > 0:
                left -= len(conn.sock.recv(65536))
            script(conn)
            has_read.set()
            is_over.wait(DEADLINE_S)

        with peer(play) as server:
            ws = sync.create_connection(server.url, timeout=0.1)
            with pytest.raises(sync.WebSocketTimeoutException):
                ws.send(bytes(30_000_000))
            ws.settimeout(None)
            has_tried.set()
            assert has_read.wait(DEADLINE_S)
            yield ws
            is_over.set()
            ws.shutdown()

    return made()


def test_closing_keeps_its_time_behind_a_frame_half_sent() -> None:
    """close(timeout=…) does not wait for ever for a peer that reads a little and then no more."""
    with _half_sent(lambda conn: None) as ws:
        closing = threading.Thread(target=lambda: ws.close(timeout=0.2), daemon=True)
        closing.start()
        closing.join(DEADLINE_S / 2)
        assert not closing.is_alive()


def test_a_ping_behind_a_frame_half_sent_keeps_nobody_from_receiving() -> None:
    """Its answer waits for the peer to read; what the peer has sent is handed over at once."""
    with _half_sent(lambda conn: conn.raw(frame_bytes(9) + frame_bytes(1, b"here"))) as ws:
        received: list[Any] = []
        receiving = threading.Thread(target=lambda: received.append(ws.recv()), daemon=True)
        receiving.start()
        receiving.join(DEADLINE_S / 2)
        assert received == ["here"]


def test_a_close_frame_behind_which_nobody_reads_is_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer is given up when the peer does not take what stands before it."""
    monkeypatch.setattr("wsexample.sync.receiving.ANSWER_S", 0.1)
    with _half_sent(lambda conn: conn.raw(frame_bytes(8, b"\x03\xe9"))) as ws:
        received: list[Any] = []
        receiving = threading.Thread(target=lambda: received.append(ws.recv()), daemon=True)
        receiving.start()
        receiving.join(DEADLINE_S / 2)
        assert received == [""]


@pytest.mark.parametrize("call", ["poll", "select"])
def test_a_socket_that_is_closed_in_the_moment_of_a_wait_can_be_read(
    monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Whoever reads it is told, as the contract says, that the connection is closed; also where there is no poll."""
    if call == "select":
        monkeypatch.delattr("select.poll", raising=False)

    class Vanishing:
        numbers = iter((3, -1, 3, -1))

        def fileno(self) -> int:
            return next(self.numbers)

    pipe = Pipe(cast("socket.socket", Vanishing()))
    assert pipe.wait(0)
    assert pipe.wait_either(0) == (True, False)
    closed, waker = socket.socket(), Waker()
    closed.close()
    assert waker.wait(closed, 0)
    waker.close()


def test_a_name_that_does_not_resolve_in_time_does_not_hold_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver is left behind when the timeout passes."""
    is_over = threading.Event()
    real = socket.getaddrinfo

    def slow(host: Any, port: Any, **how: Any) -> Any:
        is_over.wait(DEADLINE_S)
        return real(host, port, **how)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with pytest.raises(TimeoutError, match="timed out"):
        sync.create_connection("ws://slow.test/", timeout=0.05)
    is_over.set()


# -- threads ---------------------------------------------------------------------------------------------------------


def test_close_from_another_thread_ends_a_receive() -> None:
    """The receiver gets the peer's close frame or a closed connection, and the closer does not wait for its timeout."""
    with peer() as server:
        ws = sync.create_connection(server.url)
        wait = run_in_thread(ws.recv)
        ws.close(timeout=None)
        with contextlib.suppress(sync.WebSocketConnectionClosedException):
            assert wait() == ""
        assert ws.close_frame is not None


def test_shutdown_from_another_thread_ends_a_receive() -> None:
    """The receiver raises at once."""
    with peer(staying) as server:
        ws = sync.create_connection(server.url)
        wait = run_in_thread(ws.recv)
        ws.ping()
        ws.shutdown()
        with pytest.raises(sync.WebSocketConnectionClosedException):
            wait()


def test_a_socket_is_closed_only_when_no_thread_is_in_the_middle_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number may be another socket's the next moment, on which a receiver would wait or from which it would read."""
    monkeypatch.setattr("wsexample.sync.paths.LEAVE_S", DEADLINE_S)
    with peer(staying) as server:
        ws = connected(server)
        sock = ws._pipe.sock
        is_in, may_leave = threading.Event(), threading.Event()

        def receive() -> int:
            with ws.readlock:
                is_in.set()
                assert may_leave.wait(DEADLINE_S)
                return int(sock.fileno())

        receiving = run_in_thread(receive)
        assert is_in.wait(DEADLINE_S)
        closing = threading.Thread(target=ws.shutdown)
        closing.start()
        while ws.sock is not None:
            closing.join(0.001)
        may_leave.set()
        assert receiving() >= 0
        closing.join(DEADLINE_S)
        assert sock.fileno() == -1


def test_a_message_that_was_read_is_handed_over_whatever_became_of_its_socket() -> None:
    """The last message of a burst leaves a byte with the system; that it cannot be fetched any more costs nobody the message."""
    with peer(saying(frame_bytes(1, b"one") + frame_bytes(1, b"two"))) as server:
        ws = connected(server)
        assert ws.recv() == "one"
        ws._pipe.let_go()
        assert ws.recv() == "two"
        with pytest.raises(sync.WebSocketConnectionClosedException):
            ws.recv()


def test_a_signal_handler_may_shut_down_whatever_it_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs in the thread that receives, in the middle of anything, and waits for nothing that this thread holds."""
    with peer(saying(frame_bytes(1, b"one") + frame_bytes(1, b"two"))) as server:
        ws = connected(server)
        assert ws.recv() == "one"
        consume = ws._pipe._consume
        monkeypatch.setattr(ws._pipe, "_consume", lambda size: (ws.shutdown(), consume(size)))
        assert run_in_thread(ws.recv)() == "two"
        assert (ws.connected, ws.sock) == (False, None)


def test_a_signal_handler_may_close_in_the_middle_of_tls(tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """What it sends is encrypted while the thread that it has interrupted is decrypting."""
    server_context, client_context = tls_contexts
    with peer(tls=server_context) as server:
        ws = connected(server, sslopt={"context": client_context})
        layer = ws._pipe.layers[-1]
        inner = layer.object

        class Interrupted:
            def __getattr__(self, name: str) -> Any:
                return getattr(inner, name)

            def read(self, size: int) -> bytes:
                layer.object = inner
                ws.close(timeout=1)
                return inner.read(size)

        ws.send("x")
        layer.object = Interrupted()
        with contextlib.suppress(sync.WebSocketConnectionClosedException):
            run_in_thread(ws.recv)()
        assert (ws.connected, ws.sock) == (False, None)


def test_close_from_another_thread_ends_a_send_that_nobody_reads() -> None:
    """close does not wait for a sender for longer than its timeout."""
    with peer(staying) as server:
        server.script = lambda conn: (conn.shake_hands(), threading.Event().wait(1))
        ws = sync.create_connection(server.url)
        wait = run_in_thread(lambda: ws.send_binary(bytes(50_000_000)))
        ws.close(timeout=0.1)
        with pytest.raises(sync.WebSocketConnectionClosedException):
            wait()


def test_close_from_another_thread_ends_a_connect() -> None:
    """A handshake that goes on is given up."""
    is_asked = threading.Event()

    def script(conn: Conn) -> None:
        conn.read_head()
        is_asked.set()
        conn.linger()

    with peer(script) as server:
        ws = sync.WebSocket()
        wait = run_in_thread(lambda: ws.connect(server.url))
        assert is_asked.wait(DEADLINE_S)
        ws.close()
        with pytest.raises(sync.WebSocketConnectionClosedException):
            wait()


def test_close_from_another_thread_holds_when_the_handshake_is_just_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was closed while it was being connected does not come out open, however late that was."""
    with peer(staying) as server:
        ws = sync.WebSocket()
        adopt = ws._adopt
        monkeypatch.setattr(ws, "_adopt", lambda opened, **more: (ws.close(), adopt(opened, **more)))
        with pytest.raises(sync.WebSocketConnectionClosedException, match="another thread"):
            ws.connect(server.url)
        assert (ws.connected, ws.sock) == (False, None)


def test_pings_are_answered_while_another_thread_waits_to_send() -> None:
    """The reader does not wait for the sender's lock: the peer may read on only when it has its pong."""

    def script(conn: Conn) -> list[int]:
        conn.shake_hands()
        conn._need(1)  # the sender has begun; the peer asks, and reads the rest only after asking
        conn.send(9, b"are you there")
        conn.send(1, b"go on")
        found = [conn.read()[0], conn.read()[0]]
        conn.send(1, b"thanks")
        return found

    with peer(script) as server:
        ws = sync.create_connection(server.url, timeout=10)
        wait = run_in_thread(lambda: ws.send_binary(bytes(8_000_000)))
        assert [ws.recv(), ws.recv()] == ["go on", "thanks"]
        wait()
        assert server.result() == [2, 10]
        ws.shutdown()


def test_tls_may_be_used_by_many_threads(tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """Four senders and a receiver share a TLS connection; nothing is lost or mixed up."""
    with peer(tls=tls_contexts[0]) as server:
        ws = connected(server, sslopt={"context": tls_contexts[1]})
        waits = [
            run_in_thread(lambda n=n: [ws.send(f"{n}:{i}:{'x' * (i % 300)}") for i in range(500)]) for n in range(4)
        ]
        got = [ws.recv() for _ in range(2000)]
        for wait in waits:
            wait()
        for n in range(4):
            mine = [message for message in got if message.startswith(f"{n}:")]
            assert mine == [f"{n}:{i}:{'x' * (i % 300)}" for i in range(500)]
        ws.close()


def test_an_app_notices_at_once_what_other_threads_do() -> None:
    """close() and keep_running = False end a run that waits for a silent server."""
    for stop in ("close", "keep_running"):
        with peer() as server:
            is_open = threading.Event()
            app = sync.WebSocketApp(server.url, on_open=lambda app, is_open=is_open: is_open.set())
            wait = run_in_thread(app.run_forever)
            assert is_open.wait(DEADLINE_S)
            if stop == "close":
                app.close()
            else:
                app.keep_running = False
            assert wait() is False


def test_on_close_gets_the_answer_to_a_close_from_another_thread() -> None:
    """The run waits for the goodbye that another thread is saying, and tells its end."""

    def script(conn: Conn) -> None:
        conn.shake_hands()
        assert conn.read()[0] == 8
        is_noticed.wait(0.2)  # the run would be over by now if it did not wait
        conn.close_frame(4003, "so be it")

    with peer(script) as server:
        is_open, is_noticed = threading.Event(), threading.Event()
        closes: list[Any] = []
        app = sync.WebSocketApp(
            server.url, on_open=lambda app: is_open.set(), on_close=lambda app, *why: closes.append(why)
        )
        wait = run_in_thread(app.run_forever)
        assert is_open.wait(DEADLINE_S)
        app.close(status=4002)
        assert wait() is False
        assert closes == [(4003, "so be it")]


def test_a_second_close_waits_for_the_first_and_no_longer_than_told() -> None:
    """Whoever calls close finds the connection closed afterwards."""
    with peer(staying) as server:
        server.script = lambda conn: (conn.shake_hands(), conn.read(), is_asked.set(), conn.linger())
        is_asked = threading.Event()
        ws = sync.create_connection(server.url)
        wait = run_in_thread(lambda: ws.close(timeout=None))
        assert is_asked.wait(DEADLINE_S)
        ws.close(timeout=0.05)
        assert ws.sock is None
        wait()


def test_closing_during_the_wait_for_a_reconnect_ends_the_run() -> None:
    """At once, however long the wait is, and without one more connection."""
    with peer(lambda conn: conn.shake_hands()) as server:
        has_failed = threading.Event()
        app = sync.WebSocketApp(server.url, on_error=lambda app, error: has_failed.set())
        wait = run_in_thread(lambda: app.run_forever(reconnect=1000))
        assert has_failed.wait(DEADLINE_S)
        app.close()
        wait()
        assert len(server.conns) == 1


def test_closing_during_the_handshake_ends_the_run() -> None:
    """Without on_open, and with on_close."""
    is_asked = threading.Event()
    events: list[str] = []

    def script(conn: Conn) -> None:
        conn.read_head()
        is_asked.set()
        conn.linger()

    with peer(script) as server:
        app = sync.WebSocketApp(
            server.url, on_open=lambda app: events.append("open"), on_close=lambda *args: events.append("close")
        )
        wait = run_in_thread(app.run_forever)
        assert is_asked.wait(DEADLINE_S)
        app.close()
        assert wait() is False
        assert events == ["close"]


def test_closing_while_headers_are_made_ends_the_run(server: Peer) -> None:
    """A token that is fetched for nothing is not sent."""

    def header() -> list[str]:
        app.close()
        return []

    app = sync.WebSocketApp(server.url, header=header)
    assert app.run_forever() is False
    assert server.conns == []
