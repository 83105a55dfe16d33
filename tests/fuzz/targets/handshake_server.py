"""What a client sends to open a WebSocket, to a server with `accept`, limits, and an HTTP handler on the same port.

Promise: it is answered with one complete HTTP answer, or not at all; the handler runs at most once for a connection, and only
after a 101; `accept` gets headers with names in lower case and without line ends; nothing is raised in the loop; when the client
has gone nobody is counted and no task is left.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from tests.property.test_lane import frame
from tests.wire.lane.twins import ListTransport, turns
from wsexample.errors import ConnectionClosed
from wsexample.wire.http import HttpServer
from wsexample.wire.options import ServeOptions
from wsexample.wire.server import Reject, Request, Server, ServerConnection

INSTRUMENT: tuple[str, ...] = (
    "wsexample.wire.server",
    "wsexample.wire.link",
    "wsexample.wire.admission",
    "wsexample.wire.deflate",
    "wsexample.wire.http",
    "autobahn.websocket.protocol",
    "autobahn.websocket.compress_deflate",
)
HEAD = b"GET /a?b=c HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
REPEAT = b"\x00\x00*"
"""What stands before it in a request comes 5,000 times."""
TOKENS: tuple[bytes, ...] = (
    *(
        b"GET ",
        b"POST ",
        b" HTTP/1.1\r\n",
        b"HTTP/1.0",
        b"Host: ",
        b"\r\n",
        b"\r\n\r\n",
        b"\r\n ",
        b"Upgrade: websocket",
        REPEAT,
    ),
    *(
        b"Connection: keep-alive, Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Version: 8",
        KEY,
        b"Sec-WebSocket-Protocol: ",
    ),
    *(
        b"chat",
        b"Sec-WebSocket-Extensions: ",
        b"permessage-deflate",
        b"; client_max_window_bits",
        b"; server_max_window_bits=",
        b"=8",
        b'"',
    ),
    *(
        b"Origin: ",
        b"https://page.example",
        b"null",
        b"X-Forwarded-For: ",
        b"1.2.3.4, ",
        b"Content-Length: 5",
        b"Transfer-Encoding: chunked",
    ),
    *(b"?a=%ff", b"//", b"*", b"http://h/", b"#", b"%0d%0a", b"\xff", b"\x00"),
)
STEPS = (200_000, 1, 9, 60)

_loop = asyncio.new_event_loop()
_unhandled: list[dict[str, Any]] = []
_loop.set_exception_handler(lambda loop, context: _unhandled.append(context))


class _Socket(ListTransport):
    """A client's socket; it has an address, and may be given to another protocol."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.7", 4242) if name == "peername" else default

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_protocol(self) -> Any:
        return self.protocol


class _Site:
    """A server without a port, which notes what it is asked."""

    def __init__(self, flags: int, more: int) -> None:
        self.answer = more & 3
        self.opened = 0
        self.asked = 0
        options: dict[str, Any] = {"max_message_bytes": 1000, "handshake_timeout_s": 10, "close_timeout_s": 0.05}
        if flags & 4:
            options["allowed_origins"] = ["https://page.example", "http://*.sub.example:8080"]
        if flags & 8:
            options["subprotocols"] = ["chat", "x"]
        if flags & 16:
            options["compression"] = True
        if flags & 32:
            options["forwarded_by"] = 1
        if flags & 64:
            options["max_connections"] = 1
        if more & 4:
            options["headers"] = [("X-Ours", "y")]
        self.server = Server(
            self.handle,
            host=None,
            port=0,
            unix_path=None,
            accept=self.accept if more & 8 else None,
            http=None,
            tls=None,
            refused=None,
            options=ServeOptions(**options),
        )
        self.make: Any = self.server._link_factory()
        self.web: HttpServer | None = None
        if flags & 128:
            self.web = HttpServer(self.page, self.make, head_timeout_s=10, late=self.server.head_is_late)
            self.web._server._kwargs["lingering_time"] = 0  # how long the rest of a refused request is waited for
            self.make = self.web

    async def accept(self, request: Request) -> str | Reject | None:
        self.asked += 1
        for name, value in request.headers.items():
            assert name == name.lower(), name
            assert not set(name + value) & set("\r\n"), (name, value)
        assert not re.search(r"[\r\n ]", request.path), request.path
        if self.answer == 1:
            return Reject(404, "no\n", {"X": "y"})
        if self.answer == 2 and request.subprotocols:
            return request.subprotocols[-1]
        if self.answer == 3:
            raise ValueError("planted")
        return None

    async def handle(self, ws: ServerConnection) -> None:
        self.opened += 1
        try:
            while True:
                payload, is_binary = await ws.receive_payload()
                await ws.send(payload if is_binary else payload.decode())
        except ConnectionClosed:
            pass

    async def page(self, request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="a page")


def one_input(data: bytes) -> None:
    """Let a client send this, octet by octet or at once, and go away."""
    if len(data) < 2:
        return
    before, mark, after = data[2:].partition(REPEAT)
    stream = before * (5000 if len(before) < 100 else 50) + after if mark else before
    _loop.run_until_complete(asyncio.wait_for(_visit(data[0], data[1], stream), 20))
    assert not _unhandled, _unhandled.pop()
    left = asyncio.all_tasks(_loop)
    assert not left, left


async def _visit(flags: int, more: int, stream: bytes) -> None:
    site, step = _Site(flags, more), STEPS[flags & 3]
    transport = _Socket()
    transport.protocol = site.make()
    transport.protocol.connection_made(transport)
    ends = [*range(step, min(len(stream), 150 * step), step), len(stream)]
    for start, end in itertools.pairwise([0, *ends]):
        if transport.is_gone:
            break
        if end > start:
            transport.protocol.data_received(stream[start:end])
        await turns(6)
    await turns(12)
    sent = b"".join(transport.written)
    transport.abort()
    await turns(20)
    server = site.server
    assert not server.connections, server.connections
    assert not server._links, server._links
    assert len(server._census) == 0, server._census
    await server.close()
    if site.web is not None:
        await site.web.shutdown(0.05)
    assert site.opened <= 1
    assert site.asked <= 1
    if site.web is None:
        _check_answer(sent, site.opened)


def _check_answer(sent: bytes, opened: int) -> None:
    """Check that what was sent is one answer, of the kind that fits what happened."""
    if not sent:
        assert not opened
        return
    head, end, rest = sent.partition(b"\r\n\r\n")
    assert end, sent
    first, *lines = head.split(b"\r\n")
    match = re.fullmatch(rb"HTTP/1\.1 (\d{3}) [\x20-\x7e]+", first)
    assert match, first
    assert (match[1] == b"101") == bool(opened), sent
    for line in lines:
        assert re.fullmatch(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+: ?[^\r\n\x00]*", line), line
    if match[1] != b"101":
        length = next(line for line in lines if line.lower().startswith(b"content-length:"))
        assert len(rest) == int(length.split(b":")[1]), sent


def seeds() -> Iterable[bytes]:
    """Requests of real clients."""
    whole = HEAD + KEY + b"\r\n"
    text, close = frame(0x81, b"hello", masked=True), frame(0x88, b"\x03\xe8", masked=True)
    for flags in (0, 1, 128, 129):
        yield bytes((flags, 8)) + whole + text + close
    for answer in (1, 2, 3):
        yield bytes((8, 8 | answer)) + HEAD + KEY + b"Sec-WebSocket-Protocol: chat, superchat\r\nOrigin: null\r\n\r\n"
    yield (
        bytes((16 | 4 | 32, 4)) + HEAD + KEY + b"Origin: https://page.example\r\nX-Forwarded-For: 1.2.3.4, ::1\r\n\r\n"
    )
    yield (
        bytes((16, 0))
        + HEAD
        + KEY
        + b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
        + text
    )
    yield (
        bytes((16, 0))
        + HEAD
        + KEY
        + b'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits="9", x\r\n\r\n'
    )
    yield bytes((4, 0)) + HEAD + KEY + b"Origin: http://a.sub.example:8080\r\n\r\n"
    yield bytes((0, 0)) + HEAD + b"\r\n"
    yield bytes((0, 0)) + b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    yield bytes((128, 0)) + b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" + whole + text
    yield bytes((128, 0)) + b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
    yield bytes((0, 0)) + b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    yield bytes((0, 0)) + b"X-A: b\r\n" + REPEAT
    yield bytes((0, 0)) + whole + text + REPEAT
