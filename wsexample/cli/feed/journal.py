"""The journal of a feed: what happened to its connections, and every gap, as records in a file or a sink of its own."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import BinaryIO

from wsexample.cli.feed.store import Store
from wsexample.errors import StorageError
from wsexample.records.fields import encode_json
from wsexample.records.market import Record

__all__ = ["Journal"]

_SINK_SUFFIXES = (".db", ".sqlite", ".sqlite3")


class Journal:
    """Connection events and gaps.

    Parameters:
        place: a file for JSON lines, which is appended to; or a sink, as `wsexample.sinks.base.open_sink` takes it.
    """

    def __init__(self, place: str) -> None:
        self._path = Path(place)
        self._file: BinaryIO | None = None
        self._sink = Store(place) if "://" in place or place.lower().endswith(_SINK_SUFFIXES) else None

    async def open(self) -> None:
        """Open it now, so that a mistake shows early; raises `StorageError`."""
        if self._sink is not None:
            await self._sink.open()
            return
        try:
            self._file = self._path.open("ab")
        except OSError as error:
            raise self._trouble(error) from error

    async def write(self, record: Record) -> None:
        """Keep an event; a line is in the file when this returns. Raises `StorageError`."""
        if self._sink is not None:
            await self._sink.write([record])
            return
        assert self._file is not None
        try:
            self._file.write(encode_json(record) + b"\n")
            self._file.flush()
        except OSError as error:
            raise self._trouble(error) from error

    async def close(self) -> None:
        """Store what waits and close."""
        if self._sink is not None:
            await self._sink.close()
        elif self._file is not None:
            with contextlib.suppress(OSError):  # every line was written or its failure raised
                self._file.close()

    def _trouble(self, error: OSError) -> StorageError:
        return StorageError(f"the journal {self._path} cannot be written: {error.strerror}", url=str(self._path))
