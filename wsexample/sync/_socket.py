"""Socket options, the default timeout, and websocket-client's three helpers for a socket of one's own."""

from __future__ import annotations

import errno
import selectors
import socket
import ssl
from collections.abc import Sequence
from typing import Any

from wsexample.sync._exceptions import WebSocketConnectionClosedException, WebSocketTimeoutException

__all__ = [
    "DEFAULT_SOCKET_OPTION",
    "getdefaulttimeout",
    "recv",
    "recv_line",
    "send",
    "setdefaulttimeout",
    "sock_opt",
]

DEFAULT_SOCKET_OPTION: list[tuple[int, int, int]] = [
    (level, getattr(socket, name), value)
    for level, name, value in (
        (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 30),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 10),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    )
    if hasattr(socket, name)
]
"""Options of every socket that is made here; those of the caller come after them."""

_default_timeout: float | None = None


class sock_opt:  # noqa: N801 - the contract's name
    """What a connection's socket is told.

    Parameters:
        sockopt: arguments of ``setsockopt``.
        sslopt: TLS settings.
    """

    def __init__(self, sockopt: Sequence[Any] | None, sslopt: dict[str, Any] | None) -> None:
        self.sockopt: Sequence[Any] = [] if sockopt is None else sockopt
        self.sslopt: dict[str, Any] = {} if sslopt is None else sslopt
        self.timeout: float | None = None


def setdefaulttimeout(timeout: float | None) -> None:
    """Set the timeout in seconds that `create_connection` and `WebSocketApp` use when they are given none; None blocks."""
    global _default_timeout
    _default_timeout = timeout


def getdefaulttimeout() -> float | None:
    """Return the timeout in seconds set by `setdefaulttimeout`, None at first."""
    return _default_timeout


def _wait(sock: Any, *, to_write: bool, what: str) -> None:
    """Wait as long as the socket's own timeout says."""
    selector = selectors.DefaultSelector()
    try:
        selector.register(sock, selectors.EVENT_WRITE if to_write else selectors.EVENT_READ)
        if not selector.select(sock.gettimeout()):
            raise WebSocketTimeoutException(f"Connection timed out {what}")
    finally:
        selector.close()


def _is_not_ready(error: OSError) -> bool:
    """Tell whether a socket, or what stands for one in a program's tests, only wants to be asked later."""
    return isinstance(error, ssl.SSLWantReadError | ssl.SSLWantWriteError) or error.errno in (
        errno.EAGAIN,
        errno.EWOULDBLOCK,
    )


def recv(sock: Any, bufsize: int) -> bytes:
    """Return what comes next on a socket, at most so many bytes.

    Raises:
        WebSocketTimeoutException: nothing came within the socket's timeout.
        WebSocketConnectionClosedException: nothing will come any more.
    """
    if not sock:
        raise WebSocketConnectionClosedException("socket is already closed.")
    try:
        try:
            data: bytes = sock.recv(bufsize)
        except OSError as error:
            if not _is_not_ready(error) or sock.gettimeout() == 0:
                raise
            _wait(sock, to_write=False, what="waiting for data")
            data = sock.recv(bufsize)
    except TimeoutError as error:
        raise WebSocketTimeoutException("Connection timed out") from error
    if not data:
        raise WebSocketConnectionClosedException("Connection to remote host was lost.")
    return data


def recv_line(sock: Any) -> bytes:
    """Return what comes next on a socket up to and with a line feed."""
    line = bytearray()
    while not line.endswith(b"\n"):
        line += recv(sock, 1)
    return bytes(line)


def send(sock: Any, data: bytes | str) -> int:
    """Send on a socket and return how many bytes it took.

    Raises:
        WebSocketTimeoutException: it took none within its timeout.
        WebSocketConnectionClosedException: it is closed.
    """
    octets = data.encode() if isinstance(data, str) else data
    if not sock:
        raise WebSocketConnectionClosedException("socket is already closed.")
    try:
        try:
            sent: int = sock.send(octets)
        except OSError as error:
            if not _is_not_ready(error) or sock.gettimeout() == 0:
                raise
            _wait(sock, to_write=True, what="sending")
            sent = sock.send(octets)
    except ssl.SSLEOFError as error:
        raise WebSocketConnectionClosedException("socket is already closed.") from error
    except TimeoutError as error:
        raise WebSocketTimeoutException("Connection timed out") from error
    return sent
