"""The queue that all sinks share: bounded, in order, retried, counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import pytest

from wsexample.errors import StateError, StorageError
from wsexample.ports import RecordSink
from wsexample.records.journal import Gap
from wsexample.records.market import Quote, Record
from wsexample.sinks.batching import BatchingSink, Refusal, SinkOptions

Run = Callable[[Coroutine[Any, Any, Any]], Any]
LONG_S = 1e6


class ScriptedSink(BatchingSink):
    """Keeps batches in a list; waits, fails and refuses as the test says."""

    def __init__(self, **options: Any) -> None:
        super().__init__(SinkOptions(**({"batch_delay_s": LONG_S, "retry_s": LONG_S} | options)))
        self.batches: list[list[Record]] = []
        self.durable: list[bool] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.last_error: Exception | None = None
        self.refuse: set[int] = set()
        self.opened = self.released = 0
        self.started = asyncio.Event()

    async def _open(self) -> None:
        self.opened += 1
        if self.error is not None:
            raise self.error

    async def _store(self, batch: Sequence[Record], is_durable: bool) -> Sequence[Refusal]:
        self.started.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.durable.append(is_durable)
        self.batches.append(list(batch))
        return [Refusal(one, "too odd") for one in batch if one.received_ns in self.refuse]

    async def _release(self) -> None:
        self.released += 1
        if self.last_error is not None:
            raise self.last_error

    @property
    def kept(self) -> list[int]:
        return [one.received_ns for batch in self.batches for one in batch]


def quotes(*numbers: int) -> list[Record]:
    return [Quote(venue="v", symbol="s", received_ns=number) for number in numbers]


async def until(fact: Callable[[], bool]) -> None:
    """Wait for a fact; the runner's deadline ends a wait for one that never comes."""
    while not fact():
        await asyncio.sleep(0.001)


def assert_all_accounted(sink: BatchingSink) -> None:
    stats = sink.stats
    assert stats.written == stats.stored + sink.waiting + stats.extra["dropped"] + stats.extra["refused"]


def test_a_sink_is_a_record_sink() -> None:
    """What `open_sink` returns is what the ports promise."""
    assert isinstance(ScriptedSink(), RecordSink)


def test_flush_stores_what_was_written_in_order(run_grid: Run) -> None:
    """After a flush everything written is stored, in order, and the last batch was asked to be durable."""

    async def main() -> None:
        sink = ScriptedSink(batch_records=2)
        for number in range(5):
            await sink.write(quotes(number))
        await sink.flush()
        assert sink.kept == [0, 1, 2, 3, 4]
        assert max(map(len, sink.batches)) == 2
        assert sink.durable[-1]
        assert sink.stats.by_kind == {"quote": 5}
        assert_all_accounted(sink)
        await sink.close()

    run_grid(main())


def test_a_full_batch_is_stored_without_a_flush(run: Run) -> None:
    """A batch is stored as soon as it is full."""

    async def main() -> None:
        async with ScriptedSink(batch_records=3) as sink:
            await sink.write(quotes(1, 2))
            await asyncio.sleep(0)
            assert not sink.batches
            await sink.write(quotes(3))
            await until(lambda: sink.stats.stored == 3)
            assert sink.durable == [False]

    run(main())


def test_a_batch_is_stored_when_its_time_has_come(run: Run) -> None:
    """A record does not wait longer than the delay for others."""

    async def main() -> None:
        async with ScriptedSink(batch_delay_s=0.01) as sink:
            await sink.write(quotes(1))
            await until(lambda: sink.stats.stored == 1)
            await sink.write(quotes(2))
            await until(lambda: sink.stats.stored == 2)

    run(main())


def test_a_flush_of_an_empty_queue_still_asks_for_durability(run: Run) -> None:
    """What was stored for its age becomes durable by a flush that finds nothing to write."""

    async def main() -> None:
        async with ScriptedSink(batch_records=1) as sink:
            await sink.write(quotes(1))
            await until(lambda: sink.stats.stored == 1)
            await sink.flush()
            assert sink.durable == [False, True]
            assert sink.stats.extra["batches"] == 1

    run(main())


def test_a_full_queue_makes_write_wait(run: Run) -> None:
    """With "block", write returns when there is room, and nothing is lost or overtaken."""

    async def main() -> None:
        async with ScriptedSink(queue_records=2, batch_records=2) as sink:
            sink.gate.clear()
            await sink.write(quotes(1, 2))
            blocked = [asyncio.create_task(sink.write(quotes(number))) for number in (3, 4, 5)]
            await sink.started.wait()
            assert not any(one.done() for one in blocked)
            assert sink.stats.written == 2
            sink.gate.set()
            await asyncio.gather(*blocked)
            await sink.flush()
            assert sink.kept == [1, 2, 3, 4, 5]

    run(main())


def test_a_cancelled_write_takes_nothing(run: Run) -> None:
    """A write that is given up while it waits for room has taken none of its records."""

    async def main() -> None:
        async with ScriptedSink(queue_records=1) as sink:
            sink.gate.clear()
            await sink.write(quotes(1))
            blocked = asyncio.create_task(sink.write(quotes(2, 3)))
            await sink.started.wait()
            blocked.cancel()
            await asyncio.wait([blocked])
            sink.gate.set()
            await sink.write(quotes(4))
            await sink.flush()
            assert sink.kept == [1, 4]

    run(main())


def test_a_write_larger_than_the_queue_enters_an_empty_one(run: Run) -> None:
    """No write is too large to be taken."""

    async def main() -> None:
        async with ScriptedSink(queue_records=2, batch_records=2) as sink:
            await sink.write(quotes(*range(7)))
            await sink.write(quotes(7))
            await sink.flush()
            assert sink.kept == list(range(8))

    run(main())


def test_a_full_queue_may_refuse(run: Run) -> None:
    """With "fail", write raises at a full queue and takes nothing."""

    async def main() -> None:
        async with ScriptedSink(queue_records=2, when_full="fail") as sink:
            await sink.write(quotes(1, 2))
            with pytest.raises(StorageError, match="2 records wait"):
                await sink.write(quotes(3))
            await sink.flush()
            assert sink.kept == [1, 2]
            assert_all_accounted(sink)

    run(main())


def test_a_full_queue_may_drop_old_market_data(run: Run) -> None:
    """With "drop_oldest", the oldest market data makes room and is counted; a gap is never dropped."""

    async def main() -> None:
        async with ScriptedSink(queue_records=3, when_full="drop_oldest") as sink:
            gap = Gap(venue="v", received_ns=1, from_ns=0, to_ns=1)
            await sink.write([gap, *quotes(2, 3)])
            await sink.write(quotes(4, 5))
            assert sink.stats.extra["dropped"] == 2
            await sink.flush()
            assert sink.kept == [1, 4, 5]
            assert_all_accounted(sink)

    run(main())


def test_what_could_not_be_stored_waits_and_is_refused_visibly(run: Run) -> None:
    """While the store fails, flush and write raise, and what was taken waits; then it is stored, once."""

    async def main() -> None:
        async with ScriptedSink() as sink:
            sink.error = StorageError("the disk is full")
            await sink.write(quotes(1, 2))
            with pytest.raises(StorageError, match="disk is full"):
                await sink.flush()
            with pytest.raises(StorageError, match="disk is full; 1 records were not taken"):
                await sink.write(quotes(3))
            assert (sink.waiting, sink.failure) == (2, sink.error)
            assert_all_accounted(sink)
            sink.error = None
            await sink.flush()
            assert sink.failure is None
            await sink.write(quotes(4))
            await sink.flush()
            assert sink.kept == [1, 2, 4]

    run(main())


def test_a_failed_batch_is_tried_again_by_itself(run: Run) -> None:
    """A store that recovers is used again without anybody asking."""

    async def main() -> None:
        async with ScriptedSink(batch_records=1, retry_s=0.005) as sink:
            sink.error = StorageError("locked")
            await sink.write(quotes(1))
            await until(lambda: sink.stats.extra["retries"] > 1)
            sink.error = None
            await until(lambda: sink.stats.stored == 1)
            assert sink.failure is None

    run(main())


def test_a_write_that_waits_learns_of_the_failure(run: Run) -> None:
    """A write that waits for room does not wait for ever when the store fails."""

    async def main() -> None:
        async with ScriptedSink(queue_records=1) as sink:
            sink.gate.clear()
            await sink.write(quotes(1))
            blocked = asyncio.create_task(sink.write(quotes(2)))
            await sink.started.wait()
            sink.error = StorageError("the disk is full")
            sink.gate.set()
            with pytest.raises(StorageError, match="disk is full"):
                await blocked
            sink.error = None

    run(main())


def test_a_defect_of_a_sink_reaches_whoever_flushes(run: Run) -> None:
    """An error that nobody foresaw strands neither flush nor the records."""

    async def main() -> None:
        async with ScriptedSink() as sink:
            sink.error = ZeroDivisionError("oops")
            await sink.write(quotes(1))
            with pytest.raises(StorageError, match="ZeroDivisionError: oops"):
                await sink.flush()
            sink.error = None
            await sink.flush()
            assert sink.kept == [1]

    run(main())


def test_a_record_that_no_store_can_hold_is_reported_once(run: Run) -> None:
    """A refused record is named by the next flush; the others are stored, and the sink goes on."""

    async def main() -> None:
        async with ScriptedSink() as sink:
            sink.refuse = {2, 3}
            await sink.write(quotes(1, 2, 3, 4))
            with pytest.raises(StorageError, match=r"Quote s: too odd \(and 1 more\)"):
                await sink.flush()
            await sink.flush()
            assert sink.stats.stored == 2
            assert sink.stats.by_kind == {"quote": 2}
            assert_all_accounted(sink)

    run(main())


def test_closing_flushes_and_ends_the_sink(run: Run) -> None:
    """Close stores what waits and releases once; afterwards every call but close is refused."""

    async def main() -> None:
        sink = ScriptedSink()
        await sink.write(quotes(1))
        await sink.close()
        await sink.close()
        assert (sink.kept, sink.durable, sink.released) == ([1], [True], 1)
        calls: list[Awaitable[Any]] = [sink.write(quotes(2)), sink.flush(), sink.open()]
        for call in calls:
            with pytest.raises(StateError):
                await call

    run(main())


def test_whoever_closes_at_the_same_time_finds_everything_stored(run: Run) -> None:
    """A second close returns when the first has done its work, not before."""

    async def main() -> None:
        sink = ScriptedSink()
        await sink.write(quotes(1, 2, 3))
        sink.gate.clear()
        first, second = asyncio.create_task(sink.close()), asyncio.create_task(sink.close())
        await sink.started.wait()
        assert not second.done()
        sink.gate.set()
        await second
        assert (sink.kept, sink.released) == ([1, 2, 3], 1)
        await first
        await sink.close()

    run(main())


def test_closing_says_how_much_is_lost(run: Run) -> None:
    """When what was taken can no longer be stored, close says so and still releases."""

    async def main() -> None:
        sink = ScriptedSink()
        await sink.write(quotes(1, 2))
        sink.error = StorageError("the disk is full")
        with pytest.raises(StorageError, match="2 records that were taken are lost"):
            await sink.close()
        assert sink.released == 1

    run(main())


def test_closing_hides_no_loss_behind_another_failure(run: Run) -> None:
    """When the store cannot be given up either, close says both: what is lost, and what is left behind."""

    async def main() -> None:
        sink = ScriptedSink()
        await sink.write(quotes(1, 2))
        sink.error, sink.last_error = StorageError("the disk is full"), StorageError("half of it is left in a folder")
        with pytest.raises(StorageError, match="2 records that were taken are lost; half of it is left in a folder"):
            await sink.close()
        assert sink.released == 1

    run(main())


def test_closing_ends_writes_that_wait(run: Run) -> None:
    """A write that waits for room when the sink is closed is refused, not forgotten."""

    async def main() -> None:
        sink = await ScriptedSink(queue_records=1).open()
        sink.gate.clear()
        await sink.write(quotes(1))
        blocked = asyncio.create_task(sink.write(quotes(2)))
        await sink.started.wait()
        closing = asyncio.create_task(sink.close())
        await asyncio.sleep(0)
        sink.gate.set()
        with pytest.raises(StateError):
            await blocked
        await closing
        assert sink.kept == [1]

    run(main())


def test_a_sink_that_was_never_used_closes_quietly(run: Run) -> None:
    """Flushing and closing an unused sink opens nothing."""

    async def main() -> None:
        sink = ScriptedSink()
        await sink.flush()
        await sink.close()
        assert sink.opened == 0

    run(main())


def test_a_store_that_does_not_open_is_reported_by_the_first_write(run: Run) -> None:
    """The first write opens the store; when that fails nothing is taken, and the next write tries again."""

    async def main() -> None:
        sink = ScriptedSink()
        sink.error = StorageError("no such directory")
        with pytest.raises(StorageError, match="no such directory"):
            await sink.write(quotes(1))
        assert sink.stats.written == 0
        sink.error = None
        await sink.write(quotes(2))
        await sink.close()
        assert (sink.opened, sink.kept) == (2, [2])

    run(main())
