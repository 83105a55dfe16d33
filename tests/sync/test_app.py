"""`WebSocketApp` keeps websocket-client's contract: callbacks, return values, pings, reconnection, dispatchers."""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time
from typing import Any

import pytest

from tests.sync.peer import DEADLINE_S, Conn, frame_bytes, peer, run_in_thread, saying
from wsexample import sync


class Log:
    """Every callback of an app in order, as (name, arguments)."""

    def __init__(self, module: Any, url: str, **settings: Any) -> None:
        self.events: list[tuple[Any, ...]] = []
        names = ("open", "reconnect", "message", "data", "error", "close", "ping", "pong", *settings.pop("also", ()))
        skip = settings.pop("skip", ())
        callbacks = {f"on_{name}": self.recorder(name) for name in names if name not in skip}
        self.app = module.WebSocketApp(url, **{**callbacks, **settings})

    def recorder(self, name: str) -> Any:
        return lambda app, *arguments: self.events.append((name, *arguments))

    def names(self) -> list[str]:
        return [event[0] for event in self.events]

    def of(self, name: str) -> list[Any]:
        return [event[1] if len(event) == 2 else event[1:] for event in self.events if event[0] == name]


def close_bytes(code: int, reason: str = "") -> bytes:
    return frame_bytes(8, struct.pack("!H", code) + reason.encode())


# -- one connection --------------------------------------------------------------------------------------------------


def test_callbacks_in_order(websocket: Any) -> None:
    """on_open first, on_data before on_message, str for text and bytes for binary, on_close once at the end."""
    frames = (frame_bytes(1, "ä".encode()), frame_bytes(2, b"\0"), frame_bytes(9, b"p"), frame_bytes(10, b"q"))
    with peer(saying(*frames, close_bytes(4001, "why"))) as server:
        log = Log(websocket, server.url)
        assert log.app.run_forever() is False
        error = log.of("error")[0]
        assert log.events == [
            ("open",),
            ("data", "ä", 1, True),
            ("message", "ä"),
            ("data", b"\0", 2, True),
            ("message", b"\0"),
            ("ping", b"p"),
            ("pong", b"q"),
            ("error", error),
            ("close", 4001, "why"),
        ]
        assert isinstance(error, websocket.WebSocketConnectionClosedException)
        assert (error.status_code, error.reason) == (4001, "why")
        assert server.result()[0] == (10, b"p")
        assert log.app.sock is None
        assert log.app.keep_running is False


def test_the_words_of_a_close_stay_in_their_line() -> None:
    """What a server gives as its reason commands no terminal and breaks no line of a log, in the error's sentence."""
    with peer(saying(close_bytes(4001, "bye\n\x1b[2Jroot"))) as server:
        log = Log(sync, server.url)
        log.app.run_forever()
        (error,) = log.of("error")
        assert error.reason == "bye\n\x1b[2Jroot"
        assert str(error).isprintable()


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "going"), (4001, "why")])
def test_a_close_of_the_server_ends_the_run(websocket: Any, code: int, reason: str) -> None:
    """run_forever returns False, on_close gets code and reason (None when empty), on_error an exception."""
    with peer(saying(close_bytes(code, reason))) as server:
        log = Log(websocket, server.url)
        assert log.app.run_forever() is False
        assert log.of("close") == [(code, reason or None)]
        assert len(log.of("error")) == 1


def test_a_close_frame_without_a_code(websocket: Any) -> None:
    """on_close gets None for what there was not."""
    with peer(saying(frame_bytes(8))) as server:
        log = Log(websocket, server.url)
        assert log.app.run_forever() is False
        assert log.of("close") == [(None, None)]


def test_a_lost_connection(websocket: Any) -> None:
    """TCP's end without a close frame is an error, and on_close gets nothing to tell."""

    def script(conn: Conn) -> None:
        conn.shake_hands(extra=frame_bytes(1, b"x"))

    with peer(script) as server:
        log = Log(websocket, server.url)
        assert log.app.run_forever() is True
        assert log.of("message") == ["x"]
        assert isinstance(log.of("error")[0], websocket.WebSocketConnectionClosedException)
        assert log.of("close") == [(None, None)]


def test_failures_to_connect(websocket: Any) -> None:
    """Refused, unknown name, and HTTP 403 go to on_error; the run returns True and on_close comes."""
    with peer() as server:
        refused = server.url
    log = Log(websocket, refused)
    assert log.app.run_forever() is True
    assert isinstance(log.of("error")[0], ConnectionRefusedError)
    assert log.names() == ["error", "close"]

    log = Log(websocket, "ws://no-such-host.invalid/")
    assert log.app.run_forever() is True
    assert isinstance(log.of("error")[0], websocket.WebSocketAddressException)

    def forbid(conn: Conn) -> None:
        conn.read_head()
        conn.answer("Content-Length: 4", status="403 Forbidden", extra=b"nope")

    with peer(forbid) as server:
        log = Log(websocket, server.url)
        assert log.app.run_forever() is True
        error = log.of("error")[0]
        assert isinstance(error, websocket.WebSocketBadStatusException)
        assert (error.status_code, error.status_message, error.resp_body) == (403, "Forbidden", b"nope")


def test_a_bad_url_is_the_callers(websocket: Any) -> None:
    """ValueError comes out of run_forever."""
    for url in ("nonsense", "http://x/", "ws://"):
        with pytest.raises(ValueError):  # noqa: PT011 - the contract names the class, each side has words of its own
            websocket.WebSocketApp(url).run_forever()


@pytest.mark.parametrize(
    "arguments",
    [{"ping_timeout": 0}, {"ping_timeout": -1}, {"ping_interval": -1}, {"ping_interval": 5, "ping_timeout": 5}],
)
def test_bad_ping_arguments(websocket: Any, arguments: dict[str, Any]) -> None:
    """They are refused before anything is connected."""
    with pytest.raises(websocket.WebSocketException):
        websocket.WebSocketApp("ws://127.0.0.1:9").run_forever(**arguments)


def test_the_program_closes(websocket: Any) -> None:
    """close() in a callback ends the run without an error; on_close gets the peer's answer."""

    def script(conn: Conn) -> tuple[int, bytes]:
        conn.shake_hands(extra=frame_bytes(1, b"x") * 3)
        found = conn.read()
        conn.close_frame(4002, "fine")
        conn.linger()
        return found

    with peer(script) as server:
        log = Log(websocket, server.url)
        log.app.on_message = lambda app, message: app.close(status=1002, reason="stop")
        assert log.app.run_forever() is False
        assert server.result() == (8, struct.pack("!H", 1002) + b"stop")
        assert log.of("close") == [(4002, "fine")]
        assert log.of("error") == []


def test_keep_running_ends_the_run(websocket: Any) -> None:
    """Setting it to False in a callback is enough."""
    with peer() as server:
        log = Log(websocket, server.url)

        def stop(app: Any, message: str) -> None:
            app.keep_running = False

        log.app.on_message = stop
        log.app.on_open = lambda app: app.send("x")
        assert log.app.run_forever() is False
        assert log.of("error") == []
        assert log.of("close") == [(None, None)]


def test_an_exception_in_a_callback_is_told_and_the_run_goes_on(websocket: Any) -> None:
    """It is given to on_error; the next message is delivered."""
    with peer(saying(frame_bytes(1, b"bad"), frame_bytes(1, b"good"), close_bytes(1000))) as server:
        log = Log(websocket, server.url)
        record = log.app.on_message

        def on_message(app: Any, message: str) -> None:
            if message == "bad":
                raise ZeroDivisionError("mine")
            record(app, message)

        log.app.on_message = on_message
        assert log.app.run_forever() is False
        assert next(type(error) for error in log.of("error")) is ZeroDivisionError
        assert log.of("message") == ["good"]


def test_an_exception_in_on_error_is_not_told_again(websocket: Any) -> None:
    """A failing on_error does not call itself."""
    calls = []

    def on_error(app: Any, error: Any) -> None:
        calls.append(error)
        raise RuntimeError("again")

    with peer(saying(close_bytes(1000))) as server:
        assert websocket.WebSocketApp(server.url, on_error=on_error).run_forever() is False
    assert len(calls) == 1


def test_the_log_tells_the_story(websocket: Any, caplog: pytest.LogCaptureFixture) -> None:
    """INFO for a connection and for each attempt to come, ERROR for a callback's exception and for the end."""
    caplog.set_level(logging.INFO, "websocket")

    def on_message(app: Any, message: str) -> None:
        raise ValueError("mine")

    with peer(counting(lambda conn: conn.shake_hands(), lambda conn: (greeting(conn), conn.close_frame()))) as server:
        log = Log(websocket, server.url)
        log.app.on_message = on_message
        log.app.on_error = lambda app, error: setattr(app, "keep_running", not isinstance(error, ValueError))
        log.app.run_forever(reconnect=0.01)
    with peer(saying(close_bytes(4001, "why"))) as server:
        Log(websocket, server.url).app.run_forever()
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert ("INFO", "Websocket connected") in told
    assert any(level == "INFO" and text.endswith(" - reconnect") for level, text in told)
    assert any(level == "ERROR" and text.startswith("error from callback") and "mine" in text for level, text in told)
    assert any(level == "ERROR" and text.endswith(" - goodbye") for level, text in told)


def test_keyboard_interrupt_ends_the_run(websocket: Any) -> None:
    """It is told to on_error, on_close comes, and run_forever returns True."""
    with peer() as server:
        log = Log(websocket, server.url)

        def interrupt(app: Any) -> None:
            raise KeyboardInterrupt

        log.app.on_open = interrupt
        assert log.app.run_forever() is True
        assert isinstance(log.of("error")[0], KeyboardInterrupt)
        assert log.names()[-1] == "close"


def test_system_exit_comes_out(websocket: Any) -> None:
    """SystemExit in a callback ends the program after on_error and on_close."""
    with peer() as server:
        log = Log(websocket, server.url)

        def leave(app: Any) -> None:
            raise SystemExit(3)

        log.app.on_open = leave
        with pytest.raises(SystemExit):
            log.app.run_forever()
        assert isinstance(log.of("error")[0], SystemExit)
        assert log.names()[-1] == "close"


def test_sending_by_kind(websocket: Any) -> None:
    """send, send with an opcode, send_text and send_bytes; without a connection they raise."""

    def script(conn: Conn) -> list[tuple[int, bytes]]:
        conn.shake_hands()
        found = [conn.read() for _ in range(4)]
        conn.close_frame()
        return found + conn.until_end()[:0]

    with peer(script) as server:
        log = Log(websocket, server.url)
        abnf = websocket.ABNF

        def on_open(app: Any) -> None:
            assert app.ready()
            app.send("a")
            app.send(b"b", abnf.OPCODE_BINARY)
            app.send_text("c")
            app.send_bytes(bytearray(b"d"))

        log.app.on_open = on_open
        log.app.run_forever()
        assert server.result() == [(1, b"a"), (2, b"b"), (1, b"c"), (2, b"d")]
        assert not log.app.ready()
        with pytest.raises(websocket.WebSocketConnectionClosedException):
            log.app.send("e")


def test_fragments_reach_on_cont_message(websocket: Any) -> None:
    """The first fragment goes to on_message, the others to on_cont_message with their FIN bit."""
    frames = frame_bytes(1, b"a", 0) + frame_bytes(0, b"b", 0) + frame_bytes(0, b"c")
    with peer(saying(frames, close_bytes(1000))) as server:
        log = Log(websocket, server.url, also=("cont_message",))
        log.app.run_forever()
        assert log.of("message") == ["a"]
        assert log.of("cont_message") == [(b"b", 0), (b"c", 1)]
        assert log.of("data")[1:] == [(b"b", 0, 0), (b"c", 0, 1)]


def test_a_socket_of_the_programs_is_used(websocket: Any) -> None:
    """socket= is kept as prepared_socket; the argument keep_running means nothing."""
    with peer() as server:
        sock = socket.create_connection(("127.0.0.1", server.port))
        log = Log(websocket, "ws://dummy.test/", socket=sock, keep_running=False)
        assert log.app.prepared_socket is sock
        log.app.on_open = lambda app: app.send("x")
        log.app.on_message = lambda app, message: app.close()
        assert log.app.run_forever() is False
        sock.close()


def test_the_header_may_be_made_for_each_connection(websocket: Any) -> None:
    """A callable is asked before each attempt; list and dictionary are used as they are."""

    def script(conn: Conn) -> str | None:
        conn.shake_hands()
        conn.close_frame()
        return conn.header("X-A")

    with peer(script) as server:
        for header in (["X-A: 1"], {"X-A": "2"}, lambda: {"X-A": "3"}):
            websocket.WebSocketApp(server.url, header=header).run_forever()
        assert [server.result() for _ in range(3)] == ["1", "2", "3"]


def test_an_app_runs_again(websocket: Any) -> None:
    """run_forever may be called again after it returned, and not while it runs."""
    with peer(saying(close_bytes(1000))) as server:
        log = Log(websocket, server.url)

        def twice(app: Any) -> None:
            with pytest.raises(websocket.WebSocketException):
                app.run_forever()

        log.app.on_open = twice
        assert [log.app.run_forever(), log.app.run_forever()] == [False, False]
        assert len(log.of("close")) == 2
        assert log.of("error")[0].status_code == 1000


# -- pings -----------------------------------------------------------------------------------------------------------


def test_pings_are_sent_and_pongs_told(websocket: Any) -> None:
    """Every ping_interval a ping with ping_payload; last_ping_tm and last_pong_tm tell when."""

    def script(conn: Conn) -> list[tuple[int, bytes]]:
        conn.shake_hands()
        found = [conn.read()]
        conn.send(10, found[0][1])
        found.append(conn.read())
        conn.close_frame()
        return found + conn.until_end()[:0]

    with peer(script) as server:
        log = Log(websocket, server.url)
        seen: list[Any] = []
        log.app.on_pong = lambda app, payload: seen.append(
            (payload, app.last_ping_tm <= app.last_pong_tm, app.ping_thread.is_alive(), app.stop_ping.is_set())
        )
        log.app.run_forever(ping_interval=0.1, ping_payload="beat")
        assert server.result() == [(9, b"beat"), (9, b"beat")]
        assert seen == [(b"beat", True, True, False)]


def test_a_peer_that_does_not_pong_is_given_up(websocket: Any) -> None:
    """on_error gets a WebSocketTimeoutException, and the run returns True."""

    def script(conn: Conn) -> None:
        conn.shake_hands()
        conn.linger()

    with peer(script) as server:
        log = Log(websocket, server.url)
        assert log.app.run_forever(ping_interval=0.2, ping_timeout=0.1) is True
        assert isinstance(log.of("error")[0], websocket.WebSocketTimeoutException)
        assert str(log.of("error")[0]) == "ping/pong timed out"
        assert log.of("close") == [(None, None)]


# -- reconnecting ----------------------------------------------------------------------------------------------------


def counting(*scripts: Any) -> Any:
    """A script that plays one script after another, the last one for ever."""
    number = iter(range(1_000_000))

    def script(conn: Conn) -> Any:
        return scripts[min(next(number), len(scripts) - 1)](conn)

    return script


def closing(conn: Conn) -> None:
    conn.shake_hands(extra=close_bytes(1000))
    conn.until_end()


def breaking(conn: Conn) -> None:
    conn.shake_hands()


def greeting(conn: Conn) -> None:
    conn.shake_hands(extra=frame_bytes(1, b"hello"))
    conn.until_end()


def test_every_disconnect_leads_to_another_attempt(websocket: Any) -> None:
    """Also a close 1000 of the server; on_reconnect comes in place of on_open, on_close once at the end."""
    with peer(counting(closing, breaking, greeting)) as server:
        log = Log(websocket, server.url)
        log.app.on_message = lambda app, message: app.close()
        log.app.run_forever(reconnect=0.05)
        assert log.names().count("open") == 1
        assert log.names().count("reconnect") == 2
        assert log.names().count("close") == 1
        assert log.names()[-1] == "close"


def test_on_open_comes_again_without_on_reconnect(websocket: Any) -> None:
    """And the module's own default turns reconnection on."""
    websocket.set_reconnect(0.05)
    with peer(counting(breaking, greeting)) as server:
        log = Log(websocket, server.url, skip=("reconnect",))
        log.app.on_message = lambda app, message: app.close()
        log.app.run_forever()
        assert log.names().count("open") == 2


# -- threads ---------------------------------------------------------------------------------------------------------


def test_a_run_in_another_thread(websocket: Any) -> None:
    """An app may run in any thread and be sent to from any other."""
    with peer() as server:
        log = Log(websocket, server.url)
        is_open, is_answered = threading.Event(), threading.Event()
        log.app.on_open = lambda app: is_open.set()
        log.app.on_message = lambda app, message: is_answered.set()
        wait = run_in_thread(log.app.run_forever)
        assert is_open.wait(DEADLINE_S)
        log.app.send("x")
        assert is_answered.wait(DEADLINE_S)
        log.app.on_message = lambda app, message: app.close()  # so nothing may be sent behind the next one
        log.app.send("end", websocket.ABNF.OPCODE_TEXT)
        assert wait() is False


# -- a dispatcher of the program's -----------------------------------------------------------------------------------


class Loop:
    """A small event loop with the interface of the module rel."""

    def __init__(self) -> None:
        self.readers: dict[int, tuple[Any, Any]] = {}
        self.timers: list[tuple[float, float, Any, Any]] = []
        self.signals: list[int] = []

    def signal(self, number: int, callback: Any) -> None:
        self.signals.append(number)

    def abort(self) -> None: ...

    def read(self, sock: Any, callback: Any) -> None:
        self.readers[sock.fileno()] = (sock, callback)

    def timeout(self, seconds: float, callback: Any, *arguments: Any) -> None:
        self.timers.append((time.monotonic() + seconds, seconds, callback, arguments))

    def buffwrite(self, sock: Any, data: bytes, send: Any, on_error: Any) -> None:
        while data:
            data = data[send(sock, data) :]

    def run(self, until: Any) -> None:
        import select

        deadline = time.monotonic() + DEADLINE_S
        while not until():
            assert time.monotonic() < deadline
            number, entry = next(iter(self.readers.items()), (None, None))
            wait_s = 0.01
            if entry is not None and entry[0].fileno() < 0:
                del self.readers[number]  # type: ignore[arg-type]
            elif entry is not None and select.select([number], [], [], wait_s)[0] and not entry[1]():
                self.readers.pop(number, None)  # type: ignore[arg-type]
            now = time.monotonic()
            due = [timer for timer in self.timers if timer[0] <= now]
            self.timers = [timer for timer in self.timers if timer[0] > now]
            for _, seconds, callback, arguments in due:
                if callback(*arguments):
                    self.timeout(seconds, callback, *arguments)


def test_a_dispatcher_drives_the_app(websocket: Any) -> None:
    """run_forever returns False at once, and the program's loop delivers everything, close included."""
    loop = Loop()
    with peer(saying(frame_bytes(1, b"a"), frame_bytes(1, b"b"), close_bytes(1000))) as server:
        log = Log(websocket, server.url)
        assert log.app.run_forever(dispatcher=loop) is False
        loop.run(lambda: "close" in log.names())
        assert loop.signals == [2]
        assert log.of("message") == ["a", "b"]
        assert log.of("close") == [(1000, None)]


def test_a_dispatcher_writes(websocket: Any) -> None:
    """Frames go out through buffwrite."""
    loop = Loop()
    with peer() as server:
        log = Log(websocket, server.url)
        log.app.on_open = lambda app: app.send("through the loop")
        log.app.run_forever(dispatcher=loop)
        loop.run(lambda: log.of("message"))
        assert log.of("message") == ["through the loop"]
        log.app.close()


def test_a_dispatcher_reconnects(websocket: Any) -> None:
    """The next attempt is made by the loop's timer."""
    loop = Loop()
    with peer(counting(closing, greeting)) as server:
        log = Log(websocket, server.url)
        log.app.run_forever(dispatcher=loop, reconnect=0.05)
        loop.run(lambda: log.of("message"))
        assert log.of("message") == ["hello"]
        log.app.close()


def test_a_dispatcher_learns_of_a_lost_connection(websocket: Any) -> None:
    """on_error and on_close come from the loop's call."""
    loop = Loop()
    with peer(lambda conn: (conn.shake_hands(), conn.send(1, b"last"))) as server:
        log = Log(websocket, server.url)
        log.app.run_forever(dispatcher=loop)
        loop.run(lambda: "close" in log.names())
        assert log.of("message") == ["last"]
        assert isinstance(log.of("error")[0], websocket.WebSocketConnectionClosedException)
        assert log.of("close") == [(None, None)]


def test_a_dispatcher_gives_up_a_peer_that_does_not_pong(ours: Any) -> None:
    """The loop's timers look at the pong, and on_error is told; websocket-client raises into the loop."""
    loop = Loop()
    with peer(saying()) as server:
        log = Log(ours, server.url)
        log.app.run_forever(dispatcher=loop, ping_interval=0.2, ping_timeout=0.1)
        loop.run(lambda: "error" in log.names())
        assert isinstance(log.of("error")[0], ours.WebSocketTimeoutException)
        log.app.close(timeout=0)


def test_a_method_put_into_the_apps_connection_is_used(websocket: Any) -> None:
    """on_open may replace recv_frame of app.sock."""
    with peer(saying(frame_bytes(1, b"theirs"), close_bytes(1000))) as server:
        log = Log(websocket, server.url)

        def on_open(app: Any) -> None:
            receive = app.sock.recv_frame

            def recv_frame() -> Any:
                frame = receive()
                if frame.opcode == websocket.ABNF.OPCODE_TEXT:
                    frame.data = b"mine"
                return frame

            app.sock.recv_frame = recv_frame

        log.app.on_open = on_open
        log.app.run_forever()
        assert log.of("message") == ["mine"]
