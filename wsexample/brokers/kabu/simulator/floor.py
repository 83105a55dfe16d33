"""The floor of the exchange: orders of the account among those of the strangers, from their arrival to their end. Pure.

The market tells it what happens (`Market.watcher`); it puts orders into the book at their moment, hears of their
executions, watches the triggers of stop orders, and ends what is over. Money is the ledger's matter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import date, timedelta
from random import Random

from msgspec import UNSET

from wsexample.brokers.kabu.dialect.hours import Phase, Timetable
from wsexample.brokers.kabu.order_rules import FAS, STOP
from wsexample.brokers.kabu.simulator.book import Guest
from wsexample.brokers.kabu.simulator.catalogue import Kind
from wsexample.brokers.kabu.simulator.ledger import Ledger, settlement_day
from wsexample.brokers.kabu.simulator.lifecycle import Act, OrderState, WorkingOrder, number_of_day
from wsexample.brokers.kabu.simulator.listing import Listing, View
from wsexample.brokers.kabu.simulator.market import Market
from wsexample.brokers.kabu.simulator.ticks import SEN

__all__ = ["Floor", "next_order_day", "order_day"]

MS = 1_000_000
KEPT_ORDERS = 5_000
_TRIGGER_INDEX = {2: ("101", 1), 3: ("151", 1)}
_SESSION_ONLY = {23: "day", 24: "night", 33: "day", 34: "night"}

# When an order that waits for an auction goes into the book: moment -> phases.
_AUCTIONS: dict[str, frozenset[Phase]] = {
    "open_am": frozenset({Phase.PRE_OPEN}),
    "open_pm": frozenset({Phase.BREAK_ORDERS}),
    "close_pm": frozenset({Phase.PRE_CLOSE}),
    "close": frozenset({Phase.PRE_CLOSE}),
}


def order_day(timetable: Timetable, now_ns: int) -> date:
    """Return the trading day that orders sent now belong to: the running one, or the next when it is over."""
    day = timetable.trading_day(now_ns)
    if timetable.spans_of(day)[-1].end_ns > now_ns:
        return day
    return next_order_day(timetable, day)


def next_order_day(timetable: Timetable, day: date) -> date:
    """Return the trading day after a day."""
    day += timedelta(days=1)
    while not timetable.is_trading_day(day):
        day += timedelta(days=1)
    return day


class Floor:
    """Orders at work.

    Parameters:
        market: where they work.
        ledger: where their executions are booked.
        latency_ms: how long an order or a cancel takes to the exchange.
        kept_orders: how many orders that are finished are kept, the newest (default 5,000).
        changed: called after each change of an order.
    """

    def __init__(
        self,
        market: Market,
        ledger: Ledger,
        *,
        latency_ms: int,
        kept_orders: int = KEPT_ORDERS,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._market = market
        self._ledger = ledger
        self._latency_ns = latency_ms * MS
        self._changed = changed
        self._rng = Random(f"{market.seed}/executions")
        self.executions = 0
        """Executions so far."""
        self.taken = 0
        """Orders so far."""
        self.orders: dict[str, WorkingOrder] = {}
        """Every open order and the newest of those that are finished, by number."""
        self._finished: deque[str] = deque()
        self._kept_orders = kept_orders
        self._open: dict[str, WorkingOrder] = {}
        market.watcher = self

    # -- orders come and go ----------------------------------------------------------------------------------

    def submit(self, order: WorkingOrder) -> None:
        """Take an order that was found good."""
        self.orders[order.order_id] = self._open[order.order_id] = order
        self.taken += 1
        order.accept(self._market.now_ns)
        self._consider(order)
        self._changed()

    def cancel(self, order: WorkingOrder) -> int:
        """Take an order back; returns 0, or the code with which the order system refuses."""
        if order.state is OrderState.FINISHED:
            return 43 if not order.left else 42 if order.details[-1].RecType == Act.EXPIRED else 47
        if order.state is OrderState.CANCELLING:
            return 60
        if order.state is OrderState.WAITING:
            self._finish(order, Act.CANCELLED)
            return 0
        order.ask_cancel(self._market.now_ns)
        self._market.appoint(self._latency_ns, lambda: self._cancelled(order))
        self._changed()
        return 0

    def _cancelled(self, order: WorkingOrder) -> None:
        if order.is_open:
            self._finish(order, Act.CANCELLED)

    def triggers_at_once(self, order: WorkingOrder) -> bool:
        """Tell whether a stop order's condition holds already."""
        watched = self.watched_by(order)
        return watched is not None and self._is_hit(order, watched)

    def watched_by(self, order: WorkingOrder) -> Listing | None:
        """Return the listing whose price a stop order watches; None when it is not listed."""
        stop = order.body.ReverseLimitOrder
        if stop is UNSET:
            return None
        index = _TRIGGER_INDEX.get(stop.TriggerSec) if stop.TriggerSec is not UNSET else None
        if index is None:
            return order.view.listing
        view = self._market.views.get(index)
        return view.listing if view is not None else None

    @staticmethod
    def _is_hit(order: WorkingOrder, watched: Listing) -> bool:
        stop = order.body.ReverseLimitOrder
        if stop is UNSET:
            return False
        trigger = int(stop.TriggerPrice * SEN)
        return watched.last <= trigger if stop.UnderOver == 1 else watched.last >= trigger

    # -- what the market tells -------------------------------------------------------------------------------

    def acted(self, listing: Listing) -> None:
        """Somebody traded or quoted: book the executions of ours, and look at the triggers."""
        if not self._open:
            return
        self._book_fills(listing)
        for order in self._waiting_stops():
            if self.watched_by(order) is listing and self._is_hit(order, listing):
                order.has_triggered = True
                self._consider(order)

    def phase_ending(self, listing: Listing, next_phase: Phase) -> None:
        """Send what waits for the end of the morning, which has no auction here; end what has missed its auction."""
        if listing.phase is Phase.OPEN and next_phase is Phase.BREAK:
            for order in self._open_orders(listing):
                is_funari = (
                    order.front.moment == "now" and order.front.ord_type == 4 and order.body.FrontOrderType == 25
                )
                if order.front.moment == "close_am" and order.state is OrderState.WAITING:
                    self._send_at_once(order)
                elif is_funari and order.state is OrderState.WORKING:
                    self._turn_to_close(order)

    def phase_begun(self, listing: Listing, *, is_new_day: bool, is_new_book: bool) -> None:
        """Put orders into the new phase: end what is over, bring again what the book forgot, send what waited."""
        phase = listing.phase
        timetable = self._market.timetable_of(listing)
        for order in self._open_orders(listing):
            if is_new_book:
                order.guest = None  # the book has forgotten it
            if self._has_missed(order, phase):
                self._finish(order, Act.LAPSED)
            elif self._has_expired(order, timetable, phase):
                self._finish(order, Act.EXPIRED)
            elif order.state is OrderState.WORKING and order.guest is None and order.front.moment == "now":
                order.note(Act.CARRIED_OVER, self._market.now_ns)
                self._consider(order)
            elif order.state is OrderState.WAITING:
                self._consider(order)
            elif phase is Phase.PRE_CLOSE and order.front.ord_type == 4 and order.state is OrderState.WORKING:
                self._turn_to_close(order)
        self._changed()

    def _has_expired(self, order: WorkingOrder, timetable: Timetable, phase: Phase) -> bool:
        today = timetable.trading_day(self._market.now_ns)
        listing = order.view.listing
        if order.expire_day < today:
            return True
        if phase is not Phase.CLOSED or order.expire_day > today:
            return False
        only = _SESSION_ONLY.get(order.body.Exchange)
        is_last_session = timetable.spans_of(today)[-1].end_ns <= self._market.now_ns
        return is_last_session or only == listing.session

    def _has_missed(self, order: WorkingOrder, phase: Phase) -> bool:
        """Tell whether an order was made for an auction, or for any price, and what it waited for is over."""
        if order.state not in (OrderState.WORKING, OrderState.CANCELLING):
            return False
        phases = _AUCTIONS.get(order.front.moment)
        return order.limit is None if phases is None else phase not in phases

    # -- into the book ---------------------------------------------------------------------------------------

    def _consider(self, order: WorkingOrder) -> None:
        """Send a waiting order when its moment has come."""
        if order.state is not OrderState.WAITING or not self._is_due(order):
            return
        order.note(Act.SENT, self._market.now_ns)
        self._market.appoint(self._latency_ns, lambda: self._arrive(order))
        self._changed()

    def _is_due(self, order: WorkingOrder) -> bool:
        listing = order.view.listing
        if order.body.FrontOrderType == STOP and not order.has_triggered:
            return False
        if self._order_day(listing) > order.expire_day or not listing.phase.takes_orders:
            return False
        only = _SESSION_ONLY.get(order.body.Exchange)
        if only is not None and listing.session not in (only, "always"):
            return False
        moment = order.front.moment
        return moment == "now" or listing.phase in _AUCTIONS.get(moment, frozenset())

    def _order_day(self, listing: Listing) -> date:
        return order_day(self._market.timetable_of(listing), self._market.now_ns)

    def _arrive(self, order: WorkingOrder) -> None:
        """Stand at the exchange, unless something has happened on the way."""
        if order.state is OrderState.CANCELLING:
            return  # the cancel comes right behind it
        if order.state is not OrderState.SENDING:
            return
        order.arrive(self._market.now_ns)
        phase = order.view.listing.phase
        if phase is Phase.OPEN and order.front.moment == "now":
            self._execute(order)
        elif phase.is_call and (order.front.moment != "now" or order.time_in_force == FAS):
            self._wait_for_auction(order)
        elif not phase.takes_orders and order.front.moment == "now" and order.time_in_force == FAS:
            order.note(Act.CARRIED_OVER, self._market.now_ns)  # the phase has ended on the way
        else:
            self._finish(order, Act.LAPSED)
        self._changed()

    def _send_at_once(self, order: WorkingOrder) -> None:
        order.note(Act.SENT, self._market.now_ns)
        order.arrive(self._market.now_ns)
        self._execute(order)

    def _execute(self, order: WorkingOrder) -> None:
        """Trade against what rests; what is left of it rests too, or lapses."""
        listing = order.view.listing
        side = listing.book.side(not order.is_buy)
        limit, now_ns = order.limit, self._market.now_ns
        if order.is_all_or_none and side.quantity_within(limit) < order.left:
            self._finish(order, Act.LAPSED)
            return
        fills = side.take(order.left, limit)
        for price, quantity in fills:
            listing.trade(price, quantity, now_ns)
            self._book(order, price, quantity)
        self._book_fills(listing)  # it may have met another order of ours
        if order.left:
            if limit is not None and order.time_in_force == FAS:
                self._rest(order, limit)
            else:
                self._finish(order, Act.LAPSED)
        listing.bid_ns = listing.ask_ns = now_ns
        self._market.touch(listing, traded=bool(fills))
        if fills:
            self.acted(listing)

    def _rest(self, order: WorkingOrder, limit: int) -> None:
        order.guest = order.view.listing.book.side(order.is_buy).add_guest(limit, order.left, order)
        order.guest_price = limit

    def _wait_for_auction(self, order: WorkingOrder) -> None:
        listing, limit = order.view.listing, order.limit
        if limit is not None:
            self._rest(order, limit)
        else:
            order.guest = listing.book.wait_at_market(order.is_buy, order.left, order)
            order.guest_price = None
        self._market.touch(listing, traded=False)

    def _turn_to_close(self, order: WorkingOrder) -> None:
        """Make a funari order a market order, now that the close has come."""
        self._withdraw(order)
        order.is_at_close = True
        if order.view.listing.phase.is_call:
            self._wait_for_auction(order)
        else:
            self._execute(order)

    def _withdraw(self, order: WorkingOrder) -> None:
        guest: Guest | None = order.guest
        order.guest = None
        if guest is None:
            return
        listing = order.view.listing
        if order.guest_price is None:
            listing.book.withdraw_from_market(order.is_buy, guest)
        else:
            listing.book.side(order.is_buy).withdraw(order.guest_price, guest)
        self._market.touch(listing, traded=False)

    # -- executions and ends ---------------------------------------------------------------------------------

    def _book_fills(self, listing: Listing) -> None:
        for fill in listing.book.take_guest_fills():
            owner = fill.guest.owner
            assert isinstance(owner, WorkingOrder)
            self._book(owner, fill.price, fill.quantity)

    def _book(self, order: WorkingOrder, price: int, quantity: int) -> None:
        now_ns = self._market.now_ns
        self.executions += 1
        timetable = self._market.timetable_of(order.view.listing)
        day = timetable.trading_day(now_ns)
        execution_id = f"E{number_of_day(day)}{self._rng.randrange(100):02d}{self.executions:08d}"
        fee = self._ledger.execute(order, price, quantity, execution_id, day)
        is_stock = order.view.listing.instrument.kind is Kind.STOCK
        settled = settlement_day(day) if is_stock else next_order_day(timetable, day)
        order.execute(price, quantity, execution_id, settled, fee, now_ns)
        if not order.left:
            order.guest = None
            self._ended(order)
        self._changed()

    def _finish(self, order: WorkingOrder, act: Act) -> None:
        self._withdraw(order)
        order.note(act, self._market.now_ns)
        self._ended(order)
        self._changed()

    def _ended(self, order: WorkingOrder) -> None:
        self._ledger.release(order)
        if self._open.pop(order.order_id, None) is None:
            return
        self._finished.append(order.order_id)
        if len(self._finished) > self._kept_orders:
            del self.orders[self._finished.popleft()]

    @property
    def finished(self) -> int:
        """Orders that are finished, the forgotten ones included."""
        return self.taken - len(self._open)

    # -- looking ---------------------------------------------------------------------------------------------

    def _open_orders(self, listing: Listing) -> list[WorkingOrder]:
        return [order for order in self._open.values() if order.view.listing is listing]

    def _waiting_stops(self) -> list[WorkingOrder]:
        return [
            order
            for order in self._open.values()
            if order.state is OrderState.WAITING and order.body.FrontOrderType == STOP and not order.has_triggered
        ]

    def open_count(self, view: View) -> int:
        """Return how many orders for a listing are open."""
        return len(self._open_orders(view.listing))
