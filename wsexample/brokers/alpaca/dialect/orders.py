"""Orders, executions, positions and accounts of Alpaca become records; the same objects come by stream and by REST.

| wire field | record field | note |
|---|---|---|
| ``order.id``, ``order.client_order_id`` | ``Order.order_id``, ``Order.client_order_id`` | |
| ``event``, ``event_id``, ``reason`` | ``Order.event``, ``Order.event_id``, ``Order.reason`` | |
| ``order.status`` | ``Order.venue_status``, ``Order.status`` | `wsexample.brokers.alpaca.codes.STATUSES` |
| ``order.qty``, ``order.filled_qty`` | ``Order.size``, ``Order.filled_size`` | |
| ``order.filled_avg_price`` | ``Order.average_price`` | over all executions |
| ``order.hwm`` | ``Order.water_mark`` | |
| ``order.commission`` | ``Order.fee`` | broker accounts |
| ``order.canceled_at``, ``expired_at``, ``failed_at``, ``replaced_at`` | ``Order.ended_ns`` | the one that is set |
| ``timestamp``, else ``at`` | ``exchange_ns`` | |
| ``execution_id`` | ``Fill.fill_id``, ``Order.fill_id`` | |
| ``price``, ``qty`` | ``Fill.price``, ``Fill.size`` | of this execution |
| ``order.filled_qty`` | ``Fill.cumulative_size`` | |
| ``position_qty``, ``position_qtys`` | ``Fill.position_size`` | negative is short |
| ``legs`` (executions) | one ``Fill`` each | orders of several legs |
| ``event`` trade_bust, trade_correct | ``Fill.correction`` | ``previous_execution_id`` in ``corrects``, also where it has no id |

Every digit is kept: decimal texts become `Decimal`, times nanoseconds.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import UNSET, structs

from wsexample.brokers.alpaca.codes import CLOSED_STATUSES, EVENTS, STATUSES, VENUE, status_of
from wsexample.brokers.alpaca.dialect.kept import Remainder
from wsexample.brokers.alpaca.dialect.times import TextTimes
from wsexample.brokers.alpaca.messages.trading import (
    AccountMessage,
    ActivityMessage,
    LegExecution,
    OrderMessage,
    PositionMessage,
    TradeUpdateMessage,
)
from wsexample.records.market import Record
from wsexample.records.orders import TERMINAL_STATUSES, Account, Fill, Order, OrderLeg, OrderStatus, Position

__all__ = ["OrderReader", "decimal_of"]

FURTHEST = 100
"""Places before or behind the point of an amount; nobody means more, and writing them out would fill memory."""
_MOST_OPEN = 20_000
"""Open orders whose newest state is remembered."""
_CORRECTIONS = {"trade_bust": "bust", "trade_correct": "correct"}


def decimal_of(value: Any) -> Decimal | None:
    """Return a decimal text as a number; None for what was not said and for what is no number that anybody means."""
    if value is None or value is UNSET or value == "":
        return None
    try:
        number = Decimal(value if isinstance(value, str) else repr(value))
    except (InvalidOperation, ValueError):  # the second of an integer with thousands of digits
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= FURTHEST else None


def _said(value: Any) -> Any:
    """Return a value, None for what is absent or empty."""
    return None if value is UNSET or value == "" else value


class OrderReader:
    """Wire objects to records.

    Parameters:
        remainder: where to count and keep words that are not known.
    """

    def __init__(self, remainder: Remainder | None = None) -> None:
        self.remainder = remainder or Remainder()
        """Events and statuses that are not known."""
        self._times = TextTimes()
        self._open: dict[str, Order] = {}

    @property
    def unreadable_times(self) -> int:
        """Timestamps that were no time; their fields are None."""
        return self._times.unreadable

    def ns(self, text: Any) -> int | None:
        """Return a time in UTC epoch nanoseconds."""
        return self._times.ns(_said(text))

    # -- trade updates -------------------------------------------------------------------------------------------

    def update(
        self, update: TradeUpdateMessage, received_ns: int, payload: bytes = b"", *, is_backfilled: bool = False
    ) -> list[Record]:
        """Return the records of an update: the executions that it tells of, then the order as it stands after them."""
        if update.event not in EVENTS:
            self.remainder.note_unknown(f"event {update.event}", payload, received_ns)
        exchange_ns = self.ns(update.timestamp) or self.ns(update.at)
        order = self.order(
            update.order,
            received_ns,
            payload,
            event=update.event,
            event_id=_said(update.event_id),
            fill_id=_said(update.execution_id),
            reason=_said(update.reason),
            account=_said(update.account_id),
            exchange_ns=exchange_ns,
            is_backfilled=is_backfilled,
        )
        return [*self._fills(update, order), *self._replaced(order), order]

    def _replaced(self, order: Order) -> list[Order]:
        """Return the end of an order that gave place, where ``replaced`` carries the new one: nobody has documented which."""
        found = []
        if order.event == "replaced" and order.replaces is not None and order.status != OrderStatus.REPLACED:
            before = self._open.pop(order.replaces, None)
            if before is not None:
                ended = structs.replace(
                    before,
                    status=OrderStatus.REPLACED.value,
                    venue_status="replaced",
                    event=order.event,
                    event_id=order.event_id,
                    fill_id=None,
                    reason=None,
                    replaced_by=order.order_id,
                    exchange_ns=order.exchange_ns,
                    received_ns=order.received_ns,
                    updated_ns=order.exchange_ns,
                    ended_ns=order.exchange_ns,
                    is_backfilled=order.is_backfilled,
                )
                found.append(ended)
        known = self._open.pop(order.order_id, None)
        if order.status not in TERMINAL_STATUSES:  # of one told again, what came since stays
            is_older = known is not None and (order.exchange_ns or 0) < (known.exchange_ns or 0)
            self._open[order.order_id] = known if known is not None and is_older else order
            if len(self._open) > _MOST_OPEN:
                del self._open[next(iter(self._open))]
        return found

    def _fills(self, update: TradeUpdateMessage, order: Order) -> list[Fill]:
        legs = _said(update.legs) or ()
        if legs:
            return [self._leg_fill(leg, update, order) for leg in legs if leg.execution_id]
        size, price = decimal_of(update.qty), decimal_of(update.price)
        correction = _CORRECTIONS.get(update.event)
        fill_id = _said(update.execution_id)
        if correction is not None and not fill_id:
            fill_id = _name_of_correction(update, order, price)
        if size is None or not fill_id or (price is None and correction != "bust"):
            return []
        position = decimal_of(update.position_qty)
        fill = self._fill(
            order, fill_id, order.order_id, order.symbol, price, size, order.exchange_ns, position, order.filled_size
        )
        if correction is None:
            return [fill]
        return [_corrected(fill, correction, _said(update.previous_execution_id))]

    def _leg_fill(self, leg: LegExecution, update: TradeUpdateMessage, order: Order) -> Fill:
        positions = _said(update.position_qtys) or {}
        return self._fill(
            order,
            leg.execution_id or "",
            leg.order_id or order.order_id,
            leg.symbol or order.symbol,
            decimal_of(leg.price),
            decimal_of(leg.qty) or Decimal(0),
            self.ns(leg.timestamp) or order.exchange_ns,
            decimal_of(positions.get(leg.symbol or "")),
            None,
        )

    @staticmethod
    def _fill(
        order: Order,
        fill_id: str,
        order_id: str,
        symbol: str,
        price: Decimal | None,
        size: Decimal,
        exchange_ns: int | None,
        position: Decimal | None,
        cumulative: Decimal | None,
    ) -> Fill:
        leg = next((leg for leg in order.legs if leg.order_id == order_id), None)
        return Fill(
            venue=VENUE,
            symbol=symbol,
            exchange_ns=exchange_ns,
            received_ns=order.received_ns,
            fill_id=fill_id,
            order_id=order_id,
            client_order_id=order.client_order_id,
            side=order.side if leg is None else leg.side,
            price=price,
            size=size.copy_abs(),
            cumulative_size=cumulative,
            position_size=position,
            event_id=order.event_id,
            account=order.account,
            is_backfilled=order.is_backfilled,
        )

    # -- orders --------------------------------------------------------------------------------------------------

    def order(
        self,
        m: OrderMessage,
        received_ns: int,
        payload: bytes = b"",
        *,
        exchange_ns: int | None = None,
        **facts: Any,
    ) -> Order:
        """Return an order as a record.

        Parameters:
            m: the order.
            received_ns: when it was received.
            payload: what to keep when its status is not known.
            exchange_ns: when what changed it happened; its last change when that is not said.
            facts: further fields of the record.
        """
        if m.status and m.status not in STATUSES:
            self.remainder.note_unknown(f"status {m.status}", payload, received_ns)
        filled_size = decimal_of(m.filled_qty) or Decimal(0)
        updated_ns = self.ns(m.updated_at)
        ended = m.canceled_at or m.expired_at or m.failed_at or m.replaced_at
        return Order(
            venue=VENUE,
            symbol=m.symbol or "",
            exchange_ns=updated_ns if exchange_ns is None else exchange_ns,
            received_ns=received_ns,
            order_id=m.id,
            client_order_id=m.client_order_id or None,
            status=status_of(m.status, filled_size > 0).value,
            venue_status=m.status or None,
            side=m.side or None,
            order_type=m.type or m.order_type or None,
            time_in_force=m.time_in_force or None,
            size=decimal_of(m.qty),
            notional=decimal_of(m.notional),
            limit_price=decimal_of(m.limit_price),
            stop_price=decimal_of(m.stop_price),
            trail_price=decimal_of(m.trail_price),
            trail_percent=decimal_of(m.trail_percent),
            water_mark=decimal_of(m.hwm),
            filled_size=filled_size,
            average_price=decimal_of(m.filled_avg_price),
            fee=decimal_of(m.commission),
            order_class=m.order_class or "simple",
            asset_class=m.asset_class or None,
            position_intent=_said(m.position_intent),
            extended_hours=m.extended_hours,
            replaces=m.replaces or None,
            replaced_by=m.replaced_by or None,
            legs=tuple([self._leg(leg) for leg in m.legs or ()]),
            created_ns=self.ns(m.created_at),
            submitted_ns=self.ns(m.submitted_at),
            updated_ns=updated_ns,
            filled_ns=self.ns(m.filled_at),
            expires_ns=self.ns(m.expires_at),
            ended_ns=self.ns(ended) if m.status in CLOSED_STATUSES else None,
            **facts,
        )

    @staticmethod
    def _leg(m: OrderMessage) -> OrderLeg:
        filled_size = decimal_of(m.filled_qty) or Decimal(0)
        return OrderLeg(
            order_id=m.id,
            symbol=m.symbol or "",
            side=m.side or None,
            status=status_of(m.status, filled_size > 0).value,
            order_type=m.type or m.order_type or None,
            size=decimal_of(m.qty),
            filled_size=filled_size,
            average_price=decimal_of(m.filled_avg_price),
            limit_price=decimal_of(m.limit_price),
            stop_price=decimal_of(m.stop_price),
            ratio=decimal_of(m.ratio_qty),
        )

    def activity(self, m: ActivityMessage, received_ns: int, *, is_backfilled: bool = False) -> Fill | None:
        """Return an execution of the activity list as a record; None when it is no execution or says too little."""
        price, size = decimal_of(m.price), decimal_of(m.qty)
        if m.type not in ("fill", "partial_fill") or price is None or size is None or not m.order_id:
            return None
        return Fill(
            venue=VENUE,
            symbol=m.symbol or "",
            exchange_ns=self.ns(m.transaction_time),
            received_ns=received_ns,
            fill_id=m.id.rpartition("::")[2],
            order_id=m.order_id,
            side=m.side or None,
            price=price,
            size=size.copy_abs(),
            cumulative_size=decimal_of(m.cum_qty),
            is_backfilled=is_backfilled,
        )

    # -- account and positions -----------------------------------------------------------------------------------

    def account(self, m: AccountMessage, received_ns: int) -> Account:
        """Return an account as a record."""
        return Account(
            venue=VENUE,
            received_ns=received_ns,
            account=m.id,
            currency=m.currency,
            status=m.status,
            is_blocked=any((m.trading_blocked, m.account_blocked, m.trade_suspended_by_user)),
            equity=decimal_of(m.equity),
            last_equity=decimal_of(m.last_equity),
            cash=decimal_of(m.cash),
            available=decimal_of(m.non_marginable_buying_power),
            buying_power=decimal_of(m.buying_power),
            long_value=decimal_of(m.long_market_value),
            short_value=decimal_of(m.short_market_value),
            initial_margin=decimal_of(m.initial_margin),
            maintenance_margin=decimal_of(m.maintenance_margin),
            leverage=decimal_of(m.multiplier),
            is_shorting_allowed=m.shorting_enabled,
        )

    @staticmethod
    def position(m: PositionMessage, received_ns: int) -> Position:
        """Return a position as a record."""
        size = decimal_of(m.qty) or Decimal(0)
        return Position(
            venue=VENUE,
            symbol=m.symbol,
            received_ns=received_ns,
            # The sign of qty tells the side; should a short one come without it, ``side`` does.
            size=size.copy_negate() if m.side == "short" and size > 0 else size,
            side=m.side or None,
            position_id=m.asset_id or None,
            available_size=decimal_of(m.qty_available),
            average_price=decimal_of(m.avg_entry_price),
            mark_price=decimal_of(m.current_price),
            market_value=decimal_of(m.market_value),
            cost=decimal_of(m.cost_basis),
            unrealized_pnl=decimal_of(m.unrealized_pl),
            asset_class=m.asset_class or None,
            currency="USD",
        )


def _name_of_correction(update: TradeUpdateMessage, order: Order, price: Decimal | None) -> str:
    """Return an identifier for a correction without one, which is not documented to have any; the same by every source."""
    corrected = _said(update.previous_execution_id) or f"{order.order_id}/{order.exchange_ns}"
    return f"{corrected}/{update.event}" + ("" if price is None else f"/{price.normalize():f}")


def _corrected(fill: Fill, correction: str, corrects: str | None) -> Fill:
    return structs.replace(fill, correction=correction, corrects=corrects)
