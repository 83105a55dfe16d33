"""HTTP as Windows speaks it: what HTTP.sys refuses by itself, and how kabu Station's answers are dressed.

Bytes and headers only; what a call means is the desk's matter.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from aiohttp import web

from wsexample.brokers.base.shell import read_body
from wsexample.brokers.kabu.simulator.desk import PREFIX, Answer, Call

__all__ = [
    "SERVER",
    "dress",
    "encode",
    "is_right_host",
    "read_call",
    "refuse_by_windows",
    "turn_away",
    "windows_headers",
    "windows_page",
]

SERVER = "Microsoft-HTTPAPI/2.0"

_HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Server": SERVER,
    "X-Content-Type-Options": "nosniff",
    "X-XSS-Protection": "1; mode=block",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'",
    "Access-Control-Allow-Origin": "*",
}

_PAGES = {
    400: ("Bad Request", "Invalid Hostname", "The request hostname is invalid."),
    404: ("Not Found", "Not Found", "The requested resource is not found."),
    411: ("Length Required", "Length Required", "The request must be chunked or have a content length."),
}

encode = msgspec.json.Encoder(decimal_format="number").encode
"""Compact JSON, as kabu Station writes it."""


def is_right_host(host: str | None) -> bool:
    """Tell whether HTTP.sys would route a request with this Host header: the name localhost, with or without a port."""
    name, _, port = (host or "").strip().lower().partition(":")
    return name == "localhost" and (not port or port.isdigit())


def windows_page(status: int) -> str:
    """Return the HTML that HTTP.sys answers with."""
    title, heading, sentence = _PAGES[status]
    return (
        f"<HTML><HEAD><TITLE>{title}</TITLE></HEAD>\r\n"
        f"<BODY><h2>{title} - {heading}</h2>\r\n<hr><p>HTTP Error {status}. {sentence}</p>\r\n</BODY></HTML>\r\n"
    )


def windows_headers() -> Mapping[str, str]:
    """Return the headers of such a page."""
    return {"Content-Type": "text/html; charset=us-ascii", "Server": SERVER, "Connection": "close"}


def refuse_by_windows(
    request: web.BaseRequest, *, is_strict: bool, also_served: str | None = None
) -> web.Response | None:
    """Answer what never reaches kabu Station: a wrong Host, another path, a PUT or POST without a length.

    Parameters:
        request: what came.
        is_strict: whether the Host must be localhost.
        also_served: a further path that is let through.
    """
    path = PREFIX if also_served and request.path.startswith(also_served) else request.path
    status = turn_away(request.headers.get("Host"), path, is_strict=is_strict)
    if status is None and request.method in ("PUT", "POST"):
        has_length = "Content-Length" in request.headers or "Transfer-Encoding" in request.headers
        status = None if has_length else 411
    if status is None:
        return None
    response = web.Response(text=windows_page(status), status=status, headers=windows_headers())
    response.force_close()
    return response


def turn_away(host: str | None, path: str, *, is_strict: bool) -> int | None:
    """Return the status with which HTTP.sys refuses a request, a WebSocket's too; None when it lets it through."""
    if is_strict and not is_right_host(host):
        return 400
    return None if path.startswith(PREFIX) else 404


async def read_call(request: web.BaseRequest, *, max_body_bytes: int) -> Call:
    """Read a request to its end, unless its body is too long."""
    body = await read_body(request, max_body_bytes)
    return Call(
        method=request.method,
        path=request.path,
        query=dict(request.query),
        token=request.headers.get("X-API-KEY"),
        media_type=request.content_type if "Content-Type" in request.headers else None,
        body=body or b"",
        is_too_long=body is None,
    )


def dress(answer: Answer) -> web.Response:
    """Make the HTTP response for an answer: compact JSON and the vendor's headers."""
    return web.Response(body=encode(answer.body), status=answer.http_status, headers=_HEADERS)
