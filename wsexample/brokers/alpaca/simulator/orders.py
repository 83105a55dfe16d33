"""One order of the simulated exchange, with exact money, and how Alpaca shows it. Pure; times are arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from wsexample.brokers.alpaca.codes import CLOSED_STATUSES
from wsexample.brokers.alpaca.dialect.times import rfc3339
from wsexample.brokers.alpaca.messages.trading import OrderMessage
from wsexample.brokers.alpaca.simulator.assets import Asset

__all__ = ["SimOrder", "text_of"]

_ZERO_ID = "00000000-0000-0000-0000-000000000000"


def text_of(value: Decimal | None) -> str | None:
    """Write an amount as Alpaca does: plain digits, no zeros at the end."""
    if value is None:
        return None
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _time(time_ns: int | None) -> str | None:
    return None if time_ns is None else rfc3339(time_ns)


@dataclass(slots=True, eq=False)
class SimOrder:
    """An order, from its submission to its end."""

    order_id: str
    client_order_id: str
    asset: Asset | None
    """None for the parent of several legs."""
    side: str
    order_type: str
    time_in_force: str
    created_ns: int
    size: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    extended_hours: bool = False
    order_class: str = ""
    position_intent: str = ""
    ratio: Decimal | None = None
    status: str = "pending_new"
    """The vendor's word."""
    filled_size: Decimal = Decimal(0)
    filled_value: Decimal = Decimal(0)
    updated_ns: int = 0
    submitted_ns: int = 0
    filled_ns: int | None = None
    expired_ns: int | None = None
    canceled_ns: int | None = None
    cancel_requested_ns: int | None = None
    failed_ns: int | None = None
    replaced_ns: int | None = None
    replaces: str | None = None
    replaced_by: str | None = None
    water_mark: Decimal | None = None
    is_triggered: bool = False
    """Whether a stop has been reached."""
    is_held_back: bool = False
    """Whether it was suspended or stopped on command, so that nothing fills it."""
    parent: SimOrder | None = field(default=None, repr=False)
    legs: list[SimOrder] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self.updated_ns = self.updated_ns or self.created_ns
        self.submitted_ns = self.submitted_ns or self.created_ns

    @property
    def is_closed(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.status in CLOSED_STATUSES

    @property
    def is_working(self) -> bool:
        """Whether it may be filled now."""
        return (
            self.status in ("new", "partially_filled", "pending_cancel", "pending_replace", "calculated")
            and not self.is_held_back
        )

    @property
    def remaining(self) -> Decimal:
        """How much may still be filled."""
        return (self.size or Decimal(0)) - self.filled_size

    @property
    def average_price(self) -> Decimal | None:
        """Average price of what is filled."""
        if not self.filled_size:
            return None
        return (self.filled_value / self.filled_size).quantize(Decimal("0.000001")).normalize()

    @property
    def symbol(self) -> str:
        """What it trades; "" for the parent of several legs."""
        return self.asset.symbol if self.asset is not None else ""

    def message(self, *, nested: bool = True) -> OrderMessage:
        """Return it as stream and REST show it.

        Parameters:
            nested: whether its legs are shown in it.
        """
        asset, is_spread = self.asset, self.order_class == "mleg"
        shown_type = "" if is_spread and self.parent is not None else self.order_type
        message = OrderMessage(
            id=self.order_id,
            client_order_id=self.client_order_id,
            created_at=rfc3339(self.created_ns),
            updated_at=rfc3339(self.updated_ns),
            submitted_at=rfc3339(self.submitted_ns),
            filled_at=_time(self.filled_ns),
            expired_at=_time(self.expired_ns),
            expires_at=None,
            cancel_requested_at=_time(self.cancel_requested_ns),
            canceled_at=_time(self.canceled_ns),
            failed_at=_time(self.failed_ns),
            replaced_at=_time(self.replaced_ns),
            replaced_by=self.replaced_by,
            replaces=self.replaces,
            asset_id=asset.asset_id if asset is not None else _ZERO_ID,
            symbol=self.symbol,
            asset_class=asset.asset_class if asset is not None else "",
            notional=text_of(self.notional),
            qty=None if self.notional is not None else text_of(self.size),
            filled_qty=text_of(self.filled_size),
            filled_avg_price=text_of(self.average_price),
            order_class=self.order_class,
            order_type=shown_type,
            type=shown_type,
            side=self.side,
            time_in_force=self.time_in_force,
            limit_price=text_of(self.limit_price),
            stop_price=text_of(self.stop_price),
            status=self.status,
            extended_hours=self.extended_hours,
            legs=[leg.message() for leg in self.legs] if self.legs and nested else None,
            trail_percent=text_of(self.trail_percent),
            trail_price=text_of(self.trail_price),
            hwm=text_of(self.water_mark),
            subtag=None,
            source="access_key",
        )
        if self.position_intent:
            message.position_intent = self.position_intent
        if self.ratio is not None:
            message.ratio_qty = text_of(self.ratio)
        return message
