"""Rows of an account's channels become orders, fills, positions and balances.

| channel | wire field | record field | note |
|---|---|---|---|
| orders | ``id``, ``size``, ``cumFillSize`` | ``order_id``, ``size``, ``filled_size`` | |
| orders | ``status`` | ``status`` | derived: the venue has no word for a partial fill; ``CANCELING`` keeps the one before |
| orders | ``cumFillValue / cumFillSize`` | ``average_price`` | derived |
| fill | ``fillValue / fillSize`` | ``price`` | derived: there is no price on the wire |
| positions | ``size``, ``side`` | ``size``, ``side`` | negative when short |
| positions | ``openValue / size`` | ``average_price`` | derived |
| account | ``amount`` (contract), ``equity`` (spot) | ``total`` | |
| account | ``available``, ``frozen`` | ``available``, ``frozen`` | spot only; contract has neither on the socket |

Source: contract API documentation V3, private channels; spot from captures in public clients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from wsexample.brokers.weex.codes import STATUSES, VENUE
from wsexample.brokers.weex.dialect.items import WeexMessage
from wsexample.brokers.weex.dialect.numbers import amount, millis_ns, text_in
from wsexample.brokers.weex.messages import PrivateFrame
from wsexample.records.market import Record
from wsexample.records.orders import OPEN_STATUSES, Balance, Fill, Order, OrderStatus, Position

__all__ = ["AccountReader", "unrealized"]

Row = Mapping[str, Any]
Read = tuple[dict[str, Any], Record, tuple[str, ...]]
"""The documented mapping, the record, and which keys of the mapping were reckoned here."""

_MODES = {"CROSSED": "cross", "ISOLATED": "isolated"}
_TYPES = {"LIMIT": "limit", "MARKET": "market", "STOP": "stop_limit", "STOP_MARKET": "stop"}
_NO_REASON = "UNKNOWN_ORDER_CANCEL_REASON"
_MOST_OPEN = 20_000
"""Open orders whose status is remembered, the newest."""


def _decimal(row: Row, key: str) -> Decimal | None:
    value = row.get(key)
    return None if value is None or value == "" else amount(value)


def _named(row: Row, key: str) -> str:
    found = text_in(row, key)
    if found is None:
        raise ValueError(f"{key} is missing")
    return found


def _lower(row: Row, key: str) -> str | None:
    found = text_in(row, key)
    return None if found is None else found.lower()


def _time(row: Row, key: str) -> int | None:
    value = row.get(key)
    return millis_ns(value) or None if value is not None and value != "" else None


def _ratio(over: Decimal | None, under: Decimal | None) -> Decimal | None:
    found = over / under if over is not None and under else None
    return None if found is None else amount(str(found))


def _flag(row: Row, key: str) -> bool | None:
    value = row.get(key)
    if value is None or isinstance(value, bool):
        return value
    raise ValueError(f"{key} is neither true nor false")


def unrealized(size: Decimal, open_value: Decimal, mark: Decimal, *, is_short: bool) -> Decimal:
    """Return the profit of a position at the mark, which the socket does not carry.

    Parameters:
        size: how much, never negative.
        open_value: what it was opened for.
        mark: price at which it is valued.
        is_short: whether it gains when the price falls.
    """
    gained = mark * size - open_value
    return -gained if is_short else gained


class AccountReader:
    """Reads the four private channels; remembers what orders were, for a word that keeps the status before it."""

    def __init__(self) -> None:
        self._statuses: dict[str, str] = {}
        self._makers: dict[str, Callable[[Row, PrivateFrame, int], Read]] = {
            "orders": self._order,
            "fill": self._fill,
            "positions": self._position,
            "account": self._balance,
        }

    def read(self, channel: str, frame: PrivateFrame, received_ns: int) -> list[WeexMessage]:
        """Read one frame.

        Parameters:
            channel: "orders", "fill", "positions" or "account".
            frame: what came.
            received_ns: when it arrived, UTC epoch nanoseconds.

        Returns:
            A message for each row, in the order of the rows.

        Raises:
            ValueError: a row cannot be read, or lacks a field that it must have.
            KeyError: there is no such channel.
        """
        make = self._makers[channel]
        found = []
        for row in frame.d:
            if not isinstance(row, dict):
                raise ValueError(f"a row is a {type(row).__name__}")
            data, record, derived = make(row, frame, received_ns)
            found.append(
                WeexMessage(
                    venue=VENUE,
                    symbol=record.symbol,
                    exchange_ns=record.exchange_ns,
                    received_ns=received_ns,
                    topic=channel,
                    data=data,
                    record=record,
                    derived=derived,
                )
            )
        return found

    def _status(self, row: Row, size: Decimal | None, filled: Decimal) -> str:
        order_id, word = _named(row, "id"), text_in(row, "status") or ""
        if word == "CANCELING":
            known: str | None = self._statuses.get(order_id)
        else:
            known = STATUSES.get(word, OrderStatus.UNKNOWN).value
        status = known or OrderStatus.NEW.value
        if status == OrderStatus.NEW and filled > 0 and (not size or filled < size):
            status = OrderStatus.PARTIALLY_FILLED.value
        if status in OPEN_STATUSES:
            if len(self._statuses) >= _MOST_OPEN:
                self._statuses.pop(next(iter(self._statuses)))
            self._statuses[order_id] = status
        else:
            self._statuses.pop(order_id, None)
        return status

    def _order(self, row: Row, frame: PrivateFrame, received_ns: int) -> Read:
        size, filled = _decimal(row, "size"), _decimal(row, "cumFillSize") or Decimal(0)
        status, symbol = self._status(row, size, filled), _named(row, "symbol")
        reason = text_in(row, "cancelReason")
        record = Order(
            venue=VENUE,
            symbol=symbol,
            exchange_ns=_time(row, "updatedTime") or _ms(frame),
            received_ns=received_ns,
            order_id=_named(row, "id"),
            client_order_id=text_in(row, "clientOrderId"),
            status=status,
            venue_status=text_in(row, "status"),
            event=frame.msgEvent or None,
            reason=None if reason == _NO_REASON else reason,
            side=_lower(row, "orderSide"),
            order_type=_TYPES.get(text_in(row, "type") or "", _lower(row, "type")),
            time_in_force=_lower(row, "timeInForce"),
            size=size or None,
            notional=_decimal(row, "value") if not size else None,
            limit_price=_decimal(row, "price") or None,
            stop_price=_decimal(row, "triggerPrice") or None,
            filled_size=filled,
            average_price=_ratio(_decimal(row, "cumFillValue"), filled),
            fee=_decimal(row, "cumFillFee"),
            fee_currency=text_in(row, "coin"),
            realized_pnl=_decimal(row, "cumRealizePnl"),
            position_side=_lower(row, "positionSide"),
            reduce_only=_flag(row, "reduceOnly"),
            created_ns=_time(row, "createdTime"),
            updated_ns=_time(row, "updatedTime"),
        )
        data: dict[str, Any] = {"order_id": record.order_id, "status": status, "symbol": symbol}
        _copy(data, row, (("size", "size"), ("price", "price"), ("filled_size", "cumFillSize"),
                          ("client_order_id", "clientOrderId"), ("venue_status", "status")))  # fmt: skip
        _put(data, side=record.side, type=record.order_type, position_side=record.position_side)
        if row.get("status") == "UNTRIGGERED":
            data["is_untriggered"] = True
        is_derived = status == OrderStatus.PARTIALLY_FILLED or row.get("status") == "CANCELING"
        return data, record, ("status",) if is_derived else ()

    def _fill(self, row: Row, frame: PrivateFrame, received_ns: int) -> Read:
        size = _decimal(row, "fillSize") or Decimal(0)
        price = _ratio(_decimal(row, "fillValue"), size)
        side = _lower(row, "orderSide")
        coin = text_in(row, "coin") or text_in(row, "baseCoin" if side == "buy" else "quoteCoin")
        record = Fill(
            venue=VENUE,
            symbol=_named(row, "symbol"),
            exchange_ns=_time(row, "createdTime") or _ms(frame),
            received_ns=received_ns,
            fill_id=_named(row, "id"),
            order_id=_named(row, "orderId"),
            side=side,
            price=price,
            size=size,
            position_side=_lower(row, "positionSide"),
            fee=_decimal(row, "fillFee"),
            fee_currency=coin,
            realized_pnl=_decimal(row, "realizePnl"),
            liquidity=_lower(row, "direction"),
        )
        data: dict[str, Any] = {"fill_id": record.fill_id, "order_id": record.order_id, "symbol": record.symbol}
        _copy(data, row, (("size", "fillSize"), ("value", "fillValue"), ("fee", "fillFee")))
        _put(data, side=side, price=None if price is None else format(price, "f"), liquidity=record.liquidity)
        return data, record, ("price",) if price is not None else ()

    def _position(self, row: Row, frame: PrivateFrame, received_ns: int) -> Read:
        size, opened = _decimal(row, "size") or Decimal(0), _decimal(row, "openValue")
        side = _lower(row, "side")
        record = Position(
            venue=VENUE,
            symbol=_named(row, "symbol"),
            exchange_ns=_time(row, "updatedTime") or _ms(frame),
            received_ns=received_ns,
            size=size.copy_negate() if side == "short" else size,
            side=side,
            position_id=_named(row, "id"),
            average_price=_ratio(opened, size),
            cost=opened,
            fee=_decimal(row, "openFee"),
            funding=_decimal(row, "fundingFee"),
            margin=_decimal(row, "isolatedMargin") or None,
            margin_mode=_MODES.get(text_in(row, "marginMode") or ""),
            leverage=_decimal(row, "leverage"),
            currency=text_in(row, "coin"),
            opened_ns=_time(row, "createdTime"),
            updated_ns=_time(row, "updatedTime"),
        )
        data: dict[str, Any] = {"symbol": record.symbol, "position_id": record.position_id}
        _copy(data, row, (("size", "size"), ("open_value", "openValue"), ("leverage", "leverage")))
        price = record.average_price
        _put(data, side=side, entry_price=None if price is None else format(price, "f"))
        return data, record, ("entry_price",) if price is not None else ()

    def _balance(self, row: Row, frame: PrivateFrame, received_ns: int) -> Read:
        coin = _named(row, "coin")
        total = _decimal(row, "equity")
        key = "equity"
        if total is None:
            total, key = _decimal(row, "amount"), "amount"
        if total is None:
            raise ValueError("neither equity nor amount")
        record = Balance(
            venue=VENUE,
            symbol=coin,
            exchange_ns=_ms(frame),
            received_ns=received_ns,
            total=total,
            available=_decimal(row, "available"),
            frozen=_decimal(row, "frozen"),
        )
        data: dict[str, Any] = {"coin": coin}
        _copy(data, row, (("balance", key), ("available", "available"), ("frozen", "frozen")))
        return data, record, ()


def _ms(frame: PrivateFrame) -> int | None:
    """Return the time of the frame; None where it has none, for a row counts without it too."""
    try:
        return millis_ns(frame.E)
    except ValueError:
        return None


def _copy(data: dict[str, Any], row: Row, names: tuple[tuple[str, str], ...]) -> None:
    for key, wire in names:
        if row.get(wire) not in (None, ""):
            data[key] = str(row[wire])


def _put(data: dict[str, Any], **values: Any) -> None:
    data.update({key: value for key, value in values.items() if value is not None})
