"""What websocket-client does badly and ours does well; each test is named after what it promises.

The way to a server, time and threads, and the app have files of their own beside this one.
"""

from __future__ import annotations

import asyncio
import base64
import inspect
import logging
import ssl
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.sync.peer import DEADLINE_S, Conn, connected, frame_bytes, peer, run_in_thread, saying
from wsexample import sync
from wsexample.errors import ConnectionClosed, HandshakeError, ProtocolError, WsExampleError


def head_for(name: str, /, **options: Any) -> list[str]:
    """The values of a request header that these options send."""

    def script(conn: Conn) -> list[str]:
        conn.shake_hands()
        return [value for each, value in conn.headers if each.lower() == name.lower()]

    with peer(script) as server:
        connected(server, **options).shutdown()
        return server.result()  # type: ignore[no-any-return]


# -- options ---------------------------------------------------------------------------------------------------------


def test_a_misspelt_option_is_warned_of() -> None:
    """headers= for header= is still ignored, but no longer in silence."""
    with peer() as server, pytest.warns(UserWarning, match="'headers' is not known.*did you mean 'header'"):
        sync.create_connection(server.url, timeout=10, headers={"A": "b"}).close()


def test_header_values_may_be_numbers_and_bytes() -> None:
    """They are sent as text."""
    assert head_for("X-A", header={"X-A": 7}) == ["7"]
    assert head_for("X-A", header={b"X-A": b"eight"}) == ["eight"]


def test_a_header_callable_is_asked_everywhere() -> None:
    """Not only in an app."""
    assert head_for("X-A", header=lambda: ["X-A: 1"]) == ["1"]


@pytest.mark.parametrize("name", ["Origin", "Host", "User-Agent", "Cookie"])
def test_a_header_of_the_callers_replaces_the_built_in_one(name: str) -> None:
    """No header is sent twice."""
    assert head_for(name, header={name: "mine"}, cookie="a=1" if name == "Cookie" else None) == ["mine"]


def test_a_line_break_in_a_header_is_refused() -> None:
    """Nobody smuggles a header in."""
    with pytest.raises(ValueError, match="line break"):
        sync.create_connection("ws://127.0.0.1:9", header={"A": "b\r\nX: y"})


def test_the_urls_user_logs_in() -> None:
    """user:password@ becomes a Basic authorization."""

    def script(conn: Conn) -> str | None:
        conn.shake_hands()
        return conn.header("Authorization")

    with peer(script) as server:
        sync.create_connection(server.url.replace("//", "//me:p%40ss@"), timeout=10).shutdown()
        assert server.result() == "Basic " + base64.b64encode(b"me:p@ss").decode()


def test_cookies_are_kept_only_where_asked() -> None:
    """A server's cookie reaches neither another connection nor another host, unless they share a CookieJar."""

    def script(conn: Conn) -> str | None:
        conn.read_head()
        conn.answer("Set-Cookie: session=1; Domain=127.0.0.1")
        return conn.header("Cookie")

    with peer(script) as server:
        jar = sync.CookieJar()
        for options in ({}, {}, {"cookie_jar": jar}, {"cookie_jar": jar, "cookie": "mine=2"}):
            connected(server, **options).shutdown()
        assert [server.result() for _ in range(4)] == [None, None, None, "session=1; mine=2"]
    jar.add("evil=1; Domain=bank.test", "evil.test")
    assert jar.get("bank.test") == ""


def test_a_misspelt_tls_setting_is_warned_of() -> None:
    """Nobody believes to have turned something on or off that is not."""
    with pytest.warns(UserWarning, match="'ca_cert' is not known.*did you mean 'ca_certs'"):
        sync.WebSocket(sslopt={"ca_cert": "ca.pem"})


# -- messages --------------------------------------------------------------------------------------------------------


def test_text_of_any_opcode_is_utf8() -> None:
    """str with another opcode than TEXT is sent as UTF-8 too."""

    def script(conn: Conn) -> tuple[int, bytes]:
        conn.shake_hands()
        return conn.read()

    with peer(script) as server:
        ws = connected(server)
        ws.send("日本", sync.ABNF.OPCODE_BINARY)
        assert server.result() == (2, "日本".encode())
        ws.shutdown()


def test_a_control_frame_that_is_too_long_is_not_sent() -> None:
    """A ping, a pong or a close reason of more than a frame can carry is a ValueError."""
    with peer() as server:
        ws = connected(server)
        for call in (ws.ping, ws.pong):
            with pytest.raises(ValueError, match="125"):
                call("x" * 126)
        with pytest.raises(ValueError, match="123"):
            ws.send_close(1000, "x" * 124)
        ws.close()


def test_a_close_code_nobody_may_send_is_warned_of() -> None:
    """It is sent as it is."""
    with peer() as server:
        ws = connected(server)
        with pytest.warns(UserWarning, match="1005"):
            ws.close(status=1005)


def test_a_received_close_is_answered_with_its_code() -> None:
    """As RFC 6455 section 5.5.1 has it."""
    with peer(saying(frame_bytes(8, struct.pack("!H", 4001) + b"why"))) as server:
        ws = connected(server)
        assert ws.recv() == ""
        assert server.result() == [(8, struct.pack("!H", 4001))]
        ws.close()


def test_close_releases_the_socket_after_a_received_close() -> None:
    """No shutdown() is needed."""
    with peer(saying(frame_bytes(8))) as server:
        ws = connected(server)
        sock = ws.sock
        assert ws.recv() == ""
        ws.close()
        assert sock.fileno() == -1
        assert ws.sock is None


def test_a_message_can_be_too_big() -> None:
    """With max_message_bytes a larger one closes the connection with 1009."""
    with peer(saying(frame_bytes(1, b"x" * 10), frame_bytes(1, b"x" * 11))) as server:
        ws = connected(server, max_message_bytes=10)
        assert ws.recv() == "x" * 10
        with pytest.raises(sync.WebSocketPayloadException):
            ws.recv()
        opcode, payload = server.result()[0]
        assert (opcode, payload[:2]) == (8, struct.pack("!H", 1009))
        ws.close()


def test_a_compressed_message_has_a_limit_without_being_told(run_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With compression few bytes can become many, so that a limit holds unless 0 lifts it; plain ones have none."""
    monkeypatch.setattr("wsexample.sync._handshake.MOST_INFLATED_BYTES", 1000)
    for options in ({}, {"compression": True, "max_message_bytes": 0}):
        with sync.create_connection(run_server, timeout=10, **options) as ws:
            ws.send("x" * 1001)
            assert ws.recv() == "x" * 1001
    with sync.create_connection(run_server, timeout=10, compression=True) as ws:
        ws.send("x" * 1001)
        with pytest.raises(sync.WebSocketPayloadException):
            ws.recv()


def test_who_breaks_the_protocol_is_told() -> None:
    """A close frame with 1002 or 1007 goes out before the exception comes."""
    for data, code in ((frame_bytes(3), 1002), (frame_bytes(1, b"\xff"), 1007), (frame_bytes(8, b"\3\xed"), 1002)):
        with peer(saying(data)) as server:
            ws = connected(server)
            with pytest.raises(ProtocolError):
                ws.recv()
            opcode, payload = server.result()[0]
            assert (opcode, payload[:2]) == (8, struct.pack("!H", code))
            ws.close()


def test_messages_can_be_compressed(run_server: Any) -> None:
    """permessage-deflate is negotiated when asked for, both ways."""
    ws = sync.create_connection(run_server, timeout=10, compression=True)
    assert "permessage-deflate" in ws.headers["sec-websocket-extensions"]
    for message in ("x" * 100_000, "日本" * 50, b"\0" * 1000, ""):
        opcode = sync.ABNF.OPCODE_TEXT if isinstance(message, str) else sync.ABNF.OPCODE_BINARY
        length = ws.send(message, opcode)
        assert length < 1000
        assert ws.recv() == message
    ws.get_mask_key = lambda length: b"\0" * length
    ws.send("y" * 10_000)
    assert ws.recv() == "y" * 10_000
    ws.close()


@pytest.fixture
def run_server() -> Any:
    """The URL of an echo server of ours that compresses."""
    from wsexample.wire.options import ServeOptions
    from wsexample.wire.server import ServerConnection, serve

    url: list[str] = []
    is_up, loops = threading.Event(), []

    async def echo(ws: ServerConnection) -> None:
        async for message in ws:
            await ws.send(message)

    async def main() -> None:
        stop = asyncio.Event()
        async with serve(echo, host="127.0.0.1", port=0, options=ServeOptions(compression=True)) as server:
            url.append(server.url)
            loops.append((asyncio.get_running_loop(), stop))
            is_up.set()
            await stop.wait()

    wait = run_in_thread(lambda: asyncio.run(main()))
    assert is_up.wait(DEADLINE_S)
    yield url[0]
    loops[0][0].call_soon_threadsafe(loops[0][1].set)
    wait()


def test_it_can_be_used_with_with() -> None:
    """Leaving the block closes."""
    with peer() as server:
        with sync.create_connection(server.url, timeout=10) as ws:
            assert ws.connected
        assert ws.sock is None


def test_iterating_ends_with_a_clean_close() -> None:
    """And raises after another one, with its code."""
    with peer(saying(frame_bytes(1, b"a"), frame_bytes(1), frame_bytes(8, struct.pack("!H", 1001)))) as server:
        ws = connected(server)
        assert list(ws) == ["a", ""]
        ws.close()
    with peer(saying(frame_bytes(1, b"a"), frame_bytes(8, struct.pack("!H", 4001) + b"why"))) as server:
        ws = connected(server)
        assert next(ws) == "a"
        with pytest.raises(sync.WebSocketConnectionClosedException, match="4001: why") as caught:
            next(ws)
        assert (caught.value.status_code, caught.value.reason) == (4001, "why")
        ws.close()


# -- notebooks -------------------------------------------------------------------------------------------------------


def test_blocking_calls_work_where_a_loop_is_running(
    run: Any, tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """As in a notebook: connecting, receiving and an app's run, plain and with TLS."""

    async def cell(url: str, sslopt: dict[str, Any]) -> None:
        ws = sync.create_connection(url, timeout=10, sslopt=sslopt)
        ws.send("x")
        assert ws.recv() == "x"
        ws.close()
        app = sync.WebSocketApp(url, on_open=lambda app: app.send("y"), on_message=lambda app, message: app.close())
        assert app.run_forever(sslopt=sslopt) is False
        with pytest.raises(ValueError, match="nonsense"):
            sync.create_connection("nonsense")

    with peer() as server:
        run(cell(server.url, {}))
    with peer(tls=tls_contexts[0]) as server:
        run(cell(server.url, {"context": tls_contexts[1]}))


# -- errors ----------------------------------------------------------------------------------------------------------


def test_errors_are_of_the_projects_tree_too() -> None:
    """Where one of ours means the same it can be caught by that name."""
    for name in sync.__all__:
        kind = getattr(sync, name)
        if isinstance(kind, type) and issubclass(kind, Exception):
            assert issubclass(kind, sync.WebSocketException)
            assert issubclass(kind, WsExampleError)
            assert not issubclass(kind, OSError)
    assert issubclass(sync.WebSocketConnectionClosedException, ConnectionClosed)
    assert issubclass(sync.WebSocketBadStatusException, HandshakeError)
    assert issubclass(sync.WebSocketProtocolException, ProtocolError)


def test_a_reset_can_be_caught_by_either_name() -> None:
    """ConnectionResetError, as it always was, and WebSocketConnectionClosedException, as everybody expects."""

    def script(conn: Conn) -> None:
        conn.shake_hands()
        conn.read()
        conn.reset()

    with peer(script) as server:
        ws = connected(server)
        ws.send("x")
        with pytest.raises(sync.WebSocketConnectionClosedException) as caught:
            ws.recv()
        assert isinstance(caught.value, ConnectionResetError)
        assert ws.sock is None


# -- the trace -------------------------------------------------------------------------------------------------------


def test_the_trace_shows_no_credentials(caplog: pytest.LogCaptureFixture) -> None:
    """Neither of the handshake nor of messages, unless that is asked for."""
    login = '{"password": "hunter2"}'
    for shows in (False, True):
        caplog.clear()
        sync.enableTrace(True, logging.NullHandler(), show_secrets=shows)
        with peer() as server, caplog.at_level(logging.DEBUG, "websocket"):
            ws = connected(server, header={"Authorization": "Bearer t0ken"}, cookie="session=c00kie")
            ws.set_mask_key(lambda length: b"\0" * length)
            ws.send(login)
            ws.recv()
            ws.close()
        text = "\n".join(record.getMessage() for record in caplog.records)
        for secret in ("t0ken", "c00kie", "hunter2"):
            assert (secret in text) is shows


# -- the alias -------------------------------------------------------------------------------------------------------


def in_fresh_python(program: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_programs_that_import_websocket_get_ours() -> None:
    """After install_as_websocket the name and its submodules mean this module."""
    assert in_fresh_python(
        "from wsexample.sync import install_as_websocket; install_as_websocket(); install_as_websocket()\n"
        "import websocket; from websocket import WebSocketApp; from websocket._exceptions import WebSocketException\n"
        "import websocket._abnf\n"
        "print(websocket.__name__, WebSocketApp.__module__, WebSocketException.__module__, websocket._abnf.ABNF.__module__)"
    ).split() == ["wsexample.sync", "wsexample.sync._app", "wsexample.sync._exceptions", "wsexample.sync._abnf"]


def test_the_alias_does_not_replace_a_module_that_is_in_use() -> None:
    """Half of a program would go on using the other one."""
    assert "StateError" in in_fresh_python(
        "import websocket\nfrom wsexample.sync import install_as_websocket\n"
        "try: install_as_websocket()\nexcept Exception as error: print(type(error).__name__)"
    )


# -- types -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [sync.WebSocket, sync.WebSocketApp, sync.ABNF, sync.Reconnect, sync.CookieJar])
def test_every_signature_is_annotated(kind: type) -> None:
    """A type checker knows what programs call, and the package says that it may be asked."""
    assert (Path(sync.__file__).parent.parent / "py.typed").exists()
    for name, member in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_") or name == "__init__":
            signature = inspect.signature(member)
            assert signature.return_annotation is not signature.empty, name
            for parameter in list(signature.parameters.values())[
                0 if isinstance(kind.__dict__.get(name), staticmethod) else 1 :
            ]:
                assert parameter.annotation is not parameter.empty, (name, parameter)
