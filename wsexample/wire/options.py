"""What a connection or a server is told before it starts: frozen, validated, with all defaults in one place.

Printing an options object never shows a credential.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Protocol, Unpack

from wsexample.errors import OptionError
from wsexample.wire.masking import MASK, mask_headers, mask_url
from wsexample.wire.proxy_rules import Proxy, ProxyOptions, choose_proxy
from wsexample.wire.target import Target, is_broken
from wsexample.wire.tls import TlsOptions

if TYPE_CHECKING:
    from wsexample.wire.deflate import DeflateOptions
    from wsexample.wire.link import ClientLink
    from wsexample.wire.option_fields import ConnectChanges, ServeFields
    from wsexample.wire.trace import Trace

__all__ = ["ConnectOptions", "Headers", "ProxyOptions", "ServeOptions", "Target", "TlsOptions", "checked_headers"]

MIB = 1024 * 1024

Headers = Mapping[str, str] | Sequence[tuple[str, str]] | Sequence[str]
"""Headers as a mapping, as pairs, or as ``"Name: value"`` lines."""


class Opener(Protocol):
    """What opens connections in place of the network; `wsexample.wire.scripted.Script` is one."""

    def open(self, make_link: Callable[[], ClientLink]) -> ClientLink:
        """Make a link and call its ``connection_made`` with a transport."""
        ...


FROM_ENVIRONMENT = ProxyOptions()
_SECRET_FIELDS = frozenset({"auth", "bearer", "cookie"})


def _positive(options: Any, *names: str, zero: bool = False) -> None:
    for name in names:
        value = getattr(options, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not (value > 0 or (value == 0 and zero)):
            least = "zero or more" if zero else "more than zero"
            raise OptionError(f"{name} must be a number {least}, not {value!r}", option=name)


def _whole(options: Any, *names: str) -> None:
    for name in names:
        if not isinstance(getattr(options, name), int):
            raise OptionError(f"{name} must be a whole number, not {getattr(options, name)!r}", option=name)


def checked_headers(headers: object) -> tuple[tuple[str, str], ...]:
    """Bring headers into one form; raises `OptionError` for what would break the request."""
    pairs: list[tuple[str, str]] = []
    items: Any = headers.items() if isinstance(headers, Mapping) else headers
    if isinstance(items, str | bytes):
        raise OptionError("headers must be a mapping or a list, not one string", option="headers")
    for number, item in enumerate(items, start=1):
        if isinstance(item, str):
            name, separator, value = item.partition(":")
            if not separator:
                raise OptionError(f"header {number} has no colon; write 'Name: value'", option="headers")
            pair = (name.strip(), value.strip())
        else:
            name, value = item
            if value is None:
                continue
            pair = (str(name), value.decode("latin-1") if isinstance(value, bytes) else str(value))
        if not pair[0] or any(c in pair[0] for c in " \t\r\n:\0") or is_broken(pair[0]):
            raise OptionError(f"{pair[0]!r} is not a header name", option="headers")
        _check_line("headers", pair[1], what=f"header {pair[0]!r}")
        pairs.append(pair)
    return tuple(pairs)


def _check_line(option: str, value: str | None, *, what: str = "") -> None:
    """Refuse what would begin another line of the request, and what cannot be sent at all."""
    if value is not None and any(c in value for c in "\r\n\0"):
        raise OptionError(f"{what or option} holds a line break or a null character", option=option)
    if value is not None and is_broken(value):
        raise OptionError(f"{what or option} holds half a character (a lone surrogate)", option=option)


def _names(options: Any, name: str) -> None:
    value = getattr(options, name)
    if isinstance(value, str):
        raise OptionError(f"{name} must be a list of names, not one string", option=name)
    for item in value:
        _check_line(name, item)
    object.__setattr__(options, name, tuple(value))


def _masked_repr(options: Any) -> str:
    shown = []
    for item in fields(options):
        value = getattr(options, item.name)
        if value == item.default:
            continue
        if item.name in _SECRET_FIELDS:
            value = MASK
        elif item.name in ("url", "proxy") and isinstance(value, str):
            value = mask_url(value)
        elif item.name == "headers":
            value = MASK if callable(value) else mask_headers(value)
        shown.append(f"{item.name}={value!r}")
    return f"{type(options).__name__}({', '.join(shown)})"


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class ConnectOptions:
    """How to reach a WebSocket server and how to treat the connection.

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    url: str
    """``ws://``, ``wss://``, or ``ws+unix:PATH[:RESOURCE]``; user info becomes a Basic authorization."""

    # -- the opening handshake
    headers: Headers | Callable[[], Headers | Awaitable[Headers]] = ()
    """Further request headers; a name given here replaces the built-in one. A callable (it may be a coroutine function)
    is asked anew at each attempt, redirects included."""
    subprotocols: Sequence[str] = ()
    """Subprotocols offered, most wanted first (RFC 6455 section 1.9)."""
    origin: str | None = None
    """Value of the Origin header; None sends none."""
    host: str | None = None
    """Value of the Host header; None takes the URL's, "" sends none."""
    cookie: str | Mapping[str, str] | None = None
    """Cookies, as a mapping or as the header's text."""
    auth: tuple[str, str] | None = None
    """User name and password for a Basic authorization, in place of the URL's."""
    bearer: str | None = None
    """Token for a Bearer authorization (RFC 6750)."""
    user_agent: str | None = None
    """Value of the User-Agent header; None sends ``wsexample/VERSION``, "" sends none."""
    max_redirects: int = 3
    """Redirects followed; 0 makes the first one a `HandshakeError`. From wss only wss is followed, and credentials are
    sent to no other host."""
    compression: bool | DeflateOptions = False
    """Whether, or with which parameters, permessage-deflate is offered (RFC 7692)."""

    # -- the way to the peer
    connect_timeout_s: float = 10.0
    """Seconds for resolving, connecting, the proxy and the TLS handshake, each."""
    handshake_timeout_s: float = 10.0
    """Seconds for the server's answer to the opening handshake."""
    close_timeout_s: float = 5.0
    """Seconds to wait for the peer's part of the closing handshake."""
    tls: ssl.SSLContext | TlsOptions | None = None
    """TLS settings for ``wss``; None verifies against the system's store. A client certificate in `TlsOptions` is shown to
    no other host after a redirect; what is in a context of your own cannot be taken out of it."""
    server_hostname: str | None = None
    """Name sent (SNI) and verified instead of the URL's host."""
    proxy: ProxyOptions | str | None = FROM_ENVIRONMENT
    """Proxy as options or as a URL; the default looks into the environment, None connects directly."""
    unix_path: str | None = None
    """Unix socket to connect to in place of the URL's host; a leading "@" stands for Linux's abstract names."""
    sock: socket.socket | None = None
    """A connected socket to use in place of dialling; it belongs to the connection from then on."""
    ip_version: int | None = None
    """4 or 6 to use only that kind of address."""
    happy_eyeballs_delay_s: float = 0.25
    """Seconds before the next address is tried beside the first (RFC 8305); 0 tries them one after another."""
    source_address: tuple[str, int] | None = None
    """Local address and port (0: any) to connect from."""
    socket_options: Sequence[tuple[int, int, int | bytes]] = ()
    """Arguments of ``setsockopt``, applied before connecting; TCP_NODELAY is always set."""
    opener: Opener | None = None
    """What opens connections in place of the network: a script for tests."""

    # -- messages
    max_message_bytes: int = 64 * MIB
    """Largest message accepted; a larger one closes the connection with 1009. 0 lifts the limit."""
    max_frame_bytes: int = 0
    """Largest frame accepted; 0 leaves it to ``max_message_bytes``."""
    validate_utf8: bool = True
    """Whether text must be UTF-8; if not checked, what is not UTF-8 is replaced when a str is made of it."""
    deliver_fragments: bool = False
    """Whether fragments are delivered one by one as `Fragment`, in place of whole messages."""
    mask_key: Callable[[], bytes] | None = None
    """Called for the four bytes that mask a frame; None takes unpredictable ones, as RFC 6455 section 10.3 asks."""
    read_ahead_messages: int = 1024
    """Messages held for a consumer that is behind before reading is paused."""
    read_ahead_bytes: int = 16 * MIB
    """Bytes held for a consumer that is behind before reading is paused."""

    # -- keeping alive
    ping_interval_s: float = 20.0
    """Seconds without a sign of life before a keep-alive ping; 0 sends none."""
    ping_timeout_s: float = 20.0
    """Seconds to wait for a sign of life after it before the connection counts as lost; 0 never gives up."""
    ping_payload: bytes = b""
    """What keep-alive pings carry, at most 125 bytes; empty takes eight random bytes."""
    answer_pings: bool = True
    """Whether pings of the peer are answered (RFC 6455 section 5.5.2 asks for it)."""
    on_control: Callable[[int, bytes], None] | None = None
    """Called in the event loop with opcode (9 ping, 10 pong) and payload of each ping and pong that comes; what it raises is
    logged, and the connection goes on."""

    trace: Trace | None = None
    """Where this connection is traced, in place of what `enable_trace` says for all."""

    def __post_init__(self) -> None:
        Target.parse(self.url)
        _positive(
            self,
            "connect_timeout_s",
            "handshake_timeout_s",
            "close_timeout_s",
            "read_ahead_messages",
            "read_ahead_bytes",
        )
        _positive(
            self,
            "max_message_bytes",
            "max_frame_bytes",
            "ping_interval_s",
            "ping_timeout_s",
            "happy_eyeballs_delay_s",
            "max_redirects",
            zero=True,
        )
        _whole(self, "read_ahead_messages", "read_ahead_bytes")
        if not callable(self.headers):
            object.__setattr__(self, "headers", checked_headers(self.headers))
        _names(self, "subprotocols")
        for name in ("origin", "host", "bearer", "user_agent"):
            _check_line(name, getattr(self, name))
        _check_line("cookie", self.cookie_header)
        if self.auth is not None and (len(self.auth) != 2 or ":" in self.auth[0]):
            raise OptionError("auth must be a user name without a colon, and a password", option="auth")
        for words in self.auth or ():
            if is_broken(str(words)):
                raise OptionError("auth holds half a character (a lone surrogate)", option="auth")
        if self.auth is not None and self.bearer is not None:
            raise OptionError("auth and bearer exclude each other: there is one Authorization header", option="auth")
        if self.ip_version not in (None, 4, 6):
            raise OptionError(f"ip_version must be 4 or 6, not {self.ip_version!r}", option="ip_version")
        if len(self.ping_payload) > 125:
            raise OptionError(f"a ping carries at most 125 bytes, not {len(self.ping_payload)}", option="ping_payload")
        if isinstance(self.sock, ssl.SSLSocket):
            raise OptionError("sock must be the plain socket; TLS is put on it here when the URL is wss", option="sock")
        if isinstance(self.proxy, str):
            Proxy.parse(self.proxy)
        object.__setattr__(self, "socket_options", tuple(self.socket_options))

    @property
    def target(self) -> Target:
        """The URL taken apart."""
        return Target.parse(self.url)

    @property
    def cookie_header(self) -> str:
        """Value of the Cookie header, "" for none."""
        if isinstance(self.cookie, Mapping):
            return "; ".join(f"{name}={value}" for name, value in self.cookie.items())
        return self.cookie or ""

    def proxy_for(self, target: Target) -> Proxy | None:
        """Return the proxy through which a target is reached, None to connect directly."""
        if self.unix_path is not None or self.sock is not None:
            return None
        return choose_proxy(target, self.proxy_options, os.environ)

    @property
    def proxy_options(self) -> ProxyOptions | None:
        """The proxy settings, also when only a URL was given."""
        return ProxyOptions(url=self.proxy) if isinstance(self.proxy, str) else self.proxy

    def replace(self, **changes: Unpack[ConnectChanges]) -> ConnectOptions:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    __repr__ = _masked_repr


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class ServeOptions:
    """How a server treats its connections.

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    # -- the opening handshake
    subprotocols: Sequence[str] = ()
    """Subprotocols spoken, most wanted first; the first that the client offers is chosen."""
    server_header: str | None = None
    """Value of the Server header, of HTTP answers too where their handler sets none; None sends ``wsexample/VERSION``,
    "" sends none."""
    headers: Headers = ()
    """Further headers of the 101 response."""
    allowed_origins: Sequence[str] | None = None
    """Origins from which browsers may connect, such as ``https://app.example`` or ``https://*.example``; others are
    answered 403. None lets every origin in. Clients that send no Origin are no browsers and are let in."""
    handshake_timeout_s: float = 10.0
    """Seconds a client has for TLS, and again for its opening handshake."""
    compression: bool | DeflateOptions = False
    """Whether, or with which parameters, permessage-deflate is accepted (RFC 7692)."""
    forwarded_by: int = 0
    """Reverse proxies in front of this server whose X-Forwarded-For is believed; 0 believes none."""

    # -- limits
    max_connections: int = 0
    """Connections served at once; more are answered 503. 0 lifts the limit."""
    max_connections_per_address: int = 0
    """Connections served at once from one address; more are answered 429. 0 lifts the limit."""
    max_messages_per_s: float = 0.0
    """Messages a second that one client may send in the long run; more close it with 1008. 0 lifts the limit."""
    burst_messages: int = 0
    """Messages that one client may send at once on top of that; 0 takes those of two seconds."""
    max_frames_per_s: float = 0.0
    """Frames a second that are no whole message (pings, pongs, fragments) which one client may send in the long run, and
    twice as many at once; more close it with 1008. 0 lifts the limit."""
    max_message_bytes: int = 64 * MIB
    """Largest message accepted; a larger one closes the connection with 1009. 0 lifts the limit."""
    max_frame_bytes: int = 0
    """Largest frame accepted; 0 leaves it to ``max_message_bytes``."""
    read_ahead_messages: int = 1024
    """Messages held for a handler that is behind before reading is paused."""
    read_ahead_bytes: int = 16 * MIB
    """Bytes held for a handler that is behind before reading is paused."""
    backlog: int = 512
    """Connections that the system holds before they are accepted."""

    # -- messages
    validate_utf8: bool = True
    """Whether text must be UTF-8; if not checked, what is not UTF-8 is replaced when a str is made of it."""
    deliver_fragments: bool = False
    """Whether fragments are delivered one by one as `Fragment`, in place of whole messages."""

    # -- keeping alive and the end
    ping_interval_s: float = 20.0
    """Seconds without a sign of life before a keep-alive ping; 0 sends none."""
    ping_timeout_s: float = 20.0
    """Seconds to wait for a sign of life after it before the connection counts as lost; 0 never gives up."""
    ping_payload: bytes = b""
    """What keep-alive pings carry, at most 125 bytes; empty takes eight random bytes."""
    answer_pings: bool = True
    """Whether pings of the peer are answered (RFC 6455 section 5.5.2 asks for it)."""
    close_timeout_s: float = 5.0
    """Seconds to wait for the peer's part of the closing handshake."""

    # -- a unix socket
    unix_mode: int | None = None
    """Permissions of the unix socket, such as 0o600; None leaves them to the process's umask."""
    unix_unlink: bool = True
    """Whether a socket left behind by a server that is gone is removed before listening."""

    trace: Trace | None = None
    """Where this server's connections are traced, in place of what `enable_trace` says for all."""

    def __post_init__(self) -> None:
        _positive(
            self,
            "handshake_timeout_s",
            "close_timeout_s",
            "read_ahead_messages",
            "read_ahead_bytes",
            "backlog",
        )
        _positive(
            self,
            "max_message_bytes",
            "max_frame_bytes",
            "ping_interval_s",
            "ping_timeout_s",
            "max_connections",
            "max_connections_per_address",
            "max_messages_per_s",
            "burst_messages",
            "max_frames_per_s",
            "forwarded_by",
            zero=True,
        )
        _whole(self, "read_ahead_messages", "read_ahead_bytes", "backlog")
        object.__setattr__(self, "headers", checked_headers(self.headers))
        _names(self, "subprotocols")
        if self.allowed_origins is not None:
            _names(self, "allowed_origins")
        _check_line("server_header", self.server_header)
        if len(self.ping_payload) > 125:
            raise OptionError(f"a ping carries at most 125 bytes, not {len(self.ping_payload)}", option="ping_payload")

    def replace(self, **changes: Unpack[ServeFields]) -> ServeOptions:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    __repr__ = _masked_repr
