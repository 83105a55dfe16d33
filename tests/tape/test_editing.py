"""New tapes of old ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Runner
from tests.tape.tapes import BEGIN, SECOND, TOY, play, record, write_bare_tape, write_tape
from wsexample.errors import OptionError, StorageError
from wsexample.records.fields import decode_json
from wsexample.tape.editing import cut, merge
from wsexample.tape.format import Source
from wsexample.tape.reader import Tape


def payloads(path: Path) -> list[tuple[int, bytes]]:
    with Tape(path) as tape:
        return [(entry.source, entry.payload) for entry in tape.entries()]


def test_a_part_can_still_be_played(run: Runner[None], tmp_path: Path) -> None:
    """A part keeps what was said until the connection was live, so that it gives the same records as the whole."""

    async def main() -> None:
        recorded = await record(tmp_path / "day.tape", breaks=False)
        cut(tmp_path / "day.tape", tmp_path / "part.tape", from_ns=BEGIN + 1_200_000_000)
        assert await play(tmp_path / "part.tape") == recorded[2:]

    run(main())


def test_a_part_leaves_out_connections_that_are_over(run: Runner[None], tmp_path: Path) -> None:
    """Of a connection that had ended before the part begins, nothing is kept."""

    async def main() -> None:
        await record(tmp_path / "day.tape")
        cut(tmp_path / "day.tape", tmp_path / "part.tape", from_ns=BEGIN + 6 * SECOND)
        records = [decode_json(line) for line in await play(tmp_path / "part.tape")]
        assert {type(one).__name__ for one in records} == {"Trade"}
        with Tape(tmp_path / "part.tape") as tape:
            assert {entry.connection for entry in tape.entries()} == {2}

    run(main())


def test_a_part_of_no_known_dialect_begins_where_it_shall(tmp_path: Path) -> None:
    """Of a connection that no note calls live, only that it was opened is kept of the time before."""
    write_bare_tape(tmp_path / "a.tape")
    assert cut(tmp_path / "a.tape", tmp_path / "b.tape", from_ns=BEGIN + 4 * SECOND, source=0) == 3
    assert payloads(tmp_path / "b.tape") == [(0, b'{"event":"opened"}'), (0, b"4"), (0, b"5")]


def test_tapes_are_merged_in_the_order_of_time(tmp_path: Path) -> None:
    """Different sources stand side by side, and their messages in the order of time."""
    other = Source(venue="other")
    write_tape(tmp_path / "a.tape", [(0, "a0"), (2, "a2")])
    write_tape(tmp_path / "b.tape", [(1, "b1"), (3, "b3")], other, codec="zlib")
    assert merge([tmp_path / "b.tape", tmp_path / "a.tape"], tmp_path / "all.tape") == 4
    assert payloads(tmp_path / "all.tape") == [(0, b"a0"), (1, b"b1"), (0, b"a2"), (1, b"b3")]
    with Tape(tmp_path / "all.tape") as tape:
        assert [source.venue for source in tape.sources] == ["toy", "other"]


def test_days_of_one_source_become_one_source(tmp_path: Path) -> None:
    """Tapes of the same source that follow one another are one source with further connections."""
    write_tape(tmp_path / "a.tape", [(0, "monday")])
    write_tape(tmp_path / "b.tape", [(9, "tuesday")])
    merge([tmp_path / "a.tape", tmp_path / "b.tape"], tmp_path / "week.tape")
    with Tape(tmp_path / "week.tape") as tape:
        assert [(entry.source, entry.connection) for entry in tape.entries()] == [(0, 1), (0, 2)]
        assert len(tape.sources) == 1


def test_one_source_can_be_taken_out_of_several(tmp_path: Path) -> None:
    """The others, and they alone, are left out."""
    write_tape(tmp_path / "a.tape", [(0, "a", 0), (1, "b", 1)], TOY, Source(venue="other"))
    cut(tmp_path / "a.tape", tmp_path / "b.tape", source=1)
    assert payloads(tmp_path / "b.tape") == [(0, b"b")]


def test_nothing_is_overwritten_by_mistake(tmp_path: Path) -> None:
    """The target must be another file, and a new one unless asked otherwise."""
    path = write_tape(tmp_path / "a.tape", [(0, "a")])
    other = write_tape(tmp_path / "b.tape", [(0, "b")])
    with pytest.raises(OptionError, match="another file"):
        cut(path, path, replace=True)
    with pytest.raises(StorageError, match="exists"):
        merge([path], other)
    cut(path, other, replace=True)
    assert payloads(other) == [(0, b"a")]
