"""Blocks of a tape that hold nothing but messages of one connection, which is most of them, read in few steps."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise, repeat
from operator import itemgetter

from wsexample.tape.format import BlockMark, Kind, heads_of, payload_ends

__all__ = ["Arrival", "Plain", "Run", "plain_of", "run_of"]

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


@dataclass(frozen=True, slots=True)
class Plain:
    """What stands in a block of nothing but received messages of one kind, connection and source."""

    connection: int
    """Its number."""
    source: int
    """Position of its source."""
    is_binary: bool
    """Whether the messages are binary."""
    times: tuple[int, ...]
    """When each was received."""
    ends: list[int]
    """Where in the body each payload ends; the first is where the first begins."""


def plain_of(mark: BlockMark, body: bytes) -> Plain | None:
    """Return what a block holds; None when it is more than that."""
    if mark.has_notes:
        return None
    times, lengths, connections, sources, kinds = heads_of(body, mark.count)
    connection, source, kind, count = connections[0], sources[0], kinds[0], mark.count
    is_uniform = kinds.count(kind) == connections.count(connection) == sources.count(source) == count
    if kind >= Kind.SENT_TEXT or not is_uniform:
        return None
    return Plain(connection, source, kind == Kind.RECEIVED_BINARY, times, payload_ends(lengths))


def run_of(mark: BlockMark, body: bytes) -> Run | None:
    """Return what a block holds as messages to hand over; None when it is more than that, or time goes back in it."""
    plain = plain_of(mark, body)
    if plain is None or list(plain.times) != sorted(plain.times):
        return None
    payloads = [body[begin:end] for begin, end in pairwise(plain.ends)]
    arrivals = list(zip(payloads, repeat(plain.is_binary, mark.count), plain.times, strict=True))
    return Run(plain.connection, plain.source, arrivals)
