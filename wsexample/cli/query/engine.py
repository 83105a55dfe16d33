"""Where a query is asked: an SQLite file, read-only, or Parquet files through DuckDB. Rows come out in batches.

What is asked, and how it is shown, is decided elsewhere.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from wsexample.errors import OptionError, StorageError
from wsexample.sinks.base import SinkAddress
from wsexample.sinks.extras import need
from wsexample.sinks.sqlite_file import open_to_read, quoted

__all__ = ["Answer", "Engine", "open_engine"]

BATCH = 10_000
STEPS_BETWEEN_LOOKS = 100_000
"""Instructions of SQLite's machine, a few milliseconds, between two looks at whether to go on."""
BUSY_S = 5.0
"""How long to wait for a program that has the file to itself, seconds."""
SQLITE_HEAD = b"SQLite format 3\x00"
PARQUET_HEAD = b"PAR1"
RUNNING = "running"
"""Where a Parquet archive has the journals of what is not archived yet."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a query."""

    columns: tuple[str, ...]
    """Names of the columns."""
    batches: Iterator[Sequence[tuple[Any, ...]]]
    """Rows, some at a time."""


class Engine(Protocol):
    """Answers queries about one place."""

    def tables(self) -> dict[str, list[str]]:
        """Return the columns of each table by its name."""
        ...

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> Answer:
        """Ask a query; raises `OptionError` when it cannot be answered."""
        ...

    def interrupt(self) -> None:
        """Have what is asked at this moment, in whatever thread, end with `OptionError`."""
        ...

    def close(self) -> None:
        """Let go of the place."""
        ...


def open_engine(place: str) -> Engine:
    """Open a place by what it is.

    Parameters:
        place: an SQLite file, a Parquet file, or the directory of a Parquet archive; as a path, or as the URL of a sink.

    Raises:
        StorageError: there is no such place, or it is something else.
        MissingExtraError: Parquet needs the extra ``archive``.
    """
    path = _path_of(place)
    if path.is_dir():
        return DuckEngine(path)
    try:
        with path.open("rb") as file:
            head = file.read(len(SQLITE_HEAD))
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}", url=str(path)) from None
    if head.startswith(PARQUET_HEAD):
        return DuckEngine(path)
    if head == SQLITE_HEAD:
        return SqliteEngine(path)
    raise StorageError(
        f"{path} is neither an SQLite file nor Parquet; of a tape, wsexample replay --store makes one", url=str(path)
    )


def _path_of(place: str) -> Path:
    scheme, found, location = place.partition("://")
    if not found:
        return Path(place)
    if scheme not in ("sqlite", "parquet"):
        raise OptionError(f"{scheme} cannot be asked; sqlite and parquet can", option="place")
    return Path(SinkAddress(scheme, location.partition("?")[0], {}).path)


class SqliteEngine:
    """An SQLite file, which may be written to meanwhile.

    Parameters:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_interrupted = False
        try:
            self._connection = open_to_read(path, mode="ro", timeout=BUSY_S, check_same_thread=False)
            self._connection.set_progress_handler(lambda: self._is_interrupted, STEPS_BETWEEN_LOOKS)
        except sqlite3.Error as error:
            raise StorageError(f"{path} cannot be read: {error}", url=str(path)) from None

    def tables(self) -> dict[str, list[str]]:
        """Return the columns of each table by its name, those of the sink's own left out."""
        names = self.ask("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").batches
        found = [name for batch in names for (name,) in batch if not name.startswith(("sqlite_", "wsexample_"))]
        return {
            name: [row[1] for batch in self.ask(f"PRAGMA table_info({quoted(name)})").batches for row in batch]
            for name in found
        }

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> Answer:
        """Ask a query; raises `OptionError` when it cannot be answered."""
        try:
            cursor = self._connection.execute(sql, parameters)
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise OptionError(f"{self._path.name}: {error}", option="sql") from None
        columns = tuple(column[0] for column in cursor.description or ())
        return Answer(columns, self._batches(cursor))

    def _batches(self, cursor: sqlite3.Cursor) -> Iterator[Sequence[tuple[Any, ...]]]:
        try:
            while batch := cursor.fetchmany(BATCH):
                yield batch
        except sqlite3.Error as error:
            raise OptionError(f"{self._path.name}: {error}", option="sql") from None

    def interrupt(self) -> None:
        """Have what is asked at this moment, and whatever is asked later, end with `OptionError`."""
        self._is_interrupted = True

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class DuckEngine:
    """Parquet files: one, as the table ``records``, or an archive, with a table for each kind.

    Parameters:
        path: the file or the directory.
    """

    def __init__(self, path: Path) -> None:
        duckdb = need("duckdb", "archive", "asking Parquet files")
        self._errors: type[Exception] = duckdb.Error
        self._path = path
        self._tables: list[str] = []
        found = {"records": _literal(path)} if path.is_file() else _archived(path)
        if not found:
            raise StorageError(f"there are no Parquet files in {path}", url=str(path))
        self._connection = duckdb.connect(":memory:")
        for name, where in found.items():
            source = where.replace("'", "''")
            options = ", union_by_name = true, hive_partitioning = true" if path.is_dir() else ""
            self._connection.execute(f"CREATE VIEW {quoted(name)} AS SELECT * FROM read_parquet('{source}'{options})")
            self._tables.append(name)
        running = path / RUNNING
        self.left_out = sorted(running.glob("*.db")) if path.is_dir() else []
        """Journals of what is not archived yet."""

    def tables(self) -> dict[str, list[str]]:
        """Return the columns of each table by its name."""
        return {
            name: [row[0] for batch in self.ask(f"DESCRIBE {quoted(name)}").batches for row in batch]
            for name in self._tables
        }

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> Answer:
        """Ask a query; raises `OptionError` when it cannot be answered."""
        try:
            cursor = self._connection.execute(sql, list(parameters))
            columns = tuple(column[0] for column in cursor.description or ())
        except self._errors as error:
            raise OptionError(f"{self._path.name}: {_first_line(error)}", option="sql") from None
        return Answer(columns, self._batches(cursor))

    def _batches(self, cursor: Any) -> Iterator[Sequence[tuple[Any, ...]]]:
        try:
            while batch := cursor.fetchmany(BATCH):
                yield batch
        except self._errors as error:
            raise OptionError(f"{self._path.name}: {_first_line(error)}", option="sql") from None

    def interrupt(self) -> None:
        """Have what is asked at this moment end with `OptionError`."""
        self._connection.interrupt()

    def close(self) -> None:
        """Let go of the files."""
        self._connection.close()


def _archived(directory: Path) -> dict[str, str]:
    """Return the files of each table of an archive, as a pattern."""
    kinds = sorted(one for one in directory.iterdir() if one.is_dir() and one.name != RUNNING)
    return {one.name: f"{_literal(one)}/*/*.parquet" for one in kinds if any(one.glob("*/*.parquet"))}


def _literal(path: Path) -> str:
    """Return a pattern that means one path alone."""
    return re.sub(r"[*?\[]", r"[\g<0>]", str(path))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
