"""The life of one order: its states as a table, and the record of what happened that ``/orders`` shows. Pure.

What makes an order move is the floor's matter, what it costs the ledger's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Any

from msgspec import UNSET

from wsexample.brokers.kabu.codes import EXCHANGES
from wsexample.brokers.kabu.dialect.hours import JST, iso
from wsexample.brokers.kabu.messages.orders import DerivativeOrder, OrderDetail, OrderRow, StockOrder
from wsexample.brokers.kabu.order_rules import BUY, DERIVATIVE_TYPES, FAK, FAS, FOK, MARGIN_NEW, STOCK_TYPES, FrontType
from wsexample.brokers.kabu.simulator.book import Guest
from wsexample.brokers.kabu.simulator.catalogue import Kind
from wsexample.brokers.kabu.simulator.listing import View
from wsexample.brokers.kabu.simulator.ticks import SEN
from wsexample.errors import StateError

__all__ = ["LIFE", "Act", "OrderState", "WorkingOrder", "number_of_day", "order_number", "stamp", "yen"]


class OrderState(IntEnum):
    """``State`` of an order."""

    WAITING = 1
    """Held by kabu Station: for its trigger, its session, or the end of the lunch break."""
    SENDING = 2
    """On its way to the exchange."""
    WORKING = 3
    """At the exchange."""
    CANCELLING = 4
    """A cancel is on its way to the exchange."""
    FINISHED = 5
    """Executed, cancelled, lapsed or expired."""


class Act(IntEnum):
    """``RecType``: what happened to an order."""

    ACCEPTED = 1
    CARRIED_OVER = 2
    EXPIRED = 3
    SENT = 4
    AMENDED = 5
    CANCELLED = 6
    LAPSED = 7
    EXECUTED = 8


# Theory: an order is held until its moment, sent, works, and finishes once. Exceptions: an execution may overtake a cancel
# that is on its way, and leaves the order in CANCELLING unless nothing is left of it; an order that is carried over is
# held again.
LIFE: dict[OrderState, dict[Act, OrderState]] = {
    OrderState.WAITING: {
        Act.SENT: OrderState.SENDING,
        Act.CANCELLED: OrderState.FINISHED,
        Act.LAPSED: OrderState.FINISHED,
        Act.EXPIRED: OrderState.FINISHED,
        Act.CARRIED_OVER: OrderState.WAITING,
    },
    OrderState.SENDING: {
        Act.ACCEPTED: OrderState.WORKING,
        Act.CANCELLED: OrderState.FINISHED,
        Act.LAPSED: OrderState.FINISHED,
        Act.EXPIRED: OrderState.FINISHED,
    },
    OrderState.WORKING: {
        Act.EXECUTED: OrderState.WORKING,
        Act.CANCELLED: OrderState.FINISHED,
        Act.LAPSED: OrderState.FINISHED,
        Act.EXPIRED: OrderState.FINISHED,
        Act.CARRIED_OVER: OrderState.WAITING,
    },
    OrderState.CANCELLING: {
        Act.EXECUTED: OrderState.CANCELLING,
        Act.CANCELLED: OrderState.FINISHED,
        Act.LAPSED: OrderState.FINISHED,
        Act.EXPIRED: OrderState.FINISHED,
    },
    OrderState.FINISHED: {},
}

_BY_EXCHANGE = frozenset({Act.EXPIRED, Act.LAPSED, Act.EXECUTED})
_CODES = {Kind.STOCK: "A01", Kind.FUTURE: "C01", Kind.OPTION: "D01"}


def number_of_day(day: date) -> int:
    """Return a day as the vendor writes it, yyyyMMdd."""
    return day.year * 10_000 + day.month * 100 + day.day


def yen(sen: int) -> Decimal:
    """Return an amount in yen, with decimals only where it has some."""
    return Decimal(sen).scaleb(-2).normalize() if sen % SEN else Decimal(sen // SEN)


@dataclass(eq=False, slots=True, kw_only=True)
class WorkingOrder:
    """One order as kabu Station knows it."""

    order_id: str
    """Its number."""
    number: int
    """The same, as a plain count."""
    body: StockOrder | DerivativeOrder
    """What was ordered."""
    view: View
    """The board of what it trades."""
    accepted_ns: int
    """When it was accepted."""
    expire_day: date
    """The last day on which it works."""
    state: OrderState = OrderState.WAITING
    """Where it stands."""
    filled: int = 0
    """How much is executed."""
    updated_ns: int = 0
    """When anything about it changed last."""
    details: list[OrderDetail] = field(default_factory=list)
    """What happened to it."""
    guest: Guest | None = None
    """Its place in the book."""
    guest_price: int | None = None
    """At which level that is, sen; None for a market order that waits for an auction."""
    has_triggered: bool = False
    """Whether a stop order's condition was met."""
    is_at_close: bool = False
    """Whether a funari order has become a market order for the close."""

    # -- what it is ------------------------------------------------------------------------------------------

    @property
    def is_buy(self) -> bool:
        """Whether it buys."""
        return self.body.Side == BUY

    @property
    def is_stock(self) -> bool:
        """Whether it is for cash or on margin."""
        return isinstance(self.body, StockOrder)

    @property
    def opens(self) -> bool:
        """Whether it opens a margin or derivative position."""
        body = self.body
        return body.CashMargin == MARGIN_NEW if isinstance(body, StockOrder) else body.TradeType == 1

    @property
    def left(self) -> int:
        """How much is not executed."""
        return self.body.Qty - self.filled

    @property
    def is_open(self) -> bool:
        """Whether anything can still happen to it."""
        return self.state is not OrderState.FINISHED

    @property
    def front(self) -> FrontType:
        """How it is executed; of a stop order that was set to work, how it is executed then."""
        table = STOCK_TYPES if self.is_stock else DERIVATIVE_TYPES
        stop = self.body.ReverseLimitOrder
        if self.has_triggered and stop is not UNSET:
            market, limit = (10, 20) if self.is_stock else (120, 20)
            if stop.AfterHitOrderType == 3:
                return STOCK_TYPES[26]
            return table[market if stop.AfterHitOrderType == 1 else limit]
        return table[self.body.FrontOrderType]

    @property
    def limit(self) -> int | None:
        """Worst price, sen; None for a market order."""
        stop = self.body.ReverseLimitOrder
        price = self.body.Price
        if stop is not UNSET:
            price = stop.AfterHitPrice
        return None if price == 0 or self.is_at_close else int(price * SEN)

    @property
    def time_in_force(self) -> int:
        """FAS, FAK or FOK, as it is treated."""
        if isinstance(self.body, DerivativeOrder):
            stop = self.body.ReverseLimitOrder
            # an order that waits is FAS when it comes to limit orders, whatever a contradictory reference calls it
            return FAS if stop is not UNSET and stop.AfterHitOrderType == 2 else self.body.TimeInForce
        return FAK if self.front.is_ioc or self.front.moment != "now" else FAS

    @property
    def is_all_or_none(self) -> bool:
        """Whether it executes whole or not at all."""
        return self.time_in_force == FOK

    # -- what happens to it ----------------------------------------------------------------------------------

    def note(self, act: Act, now_ns: int, **facts: Any) -> None:
        """Move on, and write down what happened.

        Parameters:
            act: what happened.
            now_ns: when.
            facts: fields of the detail, such as ``Price`` and ``Qty`` of an execution.

        Raises:
            StateError: that cannot happen to an order that stands where this one does.
        """
        following = LIFE[self.state].get(act)
        if following is None:
            raise StateError(f"order {self.order_id} is {self.state.name} and cannot take {act.name}")
        self.state = following
        self._write(act, now_ns, facts)

    def accept(self, now_ns: int) -> None:
        """Write down that kabu Station has taken it."""
        self._write(Act.ACCEPTED, now_ns, {})

    def arrive(self, now_ns: int) -> None:
        """Stand at the exchange."""
        self.state = LIFE[self.state][Act.ACCEPTED]
        self.updated_ns = now_ns
        for detail in self.details:
            if detail.RecType in (Act.ACCEPTED, Act.SENT):
                detail.State = 3

    def ask_cancel(self, now_ns: int) -> None:
        """Send a cancel to the exchange."""
        self.state = OrderState.CANCELLING
        self.updated_ns = now_ns

    def execute(
        self, price: int, quantity: int, execution_id: str, day: date, fee: tuple[Decimal, Decimal], now_ns: int
    ) -> None:
        """Write down an execution; the last one finishes the order.

        Parameters:
            price: sen.
            quantity: how much.
            execution_id: its number.
            day: settlement day.
            fee: commission and the tax on it, yen.
            now_ns: when.
        """
        self.filled += quantity
        commission, tax = fee
        self.note(
            Act.EXECUTED,
            now_ns,
            Price=yen(price),
            Qty=Decimal(quantity),
            ExecutionID=execution_id,
            ExecutionDay=iso(now_ns),
            DelivDay=number_of_day(day),
            Commission=commission,
            CommissionTax=tax,
        )
        if not self.left:
            self.state = OrderState.FINISHED

    def _write(self, act: Act, now_ns: int, facts: dict[str, Any]) -> None:
        self.updated_ns = now_ns
        number = len(self.details) + 1
        by_exchange = act in _BY_EXCHANGE
        detail = OrderDetail(
            SeqNum=number,
            ID=self.order_id if number == 1 else f"{self.order_id[:8]}B{self.order_id[9:]}{number:02d}",
            RecType=int(act),
            ExchangeID=f"{self.number:012d}" if by_exchange or act is Act.SENT else None,
            State=3 if by_exchange or act is Act.CANCELLED else 1 if self.state is OrderState.WAITING else 2,
            TransactTime=stamp(now_ns),
            OrdType=0 if by_exchange else None if act is Act.CANCELLED else self.front.ord_type,
            Price=self.body.Price,
            Qty=Decimal(self.body.Qty),
            ExecutionID="",
            ExecutionDay=None,
            DelivDay=None,
            Commission=Decimal(0),
            CommissionTax=Decimal(0),
        )
        for name, value in facts.items():
            setattr(detail, name, value)
        self.details.append(detail)

    # -- how it is shown -------------------------------------------------------------------------------------

    def row(self, *, has_details: bool) -> OrderRow:
        """Return it as ``/orders`` shows it."""
        body, instrument = self.body, self.view.listing.instrument
        row = OrderRow(
            ID=self.order_id,
            State=int(self.state),
            OrderState=int(self.state),
            OrdType=self.front.ord_type,
            RecvTime=stamp(self.accepted_ns),
            Symbol=body.Symbol,
            SymbolName=instrument.name,
            Exchange=body.Exchange,
            ExchangeName=EXCHANGES[body.Exchange],
            Price=body.Price,
            OrderQty=Decimal(body.Qty),
            CumQty=Decimal(self.filled),
            Side=body.Side,
            ExpireDay=number_of_day(self.expire_day),
        )
        if isinstance(body, StockOrder):
            row.CashMargin = body.CashMargin
            row.AccountType = body.AccountType
            row.DelivType = body.DelivType or 2
            if body.CashMargin != 1:
                row.MarginTradeType = body.MarginTradeType
                premium = body.MarginPremiumUnit
                row.MarginPremium = None if premium is UNSET else premium
        else:
            row.TimeInForce = body.TimeInForce
            row.CashMargin = body.TradeType + 1
            row.AccountType = 4
            row.DelivType = 2
        row.Details = list(self.details) if has_details else UNSET
        return row


def stamp(now_ns: int) -> str:
    """Write a time as orders have it: microseconds and Japan's offset."""
    moment = datetime.fromtimestamp(0, JST) + timedelta(microseconds=now_ns // 1_000)
    return moment.isoformat(timespec="microseconds")


def order_number(kind: Kind, number: int, now_ns: int) -> str:
    """Return an order's number: day, product, count."""
    moment = datetime.fromtimestamp(0, JST) + timedelta(microseconds=now_ns // 1_000)
    return f"{moment:%Y%m%d}{_CODES[kind]}N{number:08d}"
