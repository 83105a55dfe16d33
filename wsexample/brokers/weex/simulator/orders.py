"""Orders of one account from taking to end, whatever the market: `OrderDesk`, on which both desks stand.

Without a loop. What a fill does to money and positions is each desk's matter. Which frames follow an order, and in which
order, the venue does not document; every frame has its own number ``v``, rising over all channels.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import deque
from decimal import Decimal, InvalidOperation
from typing import Any

from wsexample.brokers.weex.simulator.market import Market

__all__ = ["KEPT_FILLS", "KEPT_ORDERS", "OPEN", "Changes", "Frames", "OrderDesk", "Refused", "text"]

Frames = list[tuple[str, dict[str, Any]]]
"""Channel and message."""
Changes = list[tuple[str, dict[str, Any]]]
"""Channel and row."""

OPEN = ("PENDING", "NEW")
KEPT_ORDERS, KEPT_FILLS = 2_000, 5_000
MOST_DECIMALS = 8
"""Decimal places of a number, zeros at the end included."""
_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_TEXTS = ("symbol", "side", "type", "timeInForce", "newClientOrderId", "positionSide")
_IN_FORCE = ("GTC", "IOC", "FOK", "POST_ONLY")


class Refused(ValueError):  # noqa: N818 - the venue's word for it, not a defect
    """The venue says no to a call.

    Parameters:
        code: its number.
        words: its words.
    """

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


def text(value: Decimal) -> str:
    """Return a number as it stands on the wire, without an exponent."""
    return format(value, "f")


def _amount(body: dict[str, Any], key: str, places: int) -> Decimal:
    """Return a size or a price of an order; zeros at the end are no decimals."""
    if body.get(key) in (None, ""):
        raise Refused(-1141, f"{key} is empty")
    try:
        value = Decimal(str(body[key]))
    except (InvalidOperation, ValueError):  # the second of an integer with thousands of digits
        raise Refused(-1142, f"{key} is invalid") from None
    if not value.is_finite() or value <= 0:
        raise Refused(-1142, f"{key} is invalid")
    _, digits, exponent = value.as_tuple()
    zeros = len(digits) - len(bytes(digits).rstrip(b"\0"))
    if -int(exponent) > MOST_DECIMALS or -int(exponent) - zeros > places:
        raise Refused(-1160, f"{key} has too many decimals")
    return value


class OrderDesk(ABC):
    """The orders of one account in one market.

    Parameters:
        market: where they are filled.
        splits_fills: whether a crossing order is filled in two parts, so that it is seen partially filled.
        kept_orders: how many orders that are over are kept, the newest (default 2,000).
        kept_fills: how many executions are kept, the newest (default 5,000).
    """

    def __init__(
        self,
        market: Market,
        *,
        splits_fills: bool = True,
        kept_orders: int = KEPT_ORDERS,
        kept_fills: int = KEPT_FILLS,
    ) -> None:
        self.market = market
        self.splits_fills = splits_fills
        self.orders: dict[str, dict[str, Any]] = {}
        """By number, the newest of those that are over included."""
        self.fills: deque[dict[str, Any]] = deque(maxlen=kept_fills)
        """The newest executions, oldest first."""
        self._waiting: dict[str, dict[str, Any]] = {}
        self._over: deque[str] = deque()
        self._kept_orders = kept_orders
        self._version = 500
        self._ids = 740_000_000_000_000_100 if not market.is_spot else 750_000_000_000_000_100
        self._fund()

    @abstractmethod
    def _fund(self) -> None:
        """Give the account what it begins with."""

    def next_id(self) -> str:
        """Return a number that no order, fill or position has."""
        self._ids += 1
        return str(self._ids)

    def frame(self, channel: str, row: dict[str, Any], now_ms: int, cause: str = "OrderUpdate") -> Frames:
        """Return the message that a channel carries.

        Parameters:
            channel: "orders", "fill", "positions" or "account".
            row: the one row in it.
            now_ms: the venue's time, UTC epoch milliseconds.
            cause: the venue's word for why, such as "Snapshot" (default "OrderUpdate").
        """
        self._version += 1
        return [(channel, {"e": channel, "E": now_ms, "v": self._version, "msgEvent": cause, "d": [dict(row)]})]

    # -- what each market does in its own way --------------------------------------------------------------------

    @abstractmethod
    def order_row(self, body: dict[str, Any], order_id: str, now_ms: int) -> dict[str, Any]:
        """Return the row of a new order.

        Parameters:
            body: the fields of the call.
            order_id: its number.
            now_ms: the venue's time, UTC epoch milliseconds.
        """

    @abstractmethod
    def settle(self, row: dict[str, Any], fill: dict[str, Any], size: Decimal, price: Decimal, now_ms: int) -> Changes:
        """Let a fill change money and positions, and fill in its fee; returns what follows the order's own frame.

        Parameters:
            row: the order.
            fill: the row of the fill, which is changed.
            size, price: how much was filled, and at what price.
            now_ms: the venue's time, UTC epoch milliseconds.
        """

    @abstractmethod
    def check_funds(self, body: dict[str, Any]) -> None:
        """Raise `Refused` when the account has not enough for an order.

        Parameters:
            body: the fields of the call, whose shape is right.
        """

    def waits(self, row: dict[str, Any], now_ms: int) -> Frames:
        """Return the frames that follow when an order begins to wait, or waits no longer; none here.

        Parameters:
            row: the order.
            now_ms: the venue's time, UTC epoch milliseconds.
        """
        return []

    # -- orders --------------------------------------------------------------------------------------------------

    def check(self, body: dict[str, Any]) -> None:
        """Raise `Refused`, with the venue's code, when an order cannot be taken.

        Parameters:
            body: the fields of the call.
        """
        self.check_shape(body)
        self.check_funds(body)

    def check_shape(self, body: dict[str, Any]) -> None:
        """Raise `Refused` when an order cannot be one, whatever the account has.

        Parameters:
            body: the fields of the call.
        """
        for name in _TEXTS:
            if not isinstance(body.get(name, ""), str):
                raise Refused(-1142, f"parameter invalid: {name}")
        if body.get("symbol") not in self.market.instruments:
            raise Refused(-1121, "unknown symbol")
        if body.get("side") not in ("BUY", "SELL"):
            raise Refused(-1117, "bad side")
        if body.get("type") not in ("LIMIT", "MARKET"):
            raise Refused(-1116, "bad order type")
        self._check_size(_amount(body, "quantity", self.market.sizes.places))
        if body["type"] == "LIMIT":
            _amount(body, "price", self.market.instruments[body["symbol"]].places)
            default = "GTC" if self.market.is_spot else ""  # the contract market wants it said
            if body.get("timeInForce", default) not in _IN_FORCE:
                raise Refused(-1115, "bad timeInForce")
        client_id = body.get("newClientOrderId", "")
        if client_id and not _CLIENT_ID.fullmatch(client_id):
            raise Refused(-1180, "client id too long or illegal characters")

    def _check_size(self, size: Decimal) -> None:
        """Raise `Refused` for a size out of bounds: which code one below the smallest gets, and any on spot, is not known."""
        sizes = self.market.sizes
        if size < sizes.least:
            raise Refused(-1142, f"quantity is less than {text(sizes.least)}")
        if size > sizes.most:
            raise Refused(-1142 if self.market.is_spot else -3007, f"quantity is more than {text(sizes.most)}")

    def place(self, body: dict[str, Any], now_ms: int) -> tuple[dict[str, Any], Frames]:
        """Take an order as it is; returns its row and the frames that follow.

        Parameters:
            body: the fields of the call, which `check` has found right.
            now_ms: the venue's time, UTC epoch milliseconds.
        """
        order_id = self.next_id()
        row = self.orders[order_id] = self._waiting[order_id] = self.order_row(body, order_id, now_ms)
        frames = self.frame("orders", row, now_ms)
        is_crossing = self._is_crossing(row)
        if row["timeInForce"] == "POST_ONLY" and is_crossing:
            return row, frames + self._end(row, "CANCELED", now_ms)
        if is_crossing:
            return row, frames + self._execute(row, now_ms, is_taker=True)
        if row["timeInForce"] in ("IOC", "FOK"):
            return row, frames + self._end(row, "CANCELED", now_ms)
        row["status"] = "NEW"
        return row, frames + self.frame("orders", row, now_ms) + self.waits(row, now_ms)

    def cancel(self, order_id: str, now_ms: int) -> tuple[dict[str, Any] | None, Frames]:
        """Cancel an order; returns its row, None when none waits by this number, and the frames that follow.

        Parameters:
            order_id: the venue's number of it.
            now_ms: the venue's time, UTC epoch milliseconds.
        """
        row = self._waiting.get(order_id)
        if row is None:
            return None, []
        return row, self._end(row, "CANCELED", now_ms)

    def step(self, now_ms: int) -> Frames:
        """Fill waiting orders that the market has reached; returns the frames that follow.

        Parameters:
            now_ms: the venue's time, UTC epoch milliseconds.
        """
        waiting = list(self._waiting.values())
        return [
            frame for row in waiting if self._is_crossing(row) for frame in self._execute(row, now_ms, is_taker=False)
        ]

    def open_rows(self, symbol: str = "") -> list[dict[str, Any]]:
        """Return the orders that wait, oldest first.

        Parameters:
            symbol: of this symbol; "" (default) for all.
        """
        return [row for row in self._waiting.values() if symbol in ("", row["symbol"])]

    def past_rows(self, symbol: str = "") -> list[dict[str, Any]]:
        """Return the orders that are over, as far as they are kept, oldest first.

        Parameters:
            symbol: of this symbol; "" (default) for all.
        """
        return [row for row in self.orders.values() if row["status"] not in OPEN and symbol in ("", row["symbol"])]

    def remaining(self, row: dict[str, Any]) -> Decimal:
        """Return how much of an order is not filled.

        Parameters:
            row: the order.
        """
        return Decimal(row["size"]) - Decimal(row["cumFillSize"])

    def best(self, symbol: str, side: str) -> Decimal:
        """Return the price at which one can buy, or sell, at once.

        Parameters:
            symbol: "BTCUSDT".
            side: "BUY" for the best ask, any other for the best bid.
        """
        instrument = self.market.instruments[symbol]
        return Decimal(instrument.text(instrument.best_ask if side == "BUY" else instrument.best_bid))

    def _is_crossing(self, row: dict[str, Any]) -> bool:
        if row["type"] == "MARKET":
            return True
        best, limit = self.best(row["symbol"], row["orderSide"]), Decimal(row["price"])
        return best <= limit if row["orderSide"] == "BUY" else best >= limit

    def _end(self, row: dict[str, Any], status: str, now_ms: int) -> Frames:
        row.update(status=status, updatedTime=str(now_ms))
        self._end_waiting(row)
        return self.frame("orders", row, now_ms) + self.waits(row, now_ms)

    def _end_waiting(self, row: dict[str, Any]) -> None:
        del self._waiting[row["id"]]
        self._over.append(row["id"])
        if len(self._over) > self._kept_orders:
            del self.orders[self._over.popleft()]

    def _execute(self, row: dict[str, Any], now_ms: int, *, is_taker: bool) -> Frames:
        price = self.best(row["symbol"], row["orderSide"]) if is_taker else Decimal(row["price"])
        left = self.remaining(row)
        parts = [left]
        if self.splits_fills and is_taker:
            first = (left * 2 / 5).quantize(Decimal("0.0001"))
            parts = [first, left - first] if 0 < first < left else [left]
        return [frame for part in parts for frame in self._fill(row, part, price, now_ms, is_taker=is_taker)]

    def _fill(self, row: dict[str, Any], size: Decimal, price: Decimal, now_ms: int, *, is_taker: bool) -> Frames:
        value = size * price
        filled = Decimal(row["cumFillSize"]) + size
        fill = {
            "id": self.next_id(), "symbol": row["symbol"], "orderId": row["id"], "orderSide": row["orderSide"],
            "fillSize": text(size), "fillValue": text(value), "direction": "TAKER" if is_taker else "MAKER",
            "createdTime": str(now_ms), "updatedTime": str(now_ms),
        }  # fmt: skip
        row.update(
            status="FILLED" if filled == Decimal(row["size"]) else "NEW",
            latestFillPrice=text(price),
            maxFillPrice=text(max(price, Decimal(row["maxFillPrice"]))),
            minFillPrice=text(min(price, Decimal(row["minFillPrice"]) or price)),
            cumFillSize=text(filled),
            cumFillValue=text(Decimal(row["cumFillValue"]) + value),
            updatedTime=str(now_ms),
        )
        if row["status"] not in OPEN:
            self._end_waiting(row)
        changes = self.settle(row, fill, size, price, now_ms)
        row["cumFillFee"] = text(Decimal(row["cumFillFee"]) + Decimal(fill["fillFee"]))
        if "realizePnl" in fill:
            row["cumRealizePnl"] = text(Decimal(row["cumRealizePnl"]) + Decimal(fill["realizePnl"]))
        self.fills.append(fill)
        return [
            frame
            for channel, changed in (("fill", fill), ("orders", row), *changes)
            for frame in self.frame(channel, changed, now_ms)
        ]
