"""The fields of the options as keyword arguments, for type checkers: `connect` and ``replace`` take them by name.

Nothing runs here. What a field means and which default it has stands in `wsexample.wire.options`.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypedDict

from wsexample.wire.deflate import DeflateOptions
from wsexample.wire.options import Headers, Opener, ProxyOptions, TlsOptions
from wsexample.wire.trace import Trace

__all__ = ["ConnectChanges", "ConnectFields", "NamelessFields", "ServeFields"]


class NamelessFields(TypedDict, total=False):
    """The fields of `wsexample.wire.options.ConnectOptions` but for ``url`` and ``host``; each may be left out."""

    headers: Headers | Callable[[], Headers | Awaitable[Headers]]
    subprotocols: Sequence[str]
    origin: str | None
    cookie: str | Mapping[str, str] | None
    auth: tuple[str, str] | None
    bearer: str | None
    user_agent: str | None
    max_redirects: int
    compression: bool | DeflateOptions
    connect_timeout_s: float
    handshake_timeout_s: float
    close_timeout_s: float
    tls: ssl.SSLContext | TlsOptions | None
    server_hostname: str | None
    proxy: ProxyOptions | str | None
    unix_path: str | None
    sock: socket.socket | None
    ip_version: int | None
    happy_eyeballs_delay_s: float
    source_address: tuple[str, int] | None
    socket_options: Sequence[tuple[int, int, int | bytes]]
    opener: Opener | None
    max_message_bytes: int
    max_frame_bytes: int
    validate_utf8: bool
    deliver_fragments: bool
    mask_key: Callable[[], bytes] | None
    read_ahead_messages: int
    read_ahead_bytes: int
    ping_interval_s: float
    ping_timeout_s: float
    ping_payload: bytes
    answer_pings: bool
    on_control: Callable[[int, bytes], None] | None
    trace: Trace | None


class ConnectFields(NamelessFields, total=False):
    """The fields of `wsexample.wire.options.ConnectOptions` but for ``url``; each may be left out."""

    host: str | None


class ConnectChanges(ConnectFields, total=False):
    """All fields of `wsexample.wire.options.ConnectOptions`; each may be left out."""

    url: str


class ServeFields(TypedDict, total=False):
    """The fields of `wsexample.wire.options.ServeOptions`; each may be left out."""

    subprotocols: Sequence[str]
    server_header: str | None
    headers: Headers
    allowed_origins: Sequence[str] | None
    handshake_timeout_s: float
    compression: bool | DeflateOptions
    forwarded_by: int
    max_connections: int
    max_connections_per_address: int
    max_messages_per_s: float
    burst_messages: int
    max_frames_per_s: float
    max_message_bytes: int
    max_frame_bytes: int
    read_ahead_messages: int
    read_ahead_bytes: int
    backlog: int
    validate_utf8: bool
    deliver_fragments: bool
    ping_interval_s: float
    ping_timeout_s: float
    ping_payload: bytes
    answer_pings: bool
    close_timeout_s: float
    unix_mode: int | None
    unix_unlink: bool
    trace: Trace | None
