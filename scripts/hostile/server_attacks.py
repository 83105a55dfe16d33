"""What hostile servers do: one coroutine for each attack, run once for each connection that a client makes.

An attack goes on until its client is gone; the process ends what is left. Nothing of wsexample is used.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import itertools
import zlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from hostile.peer import bomb, frame

__all__ = ["SECRET", "SERVER_ATTACKS", "Aim", "Call"]

BLOCK = 64 * 1024
MIB = 1024 * 1024
HUGE = (1 << 63) - 1
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SECRET = b"a-secret-for-one-host"
"""What the client sends to the host that it was given; no other host may see it."""
FOUND = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@dataclass
class Aim:
    """What one attack is about, and what came of it on this side."""

    limit: int
    """Largest message that the client takes, bytes."""
    elsewhere: bytes = b""
    """``host:port`` of the same server under another name."""
    sent: int = 0
    """Frames, heads or pieces sent, for the table."""
    calls: int = 0
    """Connections that came."""
    leaks: int = 0
    """Requests that brought a secret to a host that it was not for."""
    open: set[asyncio.Task[None]] = field(default_factory=set)


class Call:
    """One connection of a client.

    Parameters:
        reader, writer: its streams.
        aim: what to do with it.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, aim: Aim) -> None:
        self.reader, self.writer, self.aim = reader, writer, aim
        self.request = b""

    async def asked(self) -> bytes:
        """Return the head of the request."""
        self.request = await self.reader.readuntil(b"\r\n\r\n")
        host = next((line for line in self.request.split(b"\r\n") if line.lower().startswith(b"host:")), b"")
        if SECRET in self.request and host.endswith(self.aim.elsewhere):
            self.aim.leaks += 1
        return self.request

    async def opened(self, *, deflate: bool = False) -> None:
        """Open the WebSocket that was asked for."""
        lines = (await self.asked()).split(b"\r\n")
        key = next(line.partition(b": ")[2] for line in lines if line.lower().startswith(b"sec-websocket-key"))
        more = b"Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else b""
        named = [line for line in lines if line.lower().startswith(b"sec-websocket-protocol")]
        if named:
            more += b"Sec-WebSocket-Protocol: " + named[0].partition(b": ")[2].partition(b",")[0] + b"\r\n"
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        await self.push(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n" + more + b"\r\n", 0)

    async def push(self, data: bytes, count: int = 1) -> None:
        """Send bytes; raises OSError when the client is gone."""
        if self.writer.transport.is_closing():
            raise ConnectionResetError("the client is gone")
        self.writer.write(data)
        self.aim.sent += count
        await self.writer.drain()
        await asyncio.sleep(0)

    async def flood(self, block: bytes, count: int, *, first: bytes = b"") -> None:
        """Send the same block without end."""
        await self.push(first + block, count)
        while True:
            await self.push(block, count)

    async def drip(self, data: Iterable[int], *, pause_s: float = 1.0) -> None:
        """Send byte by byte."""
        for byte in data:
            await self.push(bytes((byte,)))
            await asyncio.sleep(pause_s)

    async def swallow(self) -> None:
        """Read whatever comes, until the client is gone."""
        while await self.reader.read(BLOCK):
            pass

    def listening(self) -> asyncio.Task[None]:
        """Read beside what is sent."""
        return asyncio.create_task(self.swallow())


Attack = Callable[[Call], Awaitable[None]]
SERVER_ATTACKS: dict[str, Attack] = {}


def _attack(name: str) -> Callable[[Attack], Attack]:
    def keep(attack: Attack) -> Attack:
        SERVER_ATTACKS[name] = attack
        return attack

    return keep


def served(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, size: int | None = None) -> bytes:
    """Build a server's frame."""
    return frame(opcode, payload, fin=fin, rsv=rsv, size=size, masks=False)


# -- before the WebSocket is open ------------------------------------------------------------------------------------


@_attack("silent")
async def silent(call: Call) -> None:
    """Take the connection and say nothing."""
    call.aim.sent += 1
    await call.swallow()


@_attack("cut")
async def cut(call: Call) -> None:
    """Take the connection and end it at once."""
    call.aim.sent += 1


@_attack("slow-answer")
async def slow_answer(call: Call) -> None:
    """Say one letter of a head each second."""
    await call.asked()
    await call.drip(itertools.chain(b"HTTP/1.1 101 Fine\r\nX-Long: ", itertools.repeat(ord("x"))))


@_attack("slow-body")
async def slow_body(call: Call) -> None:
    """Refuse, and say one letter of the body each second."""
    await call.asked()
    await call.push(b"HTTP/1.1 401 No\r\nContent-Length: 60000\r\n\r\n")
    await call.drip(itertools.repeat(ord("x")))


@_attack("endless-line")
async def endless_line(call: Call) -> None:
    """A status line without end."""
    await call.asked()
    await call.flood(b"x" * BLOCK, 1, first=b"HTTP/1.1 200 ")


@_attack("endless-headers")
async def endless_headers(call: Call) -> None:
    """Headers without end."""
    await call.asked()
    await call.flood(b"X-Another: one\r\n" * 4096, 4096, first=b"HTTP/1.1 101 Fine\r\n")


@_attack("endless-interim")
async def endless_interim(call: Call) -> None:
    """Interim answers without end."""
    await call.asked()
    await call.flood(b"HTTP/1.1 100 Continue\r\n\r\n" * 2000, 2000)


@_attack("garbage")
async def garbage(call: Call) -> None:
    """What is no HTTP, without end."""
    await call.asked()
    await call.flood(bytes(range(128, 256)) * 512, 1)


@_attack("huge-refusal")
async def huge_refusal(call: Call) -> None:
    """A refusal with gigabytes of a body."""
    await call.asked()
    await call.flood(b"x" * BLOCK, 1, first=b"HTTP/1.1 401 No\r\nContent-Length: 9999999999\r\n\r\n")


@_attack("tiny-chunks")
async def tiny_chunks(call: Call) -> None:
    """A refusal whose body comes in chunks of a byte, each in a packet of its own."""
    await call.asked()
    await call.flood(b"1\r\nx\r\n", 1, first=b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n")


@_attack("long-words")
async def long_words(call: Call) -> None:
    """A refusal with 60,000 letters, line breaks and colours where a reason stands."""
    await call.asked()
    await call.push(b"HTTP/1.1 403 " + b"\x1b[31mno\x0b" * 7500 + b"\r\nContent-Length: 0\r\n\r\n")
    await call.swallow()


@_attack("redirects")
async def redirects(call: Call) -> None:
    """Lead to another path, and by turns to another host, for ever."""
    await call.asked()
    place = b"http://" + call.aim.elsewhere if call.aim.calls % 2 else b""
    await call.push(b"HTTP/1.1 302 There\r\nLocation: %s/%d\r\nContent-Length: 0\r\n\r\n" % (place, call.aim.calls))
    await call.swallow()


@_attack("patience")
async def patience(call: Call) -> None:
    """Refuse, and ask to be left alone for longer than the world is old."""
    await call.asked()
    await call.push(b"HTTP/1.1 503 Later\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n" % (b"9" * 400))
    await call.swallow()


@_attack("slow-tls")
async def slow_tls(call: Call) -> None:
    """One byte of a TLS record each second, which does not end."""
    await call.reader.read(BLOCK)
    await call.drip(b"\x16\x03\x03\x40\x00" + bytes(16_384))


@_attack("no-tls")
async def no_tls(call: Call) -> None:
    """Something else than TLS without end."""
    await call.flood(b"x" * BLOCK, 1)


# -- after it was opened ---------------------------------------------------------------------------------------------


@_attack("open-and-cut")
async def open_and_cut(call: Call) -> None:
    """Open and cut, as often as somebody comes."""
    await call.opened()
    call.aim.sent += 1


@_attack("open-and-close")
async def open_and_close(call: Call) -> None:
    """Open and close, as often as somebody comes."""
    await call.opened()
    await call.push(served(8, b"\x03\xe8"))
    await call.swallow()


@_attack("close-words")
async def close_words(call: Call) -> None:
    """Open and close with line breaks and commands for a terminal in place of a reason."""
    await call.opened()
    await call.push(served(8, b"\x03\xf3" + b"\x1b[2J\nall is well\r\n" * 6))
    await call.swallow()


@_attack("long-status")
async def long_status(call: Call) -> None:
    """A status that is none, of 60,000 letters."""
    await call.asked()
    await call.push(b"HTTP/1.1 " + b"\x1b[31mno\x0b" * 7500 + b"\r\n\r\n")
    await call.swallow()


@_attack("long-place")
async def long_place(call: Call) -> None:
    """A redirect to a place of 60,000 letters, by turns of another kind and none at all."""
    await call.asked()
    place = (b"gopher://x/", b"ws://[")[call.aim.calls % 2] + b"y" * 60_000
    await call.push(b"HTTP/1.1 302 There\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % place)
    await call.swallow()


@_attack("mute")
async def mute(call: Call) -> None:
    """Open, and never say a word again, not even a pong."""
    await call.opened()
    call.aim.sent += 1
    await call.swallow()


@_attack("deaf")
async def deaf(call: Call) -> None:
    """Open and never read."""
    await call.opened()
    call.aim.sent += 1
    await asyncio.sleep(3600)


@_attack("deaf-talker")
async def deaf_talker(call: Call) -> None:
    """Open, never read, and send a message now and then as if all were well."""
    await call.opened()
    while True:
        await call.push(served(1, b"x"))
        await asyncio.sleep(0.1)


@_attack("half-closed")
async def half_closed(call: Call) -> None:
    """Say that nothing more will come, and stay."""
    await call.opened()
    call.aim.sent += 1
    call.writer.write_eof()
    await call.swallow()


async def _flooded(call: Call, one: bytes, *, first: bytes = b"", deflate: bool = False, reads: bool = True) -> None:
    await call.opened(deflate=deflate)
    listening = call.listening() if reads else None
    count = max(BLOCK // len(one), 1)
    try:
        await call.flood(one * count, count, first=first)
    finally:
        if listening is not None:
            listening.cancel()


@_attack("ping-flood")
async def ping_flood(call: Call) -> None:
    """Pings without end, whose pongs are read."""
    await _flooded(call, served(9, b"x"))


@_attack("deaf-pings")
async def deaf_pings(call: Call) -> None:
    """Pings without end, whose pongs nobody reads."""
    await _flooded(call, served(9, bytes(125)), reads=False)


@_attack("pong-flood")
async def pong_flood(call: Call) -> None:
    """Pongs without end."""
    await _flooded(call, served(10, b"x"))


@_attack("close-flood")
async def close_flood(call: Call) -> None:
    """Close frames without end."""
    await _flooded(call, served(8, b"\x03\xe8"))


@_attack("drip-pings")
async def drip_pings(call: Call) -> None:
    """A ping each half second, and never a message."""
    await call.opened()
    listening = call.listening()
    try:
        while True:
            await call.push(served(9, b"x"))
            await asyncio.sleep(0.5)
    finally:
        listening.cancel()


@_attack("fragments-0")
async def fragments_of_0(call: Call) -> None:
    """One message of fragments without payload."""
    await _flooded(call, served(0, fin=False), first=served(2, fin=False))


@_attack("fragments-1")
async def fragments_of_1(call: Call) -> None:
    """One message of fragments of a byte each."""
    await _flooded(call, served(0, b"x", fin=False), first=served(2, fin=False))


@_attack("fragments-3")
async def fragments_of_3(call: Call) -> None:
    """One message of fragments of three bytes each."""
    await _flooded(call, served(0, b"xyz", fin=False), first=served(2, fin=False))


@_attack("tiny-messages")
async def tiny_messages(call: Call) -> None:
    """Messages of a byte."""
    await _flooded(call, served(1, b"x"))


@_attack("largest-frames")
async def largest_frames(call: Call) -> None:
    """Messages of exactly the size that is allowed."""
    await _flooded(call, served(2, bytes(call.aim.limit)))


@_attack("too-large")
async def too_large(call: Call) -> None:
    """A byte more than is allowed."""
    await _flooded(call, served(2, bytes(call.aim.limit + 1)))


@_attack("endless-frame")
async def endless_frame(call: Call) -> None:
    """A frame that says that 2^63-1 bytes follow, and what follows."""
    await _flooded(call, bytes(BLOCK), first=served(2, size=HUGE))


@_attack("endless-fragment")
async def endless_fragment(call: Call) -> None:
    """The same as the beginning of a message in fragments."""
    await _flooded(call, bytes(BLOCK), first=served(2, fin=False, size=HUGE))


@_attack("masked")
async def masked(call: Call) -> None:
    """Frames masked as only a client's may be."""
    await _flooded(call, frame(1, b"x"))


@_attack("bombs")
async def bombs(call: Call) -> None:
    """Sixteen times what is allowed, compressed into one frame."""
    await _flooded(call, served(2, bomb(16 * call.aim.limit), rsv=4), deflate=True)


@_attack("bombs-in-pieces")
async def bombs_in_pieces(call: Call) -> None:
    """The same in fragments of 100 bytes."""
    data = bomb(16 * call.aim.limit)
    pieces = [data[at : at + 100] for at in range(0, len(data), 100)]
    frames = [served(2, pieces[0], fin=False, rsv=4), *(served(0, piece, fin=False) for piece in pieces[1:])]
    await _flooded(call, b"".join(frames), deflate=True)


@_attack("bombs-with-memory")
async def bombs_with_memory(call: Call) -> None:
    """Messages within the limit, a kilobyte each on the wire."""
    await _flooded(call, served(2, bomb(call.aim.limit), rsv=4), deflate=True)


# -- in the language of a hub ----------------------------------------------------------------------------------------

WELCOME = b'{"op":"welcome","hub":"x","epoch":"e","reader":"r","version":"0","limits":{},"needs_token":false}'
QUOTE = (
    '{"op":"data","topic":"x.S%d.quote","seq":%d,"record":'
    '{"kind":"quote","venue":"x","symbol":"S%d","received_ns":1,"bid_price":1.0}}'
)


@_attack("hub-no-answer")
async def hub_no_answer(call: Call) -> None:
    """Welcome a reader and never answer its subscription."""
    await call.opened()
    await call.push(served(1, WELCOME))
    await call.swallow()


@_attack("hub-words")
async def hub_words(call: Call) -> None:
    """Refuse with a novel, line breaks and commands for a terminal."""
    await call.opened()
    await call.push(served(1, WELCOME))
    words = "\\u001b[2J\\nno\\r" * 20_000
    await call.push(served(1, f'{{"op":"error","code":"limit","message":"{words}"}}'.encode()))
    await call.swallow()


async def _welcomed(call: Call) -> None:
    await call.opened()
    await call.push(served(1, WELCOME))
    await call.reader.read(BLOCK)  # it subscribes, with 1 for its number
    await call.push(served(1, b'{"op":"ack","id":1,"topics":[">"]}'))


@_attack("hub-numbers")
async def hub_numbers(call: Call) -> None:
    """Messages of four megabytes of what is no message."""
    await _welcomed(call)
    await call.flood(served(1, b"[" + b"1," * (2 * MIB - 2) + b"1]"), 1)


@_attack("hub-topics")
async def hub_topics(call: Call) -> None:
    """Ever new topics."""
    await _welcomed(call)
    for start in itertools.count(0, 500):
        rows = ",".join(QUOTE % (number, 1, number) for number in range(start, start + 500))
        await call.push(served(1, f"[{rows}]".encode()), 500)


@_attack("hub-welcomes")
async def hub_welcomes(call: Call) -> None:
    """Welcome ever again, and ask for the token each time."""
    asking = WELCOME.replace(b"false", b"true")
    await _flooded(call, served(1, asking), reads=False)


# -- in HTTP ---------------------------------------------------------------------------------------------------------


async def _answers(call: Call, body: bytes) -> None:
    while True:
        request = await call.asked()
        length = next(
            (int(line[15:]) for line in request.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        await call.reader.readexactly(length)
        await call.push(FOUND + b"Content-Length: %d\r\n\r\n" % len(body) + body)


@_attack("http-deep")
async def http_deep(call: Call) -> None:
    """JSON 100,000 levels deep."""
    await _answers(call, b"[" * 100_000 + b"]" * 100_000)


@_attack("http-deep-inside")
async def http_deep_inside(call: Call) -> None:
    """An object whose unknown member is that deep."""
    await _answers(call, b'{"x":' * 100_000 + b"1" + b"}" * 100_000)


@_attack("http-digits")
async def http_digits(call: Call) -> None:
    """Numbers of 10,000 digits wherever a number may stand."""
    digits = b"9" * 10_000
    names = (b"serverTime", b"timestamp", b"ResultCode", b"StockAccountWallet", b"Code", b"code", b"cash", b"id")
    await _answers(call, b"{%s}" % b",".join(b'"%s":%s' % (name, digits) for name in names))


@_attack("http-long-digits")
async def http_long_digits(call: Call) -> None:
    """Numbers of 4,000 digits, which Python still reads."""
    digits = b"9" * 4_000
    names = (b"serverTime", b"timestamp", b"ResultCode", b"StockAccountWallet", b"Code", b"code", b"cash", b"id")
    await _answers(call, b"{%s}" % b",".join(b'"%s":%s' % (name, digits) for name in names))


@_attack("http-text")
async def http_text(call: Call) -> None:
    """A page in place of JSON."""
    await _answers(call, b"<html><script>alert(1)</script>\x1b[2J" * 1000)


@functools.cache
def _gzipped() -> bytes:
    machine = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(machine.compress(bytes(MIB)) for _ in range(512)), machine.flush()])


@_attack("http-bomb")
async def http_bomb(call: Call) -> None:
    """Half a gigabyte of zeros in gzip."""
    body = _gzipped()
    await call.asked()
    await call.push(FOUND + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body))
    for at in range(0, len(body), BLOCK):
        await call.push(body[at : at + BLOCK])
    await call.swallow()


@_attack("http-deflate-bomb")
async def http_deflate_bomb(call: Call) -> None:
    """The same in deflate."""
    body = bomb(512 * MIB)
    await call.asked()
    await call.push(FOUND + b"Content-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(body))
    for at in range(0, len(body), BLOCK):
        await call.push(body[at : at + BLOCK])
    await call.swallow()


@_attack("http-endless-body")
async def http_endless_body(call: Call) -> None:
    """A body that ends with the connection, which does not end."""
    await call.asked()
    await call.flood(b" " * BLOCK, 1, first=FOUND + b"\r\n")


@_attack("http-endless-chunks")
async def http_endless_chunks(call: Call) -> None:
    """Chunks without end."""
    await call.asked()
    await call.flood(b"1000\r\n" + b" " * 4096 + b"\r\n", 1, first=FOUND + b"Transfer-Encoding: chunked\r\n\r\n")


@_attack("http-tiny-chunks")
async def http_tiny_chunks(call: Call) -> None:
    """Chunks of a byte."""
    await call.asked()
    await call.flood(b"1\r\n \r\n" * 10_000, 10_000, first=FOUND + b"Transfer-Encoding: chunked\r\n\r\n")


@_attack("http-chunk-words")
async def http_chunk_words(call: Call) -> None:
    """A chunk whose head does not end."""
    await call.asked()
    await call.flood(b"x" * BLOCK, 1, first=FOUND + b"Transfer-Encoding: chunked\r\n\r\n1;more=")


@_attack("http-trailers")
async def http_trailers(call: Call) -> None:
    """Trailers without end."""
    await call.asked()
    await call.flood(b"X-More: one\r\n" * 4096, 4096, first=FOUND + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")


@_attack("http-short")
async def http_short(call: Call) -> None:
    """Less than was announced, and the end."""
    await call.asked()
    await call.push(FOUND + b'Content-Length: 1000\r\n\r\n{"a":')


@_attack("http-long")
async def http_long(call: Call) -> None:
    """Less than was announced, and silence."""
    await call.asked()
    await call.push(FOUND + b'Content-Length: 1000\r\n\r\n{"a":')
    await call.swallow()


@_attack("http-two-lengths")
async def http_two_lengths(call: Call) -> None:
    """Two lengths that differ."""
    await call.asked()
    await call.push(FOUND + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}")
    await call.swallow()


@_attack("http-rate-limit")
async def http_rate_limit(call: Call) -> None:
    """Refuse, and ask for a wait of ten to the four hundredth seconds."""
    digits = b"9" * 400
    while True:
        await call.asked()
        await call.push(
            b"HTTP/1.1 429 Slow\r\nRetry-After: %s\r\nX-RateLimit-Limit: %s\r\nX-RateLimit-Reset: %s\r\n"
            b"X-RateLimit-Remaining: 0\r\nContent-Length: 2\r\n\r\n{}" % (digits, digits, digits)
        )
