"""Hand-over between aiohttp's HTTP server and our WebSocket protocol on one port.

aiohttp reads every request head, on kept-alive connections too; an upgrade takes the transport away from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from wsexample.wire.server import HttpHandler

__all__ = ["http_server"]


class _HandedOver(web.StreamResponse):
    """A response that writes nothing, because the socket speaks WebSocket by now."""

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


def wants_websocket(request: web.BaseRequest) -> bool:
    """Tell whether this request asks to become a WebSocket (RFC 6455 section 4.2.1)."""
    upgrade = request.headers.get("Upgrade", "")
    return request.method == "GET" and "websocket" in (token.strip().lower() for token in upgrade.split(","))


def http_server(handler: HttpHandler, make_link: Callable[[], Any]) -> web.Server:
    """Return an aiohttp protocol factory that passes upgrades to links and the rest to the handler."""

    async def route(request: web.BaseRequest) -> web.StreamResponse:
        if not wants_websocket(request):
            return await handler(request)
        return _hand_over(request, make_link)

    return web.Server(route, access_log=None)


def _hand_over(request: web.BaseRequest, make_link: Callable[[], Any]) -> web.StreamResponse:
    reader = request.protocol
    transport = request.transport
    assert transport is not None
    target = request.raw_path.encode("ascii", "surrogateescape")
    version = f"HTTP/{request.version.major}.{request.version.minor}".encode()
    head = b"GET " + target + b" " + version + b"\r\n"
    head += b"".join(name + b": " + value + b"\r\n" for name, value in request.raw_headers) + b"\r\n"
    early = bytes(getattr(reader, "_message_tail", b""))  # frames that a hasty client sent with its request
    # Not documented by aiohttp, pinned by tests/wire/test_http.py: a handler without a transport closes nothing.
    reader.transport = None
    link = make_link()
    transport.set_protocol(link)
    transport.resume_reading()
    link.connection_made(transport)
    link.data_received(head + early)
    asyncio.get_running_loop().call_soon(reader.connection_lost, None)
    return _HandedOver()
