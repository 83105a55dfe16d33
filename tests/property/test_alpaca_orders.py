"""A client of Alpaca's orders ends with the venue's view, whatever becomes of updates, answers and connections on the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tests.property.alpaca_desk import AlpacaVenue
from tests.property.looping import LoopingMachine
from tests.property.profiles import search
from wsexample.brokers.alpaca.simulator.update_faults import ODDITIES
from wsexample.errors import OptionError, WsExampleError
from wsexample.ports import Gap, Record
from wsexample.records.orders import TERMINAL_STATUSES, Fill, Order, OrderRequest

D = Decimal
NS = 10**9


class AlpacaMachine(LoopingMachine):
    """One account, one client of it, and a bad way between them."""

    @initialize()
    def open(self) -> None:
        self.venue = AlpacaVenue()
        self.clock = self.venue.clock
        self.stream = self.call(self.venue.stream)
        self.got: list[Record] = []
        self.submitted: dict[str, Order] = {}
        self.calls: list[asyncio.Task[Any]] = []
        self.count = 0
        self.call(self.stream.start)
        self.pass_time(1.0)
        assert self.stream.is_live
        for limit_price in ("90", "91"):
            self.submit("buy", "10", limit_price, "gtc", 0.2)

    # -- what the user does --------------------------------------------------------------------------------------

    def ask(self, work: Coroutine[Any, Any, Any]) -> None:
        """Make a call, which may take its time and fail."""
        self.calls.append(self.begin(work))
        self.look()

    async def submit_one(self, request: OrderRequest) -> None:
        order = await self.stream.rest.submit_order(request)
        self.submitted[order.order_id] = order

    @rule(
        side=st.sampled_from(["buy", "sell"]),
        size=st.sampled_from(["1", "5", "10"]),
        limit_price=st.none() | st.sampled_from(["95", "99", "100", "101", "105"]),
        time_in_force=st.sampled_from(["day", "day", "gtc", "ioc"]),
        seconds=st.sampled_from([0.0, 0.2]),
    )
    def submit(self, side: str, size: str, limit_price: str | None, time_in_force: str, seconds: float) -> None:
        self.count += 1
        request = OrderRequest(
            symbol="AAPL",
            side=side,
            size=D(size),
            order_type="market" if limit_price is None else "limit",
            limit_price=None if limit_price is None else D(limit_price),
            time_in_force=time_in_force,
            client_order_id=f"mine-{self.count}",
        )
        self.ask(self.submit_one(request))
        self.pass_time(seconds)

    def one_of(self, which: int) -> str | None:
        names = list(self.venue.account.orders)
        return names[-1 - which % len(names)] if names else None

    @rule(which=st.integers(0, 4))
    def cancel(self, which: int) -> None:
        if (order_id := self.one_of(which)) is not None:
            self.ask(self.stream.rest.cancel_order(order_id))

    @rule(which=st.integers(0, 4), limit_price=st.sampled_from(["96", "100", "104"]))
    def replace(self, which: int, limit_price: str) -> None:
        if (order_id := self.one_of(which)) is not None:
            self.ask(self.stream.rest.replace_order(order_id, limit_price=D(limit_price)))

    # -- what the venue does -------------------------------------------------------------------------------------

    @rule(price=st.integers(96, 104))
    def market_moves(self, price: int) -> None:
        self.venue.quote(D(price))
        self.look()

    @rule(which=st.integers(0, 4), size=st.sampled_from(["1", "2", "3"]))
    def fill_some(self, which: int, size: str) -> None:
        order_id = self.one_of(which)
        if order_id is not None:
            order = self.venue.account.orders[order_id]
            if order.is_working and order.remaining >= D(size):
                self.venue.commands.fill_order(order_id, D(size))
        self.pass_time(0.2)

    @rule(which=st.integers(0, 4), event=st.sampled_from(["expired", "canceled", "rejected", "suspended", "new"]))
    def force(self, which: int, event: str) -> None:
        order_id = self.one_of(which)
        if order_id is not None and not self.venue.account.orders[order_id].is_closed:
            with contextlib.suppress(OptionError):
                self.venue.commands.force(order_id, event)
        self.look()

    # -- what happens on the way ---------------------------------------------------------------------------------

    @rule(kind=st.sampled_from(["drop_next", "double_next", "reorder_next"]), count=st.integers(1, 3))
    def updates_go_astray(self, kind: str, count: int) -> None:
        setattr(self.venue.faults, kind, count)

    @rule()
    def nothing_is_told_of_an_order(self) -> None:
        self.venue.faults.drop_next = 3
        self.submit("buy", "5", "95", "ioc", 0.2)

    @rule(kind=st.sampled_from([kind for kind in ODDITIES if kind != "unknown_status"]))
    def update_is_odd(self, kind: str) -> None:
        self.venue.faults.odd_next(kind)

    @rule(delay_s=st.sampled_from([0.0, 0.0, 3.0]))
    def updates_are_late(self, delay_s: float) -> None:
        self.venue.faults.delay_s = delay_s

    @rule()
    def connection_is_cut(self) -> None:
        self.venue.cut()
        self.look()

    @rule(is_mute=st.sampled_from([False, False, False, True]))
    def connection_is_mute(self, is_mute: bool) -> None:
        self.venue.is_mute = is_mute

    @rule(how=st.lists(st.sampled_from(["502", "lost", "hangs", ""]), min_size=1, max_size=4))
    def calls_fail(self, how: list[str]) -> None:
        self.venue.call_faults = how

    @rule(seconds=st.sampled_from([0.2, 1.0, 7.0, 25.0]))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        target_ns = self.clock.now_ns() + round(seconds * NS)
        while self.clock.now_ns() < target_ns:
            step_ns = min(target_ns, self.clock.now_ns() + NS // 5)
            while (wake_ns := self.clock.next_wake_ns) is not None and wake_ns <= step_ns:
                self.clock.move_to(wake_ns)
                self.let_run()
            self.clock.move_to(step_ns)
            self.look()

    def look(self) -> None:
        """Let the venue tell what happened, and the client hear it."""
        self.call(self.venue.tell)
        self.let_run()
        self.got += self.stream._parts.delivery.own.take_waiting()
        for task in [task for task in self.calls if task.done()]:
            self.calls.remove(task)
            assert isinstance(task.exception(), WsExampleError | None), task.exception()

    # -- what must hold ------------------------------------------------------------------------------------------

    @invariant()
    def each_execution_once(self) -> None:
        if hasattr(self, "venue"):
            ids = Counter(record.fill_id for record in self.got if isinstance(record, Fill))
            assert not ids or max(ids.values()) == 1, ids

    @invariant()
    def nothing_is_made_up(self) -> None:
        if hasattr(self, "venue"):
            known = {activity.id.partition("::")[2] for activity in self.venue.account.activities}
            assert {record.fill_id for record in self.got if isinstance(record, Fill)} <= known

    def come_to_rest(self) -> None:
        """The way is good again: the client's view becomes the venue's, by what its stream brings."""
        if not hasattr(self, "venue"):
            return
        venue, faults = self.venue, self.venue.faults
        faults.drop_next = faults.double_next = faults.reorder_next = 0
        faults.delay_s = 0.0
        faults._odd.clear()
        faults._behind = None
        venue.call_faults = []
        self.pass_time(120.0)
        assert not self.calls, f"calls that never end: {self.calls}"
        assert self.stream.is_live
        self.each_execution_once()
        executions = {activity.id.partition("::")[2] for activity in venue.account.activities}
        told = {record.fill_id for record in self.got if isinstance(record, Fill)}
        assert told == executions, f"never told: {executions - told}"
        view = {**self.submitted}
        for record in self.got:
            if isinstance(record, Order):
                known = view.get(record.order_id)
                if known is None or (record.updated_ns or 0) >= (known.updated_ns or 0):
                    view[record.order_id] = record
        for order_id, order in venue.account.orders.items():
            if order.replaces is not None and order.status == "rejected":
                continue  # told of as "order_replace_rejected" of the order that stays
            seen = view.get(order_id)
            if seen is None:
                assert not order.filled_size, f"{order} was filled and is not known"
                assert not order.is_closed, f"{order} ended and is not known"
                continue
            assert seen.filled_size == order.filled_size, f"{seen} is {order}"
            assert (seen.status in TERMINAL_STATUSES) == order.is_closed, f"{seen} is {order}"
            if order.is_closed:
                assert seen.venue_status == order.status
        assert all(gap.to_ns >= gap.from_ns for gap in self.got if isinstance(gap, Gap))
        self.do(self.stream.close())


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Faults are logged, and there are many."""
    caplog.set_level("CRITICAL")


TestAlpacaOrders = AlpacaMachine.TestCase
TestAlpacaOrders.settings = search(15)
TestAlpacaOrders.__doc__ = (
    "Duplicated, late, exchanged and lost updates, lost answers, breaks: the client ends with the venue's view."
)
