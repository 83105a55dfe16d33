"""Records into an SQLite file and back, and everything that can go wrong with a file."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from wsexample.errors import StorageError
from wsexample.records.journal import Gap
from wsexample.records.market import Board, Book, Level, Quote, Record, Trade
from wsexample.sinks.base import open_sink
from wsexample.sinks.sqlite import SqliteOptions, SqliteSink, read_records

Run = Callable[[Coroutine[Any, Any, Any]], Any]


class QuoteOfTomorrow(Quote, frozen=True, kw_only=True, tag="quote"):
    """What `Quote` may look like in a later version."""

    mood: str = "calm"
    exact: bool = True
    levels: tuple[float, ...] = ()


def quote(number: int, symbol: str = "s") -> Quote:
    return Quote(venue="v", symbol=symbol, received_ns=number, bid_price=number / 2)


def mixed() -> list[Record]:
    return [
        quote(1),
        Board(venue="kabu", symbol="9433@1", received_ns=2, name="ＫＤＤＩ", bids=(Level(1.0, 2.0),)),
        Gap(venue="kabu", received_ns=3, from_ns=1, to_ns=3, filled=True),
        Trade(venue="v", symbol="t", received_ns=4, price=1.0, size=0.1, trade_id="x"),
        quote(5, "t"),
        Book(venue="v", symbol="s", received_ns=6, asks=(Level(1.0, 2.0), Level(2.0, 1.0))),
    ]


async def store(path: Path, records: list[Any], **options: Any) -> None:
    async with SqliteSink(path, SqliteOptions(**options)) as sink:
        await sink.write(records)


async def fill(sink: SqliteSink) -> None:
    """Write and flush, a hundred at a time, for ever."""
    number = 0
    while True:
        await sink.write([quote(number + one) for one in range(100)])
        await sink.flush()
        number += 100


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for statement in statements:
            connection.execute(statement)
    finally:
        connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ticks.db"


def test_records_come_back_as_they_were_written(run_grid: Run, path: Path) -> None:
    """Records of all kinds come back equal and in the order in which they were written."""
    run_grid(store(path, mixed()))
    assert list(read_records(path)) == mixed()


def test_each_kind_has_a_table_for_sql(run: Run, path: Path) -> None:
    """Anybody with SQLite can count and read: a table for each kind, a column for each field."""
    run(store(path, mixed()))
    assert query(path, "SELECT count(*) FROM quotes") == [(2,)]
    assert query(path, "SELECT symbol, name, bids FROM boards") == [("9433@1", "ＫＤＤＩ", "[[1.0,2.0]]")]
    assert query(path, "SELECT seq, filled FROM gaps") == [(3, 1)]


def test_a_closed_file_is_one_file(run: Run, path: Path) -> None:
    """After closing, and after reading, no log lies beside the file."""
    run(store(path, mixed()))
    assert len(list(read_records(path))) == len(mixed())
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({"kind": "quote"}, [1, 5]),
        ({"symbol": "s"}, [1, 6]),
        ({"start_ns": 3, "end_ns": 5}, [3, 4]),
        ({"kind": "quote", "symbol": "t", "start_ns": 5}, [5]),
        ({"kind": "bar"}, []),
    ],
)
def test_reading_can_be_narrowed(run: Run, path: Path, filters: dict[str, Any], numbers: list[int]) -> None:
    """Kind, symbol and time of arrival narrow what is read; the end is not included."""
    run(store(path, mixed()))
    assert [one.received_ns for one in read_records(path, **filters)] == numbers


def test_a_file_goes_on_where_it_ended(run: Run, path: Path) -> None:
    """A second run adds to the file; the order runs through."""
    run(store(path, mixed()))
    run(store(path, mixed()))
    assert list(read_records(path)) == mixed() * 2


def test_flushed_records_can_be_read_while_the_sink_is_open(run: Run, path: Path) -> None:
    """Another reader sees everything that flush returned for."""

    async def main() -> None:
        async with open_sink(f"sqlite:///{path}") as sink:
            await sink.write(mixed())
            await sink.flush()
            assert await asyncio.to_thread(lambda: list(read_records(path))) == mixed()
            assert sink.stats.stored == len(mixed())
            assert "open, 6 stored, 0 waiting" in repr(sink)
            await sink.write([quote(7)])
        assert len(list(read_records(path))) == 7

    run(main())


def test_a_reader_sees_one_moment_of_the_file(run: Run, path: Path) -> None:
    """What is written while somebody reads does not appear in the middle of what they read."""

    async def main() -> None:
        async with SqliteSink(path) as sink:
            await sink.write([quote(1), quote(2)])
            await sink.flush()
            reading = read_records(path)
            first = next(reading)
            await sink.write([quote(3)])
            await sink.flush()
            assert [first, *reading] == [quote(1), quote(2)]

    run(main())


def test_many_rows_and_few_are_all_stored(run: Run, path: Path) -> None:
    """Whole statements of many rows and the rest that does not fill one are stored alike."""
    records = [quote(number) for number in range(1, 1024)]
    run(store(path, records, batch_records=451))
    assert list(read_records(path)) == records


def test_two_sinks_may_share_a_file(run: Run, path: Path) -> None:
    """Two sinks write to one file; no number is given twice and nothing is lost."""

    async def main() -> None:
        async with SqliteSink(path) as one, SqliteSink(path) as two:
            for number in range(20):
                await one.write([quote(number)])
                await two.write([quote(100 + number)])
                await asyncio.gather(one.flush(), two.flush())

    run(main())
    numbers = [one.received_ns for one in read_records(path)]
    assert sorted(numbers) == [*range(20), *range(100, 120)]
    assert [one for one in numbers if one < 100] == list(range(20))


def test_a_value_that_sql_cannot_hold_is_refused_alone(run: Run, path: Path) -> None:
    """A record that SQLite can never hold is named and counted; its neighbours are stored."""

    async def main() -> None:
        async with SqliteSink(path) as sink:
            odd: list[Any] = [quote(2**63), quote(2, "\ud800"), Quote(venue="v", symbol=None, received_ns=1), 7]  # type: ignore[arg-type]
            await sink.write([quote(1), *odd, *mixed()])
            with pytest.raises(StorageError, match=r"Quote s: .*too large.* \(and 3 more\)"):
                await sink.flush()
            assert sink.stats.extra["refused"] == 4
            assert sink.stats.stored == 7

    run(main())
    assert list(read_records(path)) == [quote(1), *mixed()]


# --- versions ---------------------------------------------------------------------------------------------------------


def test_a_newer_record_gives_its_table_the_new_columns(run: Run, path: Path) -> None:
    """A file of an older version gains the columns of a newer record; old rows read as its defaults."""
    run(store(path, [quote(1)]))
    newer = QuoteOfTomorrow(venue="v", symbol="s", received_ns=2, mood="wild", exact=False, levels=(1.0,))
    run(store(path, [newer]))
    rows = query(path, "SELECT received_ns, bid_price, mood, exact, levels FROM quotes ORDER BY seq")
    assert rows == [(1, 0.5, "calm", 1, "[]"), (2, None, "wild", 0, "[1.0]")]


def test_an_older_file_is_read_with_defaults_and_left_as_it_is(
    run: Run, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading an older file with a newer record class fills in its defaults and changes nothing."""
    run(store(path, [quote(1)]))
    before = path.read_bytes()
    monkeypatch.setattr("wsexample.sinks.sqlite_reader.record_kinds", lambda: {"quote": QuoteOfTomorrow})
    assert list(read_records(path)) == [QuoteOfTomorrow(venue="v", symbol="s", received_ns=1, bid_price=0.5)]
    assert path.read_bytes() == before


def test_a_table_of_a_newer_version_is_not_written_to(run: Run, path: Path) -> None:
    """An older program refuses a table with columns it does not know, and can still read what it knows."""
    newer = QuoteOfTomorrow(venue="v", symbol="s", received_ns=1, bid_price=0.5)
    run(store(path, [newer]))
    with pytest.raises(StorageError, match=r"newer wsexample .*exact, levels, mood.*upgrade"):
        run(store(path, [quote(2)]))
    assert list(read_records(path)) == [quote(1)]


def test_a_file_of_a_newer_format_is_refused(run: Run, path: Path) -> None:
    """A format newer than this program is refused in words, for writing and for reading."""
    run(store(path, mixed()))
    change(path, "UPDATE wsexample_store SET format = 99")
    with pytest.raises(StorageError, match="format 99"):
        run(store(path, mixed()))
    with pytest.raises(StorageError, match="upgrade wsexample"):
        list(read_records(path))


def test_a_table_of_somebody_else_is_left_alone(run: Run, path: Path) -> None:
    """A table with the name of ours that we did not make is not touched."""
    change(path, "CREATE TABLE quotes (words TEXT)")
    with pytest.raises(StorageError, match="'quotes' that wsexample did not make"):
        run(store(path, [quote(1)]))
    assert query(path, "SELECT * FROM quotes") == []


def test_tables_of_unknown_kinds_are_passed_over(run: Run, path: Path) -> None:
    """A table that this version does not know does not disturb reading the others."""
    run(store(path, mixed()))
    change(path, "CREATE TABLE sunspots (seq INTEGER PRIMARY KEY, size REAL)")
    assert list(read_records(path)) == mixed()


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_locked_file_is_reported_and_the_records_wait(run: Run, path: Path) -> None:
    """While another program holds the file locked, flush says so; afterwards everything is stored, once."""

    async def main() -> None:
        async with SqliteSink(path, SqliteOptions(busy_timeout_s=0.02, retry_s=1e6)) as sink:
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            await sink.write(mixed())
            with pytest.raises(StorageError, match=r"locked by another program \(waited 0.02 s\)"):
                await sink.flush()
            assert "failing" in repr(sink)
            with pytest.raises(StorageError, match="1 records were not taken"):
                await sink.write([quote(9)])
            other.execute("ROLLBACK")
            other.close()
            await sink.flush()
            assert sink.stats.stored == len(mixed())

    run(main())
    assert list(read_records(path)) == mixed()


def test_a_full_disk_is_reported_and_nothing_flushed_is_lost(run: Run, path: Path) -> None:
    """When the file cannot grow, flush says so; what was flushed before stays, what waits is counted as lost at close."""

    async def main() -> int:
        sink = await SqliteSink(path, SqliteOptions(max_bytes=200_000, retry_s=1e6)).open()
        with pytest.raises(StorageError, match="cannot grow: the disk is full, or max_bytes"):
            await fill(sink)
        flushed = sink.stats.stored
        with pytest.raises(StorageError, match="100 records that were taken are lost"):
            await sink.close()
        return flushed

    flushed = run(main())
    assert flushed > 0
    assert [one.received_ns for one in read_records(path)] == list(range(flushed))
    run(store(path, [quote(flushed)]))
    assert len(list(read_records(path))) == flushed + 1


def take_away(path: Path, how: str) -> None:
    """Let a path lead to its file no more."""
    if how == "removed":
        path.unlink()
    else:
        path.rename(path.with_name("moved.db"))
        if how == "replaced":
            path.write_bytes(b"")


@pytest.mark.parametrize("how", ["removed", "moved", "replaced"])
def test_a_file_that_is_taken_away_is_noticed(run: Run, path: Path, how: str) -> None:
    """SQLite would go on writing to a file that nobody finds again; the sink says how much went with it."""

    async def main() -> None:
        sink = await SqliteSink(path, SqliteOptions(retry_s=1e6)).open()
        await sink.write(mixed())
        await sink.flush()
        take_away(path, how)
        await sink.write([quote(7)])
        with pytest.raises(
            StorageError, match=r"ticks\.db was removed or replaced .* with it 6 records .* put it back"
        ):
            await sink.flush()
        with pytest.raises(StorageError, match="1 records that were taken are lost"):
            await sink.close()
        assert sink.stats.stored == len(mixed())

    run(main())


def test_a_file_that_is_put_back_is_gone_on_with(run: Run, path: Path) -> None:
    """What was taken meanwhile waits, and is stored when the file is where it was."""

    async def main() -> None:
        async with SqliteSink(path, SqliteOptions(retry_s=1e6)) as sink:
            await sink.write(mixed())
            await sink.flush()
            take_away(path, "moved")
            await sink.write([quote(7)])
            with pytest.raises(StorageError, match="put it back"):
                await sink.flush()
            path.with_name("moved.db").rename(path)
            await sink.flush()

    run(main())
    assert list(read_records(path)) == [*mixed(), quote(7)]


def test_a_file_that_is_taken_away_before_the_end_is_noticed_at_the_close(run: Run, path: Path) -> None:
    """Nothing more was to be stored, and yet what was stored is gone."""

    async def main() -> None:
        sink = await SqliteSink(path).open()
        await sink.write(mixed())
        await sink.flush()
        take_away(path, "removed")
        with pytest.raises(StorageError, match="6 records"):
            await sink.close()

    run(main())


def test_a_program_that_holds_the_file_at_the_end_is_waited_for_in_vain(run: Run, path: Path) -> None:
    """Close gives up after ``busy_timeout_s``, names the file and says how many records are lost."""

    async def main() -> None:
        sink = await SqliteSink(path, SqliteOptions(busy_timeout_s=0.02, retry_s=1e6)).open()
        await sink.write(mixed())
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match=r"ticks\.db is locked .* 6 records that were taken are lost"):
            await sink.close()
        other.close()

    run(main())
    assert list(read_records(path)) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing/ticks.db", "there is no directory"),
        ("directory.db", "is a directory"),
        ("text.db", "is not an SQLite database"),
        ("text.db/ticks.db", "there is no directory"),
    ],
)
def test_a_place_that_cannot_be_a_store_is_refused(run: Run, tmp_path: Path, name: str, words: str) -> None:
    """Opening says in one sentence why a place cannot hold records."""
    (tmp_path / "directory.db").mkdir()
    (tmp_path / "text.db").write_text("these are notes, not a database " * 50)
    with pytest.raises(StorageError, match=words):
        run(store(tmp_path / name, [quote(1)]))


def test_a_read_only_place_is_refused(run: Run, tmp_path: Path) -> None:
    """A directory that may not be written to is named as the cause."""
    place = tmp_path / "closed"
    place.mkdir(mode=0o555)
    if os.access(place, os.W_OK):  # root may write anywhere, except where the kernel has no files to make
        if not sys.platform.startswith("linux"):
            pytest.skip("this user may write everywhere")
        place = Path("/sys/kernel")
    with pytest.raises(StorageError, match="check the permissions"):
        run(store(place / "ticks.db", [quote(1)]))


def test_a_file_that_may_not_be_written_to_is_refused_when_it_is_opened(
    run: Run, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when the first batch comes: SQLite opens such a file for reading and begins transactions without a word."""
    run(store(path, mixed()))
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda path, **options: connect(f"file:{path}?mode=ro", uri=True, **options)
    )
    with pytest.raises(StorageError, match=r"ticks\.db is read-only"):
        run(SqliteSink(path).open())


@pytest.mark.skipif(sys.platform == "win32", reason="there a name may be as long")
def test_a_path_that_cannot_be_looked_at_is_an_error_in_words(run: Run, tmp_path: Path) -> None:
    """Whatever keeps the system from looking (here a name too long, elsewhere a directory that may not be searched)."""
    path = tmp_path / ("x" * 300) / "ticks.db"
    with pytest.raises(StorageError, match="there is no directory"):
        run(store(path, mixed()))
    with pytest.raises(StorageError, match="cannot be read: File name too long"):
        list(read_records(path))


@pytest.mark.parametrize(
    ("content", "words"), [(None, "there is no file"), (b"", "holds no records"), (b"notes" * 999, "not an SQLite")]
)
def test_what_is_no_record_file_cannot_be_read(path: Path, content: bytes | None, words: str) -> None:
    """Reading says in one sentence why a file holds no records, and makes none."""
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StorageError, match=words):
        list(read_records(path))
    assert path.exists() == (content is not None)


def test_an_unknown_kind_is_refused_before_reading(path: Path) -> None:
    """A misspelt kind is the caller's, and the known ones are named."""
    with pytest.raises(ValueError, match=r"no record kind 'quotes'; known are .*quote"):
        read_records(path, kind="quotes")


def test_a_damaged_row_is_an_error_not_a_record(run: Run, path: Path) -> None:
    """A value that somebody broke by hand stops the reading with the kind's name."""
    run(store(path, mixed()))
    change(path, "UPDATE boards SET bids = '[[1.0'")
    with pytest.raises(StorageError, match="board"):
        list(read_records(path))


def test_a_sink_that_did_not_open_leaves_no_thread(run: Run, tmp_path: Path) -> None:
    """Failing to open gives everything back."""
    before = set(threading.enumerate())
    with pytest.raises(StorageError):
        run(store(tmp_path / "missing" / "ticks.db", [quote(1)]))
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=10)
    assert set(threading.enumerate()) <= before
