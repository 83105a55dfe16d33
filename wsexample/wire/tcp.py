"""A name and a port become a connected socket: resolve, then race the addresses (RFC 8305); unix sockets too.

The resolver's and the socket's errors become ours here; what is spoken on the socket is the business of whoever asked.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Sequence
from typing import Any

from wsexample.errors import ConnectError, DeadlineError, OptionError, ResolveError
from wsexample.wire.options import ConnectOptions

__all__ = ["connect_tcp", "connect_unix", "resolve", "set_options"]

AddrInfo = tuple[int, int, int, str, tuple[Any, ...]]

_FAMILIES = {None: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}
_REFUSED = {errno.ECONNREFUSED, getattr(errno, "WSAECONNREFUSED", errno.ECONNREFUSED)}


async def resolve(host: str, port: int, options: ConnectOptions, *, of_proxy: bool = False) -> list[AddrInfo]:
    """Return the addresses of a name, of the wanted IP version."""
    loop = asyncio.get_running_loop()
    what = "the proxy's name" if of_proxy else "the name"
    try:
        async with asyncio.timeout(options.connect_timeout_s):
            infos = await loop.getaddrinfo(host, port, family=_FAMILIES[options.ip_version], type=socket.SOCK_STREAM)
    except TimeoutError:
        raise DeadlineError(
            f"{what} {host} was not resolved within {options.connect_timeout_s:g} s; is the network up?",
            step="resolve",
            timeout_s=options.connect_timeout_s,
        ) from None
    except (socket.gaierror, UnicodeError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        version = f" as an IPv{options.ip_version} address" if options.ip_version else ""
        raise ResolveError(
            f"{what} {host} was not found{version} ({words}); check its spelling and the network",
            address=f"{host}:{port}",
            of_proxy=of_proxy,
        ) from error
    return list(infos)


async def connect_tcp(host: str, port: int, options: ConnectOptions, *, of_proxy: bool = False) -> socket.socket:
    """Return a socket connected to a host."""
    import aiohappyeyeballs

    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    infos = await resolve(host, port, options, of_proxy=of_proxy)
    sources = await _source_addresses(options)
    try:
        async with asyncio.timeout(options.connect_timeout_s):
            return await aiohappyeyeballs.start_connection(
                infos,
                local_addr_infos=sources,
                happy_eyeballs_delay=options.happy_eyeballs_delay_s or None,
                interleave=1,
                socket_factory=lambda info: _make_socket(info[0], options),
            )
    except TimeoutError:
        raise DeadlineError(
            f"no answer from {address} within {options.connect_timeout_s:g} s; is the address right and reachable?",
            step="connect",
            timeout_s=options.connect_timeout_s,
        ) from None
    except (OSError, RuntimeError) as error:  # uvloop has RuntimeError for some of them
        raise _connect_error(error, address) from error


async def connect_unix(path: str, options: ConnectOptions) -> socket.socket:
    """Return a socket connected to a unix socket; a leading "@" stands for Linux's abstract names."""
    if not hasattr(socket, "AF_UNIX"):
        raise OptionError("this system has no unix sockets", option="unix_path")
    sock = _make_socket(socket.AF_UNIX, options)
    name = "\0" + path[1:] if path.startswith("@") else path
    try:
        async with asyncio.timeout(options.connect_timeout_s):
            await asyncio.get_running_loop().sock_connect(sock, name)
    except TimeoutError:
        sock.close()
        raise DeadlineError(
            f"no answer from {path} within {options.connect_timeout_s:g} s",
            step="connect",
            timeout_s=options.connect_timeout_s,
        ) from None
    except OSError as error:
        sock.close()
        if error.errno == errno.ENOENT:
            raise ConnectError(f"there is no unix socket {path}; is the server running?", address=path) from error
        if error.errno in _REFUSED:
            message = f"nobody listens on the unix socket {path}; its server is gone"
            raise ConnectError(message, address=path, refused=True) from error
        raise ConnectError(f"{path} could not be reached ({error.strerror or error})", address=path) from error
    except BaseException:  # cancelled, or whatever else: nobody else knows the socket
        sock.close()
        raise
    return sock


def _make_socket(family: int, options: ConnectOptions) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if family != getattr(socket, "AF_UNIX", None):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        set_options(sock, options.socket_options)
    except BaseException:  # cancelled, or whatever else: nobody else knows the socket
        sock.close()
        raise
    return sock


def set_options(sock: socket.socket, socket_options: Sequence[tuple[int, int, int | bytes]]) -> None:
    """Apply ``setsockopt`` arguments; raises `OptionError` for one that the system refuses."""
    for level, name, value in socket_options:
        try:
            sock.setsockopt(level, name, value)
        except OSError as error:
            raise OptionError(
                f"the system refused the socket option ({level}, {name}, {value!r}): {error.strerror}",
                option="socket_options",
            ) from error


async def _source_addresses(options: ConnectOptions) -> list[AddrInfo] | None:
    if options.source_address is None:
        return None
    host, port = options.source_address
    try:
        return await resolve(host, port, options)
    except ResolveError as error:
        message = f"source_address {host!r} is no address of this machine: {error}"
        raise OptionError(message, option="source_address") from error


def _connect_error(error: BaseException, address: str) -> ConnectError:
    if _REFUSED & {inner.errno for inner in _flat(error)}:
        message = f"{address} refused the connection; is the server running there?"
        return ConnectError(message, address=address, refused=True)
    words = getattr(error, "strerror", None) or str(error)
    return ConnectError(f"{address} could not be reached ({words})", address=address)


def _flat(error: BaseException | None) -> list[OSError]:
    """Return an error with those that it gathers or comes from."""
    if error is None:
        return []
    found = [error] if isinstance(error, OSError) else []
    for inner in getattr(error, "exceptions", ()):
        found += _flat(inner)
    return found + _flat(error.__cause__)
