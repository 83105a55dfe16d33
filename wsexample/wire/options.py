"""What a connection or a server is told before it starts: frozen, validated, with all defaults in one place.

Printing an options object never shows a credential.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

from wsexample.errors import OptionError
from wsexample.wire.masking import mask_headers, mask_url

__all__ = ["ConnectOptions", "ServeOptions", "Target"]

MIB = 1024 * 1024
DEFAULT_PORTS = {"ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a WebSocket URL leads (RFC 6455 section 3)."""

    scheme: str
    """"ws" or "wss"."""
    host: str
    """Name or address, without the brackets of an IPv6 address."""
    port: int
    """TCP port."""
    resource: str
    """Path and query of the request line."""
    username: str | None = None
    """User name given in the URL."""
    password: str | None = field(default=None, repr=False)
    """Password given in the URL."""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a ``ws://`` or ``wss://`` URL; raises `OptionError` that says what is wrong with it."""
        if not isinstance(url, str):
            raise OptionError(f"the URL must be a string, not {type(url).__name__}", option="url")
        try:
            parts: SplitResult = urlsplit(url.strip())
            port = parts.port
        except ValueError as error:
            raise OptionError(f"{mask_url(url)!r} is not a URL: {error}", option="url") from None
        if parts.scheme not in DEFAULT_PORTS:
            raise OptionError(
                f"{mask_url(url)!r} does not begin with ws:// or wss://; write for example ws://127.0.0.1:9000",
                option="url",
            )
        if not parts.hostname:
            raise OptionError(f"{mask_url(url)!r} names no host", option="url")
        if any(character in url.strip() for character in " \r\n\t\0"):
            raise OptionError("the URL holds a blank or a control character", option="url")
        resource = parts.path or "/"
        if parts.query:
            resource += f"?{parts.query}"
        try:
            resource.encode("ascii")
        except UnicodeEncodeError:
            from urllib.parse import quote

            resource = quote(resource, safe="/?&=%:@!$'()*+,;~-._[]")
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port or DEFAULT_PORTS[parts.scheme],
            resource=resource,
            username=parts.username,
            password=parts.password,
        )

    @property
    def is_secure(self) -> bool:
        """Whether the URL asks for TLS."""
        return self.scheme == "wss"

    @property
    def address(self) -> str:
        """``host:port`` for people and logs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def host_header(self) -> str:
        """Value of the Host header: the port is left out where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def _positive(options: Any, *names: str, zero: bool = False) -> None:
    for name in names:
        value = getattr(options, name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or (value == 0 and not zero):
            least = "zero or more" if zero else "more than zero"
            raise OptionError(f"{name} must be a number {least}, not {value!r}", option=name)


def _checked_headers(headers: object) -> tuple[tuple[str, str], ...]:
    """Bring a mapping or a list of headers into one form; raises `OptionError` for what would break the request."""
    pairs: list[tuple[str, str]] = []
    items = headers.items() if isinstance(headers, Mapping) else headers
    if isinstance(items, str | bytes):
        raise OptionError("headers must be a mapping or a list, not one string", option="headers")
    for item in items:  # type: ignore[attr-defined]
        if isinstance(item, str):
            name, separator, value = item.partition(":")
            if not separator:
                raise OptionError(f"header {name!r} has no colon; write 'Name: value'", option="headers")
            pair = (name.strip(), value.strip())
        else:
            name, value = item
            if value is None:
                continue
            pair = (str(name), value.decode("latin-1") if isinstance(value, bytes) else str(value))
        if not pair[0] or any(c in pair[0] for c in " \t\r\n:\0") or any(c in pair[1] for c in "\r\n\0"):
            raise OptionError(f"header {pair[0]!r} holds a character that HTTP does not allow", option="headers")
        pairs.append(pair)
    return tuple(pairs)


def _masked_repr(options: Any) -> str:
    shown = []
    for item in fields(options):
        value = getattr(options, item.name)
        if not item.repr or value == item.default:
            continue
        if item.name == "url":
            value = mask_url(value)
        elif item.name == "headers" and not callable(value):
            value = mask_headers(value)
        shown.append(f"{item.name}={value!r}")
    return f"{type(options).__name__}({', '.join(shown)})"


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class ConnectOptions:
    """How to reach a WebSocket server and how to treat the connection."""

    url: str
    """``ws://`` or ``wss://`` address."""
    headers: Mapping[str, str] | Sequence[tuple[str, str]] | Sequence[str] = ()
    """Further request headers; a name given here replaces the built-in one."""
    subprotocols: Sequence[str] = ()
    """Subprotocols offered, most wanted first (RFC 6455 section 1.9)."""
    origin: str | None = None
    """Value of the Origin header; None sends none."""
    user_agent: str | None = None
    """Value of the User-Agent header; None sends ``wsexample/VERSION``, "" sends none."""
    connect_timeout_s: float = 10.0
    """Seconds for resolving, connecting and the TLS handshake, each."""
    handshake_timeout_s: float = 10.0
    """Seconds for the server's answer to the opening handshake."""
    close_timeout_s: float = 5.0
    """Seconds to wait for the peer's part of the closing handshake."""
    tls: ssl.SSLContext | None = None
    """TLS settings for ``wss``; None verifies against the system's store."""
    server_hostname: str | None = None
    """Name sent (SNI) and verified instead of the URL's host."""
    max_message_bytes: int = 64 * MIB
    """Largest message accepted; a larger one closes the connection with 1009. 0 lifts the limit."""
    max_frame_bytes: int = 0
    """Largest frame accepted; 0 leaves it to ``max_message_bytes``."""
    ping_interval_s: float = 20.0
    """Seconds between keep-alive pings; 0 sends none."""
    ping_timeout_s: float = 20.0
    """Seconds to wait for a pong before the connection counts as lost; 0 never gives up."""
    answer_pings: bool = True
    """Whether pings of the peer are answered (RFC 6455 section 5.5.2 asks for it)."""
    read_ahead_messages: int = 1024
    """Messages held for a consumer that is behind before reading is paused."""
    read_ahead_bytes: int = 16 * MIB
    """Bytes held for a consumer that is behind before reading is paused."""
    compression: bool = False
    """Whether permessage-deflate is offered (RFC 7692)."""

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
        _positive(self, "max_message_bytes", "max_frame_bytes", "ping_interval_s", "ping_timeout_s", zero=True)
        object.__setattr__(self, "headers", _checked_headers(self.headers))
        if isinstance(self.subprotocols, str):
            raise OptionError("subprotocols must be a list of names, not one string", option="subprotocols")
        object.__setattr__(self, "subprotocols", tuple(self.subprotocols))

    @property
    def target(self) -> Target:
        """The URL taken apart."""
        return Target.parse(self.url)

    def replace(self, **changes: Any) -> ConnectOptions:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    __repr__ = _masked_repr


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class ServeOptions:
    """How a server treats its connections."""

    subprotocols: Sequence[str] = ()
    """Subprotocols spoken, most wanted first; the first that the client offers is chosen."""
    server_header: str | None = None
    """Value of the Server header; None sends ``wsexample/VERSION``, "" sends none."""
    headers: Mapping[str, str] | Sequence[tuple[str, str]] | Sequence[str] = ()
    """Further headers of the 101 response."""
    handshake_timeout_s: float = 10.0
    """Seconds a client has for its opening handshake."""
    close_timeout_s: float = 5.0
    """Seconds to wait for the peer's part of the closing handshake."""
    max_message_bytes: int = 64 * MIB
    """Largest message accepted; a larger one closes the connection with 1009. 0 lifts the limit."""
    max_frame_bytes: int = 0
    """Largest frame accepted; 0 leaves it to ``max_message_bytes``."""
    ping_interval_s: float = 20.0
    """Seconds between keep-alive pings; 0 sends none."""
    ping_timeout_s: float = 20.0
    """Seconds to wait for a pong before the connection counts as lost; 0 never gives up."""
    answer_pings: bool = True
    """Whether pings of the peer are answered (RFC 6455 section 5.5.2 asks for it)."""
    read_ahead_messages: int = 1024
    """Messages held for a handler that is behind before reading is paused."""
    read_ahead_bytes: int = 16 * MIB
    """Bytes held for a handler that is behind before reading is paused."""
    compression: bool = False
    """Whether permessage-deflate is accepted (RFC 7692)."""
    max_connections: int = 0
    """Connections served at once; more are answered 503. 0 lifts the limit."""
    backlog: int = 512
    """Connections that the system holds before they are accepted."""

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
            zero=True,
        )
        object.__setattr__(self, "headers", _checked_headers(self.headers))
        if isinstance(self.subprotocols, str):
            raise OptionError("subprotocols must be a list of names, not one string", option="subprotocols")
        object.__setattr__(self, "subprotocols", tuple(self.subprotocols))

    def replace(self, **changes: Any) -> ServeOptions:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    __repr__ = _masked_repr
