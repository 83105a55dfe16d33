"""The account: cash, holdings, margin and derivative positions, and what open orders hold of them. Pure; sen throughout.

One pool of cash stands behind everything: it pays for stocks, and is the collateral of margin and derivative positions.
Settlement takes no time, interest is not reckoned, and nobody closes a position by force. Which orders may be sent, and
when they are executed, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from msgspec import UNSET

from wsexample.brokers.kabu.dialect.hours import STOCKS
from wsexample.brokers.kabu.messages.orders import PositionRow, StockOrder
from wsexample.brokers.kabu.messages.reads import SoftLimitReply
from wsexample.brokers.kabu.order_rules import BUY, CASH, SELL
from wsexample.brokers.kabu.orders import CloseRule
from wsexample.brokers.kabu.simulator.catalogue import EXCHANGE_NAMES, Kind
from wsexample.brokers.kabu.simulator.lifecycle import WorkingOrder, number_of_day, yen
from wsexample.brokers.kabu.simulator.listing import View
from wsexample.brokers.kabu.simulator.ticks import SEN
from wsexample.errors import OptionError

__all__ = ["AccountPlan", "Holding", "Ledger", "Lot", "requirement_of", "settlement_day"]

_TAX = Decimal("0.1")
_SETTLED_AFTER_DAYS = 2
_MARGIN_DAYS = {1: 180, 2: 365 * 3, 3: 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPlan:
    """What the simulated account begins with, and what it may do.

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    cash_yen: int = 10_000_000
    """Cash, yen."""
    holdings: Mapping[str, int] = field(default_factory=dict)
    """Shares held at the beginning, by code; they cost the previous close."""
    has_margin: bool = True
    """Whether a margin account is open."""
    has_derivatives: bool = True
    """Whether a derivative account is open."""
    margin_percent: int = 30
    """Collateral for margin positions, percent of their value."""
    derivative_percent: int = 5
    """Collateral for futures and written options, percent of the value of the underlying contract."""
    commission_rate: Decimal = Decimal(0)
    """Commission on the value of an execution; tax comes on top."""
    soft_limit: SoftLimitReply = field(default_factory=SoftLimitReply)
    """What a single order may not exceed (``/apisoftlimit``)."""

    def __post_init__(self) -> None:
        for name in ("cash_yen", "margin_percent", "derivative_percent", "commission_rate"):
            if getattr(self, name) < 0:
                raise OptionError(f"{name} must be zero or more, not {getattr(self, name)!r}", option=name)


@dataclass(slots=True)
class Holding:
    """Shares held for cash."""

    view: View
    """Where they are quoted."""
    account_type: int
    """2 general, 4 specific, 12 corporate."""
    quantity: int = 0
    """Shares."""
    cost: int = 0
    """What they cost, sen."""


@dataclass(slots=True)
class Lot:
    """A margin or derivative position from one execution."""

    hold_id: str
    """By which it is repaid."""
    number: int
    """Order in which lots were opened."""
    view: View
    """Where it is quoted."""
    exchange: int
    """Market where it was executed."""
    is_long: bool
    """Whether it gains when the price rises."""
    quantity: int
    """Shares or contracts."""
    price: int
    """Price, sen."""
    day: date
    """Trading day on which it was opened."""
    account_type: int
    """2 general, 4 specific, 12 corporate."""
    margin_trade: int | None
    """1 system, 2 general, 3 day trade; None for derivatives."""
    fee: Decimal = Decimal(0)
    """Commission, yen."""
    tax: Decimal = Decimal(0)
    """Tax on it, yen."""

    @property
    def mark(self) -> int:
        """Last price, sen."""
        return self.view.listing.last

    def gain(self, price: int, quantity: int | None = None) -> int:
        """Return the profit of closing at a price, sen."""
        move = price - self.price if self.is_long else self.price - price
        return move * (self.quantity if quantity is None else quantity) * self.view.listing.instrument.multiplier


@dataclass(slots=True)
class _Part:
    """A part of a lot that an open order is going to close."""

    hold_id: str
    quantity: int


@dataclass(slots=True)
class _Hold:
    """What an open order holds."""

    cash: int = 0
    """Sen, cash or collateral, for what is not executed."""
    shares: tuple[tuple[str, int], int] | None = None
    """Key of a holding, and how many of its shares."""
    lots: list[_Part] = field(default_factory=list)
    """Parts of lots, in the order in which they are repaid."""


def requirement_of(plan: AccountPlan, view: View, *, is_long: bool, price: int, quantity: int) -> int:
    """Return the collateral that a new position needs, sen.

    Parameters:
        plan: rates.
        view: what is traded.
        is_long: whether it is bought.
        price: at which price, sen.
        quantity: shares or contracts.
    """
    instrument = view.listing.instrument
    value = price * quantity * instrument.multiplier
    if instrument.kind is Kind.STOCK:
        return value * plan.margin_percent // 100
    if instrument.kind is Kind.FUTURE:
        return value * plan.derivative_percent // 100
    if is_long:
        return value  # a bought option can lose its premium, no more
    return instrument.strike * SEN * quantity * instrument.multiplier * plan.derivative_percent // 100


class Ledger:
    """The money and the positions.

    Parameters:
        plan: what there is at the beginning.
        views: boards of what is listed, by symbol and market.
    """

    def __init__(self, plan: AccountPlan, views: Mapping[tuple[str, int], View]) -> None:
        self.plan = plan
        self.cash = plan.cash_yen * SEN
        """Cash, sen; collateral of positions is part of it."""
        self.holdings: dict[tuple[str, int], Holding] = {}
        """Shares held for cash, by code and account type."""
        self.lots: dict[str, Lot] = {}
        """Margin and derivative positions, by hold ID."""
        self._holds: dict[str, _Hold] = {}
        self._count = 0
        for code, quantity in plan.holdings.items():
            view = next((view for (symbol, _), view in views.items() if symbol == code), None)
            if view is None or view.listing.instrument.kind is not Kind.STOCK:
                raise OptionError(f"{code!r} is no listed stock", option="holdings")
            self.holdings[code, 4] = Holding(view, 4, quantity, quantity * view.listing.base)

    # -- what is free ----------------------------------------------------------------------------------------

    @property
    def required(self) -> int:
        """Collateral of all open positions, sen."""
        return sum(
            requirement_of(self.plan, lot.view, is_long=lot.is_long, price=lot.price, quantity=lot.quantity)
            for lot in self.lots.values()
        )

    @property
    def losses(self) -> int:
        """What open positions would lose together, sen; gains do not count as collateral."""
        return max(-sum(lot.gain(lot.mark) for lot in self.lots.values()), 0)

    @property
    def free(self) -> int:
        """Cash that nothing holds, sen."""
        return max(self.cash - self.required - self.losses - sum(hold.cash for hold in self._holds.values()), 0)

    def fee(self, value: int) -> tuple[Decimal, Decimal]:
        """Return commission and the tax on it for a value in sen, whole yen."""
        commission = (Decimal(value) / SEN * self.plan.commission_rate).to_integral_value()
        return commission, (commission * _TAX).to_integral_value()

    # -- orders ----------------------------------------------------------------------------------------------

    def hold(self, order: WorkingOrder) -> int:
        """Set aside what an order needs; returns 0, or the code of the order system when there is not enough."""
        body, view = order.body, order.view
        price = order.limit if order.limit is not None else view.listing.high_limit
        if isinstance(body, StockOrder) and body.CashMargin == CASH:
            if order.is_buy:
                commission, tax = self.fee(price * body.Qty)
                return self._hold_cash(order, price * body.Qty + int(commission + tax) * SEN)
            return self._hold_shares(order, body)
        if order.opens:
            worst = price if order.is_buy else view.listing.high_limit
            return self._hold_cash(
                order, requirement_of(self.plan, view, is_long=order.is_buy, price=worst, quantity=body.Qty)
            )
        return self._hold_lots(order)

    def _hold_cash(self, order: WorkingOrder, amount: int) -> int:
        if amount > self.free:
            return 21
        self._holds[order.order_id] = _Hold(cash=amount)
        return 0

    def _hold_shares(self, order: WorkingOrder, body: StockOrder) -> int:
        key = (body.Symbol, body.AccountType)
        holding = self.holdings.get(key)
        if holding is None or holding.quantity - self.held_shares(key) < body.Qty:
            return 8
        self._holds[order.order_id] = _Hold(shares=(key, body.Qty))
        return 0

    def _hold_lots(self, order: WorkingOrder) -> int:
        body = order.body
        candidates = [lot for lot in self.lots.values() if self._is_repaid_by(lot, order)]
        if body.ClosePositions is not UNSET:
            by_id = {lot.hold_id: lot for lot in candidates}
            chosen: list[_Part] = []
            for position in body.ClosePositions:
                lot = by_id.get(position.HoldID)
                if lot is None or lot.quantity - self.held_of(lot.hold_id) < position.Qty:
                    return 8
                chosen.append(_Part(lot.hold_id, position.Qty))
        else:
            chosen, left = [], body.Qty
            rule = CloseRule(body.ClosePositionOrder) if body.ClosePositionOrder is not UNSET else CloseRule.OLDEST_GAIN
            for lot in _sorted(candidates, rule):
                part = min(lot.quantity - self.held_of(lot.hold_id), left)
                if part > 0:
                    chosen.append(_Part(lot.hold_id, part))
                    left -= part
            if left:
                return 8
        self._holds[order.order_id] = _Hold(lots=chosen)
        return 0

    @staticmethod
    def _is_repaid_by(lot: Lot, order: WorkingOrder) -> bool:
        body = order.body
        if lot.view.listing is not order.view.listing or lot.is_long == order.is_buy:
            return False
        if isinstance(body, StockOrder):
            # what was opened at Tokyo is repaid there; what was opened at TSE+ is repaid there or through SOR
            fits = lot.exchange == body.Exchange or (lot.exchange in (9, 27) and body.Exchange in (9, 27))
            return fits and lot.margin_trade == body.MarginTradeType and lot.account_type == body.AccountType
        return True

    def held_of(self, hold_id: str) -> int:
        """Return how much of a lot open orders are going to close."""
        return sum(part.quantity for hold in self._holds.values() for part in hold.lots if part.hold_id == hold_id)

    def held_shares(self, key: tuple[str, int]) -> int:
        """Return how many shares of a holding open orders are going to sell."""
        return sum(hold.shares[1] for hold in self._holds.values() if hold.shares and hold.shares[0] == key)

    def release(self, order: WorkingOrder) -> None:
        """Give back what an order holds, for it is finished."""
        self._holds.pop(order.order_id, None)

    # -- executions ------------------------------------------------------------------------------------------

    def execute(
        self, order: WorkingOrder, price: int, quantity: int, execution_id: str, day: date
    ) -> tuple[Decimal, Decimal]:
        """Book an execution; returns commission and tax, yen.

        Parameters:
            order: whose it is; its count of executed shares does not include this one yet.
            price: sen.
            quantity: shares or contracts.
            execution_id: its number, which becomes the hold ID of a new position.
            day: the trading day.
        """
        body, view = order.body, order.view
        value = price * quantity * view.listing.instrument.multiplier
        fee = self.fee(value)
        self.cash -= int(sum(fee)) * SEN
        hold = self._holds.get(order.order_id)
        if hold is not None and hold.cash:
            hold.cash -= hold.cash * quantity // order.left
        if isinstance(body, StockOrder) and body.CashMargin == CASH:
            self._trade_shares(body, view, price, quantity, hold)
        elif order.opens:
            self._count += 1
            exchange = body.Exchange if isinstance(body, StockOrder) else 2
            account, trade = (body.AccountType, body.MarginTradeType) if isinstance(body, StockOrder) else (4, None)
            self.lots[execution_id] = Lot(
                execution_id,
                self._count,
                view,
                27 if exchange == 9 else exchange,
                order.is_buy,
                quantity,
                price,
                day,
                account,
                trade if isinstance(trade, int) else None,
                *fee,
            )
        elif hold is not None:
            self._repay(hold, price, quantity)
        return fee

    def _trade_shares(self, body: StockOrder, view: View, price: int, quantity: int, hold: _Hold | None) -> None:
        key = (body.Symbol, body.AccountType)
        if body.Side == BUY:
            holding = self.holdings.setdefault(key, Holding(view, body.AccountType))
            holding.quantity += quantity
            holding.cost += price * quantity
            self.cash -= price * quantity
            return
        holding = self.holdings[key]
        holding.cost -= holding.cost * quantity // holding.quantity
        holding.quantity -= quantity
        self.cash += price * quantity
        if hold is not None and hold.shares is not None:
            hold.shares = (key, hold.shares[1] - quantity)
        if not holding.quantity:
            del self.holdings[key]

    def _repay(self, hold: _Hold, price: int, quantity: int) -> None:
        for part in hold.lots:
            lot = self.lots[part.hold_id]
            done = min(part.quantity, quantity)
            self.cash += lot.gain(price, done)
            lot.quantity -= done
            part.quantity -= done
            quantity -= done
            if not lot.quantity:
                del self.lots[lot.hold_id]
            if not quantity:
                break
        hold.lots = [part for part in hold.lots if part.quantity]

    # -- positions -------------------------------------------------------------------------------------------

    def rows(self, *, has_prices: bool) -> list[tuple[int, PositionRow]]:
        """Return every position as ``/positions`` shows it, with its product: 1 cash, 2 margin, 3 futures, 4 options."""
        rows = [(1, self._holding_row(holding, has_prices)) for holding in self.holdings.values()]
        rows += [
            (_PRODUCTS[lot.view.listing.instrument.kind], self._lot_row(lot, has_prices)) for lot in self.lots.values()
        ]
        return rows

    def _holding_row(self, holding: Holding, has_prices: bool) -> PositionRow:
        view = holding.view
        key = (view.listing.instrument.symbol, holding.account_type)
        row = PositionRow(
            ExecutionID=None,
            AccountType=holding.account_type,
            Symbol=key[0],
            SymbolName=view.listing.instrument.name,
            Exchange=view.exchange,
            ExchangeName=view.exchange_name,
            ExecutionDay=None,
            Price=(Decimal(holding.cost) / holding.quantity / SEN).quantize(Decimal("0.01")).normalize() + 0,
            LeavesQty=Decimal(holding.quantity),
            HoldQty=Decimal(self.held_shares(key)),
            Side=BUY,
        )
        mark = view.listing.last
        gain = mark * holding.quantity - holding.cost
        return _marked(row, mark, mark * holding.quantity, gain, holding.cost, has_prices)

    def _lot_row(self, lot: Lot, has_prices: bool) -> PositionRow:
        instrument = lot.view.listing.instrument
        is_stock = instrument.kind is Kind.STOCK
        row = PositionRow(
            ExecutionID=lot.hold_id,
            AccountType=lot.account_type,
            Symbol=instrument.symbol,
            SymbolName=instrument.name,
            Exchange=lot.exchange if is_stock else 2,
            ExchangeName=instrument.exchange_name if is_stock else EXCHANGE_NAMES[2],
            SecurityType=UNSET if is_stock else instrument.security_type,
            ExecutionDay=number_of_day(lot.day),
            Price=yen(lot.price),
            LeavesQty=Decimal(lot.quantity),
            HoldQty=Decimal(self.held_of(lot.hold_id)),
            Side=BUY if lot.is_long else SELL,
            Expenses=Decimal(0),
            Commission=lot.fee,
            CommissionTax=lot.tax,
            ExpireDay=number_of_day(self._last_day(lot)),
            MarginTradeType=lot.margin_trade if is_stock else UNSET,
        )
        cost = lot.price * lot.quantity * instrument.multiplier
        value = lot.mark * lot.quantity * instrument.multiplier
        return _marked(row, lot.mark, value, lot.gain(lot.mark), cost, has_prices)

    @staticmethod
    def _last_day(lot: Lot) -> date:
        expiry = lot.view.listing.instrument.expiry
        return expiry or lot.day + timedelta(days=_MARGIN_DAYS[lot.margin_trade or 1])


_PRODUCTS = {Kind.STOCK: 2, Kind.FUTURE: 3, Kind.OPTION: 4}


def _marked(row: PositionRow, mark: int, value: int, gain: int, cost: int, has_prices: bool) -> PositionRow:
    """Add the additional information, null where it was not asked for."""
    rate = (Decimal(gain * 100) / cost).quantize(Decimal("0.01")) if cost else Decimal(0)
    row.CurrentPrice = yen(mark) if has_prices else None
    row.Valuation = yen(value) if has_prices else None
    row.ProfitLoss = yen(gain) if has_prices else None
    row.ProfitLossRate = rate if has_prices else None
    return row


def _sorted(lots: Iterable[Lot], rule: CloseRule) -> Sequence[Lot]:
    """Sort positions as a rule repays them; of two sort keys the weaker one comes first, because sorting is stable."""

    def gain(lot: Lot) -> int:
        return lot.gain(lot.mark, 1)

    def age(lot: Lot) -> tuple[date, int]:
        return lot.day, lot.number

    if rule < CloseRule.GAIN_OLDEST:
        most_gain_first = rule in (CloseRule.OLDEST_GAIN, CloseRule.NEWEST_GAIN)
        newest_first = rule in (CloseRule.NEWEST_GAIN, CloseRule.NEWEST_LOSS)
        return sorted(sorted(lots, key=gain, reverse=most_gain_first), key=lambda lot: lot.day, reverse=newest_first)
    newest_first = rule in (CloseRule.GAIN_NEWEST, CloseRule.LOSS_NEWEST)
    most_gain_first = rule in (CloseRule.GAIN_OLDEST, CloseRule.GAIN_NEWEST)
    return sorted(sorted(lots, key=age, reverse=newest_first), key=gain, reverse=most_gain_first)


def settlement_day(day: date) -> date:
    """Return the day on which an execution is settled: two business days later."""
    for _ in range(_SETTLED_AFTER_DAYS):
        day += timedelta(days=1)
        while not STOCKS.is_trading_day(day):
            day += timedelta(days=1)
    return day
