"""Records into Parquet files and back, days that end, and programs that die in between."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet
import pytest

from wsexample.errors import MissingExtraError, OptionError, StateError, StorageError
from wsexample.records.journal import Gap
from wsexample.records.market import Board, Book, Level, Quote, Record
from wsexample.records.orders import Fill, Order
from wsexample.sinks import parquet_archive
from wsexample.sinks.base import open_sink
from wsexample.sinks.parquet import ParquetOptions, ParquetSink, read_archive

Run = Callable[[Coroutine[Any, Any, Any]], Any]

DAY_NS = 86_400 * 10**9
FIRST = 20_000 * DAY_NS  # 2024-10-04


def quote(number: int, day: int = 0, symbol: str = "s") -> Quote:
    return Quote(venue="v", symbol=symbol, received_ns=FIRST + day * DAY_NS + number, bid_price=number / 2)


def mixed() -> list[Record]:
    return [
        quote(1),
        Board(venue="kabu", symbol="9433@1", received_ns=FIRST + 2, name="ＫＤＤＩ", bids=(Level(1.0, 2.0),)),
        Gap(venue="kabu", received_ns=FIRST + 3, from_ns=1, to_ns=3, filled=True),
        Fill(venue="v", symbol="t", received_ns=FIRST + 4, fill_id="f", order_id="o", size=Decimal("0.10")),
        Order(venue="v", symbol="t", received_ns=FIRST + 4, order_id="o", reduce_only=True),
        quote(5, symbol="t"),
        Book(venue="v", symbol="s", received_ns=FIRST + 6, asks=(Level(1.0, 2.0), Level(float("inf"), 1.0))),
    ]


async def keep(directory: Path, records: list[Any], **options: Any) -> ParquetSink:
    async with ParquetSink(directory, ParquetOptions(**options)) as sink:
        await sink.write(records)
    return sink


def files(directory: Path) -> list[str]:
    return sorted(str(path.parent.relative_to(directory)) for path in directory.glob("*/*/*.parquet"))


def test_records_come_back_as_they_were(tmp_path: Path, run: Run) -> None:
    """Every kind, decimals, levels, flags and Japanese names included, in the order in which they were written."""
    sink = run(keep(tmp_path, mixed()))
    assert list(read_archive(tmp_path)) == mixed()
    assert sink.stats.extra["archived"] == sink.stats.stored == 7
    assert not list((tmp_path / "running").glob("*.db"))


def test_readers_can_ask_for_less(tmp_path: Path, run: Run) -> None:
    """By kind, symbol and time."""
    run(keep(tmp_path, [quote(number, symbol="ab"[number % 2]) for number in range(10)]))
    found = read_archive(tmp_path, "quote", "a", FIRST + 2, FIRST + 7)
    assert [one.received_ns - FIRST for one in found] == [2, 4, 6]


def test_a_day_that_is_over_becomes_a_file(tmp_path: Path, run: Run) -> None:
    """When a record of a later day comes, the earlier day is archived; the running one is read from its journal."""

    async def main() -> None:
        async with ParquetSink(tmp_path) as sink:
            await sink.write([quote(1), quote(2)])
            await sink.flush()
            assert files(tmp_path) == []
            await sink.write([quote(3, day=1)])
            await sink.flush()
            assert files(tmp_path) == ["quotes/day=2024-10-04"]
            assert [one.received_ns - FIRST for one in read_archive(tmp_path)] == [1, 2, DAY_NS + 3]

    run(main())
    assert files(tmp_path) == ["quotes/day=2024-10-04", "quotes/day=2024-10-05"]


def test_a_late_record_goes_to_its_own_day(tmp_path: Path, run: Run) -> None:
    """What was received yesterday and written today is filed under yesterday."""
    run(keep(tmp_path, [quote(1, day=1), quote(2, day=0)]))
    assert files(tmp_path) == ["quotes/day=2024-10-04", "quotes/day=2024-10-05"]
    assert [one.received_ns - FIRST for one in read_archive(tmp_path)] == [DAY_NS + 1, 2]


def test_records_of_before_1970_are_archived_too(tmp_path: Path, run: Run) -> None:
    """A clock that was never set loses nothing: days before the epoch are days."""
    early = [quote(1, day=-20_000), quote(-1, day=-20_000), quote(5)]
    run(keep(tmp_path, early))
    assert files(tmp_path) == ["quotes/day=1969-12-31", "quotes/day=1970-01-01", "quotes/day=2024-10-04"]
    assert list(read_archive(tmp_path)) == early


def test_a_program_that_dies_while_it_removes_a_journal_loses_nothing(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a reader keeps the journal's log from being folded into it: the next program finds what is whole."""
    remove = Path.unlink

    class Killed(BaseException):
        pass

    def dying(path: Path, missing_ok: bool = False) -> None:
        remove(path, missing_ok=missing_ok)
        raise Killed

    async def main() -> None:
        sink = ParquetSink(tmp_path)
        await sink.write([quote(number) for number in range(10)])
        await sink.flush()
        reader = read_archive(tmp_path)
        next(reader)
        monkeypatch.setattr(Path, "unlink", dying)
        with pytest.raises(Killed):
            await sink.close()
        monkeypatch.undo()
        await keep(tmp_path, [])
        assert len(list(read_archive(tmp_path))) == len([*reader]) + 1 == 10

    run(main())


def test_a_journal_that_is_archived_while_it_is_read_is_read(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether that happens before the files are looked up or after, a reader gets every record once."""

    async def main(lookup: str) -> None:
        async with ParquetSink(tmp_path / lookup) as sink:
            await sink.write(mixed())
            await sink.flush()
            real = getattr(parquet_archive, lookup)

            def late(*place: Any) -> Any:
                monkeypatch.undo()
                found = real(*place)
                archiving.submit(sink._finish_journal).result()
                return found

            archiving = sink._thread._thread
            assert archiving is not None
            monkeypatch.setattr(parquet_archive, lookup, late)
            assert list(read_archive(tmp_path / lookup)) == mixed()

    for lookup in ("journals_in", "_files_of"):
        run(main(lookup))


def test_whoever_gives_up_opening_leaves_the_directory_to_others(tmp_path: Path, run: Run) -> None:
    """An opening that is cancelled while it archives what a killed program left holds no lock, nor a thread."""

    async def main() -> None:
        sink, may_end = ParquetSink(tmp_path), threading.Event()
        set_up = sink._set_up
        sink._set_up = lambda: (set_up(), may_end.wait(10))  # type: ignore[method-assign, assignment, func-returns-value]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await sink.open()
        sink._set_up = set_up  # type: ignore[method-assign]
        may_end.set()
        await sink.write([quote(1)])
        await sink.close()
        await keep(tmp_path, [quote(2)])

    before = set(threading.enumerate())
    run(main())
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=10)
    assert [one.bid_price for one in read_archive(tmp_path)] == [0.5, 1.0]
    assert set(threading.enumerate()) <= before


def test_an_archive_that_was_interrupted_is_finished_once(tmp_path: Path, run: Run) -> None:
    """Killed between the files and the removal of the journal: nothing is missing and nothing doubled."""
    run(keep(tmp_path, mixed()))
    stem = next(tmp_path.glob("quotes/*/*.parquet")).stem
    next(tmp_path.glob("books/*/*.parquet")).unlink()  # as if it had not come to the last file
    path = tmp_path / "running" / f"{stem}.db"

    async def journal_again() -> None:
        async with open_sink(f"sqlite:///{path}") as sink:
            await sink.write(mixed())

    run(journal_again())
    assert list(read_archive(tmp_path)) == mixed()
    run(keep(tmp_path, [quote(9, day=1)]))
    assert list(read_archive(tmp_path)) == [*mixed(), quote(9, day=1)]
    assert not path.exists()


def test_a_half_written_file_is_never_read(tmp_path: Path, run: Run) -> None:
    """Files are written aside; one that was not finished is no file of the archive."""
    run(keep(tmp_path, [quote(1)]))
    (tmp_path / "quotes" / "day=2024-10-04" / "0.parquet.tmp").write_bytes(b"PAR1 and no end")
    assert list(read_archive(tmp_path)) == [quote(1)]


def test_two_programs_do_not_write_to_one_directory(tmp_path: Path, run: Run) -> None:
    """The second is told; once the first has closed, it may."""

    async def main() -> None:
        async with ParquetSink(tmp_path) as first:
            with pytest.raises(StorageError, match="another program is writing"):
                await ParquetSink(tmp_path).open()
            await first.write([quote(1)])
        await keep(tmp_path, [quote(2)])

    run(main())
    assert len(list(read_archive(tmp_path))) == 2


def test_an_archive_that_fails_keeps_the_journal(tmp_path: Path, run: Run) -> None:
    """Where a file cannot be made, the close says so and the records stay where they are safe."""
    (tmp_path / "quotes").write_text("in the way")

    async def main() -> None:
        sink = ParquetSink(tmp_path)
        await sink.write([quote(1)])
        await sink.flush()
        with pytest.raises(StorageError, match="cannot be archived"):
            await sink.close()
        with pytest.raises(StateError):
            await sink.write([quote(2)])

    run(main())
    (tmp_path / "quotes").unlink()
    assert list(read_archive(tmp_path)) == [quote(1)]
    run(keep(tmp_path, []))
    assert files(tmp_path) == ["quotes/day=2024-10-04"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_disk_that_fills_up_while_archiving_keeps_the_journal(tmp_path: Path, run: Run) -> None:
    """The half of a file takes no room, what keeps the records is named, and the next program archives them."""

    async def main() -> None:
        sink = ParquetSink(tmp_path)
        await sink.write([quote(1)])
        await sink.flush()
        stem = next((tmp_path / "running").glob("*.db")).stem
        aside = tmp_path / "quotes" / "day=2024-10-04" / f"{stem}.parquet.tmp"
        aside.parent.mkdir(parents=True)
        aside.symlink_to("/dev/full")
        with pytest.raises(
            StorageError, match=rf"{stem}\.db cannot be archived: .*No space left.* its records stay in it"
        ):
            await sink.close()
        assert not aside.is_symlink()

    run(main())
    run(keep(tmp_path, []))
    assert list(read_archive(tmp_path)) == [quote(1)]


def test_a_directory_is_given_back_when_it_cannot_be_opened(tmp_path: Path, run: Run) -> None:
    """A sink whose journals cannot be archived may be opened as soon as they can; it does not stand in its own way."""

    async def main() -> None:
        sink = ParquetSink(tmp_path)
        with pytest.raises(StorageError, match="not an SQLite database"):
            await sink.open()
        (tmp_path / "running" / "1.db").unlink()
        await sink.open()
        await sink.close()

    (tmp_path / "running").mkdir()
    (tmp_path / "running" / "1.db").write_bytes(b"notes" * 999)
    run(main())


def test_a_lock_that_cannot_be_taken_is_no_other_program(tmp_path: Path, run: Run) -> None:
    """Where the lock's file cannot be made, the error says that."""
    (tmp_path / "running" / "writer.lock").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"writer\.lock is a directory"):
        run(ParquetSink(tmp_path).open())


def test_a_journal_of_an_older_version_is_archived_with_defaults(tmp_path: Path, run: Run) -> None:
    """A column that it lacks has what its records said by default, never its own name."""
    journal = _left_behind(
        tmp_path, run, "ALTER TABLE quotes DROP COLUMN ask_price", "ALTER TABLE quotes DROP COLUMN tape"
    )
    run(keep(tmp_path, []))
    assert not journal.exists()
    assert list(read_archive(tmp_path)) == [quote(1), quote(2)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE wsexample_store SET format = 99", "format 99"),
        ("ALTER TABLE quotes ADD COLUMN mood TEXT", "table 'quotes' has mood"),
        ("CREATE TABLE sunspots (seq INTEGER PRIMARY KEY)", "table 'sunspots' has seq"),
    ],
)
def test_a_journal_of_a_newer_version_is_not_archived(tmp_path: Path, run: Run, change: str, words: str) -> None:
    """What this version does not know would be gone with the journal; so it stays, and the error names it."""
    journal = _left_behind(tmp_path, run, change)
    with pytest.raises(StorageError, match=rf"1\.db was written by a newer wsexample .*{words}.*upgrade wsexample"):
        run(keep(tmp_path, []))
    assert journal.exists()


def _left_behind(directory: Path, run: Run, *changes: str) -> Path:
    """Make the journal of a program that was killed, and change it."""
    journal = directory / "running" / "1.db"
    journal.parent.mkdir()

    async def fill() -> None:
        async with open_sink(f"sqlite:///{journal}") as sink:
            await sink.write([quote(1), quote(2)])

    run(fill())
    with closing(sqlite3.connect(journal, isolation_level=None)) as connection:
        for change in changes:
            connection.execute(change)
    return journal


def test_files_say_what_their_columns_mean(tmp_path: Path, run: Run) -> None:
    """zstd, row groups as asked for, units and descriptions as metadata."""
    run(keep(tmp_path, [quote(number) for number in range(25)], row_group_records=10))
    file = pyarrow.parquet.ParquetFile(next(tmp_path.glob("quotes/*/*.parquet")))
    assert file.metadata.num_row_groups == 3
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    field = file.schema_arrow.field("bid_price")
    assert field.metadata[b"unit"] == b"price"
    assert b"sell" in field.metadata[b"description"]


def test_duckdb_reads_the_directory(tmp_path: Path, run: Run) -> None:
    """The query of the documentation: files of all days, the day as a column."""
    run(keep(tmp_path, [quote(number, day) for day in range(3) for number in range(1, 5)]))
    rows = duckdb.sql(
        f"SELECT day, count(*), avg(bid_price) FROM read_parquet('{tmp_path}/quotes/*/*.parquet') GROUP BY day ORDER BY day"
    ).fetchall()
    assert [(str(day), count, mean) for day, count, mean in rows] == [
        ("2024-10-04", 4, 1.25),
        ("2024-10-05", 4, 1.25),
        ("2024-10-06", 4, 1.25),
    ]


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow the error says what installs it."""
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'wsexample\[archive\]'"):
        open_sink("parquet:///somewhere")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing directory, an unknown kind, a file that is none."""
    with pytest.raises(StorageError, match="no directory"):
        read_archive(tmp_path / "none")
    with pytest.raises(OptionError, match="no record kind 'quotes'"):
        read_archive(tmp_path, "quotes")
    bad = tmp_path / "quotes" / "day=2024-10-04" / "1.parquet"
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b"not Parquet")
    with pytest.raises(StorageError, match=r"1\.parquet cannot be read"):
        list(read_archive(tmp_path))


def test_the_lock_is_gone_with_its_program(tmp_path: Path, run: Run) -> None:
    """Nothing but an open transaction holds a directory, so a killed program holds none."""
    run(keep(tmp_path, [quote(1)]))
    with closing(sqlite3.connect(tmp_path / "running" / "writer.lock", isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
