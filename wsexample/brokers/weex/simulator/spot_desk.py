"""The spot account of the simulator: coins in stock, and the rows that its channels carry.

An order that waits freezes what it may spend; an account row says so at once. Fees are taken in the coin that comes in.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from wsexample.brokers.weex.simulator.orders import Changes, Frames, OrderDesk, Refused, text

__all__ = ["SpotDesk"]

FEE = Decimal("0.001")
DEPOSIT = {"USDT": Decimal("10000.00000000"), "BTC": Decimal("1.00000000")}


class SpotDesk(OrderDesk):
    """One account on the spot market.

    Parameters:
        market, splits_fills, kept_orders, kept_fills: as for `OrderDesk`.
    """

    def _fund(self) -> None:
        self.coins: dict[str, Decimal] = dict(DEPOSIT)
        """What there is of each coin, frozen or not."""

    def order_row(self, body: dict[str, Any], order_id: str, now_ms: int) -> dict[str, Any]:
        """Return the row of a new order.

        Parameters:
            body: the fields of the call.
            order_id: its number.
            now_ms: the venue's time, UTC epoch milliseconds.
        """
        return {
            "id": order_id, "symbol": body["symbol"], "baseCoin": _base(body["symbol"]), "quoteCoin": "USDT",
            "orderSide": body["side"], "price": body.get("price", "0"), "size": body["quantity"], "value": "0",
            "clientOrderId": body.get("newClientOrderId", ""), "type": body["type"],
            "timeInForce": body.get("timeInForce", "IOC" if body["type"] == "MARKET" else "GTC"), "reduceOnly": False,
            "triggerPrice": "0", "orderSource": "API", "openTpslParentOrderId": "0", "setOpenTp": False,
            "setOpenSl": False, "takerFeeRate": str(FEE), "makerFeeRate": str(FEE), "feeDiscount": "1",
            "takerFeeDiscount": "1", "makerFeeDiscount": "1", "status": "PENDING", "triggerTime": "0",
            "triggerPriceTime": "0", "triggerPriceValue": "0", "cancelReason": "UNKNOWN_ORDER_CANCEL_REASON",
            "latestFillPrice": "0", "maxFillPrice": "0", "minFillPrice": "0", "cumFillSize": "0", "cumFillValue": "0",
            "cumFillFee": "0", "createdTime": str(now_ms), "updatedTime": str(now_ms),
        }  # fmt: skip

    def check_funds(self, body: dict[str, Any]) -> None:
        """Raise `Refused` when there is not enough of the coin that an order spends.

        Parameters:
            body: the fields of the call, whose shape is right.
        """
        size = Decimal(body["quantity"])
        if body["side"] == "SELL":
            spent, needed = _base(body["symbol"]), size
        else:
            price = Decimal(body["price"]) if body["type"] == "LIMIT" else self.best(body["symbol"], "BUY")
            spent, needed = "USDT", size * price
        if needed > self.coins.get(spent, Decimal(0)) - self._frozen(spent):
            raise Refused(-1054, "FAILED_PRECONDITION: amount not enough")

    def settle(self, row: dict[str, Any], fill: dict[str, Any], size: Decimal, price: Decimal, now_ms: int) -> Changes:
        """Exchange one coin for the other; returns the changed rows of both.

        Parameters:
            row: the order.
            fill: the row of the fill, which gets its coins and fee.
            size, price: how much was filled, and at what price.
            now_ms: not needed here: rows of this channel carry no time.
        """
        base, value = row["baseCoin"], size * price
        if row["orderSide"] == "BUY":
            changes, fee = {"USDT": -value, base: size}, size * FEE
            changes[base] -= fee
        else:
            changes, fee = {base: -size, "USDT": value}, value * FEE
            changes["USDT"] -= fee
        for coin, change in changes.items():
            self.coins[coin] = self.coins.get(coin, Decimal(0)) + change
        fill |= {"baseCoin": base, "quoteCoin": "USDT", "fillFee": text(fee)}
        return [("account", self.account_row(coin)) for coin in changes]

    def waits(self, row: dict[str, Any], now_ms: int) -> Frames:
        """Return the row of the coin that is frozen, or free again.

        Parameters:
            row: the order that begins to wait, or waits no longer.
            now_ms: the venue's time, UTC epoch milliseconds.
        """
        coin = row["baseCoin"] if row["orderSide"] == "SELL" else "USDT"
        return self.frame("account", self.account_row(coin), now_ms)

    # -- what is asked for ---------------------------------------------------------------------------------------

    def _frozen(self, coin: str) -> Decimal:
        frozen = Decimal(0)
        for row in self.open_rows():
            if row["orderSide"] == "SELL" and row["baseCoin"] == coin:
                frozen += self.remaining(row)
            elif row["orderSide"] == "BUY" and coin == "USDT":
                frozen += self.remaining(row) * Decimal(row["price"])
        return frozen

    def account_row(self, coin: str) -> dict[str, Any]:
        """Return the row of a coin on the account channel."""
        total, frozen = self.coins.get(coin, Decimal(0)), self._frozen(coin)
        return {"coin": coin, "equity": text(total), "available": text(total - frozen), "frozen": text(frozen)}

    def state(self, channel: str, now_ms: int) -> list[dict[str, Any]]:
        """Return the rows that a channel would begin with.

        Parameters:
            channel: "account" has some, others none.
            now_ms: not needed here: rows of this channel carry no time.
        """
        return [self.account_row(coin) for coin in self.coins] if channel == "account" else []

    def balance(self) -> dict[str, Any]:
        """Return the answer of the account call."""
        rows = [self.account_row(coin) for coin in self.coins]
        balances = [{"asset": row["coin"], "free": row["available"], "locked": row["frozen"]} for row in rows]
        return {"makerCommission": 0, "takerCommission": 0, "canTrade": True, "canWithdraw": True, "canDeposit": True,
                "accountType": "SPOT", "balances": balances, "permissions": ["SPOT"]}  # fmt: skip

    def placed(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a call that places or cancels an order.

        Parameters:
            row: the order.
        """
        return {"symbol": row["symbol"], "orderId": int(row["id"]), "clientOrderId": row["clientOrderId"],
                "transactTime": int(row["updatedTime"])}  # fmt: skip

    def not_cancelled(self, order_id: str) -> dict[str, Any]:
        """Return the answer to a call that cancels what does not wait: HTTP 200 and a status.

        Parameters:
            order_id: the number that was asked for.
        """
        return {"orderId": int(order_id), "status": "FAILED", "errorMsg": "FAILED_ORDER_NOT_FOUND"}

    def order_answer(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return an order as the REST calls show it.

        Parameters:
            row: the order.
        """
        return {"symbol": row["symbol"], "orderId": int(row["id"]), "clientOrderId": row["clientOrderId"],
                "price": row["price"], "origQty": row["size"], "executedQty": row["cumFillSize"],
                "cummulativeQuoteQty": row["cumFillValue"], "status": row["status"], "timeInForce": row["timeInForce"],
                "type": row["type"], "side": row["orderSide"], "time": int(row["createdTime"]),
                "updateTime": int(row["updatedTime"]), "isWorking": row["status"] == "NEW"}  # fmt: skip

    def fill_answer(self, fill: dict[str, Any]) -> dict[str, Any]:
        """Return an execution as the REST call shows it.

        Parameters:
            fill: its row.
        """
        size, value = Decimal(fill["fillSize"]), Decimal(fill["fillValue"])
        return {"symbol": fill["symbol"], "id": int(fill["id"]), "orderId": int(fill["orderId"]),
                "price": text(value / size), "qty": fill["fillSize"], "quoteQty": fill["fillValue"],
                "commission": fill["fillFee"], "time": int(fill["createdTime"]),
                "isBuyer": fill["orderSide"] == "BUY"}  # fmt: skip


def _base(symbol: str) -> str:
    return symbol.removesuffix("USDT")
