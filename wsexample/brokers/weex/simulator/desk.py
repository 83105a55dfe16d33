"""The contract account of the simulator: margin, positions on both sides of a symbol, and the rows that its channels carry.

After a fill come order, position and account, in this order.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from wsexample.brokers.weex.simulator.orders import Changes, OrderDesk, Refused, text

__all__ = ["Desk"]

TAKER, MAKER = Decimal("0.0008"), Decimal("0.0002")
LEVERAGE = 20
DEPOSIT = Decimal("10000.00000000")
_NOTHING_TRIGGERED = {"triggerPrice": "0", "triggerTime": "0", "triggerPriceTime": "0", "triggerPriceValue": "0"}
_COMBINED = {"coin": "USDT", "marginMode": "CROSSED", "separatedMode": "COMBINED", "separatedOpenOrderId": "0"}


class Desk(OrderDesk):
    """One account on the contract market.

    Parameters:
        market, splits_fills, kept_orders, kept_fills: as for `OrderDesk`.
    """

    def _fund(self) -> None:
        self.amount = DEPOSIT
        """Collateral."""
        self.positions: dict[tuple[str, str], dict[str, Any]] = {}

    def order_row(self, body: dict[str, Any], order_id: str, now_ms: int) -> dict[str, Any]:
        """Return the row of a new order.

        Parameters:
            body: the fields of the call.
            order_id: its number.
            now_ms: the venue's time, UTC epoch milliseconds.
        """
        return {
            "id": order_id, **_COMBINED, "symbol": body["symbol"], "positionSide": body.get("positionSide", "LONG"),
            "orderSide": body["side"], "price": body.get("price", "0"), "size": body["quantity"],
            "clientOrderId": body.get("newClientOrderId", ""), "type": body["type"],
            "timeInForce": body.get("timeInForce", "IOC" if body["type"] == "MARKET" else "GTC"), "reduceOnly": False,
            **_NOTHING_TRIGGERED, "triggerPriceType": "CONTRACT_PRICE", "orderSource": "API",
            "openTpslParentOrderId": "0", "positionTpsl": False, "setOpenTp": False, "setOpenSl": False,
            "leverage": str(LEVERAGE), "takerFeeRate": str(TAKER), "makerFeeRate": str(MAKER), "feeDiscount": "1",
            "liquidateFeeRate": "0.01", "status": "PENDING", "cancelReason": "UNKNOWN_ORDER_CANCEL_REASON",
            "latestFillPrice": "0", "maxFillPrice": "0", "minFillPrice": "0", "cumFillSize": "0", "cumFillValue": "0",
            "cumFillFee": "0", "cumLiquidateFee": "0", "cumRealizePnl": "0", "createdTime": str(now_ms),
            "updatedTime": str(now_ms),
        }  # fmt: skip

    def check_funds(self, body: dict[str, Any]) -> None:
        """Raise `Refused` when there is not enough margin to open, or not enough of a position to close.

        Parameters:
            body: the fields of the call, whose shape is right.
        """
        size, side = Decimal(body["quantity"]), body.get("positionSide")
        if side not in ("LONG", "SHORT"):
            raise Refused(-1142, "positionSide is invalid")
        if (body["side"] == "BUY") == (side == "LONG"):
            price = Decimal(body["price"]) if body["type"] == "LIMIT" else self.best(body["symbol"], body["side"])
            if size * price / LEVERAGE > self.available:
                raise Refused(-1054, "FAILED_PRECONDITION: amount not enough")
        elif size > Decimal(self.positions.get((body["symbol"], side), {"size": "0"})["size"]):
            raise Refused(-1054, "FAILED_PRECONDITION: position not enough")

    def settle(self, row: dict[str, Any], fill: dict[str, Any], size: Decimal, price: Decimal, now_ms: int) -> Changes:
        """Add a fill to its position and to the collateral; returns the changed position and the account.

        Parameters:
            row: the order.
            fill: the row of the fill, which gets its fee and profit.
            size, price: how much was filled, and at what price.
            now_ms: the venue's time, UTC epoch milliseconds.
        """
        fee = size * price * (TAKER if fill["direction"] == "TAKER" else MAKER)
        position, realized = self._book(row, size, size * price, fee, now_ms)
        self.amount += realized - fee
        fill |= _COMBINED | {
            "positionSide": row["positionSide"], "fillFee": text(fee), "liquidateFee": "0", "realizePnl": text(realized)
        }  # fmt: skip
        return [("positions", position), ("account", self.account_row(now_ms))]

    def _book(
        self, row: dict[str, Any], size: Decimal, value: Decimal, fee: Decimal, now_ms: int
    ) -> tuple[dict[str, Any], Decimal]:
        """Add a fill to its position; returns the position and the profit realized."""
        side = row["positionSide"]
        key = (row["symbol"], side)
        position = self.positions.get(key)
        if position is None:
            position = self.positions[key] = {
                "id": self.next_id(), **_COMBINED, "symbol": row["symbol"], "side": side, "leverage": str(LEVERAGE),
                "size": "0", "openValue": "0", "openFee": "0", "fundingFee": "0", "isolatedMargin": "0",
                "autoAppendIsolatedMargin": False, "createdTime": str(now_ms), "updatedTime": str(now_ms),
            }  # fmt: skip
        held, opened = Decimal(position["size"]), Decimal(position["openValue"])
        realized = Decimal(0)
        if (row["orderSide"] == "BUY") == (side == "LONG"):
            held, opened = held + size, opened + value
            position["openFee"] = text(Decimal(position["openFee"]) + fee)
        else:
            closed = min(size, held)
            cost = opened * closed / held if held else Decimal(0)
            earned = value * closed / size
            realized = earned - cost if side == "LONG" else cost - earned
            held, opened = held - closed, opened - cost
        position.update(size=text(held), openValue=text(opened), updatedTime=str(now_ms))
        row_now = dict(position)
        if held == 0:
            del self.positions[key]
        return row_now, realized

    # -- what is asked for ---------------------------------------------------------------------------------------

    @property
    def available(self) -> Decimal:
        """Collateral that neither positions nor waiting orders hold."""
        held = sum((Decimal(p["openValue"]) for p in self.positions.values()), Decimal(0)) / LEVERAGE
        return self.amount - held - self._frozen

    @property
    def _frozen(self) -> Decimal:
        opening = (row for row in self.open_rows() if (row["orderSide"] == "BUY") == (row["positionSide"] == "LONG"))
        return sum((self.remaining(row) * Decimal(row["price"]) / LEVERAGE for row in opening), Decimal(0))

    def account_row(self, now_ms: int) -> dict[str, Any]:
        """Return the row of the account channel.

        Parameters:
            now_ms: the venue's time, UTC epoch milliseconds.
        """
        return {"coin": "USDT", "marginMode": "CROSSED", "crossSymbol": "", "isolatedPositionId": "0",
                "amount": text(self.amount), "pendingDepositAmount": "0", "pendingWithdrawAmount": "0",
                "pendingTransferInAmount": "0", "pendingTransferOutAmount": "0", "liquidating": False,
                "legacyAmount": text(self.amount), "cumDepositAmount": text(DEPOSIT), "cumWithdrawAmount": "0",
                "createdTime": "0", "updatedTime": str(now_ms)}  # fmt: skip

    def state(self, channel: str, now_ms: int) -> list[dict[str, Any]]:
        """Return the rows that a channel would begin with.

        Parameters:
            channel: "account" and "positions" have some, others none.
            now_ms: the venue's time, UTC epoch milliseconds.
        """
        if channel == "account":
            return [self.account_row(now_ms)]
        return [dict(row) for row in (self.positions.values() if channel == "positions" else ())]

    def _unrealized(self, position: dict[str, Any]) -> Decimal:
        mark = Decimal(self.market.instruments[position["symbol"]].mark)
        gained = mark * Decimal(position["size"]) - Decimal(position["openValue"])
        return gained if position["side"] == "LONG" else -gained

    def balance(self) -> list[dict[str, Any]]:
        """Return the answer of the balance call."""
        profit = sum((self._unrealized(p) for p in self.positions.values()), Decimal(0))
        return [{"asset": "USDT", "balance": text(self.amount), "availableBalance": text(self.available),
                 "frozen": text(self._frozen), "unrealizePnl": text(profit)}]  # fmt: skip

    def open_positions(self) -> list[dict[str, Any]]:
        """Return the answer of the positions call."""
        return [
            {**{k: v for k, v in p.items() if k != "coin"}, "asset": "USDT", "marginType": p["marginMode"],
             "unrealizePnl": text(self._unrealized(p)), "liquidatePrice": "0", "id": int(p["id"]),
             "createdTime": int(p["createdTime"]), "updatedTime": int(p["updatedTime"])}
            for p in self.positions.values()
        ]  # fmt: skip

    def placed(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a call that places or cancels an order.

        Parameters:
            row: the order.
        """
        return {"orderId": row["id"], "clientOrderId": row["clientOrderId"], "origClientOrderId": row["clientOrderId"],
                "success": True, "errorCode": "", "errorMessage": ""}  # fmt: skip

    def not_cancelled(self, order_id: str) -> dict[str, Any]:
        """Return the answer to a call that cancels what does not wait: HTTP 200 and no success.

        Parameters:
            order_id: the number that was asked for.
        """
        return {"orderId": order_id, "origClientOrderId": "", "success": False, "errorCode": "-1054",
                "errorMessage": "order does not exist"}  # fmt: skip

    def order_answer(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return an order as the REST calls show it.

        Parameters:
            row: the order.
        """
        filled, value = Decimal(row["cumFillSize"]), Decimal(row["cumFillValue"])
        return {"orderId": int(row["id"]), "clientOrderId": row["clientOrderId"], "symbol": row["symbol"],
                "side": row["orderSide"], "positionSide": row["positionSide"], "type": row["type"],
                "timeInForce": row["timeInForce"], "price": row["price"], "origQty": row["size"],
                "executedQty": row["cumFillSize"], "avgPrice": text(value / filled) if filled else "0",
                "cumQuote": row["cumFillValue"], "status": row["status"], "reduceOnly": False,
                "stopPrice": "0", "workingType": "UNKNOWN_PRICE_TYPE",
                "time": int(row["createdTime"]), "updateTime": int(row["updatedTime"])}  # fmt: skip

    def fill_answer(self, fill: dict[str, Any]) -> dict[str, Any]:
        """Return an execution as the REST call shows it.

        Parameters:
            fill: its row.
        """
        size, value = Decimal(fill["fillSize"]), Decimal(fill["fillValue"])
        return {"id": int(fill["id"]), "orderId": int(fill["orderId"]), "symbol": fill["symbol"],
                "buyer": fill["orderSide"] == "BUY", "commission": fill["fillFee"], "commissionAsset": "USDT",
                "maker": fill["direction"] == "MAKER", "price": text(value / size), "qty": fill["fillSize"],
                "quoteQty": fill["fillValue"], "realizedPnl": fill["realizePnl"], "side": fill["orderSide"],
                "positionSide": fill["positionSide"], "time": int(fill["createdTime"])}  # fmt: skip
