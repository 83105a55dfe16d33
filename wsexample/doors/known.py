"""Which trade updates have been taken already, and until when: so that a client goes on where it stopped. Pure.

What was missed is fetched by the stream; here doubles of an earlier life, or of an earlier run of the program, are told.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from wsexample.brokers.alpaca.client.memory import TradingMemory
from wsexample.ports import Record
from wsexample.records.orders import Fill, Order

__all__ = ["KnownUpdates"]


class KnownUpdates:
    """Updates taken.

    Parameters:
        keep: how many are remembered.
    """

    def __init__(self, keep: int = 100_000) -> None:
        self._keep = keep
        self._names = TradingMemory()
        self._keys: dict[Hashable, None] = {}
        self.until_ns: int | None = None
        """The venue's time of the newest, UTC epoch nanoseconds; None before the first."""

    def take(self, update: Order | Fill) -> bool:
        """Take note of an update; returns whether it is new."""
        key = self._names.key(update)
        if key in self._keys:
            return False
        self._keys[key] = None
        if len(self._keys) > 2 * self._keep:  # forgotten in one go, so that each costs a constant
            for old in list(self._keys)[: -self._keep]:
                del self._keys[old]
        if update.exchange_ns is not None:
            self.until_ns = max(self.until_ns or 0, update.exchange_ns)
        return True

    def forget(self, update: Order | Fill) -> None:
        """Take note that an update was not taken after all: it is new when it comes again."""
        self._keys.pop(self._names.key(update), None)

    def recall(self, records: Iterable[Record]) -> None:
        """Take note of what was stored by an earlier run."""
        for record in records:
            if isinstance(record, Order | Fill):
                self.take(record)
