"""The SQLite file format: what is in a file besides records, how it grows with the versions, and its errors in words.

One table for each kind of record, made from `wsexample.records.fields`. Its first column, ``seq``, numbers all records of
the file in the order in which they were written, across tables. ``wsexample_store`` holds the version of this format and
the next number; records before ``synced_seq`` were synced to the disk by a flush. Queues and threads are in
`wsexample.sinks.sqlite`, reading is in `wsexample.sinks.sqlite_reader`.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wsexample.errors import StorageError
from wsexample.records.fields import Column, RecordShape

__all__ = [
    "FORMAT",
    "check_all_known",
    "columns_in",
    "format_of",
    "migrate",
    "open_to_read",
    "prepare_table",
    "quoted",
    "selected",
    "storage_errors",
]

STEPS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE wsexample_store "
        "(format INTEGER NOT NULL, next_seq INTEGER NOT NULL, synced_seq INTEGER NOT NULL)",
        "INSERT INTO wsexample_store VALUES (0, 1, 1)",
    ),
)
"""What each version of the format changed, oldest first; a file gets the steps that it has not had."""

FORMAT = len(STEPS)
"""The version of the format that this program writes."""


def format_of(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of a file, 0 where it has none yet.

    Raises:
        StorageError: the file is of a newer version.
    """
    if not columns_in(connection, "wsexample_store"):
        return 0
    row = connection.execute("SELECT format FROM wsexample_store").fetchone()
    version = int(row[0]) if row else 0
    if version > FORMAT:
        raise StorageError(
            f"{path} was written by a newer wsexample (format {version}, this one knows {FORMAT}): "
            "upgrade wsexample or choose another file"
        )
    return version


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a file to this version; within the caller's transaction.

    Raises:
        StorageError: the file is of a newer version.
    """
    version = format_of(connection, path)
    if version < FORMAT:
        for step in STEPS[version:]:
            for statement in step:
                connection.execute(statement)
        connection.execute("UPDATE wsexample_store SET format = ?", (FORMAT,))


def check_all_known(connection: sqlite3.Connection, path: Path, shapes: Sequence[RecordShape]) -> None:
    """Look whether a file holds nothing but what this version knows, so that it can be turned into something else.

    Raises:
        StorageError: it is of a newer version.
    """
    format_of(connection, path)
    known = {shape.table: {"seq", *(column.name for column in shape.columns)} for shape in shapes}
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    for (table,) in tables.fetchall():
        if table == "wsexample_store":
            continue
        unknown = set(columns_in(connection, table)) - known.get(table, set())
        if unknown:
            raise StorageError(
                f"{path} was written by a newer wsexample (table {table!r} has {', '.join(sorted(unknown))}): "
                "upgrade wsexample, or move the file away"
            )


def selected(connection: sqlite3.Connection, shape: RecordShape) -> str:
    """Return what to select from a table: ``seq`` and a column for each field.

    A file of an older version may lack a column: its records read as what they said by default.
    """
    present = columns_in(connection, shape.table)
    names = [quoted(column.name) if column.name in present else literal(column.default) for column in shape.columns]
    return ", ".join(["seq", *names])


def prepare_table(connection: sqlite3.Connection, path: Path, shape: RecordShape) -> None:
    """Make the table of a record class, or give it the columns that newer versions of the class have brought.

    Raises:
        StorageError: the table has columns that this version of the class does not know, or is somebody else's.
    """
    present = columns_in(connection, shape.table)
    if not present:
        columns = ", ".join(["seq INTEGER PRIMARY KEY", *(_definition(column) for column in shape.columns)])
        connection.execute(f"CREATE TABLE {quoted(shape.table)} ({columns})")
        # The one index: it grows at its end, so it costs a tenth, and it finds a minute of a day (decision 0002).
        connection.execute(f"CREATE INDEX {quoted(shape.table + '_by_time')} ON {quoted(shape.table)} (received_ns)")
        return
    if present[0] != "seq":
        raise StorageError(f"{path} has a table {shape.table!r} that wsexample did not make: choose another file")
    unknown = set(present[1:]) - {column.name for column in shape.columns}
    if unknown:
        raise StorageError(
            f"{path} was written by a newer wsexample (table {shape.table!r} also has {', '.join(sorted(unknown))}): "
            "upgrade wsexample or choose another file"
        )
    for column in shape.columns:
        if column.name not in present:
            connection.execute(f"ALTER TABLE {quoted(shape.table)} ADD COLUMN {_definition(column, is_added=True)}")


def _definition(column: Column, *, is_added: bool = False) -> str:
    text = f"{quoted(column.name)} {column.sql_type}"
    if is_added and column.default is not None:
        # Rows written before the column existed read as what an old record would say by default.
        text += f" DEFAULT {literal(column.default)}"
    elif not is_added and not column.is_nullable and column.sql_type != "REAL":  # SQLite keeps NaN as NULL
        text += " NOT NULL"
    return text


def literal(value: Any) -> str:
    """Return a value as SQL text."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def columns_in(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the columns of a table in order; empty where there is no such table."""
    return [name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def open_to_read(path: Path, *, mode: str, **options: Any) -> sqlite3.Connection:
    """Open a file of which nothing will be changed, also a finished one where nothing may be written.

    Parameters:
        path: the file; it is there.
        mode: how SQLite opens it: "ro", or "rw" to leave no files of the log behind.
        options: further ones of `sqlite3.connect`.

    Raises:
        sqlite3.Error: it cannot be opened, or is no SQLite file.
    """
    address = path.absolute().as_uri()
    try:
        return _readable(f"{address}?mode={mode}", options)
    except sqlite3.OperationalError as error:
        is_unwritable = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
        if not is_unwritable or Path(f"{path}-wal").exists():
            raise
        # A finished file where this user may not write: SQLite cannot put its log there, and needs none.
        return _readable(f"{address}?immutable=1", options)


def _readable(address: str, options: dict[str, Any]) -> sqlite3.Connection:
    connection: sqlite3.Connection = sqlite3.connect(address, uri=True, **options)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT 1 FROM sqlite_master")
    except BaseException:  # whatever it was, the file is given back
        connection.close()
        raise
    return connection


@contextmanager
def storage_errors(path: Path, busy_timeout_s: float) -> Iterator[None]:
    """Turn SQLite's errors into `StorageError`, one sentence each, the cause kept."""
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(_sentence(error, path, busy_timeout_s)) from error


def _sentence(error: sqlite3.Error, path: Path, busy_timeout_s: float) -> str:
    # Primary result codes (sqlite.org/rescode.html) are the low byte; the rest says more about the same.
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return f"{path} cannot grow: the disk is full, or max_bytes is reached"
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN if _is_full(path):
            return f"{path} cannot be written: the disk is full"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"{path} is locked by another program (waited {busy_timeout_s:g} s)"
        case sqlite3.SQLITE_NOTADB:
            return f"{path} is not an SQLite database"
        case sqlite3.SQLITE_CANTOPEN if os.path.isdir(path):  # pathlib's would raise where it may not look
            return f"{path} is a directory, not a file"
        case sqlite3.SQLITE_CANTOPEN if not os.path.isdir(path.parent):
            return f"{path} cannot be opened: there is no directory {path.parent}"
        case sqlite3.SQLITE_CANTOPEN:
            return f"{path} cannot be opened or made: check the permissions of the file and of {path.parent}"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return f"{path} is read-only"
        case sqlite3.SQLITE_CORRUPT:
            return f"{path} is damaged ({error})"
        case sqlite3.SQLITE_IOERR:
            return f"reading or writing {path} failed ({error})"
    return f"{path}: {error}"


def _is_full(path: Path) -> bool:
    """Whether the disk has no room for the files that SQLite makes beside a database, of 32 KiB at least."""
    try:
        usage = shutil.disk_usage(path.parent)
    except OSError:
        return False
    return usage.free < 32 * 1024 <= usage.total
