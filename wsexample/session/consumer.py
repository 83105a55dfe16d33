"""A consumer's end of a session: records out of its inbox, one at a time or as many as wait.

Taking a record that waits costs no task switch; a consumer that works long between two records lets the loop breathe,
so that what it takes next is as new as what has arrived.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from time import perf_counter
from types import TracebackType
from typing import Self

from wsexample.errors import DeadlineError, SlowConsumerError, StateError
from wsexample.ports import Record, kind_of
from wsexample.session.inbox import Inbox, InboxStats
from wsexample.session.waiting import Wakeup

__all__ = ["Consumer", "only"]

TURN_S = 0.002
"""Work between two records after which a consumer gives the loop a turn."""


async def breathe() -> None:
    """Let what has arrived at the socket come through to the inboxes.

    One turn of the loop notices the socket, the next wakes the session's reader, and in the third it runs.
    """
    for _ in range(3):
        await asyncio.sleep(0)


def only(kinds: frozenset[str], symbols: frozenset[str]) -> Callable[[Record], bool]:
    """Return what lets records of some kinds and symbols through.

    Parameters:
        kinds: such as {"board"}; empty for all.
        symbols: which ones; what concerns all of them, such as gaps, passes too. Empty for all.
    """
    by_class: dict[type[Record], bool] = {}

    def passes(record: Record) -> bool:
        if symbols and record.symbol and record.symbol not in symbols:
            return False
        if not kinds:
            return True
        known = by_class.get(record.__class__)
        if known is None:
            known = by_class[record.__class__] = kind_of(record.__class__) in kinds
        return known

    return passes


class Consumer:
    """Everything that a session delivers from a moment on, in an inbox of its own; made by ``session.consumer()``.

    Tasks that iterate over one consumer at the same time share its records, each record once.
    """

    def __init__(
        self,
        inbox: Inbox,
        *,
        where: Callable[[Record], bool] | None = None,
        made_room: Callable[[], None] = lambda: None,
        left: Callable[[Consumer], None] = lambda consumer: None,
    ) -> None:
        self.inbox = inbox
        """Where its records wait."""
        self._where = where
        self._made_room = made_room
        self._left = left
        self._filled = Wakeup()
        self._taken_s = perf_counter()
        self._is_over = False
        self._error: BaseException | None = None

    @property
    def stats(self) -> InboxStats:
        """The counts of its inbox at this moment."""
        return self.inbox.stats

    # -- taking --------------------------------------------------------------------------------------------------

    async def __aiter__(self) -> AsyncIterator[Record]:
        """Iterate over records until the session is over; raises what ended it, after everything that waits."""
        inbox = self.inbox
        take = inbox.take
        began_s = perf_counter()
        while await self._ready():
            while True:
                try:
                    record = take()
                except IndexError:
                    break
                if inbox.is_stalling:
                    self._make_room()
                yield record
                if perf_counter() - began_s > TURN_S:
                    await breathe()
                    began_s = perf_counter()
            began_s = perf_counter()

    async def batches(self) -> AsyncIterator[Sequence[Record]]:
        """Iterate over everything that waits, as lists; ends as iterating over single records does."""
        began_s = perf_counter()
        while await self._ready():
            batch = self.inbox.take_all()
            self._make_room()
            yield batch
            if perf_counter() - began_s > TURN_S:
                await breathe()
            began_s = perf_counter()

    async def receive(self, timeout_s: float | None = None) -> Record:
        """Return the next record.

        Parameters:
            timeout_s: seconds to wait on the machine's clock, None for ever.

        Raises:
            DeadlineError: nothing came in time; nothing is lost by that.
            StateError: the session was closed and everything is taken; what ended it otherwise is raised itself.
        """
        if perf_counter() - self._taken_s > TURN_S:
            await breathe()
        try:
            async with asyncio.timeout(timeout_s) as limit:
                if not await self._ready():
                    raise StateError("the session is over and every record has been taken")
        except TimeoutError:
            if not limit.expired():  # the session itself ended with a deadline that passed
                raise
            raise DeadlineError(
                f"no record within {timeout_s:g} s", step="receive", timeout_s=timeout_s or 0.0
            ) from None
        record = self.inbox.take()
        self._make_room()
        self._taken_s = perf_counter()
        return record

    def take_waiting(self) -> list[Record]:
        """Return every record that waits, without waiting for more."""
        records = self.inbox.take_all()
        self._make_room()
        return records

    def _make_room(self) -> None:
        """Tell the session to read on when it waits for this inbox and half of it is free again."""
        inbox = self.inbox
        if inbox.is_stalling and inbox.room * 2 >= inbox.limit:
            inbox.is_stalling = False
            self._made_room()

    async def _ready(self) -> bool:
        """Wait until a record can be taken; returns False when none will come, raises what ended the session."""
        while not len(self.inbox):
            if self.inbox.has_failed and not self.inbox.waiting:
                raise SlowConsumerError(
                    f"records came faster than they were taken: more than {self.inbox.limit} had to wait; take them"
                    " faster, or choose the policy 'conflate', 'drop_oldest' or 'block'",
                    limit=self.inbox.limit,
                )
            if self._is_over:
                if self._error is not None:
                    raise self._error
                return False
            await self._filled.wait()
        return True

    # -- told by the session -------------------------------------------------------------------------------------

    def put(self, records: Sequence[Record], *, at_once: bool = False) -> None:
        """Put records into the inbox and wake whoever waits for them; ``at_once`` is past what is held back."""
        if self._where is not None:
            records = [record for record in records if self._where(record)]
            if not records:
                return
        if at_once:
            self.inbox.put_at_once(records)
        else:
            self.inbox.put(records)
        self._filled.set()

    def move_to(self, other: Consumer) -> None:
        """Hand everything that waits over to another consumer."""
        if self.inbox.is_holding:
            other.inbox.hold()
        ready, held = self.inbox.hand_over()
        other.put(ready, at_once=True)
        other.put(held)

    def release(self, first: Sequence[Record]) -> None:
        """Let go of what was held back, after these records."""
        if self._where is not None:
            first = [record for record in first if self._where(record)]
        self.inbox.release(first)
        self._filled.set()

    def finish(self, error: BaseException | None) -> None:
        """Say that the session is over; what waits can still be taken."""
        if not self._is_over:
            self._is_over = True
            self._error = error
            self.inbox.close()
            self._filled.set()

    # -- the end -------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Leave the session; what waits is dropped and counted as such."""
        self.inbox.discard()
        self._is_over = True
        self._filled.set()
        self._left(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Consumer {self.inbox.policy}, {self.inbox.waiting} of {self.inbox.limit} waiting>"
