"""What a fuzzer's octets mean for the lane: options, frames, and how the stream is cut into reads.

The first four octets choose: options (two octets), how the stream is cut, and whether the rest is the stream itself or a list of
frames to build, which may be longer than any input.
"""

from __future__ import annotations

import asyncio
import itertools
import zlib
from collections.abc import Coroutine, Iterable
from typing import Any

from autobahn.websocket import protocol

from tests.property.test_lane import frame
from tests.wire.lane.twins import Outcome, implementations, play
from wsexample.wire.autobahn import deflate_client_options, deflate_server_options
from wsexample.wire.handshake import MAX_HEAD_BYTES

CLOSING, OPEN = 2, 3
LENGTHS = (
    0,
    1,
    2,
    5,
    20,
    125,
    126,
    127,
    200,
    2047,
    2048,
    2049,
    4096,
    65535,
    65536,
    65537,
    131072,
    200000,
    262145,
    270000,
)
"""Around each border that a frame's head or the lane knows."""
MOST_OCTETS = 600_000
"""Where a list of frames ends; a stream is played three times, so it must not be long."""
STEPS = (1, 2, 3, 7, 125, 1000, 2049, 16384, 65536, 262144, 300000)
TOKENS = (
    *(b"!echo", b"!ping", b"!close", b"!raise", b"!pause", b"!later", "気配値".encode(), "😀".encode()),
    *(
        b"\x81",
        b"\x82",
        b"\x89\x00",
        b"\x88\x02\x03\xe8",
        b"\xc1",
        b"\x01",
        b"\x80",
        b"\x7e\x00\x7e",
        b"\x7f" + bytes(5) + b"\x01\x00\x00",
    ),
    *(b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xff", b"\xe6\x9d", bytes(4), b"\x00\x00\xff\xff"),
)

IMPLEMENTATIONS = implementations()
LANES = {name: module for name, module in IMPLEMENTATIONS.items() if name != "autobahn"}
protocol.pformat = repr  # prints every option of every connection, for a debug line that nobody reads
_loop = asyncio.new_event_loop()
_unhandled: list[dict[str, Any]] = []
_loop.set_exception_handler(lambda loop, context: _unhandled.append(context))


def options_of(role: str, first: int, second: int) -> tuple[dict[str, Any], bool]:
    """Return Autobahn's options, and whether the bytes arrive through a lent buffer."""
    options: dict[str, Any] = {"failByDrop": bool(first & 1)}
    if first & 2:
        options["utf8validateIncoming"] = False
    if first & 4:
        options["maxMessagePayloadSize"] = (100, 1000, 66000, 1)[second & 3]
    if first & 8:
        options["maxFramePayloadSize"] = (50, 3000, 125, 1)[second >> 2 & 3]
    if first & 16:
        options["autoFragmentSize"] = 5
    if first & 32:
        options |= deflate_server_options() if role == "server" else deflate_client_options()
    if first & 64 and role == "server":
        options["requireMaskedClientFrames"] = False
    if first & 64 and role == "client":
        options["acceptMaskedServerFrames"] = True
    if second & 16 and role == "server":  # a client would send what nobody can read
        options["applyMask"] = False
    if second & 32:
        options["echoCloseCodeReason"] = True
    return options, not first & 128


def built(recipe: bytes, *, masked: bool) -> bytes:
    """Build frames: first octet, length and flags, number of literal octets, those octets, which are repeated to the length."""
    stream, at = bytearray(), 0
    while at + 3 <= len(recipe) and len(stream) < MOST_OCTETS:
        first, how, count = recipe[at : at + 3]
        literal = recipe[at + 3 : at + 3 + count]
        at += 3 + count
        length = LENGTHS[(how & 0x1F) % len(LENGTHS)]
        unit = literal or b"x"
        payload = (unit * (length // len(unit) + 1))[:length]
        if how & 0x20:  # a whole number of characters, so that repeating them stays UTF-8
            payload = unit * (length // len(unit))
        announced = len(payload) + 300 if how & 0x40 else None
        stream += frame(first, payload, masked=masked != bool(how & 0x80), size_as=announced)
    return bytes(stream[:MOST_OCTETS])


def cut(stream: bytes, how: int) -> list[bytes]:
    """Cut a stream into reads."""
    step = STEPS[how % len(STEPS)]
    until = min(len(stream), 300) if step < 10 else len(stream)  # small steps for the beginning, then the rest at once
    edges = [*range(0, until, step), len(stream)]
    if how >= 128:
        edges = [0, *sorted({how % (len(stream) + 1), (how * 37) % (len(stream) + 1)}), len(stream)]
    return [stream[a:b] for a, b in itertools.pairwise(edges) if b > a]


def run(playing: Coroutine[Any, Any, Outcome]) -> Outcome:
    """Play to the end; what nobody handled in the loop is a finding."""
    outcome = _loop.run_until_complete(asyncio.wait_for(playing, 20))
    assert not _unhandled, _unhandled.pop()
    return outcome


def agree(role: str, data: bytes) -> None:
    """Play one input on Autobahn and on both lanes; whoever watches must not be able to tell which it was."""
    if len(data) < 4:
        return
    first, second, how, mode = data[:4]
    options, through_buffer = options_of(role, first, second)
    stream = built(data[4:], masked=role == "server") if mode & 1 else data[4:]
    chunks = cut(stream, how)
    seen = {}
    for name, module in IMPLEMENTATIONS.items():
        playing = play(module, role, chunks, options, through_buffer=through_buffer)
        seen[name] = run(playing)
        chunks = seen[name].pieces
    reference = seen.pop("autobahn")
    for name, outcome in seen.items():
        if outcome.ended == "abort" and not reference.ended and reference.state == CLOSING:
            # Ours drops a peer that goes on and on after a failure; Autobahn keeps all of it in memory.
            assert sum(map(len, chunks)) > MAX_HEAD_BYTES
            assert outcome.events[:-1] == reference.events[:-1], name
            continue
        for what in ("events", "coroutines", "sent", "state", "ended"):
            ours, autobahns = getattr(outcome, what), getattr(reference, what)
            assert ours == autobahns, f"{name}: {what}: {ours!r:.1000} where Autobahn has {autobahns!r:.1000}"
        counted = _counts(outcome), _counts(reference)
        assert counted[0] == counted[1], f"{name}: counted {counted[0]} where Autobahn has {counted[1]}"


def _counts(outcome: Outcome) -> dict[str, Any]:
    """Return what was counted; of an ended connection not what came in, for it need not be read behind the end."""
    is_over = outcome.state != OPEN or outcome.ended
    return {name: count for name, count in outcome.stats.items() if not (is_over and name.startswith("incoming"))}


def seeds(role: str) -> Iterable[bytes]:
    """Streams of real frames, as they are and as recipes."""
    masked = role == "server"
    text, binary, ping, close = (
        frame(0x81, "気配値 12.5".encode(), masked=masked),
        frame(0x82, bytes(range(64)), masked=masked),
        frame(0x89, b"hello", masked=masked),
        frame(0x88, b"\x03\xe8bye", masked=masked),
    )
    pieces = frame(0x01, "株".encode()[:2], masked=masked) + ping + frame(0x80, "株".encode()[2:], masked=masked)
    for how in (0, 3, 5, 130):
        yield bytes((1, 0, how, 0)) + text + binary + pieces + close
    for word in (b"!echo", b"!ping", b"!close", b"!raise", b"!pause", b"!later"):
        yield bytes((128, 0, 4, 0)) + frame(0x81, word, masked=masked) + text + ping + text
    packer = zlib.compressobj(wbits=-15)
    packed = (packer.compress(b"price " * 40) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
    again = (packer.compress(b"price " * 30) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
    yield bytes((32, 0, 5, 0)) + frame(0xC1, packed, masked=masked) + ping + frame(0xC2, again, masked=masked) + close
    yield bytes((32 | 4, 0, 5, 0)) + frame(0xC1, packed, masked=masked)
    for length in range(len(LENGTHS)):
        yield (
            bytes((0, 0, 4 + length % 7, 1, 0x82, length, 1, 65, 0x81, length | 0x20, 3))
            + "板".encode()
            + b"\x89\x03\x01p"
        )
    yield bytes((0, 0, 9, 1, 0x81, 18, 5)) + b"ab\xffcd"
    yield bytes((128, 0, 7, 1, 0x82, 18 | 0x40, 1, 0, 0x81, 4 | 0x80, 1, 66))
