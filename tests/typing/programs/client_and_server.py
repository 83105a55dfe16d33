"""A plain client and a server with admission and HTTP on one port."""

import asyncio
from collections.abc import Mapping
from typing import assert_type

import aiohttp.web

import wsexample
from wsexample import Connection, ConnectOptions, Reject, Request, ServeOptions, ServerConnection
from wsexample.wire.server import Server


async def echo(ws: ServerConnection) -> None:
    assert_type(ws.request, Request)
    assert_type(ws.request.query, Mapping[str, list[str]])
    async for message in ws:
        assert_type(message, str | bytes)
        await ws.send(message)


async def accept(request: Request) -> str | Reject | None:
    if "authorization" not in request.headers:
        return Reject(401, "who are you?")
    return "chat" if "chat" in request.subprotocols else None


async def page(request: aiohttp.web.BaseRequest) -> aiohttp.web.StreamResponse:
    return aiohttp.web.Response(text=request.path)


async def main() -> None:
    options = ServeOptions(subprotocols=["chat"], max_connections=10)
    async with wsexample.serve(echo, port=0, accept=accept, http=page, options=options) as server:
        assert_type(server, Server)
        assert_type(server.port, int)
        assert_type(server.url, str)
        async with wsexample.connect(server.url, headers={"Authorization": "x"}, compression=True) as ws:
            assert_type(ws, Connection)
            await ws.send("text")
            await ws.send(b"binary")
            assert_type(await ws.receive(timeout_s=1.5), str | bytes)
            assert_type(await ws.receive_payload(), tuple[bytes, bool])
            assert_type(await ws.ping(), float)
            assert_type(ws.subprotocol, str | None)
            assert_type(ws.close_code, int | None)
            assert_type(ws.response_headers, Mapping[str, str])
            await ws.close(1000, "bye")
        wanted = ConnectOptions(url=server.url, ping_interval_s=0)
        assert_type(wanted.replace(connect_timeout_s=3), ConnectOptions)
        other = await wsexample.connect(wanted, max_message_bytes=1024)
        assert_type(other, Connection)
        await other.close()


asyncio.run(main())
