"""The opening handshake as text: the request that a client sends and the refusal that a server may answer.

Pure; the keys and the accept check are Autobahn's.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

from wsexample.wire.options import Target

__all__ = ["basic_authorization", "refusal_response", "request_head", "response_is_complete"]

MAX_REFUSAL_BODY = 64 * 1024


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
    """
    lines: list[tuple[str, str]] = [
        ("Host", target.host_header),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", str(version)),
    ]
    if user_agent:
        lines.insert(1, ("User-Agent", user_agent))
    if origin is not None:
        lines.append(("Origin", origin))
    if subprotocols:
        lines.append(("Sec-WebSocket-Protocol", ", ".join(subprotocols)))
    if extensions:
        lines.append(("Sec-WebSocket-Extensions", ", ".join(extensions)))
    if target.username is not None:
        lines.append(("Authorization", basic_authorization(target.username, target.password or "")))
    own = list(headers)
    replaced = {name.lower() for name, _ in own}
    lines = [line for line in lines if line[0].lower() not in replaced] + own
    head = f"GET {target.resource} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines)
    return (head + "\r\n").encode("utf-8")


def response_is_complete(data: bytes) -> bool:
    """Tell whether a refusal (any status but 101) has arrived with its body, as far as its length is announced."""
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        return False
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            try:
                return len(body) >= min(int(value), MAX_REFUSAL_BODY)
            except ValueError:
                return True
    return True


def refusal_response(
    status: int, reason: str, *, body: str = "", headers: Iterable[tuple[str, str]] = (), server: str = ""
) -> bytes:
    """Build a complete HTTP answer that refuses the upgrade and ends the connection."""
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
    clean = reason.replace("\r", " ").replace("\n", " ")
    head = f"HTTP/1.1 {status} {clean}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines)
    return (head + "\r\n").encode("utf-8") + payload
