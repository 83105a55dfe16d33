"""The counter for everything about the account: orders in, orders, positions and wallets out. Pure.

Order of the checks of an order: its own fields (`wsexample.brokers.kabu.order_rules`), the symbol, the soft limit, then the
order system: account, market, price, session, money. What happens to an order that passed is the floor's matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from wsexample.brokers.kabu.codes import QUOTED_ON
from wsexample.brokers.kabu.dialect.hours import ALWAYS, Phase, S, jst_ns
from wsexample.brokers.kabu.messages.orders import (
    CancelRequest,
    CashWallet,
    DerivativeOrder,
    FutureWallet,
    MarginWallet,
    OptionWallet,
    OrderReply,
    OrderRow,
    PositionRow,
    StockOrder,
)
from wsexample.brokers.kabu.messages.reads import SoftLimitReply
from wsexample.brokers.kabu.order_rules import (
    CASH,
    FAS,
    MARGIN_NEW,
    SELL,
    SOR,
    STOP,
    Product,
    day_from,
    derivative_breach,
    stock_breach,
)
from wsexample.brokers.kabu.simulator.catalogue import Kind
from wsexample.brokers.kabu.simulator.floor import Floor, order_day
from wsexample.brokers.kabu.simulator.ledger import Ledger, requirement_of
from wsexample.brokers.kabu.simulator.lifecycle import WorkingOrder, order_number, stamp, yen
from wsexample.brokers.kabu.simulator.listing import View
from wsexample.brokers.kabu.simulator.market import Market
from wsexample.brokers.kabu.simulator.station import Refusal
from wsexample.brokers.kabu.simulator.switches import Switches
from wsexample.brokers.kabu.simulator.ticks import SEN

__all__ = ["Counter"]

_T = TypeVar("_T")
Body = StockOrder | DerivativeOrder

LOTS_SHORT_AT_MARKET = 50
"""Lots that may be sold short at the market; more need a limit."""
_KINDS: dict[Product, Kind] = {"future": Kind.FUTURE, "option": Kind.OPTION}
_LAST_MINUTE = {"open_am": 9 * 60, "open_pm": 12 * 60 + 30, "close_am": 11 * 60 + 30, "close_pm": 15 * 60 + 25}
"""Moment of the day -> minute after which an order for it comes too late."""
_FIELDS = {
    name.lower(): name for struct in (StockOrder, DerivativeOrder, CancelRequest) for name in struct.__struct_fields__
} | {
    name.lower(): name
    for name in ("HoldID", "TriggerSec", "TriggerPrice", "UnderOver", "AfterHitOrderType", "AfterHitPrice")
}
_MAN_YEN = 10_000 * SEN
_SHORT = re.compile(r"[0-9]{1,9}")


def _spelled(value: Any) -> Any:
    """Return JSON with the vendor's spelling of every key, however it was written."""
    if isinstance(value, dict):
        return {_FIELDS.get(key.lower(), key): _spelled(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_spelled(each) for each in value]
    return value


class Counter:
    """Where orders are taken and questions about the account answered.

    Parameters:
        market: what is listed.
        ledger: money and positions.
        floor: where orders work.
        switches: doubtful behaviours.
    """

    def __init__(self, market: Market, ledger: Ledger, floor: Floor, switches: Switches) -> None:
        self._market = market
        self._ledger = ledger
        self._floor = floor
        self._switches = switches
        self._is_verification = switches.env == "verification"
        self._count = 6_848_000

    # -- orders in -------------------------------------------------------------------------------------------

    def send_stock(self, body: bytes) -> OrderReply | Refusal:
        """``POST /sendorder``."""
        order = self._decode(body, StockOrder)
        if order is None:
            return Refusal.of(4001005)
        breach = stock_breach(
            order, is_sor_down=self._switches.sor_down, is_sor_basic=self._switches.sor_types == "basic"
        )
        if breach is not None:
            return Refusal.of(breach.code)
        return self._send(order, Kind.STOCK)

    def send_derivative(self, body: bytes, product: Product) -> OrderReply | Refusal:
        """``POST /sendorder/future`` and ``POST /sendorder/option``."""
        order = self._decode(body, DerivativeOrder)
        if order is None:
            return Refusal.of(4001005)
        breach = derivative_breach(order, product)
        if breach is not None:
            return Refusal.of(breach.code)
        return self._send(order, _KINDS[product])

    def cancel(self, body: bytes) -> OrderReply | Refusal:
        """``PUT /cancelorder``."""
        request = self._decode(body, CancelRequest)
        if request is None:
            return Refusal.of(4001005)
        if self._is_verification:
            return OrderReply(Result=0)
        order = self._floor.orders.get(request.OrderId.upper())
        if order is None:
            return Refusal.of(4004001)
        code = self._floor.cancel(order)
        return Refusal.of(code) if code else OrderReply(Result=0, OrderId=order.order_id)

    def _decode(self, body: bytes, kind: type[_T]) -> _T | None:
        try:
            if self._switches.body_field_case == "exact":
                return msgspec.json.decode(body, type=kind)
            return msgspec.convert(_spelled(msgspec.json.decode(body)), kind)
        except (msgspec.MsgspecError, RecursionError):
            return None

    def _send(self, body: Body, kind: Kind) -> OrderReply | Refusal:
        if self._is_verification:
            return OrderReply(Result=0)
        view = self._market.views.get((body.Symbol, QUOTED_ON.get(body.Exchange, body.Exchange)))
        if view is None:
            return Refusal.of(4002001)
        if view.listing.instrument.kind is not kind:
            return Refusal.of(4002005)
        code = self._over_soft_limit(body, view) or self._refused_by_market(body, view)
        if code:
            return Refusal.of(code)
        day = self._expire_day(body, view)
        if day is None:
            return Refusal.of(5)
        now_ns = self._market.now_ns
        self._count += 1
        order = WorkingOrder(
            order_id=order_number(kind, self._count, now_ns),
            number=self._count,
            body=body,
            view=view,
            accepted_ns=now_ns,
            expire_day=day,
        )
        code = self._refused_now(order) or self._ledger.hold(order)
        if code:
            return Refusal.of(code)
        self._floor.submit(order)
        return OrderReply(Result=0, OrderId=order.order_id)

    def _over_soft_limit(self, body: Body, view: View) -> int:
        limit = self._ledger.plan.soft_limit
        if isinstance(body, StockOrder):
            price = int(body.Price * SEN) or view.listing.last
            most = limit.Stock if body.CashMargin == CASH else limit.Margin
            return 4003001 if price * body.Qty > (most or 0) * _MAN_YEN else 0
        product = view.listing.instrument.product
        contracts = (
            (limit.MiniOption if "mini" in product else limit.Option)
            if product.endswith("op")
            else limit.FutureMicro
            if "micro" in product
            else limit.FutureMini
            if "mini" in product
            else limit.Future
        )
        return 4003002 if body.Qty > (contracts or 0) else 0

    def _refused_by_market(self, body: Body, view: View) -> int:
        """Look at account, lot and prices; returns the code of the order system, 0 when all is well."""
        plan, instrument = self._ledger.plan, view.listing.instrument
        if isinstance(body, StockOrder):
            if body.Exchange in (SOR, 27) and self._switches.sor_down:
                return 123
            if body.CashMargin != CASH and not plan.has_margin:
                return 100204
            is_short = body.Side == SELL
            if body.CashMargin == MARGIN_NEW and not (instrument.can_short if is_short else instrument.can_margin):
                return 100225
        elif not plan.has_derivatives:
            return 100205
        if body.Qty % instrument.unit:
            return 15
        stop = body.ReverseLimitOrder
        prices = [body.Price] if stop is UNSET else [stop.TriggerPrice, stop.AfterHitPrice]
        watches_own = stop is UNSET or stop.TriggerSec in (1, UNSET)
        for price in prices if watches_own else prices[1:]:
            if price and not self._is_on_grid(view, price):
                return 17
        limit = body.Price if stop is UNSET else stop.AfterHitPrice
        is_short_sale = isinstance(body, StockOrder) and body.CashMargin == MARGIN_NEW and body.Side == SELL
        if is_short_sale and not limit and body.Qty > LOTS_SHORT_AT_MARKET * instrument.unit:
            return 108
        if limit and not view.listing.low_limit <= int(limit * SEN) <= view.listing.high_limit:
            return 18
        if self._switches.orders_per_symbol and self._floor.open_count(view) >= self._switches.orders_per_symbol:
            return 100294
        return 0

    @staticmethod
    def _is_on_grid(view: View, price: Decimal) -> bool:
        sen = price * SEN
        return sen == int(sen) and view.listing.grid.is_on(int(sen))

    def _expire_day(self, body: Body, view: View) -> date | None:
        """Return the last day on which an order works; None when the day cannot be."""
        timetable, now_ns = self._market.timetable_of(view.listing), self._market.now_ns
        first = order_day(timetable, now_ns)
        if body.ExpireDay == 0:
            over_ns = now_ns - timetable.spans_of(timetable.trading_day(now_ns))[-1].end_ns
            is_rolling = 0 <= over_ns < self._switches.order_day_roll_min * 60 * S
            return None if is_rolling and isinstance(body, StockOrder) else first
        day = day_from(body.ExpireDay)
        expiry = view.listing.instrument.expiry
        if day is None or day < first or not timetable.is_trading_day(day) or (expiry is not None and day > expiry):
            return None
        return day

    def _refused_now(self, order: WorkingOrder) -> int:
        """Look at session and trigger; returns the code of the order system, 0 when all is well."""
        listing = order.view.listing
        front = order.front
        if order.body.FrontOrderType == STOP:
            if self._floor.watched_by(order) is None:
                return 4002004
            return 100217 if self._floor.triggers_at_once(order) else 0
        if front.moment == "now":
            return 100246 if order.time_in_force != FAS and listing.phase is not Phase.OPEN else 0
        timetable = self._market.timetable_of(listing)
        if timetable is ALWAYS:
            return 100250  # a session that never ends has neither open nor close
        minute = _LAST_MINUTE.get(front.moment)
        now_ns = self._market.now_ns
        today = order_day(timetable, now_ns)
        is_late = minute is not None and now_ns >= jst_ns(today, minute) and order.expire_day == today
        return 100250 if is_late else 0

    # -- questions -------------------------------------------------------------------------------------------

    @property
    def soft_limit(self) -> SoftLimitReply:
        """``GET /apisoftlimit``."""
        return self._ledger.plan.soft_limit

    def orders(self, query: Mapping[str, str]) -> list[OrderRow] | Refusal:
        """``GET /orders``."""
        has_details = {None: True, "true": True, "false": False}.get(_lower(query, "details"))
        if (
            has_details is None
            or not _is_choice(query, "product", range(5))
            or not _is_choice(query, "state", range(1, 6))
        ):
            return Refusal.of(4001010)
        if self._is_verification:
            return []
        product = int(query.get("product") or 0)
        tests: list[Callable[[WorkingOrder], bool]] = [lambda order: product in (0, _product_of(order))]
        tests += [make(query[name]) for name, make in _ORDER_TESTS.items() if query.get(name)]
        orders = [order for order in self._floor.orders.values() if all(test(order) for test in tests)]
        return [order.row(has_details=has_details) for order in orders]

    def positions(self, query: Mapping[str, str]) -> list[PositionRow] | Refusal:
        """``GET /positions``."""
        has_prices = {None: True, "true": True, "false": False}.get(_lower(query, "addinfo"))
        if has_prices is None or not _is_choice(query, "product", range(5)):
            return Refusal.of(4001010)
        if self._is_verification:
            return []
        product = int(query.get("product") or 0)
        symbol, side = query.get("symbol"), query.get("side")
        return [
            row
            for kind, row in self._ledger.rows(has_prices=has_prices)
            if product in (0, kind) and symbol in (None, "", row.Symbol) and side in (None, "", row.Side)
        ]

    def cash_wallet(self, argument: str) -> CashWallet | Refusal:
        """``GET /wallet/cash``."""
        if self._is_verification:
            return CashWallet(None, None, None)
        view = self._view(argument, Kind.STOCK)
        if isinstance(view, Refusal):
            return view
        free = yen(self._ledger.free // SEN * SEN)
        return CashWallet(free, free, Decimal(0))

    def margin_wallet(self, argument: str) -> MarginWallet | Refusal:
        """``GET /wallet/margin``."""
        if self._is_verification:
            return MarginWallet(None, None, None, None, None, None)
        view = self._view(argument, Kind.STOCK)
        if isinstance(view, Refusal):
            return view
        plan = self._ledger.plan
        room = self._ledger.free * 100 // max(plan.margin_percent, 1) if plan.has_margin else 0
        wallet = MarginWallet(yen(room // SEN * SEN), Decimal("0.0"), None, None, None, None)
        if view is not None:
            required = self._ledger.required
            rate = Decimal(self._ledger.cash * plan.margin_percent) / required if required else Decimal(0)
            wallet.DepositkeepRate = rate.quantize(Decimal("0.01"))
            wallet.ConsignmentDepositRate = Decimal(plan.margin_percent)
            wallet.CashOfConsignmentDepositRate = Decimal(0)
            wallet.MaximumSellOpenAmountPerSymbol = wallet.MaximumBuyOpenAmountPerSymbol = Decimal(1_000_000_000)
        return wallet

    def future_wallet(self, argument: str) -> FutureWallet | Refusal:
        """``GET /wallet/future``."""
        if self._is_verification:
            return FutureWallet(None, None, None)
        view = self._view(argument, Kind.FUTURE)
        if isinstance(view, Refusal):
            return view
        free = yen(self._ledger.free // SEN * SEN) if self._ledger.plan.has_derivatives else Decimal(0)
        if view is None:
            return FutureWallet(free, None, None)
        one = self._requirement(view, is_long=True)
        return FutureWallet(free, one, one)

    def option_wallet(self, argument: str) -> OptionWallet | Refusal:
        """``GET /wallet/option``."""
        if self._is_verification:
            return OptionWallet(None, None, None)
        view = self._view(argument, Kind.OPTION)
        if isinstance(view, Refusal):
            return view
        free = yen(self._ledger.free // SEN * SEN) if self._ledger.plan.has_derivatives else Decimal(0)
        return OptionWallet(free, free, None if view is None else self._requirement(view, is_long=False))

    def _requirement(self, view: View, *, is_long: bool) -> Decimal:
        price = view.listing.last
        return yen(requirement_of(self._ledger.plan, view, is_long=is_long, price=price, quantity=1))

    def _view(self, argument: str, kind: Kind) -> View | Refusal | None:
        """Return the board that an optional "symbol@market" means; None when nothing was asked for."""
        if not argument:
            return None
        name, _, market = argument.partition("@")
        if not name or not _SHORT.fullmatch(market):
            return Refusal.of(4001011)
        view = self._market.views.get((name, QUOTED_ON.get(int(market), int(market))))
        if view is None or view.listing.instrument.kind is not kind:
            return Refusal.of(4002001)
        return view


def _lower(query: Mapping[str, str], name: str) -> str | None:
    value = query.get(name)
    return value.lower() if value else None


def _is_choice(query: Mapping[str, str], name: str, choices: range) -> bool:
    value = query.get(name)
    return not value or (bool(_SHORT.fullmatch(value)) and int(value) in choices)


def _product_of(order: WorkingOrder) -> int:
    if isinstance(order.body, StockOrder):
        return 1 if order.body.CashMargin == CASH else 2
    return 3 if order.view.listing.instrument.kind is Kind.FUTURE else 4


def _updated_since(text: str) -> Callable[[WorkingOrder], bool]:
    return lambda order: "".join(filter(str.isdigit, stamp(order.updated_ns)[:19])) >= text


_ORDER_TESTS: dict[str, Callable[[str], Callable[[WorkingOrder], bool]]] = {
    "id": lambda text: lambda order: order.order_id == text.upper(),
    "updtime": _updated_since,
    "symbol": lambda text: lambda order: order.body.Symbol == text,
    "state": lambda text: lambda order: str(int(order.state)) == text,
    "side": lambda text: lambda order: order.body.Side == text,
    "cashmargin": lambda text: lambda order: str(order.row(has_details=False).CashMargin) == text,
}
"""Query parameter -> test of an order."""
