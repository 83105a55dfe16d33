"""Every way to a peer works, every step has its deadline, and every failure names its step."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.wire.conftest import Security, answering, echo, failure, free_port, hold, mute, pair, raw_peer, until
from wsexample.errors import (
    ConnectError,
    DeadlineError,
    DialError,
    HandshakeError,
    OptionError,
    ResolveError,
    TlsError,
)
from wsexample.wire.autobahn import WebSocketClientFactory
from wsexample.wire.connection import Connection, connect
from wsexample.wire.options import TlsOptions
from wsexample.wire.scripted import accept
from wsexample.wire.server import Reject, Request, serve
from wsexample.wire.tls import server_context

RunGrid = Callable[[Any], Any]


async def asked(**options: Any) -> Request:
    """Connect with these options and return what the server saw."""
    async with pair(hold, **options) as (server, _):
        return next(iter(server.connections)).request


# -- the request -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "header", "value"),
    [
        ({"headers": {"X-A": "1"}}, "x-a", "1"),
        ({"headers": lambda: [("X-A", "2")]}, "x-a", "2"),
        ({"origin": "https://page.test"}, "origin", "https://page.test"),
        ({}, "origin", None),
        ({"host": "other.test"}, "host", "other.test"),
        ({"cookie": {"a": "1"}}, "cookie", "a=1"),
        ({"auth": ("Aladdin", "open sesame")}, "authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ({"bearer": "abc"}, "authorization", "Bearer abc"),
        ({"user_agent": "me"}, "user-agent", "me"),
        ({"user_agent": ""}, "user-agent", None),
    ],
)
def test_each_option_reaches_the_server(run: RunGrid, options: dict[str, Any], header: str, value: str | None) -> None:
    """What was asked for is what the server sees."""
    assert run(asked(**options)).headers.get(header) == value


def test_the_user_agent_names_the_version(run: RunGrid) -> None:
    """By default a server's log can tell who connects."""
    assert run(asked()).headers["user-agent"].startswith("wsexample/")


def test_headers_are_asked_anew_at_each_attempt(run: RunGrid) -> None:
    """A token that expires can be fetched when it is needed, also by a coroutine, and again after a redirect."""

    async def scenario() -> tuple[int, str]:
        calls = 0

        async def token() -> dict[str, str]:
            nonlocal calls
            calls += 1
            return {"X-Token": str(calls)}

        async def judge(request: Request) -> Reject | None:
            return Reject(302, headers={"Location": "/there"}) if request.path == "/" else None

        async with serve(hold, accept=judge) as server, connect(server.url, headers=token):
            request = next(iter(server.connections)).request
        return calls, f"{request.path} {request.headers['x-token']}"

    assert run(scenario()) == (2, "/there 2")


def test_headers_that_cannot_be_sent_are_refused_when_asked(run: RunGrid) -> None:
    """What a callable gives is checked like everything else."""
    assert isinstance(run(failure("ws://127.0.0.1:1", headers=lambda: {"a b": "c"})), OptionError)


# -- the answer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "then_close", "status", "body"),
    [
        (b"HTTP/1.1 403 No\r\nContent-Length: 4\r\n\r\nbody", False, 403, b"body"),
        (b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", False, 403, b"body"),
        (b"HTTP/1.1 403 No\r\n\r\nuntil the end", True, 403, b"until the end"),
        (b"HTTP/1.1 500 \xe4\r\nX: \xff\r\n\r\n", True, 500, b""),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False, 200, b""),
        (
            b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 401 Who\r\nContent-Length: 1\r\n\r\n?",
            False,
            401,
            b"?",
        ),
    ],
)
def test_a_refusal_comes_with_everything_the_server_said(
    run_grid: RunGrid, response: bytes, then_close: bool, status: int, body: bytes
) -> None:
    """Status, headers and body, however the body is delimited."""

    async def scenario() -> Any:
        async with answering(response, then_close=then_close) as url:
            return await failure(url)

    error = run_grid(scenario())
    assert isinstance(error, HandshakeError)
    assert (error.step, error.status, error.body) == ("handshake", status, body)
    assert f"HTTP {status}" in str(error)


def test_a_refusal_whose_body_never_ends_is_still_told(run: RunGrid) -> None:
    """At the deadline what came is worth more than 'too late'."""

    async def scenario() -> Any:
        async with answering(b"HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\npart", then_close=False) as url:
            return await failure(url, handshake_timeout_s=0.1)

    error = run(scenario())
    assert (error.status, error.body) == (404, b"part")


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n", "is it a WebSocket server"),
        (b"HTTP/1.1 101 OK\r\n\r\n", "opened the WebSocket wrongly"),
        (b"HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n", "wrongly"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, "longer than"),
        (b"", "closed the connection without answering"),
        (b"HTTP/1.1 4", "closed the connection without answering"),
    ],
)
def test_what_is_no_websocket_server_is_recognised(run_grid: RunGrid, response: bytes, words: str) -> None:
    """Other protocols, wrong keys, endless heads and silent ends are told apart."""

    async def scenario() -> Any:
        async with answering(response) as url:
            return await failure(url)

    error = run_grid(scenario())
    assert isinstance(error, HandshakeError)
    assert words in str(error)


def test_a_head_that_is_not_ascii_opens_all_the_same(run: RunGrid) -> None:
    """HTTP allows any byte in a header's value."""

    async def scenario() -> bool:
        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(accept().response(head)[:-2] + b"X-Name: \xe4\xff\r\n\r\n")
            await reader.read(6)

        async with raw_peer(play) as url:
            ws = await connect(url)
            ws.abort()
            await ws.wait_closed()
            return "x-name" in ws.response_headers

    assert run(scenario()) is True


# -- deadlines -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "options", "step"),
    [
        ("ws", {"handshake_timeout_s": 0.05}, "handshake"),
        ("wss", {"connect_timeout_s": 0.05}, "tls"),
    ],
)
def test_a_peer_that_says_nothing_has_a_deadline(run_grid: RunGrid, scheme: str, options: Any, step: str) -> None:
    """TLS and the opening handshake are bounded, and the error says which was too late."""

    async def scenario() -> Any:
        async with raw_peer(mute) as url:
            return await failure(url.replace("ws:", f"{scheme}:"), **options)

    error = run_grid(scenario())
    assert isinstance(error, DeadlineError)
    assert (error.step, error.timeout_s) == (step, 0.05)


def test_connecting_has_a_deadline(run: RunGrid) -> None:
    """A backlog that is full swallows connections: the wait for them is bounded."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux lets a full backlog swallow connections")

    async def scenario(port: int) -> Any:
        return await failure(f"ws://127.0.0.1:{port}", connect_timeout_s=0.1)

    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        error = run(scenario(port))
        for filler in fillers:
            filler.close()
    assert isinstance(error, DeadlineError)
    assert error.step == "connect"


def test_resolving_has_a_deadline(run: RunGrid, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that does not answer is given up."""

    async def scenario() -> Any:
        async def never(*_: Any, **__: Any) -> Any:
            await asyncio.Event().wait()

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
        return await failure("ws://slow.example", connect_timeout_s=0.05, proxy=None)

    error = run(scenario())
    assert isinstance(error, DeadlineError)
    assert error.step == "resolve"


# -- failures by step ------------------------------------------------------------------------------------------------


def test_a_name_that_does_not_exist_is_a_step_of_its_own(run_grid: RunGrid) -> None:
    """.invalid never exists (RFC 6761); the proxy's name is told apart from the peer's."""

    async def scenario() -> tuple[Any, Any]:
        return (
            await failure("ws://nowhere.invalid", proxy=None),
            await failure("ws://127.0.0.1", proxy="http://nowhere.invalid:1"),
        )

    ours, proxys = run_grid(scenario())
    assert isinstance(ours, ResolveError)
    assert isinstance(proxys, ResolveError)
    assert (ours.step, ours.of_proxy, proxys.of_proxy) == ("resolve", False, True)


def test_a_refused_connection_says_so(run_grid: RunGrid) -> None:
    """Nobody listens there, which is not the same as no answer."""
    error = run_grid(failure(f"ws://127.0.0.1:{free_port()}"))
    assert isinstance(error, ConnectError)
    assert (error.step, error.refused) == ("connect", True)


# -- TLS -------------------------------------------------------------------------------------------------------------


@contextmanager
def blocking_tls_server(context: ssl.SSLContext) -> Iterator[int]:
    """Serve one TLS handshake with blocking sockets, which send alerts as OpenSSL means them."""

    def play() -> None:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        sock.settimeout(10)
        with (
            contextlib.suppress(OSError),
            context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False) as tls,
        ):
            try:
                tls.do_handshake()
                tls.recv(4096)
            except ssl.SSLError:
                # What the client sends meanwhile is read, or the reset for it would overtake the alert.
                socket.socket.shutdown(tls, socket.SHUT_WR)
                while socket.socket.recv(tls, 4096):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=play, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
    thread.join(10)


class Authority:
    """Certificates that are right, and others."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.ca_file))
        self.folder = folder

    def context(self, *names: str, **dates: Any) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names, **dates).configure_cert(context)
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


LAST_YEAR = {
    "not_before": datetime.now(UTC) - timedelta(days=400),
    "not_after": datetime.now(UTC) - timedelta(days=35),
}


@pytest.mark.parametrize(
    ("names", "dates", "trusts", "words"),
    [
        (["127.0.0.1"], LAST_YEAR, True, "expired"),
        (["elsewhere.test"], {}, True, "127.0.0.1"),
        (["127.0.0.1"], {}, False, "issuer certificate"),
    ],
    ids=["expired", "wrong name", "unknown authority"],
)
def test_a_bad_certificate_is_not_accepted(
    run_grid: RunGrid, authority: Authority, names: list[str], dates: Any, trusts: bool, words: str
) -> None:
    """Expired, for another name, or of an unknown authority: each says which."""

    async def scenario() -> Any:
        async with serve(hold, tls=authority.context(*names, **dates)) as server:
            return await failure(server.url, tls=TlsOptions(ca_file=authority.ca_file) if trusts else None)

    error = run_grid(scenario())
    assert isinstance(error, TlsError)
    assert (error.step, error.certificate) == ("tls", "server")
    assert words in str(error)


@pytest.mark.parametrize(
    ("names", "options"),
    [
        (["127.0.0.1"], {}),
        (["elsewhere.test"], {"verify": False}),
        (["elsewhere.test"], {"check_hostname": False}),
        (["inner.test"], {"verified_name": "inner.test"}),
        (["127.0.0.1"], {"send_sni": False}),
        (["127.0.0.1"], {"minimum_version": "1.3"}),
    ],
)
def test_tls_settings_are_used(run_grid: RunGrid, authority: Authority, names: list[str], options: Any) -> None:
    """What can be switched off or set apart is, and messages pass."""

    async def scenario() -> str | bytes:
        settings = TlsOptions(ca_file=authority.ca_file, **options)
        async with serve(echo, tls=authority.context(*names)) as server, connect(server.url, tls=settings) as ws:
            await ws.send("x")
            return await ws.receive(5)

    assert run_grid(scenario()) == "x"


@pytest.mark.parametrize(
    "options", [{"verified_name": "other.test"}, {"send_sni": False, "verified_name": "other.test"}]
)
def test_a_verified_name_must_match(run_grid: RunGrid, authority: Authority, options: Any) -> None:
    """When SNI and verified name are apart the latter is still verified, before a byte of the request is sent."""

    async def scenario() -> tuple[Any, int]:
        async with serve(hold, tls=authority.context("127.0.0.1")) as server:
            error = await failure(server.url, tls=TlsOptions(ca_file=authority.ca_file, **options))
            return error, server.accepted

    error, accepted = run_grid(scenario())
    assert isinstance(error, TlsError)
    assert "it is for 127.0.0.1, not for other.test" in str(error)
    assert accepted == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [({"server_hostname": "inner.test"}, "inner.test"), ({"tls": {"send_sni": False}}, None)],
)
def test_sni_is_what_was_asked_for(run: RunGrid, authority: Authority, options: Any, expected: str | None) -> None:
    """The name sent can be another than the URL's host, or none."""

    async def scenario() -> str | None:
        names: list[str | None] = []
        context = authority.context("inner.test", "127.0.0.1")
        context.sni_callback = lambda _socket, name, _context: names.append(name)
        tls = TlsOptions(ca_file=authority.ca_file, **options.get("tls", {}))
        async with (
            serve(hold, tls=context) as server,
            connect(server.url, tls=tls, server_hostname=options.get("server_hostname")),
        ):
            return names[0]

    assert run(scenario()) == expected


def test_a_demand_for_a_client_certificate_is_understood(run_grid: RunGrid, authority: Authority) -> None:
    """With TLS 1.3 the alert comes after our Finished; it is still told as what it is."""
    context = authority.context("127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    authority.ca.configure_trust(context)
    with blocking_tls_server(context) as port:
        error = run_grid(failure(f"wss://127.0.0.1:{port}", tls=TlsOptions(ca_file=authority.ca_file)))
    assert isinstance(error, TlsError), error
    assert error.certificate == "client"


def test_an_old_tls_version_is_named(run_grid: RunGrid, authority: Authority) -> None:
    """A server that speaks only 1.2 and a client that wants 1.3 have none in common."""
    context = authority.context("127.0.0.1")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with blocking_tls_server(context) as port:
        options = TlsOptions(ca_file=authority.ca_file, minimum_version="1.3")
        error = run_grid(failure(f"wss://127.0.0.1:{port}", tls=options))
    assert isinstance(error, TlsError)
    assert "no TLS version in common" in str(error)


def test_tls_to_a_plain_server_says_so(run_grid: RunGrid) -> None:
    """wss to a port that speaks HTTP suggests ws."""

    async def scenario() -> Any:
        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(5)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        async with raw_peer(play) as url:
            return await failure(url.replace("ws:", "wss:"))

    error = run_grid(scenario())
    assert isinstance(error, TlsError)
    assert "ws://" in str(error)


def test_a_peer_that_hangs_up_during_tls_is_told(run_grid: RunGrid) -> None:
    """An end in the middle of the TLS handshake is a TLS failure."""

    async def scenario() -> Any:
        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(5)

        async with raw_peer(play) as url:
            return await failure(url.replace("ws:", "wss:"))

    assert isinstance(run_grid(scenario()), TlsError)


def test_a_ready_context_is_taken_as_it_is(run: RunGrid, tls_contexts: Any) -> None:
    """Who knows better brings a whole ssl.SSLContext."""

    async def scenario() -> bool:
        async with serve(hold, tls=tls_contexts[0]) as server, connect(server.url, tls=tls_contexts[1]) as ws:
            return ws.is_open

    assert run(scenario()) is True


def test_session_keys_can_be_logged(
    run: RunGrid, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With SSLKEYLOGFILE a capture of the connection can be read."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))

    async def scenario() -> None:
        tls = TlsOptions(ca_file=authority.ca_file)
        async with serve(hold, tls=authority.context("127.0.0.1")) as server, connect(server.url, tls=tls):
            pass

    run(scenario())
    assert "CLIENT_HANDSHAKE_TRAFFIC_SECRET" in (tmp_path / "keys").read_text()


# -- sockets ---------------------------------------------------------------------------------------------------------


def _transport(ws: Connection) -> Any:
    return ws._link.transport


def test_a_connected_socket_can_be_brought(run_grid: RunGrid, tls_contexts: Any) -> None:
    """It is used in place of dialling, for ws and for wss."""

    async def scenario() -> list[str | bytes]:
        received = []
        for server_tls, client_tls in [(None, None), tls_contexts]:
            async with serve(echo, tls=server_tls) as server:
                sock = socket.create_connection(("127.0.0.1", server.port))
                url = server.url.replace("127.0.0.1", "localhost")
                async with connect(url, sock=sock, tls=client_tls, socket_options=[KEEP_ALIVE]) as ws:
                    await ws.send("x")
                    received.append(await ws.receive(5))
        return received

    assert run_grid(scenario()) == ["x", "x"]


def test_a_socket_that_is_not_connected_is_refused(run: RunGrid) -> None:
    """The caller forgot a step, and learns which."""
    with socket.socket() as sock:
        error = run(failure("ws://127.0.0.1:9", sock=sock))
    assert isinstance(error, OptionError)
    assert error.option == "sock"


KEEP_ALIVE = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def test_socket_options_are_applied(run_grid: RunGrid) -> None:
    """Options of the socket are set before connecting; TCP_NODELAY always is."""

    async def scenario() -> list[int]:
        async with pair(hold, socket_options=[KEEP_ALIVE]) as (_, ws):
            sock = _transport(ws).get_extra_info("socket")
            return [
                sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY),
            ]

    assert all(run_grid(scenario()))


def test_a_socket_option_that_the_system_refuses_is_named(run: RunGrid) -> None:
    """The caller learns which option it was."""
    error = run(failure("ws://127.0.0.1:9", socket_options=[(socket.SOL_SOCKET, 9999, 1)]))
    assert isinstance(error, OptionError)
    assert error.option == "socket_options"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux answers on all of 127.0.0.0/8")
def test_the_source_address_can_be_chosen(run_grid: RunGrid) -> None:
    """The server sees the connection come from there."""
    assert run_grid(asked(source_address=("127.0.0.7", 0))).remote.startswith("127.0.0.7:")


def test_a_source_address_that_is_none_is_refused(run: RunGrid) -> None:
    """An address of another machine, or no address at all, is told."""
    assert isinstance(run(failure("ws://127.0.0.1:9", source_address=("nowhere.invalid", 0))), OptionError)
    assert isinstance(run(failure("ws://127.0.0.1:9", source_address=(f"{'a' * 70}.invalid", 0))), OptionError)
    assert isinstance(run(failure("ws://127.0.0.1:9", source_address=("192.0.2.1", 0))), ConnectError)


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_ip_version_can_be_chosen(run_grid: RunGrid, host: str) -> None:
    """localhost is dialled as the version that was asked for."""
    if host == "::1" and not _has_ipv6():
        pytest.skip("this machine has no IPv6")

    async def scenario() -> tuple[str, Any]:
        async with serve(hold, host) as server:
            version = 6 if host == "::1" else 4
            async with connect(server.url, ip_version=version) as ws:
                peer = _transport(ws).get_extra_info("peername")[0]
            return peer, await failure(server.url, ip_version=10 - version)

    peer, error = run_grid(scenario())
    assert peer == host
    assert isinstance(error, DialError)


@pytest.mark.parametrize("delay_s", [0.01, 0])
def test_the_next_address_is_tried(run_grid: RunGrid, monkeypatch: pytest.MonkeyPatch, delay_s: float) -> None:
    """A name with a dead and a living address is reached, raced or one after another."""

    async def scenario() -> str | bytes:
        loop = asyncio.get_running_loop()
        dead = free_port()
        async with serve(echo) as server:

            async def two(*_: Any, **__: Any) -> list[Any]:
                kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
                return [(*kind, ("127.0.0.1", dead)), (*kind, ("127.0.0.1", server.port))]

            if type(loop).__module__.startswith("uvloop"):
                monkeypatch.setattr("wsexample.wire.tcp.resolve", two)
            else:
                monkeypatch.setattr(loop, "getaddrinfo", two)
            async with connect(f"ws://two.example:{server.port}", happy_eyeballs_delay_s=delay_s, proxy=None) as ws:
                await ws.send("x")
                return await ws.receive(5)

    assert run_grid(scenario()) == "x"


# -- redirects -------------------------------------------------------------------------------------------------------


def test_a_redirect_is_followed_to_another_server(run_grid: RunGrid) -> None:
    """The connection ends up there, and the other host sees no credential."""

    async def scenario() -> tuple[str, Request]:
        async with serve(hold) as there:

            async def send_on(request: Request) -> Reject:
                return Reject(307, headers={"Location": f"{there.url.replace('ws', 'http', 1)}/new?x=1"})

            async with serve(hold, accept=send_on) as here, connect(here.url, bearer="t", cookie="c") as ws:
                return ws.peer, next(iter(there.connections)).request

    peer, request = run_grid(scenario())
    assert peer.startswith("127.0.0.1:")
    assert (request.path, request.query) == ("/new", {"x": ["1"]})
    assert not {"authorization", "cookie"} & set(request.headers)


def test_a_circle_of_redirects_ends(run: RunGrid) -> None:
    """A server that sends on to itself is left after the limit."""

    async def scenario() -> tuple[Any, int]:
        count = 0

        async def round_again(request: Request) -> Reject:
            nonlocal count
            count += 1
            return Reject(302, headers={"Location": request.path})

        async with serve(hold, accept=round_again) as server:
            return await failure(server.url, max_redirects=2), count

    error, count = run(scenario())
    assert isinstance(error, HandshakeError)
    assert ("more than 2" in str(error), count) == (True, 3)


def test_a_server_context_from_files_serves(run: RunGrid, authority: Authority) -> None:
    """The helper's context and the client's settings fit together."""
    cert = authority.folder / "server.pem"
    authority.ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(cert))

    async def scenario() -> bool:
        tls = TlsOptions(ca_pem=authority.ca_file.read_text())
        async with serve(hold, tls=server_context(cert)) as server, connect(server.url, tls=tls) as ws:
            return ws.is_open

    assert run(scenario()) is True


# -- nothing is left behind ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["connect", "tls", "handshake"])
def test_giving_up_in_the_middle_leaves_no_socket(run_grid: RunGrid, step: str) -> None:
    """A connect that is cancelled closes what it opened; the peer sees the end."""

    async def scenario() -> bytes:
        met, ended = asyncio.Event(), asyncio.get_running_loop().create_future()

        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            met.set()
            try:
                while await reader.read(65536):
                    pass
            finally:
                ended.set_result(b"")

        async with raw_peer(play) as url:
            address = url.replace("ws:", "wss:") if step == "tls" else url
            proxy = url.replace("ws:", "socks5:").rstrip("/") if step == "connect" else None
            connecting = asyncio.ensure_future(_open(address, proxy))
            await until(lambda: met.is_set() or connecting.done())
            assert not connecting.done(), connecting
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            return await ended

    assert run_grid(scenario()) == b""


@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "proxied"])
def test_a_connect_can_be_cancelled_in_any_turn(
    run_grid: RunGrid, security: Security, proxied: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It says that it was cancelled and nothing else; its socket is closed once, and its number free for the next."""
    ends: list[Any] = []

    async def go(url: str, proxy: str | None) -> None:
        async with connect(url, tls=security.client, proxy=proxy):
            await asyncio.Event().wait()

    async def main() -> None:
        async with serve(hold, tls=security.server) as server, raw_peer(_tunnel) as front:
            proxy = front.replace("ws:", "http:") if proxied else None
            for turns in range(60):
                dialling = asyncio.create_task(go(server.url, proxy))
                for _ in range(turns):
                    await asyncio.sleep(0)
                dialling.cancel()
                ends.extend(await asyncio.gather(dialling, return_exceptions=True))

    run_grid(main())
    assert {type(end) for end in ends} == {asyncio.CancelledError}
    assert [record.message for record in caplog.records] == []


def test_a_protocol_class_bears_a_cancelled_connect(run_grid: RunGrid, caplog: pytest.LogCaptureFixture) -> None:
    """A program that cancels its loop's `create_connection` finds nothing in its log, whenever that was."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with raw_peer(mute) as url:
            port = int(url.rstrip("/").rpartition(":")[2])
            for turns in range(20):
                dialling = asyncio.ensure_future(loop.create_connection(WebSocketClientFactory(url), "127.0.0.1", port))
                for _ in range(turns):
                    await asyncio.sleep(0)
                dialling.cancel()
                for opened in await asyncio.gather(dialling, return_exceptions=True):
                    if not isinstance(opened, asyncio.CancelledError):
                        opened[0].abort()
                for _ in range(5):
                    await asyncio.sleep(0)

    run_grid(main())
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An HTTP proxy that leads to whom it is asked for."""
    head = await reader.readuntil(b"\r\n\r\n")
    host, _, port = head.split(b" ")[1].decode().partition(":")
    there, out = await asyncio.open_connection(host, int(port))
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    async def carry() -> None:
        while data := await there.read(65_536):
            writer.write(data)
        writer.close()

    back = asyncio.create_task(carry())
    try:
        while data := await reader.read(65_536):
            out.write(data)
    finally:
        back.cancel()
        out.close()


async def _open(url: str, proxy: str | None) -> Connection:
    return await connect(url, proxy=proxy)
