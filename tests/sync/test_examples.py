"""Every example of websocket-client's documentation, changed only in its import and in the servers it names.

Numbers are those of the list in docs/sync.md. Each runs on ours and on websocket-client.
"""

# ruff: noqa: T201 - the examples print

from __future__ import annotations

import contextlib
import io
import logging
import socket
import ssl
import struct
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.sync.peer import Conn, Peer, echo, frame_bytes, peer, saying
from tests.sync.test_proxies import http_proxy, socks4_proxy, socks5_proxy


def greeting(conn: Conn) -> Conn:
    """Accept, choosing a subprotocol when there is one, say hello, close; the connection is the result."""
    conn.read_head()
    offered = conn.header("Sec-WebSocket-Protocol")
    conn.answer(*([f"Sec-WebSocket-Protocol: {offered.split(',')[0]}"] if offered else []))
    conn.send(1, b"hello")
    conn.close_frame(1000)
    conn.until_end()
    return conn


def printing(ws: Any, message: Any) -> None:
    print(message)


def test_01_first_connection(websocket: Any, capsys: Any) -> None:
    """WebSocket: connect, send, receive, close."""
    with peer() as server:
        ws = websocket.WebSocket()
        ws.connect(server.url)
        ws.send("Hello, Server")
        print(ws.recv())
        ws.close()
    assert capsys.readouterr().out == "Hello, Server\n"


def test_02_first_app(websocket: Any, capsys: Any) -> None:
    """WebSocketApp with on_message and run_forever."""

    def on_message(wsapp: Any, message: Any) -> None:
        print(message)

    with peer(greeting) as server:
        wsapp = websocket.WebSocketApp(server.url, on_message=on_message)
        wsapp.run_forever()
    assert capsys.readouterr().out == "hello\n"


def test_04_trace(websocket: Any) -> None:
    """enableTrace(True) shows the handshake and each frame."""
    lines = io.StringIO()
    websocket.enableTrace(True, logging.StreamHandler(lines))
    with peer() as server:
        ws = websocket.WebSocket()
        ws.connect(server.url)
        ws.send("Hello, Server")
        ws.recv()
        ws.close()
    text = lines.getvalue()
    for part in (
        "--- request header ---\nGET / HTTP/1.1\r\nUpgrade: websocket",
        "--- response header ---\nHTTP/1.1 101 Switching Protocols\n",
        "-----------------------\n",
        "++Sent raw: b'",
        "++Sent decoded: fin=1 opcode=1 data=b'Hello, Server'",
        "++Rcv raw: b'\\x81\\rHello, Server'",
        "++Rcv decoded: fin=1 opcode=1 data=b'Hello, Server'",
    ):
        assert part in text


def test_06_cookie_origin_host(websocket: Any) -> None:
    """connect with cookie, origin and a host with a path."""
    with peer(greeting) as server:
        ws = websocket.WebSocket()
        ws.connect(
            server.url,
            cookie="chocolate",
            origin="testing_websockets.com",
            host="echo.websocket.events/websocket-client-test",
        )
        ws.recv(), ws.recv()
        ws.shutdown()
        conn = server.result()
        assert [conn.header(name) for name in ("Cookie", "Origin", "Host")] == [
            "chocolate",
            "testing_websockets.com",
            "echo.websocket.events/websocket-client-test",
        ]


def test_07_app_cookie_origin_host(websocket: Any, capsys: Any) -> None:
    """The app takes the cookie, run_forever origin and host."""
    with peer(greeting) as server:
        wsapp = websocket.WebSocketApp(server.url, cookie="chocolate", on_message=printing)
        wsapp.run_forever(origin="testing_websockets.com", host="127.0.0.1")
        conn = server.result()
        assert [conn.header(name) for name in ("Cookie", "Origin", "Host")] == [
            "chocolate",
            "testing_websockets.com",
            "127.0.0.1",
        ]


def test_08_subprotocols(websocket: Any) -> None:
    """connect with subprotocols."""
    with peer(greeting) as server:
        ws = websocket.WebSocket()
        ws.connect(server.url, subprotocols=["testproto"])
        assert ws.getsubprotocol() == "testproto"
        ws.recv(), ws.recv()
        ws.shutdown()


def test_09_app_subprotocols(websocket: Any) -> None:
    """The app with subprotocols."""
    with peer(greeting) as server:
        wsapp = websocket.WebSocketApp(server.url, subprotocols=["testproto"], on_message=printing)
        wsapp.run_forever()
        assert server.result().header("Sec-WebSocket-Protocol") == "testproto"


def test_10_suppress_origin(websocket: Any) -> None:
    """connect without an Origin."""
    with peer(greeting) as server:
        ws = websocket.WebSocket()
        ws.connect(server.url, suppress_origin=True)
        ws.recv(), ws.recv()
        ws.shutdown()
        assert server.result().header("Origin") is None


def test_11_app_suppress_origin(websocket: Any) -> None:
    """run_forever without an Origin."""
    with peer(greeting) as server:
        wsapp = websocket.WebSocketApp(server.url, on_message=printing)
        wsapp.run_forever(suppress_origin=True)
        assert server.result().header("Origin") is None


@pytest.mark.parametrize(
    "header", [{"CustomHeader1": "123", "NewHeader2": "Test"}, ["CustomHeader1: 123", "NewHeader2: Test"]]
)
def test_12_custom_headers(websocket: Any, header: Any) -> None:
    """connect with headers as a dictionary, and as the list that the text promises."""
    with peer(greeting) as server:
        ws = websocket.WebSocket()
        ws.connect(server.url, header=header)
        ws.recv(), ws.recv()
        ws.shutdown()
        conn = server.result()
        assert (conn.header("CustomHeader1"), conn.header("NewHeader2")) == ("123", "Test")


def test_13_app_custom_headers(websocket: Any) -> None:
    """The app with headers."""
    with peer(greeting) as server:
        wsapp = websocket.WebSocketApp(
            server.url, header={"CustomHeader1": "123", "NewHeader2": "Test"}, on_message=printing
        )
        wsapp.run_forever()
        assert server.result().header("NewHeader2") == "Test"


def test_14_without_verification(websocket: Any, tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """CERT_NONE for the app, for WebSocket and for create_connection."""
    with peer(tls=tls_contexts[0]) as server:
        wsapp = websocket.WebSocketApp(
            server.url, on_message=lambda ws, message: ws.close(), on_open=lambda ws: ws.send("x")
        )
        assert wsapp.run_forever(sslopt={"cert_reqs": ssl.CERT_NONE}) is False
        ws = websocket.WebSocket(sslopt={"cert_reqs": ssl.CERT_NONE})
        ws.connect(server.url)
        ws.close()
        ws = websocket.create_connection(server.url, sslopt={"cert_reqs": ssl.CERT_NONE, "check_hostname": False})
        ws.close()


def test_15_custom_class(websocket: Any, capsys: Any) -> None:
    """A subclass that prints each frame, made by create_connection with socket options."""

    class MyWebSocket(websocket.WebSocket):  # type: ignore[misc,name-defined]
        def recv_frame(self) -> Any:
            frame = super().recv_frame()
            print("yay! I got this frame: ", frame)
            return frame

    with peer() as server:
        ws = websocket.create_connection(
            server.url, sockopt=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),), class_=MyWebSocket
        )
        ws.send("hi")
        ws.recv()
        ws.close()
    assert "yay! I got this frame:  fin=1 opcode=1 data=b'hi'\n" in capsys.readouterr().out


def test_16_timeouts(websocket: Any) -> None:
    """The default for all, and one connection's own."""
    websocket.setdefaulttimeout(5)
    assert websocket.getdefaulttimeout() == 5
    with peer() as server:
        ws = websocket.WebSocket()
        ws.connect(server.url)
        ws.settimeout(7)
        assert ws.gettimeout() == 7
        ws.close()


def test_17_receiving_from_a_silent_server(websocket: Any) -> None:
    """connect(timeout=…), then recv raises WebSocketTimeoutException."""
    with peer() as server:
        ws = websocket.WebSocket()
        ws.connect(server.url, timeout=0.1)
        with pytest.raises(websocket.WebSocketTimeoutException):
            ws.recv()
        ws.close()


def test_18_app_and_the_default_timeout(websocket: Any, capsys: Any) -> None:
    """A server that never answers is printed as timed out; a silent one that has answered does not time out."""

    def on_error(wsapp: Any, err: Any) -> None:
        print("Got a an error: ", err)

    websocket.setdefaulttimeout(0.1)
    with peer(lambda conn: conn.linger()) as server:
        websocket.WebSocketApp(server.url, on_error=on_error).run_forever()
    assert "timed out" in capsys.readouterr().out

    opened: list[Any] = []
    for timeout_s in (0.1, 1.0, 5.0):  # a busy machine does not always shake hands within the first

        def silent(conn: Conn, silence_s: float = 3 * timeout_s) -> None:
            with contextlib.suppress(OSError, EOFError):  # the client has given up the handshake
                conn.shake_hands()
                threading.Event().wait(silence_s)
                conn.send(1, b"at last")
                conn.close_frame()
                conn.until_end()

        if not opened:
            websocket.setdefaulttimeout(timeout_s)
            with peer(silent) as server:
                wsapp = websocket.WebSocketApp(server.url, on_open=opened.append, on_message=printing)
                wsapp.run_forever()
    assert opened
    assert capsys.readouterr().out == "at last\n"


def test_19_http_proxy(websocket: Any) -> None:
    """A proxy with user and password, its port as a string."""
    with peer() as server, peer(http_proxy("username:password123")) as proxy:
        ws = websocket.WebSocket()
        ws.connect(
            server.url,
            http_proxy_host="127.0.0.1",
            http_proxy_port=str(proxy.port),
            proxy_type="http",
            http_proxy_auth=("username", "password123"),
        )
        ws.send("Hello, Server")
        assert ws.recv() == "Hello, Server"
        ws.close()


@pytest.mark.parametrize("kind", ["socks4", "socks4a", "socks5", "socks5h"])
def test_20_socks_proxy(websocket: Any, kind: str) -> None:
    """Each kind of SOCKS proxy."""
    with peer() as server, peer(socks4_proxy if kind < "socks5" else socks5_proxy) as proxy:
        ws = websocket.WebSocket()
        auth = {"http_proxy_auth": ("u", "p")} if kind.startswith("socks5") else {}
        ws.connect(server.url, http_proxy_host="127.0.0.1", http_proxy_port=str(proxy.port), proxy_type=kind, **auth)
        ws.send("Hello, Server")
        assert ws.recv() == "Hello, Server"
        ws.close()


def test_21_app_proxy(websocket: Any) -> None:
    """The app through a proxy."""
    with peer() as server, peer(http_proxy()) as proxy:
        wsapp = websocket.WebSocketApp(
            server.url, on_open=lambda ws: ws.send("x"), on_message=lambda ws, message: ws.close()
        )
        assert wsapp.run_forever(http_proxy_host="127.0.0.1", http_proxy_port=proxy.port, proxy_type="http") is False


def test_22_unix_socket(websocket: Any, tmp_path: Path) -> None:
    """A unix socket with a dummy URL."""
    path = str(tmp_path / "my_unix_socket")
    with peer(path=path):
        my_socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        my_socket.connect(path)
        ws = websocket.create_connection(
            "ws://localhost/", socket=my_socket, sockopt=((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),)
        )
        ws.send("x")
        assert ws.recv() == "x"
        ws.close()


def test_23_bound_socket(websocket: Any) -> None:
    """A socket that the program has bound and connected."""
    with peer() as server:
        my_socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        my_socket.bind(("127.0.0.1", 0))
        my_socket.connect(("127.0.0.1", server.port))
        ws = websocket.WebSocket()
        ws.connect(server.url, socket=my_socket)
        ws.send("x")
        assert ws.recv() == "x"
        ws.close()


def test_25_ping_and_pong(websocket: Any) -> None:
    """ping() and pong(), without and with text."""

    def script(conn: Conn) -> list[tuple[int, bytes]]:
        conn.shake_hands()
        return conn.until_end()

    with peer(script) as server:
        ws = websocket.WebSocket()
        ws.connect(server.url)
        ws.ping()
        ws.ping("This is an optional ping payload")
        ws.pong()
        ws.close(timeout=0)
        assert server.result()[:3] == [(9, b""), (9, b"This is an optional ping payload"), (10, b"")]


def test_26_app_ping_and_pong(websocket: Any, capsys: Any) -> None:
    """on_ping, on_pong, and run_forever that pings."""

    def on_message(wsapp: Any, message: Any) -> None:
        print(message)

    def on_ping(wsapp: Any, message: Any) -> None:
        print("Got a ping! A pong reply has already been automatically sent.")

    def on_pong(wsapp: Any, message: Any) -> None:
        print("Got a pong! No need to respond")

    def script(conn: Conn) -> None:
        conn.shake_hands()
        conn.send(9, b"server's")
        found = {conn.read(), conn.read()}
        assert found == {(10, b"server's"), (9, b"This is an optional ping payload")}
        conn.send(10, b"This is an optional ping payload")
        conn.close_frame()
        conn.until_end()

    with peer(script) as server:
        wsapp = websocket.WebSocketApp(server.url, on_message=on_message, on_ping=on_ping, on_pong=on_pong)
        wsapp.run_forever(ping_interval=0.2, ping_timeout=0.1, ping_payload="This is an optional ping payload")
    out = capsys.readouterr().out
    assert "Got a ping!" in out
    assert "Got a pong!" in out


@pytest.mark.parametrize("how", ["positional", "keyword"])
def test_27_close_codes(websocket: Any, how: str) -> None:
    """close with a code, by position and by name."""
    with peer(lambda conn: (conn.shake_hands(), conn.read(), conn.close_frame())[1]) as server:
        ws = websocket.WebSocket()
        ws.connect(server.url)
        if how == "positional":
            ws.close(websocket.STATUS_PROTOCOL_ERROR)
        else:
            ws.close(status=1002)
        assert server.result() == (8, struct.pack("!H", 1002))


def test_28_app_close_code(websocket: Any, capsys: Any) -> None:
    """close inside on_message, with messages that are not validated (bytes in theirs, str in ours and in the old one)."""

    def on_message(wsapp: Any, message: Any) -> None:
        print(message)
        wsapp.close(status=websocket.STATUS_PROTOCOL_ERROR)

    def script(conn: Conn) -> tuple[int, bytes]:
        conn.shake_hands(extra=frame_bytes(1, b"hello"))
        found = conn.read()
        conn.close_frame()
        return found

    with peer(script) as server:
        wsapp = websocket.WebSocketApp(server.url, on_message=on_message)
        wsapp.run_forever(skip_utf8_validation=True)
        assert server.result() == (8, struct.pack("!H", 1002))
    expected = "hello\n" if websocket.__name__ == "wsexample.sync" else "b'hello'\n"
    assert capsys.readouterr().out == expected


def test_29_own_close_codes(websocket: Any) -> None:
    """Codes from 3000 to 4999."""
    for code in (3000, 4999):
        with peer(lambda conn: (conn.shake_hands(), conn.read(), conn.close_frame())[1]) as server:
            ws = websocket.create_connection(server.url)
            ws.close(status=code)
            assert server.result() == (8, struct.pack("!H", code))


def test_30_receiving_a_close_code(websocket: Any, capsys: Any) -> None:
    """recv_data gives opcode 8, the code in two bytes, and the words."""
    with peer(saying(frame_bytes(8, struct.pack("!H", 1001) + b"going away"))) as server:
        ws = websocket.WebSocket()
        ws.connect(server.url)
        resp_opcode, msg = ws.recv_data()
        print("Response opcode: " + str(resp_opcode))
        if resp_opcode == 8 and len(msg) >= 2:
            print("Response close code: " + str(struct.unpack("!H", msg[0:2])[0]))
            print("Response message: " + str(msg[2:]))
        ws.shutdown()
    assert capsys.readouterr().out.splitlines() == [
        "Response opcode: 8",
        "Response close code: 1001",
        "Response message: b'going away'",
    ]


def test_31_app_receiving_a_close_code(websocket: Any, capsys: Any) -> None:
    """on_close with code and message, on_open that sends."""

    def on_close(wsapp: Any, close_status_code: Any, close_msg: Any) -> None:
        if close_status_code or close_msg:
            print("on_close args:", close_status_code, close_msg)

    def on_open(wsapp: Any) -> None:
        wsapp.send("Hello")

    def script(conn: Conn) -> None:
        conn.shake_hands()
        assert conn.read() == (1, b"Hello")
        conn.close_frame(4000, "seen")
        conn.until_end()

    with peer(script) as server:
        websocket.WebSocketApp(server.url, on_close=on_close, on_open=on_open).run_forever()
    assert capsys.readouterr().out == "on_close args: 4000 seen\n"


@pytest.mark.parametrize("kind", ["WebSocket", "WebSocketApp"])
def test_32_33_zero_mask_key(websocket: Any, kind: str) -> None:
    """set_mask_key, and the app's get_mask_key, with a function that returns str."""

    def zero_mask_key(_: int) -> str:
        return "\x00\x00\x00\x00"

    def script(conn: Conn) -> bytes:
        conn.shake_hands()
        whole = conn.read_whole()[2]
        conn.close_frame()
        conn.until_end()
        return whole

    with peer(script) as server:
        if kind == "WebSocket":
            ws = websocket.WebSocket()
            ws.set_mask_key(zero_mask_key)
            ws.connect(server.url)
            ws.send("Hello")
            ws.recv()
            ws.shutdown()
        else:
            websocket.WebSocketApp(
                server.url, get_mask_key=zero_mask_key, on_open=lambda ws: ws.send("Hello")
            ).run_forever()
        assert server.result() == b"\x81\x85\0\0\0\0Hello"


def test_34_opcodes(websocket: Any) -> None:
    """send with OPCODE_TEXT and with OPCODE_PING."""

    def script(conn: Conn) -> list[tuple[int, bytes]]:
        conn.shake_hands()
        return [conn.read(), conn.read()]

    with peer(script) as server:
        ws = websocket.WebSocket()
        ws.connect(server.url)
        ws.send("Hello, Server", websocket.ABNF.OPCODE_TEXT)
        ws.send("", websocket.ABNF.OPCODE_PING)
        assert server.result() == [(1, b"Hello, Server"), (9, b"")]
        ws.shutdown()


def test_35_app_opcodes(websocket: Any) -> None:
    """Binary messages to and from an app."""
    seen: list[Any] = []

    def on_data(wsapp: Any, data: Any, opcode: int, flag: Any) -> None:
        seen.append((data, opcode))
        if len(seen) == 2:
            wsapp.close()

    def on_open(wsapp: Any) -> None:
        wsapp.send(b"\0", websocket.ABNF.OPCODE_BINARY)
        wsapp.send_bytes(b"\1")

    with peer(echo) as server:
        websocket.WebSocketApp(server.url, on_open=on_open, on_data=on_data).run_forever()
    assert seen == [(b"\0", 2), (b"\1", 2)]


def test_threads_as_in_the_readme(websocket: Any) -> None:
    """The long-lived connection of the README: callbacks, and a dispatcher's place taken by run_forever's own loop."""
    log: list[str] = []

    def on_message(ws: Any, message: str) -> None:
        log.append(f"message {message}")
        ws.close()

    def on_error(ws: Any, error: Any) -> None:
        log.append(f"error {error}")

    def on_close(ws: Any, close_status_code: Any, close_msg: Any) -> None:
        log.append("### closed ###")

    def on_open(ws: Any) -> None:
        log.append("Opened connection")
        threading.Thread(target=lambda: ws.send("from a thread")).start()

    with peer() as server:
        ws = websocket.WebSocketApp(
            server.url, on_open=on_open, on_message=on_message, on_error=on_error, on_close=on_close
        )
        ws.run_forever(reconnect=5)
    assert log == ["Opened connection", "message from a thread", "### closed ###"]


def test_closing_is_the_documented_idiom(websocket: Any) -> None:
    """contextlib.closing around create_connection."""
    with peer() as server, contextlib.closing(websocket.create_connection(server.url)) as ws:
        assert isinstance(server, Peer)
        ws.send("x")
        assert ws.recv() == "x"
