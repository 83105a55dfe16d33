"""Rows of REST answers in the words of the sockets, so that both are read in one place.

| REST row | socket row | note |
|---|---|---|
| ``orderId``, ``origQty``, ``executedQty`` | ``id``, ``size``, ``cumFillSize`` | identifiers become texts |
| ``cumQuote`` (contract), ``cummulativeQuoteQty`` (spot) | ``cumFillValue`` | the second is the venue's spelling |
| ``side``, ``stopPrice``, ``time``, ``updateTime`` | ``orderSide``, ``triggerPrice``, ``createdTime``, ``updatedTime`` | |
| ``qty``, ``quoteQty``, ``commission``, ``realizedPnl`` | ``fillSize``, ``fillValue``, ``fillFee``, ``realizePnl`` | |
| ``maker`` (contract), ``isBuyer`` (spot) | ``direction``, ``orderSide`` | |
| ``asset``, ``marginType`` of a position | ``coin``, ``marginMode`` | |
| ``asset``, ``balance`` (contract) | ``coin``, ``amount`` | |
| ``free``, ``locked`` (spot) | ``available``, ``frozen`` | ``equity`` is their sum |

Source: contract and spot API documentation V3, account and trade calls; spot from captures in public clients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from wsexample.brokers.weex.codes import VENUE
from wsexample.brokers.weex.dialect.items import WeexMessage
from wsexample.brokers.weex.dialect.market import trades
from wsexample.brokers.weex.dialect.numbers import amount
from wsexample.brokers.weex.dialect.private import AccountReader
from wsexample.brokers.weex.messages import PrivateFrame, TradeFrame, TradeRow
from wsexample.errors import DialectError
from wsexample.records.orders import Fill, Order

__all__ = ["answer_rows", "past_trades"]

Row = Mapping[str, Any]
Renamed = tuple[tuple[str, str], ...]

_UNREADABLE = (KeyError, ValueError, TypeError, AttributeError, ArithmeticError, msgspec.ValidationError)

_ORDER: Renamed = (
    ("id", "orderId"), ("clientOrderId", "clientOrderId"), ("symbol", "symbol"), ("orderSide", "side"),
    ("positionSide", "positionSide"), ("type", "type"), ("timeInForce", "timeInForce"), ("price", "price"),
    ("size", "origQty"), ("cumFillSize", "executedQty"), ("cumFillValue", "cumQuote"),
    ("cumFillValue", "cummulativeQuoteQty"), ("status", "status"), ("triggerPrice", "stopPrice"),
    ("createdTime", "time"), ("updatedTime", "updateTime"),
)  # fmt: skip
_FILL: Renamed = (
    ("id", "id"), ("orderId", "orderId"), ("symbol", "symbol"), ("orderSide", "side"), ("positionSide", "positionSide"),
    ("fillSize", "qty"), ("fillValue", "quoteQty"), ("fillFee", "commission"), ("coin", "commissionAsset"),
    ("realizePnl", "realizedPnl"), ("createdTime", "time"),
)  # fmt: skip


def _renamed(row: Row, names: Renamed) -> dict[str, Any]:
    return {wire: _plain(row[key]) for wire, key in names if row.get(key) is not None}


def _plain(value: Any) -> str:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"a {type(value).__name__} where a text was expected")


def _order(row: Row) -> dict[str, Any]:
    return _renamed(row, _ORDER) | ({"reduceOnly": row["reduceOnly"]} if "reduceOnly" in row else {})


def _fill(row: Row) -> dict[str, Any]:
    spelled = _renamed(row, _FILL)
    if "isBuyer" in row:
        spelled["orderSide"] = "BUY" if row["isBuyer"] else "SELL"
    if "maker" in row:
        spelled["direction"] = "MAKER" if row["maker"] else "TAKER"
    return spelled


def _position(row: Row) -> dict[str, Any]:
    return {**row, "coin": row.get("asset"), "marginMode": row.get("marginType")}


def _balance(row: Row) -> dict[str, Any]:
    if "free" in row:
        total = amount(row["free"]) + amount(row["locked"])
        return {"coin": row["asset"], "equity": format(total, "f"), "available": row["free"], "frozen": row["locked"]}
    return {
        "coin": row["asset"],
        "amount": row["balance"],
        "available": row["availableBalance"],
        "frozen": row["frozen"],
    }


_SPELLED: dict[str, Callable[[Row], dict[str, Any]]] = {
    "orders": _order,
    "fill": _fill,
    "positions": _position,
    "account": _balance,
}


def answer_rows(channel: str, rows: list[dict[str, Any]], received_ns: int) -> list[WeexMessage]:
    """Read the rows of a REST answer as the channel that carries the same.

    Orders and fills are marked as backfilled; a position has the venue's own ``unrealized_pnl``.

    Parameters:
        channel: "orders", "fill", "positions" or "account".
        rows: the venue's own rows.
        received_ns: when it arrived, UTC epoch nanoseconds.

    Raises:
        DialectError: a row cannot be read.
    """
    try:
        spelled = [_SPELLED[channel](row) for row in rows]
        messages = AccountReader().read(channel, PrivateFrame(d=spelled), received_ns)
        return [_finished(message, row) for message, row in zip(messages, rows, strict=True)]
    except _UNREADABLE as error:
        raise _unread(channel, error) from None


def _unread(what: str, error: Exception) -> DialectError:
    missing = f"{error} is missing" if isinstance(error, KeyError) else f"{error}"
    return DialectError(f"WEEX answered with {what} that cannot be read: {missing}", venue=VENUE)


def _finished(message: WeexMessage, row: Row) -> WeexMessage:
    record: Any = message.record
    if isinstance(record, Order | Fill):
        return msgspec.structs.replace(message, record=msgspec.structs.replace(record, is_backfilled=True))
    if "unrealizePnl" in row and message.topic == "positions":
        profit = amount(row["unrealizePnl"])
        data = {**message.data, "unrealized_pnl": str(row["unrealizePnl"])}
        record = msgspec.structs.replace(record, unrealized_pnl=profit)
        return msgspec.structs.replace(message, data=data, record=record)
    return message


def past_trades(symbol: str, rows: list[dict[str, Any]], received_ns: int) -> list[WeexMessage]:
    """Read the answer of the trades call as its stream, oldest first.

    Parameters:
        symbol: the venue's symbol.
        rows: the venue's own rows.
        received_ns: when it arrived, UTC epoch nanoseconds.

    Raises:
        DialectError: a row cannot be read.
    """
    try:
        found = msgspec.convert([_trade(row) for row in rows], list[TradeRow])
        return trades(TradeFrame(s=symbol, d=found), received_ns)
    except _UNREADABLE as error:
        raise _unread("trades", error) from None


def _trade(row: Row) -> dict[str, Any]:
    names = {"T": "time", "t": "id", "p": "price", "q": "qty", "m": "isBuyerMaker"}
    return {wire: row[key] for wire, key in names.items()} | {"v": row.get("quoteQty")}
