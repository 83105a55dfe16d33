"""On the way to a server ours does better than websocket-client: proxies, addresses, redirects, sockets of the program's."""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.sync.peer import Conn, Peer, connected, peer
from tests.sync.test_proxies import echoes, http_proxy, socks5_proxy
from wsexample import sync


def test_socks_failures_are_proxy_exceptions_too(server: Peer) -> None:
    """Every failure at a proxy can be caught as WebSocketProxyException."""
    for kind in ("socks5", "socks6"):
        with pytest.raises(sync.WebSocketProxyException):
            echoes(sync, server.url, http_proxy_host="127.0.0.1", http_proxy_port=1, proxy_type=kind)


def test_no_proxy_type_means_http(server: Peer) -> None:
    """An app needs no proxy_type for an HTTP proxy."""
    with peer(http_proxy()) as proxy:
        app = sync.WebSocketApp(server.url, on_open=lambda app: app.close())
        assert app.run_forever(http_proxy_host="127.0.0.1", http_proxy_port=proxy.port) is False
        assert b"CONNECT" in proxy.result()


def test_hosts_bypass_a_socks_proxy_too(server: Peer) -> None:
    """http_no_proxy counts for every kind of proxy."""
    where = {"http_proxy_host": "127.0.0.1", "http_proxy_port": 1, "proxy_type": "socks5"}
    assert echoes(sync, server.url, http_no_proxy=["127.0.0.1"], **where)


def test_the_environment_may_name_a_socks_proxy(server: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """all_proxy is read, and the scheme of its URL is looked at."""
    with peer(socks5_proxy) as proxy:
        monkeypatch.setenv("all_proxy", f"socks5h://u:p@127.0.0.1:{proxy.port}")
        assert echoes(sync, f"ws://localhost:{server.port}")
        assert proxy.result() == (3, b"localhost")


def test_addresses_are_tried_side_by_side(server: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As RFC 8305 has it: one that never answers does not keep the program from the next."""
    with socket.socket() as mute, contextlib.ExitStack() as full:
        mute.bind(("127.0.0.2", server.port))
        mute.listen(0)
        for _ in range(4):  # the system answers nobody any more when as many wait as it keeps
            waiting = full.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(mute.getsockname())

        def both(host: Any, port: Any, **how: Any) -> Any:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ("127.0.0.2", "127.0.0.1")]

        monkeypatch.setattr(socket, "getaddrinfo", both)
        assert echoes(sync, f"ws://two.test:{server.port}/")


def test_a_url_may_name_a_unix_socket(tmp_path: Path) -> None:
    """No socket has to be prepared, and Host is localhost."""
    path = str(tmp_path / "s")
    with peer(path=path):
        assert echoes(sync, f"ws+unix:{path}:/x")


# -- redirects -------------------------------------------------------------------------------------------------------


def redirecting(location: str) -> Any:
    """A script: / leads to a location, everything else opens; returns target and headers."""

    def script(conn: Conn) -> tuple[str, dict[str, str]]:
        conn.read_head()
        if conn.target == "/":
            where = location.replace("PORT", str(conn.sock.getsockname()[1]))
            conn.answer(f"Location: {where}", "Content-Length: 0", status="307 Temporary Redirect")
        else:
            conn.answer()
        return conn.target, dict(conn.headers)

    return script


@pytest.mark.parametrize("location", ["/there", "http://127.0.0.1:PORT/there"])
def test_redirects_may_be_relative_and_http(location: str) -> None:
    """They lead where a browser would go."""
    with peer(redirecting(location)) as server:
        connected(server).shutdown()
        assert server.result()[0] == "/"
        assert server.result()[0] == "/there"


def test_a_redirect_takes_no_credentials_to_strangers() -> None:
    """Authorization and cookies stay with the host they were given for; Host and Origin are the new host's."""
    with peer(redirecting("ws://localhost:PORT/there")) as server:
        connected(server, header={"Authorization": "secret", "X-A": "1"}, cookie="a=1").shutdown()
        _, first = server.result()
        _, second = server.result()
        assert (first["Authorization"], first["Cookie"]) == ("secret", "a=1")
        assert not {"Authorization", "Cookie"} & second.keys()
        assert second["X-A"] == "1"
        assert second["Host"] == f"localhost:{server.port}"
        assert second["Origin"] == f"http://localhost:{server.port}"


def test_a_redirect_does_not_give_up_tls(tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """From wss only wss is followed."""
    with (
        peer(redirecting("ws://127.0.0.1:PORT/there"), tls=tls_contexts[0]) as server,
        pytest.raises(sync.WebSocketException, match="TLS is not given up"),
    ):
        connected(server, sslopt={"context": tls_contexts[1]})


# -- sockets of the program's ----------------------------------------------------------------------------------------


def test_a_given_socket_gets_options_and_timeout() -> None:
    """sockopt and the timeout hold for it as for any other."""
    with peer() as server:
        sock = socket.create_connection(("127.0.0.1", server.port))
        options = ((socket.SOL_SOCKET, socket.SO_RCVBUF, 100_000),)
        ws = sync.create_connection(server.url, timeout=7, socket=sock, sockopt=options)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 200_000
        assert sock.gettimeout() == 7
        ws.close()


def test_wss_over_a_given_socket_is_encrypted(tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """TLS is put on a plain socket, and one that has it already is used as it is."""
    server_context, client_context = tls_contexts
    with peer(tls=server_context) as server:
        plain = socket.create_connection(("127.0.0.1", server.port))
        secure = client_context.wrap_socket(
            socket.create_connection(("127.0.0.1", server.port)), server_hostname="127.0.0.1"
        )
        for sock, sslopt in ((plain, {"context": client_context}), (secure, {})):
            ws = connected(server, socket=sock, sslopt=sslopt)
            assert ws.is_ssl()
            ws.send("x" * 100_000)
            assert len(ws.recv()) == 100_000
            ws.close()
