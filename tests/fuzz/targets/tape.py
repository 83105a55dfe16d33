"""A damaged tape gives every record that stands before the damage, says where the damage is, and neither hangs nor fills memory.

Any octets for a file, a good tape with damage at chosen places, and blocks whose checksum fits what nobody would write.
"""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.fuzz.targets._drawing import Draw
from wsexample.errors import ConnectionClosed, NetworkError, StorageError
from wsexample.ports import NOTHING, Step
from wsexample.records.market import Quote
from wsexample.session.events import EndOfFeed
from wsexample.tape.decoding import decode
from wsexample.tape.editing import cut
from wsexample.tape.format import (
    HEAD_BYTES,
    MARK_BYTES,
    Entry,
    Kind,
    Meta,
    Note,
    Row,
    Source,
    encode_note,
    pack_block,
    pack_head,
)
from wsexample.tape.player import Player
from wsexample.tape.reader import Tape
from wsexample.wire.options import ConnectOptions

INSTRUMENT: tuple[str, ...] = ("wsexample.tape",)
TOKENS: tuple[bytes, ...] = (b"\xabBLK", b"WSTAPE\r\n")
MEMORY = Path("/dev/shm")  # where there is one, writing through costs nothing
FOLDER = Path(tempfile.mkdtemp(prefix="wsexample-fuzz-", dir=MEMORY if MEMORY.is_dir() else None))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
PATH = FOLDER / "a.tape"
NOW_NS = 1_795_000_001 * 10**9
META = Meta(created_ns=NOW_NS, program="fuzz", sources=(Source(venue="v", dialect="d"), Source(venue="w")))
LOOP = asyncio.new_event_loop()


def _note(event: str, **facts: Any) -> bytes:
    return encode_note(Note(event=event, **facts))


BLOCKS: list[list[Row]] = [
    [(NOW_NS, 1, 0, Kind.NOTE, _note("opened")), (NOW_NS + 1, 1, 0, Kind.NOTE, _note("subscribed", topics=("a", "b")))],
    [(NOW_NS + 2 + number, 1, 0, Kind.RECEIVED_TEXT, b"message %d" % number) for number in range(6)],
    [(NOW_NS + 10, 1, 0, Kind.SENT_TEXT, b"sent"), (NOW_NS + 11, 1, 1, Kind.RECEIVED_BINARY, b"\xabBLK inside")],
    [(NOW_NS + 12 + number, 1, 0, Kind.RECEIVED_BINARY, b"x" * 50) for number in range(3)],
    [
        (NOW_NS + 20, 1, 0, Kind.NOTE, _note("failed", words="gone", code=1006)),
        (NOW_NS + 21, 2, 0, Kind.NOTE, _note("opened")),
    ],
    [(NOW_NS + 22, 2, 0, Kind.RECEIVED_TEXT, b"last")],
]
HEAD = pack_head(META)
PACKED = [pack_block(rows, codec) for rows, codec in zip(BLOCKS, (0, 0, 1, 1, 0, 1), strict=True)]
ENTRIES = [[Entry(*row) for row in rows] for rows in BLOCKS]
BEGINS = [len(HEAD) + sum(map(len, PACKED[:number])) for number in range(len(PACKED) + 1)]
GOOD = HEAD + b"".join(PACKED)


def one_input(data: bytes) -> None:
    """Read a file of chosen octets, a good tape with damage, or one of forged blocks."""
    draw = Draw(data)
    match draw.number(4):
        case 0:
            found = _read(draw.rest())
            assert found is None or all(isinstance(entry, Entry) for entry in found)
        case 1:
            found = _read(HEAD + draw.rest())
            assert found is not None
        case 2:
            _damaged(draw)
        case 3:
            _forged(draw)


def _read(content: bytes) -> list[Entry] | None:
    """Read a file in every way; None when it is no tape at all."""
    PATH.write_bytes(content)
    try:
        tape = Tape(PATH)
    except StorageError as error:
        if str(PATH) not in str(error):
            raise
        return None
    found: list[Entry] = []
    with tape, suppress(StorageError):
        found.extend(tape.entries())
        assert sum(len(entry.payload) for entry in found) <= 2000 * len(content)
        stretches = [(one.offset, one.offset + one.size_bytes) for one in tape.damage]
        assert stretches == sorted(stretches)
        assert all(HEAD_BYTES <= begin < end <= len(content) for begin, end in stretches)
        assert (
            len(stretches) == 100
            or sum(end - begin for begin, end in stretches) == tape.damaged_bytes + tape.torn_bytes
        )
        assert bool(stretches) == bool(tape.damaged_bytes + tape.torn_bytes)
        info = tape.info()
        assert info.entries == len(found)
        assert [one.offset for one in info.damage] == [begin for begin, _ in stretches]
        list(tape.marks())
        tape.topics() if tape.sources else None
        list(tape.entries(from_ns=NOW_NS + 3, to_ns=NOW_NS + 15))
        if tape.sources:
            _use(tape)
    return found


class _Reader:
    """A dialect that makes a record of every message."""

    def start(self) -> Step:
        """Begin."""
        return Step(phase="subscribing")

    def subscribe(self, topics: Iterable[str]) -> Step:
        """Take note of nothing."""
        return NOTHING

    def receive(self, payload: bytes, is_binary: bool, received_ns: int) -> Step:
        """Make a record."""
        return Step((Quote(venue="v", symbol=str(len(payload)), received_ns=received_ns),))


def _use(tape: Tape) -> None:
    """Decode it, cut it and play it: what was read is read again, and a play comes to an end."""
    received = sum(entry.kind < Kind.SENT_TEXT and entry.source == 0 for entry in tape.entries())
    assert sum(map(len, decode(PATH, _Reader()))) == received
    cut(PATH, FOLDER / "b.tape", replace=True)
    with Tape(FOLDER / "b.tape") as whole:
        assert list(whole.entries()) == list(tape.entries())
        assert not whole.damage
    assert LOOP.run_until_complete(_played()) <= received


async def _played() -> int:
    with Player(PATH) as player:
        with suppress(EndOfFeed):
            while True:
                connection = await player.dial(ConnectOptions(url="ws://x"))
                with suppress(ConnectionClosed, NetworkError):
                    while True:
                        await connection.receive_stamped()
                        connection.take_waiting()
        return player.messages


def _damaged(draw: Draw) -> None:
    """Whole blocks that the damage does not touch are read; those before it in any case."""
    place = (draw.number(256) << 8 | draw.number(256)) % (len(GOOD) - len(HEAD)) + len(HEAD)
    removed = draw.number(64)
    put = draw.octets(64)
    if draw.number(8) == 7:
        removed = len(GOOD)
    content = GOOD[:place] + put + GOOD[place + removed :]
    found = _read(content)
    assert found is not None
    before = [entry for end, entries in zip(BEGINS[1:], ENTRIES, strict=True) if end <= place for entry in entries]
    assert found[: len(before)] == before
    behind = [
        entry for begin, entries in zip(BEGINS, ENTRIES, strict=False) if begin >= place + removed for entry in entries
    ]
    assert found[len(found) - len(behind) :] == behind
    if content != GOOD and len(found) < sum(map(len, ENTRIES)):
        with Tape(PATH) as tape:
            list(tape.entries())
            assert tape.damage or not removed or place in BEGINS or len(content) == place


def _forged(draw: Draw) -> None:
    """Blocks of which the mark is changed and the checksum made to fit: none is believed that does not hold what it says."""
    blocks = []
    for _ in range(1 + draw.number(3)):
        block = bytearray(draw.pick(PACKED))
        for _ in range(draw.number(4)):
            place = draw.pick((*range(4, MARK_BYTES - 4), *range(MARK_BYTES, MARK_BYTES + 60)))
            if place < len(block):
                block[place] = draw.pick((0, 1, 2, 127, 128, 255, draw.number(256)))
        if draw.number(4) == 3:
            block[MARK_BYTES:] = zlib.compress(draw.octets() * 1000)
            block[8:12] = (len(block) - MARK_BYTES).to_bytes(4, "little")
        head = bytes(block[: MARK_BYTES - 4])
        block[MARK_BYTES - 4 : MARK_BYTES] = zlib.crc32(bytes(block[MARK_BYTES:]), zlib.crc32(head)).to_bytes(
            4, "little"
        )
        blocks.append(bytes(block))
    found = _read(HEAD + PACKED[0] + b"".join(blocks))
    assert found is not None
    assert found[: len(ENTRIES[0])] == ENTRIES[0]


def _pair(number: int) -> Sequence[int]:
    return (number >> 8, number & 255)


def seeds() -> Iterable[bytes]:
    """The good tape, damage at the edges of its blocks, and forged marks."""
    yield b"\x00" + GOOD
    yield b"\x01" + b"".join(PACKED[:2])
    for begin in BEGINS[:-1]:
        for offset in (0, 4, 8, 12, 16, MARK_BYTES, MARK_BYTES + 9):
            yield bytes((2, *_pair(begin - len(HEAD) + offset), 1, 1, 255, 0))
            yield bytes((2, *_pair(begin - len(HEAD) + offset), 5, 0, 0))
    for number in range(len(PACKED)):
        for place in range(0, 36, 3):
            yield bytes((3, 1, number, 2, place, 5, place + 1, 1, 0, number, 0, 0))
        yield bytes((3, 0, number, 0, 3, 40)) + b"zipped bomb of zipped bombs" * 2
