"""Records into a directory of Parquet files: small, columnar, read by DuckDB, Polars, pandas and Spark.

A Parquet file cannot be read before it is finished, so records of the running day go into an SQLite journal in the same
directory first, with the promises of the SQLite sink. When a later day begins, and when the sink is closed, the journal becomes
Parquet files: written aside, synced, renamed, and only then the journal is removed. A journal that a killed program left behind
is archived by the next one. How files are laid out and read is in `wsexample.sinks.parquet_archive`.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wsexample.errors import OptionError, StorageError
from wsexample.records.market import Record
from wsexample.sinks.base import SinkAddress
from wsexample.sinks.batching import BatchingSink, Refusal, SinkOptions
from wsexample.sinks.extras import need
from wsexample.sinks.parquet_archive import FEATURE, JOURNALS, archive, day_of, journals_in, read_archive
from wsexample.sinks.sqlite import SqliteOptions, SqliteWriter
from wsexample.sinks.sqlite_file import storage_errors
from wsexample.sinks.store_thread import StoreThread

__all__ = ["ParquetOptions", "ParquetSink", "read_archive", "sink_at"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetOptions(SinkOptions):
    """What the Parquet sink lets you choose besides the queue."""

    row_group_records: int = 100_000
    """Records in a row group: larger ones compress better, smaller ones need less memory."""
    compression_level: int = 3
    """Level of zstd, 1 to 22."""

    def __post_init__(self) -> None:
        SinkOptions.__post_init__(self)
        if self.row_group_records < 1:
            raise OptionError("row_group_records must be at least 1", option="row_group_records")
        if not 1 <= self.compression_level <= 22:
            raise OptionError(
                f"compression_level must be 1 to 22, not {self.compression_level}", option="compression_level"
            )


def sink_at(address: SinkAddress) -> ParquetSink:
    """Return the sink for a ``parquet://`` address; see `wsexample.sinks.base.open_sink`."""
    return ParquetSink(address.path, address.options_as(ParquetOptions))


class ParquetSink(BatchingSink):
    """Keeps records in Parquet files, a directory for each kind and day.

    What `flush` returned for survives SIGKILL: it is in the journal, and an archive is complete before its journal goes. One
    program at a time writes to a directory; any number may read.

    Parameters:
        directory: where the files are; made when it does not exist.
        options: queue, batches, row groups.
    """

    def __init__(self, directory: str | Path, options: ParquetOptions | None = None) -> None:
        need("pyarrow.parquet", "archive", FEATURE)
        self._chosen = options or ParquetOptions()
        super().__init__(self._chosen)
        self.stats.extra["archived"] = 0
        self.directory = Path(directory)
        self._thread = StoreThread("parquet-sink")
        self._lock: sqlite3.Connection | None = None
        self._journal: SqliteWriter | None = None
        self._journal_path: Path | None = None
        self._day = ""

    def __repr__(self) -> str:
        return f"<ParquetSink {self.directory}, {self.stats.stored} stored, {self.waiting} waiting>"

    async def _open(self) -> None:
        await self._thread.open(self._set_up, self._give_up)

    async def _store(self, batch: Sequence[Record], is_durable: bool) -> Sequence[Refusal]:
        return await self._thread.run(self._keep, batch, is_durable)

    async def _release(self) -> None:
        await self._thread.close(self._finish_all)

    # --- in the thread ----------------------------------------------------------------------------------------------

    def _set_up(self) -> None:
        try:
            (self.directory / JOURNALS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self.directory} cannot be made: {error.strerror}") from error
        self._lock = _locked(self.directory)
        try:
            for path in journals_in(self.directory):  # a killed program left them
                self._archive(path)
        except BaseException:  # whatever it was, the directory is given back
            self._lock.close()
            raise

    def _keep(self, batch: Sequence[Record], is_durable: bool) -> Sequence[Refusal]:
        if batch:
            day = day_of(batch[0].received_ns)
            if self._journal is not None and day > self._day:
                self._finish_journal()
            self._day = max(self._day, day)
        if self._journal is None:
            if not batch:
                return ()
            self._journal_path = self.directory / JOURNALS / f"{time.time_ns():020d}.db"
            self._journal = SqliteWriter(self._journal_path, SqliteOptions())
            try:
                self._journal.open()
            except BaseException:  # whatever it was, the next batch begins a journal of its own
                self._journal = None
                raise
        return self._journal.store(batch, is_durable)

    def _finish_journal(self) -> None:
        """Close the journal and archive it; where that fails it stays, and the next program or the close tries again."""
        journal, path = self._journal, self._journal_path
        self._journal = self._journal_path = None
        if journal is None or path is None:
            return
        journal.close()
        try:
            self._archive(path)
        except StorageError as error:
            _log.warning("%s", error)

    def _archive(self, path: Path) -> None:
        options = self._chosen
        self.stats.extra["archived"] += archive(
            path, self.directory, row_group_records=options.row_group_records, level=options.compression_level
        )

    def _finish_all(self) -> None:
        try:
            if self._journal is not None and self._journal_path is not None:
                self._journal.close()
                self._journal = None
            for path in journals_in(self.directory):
                self._archive(path)
        finally:
            self._give_up()

    def _give_up(self) -> None:
        """Let another writer have the directory."""
        if self._lock is not None:
            self._lock.close()


def _locked(directory: Path) -> sqlite3.Connection:
    """Hold the directory until the connection is closed or this process ends, however it ends."""
    # An SQLite lock is the one that Python's library has on every system and that a killed process gives up.
    path = directory / JOURNALS / "writer.lock"
    with storage_errors(path, 0):
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            connection.close()
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            raise StorageError(
                f"another program is writing to {directory}: wait for it or choose another directory"
            ) from error
    return connection
