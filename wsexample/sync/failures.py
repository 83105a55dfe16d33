"""What failed on the way to an open WebSocket, and TLS at any time, in the classes that websocket-client's programs catch."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from wsexample.errors import (
    ConnectError,
    DeadlineError,
    DialError,
    HandshakeError,
    ProxyError,
    ResolveError,
    TlsError,
    WsExampleError,
)
from wsexample.sync._exceptions import (
    CertificateRefused,
    ConnectionResetByPeer,
    ConnectRefused,
    TlsFailed,
    WebSocketAddressException,
    WebSocketBadStatusException,
    WebSocketConnectionClosedException,
    WebSocketHandshakeException,
    WebSocketTimeoutException,
)
from wsexample.sync.proxies import proxy_failure

__all__ = ["dial_failure", "refusal", "tls_failure"]


def dial_failure(error: WsExampleError, *, is_socks: bool) -> Exception:
    """Return the exception to raise for what the dial raised; ours is its cause.

    Parameters:
        error: what the dial raised.
        is_socks: whether a SOCKS proxy was on the way.
    """
    found: Exception = error
    if isinstance(error, ProxyError):
        found = proxy_failure(error, is_socks=is_socks)
    elif isinstance(error, DeadlineError):
        if error.step == "proxy":
            found = proxy_failure(error, is_socks=is_socks)
        elif error.step == "handshake":
            found = WebSocketTimeoutException(f"Connection timed out: {error}")
        else:
            found = DeadlineError(f"timed out: {error}", step=error.step, timeout_s=error.timeout_s)
    elif isinstance(error, ResolveError):
        found = WebSocketAddressException(str(error))
    elif isinstance(error, ConnectError):
        kind = ConnectRefused if error.refused else ConnectError
        found = kind(str(error), address=error.address, refused=error.refused)
    elif isinstance(error, TlsError):
        cause = error.__cause__
        is_certificate = isinstance(cause, ssl.SSLCertVerificationError) or error.certificate == "server"
        found = (CertificateRefused if is_certificate else TlsFailed)(
            str(error), address=error.address, certificate=error.certificate
        )
        _copy_facts(cause, found)
    if isinstance(found, DialError) and found.errno is None:
        found.errno = _errno(error)
    if found is not error:
        found.__cause__ = error
    return found


def tls_failure(error: ssl.SSLError) -> TlsFailed:
    """Return the exception to raise for TLS that failed after its handshake, such as over bytes that were changed on the way."""
    found = TlsFailed(f"TLS with the peer failed ({error.reason or error})")
    _copy_facts(error, found)
    found.errno = error.errno
    return found


def _copy_facts(error: BaseException | None, found: Exception) -> None:
    for fact in ("library", "reason", "verify_code", "verify_message"):
        if hasattr(error, fact):
            setattr(found, fact, getattr(error, fact))


def _errno(error: BaseException | None) -> int | None:
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno
        error = error.__cause__
    return None


def refusal(error: HandshakeError, head: bytes, headers: Mapping[str, str]) -> Exception:
    """Return the exception for an answer that opened no WebSocket and was no redirect to follow.

    Parameters:
        error: the wire's.
        head: the head of the answer as it came, b"" when nothing came.
        headers: its headers.
    """
    found: Exception
    if error.status is None and not head:
        is_reset = isinstance(error.__cause__, ConnectionResetError)
        kind = ConnectionResetByPeer if is_reset else WebSocketConnectionClosedException
        found = kind(f"Connection to remote host was lost: {error}")
    elif error.status is None:
        found = WebSocketHandshakeException(str(error), error)
    elif error.status == 101:
        found = WebSocketHandshakeException(f"Invalid WebSocket Header: {error}", error)
    else:
        body = error.body if "content-length" in headers else None
        shown = body.decode("utf-8", "replace") if body else None
        found = WebSocketBadStatusException(
            f"Handshake status {error.status} {error.reason} -+-+- {dict(headers)} -+-+- {shown}",
            error.status,
            error.reason,
            dict(headers),
            body,
        )
    found.__cause__ = error
    return found
