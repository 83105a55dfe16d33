"""What a client asks for in its opening handshake, where it comes from, and the answer that refuses it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Reject", "Request", "read_request", "remote_of"]

# Some clients offer names that are no tokens (RFC 6455 section 4.1); what could not stand in an answer's line is passed over.
_NAME = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Request:
    """The opening handshake of a client."""

    path: str
    """Path of the request line, without the query."""
    query: Mapping[str, list[str]] = field(repr=False)
    """Query parameters; each may occur more than once."""
    headers: Mapping[str, str] = field(repr=False)
    """Request headers, lower-case names."""
    remote: str
    """``host:port`` of the client; the address that a trusted reverse proxy reports; "unix" on a unix socket."""
    subprotocols: tuple[str, ...] = ()
    """Subprotocols that the client offers, but for what no answer could name."""
    certificate: Mapping[str, Any] | None = field(default=None, repr=False)
    """The client's verified certificate as ``ssl`` describes it, None without one."""


@dataclass(frozen=True, slots=True)
class Reject:
    """An answer of ``accept`` that refuses the WebSocket."""

    status: int = 403
    """HTTP status code."""
    body: str = ""
    """Text of the response body; status and reason when empty."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further response headers."""


def read_request(request: Any, transport: asyncio.BaseTransport | None, proxies: int) -> Request:
    """Return what a client asks for.

    Parameters:
        request: its request as Autobahn has read it.
        transport: where it came by, None when that is gone.
        proxies: reverse proxies of our own in front, whose X-Forwarded-For is believed.
    """
    speaker = transport.get_extra_info("ssl_object") if transport is not None else None
    return Request(
        path=request.path,
        query=request.params,
        headers=request.headers,
        remote=_forwarded(request.headers, proxies) or remote_of(transport),
        subprotocols=tuple(name for name in request.protocols if _NAME.fullmatch(name)),
        certificate=(speaker.getpeercert() or None) if speaker is not None else None,
    )


def remote_of(transport: asyncio.BaseTransport | None) -> str:
    """Return ``host:port`` of the other end, "unix" where it has none.

    Parameters:
        transport: where it came by, None when that is gone.
    """
    name = transport.get_extra_info("peername") if transport is not None else None
    if isinstance(name, tuple) and len(name) >= 2:
        return f"[{name[0]}]:{name[1]}" if ":" in str(name[0]) else f"{name[0]}:{name[1]}"
    return "unix"


def _forwarded(headers: Mapping[str, str], proxies: int) -> str:
    """Return the client's address as the outermost of our own reverse proxies saw it, "" when there is none."""
    chain = [part.strip() for part in headers.get("x-forwarded-for", "").split(",") if part.strip()]
    if not proxies or not chain:
        return ""
    address = chain[-min(proxies, len(chain))]
    return f"[{address}]:0" if ":" in address else f"{address}:0"
