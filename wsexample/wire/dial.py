"""Options in, open connection out: every way to reach a peer is here and nowhere else.

Foreign errors stop here: what the resolver, the socket, TLS and Autobahn raise becomes one of ours that names its step.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

from wsexample.errors import DeadlineError, HandshakeError, NetworkError, OptionError, TlsError
from wsexample.wire.connection import Connection
from wsexample.wire.handover import hand_over
from wsexample.wire.link import ClientLink
from wsexample.wire.options import ConnectOptions, Target, checked_headers
from wsexample.wire.proxy import through_http, through_socks
from wsexample.wire.redirect import next_hop
from wsexample.wire.tcp import connect_tcp, connect_unix, set_options
from wsexample.wire.tls import TlsOptions, certificate_names, client_context, names_match
from wsexample.wire.trace import Tracer, active_trace

__all__ = ["dial", "dial_as"]

C = TypeVar("C")
MakeLink = Callable[[], ClientLink]


async def dial(options: ConnectOptions) -> Connection:
    """Open a WebSocket as the options say; every step has its deadline and its own error."""
    return await dial_as(options, ClientLink, Connection)


async def dial_as(
    options: ConnectOptions, link_class: type[ClientLink], connection_class: Callable[[Any, ConnectOptions], C]
) -> C:
    """Open a WebSocket whose link and connection are of other classes; else as `dial`."""
    trace = options.trace or active_trace()
    tracer = trace.begin() if trace is not None else None
    followed = 0
    while True:
        try:
            return await _attempt(options, tracer, link_class, connection_class)
        except HandshakeError as refusal:
            options = next_hop(options, refusal, followed)
            followed += 1
        except (NetworkError, OSError) as error:
            if tracer is not None:
                tracer.note(f"failed: {error}")
            raise


async def _attempt(
    options: ConnectOptions,
    tracer: Tracer | None,
    link_class: type[ClientLink],
    connection_class: Callable[[Any, ConnectOptions], C],
) -> C:
    target = options.target
    headers = await _request_headers(options)
    make_link = _link_factory(target, options, headers, tracer, link_class, connection_class)
    if options.opener is not None:
        link = options.opener.open(make_link)
    else:
        tls = _tls_arguments(target, options)
        link = await _reach(target, options, make_link, tls, tracer)
    await _open(link, target, options)
    connection: Any = link.connection
    return connection  # type: ignore[no-any-return] # what the factory makes


async def _request_headers(options: ConnectOptions) -> tuple[tuple[str, str], ...]:
    headers: Any = options.headers
    if callable(headers):
        headers = headers()
        if inspect.isawaitable(headers):
            headers = await headers
    return checked_headers(headers)


# -- the way to the peer ---------------------------------------------------------------------------------------------


async def _reach(
    target: Target, options: ConnectOptions, make_link: MakeLink, tls: dict[str, Any], tracer: Tracer | None
) -> ClientLink:
    """Connect by the way that the options choose, and put TLS and the link on top of it."""
    proxy = options.proxy_for(target)
    path = options.unix_path or target.unix_path
    address = path if path is not None and options.sock is None else target.address
    if proxy is not None and proxy.is_http:
        _note(tracer, f"connecting to {address} through the proxy {proxy.scheme}://{proxy.address}")
        link = await _on_transport(await through_http(proxy, target, options), make_link, tls, address, options)
    else:
        if options.sock is not None:
            sock = _own_socket(options)
            _note(tracer, "using the socket that was given")
        elif path is not None:
            _note(tracer, f"connecting to {path}")
            sock = await connect_unix(path, options)
        elif proxy is not None:
            _note(tracer, f"connecting to {address} through the proxy {proxy.scheme}://{proxy.address}")
            sock = await through_socks(proxy, target, options)
        else:
            _note(tracer, f"connecting to {address}")
            sock = await connect_tcp(target.host, target.port, options)
        link = await _on_socket(sock, make_link, tls, address, options)
    if tracer is not None and link.transport is not None:
        tracer.note(_description(link.transport))
    return link


def _note(tracer: Tracer | None, text: str) -> None:
    if tracer is not None:
        tracer.note(text)


def _description(transport: asyncio.Transport) -> str:
    name = transport.get_extra_info("peername")
    text = f"connected to {name[0]} port {name[1]}" if isinstance(name, tuple) and len(name) > 1 else "connected"
    speaker = transport.get_extra_info("ssl_object")
    if speaker is not None:
        names = ", ".join(certificate_names(speaker.getpeercert() or {})) or "not verified"
        text += f", {speaker.version()} {speaker.cipher()[0]}, certificate: {names}"
    return text


def _own_socket(options: ConnectOptions) -> socket.socket:
    sock = options.sock
    assert sock is not None
    try:
        sock.getpeername()
    except OSError:
        raise OptionError("sock is not connected; connect it first", option="sock") from None
    sock.setblocking(False)
    set_options(sock, options.socket_options)
    return sock


async def _on_socket(
    sock: socket.socket, make_link: MakeLink, tls: dict[str, Any], address: str, options: ConnectOptions
) -> ClientLink:
    loop = asyncio.get_running_loop()
    if sock.family == getattr(socket, "AF_UNIX", None):
        # server_hostname is needed with TLS only, and refused without it
        opening: Any = loop.create_unix_connection(make_link, sock=sock, **tls)
    else:
        opening = loop.create_connection(make_link, sock=sock, **tls)
    _, link = await _with_tls_errors(hand_over(sock, opening), address, options)
    return link  # type: ignore[no-any-return] # what the factory makes


async def _on_transport(
    transport: asyncio.Transport, make_link: MakeLink, tls: dict[str, Any], address: str, options: ConnectOptions
) -> ClientLink:
    """Take over the transport of a proxy."""
    link = make_link()
    if tls:
        arguments = dict(tls)
        context = arguments.pop("ssl")
        upgrading = asyncio.get_running_loop().start_tls(transport, link, context, **arguments)
        try:
            upgraded = await _with_tls_errors(upgrading, address, options)
        except BaseException:  # cancelled too: nobody else knows the transport
            transport.abort()
            raise
        link.connection_made(upgraded)
    else:
        transport.set_protocol(link)
        link.connection_made(transport)
    return link


# -- TLS -------------------------------------------------------------------------------------------------------------


def _tls_arguments(target: Target, options: ConnectOptions) -> dict[str, Any]:
    """Return what the event loop needs for TLS; nothing for ws."""
    if not target.is_secure:
        return {}
    settings = options.tls or TlsOptions()
    sends_name = not isinstance(settings, TlsOptions) or settings.send_sni
    return {
        "ssl": client_context(settings) if isinstance(settings, TlsOptions) else settings,
        "server_hostname": (options.server_hostname or target.host.partition("%")[0]) if sends_name else "",
        "ssl_handshake_timeout": options.connect_timeout_s,
        "ssl_shutdown_timeout": options.close_timeout_s,
    }


def _name_check(target: Target, options: ConnectOptions) -> Callable[[Any], None] | None:
    """Return what compares the certificate's names when OpenSSL cannot, because it verifies only the name it sends."""
    settings = options.tls
    if not target.is_secure or not isinstance(settings, TlsOptions) or not settings.checks_name_itself:
        return None
    wanted = settings.verified_name or options.server_hostname or target.host

    def check(transport: asyncio.Transport) -> None:
        certificate = transport.get_extra_info("peercert") or {}
        if not names_match(certificate, wanted):
            names = ", ".join(certificate_names(certificate)) or "nobody"
            raise TlsError(
                f"the certificate of {target.address} was not accepted: it is for {names}, not for {wanted}",
                address=target.address,
                certificate="server",
            )

    return check


async def _with_tls_errors(opening: Any, address: str, options: ConnectOptions) -> Any:
    """Wait for a transport; TLS failures become ours."""
    try:
        return await opening
    except ssl.SSLCertVerificationError as error:
        raise TlsError(
            f"the certificate of {address} was not accepted: {error.verify_message or error.reason}",
            address=address,
            certificate="server",
        ) from error
    except ssl.SSLError as error:
        raise _tls_error(error, address) from error
    except TimeoutError as error:
        raise _tls_too_late(address, options) from error
    except OSError as error:
        # asyncio and uvloop report a TLS deadline as a ConnectionAbortedError that says so
        if "handshake" in str(error) and "longer" in str(error):
            raise _tls_too_late(address, options) from error
        raise TlsError(
            f"{address} closed the connection during the TLS handshake ({error.strerror or error}); "
            "does it speak TLS on this port?",
            address=address,
        ) from error


def _tls_too_late(address: str, options: ConnectOptions) -> DeadlineError:
    timeout_s = options.connect_timeout_s
    message = f"TLS with {address} was not ready within {timeout_s:g} s; does it speak TLS on this port?"
    return DeadlineError(message, step="tls", timeout_s=timeout_s)


_CLIENT_CERTIFICATE_ALERTS = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE", "BAD_CERTIFICATE", "UNKNOWN_CA")


def _tls_error(error: ssl.SSLError, address: str) -> TlsError:
    reason = error.reason or str(error)
    if "ALERT" in reason and any(alert in reason for alert in _CLIENT_CERTIFICATE_ALERTS):
        return TlsError(
            f"{address} did not accept our side of TLS ({reason}); does it ask for a client certificate?",
            address=address,
            certificate="client",
        )
    if "WRONG_VERSION_NUMBER" in reason or "HTTP_REQUEST" in reason or "RECORD_LAYER" in reason:
        message = f"{address} does not speak TLS on this port ({reason}); try ws:// in place of wss://"
    elif "VERSION" in reason or "PROTOCOL" in reason:
        message = f"{address} and this side have no TLS version in common ({reason})"
    else:
        message = f"TLS with {address} failed ({reason})"
    return TlsError(message, address=address)


# -- the opening handshake -------------------------------------------------------------------------------------------


def _link_factory(
    target: Target,
    options: ConnectOptions,
    headers: tuple[tuple[str, str], ...],
    tracer: Tracer | None,
    link_class: type[ClientLink],
    connection_class: Callable[[Any, ConnectOptions], object],
) -> MakeLink:
    from wsexample import __version__
    from wsexample.wire.autobahn import WebSocketClientFactory
    from wsexample.wire.handshake import basic_authorization

    factory = WebSocketClientFactory(
        f"{target.scheme}://localhost{target.resource}", protocols=list(options.subprotocols)
    )
    factory.protocol = link_class
    factory.setProtocolOptions(
        failByDrop=False,
        echoCloseCodeReason=True,
        openHandshakeTimeout=0,
        closeHandshakeTimeout=0,  # the connection keeps its deadlines itself, to the millisecond
        serverConnectionDropTimeout=0,
        maxMessagePayloadSize=options.max_message_bytes,
        maxFramePayloadSize=options.max_frame_bytes,
        utf8validateIncoming=options.validate_utf8,
        **_compression(options),
    )
    authorization = ""
    if options.bearer is not None:
        authorization = f"Bearer {options.bearer}"
    elif options.auth is not None:
        authorization = basic_authorization(*options.auth)

    def make() -> ClientLink:
        link = factory()
        assert isinstance(link, ClientLink)
        link.target = target
        link.options = options
        link.answer_pings = options.answer_pings
        link.request_headers = headers
        link.authorization = authorization
        link.user_agent = f"wsexample/{__version__}" if options.user_agent is None else options.user_agent
        link.check_peer = _name_check(target, options)
        link.use_tracer(tracer)
        if options.mask_key is not None:
            link.mask_with(options.mask_key)
        connection_class(link, options)
        return link

    return make


def _compression(options: ConnectOptions) -> dict[str, Any]:
    if options.compression is False:
        return {}
    from wsexample.wire.deflate import DeflateOptions, client_deflate

    return client_deflate(DeflateOptions() if options.compression is True else options.compression)


async def _open(link: ClientLink, target: Target, options: ConnectOptions) -> None:
    """Wait for the opening handshake."""
    connection = link.connection
    assert connection is not None
    connection.peer = target.address
    try:
        async with asyncio.timeout(options.handshake_timeout_s):
            await asyncio.wait({link.is_open, connection.over}, return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError:
        refusal = link.read_refusal("its answer was not finished in time") if link.has_answer_head else None
        connection.abort()
        if refusal is not None:
            raise refusal from None
        raise DeadlineError(
            f"{target.address} took the connection but did not answer the handshake within "
            f"{options.handshake_timeout_s:g} s; is it a WebSocket server?",
            step="handshake",
            timeout_s=options.handshake_timeout_s,
        ) from None
    except BaseException:  # cancelled too: nobody has the connection yet
        connection.abort()
        raise
    if link.is_open.done():
        return
    if link.refusal is not None:
        raise link.refusal
    if isinstance(link.lost_with, ssl.SSLError):  # with TLS 1.3 a server judges our certificate after its own Finished
        raise _tls_error(link.lost_with, target.address) from link.lost_with
    question = "is it a WebSocket server?"
    if target.is_secure:  # not every server sends the alert that would tell
        question = "is it a WebSocket server, and does it ask for a client certificate?"
    raise HandshakeError(
        f"{target.address} closed the connection without answering the handshake; {question}"
    ) from link.lost_with
