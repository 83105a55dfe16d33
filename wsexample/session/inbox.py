"""The bounded room between a session and one consumer: records wait here, and a policy says what happens when it is full.

Pure: it holds no loop and no clock. Nothing disappears silently:
``received == delivered + conflated + dropped + waiting`` at every moment, and each number is public.

| policy | what happens when it is full | what is lossless |
|---|---|---|
| block | `is_full` tells the session to stop reading | everything |
| conflate | the newest record per key replaces the older in its place; beyond so many keys the oldest goes | the kinds below |
| drop_oldest | the oldest record goes | the kinds below |
| fail | `has_failed`: what comes then is dropped, what waited before it is still delivered | everything until then |

Orders, fills, account records, gaps and connection events are always lossless. They are counted by themselves: market
data never pushes them out, and when as many of them wait as the limit allows, `is_full` holds for any policy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Protocol

import msgspec

from wsexample.errors import OptionError
from wsexample.ports import Record, is_market_data, kind_of

__all__ = ["Inbox", "InboxStats", "key_of"]

Key = Callable[[Any], Hashable]

SINGULAR_KINDS = frozenset({"trade_correction", "trade_cancel", "news_item"})
"""Market data of which a newer record does not replace an older one."""


def key_of(record: Any) -> Hashable:
    """Return what conflation tells records apart by.

    The kind and the symbol; for bars their interval and start too; corrections, cancellations and news each for itself.
    """
    kind = record.__class__
    if hasattr(record, "interval_s"):
        return (kind, record.symbol, record.interval_s, record.exchange_ns)
    if kind_of(kind) in SINGULAR_KINDS:
        return (kind, id(record))
    return (kind, record.symbol)


class InboxStats(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of an inbox at one moment; the first is the sum of the others."""

    received: int = 0
    """Records put in."""
    delivered: int = 0
    """Records taken by the consumer."""
    conflated: int = 0
    """Records replaced by a newer one of the same key before they were taken."""
    dropped: int = 0
    """Records let go of because the inbox was full or closed."""
    waiting: int = 0
    """Records that wait to be taken."""


class _Line(Protocol):
    """Records in the order in which they will be taken."""

    conflated: int
    dropped: int

    @property
    def lossless_waiting(self) -> int: ...
    def __len__(self) -> int: ...
    def put(self, records: Iterable[Record]) -> None: ...
    def take(self) -> Record: ...


class _PlainLine:
    """Keeps everything."""

    lossless_waiting: int = 0

    def __init__(self) -> None:
        self.conflated = 0
        self.dropped = 0
        self._queue: deque[Record] = deque()
        self.put = self._queue.extend
        self.take = self._queue.popleft

    def __len__(self) -> int:
        return len(self._queue)


LOSSLESS, BY_SYMBOL, BY_KEY = 1, 2, 3


class _Kinds:
    """What to do with each class of records, looked up once per class."""

    def __init__(self, lossless: frozenset[str], key: Key) -> None:
        self._lossless = lossless
        self.key = key
        self.known: dict[type[Record], int] = {}

    def look_up(self, kind: type[Record]) -> int:
        """Return LOSSLESS, BY_SYMBOL or BY_KEY."""
        name = kind_of(kind)
        if not is_market_data(kind) or name in self._lossless:
            how = LOSSLESS
        elif self.key is not key_of or hasattr(kind, "interval_s") or name in SINGULAR_KINDS:
            how = BY_KEY
        else:
            how = BY_SYMBOL
        self.known[kind] = how
        return how


class _SortingLine:
    """Sorts records into lossless and lossy ones and merges them again by number."""

    def __init__(self, limit: int, kinds: _Kinds) -> None:
        self.conflated = 0
        self.dropped = 0
        self._limit = limit
        self._kinds = kinds
        self._kept: deque[tuple[int, Record]] = deque()
        self._number = 0

    @property
    def lossless_waiting(self) -> int:
        return len(self._kept)


class _DroppingLine(_SortingLine):
    """Drops the oldest lossy record when full."""

    def __init__(self, limit: int, kinds: _Kinds) -> None:
        super().__init__(limit, kinds)
        self._queue: deque[tuple[int, Record]] = deque()

    def __len__(self) -> int:
        return len(self._queue) + len(self._kept)

    def put(self, records: Iterable[Record]) -> None:
        queue, kinds, number = self._queue, self._kinds, self._number
        for record in records:
            number += 1
            kind = record.__class__
            if (kinds.known.get(kind) or kinds.look_up(kind)) == LOSSLESS:
                self._kept.append((number, record))
                continue
            if len(queue) >= self._limit:
                queue.popleft()
                self.dropped += 1
            queue.append((number, record))
        self._number = number

    def take(self) -> Record:
        kept, queue = self._kept, self._queue
        if kept and (not queue or kept[0][0] < queue[0][0]):
            return kept.popleft()[1]
        return queue.popleft()[1]


class _ConflatingLine(_SortingLine):
    """Keeps the newest record per key, at the place of the first that came: the longest unread symbol is next."""

    def __init__(self, limit: int, kinds: _Kinds) -> None:
        super().__init__(limit, kinds)
        self._order: deque[tuple[int, Hashable]] = deque()
        self._newest: dict[Hashable, Record] = {}

    def __len__(self) -> int:
        return len(self._newest) + len(self._kept)

    def put(self, records: Iterable[Record]) -> None:
        newest, kinds = self._newest, self._kinds
        known, by_key = kinds.known, kinds.key
        for record in records:
            kind = record.__class__
            how = known.get(kind) or kinds.look_up(kind)
            if how == LOSSLESS:
                self._number += 1
                self._kept.append((self._number, record))
                continue
            key = (kind, record.symbol) if how == BY_SYMBOL else by_key(record)
            if key in newest:
                self.conflated += 1
            else:
                if len(newest) >= self._limit:
                    del newest[self._order.popleft()[1]]
                    self.dropped += 1
                self._number += 1
                self._order.append((self._number, key))
            newest[key] = record

    def take(self) -> Record:
        kept, order = self._kept, self._order
        if kept and (not order or kept[0][0] < order[0][0]):
            return kept.popleft()[1]
        return self._newest.pop(order.popleft()[1])


class Inbox:
    """Records received and not yet taken by one consumer.

    Parameters:
        policy: "block", "conflate", "drop_oldest" or "fail".
        limit: records that may wait.
        lossless: further kinds that are never conflated or dropped.
        key: what conflation tells records apart by (default `key_of`).
    """

    def __init__(
        self,
        policy: str = "block",
        limit: int = 10_000,
        *,
        lossless: Iterable[str] = (),
        key: Key = key_of,
    ) -> None:
        self.policy = policy
        self.limit = limit
        self.received = 0
        """Records put in."""
        self.delivered = 0
        """Records taken by the consumer."""
        self.has_failed = False
        """Whether the policy is "fail" and more came than the limit allows."""
        self.is_closed = False
        """Whether it takes nothing any more; what comes counts as dropped."""
        self.is_stalling = False
        """Set by the session while it waits for this inbox, so that the consumer tells it when there is room."""
        self._dropped = 0
        self._conflated = 0
        kinds = _Kinds(frozenset(lossless), key)
        if policy in ("block", "fail"):
            self._new_line: Callable[[], _Line] = _PlainLine
        elif policy == "conflate":
            self._new_line = lambda: _ConflatingLine(limit, kinds)
        elif policy == "drop_oldest":
            self._new_line = lambda: _DroppingLine(limit, kinds)
        else:
            raise OptionError(f"there is no inbox policy {policy!r}", option="policy")
        self._line: _Line = self._new_line()
        self._held: _Line | None = None

    def __len__(self) -> int:
        """Return how many records can be taken now; what is held back is not among them."""
        return len(self._line)

    @property
    def waiting(self) -> int:
        """Records that wait to be taken, those held back included."""
        return len(self._line) + (len(self._held) if self._held is not None else 0)

    @property
    def conflated(self) -> int:
        """Records replaced by a newer one of the same key before they were taken."""
        return self._conflated + self._line.conflated + (self._held.conflated if self._held is not None else 0)

    @property
    def dropped(self) -> int:
        """Records let go of because the inbox was full or closed."""
        return self._dropped + self._line.dropped + (self._held.dropped if self._held is not None else 0)

    @property
    def stats(self) -> InboxStats:
        """All counts at this moment."""
        return InboxStats(
            received=self.received,
            delivered=self.delivered,
            conflated=self.conflated,
            dropped=self.dropped,
            waiting=self.waiting,
        )

    @property
    def room(self) -> int:
        """Records that may still come before `is_full` holds; negative when more came than the limit allows."""
        if self.is_closed or self.policy == "fail":
            return self.limit
        if self.policy == "block":
            return self.limit - self.waiting
        held = self._held.lossless_waiting if self._held is not None else 0
        return self.limit - self._line.lossless_waiting - held

    @property
    def is_full(self) -> bool:
        """Whether the session shall stop reading until something has been taken."""
        return self.room <= 0

    def put(self, records: Sequence[Record]) -> None:
        """Take records from the session, oldest first."""
        self._put(records, self._held if self._held is not None else self._line)

    def put_at_once(self, records: Sequence[Record]) -> None:
        """Take records that are not held back with the others."""
        self._put(records, self._line)

    def _put(self, records: Sequence[Record], line: _Line) -> None:
        self.received += len(records)
        if self.is_closed:
            self._dropped += len(records)
            return
        if self.policy == "fail" and self.waiting + len(records) > self.limit:
            self.has_failed = True
            fitting = max(self.limit - self.waiting, 0)
            self.is_closed = True
            self._dropped += len(records) - fitting
            records = records[:fitting]
        line.put(records)

    def take(self) -> Record:
        """Give the next record to the consumer; raises IndexError when none can be taken."""
        record = self._line.take()
        self.delivered += 1
        return record

    def take_all(self) -> list[Record]:
        """Give everything that can be taken to the consumer, in order."""
        take = self._line.take
        records = [take() for _ in range(len(self._line))]
        self.delivered += len(records)
        return records

    def hold(self) -> None:
        """Hold back what is put from now on, so that something can come before it; nothing is once it is closed."""
        if self._held is None and not self.is_closed:
            self._held = self._new_line()

    @property
    def is_holding(self) -> bool:
        """Whether what is put is held back now."""
        return self._held is not None

    @property
    def has_held(self) -> bool:
        """Whether anything is held back."""
        return self._held is not None and len(self._held) > 0

    def release(self, first: Sequence[Record] = ()) -> None:
        """Let go of what is held back, after these records."""
        held, self._held = self._held, None
        if held is None:
            self.put(first)
        elif self.policy == "fail":
            self._release_what_fits(first, held)
        else:
            self.put(first)
            self._dropped += held.dropped
            self._conflated += held.conflated
            self._line.put(held.take() for _ in range(len(held)))

    def _release_what_fits(self, first: Sequence[Record], held: _Line) -> None:
        """Let go of the oldest up to the limit, so that nothing is missing from between what is delivered."""
        self.received += len(first)
        records = [*first, *(held.take() for _ in range(len(held)))]
        fitting = max(self.limit - len(self._line), 0)
        self._line.put(records[:fitting])
        if len(records) > fitting:
            self.has_failed = self.is_closed = True
            self._dropped += len(records) - fitting

    def hand_over(self) -> tuple[list[Record], list[Record]]:
        """Give up everything that waits, so that another inbox counts it: what can be taken, and what is held back."""
        line, held = self._line, self._held
        self.received -= self.waiting
        ready = [line.take() for _ in range(len(line))]
        kept = [held.take() for _ in range(len(held))] if held is not None else []
        return ready, kept

    def close(self) -> None:
        """Take nothing any more; what was put can still be taken."""
        self.release()
        self.is_closed = True

    def discard(self) -> None:
        """Close, and drop what waits because nobody will take it."""
        self.close()
        self._dropped += len(self._line) + self._line.dropped
        self._conflated += self._line.conflated
        self._line = self._new_line()
