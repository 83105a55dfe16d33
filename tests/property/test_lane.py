"""For every byte stream, every way of cutting it and every pause: both lanes do what Autobahn does."""

from __future__ import annotations

import asyncio
import itertools
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.lane.twins import implementations, play, unmasked
from wsexample.wire.autobahn import deflate_client_options, deflate_server_options

KEY = b"\x12\x34\x56\x78"


def frame(first: int, payload: bytes, *, masked: bool, size_as: int | None = None, width: int | None = None) -> bytes:
    """Build any frame, also a wrong one."""
    size = len(payload) if size_as is None else size_as
    bit = 0x80 if masked else 0
    if width is None:
        width = 0 if size < 126 else 2 if size < 65536 else 8
    if width == 0:
        head = bytes((first, bit | size))
    else:
        head = bytes((first, bit | (126 if width == 2 else 127))) + size.to_bytes(width, "big")
    if masked:
        payload = unmasked(payload, KEY)
        head += KEY
    return head + payload


texts = st.one_of(
    st.sampled_from(
        [b"!echo me", b"!ping", b"!pause", b"!later", b"", "気配値と出来高".encode(), b"x" * 125, b"y" * 126]
    ),
    st.text(max_size=30).map(str.encode),
    st.builds(lambda unit, n: (unit * n).encode(), st.sampled_from(["a", "板", "ｱ", "é", "😀"]), st.integers(1, 1500)),
)
rare_texts = st.sampled_from(
    [
        b"!close",
        b"!raise",
        b"\xff",
        b"ok \xe6\x9d",
        b"\xed\xa0\x80",
        b"abc\xf4\x90\x80\x80",
        b"\xc0\xaf" * 3,
        b"z" * 1400 + b"\xfe",
    ]
)
big = st.sampled_from(
    [
        b"L" * 2049,
        b"M" * 65535,
        b"N" * 65536,
        "株".encode() * 30000,
        b"\0\xff" * 70000,
        b"P" * 300000,
        b"Q" * 5000 + b"\xff",
    ]
)


@st.composite
def frames(draw: Any, masked: bool) -> bytes:
    """One frame, or a few that belong together; mostly healthy."""
    kind = draw(st.integers(0, 30))
    if kind < 14:
        return frame(0x81, draw(texts), masked=masked)
    if kind < 18:
        return frame(0x82, draw(st.binary(max_size=200)), masked=masked)
    if kind < 20:
        return frame(draw(st.sampled_from([0x81, 0x82])), draw(big), masked=masked)
    if kind == 20:
        return frame(0x89, draw(st.binary(max_size=125)), masked=masked)
    if kind == 21:
        return frame(0x8A, draw(st.binary(max_size=10)), masked=masked)
    if kind < 25:  # a fragmented message, with a ping inside
        text = draw(texts)
        cut = draw(st.integers(0, len(text)))
        opcode = draw(st.sampled_from([1, 2]))
        middle = draw(st.sampled_from([b"", frame(0x89, b"in", masked=masked)]))
        return frame(opcode, text[:cut], masked=masked) + middle + frame(0x80, text[cut:], masked=masked)
    if kind == 25:
        return frame(0x81, draw(rare_texts), masked=masked)
    if kind == 26:
        code = draw(
            st.sampled_from([b"", b"\x03\xe8", b"\x03\xe8bye", b"\x03\xed", b"\x0f\xa1\xff", b"\x03", b"\x0f\xa0ok"])
        )
        return frame(0x88, code, masked=masked)
    if kind == 27:
        return frame(draw(st.integers(0, 255)), draw(st.binary(max_size=130)), masked=masked)
    if kind == 28:
        return frame(0x81, b"other side's mask", masked=not masked)
    if kind == 29:
        return frame(0x82, b"s" * 20, masked=masked, width=draw(st.sampled_from([2, 8])))
    return frame(0x82, b"half", masked=masked, size_as=draw(st.sampled_from([9, 200, 70000, 1 << 40])))


class Deflater:
    """Builds compressed messages as a peer with context takeover does (RFC 7692 section 7.2)."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj(wbits=-15)

    def __call__(self, opcode: int, payload: bytes, *, masked: bool, spoilt: bool) -> bytes:
        packed = (self._stream.compress(payload) + self._stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
        if spoilt:
            packed = packed[: len(packed) // 2] + b"\xff\xfe" + packed[len(packed) // 2 :]
        return frame(0xC0 | opcode, packed, masked=masked)


@st.composite
def deflated_streams(draw: Any, masked: bool) -> bytes:
    """Compressed and plain messages, among them bombs, spoilt ones and bad text."""
    deflate = Deflater()
    stream = b""
    for _ in range(draw(st.integers(1, 10))):
        if draw(st.integers(0, 3)) == 0:
            stream += draw(frames(masked))
            continue
        payload = draw(
            st.one_of(texts, texts, st.sampled_from([b"\0" * 90000, b"bad \xff", b"!close", "板".encode() * 999]))
        )
        opcode = draw(st.sampled_from([1, 1, 2]))
        stream += deflate(opcode, payload, masked=masked, spoilt=draw(st.integers(0, 12)) == 0)
    return stream


class Chunks(list[bytes]):
    """Pieces of a stream, printed short enough to be read."""

    def __repr__(self) -> str:
        shown = [chunk if len(chunk) < 60 else chunk[:40] + b"...%d" % len(chunk) for chunk in self[:30]]
        return f"{len(self)} chunks {shown}"


@st.composite
def runs(draw: Any) -> tuple[str, Chunks, dict[str, Any]]:
    """A role, a stream cut into chunks, and options."""
    role = draw(st.sampled_from(["client", "server"]))
    is_deflating = draw(st.integers(0, 2)) == 0
    if is_deflating:
        stream = draw(deflated_streams(role == "server"))
    else:
        stream = b"".join(draw(st.lists(frames(role == "server"), min_size=1, max_size=12)))
    if draw(st.booleans()):
        stream = stream[: draw(st.integers(0, len(stream)))]
    style = draw(st.integers(0, 3))
    if style == 0:
        cuts = []
    elif style == 1:
        cuts = draw(st.lists(st.integers(0, len(stream)), max_size=8))
    elif style == 2:
        cuts = list(range(min(len(stream), 400)))
    else:
        step = draw(st.integers(1000, 300000))
        cuts = list(range(step, len(stream), step))
    edges = [0, *sorted(cuts), len(stream)]
    chunks = Chunks(stream[a:b] for a, b in itertools.pairwise(edges) if b > a)
    options: dict[str, Any] = {"failByDrop": draw(st.booleans())}
    if draw(st.integers(0, 4)) == 0:
        options["utf8validateIncoming"] = False
    if draw(st.integers(0, 4)) == 0:
        options["maxMessagePayloadSize"] = draw(st.sampled_from([100, 1000, 66000]))
    if draw(st.integers(0, 4)) == 0:
        options["maxFramePayloadSize"] = draw(st.sampled_from([50, 3000]))
    if draw(st.integers(0, 6)) == 0:
        options["autoFragmentSize"] = 5
    if is_deflating:
        options |= deflate_server_options() if role == "server" else deflate_client_options()
    return role, chunks, options


@pytest.mark.parametrize("through_buffer", [True, False], ids=["buffer", "bytes"])
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(run=runs())
def test_both_lanes_are_autobahn(run: tuple[str, Chunks, dict[str, Any]], through_buffer: bool) -> None:
    """The same callbacks, the same bytes sent, the same end and the same statistics."""
    role, chunks, options = run

    async def all_of_them() -> None:
        seen, pieces = {}, list(chunks)
        for name, module in implementations().items():
            seen[name] = await play(module, role, pieces, options, through_buffer=through_buffer)
            pieces = seen[name].pieces
        reference = seen.pop("autobahn")
        for name, outcome in seen.items():
            assert outcome.events == reference.events, name
            assert outcome.coroutines == reference.coroutines, name
            assert outcome.sent == reference.sent, name
            assert (outcome.state, outcome.ended) == (reference.state, reference.ended), name
            assert outcome.stats == reference.stats, name

    asyncio.run(all_of_them())
