"""A server accepts, refuses, limits, survives its handlers and stops in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.wire.conftest import Security, echo, hold, pair, until
from wsexample.errors import (
    ConnectionClosed,
    DeadlineError,
    HandshakeError,
    ListenError,
    NetworkError,
    OptionError,
    StateError,
    TlsError,
)
from wsexample.wire.admission import RateLimit
from wsexample.wire.broadcast import Broadcaster
from wsexample.wire.connection import Connection, connect
from wsexample.wire.options import ServeOptions, TlsOptions
from wsexample.wire.server import Reject, Request, ServerConnection, serve
from wsexample.wire.tls import server_context

RunGrid = Callable[[Any], Any]
posix = pytest.mark.skipif(sys.platform == "win32", reason="unix sockets belong to POSIX")


async def refusal(url: str, **options: Any) -> HandshakeError:
    with pytest.raises(HandshakeError) as caught:
        await connect(url, **options)
    return caught.value


async def raw_request(port: int, data: bytes) -> bytes:
    """Send bytes and return everything that the server answers until it ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


# -- accepting -------------------------------------------------------------------------------------------------------


def test_the_handler_sees_the_request(run_grid: RunGrid, security: Security) -> None:
    """Path, query, headers, address and subprotocols of the client are at hand."""

    async def scenario() -> Request:
        seen: asyncio.Future[Request] = asyncio.get_running_loop().create_future()

        async def look(ws: ServerConnection) -> None:
            seen.set_result(ws.request)

        async with (
            serve(look, tls=security.server) as server,
            connect(f"{server.url}/a/b?x=1&x=2", tls=security.client, headers={"X-Y": "z"}, subprotocols=["p"]),
        ):
            return await seen

    request = run_grid(scenario())
    assert (request.path, request.query, request.headers["x-y"]) == ("/a/b", {"x": ["1", "2"]}, "z")
    assert (request.remote.startswith("127.0.0.1:"), request.subprotocols) == (True, ("p",))
    assert "z" not in repr(request)


def test_a_server_and_what_it_broadcasts_with_can_be_printed(run: RunGrid) -> None:
    """Where it listens and how many are connected; how many are sent to."""

    async def scenario() -> None:
        readers = Broadcaster()

        async def handler(ws: ServerConnection) -> None:
            readers.add(ws)
            assert repr(server) == f"<Server {server.url}, 1 connections>"
            assert repr(readers) == "<Broadcaster 1 readers, 0 sent, 0 skipped>"
            readers.send("seen")

        async with serve(handler) as server, connect(server.url) as ws:
            assert await ws.receive(5) == "seen"
        assert repr(server) == "<Server not listening, 0 connections>"

    run(scenario())


@pytest.mark.parametrize(
    ("spoken", "offered", "chosen"), [(["a", "b"], ["b", "a"], "a"), (["a"], ["b"], None), ([], ["b"], None)]
)
def test_the_servers_order_chooses_the_subprotocol(
    run: RunGrid, spoken: list[str], offered: list[str], chosen: str | None
) -> None:
    """The server's most wanted subprotocol that the client offers is taken; none if there is none."""

    async def scenario() -> tuple[str | None, str | None]:
        options = ServeOptions(subprotocols=spoken)
        async with pair(hold, server={"options": options}, subprotocols=offered) as (server, ws):
            return ws.subprotocol, next(iter(server.connections)).subprotocol

    assert run(scenario()) == (chosen, chosen)


async def _judge(request: Request) -> str | Reject | None:
    if request.path == "/in":
        return None
    if request.path == "/as":
        return "b"
    if request.path == "/odd":
        return Reject(599, "odd")
    return Reject(401, "who are you?", {"WWW-Authenticate": "Basic"})


def test_accept_decides(run_grid: RunGrid) -> None:
    """It lets in, chooses a subprotocol, or refuses with status, headers and body."""

    async def scenario() -> tuple[str | None, str | None, HandshakeError, HandshakeError]:
        async with serve(hold, accept=_judge) as server:
            async with connect(f"{server.url}/in") as one, connect(f"{server.url}/as", subprotocols=["a", "b"]) as two:
                chosen = one.subprotocol, two.subprotocol
            return *chosen, await refusal(f"{server.url}/no"), await refusal(f"{server.url}/odd")

    one, two, no, odd = run_grid(scenario())
    assert (one, two) == (None, "b")
    assert (no.status, no.headers["www-authenticate"], no.body) == (401, "Basic", b"who are you?")
    assert (odd.status, odd.reason) == (599, "Refused")


async def _fail(request: Request) -> None:
    raise RuntimeError("s3cret detail")


async def _choose_nonsense(request: Request) -> str:
    return "nonsense"


async def _dawdle(request: Request) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(("accept", "status"), [(_fail, 500), (_choose_nonsense, 500), (_dawdle, 503)])
def test_an_accept_that_goes_wrong_refuses_and_tells_the_log(
    run: RunGrid, caplog: pytest.LogCaptureFixture, accept: Any, status: int
) -> None:
    """An exception, a choice that was not offered, or no answer: the client is refused and shown nothing of it."""

    async def scenario() -> HandshakeError:
        async with serve(hold, accept=accept, options=ServeOptions(handshake_timeout_s=0.2)) as server:
            return await refusal(server.url)

    error = run(scenario())
    assert error.status == status
    assert b"s3cret" not in error.body + error.reason.encode()
    assert [record.name for record in caplog.records] == ["wsexample.server"]


def test_a_client_that_leaves_while_accept_thinks_is_forgotten(run_grid: RunGrid) -> None:
    """Nobody is left behind, nothing is logged, and the server goes on."""

    async def scenario() -> tuple[int, int]:
        asked, answer = asyncio.Event(), asyncio.Event()

        async def think(request: Request) -> None:
            asked.set()
            await answer.wait()

        async with serve(hold, accept=think) as server:
            connecting = asyncio.ensure_future(_quietly(server.url))
            await asked.wait()
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            await until(lambda: not server._links)
            answer.set()
            async with connect(server.url):
                return server.accepted, len(server.connections)

    assert run_grid(scenario()) == (1, 1)


async def _quietly(url: str) -> Connection:
    return await connect(url)


def test_frames_of_a_hasty_client_wait_for_the_decision(run_grid: RunGrid) -> None:
    """What a client sends before the 101 is neither lost nor taken for another request."""

    async def scenario() -> list[str | bytes]:
        asked, answer = asyncio.Event(), asyncio.Event()
        received: asyncio.Queue[str | bytes] = asyncio.Queue()

        async def think(request: Request) -> None:
            asked.set()
            await answer.wait()

        async def take(ws: ServerConnection) -> None:
            async for message in ws:
                received.put_nowait(message)

        async with serve(take, accept=think) as server:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(REQUEST + b"\x81\x82\0\0\0\0hi")
            await asked.wait()
            writer.write(b"\x81\x84\0\0\0\0\r\n\r\n")
            await writer.drain()
            link = next(iter(server._links))
            await until(lambda: b"\r\n\r\n" in bytes(link.data))
            answer.set()
            messages = [await received.get(), await received.get()]
            writer.close()
            return messages

    assert run_grid(scenario()) == ["hi", "\r\n\r\n"]


REQUEST = (
    b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (REQUEST.replace(b"GET", b"POST"), 405),
        (REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0"), 505),
        (REQUEST.replace(b"Version: 13", b"Version: 7"), 400),
        (REQUEST.replace(b"Host: h\r\n", b""), 400),
        (REQUEST.replace(b"dGhl", b""), 400),
        (REQUEST.replace(b"Upgrade: websocket\r\n", b""), 426),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000, 431),
        (b"rubbish\r\n\r\n", 400),
    ],
    ids=["post", "http10", "version", "host", "key", "upgrade", "line", "bomb", "rubbish"],
)
def test_a_malformed_handshake_gets_a_complete_answer(run_grid: RunGrid, request_head: bytes, status: int) -> None:
    """Wrong method, version, headers and heads without an end are refused with the fitting status."""

    async def scenario() -> bytes:
        async with serve(hold) as server:
            return await raw_request(server.port, request_head)

    answer = run_grid(scenario())
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"Content-Length: " in answer


def test_a_client_that_asks_nothing_is_cut_off(run_grid: RunGrid) -> None:
    """A connection without a request ends after the handshake's time."""

    async def scenario() -> bytes:
        async with serve(hold, options=ServeOptions(handshake_timeout_s=0.1)) as server:
            return await raw_request(server.port, b"GET / HT")

    assert run_grid(scenario()) == b""


def test_a_client_that_does_not_begin_tls_is_cut_off(run_grid: RunGrid, tls_contexts: Any) -> None:
    """The time for the TLS handshake is bounded as well."""

    async def scenario() -> bytes:
        async with serve(hold, tls=tls_contexts[0], options=ServeOptions(handshake_timeout_s=0.1)) as server:
            return await raw_request(server.port, b"")

    assert run_grid(scenario()) == b""


@pytest.mark.parametrize(("server_header", "expected"), [("IIS", "IIS"), ("", None)])
def test_the_server_header_can_be_chosen(run: RunGrid, server_header: str, expected: str | None) -> None:
    """A simulator can look like what it simulates, in acceptance and refusal; further headers come along."""

    async def scenario() -> tuple[Any, Any, Any]:
        options = ServeOptions(server_header=server_header, headers=[("X-A", "1"), ("X-A", "2")])
        async with serve(hold, accept=_judge, options=options) as server, connect(f"{server.url}/in") as ws:
            refused = await refusal(f"{server.url}/no")
            return ws.response_headers.get("server"), refused.headers.get("server"), ws.response_headers["x-a"]

    assert run(scenario()) == (expected, expected, "1, 2")


# -- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "status"), [("max_connections", 503), ("max_connections_per_address", 429)])
def test_one_connection_too_many_is_refused(run_grid: RunGrid, limit: str, status: int) -> None:
    """The others stay, and who leaves makes room."""

    async def scenario() -> int | None:
        async with serve(echo, options=ServeOptions(**{limit: 1})) as server:
            async with connect(server.url) as first:
                error = await refusal(server.url)
                await first.send("x")
                assert await first.receive(5) == "x"
            await until(lambda: not server._links)
            async with connect(server.url):
                return error.status

    assert run_grid(scenario()) == status


def test_refused_clients_do_not_count(run: RunGrid) -> None:
    """Who is refused by accept takes nobody's place."""

    async def scenario() -> bool:
        async with serve(hold, accept=_judge, options=ServeOptions(max_connections=1)) as server:
            for _ in range(3):
                await refusal(f"{server.url}/no")
            async with connect(f"{server.url}/in") as ws:
                return ws.is_open

    assert run(scenario()) is True


@pytest.mark.parametrize(
    ("origin", "lets_in"), [("https://page.test", True), ("https://evil.test", False), (None, True), ("null", False)]
)
def test_only_allowed_pages_may_connect(run: RunGrid, origin: str | None, lets_in: bool) -> None:
    """Browsers are held to the allowed origins; clients without an Origin are no browsers."""

    async def scenario() -> bool:
        async with serve(hold, options=ServeOptions(allowed_origins=["https://page.test"])) as server:
            if not lets_in:
                return (await refusal(server.url, origin=origin)).status != 403
            async with connect(server.url, origin=origin) as ws:
                return ws.is_open

    assert run(scenario()) is lets_in


def test_a_client_that_sends_too_fast_is_closed(run: RunGrid) -> None:
    """What is within the burst arrives, what is beyond closes with 1008."""

    async def scenario() -> tuple[int, int]:
        received: list[str | bytes] = []

        async def take(ws: ServerConnection) -> None:
            async for message in ws:
                received.append(message)  # noqa: PERF401 - the list is read outside

        options = ServeOptions(max_messages_per_s=0.001, burst_messages=5)
        async with pair(take, server={"options": options}) as (_, ws):
            with pytest.raises(ConnectionClosed) as caught:
                await _flood(ws)
            return len(received), caught.value.code

    assert run(scenario()) == (5, 1008)


async def _flood(ws: Connection) -> None:
    while True:
        await ws.send("x")
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("trusted", "forwarded", "remote"),
    [
        (0, "1.2.3.4", "127.0.0.1"),
        (1, "9.9.9.9, 1.2.3.4", "1.2.3.4"),
        (2, "9.9.9.9, 1.2.3.4", "9.9.9.9"),
        (1, "::5", "[::5]"),
    ],
)
def test_a_trusted_reverse_proxy_tells_the_address(run: RunGrid, trusted: int, forwarded: str, remote: str) -> None:
    """Only as many entries of X-Forwarded-For are believed as there are own proxies."""

    async def scenario() -> str:
        options = ServeOptions(forwarded_by=trusted)
        async with pair(hold, server={"options": options}, headers={"X-Forwarded-For": forwarded}) as (server, _):
            return next(iter(server.connections)).request.remote

    assert run(scenario()).rpartition(":")[0] == remote


# -- handlers --------------------------------------------------------------------------------------------------------


def test_a_handler_that_returns_closes_with_1000(run_grid: RunGrid, security: Security) -> None:
    """The end of the handler is the end of the connection."""

    async def scenario() -> tuple[int | None, bool]:
        async def greet(ws: ServerConnection) -> None:
            await ws.send("hello")

        async with pair(greet, security=security) as (_, ws):
            assert [message async for message in ws] == ["hello"]
            return ws.close_code, ws.was_clean

    assert run_grid(scenario()) == (1000, True)


def test_a_handler_that_fails_closes_with_1011(run_grid: RunGrid, caplog: pytest.LogCaptureFixture) -> None:
    """The client learns nothing but the code; the log has the traceback; the server goes on."""

    async def scenario() -> tuple[ConnectionClosed, int]:
        async def fail(ws: ServerConnection) -> None:
            raise ZeroDivisionError("s3cret")

        async with serve(fail) as server:
            async with connect(server.url) as ws:
                with pytest.raises(ConnectionClosed) as caught:
                    await ws.receive(5)
            async with connect(server.url):
                return caught.value, server.accepted

    error, accepted = run_grid(scenario())
    assert (error.code, "s3cret" in error.reason, accepted) == (1011, False, 2)
    assert all(record.exc_info for record in caplog.records if record.levelno >= logging.ERROR)


def test_a_handler_whose_upstream_is_lost_lets_nobody_hang(run: RunGrid, caplog: pytest.LogCaptureFixture) -> None:
    """ConnectionClosed of another connection ends this one too, with 1011 and a line in the log."""

    async def scenario() -> int:
        async with serve(hold) as upstream:

            async def relay(ws: ServerConnection) -> None:
                async with connect(upstream.url) as source:
                    source.abort()
                    await source.receive()

            async with pair(relay) as (_, ws):
                with pytest.raises(ConnectionClosed) as caught:
                    await ws.receive(5)
                return caught.value.code

    assert run(scenario()) == 1011
    assert len(caplog.records) == 1


def test_a_client_that_leaves_is_no_error(run_grid: RunGrid, caplog: pytest.LogCaptureFixture) -> None:
    """Handlers end quietly when their client is gone."""

    async def scenario() -> int:
        async def talk(ws: ServerConnection) -> None:
            while True:
                await ws.send("x")
                await asyncio.sleep(0)

        async with serve(talk) as server:
            for cut in (False, True):
                ws = await connect(server.url)
                await ws.receive(5)
                if cut:
                    ws.abort()
                await ws.close()
            await until(lambda: not server._tasks)
            return len(server.connections)

    assert run_grid(scenario()) == 0
    assert caplog.records == []


# -- stopping --------------------------------------------------------------------------------------------------------


def test_stopping_closes_everybody_with_1001(run_grid: RunGrid, security: Security) -> None:
    """Clients learn code and reason, handlers end, the port is free."""

    async def scenario() -> list[Any]:
        server = await serve(hold, tls=security.server)
        clients = [await connect(server.url, tls=security.client) for _ in range(3)]
        url = server.url
        await server.close()
        ends = [(ws.close_code, ws.close_reason, ws.closed_by_peer) for ws in clients]
        with pytest.raises(NetworkError):
            await connect(url, tls=security.client, connect_timeout_s=5)
        return ends

    assert run_grid(scenario()) == [(1001, "server stopping", True)] * 3


def test_stragglers_are_cut_off(run_grid: RunGrid) -> None:
    """Neither a mute client, nor one without a request, nor a stubborn handler holds the server for ever."""

    async def scenario() -> bool:
        cancelled = asyncio.Event()

        async def stubborn(ws: ServerConnection) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        server = await serve(stubborn, options=ServeOptions(close_timeout_s=0.1))
        _, mute = await asyncio.open_connection("127.0.0.1", server.port)
        mute.write(REQUEST)
        _, idle = await asyncio.open_connection("127.0.0.1", server.port)
        await until(lambda: server.connections)
        await server.close()
        mute.close()
        idle.close()
        return cancelled.is_set() and not server._links

    assert run_grid(scenario()) is True


def test_stopping_can_wait_for_those_who_are_about_to_end(run: RunGrid) -> None:
    """Within the grace nobody is disturbed, and nobody new is let in."""

    async def scenario() -> int | None:
        async with serve(echo) as server:
            ws = await connect(server.url)
            stopping = asyncio.ensure_future(server.close(grace_s=10))
            await asyncio.sleep(0)
            await ws.send("still served")
            assert await ws.receive(5) == "still served"
            await ws.close(4000)
            await stopping
            return ws.close_code

    assert run(scenario()) == 4000


def test_an_upgrade_during_the_stop_is_refused(run: RunGrid) -> None:
    """A client that is in the middle of its handshake is told 503."""

    async def scenario() -> int | None:
        asked, answer = asyncio.Event(), asyncio.Event()

        async def think(request: Request) -> None:
            asked.set()
            await answer.wait()

        async with serve(hold, accept=think) as server:
            connecting = asyncio.ensure_future(refusal(server.url))
            await asked.wait()
            stopping = asyncio.ensure_future(server.close())
            await asyncio.sleep(0)
            answer.set()
            await stopping
            return (await connecting).status

    assert run(scenario()) == 503


# -- addresses -------------------------------------------------------------------------------------------------------


def test_a_port_in_use_is_named(run_grid: RunGrid) -> None:
    """The error tells the address and what to do."""

    async def scenario() -> ListenError:
        async with serve(hold) as server:
            with pytest.raises(ListenError) as caught:
                await serve(hold, port=server.port)
            return caught.value

    error = run_grid(scenario())
    assert error.in_use
    assert "in use" in str(error)


def test_an_address_of_another_machine_cannot_be_taken(run_grid: RunGrid) -> None:
    """192.0.2.1 belongs to documentation (RFC 5737), never to this machine."""

    async def scenario() -> ListenError:
        with pytest.raises(ListenError) as caught:
            await serve(hold, "192.0.2.1")
        return caught.value

    assert run_grid(scenario()).in_use is False


def test_a_server_on_every_address_has_a_url_to_reach_it(run: RunGrid) -> None:
    """0.0.0.0 is no address to connect to; the URL names one that is."""

    async def scenario() -> str | bytes:
        async with serve(echo, "0.0.0.0") as server, connect(server.url) as ws:
            await ws.send("x")
            return await ws.receive(5)

    assert run(scenario()) == "x"


@pytest.mark.parametrize("host", [None, "localhost"])
def test_a_port_that_the_system_chooses_is_the_same_for_all_addresses(run_grid: RunGrid, host: str | None) -> None:
    """IPv4 and IPv6 clients find the server by the same number, and its URL leads to it."""

    async def scenario() -> tuple[int, str | bytes]:
        async with serve(echo, host) as server, connect(server.url) as ws:
            await ws.send("x")
            return len({sock.getsockname()[1] for sock in server.sockets}), await ws.receive(5)

    assert run_grid(scenario()) == (1, "x")


def test_a_server_that_does_not_listen_has_no_port(run: RunGrid) -> None:
    """Asking too early is the caller's mistake."""

    async def scenario() -> None:
        server = serve(hold)._server
        with pytest.raises(StateError):
            _ = server.port

    run(scenario())


@posix
def test_a_unix_socket_has_its_permissions_and_goes_away(run_grid: RunGrid, tmp_path: Path) -> None:
    """It can be connected to, only by whom the mode allows, and is removed at the end."""

    async def scenario() -> tuple[str | bytes, int]:
        path = str(tmp_path / "s.sock")
        async with (
            serve(echo, unix_path=path, options=ServeOptions(unix_mode=0o600)) as server,
            connect(server.url) as ws,
        ):
            await ws.send("x")
            return await ws.receive(5), stat.S_IMODE(os.stat(path).st_mode)

    assert run_grid(scenario()) == ("x", 0o600)
    assert list(tmp_path.iterdir()) == []


@posix
def test_a_socket_left_behind_is_replaced_and_a_living_one_is_not(run_grid: RunGrid, tmp_path: Path) -> None:
    """A server that died does not stand in the way of the next; one that lives does."""

    async def scenario() -> ListenError:
        path = str(tmp_path / "s.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
            dead.bind(path)
        async with serve(hold, unix_path=path):
            with pytest.raises(ListenError) as caught:
                await serve(hold, unix_path=path)
            return caught.value

    assert run_grid(scenario()).in_use


@posix
def test_a_file_is_never_taken_for_a_socket(run: RunGrid, tmp_path: Path) -> None:
    """What is no socket is not removed."""

    async def scenario() -> None:
        with pytest.raises(ListenError):
            await serve(hold, unix_path=str(tmp_path / "data"))

    (tmp_path / "data").write_text("precious")
    run(scenario())
    assert (tmp_path / "data").read_text() == "precious"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="abstract names belong to Linux")
def test_abstract_unix_sockets_work(run_grid: RunGrid) -> None:
    """A name with a leading "@" needs no file."""

    async def scenario() -> str | bytes:
        name = f"@wsexample-test-{os.getpid()}"
        async with serve(echo, unix_path=name) as server, connect(server.url) as ws:
            await ws.send("x")
            return await ws.receive(5)

    assert run_grid(scenario()) == "x"


# -- TLS -------------------------------------------------------------------------------------------------------------


def test_a_client_certificate_is_demanded_and_shown(run_grid: RunGrid, tmp_path: Path) -> None:
    """Without one a client learns that it needs one; with one the handler knows who it is."""
    ca, client_ca = trustme.CA(), trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    client_ca.cert_pem.write_to_path(str(tmp_path / "client-ca.pem"))
    ca.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    identity = client_ca.issue_cert("trader.test", common_name="trader")
    identity.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))

    async def scenario() -> tuple[Any, Exception]:
        context = server_context(tmp_path / "server.pem", client_ca_file=tmp_path / "client-ca.pem")
        async with serve(hold, tls=context) as server:
            known = TlsOptions(ca_file=tmp_path / "ca.pem", client_cert=tmp_path / "client.pem")
            async with connect(server.url, tls=known):
                certificate = next(iter(server.connections)).request.certificate
            with pytest.raises((TlsError, HandshakeError)) as caught:  # asyncio's server may end without an alert
                await connect(server.url, tls=TlsOptions(ca_file=tmp_path / "ca.pem"))
            return certificate, caught.value

    certificate, error = run_grid(scenario())
    assert ("DNS", "trader.test") in certificate["subjectAltName"]
    assert "client certificate" in str(error)


def test_a_mistaken_option_is_found_before_listening() -> None:
    """Options are checked when they are made."""
    with pytest.raises(OptionError):
        ServeOptions(close_timeout_s=0)


def test_a_server_that_gives_no_sign_of_life_is_noticed(run: RunGrid) -> None:
    """The server's keep-alive works like the client's."""

    async def scenario() -> ConnectionClosed:
        ended: asyncio.Future[ConnectionClosed] = asyncio.get_running_loop().create_future()

        async def wait(ws: ServerConnection) -> None:
            try:
                await ws.receive()
            except ConnectionClosed as error:
                ended.set_result(error)

        options = ServeOptions(ping_interval_s=0.02, ping_timeout_s=0.02)
        async with pair(wait, server={"options": options}, answer_pings=False):
            return await ended

    assert isinstance(run(scenario()).__cause__, DeadlineError)


def test_an_offer_that_no_answer_could_name_is_passed_over(run: RunGrid) -> None:
    """A subprotocol with control characters in it is not there for ``accept``, and so not in the answer."""

    async def scenario() -> tuple[tuple[str, ...], bytes]:
        asked: list[tuple[str, ...]] = []

        async def last(request: Request) -> str | None:
            asked.append(request.subprotocols)
            return request.subprotocols[-1]

        async with serve(hold, accept=last) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(
                b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, x\x1b[2J, y\0\r\n\r\n"
            )
            head = await reader.readuntil(b"\r\n\r\n")
            writer.close()
            return asked[0], head

    offered, head = run(scenario())
    assert offered == ("chat",)
    assert b"Sec-WebSocket-Protocol: chat\r\n" in head


# Not 2: there asyncio itself has accepted, finds the listener closed, and drops the socket for the garbage collector to close.
@pytest.mark.parametrize("turns", [0, 1, 3, 4, 5])
def test_a_connection_that_comes_while_the_server_closes_is_let_go(run_grid: Any, turns: int) -> None:
    """However far the loop has come with accepting it: it is gone when the server is, not when its handshake is late."""

    async def hold(ws: ServerConnection) -> None:
        await ws.wait_closed()

    async def scenario() -> bytes:
        server = await serve(hold)
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.setblocking(False)
            for _ in range(turns):
                await asyncio.sleep(0)
            await server.close()
            try:
                async with asyncio.timeout(5):
                    return await asyncio.get_running_loop().sock_recv(sock, 1)
            except ConnectionResetError:
                return b""

    assert run_grid(scenario()) == b""


@pytest.mark.parametrize(
    ("address", "option"),
    [
        ({"port": 70_000}, "port"),
        ({"port": -1}, "port"),
        ({"host": "a\0b"}, "host"),
        ({"unix_path": "a\0b"}, "unix_path"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused(address: dict[str, Any], option: str) -> None:
    """Before the server starts, by its own name: one loop raises what it likes, another takes some other port."""
    with pytest.raises(OptionError) as caught:
        serve(echo, **address)
    assert caught.value.option == option


def test_a_handler_may_stop_the_server(run_grid: RunGrid) -> None:
    """``close()`` from inside a handler waits for everybody else, and the handler goes on after it."""

    async def scenario() -> tuple[int | None, bool]:
        is_past = asyncio.get_running_loop().create_future()

        async def stop(ws: ServerConnection) -> None:
            await ws.receive(5)
            await server.close()
            is_past.set_result(True)

        async with pair(stop) as (server, ws):
            await ws.send("stop")
            await ws.wait_closed()
            return ws.close_code, await is_past

    assert run_grid(scenario()) == (1001, True)


def test_two_handlers_may_stop_the_server_at_once(run_grid: RunGrid) -> None:
    """They do not wait for each other, and both go on after it."""

    async def scenario() -> list[int | None]:
        past: list[int | None] = []
        both = asyncio.Event()

        async def stop(ws: ServerConnection) -> None:
            if len(server.connections) == 2:
                both.set()
            await both.wait()
            await server.close()
            past.append(ws.close_code)

        async with serve(stop, options=ServeOptions(close_timeout_s=2)) as server:
            peers = [await connect(server.url) for _ in range(2)]
            for ws in peers:
                await ws.wait_closed()
        return past

    assert run_grid(scenario()) == [1001, 1001]


def test_who_is_told_of_refusals_cannot_keep_them_from_happening(
    run: RunGrid, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that says nothing is dropped also when ``refused`` raises, and the log tells of that."""

    def refused(reason: str, remote: str) -> None:
        raise ZeroDivisionError(reason)

    async def scenario() -> bytes:
        async with serve(hold, refused=refused, options=ServeOptions(handshake_timeout_s=0.05)) as server:
            return await raw_request(server.port, b"GET / HTTP/1.1\r\n")

    assert run(scenario()) == b""
    assert "refused failed" in caplog.text


def test_a_refusal_cannot_begin_another_line(run: RunGrid, caplog: pytest.LogCaptureFixture) -> None:
    """Headers of a `Reject` into which a client has smuggled a line break are not sent."""

    async def accept(request: Request) -> Reject:
        return Reject(302, headers={"Location": request.query["to"][0]})

    async def scenario() -> HandshakeError:
        async with serve(hold, accept=accept) as server:
            return await refusal(f"{server.url}/?to=/%0d%0aSet-Cookie:%20a=b")

    error = run(scenario())
    assert (error.status, "set-cookie" in error.headers) == (500, False)
    assert "line break" in caplog.text


def test_a_rate_may_be_set_again(run: RunGrid) -> None:
    """The last one counts."""

    async def scenario() -> str | bytes:
        async def limited(ws: ServerConnection) -> None:
            ws.limit_rate(RateLimit(1000, 1000))
            await echo(ws)

        async with pair(limited, server={"options": ServeOptions(max_messages_per_s=1)}) as (_, ws):
            for _ in range(10):
                await ws.send("x")
            return [await ws.receive(5) for _ in range(10)][-1]

    assert run(scenario()) == "x"


def test_the_rate_holds_for_messages_in_fragments_too(run: RunGrid) -> None:
    """``max_messages_per_s`` counts messages, also where their fragments are delivered one by one."""

    async def scenario() -> int | None:
        options = ServeOptions(max_messages_per_s=2, deliver_fragments=True)
        async with pair(hold, server={"options": options}) as (_, ws):
            for _ in range(10):
                ws.send_nowait("x")
            await ws.wait_closed()
            return ws.close_code

    assert run(scenario()) == 1008


@posix
def test_a_socket_that_cannot_be_removed_stops_nothing(
    run: RunGrid, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Connections are closed also when the unix socket is out of reach by then."""

    async def scenario() -> int | None:
        folder = tmp_path / "run"
        folder.mkdir()
        async with serve(hold, unix_path=str(folder / "s")) as server:
            ws = await connect(server.url)
            folder.rename(tmp_path / "elsewhere")
            folder.touch()
            await server.close()
            return ws.close_code

    assert run(scenario()) == 1001
    assert "left behind" in caplog.text


def test_a_client_that_says_goodbye_and_reads_no_more_is_cut_in_time(run_grid: RunGrid) -> None:
    """What still waits for it is given up after ``close_timeout_s``, and nobody calls that a clean end."""

    async def scenario() -> tuple[int | None, bool]:
        ended = asyncio.get_running_loop().create_future()

        async def talk(ws: ServerConnection) -> None:
            for _ in range(200):
                ws.send_nowait(bytes(100_000))
            await ws.wait_closed()
            ended.set_result((ws.close_code, ws.was_clean))

        options = ServeOptions(close_timeout_s=0.1, ping_interval_s=0)
        async with serve(talk, options=options) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
            writer.write(REQUEST)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"\x88\x82\0\0\0\0\x03\xe8")
            outcome = await ended
            await until(lambda: not server.connections)
            writer.transport.abort()
            return outcome

    assert run_grid(scenario()) == (1000, False)


def test_a_client_that_does_not_read_its_refusal_is_cut_in_time(run_grid: RunGrid) -> None:
    """What refuses it waits no longer for it than its request was waited for."""

    async def refuse(request: Request) -> Reject:
        return Reject(403, body="x" * 20_000_000)

    async def scenario() -> int:
        async with serve(hold, accept=refuse, options=ServeOptions(handshake_timeout_s=0.1)) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
            writer.write(REQUEST)
            with contextlib.suppress(OSError):  # the server may be faster than a machine that is busy
                await reader.read(1)
            await until(lambda: not server._links)
            writer.transport.abort()
            return len(server._links)

    assert run_grid(scenario()) == 0
