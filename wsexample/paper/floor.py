"""Where the orders that have arrived meet the market: held, at work, matched with every record, expired with their day.

Pure. At which price and how much is decided by `matching`; what comes of it is entered and told by the `account`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from wsexample.paper.account import PaperAccount
from wsexample.paper.lifecycle import OrderEvent, WorkingOrder
from wsexample.paper.market import MarketView, Print
from wsexample.paper.matching import Execution, Fills, Matcher

__all__ = ["Floor"]

ZERO = Decimal(0)
DAY_S = 86_400
_NS = 10**9


class Floor:
    """Orders at work, by symbol, and the market that they meet.

    Parameters:
        account: whose orders.
        fills: what fills are simulated from.
        day_offset_s: seconds by which the account's day begins after midnight UTC.
        booked: called when executions were booked, before the next order is looked at; it may end orders and place others.
    """

    def __init__(self, account: PaperAccount, fills: Fills, *, day_offset_s: int, booked: Callable[[], None]) -> None:
        self.account = account
        self.fills = fills
        self.views: dict[str, MarketView] = {}
        """The market by symbol."""
        self.working: dict[str, dict[str, WorkingOrder]] = {}
        """Orders that have arrived and are open, by symbol, in the order of their arrival."""
        self._ledger = account.ledger
        self._matcher = Matcher(fills)
        self._day_offset_ns = day_offset_s * _NS
        self._booked = booked
        self._next_expiry_ns: int | None = None

    # -- orders come and go ----------------------------------------------------------------------------------------

    def place(self, order: WorkingOrder, now_ns: int) -> None:
        """Take an order in that has arrived, and let it meet the market; nothing happens to one that has ended."""
        if not order.is_open:
            return
        symbol = order.request.symbol
        self.working.setdefault(symbol, {})[order.order_id] = order
        if order.request.time_in_force == "day":
            self._give_a_day(order, now_ns)
        view = self.views.setdefault(symbol, MarketView())
        if order.is_held:
            order.step(OrderEvent.HOLD, now_ns)
            self.account.tell(order, OrderEvent.HOLD)
            if not self._matcher.is_triggered(order, view):
                return
        self._set_to_work(order, view, now_ns, OrderEvent.TRIGGER if order.is_held else OrderEvent.ACCEPT)

    def end(self, order: WorkingOrder, event: OrderEvent, reason: str | None, now_ns: int) -> None:
        """End an order, whether it has arrived or not; nothing happens to one that has ended."""
        if order.is_open:
            self._take_away(order)
            self.account.end(order, event, reason, now_ns)

    def expire(self, now_ns: int) -> None:
        """End the orders whose day is over."""
        if self._next_expiry_ns is None or now_ns < self._next_expiry_ns:
            return
        upcoming: list[int] = []
        for order in [order for orders in self.working.values() for order in orders.values()]:
            if order.expires_ns is None:
                continue
            if order.expires_ns <= now_ns:
                self.end(order, OrderEvent.EXPIRE, "its day is over", order.expires_ns)
            else:
                upcoming.append(order.expires_ns)
        self._next_expiry_ns = min(upcoming, default=None)

    def _give_a_day(self, order: WorkingOrder, now_ns: int) -> None:
        day = (now_ns - self._day_offset_ns) // (DAY_S * _NS)
        order.expires_ns = (day + 1) * DAY_S * _NS + self._day_offset_ns
        if self._next_expiry_ns is None or order.expires_ns < self._next_expiry_ns:
            self._next_expiry_ns = order.expires_ns

    def _take_away(self, order: WorkingOrder) -> None:
        self.working.get(order.request.symbol, {}).pop(order.order_id, None)

    def _set_to_work(self, order: WorkingOrder, view: MarketView, now_ns: int, event: OrderEvent) -> None:
        """Let an order meet the market for the first time."""
        order.step(event, now_ns)
        self.account.tell(order, event)
        self._keep_reducing(order, now_ns)
        time_in_force = order.request.time_in_force
        if not order.is_open or self._waits_for_a_print(view):
            return
        if _is_all_or_nothing(order) and self._matcher.takeable(order, view) < order.remaining_size:
            self.end(order, OrderEvent.CANCEL, "fill or kill: not all of it could be filled at once", now_ns)
            return
        self._book(order, self._matcher.take(order, view), now_ns)
        if not order.is_open:
            return
        if time_in_force in ("ioc", "fok"):
            self.end(order, OrderEvent.CANCEL, "immediate or cancel: no more could be filled at once", now_ns)
        elif order.limit_price is not None:
            self._matcher.queue_up(order, view)

    def _waits_for_a_print(self, view: MarketView) -> bool:
        against = self.fills.against
        return against == "trade" or (against == "last" and view.last_price is None)

    # -- the market goes on ----------------------------------------------------------------------------------------

    def match(self, view: MarketView, working: dict[str, WorkingOrder], printed: Print | None, now_ns: int) -> None:
        """Let the orders of a symbol meet what its newest record shows.

        Parameters:
            view: its market, with that record.
            working: its orders, one of ``self.working``.
            printed: the trade that the record tells of.
            now_ns: the time.
        """
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
                printed = self._meet_print(order, view, printed, now_ns)
            if order.is_open:
                self._meet_levels(order, view, now_ns)

    def _meet_print(self, order: WorkingOrder, view: MarketView, printed: Print, now_ns: int) -> Print:
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
        self._book(order, made, now_ns)
        if order.is_open and order.request.time_in_force in ("ioc", "fok"):
            self.end(order, OrderEvent.CANCEL, "no more could be filled at once", now_ns)
        elif order.is_open and not is_waiting and order.limit_price is not None:
            self._matcher.queue_up(order, view)
        if printed.size is None:
            return printed
        return printed._replace(size=printed.size - sum((execution.size for execution in made), ZERO))

    def _keep_reducing(self, order: WorkingOrder, now_ns: int) -> None:
        """Cut an order that may only make a position smaller down to what is left of it; cancel it when nothing is."""
        if not order.request.reduce_only:
            return
        held = self._ledger.size(order.request.symbol)
        left = held if order.side == "sell" else -held
        if left <= 0:
            self.end(order, OrderEvent.CANCEL, "reduce_only, and no position is left to reduce", now_ns)
        elif order.remaining_size > left:
            order.size = order.filled_size + left

    def _meet_levels(self, order: WorkingOrder, view: MarketView, now_ns: int) -> None:
        """Let an order meet what stands in the book."""
        if self.fills.against in ("trade", "last"):
            return
        if order.limit_price is None:
            self._book(order, self._matcher.take(order, view), now_ns)
        else:
            self._matcher.requeue(order, view)
            self._book(order, self._matcher.meet(order, view), now_ns)

    def _book(self, order: WorkingOrder, executions: Sequence[Execution], now_ns: int) -> None:
        """Have executions entered in the books, and the position valued anew."""
        if not executions:
            return
        self.account.book(order, executions, now_ns)
        if not order.is_open:
            self._take_away(order)
        symbol = order.request.symbol
        mark = self.views[symbol].mark(self._ledger.size(symbol))
        if mark is not None:
            self._ledger.mark(symbol, mark)
        self._booked()


def _is_all_or_nothing(order: WorkingOrder) -> bool:
    return order.request.time_in_force == "fok"


def _priority(order: WorkingOrder) -> tuple[int, Decimal]:
    """Price before time: who takes first, then the better limit; those that came earlier already stand before others."""
    if order.limit_price is None:
        return (0, ZERO)
    return (1, -order.limit_price if order.side == "buy" else order.limit_price)
