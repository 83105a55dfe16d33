"""The opening handshake as text: the request that a client sends, the answer it reads, and the refusal of a server.

Pure; the key and the accept check are Autobahn's.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wsexample.wire.target import Target
from wsexample.wire.trace import printable

__all__ = ["Answer", "basic_authorization", "read_answer", "refusal_body", "refusal_response", "request_head"]

MAX_HEAD_BYTES = 64 * 1024
"""Longest head of a request or an answer."""
MAX_REFUSAL_BODY = 64 * 1024
LONGEST_REASON = 200
"""Characters of a reason phrase that are kept: it stands in the sentence of an error."""
# Python's own int() takes signs and underscores, and refuses thousands of digits with an error.
_STATUS = re.compile(r"[1-9][0-9]{2}")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")


def basic_authorization(username: str, password: str) -> str:
    """Return the value of an Authorization header for a user (RFC 7617, UTF-8)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


def request_head(
    target: Target,
    *,
    key: str,
    version: int,
    headers: Iterable[tuple[str, str]] = (),
    subprotocols: Sequence[str] = (),
    extensions: Sequence[str] = (),
    origin: str | None = None,
    user_agent: str = "",
    host: str | None = None,
    cookie: str = "",
    authorization: str = "",
) -> bytes:
    """Build the request that opens a WebSocket (RFC 6455 section 4.1); a caller's header replaces the built-in one.

    Parameters:
        target: where to; its user info becomes a Basic authorization unless the caller gives one.
        key: value of Sec-WebSocket-Key.
        version: value of Sec-WebSocket-Version.
        headers: further headers, in order.
        subprotocols: names offered.
        extensions: extension offers.
        origin: value of Origin, None for none.
        user_agent: value of User-Agent, "" for none.
        host: value of Host, None for the target's, "" for none.
        cookie: value of Cookie, "" for none.
        authorization: value of Authorization, "" for what the target's user info says.
    """
    if not authorization and target.username is not None:
        authorization = basic_authorization(target.username, target.password or "")
    built_in = [
        ("Host", target.host_header if host is None else host),
        ("User-Agent", user_agent),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", str(version)),
        ("Origin", origin or ""),
        ("Sec-WebSocket-Protocol", ", ".join(subprotocols)),
        ("Sec-WebSocket-Extensions", ", ".join(extensions)),
        ("Authorization", authorization),
        ("Cookie", cookie),
    ]
    own = list(headers)
    replaced = {name.lower() for name, _ in own}
    lines = [(name, value) for name, value in built_in if value and name.lower() not in replaced] + own
    return _head(f"GET {target.resource} HTTP/1.1", lines)


def refusal_response(
    status: int, reason: str, *, body: str = "", headers: Iterable[tuple[str, str]] = (), server: str = ""
) -> bytes:
    """Build a complete HTTP answer that refuses the upgrade and ends the connection.

    The reason may quote the request; what could begin another line of the answer is escaped.
    """
    reason = printable(reason).encode("ascii", "backslashreplace").decode("ascii")
    payload = (body or f"{status} {reason}\n").encode()
    lines = [("Server", server)] if server else []
    lines += [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(payload))),
        ("Connection", "close"),
    ]
    own = list(headers)
    replaced = {name.lower() for name, _ in own}
    lines = [line for line in lines if line[0].lower() not in replaced] + own
    return _head(f"HTTP/1.1 {status} {reason}", lines) + payload


def _head(first_line: str, lines: Iterable[tuple[str, str]]) -> bytes:
    text = "".join(f"{line}\r\n" for line in (first_line, *(f"{name}: {value}" for name, value in lines)))
    return text.encode() + b"\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an HTTP answer."""

    status: int | None
    """Status code, None when the bytes are not HTTP."""
    reason: str = ""
    """Reason phrase, with control characters escaped; the beginning of one that is no phrase."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers, lower-case names; repeated ones are joined with a comma."""


def read_answer(head: bytes) -> Answer:
    """Take the head of an HTTP answer apart, as far as it is one."""
    lines = head.decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    code, _, reason = rest.strip().partition(" ")
    if not version.startswith("HTTP/") or _STATUS.fullmatch(code) is None:
        return Answer(None)
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip().lower()
            headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
    return Answer(int(code), printable(reason.strip()[:LONGEST_REASON]), headers)


def refusal_body(answer: Answer, body: bytes, *, is_all: bool = False) -> bytes | None:
    """Return the body of a refusal as far as it is wanted, None while more of it is on its way.

    Parameters:
        answer: the head that came before.
        body: what came after it.
        is_all: whether nothing more will come.
    """
    if answer.status in (204, 304):
        return b""
    if "chunked" in answer.headers.get("transfer-encoding", "").lower():
        data, is_complete = _dechunked(body)
    else:
        length = answer.headers.get("content-length", "")
        if _LENGTH.fullmatch(length) is not None:
            data, is_complete = body[: int(length)], len(body) >= int(length)
        else:
            data, is_complete = body, False  # it ends with the connection (RFC 9112 section 6.3)
    is_too_much = len(data) >= MAX_REFUSAL_BODY or len(body) >= 4 * MAX_REFUSAL_BODY  # chunks may be all head
    if is_complete or is_all or is_too_much:
        return data[:MAX_REFUSAL_BODY]
    return None


def _dechunked(body: bytes) -> tuple[bytes, bool]:
    """Return the data of a chunked body and whether its end has come (RFC 9112 section 7.1)."""
    data = bytearray()
    position = 0
    while True:
        end = body.find(b"\r\n", position)
        if end < 0:
            return bytes(data), False
        digits = body[position:end].partition(b";")[0].strip()
        size = int(digits, 16) if _CHUNK_SIZE.fullmatch(digits) is not None else 0
        if size == 0:  # the last one, or none at all
            return bytes(data), True
        data += body[end + 2 : end + 2 + size]
        position = end + 2 + size + 2
