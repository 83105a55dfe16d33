"""`PaperVenue`: a broker and an exchange in memory, moved by market records alone.

No clock, no socket, no task: time is that of the newest record, so the same records and the same seed give the same fills,
whether they come live or from a tape. Here orders are sent, are on their way, and are stopped by the kill switch; `admission`
says which may be sent, on the `floor` they meet the market, the `account` enters and tells what comes of it.
`engine.PaperTradingEngine` puts the asynchronous face of a broker on it.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from wsexample.errors import OrderRejectedError, RequestError, StateError
from wsexample.paper.account import PaperAccount
from wsexample.paper.admission import Admission
from wsexample.paper.floor import Floor
from wsexample.paper.instruments import Instrument, Instruments
from wsexample.paper.ledger import Ledger
from wsexample.paper.lifecycle import OrderEvent, WorkingOrder
from wsexample.paper.market import MarketView
from wsexample.paper.matching import Fees, Fills
from wsexample.paper.register import HISTORY, VENUE, OrderRegister
from wsexample.paper.risk import KillSwitch, Limits, RiskGate
from wsexample.records.market import Record
from wsexample.records.orders import Account, Order, OrderRequest, Position

__all__ = ["VENUE", "PaperVenue"]

ZERO = Decimal(0)
_NS = 10**9


@dataclass(frozen=True, slots=True)
class _Arrival:
    """Something on its way to the venue."""

    at_ns: int
    act: Callable[[int], None]


class PaperVenue:
    """Takes orders, fills them from market records, keeps the books.

    Parameters:
        start: cash at the beginning, by currency.
        currency: currency of the account.
        instruments: symbols that have terms of their own.
        fills: what fills are simulated from.
        fees: what they cost.
        limits: what the account may do.
        seed: of everything that is drawn by lot.
        history: orders that have ended and are kept (default 10,000); the one that ended first is forgotten first.

    Raises:
        OptionError: ``history`` is below 1.
    """

    def __init__(
        self,
        start: Mapping[str, Decimal],
        currency: str,
        *,
        instruments: Iterable[Instrument] = (),
        fills: Fills | None = None,
        fees: Fees | None = None,
        limits: Limits | None = None,
        seed: int = 0,
        history: int = HISTORY,
    ) -> None:
        self.currency = currency
        self.instruments = Instruments(currency, instruments)
        self.ledger = Ledger(start, self.instruments)
        self.fills = fills or Fills()
        self.fees = fees or Fees()
        self.limits = limits or Limits()
        self.orders = OrderRegister(history)
        """Every order that is open, and the newest of those that have ended, by their numbers."""
        self.switch = KillSwitch(self.limits, start.get(currency, ZERO))
        self.gate = RiskGate(self.limits, self.switch)
        self._account = PaperAccount(self.ledger, self.orders, self.fees, self.limits, self.switch)
        self._floor = Floor(self._account, self.fills, day_offset_s=self.limits.day_offset_s, booked=self._watch_equity)
        self.views = self._floor.views
        """The market by symbol."""
        self._admission = Admission(self._account, self.gate, self.views, self.fills)
        self._random = random.Random(seed)
        self._arrivals: deque[_Arrival] = deque()

    @property
    def now_ns(self) -> int:
        """The time: that of the newest record."""
        return self._account.now_ns

    # -- what its owner does ---------------------------------------------------------------------------------------

    def submit(self, request: OrderRequest) -> Order:
        """Send an order; it arrives after the latency.

        Returns:
            The order as it stands now: without latency, what could be filled at once is filled.

        Raises:
            OrderRejectedError: the order makes no sense, or a limit forbids it. It is in `take_outbox` as well.
        """
        order = self._order(request)
        words = self._admission.refusal(order)
        if words is not None:
            self._floor.end(order, OrderEvent.REJECT, words, self.now_ns)
            raise OrderRejectedError(
                f"the paper venue refused to {request.side} {request.symbol}: {words}",
                venue=VENUE,
                words=words,
            )
        self.orders.claim(order)
        self._hand_in(order, lambda now_ns: self._floor.place(order, now_ns))
        return self._account.snapshot(order)

    def cancel(self, order_id: str) -> None:
        """Ask for an order to be canceled; what is filled before that arrives stays filled.

        Raises:
            RequestError: there is no such order.
        """
        order = self.orders.find(order_id)
        self._hand_in(order, lambda now_ns: self._floor.end(order, OrderEvent.CANCEL, "canceled by its owner", now_ns))

    def replace(
        self,
        order_id: str,
        *,
        size: Decimal | None = None,
        limit_price: Decimal | None = None,
        stop_price: Decimal | None = None,
    ) -> Order:
        """Send an order to take another one's place; what is filled of the old one counts for the new one's size.

        Raises:
            RequestError: there is no such order, or it has ended.
            OrderRejectedError: the new order is refused; the old one stays.
        """
        old = self.orders.find(order_id)
        if not old.is_open:
            raise RequestError(f"order {order_id} cannot be replaced: it is {old.status}", venue=VENUE)
        wanted = size if size is not None else old.size
        left = None if wanted is None else wanted - old.filled_size
        if left is not None and left <= 0:
            raise RequestError(f"order {order_id} cannot be replaced: {old.filled_size:f} of it is filled", venue=VENUE)
        request = OrderRequest(
            symbol=old.request.symbol,
            side=old.side,
            size=left,
            order_type=old.request.order_type,
            time_in_force=old.request.time_in_force,
            limit_price=limit_price if limit_price is not None else old.limit_price,
            stop_price=stop_price if stop_price is not None else old.stop_price,
            trail_price=old.request.trail_price,
            trail_percent=old.request.trail_percent,
            reduce_only=old.request.reduce_only,
        )
        new = self._order(request)
        new.replaces = old.order_id
        words = self._admission.refusal(new, instead_of=old)
        if words is not None:
            self._floor.end(new, OrderEvent.REJECT, words, self.now_ns)
            raise OrderRejectedError(
                f"the paper venue refused to replace {order_id}: {words}", venue=VENUE, words=words
            )
        filled = old.filled_size
        self._hand_in(new, lambda now_ns: self._take_place(old, new, filled, now_ns))
        return self._account.snapshot(new)

    def kill(self, reason: str) -> bool:
        """Trip the kill switch: cancel everything, close every position at market, refuse everything that follows.

        Returns:
            Whether it has tripped with that; False when it had before.
        """
        if not self.switch.trip(reason):
            return False
        self._cancel_and_flatten()
        return True

    def take_outbox(self) -> list[Record]:
        """Return what has happened to orders and positions since the last call, in order."""
        return self._account.take_outbox()

    # -- what moves it ---------------------------------------------------------------------------------------------

    def see(self, record: Record) -> None:
        """Let the time go on to a record, and the market with it."""
        self.pass_time(record.received_ns)
        symbol = record.symbol
        view = self.views.get(symbol)
        if view is None:
            view = self.views[symbol] = MarketView()
        printed = view.see(record)
        working = self._floor.working.get(symbol)
        if working:
            self._floor.match(view, working, printed, self.now_ns)
        size = self.ledger.size(symbol)
        if size:
            mark = view.mark(size)
            if mark is not None:
                self.ledger.mark(symbol, mark)
            self._watch_equity()

    def pass_time(self, now_ns: int) -> None:
        """Let orders arrive and days end that are due; time that goes back counts as no time."""
        account = self._account
        while self._arrivals and self._arrivals[0].at_ns <= now_ns:
            arrival = self._arrivals.popleft()
            self._floor.expire(arrival.at_ns)
            account.now_ns = max(account.now_ns, arrival.at_ns)
            self._begin_day(account.now_ns)
            arrival.act(account.now_ns)
        self._floor.expire(now_ns)
        account.now_ns = max(account.now_ns, now_ns)
        self._begin_day(account.now_ns)

    def _begin_day(self, now_ns: int) -> None:
        """Note with what equity a day begins: the one before it has ended with that, whatever the market opens at."""
        if self.switch.is_new_day(now_ns):
            with suppress(StateError):  # cash of which no rate is known yet
                self.switch.begin_day(self.ledger.equity(), now_ns)

    # -- orders on their way ---------------------------------------------------------------------------------------

    def _order(self, request: OrderRequest) -> WorkingOrder:
        delay_s = self.fills.latency_s
        if self.fills.jitter_s:
            delay_s += self._random.uniform(0, self.fills.jitter_s)
        order = WorkingOrder(
            order_id=f"{VENUE}-{self.orders.next_number()}",
            request=request,
            size=request.size,
            submitted_ns=self.now_ns,
            arrives_ns=self.now_ns + round(delay_s * _NS),
        )
        self.orders.enter(order)
        return order

    def _hand_in(self, order: WorkingOrder, act: Callable[[int], None]) -> None:
        """Let something arrive at the venue after the latency, nothing before what was sent earlier."""
        at_ns = self.now_ns + max(order.arrives_ns - order.submitted_ns, 0)
        if at_ns <= self.now_ns and not self._arrivals:
            act(self.now_ns)
            return
        latest_ns = self._arrivals[-1].at_ns if self._arrivals else 0
        self._arrivals.append(_Arrival(max(at_ns, latest_ns), act))
        self.orders.next_number()  # what is on its way counts too, so that stored fills keep their names in a rerun

    def _take_place(self, old: WorkingOrder, new: WorkingOrder, filled_before: Decimal, now_ns: int) -> None:
        """Let an order take another one's place; what was filled on the way is not filled a second time."""
        floor = self._floor
        if not old.is_open:
            floor.end(new, OrderEvent.REJECT, f"order {old.order_id} was {old.status} before it arrived", now_ns)
            return
        late = old.filled_size - filled_before
        if new.size is not None and new.size <= late:
            floor.end(new, OrderEvent.REJECT, f"{late:f} of order {old.order_id} was filled before it arrived", now_ns)
            return
        if new.size is not None:
            new.size -= late
        new.is_triggered = old.is_at_work and new.stop_price == old.stop_price
        new.water_mark = old.water_mark
        old.replaced_by = new.order_id
        floor.end(old, OrderEvent.REPLACE, None, now_ns)
        floor.place(new, now_ns)

    # -- the kill switch -------------------------------------------------------------------------------------------

    def _watch_equity(self) -> None:
        limits = self.limits
        if (limits.daily_loss is None and limits.max_drawdown is None) or self.switch.is_tripped:
            return
        if self.switch.look(self.ledger.equity(), self.now_ns):
            self._cancel_and_flatten()

    def _cancel_and_flatten(self) -> None:
        """Cancel what is open and close what is held, at once: a switch that waited would be none."""
        words = f"kill switch: {self.switch.reason}"
        for order in list(self.orders.open.values()):
            self._floor.end(order, OrderEvent.CANCEL, words, self.now_ns)
        for holding in list(self.ledger.holdings.values()):
            if not holding.size:
                continue
            side = "sell" if holding.size > 0 else "buy"
            request = OrderRequest(symbol=holding.symbol, side=side, size=abs(holding.size), time_in_force="gtc")
            order = self._order(request)
            order.is_flattening = True
            order.reason = words
            self._floor.place(order, self.now_ns)

    # -- what it says ----------------------------------------------------------------------------------------------

    def order(self, order_id: str) -> Order:
        """Return an order as it stands.

        Raises:
            RequestError: there is no such order, or it has ended and was forgotten.
        """
        return self._account.snapshot(self.orders.find(order_id))

    def open_orders(self) -> list[Order]:
        """Return the orders that may still be filled, oldest first."""
        return [self._account.snapshot(order) for order in self.orders.open.values()]

    def position(self, symbol: str) -> Position:
        """Return the position of a symbol; its size is 0 where none is held."""
        return self._account.position(symbol)

    def positions(self) -> list[Position]:
        """Return what is held."""
        return self._account.positions()

    def account(self) -> Account:
        """Return the account as a whole, in its own currency."""
        return self._account.summary()
