"""A directory of Parquet files: how a journal becomes files, and how records are read back.

``DIRECTORY/quotes/day=2026-11-21/00001763683200000000000.parquet``: the table of a kind, the UTC day on which records were
received, and the journal that they come from. Columns are those of `wsexample.records.fields`, with units and descriptions
as metadata, and ``seq``, the order in which all records of one journal were written. Decimals are text, nested values JSON.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from heapq import merge
from itertools import chain
from pathlib import Path
from typing import Any

from wsexample.errors import StorageError
from wsexample.records.fields import Column, RecordShape
from wsexample.records.market import Record
from wsexample.sinks.extras import need
from wsexample.sinks.sqlite_file import check_all_known, columns_in, quoted, selected, storage_errors
from wsexample.sinks.sqlite_reader import read_records, shapes_of

__all__ = ["FEATURE", "JOURNALS", "archive", "day_of", "journals_in", "read_archive"]

JOURNALS = "running"
"""Where journals are, in the directory."""
FEATURE = "a Parquet archive"
_DAY_NS = 86_400 * 10**9
_BUSY_TIMEOUT_S = 5.0


def day_of(received_ns: int) -> str:
    """Return the UTC day of a time: "2026-11-21"."""
    return datetime.fromtimestamp(received_ns // _DAY_NS * 86_400, UTC).strftime("%Y-%m-%d")


def journals_in(directory: Path) -> list[Path]:
    """Return the journals that are not archived yet, oldest first.

    Raises:
        StorageError: it cannot be seen which there are.
    """
    return [path for path in _names_in(directory / JOURNALS) if path.suffix == ".db"]


def _names_in(directory: Path) -> list[Path]:
    """Return what is in a directory, in order; nothing where there is none. (`Path.glob` passes over what it may not see.)"""
    try:
        return sorted(directory.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"{directory} cannot be read: {error.strerror}") from error


# --- writing ----------------------------------------------------------------------------------------------------------


def archive(journal: Path, directory: Path, *, row_group_records: int, level: int) -> int:
    """Turn a journal into Parquet files and remove it; may be repeated after any interruption, and changes nothing then.

    Parameters:
        journal: an SQLite file of the sink.
        directory: where the files go.
        row_group_records: records in a row group.
        level: of zstd.

    Returns:
        How many records were archived.

    Raises:
        StorageError: a file cannot be written, or the journal has what this version does not know; the journal stays.
    """
    arrow = need("pyarrow", "archive", FEATURE)
    count = 0
    try:
        with storage_errors(journal, _BUSY_TIMEOUT_S), closing(sqlite3.connect(journal)) as connection:
            shapes = shapes_of(None)
            check_all_known(connection, journal, shapes)
            for shape in shapes:
                if columns_in(connection, shape.table):
                    for day in _days(connection, shape):
                        target = directory / shape.table / f"day={day_of(day * _DAY_NS)}" / f"{journal.stem}.parquet"
                        count += _write(connection, shape, day, target, row_group_records, level)
    except (OSError, arrow.ArrowException) as error:
        reason = getattr(error, "strerror", None) or error
        raise StorageError(
            f"{journal} cannot be archived: {reason}; its records stay in it and are archived when the store is opened again"
        ) from error
    # The journal before its log, which a reader may have kept from being folded into it: a journal without its log would be
    # archived again by the next program, over what is whole.
    journal.unlink(missing_ok=True)
    _sync(journal.parent)
    for end in ("-wal", "-shm"):
        Path(f"{journal}{end}").unlink(missing_ok=True)
    return count


def _days(connection: sqlite3.Connection, shape: RecordShape) -> list[int]:
    # SQLite divides towards zero; days before 1970 are counted as `day_of` does.
    remainder = f"(received_ns % {_DAY_NS} + {_DAY_NS}) % {_DAY_NS}"
    sql = f"SELECT DISTINCT (received_ns - {remainder}) / {_DAY_NS} FROM {quoted(shape.table)} ORDER BY 1"
    return [day for (day,) in connection.execute(sql)]


def _write(
    connection: sqlite3.Connection, shape: RecordShape, day: int, target: Path, row_group_records: int, level: int
) -> int:
    arrow, parquet = need("pyarrow", "archive", FEATURE), need("pyarrow.parquet", "archive", FEATURE)
    schema = _schema(arrow, shape)
    sql = f"SELECT {selected(connection, shape)} FROM {quoted(shape.table)}"
    sql += " WHERE received_ns >= ? AND received_ns < ? ORDER BY seq"
    converters = [None, *(_converter(column) for column in shape.columns)]
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_suffix(".parquet.tmp")
    count = 0
    try:
        # The file is ours: a writer whose disk is full leaves its own open, and with it the room that it takes.
        with (
            closing(connection.execute(sql, (day * _DAY_NS, (day + 1) * _DAY_NS))) as rows,
            arrow.OSFile(str(aside), "wb") as file,
            parquet.ParquetWriter(file, schema, compression="zstd", compression_level=level) as writer,
        ):
            while chunk := rows.fetchmany(row_group_records):
                columns = [
                    list(values) if convert is None else [convert(value) for value in values]
                    for values, convert in zip(zip(*chunk, strict=True), converters, strict=True)
                ]
                arrays = [arrow.array(values, one.type) for values, one in zip(columns, schema, strict=True)]
                writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
                count += len(chunk)
        _sync(aside)
    except BaseException:  # whatever it was, half a file takes no room from the journal
        aside.unlink(missing_ok=True)
        raise
    aside.replace(target)
    _sync(target.parent)
    return count


def _converter(column: Column) -> Callable[[Any], Any] | None:
    if column.arrow.type == "bool":
        return lambda value: None if value is None else bool(value)
    if column.arrow.type == "float64" and not column.is_nullable:
        return lambda value: float("nan") if value is None else value  # SQLite keeps NaN as NULL
    return None


def _schema(arrow: Any, shape: RecordShape) -> Any:
    kinds = {
        "string": arrow.string(),
        "int64": arrow.int64(),
        "float64": arrow.float64(),
        "bool": arrow.bool_(),
        "binary": arrow.binary(),
    }
    fields = [arrow.field("seq", arrow.int64(), False)]
    for column in shape.columns:
        one = column.arrow
        fields.append(arrow.field(one.name, kinds[one.type], one.is_nullable, one.metadata))
    return arrow.schema(fields, {"wsexample_kind": shape.kind})


def _sync(path: Path) -> None:
    """Make a file, or the names in a directory, durable."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot sync a directory, and its renames are journaled
    handle = os.open(path, os.O_RDONLY if path.is_dir() or os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- reading ----------------------------------------------------------------------------------------------------------


def read_archive(
    directory: str | Path,
    kind: str | None = None,
    symbol: str | None = None,
    start_ns: int | None = None,
    end_ns: int | None = None,
) -> Iterator[Record]:
    """Yield the records of a directory, equal to what was written and in that order, those of the running day included.

    Parameters:
        directory: the directory of the sink.
        kind: only this kind ("quote"); None for all.
        symbol: only this symbol; None for all.
        start_ns: only records received at this time or later, UTC epoch nanoseconds.
        end_ns: only records received before this time.

    Raises:
        OptionError: there is no such kind of record.
        StorageError: there is no such directory, or a file cannot be read.
    """
    shapes = shapes_of(kind)
    place = Path(directory)
    if not place.is_dir():
        raise StorageError(f"there is no directory {place}")
    return _read(place, shapes, kind, symbol, start_ns, end_ns)


def _read(
    place: Path,
    shapes: list[RecordShape],
    kind: str | None,
    symbol: str | None,
    start_ns: int | None,
    end_ns: int | None,
) -> Iterator[Record]:
    # Journals before files: one that is archived meanwhile is then seen twice, and not at all the other way round.
    running = {path.stem: path for path in journals_in(place)}
    files = _files_of(place, shapes)
    conditions = [
        None if symbol is None else ("symbol", "==", symbol),
        None if start_ns is None else ("received_ns", ">=", start_ns),
        None if end_ns is None else ("received_ns", "<", end_ns),
    ]
    wanted = [one for one in conditions if one is not None]
    for stem in sorted({*files, *running}):
        if stem in running:  # archived in part or not at all: the journal has everything
            records = _of_journal(running[stem], kind, symbol, start_ns, end_ns)
            if records is not None:
                yield from records
                continue
            files[stem] = _files_of(place, shapes).get(stem, [])
        for row, shape in merge(*(_rows(path, shape, wanted) for path, shape in files[stem]), key=_number):
            yield shape.decode_row(row)


def _files_of(place: Path, shapes: list[RecordShape]) -> dict[str, list[tuple[Path, RecordShape]]]:
    """Return the files of each journal that was archived."""
    files: dict[str, list[tuple[Path, RecordShape]]] = {}
    for shape in shapes:
        for day in _names_in(place / shape.table):
            if day.name.startswith("day="):
                for path in _names_in(day):
                    if path.suffix == ".parquet":
                        files.setdefault(path.stem, []).append((path, shape))
    return files


def _of_journal(
    journal: Path, kind: str | None, symbol: str | None, start_ns: int | None, end_ns: int | None
) -> Iterator[Record] | None:
    """Return the records of a journal, which stays to be read once it is open; None where it was archived meanwhile."""
    records = read_records(journal, kind, symbol, start_ns, end_ns)
    try:
        return chain((next(records),), records)
    except StopIteration:
        return iter(())
    except StorageError:
        if journal.exists():
            raise
        return None


def _rows(
    path: Path, shape: RecordShape, wanted: list[tuple[str, str, Any]]
) -> Iterator[tuple[tuple[Any, ...], RecordShape]]:
    # A file of an older version may lack a column: its records read as what they said by default.
    arrow, data = need("pyarrow", "archive", FEATURE), need("pyarrow.dataset", "archive", FEATURE)
    try:
        source = data.dataset(path, format="parquet")
        present = set(source.schema.names)
        names = ["seq", *(column.name for column in shape.columns if column.name in present)]
        condition = None
        for name, sign, value in wanted:
            one = data.field(name)
            part = one == value if sign == "==" else one >= value if sign == ">=" else one < value
            condition = part if condition is None else condition & part
        for batch in source.to_batches(columns=names, filter=condition):
            columns = {name: batch.column(name).to_pylist() for name in names}
            ordered = [columns.get(column.name) or [column.default] * batch.num_rows for column in shape.columns]
            for values in zip(columns["seq"], *ordered, strict=True):
                yield values, shape
    except (arrow.ArrowException, OSError) as error:
        raise StorageError(f"{path} cannot be read: {error}") from error


def _number(pair: tuple[tuple[Any, ...], RecordShape]) -> int:
    number: int = pair[0][0]
    return number
