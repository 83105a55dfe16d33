"""`WeexGateway`: WEEX's orders, positions and account in everybody's words, behind the same gateway as paper and other brokers.

The calls themselves are `WeexRest`'s; what becomes of an order comes on the client's streams.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from wsexample.brokers.weex.codes import VENUE
from wsexample.brokers.weex.dialect import answer_rows, order_body
from wsexample.brokers.weex.dialect.numbers import amount
from wsexample.brokers.weex.rest import WeexRest
from wsexample.clock import SystemClock
from wsexample.errors import BrokerError, DialectError, NetworkError, OptionError, OrderUnknownError
from wsexample.ports import Clock, OrderGateway
from wsexample.records.orders import Account, Order, OrderRequest, OrderStatus, Position

__all__ = ["WeexGateway"]

MONEY = "USDT"
"""The coin of the account: every contract is margined in it."""


class WeexGateway(OrderGateway):
    """``async with WeexRest(config) as rest: gateway = WeexGateway(rest)``.

    Parameters:
        rest: what makes the calls; it stays its owner's to close.
        clock: what stamps records (default the machine's).
    """

    venue = VENUE

    def __init__(self, rest: WeexRest, *, clock: Clock | None = None) -> None:
        self._rest = rest
        self._clock: Clock = clock or SystemClock()

    async def submit_order(self, request: OrderRequest) -> Order:
        """Send an order once; returns it as the venue has taken it.

        Parameters:
            request: the order that is wanted.

        Raises:
            OrderRejectedError: WEEX has no such order, or refused it.
            OrderUnknownError: no answer came, and no order by its client id is found either.
        """
        number = request.client_order_id or f"wsx-{secrets.token_hex(8)}"
        body = order_body(request, number, is_spot=self._rest.is_spot)
        try:
            answer = await self._rest.submit_order(body)
        except OrderUnknownError as unknown:
            found = await self._looked_for(request.symbol, number)
            if found is None:
                raise unknown from None
            return found
        return Order(
            venue=VENUE,
            symbol=body["symbol"],
            received_ns=self._clock.now_ns(),
            order_id=str(answer["orderId"]),
            client_order_id=number,
            status=OrderStatus.PENDING.value,
            side=request.side,
            order_type=request.order_type,
            time_in_force=request.time_in_force,
            size=request.size,
            limit_price=request.limit_price,
            position_side=body["positionSide"].lower() if "positionSide" in body else None,
            reduce_only=request.reduce_only,
        )

    async def _looked_for(self, symbol: str, number: str) -> Order | None:
        """Return the order by its client id; None when the venue does not show it or cannot be asked."""
        try:
            rows = await self._rest.fetch_open_orders(symbol) + await self._rest.fetch_past_orders(symbol)
            return next((order for order in self._orders(rows) if order.client_order_id == number), None)
        except (BrokerError, NetworkError):
            return None

    async def cancel_order(self, order_id: str) -> None:
        """Cancel an order.

        Parameters:
            order_id: the venue's identifier of the order.

        Raises:
            OrderRejectedError: there is none that waits.
        """
        await self._rest.cancel_order(order_id)

    async def fetch_order(self, order_id: str) -> Order:
        """Return an order as it stands.

        Parameters:
            order_id: the venue's identifier of the order.

        Raises:
            OrderRejectedError: there is none.
        """
        return self._orders([await self._rest.fetch_order(order_id)])[0]

    async def fetch_orders(self, status: str = "open", *, symbol: str | None = None) -> Sequence[Order]:
        """Return orders, oldest first: all that wait, and 100 at most of those that are over.

        Parameters:
            status: "open" (default), "closed" or "all".
            symbol: only those of one symbol; the spot market wants one for orders that are over.

        Raises:
            OptionError: another status.
            RequestError: the spot market was not told a symbol.
        """
        if status not in ("open", "closed", "all"):
            raise OptionError(f"status must be 'open', 'closed' or 'all', not {status!r}", option="status")
        rows: list[dict[str, Any]] = []
        if status != "open":
            rows += await self._rest.fetch_past_orders(symbol)
        if status != "closed":
            rows += await self._rest.fetch_open_orders(symbol)
        return sorted(self._orders(rows), key=lambda order: order.created_ns or 0)

    def _orders(self, rows: list[dict[str, Any]]) -> list[Order]:
        return [
            one.record for one in answer_rows("orders", rows, self._clock.now_ns()) if isinstance(one.record, Order)
        ]

    async def fetch_positions(self) -> Sequence[Position]:
        """Return what is held; on the spot market nothing, for it has coins instead."""
        if self._rest.is_spot:
            return []
        found = answer_rows("positions", await self._rest.fetch_positions(), self._clock.now_ns())
        return [one.record for one in found if isinstance(one.record, Position)]

    async def fetch_account(self) -> Account:
        """Return the account in its money: on the contract market with what open positions have gained or lost."""
        rows = [row for row in await self._rest.fetch_balances() if row.get("asset") == MONEY]
        row = rows[0] if rows else {}
        if self._rest.is_spot:
            free, locked = _amount(row, "free"), _amount(row, "locked")
            cash, available, profit = free + locked, free, None
        else:
            cash, available = _amount(row, "balance"), _amount(row, "availableBalance")
            profit = _amount(row, "unrealizePnl")
        return Account(
            venue=VENUE,
            received_ns=self._clock.now_ns(),
            currency=MONEY,
            cash=cash,
            available=available,
            unrealized_pnl=profit,
            equity=None if profit is None else cash + profit,
        )


def _amount(row: dict[str, Any], key: str) -> Decimal:
    """Return an amount of a balance, 0 where it is not said."""
    try:
        return amount(row.get(key, "0"))
    except ValueError as error:
        raise DialectError(f"WEEX answered with a balance that cannot be read: {key}: {error}", venue=VENUE) from None
