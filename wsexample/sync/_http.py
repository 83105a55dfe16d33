"""`proxy_info` and `read_headers`, which some programs import from websocket-client's module of this name."""

from __future__ import annotations

from typing import Any

from wsexample.sync._exceptions import WebSocketException
from wsexample.sync._logging import trace
from wsexample.sync._socket import recv_line
from wsexample.sync.proxies import ProxySettings

__all__ = ["proxy_info", "read_headers"]


class proxy_info:  # noqa: N801 - the contract's name
    """The ``http_proxy_…`` options taken apart."""

    def __init__(self, **options: Any) -> None:
        settings = ProxySettings(options)
        self.proxy_host = settings.host
        self.proxy_port: Any = settings.port if settings.host else 0
        self.auth = settings.auth if settings.host else None
        self.no_proxy = settings.no_proxy if settings.host else None
        self.proxy_protocol = settings.kind if settings.host else "http"
        self.proxy_timeout = settings.timeout_s if settings.host else None


def read_headers(sock: Any) -> tuple[int | None, dict[str, str], str | None]:
    """Read the head of an HTTP answer from a socket; returns status, headers with lower-case names, and reason."""
    status: int | None = None
    reason: str | None = None
    headers: dict[str, str] = {}
    trace("--- response header ---")
    while line := recv_line(sock).decode("utf-8", "replace").strip():
        trace(line)
        if status is None:
            _, _, rest = line.partition(" ")
            code, _, words = rest.partition(" ")
            if not (code.isascii() and code.isdigit() and len(code) < 10):  # what int() takes as a number, and no more
                raise WebSocketException(f"Invalid status line: {line!r}")
            status, reason = int(code), words or None
            continue
        name, colon, value = line.partition(":")
        if not colon:
            raise WebSocketException(f"Invalid header line: {line!r}")
        name, value = name.strip().lower(), value.strip()
        headers[name] = f"{headers[name]}; {value}" if name == "set-cookie" and name in headers else value
    trace("-----------------------")
    return status, headers, reason
