"""``wseserver`` and ``wseclient`` against the WebSocket libraries that Python programs use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
import websocket
import websockets
from aiohttp import web

from tests.commands import Launch

pytestmark = pytest.mark.integration

MESSAGES: list[str | bytes] = ["hello", "", "日本語 🗾", b"", b"\x00\x01\xfe\xff", "x" * 70_000, bytes(1_000_000)]


def test_wseserver_serves_websockets(run: Callable[[Any], Any], echo_url: str) -> None:
    """A `websockets` client gets every message back, its ping answered, and its close code returned."""

    async def scenario() -> None:
        async with websockets.connect(echo_url, max_size=None) as ws:
            for message in MESSAGES:
                await ws.send(message)
                assert await ws.recv() == message
            await ws.send(["in ", "three ", "frames"])
            assert await ws.recv() == "in three frames"
            await (await ws.ping())
            await ws.close(4001, "interop")
            assert ws.close_code == 4001

    run(scenario())


def test_wseserver_serves_websocket_client(echo_url: str) -> None:
    """A blocking `websocket-client` connection gets every message back."""
    ws = websocket.create_connection(echo_url, timeout=10)
    try:
        for message in MESSAGES:
            is_text = isinstance(message, str)
            ws.send(message, websocket.ABNF.OPCODE_TEXT if is_text else websocket.ABNF.OPCODE_BINARY)
            opcode, data = ws.recv_data()
            assert data == (message.encode() if isinstance(message, str) else message)
            assert opcode == (websocket.ABNF.OPCODE_TEXT if is_text else websocket.ABNF.OPCODE_BINARY)
        ws.ping(b"are you there")
        opcode, frame = ws.recv_data(control_frame=True)
        assert (opcode, frame) == (websocket.ABNF.OPCODE_PONG, b"are you there")
    finally:
        ws.close()


def test_wseserver_serves_aiohttp(run: Callable[[Any], Any], echo_url: str) -> None:
    """An `aiohttp` client gets every message back and closes cleanly."""

    async def scenario() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(echo_url, max_msg_size=0) as ws:
            for message in MESSAGES:
                if isinstance(message, str):
                    await ws.send_str(message)
                    assert await ws.receive_str() == message
                else:
                    await ws.send_bytes(message)
                    assert await ws.receive_bytes() == message
            await ws.close(code=1000)
            assert ws.close_code == 1000

    run(scenario())


async def check_client(launch: Launch, url: str) -> None:
    """Run the echo test of ``wseclient`` against a server in this loop."""
    client = launch("wseclient", url, "--test", "--max-messages", "3", "--interval", "10ms")
    assert await asyncio.to_thread(client.finish) == 0, client.story
    assert "3 sent, 3 echoed, 0 lost" in client.err[-1]


def test_wseclient_talks_to_websockets(run: Callable[[Any], Any], launch: Launch) -> None:
    """The echo test passes against a server made with `websockets`, which sees a clean close."""
    codes: list[int | None] = []

    async def echo(ws: websockets.ServerConnection) -> None:
        async for message in ws:
            await ws.send(message)
        codes.append(ws.close_code)

    async def scenario() -> None:
        async with websockets.serve(echo, "127.0.0.1", 0) as server:
            await check_client(launch, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/some/path?x=1")

    run(scenario())
    assert codes == [1000]


def test_wseclient_talks_to_aiohttp(run: Callable[[Any], Any], launch: Launch) -> None:
    """The echo test passes against a server made with `aiohttp`."""

    async def echo(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(message.data)
        return ws

    async def scenario() -> None:
        app = web.Application()
        app.router.add_get("/echo", echo)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            await check_client(launch, f"ws://127.0.0.1:{runner.addresses[0][1]}/echo")
        finally:
            await runner.cleanup()

    run(scenario())


def test_wseclient_names_the_status_of_a_web_server(run: Callable[[Any], Any], launch: Launch) -> None:
    """A plain `aiohttp` web server is not a WebSocket server; the status is in the one line."""

    async def scenario() -> list[str]:
        runner = web.AppRunner(web.Application())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            client = launch("wseclient", f"ws://127.0.0.1:{runner.addresses[0][1]}/nothing")
            assert await asyncio.to_thread(client.finish) == 22
            return client.err
        finally:
            await runner.cleanup()

    (line,) = run(scenario())
    assert "HTTP 404 Not Found" in line
