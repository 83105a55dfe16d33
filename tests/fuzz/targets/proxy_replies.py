"""What a proxy replies to CONNECT, SOCKS4, 4a, 5 and 5h, over a real pair of sockets.

Promise: the way through is open, or it ends with a `ProxyError` or a `DeadlineError` that cannot steer a terminal; nothing else
is raised, in the loop neither, and a failure leaves no socket open.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Iterable
from typing import Any
from unittest.mock import patch

import python_socks.async_.asyncio  # noqa: F401 - else it is loaded when first used, and not instrumented

from wsexample.errors import DeadlineError, ProxyError
from wsexample.wire import proxy as room
from wsexample.wire.options import ConnectOptions
from wsexample.wire.proxy_rules import Proxy
from wsexample.wire.target import Target

INSTRUMENT: tuple[str, ...] = ("wsexample.wire.proxy", "wsexample.wire.handshake", "python_socks")
TOKENS: tuple[bytes, ...] = (
    *(
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 407 ",
        b"\r\n\r\n",
        b"\r\n",
        b"\x05\x00",
        b"\x05\x02",
        b"\x05\xff",
        b"\x01\x00",
        b"\x01\x01",
    ),
    *(
        b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50",
        b"\x05\x00\x00\x03\xff",
        b"\x05\x00\x00\x04",
        b"\x00\x5a\x00\x50\x7f\x00\x00\x01",
        b"\x00\x5b",
    ),
    *(b"\x1b[2J", b"\xff\xfe"),
)
KINDS = ("http", "socks4", "socks4a", "socks5", "socks5h")
TARGETS = ("ws://127.0.0.1:9/", "ws://name.example:9/", "ws://[::1]:9/")

_loop = asyncio.new_event_loop()
_unhandled: list[dict[str, Any]] = []
_loop.set_exception_handler(lambda loop, context: _unhandled.append(context))


def one_input(data: bytes) -> None:
    """Go through a proxy that replies like this and then hangs up."""
    if len(data) < 2:
        return
    kind = KINDS[data[0] % len(KINDS)]
    user = ("user", "pw") if data[0] >= 128 else (None, None)
    proxy = Proxy(kind, "proxy.example", 1080, *user)
    target = Target.parse(TARGETS[data[1] % len(TARGETS)])
    step = (100_000, 1, 5)[data[1] // 64 % 3]
    _loop.run_until_complete(asyncio.wait_for(_through(proxy, target, data[2:], step), 20))
    assert not _unhandled, _unhandled.pop()
    left = asyncio.all_tasks(_loop)
    assert not left, left


async def _through(proxy: Proxy, target: Target, reply: bytes, step: int) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    replying = asyncio.ensure_future(_reply(theirs, reply, step))

    async def reached(*_: Any, **__: Any) -> socket.socket:
        return ours

    async def resolved(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 9))]

    options = ConnectOptions(url=target.url, proxy=None, connect_timeout_s=10)
    with patch.object(room, "connect_tcp", reached), patch.object(room, "resolve", resolved):
        try:
            if proxy.is_http:
                transport = await room.through_http(proxy, target, options)
                transport.abort()
            else:
                (await room.through_socks(proxy, target, options)).close()
        except (ProxyError, DeadlineError) as error:
            _check(str(error))
    await replying
    theirs.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    _check_closed(ours)


async def _reply(sock: socket.socket, reply: bytes, step: int) -> None:
    ends = [*range(step, min(len(reply), 100 * step), step), len(reply)]
    try:
        for start, end in itertools.pairwise([0, *ends]):
            sock.send(reply[start:end])
            await asyncio.sleep(0)
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other side has had enough


def _check(said: str) -> None:
    assert said.isprintable(), said


def _check_closed(sock: socket.socket) -> None:
    is_left = sock.fileno() != -1
    sock.close()
    assert not is_left, "the socket is left open"


def seeds() -> Iterable[bytes]:
    """Replies of real proxies."""
    yield b"\x00\x00HTTP/1.1 200 Connection established\r\nVia: squid\r\n\r\n"
    yield b"\x00\x40HTTP/1.0 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno"
    yield b"\x80\x00HTTP/1.1 502 Bad \x1b[2J Gateway\r\n\r\n"
    for kind in (1, 2, 0x81):
        yield bytes((kind, 0)) + b"\x00\x5a\x00\x50\x7f\x00\x00\x01"
        yield bytes((kind, 1)) + b"\x00\x5b\x00\x00\x00\x00\x00\x00"
    for kind in (3, 4):
        yield bytes((kind, 1)) + b"\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"
        yield bytes((kind, 66)) + b"\x05\x00\x05\x00\x00\x03\x04name\x00\x50"
        yield bytes((kind, 2)) + b"\x05\x00\x05\x00\x00\x04" + bytes(18)
        yield bytes((kind, 2)) + b"\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"
    yield bytes((0x83, 0)) + b"\x05\x02\x01\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"
    yield bytes((0x84, 0)) + b"\x05\x02\x01\x01"
