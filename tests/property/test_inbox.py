"""The inbox accounts for every record, whatever is put, held, released and taken in whatever order."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.property.profiles import search
from wsexample.ports import Gap, Record
from wsexample.records.market import Quote, Trade
from wsexample.session.inbox import Inbox
from wsexample.session.options import POLICIES


def lossy(draw: tuple[str, str], number: int) -> Record:
    kind, symbol = draw
    if kind == "quote":
        return Quote(venue="toy", symbol=symbol, bid_price=number, received_ns=number)
    return Trade(venue="toy", symbol=symbol, price=number, size=1, received_ns=number)


BATCHES = st.lists(
    st.one_of(st.just("gap"), st.tuples(st.sampled_from(["quote", "trade"]), st.sampled_from("ABCD"))), max_size=8
)


class InboxMachine(RuleBasedStateMachine):
    """One inbox, its consumer, and what the consumer may expect."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.put_in: list[Record] = []
        self.taken: list[Record] = []
        self.gaps: deque[Record] = deque()
        self.held_gaps: list[Record] = []
        self.is_over = False

    @initialize(policy=st.sampled_from(POLICIES), limit=st.integers(1, 6), lossless=st.sets(st.just("trade")))
    def begin(self, policy: str, limit: int, lossless: set[str]) -> None:
        self.policy = policy
        self.limit = limit
        self.keeps_trades = bool(lossless) or policy == "block"
        self.inbox = Inbox(policy, limit, lossless=lossless)

    def records(self, batch: list[object]) -> list[Record]:
        made: list[Record] = []
        for item in batch:
            self.number += 1
            if item == "gap":
                made.append(Gap(venue="toy", received_ns=self.number, from_ns=0, to_ns=0))
            else:
                made.append(lossy(item, self.number))  # type: ignore[arg-type]
        return made

    @rule(batch=BATCHES)
    def put(self, batch: list[object]) -> None:
        records = self.records(batch)
        self.put_in += records
        (self.held_gaps if self.inbox.is_holding else self.gaps).extend(r for r in records if isinstance(r, Gap))
        self.inbox.put(records)

    @rule(batch=BATCHES)
    def put_at_once(self, batch: list[object]) -> None:
        records = self.records(batch)
        self.put_in += records
        self.gaps.extend(r for r in records if isinstance(r, Gap))
        self.inbox.put_at_once(records)

    @rule()
    def hold(self) -> None:
        if not self.is_over:
            self.inbox.hold()

    @rule(batch=BATCHES)
    def release(self, batch: list[object]) -> None:
        records = self.records(batch)
        self.put_in += records
        self.gaps.extend(r for r in records if isinstance(r, Gap))
        self.gaps.extend(self.held_gaps)
        self.held_gaps = []
        self.inbox.release(records)

    @precondition(lambda self: len(self.inbox))
    @rule()
    def take(self) -> None:
        self.taken.append(self.inbox.take())

    @rule()
    def take_all(self) -> None:
        self.taken += self.inbox.take_all()

    @rule()
    def close(self) -> None:
        self.release([])
        self.inbox.close()
        self.is_over = True

    @invariant()
    def adds_up(self) -> None:
        counts = self.inbox.stats
        assert counts.received == len(self.put_in)
        assert counts.delivered == len(self.taken)
        assert counts.received == counts.delivered + counts.conflated + counts.dropped + counts.waiting
        assert min(counts.conflated, counts.dropped, counts.waiting) >= 0

    @invariant()
    def delivers_each_once(self) -> None:
        assert len({record.received_ns for record in self.taken}) == len(self.taken)

    @invariant()
    def lossless_kinds_come_in_order(self) -> None:
        if self.policy != "fail" and not self.is_over:
            got = [record for record in self.taken if isinstance(record, Gap)]
            assert got == list(self.gaps)[: len(got)]

    @invariant()
    def block_loses_nothing(self) -> None:
        if self.policy == "block" and not self.is_over:
            assert self.inbox.conflated == self.inbox.dropped == 0

    @invariant()
    def lossy_records_are_bounded(self) -> None:
        if self.policy in ("conflate", "drop_oldest"):
            kept = sum(1 for record in self.put_in if isinstance(record, Gap) or self.keeps_trades)
            lines = 2 if self.inbox.is_holding else 1
            assert self.inbox.waiting <= kept + lines * self.limit

    def teardown(self) -> None:
        """At the end every gap that was put into an open inbox has been delivered, once."""
        if not hasattr(self, "inbox") or self.policy == "fail" or self.is_over:
            return
        self.release([])
        self.take_all()
        self.adds_up()
        assert [record for record in self.taken if isinstance(record, Gap)] == list(self.gaps)


InboxMachine.TestCase.settings = search(60)
TestInbox = InboxMachine.TestCase
TestInbox.__doc__ = "received == delivered + conflated + dropped + waiting, at every moment and for every policy."


@pytest.mark.parametrize("policy", ["block", "conflate", "drop_oldest"])
def test_the_newest_of_each_symbol_is_never_lost_to_conflation(policy: str) -> None:
    """Whatever the policy lets go of, the last quote of a symbol within the limit is delivered."""
    inbox = Inbox(policy, 100)
    quotes = [lossy(("quote", "ABC"[n % 3]), n) for n in range(99)]
    inbox.put(quotes)
    assert set(map(id, quotes[-3:])) <= set(map(id, inbox.take_all()))
