"""The life of a simulated order: its states as a table, and the order that walks through it.

Pure. Who decides that an order is filled is ``matching``; who tells anybody about it is ``engine``.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from wsexample.errors import StateError
from wsexample.records.orders import OPEN_STATUSES, Order, OrderRequest, OrderStatus

__all__ = ["TABLE", "OrderEvent", "WorkingOrder", "next_status"]


class OrderEvent(StrEnum):
    """What can happen to an order."""

    ACCEPT = "new"
    """It has arrived and is at work."""
    HOLD = "held"
    """It has arrived and waits for its stop price."""
    TRIGGER = "triggered"
    """Its stop price was reached."""
    PARTIAL_FILL = "partial_fill"
    """Some of it was filled."""
    FILL = "fill"
    """The rest of it was filled."""
    REPLACE = "replaced"
    """Another order has taken its place."""
    CANCEL = "canceled"
    """Its owner, its time in force or the kill switch ended it."""
    EXPIRE = "expired"
    """Its day is over."""
    REJECT = "rejected"
    """It was refused."""


_S, _E = OrderStatus, OrderEvent
TABLE: dict[tuple[OrderStatus, OrderEvent], OrderStatus] = {
    # status, event -> next status; what is not here cannot happen
    (_S.PENDING, _E.ACCEPT): _S.NEW,
    (_S.PENDING, _E.HOLD): _S.PENDING,
    (_S.PENDING, _E.TRIGGER): _S.NEW,
    (_S.PENDING, _E.REPLACE): _S.REPLACED,
    (_S.PENDING, _E.CANCEL): _S.CANCELED,
    (_S.PENDING, _E.EXPIRE): _S.EXPIRED,
    (_S.PENDING, _E.REJECT): _S.REJECTED,
    (_S.NEW, _E.PARTIAL_FILL): _S.PARTIALLY_FILLED,
    (_S.NEW, _E.FILL): _S.FILLED,
    (_S.NEW, _E.REPLACE): _S.REPLACED,
    (_S.NEW, _E.CANCEL): _S.CANCELED,
    (_S.NEW, _E.EXPIRE): _S.EXPIRED,
    (_S.PARTIALLY_FILLED, _E.PARTIAL_FILL): _S.PARTIALLY_FILLED,
    (_S.PARTIALLY_FILLED, _E.FILL): _S.FILLED,
    (_S.PARTIALLY_FILLED, _E.REPLACE): _S.REPLACED,
    (_S.PARTIALLY_FILLED, _E.CANCEL): _S.CANCELED,
    (_S.PARTIALLY_FILLED, _E.EXPIRE): _S.EXPIRED,
}
"""Every step that an order can take."""


def next_status(status: OrderStatus, event: OrderEvent) -> OrderStatus:
    """Return the status after an event.

    Raises:
        StateError: the event cannot happen to an order of this status.
    """
    after = TABLE.get((status, event))
    if after is None:
        raise StateError(f"an order that is {status} cannot be {event}")
    return after


@dataclass(slots=True, eq=False)
class WorkingOrder:
    """One order while it lives: what was asked for, and what became of it so far.

    Parameters:
        order_id: its number.
        request: what was asked for.
        size: how much, once a ``notional`` has been turned into a size.
        submitted_ns: when it was sent.
        arrives_ns: when it is at the venue, which is later by the latency.
    """

    order_id: str
    request: OrderRequest
    size: Decimal | None
    submitted_ns: int
    arrives_ns: int
    status: OrderStatus = OrderStatus.PENDING
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    water_mark: Decimal | None = None
    """Best price that a trailing stop has seen."""
    ahead: Decimal | None = None
    """Size that stands before it in the queue of its price; None while it has no place there."""
    filled_size: Decimal = Decimal(0)
    filled_value: Decimal = Decimal(0)
    """Sum of price times size over its fills."""
    fee: Decimal = Decimal(0)
    realized_pnl: Decimal = Decimal(0)
    fills: int = 0
    expires_ns: int | None = None
    filled_ns: int | None = None
    ended_ns: int | None = None
    reason: str | None = None
    replaces: str | None = None
    replaced_by: str | None = None
    is_triggered: bool = False
    """Whether it takes the place of one whose stop price was reached."""
    is_flattening: bool = False
    """Whether the kill switch placed it to flatten a position."""

    def __post_init__(self) -> None:
        self.limit_price = self.request.limit_price
        self.stop_price = self.request.stop_price

    @property
    def side(self) -> str:
        """ "buy" or "sell"."""
        return self.request.side

    @property
    def is_open(self) -> bool:
        """Whether it may still be filled."""
        return self.status in OPEN_STATUSES

    @property
    def is_held(self) -> bool:
        """Whether it waits for a stop price."""
        is_stop = self.request.order_type in ("stop", "stop_limit", "trailing_stop")
        return self.status is OrderStatus.PENDING and is_stop and not self.is_triggered

    @property
    def is_at_work(self) -> bool:
        """Whether it has arrived and waits for no stop price."""
        return self.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)

    @property
    def remaining_size(self) -> Decimal:
        """How much of it may still be filled; 0 while that was asked for in money and no price is known."""
        return Decimal(0) if self.size is None else self.size - self.filled_size

    def step(self, event: OrderEvent, now_ns: int, reason: str | None = None) -> None:
        """Take one step of the table."""
        self.status = next_status(self.status, event)
        if reason is not None:
            self.reason = reason
        if self.status not in OPEN_STATUSES and self.status is not OrderStatus.FILLED:
            self.ended_ns = now_ns

    def fill(self, price: Decimal, size: Decimal, now_ns: int) -> OrderEvent:
        """Take an execution in; returns whether it was the last one."""
        event = OrderEvent.FILL if size == self.remaining_size else OrderEvent.PARTIAL_FILL
        self.status = next_status(self.status, event)
        self.filled_size += size
        self.filled_value += price * size
        self.filled_ns = now_ns
        self.fills += 1
        return event

    def snapshot(self, venue: str, event: str | None, now_ns: int, currency: str, fill_id: str | None = None) -> Order:
        """Return the order as a record."""
        request = self.request
        return Order(
            venue=venue,
            symbol=request.symbol,
            exchange_ns=now_ns,
            received_ns=now_ns,
            order_id=self.order_id,
            client_order_id=request.client_order_id,
            status=self.status.value,
            event=event,
            fill_id=fill_id,
            reason=self.reason,
            side=request.side,
            order_type=request.order_type,
            time_in_force=request.time_in_force,
            size=self.size,
            notional=request.notional,
            limit_price=self.limit_price,
            stop_price=self.stop_price,
            trail_price=request.trail_price,
            trail_percent=request.trail_percent,
            water_mark=self.water_mark,
            filled_size=self.filled_size,
            average_price=self.filled_value / self.filled_size if self.filled_size else None,
            fee=self.fee,
            fee_currency=currency,
            realized_pnl=self.realized_pnl,
            replaces=self.replaces,
            replaced_by=self.replaced_by,
            submitted_ns=self.submitted_ns,
            filled_ns=self.filled_ns,
            expires_ns=self.expires_ns,
            ended_ns=self.ended_ns,
        )
