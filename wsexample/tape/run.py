"""Blocks of a tape that hold nothing but messages of one connection, which is most of them, read in few steps."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import repeat
from operator import itemgetter

from wsexample.tape.format import BlockMark, Kind, heads_of, payloads_of

__all__ = ["Arrival", "Run", "run_of"]

Arrival = tuple[bytes, bool, int]
"""Payload, whether it is binary, and when it was received (UTC epoch nanoseconds)."""

_at_ns = itemgetter(2)


@dataclass(slots=True)
class Run:
    """Messages of one connection in the order of time."""

    connection: int
    """Its number."""
    source: int
    """Position of its source."""
    arrivals: list[Arrival]
    """The messages."""
    position: int = 0
    """How many of them were taken."""

    @property
    def next_ns(self) -> int:
        """When the next of them was received."""
        return self.arrivals[self.position][2]

    @property
    def is_over(self) -> bool:
        """Whether all were taken."""
        return self.position >= len(self.arrivals)

    def take(self, most: int, before_ns: int | None, until_ns: int | None) -> list[Arrival]:
        """Take the next message, and those behind it.

        Parameters:
            most: how many at most.
            before_ns: none that is as late or later; None for any.
            until_ns: none that is later; None for any.
        """
        arrivals, begin = self.arrivals, self.position
        end = min(begin + most, len(arrivals))
        if before_ns is not None and arrivals[end - 1][2] >= before_ns:
            end = bisect_left(arrivals, before_ns, begin + 1, end, key=_at_ns)
        if until_ns is not None and arrivals[end - 1][2] > until_ns:
            end = bisect_right(arrivals, until_ns, begin + 1, end, key=_at_ns)
        self.position = end
        return arrivals[begin:end]


def run_of(mark: BlockMark, body: bytes) -> Run | None:
    """Return what a block holds; None when it is more than received messages of one kind, connection and source."""
    if mark.has_notes:
        return None
    times, lengths, connections, sources, kinds = heads_of(body, mark.count)
    connection, source, kind = connections[0], sources[0], kinds[0]
    count = mark.count
    is_uniform = kinds.count(kind) == connections.count(connection) == sources.count(source) == count
    if kind >= Kind.SENT_TEXT or not is_uniform or list(times) != sorted(times):
        return None
    flags = repeat(kind == Kind.RECEIVED_BINARY, count)
    return Run(connection, source, list(zip(payloads_of(body, lengths), flags, times, strict=True)))
