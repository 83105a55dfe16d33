"""`PaperVenue`: a broker and an exchange in memory, moved by market records alone.

No clock, no socket, no task: time is that of the newest record, so the same records and the same seed give the same fills,
whether they come live or from a tape. `engine.PaperTradingEngine` puts the asynchronous face of a broker on it.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from wsexample.errors import OrderRejectedError, RequestError, StateError
from wsexample.paper.instruments import Instrument, Instruments
from wsexample.paper.ledger import Ledger
from wsexample.paper.lifecycle import OrderEvent, WorkingOrder
from wsexample.paper.market import MarketView, Print
from wsexample.paper.matching import Execution, Fees, Fills, Matcher
from wsexample.paper.risk import KillSwitch, Limits, RiskGate
from wsexample.records.market import Record
from wsexample.records.orders import Account, Fill, Order, OrderRequest, Position

__all__ = ["VENUE", "PaperVenue"]

VENUE = "paper"
ZERO = Decimal(0)
DAY_S = 86_400
_NS = 10**9
_TYPES = ("market", "limit", "stop", "stop_limit", "trailing_stop")
_TIMES = ("day", "gtc", "ioc", "fok")


@dataclass(slots=True, order=True)
class _Arrival:
    """Something on its way to the venue."""

    at_ns: int
    number: int
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
    ) -> None:
        self.currency = currency
        self.instruments = Instruments(currency, instruments)
        self.ledger = Ledger(start, self.instruments)
        self.fills = fills or Fills()
        self.fees = fees or Fees()
        self.limits = limits or Limits()
        self.views: dict[str, MarketView] = {}
        """The market by symbol."""
        self.orders: dict[str, WorkingOrder] = {}
        """Every order by its number, ended ones too."""
        self._open: dict[str, WorkingOrder] = {}
        self.now_ns = 0
        """The time: that of the newest record."""
        cash = start.get(currency, ZERO)
        self.switch = KillSwitch(self.limits, cash)
        self.gate = RiskGate(self.limits, self.switch)
        self._matcher = Matcher(self.fills)
        self._random = random.Random(seed)
        self._working: dict[str, dict[str, WorkingOrder]] = {}
        self._client_ids: dict[str, str] = {}
        self._arrivals: list[_Arrival] = []
        self._count = 0
        self._outbox: list[Record] = []
        self._next_expiry_ns: int | None = None

    # -- what its owner does ---------------------------------------------------------------------------------------

    def submit(self, request: OrderRequest) -> Order:
        """Send an order; it arrives after the latency.

        Returns:
            The order as it stands now: without latency, what could be filled at once is filled.

        Raises:
            OrderRejectedError: the order makes no sense, or a limit forbids it. It is in `take_outbox` as well.
        """
        order = self._order(request)
        words = self._refusal(order)
        if words is not None:
            self._end(order, OrderEvent.REJECT, words, self.now_ns)
            raise OrderRejectedError(
                f"the paper venue refused to {request.side} {request.symbol}: {words}",
                venue=VENUE,
                words=words,
            )
        self._hand_in(order, lambda now_ns: self._arrive(order, now_ns))
        return self._snapshot(order, None)

    def cancel(self, order_id: str) -> None:
        """Ask for an order to be canceled; what is filled before that arrives stays filled.

        Raises:
            RequestError: there is no such order.
        """
        order = self._known(order_id)
        self._hand_in(order, lambda now_ns: self._end(order, OrderEvent.CANCEL, "canceled by its owner", now_ns))

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
        old = self._known(order_id)
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
        words = self._refusal(new, instead_of=old)
        if words is not None:
            self._end(new, OrderEvent.REJECT, words, self.now_ns)
            raise OrderRejectedError(
                f"the paper venue refused to replace {order_id}: {words}", venue=VENUE, words=words
            )
        filled = old.filled_size
        self._hand_in(new, lambda now_ns: self._take_place(old, new, filled, now_ns))
        return self._snapshot(new, None)

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
        told, self._outbox = self._outbox, []
        return told

    # -- what moves it ---------------------------------------------------------------------------------------------

    def see(self, record: Record) -> None:
        """Let the time go on to a record, and the market with it."""
        self.pass_time(record.received_ns)
        symbol = record.symbol
        view = self.views.get(symbol)
        if view is None:
            view = self.views[symbol] = MarketView()
        printed = view.see(record)
        working = self._working.get(symbol)
        if working:
            self._match(symbol, view, working, printed)
        if self.ledger.size(symbol):
            mark = view.mark(self.ledger.size(symbol))
            if mark is not None:
                self.ledger.mark(symbol, mark)
            self._watch_equity()

    def pass_time(self, now_ns: int) -> None:
        """Let orders arrive and days end that are due; time that goes back counts as no time."""
        while self._arrivals and self._arrivals[0].at_ns <= now_ns:
            arrival = heapq.heappop(self._arrivals)
            self._expire(arrival.at_ns)
            self.now_ns = max(self.now_ns, arrival.at_ns)
            arrival.act(self.now_ns)
        self._expire(now_ns)
        self.now_ns = max(self.now_ns, now_ns)

    def _expire(self, now_ns: int) -> None:
        if self._next_expiry_ns is None or now_ns < self._next_expiry_ns:
            return
        upcoming: list[int] = []
        for order in [order for orders in self._working.values() for order in orders.values()]:
            if order.expires_ns is None:
                continue
            if order.expires_ns <= now_ns:
                self._end(order, OrderEvent.EXPIRE, "its day is over", order.expires_ns)
            else:
                upcoming.append(order.expires_ns)
        self._next_expiry_ns = min(upcoming, default=None)

    # -- orders on their way ---------------------------------------------------------------------------------------

    def _order(self, request: OrderRequest) -> WorkingOrder:
        self._count += 1
        delay_s = self.fills.latency_s
        if self.fills.jitter_s:
            delay_s += self._random.uniform(0, self.fills.jitter_s)
        order = WorkingOrder(
            order_id=f"{VENUE}-{self._count}",
            request=request,
            size=request.size,
            submitted_ns=self.now_ns,
            arrives_ns=self.now_ns + round(delay_s * _NS),
        )
        self.orders[order.order_id] = self._open[order.order_id] = order
        return order

    def _hand_in(self, order: WorkingOrder, act: Callable[[int], None]) -> None:
        """Let something arrive at the venue after the latency, nothing before what was sent earlier."""
        if order.request.client_order_id is not None:
            self._client_ids.setdefault(order.request.client_order_id, order.order_id)
        at_ns = self.now_ns + max(order.arrives_ns - order.submitted_ns, 0)
        if at_ns <= self.now_ns and not self._arrivals:
            act(self.now_ns)
        else:
            latest = max((arrival.at_ns for arrival in self._arrivals), default=0)
            heapq.heappush(self._arrivals, _Arrival(max(at_ns, latest), self._next_number(), act))

    def _next_number(self) -> int:
        self._count += 1
        return self._count

    def _known(self, order_id: str) -> WorkingOrder:
        found = self.orders.get(order_id)
        if found is None:
            raise RequestError(f"the paper venue knows no order {order_id!r}", venue=VENUE)
        return found

    def _refusal(self, order: WorkingOrder, instead_of: WorkingOrder | None = None) -> str | None:
        """Say why an order cannot be sent; gives it its size where that was asked for in money."""
        try:
            self.ledger.rate(self.instruments.currency_of(order.request.symbol))  # without it nothing could be valued
            return self._words_against(order, instead_of)
        except StateError as error:
            return str(error)
        except ArithmeticError:
            return "its amounts are too large to reckon with"

    def _words_against(self, order: WorkingOrder, instead_of: WorkingOrder | None) -> str | None:
        request = order.request
        view = self.views.get(request.symbol)
        words = _nonsense(request, self.instruments[request.symbol])
        if words is None and request.client_order_id in self._client_ids:
            words = f"client_order_id {request.client_order_id!r} was used before"
        if words is not None:
            return words
        price = request.limit_price or request.stop_price or _price_of(view, request.side)
        if order.size is None:
            if price is None or request.notional is None:
                return (
                    f"nothing is known of the price of {request.symbol} yet, so no size can be reckoned from notional"
                )
            order.size = self.instruments[request.symbol].size_for(request.notional, price)
            if not order.size:
                return f"{request.notional:f} is less than the smallest size of {request.symbol} costs"
        market = None if view is None else view.last_price or view.mid
        for limit in (request.limit_price, request.stop_price):
            far = None if limit is None else self.gate.outside_band(limit, market)
            if far is not None:
                return far
        others = [other for other in self._open.values() if other is not instead_of and other is not order]
        return self.gate.refusal(request, order.size, price, self.ledger, others, self.now_ns)

    def _arrive(self, order: WorkingOrder, now_ns: int) -> None:
        if not order.is_open:
            return
        symbol = order.request.symbol
        self._working.setdefault(symbol, {})[order.order_id] = order
        if order.request.time_in_force == "day":
            self._give_a_day(order, now_ns)
        view = self.views.setdefault(symbol, MarketView())
        if order.is_held:
            order.step(OrderEvent.HOLD, now_ns)
            self._tell(order, OrderEvent.HOLD)
            if not self._matcher.is_triggered(order, view):
                return
        self._set_to_work(order, view, now_ns, OrderEvent.TRIGGER if order.is_held else OrderEvent.ACCEPT)

    def _give_a_day(self, order: WorkingOrder, now_ns: int) -> None:
        offset_ns = self.limits.day_offset_s * _NS
        day = (now_ns - offset_ns) // (DAY_S * _NS)
        order.expires_ns = (day + 1) * DAY_S * _NS + offset_ns
        if self._next_expiry_ns is None or order.expires_ns < self._next_expiry_ns:
            self._next_expiry_ns = order.expires_ns

    def _take_place(self, old: WorkingOrder, new: WorkingOrder, filled_before: Decimal, now_ns: int) -> None:
        """Let an order take another one's place; what was filled on the way is not filled a second time."""
        if not old.is_open:
            self._end(new, OrderEvent.REJECT, f"order {old.order_id} was {old.status} before it arrived", now_ns)
            return
        late = old.filled_size - filled_before
        if new.size is not None and new.size <= late:
            self._end(new, OrderEvent.REJECT, f"{late:f} of order {old.order_id} was filled before it arrived", now_ns)
            return
        if new.size is not None:
            new.size -= late
        old.replaced_by = new.order_id
        self._end(old, OrderEvent.REPLACE, None, now_ns)
        self._arrive(new, now_ns)

    def _set_to_work(self, order: WorkingOrder, view: MarketView, now_ns: int, event: OrderEvent) -> None:
        """Let an order meet the market for the first time."""
        order.step(event, now_ns)
        self._tell(order, event)
        self._keep_reducing(order, now_ns)
        time_in_force = order.request.time_in_force
        if not order.is_open or self._waits_for_a_print(view):
            return
        if _is_all_or_nothing(order) and self._matcher.takeable(order, view) < order.remaining_size:
            self._end(order, OrderEvent.CANCEL, "fill or kill: not all of it could be filled at once", now_ns)
            return
        self._book(order, self._matcher.take(order, view), now_ns)
        if not order.is_open:
            return
        if time_in_force in ("ioc", "fok"):
            self._end(order, OrderEvent.CANCEL, "immediate or cancel: no more could be filled at once", now_ns)
        elif order.limit_price is not None:
            self._matcher.queue_up(order, view)

    def _waits_for_a_print(self, view: MarketView) -> bool:
        against = self.fills.against
        return against == "trade" or (against == "last" and view.last_price is None)

    # -- matching --------------------------------------------------------------------------------------------------

    def _match(self, symbol: str, view: MarketView, working: dict[str, WorkingOrder], printed: Print | None) -> None:
        now_ns = self.now_ns
        for order in list(working.values()):
            if order.is_held and self._matcher.is_triggered(order, view):
                self._set_to_work(order, view, now_ns, OrderEvent.TRIGGER)
        if printed is not None and self.fills.against == "last":
            printed = printed._replace(size=None)
        for order in sorted(working.values(), key=_priority):
            if order.is_held or not order.is_open:
                continue
            self._keep_reducing(order, now_ns)
            if printed is not None and order.is_open:
                printed = self._meet_print(order, view, printed)
            if order.is_open:
                self._meet_levels(order, view)

    def _meet_print(self, order: WorkingOrder, view: MarketView, printed: Print) -> Print:
        """Let an order meet a print; returns what is left of it for the account's other orders."""
        is_waiting = order.limit_price is not None and order.ahead is not None
        if is_waiting:
            found = self._matcher.trade_through(order, printed)
            made = [] if found is None else [found]
        elif self.fills.against in ("trade", "last"):
            is_enough = self._matcher.takeable(order, view, printed) >= order.remaining_size
            made = self._matcher.take(order, view, printed) if is_enough or not _is_all_or_nothing(order) else []
        else:
            return printed
        self._book(order, made, self.now_ns)
        if order.is_open and order.request.time_in_force in ("ioc", "fok"):
            self._end(order, OrderEvent.CANCEL, "no more could be filled at once", self.now_ns)
        elif order.is_open and not is_waiting and order.limit_price is not None:
            self._matcher.queue_up(order, view)
        if printed.size is None:
            return printed
        return printed._replace(size=printed.size - sum((execution.size for execution in made), ZERO))

    def _keep_reducing(self, order: WorkingOrder, now_ns: int) -> None:
        """Cut an order that may only make a position smaller down to what is left of it; cancel it when nothing is."""
        if not order.request.reduce_only:
            return
        held = self.ledger.size(order.request.symbol)
        left = held if order.side == "sell" else -held
        if left <= 0:
            self._end(order, OrderEvent.CANCEL, "reduce_only, and no position is left to reduce", now_ns)
        elif order.remaining_size > left:
            order.size = order.filled_size + left

    def _meet_levels(self, order: WorkingOrder, view: MarketView) -> None:
        """Let an order meet what stands in the book."""
        if self.fills.against in ("trade", "last"):
            return
        if order.limit_price is None:
            self._book(order, self._matcher.take(order, view), self.now_ns)
        else:
            self._matcher.requeue(order, view)
            self._book(order, self._matcher.meet(order, view), self.now_ns)

    def _book(self, order: WorkingOrder, executions: Sequence[Execution], now_ns: int) -> None:
        """Enter executions in the order and in the books, and tell of them."""
        symbol = order.request.symbol
        currency = self.instruments.currency_of(symbol)
        multiplier = self.instruments[symbol].multiplier
        for execution in executions:
            event = order.fill(execution.price, execution.size, now_ns)
            fee = self.fees.of(execution.price * execution.size * multiplier, execution.size, execution.liquidity)
            realized = self.ledger.apply(symbol, order.side, execution.price, execution.size, fee, now_ns)
            order.fee += fee
            order.realized_pnl += realized
            fill = Fill(
                venue=VENUE,
                symbol=symbol,
                exchange_ns=now_ns,
                received_ns=now_ns,
                fill_id=f"{order.order_id}/{order.fills}",
                order_id=order.order_id,
                client_order_id=order.request.client_order_id,
                side=order.side,
                price=execution.price,
                size=execution.size,
                cumulative_size=order.filled_size,
                position_size=self.ledger.size(symbol),
                fee=fee,
                fee_currency=currency,
                realized_pnl=realized,
                liquidity=execution.liquidity,
            )
            self._outbox.append(fill)
            self._tell(order, event, fill.fill_id)
            self._outbox.append(self.position(symbol))
        if executions:
            if not order.is_open:
                self._forget(order)
            mark = self.views[symbol].mark(self.ledger.size(symbol))
            if mark is not None:
                self.ledger.mark(symbol, mark)
            self._watch_equity()

    def _end(self, order: WorkingOrder, event: OrderEvent, reason: str | None, now_ns: int) -> None:
        """End an order that is still open; nothing happens to one that has ended."""
        if not order.is_open:
            return
        order.step(event, now_ns, reason)
        self._forget(order)
        self._tell(order, event)

    def _forget(self, order: WorkingOrder) -> None:
        """Take an order that has ended away from those that may be filled."""
        self._open.pop(order.order_id, None)
        self._working.get(order.request.symbol, {}).pop(order.order_id, None)

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
        for order in list(self._open.values()):
            self._end(order, OrderEvent.CANCEL, words, self.now_ns)
        for holding in list(self.ledger.holdings.values()):
            if not holding.size:
                continue
            side = "sell" if holding.size > 0 else "buy"
            request = OrderRequest(symbol=holding.symbol, side=side, size=abs(holding.size), time_in_force="gtc")
            order = self._order(request)
            order.is_flattening = True
            order.reason = words
            self._arrive(order, self.now_ns)

    # -- what it says ----------------------------------------------------------------------------------------------

    def _snapshot(self, order: WorkingOrder, event: str | None, fill_id: str | None = None) -> Order:
        currency = self.instruments.currency_of(order.request.symbol)
        return order.snapshot(VENUE, event, self.now_ns, currency, fill_id)

    def _tell(self, order: WorkingOrder, event: OrderEvent, fill_id: str | None = None) -> None:
        self._outbox.append(self._snapshot(order, event.value, fill_id))

    def order(self, order_id: str) -> Order:
        """Return an order as it stands.

        Raises:
            RequestError: there is no such order.
        """
        return self._snapshot(self._known(order_id), None)

    def open_orders(self) -> list[Order]:
        """Return the orders that may still be filled, oldest first."""
        return [self._snapshot(order, None) for order in self._open.values()]

    def position(self, symbol: str) -> Position:
        """Return the position of a symbol; its size is 0 where none is held."""
        holding = self.ledger.holding(symbol)
        return Position(
            venue=VENUE,
            symbol=symbol,
            exchange_ns=self.now_ns,
            received_ns=self.now_ns,
            size=holding.size,
            side=None if not holding.size else "long" if holding.size > 0 else "short",
            average_price=holding.average_price,
            mark_price=holding.mark_price,
            market_value=holding.value,
            cost=holding.cost,
            unrealized_pnl=holding.unrealized,
            realized_pnl=holding.realized,
            fee=holding.fees,
            currency=holding.currency,
            opened_ns=holding.opened_ns,
            updated_ns=self.now_ns,
        )

    def positions(self) -> list[Position]:
        """Return what is held."""
        return [self.position(symbol) for symbol, holding in self.ledger.holdings.items() if holding.size]

    def account(self) -> Account:
        """Return the account as a whole, in its own currency."""
        ledger = self.ledger
        equity, exposure = ledger.equity(), ledger.exposure()
        leverage = self.limits.max_leverage
        values = [
            (holding.value * ledger.rate(holding.currency), holding)
            for holding in ledger.holdings.values()
            if holding.size
        ]
        return Account(
            venue=VENUE,
            received_ns=self.now_ns,
            exchange_ns=self.now_ns,
            currency=self.currency,
            status="ACTIVE" if not self.switch.is_tripped else "KILLED",
            is_blocked=self.switch.is_tripped,
            equity=equity,
            last_equity=self.switch.day_equity,
            cash=ledger.cash.get(self.currency, ZERO),
            buying_power=None if leverage is None else max(equity * leverage - exposure, ZERO),
            long_value=sum((value for value, holding in values if holding.size > 0), ZERO),
            short_value=sum((value for value, holding in values if holding.size < 0), ZERO),
            unrealized_pnl=sum((holding.unrealized * ledger.rate(holding.currency) for _, holding in values), ZERO),
            leverage=leverage,
            is_shorting_allowed=self.limits.can_short,
        )


def _is_all_or_nothing(order: WorkingOrder) -> bool:
    return order.request.time_in_force == "fok"


def _priority(order: WorkingOrder) -> tuple[int, Decimal, int]:
    """Price before time: who takes first, then the better limit, then who came earlier."""
    number = int(order.order_id.rpartition("-")[2])
    if order.limit_price is None:
        return (0, ZERO, number)
    return (1, -order.limit_price if order.side == "buy" else order.limit_price, number)


def _price_of(view: MarketView | None, side: str) -> Decimal | None:
    if view is None:
        return None
    levels = view.opposite(side)
    return levels[0].price if levels else view.last_price


def _nonsense(request: OrderRequest, terms: Instrument) -> str | None:
    """Say what makes no sense about an order; None when it does."""
    kind = request.order_type
    if not request.symbol:
        return "symbol is empty"
    if request.side not in ("buy", "sell"):
        return f"side must be 'buy' or 'sell', not {request.side!r}"
    if kind not in _TYPES:
        return f"order_type must be one of {', '.join(_TYPES)}, not {kind!r}"
    if request.time_in_force not in _TIMES:
        return f"time_in_force {request.time_in_force!r} is not simulated: use one of {', '.join(_TIMES)}"
    if (request.size is None) == (request.notional is None):
        return "give size or notional, one of them"
    amounts = {
        name: getattr(request, name)
        for name in ("size", "notional", "limit_price", "stop_price", "trail_price", "trail_percent")
    }
    for name, value in amounts.items():
        if value is not None and not (value.is_finite() and value > 0):
            return f"{name} must be above 0, not {value}"
    if request.take_profit_price is not None or request.stop_loss_price is not None:
        return "orders with take_profit_price or stop_loss_price are not simulated: send them after the fill"
    needs = {"limit": ("limit_price",), "stop": ("stop_price",), "stop_limit": ("limit_price", "stop_price")}.get(
        kind, ()
    )
    for name in needs:
        if amounts[name] is None:
            return f"a {kind} order needs {name}"
    if kind == "trailing_stop" and (request.trail_price is None) == (request.trail_percent is None):
        return "a trailing_stop order needs trail_price or trail_percent, one of them"
    if "limit" not in kind and request.limit_price is not None:
        return f"a {kind} order has no limit_price"
    if kind in ("stop", "stop_limit", "trailing_stop") and request.time_in_force in ("ioc", "fok"):
        return f"a {kind} order waits, so its time_in_force cannot be {request.time_in_force!r}"
    for name in ("limit_price", "stop_price"):
        price = amounts[name]
        if price is not None and terms.tick_size is not None and price % terms.tick_size:
            return f"{name} {price:f} is not a multiple of the tick size {terms.tick_size:f}"
    if request.size is not None and terms.lot_size is not None and request.size % terms.lot_size:
        return f"size {request.size:f} is not a multiple of the lot size {terms.lot_size:f}"
    return None
