"""What a server answers to our opening handshake, redirects and a few frames included, to `connect` from end to end.

Promise: it ends with a `HandshakeError` or a connection that can be read to its end; nothing else is raised, in the loop neither;
no task is left, no error keeps more than 64 KiB of the answer, and what an error says cannot steer a terminal.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
from collections.abc import Callable, Iterable
from typing import Any

from tests.property.test_lane import frame
from tests.wire.lane.twins import GUID, ListTransport, turns
from wsexample.errors import ConnectionClosed, HandshakeError
from wsexample.wire.connection import connect
from wsexample.wire.handshake import MAX_REFUSAL_BODY

INSTRUMENT: tuple[str, ...] = (
    "wsexample.wire.handshake",
    "wsexample.wire.link",
    "wsexample.wire.redirect",
    "wsexample.wire.deflate",
    "autobahn.websocket.protocol",
    "autobahn.websocket.compress_deflate",
)
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = base64.b64encode(hashlib.sha1(KEY + GUID).digest())
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    + ACCEPT
    + b"\r\n"
)
NEXT = b"\n--\n"
"""Stands between the answers to one attempt and the next."""
REPEAT = b"\x00\x00*"
"""What stands before it in an answer comes 5,000 times."""
TOKENS: tuple[bytes, ...] = (
    *(
        b"HTTP/1.1 ",
        b"HTTP/1.0 200 OK",
        b" 101 ",
        b"302 Found",
        b"Location: ",
        b"100 Continue\r\n\r\n",
        b"\r\n",
        b"\r\n\r\n",
        NEXT,
        REPEAT,
    ),
    *(
        b"Content-Length: ",
        b"Transfer-Encoding: chunked\r\n",
        b"-6\r\n",
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        ACCEPT,
    ),
    *(
        b"Sec-WebSocket-Accept: ",
        b"Sec-WebSocket-Protocol: ",
        b"Sec-WebSocket-Extensions: ",
        b"permessage-deflate",
        b"Set-Cookie: a=b",
    ),
    *(
        b"; client_max_window_bits",
        b"; server_max_window_bits=9",
        b"; client_no_context_takeover",
        b"chat",
        b"\x81\x02hi",
        b"\x88\x00",
    ),
    *(b"wss://other/", b"//[", b"9999999999", b"\x1b[2J", b"\xff"),
)
STEPS = (100_000, 1, 7, 20)

_loop = asyncio.new_event_loop()
_unhandled: list[dict[str, Any]] = []
_loop.set_exception_handler(lambda loop, context: _unhandled.append(context))


class _Server:
    """Answers each attempt of a client with the next text; the last one stays."""

    def __init__(self, answers: list[bytes], step: int, *, is_hasty: bool) -> None:
        self.answers = answers
        self.step = step
        self.is_hasty = is_hasty
        self.tasks: list[asyncio.Task[None]] = []
        self.left = ""

    def open(self, make_link: Callable[[], Any]) -> Any:
        """Connect; called by `connect`."""
        link = make_link()
        transport = ListTransport()
        transport.protocol = link
        link.connection_made(transport)
        answer = self.answers[min(len(self.tasks), len(self.answers) - 1)]
        self.tasks.append(_loop.create_task(self.play(link, transport, answer)))
        return link

    async def play(self, link: Any, transport: Any, answer: bytes) -> None:
        """Let the answer arrive in pieces, a turn of the loop or more apart, and end the connection."""
        if not self.is_hasty:
            await turns(3)
        ends = [*range(self.step, min(len(answer), 200 * self.step), self.step), len(answer)]
        for start, end in itertools.pairwise([0, *ends]):
            while transport.is_reading_paused and not transport.is_gone:
                await asyncio.sleep(0)
            if transport.is_gone:
                return
            if end > start:
                link.data_received(answer[start:end])
            await turns(2)
        transport.abort()


def one_input(data: bytes) -> None:
    """Connect to a server that answers like this."""
    if len(data) < 2:
        return
    first, second = data[:2]
    answers = [repeated(part) for part in data[2:].split(NEXT)]
    server = _Server(answers, STEPS[first & 3], is_hasty=bool(first & 4))
    facts: dict[str, Any] = {"headers": [("Sec-WebSocket-Key", KEY.decode())], "opener": server, "proxy": None}
    if first & 8:
        facts["subprotocols"] = ["chat", "x"]
    if first & 16:
        facts["compression"] = True
    if first & 32:
        facts["max_redirects"] = second & 3
    if first & 64:
        facts["max_message_bytes"] = 10
    url = ("ws://host/a?b", "wss://user:pw@host:8443/", "ws+unix:/run/a.sock:/x", "ws://[::1]/")[second >> 2 & 3]
    try:
        _loop.run_until_complete(asyncio.wait_for(_connect(url, server, facts), 20))
    finally:
        for task in server.tasks:
            task.cancel()
        left = asyncio.all_tasks(_loop) - set(server.tasks)
        _loop.run_until_complete(turns())
    assert not _unhandled, _unhandled.pop()
    assert not left, left


def repeated(part: bytes) -> bytes:
    """Return an answer, much longer than any input where it says so."""
    before, mark, after = part.partition(REPEAT)
    return before * (5000 if len(before) < 100 else 50) + after if mark else part


async def _connect(url: str, server: _Server, facts: dict[str, Any]) -> None:
    try:
        ws = await connect(url, **facts)
    except HandshakeError as error:
        _check(error)
        return
    try:
        for name, value in ws.response_headers.items():
            assert name == name.lower(), name
            assert "\n" not in value, value
        while True:
            await ws.receive_payload()
    except ConnectionClosed as closed:
        _check_code(closed.code)
    await ws.close()
    await ws.wait_closed()


def _check_code(code: int) -> None:
    assert 1000 <= code < 5000, code


def _check(error: HandshakeError) -> None:
    assert error.status is None or 100 <= error.status <= 999, error.status
    assert len(error.body) <= MAX_REFUSAL_BODY
    assert str(error).isprintable(), str(error)
    assert all(name == name.lower().strip() for name in error.headers), error.headers


def seeds() -> Iterable[bytes]:
    """Answers of real servers."""
    text, close = frame(0x81, "気配値".encode(), masked=False), frame(0x88, b"\x03\xe8bye", masked=False)
    for flags in (0, 1, 4, 64):
        yield bytes((flags, 0)) + ANSWER + b"\r\n" + text + close
    yield (
        bytes((8, 0))
        + ANSWER
        + b"Sec-WebSocket-Protocol: chat\r\nSet-Cookie: a=b; Path=/\r\nSet-Cookie: c=d\r\n\r\n"
        + text
    )
    yield (
        bytes((16, 0))
        + ANSWER
        + b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12\r\n\r\n"
        + close
    )
    yield bytes((0, 4)) + b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER + b"\r\n" + text
    yield (
        bytes((0, 0))
        + b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nX: \xe9\r\n\r\nnope"
    )
    yield bytes((1, 0)) + b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbusy\r\n0\r\n\r\n"
    yield bytes((0, 0)) + b"HTTP/1.1 200 OK\r\n\r\n<html>"
    for location in (b"/other", b"https://elsewhere/x", b"//h2:9/"):
        yield (
            bytes((32, 11))
            + b"HTTP/1.1 302 Found\r\nLocation: "
            + location
            + b"\r\n\r\n"
            + NEXT
            + ANSWER
            + b"\r\n"
            + close
        )
    yield bytes((0, 0)) + b"SSH-2.0-OpenSSH_9.2\r\n"
    yield bytes((0, 0)) + b"HTTP/1.1 100 Continue\r\n\r\n" + REPEAT + ANSWER + b"\r\n"
