"""Hand-over between aiohttp's HTTP server and our WebSocket protocol on one port.

aiohttp reads every request head, on kept-alive connections too; an upgrade takes the transport away from it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from aiohttp import web
from aiohttp.http import SERVER_SOFTWARE, HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from wsexample.wire.server import HttpHandler

__all__ = ["HttpServer"]

_answering: ContextVar[Any] = ContextVar("the reader whose request is being answered", default=None)

KEEP_ALIVE_S = 75.0
LINGER_S = 2.0
"""How long the rest of a request's body is read and thrown away after its answer, seconds."""
log = logging.getLogger("wsexample.server")


class _Log(logging.LoggerAdapter[logging.Logger]):
    """What aiohttp logs; a request that is none is told in one line without its words, among which a secret may be.

    Anybody who reaches the port can send one, and aiohttp would log a traceback that quotes it.
    """

    def log(self, level: int, msg: object, *args: object, exc_info: Any = None, **more: Any) -> None:
        if isinstance(exc_info, HttpProcessingError):
            level, msg, args, exc_info = logging.INFO, "a request was no HTTP: answered %s", (exc_info.code,), None
        elif isinstance(exc_info, ConnectionError) or str(exc_info) == "Connection closed.":  # aiohttp's RuntimeError
            level, msg, args, exc_info = logging.INFO, "a client left in the middle of its request", (), None
        super().log(level, msg, *args, exc_info=exc_info, **more)


class _HandedOver(web.StreamResponse):
    """A response that writes nothing, because the socket speaks WebSocket by now."""

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


class _Reader(RequestHandler):
    """aiohttp's reader of requests, which keeps nothing of what is none."""

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._messages:  # not documented by aiohttp, pinned by tests/load/test_handshakes.py
            error = getattr(self._messages[-1][0], "exc", None)
            if isinstance(error, Exception):
                error.__traceback__ = None  # it leads to the data, in a circle
                if self.transport is not None:
                    self.transport.pause_reading()  # the answer is 400 and the end


class _Request(web.BaseRequest):
    """aiohttp's request, whose answers say no more of this server than its handshakes do."""

    server_header = ""

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        # Not documented by aiohttp, pinned by tests/wire/test_http.py: it is called when all headers are set.
        if response.headers.get("Server") == SERVER_SOFTWARE:  # nobody has chosen that
            if self.server_header:
                response.headers["Server"] = self.server_header
            else:
                del response.headers["Server"]


class _Readers(web.Server):
    """aiohttp's server, which also says whose connection is gone."""

    def __init__(self, handler: Any, gone: Callable[[Any], None], server_header: str, **more: Any) -> None:
        super().__init__(handler, request_factory=self._request, **more)
        self._gone = gone
        self._server_header = server_header
        self.is_shut = False
        """Whether nobody may come any more."""

    def __call__(self) -> RequestHandler:
        return _Reader(self, loop=self._loop, **self._kwargs)

    def _request(self, message: Any, payload: Any, protocol: RequestHandler, writer: Any, task: Any) -> web.BaseRequest:
        request = _Request(message, payload, protocol, writer, task, self._loop)
        request.server_header = self._server_header
        return request

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if self.is_shut:
            asyncio.get_running_loop().call_soon(transport.abort)  # aiohttp's task for it has to begin first

    def connection_lost(self, handler: Any, exc: BaseException | None = None) -> None:
        self._gone(handler)
        super().connection_lost(handler, exc)


class HttpServer:
    """A protocol factory that passes upgrades to links and the rest to an aiohttp handler.

    Parameters:
        handler: answers what is no upgrade.
        make_link: makes the protocol of a WebSocket.
        head_timeout_s: seconds that a new connection has for its first request head.
        late: told of each that has not sent it by then, before it is dropped.
        server_header: the Server header of answers whose handler sets none; "" for none.
    """

    def __init__(
        self,
        handler: HttpHandler,
        make_link: Callable[[], Any],
        *,
        head_timeout_s: float,
        late: Callable[[asyncio.BaseTransport], None],
        server_header: str = "",
    ) -> None:
        self._handler = handler
        self._make_link = make_link
        self._head_timeout_s = head_timeout_s
        self._late = late
        self._waiting: dict[Any, asyncio.TimerHandle] = {}
        self._stopping: set[Any] = set()  # two requests that both ask for the end must not wait for each other
        self._server = _Readers(
            self._route,
            self._gone,
            server_header,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_S,
            lingering_time=LINGER_S,
            logger=_Log(log, None),
        )

    def __call__(self) -> Any:
        reader = self._server()
        loop = asyncio.get_running_loop()
        self._waiting[reader] = loop.call_later(self._head_timeout_s, self._too_late, reader)
        return reader

    async def shutdown(self, timeout_s: float) -> None:
        """Close what is idle, wait for requests that are being answered, and cut them when they take too long.

        A request whose own handler asks for this is not waited for; its connection ends with the answer.
        """
        self._server.is_shut = True
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()
        for reader in self._server.connections:
            reader.close()  # a kept-alive connection without a request would wait for the whole timeout
        own = _answering.get()
        self._stopping.add(own)
        try:
            passed = self._stopping if self.is_answering_here else set()
            others = [reader for reader in self._server.connections if reader not in passed]
            await asyncio.gather(*(reader.shutdown(timeout_s) for reader in others))
        finally:
            self._stopping.discard(own)

    @property
    def is_answering_here(self) -> bool:
        """Whether whoever asks is the handler of a request on one of its connections."""
        return _answering.get() in self._server.connections

    def _gone(self, reader: Any) -> None:
        """Let go of a connection that ended before its first request."""
        timer = self._waiting.pop(reader, None)
        if timer is not None:
            timer.cancel()

    def _too_late(self, reader: Any) -> None:
        self._waiting.pop(reader, None)
        if reader.transport is not None:
            self._late(reader.transport)
            reader.transport.abort()

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        timer = self._waiting.pop(request.protocol, None)
        if timer is not None:
            timer.cancel()
        if not wants_websocket(request):
            _answering.set(request.protocol)  # aiohttp gives each request a context of its own
            return await self._handler(request)
        return _hand_over(request, self._make_link)


def wants_websocket(request: web.BaseRequest) -> bool:
    """Tell whether this request asks to become a WebSocket (RFC 6455 section 4.2.1)."""
    upgrade = request.headers.get("Upgrade", "")
    return request.method == "GET" and "websocket" in (token.strip().lower() for token in upgrade.split(","))


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
