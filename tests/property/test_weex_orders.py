"""A client of WEEX's orders ends with the venue's view, whatever becomes of updates, answers and connections on the way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tests.property.looping import LoopingMachine
from tests.property.profiles import search
from tests.property.weex_desk import SYMBOL, WeexVenue
from wsexample.brokers.weex.client import WeexMessage
from wsexample.brokers.weex.gateway import WeexGateway
from wsexample.errors import OrderUnknownError, WsExampleError
from wsexample.ports import Gap, Record
from wsexample.records.orders import Fill, Order, OrderRequest

D = Decimal
NS = 10**9
STATUSES = {"PENDING": "pending", "NEW": "new", "FILLED": "filled", "CANCELED": "canceled"}


class WeexMachine(LoopingMachine):
    """One account, one client of it, and a bad way between them."""

    @initialize()
    def open(self) -> None:
        self.venue = self.call(WeexVenue)
        self.clock = self.venue.clock
        self.session = self.venue.session
        self.gateway = WeexGateway(self.venue.rest, clock=self.clock)
        self.got: list[Record] = []
        self.submitted: set[str] = set()
        self.calls: list[asyncio.Task[Any]] = []
        self.count = 0
        self.owes_a_break = False
        self.call(self.session.start)
        self.pass_time(0.5)
        assert self.session.is_live

    # -- what the user does --------------------------------------------------------------------------------------

    def ask(self, work: Coroutine[Any, Any, Any]) -> None:
        """Make a call, which may take its time and fail."""
        self.calls.append(self.begin(work))
        self.look()

    async def submit_one(self, request: OrderRequest) -> None:
        try:
            self.submitted.add((await self.gateway.submit_order(request)).order_id)
        except OrderUnknownError:
            known = [row for row in self.venue.desk.orders.values() if row["clientOrderId"] == request.client_order_id]
            assert len(known) <= 1, "sent twice"
            raise

    @rule(
        position_side=st.sampled_from(["long", "long", "short"]),
        closes=st.sampled_from([False, False, True]),
        size=st.sampled_from(["0.01", "0.05", "0.0001"]),
        limit_price=st.sampled_from([None, "59000", "59999", "60001", "61000"]),
        time_in_force=st.sampled_from(["gtc", "gtc", "ioc", "fok"]),
        seconds=st.sampled_from([0.0, 0.2]),
    )
    def submit(
        self,
        position_side: str,
        closes: bool,
        size: str,
        limit_price: str | None,
        time_in_force: str,
        seconds: float,
    ) -> None:
        self.count += 1
        request = OrderRequest(
            symbol=SYMBOL,
            side="buy" if (position_side == "long") != closes else "sell",
            size=D(size),
            order_type="market" if limit_price is None else "limit",
            limit_price=None if limit_price is None else D(limit_price),
            time_in_force=time_in_force if limit_price is not None else "ioc",
            client_order_id=f"mine-{self.count}",
            position_side=position_side,
        )
        self.ask(self.submit_one(request))
        self.pass_time(seconds)

    @rule(which=st.integers(0, 4))
    def cancel(self, which: int) -> None:
        names = list(self.venue.desk.orders)
        if names:
            self.ask(self.gateway.cancel_order(names[-1 - which % len(names)]))

    # -- what happens on the way ---------------------------------------------------------------------------------

    @rule(price=st.sampled_from([58_500, 59_500, 60_000, 60_500, 61_500]))
    def market_moves(self, price: int) -> None:
        self.venue.desk.price = D(price)
        self.look()

    @rule(count=st.integers(1, 3))
    def updates_come_twice(self, count: int) -> None:
        self.venue.double_next = count

    @rule()
    def updates_change_places(self) -> None:
        self.venue.swap_next = True

    @rule(delay_s=st.sampled_from([0.0, 0.0, 1.5]))
    def updates_are_late(self, delay_s: float) -> None:
        self.venue.delay_s = delay_s

    @rule()
    def updates_are_lost_before_a_break(self) -> None:
        """The stream has nothing to notice a loss by, so that only a break mends it."""
        self.venue.is_mute = self.owes_a_break = True

    @rule()
    def connection_is_cut(self) -> None:
        self.venue.cut()
        self.owes_a_break = False
        self.look()

    @rule(how=st.lists(st.sampled_from(["503", "lost", "hangs", ""]), min_size=1, max_size=3))
    def calls_fail(self, how: list[str]) -> None:
        self.venue.call_faults = how

    @rule(seconds=st.sampled_from([0.2, 1.0, 4.0, 20.0]))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        target_ns = self.clock.now_ns() + round(seconds * NS)
        while self.clock.now_ns() < target_ns:
            step_ns = min(target_ns, self.clock.now_ns() + NS // 4)
            while (wake_ns := self.clock.next_wake_ns) is not None and wake_ns <= step_ns:
                self.clock.move_to(wake_ns)
                self.let_run()
            self.clock.move_to(step_ns)
            self.look()

    def look(self) -> None:
        """Let the venue tell what happened, and the client hear it."""
        self.call(self.venue.step)
        self.let_run()
        taken = self.session._parts.delivery.own.take_waiting()
        self.got += [record.record if isinstance(record, WeexMessage) else record for record in taken]
        for task in [task for task in self.calls if task.done()]:
            self.calls.remove(task)
            assert isinstance(task.exception(), WsExampleError | None), task.exception()

    # -- what must hold ------------------------------------------------------------------------------------------

    @invariant()
    def each_execution_once(self) -> None:
        if hasattr(self, "venue"):
            ids = Counter(record.fill_id for record in self.got if isinstance(record, Fill))
            assert not ids or max(ids.values()) == 1, ids
            assert set(ids) <= {fill["id"] for fill in self.venue.desk.fills}

    def come_to_rest(self) -> None:
        """The way is good again: the client's view is the venue's, by what its stream brings."""
        if not hasattr(self, "venue"):
            return
        venue = self.venue
        venue.double_next, venue.swap_next, venue.delay_s, venue.call_faults = 0, False, 0.0, []
        if self.owes_a_break:
            venue.cut()
        self.pass_time(40.0)
        assert not self.calls, f"calls that never end: {self.calls}"
        assert self.session.is_live
        self.each_execution_once()
        is_whole = all(gap.filled for gap in self.got if isinstance(gap, Gap))
        told = {record.fill_id for record in self.got if isinstance(record, Fill)}
        missing = {fill["id"] for fill in venue.desk.fills} - told
        assert not missing or not is_whole, f"never told: {missing}"
        view: dict[str, Order] = {}
        for record in self.got:
            if isinstance(record, Order):
                known = view.get(record.order_id)
                if known is None or place_of(record) >= place_of(known):
                    view[record.order_id] = record
        rows = venue.desk.orders
        assert set(view) <= set(rows)
        assert self.submitted <= set(rows)
        asked = {order.order_id: order for order in self.do(self.gateway.fetch_orders("all"))}
        for order_id, row in rows.items():
            for seen in (asked.get(order_id), view.get(order_id) if is_whole else asked.get(order_id)):
                assert seen is not None, f"{row} is not known"
                assert seen.filled_size == D(row["cumFillSize"]), f"{seen} is {row}"
                partly = row["status"] == "NEW" and D(row["cumFillSize"]) > 0
                assert seen.status == ("partially_filled" if partly else STATUSES[row["status"]]), f"{seen} is {row}"
        self.do(self.session.close())


def place_of(order: Order) -> tuple[int, Decimal, bool, bool]:
    """Which of two records of an order is the newer one: times are whole milliseconds."""
    return (order.updated_ns or 0, order.filled_size, not order.is_open, order.status != "pending")


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Faults are logged, and there are many."""
    caplog.set_level("CRITICAL")


TestWeexOrders = WeexMachine.TestCase
TestWeexOrders.settings = search(15)
TestWeexOrders.__doc__ = (
    "Duplicated, late and exchanged updates, lost answers, breaks: the client ends with the venue's view."
)
