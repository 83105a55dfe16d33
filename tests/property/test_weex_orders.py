"""A client of WEEX's orders ends with the venue's view, whatever becomes of updates, answers and connections on the way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.property.bad_way import BadWayMachine, newest_of
from tests.property.profiles import search
from tests.property.weex_desk import SYMBOL, WeexVenue
from wsexample.brokers.weex.client import WeexMessage
from wsexample.brokers.weex.gateway import WeexGateway
from wsexample.errors import OrderUnknownError
from wsexample.ports import Gap, Record
from wsexample.records.orders import Order, OrderRequest

D = Decimal
STATUSES = {"PENDING": "pending", "NEW": "new", "FILLED": "filled", "CANCELED": "canceled"}


class WeexMachine(BadWayMachine):
    """A contract account at WEEX."""

    REST_S = 40.0

    @initialize()
    def open(self) -> None:
        self.submitted: set[str] = set()
        self.owes_a_break = False
        venue = self.call(WeexVenue)
        self.begin_with(venue, venue.session, WeexGateway(venue.rest, clock=venue.clock))

    def record_of(self, taken: Any) -> Record:
        return super().record_of(taken.record if isinstance(taken, WeexMessage) else taken)

    # -- what the user does --------------------------------------------------------------------------------------

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
        request = OrderRequest(
            symbol=SYMBOL,
            side="buy" if (position_side == "long") != closes else "sell",
            size=D(size),
            order_type="market" if limit_price is None else "limit",
            limit_price=None if limit_price is None else D(limit_price),
            time_in_force=time_in_force if limit_price is not None else "ioc",
            client_order_id=self.next_name(),
            position_side=position_side,
        )
        self.ask(self.submit_one(request))
        self.pass_time(seconds)

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
        self.owes_a_break = False
        super().connection_is_cut()

    # -- what must hold ------------------------------------------------------------------------------------------

    def come_to_rest(self) -> None:
        if hasattr(self, "got") and self.owes_a_break:
            self.venue.cut()
        super().come_to_rest()

    def compare(self, never_told: set[str]) -> None:
        is_whole = all(gap.filled for gap in self.got if isinstance(gap, Gap))
        assert not never_told or not is_whole, f"never told: {never_told}"
        view = newest_of(self.got, place_of)
        rows = self.venue.desk.orders
        assert set(view) <= set(rows)
        assert self.submitted <= set(rows)
        asked = {order.order_id: order for order in self.do(self.gateway.fetch_orders("all"))}
        for order_id, row in rows.items():
            for seen in (asked.get(order_id), view.get(order_id) if is_whole else asked.get(order_id)):
                assert seen is not None, f"{row} is not known"
                assert seen.filled_size == D(row["cumFillSize"]), f"{seen} is {row}"
                partly = row["status"] == "NEW" and D(row["cumFillSize"]) > 0
                assert seen.status == ("partially_filled" if partly else STATUSES[row["status"]]), f"{seen} is {row}"


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
