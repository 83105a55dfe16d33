"""What is in a tape file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tape.tapes import BEGIN, SECOND, TOY, write_tape
from wsexample.errors import OptionError, StorageError
from wsexample.tape.format import CODECS, Entry, Kind, Meta, pack_block, pack_head, rows_of, unpack_block, unpack_mark
from wsexample.tape.reader import Tape
from wsexample.tape.writer import TapeWriter

ROWS = st.lists(
    st.builds(
        Entry,
        at_ns=st.integers(-(2**63), 2**63 - 1),
        connection=st.integers(0, 2**32 - 1),
        source=st.integers(0, 2**16 - 1),
        kind=st.sampled_from([int(kind) for kind in Kind]),
        payload=st.binary(max_size=300),
    ),
    min_size=1,
    max_size=20,
)


@settings(deadline=None)
@given(rows=ROWS, codec=st.integers(0, len(CODECS) - 1))
def test_a_block_gives_back_what_was_packed(rows: list[Entry], codec: int) -> None:
    """Every entry comes back as it was, in order, compressed or not."""
    block = pack_block(rows, codec)
    mark = unpack_mark(block)
    assert mark is not None
    assert list(rows_of(unpack_block(mark, block[-mark.stored_bytes :]), mark.count)) == rows
    assert (mark.first_ns, mark.last_ns) == (min(row.at_ns for row in rows), max(row.at_ns for row in rows))


def test_a_tail_torn_anywhere_costs_no_whole_block(tmp_path: Path) -> None:
    """Wherever a file is cut off behind its first block, the first block is read and the rest is reported."""
    path = write_tape(tmp_path / "a.tape", [(0, "one"), (1, "two")])
    data = path.read_bytes()
    with Tape(path) as tape:
        first_end, last_end = (position for position, _ in list(tape.marks())[1:]), len(data)
        boundary = next(first_end)
    for cut in range(boundary + 1, last_end):
        path.write_bytes(data[:cut])
        with Tape(path) as tape:
            assert [entry.payload for entry in tape.entries()] == [b"one"]
            assert (tape.torn_bytes, tape.damaged_bytes) == (cut - boundary, 0)


def test_a_damaged_block_costs_only_itself(tmp_path: Path) -> None:
    """A flipped byte in the middle is passed over and reported; what follows is read."""
    path = write_tape(tmp_path / "a.tape", [(0, "one"), (1, "two"), (2, "three")])
    data = bytearray(path.read_bytes())
    data[data.index(b"two")] ^= 1
    path.write_bytes(data)
    with Tape(path) as tape:
        assert [entry.payload for entry in tape.entries()] == [b"one", b"three"]
        assert (tape.torn_bytes, tape.damaged_bytes > 0) == (0, True)


def test_appending_cuts_the_torn_tail_first(tmp_path: Path) -> None:
    """What a crash has torn is cut and reported, and later connections get numbers of their own."""
    path = write_tape(tmp_path / "a.tape", [(0, "one"), (1, "two")])
    os.truncate(path, path.stat().st_size - 1)
    with TapeWriter(path, Meta(sources=(TOY,)), mode="append") as writer:
        assert writer.torn_bytes > 0
        assert writer.first_connection == 2
        writer.write([(BEGIN + 2 * SECOND, 2, 0, 0, b"three")])
    with Tape(path) as tape:
        assert [entry.payload for entry in tape.entries()] == [b"one", b"three"]
        assert tape.torn_bytes == 0


def test_times_choose_entries(tmp_path: Path) -> None:
    """``from_ns`` is included, ``to_ns`` is not."""
    path = write_tape(tmp_path / "a.tape", [(n, str(n)) for n in range(5)])
    with Tape(path) as tape:
        chosen = tape.entries(from_ns=BEGIN + SECOND, to_ns=BEGIN + 3 * SECOND)
        assert [entry.payload for entry in chosen] == [b"1", b"2"]


@pytest.mark.parametrize(
    "data", [b"", b"SQLite format 3\x00" * 4, pack_head(Meta())[:-1], pack_head(Meta()).replace(b"\r\n", b"\n")]
)
def test_what_is_no_tape_is_refused(tmp_path: Path, data: bytes) -> None:
    """An empty, foreign, cut or line-end-translated file is refused by name."""
    path = tmp_path / "a.tape"
    path.write_bytes(data)
    with pytest.raises(StorageError, match=r"a\.tape"):
        Tape(path)


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    """A file of a version that is not known here is not guessed at."""
    data = bytearray(pack_head(Meta()))
    data[8] = 9
    (tmp_path / "a.tape").write_bytes(data)
    with pytest.raises(StorageError, match="format 9"):
        Tape(tmp_path / "a.tape")


def test_a_file_is_not_overwritten_by_mistake(tmp_path: Path) -> None:
    """A file that exists is neither replaced nor gone on with unless asked for, nor with other sources."""
    path = write_tape(tmp_path / "a.tape", [(0, "one")])
    with pytest.raises(StorageError, match="exists"):
        TapeWriter(path, Meta(sources=(TOY,)))
    with pytest.raises(OptionError, match="other sources"):
        TapeWriter(path, Meta(), mode="append")


@pytest.mark.parametrize("mode", ["append", "replace"])
def test_two_writers_do_not_share_a_file(tmp_path: Path, mode: Literal["append", "replace"]) -> None:
    """Whoever comes second is refused, and what is on the tape stays; once the first has closed, the second may write."""
    path = tmp_path / "a.tape"
    with TapeWriter(path, Meta(sources=(TOY,))) as writer:
        writer.write([(BEGIN, 1, 0, 0, b"first")])
        with pytest.raises(StorageError, match="by another program"):
            TapeWriter(path, Meta(sources=(TOY,)), mode=mode)
    with Tape(path) as tape:
        assert [entry.payload for entry in tape.entries()] == [b"first"]
    TapeWriter(path, Meta(sources=(TOY,)), mode=mode).close()


def test_replacing_leaves_nothing_of_the_old_tape(tmp_path: Path) -> None:
    """A longer file is cut to the new one."""
    path = write_tape(tmp_path / "a.tape", [(n, "x" * 1000) for n in range(5)])
    TapeWriter(path, Meta(sources=(TOY,)), mode="replace").close()
    with Tape(path) as tape:
        assert (list(tape.entries()), tape.torn_bytes) == ([], 0)
