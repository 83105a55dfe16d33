"""The small exchange: takes orders, works them against the market's quotes, and tells every event of their lives.

Filled as Alpaca's paper trading does it: at the best bid or offer whatever its size, and now and then in part. Pure,
with time as an argument: the same seed and the same calls give the same events.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from random import Random
from typing import Any

from msgspec import UNSET, UnsetType

from wsexample.brokers.alpaca.dialect.orders import decimal_of
from wsexample.brokers.alpaca.dialect.times import rfc3339
from wsexample.brokers.alpaca.messages.trading import (
    ActivityMessage,
    LegExecution,
    OrderMessage,
    OrderSubmission,
    ReplaceSubmission,
    TradeUpdateMessage,
)
from wsexample.brokers.alpaca.simulator.accounts import SimAccount
from wsexample.brokers.alpaca.simulator.assets import Asset
from wsexample.brokers.alpaca.simulator.checks import Refusal, check_account, check_prices, check_shape, price_rule
from wsexample.brokers.alpaca.simulator.ids import Ids
from wsexample.brokers.alpaca.simulator.market import Market
from wsexample.brokers.alpaca.simulator.order_making import make_children, make_order, make_replacement, make_spread
from wsexample.brokers.alpaca.simulator.orders import SimOrder, text_of
from wsexample.brokers.alpaca.simulator.switches import Switches

__all__ = ["ENDS", "SMALLEST", "Exchange"]

MICROSECOND_NS = 1000
SMALLEST = Decimal("0.000000001")
TOO_LATE = "TOO_LATE_TO_CANCEL"
ENDS = {"canceled": "canceled_ns", "expired": "expired_ns", "rejected": "failed_ns", "replaced": "replaced_ns"}
"""Statuses that end an order without filling it -> the field that says when."""


class Exchange:
    """Accounts and their orders.

    Parameters:
        market: where prices come from.
        switches: what happens where the real one is doubtful.
        seed: the same seed gives the same identifiers and fills.
    """

    def __init__(self, market: Market, switches: Switches, seed: int = 1) -> None:
        self._market = market
        self._switches = switches
        self._random = Random(f"exchange {seed}")
        self.ids = Ids(seed)
        """Where identifiers come from."""
        self.accounts: dict[str, SimAccount] = {}
        """By key id."""
        self.now_ns = market.now_ns
        self._last_event_ns = 0
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._told: list[tuple[SimAccount, TradeUpdateMessage]] = []
        self._working: dict[str, tuple[SimAccount, SimOrder]] = {}
        self._waiting: dict[str, tuple[SimAccount, SimOrder]] = {}

    def add_account(
        self, key_id: str, secret_key: str, *, cash: Decimal | None = None, oauth_token: str = ""
    ) -> SimAccount:
        """Open an account."""
        cash = Decimal(self._switches.start_cash) if cash is None else cash
        account = SimAccount(
            key_id=key_id,
            secret_key=secret_key,
            account_id=self.ids.uuid(),
            number=f"PA{len(self.accounts) + 1:010d}",
            cash=cash,
            created_ns=self.now_ns,
            oauth_token=oauth_token,
            last_equity=cash,
            kept_orders=self._switches.kept_orders,
            kept_events=self._switches.kept_events,
        )
        self.accounts[key_id] = account
        return account

    def quoted(self, symbol: str) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Return bid, ask, last price and previous close of a symbol, exact as they are shown."""
        listing = self._market.listings[symbol]
        prices = (listing.bid, listing.ask, listing.last_price, listing.previous_close)
        return tuple(Decimal(repr(price)) for price in prices)  # type: ignore[return-value] # as many as went in

    def correction_id(self) -> str | UnsetType:
        """Return the next identifier of a bust or a correction, if those have any."""
        return self.ids.uuid() if self._switches.correction_ids else UNSET

    # -- what clients ask for ------------------------------------------------------------------------------------

    def submit(self, account: SimAccount, request: OrderSubmission, now_ns: int) -> SimOrder:
        """Take an order.

        Raises:
            Refusal: it is not taken.
        """
        self.now_ns = max(self.now_ns, now_ns)
        asset = check_shape(request)
        client_id = request.client_order_id or self.ids.uuid()
        if client_id in account.by_client_id:
            raise Refusal(422, 40010001, "client_order_id must be unique")
        if len(client_id) > 128:
            raise Refusal(422, 40010001, "client_order_id must be no more than 128 characters")
        if asset is None:
            order = make_spread(request, client_id, self.ids, self.now_ns)
        else:
            check_prices(request, asset, self.quoted(asset.symbol)[2])
            check_account(account, request, asset, self.quoted)
            order = make_order(request, asset, client_id, self.ids, self.now_ns)
            make_children(order, request, self.ids, self.now_ns)
            if order.order_type == "trailing_stop":
                self._trail(order)
        for each in (order, *order.legs):
            account.keep(each)
        self._begin(account, order)
        return order

    def place_unchecked(self, account: SimAccount, asset: Asset, side: str, size: Decimal) -> SimOrder:
        """Put an order to work at once that only its owner fills, whatever the account can pay; for flows of executions."""
        request = OrderSubmission(symbol=asset.symbol, side=side, qty=text_of(size), type="market", time_in_force="gtc")
        order = make_order(request, asset, self.ids.uuid(), self.ids, self.now_ns)
        account.keep(order)
        order.status = "new"
        self.tell(account, order, "new", execution_id=self.ids.uuid())
        return order

    def cancel(self, account: SimAccount, order: SimOrder, now_ns: int) -> None:
        """Take a wish to cancel; what becomes of it is told by an event.

        Raises:
            Refusal: it cannot be canceled any more.
        """
        self.now_ns = max(self.now_ns, now_ns)
        if order.is_closed or order.status == "pending_cancel":
            raise Refusal(422, 42210000, f'order is already in "{order.status}" state')
        order.cancel_requested_ns = self.now_ns
        before, order.status = order.status, "pending_cancel"
        if self._switches.pending_cancel_events:
            self.tell(account, order, "pending_cancel")
        self._later(lambda: self._cancel_now(account, order, before))

    def _cancel_now(self, account: SimAccount, order: SimOrder, before: str) -> None:
        if order.is_closed:
            if order.status != "canceled":  # else another order of its group took it along
                self.tell(account, order, "order_cancel_rejected", reason=TOO_LATE)
            return
        if order.status == "pending_cancel":
            order.status = before
        self.end(account, order, "canceled")

    def replace(self, account: SimAccount, order: SimOrder, request: ReplaceSubmission, now_ns: int) -> SimOrder:
        """Take a wish to replace an order; returns the new one.

        Raises:
            Refusal: it cannot be replaced.
        """
        self.now_ns = max(self.now_ns, now_ns)
        if (
            order.is_closed
            or order.status in ("pending_cancel", "pending_replace", "pending_new")
            or order.asset is None
        ):
            raise Refusal(422, 42210000, f'order is not replaceable in "{order.status}" state')
        client_id = request.client_order_id or self.ids.uuid()
        if client_id in account.by_client_id:
            raise Refusal(422, 40010001, "client_order_id must be unique")
        price_rule("limit_price", decimal_of(request.limit_price), order.asset)
        price_rule("stop_price", decimal_of(request.stop_price), order.asset)
        size = decimal_of(request.qty)
        if size is not None and size <= order.filled_size:
            raise Refusal(422, 42210000, "qty must be greater than filled_qty")
        new = make_replacement(order, request, client_id, self.ids, self.now_ns)
        account.keep(new)
        before, order.status = order.status, "pending_replace"
        if self._switches.pending_cancel_events:
            self.tell(account, order, "pending_replace")
        self._later(lambda: self._replace_now(account, order, new, size, before))
        return new

    def _replace_now(
        self, account: SimAccount, old: SimOrder, new: SimOrder, size: Decimal | None, before: str
    ) -> None:
        wanted = old.size if size is None else size  # what has been filled or changed on the way counts
        new.size = None if wanted is None else wanted - old.filled_size
        if old.is_closed or (new.size is not None and new.size <= 0):
            new.status, new.failed_ns = "rejected", self.now_ns
            if not old.is_closed:
                old.status = "partially_filled"
            self.tell(account, old, "order_replace_rejected", reason=TOO_LATE)
            return
        self._take_place(old, new)
        old.status = before
        old.replaced_by = new.order_id
        shown = new if self._switches.replaced_carries == "new" else old
        is_waiting = old.order_id in self._waiting
        self.end(account, old, "replaced", shown=shown)
        if is_waiting:
            self._begin(account, new)
        elif before == "held" and old.parent is not None and not old.parent.is_closed:
            new.status = "held"
        else:
            self._open(account, new)

    @staticmethod
    def _take_place(old: SimOrder, new: SimOrder) -> None:
        """Put the new order into the group of the old one: the legs follow their parent, and grow or shrink with it."""
        if old.parent is not None:
            old.parent.legs[old.parent.legs.index(old)] = new
            new.parent = old.parent  # which may have been replaced on the way
            return
        new.legs, old.legs = old.legs, []
        for leg in new.legs:
            leg.parent = new
            if leg.size is not None and new.size is not None:
                leg.size += new.size - old.remaining

    # -- the life of an order ------------------------------------------------------------------------------------

    def _begin(self, account: SimAccount, order: SimOrder) -> None:
        """Route an order, or keep it until the market opens."""
        if order.order_class == "mleg" or order.asset is None:
            is_trading = self._market.is_open
        else:
            is_trading = self._market.is_trading(order.asset) or (order.extended_hours and order.order_type == "limit")
        if not is_trading or order.time_in_force in ("opg", "cls"):
            order.status = "accepted"
            self.tell(account, order, "accepted")
            self._waiting[order.order_id] = account, order
            return
        if self._switches.pending_new_events:
            self.tell(account, order, "pending_new")
        self._later(lambda: self._open(account, order))

    def _open(self, account: SimAccount, order: SimOrder) -> None:
        """Put an order to work."""
        if order.is_closed or order.status == "pending_cancel":
            return
        order.status = "new"
        for leg in order.legs:
            if order.order_class == "mleg":
                leg.status = "new"
            elif self._switches.held_events and order.replaces is None:
                self.tell(account, leg, "held")
        order.submitted_ns = self.now_ns
        self.tell(account, order, "new", execution_id=self.ids.uuid())
        self._working[order.order_id] = (account, order)
        if order.order_class == "oco":
            self._release_children(account, order)
        self._work(account, order)

    def _release_children(self, account: SimAccount, order: SimOrder) -> None:
        for leg in order.legs:
            if leg.status == "held":
                self._open(account, leg)

    def open_market(self) -> None:
        """Put to work what waited for the open."""
        waiting, self._waiting = self._waiting, {}
        for account, order in waiting.values():
            if order.is_closed:
                continue
            if order.time_in_force == "cls":
                self._waiting[order.order_id] = account, order
                continue
            order.status = "pending_new"
            if self._switches.pending_new_events:
                self.tell(account, order, "pending_new")
            self._open(account, order)

    def close_market(self) -> None:
        """Fill what waited for the close, and end orders of the day."""
        waiting, self._waiting = self._waiting, {}
        for account, order in waiting.values():
            if order.time_in_force == "cls" and not order.is_closed:
                self._open(account, order)
            elif not order.is_closed:
                self._waiting[order.order_id] = account, order
        for account, order in list(self._working.values()):
            is_crypto = order.asset is not None and order.asset.kind == "crypto"
            if order.time_in_force in ("day", "opg", "cls") and not is_crypto and not order.is_closed:
                self.end(account, order, "expired")

    def end(self, account: SimAccount, order: SimOrder, status: str, *, shown: SimOrder | None = None) -> None:
        """End an order without filling it, and what depends on it."""
        order.status = status
        setattr(order, ENDS[status], self.now_ns)
        self._working.pop(order.order_id, None)
        self._waiting.pop(order.order_id, None)
        self.tell(account, order, status, shown=shown)
        self._end_group(account, order)

    def _end_group(self, account: SimAccount, order: SimOrder) -> None:
        """End what depends on an order that ended without being filled.

        The documentation has it for a cancel of any order of a group: whatever of it is open is canceled, however much the
        parent has been filled. An expiry and a rejection are taken the same way, for nothing would end those that are left.
        """
        is_entry = order.parent is None and order.order_class in ("bracket", "oto")
        if is_entry and order.filled_size and self._switches.partly_filled_parent == "release_legs":
            for leg in order.legs:
                if leg.size is not None:
                    leg.size -= order.remaining
            self._release_children(account, order)
            return
        parent = order.parent or order
        for other in order.legs if order.status == "replaced" else (parent, *parent.legs):
            if not other.is_closed:
                is_over = order.status == "expired" and other.status != "held"
                self.end(account, other, "expired" if is_over else "canceled")

    def _others(self, order: SimOrder) -> list[SimOrder]:
        """Return the open orders that exclude an order: of them and it, only one is to be filled."""
        if order.order_class == "oco":
            parent = order.parent or order
            group = [*parent.legs, parent]
        elif order.order_class in ("bracket", "oto") and order.parent is not None:
            group = order.parent.legs
        else:
            return []
        return [other for other in group if other is not order and not other.is_closed]

    # -- filling -------------------------------------------------------------------------------------------------

    def advance(self, now_ns: int) -> list[tuple[SimAccount, TradeUpdateMessage]]:
        """Let everything happen until a moment; returns every event, in order."""
        while self._due and self._due[0][0] <= now_ns:
            time_ns, _, action = heapq.heappop(self._due)
            self.now_ns = max(self.now_ns, time_ns)
            action()
        self.now_ns = max(self.now_ns, now_ns)
        for account, order in list(self._working.values()):
            self._work(account, order)
        return self.take_events()

    def shift(self, by_ns: int) -> None:
        """Believe from now on that it is later, or earlier; what is due keeps its distance."""
        self.now_ns += by_ns
        self._last_event_ns += by_ns
        self._due = [(time_ns + by_ns, count, action) for time_ns, count, action in self._due]

    def take_events(self) -> list[tuple[SimAccount, TradeUpdateMessage]]:
        """Return the events since the last call."""
        told, self._told = self._told, []
        return told

    def _later(self, action: Callable[[], None], delay_ns: int | None = None) -> None:
        self._count += 1
        delay_ns = round(self._switches.latency_ms * 1e6) if delay_ns is None else delay_ns
        heapq.heappush(self._due, (self.now_ns + delay_ns, self._count, action))

    def _work(self, account: SimAccount, order: SimOrder) -> None:
        """Fill an order where the market lets it."""
        if not order.is_working or order.order_id not in self._working:
            return
        if order.order_class == "mleg" and order.asset is None:
            self._work_spread(account, order)
            return
        asset = order.asset
        if asset is None or self._market.listings[asset.symbol].is_halted:
            return
        if not self._market.is_trading(asset) and not order.extended_hours and order.time_in_force != "cls":
            return
        if order.order_type == "trailing_stop":
            self._trail(order)
        price = self._price_now(order)
        if price is not None:
            self._fill_now(account, order, price)
        if order.time_in_force in ("ioc", "fok") and not order.is_closed:
            self.end(account, order, "canceled")

    def _price_now(self, order: SimOrder) -> Decimal | None:
        """Return the price at which an order can be filled now; None when it cannot."""
        bid, ask, last, _ = self.quoted(order.symbol)
        is_buy = order.side == "buy"
        if order.stop_price is not None and not order.is_triggered:
            order.is_triggered = last >= order.stop_price if is_buy else last <= order.stop_price
            if not order.is_triggered:
                return None
        price = ask if is_buy else bid
        if order.order_type in ("limit", "stop_limit") and order.limit_price is not None:
            is_marketable = price <= order.limit_price if is_buy else price >= order.limit_price
            return price if is_marketable else None
        return price

    def _trail(self, order: SimOrder) -> None:
        """Move the stop of a trailing order behind the best price seen."""
        last = self.quoted(order.symbol)[2]
        better = max if order.side == "sell" else min
        order.water_mark = last if order.water_mark is None else better(order.water_mark, last)
        distance = order.trail_price or order.water_mark * (order.trail_percent or Decimal(0)) / 100
        stop = order.water_mark - distance if order.side == "sell" else order.water_mark + distance
        order.stop_price = stop.quantize(Decimal("0.01"))

    def _fill_now(self, account: SimAccount, order: SimOrder, price: Decimal) -> None:
        if order.notional is not None and order.size is None:
            order.size = (order.notional / price).quantize(SMALLEST, ROUND_DOWN)
        size = order.remaining
        is_divisible = size > 1 or (order.asset is not None and order.asset.kind == "crypto")
        if order.time_in_force != "fok" and is_divisible and self._random.random() < self._switches.partial_fill_chance:
            part = size * Decimal(self._random.randint(1, 9)) / 10
            is_whole = size == size.to_integral_value()
            size = (
                max(part.to_integral_value(ROUND_DOWN), Decimal(1)) if is_whole else part.quantize(SMALLEST, ROUND_DOWN)
            )
            size = size or order.remaining
        self.fill(account, order, size, price)

    def fill(self, account: SimAccount, order: SimOrder, size: Decimal, price: Decimal) -> str:
        """Fill an order, in part or as a whole; returns the execution's identifier."""
        assert order.asset is not None
        change = size if order.side == "buy" else -size
        account.execute(order.asset, change, price)
        order.filled_size += size
        order.filled_value += size * price
        is_whole = order.filled_size >= (order.size or Decimal(0))
        order.status = "filled" if is_whole else "partially_filled"
        if is_whole:
            order.filled_ns = self.now_ns
            self._working.pop(order.order_id, None)
        execution_id = self.ids.uuid()
        event = "fill" if is_whole else "partial_fill"
        self._note_execution(account, order, execution_id, event, size, price)
        self.tell(
            account,
            order,
            event,
            execution_id=execution_id,
            price=text_of(price),
            qty=text_of(size),
            position_qty=text_of(account.held(order.symbol)),
        )
        for other in self._others(order):
            if is_whole:
                self.end(account, other, "canceled")
            elif other.size is not None:  # as documented, the other exit is for what is left
                other.size -= size
        if is_whole and order.order_class in ("bracket", "oto") and order.parent is None:
            self._release_children(account, order)
        return execution_id

    def _note_execution(
        self, account: SimAccount, order: SimOrder, execution_id: str, kind: str, size: Decimal, price: Decimal
    ) -> None:
        time_ns = self._event_time()
        compact = "".join(character for character in rfc3339(time_ns)[:23].ljust(23, "0") if character.isdigit())
        uuid = execution_id if self._switches.activity_ids == "execution" else self.ids.uuid()
        account.activities.append(
            ActivityMessage(
                id=f"{compact}::{uuid}",
                activity_type="FILL",
                transaction_time=rfc3339(time_ns),
                type=kind,
                price=text_of(price),
                qty=text_of(size),
                side=order.side,
                symbol=order.symbol,
                leaves_qty=text_of(order.remaining),
                cum_qty=text_of(order.filled_size),
                order_id=order.order_id,
                order_status=order.status,
            )
        )

    def _work_spread(self, account: SimAccount, order: SimOrder) -> None:
        """Fill every leg of a spread at once, when what it costs in all is good enough."""
        if not self._market.is_open:
            return
        prices = []
        cost = Decimal(0)
        for leg in order.legs:
            bid, ask, _, _ = self.quoted(leg.symbol)
            price = ask if leg.side == "buy" else bid
            prices.append(price)
            cost += (price if leg.side == "buy" else -price) * (leg.ratio or Decimal(1))
        if order.order_type == "limit" and order.limit_price is not None and cost > order.limit_price:
            return
        executions = []
        positions: dict[str, Any] = {}
        order.status = "filled"
        order.filled_size, order.filled_value = order.size or Decimal(0), cost * (order.size or Decimal(0))
        order.filled_ns = self.now_ns
        del self._working[order.order_id]
        for leg, price in zip(order.legs, prices, strict=True):
            assert leg.asset is not None
            size = leg.remaining
            account.execute(leg.asset, size if leg.side == "buy" else -size, price)
            leg.filled_size, leg.filled_value = size, size * price
            leg.status, leg.filled_ns, leg.updated_ns = "filled", self.now_ns, self.now_ns
            execution_id = self.ids.uuid()
            self._note_execution(account, leg, execution_id, "fill", size, price)
            positions[leg.symbol] = text_of(account.held(leg.symbol))
            executions.append(
                LegExecution(
                    execution_id=execution_id,
                    order_id=leg.order_id,
                    symbol=leg.symbol,
                    qty=text_of(size),
                    price=text_of(price),
                    timestamp=rfc3339(self.now_ns),
                )
            )
        self.tell(account, order, "fill", position_qtys=positions, legs=executions)

    # -- events --------------------------------------------------------------------------------------------------

    def _event_time(self) -> int:
        """Return a time for the next event: now, and behind every event before it."""
        self._last_event_ns = max(self.now_ns, self._last_event_ns + MICROSECOND_NS)
        return self._last_event_ns

    def tell(
        self, account: SimAccount, order: SimOrder, event: str, *, shown: SimOrder | None = None, **facts: Any
    ) -> None:
        """Tell an event; ``shown`` is the order that it carries when that is another one."""
        time_ns = self._event_time()
        order.updated_ns = time_ns
        message: OrderMessage = (shown or order).message()
        update = TradeUpdateMessage(event=event, order=message, timestamp=rfc3339(time_ns), **facts)
        update.event_id = self.ids.ulid(time_ns)
        update.at = rfc3339(time_ns)
        account.updates.append(update)
        self._told.append((account, update))
