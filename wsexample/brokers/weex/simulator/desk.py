"""The account of the simulator: orders, fills, positions and a balance, and the rows that the private streams carry.

Without a loop. Every frame has its own number ``v``, rising over all channels. Which frames follow an order, and in which
order, the venue does not document; here they are order, fill, order, position, account.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from wsexample.brokers.weex.simulator.market import Market

__all__ = ["Desk", "Frames"]

Frames = list[tuple[str, dict[str, Any]]]

TAKER, MAKER = Decimal("0.0008"), Decimal("0.0002")
LEVERAGE = 20
DEPOSIT = Decimal("10000.00000000")


def _text(value: Decimal) -> str:
    return format(value, "f")


class Desk:
    """One account in one market.

    Parameters:
        market: where its orders are filled.
        splits_fills: whether a crossing order is filled in two parts, so that it is seen partially filled.
    """

    def __init__(self, market: Market, *, splits_fills: bool = True) -> None:
        self.market = market
        self.splits_fills = splits_fills
        self.amount = DEPOSIT
        self.orders: dict[str, dict[str, Any]] = {}
        self.fills: list[dict[str, Any]] = []
        self.positions: dict[tuple[str, str], dict[str, Any]] = {}
        self._version = 500
        self._ids = 740_000_000_000_000_100

    def _next_id(self) -> str:
        self._ids += 1
        return str(self._ids)

    def _frame(self, channel: str, row: dict[str, Any], now_ms: int) -> tuple[str, dict[str, Any]]:
        self._version += 1
        return channel, {"e": channel, "E": now_ms, "v": self._version, "msgEvent": "OrderUpdate", "d": [dict(row)]}

    # -- orders --------------------------------------------------------------------------------------------------

    def place(self, body: dict[str, Any], now_ms: int) -> tuple[dict[str, Any], Frames]:
        """Take an order; returns the REST answer and the frames that follow it."""
        order_id = self._next_id()
        row = {
            "id": order_id, "coin": "USDT", "symbol": body["symbol"], "marginMode": "CROSSED",
            "separatedMode": "COMBINED", "separatedOpenOrderId": "0", "positionSide": body.get("positionSide", "LONG"),
            "orderSide": body["side"], "price": body.get("price", "0"), "size": body["quantity"],
            "clientOrderId": body.get("newClientOrderId", ""), "type": body["type"],
            "timeInForce": body.get("timeInForce", "GTC"), "reduceOnly": False, "triggerPrice": "0",
            "leverage": str(LEVERAGE), "status": "PENDING", "cancelReason": "UNKNOWN_ORDER_CANCEL_REASON",
            "latestFillPrice": "0", "cumFillSize": "0", "cumFillValue": "0", "cumFillFee": "0", "cumRealizePnl": "0",
            "createdTime": str(now_ms), "updatedTime": str(now_ms),
        }  # fmt: skip
        self.orders[order_id] = row
        frames = [self._frame("orders", row, now_ms)]
        frames += self._match(row, now_ms, is_taker=True)
        answer = {"orderId": order_id, "clientOrderId": row["clientOrderId"], "success": True, "errorCode": "",
                  "errorMessage": ""}  # fmt: skip
        return answer, frames

    def cancel(self, order_id: str, now_ms: int) -> tuple[dict[str, Any], Frames]:
        """Cancel an order that still waits."""
        row = self.orders.get(order_id)
        if row is None or row["status"] not in ("PENDING", "NEW"):
            return {"orderId": order_id, "origClientOrderId": "", "success": False, "errorCode": "-1054",
                    "errorMessage": "order does not exist"}, []  # fmt: skip
        row.update(status="CANCELED", updatedTime=str(now_ms))
        answer = {"orderId": order_id, "origClientOrderId": row["clientOrderId"], "success": True, "errorCode": "",
                  "errorMessage": ""}  # fmt: skip
        return answer, [self._frame("orders", row, now_ms)]

    def step(self, now_ms: int) -> Frames:
        """Fill waiting orders that the market has reached."""
        return [
            frame
            for row in list(self.orders.values())
            if row["status"] in ("PENDING", "NEW")
            for frame in self._match(row, now_ms, is_taker=False)
        ]

    def _match(self, row: dict[str, Any], now_ms: int, *, is_taker: bool) -> Frames:
        instrument = self.market.instruments[row["symbol"]]
        is_buy = row["orderSide"] == "BUY"
        best = Decimal(instrument.best_ask if is_buy else instrument.best_bid) / 10
        limit = Decimal(row["price"])
        if row["type"] == "LIMIT" and (best > limit if is_buy else best < limit):
            if row["status"] == "PENDING":
                row["status"] = "NEW"
                return [self._frame("orders", row, now_ms)]
            return []
        price = best if is_taker or row["type"] == "MARKET" else limit
        left = Decimal(row["size"]) - Decimal(row["cumFillSize"])
        parts = [left]
        if self.splits_fills and is_taker:
            first = (left * 2 / 5).quantize(Decimal("0.0001"))
            parts = [first, left - first] if 0 < first < left else [left]
        return [frame for part in parts for frame in self._fill(row, part, price, now_ms, is_taker=is_taker)]

    def _fill(self, row: dict[str, Any], size: Decimal, price: Decimal, now_ms: int, *, is_taker: bool) -> Frames:
        value = size * price
        fee = value * (TAKER if is_taker else MAKER)
        position, realized = self._book(row, size, value, fee, now_ms)
        self.amount += realized - fee
        filled = Decimal(row["cumFillSize"]) + size
        row.update(
            status="FILLED" if filled == Decimal(row["size"]) else "NEW",
            latestFillPrice=_text(price),
            cumFillSize=_text(filled),
            cumFillValue=_text(Decimal(row["cumFillValue"]) + value),
            cumFillFee=_text(Decimal(row["cumFillFee"]) + fee),
            cumRealizePnl=_text(Decimal(row["cumRealizePnl"]) + realized),
            updatedTime=str(now_ms),
        )
        fill = {
            "id": self._next_id(), "coin": "USDT", "symbol": row["symbol"], "orderId": row["id"],
            "positionSide": row["positionSide"], "orderSide": row["orderSide"], "fillSize": _text(size),
            "fillValue": _text(value), "fillFee": _text(fee), "liquidateFee": "0", "realizePnl": _text(realized),
            "direction": "TAKER" if is_taker else "MAKER", "createdTime": str(now_ms), "updatedTime": str(now_ms),
        }  # fmt: skip
        self.fills.append(fill)
        return [
            self._frame("fill", fill, now_ms),
            self._frame("orders", row, now_ms),
            self._frame("positions", position, now_ms),
            self._frame("account", self.account_row(now_ms), now_ms),
        ]

    def _book(
        self, row: dict[str, Any], size: Decimal, value: Decimal, fee: Decimal, now_ms: int
    ) -> tuple[dict[str, Any], Decimal]:
        """Add a fill to its position; returns the position and the profit realized."""
        side = row["positionSide"]
        key = (row["symbol"], side)
        position = self.positions.get(key)
        if position is None:
            position = self.positions[key] = {
                "id": self._next_id(), "coin": "USDT", "symbol": row["symbol"], "side": side, "marginMode": "CROSSED",
                "separatedMode": "COMBINED", "separatedOpenOrderId": "0", "leverage": str(LEVERAGE), "size": "0",
                "openValue": "0", "openFee": "0", "fundingFee": "0", "isolatedMargin": "0",
                "autoAppendIsolatedMargin": False, "createdTime": str(now_ms), "updatedTime": str(now_ms),
            }  # fmt: skip
        held, opened = Decimal(position["size"]), Decimal(position["openValue"])
        realized = Decimal(0)
        if (row["orderSide"] == "BUY") == (side == "LONG"):
            held, opened = held + size, opened + value
            position["openFee"] = _text(Decimal(position["openFee"]) + fee)
        else:
            closed = min(size, held)
            cost = opened * closed / held if held else Decimal(0)
            earned = value * closed / size
            realized = earned - cost if side == "LONG" else cost - earned
            held, opened = held - closed, opened - cost
        position.update(size=_text(held), openValue=_text(opened), updatedTime=str(now_ms))
        row_now = dict(position)
        if held == 0:
            del self.positions[key]
        return row_now, realized

    # -- what is asked for ---------------------------------------------------------------------------------------

    def account_row(self, now_ms: int) -> dict[str, Any]:
        """Return the row of the account channel."""
        if self.market.is_spot:
            amount = _text(self.amount)
            return {"coin": "USDT", "equity": amount, "available": amount, "frozen": "0"}
        return {"coin": "USDT", "marginMode": "CROSSED", "crossSymbol": "", "isolatedPositionId": "0",
                "amount": _text(self.amount), "liquidating": False, "legacyAmount": _text(self.amount),
                "updatedTime": str(now_ms)}  # fmt: skip

    def _unrealized(self, position: dict[str, Any]) -> Decimal:
        mark = Decimal(self.market.instruments[position["symbol"]].mark)
        gained = mark * Decimal(position["size"]) - Decimal(position["openValue"])
        return gained if position["side"] == "LONG" else -gained

    def balance(self) -> list[dict[str, Any]]:
        """Return the answer of the balance call."""
        held = sum((Decimal(p["openValue"]) for p in self.positions.values()), Decimal(0)) / LEVERAGE
        profit = sum((self._unrealized(p) for p in self.positions.values()), Decimal(0))
        return [{"asset": "USDT", "balance": _text(self.amount), "availableBalance": _text(self.amount - held),
                 "frozen": "0", "unrealizePnl": _text(profit)}]  # fmt: skip

    def open_positions(self) -> list[dict[str, Any]]:
        """Return the answer of the positions call."""
        return [
            {**{k: v for k, v in p.items() if k != "coin"}, "asset": "USDT", "marginType": p["marginMode"],
             "unrealizePnl": _text(self._unrealized(p)), "liquidatePrice": "0", "id": int(p["id"]),
             "createdTime": int(p["createdTime"]), "updatedTime": int(p["updatedTime"])}
            for p in self.positions.values()
        ]  # fmt: skip

    def order_answer(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return an order as the REST calls show it."""
        filled, value = Decimal(row["cumFillSize"]), Decimal(row["cumFillValue"])
        return {"orderId": int(row["id"]), "clientOrderId": row["clientOrderId"], "symbol": row["symbol"],
                "side": row["orderSide"], "positionSide": row["positionSide"], "type": row["type"],
                "timeInForce": row["timeInForce"], "price": row["price"], "origQty": row["size"],
                "executedQty": row["cumFillSize"], "avgPrice": _text(value / filled) if filled else "0",
                "cumQuote": row["cumFillValue"], "status": row["status"], "reduceOnly": False,
                "time": int(row["createdTime"]), "updateTime": int(row["updatedTime"])}  # fmt: skip

    def open_orders(self, symbol: str = "") -> list[dict[str, Any]]:
        """Return the answer of the open orders call."""
        return [
            self.order_answer(row)
            for row in self.orders.values()
            if row["status"] in ("PENDING", "NEW") and symbol in ("", row["symbol"])
        ]
