"""Records out of an SQLite file, in the order in which they were written; a file that is being written to can be read.

Reads files of this and of older versions without changing them. Writing is in `wsexample.sinks.sqlite`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from heapq import merge
from pathlib import Path
from typing import Any

from wsexample.errors import OptionError, StorageError
from wsexample.records.fields import RecordShape, describe
from wsexample.records.kinds import record_kinds
from wsexample.records.market import Record
from wsexample.sinks.sqlite_file import columns_in, format_of, open_to_read, quoted, selected, storage_errors

__all__ = ["read_records", "shapes_of"]

_BUSY_TIMEOUT_S = 5.0


def read_records(
    path: str | Path,
    kind: str | None = None,
    symbol: str | None = None,
    start_ns: int | None = None,
    end_ns: int | None = None,
) -> Iterator[Record]:
    """Yield the records of a file, equal to what was written and in that order.

    Tables of kinds that this version does not know are passed over. What is written after the first record was yielded
    is not seen.

    Parameters:
        path: the file.
        kind: only this kind ("quote"); None for all.
        symbol: only this symbol; None for all.
        start_ns: only records received at this time or later, UTC epoch nanoseconds.
        end_ns: only records received before this time.

    Raises:
        OptionError: there is no such kind of record.
        StorageError: the file is missing, is no record file, is of a newer version, or a row cannot be read.
    """
    shapes = shapes_of(kind)
    conditions = {"symbol = ?": symbol, "received_ns >= ?": start_ns, "received_ns < ?": end_ns}
    wanted = {text: value for text, value in conditions.items() if value is not None}
    return _read(Path(path), shapes, wanted)


def shapes_of(kind: str | None) -> list[RecordShape]:
    """Return what to read for a kind of record; for None, for all.

    Raises:
        OptionError: there is no such kind of record.
    """
    kinds = record_kinds()
    if kind is None:
        return [describe(one) for one in kinds.values()]
    if kind not in kinds:
        raise OptionError(f"there is no record kind {kind!r}; known are {', '.join(sorted(kinds))}", option="kind")
    return [describe(kinds[kind])]


def _read(path: Path, shapes: list[RecordShape], wanted: dict[str, Any]) -> Iterator[Record]:
    with storage_errors(path, _BUSY_TIMEOUT_S), closing(_connect(path)) as connection:
        connection.execute("BEGIN")  # one state of the file for all tables
        if not format_of(connection, path):
            raise StorageError(f"{path} holds no records of wsexample")
        streams = [_rows(connection, shape, wanted) for shape in shapes]
        for row, shape in merge(*streams, key=_number):
            yield shape.decode_row(row)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        is_file = path.is_file()
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    if not is_file:
        raise StorageError(f"there is no file {path}")
    # "ro" would leave the two files of the log behind when it is the last to close.
    return open_to_read(path, mode="rw", timeout=_BUSY_TIMEOUT_S, isolation_level=None)


def _rows(
    connection: sqlite3.Connection, shape: RecordShape, wanted: dict[str, Any]
) -> Iterator[tuple[tuple[Any, ...], RecordShape]]:
    if not columns_in(connection, shape.table):
        return
    where = f" WHERE {' AND '.join(wanted)}" if wanted else ""
    sql = f"SELECT {selected(connection, shape)} FROM {quoted(shape.table)}{where} ORDER BY seq"
    for row in connection.execute(sql, tuple(wanted.values())):
        yield row, shape


def _number(pair: tuple[tuple[Any, ...], RecordShape]) -> int:
    number: int = pair[0][0]
    return number
