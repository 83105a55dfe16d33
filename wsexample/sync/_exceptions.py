"""websocket-client's exception names over this project's tree.

Every class is a `WsExampleError` too. Where one of ours means the same and is no ``OSError``, it is a base; where ours is an
``OSError`` it is the cause instead, because programs order their ``except`` clauses by the fact that none of these names is
one. Failures of the way to the peer stay what they are in websocket-client: ``OSError`` and its kin, which ours are anyway.

* `WebSocketException`
    * `WebSocketProtocolException` (`ProtocolError`)
    * `WebSocketPayloadException` (`ProtocolError`)
    * `WebSocketConnectionClosedException` (`ConnectionClosed`)
        * `ConnectionResetByPeer` (also ``ConnectionResetError``)
        * `BrokenPipe` (also ``BrokenPipeError``)
    * `WebSocketTimeoutException`
    * `WebSocketProxyException`
    * `WebSocketBadStatusException` (`HandshakeError`)
    * `WebSocketHandshakeException` (`HandshakeError`): 101 or a redirect, and yet no WebSocket
    * `WebSocketAddressException`
* `ConnectRefused` (`ConnectError`, ``ConnectionRefusedError``)
* `TlsFailed` (`TlsError`, ``ssl.SSLError``), `CertificateRefused` (also ``ssl.SSLCertVerificationError``)
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from wsexample.errors import ConnectError, ConnectionClosed, HandshakeError, ProtocolError, TlsError, WsExampleError

__all__ = [
    "WebSocketAddressException",
    "WebSocketBadStatusException",
    "WebSocketConnectionClosedException",
    "WebSocketException",
    "WebSocketPayloadException",
    "WebSocketProtocolException",
    "WebSocketProxyException",
    "WebSocketTimeoutException",
]


class WebSocketException(WsExampleError):
    """Root of websocket-client's exceptions."""


class WebSocketProtocolException(WebSocketException, ProtocolError):
    """The peer broke the protocol."""


class WebSocketPayloadException(WebSocketException, ProtocolError):
    """A text message was not UTF-8, or a message was larger than allowed."""


class WebSocketConnectionClosedException(WebSocketException, ConnectionClosed):
    """The connection is over, or was never made.

    Attributes:
        status_code: code of the peer's close frame, None when there was none.
        reason: its words, None when there were none.
        code: the close code as `ConnectionClosed` has it: 1006 without a close frame.
    """

    def __init__(self, message: str = "", *, status_code: int | None = None, reason: str | None = None) -> None:
        ConnectionClosed.__init__(
            self, code=1006 if status_code is None else status_code, was_clean=status_code is not None
        )
        self.args = (message,) if message else ()
        self.status_code = status_code
        self.reason = reason  # type: ignore[assignment]  # websocket-client has None here

    def __str__(self) -> str:
        return Exception.__str__(self)


class ConnectionResetByPeer(WebSocketConnectionClosedException, ConnectionResetError):
    """The peer cut the connection with a reset."""


class BrokenPipe(WebSocketConnectionClosedException, BrokenPipeError):
    """The peer was gone when something was to be sent."""


class WebSocketTimeoutException(WebSocketException):
    """Something was not done in time."""


class WebSocketProxyException(WebSocketException):
    """The proxy refused, failed or is not described well enough."""


class WebSocketHandshakeException(WebSocketException, HandshakeError):
    """The answer to the opening handshake was none that opens a WebSocket."""

    def __init__(self, message: str, refusal: HandshakeError) -> None:
        HandshakeError.__init__(
            self,
            message,
            status=refusal.status,
            reason=refusal.reason,
            headers=refusal.headers,
            body=refusal.body,
        )


class WebSocketBadStatusException(WebSocketException, HandshakeError):
    """The server answered with a status that neither opens a WebSocket nor redirects.

    Parameters:
        message: what `str` shows.
        status_code: HTTP status.
        status_message: HTTP reason phrase.
        resp_headers: response headers, lower-case names.
        resp_body: response body, None when the response named no length.
    """

    def __init__(
        self,
        message: str,
        status_code: int,
        status_message: str | None = None,
        resp_headers: Mapping[str, str] | None = None,
        resp_body: bytes | None = None,
    ) -> None:
        HandshakeError.__init__(
            self,
            message,
            status=status_code,
            reason=status_message or "",
            headers=resp_headers,
            body=resp_body or b"",
        )
        self.status_code = status_code
        self.status_message = status_message
        self.resp_headers = resp_headers
        self.resp_body = resp_body


class WebSocketAddressException(WebSocketException):
    """The name of the server or of the proxy was not found."""


class ConnectRefused(ConnectError, ConnectionRefusedError):
    """Nobody listens at the address."""


class TlsFailed(TlsError, ssl.SSLError):
    """TLS failed: its handshake, or later a record that is not what was sent."""

    def __str__(self) -> str:
        return TlsError.__str__(self)


class CertificateRefused(TlsError, ssl.SSLCertVerificationError):
    """The server's certificate was not accepted."""

    def __str__(self) -> str:
        return TlsError.__str__(self)
