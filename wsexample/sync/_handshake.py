"""From websocket-client's options to an open connection: the request's lines, redirects, and what the answer says.

Reaching the server (names, proxies, TLS, deadlines) is the dial's business; it is told so by `ConnectOptions`.
"""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wsexample.errors import HandshakeError, WsExampleError
from wsexample.sync._exceptions import WebSocketConnectionClosedException, WebSocketHandshakeException
from wsexample.sync._logging import dump, error, isEnabledForTrace, shows_secrets, trace
from wsexample.sync._socket import DEFAULT_SOCKET_OPTION, sock_opt
from wsexample.sync.failures import dial_failure, refusal
from wsexample.sync.loop import Cancelled, GivenSocket, run_dial
from wsexample.sync.pipe import Pipe
from wsexample.sync.proxies import ProxySettings
from wsexample.sync.sslopt import has_client_certificate, make_context
from wsexample.wire.frames import Frames, dial_frames
from wsexample.wire.masking import mask_head
from wsexample.wire.options import ConnectOptions, checked_headers
from wsexample.wire.redirect import STATUSES, next_hop
from wsexample.wire.target import Target

__all__ = ["Opened", "handshake_response", "open_connection"]

FOREVER_S = 1e9
"""Stands for a timeout of None where the dial wants a number: thirty years."""
CLOSED_MEANWHILE = "closed by another thread while it was being connected"
REDIRECT_LIMIT = 3
MOST_INFLATED_BYTES = 64 * 1024 * 1024
"""Largest message where compression is offered and no limit is given: a few bytes can say a thousand times as many."""


class handshake_response:  # noqa: N801 - the contract's name
    """What the server's answer said.

    Parameters:
        status: HTTP status.
        headers: lower-case names; of a repeated one the last, but all of ``set-cookie``, joined with "; ".
        subprotocol: the one agreed on, in lower case.
    """

    def __init__(self, status: int, headers: dict[str, str], subprotocol: str | None) -> None:
        self.status = status
        self.headers = headers
        self.subprotocol = subprotocol


@dataclass(frozen=True)
class Opened:
    """An open connection."""

    frames: Frames
    """What comes on it."""
    pipe: Pipe
    """Its socket."""
    response: handshake_response
    """What the answer said."""


def open_connection(
    url: str,
    settings: sock_opt,
    options: Mapping[str, Any],
    *,
    is_raw: bool = False,
    validate_utf8: bool = True,
    begun: Callable[[Callable[[], None]], None] | None = None,
) -> Opened:
    """Connect, shake hands and follow redirects.

    Parameters:
        url: ``ws://``, ``wss://`` or ``ws+unix:``.
        settings: socket options, TLS settings and timeout.
        options: websocket-client's options of ``connect``.
        is_raw: parse nothing after the handshake.
        validate_utf8: whether texts must be UTF-8.
        begun: called at each attempt with what another thread may call to give it up.

    Raises:
        ValueError: the URL or an option cannot work.
        WebSocketException, OSError: see ``_exceptions.py``.
    """
    if settings.timeout == 0:
        raise BlockingIOError("connecting takes time, and the timeout is 0")
    attempt = _Attempt(url, settings, options, is_raw=is_raw, validate_utf8=validate_utf8)
    attempt.begun = begun
    return attempt.open()


class _Attempt:
    """One connect, through all its redirects."""

    begun: Callable[[Callable[[], None]], None] | None = None

    def __init__(
        self, url: str, settings: sock_opt, options: Mapping[str, Any], *, is_raw: bool, validate_utf8: bool
    ) -> None:
        self._settings = settings
        self._options = options
        self._is_raw = is_raw
        self._proxies = ProxySettings(options)
        self._jar = options.get("cookie_jar")
        self._is_stranger = False
        self._home = Target.parse(url).host
        self._seen: list[Frames] = []
        sock = options.get("socket")
        timeout_s = FOREVER_S if settings.timeout is None else settings.timeout
        self._hop = ConnectOptions(
            url=url,
            headers=_user_lines(options.get("header")),
            subprotocols=list(options.get("subprotocols") or ()),
            origin=options.get("origin"),
            host=options.get("host") or None,
            cookie=options.get("cookie") or None,
            user_agent="",
            connect_timeout_s=timeout_s,
            handshake_timeout_s=timeout_s,
            server_hostname=settings.sslopt.get("server_hostname"),
            sock=GivenSocket(sock) if isinstance(sock, ssl.SSLSocket) else sock,  # type: ignore[arg-type] # it passes for a socket
            max_redirects=_redirect_limit(options),
            max_message_bytes=_largest_message(options),
            validate_utf8=validate_utf8,
            compression=options.get("compression") or False,
            ping_interval_s=0,
        )

    def open(self) -> Opened:
        """Follow redirects until a WebSocket is open."""
        followed = 0
        while True:
            try:
                frames = self._dial()
            except HandshakeError as answer:
                if answer.status not in STATUSES:
                    raise self._refusal(answer) from answer.__cause__
                self._follow(answer, followed)
                followed += 1
            else:
                return self._judge(frames)

    def _dial(self) -> Frames:
        hop = self._hop
        target = hop.target
        proxy = self._proxies.for_target(target)
        options = hop.replace(
            headers=self._lines(target),
            host="" if self._options.get("suppress_host") else None,
            origin=None,
            cookie=None,
            proxy=proxy,
            tls=self._context() if target.is_secure else None,
            socket_options=self._socket_options(target),
        )
        is_socks = proxy is not None and (proxy.url or "").startswith("socks")

        async def work() -> Frames:
            frames = await dial_frames(options, is_raw=self._is_raw, made=self._seen.append)
            pipe: Any = frames.link.transport
            pipe.leave_loop(frames)
            return frames

        self._seen.clear()
        try:
            return run_dial(
                work,
                suppress_ragged_eofs=bool(self._settings.sslopt.get("suppress_ragged_eofs", True)),
                begun=self.begun,
            )
        except HandshakeError:
            raise
        except Cancelled as error:
            raise WebSocketConnectionClosedException(CLOSED_MEANWHILE) from error
        except WsExampleError as failure:
            raise dial_failure(failure, is_socks=is_socks) from failure
        finally:
            self._trace()

    def _context(self) -> ssl.SSLContext | None:
        """Return the TLS context; None takes the dial's own, which it shares between connections."""
        sslopt = self._settings.sslopt
        if not sslopt and not os.environ.get("WEBSOCKET_CLIENT_CA_BUNDLE"):
            return None
        return make_context(sslopt, for_stranger=self._is_stranger and has_client_certificate(sslopt))

    def _socket_options(self, target: Target) -> tuple[Any, ...]:
        is_plain_tcp = self._hop.sock is None and target.unix_path is None
        return (*(DEFAULT_SOCKET_OPTION if is_plain_tcp else ()), *self._settings.sockopt)

    # -- the request -------------------------------------------------------------------------------------------------

    def _lines(self, target: Target) -> list[tuple[str, str]]:
        """Return the lines of the request in websocket-client's order; the caller's own replace built-in ones."""
        hop, options = self._hop, self._options
        host = f"[{target.host}]" if ":" in target.host else target.host
        place = host if target.port in (80, 443) else f"{host}:{target.port}"
        name, _, value = str(options.get("connection") or "Connection: Upgrade").partition(":")
        origin = hop.origin if hop.origin is not None else f"{'https' if target.is_secure else 'http'}://{place}"
        built_in = [
            ("Upgrade", "websocket"),
            ("Host", "" if options.get("suppress_host") else hop.host or place),
            ("Origin", "" if options.get("suppress_origin") else origin),
            ("Sec-WebSocket-Key", base64.b64encode(os.urandom(16)).decode("ascii")),
            ("Sec-WebSocket-Version", "13"),
            (name.strip(), value.strip()),
            ("Sec-WebSocket-Protocol", ",".join(hop.subprotocols)),
        ]
        own = list(checked_headers(hop.headers))
        given = {name.lower() for name, _ in own}
        kept = self._jar.get(target.host) if self._jar is not None else ""
        cookie = "; ".join(filter(None, (kept, hop.cookie_header)))
        lines = [line for line in built_in if line[1] and line[0].lower() not in given] + own
        return lines if not cookie or "cookie" in given else [*lines, ("Cookie", cookie)]

    # -- the answer --------------------------------------------------------------------------------------------------

    @property
    def _response_head(self) -> bytes:
        return self._seen[-1].response_head if self._seen else b""

    def _judge(self, frames: Frames) -> Opened:
        """Check what only websocket-client's rules forbid."""
        pipe: Any = frames.link.transport
        response = handshake_response(101, _headers(frames.response_head), None)
        if self._jar is not None:
            self._jar.add(response.headers.get("set-cookie"), self._hop.target.host)
        wanted = [name.lower() for name in self._hop.subprotocols]
        if wanted:
            chosen = (frames.subprotocol or "").lower()
            if chosen not in wanted:
                error(f"Invalid subprotocol: {list(self._hop.subprotocols)}")
                pipe.hang_up()
                pipe.sock.close()
                what = f"the server chose the subprotocol {chosen!r}" if chosen else "the server chose no subprotocol"
                raise WebSocketHandshakeException(
                    f"Invalid WebSocket Header: {what}", HandshakeError("", status=101, headers=response.headers)
                )
            response.subprotocol = chosen
        return Opened(frames, pipe, response)

    def _refusal(self, answer: HandshakeError) -> Exception:
        return refusal(answer, self._response_head, _headers(self._response_head))

    def _follow(self, answer: HandshakeError, followed: int) -> None:
        if followed >= self._hop.max_redirects:
            raise WebSocketHandshakeException(f"Redirect limit exhausted: {answer}", answer) from answer
        if not answer.headers.get("location"):
            raise WebSocketHandshakeException(
                f"Redirect response without Location header, status {answer.status}", answer
            ) from answer
        try:
            self._hop = next_hop(self._hop, answer, followed).replace(sock=None)
        except HandshakeError as why:
            raise WebSocketHandshakeException(f"Invalid redirect target: {why}", why) from why
        self._is_stranger = self._is_stranger or self._hop.target.host != self._home

    def _trace(self) -> None:
        if not isEnabledForTrace() or not self._seen or not self._seen[-1].request_head:
            return
        mask: Callable[[str], str] = str if shows_secrets() else mask_head
        dump("request header", mask(self._seen[-1].request_head.decode("utf-8", "replace")))
        if self._response_head:
            trace("--- response header ---")
            for line in mask(self._response_head.decode("utf-8", "replace").rstrip("\r\n")).split("\r\n"):
                trace(line)
            trace("-----------------------")


def _largest_message(options: Mapping[str, Any]) -> int:
    given: int | None = options.get("max_message_bytes")
    if given is not None:
        return given
    return MOST_INFLATED_BYTES if options.get("compression") else 0  # plain messages have no limit in the contract


def _redirect_limit(options: Mapping[str, Any]) -> int:
    limit = options.get("redirect_limit")
    return REDIRECT_LIMIT if limit is None else limit


def _user_lines(header: Any) -> tuple[tuple[str, str], ...]:
    """Return the caller's headers, whatever form they have."""
    if callable(header):
        header = header()
    if not header:
        return ()
    if isinstance(header, Mapping):
        header = {_text(name): value for name, value in header.items()}
    else:
        header = [_text(item) if isinstance(item, bytes) else item for item in header]
    return checked_headers(header)


def _text(value: Any) -> Any:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _headers(head: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in head.decode("utf-8", "replace").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if colon:
            found[name] = f"{found[name]}; {value}" if name == "set-cookie" and name in found else value
    return found
