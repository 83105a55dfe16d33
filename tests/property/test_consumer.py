"""What a session delivers reaches every consumer as a plain list would have kept it, whoever waits, leaves or comes late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from tests.property.looping import LoopingMachine
from tests.property.profiles import search
from wsexample.errors import BrokerUnavailableError, SlowConsumerError, StateError
from wsexample.ports import Gap, Record
from wsexample.records.market import Quote, Trade
from wsexample.session.consumer import Consumer
from wsexample.session.delivery import Delivery
from wsexample.session.options import POLICIES, SessionOptions

Where = Callable[[Record], bool]
BATCHES = st.lists(st.tuples(st.sampled_from(["gap", "quote", "quote", "trade"]), st.sampled_from("ABC")), max_size=6)
TERMS = {
    "policy": st.sampled_from(POLICIES),
    "limit": st.integers(1, 5),
    "keeps_trades": st.booleans(),
    "symbol": st.sampled_from([None, None, "A"]),
}


@dataclass
class Shelf:
    """What an inbox should do, written with lists that are searched."""

    policy: str
    limit: int
    keeps_trades: bool
    symbol: str | None = None
    line: list[Record] = field(default_factory=list)
    held: list[Record] | None = None
    received: int = 0
    delivered: int = 0
    conflated: int = 0
    dropped: int = 0
    is_closed: bool = False
    has_failed: bool = False

    def passes(self, record: Record) -> bool:
        return self.symbol is None or not record.symbol or record.symbol == self.symbol

    def is_kept(self, record: Record) -> bool:
        return isinstance(record, Gap) or (self.keeps_trades and isinstance(record, Trade))

    @property
    def waiting(self) -> int:
        return len(self.line) + len(self.held or ())

    def put(self, records: Sequence[Record], *, at_once: bool = False) -> None:
        for record in filter(self.passes, records):
            self.received += 1
            if self.policy == "fail" and not self.is_closed and self.waiting >= self.limit:
                self.has_failed = self.is_closed = True
            if self.is_closed:
                self.dropped += 1
            else:
                self._add(self.line if at_once or self.held is None else self.held, record)

    def _add(self, line: list[Record], record: Record) -> None:
        if self.policy in ("block", "fail") or self.is_kept(record):
            line.append(record)
            return
        lossy = [other for other in line if not self.is_kept(other)]
        if self.policy == "conflate":
            for other in lossy:
                if type(other) is type(record) and other.symbol == record.symbol:
                    line[index_of(line, other)] = record
                    self.conflated += 1
                    return
        if len(lossy) >= self.limit:
            del line[index_of(line, lossy[0])]
            self.dropped += 1
        line.append(record)

    def hold(self) -> None:
        if self.held is None and not self.is_closed:
            self.held = []

    def release(self, first: Sequence[Record] = ()) -> None:
        held, self.held = self.held, None
        if held is not None and self.policy == "fail":
            rest = [*filter(self.passes, first), *held]
            self.received += len(rest) - len(held)
            self.dropped += len(rest) - len(rest[: max(self.limit - len(self.line), 0)])
            while rest and len(self.line) < self.limit:
                self.line.append(rest.pop(0))
            if rest:
                self.has_failed = self.is_closed = True
            return
        self.put(first, at_once=True)
        held = held or []
        for record in held:
            self._add(self.line, record)

    def close(self) -> None:
        self.release()
        self.is_closed = True

    @property
    def is_full(self) -> bool:
        if self.is_closed or self.policy == "fail":
            return False
        if self.policy == "block":
            return self.waiting >= self.limit
        return sum(map(self.is_kept, [*self.line, *(self.held or ())])) >= self.limit


def index_of(line: list[Record], wanted: Record) -> int:
    return next(i for i, record in enumerate(line) if record is wanted)


@dataclass
class Reader:
    """One consumer, what it should hold, and who waits at it."""

    consumer: Consumer
    shelf: Shelf
    got: list[Record] = field(default_factory=list)
    waits: list[asyncio.Task[object]] = field(default_factory=list)
    batches: AsyncIterator[Sequence[Record]] | None = None
    has_left: bool = False


class DeliveryMachine(LoopingMachine):
    """A session's delivery, consumers that come and go, and tasks that wait at them."""

    @initialize(policy=TERMS["policy"], limit=TERMS["limit"], keeps_trades=TERMS["keeps_trades"])
    def open(self, policy: str, limit: int, keeps_trades: bool) -> None:
        kept = {"trade"} if keeps_trades else set()
        self.delivery = Delivery(SessionOptions(policy=policy, limit=limit, lossless=kept))
        self.keeps_trades = keeps_trades
        self.unclaimed: Shelf | None = Shelf(policy, limit, keeps_trades)
        self.readers: list[Reader] = []
        self.left: list[Shelf] = []
        self.number = 0
        self.is_holding = False
        self.is_over = False
        self.error: BaseException | None = None

    # -- the session's side --------------------------------------------------------------------------------------

    @property
    def shelves(self) -> list[Shelf]:
        own = [self.unclaimed] if self.unclaimed is not None else []
        return own + [reader.shelf for reader in self.readers if not reader.has_left]

    def records(self, batch: list[tuple[str, str]]) -> list[Record]:
        made: list[Record] = []
        for kind, symbol in batch:
            self.number += 1
            n = self.number
            if kind == "gap":
                made.append(Gap(venue="toy", received_ns=n, from_ns=0, to_ns=0))
            elif kind == "quote":
                made.append(Quote(venue="toy", symbol=symbol, bid_price=n, received_ns=n))
            else:
                made.append(Trade(venue="toy", symbol=symbol, price=n, size=1, received_ns=n))
        return made

    @rule(batch=BATCHES)
    def deliver(self, batch: list[tuple[str, str]]) -> None:
        records = self.records(batch)
        self.delivery.deliver(records)
        for shelf in self.shelves:
            shelf.put(records)
        self.look()

    @rule(batch=BATCHES)
    def deliver_at_once(self, batch: list[tuple[str, str]]) -> None:
        records = self.records(batch)
        self.delivery.deliver_at_once(records)
        for shelf in self.shelves:
            shelf.put(records, at_once=True)
        self.look()

    @precondition(lambda self: not self.is_over)
    @rule()
    def hold(self) -> None:
        self.is_holding = True
        self.delivery.hold()
        for shelf in self.shelves:
            shelf.hold()

    @rule(batch=BATCHES)
    def release(self, batch: list[tuple[str, str]]) -> None:
        self.is_holding = False
        records = self.records(batch)
        self.delivery.release(records)
        for shelf in self.shelves:
            shelf.release(records)
        self.look()

    @rule(breaks=st.booleans())
    def finish(self, breaks: bool) -> None:
        if not self.is_over:
            self.is_over = True
            self.error = BrokerUnavailableError("gone", venue="toy") if breaks else None
        self.delivery.finish(self.error)
        for shelf in self.shelves:
            shelf.close()
        self.look()

    # -- the consumers' side -------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.readers) < 4)
    @rule(**TERMS)
    def join(self, policy: str, limit: int, keeps_trades: bool, symbol: str | None) -> None:
        kept = ["trade"] if keeps_trades else []
        shelf = Shelf(policy, limit, keeps_trades or self.keeps_trades, symbol)
        where: Where | None = shelf.passes if symbol is not None else None
        consumer = self.delivery.consumer(policy, limit, kept, where)
        first, self.unclaimed = self.unclaimed, None
        if first is not None:
            if first.held is not None:
                shelf.hold()
            shelf.put(first.line, at_once=True)
            shelf.put(first.held or ())
            first.received -= first.waiting
            first.line, first.held = [], None
            self.left.append(first)
        elif self.is_holding:
            shelf.hold()
        if self.is_over:
            shelf.close()
        self.readers.append(Reader(consumer, shelf))
        self.look()

    def reader(self, n: int) -> Reader | None:
        return self.readers[n % len(self.readers)] if self.readers else None

    @rule(n=st.integers(0, 3))
    def wait_for_one(self, n: int) -> None:
        if (reader := self.reader(n)) is not None and len(reader.waits) < 3:
            reader.waits.append(self.begin(reader.consumer.receive()))
            self.look()

    @rule(n=st.integers(0, 3))
    def wait_for_all(self, n: int) -> None:
        if (reader := self.reader(n)) is not None and len(reader.waits) < 3:
            reader.waits.append(self.begin(anext_of(reader.consumer.batches())))
            self.look()

    @rule(n=st.integers(0, 3), which=st.integers(0, 2), batch=BATCHES, comes_first=st.booleans())
    def cancel_a_wait(self, n: int, which: int, batch: list[tuple[str, str]], comes_first: bool) -> None:
        """Somebody who waits is interrupted, in the same turn in which something comes."""
        reader = self.reader(n)
        if reader is None or which >= len(reader.waits):
            return
        records = self.records(batch)
        task = reader.waits[which]
        if not comes_first:
            task.cancel()
        self.delivery.deliver(records)
        for shelf in self.shelves:
            shelf.put(records)
        if comes_first:
            task.cancel()
        self.look()

    @rule(n=st.integers(0, 3))
    def take_waiting(self, n: int) -> None:
        if (reader := self.reader(n)) is not None:
            self.take(reader, reader.consumer.take_waiting())
            assert not reader.shelf.line

    @rule(n=st.integers(0, 3))
    def part(self, n: int) -> None:
        reader = self.reader(n)
        if reader is None or reader.has_left:
            return
        reader.consumer.close()
        reader.has_left = True
        shelf = reader.shelf
        shelf.close()
        shelf.dropped += len(shelf.line)
        shelf.line.clear()
        self.look()

    # -- what must hold ------------------------------------------------------------------------------------------

    def take(self, reader: Reader, records: Sequence[Record]) -> None:
        """Records were given to somebody: they are the next ones of the line."""
        shelf = reader.shelf
        for record in records:
            assert any(record is other for other in shelf.line), f"{record} is none of {shelf.line}"
            del shelf.line[index_of(shelf.line, record)]
        shelf.delivered += len(records)
        reader.got += records

    def look(self) -> None:
        """Let those who wait run, and see what they got."""
        self.let_run()
        for reader in self.readers:
            shelf, given = reader.shelf, list[Record]()
            for task in [task for task in reader.waits if task.done()]:
                reader.waits.remove(task)
                if task.cancelled():
                    continue
                error = task.exception()
                if error is None:
                    result = task.result()
                    given += result if isinstance(result, list) else [result]  # type: ignore[list-item]
                elif isinstance(error, SlowConsumerError):
                    assert shelf.has_failed
                else:
                    assert self.is_over or reader.has_left
                    assert error is self.error or isinstance(error, StateError | StopAsyncIteration)
            first = [record for record in shelf.line if any(record is other for other in given)]
            assert len(first) == len(given)
            assert all(a is b for a, b in zip(first, shelf.line, strict=False)), "the oldest are taken first"
            self.take(reader, given)
            assert not (reader.waits and shelf.line), "somebody waits although something is there"
            if self.is_over or reader.has_left:
                assert not reader.waits, "somebody waits although nothing will come"

    @invariant()
    def holds_what_it_should(self) -> None:
        if not hasattr(self, "delivery"):
            return
        for reader in self.readers:
            inbox, shelf = reader.consumer.inbox, reader.shelf
            assert len(inbox) == len(shelf.line)
            assert inbox.has_failed == shelf.has_failed
            assert reader.has_left or inbox.is_full == shelf.is_full
            counts = inbox.stats
            assert (counts.received, counts.delivered) == (shelf.received, shelf.delivered)
            assert (counts.conflated, counts.dropped) == (shelf.conflated, shelf.dropped)
            assert counts.received == counts.delivered + counts.conflated + counts.dropped + counts.waiting
            assert shelf.policy == "block" or inbox.waiting - shelf.waiting == 0

    @invariant()
    def the_sums_are_those_of_all(self) -> None:
        if hasattr(self, "delivery"):
            shelves = [reader.shelf for reader in self.readers] + self.left
            shelves += [self.unclaimed] if self.unclaimed is not None else []
            stats = self.delivery.stats
            for name in ("received", "delivered", "conflated", "dropped", "waiting"):
                assert getattr(stats, name) == sum(getattr(shelf, name) for shelf in shelves), name

    def come_to_rest(self) -> None:
        """What still waits comes out as the lists have it."""
        if not hasattr(self, "delivery"):
            return
        self.finish(False)
        assert not any(reader.waits for reader in self.readers)
        for reader in self.readers:
            got = reader.consumer.take_waiting()
            assert len(got) == len(reader.shelf.line)
            assert all(a is b for a, b in zip(got, reader.shelf.line, strict=True))


async def anext_of(batches: AsyncIterator[Sequence[Record]]) -> Sequence[Record]:
    """The next batch, and no more of it."""
    try:
        return await anext(batches)
    finally:
        await batches.aclose()  # type: ignore[attr-defined]


TestDelivery = DeliveryMachine.TestCase
TestDelivery.settings = search(100)
TestDelivery.__doc__ = "Every consumer gets what a searched list would hold for it; nobody waits beside a full inbox."
