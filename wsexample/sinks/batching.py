"""The queue that all sinks share: records in, batches out, in order, nothing lost in between.

It bounds, batches, retries and counts; a sink adds how one batch is stored. How a sink is found is in
`wsexample.sinks.base`.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from wsexample.errors import OptionError, StateError, StorageError
from wsexample.ports import RecordSink, SinkStats
from wsexample.records.kinds import is_market_data, kind_of
from wsexample.records.market import Record

__all__ = ["BatchingSink", "Refusal", "SinkOptions"]

_WHEN_FULL = ("block", "drop_oldest", "fail")


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkOptions:
    """What every sink lets you choose."""

    queue_records: int = 50_000
    """Records that may wait to be stored."""
    batch_records: int = 2_000
    """Largest batch; a full one is stored at once."""
    batch_delay_s: float = 0.2
    """Longest time that a record waits for its batch to fill, seconds."""
    when_full: str = "block"
    """With a full queue: "block" (`write` waits), "fail" (`write` raises and takes nothing) or "drop_oldest" (market data
    makes room, oldest first, and is counted; anything else is kept)."""
    retry_s: float = 1.0
    """Pause before a failed batch is tried again, seconds."""

    def __post_init__(self) -> None:
        for name in ("queue_records", "batch_records", "batch_delay_s", "retry_s"):
            if getattr(self, name) <= 0:
                raise OptionError(f"{name} must be more than 0, not {getattr(self, name)}", option=name)
        if self.when_full not in _WHEN_FULL:
            raise OptionError(
                f"when_full must be one of {', '.join(_WHEN_FULL)}, not {self.when_full!r}", option="when_full"
            )


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that its store cannot hold, ever."""

    record: Record
    """The record."""
    why: str
    """The store's reason."""

    def __str__(self) -> str:
        return f"{type(self.record).__name__} {getattr(self.record, 'symbol', '')}: {self.why}"


@dataclass(slots=True)
class _Flush:
    """Somebody who waits for durability."""

    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def settle(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


class BatchingSink(RecordSink, ABC):
    """A sink with a bounded queue in front and one task that stores batches, in order.

    Guaranteed: at every moment ``stats.written == stats.stored + waiting + dropped + refused`` (the last two in
    ``stats.extra``); a batch that could not be stored goes back to the head of the queue and is tried again every
    ``retry_s``. While that lasts, `write` raises and takes nothing, `flush` raises, and both work again by themselves
    once a batch is stored. Belongs to one event loop.
    """

    def __init__(self, options: SinkOptions) -> None:
        self.options = options
        self.stats = SinkStats(extra={"dropped": 0, "refused": 0, "batches": 0, "retries": 0})
        self._most = options.queue_records
        self._queue: list[Record] = []
        self._in_flight = 0
        self._entering = 0
        self._entry = asyncio.Lock()
        self._opening = asyncio.Lock()
        self._room = asyncio.Event()
        self._due = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._flushes: list[_Flush] = []
        self._refusals: list[Refusal] = []
        self._failure: StorageError | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_flowing = False
        self._is_closing = False
        self._released = asyncio.Event()

    # --- what a sink adds -------------------------------------------------------------------------------------------

    @abstractmethod
    async def _open(self) -> None:
        """Make the store ready; raises `StorageError`."""

    @abstractmethod
    async def _store(self, batch: Sequence[Record], is_durable: bool) -> Sequence[Refusal]:
        """Store all of a batch or, with `StorageError`, nothing of it; in order.

        Parameters:
            batch: the records; may be empty when only durability is asked for.
            is_durable: whether this batch and all before it must survive whatever this sink promises.

        Returns:
            The records of the batch that the store can never hold; the others are stored.
        """

    @abstractmethod
    async def _release(self) -> None:
        """Give the store up; called once, also after a failure."""

    # --- what users call --------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Records taken and not yet stored."""
        return len(self._queue) + self._in_flight

    @property
    def failure(self) -> StorageError | None:
        """Why the last batch could not be stored; None while all is well."""
        return self._failure

    async def open(self) -> Self:
        """Open the store now instead of at the first write; again is harmless.

        Raises:
            StorageError: the store cannot be opened.
            StateError: the sink is closed.
        """
        async with self._opening:
            self._check_open()
            if self._task is None:
                await self._open()
                self._task = asyncio.create_task(self._run(), name=f"{type(self).__name__} writer")
                self._look_again()
        return self

    async def write(self, records: Sequence[Record]) -> None:
        """Take records; waits only while the queue is full (and, the first time, for the store to open).

        Raises:
            StorageError: the store fails at present, or the queue is full and the policy is "fail"; none were taken.
            StateError: the sink is closed.
        """
        if self._is_flowing and len(self._queue) + self._in_flight + len(records) <= self._most:
            self._take(records)
        else:
            await self._write_in_turn(records)

    async def flush(self) -> None:
        """Return when everything written so far is durable.

        Raises:
            StorageError: it could not be stored (it waits and is tried again), or the store refused single records
                since the last flush (they are gone, the others are stored).
            StateError: the sink is closed.
        """
        self._check_open()
        if self._task is None:
            return
        waiter = _Flush()
        self._flushes.append(waiter)
        self._due.set()
        await waiter.done
        self._report_refusals()

    async def close(self) -> None:
        """Flush and release; further writes raise `StateError`. Again is harmless.

        Raises:
            StorageError: records that were taken could not be stored and are lost; the message says how many.
        """
        if self._is_closing:
            await self._released.wait()  # whoever closes at the same time may rely on it as well
            return
        self._is_closing = True
        self._look_again()
        loss: StorageError | None = None
        try:
            if self._task is not None:
                await self._finish()
        except StorageError as error:
            loss = error
            raise
        finally:
            try:
                await self._release()
            except StorageError as error:
                if loss is None:
                    raise
                raise StorageError(f"{loss}; {error}") from loss  # neither may hide the other
            finally:
                self._released.set()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # --- the way in -------------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._is_closing:
            raise StateError("the sink is closed")

    def _look_again(self) -> None:
        """Decide whether `write` may take records without asking further: its common case is to be two comparisons."""
        is_running = self._task is not None and not self._is_closing
        self._is_flowing = is_running and self._failure is None and not self._entering

    def _has_room(self, count: int) -> bool:
        # A write larger than the whole queue enters an empty one: it must be able to enter some time, and in one piece.
        waiting = len(self._queue) + self._in_flight
        return waiting + count <= self._most or not waiting

    async def _write_in_turn(self, records: Sequence[Record]) -> None:
        self._entering += 1
        self._look_again()
        try:
            async with self._entry:
                await self.open()
                while not self._has_room(len(records)) or self._failure is not None:
                    self._check_open()
                    if self._failure is not None:
                        raise StorageError(f"{self._failure}; {len(records)} records were not taken")
                    if not await self._make_room(len(records)):
                        break
                self._check_open()
                self._take(records)
        finally:
            self._entering -= 1
            self._look_again()

    async def _make_room(self, count: int) -> bool:
        """Do what the policy says; False when there is no more to be done and the records shall enter as they are."""
        policy = self.options.when_full
        if policy == "fail":
            raise StorageError(f"the queue is full ({self.waiting} records wait); {count} records were not taken")
        if policy == "drop_oldest":
            self._drop(self.waiting + count - self._most)
            return False
        self._room.clear()
        self._due.set()
        await self._room.wait()
        return True

    def _drop(self, count: int) -> None:
        kept: list[Record] = []
        dropped = 0
        for index, record in enumerate(self._queue):
            if dropped == count:
                kept += self._queue[index:]
                break
            if is_market_data(type(record)):
                dropped += 1
            else:
                kept.append(record)
        self._queue = kept
        self.stats.extra["dropped"] += dropped

    def _take(self, records: Sequence[Record]) -> None:
        self._queue += records
        self.stats.written += len(records)
        if self._timer is None or len(self._queue) >= self.options.batch_records:
            self._arm()

    def _arm(self) -> None:
        if len(self._queue) >= self.options.batch_records:
            self._due.set()
        elif self._timer is None and self._queue:
            self._timer = asyncio.get_running_loop().call_later(self.options.batch_delay_s, self._due.set)

    # --- the way out ------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not (self._is_closing and not self._flushes):
            await self._due.wait()
            self._due.clear()
            self._disarm()
            flushes, self._flushes = self._flushes, []
            error = await self._store_waiting(is_durable=bool(flushes))
            self._failure = error
            self._look_again()
            self._room.set()
            for waiter in flushes:
                waiter.settle(error)
            if error is None:
                self._arm()
            else:
                self.stats.extra["retries"] += 1
                self._timer = asyncio.get_running_loop().call_later(self.options.retry_s, self._due.set)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _store_waiting(self, is_durable: bool) -> StorageError | None:
        """Store what is in the queue at this moment; what comes meanwhile waits for its own batch to fill."""
        left = len(self._queue)
        while left or is_durable:
            batch = self._queue[: min(left, self.options.batch_records)]
            left -= len(batch)
            del self._queue[: len(batch)]
            self._in_flight = len(batch)
            try:
                refusals = await self._store(batch, is_durable and not left)
            except StorageError as error:
                self._put_back(batch)
                return error
            except Exception as error:  # noqa: BLE001 - a defect in a sink must reach whoever flushes, not strand them
                self._put_back(batch)
                return _defect(error)
            self._count(batch, refusals)
            if not left:
                break
        return None

    def _put_back(self, batch: list[Record]) -> None:
        self._queue[:0] = batch
        self._in_flight = 0

    def _count(self, batch: Sequence[Record], refusals: Sequence[Refusal]) -> None:
        self._in_flight = 0
        self._room.set()
        self._refusals += refusals
        stats = self.stats
        stats.stored += len(batch) - len(refusals)
        stats.extra["batches"] += bool(batch)
        stats.extra["refused"] += len(refusals)
        counts = Counter(map(type, batch))
        counts.subtract(type(one.record) for one in refusals)
        for record_type, count in counts.items():
            if count:
                kind = kind_of(record_type)
                stats.by_kind[kind] = stats.by_kind.get(kind, 0) + count

    def _report_refusals(self) -> None:
        if self._refusals:
            refusals, self._refusals = self._refusals, []
            more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
            raise StorageError(f"the store refused a record: {refusals[0]}{more}")

    async def _finish(self) -> None:
        waiter = _Flush()
        self._flushes.append(waiter)
        self._due.set()
        try:
            await waiter.done
        except StorageError as error:
            raise StorageError(f"{error}; {self.waiting} records that were taken are lost") from error
        finally:
            await self._stop_task()
        self._report_refusals()

    async def _stop_task(self) -> None:
        self._disarm()
        self._room.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


def _defect(error: Exception) -> StorageError:
    wrapped = StorageError(f"the sink failed in an unforeseen way ({type(error).__name__}: {error})")
    wrapped.__cause__ = error
    return wrapped
