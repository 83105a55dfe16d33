"""`serve`: WebSocket and HTTP on one port, each request head decides; a handler coroutine for each connection.

Upgrades go to Autobahn's server protocol through `wsexample.wire.link.ServerLink`; everything else to an aiohttp handler
when there is one. Records, topics and rights are the business of whoever passes the handler.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from wsexample.errors import ConnectionClosed, ListenError, StateError
from wsexample.wire.connection import Connection, check_close
from wsexample.wire.link import ServerLink
from wsexample.wire.options import ServeOptions

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["Reject", "Request", "Server", "ServerConnection", "serve"]

log = logging.getLogger("wsexample.server")

Handler = Callable[["ServerConnection"], Awaitable[None]]
HttpHandler = Callable[["web.BaseRequest"], Awaitable["web.StreamResponse"]]


@dataclass(frozen=True, slots=True)
class Request:
    """The opening handshake of a client."""

    path: str
    """Path of the request line, without the query."""
    query: Mapping[str, list[str]]
    """Query parameters; each may occur more than once."""
    headers: Mapping[str, str] = field(repr=False)
    """Request headers, lower-case names."""
    remote: str
    """``host:port`` of the client."""
    subprotocols: tuple[str, ...] = ()
    """Subprotocols that the client offers."""


@dataclass(frozen=True, slots=True)
class Reject:
    """An answer of ``accept`` that refuses the WebSocket."""

    status: int = 403
    """HTTP status code."""
    body: str = ""
    """Text of the response body; status and reason when empty."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further response headers."""


Accept = Callable[[Request], Awaitable[str | Reject | None]]


class ServerConnection(Connection):
    """A client's connection, with the `Request` that opened it."""

    request: Request


class Server:
    """A listening server; made by `serve`."""

    def __init__(
        self,
        handler: Handler,
        *,
        host: str | None,
        port: int,
        accept: Accept | None,
        http: HttpHandler | None,
        tls: ssl.SSLContext | None,
        options: ServeOptions,
    ) -> None:
        from wsexample import __version__

        self._handler = handler
        self._host = host
        self._requested_port = port
        self._accept = accept
        self._http = http
        self._tls = tls
        self._options = options
        self._server_header = f"wsexample/{__version__}" if options.server_header is None else options.server_header
        self._listener: asyncio.Server | None = None
        self._web: Any = None
        self._links: set[ServerLink] = set()
        self._tasks: dict[asyncio.Task[None], ServerConnection] = {}
        self._is_closing = False
        self.connections: set[ServerConnection] = set()
        """Connections that are open now."""
        self.accepted = 0
        """WebSocket connections ever opened."""

    # -- life ------------------------------------------------------------------------------------------------

    async def start(self) -> Self:
        """Listen; raises `ListenError` when the address cannot be taken."""
        loop = asyncio.get_running_loop()
        factory = self._link_factory()
        if self._http is not None:
            from wsexample.wire.http import http_server

            self._web = http_server(self._http, factory)
            factory = self._web
        try:
            self._listener = await loop.create_server(
                factory, self._host, self._requested_port, ssl=self._tls, backlog=self._options.backlog
            )
        except OSError as error:
            address = f"{self._host or '*'}:{self._requested_port}"
            in_use = error.errno == errno.EADDRINUSE or "address already in use" in str(error).lower()
            if in_use:
                message = f"{address} is in use by another program; choose another port or stop that program"
            else:
                message = f"cannot listen on {address}: {error.strerror or error}"
            raise ListenError(message, address=address, in_use=in_use) from error
        return self

    @property
    def sockets(self) -> tuple[Any, ...]:
        """The listening sockets."""
        return tuple(self._listener.sockets) if self._listener is not None else ()

    @property
    def port(self) -> int:
        """The TCP port that the server listens on."""
        if not self.sockets:
            raise StateError("the server does not listen")
        return int(self.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """The server's WebSocket address."""
        host = self._host or "127.0.0.1"
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        return f"{'wss' if self._tls else 'ws'}://{f'[{host}]' if ':' in host else host}:{self.port}"

    async def close(self, code: int = 1001, reason: str = "server stopping") -> None:
        """Stop listening, close every connection with this code and wait for handlers; stragglers are cut in time."""
        check_close(code, reason)
        self._is_closing = True
        if self._listener is not None:
            self._listener.close()
        for connection in list(self.connections):
            connection.start_close(code, reason)
        if self._links:
            await asyncio.wait(
                {asyncio.ensure_future(_gone(link)) for link in self._links},
                timeout=self._options.close_timeout_s,
            )
        for link in list(self._links):
            if link.transport is not None:
                link.transport.abort()
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=self._options.close_timeout_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1.0)
        if self._web is not None:
            await self._web.shutdown(timeout=self._options.close_timeout_s)
        if self._listener is not None:
            await self._listener.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- told by the links -----------------------------------------------------------------------------------

    def _link_factory(self) -> Any:
        from wsexample.wire.autobahn import WebSocketServerFactory, deflate_server_options

        options = self._options
        factory = WebSocketServerFactory(server=self._server_header or None, headers=dict(options.headers))  # type: ignore[arg-type]
        factory.protocol = ServerLink
        factory.setProtocolOptions(
            failByDrop=False,
            echoCloseCodeReason=True,
            webStatus=False,
            allowNullOrigin=True,  # pages opened from a file; ``accept`` decides about origins
            openHandshakeTimeout=options.handshake_timeout_s,
            closeHandshakeTimeout=options.close_timeout_s,
            maxMessagePayloadSize=options.max_message_bytes,
            maxFramePayloadSize=options.max_frame_bytes,
            autoPingInterval=options.ping_interval_s,
            autoPingTimeout=options.ping_timeout_s,
            maxConnections=options.max_connections,
            **(deflate_server_options() if options.compression else {}),
        )

        def make() -> ServerLink:
            link: ServerLink = factory()
            link.server = self
            link.answer_pings = options.answer_pings
            link.server_header = self._server_header
            self._links.add(link)
            return link

        return make

    async def link_asked(self, link: ServerLink, request: Any) -> str | None:
        """Decide about an opening handshake; called by the link."""
        asked = Request(
            path=request.path,
            query=request.params,
            headers=request.headers,
            remote=_remote(link),
            subprotocols=tuple(request.protocols),
        )
        if self._is_closing:
            return self._refuse(link, Reject(503, "the server is stopping\n"))
        answer = await self._accept(asked) if self._accept is not None else None
        if isinstance(answer, Reject):
            return self._refuse(link, answer)
        if answer is None:
            answer = next((name for name in self._options.subprotocols if name in asked.subprotocols), None)
        connection = ServerConnection(link, self._options)
        connection.request = asked
        connection.peer = asked.remote
        connection.subprotocol = answer
        return answer

    def _refuse(self, link: ServerLink, answer: Reject) -> str | None:
        from autobahn.websocket.types import ConnectionDeny

        try:
            reason = HTTPStatus(answer.status).phrase
        except ValueError:
            reason = "Refused"
        link.refusal = (answer.status, reason, answer.body, list(answer.headers.items()))
        raise ConnectionDeny(answer.status, reason)

    def link_opened(self, link: ServerLink) -> None:
        """Start the handler; called by the link."""
        connection = link.connection
        assert isinstance(connection, ServerConnection)
        self.accepted += 1
        self.connections.add(connection)
        task = asyncio.ensure_future(self._handle(connection))
        self._tasks[task] = connection
        task.add_done_callback(self._tasks.pop)

    def link_lost(self, link: ServerLink) -> None:
        """Forget a connection; called by the link."""
        self._links.discard(link)
        if isinstance(link.connection, ServerConnection):
            self.connections.discard(link.connection)

    async def _handle(self, connection: ServerConnection) -> None:
        try:
            await self._handler(connection)
        except ConnectionClosed:
            pass  # the peer left; that is how most connections end
        except asyncio.CancelledError:
            connection.abort()
            raise
        except Exception:  # whatever a handler raises must not stop the server
            log.exception("the handler of %s failed; closing with 1011", connection.peer)
            await connection.close(1011, "internal error")
        else:
            await connection.close(1000)


def _remote(link: ServerLink) -> str:
    name = link.transport.get_extra_info("peername") if link.transport is not None else None
    if isinstance(name, tuple) and len(name) >= 2:
        return f"[{name[0]}]:{name[1]}" if ":" in str(name[0]) else f"{name[0]}:{name[1]}"
    return "unix"


async def _gone(link: ServerLink) -> None:
    if link.connection is not None:
        await asyncio.shield(link.connection.over)
    else:
        await asyncio.shield(link.is_closed)


class _Serving:
    """What `serve` returns: await it for a server, or enter it to have it closed in the end."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def __await__(self) -> Generator[Any, None, Server]:
        return self._server.start().__await__()

    async def __aenter__(self) -> Server:
        return await self._server.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.close()


def serve(
    handler: Handler,
    host: str | None = "127.0.0.1",
    port: int = 0,
    *,
    accept: Accept | None = None,
    http: HttpHandler | None = None,
    tls: ssl.SSLContext | None = None,
    options: ServeOptions | None = None,
) -> _Serving:
    """Serve WebSockets: ``async with serve(handler, port=9000) as server`` or ``server = await serve(...)``.

    Parameters:
        handler: coroutine function that gets each `ServerConnection`. When it returns the connection is closed with
            1000; when it raises, with 1011, and the exception is logged.
        host: address to listen on (default loopback); None for all.
        port: TCP port; 0 lets the system choose.
        accept: asked before each handshake is answered; returns None to accept, a name to accept with that
            subprotocol, or a `Reject`.
        http: aiohttp handler for requests that are not upgrades, on the same port and on kept-alive connections too.
        tls: server context for ``wss``.
        options: further `ServeOptions`.

    Raises:
        ListenError: the address cannot be taken.
    """
    server = Server(handler, host=host, port=port, accept=accept, http=http, tls=tls, options=options or ServeOptions())
    return _Serving(server)
