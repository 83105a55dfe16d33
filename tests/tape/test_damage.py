"""Tapes that somebody or something has changed: what is whole is read, the rest is named with its place."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tape.tapes import BEGIN, TOY, write_tape
from wsexample.errors import StorageError
from wsexample.tape.format import (
    HEAD_BYTES,
    MARK,
    MARK_BYTES,
    MAX_META_BYTES,
    Kind,
    Meta,
    note_of,
    pack_block,
    pack_head,
)
from wsexample.tape.reader import Damage, Tape

HEAD = pack_head(Meta(sources=(TOY,)))
ROWS = [(BEGIN + number, 1, 0, Kind.RECEIVED_TEXT, b"message %d" % number) for number in range(50)]


def sealed(block: bytearray) -> bytes:
    """Return a changed block with a checksum that fits."""
    head = bytes(block[: MARK_BYTES - 4])
    checksum = zlib.crc32(bytes(block[MARK_BYTES:]), zlib.crc32(head))
    return head + checksum.to_bytes(4, "little") + bytes(block[MARK_BYTES:])


def changed(codec: int, place: int, value: int, size: int = 4) -> bytes:
    block = bytearray(pack_block(ROWS, codec))
    block[place : place + size] = value.to_bytes(size, "little")
    return sealed(block)


STORED, RAW, COUNT = 8, 12, 16
FORGED: list[Callable[[], bytes]] = [
    lambda: changed(0, RAW, 10_000),
    lambda: changed(0, COUNT, 1),
    lambda: changed(0, COUNT, 51),
    lambda: changed(1, RAW, 900),
    lambda: changed(1, RAW, 200_000),
    lambda: changed(0, 4, 1, size=1),
    lambda: changed(0, MARK_BYTES + 8 * 50, 2**31),
]


@pytest.mark.parametrize("forged", FORGED)
def test_a_block_that_does_not_hold_what_it_says_is_damage(tmp_path: Path, forged: Callable[[], bytes]) -> None:
    """Also when its checksum fits; its neighbours are read, and where it stands is told."""
    path, block = tmp_path / "a.tape", forged()
    good = pack_block(ROWS[:1])
    path.write_bytes(HEAD + good + block + good)
    with Tape(path) as tape:
        assert [entry.payload for entry in tape.entries()] == [b"message 0"] * 2
        assert [(one.offset, one.size_bytes) for one in tape.damage] == [(len(HEAD + good), len(block))]
        assert tape.info().damaged_bytes == len(block)


def test_a_bomb_takes_no_more_memory_than_it_says(tmp_path: Path) -> None:
    """A block is decompressed to the length in its mark and one byte more, and no mark may claim what no block can become."""
    body = bytes(50_000_000)
    stored = zlib.compress(body, 9)
    block = bytearray(pack_block(ROWS[:1], 1)[:MARK_BYTES] + stored)
    block[STORED : STORED + 4] = len(stored).to_bytes(4, "little")
    path = tmp_path / "a.tape"
    path.write_bytes(HEAD + sealed(block))
    with Tape(path) as tape:
        assert list(tape.entries()) == []
        assert "does not hold" in tape.damage[0].what
    block[RAW : RAW + 4] = (1 << 30).to_bytes(4, "little")
    path.write_bytes(HEAD + sealed(block))
    with Tape(path) as tape:
        assert list(tape.entries()) == []
        assert tape.damage == [Damage(len(HEAD), len(block), "torn")]


def test_damage_is_told_with_its_place(tmp_path: Path) -> None:
    """In the middle and at the end, each time a tape is read."""
    path = write_tape(tmp_path / "a.tape", [(0, "one"), (1, "two"), (2, "three"), (3, "four")])
    data = bytearray(path.read_bytes())
    with Tape(path) as tape:
        begins = [position for position, _ in tape.marks()]
    data[data.index(b"two")] ^= 1
    path.write_bytes(data[:-1])
    with Tape(path) as tape:
        for _ in range(2):
            assert [entry.payload for entry in tape.entries()] == [b"one", b"three"]
            assert tape.damage == [
                Damage(begins[1], begins[2] - begins[1], "damaged"),
                Damage(begins[3], len(data) - 1 - begins[3], "torn"),
            ]


def test_a_wrong_length_is_noticed_where_a_block_is_passed_over(tmp_path: Path) -> None:
    """A block that nobody asked for is not believed when none follows it: those behind it are found all the same."""
    path = write_tape(tmp_path / "a.tape", [(number, f"message {number}") for number in range(5)])
    with Tape(path) as tape:
        begins = [position for position, _ in tape.marks()]
    data = bytearray(path.read_bytes())
    data[begins[1] + STORED] += 3
    path.write_bytes(data)
    with Tape(path) as tape:
        assert [position for position, _ in tape.marks()] == [begins[0], *begins[2:]]
        assert tape.damage == [Damage(begins[1], begins[2] - begins[1], "damaged")]


def test_a_search_for_whole_blocks_comes_to_an_end(tmp_path: Path) -> None:
    """However much of a file looks like the beginning of a block: it is read a few times over, not once for each."""
    head = pack_block(ROWS[:1])[:MARK_BYTES]
    claims = b"".join(
        head[:STORED] + (300_000 - 41 * number if number % 2 else 2**30).to_bytes(4, "little") + head[RAW:]
        for number in range(7000)
    )
    path = tmp_path / "a.tape"
    path.write_bytes(HEAD + claims + bytes(20_000))
    with Tape(path) as tape:
        reads = 0
        inner = tape._opened().read

        class Counting:
            def read(self, size: int) -> bytes:
                nonlocal reads
                reads += size
                return inner(size)

            def __getattr__(self, name: str) -> object:
                return getattr(file, name)

        file = tape._file
        tape._file = Counting()  # type: ignore[assignment]
        assert list(tape.entries()) == []
        tape._file = file
        assert claims.count(MARK) == 7000
        assert tape.torn_bytes == len(claims) + 20_000
        assert reads < 10 * len(claims)


def test_a_head_that_claims_too_much_is_damaged(tmp_path: Path) -> None:
    """Its description is not waited for."""
    path = tmp_path / "a.tape"
    path.write_bytes(HEAD[: HEAD_BYTES - 8] + (MAX_META_BYTES + 1).to_bytes(4, "little") + bytes(4))
    with pytest.raises(StorageError, match="damaged"):
        Tape(path)


@pytest.mark.parametrize("description", [b"[" * 50_000, b"\xff", b'{"created_ns":1' + b"0" * 40 + b"}"])
def test_a_description_that_cannot_be_read_is_named(tmp_path: Path, description: bytes) -> None:
    """Whatever stands there with a checksum that fits."""
    path = tmp_path / "a.tape"
    sizes = len(description).to_bytes(4, "little") + zlib.crc32(description).to_bytes(4, "little")
    path.write_bytes(HEAD[: HEAD_BYTES - 8] + sizes + description)
    with pytest.raises(StorageError, match="description"):
        Tape(path)


@pytest.mark.parametrize("note", [b"[" * 50_000, json.dumps({"event": "gap", "from_ns": 10**30}).encode(), b"\xff"])
def test_a_note_that_cannot_be_read_is_unknown(note: bytes) -> None:
    """It ends no play."""
    assert note_of(note).event == "unknown"
