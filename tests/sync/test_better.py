"""What websocket-client does badly and ours does well; each test is named after what it promises."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import inspect
import logging
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sync.peer import DEADLINE_S, Conn, Peer, frame_bytes, peer, run_in_thread, saying
from tests.sync.test_proxies import echoes, http_proxy, socks5_proxy
from wsexample import sync
from wsexample.errors import ConnectionClosed, HandshakeError, ProtocolError, WsExampleError


def connected(server: Any, **options: Any) -> Any:
    return sync.create_connection(server.url, timeout=10, **options)


def head_for(name: str, /, **options: Any) -> list[str]:
    """The values of a request header that these options send."""

    def script(conn: Conn) -> list[str]:
        conn.shake_hands()
        return [value for each, value in conn.headers if each.lower() == name.lower()]

    with peer(script) as server:
        connected(server, **options).shutdown()
        return server.result()  # type: ignore[no-any-return]


def staying(conn: Conn) -> None:
    conn.shake_hands()
    conn.linger()


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


# -- the way to the server -------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Peer]:
    with peer() as serving:
        yield serving


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


# -- the app ---------------------------------------------------------------------------------------------------------


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
