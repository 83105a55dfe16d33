"""What a server sends to the blocking twin: frames for `Frames` and for `frame_buffer`, answers for `read_headers`, cookies.

Promise: what is read does not depend on how the stream was cut; only the exceptions of websocket-client's contract come out; what
a cookie jar gives back stays on the line of its header.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterable
from typing import Any

from tests.fuzz.targets.handshake_client import ACCEPT, KEY
from tests.property.test_lane import frame
from tests.wire.lane.twins import ListTransport, turns
from wsexample.sync._abnf import ABNF, continuous_frame, frame_buffer
from wsexample.sync._exceptions import WebSocketConnectionClosedException, WebSocketException
from wsexample.sync._http import read_headers
from wsexample.sync.close_frame import parse_close
from wsexample.sync.cookies import CookieJar
from wsexample.wire.frames import Frames, Violation, dial_frames
from wsexample.wire.options import ConnectOptions

INSTRUMENT: tuple[str, ...] = (
    "wsexample.sync._abnf",
    "wsexample.sync._http",
    "wsexample.sync._socket",
    "wsexample.sync.close_frame",
    "wsexample.sync.cookies",
    "wsexample.wire.frames",
    "autobahn.websocket.protocol",
)
TOKENS: tuple[bytes, ...] = (
    *(
        b"\x81",
        b"\x82",
        b"\x01",
        b"\x80",
        b"\x00",
        b"\x89\x00",
        b"\x88\x02\x03\xe8",
        b"\x7e\x00\x7e",
        b"\x7f" + bytes(8),
        "気".encode(),
    ),
    *(
        b"HTTP/1.1 101 X\r\n",
        "²".encode(),
        b": ",
        b"\r\n",
        b"Set-Cookie: ",
        b"; domain=.example.com",
        b"; Path=/",
        b'="',
        b"\\015\\012",
    ),
)
HEADERS = (("Sec-WebSocket-Key", KEY.decode()),)
ANSWER = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"
STEPS = (1, 2, 7, 130)
MOST_FRAMES = 300

_loop = asyncio.new_event_loop()
_unhandled: list[dict[str, Any]] = []
_loop.set_exception_handler(lambda loop, context: _unhandled.append(context))


class _Peer:
    """Hands out a stream in pieces; afterwards the connection is lost."""

    def __init__(self, stream: bytes, most: int) -> None:
        self.stream = stream
        self.most = most

    def recv(self, size: int) -> bytes:
        piece = self.stream[: min(size, self.most)]
        self.stream = self.stream[len(piece) :]
        if not piece:
            raise WebSocketConnectionClosedException("the stream is over")
        return piece

    def gettimeout(self) -> float:
        return 1.0

    def open(self, make_link: Callable[[], Any]) -> Any:
        """Accept the opening handshake; called by the dial."""
        link = make_link()
        transport = ListTransport()
        transport.protocol = link
        link.connection_made(transport)
        self.answering = _loop.create_task(self.answer(link))
        return link

    async def answer(self, link: Any) -> None:
        """Answer when the request has been sent."""
        await turns()
        link.data_received(ANSWER)


def one_input(data: bytes) -> None:
    """Read this as each of these, cut in two ways."""
    if not data:
        return
    step, stream = STEPS[data[0] & 3], data[1:]
    is_lax = bool(data[0] & 4)
    whole, cut = (_by_hand(stream, most, is_lax=is_lax) for most in (100_000, step))
    assert whole == cut, (whole, cut)
    options = ConnectOptions(
        url="ws://h/",
        headers=HEADERS,
        proxy=None,
        max_message_bytes=100 if data[0] & 8 else 0,
        validate_utf8=not is_lax,
    )
    rows = [
        _loop.run_until_complete(asyncio.wait_for(_by_the_wire(options, stream, size), 20)) for size in (100_000, step)
    ]
    assert not _unhandled, _unhandled.pop()
    assert rows[0] == rows[1], rows
    with contextlib.suppress(WebSocketException):
        read_headers(_Peer(stream, step))
    _cookies(stream.decode("utf-8", "replace"))


def _by_hand(stream: bytes, most: int, *, is_lax: bool) -> list[Any]:
    buffer, joining = frame_buffer(_Peer(stream, most).recv, is_lax), continuous_frame(False, is_lax)
    seen: list[Any] = []
    try:
        while len(seen) < MOST_FRAMES:
            came = buffer.recv_frame()
            seen.append((came.fin, came.opcode, came.data, str(came)))
            if came.opcode == ABNF.OPCODE_CLOSE:
                seen.append(parse_close(came))
            elif came.opcode < ABNF.OPCODE_CLOSE:
                joining.validate(came)
                joining.add(came)
                if joining.is_fire(came):
                    opcode, last = joining.extract(came)
                    seen.append((opcode, last.data))
    except WebSocketException as error:
        seen.append((type(error), str(error)))
    return seen


async def _by_the_wire(options: ConnectOptions, stream: bytes, step: int) -> list[Any]:
    frames: Frames = await dial_frames(options.replace(opener=_Peer(b"", 1)))
    ends = [*range(step, min(len(stream), 500 * step), step), len(stream)]
    for start, end in itertools.pairwise([0, *ends]):
        if end > start and frames.link.transport is not None:
            frames.feed(stream[start:end])
    row = list(frames.row)
    is_end = [isinstance(item, Violation) for item in row]
    row = row[: is_end.index(True) + 1] if any(is_end) else row  # Autobahn may go on to look for the close frame
    frames.abort()
    await turns()
    assert frames.over.done()
    return row


def _cookies(text: str) -> None:
    jar = CookieJar()
    jar.add(text, "www.example.com")
    jar.add(f"a=b; domain=example.com; {text}", "www.example.com")
    given = jar.get("www.example.com")
    assert not set(given) & set("\r\n\0"), given


def seeds() -> Iterable[bytes]:
    """Frames, answers and cookies of real servers."""
    text, close = frame(0x81, "気配値 12.5".encode(), masked=False), frame(0x88, b"\x03\xe8bye", masked=False)
    ping, binary = frame(0x89, b"hello", masked=False), frame(0x82, bytes(200), masked=False)
    pieces = frame(0x01, "株".encode()[:2], masked=False) + ping + frame(0x80, "株".encode()[2:], masked=False)
    for first in range(8):
        yield bytes((first,)) + text + binary + pieces + close
    yield b"\x08" + binary + text
    yield b"\x00" + frame(0x81, b"masked", masked=True)
    yield b"\x00HTTP/1.1 101 Switching Protocols\r\nA: b\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n"
    yield b'\x00sid=abc; Domain=.example.com; Path=/; HttpOnly, x="a b"; domain=example.com'
