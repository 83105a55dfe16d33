"""Proxies by option and by environment, HTTP and SOCKS, with small proxies made here; real ones are in tests/integration."""

from __future__ import annotations

import base64
import contextlib
import socket
import struct
import threading
from typing import Any

import pytest
import python_socks

from tests.sync.peer import Conn, Peer, peer


def relay(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until an end closes."""

    def carry(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    thread = threading.Thread(target=carry, args=(other, one), daemon=True)
    thread.start()
    carry(one, other)
    thread.join(10)
    other.close()


def http_proxy(auth: str | None = None) -> Any:
    """A script of an HTTP proxy; returns the CONNECT request."""

    def script(conn: Conn) -> bytes:
        head = conn.read_head()
        wanted = None if auth is None else "Basic " + base64.b64encode(auth.encode()).decode()
        if conn.header("Proxy-Authorization") != wanted:
            conn.answer("Content-Length: 0", status="407 Proxy Authentication Required")
            return head
        host, _, port = conn.target.rpartition(":")
        conn.answer(status="200 Connection established")
        relay(conn.sock, socket.create_connection((host, int(port))))
        return head

    return script


def socks5_proxy(conn: Conn) -> tuple[int, bytes]:
    """A script of a SOCKS5 proxy with the user "u" and password "p"; returns address type and address asked for."""
    sock = conn.sock
    _, count = sock.recv(2)
    sock.recv(count)
    sock.sendall(b"\5\2")
    user = sock.recv(513)
    if user != b"\1\1u\1p":
        sock.sendall(b"\1\1")
        return 0, b""
    sock.sendall(b"\1\0")
    kind = sock.recv(4)[3]
    address = sock.recv(4 if kind == 1 else sock.recv(1)[0])
    port = struct.unpack("!H", sock.recv(2))[0]
    sock.sendall(b"\5\0\0\1\0\0\0\0\0\0")
    relay(sock, socket.create_connection(("127.0.0.1", port)))
    return kind, address


def socks4_proxy(conn: Conn) -> bytes:
    """A script of a SOCKS4 and 4a proxy; returns the request."""
    request = conn.sock.recv(1024)
    port = struct.unpack("!H", request[2:4])[0]
    conn.sock.sendall(b"\0\x5a" + bytes(6))
    relay(conn.sock, socket.create_connection(("127.0.0.1", port)))
    return request


def echoes(module: Any, url: str, **options: Any) -> bool:
    with contextlib.closing(module.create_connection(url, timeout=10, **options)) as ws:
        ws.send("x")
        return bool(ws.recv() == "x")


def test_an_http_proxy_by_option(websocket: Any, server: Peer) -> None:
    """CONNECT is used for ws too; the port may be a str; user and password are sent."""
    with peer(http_proxy("user:secret")) as proxy:
        options = {"http_proxy_host": "127.0.0.1", "proxy_type": "http", "http_proxy_auth": ("user", "secret")}
        assert echoes(websocket, server.url, http_proxy_port=str(proxy.port), **options)
        assert proxy.result().startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1" % server.port)


def test_a_proxy_that_refuses(websocket: Any, server: Peer) -> None:
    """WebSocketProxyException names the status."""
    with peer(http_proxy("user:secret")) as proxy, pytest.raises(websocket.WebSocketProxyException, match="407"):
        echoes(websocket, server.url, http_proxy_host="127.0.0.1", http_proxy_port=proxy.port)


def test_a_proxy_without_a_port(websocket: Any, server: Peer) -> None:
    """A host alone is not enough."""
    with pytest.raises(websocket.WebSocketProxyException):
        echoes(websocket, server.url, http_proxy_host="127.0.0.1")


@pytest.mark.parametrize("rule", ["127.0.0.1", "127.0.0.0/8", "*"])
def test_hosts_that_bypass_the_proxy(websocket: Any, server: Peer, rule: str) -> None:
    """http_no_proxy names addresses, networks, or everything."""
    assert echoes(websocket, server.url, http_proxy_host="127.0.0.1", http_proxy_port=1, http_no_proxy=[rule])


def test_the_proxy_of_the_environment(websocket: Any, server: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """http_proxy is for ws, also to this machine, with user and password in it; no_proxy excepts hosts."""
    with peer(http_proxy("user:se cret")) as proxy:
        monkeypatch.setenv("http_proxy", f"http://user:se%20cret@127.0.0.1:{proxy.port}")
        assert echoes(websocket, server.url)
        assert b"CONNECT" in proxy.result()
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.setenv("no_proxy", "example.test, 127.0.0.1")
        assert echoes(websocket, server.url)


@pytest.mark.parametrize(("kind", "host", "expected"), [("socks5", "localhost", 1), ("socks5h", "localhost", 3)])
def test_a_socks5_proxy(websocket: Any, server: Peer, kind: str, host: str, expected: int) -> None:
    """socks5 sends an address, socks5h the name."""
    with peer(socks5_proxy) as proxy:
        assert echoes(
            websocket,
            f"ws://{host}:{server.port}",
            http_proxy_host="127.0.0.1",
            http_proxy_port=proxy.port,
            http_proxy_auth=("u", "p"),
            proxy_type=kind,
        )
        assert proxy.result()[0] == expected


@pytest.mark.parametrize(("kind", "resolves"), [("socks4", False), ("socks4a", True)])
def test_a_socks4_proxy(websocket: Any, server: Peer, kind: str, resolves: bool) -> None:
    """socks4 sends an address, socks4a the name."""
    with peer(socks4_proxy) as proxy:
        assert echoes(
            websocket,
            f"ws://localhost:{server.port}",
            http_proxy_host="127.0.0.1",
            http_proxy_port=proxy.port,
            proxy_type=kind,
        )
        assert (b"localhost" in proxy.result()) == resolves


def test_socks_failures_keep_python_socks_names(websocket: Any, server: Peer) -> None:
    """A refused login is python_socks.ProxyError, an absent proxy ProxyConnectionError, an unknown kind ProxyError."""
    with peer(socks5_proxy) as proxy, pytest.raises(python_socks.ProxyError):
        echoes(
            websocket,
            server.url,
            http_proxy_host="127.0.0.1",
            http_proxy_port=proxy.port,
            http_proxy_auth=("u", "wrong"),
            proxy_type="socks5",
        )
    with pytest.raises(python_socks.ProxyConnectionError):
        echoes(websocket, server.url, http_proxy_host="127.0.0.1", http_proxy_port=proxy.port, proxy_type="socks5")
    with pytest.raises(python_socks.ProxyError):
        echoes(websocket, server.url, http_proxy_host="127.0.0.1", http_proxy_port=1, proxy_type="socks6")


def test_a_socks_proxy_that_says_nothing(websocket: Any, server: Peer) -> None:
    """http_proxy_timeout bounds it, and python_socks.ProxyTimeoutError says so."""
    with peer(lambda conn: conn.linger()) as proxy, pytest.raises(python_socks.ProxyTimeoutError):
        echoes(
            websocket,
            server.url,
            http_proxy_host="127.0.0.1",
            http_proxy_port=proxy.port,
            http_proxy_timeout=0.05,
            proxy_type="socks5",
        )


def test_an_app_through_a_proxy(websocket: Any, server: Peer) -> None:
    """run_forever takes the same options."""
    with peer(http_proxy()) as proxy:
        seen = []

        def on_message(app: Any, message: str) -> None:
            seen.append(message)
            app.close()

        app = websocket.WebSocketApp(server.url, on_message=on_message, on_open=lambda app: app.send("x"))
        app.run_forever(http_proxy_host="127.0.0.1", http_proxy_port=str(proxy.port), proxy_type="http")
        assert seen == ["x"]
        assert b"CONNECT" in proxy.result()
