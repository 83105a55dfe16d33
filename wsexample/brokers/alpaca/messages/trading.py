"""The trading stream's messages, and the objects that REST shares with it: orders, accounts, positions, executions.

Money and quantities are decimal texts; a client also takes plain numbers. In what the simulator sends, None is written as
null and ``UNSET`` is left out, as Alpaca does. Sources: Alpaca's pages on trade updates, orders, account, positions,
activities and trade events.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

__all__ = [
    "AccountMessage",
    "ActivityMessage",
    "AssetMessage",
    "AuthorizationData",
    "CalendarDay",
    "ClockMessage",
    "Envelope",
    "ErrorData",
    "ErrorReply",
    "LegExecution",
    "ListeningData",
    "OrderMessage",
    "OrderSubmission",
    "PositionMessage",
    "ReplaceSubmission",
    "StopLoss",
    "StreamRequest",
    "TakeProfit",
    "TradeUpdateMessage",
]

Amount = str | int | float | None
"""A decimal text; numbers are taken too."""
OptionalAmount = Amount | UnsetType
Text = str | None
OptionalText = Text | UnsetType


# --- the socket ---------------------------------------------------------------------------------------------------------


class Envelope(msgspec.Struct, gc=False, omit_defaults=True):
    """What every message of the server is wrapped in; an error has ``action`` in place of ``stream``."""

    stream: str | None = None
    """"authorization", "listening" or "trade_updates"."""
    action: str | None = None
    """"error", before the server ends the connection."""
    data: msgspec.Raw = msgspec.Raw(b"null")
    """What it says."""


class AuthorizationData(msgspec.Struct, gc=False):
    """The answer to a login, and to ``listen`` without one."""

    status: str = ""
    """"authorized", "unauthorized"; "exceeded" is known from the C# SDK."""
    action: str = ""
    """"authenticate" or "listen"."""
    message: str | UnsetType = UNSET
    """Words, where there are some."""


class ListeningData(msgspec.Struct, gc=False):
    """The answer to ``listen``: every stream that is sent from now on."""

    streams: list[str]


class ErrorData(msgspec.Struct, gc=False):
    """What went wrong, before the server closes."""

    error_message: str = ""


class StreamRequest(msgspec.Struct, gc=False, omit_defaults=True):
    """What a client sends: ``auth`` (flat), ``authenticate`` (nested) or ``listen``."""

    action: str = ""
    key: str | None = None
    secret: str | None = None
    data: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"StreamRequest(action={self.action!r})"


class OrderMessage(msgspec.Struct, gc=False, kw_only=True):
    """An order, as stream and REST show it."""

    id: str
    """The server's identifier."""
    client_order_id: Text = None
    """The client's identifier."""
    created_at: Text = None
    updated_at: Text = None
    submitted_at: Text = None
    filled_at: Text = None
    expired_at: Text = None
    expires_at: OptionalText = UNSET
    """When it is going to be canceled."""
    cancel_requested_at: OptionalText = UNSET
    canceled_at: Text = None
    failed_at: Text = None
    replaced_at: Text = None
    replaced_by: Text = None
    """The order in its place."""
    replaces: Text = None
    """The order in whose place it is."""
    asset_id: Text = None
    symbol: Text = None
    """Empty on the parent of several legs."""
    asset_class: Text = None
    notional: Amount = None
    """Either this or ``qty``."""
    qty: Amount = None
    filled_qty: Amount = None
    """In all."""
    filled_avg_price: Amount = None
    order_class: Text = None
    """"" and "simple" mean the same."""
    order_type: Text = None
    """The older name of ``type``."""
    type: Text = None
    side: Text = None
    position_intent: OptionalText = UNSET
    time_in_force: Text = None
    limit_price: Amount = None
    stop_price: Amount = None
    status: Text = None
    extended_hours: bool | None = None
    legs: list[OrderMessage] | None = None
    """One level deep."""
    trail_percent: Amount = None
    trail_price: Amount = None
    hwm: Amount = None
    """The best price that a trailing stop has seen."""
    ratio_qty: OptionalAmount = UNSET
    """On legs of a spread."""
    commission: OptionalAmount = UNSET
    subtag: OptionalText = UNSET
    source: OptionalText = UNSET


class LegExecution(msgspec.Struct, gc=False, kw_only=True):
    """The execution of one leg."""

    execution_id: Text = None
    order_id: Text = None
    symbol: Text = None
    qty: Amount = None
    price: Amount = None
    timestamp: Text = None


class TradeUpdateMessage(msgspec.Struct, gc=False, kw_only=True):
    """What happened to an order; the event stream over HTTP sends the same with ``account_id``, ``at`` and ``event_id``."""

    event: str
    """A name of `wsexample.brokers.alpaca.codes.EVENTS`."""
    order: OrderMessage
    """The whole order after it."""
    timestamp: OptionalText = UNSET
    """When it happened."""
    execution_id: OptionalText = UNSET
    """One for each execution: the key against doubles."""
    price: OptionalAmount = UNSET
    """Price of this execution."""
    qty: OptionalAmount = UNSET
    """Quantity of this execution; may be negative when one is taken back."""
    position_qty: OptionalAmount = UNSET
    """The position after it; negative is short."""
    event_id: OptionalText = UNSET
    """A ULID; sorts in the order of time."""
    at: OptionalText = UNSET
    """When the event was recorded."""
    account_id: OptionalText = UNSET
    previous_execution_id: OptionalText = UNSET
    """The execution that is taken back or corrected."""
    reason: OptionalText = UNSET
    position_qtys: dict[str, Amount] | UnsetType | None = UNSET
    """Positions after the execution of several legs, by symbol."""
    legs: list[LegExecution] | UnsetType | None = UNSET
    """Executions of several legs."""


# --- REST ---------------------------------------------------------------------------------------------------------------


class ActivityMessage(msgspec.Struct, gc=False, kw_only=True):
    """An execution in the list of account activities; ``id`` is a time, "::" and a UUID."""

    id: str
    activity_type: Text = None
    transaction_time: Text = None
    type: Text = None
    """"fill" or "partial_fill"."""
    price: Amount = None
    qty: Amount = None
    side: Text = None
    symbol: Text = None
    leaves_qty: Amount = None
    """What of the order is left after it."""
    cum_qty: Amount = None
    """How much of the order is filled with it."""
    order_id: Text = None
    order_status: Text = None


class AccountMessage(msgspec.Struct, gc=False, kw_only=True):
    """An account; money is decimal text."""

    id: str
    account_number: Text = None
    status: Text = None
    crypto_status: Text = None
    currency: Text = None
    cash: Amount = None
    portfolio_value: Amount = None
    equity: Amount = None
    last_equity: Amount = None
    buying_power: Amount = None
    regt_buying_power: Amount = None
    non_marginable_buying_power: Amount = None
    options_buying_power: Amount = None
    long_market_value: Amount = None
    short_market_value: Amount = None
    initial_margin: Amount = None
    maintenance_margin: Amount = None
    last_maintenance_margin: Amount = None
    sma: Amount = None
    accrued_fees: Amount = None
    multiplier: Amount = None
    trading_blocked: bool | None = None
    transfers_blocked: bool | None = None
    account_blocked: bool | None = None
    trade_suspended_by_user: bool | None = None
    shorting_enabled: bool | None = None
    created_at: Text = None
    options_approved_level: int | None = None
    options_trading_level: int | None = None


class PositionMessage(msgspec.Struct, gc=False, kw_only=True):
    """A position; ``qty`` is negative when it is short."""

    asset_id: Text = None
    symbol: str
    exchange: Text = None
    asset_class: Text = None
    asset_marginable: bool | None = None
    qty: Amount = None
    qty_available: Amount = None
    side: Text = None
    avg_entry_price: Amount = None
    market_value: Amount = None
    cost_basis: Amount = None
    unrealized_pl: Amount = None
    unrealized_plpc: Amount = None
    unrealized_intraday_pl: Amount = None
    unrealized_intraday_plpc: Amount = None
    current_price: Amount = None
    lastday_price: Amount = None
    change_today: Amount = None


class ClockMessage(msgspec.Struct, gc=False, kw_only=True):
    """The market's clock; times have New York's offset."""

    timestamp: str
    is_open: bool
    next_open: str
    next_close: str


class CalendarDay(msgspec.Struct, gc=False, kw_only=True):
    """A trading day, times of day in New York."""

    date: str
    open: str
    close: str
    session_open: str | UnsetType = UNSET
    session_close: str | UnsetType = UNSET
    settlement_date: str | UnsetType = UNSET


class AssetMessage(msgspec.Struct, gc=False, kw_only=True, rename={"asset_class": "class"}):
    """Something that can be traded."""

    id: str
    asset_class: str
    exchange: Text = None
    symbol: str
    name: Text = None
    status: Text = None
    tradable: bool | None = None
    marginable: bool | None = None
    shortable: bool | None = None
    easy_to_borrow: bool | None = None
    fractionable: bool | None = None
    maintenance_margin_requirement: int | float | UnsetType | None = UNSET
    min_order_size: OptionalAmount = UNSET
    min_trade_increment: OptionalAmount = UNSET
    price_increment: OptionalAmount = UNSET
    attributes: list[str] | UnsetType | None = UNSET


class TakeProfit(msgspec.Struct, gc=False, omit_defaults=True):
    """The order that takes the profit."""

    limit_price: Amount = None


class StopLoss(msgspec.Struct, gc=False, omit_defaults=True):
    """The order that limits the loss."""

    stop_price: Amount = None
    limit_price: Amount = None


class OrderSubmission(msgspec.Struct, gc=False, kw_only=True, omit_defaults=True):
    """Body of ``POST /v2/orders``, and one of its ``legs``."""

    symbol: Text = None
    qty: Amount = None
    notional: Amount = None
    side: Text = None
    type: Text = None
    time_in_force: Text = None
    limit_price: Amount = None
    stop_price: Amount = None
    trail_price: Amount = None
    trail_percent: Amount = None
    extended_hours: bool | None = None
    client_order_id: Text = None
    order_class: Text = None
    take_profit: TakeProfit | None = None
    stop_loss: StopLoss | None = None
    position_intent: Text = None
    ratio_qty: Amount = None
    legs: list[OrderSubmission] | None = None


class ReplaceSubmission(msgspec.Struct, gc=False, kw_only=True, omit_defaults=True):
    """Body of ``PATCH /v2/orders/{id}``."""

    qty: Amount = None
    time_in_force: Text = None
    limit_price: Amount = None
    stop_price: Amount = None
    trail: Amount = None
    client_order_id: Text = None


class ErrorReply(msgspec.Struct, gc=False, omit_defaults=True):
    """Body of a refusal; a 401 has no code, and further keys come with some."""

    code: int | None = None
    message: str = ""
