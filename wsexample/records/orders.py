"""Orders, fills, positions and accounts: what happens to your own money, in one vocabulary for every venue and for paper.

Money, prices of your own orders and sizes are `decimal.Decimal`, to the last digit that the venue sent. ``Order`` is a
snapshot: the newest one of an ``order_id`` says all. ``Fill`` is a fact: each ``fill_id`` counts once. None means that
the venue did not say. Which messages become which record is the business of each broker's dialect.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from wsexample.records.market import Record, TimeNs

__all__ = [
    "OPEN_STATUSES",
    "TERMINAL_STATUSES",
    "Account",
    "Amount",
    "Balance",
    "Fill",
    "Money",
    "Order",
    "OrderLeg",
    "OrderPrice",
    "OrderRequest",
    "OrderStatus",
    "Position",
]

_MONEY = Meta(extra={"unit": "money"})
_PRICE = Meta(extra={"unit": "price"})
_SIZE = Meta(extra={"unit": "size"})

Money = Annotated[Decimal | None, _MONEY]
OrderPrice = Annotated[Decimal | None, _PRICE]
Amount = Annotated[Decimal | None, _SIZE]


class OrderStatus(StrEnum):
    """Where an order stands, in words that hold for every venue; the venue's own word is in ``Order.venue_status``.

    Records keep plain text, so that a word which a venue invents tomorrow does not stop anybody.
    """

    PENDING = "pending"
    """Taken, and not at work yet: being routed, held for its parent or its trigger, or waiting for the session."""
    NEW = "new"
    """At work, nothing of it filled."""
    PARTIALLY_FILLED = "partially_filled"
    """At work, some of it filled."""
    SUSPENDED = "suspended"
    """Not at work at present; it may come back."""
    FILLED = "filled"
    """All of it filled."""
    CANCELED = "canceled"
    """Ended by somebody's wish; some of it may be filled."""
    EXPIRED = "expired"
    """Its time is over; some of it may be filled."""
    REJECTED = "rejected"
    """The venue refused it."""
    REPLACED = "replaced"
    """Another order, ``replaced_by``, has taken its place."""
    UNKNOWN = "unknown"
    """The venue says a word that this version does not know."""


TERMINAL_STATUSES = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED, OrderStatus.REPLACED}
)
"""After these nothing happens to an order any more (but for executions that the venue takes back)."""
OPEN_STATUSES = frozenset({OrderStatus.PENDING, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.SUSPENDED})
"""An order that may still be filled."""


class OrderLeg(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One part of an order that has several: of a spread, or what follows a bracket."""

    order_id: str
    """The venue's identifier of the part."""
    symbol: str
    """What it trades."""
    side: str | None = None
    """"buy" or "sell"."""
    status: str = OrderStatus.UNKNOWN.value
    """A word of `OrderStatus`."""
    order_type: str | None = None
    """"market", "limit", ..."""
    size: Amount = None
    """How much of it was asked for."""
    filled_size: Amount = None
    """How much of it is filled."""
    average_price: OrderPrice = None
    """Average price of what is filled."""
    limit_price: OrderPrice = None
    """Worst price allowed."""
    stop_price: OrderPrice = None
    """Price that sets it to work."""
    ratio: Amount = None
    """Its part in one unit of the whole."""


class Order(Record, frozen=True, kw_only=True, gc=False, tag="order"):
    """An order as it stands after ``event``; ``exchange_ns`` is when that happened."""

    order_id: str
    """The venue's identifier."""
    client_order_id: str | None = None
    """The identifier that whoever placed it gave it."""
    status: str = OrderStatus.UNKNOWN.value
    """A word of `OrderStatus`."""
    venue_status: str | None = None
    """The venue's own word for it."""
    event: str | None = None
    """What brought this snapshot about, in the venue's word, such as "partial_fill" or "order_cancel_rejected"; None for
    a snapshot that was asked for."""
    event_id: str | None = None
    """The venue's identifier of the event."""
    fill_id: str | None = None
    """The execution that brought this snapshot about."""
    reason: str | None = None
    """Why, in the venue's words: of a refusal, a cancel, an execution taken back."""
    side: str | None = None
    """"buy" or "sell"."""
    order_type: str | None = None
    """"market", "limit", "stop", "stop_limit" or "trailing_stop"."""
    time_in_force: str | None = None
    """"day", "gtc", "ioc", "fok", "opg" (at the open) or "cls" (at the close)."""
    size: Amount = None
    """How much was asked for; None when ``notional`` says it in money."""
    notional: Money = None
    """For how much money was asked."""
    limit_price: OrderPrice = None
    """Worst price allowed."""
    stop_price: OrderPrice = None
    """Price that sets it to work."""
    trail_price: OrderPrice = None
    """Distance of a trailing stop from the best price seen."""
    trail_percent: Annotated[Decimal | None, Meta(extra={"unit": "percent"})] = None
    """The same in percent."""
    water_mark: OrderPrice = None
    """Best price that a trailing stop has seen."""
    filled_size: Annotated[Decimal, _SIZE] = Decimal(0)
    """How much is filled, in all."""
    average_price: OrderPrice = None
    """Average price of all fills."""
    fee: Money = None
    """Fees of all fills."""
    fee_currency: str | None = None
    """In which currency."""
    realized_pnl: Money = None
    """Profit realized by its fills, where the venue reckons it."""
    order_class: str | None = None
    """"simple", "bracket", "oco", "oto" or "mleg" (several legs)."""
    asset_class: str | None = None
    """The venue's word for what is traded, such as "us_equity", "crypto" or "contract"."""
    position_side: str | None = None
    """"long" or "short" where both may be held at once."""
    position_intent: str | None = None
    """What the order does to a position, such as "buy_to_open"."""
    reduce_only: bool | None = None
    """Whether it may only make a position smaller."""
    extended_hours: bool | None = None
    """Whether it may be filled before the open and after the close."""
    replaces: str | None = None
    """The order whose place this one has taken."""
    replaced_by: str | None = None
    """The order that has taken this one's place."""
    parent_id: str | None = None
    """The order that this one belongs to."""
    legs: tuple[OrderLeg, ...] = ()
    """Its parts."""
    account: str | None = None
    """The account, where a connection carries several."""
    created_ns: TimeNs = None
    """When the venue made it."""
    submitted_ns: TimeNs = None
    """When it was sent on to be executed."""
    updated_ns: TimeNs = None
    """When anything about it changed last."""
    filled_ns: TimeNs = None
    """When the last of it was filled."""
    expires_ns: TimeNs = None
    """When it is going to be given up."""
    ended_ns: TimeNs = None
    """When it was canceled, expired, refused or replaced."""
    is_backfilled: bool = False
    """Whether it was fetched after a break instead of pushed."""

    @property
    def is_open(self) -> bool:
        """Whether it may still be filled."""
        return self.status in OPEN_STATUSES

    @property
    def remaining_size(self) -> Decimal | None:
        """How much of it may still be filled; None when that was asked for in money."""
        return None if self.size is None else self.size - self.filled_size


class Fill(Record, frozen=True, kw_only=True, gc=False, tag="fill"):
    """One execution of an order of yours; ``exchange_ns`` is when it happened."""

    fill_id: str
    """The venue's identifier of the execution: one per execution, the key against doubles."""
    order_id: str
    """The order."""
    client_order_id: str | None = None
    """The order, as whoever placed it calls it."""
    side: str | None = None
    """"buy" or "sell"."""
    price: OrderPrice = None
    """Price of this execution; None only where the venue takes one back without saying it."""
    size: Annotated[Decimal, _SIZE]
    """Size of this execution, never negative."""
    cumulative_size: Amount = None
    """How much of the order is filled with this one."""
    position_size: Amount = None
    """The position after it; negative is short."""
    position_side: str | None = None
    """"long" or "short" where both may be held at once."""
    fee: Money = None
    """What it cost."""
    fee_currency: str | None = None
    """In which currency."""
    realized_pnl: Money = None
    """Profit that it realized, where the venue reckons it."""
    liquidity: str | None = None
    """"maker" or "taker"."""
    correction: str | None = None
    """None for an execution that happened; "bust" when the one in ``corrects`` does not count any more, "correct" when
    this one takes its place."""
    corrects: str | None = None
    """The execution that is taken back or put right."""
    event_id: str | None = None
    """The venue's identifier of the event that told of it."""
    account: str | None = None
    """The account, where a connection carries several."""
    is_backfilled: bool = False
    """Whether it was fetched after a break instead of pushed."""


class Position(Record, frozen=True, kw_only=True, gc=False, tag="position"):
    """What is held of one instrument; ``size`` 0 is a position that was closed."""

    size: Annotated[Decimal, _SIZE]
    """How much; negative is short."""
    side: str | None = None
    """"long" or "short"."""
    position_id: str | None = None
    """The venue's identifier."""
    available_size: Amount = None
    """What of it no open order holds."""
    average_price: OrderPrice = None
    """Average price at which it was opened."""
    mark_price: OrderPrice = None
    """Price at which it is valued."""
    market_value: Money = None
    """Its value at that price; negative is short."""
    cost: Money = None
    """What it cost to open."""
    unrealized_pnl: Money = None
    """Profit at the mark, not realized."""
    realized_pnl: Money = None
    """Profit realized so far."""
    fee: Money = None
    """Fees paid for it so far."""
    funding: Money = None
    """Funding paid or received for it so far."""
    margin: Money = None
    """Collateral that it holds."""
    margin_mode: str | None = None
    """"cross" or "isolated"."""
    leverage: Decimal | None = None
    """Its value by its collateral."""
    liquidation_price: OrderPrice = None
    """Price at which the venue closes it."""
    asset_class: str | None = None
    """The venue's word for what is held."""
    currency: str | None = None
    """Currency of its money fields."""
    account: str | None = None
    """The account, where a connection carries several."""
    opened_ns: TimeNs = None
    """When it was opened."""
    updated_ns: TimeNs = None
    """When anything about it changed last."""

    @property
    def is_short(self) -> bool:
        """Whether it gains when the price falls."""
        return self.size < 0


class Balance(Record, frozen=True, kw_only=True, gc=False, tag="balance"):
    """What an account has of one currency; ``symbol`` is the currency."""

    total: Annotated[Decimal, _MONEY]
    """All of it."""
    available: Money = None
    """What can be used for orders."""
    frozen: Money = None
    """What open orders and positions hold."""
    equity: Money = None
    """The total with what open positions have gained or lost."""
    unrealized_pnl: Money = None
    """What open positions have gained or lost."""
    account: str | None = None
    """The account, where a connection carries several."""


class Account(Record, frozen=True, kw_only=True, gc=False, tag="account"):
    """An account as a whole."""

    symbol: str = ""
    """Empty: an account concerns every instrument."""
    account: str | None = None
    """The venue's identifier."""
    currency: str | None = None
    """Currency of the figures."""
    status: str | None = None
    """The venue's word for its state, such as "ACTIVE"."""
    is_blocked: bool | None = None
    """Whether trading is forbidden at present, for whatever reason."""
    equity: Money = None
    """Cash and positions at the mark."""
    last_equity: Money = None
    """Equity at the end of the day before."""
    cash: Money = None
    """Cash; negative is borrowed."""
    available: Money = None
    """Cash that can be used without borrowing."""
    buying_power: Money = None
    """For how much can be bought."""
    long_value: Money = None
    """Market value of what is held."""
    short_value: Money = None
    """Market value of what is owed; negative."""
    initial_margin: Money = None
    """Collateral needed to open the positions."""
    maintenance_margin: Money = None
    """Collateral needed to keep them."""
    unrealized_pnl: Money = None
    """What open positions have gained or lost."""
    leverage: Decimal | None = None
    """Most that may be bought for one unit of equity."""
    is_shorting_allowed: bool | None = None
    """Whether what is not held may be sold."""


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An order to place: what every venue and the paper engine take. Give ``size`` or ``notional``."""

    symbol: str
    """What to trade, as the venue spells it."""
    side: str
    """"buy" or "sell"."""
    size: Decimal | None = None
    """How much."""
    notional: Decimal | None = None
    """For how much money."""
    order_type: str = "market"
    """"market", "limit", "stop", "stop_limit" or "trailing_stop"."""
    time_in_force: str = "day"
    """"day", "gtc", "ioc", "fok", "opg" or "cls"."""
    limit_price: Decimal | None = None
    """Worst price allowed."""
    stop_price: Decimal | None = None
    """Price that sets it to work."""
    trail_price: Decimal | None = None
    """Distance of a trailing stop from the best price seen."""
    trail_percent: Decimal | None = None
    """The same in percent."""
    take_profit_price: Decimal | None = None
    """Limit price of the order that takes the profit, once this one is filled."""
    stop_loss_price: Decimal | None = None
    """Stop price of the order that limits the loss, once this one is filled."""
    stop_loss_limit_price: Decimal | None = None
    """Its limit price; None makes it a stop order without one."""
    client_order_id: str | None = None
    """Identifier of your own; what was submitted before a fault can be found again by it."""
    extended_hours: bool = False
    """Whether it may be filled before the open and after the close."""
    reduce_only: bool = False
    """Whether it may only make a position smaller."""
    position_side: str | None = None
    """"long" or "short" where both may be held at once."""
