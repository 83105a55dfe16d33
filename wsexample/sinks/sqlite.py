"""Records into an SQLite file: batches from the shared queue, stored by one thread in write-ahead mode.

Every batch is a transaction; another process can read meanwhile. The batch that answers a flush is also synced to the disk.
The file's tables are in `wsexample.sinks.sqlite_file`, reading them back is `wsexample.sinks.sqlite_reader`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, count, starmap
from pathlib import Path
from typing import Any

from wsexample.errors import OptionError, StorageError
from wsexample.records.fields import RecordShape, describe
from wsexample.records.market import Record
from wsexample.sinks.base import SinkAddress
from wsexample.sinks.batching import BatchingSink, Refusal, SinkOptions
from wsexample.sinks.sqlite_file import migrate, prepare_table, quoted, storage_errors
from wsexample.sinks.sqlite_reader import read_records
from wsexample.sinks.store_thread import StoreThread

__all__ = ["SqliteOptions", "SqliteSink", "SqliteWriter", "read_records", "sink_at"]

_ROWS_PER_STATEMENT = 200
"""sqlite3 gives the interpreter lock up and takes it again once per statement: many rows in one spare most of that, less
than half the CPU for a small record (docs/decisions/0002-sqlite-sink.md has the figures)."""

# What sqlite3 and the row encoders raise for a value that can never be stored, whatever the state of the disk.
_BAD_VALUE = (
    OverflowError,
    UnicodeError,
    TypeError,
    ValueError,
    AttributeError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteOptions(SinkOptions):
    """What the SQLite sink lets you choose besides the queue.

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    busy_timeout_s: float = 5.0
    """How long a batch waits while another program holds the file locked, seconds."""
    max_bytes: int = 0
    """Size at which the file may grow no further, bytes; 0 for no limit."""

    def __post_init__(self) -> None:
        SinkOptions.__post_init__(self)
        for name in ("busy_timeout_s", "max_bytes"):
            if getattr(self, name) < 0:
                raise OptionError(f"{name} must not be negative", option=name)


def sink_at(address: SinkAddress) -> SqliteSink:
    """Return the sink for an ``sqlite://`` address; see `wsexample.sinks.base.open_sink`."""
    return SqliteSink(address.path, address.options_as(SqliteOptions))


class SqliteSink(BatchingSink):
    """Keeps records in an SQLite file.

    What `flush` returned for survives SIGKILL of this process and, on a disk that honours sync, a loss of power. A batch
    stored for its size or age survives SIGKILL at once and a loss of power from the next flush or checkpoint on.

    Parameters:
        path: the file; made when it does not exist, its directory is not.
        options: queue, batches, waiting.

    Raises:
        OptionError: the path is ":memory:", which keeps nothing.
    """

    def __init__(self, path: str | Path, options: SqliteOptions | None = None) -> None:
        chosen = options or SqliteOptions()
        super().__init__(chosen)
        if str(path) == ":memory:":
            raise OptionError("a database in memory does not keep records; name a file", option="url")
        self.path = Path(path)
        self._writer = SqliteWriter(self.path, chosen)
        self._thread = StoreThread("sqlite-sink")

    def __repr__(self) -> str:
        state = (
            "closed" if self._is_closing else "failing" if self.failure else "open" if self._thread else "not opened"
        )
        return f"<SqliteSink {self.path} {state}, {self.stats.stored} stored, {self.waiting} waiting>"

    async def _open(self) -> None:
        await self._thread.open(self._writer.open, self._writer.close)

    async def _store(self, batch: Sequence[Record], is_durable: bool) -> Sequence[Refusal]:
        return await self._thread.run(self._writer.store, batch, is_durable)

    async def _release(self) -> None:
        await self._thread.close(self._writer.close)


@dataclass(frozen=True, slots=True)
class _Table:
    """The statements of one record class."""

    encode: Callable[[int, Any], tuple[Any, ...]]
    one: str
    many: str
    rows_per_statement: int

    @classmethod
    def of(cls, shape: RecordShape, most_variables: int) -> _Table:
        names = ["seq", *(column.name for column in shape.columns)]
        row = f"({', '.join('?' * len(names))})"
        head = f"INSERT INTO {quoted(shape.table)} ({', '.join(map(quoted, names))}) VALUES "
        rows = max(1, min(_ROWS_PER_STATEMENT, most_variables // len(names)))
        return cls(shape.encode_row, head + row, head + ", ".join([row] * rows), rows)


class SqliteWriter:
    """The file as the one thread sees it; no method is called from any other.

    Parameters:
        path: the file, which `open` makes when there is none.
        options: how long to wait for other programs, how large the file may become.
    """

    def __init__(self, path: Path, options: SqliteOptions) -> None:
        self._path = path
        self._options = options
        self._connection: sqlite3.Connection | None = None
        self._tables: dict[type[Record], _Table] = {}
        self._is_synced = True
        self._stored = 0
        self._identity: tuple[int, int] | None = None
        self._is_known_gone = False

    def open(self) -> None:
        """Open the file and prepare it; called once, in the writer's thread."""
        with storage_errors(self._path, self._options.busy_timeout_s):
            connection = sqlite3.connect(self._path, timeout=self._options.busy_timeout_s, isolation_level=None)
            try:
                self._set_up(connection)
            except BaseException:  # whatever it was, the file is given back
                connection.close()
                raise
            self._connection = connection
        self._identity = _identity_of(self._path)

    def _set_up(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if self._options.max_bytes:
            (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
            connection.execute(f"PRAGMA max_page_count = {max(1, self._options.max_bytes // page_bytes)}")
        connection.execute("BEGIN IMMEDIATE")
        migrate(connection, self._path)
        # A file that may only be read takes BEGIN IMMEDIATE for BEGIN; only a change tells.
        connection.execute("UPDATE wsexample_store SET next_seq = next_seq")
        connection.execute("COMMIT")

    def store(self, batch: Sequence[Record], is_durable: bool) -> Sequence[Refusal]:
        """Store a batch in one transaction, or nothing of it.

        Parameters:
            is_durable: whether it has to survive a power cut.
        """
        connection = self._connection
        assert connection is not None
        if not batch and self._is_synced:
            return ()
        self._check_place()
        with storage_errors(self._path, self._options.busy_timeout_s):
            # In write-ahead mode FULL adds one sync of the log to each commit, and the log holds all earlier batches.
            connection.execute(f"PRAGMA synchronous = {'FULL' if is_durable else 'NORMAL'}")
            try:
                refusals = self._transact(connection, batch, is_durable, self._insert)
            except _BAD_VALUE:
                refusals = self._transact(connection, batch, is_durable, self._insert_one_by_one)
            self._is_synced = is_durable
            self._stored += len(batch) - len(refusals)
            return refusals

    def _check_place(self) -> None:
        """Notice that the path leads to the file no more: SQLite would go on writing to one that nobody finds again."""
        self._is_known_gone = self._identity is not None and _identity_of(self._path) not in (self._identity, None)
        if not self._is_known_gone:
            return
        raise StorageError(
            f"{self._path} was removed or replaced while it was written, and with it {self._stored:,} records that were stored"
            " since it was opened: put it back, or close the store and open it anew"
        )

    def _transact(
        self,
        connection: sqlite3.Connection,
        batch: Sequence[Record],
        is_durable: bool,
        insert: Callable[[sqlite3.Connection, Sequence[Record], int], list[Refusal]],
    ) -> list[Refusal]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Read anew each time: another process may write to the same file.
            (first,) = connection.execute("SELECT next_seq FROM wsexample_store").fetchone()
            refusals = insert(connection, batch, first)
            following = first + len(batch)
            connection.execute("UPDATE wsexample_store SET next_seq = ?", (following,))
            if is_durable:  # also makes a flush of an empty queue change the file: an unchanged one is not synced
                connection.execute("UPDATE wsexample_store SET synced_seq = ?", (following,))
            connection.execute("COMMIT")
        except BaseException:  # whatever it was, nothing of the batch is stored
            self._tables.clear()  # a table made in this transaction is gone again
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return refusals

    def _insert(self, connection: sqlite3.Connection, batch: Sequence[Record], first: int) -> list[Refusal]:
        record_types = set(map(type, batch))
        for record_type in record_types:
            table = self._table(connection, record_type)
            if len(record_types) == 1:
                rows = list(map(table.encode, count(first), batch))
            else:
                numbered = enumerate(batch, first)
                rows = list(starmap(table.encode, (pair for pair in numbered if type(pair[1]) is record_type)))
            _insert_rows(connection, table, rows)
        return []

    def _insert_one_by_one(self, connection: sqlite3.Connection, batch: Sequence[Record], first: int) -> list[Refusal]:
        refusals: list[Refusal] = []
        for number, record in enumerate(batch, first):
            try:
                table = self._table(connection, type(record))
                connection.execute(table.one, table.encode(number, record))
            except _BAD_VALUE as error:
                refusals.append(Refusal(record, str(error)))
        return refusals

    def _table(self, connection: sqlite3.Connection, record_type: type[Record]) -> _Table:
        table = self._tables.get(record_type)
        if table is None:
            shape = describe(record_type)
            prepare_table(connection, self._path, shape)
            table = _Table.of(shape, connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER))
            self._tables[record_type] = table
        return table

    def close(self) -> None:
        """Close the file; the last one to close it also folds the log into it."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            if self._stored and not self._is_known_gone:
                self._check_place()
        finally:
            with storage_errors(self._path, self._options.busy_timeout_s):
                connection.close()


def _identity_of(path: Path) -> tuple[int, int] | None:
    """Return what tells the file at a path from any other that is there later; (0, 0) for none, None where nobody can tell."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return (0, 0)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found.st_ino else None


def _insert_rows(connection: sqlite3.Connection, table: _Table, rows: list[tuple[Any, ...]]) -> None:
    step = table.rows_per_statement
    whole = len(rows) - len(rows) % step
    for start in range(0, whole, step):
        connection.execute(table.many, tuple(chain.from_iterable(rows[start : start + step])))
    if whole < len(rows):
        connection.executemany(table.one, rows[whole:])
