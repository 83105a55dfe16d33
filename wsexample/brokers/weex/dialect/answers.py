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
from decimal import Decimal
from typing import Any

import msgspec

from wsexample.brokers.weex.dialect.items import WeexMessage
from wsexample.brokers.weex.dialect.market import trades
from wsexample.brokers.weex.dialect.private import AccountReader
from wsexample.brokers.weex.messages import PrivateFrame, TradeFrame, TradeRow
from wsexample.records.orders import Fill, Order

__all__ = ["answer_rows", "past_trades"]

Row = Mapping[str, Any]
Renamed = tuple[tuple[str, str], ...]

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
    return {wire: str(row[key]) for wire, key in names if row.get(key) is not None}


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
        total = Decimal(row["free"]) + Decimal(row["locked"])
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

    Raises:
        ValueError, KeyError: a row cannot be read.
    """
    spelled = [_SPELLED[channel](row) for row in rows]
    messages = AccountReader().read(channel, PrivateFrame(d=spelled), received_ns)
    return [_finished(message, row) for message, row in zip(messages, rows, strict=True)]


def _finished(message: WeexMessage, row: Row) -> WeexMessage:
    record: Any = message.record
    if isinstance(record, Order | Fill):
        return msgspec.structs.replace(message, record=msgspec.structs.replace(record, is_backfilled=True))
    if "unrealizePnl" in row and message.topic == "positions":
        data = {**message.data, "unrealized_pnl": str(row["unrealizePnl"])}
        record = msgspec.structs.replace(record, unrealized_pnl=Decimal(str(row["unrealizePnl"])))
        return msgspec.structs.replace(message, data=data, record=record)
    return message


def past_trades(symbol: str, rows: list[dict[str, Any]], received_ns: int) -> list[WeexMessage]:
    """Read the answer of the trades call as its stream, oldest first."""
    found = [
        TradeRow(T=row["time"], t=row["id"], p=row["price"], q=row["qty"], v=row.get("quoteQty"), m=row["isBuyerMaker"])
        for row in rows
    ]
    return trades(TradeFrame(s=symbol, d=found), received_ns)
