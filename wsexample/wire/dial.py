"""Options in, open connection out: every way to reach a peer is here and nowhere else.

Foreign errors stop here: what the resolver, the socket, TLS and Autobahn raise becomes one of ours that names its step.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import Any

from wsexample.errors import ConnectError, DeadlineError, DialError, HandshakeError, ResolveError, TlsError
from wsexample.wire.connection import Connection
from wsexample.wire.link import ClientLink
from wsexample.wire.options import ConnectOptions, Target

__all__ = ["dial"]

AddrInfo = tuple[int, int, int, str, tuple[Any, ...]]


async def dial(options: ConnectOptions) -> Connection:
    """Open a WebSocket as the options say; every step has its deadline and its own error."""
    target = options.target
    sock = await _connect(target, options)
    try:
        link = await _start_link(sock, target, options)
    except BaseException:
        sock.close()
        raise
    return await _open(link, target, options)


async def _connect(target: Target, options: ConnectOptions) -> socket.socket:
    """Resolve the name and connect, racing address families (RFC 8305)."""
    import aiohappyeyeballs

    infos = await _resolve(target, options.connect_timeout_s)
    try:
        async with asyncio.timeout(options.connect_timeout_s):
            sock = await aiohappyeyeballs.start_connection(infos, happy_eyeballs_delay=0.25, interleave=1)
    except TimeoutError:
        raise DeadlineError(
            f"no answer from {target.address} within {options.connect_timeout_s:g} s; is the address right and reachable?",
            step="connect",
            timeout_s=options.connect_timeout_s,
        ) from None
    except OSError as error:
        raise _connect_error(error, target.address) from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


async def _resolve(target: Target, timeout_s: float) -> list[Any]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            infos = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise DeadlineError(
            f"the name {target.host} was not resolved within {timeout_s:g} s",
            step="resolve",
            timeout_s=timeout_s,
        ) from None
    except (socket.gaierror, UnicodeError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        raise ResolveError(
            f"the name {target.host} was not found ({words}); check its spelling and the network",
            address=target.address,
        ) from error
    return list(infos)


def _connect_error(error: OSError, address: str) -> DialError:
    numbers = {error.errno} | {inner.errno for inner in _inner_errors(error)}
    if errno.ECONNREFUSED in numbers or getattr(errno, "WSAECONNREFUSED", -1) in numbers:
        return ConnectError(
            f"{address} refused the connection; is the server running there?", address=address, refused=True
        )
    words = error.strerror or str(error)
    return ConnectError(f"{address} could not be reached ({words})", address=address)


def _inner_errors(error: BaseException) -> list[OSError]:
    found = [*getattr(error, "exceptions", ()), error.__cause__, error.__context__]
    return [inner for inner in found if isinstance(inner, OSError)]


async def _start_link(sock: socket.socket, target: Target, options: ConnectOptions) -> ClientLink:
    """Put TLS and the protocol on a connected socket."""
    loop = asyncio.get_running_loop()
    factory = _factory(target, options)
    tls: dict[str, Any] = {}
    if target.is_secure:
        tls = {
            "ssl": options.tls or ssl.create_default_context(),
            "server_hostname": options.server_hostname or target.host,
            "ssl_handshake_timeout": options.connect_timeout_s,
        }
    try:
        _, link = await loop.create_connection(factory, sock=sock, **tls)
    except ssl.SSLCertVerificationError as error:
        raise TlsError(
            f"the certificate of {target.address} was not accepted: {error.verify_message or error.reason}",
            address=target.address,
            certificate="server",
        ) from error
    except ssl.SSLError as error:
        raise TlsError(
            f"TLS with {target.address} failed ({error.reason or error}); does it speak TLS on this port?",
            address=target.address,
        ) from error
    except TimeoutError as error:
        raise DeadlineError(
            f"TLS with {target.address} was not ready within {options.connect_timeout_s:g} s",
            step="tls",
            timeout_s=options.connect_timeout_s,
        ) from error
    except OSError as error:
        # asyncio and uvloop report a TLS deadline as a ConnectionAbortedError that says so
        if "handshake" in str(error) and "longer" in str(error):
            raise DeadlineError(
                f"TLS with {target.address} was not ready within {options.connect_timeout_s:g} s",
                step="tls",
                timeout_s=options.connect_timeout_s,
            ) from error
        raise TlsError(
            f"{target.address} closed the connection during the TLS handshake ({error.strerror or error})",
            address=target.address,
        ) from error
    return link  # type: ignore[no-any-return]


def _factory(target: Target, options: ConnectOptions) -> Any:
    from wsexample import __version__
    from wsexample.wire.autobahn import WebSocketClientFactory, deflate_client_options

    factory = WebSocketClientFactory(
        f"{target.scheme}://localhost{target.resource}", protocols=list(options.subprotocols)
    )
    factory.protocol = ClientLink
    factory.setProtocolOptions(
        failByDrop=False,
        echoCloseCodeReason=True,
        openHandshakeTimeout=0,
        closeHandshakeTimeout=options.close_timeout_s,
        serverConnectionDropTimeout=options.close_timeout_s,
        maxMessagePayloadSize=options.max_message_bytes,
        maxFramePayloadSize=options.max_frame_bytes,
        autoPingInterval=options.ping_interval_s,
        autoPingTimeout=options.ping_timeout_s,
        **(deflate_client_options() if options.compression else {}),
    )

    def make() -> ClientLink:
        link: ClientLink = factory()
        link.target = target
        link.options = options
        link.answer_pings = options.answer_pings
        link.request_headers = tuple(options.headers)  # type: ignore[arg-type]
        link.user_agent = f"wsexample/{__version__}" if options.user_agent is None else options.user_agent
        Connection(link, options)
        return link

    return make


async def _open(link: ClientLink, target: Target, options: ConnectOptions) -> Connection:
    """Wait for the opening handshake."""
    connection = link.connection
    assert connection is not None
    connection.peer = target.address
    try:
        async with asyncio.timeout(options.handshake_timeout_s):
            await asyncio.wait({link.is_open, connection.over}, return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError:
        connection.abort()
        raise DeadlineError(
            f"{target.address} took the connection but did not answer the handshake within "
            f"{options.handshake_timeout_s:g} s; is it a WebSocket server?",
            step="handshake",
            timeout_s=options.handshake_timeout_s,
        ) from None
    except BaseException:
        connection.abort()
        raise
    if link.is_open.done():
        return connection
    if link.refusal is not None:
        raise link.refusal
    raise HandshakeError(
        f"{target.address} closed the connection without answering the handshake; is it a WebSocket server?"
    ) from link.lost_with
