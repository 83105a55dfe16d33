"""The request that is sent for each option, and what each answer leads to; against websocket-client too."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.sync.peer import Conn, frame_bytes, peer


def request_for(module: Any, url_path: str = "/", **options: Any) -> bytes:
    """The request head that these options make, its key and port replaced."""

    def script(conn: Conn) -> bytes:
        conn.shake_hands(*(["Sec-WebSocket-Protocol: a"] if "subprotocols" in options else []))
        return conn.head

    with peer(script) as server:
        module.create_connection(server.url + url_path, timeout=10, **options).shutdown()
        head: bytes = server.result().replace(str(server.port).encode(), b"PORT")
    return re.sub(rb"Sec-WebSocket-Key: [\w+/]{22}==", b"Sec-WebSocket-Key: KEY", head)


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ({}, ["Host: 127.0.0.1:PORT", "Origin: http://127.0.0.1:PORT"]),
        ({"host": "sub.test/path"}, ["Host: sub.test/path", "Origin: http://127.0.0.1:PORT"]),
        ({"suppress_host": True}, ["Origin: http://127.0.0.1:PORT"]),
        ({"origin": "testing.test"}, ["Host: 127.0.0.1:PORT", "Origin: testing.test"]),
        ({"suppress_origin": True}, ["Host: 127.0.0.1:PORT"]),
    ],
)
def test_the_request_line_by_line(websocket: Any, options: dict[str, Any], lines: list[str]) -> None:
    """The same lines in the same order, and no others."""
    assert request_for(websocket, "/chat?x=1", **options).decode().split("\r\n") == [
        "GET /chat?x=1 HTTP/1.1",
        "Upgrade: websocket",
        *lines,
        "Sec-WebSocket-Key: KEY",
        "Sec-WebSocket-Version: 13",
        "Connection: Upgrade",
    ]


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ({"subprotocols": ["a", "b"]}, ["Connection: Upgrade", "Sec-WebSocket-Protocol: a,b"]),
        ({"header": ["X-A: 1", "X-B:2"]}, ["Connection: Upgrade", "X-A: 1", "X-B:2"]),
        ({"header": {"X-A": "1", "X-Gone": None}}, ["Connection: Upgrade", "X-A: 1"]),
        ({"cookie": "a=1; b=2", "header": ["X-A: 1"]}, ["Connection: Upgrade", "X-A: 1", "Cookie: a=1; b=2"]),
        ({"connection": "Connection: keep-alive, Upgrade"}, ["Connection: keep-alive, Upgrade"]),
    ],
)
def test_further_lines(websocket: Any, options: dict[str, Any], lines: list[str]) -> None:
    """Options add their lines at the end, in the contract's order."""
    head = request_for(websocket, **options).decode().replace("X-B: 2", "X-B:2")
    assert head.split("\r\n")[-len(lines) :] == lines


def test_a_key_of_the_programs_is_checked(websocket: Any) -> None:
    """Sec-WebSocket-Key of a dictionary replaces the built-in one, and the answer is checked against it."""
    key = "dGhlIHNhbXBsZSBub25jZQ=="

    def script(conn: Conn) -> list[str]:
        conn.shake_hands()
        return [value for name, value in conn.headers if name == "Sec-WebSocket-Key"]

    with peer(script) as server:
        header = {"Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13"}
        websocket.create_connection(server.url, timeout=10, header=header).shutdown()
        assert server.result() == [key]


@pytest.mark.parametrize("url", ["", "no-colon", "ws://", "http://127.0.0.1/", "wss:///x"])
def test_a_bad_url_is_a_value_error(websocket: Any, url: str) -> None:
    """No colon, no host, or another scheme."""
    with pytest.raises(ValueError):  # noqa: PT011 - the contract names the class, each side has words of its own
        websocket.create_connection(url)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_an_answer_that_opens_nothing(websocket: Any, answer: bytes) -> None:
    """A 101 without its headers, and what is no HTTP, raise WebSocketException and leave nothing open."""

    def script(conn: Conn) -> None:
        conn.read_head()
        conn.raw(answer)

    with peer(script) as server:
        ws = websocket.WebSocket()
        with pytest.raises(websocket.WebSocketException):
            ws.connect(server.url, timeout=10)
        assert ws.sock is None


@pytest.mark.parametrize("more", [[], ["Sec-WebSocket-Protocol: other"]])
def test_a_subprotocol_must_be_chosen(websocket: Any, more: list[str]) -> None:
    """With subprotocols offered, a server that chooses none or another is not accepted."""
    with (
        peer(lambda conn: conn.shake_hands(*more)) as server,
        pytest.raises(websocket.WebSocketException, match="Invalid WebSocket Header"),
    ):
        websocket.create_connection(server.url, timeout=10, subprotocols=["a"])


def test_a_subprotocol_nobody_asked_for_is_ignored(websocket: Any) -> None:
    """Without subprotocols the server may name what it likes."""
    with peer(lambda conn: conn.shake_hands("Sec-WebSocket-Protocol: x")) as server:
        ws = websocket.create_connection(server.url, timeout=10)
        assert ws.subprotocol is None
        ws.shutdown()


def test_a_refusal_tells_everything(websocket: Any) -> None:
    """Status, words, headers and body are attributes; str() is the message."""

    def script(conn: Conn) -> None:
        conn.read_head()
        conn.answer("X-Why: 1", "Content-Length: 4", status="403 Forbidden", extra=b"nope")

    with peer(script) as server, pytest.raises(websocket.WebSocketBadStatusException) as caught:
        websocket.create_connection(server.url, timeout=10)
    error = caught.value
    assert (error.status_code, error.status_message, error.resp_body) == (403, "Forbidden", b"nope")
    assert error.resp_headers["x-why"] == "1"
    assert str(error).startswith("Handshake status 403 Forbidden")


def test_a_refusal_without_a_length_is_not_waited_for(websocket: Any) -> None:
    """A body that nobody announced is not read, though the connection stays open."""

    def script(conn: Conn) -> None:
        conn.read_head()
        conn.answer(status="404 Not Found")
        conn.linger()

    with peer(script) as server, pytest.raises(websocket.WebSocketBadStatusException) as caught:
        websocket.create_connection(server.url, timeout=10)
    assert (caught.value.status_code, caught.value.resp_body) == (404, None)


def test_a_server_that_hangs_up_during_the_handshake(websocket: Any) -> None:
    """It is a lost connection."""
    with peer(lambda conn: conn.read_head()) as server, pytest.raises(websocket.WebSocketConnectionClosedException):
        websocket.create_connection(server.url, timeout=10)


def test_nobody_listens(websocket: Any) -> None:
    """ConnectionRefusedError, which is no WebSocketException."""
    with peer() as server:
        url = server.url
    with pytest.raises(ConnectionRefusedError) as caught:
        websocket.create_connection(url, timeout=10)
    assert not isinstance(caught.value, websocket.WebSocketException)


def test_a_name_that_does_not_exist(websocket: Any) -> None:
    """WebSocketAddressException."""
    with pytest.raises(websocket.WebSocketAddressException):
        websocket.create_connection("ws://no-such-host.invalid/", timeout=10)


# -- redirects -------------------------------------------------------------------------------------------------------


def redirecting(conn: Conn) -> str:
    """A script: /N leads to /N-1, and /0 opens."""
    conn.read_head()
    number = int(conn.target[1:])
    if number:
        port = conn.sock.getsockname()[1]
        conn.answer(f"Location: ws://127.0.0.1:{port}/{number - 1}", "Content-Length: 0", status="302 Found")
    else:
        conn.answer(extra=frame_bytes(1, b"here"))
        conn.linger()
    return conn.target


def test_redirects_are_followed(websocket: Any) -> None:
    """Up to three of them by default."""
    with peer(redirecting) as server:
        ws = websocket.create_connection(f"{server.url}/3", timeout=10)
        assert ws.recv() == "here"
        ws.shutdown()
        with pytest.raises(websocket.WebSocketException, match="Redirect limit exhausted"):
            websocket.create_connection(f"{server.url}/4", timeout=10)


def test_no_redirect_is_followed_when_the_limit_is_zero(websocket: Any) -> None:
    """The first one raises."""
    with peer(redirecting) as server, pytest.raises(websocket.WebSocketException, match="Redirect limit exhausted"):
        websocket.create_connection(f"{server.url}/1", timeout=10, redirect_limit=0)


# -- sockets ---------------------------------------------------------------------------------------------------------


def test_socket_options_are_applied(websocket: Any) -> None:
    """The defaults first, then the program's."""
    with peer() as server:
        ws = websocket.create_connection(
            server.url, timeout=10, sockopt=((socket.SOL_SOCKET, socket.SO_RCVBUF, 100_000),)
        )
        assert ws.sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 200_000
        assert ws.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert ws.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        ws.close()
    assert websocket.DEFAULT_SOCKET_OPTION[0] == (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def test_a_socket_of_the_programs(websocket: Any) -> None:
    """A connected socket is used as it is; the URL still gives Host and path."""
    with peer() as server:
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        sock.connect(("127.0.0.1", server.port))
        ws = websocket.create_connection("ws://dummy.test:81/path", socket=sock)
        ws.send("x")
        assert ws.recv() == "x"
        assert ws.sock is sock
        assert server.conns[0].target == "/path"
        assert server.conns[0].header("Host") == "dummy.test:81"
        ws.close()


def test_a_unix_socket_of_the_programs(websocket: Any, tmp_path: Path) -> None:
    """A unix socket is passed with a dummy URL, with socket options as in the documentation."""
    path = str(tmp_path / "s")
    with peer(path=path):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(path)
        ws = websocket.create_connection(
            "ws://localhost/", socket=sock, sockopt=((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),)
        )
        ws.send("x")
        assert ws.recv() == "x"
        ws.close()


# -- TLS options -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    """An authority, and a folder with its certificate and one for a client."""
    folder = tmp_path_factory.mktemp("tls")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    client = ca.issue_cert("client@example.test")
    client.private_key_pem.write_to_path(str(folder / "client.key"))
    client.cert_chain_pems[0].write_to_path(str(folder / "client.pem"))
    return ca, folder


def server_tls(ca: trustme.CA, *names: str, asks_client: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(*names).configure_cert(context)
    if asks_client:
        ca.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def works(module: Any, url: str, sslopt: dict[str, Any]) -> bool:
    with contextlib.closing(module.create_connection(url, timeout=10, sslopt=sslopt)) as ws:
        ws.send("x")
        return bool(ws.recv() == "x")


def test_certificates_are_verified_unless_told_otherwise(websocket: Any, authority: tuple[trustme.CA, Path]) -> None:
    """An unknown authority is ssl.SSLCertVerificationError; ca_certs makes it known, CERT_NONE stops asking."""
    ca, folder = authority
    with peer(tls=server_tls(ca, "127.0.0.1")) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            works(websocket, server.url, {})
        assert works(websocket, server.url, {"ca_certs": str(folder / "ca.pem")})
        assert works(websocket, server.url, {"cert_reqs": ssl.CERT_NONE})
        assert works(websocket, server.url, {"cert_reqs": ssl.CERT_NONE, "check_hostname": False})
        with pytest.raises(websocket.WebSocketException):
            works(websocket, server.url, {"cert_reqs": ssl.CERT_NONE, "check_hostname": True})


def test_the_name_is_verified_unless_told_otherwise(websocket: Any, authority: tuple[trustme.CA, Path]) -> None:
    """A certificate for another name is refused; check_hostname False or server_hostname accept it."""
    ca, folder = authority
    trusting = {"ca_certs": str(folder / "ca.pem")}
    with peer(tls=server_tls(ca, "other.test")) as server:
        with pytest.raises(ssl.SSLError):
            works(websocket, server.url, trusting)
        assert works(websocket, server.url, {**trusting, "check_hostname": False})
        assert works(websocket, server.url, {**trusting, "server_hostname": "other.test"})


def test_a_client_certificate(websocket: Any, authority: tuple[trustme.CA, Path]) -> None:
    """certfile and keyfile, or cert_chain as a triple, are shown to a server that asks."""
    ca, folder = authority
    trusting = {"ca_certs": str(folder / "ca.pem")}
    files = (str(folder / "client.pem"), str(folder / "client.key"))
    with peer(tls=server_tls(ca, "127.0.0.1", asks_client=True)) as server:
        assert works(websocket, server.url, {**trusting, "certfile": files[0], "keyfile": files[1]})
        assert works(websocket, server.url, {**trusting, "cert_chain": (*files, None)})
        with pytest.raises((ssl.SSLError, websocket.WebSocketConnectionClosedException)):
            works(websocket, server.url, trusting)


@pytest.mark.parametrize(
    "sslopt",
    [{"ca_certs": "/no/such/file"}, {"certfile": "/no/such/file"}, {"ciphers": "nonsense"}, {"ecdh_curve": "nonsense"}],
)
def test_tls_settings_that_cannot_be_used(websocket: Any, sslopt: dict[str, Any], authority: Any) -> None:
    """They are WebSocketExceptions."""
    with peer(tls=server_tls(authority[0], "127.0.0.1")) as server, pytest.raises(websocket.WebSocketException):
        works(websocket, server.url, sslopt)


def test_the_bundle_of_the_environment(
    websocket: Any, authority: tuple[trustme.CA, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """WEBSOCKET_CLIENT_CA_BUNDLE names authorities to trust."""
    ca, folder = authority
    monkeypatch.setenv("WEBSOCKET_CLIENT_CA_BUNDLE", str(folder / "ca.pem"))
    with peer(tls=server_tls(ca, "127.0.0.1")) as server:
        assert works(websocket, server.url, {})


def test_keys_are_logged_when_the_environment_says_so(
    websocket: Any, authority: tuple[trustme.CA, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """SSLKEYLOGFILE names a file by which a sniffer can read along."""
    ca, folder = authority
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    with peer(tls=server_tls(ca, "127.0.0.1")) as server:
        assert works(websocket, server.url, {"ca_certs": str(folder / "ca.pem")})
    assert "SECRET" in (tmp_path / "keys").read_text()


def test_a_port_without_tls(websocket: Any, authority: Any) -> None:
    """wss to a server that does not speak TLS is an ssl.SSLError."""

    def script(conn: Conn) -> None:
        conn.sock.recv(1)
        conn.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        conn.linger()

    with peer(script) as server, pytest.raises(ssl.SSLError):
        websocket.create_connection(server.url.replace("ws:", "wss:"), timeout=10)
