"""`serve`: WebSocket and HTTP on one port, each request head decides; a handler coroutine for each connection.

Upgrades go to Autobahn's server protocol through `wsexample.wire.link.ServerLink`; everything else to an aiohttp handler
when there is one. Records, topics and rights are the business of whoever passes the handler.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable, Generator
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from wsexample.errors import ConnectionClosed, OptionError, StateError
from wsexample.wire.admission import Census, RateLimit, origin_is_allowed
from wsexample.wire.closing import check_close
from wsexample.wire.connection import Connection
from wsexample.wire.link import CONNECTING, ServerLink
from wsexample.wire.listening import UnixAddress, check_address, listen_error
from wsexample.wire.options import ServeOptions, checked_headers
from wsexample.wire.request import Reject, Request, read_request, remote_of
from wsexample.wire.tls_gate import TlsGate
from wsexample.wire.trace import active_trace

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["Reject", "Request", "Server", "ServerConnection", "serve"]

log = logging.getLogger("wsexample.server")

ARRIVING_TURNS = 3
"""Turns of the loop in which whom asyncio has accepted becomes a connection; it loses those whose listener is closed before."""

SAME_PORT_TRIES = 10
"""How often a port is looked for that is free on all addresses of a host."""

Handler = Callable[["ServerConnection"], Awaitable[None]]
HttpHandler = Callable[["web.BaseRequest"], Awaitable["web.StreamResponse"]]


Accept = Callable[[Request], Awaitable[str | Reject | None]]
Refused = Callable[[str, str], None]


class ServerConnection(Connection):
    """A client's connection, with the `Request` that opened it."""

    request: Request
    """What the client asked for."""
    _rate: RateLimit | None = None

    def limit_rate(self, rate: RateLimit) -> None:
        """Close the connection with 1008 when it sends more messages than this allows.

        Parameters:
            rate: what is allowed of this client.
        """
        if self._rate is None:
            self._take = self._link.onMessage
            self._link.onMessage = self._limited
        self._rate = rate

    def play_dead(self) -> None:
        """Send no sign of life any more, neither pings nor pongs: what a half-open connection looks like from the other end."""
        self._link.answer_pings = False
        if self._heartbeat is not None:
            self._heartbeat.stop()

    def fragment_received(self, payload: bytes, is_binary: bool, opcode: int, is_last: bool) -> None:
        """A fragment came: counted as a message where one begins, and then as `Connection.fragment_received` has it.

        Parameters:
            payload, is_binary, opcode, is_last: as there.
        """
        if opcode == 0 or self._is_within_rate():
            super().fragment_received(payload, is_binary, opcode, is_last)

    def _limited(self, payload: bytes, is_binary: bool) -> None:
        if self._is_within_rate():
            self._take(payload, is_binary)

    def _is_within_rate(self) -> bool:
        """Count a message; returns False when that is one too many, and the connection is closed for it."""
        if self._rate is None or self._rate.allows(self._loop.time()):
            return True
        if self.is_open:
            self._link.fail(1008, "too many messages")
        return False


class Server:
    """A listening server; made by `serve`.

    Parameters:
        handler, host, port, unix_path, accept, http, tls, refused, options: as for `serve`.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        host: str | None,
        port: int,
        unix_path: str | None = None,
        accept: Accept | None,
        http: HttpHandler | None,
        tls: ssl.SSLContext | None,
        refused: Refused | None = None,
        options: ServeOptions,
    ) -> None:
        from wsexample import __version__

        check_address(host, port, unix_path)
        self._handler = handler
        self._host = host
        self._requested_port = port
        self._unix = None
        if unix_path is not None:
            self._unix = UnixAddress(unix_path, mode=options.unix_mode, removes_stale=options.unix_unlink)
        self._accept = accept
        self._http = http
        self._tls = tls
        self._refused = refused
        self._options = options
        self._server_header = f"wsexample/{__version__}" if options.server_header is None else options.server_header
        self._listener: asyncio.Server | None = None
        self._web: Any = None
        self._gate: TlsGate | None = None
        self._census = Census(options.max_connections, options.max_connections_per_address)
        self._links: set[ServerLink] = set()
        self._tasks: dict[asyncio.Task[None], ServerConnection] = {}
        self._closers: set[asyncio.Task[Any] | None] = set()  # two handlers must not wait for each other
        self._is_closing = False
        self._none_left: asyncio.Future[None] | None = None
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
            from wsexample.wire.http import HttpServer

            self._web = HttpServer(
                self._http,
                factory,
                head_timeout_s=self._options.handshake_timeout_s,
                late=self.head_is_late,
                server_header=self._server_header,
            )
            factory = self._web
        arguments: dict[str, Any] = {"backlog": self._options.backlog}
        times = {
            "handshake_timeout_s": self._options.handshake_timeout_s,
            "shutdown_timeout_s": self._options.close_timeout_s,
        }
        if self._tls is not None:
            factory = self._gate = TlsGate(factory, self._tls, **times, failed=self.tls_failed)
        try:
            if self._unix is not None:
                self._listener = await loop.create_unix_server(factory, sock=self._unix.take(), **arguments)
            else:
                self._listener = await self._listen(factory, **arguments)
        except OSError as error:
            path = self._unix.path if self._unix is not None else None
            raise listen_error(error, host=self._host, port=self._requested_port, unix_path=path) from error
        return self

    async def _listen(self, factory: Any, **arguments: Any) -> asyncio.Server:
        """Listen on every address of the host; on the same port where the system chooses it, which gives each its own."""
        listen = asyncio.get_running_loop().create_server
        listener = await listen(factory, self._host, self._requested_port, **arguments)
        for _ in range(SAME_PORT_TRIES):
            ports = {sock.getsockname()[1] for sock in listener.sockets}
            if len(ports) == 1:
                break
            listener.close()
            await listener.wait_closed()
            try:
                listener = await listen(factory, self._host, ports.pop(), **arguments)
            except OSError:  # another program has it for one of the addresses
                listener = await listen(factory, self._host, 0, **arguments)
        return listener

    @property
    def sockets(self) -> tuple[Any, ...]:
        """The listening sockets."""
        return tuple(self._listener.sockets) if self._listener is not None else ()

    @property
    def port(self) -> int:
        """The TCP port that the server listens on; raises `StateError` when it listens on none."""
        if not self.sockets or self._unix is not None:
            raise StateError("the server does not listen on a TCP port")
        return int(self.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """The server's WebSocket address."""
        if self._unix is not None:
            return f"{'wss' if self._tls else 'ws'}+unix:{self._unix.path}"
        host = self._host or "127.0.0.1"
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        return f"{'wss' if self._tls else 'ws'}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def __repr__(self) -> str:
        where = self.url if self.sockets else "not listening"
        return f"<Server {where}, {len(self.connections)} connections>"

    async def close(self, code: int = 1001, reason: str = "server stopping", *, grace_s: float = 0.0) -> None:
        """Stop listening, close every connection and wait for handlers; stragglers are cut in time.

        A handler may call it too, of a connection or of a request: all others are waited for.

        Parameters:
            code: close code that clients get.
            reason: its words.
            grace_s: seconds that open connections have to end by themselves before that.

        Raises:
            OptionError: the code may not be sent, or the reason is too long.
        """
        check_close(code, reason)
        self._is_closing = True
        closer = asyncio.current_task()
        self._closers.add(closer)
        try:
            await self._close(code, reason, grace_s)
        finally:
            self._closers.discard(closer)

    async def _close(self, code: int, reason: str, grace_s: float) -> None:
        if self._listener is not None:
            await self._stop_listening(self._listener)
            if self._unix is not None:
                try:
                    self._unix.remove()
                except OSError as error:
                    log.warning("the unix socket %s is left behind: %s", self._unix.path, error.strerror or error)
        if self._gate is not None:
            self._gate.close()
        for link in list(self._links):
            if link.state == CONNECTING and not link.is_asked and link.transport is not None:
                link.transport.abort()  # it has not even asked yet
        if grace_s and self._others():
            await asyncio.wait(self._others(), timeout=grace_s)
        for connection in list(self.connections):
            connection.start_close(code, reason)
        await self._wait_for_links(self._options.close_timeout_s)
        for link in list(self._links):
            if link.transport is not None:
                link.transport.abort()
        if self._others():
            _, late = await asyncio.wait(self._others(), timeout=self._options.close_timeout_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1.0)
        if self._web is not None:
            await self._web.shutdown(self._options.close_timeout_s)
        if self._listener is not None and not (self._web is not None and self._web.is_answering_here):
            try:
                async with asyncio.timeout(self._options.close_timeout_s):
                    await self._listener.wait_closed()
            except TimeoutError:
                log.warning("a connection did not go away in time; leaving it behind")

    def _others(self) -> set[asyncio.Task[None]]:
        """Return the tasks of handlers; for a handler without its own, and without others that are waiting here too."""
        passed = self._closers if asyncio.current_task() in self._tasks else set()
        return {task for task in self._tasks if task not in passed}

    async def _stop_listening(self, listener: asyncio.Server) -> None:
        """Let those who were accepted become connections, which can be ended, before the listener is closed."""
        loop = asyncio.get_running_loop()
        for sock in listener.sockets:
            with contextlib.suppress(NotImplementedError):  # asyncio on Windows accepts without a reader
                loop.remove_reader(sock)
        for _ in range(ARRIVING_TURNS):
            await asyncio.sleep(0)
        listener.close()

    async def _wait_for_links(self, timeout_s: float) -> None:
        if self._links:
            if self._none_left is None or self._none_left.done():
                self._none_left = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._none_left}, timeout=timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- told by the links -----------------------------------------------------------------------------------

    def _link_factory(self) -> Any:
        from wsexample.wire.autobahn import WebSocketServerFactory

        options = self._options
        headers: dict[str, list[str]] = {}
        for name, value in checked_headers(options.headers):
            headers.setdefault(name, []).append(value)
        factory = WebSocketServerFactory(server=self._server_header or None, headers=headers)
        factory.protocol = ServerLink
        factory.setProtocolOptions(
            failByDrop=False,
            echoCloseCodeReason=True,
            versions=[13],
            webStatus=False,
            allowNullOrigin=True,  # pages opened from a file; allowed_origins and accept decide about origins
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,  # the connection keeps its deadlines itself, to the millisecond
            maxMessagePayloadSize=options.max_message_bytes,
            maxFramePayloadSize=options.max_frame_bytes,
            utf8validateIncoming=options.validate_utf8,
            **_compression(options),
        )

        def make() -> ServerLink:
            link = factory()
            assert isinstance(link, ServerLink)
            link.server = self
            link.answer_pings = options.answer_pings
            link.handshake_timeout_s = options.handshake_timeout_s
            link.server_header = self._server_header
            trace = options.trace or active_trace()
            if trace is not None:
                link.use_tracer(trace.begin())
            return link

        return make

    def link_made(self, link: ServerLink) -> bool:
        """Know of a connection; called by the link, when TLS stands. Returns whether it may stay: not while the server closes."""
        self._links.add(link)
        return not self._is_closing

    def head_is_late(self, transport: asyncio.BaseTransport) -> None:
        """Know that a connection is dropped because no request came in time; called by whoever drops it.

        Parameters:
            transport: of the connection whose head did not come in time.
        """
        self._tell_refused("handshake", remote_of(transport))

    def tls_failed(self, transport: asyncio.BaseTransport) -> None:
        """Know that a client did not get through the TLS handshake; called by the gate.

        Parameters:
            transport: its connection, not encrypted yet.
        """
        self._tell_refused("tls", remote_of(transport))

    def _tell_refused(self, reason: str, remote: str) -> None:
        if self._refused is not None:
            try:
                self._refused(reason, remote)
            except Exception:  # whatever it raises, the client is to be dropped all the same
                log.exception("refused failed for %s", remote)

    async def link_asked(self, link: ServerLink, request: Any) -> str | None:
        """Decide about an opening handshake; called by the link.

        Parameters:
            link: the client's connection.
            request: what it asks for, as Autobahn has read it.

        Returns:
            The subprotocol that is chosen, None for none.

        Raises:
            ConnectionDeny: the client is refused (Autobahn's own error; the link answers with what it was given).
        """
        asked = read_request(request, link.transport, self._options.forwarded_by)
        address = asked.remote.rpartition(":")[0] or asked.remote
        if self._is_closing:
            return self._refuse(link, Reject(503, "the server is stopping\n"))
        allowed = self._options.allowed_origins
        if (
            allowed is not None
            and "origin" in asked.headers
            and not origin_is_allowed(asked.headers["origin"], allowed)
        ):
            return self._refuse(link, Reject(403, "pages of this origin may not connect\n"))
        status = self._census.admit(link, address)
        if status:
            self._tell_refused("limit", asked.remote)
            return self._refuse(link, Reject(status, "too many connections\n", {"Retry-After": "5"}))
        answer = await self._ask(asked)
        if self._is_closing:
            answer = Reject(503, "the server is stopping\n")
        if isinstance(answer, Reject):
            return self._refuse(link, answer)
        if answer is None:
            answer = next((name for name in self._options.subprotocols if name in asked.subprotocols), None)
        connection = ServerConnection(link, self._options)
        connection.request = asked
        connection.peer = asked.remote
        connection.subprotocol = answer
        per_s = self._options.max_messages_per_s
        if per_s:
            connection.limit_rate(RateLimit(per_s, self._options.burst_messages or 2 * per_s))
        frames_per_s = self._options.max_frames_per_s
        if frames_per_s:
            link.frame_rate = RateLimit(frames_per_s, 2 * frames_per_s)
        return answer

    async def _ask(self, asked: Request) -> str | Reject | None:
        """Ask ``accept``; whatever goes wrong in it refuses the client and shows it nothing."""
        if self._accept is None:
            return None
        try:
            async with asyncio.timeout(self._options.handshake_timeout_s):
                answer = await self._accept(asked)
        except TimeoutError:
            log.error("accept took longer than %g s for %s", self._options.handshake_timeout_s, asked.remote)
            return Reject(503, "the server could not decide in time\n")
        except Exception:  # whatever accept raises refuses this client, and must not stop the server
            log.exception("accept failed for %s", asked.remote)
            return Reject(500)
        if isinstance(answer, str) and answer not in asked.subprotocols:
            log.error("accept chose the subprotocol %r, which %s does not offer", answer, asked.remote)
            return Reject(500)
        if isinstance(answer, Reject):
            try:
                checked_headers(answer.headers)
            except OptionError as error:  # a request's own words may be in them
                log.error("accept refused %s with what cannot be sent: %s", asked.remote, error)
                return Reject(500)
        return answer

    def _refuse(self, link: ServerLink, answer: Reject) -> str | None:
        from autobahn.websocket.types import ConnectionDeny

        self._census.leave(link)
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
        connection.opened()
        task = asyncio.ensure_future(self._handle(connection))
        self._tasks[task] = connection
        task.add_done_callback(self._tasks.pop)

    def link_lost(self, link: ServerLink) -> None:
        """Forget a connection; called by the link."""
        self._links.discard(link)
        self._census.leave(link)
        if self._none_left is not None and not self._links and not self._none_left.done():
            self._none_left.set_result(None)
        if isinstance(link.connection, ServerConnection):
            self.connections.discard(link.connection)

    async def _handle(self, connection: ServerConnection) -> None:
        try:
            await self._handler(connection)
        except asyncio.CancelledError:
            connection.abort()
            raise
        except ConnectionClosed as error:
            if connection.is_open:  # another connection of the handler's ended, one that it depends on
                log.warning("the handler of %s ended because %s; closing with 1011", connection.peer, error)
                await connection.close(1011, "internal error")
        except Exception:  # whatever a handler raises must not stop the server
            log.exception("the handler of %s failed; closing with 1011", connection.peer)
            await connection.close(1011, "internal error")
        else:
            await connection.close(1000)


def _compression(options: ServeOptions) -> dict[str, Any]:
    if options.compression is False:
        return {}
    from wsexample.wire.deflate import DeflateOptions, server_deflate

    return server_deflate(DeflateOptions() if options.compression is True else options.compression)


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

    if not TYPE_CHECKING:  # a type checker says by itself what is not there

        def __getattr__(self, name: str) -> Any:
            hint = (
                "; write server = await serve(...) or async with serve(...) as server" if hasattr(Server, name) else ""
            )
            raise AttributeError(f"what serve() returns has no {name!r} before it is awaited{hint}")


def serve(
    handler: Handler,
    host: str | None = "127.0.0.1",
    port: int = 0,
    *,
    unix_path: str | None = None,
    accept: Accept | None = None,
    http: HttpHandler | None = None,
    tls: ssl.SSLContext | None = None,
    refused: Refused | None = None,
    options: ServeOptions | None = None,
) -> _Serving:
    """Serve WebSockets: ``async with serve(handler, port=9000) as server`` or ``server = await serve(...)``.

    Parameters:
        handler: coroutine function that gets each `ServerConnection`. When it returns the connection is closed with
            1000; when it raises, with 1011, and the exception is logged.
        host: address to listen on (default loopback); None for all.
        port: TCP port; 0 lets the system choose.
        unix_path: unix socket to listen on in place of host and port; a leading "@" stands for Linux's abstract names.
        accept: asked before each handshake is answered; returns None to accept, a name to accept with that
            subprotocol, or a `Reject`.
        http: aiohttp handler for requests that are not upgrades, on the same port and on kept-alive connections too.
        tls: server context for ``wss``; `wsexample.wire.tls.server_context` makes one from files.
        refused: told, for logs and counters, whom ``accept`` never hears of: "handshake" where no request came in time,
            "tls" where its handshake failed or took too long, "limit" where there were too many connections; and the
            client's ``host:port``.
        options: further `ServeOptions`.

    Raises:
        OptionError: the address cannot be one, such as port 70000.
        ListenError: the address cannot be taken.
    """
    server = Server(
        handler,
        host=host,
        port=port,
        unix_path=unix_path,
        accept=accept,
        http=http,
        tls=tls,
        refused=refused,
        options=options or ServeOptions(),
    )
    return _Serving(server)
