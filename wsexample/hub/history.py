"""What a hub remembers of a topic: its sequence number, its newest record, and those before it, up to a bound."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice

from wsexample.records.market import Record

__all__ = ["Topic"]


class Topic:
    """One topic.

    Parameters:
        name: the topic.
        history: how many records are kept.
        is_lossless: whether no reader may miss one: orders, fills, accounts, connection events.
        seq: number of the last record that was published under this name before.
    """

    __slots__ = ("_kept", "is_lossless", "name", "seq")

    def __init__(self, name: str, history: int, *, is_lossless: bool, seq: int = 0) -> None:
        self.name = name
        self.is_lossless = is_lossless
        self.seq = seq
        """Number of the newest record; 0 before the first."""
        self._kept: deque[Record] = deque(maxlen=history)

    def keep(self, record: Record) -> int:
        """Take the next record; returns its number."""
        self._kept.append(record)
        self.seq += 1
        return self.seq

    def replace(self, seq: int, record: Record) -> None:
        """Keep another record under a number that is kept."""
        if self.oldest_seq <= seq <= self.seq:
            self._kept[seq - self.oldest_seq] = record

    def go_back(self, seq: int) -> None:
        """Forget everything after a number: what was kept under later ones counts no more."""
        for _ in range(min(self.seq - seq, len(self._kept))):
            self._kept.pop()
        self.seq = seq

    def skip_to(self, seq: int) -> None:
        """Forget what is kept and go on after a later number, because what lies between was never seen here."""
        self._kept.clear()
        self.seq = seq

    @property
    def oldest_seq(self) -> int:
        """Number of the oldest record that is kept; one more than the newest when none is."""
        return self.seq - len(self._kept) + 1

    def after(self, seq: int) -> Iterator[tuple[int, Record]]:
        """Iterate over the records that are kept and newer than a number, oldest first."""
        start = max(seq + 1, self.oldest_seq)
        yield from enumerate(islice(self._kept, start - self.oldest_seq, None), start)
