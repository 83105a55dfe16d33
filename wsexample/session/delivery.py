"""From a session to its consumers: every record into every inbox, each once, and the sums of their counts.

When records come and from where is the session's business; how one consumer takes them is in `wsexample.session.consumer`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

from wsexample.ports import Record
from wsexample.session.consumer import Consumer
from wsexample.session.inbox import Inbox, InboxStats
from wsexample.session.options import SessionOptions
from wsexample.session.waiting import Wakeup

__all__ = ["Delivery"]


class Delivery:
    """The consumers of a session.

    Parameters:
        options: policy and limit of consumers that name none of their own.
        dedupe: what tells that two records are the same; None for records that may repeat.
    """

    def __init__(self, options: SessionOptions, dedupe: Callable[[Record], Hashable | None] | None = None) -> None:
        self._options = options
        self._dedupe = dedupe
        self._keys: dict[Hashable, None] = {}
        self._consumers: list[Consumer] = []
        self._gone = InboxStats()
        self._is_holding = False
        self._is_over = False
        self._error: BaseException | None = None
        self.room = Wakeup()
        """Set when a full inbox has room again, or need not be waited for any more."""
        self.duplicates = 0
        """Records left out because the same had come before."""
        self.newest: Record | None = None
        """The newest record with a time of its venue."""
        self.has_delivered = False
        """Whether any record was ever put."""
        self._unclaimed: Consumer | None = self._add(
            Inbox(options.policy, options.limit, lossless=options.lossless), None
        )
        self._own: Consumer | None = None

    # -- consumers -----------------------------------------------------------------------------------------------

    @property
    def own(self) -> Consumer:
        """The consumer behind the session itself."""
        if self._own is None:
            self._own, self._unclaimed = self._unclaimed or self.consumer(), None
        return self._own

    def consumer(
        self,
        policy: str | None = None,
        limit: int | None = None,
        lossless: Iterable[str] = (),
        where: Callable[[Record], bool] | None = None,
    ) -> Consumer:
        """Add a consumer; the first one, or the first reader of `own`, also gets what came before."""
        options = self._options
        inbox = Inbox(policy or options.policy, limit or options.limit, lossless=options.lossless | frozenset(lossless))
        consumer = self._add(inbox, where)
        if self._unclaimed is not None:
            first, self._unclaimed = self._unclaimed, None
            first.move_to(consumer)
            self._forget(first)
        elif self._is_holding:
            inbox.hold()
        if self._is_over:
            consumer.finish(self._error)
        return consumer

    def _add(self, inbox: Inbox, where: Callable[[Record], bool] | None) -> Consumer:
        consumer = Consumer(inbox, where=where, made_room=self.room.set, left=self._forget)
        self._consumers.append(consumer)
        return consumer

    def _forget(self, consumer: Consumer) -> None:
        if consumer in self._consumers:
            self._consumers.remove(consumer)
            self._gone = _sum([self._gone, consumer.inbox.stats])
            self.room.set()

    @property
    def lag_ns(self) -> int | None:
        """Arrival less the venue's time of the newest record that has one; None before the first."""
        newest = self.newest
        return newest.received_ns - newest.exchange_ns if newest and newest.exchange_ns is not None else None

    @property
    def stats(self) -> InboxStats:
        """The sums over all consumers, those that left included."""
        return _sum([self._gone, *(consumer.inbox.stats for consumer in self._consumers)])

    # -- records -------------------------------------------------------------------------------------------------

    def deliver(self, records: Sequence[Record]) -> None:
        """Put records into every inbox, those that came before left out."""
        if self._dedupe is not None:
            records = self.new_ones(records)
        if records:
            if records[-1].exchange_ns is not None:
                self.newest = records[-1]
            self.has_delivered = True
            for consumer in self._consumers:
                consumer.put(records)

    def deliver_at_once(self, records: Sequence[Record]) -> None:
        """Put records into every inbox, past what is held back."""
        for consumer in self._consumers:
            consumer.put(records, at_once=True)

    def new_ones(self, records: Iterable[Record]) -> list[Record]:
        """Return the records that did not come before, and remember them."""
        dedupe, keys = self._dedupe, self._keys
        if dedupe is None:
            return list(records)
        new = []
        for record in records:
            key = dedupe(record)
            if key is not None:
                if key in keys:
                    self.duplicates += 1
                    continue
                keys[key] = None
            new.append(record)
        memory = self._options.dedupe_memory
        if len(keys) > 2 * memory:  # forgotten in one go, so that each costs a constant
            for key in list(keys)[:-memory]:
                del keys[key]
        return new

    def hold(self) -> None:
        """Hold back what is put from now on, in every inbox."""
        self._is_holding = True
        for consumer in self._consumers:
            consumer.inbox.hold()

    @property
    def has_held(self) -> bool:
        """Whether anything is held back."""
        return any(consumer.inbox.has_held for consumer in self._consumers)

    def release(self, first: Sequence[Record] = ()) -> None:
        """Let go of what is held back, after these records."""
        self._is_holding = False
        for consumer in self._consumers:
            consumer.release(first)

    # -- pressure ------------------------------------------------------------------------------------------------

    @property
    def slack(self) -> int:
        """Records that may come before some inbox is full; 0 or less when one is."""
        return min((consumer.inbox.room for consumer in self._consumers), default=1)

    async def wait_for_room(self) -> None:
        """Wait until somebody has made room, or until waiting is pointless."""
        for consumer in self._consumers:
            if consumer.inbox.is_full:
                consumer.inbox.is_stalling = True
        await self.room.wait()

    @property
    def failed(self) -> Consumer | None:
        """A consumer that asked to fail rather than wait, and has, when no other is left to deliver to."""
        if self._consumers and all(consumer.inbox.has_failed for consumer in self._consumers):
            return self._consumers[0]
        return None

    def finish(self, error: BaseException | None) -> None:
        """Say that nothing more will come; what waits can still be taken."""
        if not self._is_over:
            self._is_over = True
            self._error = error
            for consumer in self._consumers:
                consumer.finish(error)


def _sum(counts: Sequence[InboxStats]) -> InboxStats:
    return InboxStats(
        received=sum(count.received for count in counts),
        delivered=sum(count.delivered for count in counts),
        conflated=sum(count.conflated for count in counts),
        dropped=sum(count.dropped for count in counts),
        waiting=sum(count.waiting for count in counts),
    )
