"""HTTP and WebSocket share a port, each request head decides, on kept-alive connections too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.wire.conftest import Security, echo, hold, until
from tests.wire.test_server import REQUEST, raw_request
from wsexample import __version__
from wsexample.errors import HandshakeError
from wsexample.wire.connection import connect
from wsexample.wire.http import HttpServer
from wsexample.wire.options import ServeOptions
from wsexample.wire.server import Reject, Request, serve

RunGrid = Callable[[Any], Any]


async def answer(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text=f"{request.method} {request.path} {await request.text()}")


def test_http_and_websocket_share_a_port(run_grid: RunGrid, security: Security) -> None:
    """A request is answered and an upgrade is echoed, on one address."""

    async def scenario() -> tuple[str, str | bytes]:
        async with (
            serve(echo, tls=security.server, http=answer) as server,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=security.client or False)) as session,
        ):
            url = server.url.replace("ws", "http", 1)
            async with session.post(f"{url}/x", data="body") as response:
                text = await response.text()
            async with connect(server.url, tls=security.client) as ws:
                await ws.send("x")
                return text, await ws.receive(5)

    assert run_grid(scenario()) == ("POST /x body", "x")


@pytest.mark.parametrize(
    ("header", "said"), [(None, f"wsexample/{__version__}"), ("Microsoft-HTTPAPI/2.0",) * 2, ("", None)]
)
def test_http_says_no_more_of_the_server_than_the_handshake(run: RunGrid, header: str | None, said: str | None) -> None:
    """Answers, refusals of what is no HTTP and streams name the server as the options do, and never Python's version."""

    async def stream(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/own":
            return web.Response(headers={"Server": "own"})
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write_eof(b"x")
        return response

    async def scenario() -> list[str | None]:
        async with (
            serve(hold, http=stream, options=ServeOptions(server_header=header)) as server,
            aiohttp.ClientSession(server.url.replace("ws", "http", 1)) as session,
        ):
            found = []
            for path in ("/", "/own"):
                async with session.get(path) as response:
                    found.append(response.headers.get("Server"))
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"no HTTP\r\n\r\n")
            lines = (await reader.read()).decode().splitlines()
            writer.close()
            found.append(next((line[8:] for line in lines if line.startswith("Server: ")), None))
            return found

    assert run(scenario()) == [said, "own", said]


def test_an_upgrade_may_follow_on_a_kept_alive_connection(run_grid: RunGrid, security: Security) -> None:
    """A client that asks by HTTP and upgrades on the same socket is served; pins aiohttp's transport attribute."""

    async def scenario() -> tuple[str, str, bytes, int, int]:
        connector = aiohttp.TCPConnector(limit=1, ssl=security.client or False)
        async with (
            serve(echo, tls=security.server, http=answer) as server,
            aiohttp.ClientSession(connector=connector) as session,
        ):
            url = server.url.replace("ws", "http", 1)
            async with session.get(f"{url}/first") as response:
                text = await response.text()
            async with session.ws_connect(f"{url}/second") as ws:
                await ws.send_str("over the same socket")
                words = await ws.receive_str(timeout=5)
                await ws.send_bytes(bytes(100_000))
                data = await ws.receive_bytes(timeout=5)
                request = next(iter(server.connections)).request
                assert request.path == "/second"
            return text, words, data, ws.close_code or 0, len(server._web._waiting)

    text, words, data, code, waiting = run_grid(scenario())
    assert (text, words, len(data), code, waiting) == ("GET /first ", "over the same socket", 100_000, 1000, 0)


def test_frames_sent_with_the_request_are_not_lost(run_grid: RunGrid) -> None:
    """A hasty client's first frame, in one segment with its request, reaches the handler."""

    async def scenario() -> bytes:
        async with serve(echo, http=answer) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(REQUEST + b"\x81\x82\0\0\0\0hi")
            await reader.readuntil(b"\r\n\r\n")
            frame = await reader.readexactly(4)
            writer.close()
            return frame

    assert run_grid(scenario()) == b"\x81\x02hi"


def test_the_handed_over_connection_is_bounded_like_any_other(run: RunGrid) -> None:
    """accept, limits and refusals hold on the shared port as well."""

    async def judge(request: Request) -> Reject | None:
        return None if request.path == "/in" else Reject(403, "no")

    async def scenario() -> list[int | None]:
        async with serve(hold, accept=judge, http=answer, options=ServeOptions(max_connections=1)) as server:
            statuses: list[int | None] = []
            async with connect(f"{server.url}/in"):
                for path in ("/no", "/in"):
                    with pytest.raises(HandshakeError) as caught:
                        await connect(server.url + path)
                    statuses.append(caught.value.status)
            return statuses

    assert run(scenario()) == [503, 503]


def test_a_malformed_upgrade_gets_a_complete_answer(run_grid: RunGrid) -> None:
    """What only half asks for a WebSocket is refused with words, not cut off."""

    async def scenario() -> list[bytes]:
        async with serve(hold, http=answer) as server:
            return [
                await raw_request(server.port, REQUEST.replace(b"dGhl", b"")),
                await raw_request(server.port, REQUEST.replace(b"Version: 13", b"Version: 8")),
            ]

    assert [response[:12] for response in run_grid(scenario())] == [b"HTTP/1.1 400"] * 2


def test_head_bombs_are_refused(run: RunGrid) -> None:
    """aiohttp bounds the heads on a shared port; nobody is served for them."""

    async def scenario() -> bytes:
        async with serve(hold, http=answer) as server:
            return await raw_request(server.port, b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n")

    assert run(scenario()).startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))


def test_a_client_without_a_request_is_cut_off(run_grid: RunGrid) -> None:
    """The first head has the handshake's time; a connection that was used is kept alive longer."""

    async def scenario() -> tuple[bytes, bytes]:
        async with serve(hold, http=answer, options=ServeOptions(handshake_timeout_s=0.1)) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /used HTTP/1.1\r\nHost: h\r\n\r\n")
            await reader.readuntil(b"used ")
            silent = await raw_request(server.port, b"GET / HT")
            writer.write(b"GET /again HTTP/1.1\r\nHost: h\r\n\r\n")
            again = await reader.readuntil(b"again ")
            writer.close()
            return silent, again

    silent, again = run_grid(scenario())
    assert silent == b""
    assert again.endswith(b"GET /again ")


def test_stopping_waits_for_requests_and_closes_idle_connections(run_grid: RunGrid) -> None:
    """A request that is being answered is answered; kept-alive sockets end."""

    async def scenario() -> tuple[bytes, bytes]:
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def slow(request: web.BaseRequest) -> web.StreamResponse:
            asked.set()
            await go_on.wait()
            return web.Response(text="done")

        async with serve(hold, http=slow) as server:
            answering = asyncio.ensure_future(raw_request(server.port, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
            await asked.wait()
            idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", server.port)
            stopping = asyncio.ensure_future(server.close())
            await asyncio.sleep(0)
            go_on.set()
            response = await answering
            await stopping
            idle = await idle_reader.read()
            idle_writer.close()
            return response, idle

    response, idle = run_grid(scenario())
    assert response.endswith(b"done")
    assert idle == b""


def test_a_request_may_stop_the_server(run_grid: RunGrid, security: Security) -> None:
    """Its handler is not waited for by itself: it goes on, and its answer arrives."""

    async def scenario() -> str:
        async def stop(request: web.BaseRequest) -> web.StreamResponse:
            await server.close()
            return web.Response(text="stopped")

        connector = aiohttp.TCPConnector(ssl=security.client or False)
        async with (
            serve(hold, tls=security.server, http=stop) as server,
            aiohttp.ClientSession(connector=connector) as session,
            session.get(f"{server.url.replace('ws', 'http', 1)}/stop") as response,
        ):
            return await response.text()

    assert run_grid(scenario()) == "stopped"


def test_two_requests_may_stop_the_server_at_once(run: RunGrid) -> None:
    """They do not wait for each other, and both are answered."""

    async def scenario() -> list[str]:
        asked = asyncio.Semaphore(0)
        both = asyncio.Event()

        async def stop(request: web.BaseRequest) -> web.StreamResponse:
            asked.release()
            await both.wait()
            await server.close()
            return web.Response(text="stopped")

        async with (
            serve(hold, http=stop, options=ServeOptions(close_timeout_s=2)) as server,
            aiohttp.ClientSession(server.url.replace("ws", "http", 1)) as session,
        ):

            async def ask() -> str:
                async with session.post("/stop") as response:
                    return await response.text()

            asking = [asyncio.ensure_future(ask()) for _ in range(2)]
            for _ in asking:
                await asked.acquire()
            both.set()
            return list(await asyncio.gather(*asking))

    assert run(scenario()) == ["stopped"] * 2


def test_a_handler_that_fails_is_answered_500(run: RunGrid, caplog: pytest.LogCaptureFixture) -> None:
    """The client gets a status, the log the traceback, the server goes on."""

    async def fail(request: web.BaseRequest) -> web.StreamResponse:
        raise ZeroDivisionError

    async def scenario() -> bytes:
        async with serve(hold, http=fail) as server:
            await raw_request(server.port, b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            return await raw_request(server.port, b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

    assert b"500" in run(scenario()).partition(b"\r\n")[0]
    assert caplog.records


def test_a_reader_that_is_gone_is_not_cut_again(run: RunGrid) -> None:
    """The timer of a client that left before its head is late does nothing."""

    async def scenario() -> int:
        server = HttpServer(answer, lambda: None, head_timeout_s=0.001, late=lambda transport: None)
        server()
        await until(lambda: not server._waiting)
        await server.shutdown(1)
        return len(server._waiting)

    assert run(scenario()) == 0
