"""A client of Alpaca's orders ends with the venue's view, whatever becomes of updates, answers and connections on the way."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.property.alpaca_desk import AlpacaVenue
from tests.property.bad_way import BadWayMachine, newest_of
from tests.property.profiles import search
from wsexample.brokers.alpaca.simulator.update_faults import ODDITIES
from wsexample.errors import OptionError
from wsexample.ports import Gap
from wsexample.records.orders import TERMINAL_STATUSES, Order, OrderRequest

D = Decimal


class AlpacaMachine(BadWayMachine):
    """An account at Alpaca."""

    REST_S = 120.0

    @initialize()
    def open(self) -> None:
        self.submitted: dict[str, Order] = {}
        venue = AlpacaVenue()
        stream = self.call(venue.stream)
        self.begin_with(venue, stream, stream.rest)
        for limit_price in ("90", "91"):
            self.submit("buy", "10", limit_price, "gtc", 0.2)

    # -- what the user does --------------------------------------------------------------------------------------

    async def submit_one(self, request: OrderRequest) -> None:
        order = await self.gateway.submit_order(request)
        self.submitted[order.order_id] = order

    @rule(
        side=st.sampled_from(["buy", "sell"]),
        size=st.sampled_from(["1", "5", "10"]),
        limit_price=st.none() | st.sampled_from(["95", "99", "100", "101", "105"]),
        time_in_force=st.sampled_from(["day", "day", "gtc", "ioc"]),
        seconds=st.sampled_from([0.0, 0.2]),
    )
    def submit(self, side: str, size: str, limit_price: str | None, time_in_force: str, seconds: float) -> None:
        request = OrderRequest(
            symbol="AAPL",
            side=side,
            size=D(size),
            order_type="market" if limit_price is None else "limit",
            limit_price=None if limit_price is None else D(limit_price),
            time_in_force=time_in_force,
            client_order_id=self.next_name(),
        )
        self.ask(self.submit_one(request))
        self.pass_time(seconds)

    @rule(which=st.integers(0, 4), limit_price=st.sampled_from(["96", "100", "104"]))
    def replace(self, which: int, limit_price: str) -> None:
        if (order_id := self.one_of(which)) is not None:
            self.ask(self.gateway.replace_order(order_id, limit_price=D(limit_price)))

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

    @rule(is_mute=st.sampled_from([False, False, False, True]))
    def connection_is_mute(self, is_mute: bool) -> None:
        self.venue.is_mute = is_mute

    # -- what must hold ------------------------------------------------------------------------------------------

    def compare(self, never_told: set[str]) -> None:
        assert not never_told, f"never told: {never_told}"
        view = newest_of([*self.submitted.values(), *self.got], lambda order: order.updated_ns or 0)
        for order_id, order in self.venue.account.orders.items():
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


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Faults are logged, and there are many."""
    caplog.set_level("CRITICAL")


def test_an_end_that_was_not_told_is_found_behind_a_break_too() -> None:
    """What a backfill fetches begins later than an update that was lost before it: the next look still goes back to that."""
    machine = AlpacaMachine()
    machine.open()
    machine.nothing_is_told_of_an_order()
    machine.time_passes(seconds=5.0)
    machine.submit(limit_price=None, seconds=0.0, side="buy", size="1", time_in_force="day")
    machine.connection_is_cut()
    machine.teardown()


TestAlpacaOrders = AlpacaMachine.TestCase
TestAlpacaOrders.settings = search(15)
TestAlpacaOrders.__doc__ = (
    "Duplicated, late, exchanged and lost updates, lost answers, breaks: the client ends with the venue's view."
)
