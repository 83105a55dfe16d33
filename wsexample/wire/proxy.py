"""Through a proxy to the peer: HTTP CONNECT (also to a proxy that speaks TLS itself), SOCKS4, 4a, 5 and 5h.

What comes back is a socket or a transport on which the peer listens. Which proxy is used was decided by ``proxy_rules.py``.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any, NoReturn

from wsexample.errors import ConnectError, DeadlineError, OptionError, ProxyError, ResolveError
from wsexample.wire.handover import hand_over
from wsexample.wire.handshake import basic_authorization, read_answer
from wsexample.wire.options import ConnectOptions, checked_headers
from wsexample.wire.proxy_rules import Proxy, ProxyOptions
from wsexample.wire.target import Target
from wsexample.wire.tcp import connect_tcp, resolve
from wsexample.wire.tls import TlsOptions, client_context

__all__ = ["through_http", "through_socks"]

MAX_HEAD_BYTES = 64 * 1024


async def through_socks(proxy: Proxy, target: Target, options: ConnectOptions) -> socket.socket:
    """Return a socket that a SOCKS proxy has connected to the target."""
    import python_socks
    from python_socks.async_.asyncio import Proxy as SocksProxy

    for words in (proxy.username or "", proxy.password or ""):
        if not words.isascii() or len(words) > 255:
            message = "user name and password of a SOCKS proxy have at most 255 characters, all of them ASCII"
            raise OptionError(message, option="proxy")
    host = target.host
    if not proxy.resolves_names:
        host = await _own_address(proxy, target, options)
    sock = await _reach(proxy, options)
    timeout_s = _timeout(options)
    kind = python_socks.ProxyType.SOCKS4 if proxy.scheme.startswith("socks4") else python_socks.ProxyType.SOCKS5
    socks = SocksProxy(
        kind,
        proxy.host,
        proxy.port,
        proxy.username,
        proxy.password if proxy.password is not None or proxy.username is None else "",
        rdns=proxy.resolves_names,
        forward=_Reached(sock),  # type: ignore[arg-type] # it has what is called of a socket
    )
    try:
        return await socks.connect(host, target.port, timeout=timeout_s)
    except python_socks.ProxyTimeoutError:
        _too_late(proxy, timeout_s)
    except python_socks.ProxyError as error:
        raise _socks_error(proxy, target, str(error)) from error
    except OSError as error:
        raise ProxyError(
            f"the proxy {proxy.address} ended the connection ({error}); does it speak {proxy.scheme}?",
            address=proxy.address,
        ) from error
    except ValueError as error:
        raise ProxyError(
            f"{host} is no name that can be told to the {proxy.scheme} proxy {proxy.address} ({error})",
            address=proxy.address,
        ) from error
    # python-socks closes the socket when it fails


class _Reached:
    """A socket to the proxy that is there already, in the form in which python-socks asks for a proxy before it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    async def connect(self, dest_host: str, dest_port: int, timeout: float | None = None) -> socket.socket:
        return self._sock


async def _own_address(proxy: Proxy, target: Target, options: ConnectOptions) -> str:
    """Resolve the target here, for the kinds of proxy that take addresses only."""
    if proxy.scheme == "socks4":
        if options.ip_version == 6:
            raise OptionError("SOCKS4 has no IPv6; use socks5", option="ip_version")
        options = options.replace(ip_version=4)
    infos = await resolve(target.host, target.port, options)
    return str(infos[0][4][0])


def _socks_error(proxy: Proxy, target: Target, words: str) -> ProxyError:
    lower = words.lower()
    if "auth" in lower or "username" in lower or "password" in lower:
        advice = "check its user name and password" if proxy.username is not None else "it asks for a user and password"
        return ProxyError(f"the proxy {proxy.address} let us not in ({words}); {advice}", address=proxy.address)
    return ProxyError(
        f"the proxy {proxy.address} could not connect to {target.address} ({words or 'no answer'})",
        address=proxy.address,
    )


async def through_http(proxy: Proxy, target: Target, options: ConnectOptions) -> asyncio.Transport:
    """Return a transport that an HTTP proxy has connected to the target (RFC 9110 section 9.3.6)."""
    settings = options.proxy_options or ProxyOptions()
    tls: dict[str, Any] = {}
    if proxy.scheme == "https":
        context = (
            settings.tls if isinstance(settings.tls, ssl.SSLContext) else client_context(settings.tls or TlsOptions())
        )
        tls = {"ssl": context, "server_hostname": proxy.host, "ssl_handshake_timeout": options.connect_timeout_s}
    sock = await _reach(proxy, options)
    timeout_s = _timeout(options)
    transport: asyncio.Transport | None = None
    try:
        async with asyncio.timeout(timeout_s):
            opening = asyncio.get_running_loop().create_connection(_Tunnel, sock=sock, **tls)
            transport, tunnel = await hand_over(sock, opening)
            transport.write(_connect_request(proxy, target, settings))
            head = await tunnel.head
    except TimeoutError:
        _abandon(transport)
        _too_late(proxy, timeout_s)
    except (OSError, ssl.SSLError) as error:
        _abandon(transport)
        kind = "TLS with the proxy" if tls else "the proxy"
        words = getattr(error, "verify_message", "") or getattr(error, "strerror", "") or error
        raise ProxyError(f"{kind} {proxy.address} failed ({words})", address=proxy.address) from error
    except BaseException:  # cancelled, or whatever else: nobody else knows the transport
        _abandon(transport)
        raise
    answer = read_answer(head)
    if answer.status is None or not 200 <= answer.status < 300:
        transport.abort()
        raise _http_error(proxy, target, answer.status, answer.reason)
    return transport


def _connect_request(proxy: Proxy, target: Target, settings: ProxyOptions) -> bytes:
    lines = [f"CONNECT {target.address} HTTP/1.1", f"Host: {target.address}"]
    own = checked_headers(settings.headers)
    given = {name.lower() for name, _ in own}
    if proxy.username is not None and "proxy-authorization" not in given:
        lines.append(f"Proxy-Authorization: {basic_authorization(proxy.username, proxy.password or '')}")
    lines += [f"{name}: {value}" for name, value in own]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def _http_error(proxy: Proxy, target: Target, status: int | None, reason: str) -> ProxyError:
    words = f"HTTP {status}{f' {reason}' if reason else ''}"
    if status is None:
        message = f"the proxy {proxy.address} did not answer with HTTP; is it an HTTP proxy?"
    elif status in (401, 407):
        advice = "check its user name and password" if proxy.username is not None else "it asks for a user and password"
        message = f"the proxy {proxy.address} let us not in ({words}); {advice}"
    else:
        message = f"the proxy {proxy.address} could not or would not connect to {target.address} ({words})"
    return ProxyError(message, address=proxy.address, status=status)


class _Tunnel(asyncio.Protocol):
    """Collects the proxy's answer; the socket then belongs to whoever wanted to get through."""

    def __init__(self) -> None:
        self._data = b""
        self.head: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, _ = self._data.partition(b"\r\n\r\n")
        if (end or len(self._data) > MAX_HEAD_BYTES) and not self.head.done():
            self.head.set_result(head)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.head.done():
            self.head.set_exception(exc or ConnectionResetError("it closed the connection without an answer"))
            self.head.exception()  # whoever waits gets it; nobody has to


async def _reach(proxy: Proxy, options: ConnectOptions) -> socket.socket:
    """Connect to the proxy itself."""
    try:
        return await connect_tcp(proxy.host, proxy.port, options, of_proxy=True)
    except DeadlineError as error:
        if error.step == "resolve":
            raise
        _too_late(proxy, options.connect_timeout_s)
    except ResolveError:
        raise
    except ConnectError as error:
        if error.refused:
            message = f"the proxy {proxy.address} refused the connection; is it running there?"
        else:
            message = f"the proxy {error}"
        raise ProxyError(message, address=proxy.address) from error


def _timeout(options: ConnectOptions) -> float:
    settings = options.proxy_options
    return (settings.timeout_s if settings is not None else None) or options.connect_timeout_s


def _too_late(proxy: Proxy, timeout_s: float) -> NoReturn:
    raise DeadlineError(
        f"the proxy {proxy.address} did not answer within {timeout_s:g} s; is it a {proxy.scheme} proxy, and well?",
        step="proxy",
        timeout_s=timeout_s,
    ) from None


def _abandon(transport: asyncio.Transport | None) -> None:
    if transport is not None:
        transport.abort()
