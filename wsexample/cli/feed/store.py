"""Where records come to rest: a sink by its URL, with what a command has to say about it."""

from __future__ import annotations

from collections.abc import Sequence

from wsexample.records.market import Record
from wsexample.sinks.base import open_sink
from wsexample.wire.masking import mask_url

__all__ = ["OF_THE_STREAM", "Store"]

OF_THE_STREAM = frozenset({"alert", "connection", "gap"})
"""Kinds of records that tell of the stream itself, not of a market or an account."""


class Store:
    """A sink.

    Parameters:
        url: as `open_sink` takes it.

    Raises:
        OptionError: there is no such sink.
    """

    def __init__(self, url: str) -> None:
        self._sink = open_sink(url)
        self._url = url

    @property
    def stored(self) -> int:
        """Records that are durable, those of the stream itself and alerts left out."""
        return sum(count for kind, count in self._sink.stats.by_kind.items() if kind not in OF_THE_STREAM)

    @property
    def place(self) -> str:
        """Where the records are, for people."""
        path = getattr(self._sink, "path", None)
        return str(path) if path is not None else mask_url(self._url)

    async def open(self) -> None:
        """Open it now, so that a mistake shows before anything is asked of a broker; raises `StorageError`."""
        await self._sink.open()

    async def write(self, records: Sequence[Record]) -> None:
        """Take records; waits while the sink is behind. Raises `StorageError`."""
        await self._sink.write(records)

    async def close(self) -> None:
        """Store what waits and close; raises `StorageError` when that cannot be."""
        await self._sink.close()
