"""Where the messages of one stream wait for its loop, bounded and counted; which messages they are is decided in ``line``."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable

from wsexample.brokers.weex.codes import PRIVATE_TOPICS
from wsexample.brokers.weex.dialect import WeexMessage
from wsexample.errors import SlowConsumerError
from wsexample.ports import Record
from wsexample.session.inbox import InboxStats

__all__ = ["Outlet", "summed"]


class Outlet:
    """Where the messages of one stream wait.

    ``received == delivered + conflated + dropped + waiting`` at every moment, as in a session's inbox.

    Parameters:
        keeps_newest: of each public topic keep the newest message alone; otherwise keep all, within the limit.
        limit: messages that may wait; more end the stream with `SlowConsumerError`.
    """

    def __init__(self, *, keeps_newest: bool = False, limit: int) -> None:
        self.topics: set[str] = set()
        """Streams that it has, on whichever line."""
        self._newest: dict[str, Record] | None = {} if keeps_newest else None
        self._all: deque[Record] = deque()
        self._limit = limit
        self._filled = asyncio.Event()
        self._is_over = False
        self._error: BaseException | None = None
        self._received = self._delivered = self._conflated = self._dropped = 0

    @property
    def stats(self) -> InboxStats:
        """The counts at this moment."""
        return InboxStats(
            received=self._received,
            delivered=self._delivered,
            conflated=self._conflated,
            dropped=self._dropped,
            waiting=len(self._all) + len(self._newest or ()),
        )

    @property
    def has_ended(self) -> bool:
        """Whether nothing follows, and no error is the reason."""
        return self._is_over and self._error is None

    def put(self, record: Record) -> None:
        """Take a message, or news of the connection, in."""
        if self._is_over:
            return
        self._received += 1
        topic = record.topic if isinstance(record, WeexMessage) else ""
        if self._newest is not None and topic and topic not in PRIVATE_TOPICS:
            self._conflated += topic in self._newest
            self._newest[topic] = record
        elif len(self._all) >= self._limit:
            self._dropped += 1
            self.finish(SlowConsumerError(f"{self._limit} messages wait; take them faster", limit=self._limit))
        else:
            self._all.append(record)
        self._filled.set()

    def finish(self, error: BaseException | None) -> None:
        """Say that nothing follows; what waits is still handed over."""
        if not self._is_over:
            self._is_over, self._error = True, error
        self._filled.set()

    def leave(self) -> None:
        """Let go of what waits: nobody is going to take it."""
        self._is_over = True
        self._dropped += len(self._all) + len(self._newest or ())
        self._all.clear()
        if self._newest is not None:
            self._newest.clear()

    def take_waiting(self) -> list[Record]:
        """Return everything that waits, without waiting for more."""
        found = list(self._all)
        self._all.clear()
        if self._newest:
            found += self._newest.values()
            self._newest.clear()
        self._delivered += len(found)
        return found

    async def next(self) -> Record | None:
        """Return what comes next, None when nothing follows; raises what ended it."""
        while not (self._all or self._newest):
            if self._is_over:
                if self._error is not None:
                    raise self._error
                return None
            self._filled.clear()
            await self._filled.wait()
        self._delivered += 1
        if self._all:
            return self._all.popleft()
        assert self._newest
        return self._newest.pop(next(iter(self._newest)))

    async def __aiter__(self) -> AsyncIterator[Record]:
        while (record := await self.next()) is not None:
            yield record


def summed(counts: Iterable[InboxStats]) -> InboxStats:
    """Return the sums of several outlets' counts."""
    rows = [(one.received, one.delivered, one.conflated, one.dropped, one.waiting) for one in counts]
    received, delivered, conflated, dropped, waiting = (sum(column) for column in zip((0,) * 5, *rows, strict=True))
    return InboxStats(received=received, delivered=delivered, conflated=conflated, dropped=dropped, waiting=waiting)
