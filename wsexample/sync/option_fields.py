"""What `create_connection` and `WebSocket.connect` take by name, for type checkers.

Nothing runs here. What an option means stands at `WebSocket.connect`; a name that is none of these is warned of when it is used.
"""

from __future__ import annotations

import socket as _socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from wsexample.sync.cookies import CookieJar
from wsexample.wire.deflate import DeflateOptions

__all__ = ["ConnectFields", "CreateFields", "DialFields"]

Header = Sequence[str] | Mapping[str, str | bytes | None]


class DialFields(TypedDict, total=False):
    """The options of one connection but for ``timeout``; each may be left out."""

    compression: bool | DeflateOptions
    connection: str | None
    cookie: str | None
    cookie_jar: CookieJar | None
    header: Header | Callable[[], Header] | None
    host: str | None
    http_no_proxy: Sequence[str] | str | None
    http_proxy_auth: tuple[str, str] | None
    http_proxy_host: str | None
    http_proxy_port: int | str | None
    http_proxy_timeout: float | None
    max_message_bytes: int | None
    origin: str | None
    proxy_type: str | None
    redirect_limit: int
    socket: _socket.socket | None
    subprotocols: Sequence[str] | None
    suppress_host: bool
    suppress_origin: bool


class ConnectFields(DialFields, total=False):
    """The options of `WebSocket.connect`; each may be left out."""

    timeout: float | None


class CreateFields(DialFields, total=False):
    """The options of `create_connection`: those of one connection and those of `WebSocket` itself."""

    dispatcher: Any
    """An event loop's own, such as one of ``rel``; websocket-client says no more of it."""
    enable_multithread: bool
    fire_cont_frame: bool
    get_mask_key: Callable[[int], str | bytes] | None
    skip_utf8_validation: bool
    sockopt: Sequence[tuple[int, int, int | bytes]]
    sslopt: dict[str, Any]
    """Names and values of the ``ssl`` module."""
