"""Records as JSON lines on standard output: one object a line, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from wsexample.cli.feed.store import OF_THE_STREAM
from wsexample.cli.output import Output
from wsexample.ports import kind_of
from wsexample.records.fields import encode_json
from wsexample.records.market import Record
from wsexample.session.consumer import Consumer

__all__ = ["Lines"]

PART = 200
"""Lines that are written at a time, so that it shows whether a slow reader reads."""


class Lines:
    """Prints what consumers get.

    Parameters:
        count: records of the market or the account after which nothing is printed any more; None for no end.
    """

    def __init__(self, *, count: int | None = None) -> None:
        self._output = Output()
        self._left = count
        self.printed = 0
        """Records written and taken by the reader or the system."""
        self.unread = 0
        """Records that were being written when nobody read any more."""

    async def print_from(self, consumer: Consumer) -> None:
        """Print until the stream is over; raises what ended it, or `BrokenPipeError` when nobody reads any more."""
        async for batch in consumer.batches():
            lines = [encode_json(record) + b"\n" for record in self._wanted(batch)]
            self.unread += len(lines)
            for first in range(0, len(lines), PART):
                part = lines[first : first + PART]
                await self._output.send(b"".join(part))
                self.printed += len(part)
                self.unread -= len(part)

    def _wanted(self, batch: Iterable[Record]) -> Iterable[Record]:
        for record in batch:
            kind = kind_of(type(record))
            if kind == "connection":
                continue  # for the journal
            if kind not in OF_THE_STREAM and self._left is not None:
                if not self._left:
                    return
                self._left -= 1
            yield record
