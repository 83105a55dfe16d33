"""A paper account as its owner sees it: executions entered in the books, and the records that tell of all that happens.

Pure. Whether an order is filled is decided on the `floor`, whether it is sent at all by `admission`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from wsexample.paper.ledger import Ledger
from wsexample.paper.lifecycle import OrderEvent, WorkingOrder
from wsexample.paper.matching import Execution, Fees
from wsexample.paper.register import VENUE, OrderRegister
from wsexample.paper.risk import KillSwitch, Limits
from wsexample.records.market import Record
from wsexample.records.orders import Account, Fill, Order, Position

__all__ = ["PaperAccount"]

ZERO = Decimal(0)


class PaperAccount:
    """Orders and books of one account.

    Parameters:
        ledger: its books.
        orders: its orders.
        fees: what executions cost.
        limits: what it may do.
        switch: its kill switch.
    """

    def __init__(self, ledger: Ledger, orders: OrderRegister, fees: Fees, limits: Limits, switch: KillSwitch) -> None:
        self.ledger = ledger
        self.orders = orders
        self.fees = fees
        self.limits = limits
        self.switch = switch
        self.instruments = ledger.instruments
        self.now_ns = 0
        """The time, which every record carries: that of the newest market record."""
        self._outbox: list[Record] = []

    # -- what happens to it ----------------------------------------------------------------------------------------

    def book(self, order: WorkingOrder, executions: Sequence[Execution], now_ns: int) -> None:
        """Enter executions in the order and in the books, and tell of them."""
        symbol = order.request.symbol
        currency = self.instruments.currency_of(symbol)
        multiplier = self.instruments[symbol].multiplier
        for execution in executions:
            event = order.fill(execution.price, execution.size, now_ns)
            fee = self.fees.of(execution.price * execution.size * multiplier, execution.size, execution.liquidity)
            realized = self.ledger.apply(symbol, order.side, execution.price, execution.size, fee, now_ns)
            order.fee += fee
            order.realized_pnl += realized
            fill = Fill(
                venue=VENUE,
                symbol=symbol,
                exchange_ns=now_ns,
                received_ns=now_ns,
                fill_id=f"{order.order_id}/{order.fills}",
                order_id=order.order_id,
                client_order_id=order.request.client_order_id,
                side=order.side,
                price=execution.price,
                size=execution.size,
                cumulative_size=order.filled_size,
                position_size=self.ledger.size(symbol),
                fee=fee,
                fee_currency=currency,
                realized_pnl=realized,
                liquidity=execution.liquidity,
            )
            self._outbox.append(fill)
            self.tell(order, event, fill.fill_id)
            self._outbox.append(self.position(symbol))
        if not order.is_open:
            self.orders.end(order)

    def end(self, order: WorkingOrder, event: OrderEvent, reason: str | None, now_ns: int) -> None:
        """End an open order otherwise than by filling it, and tell of it."""
        order.step(event, now_ns, reason)
        self.orders.end(order)
        self.tell(order, event)

    def tell(self, order: WorkingOrder, event: OrderEvent, fill_id: str | None = None) -> None:
        """Tell of a step of an order."""
        self._outbox.append(self.snapshot(order, event.value, fill_id))

    def take_outbox(self) -> list[Record]:
        """Return what was told since the last call, in order."""
        told, self._outbox = self._outbox, []
        return told

    # -- how it stands ---------------------------------------------------------------------------------------------

    def snapshot(self, order: WorkingOrder, event: str | None = None, fill_id: str | None = None) -> Order:
        """Return an order as it stands."""
        currency = self.instruments.currency_of(order.request.symbol)
        return order.snapshot(VENUE, event, self.now_ns, currency, fill_id)

    def position(self, symbol: str) -> Position:
        """Return the position of a symbol; its size is 0 where none is held."""
        holding = self.ledger.holding(symbol)
        return Position(
            venue=VENUE,
            symbol=symbol,
            exchange_ns=self.now_ns,
            received_ns=self.now_ns,
            size=holding.size,
            side=None if not holding.size else "long" if holding.size > 0 else "short",
            average_price=holding.average_price,
            mark_price=holding.mark_price,
            market_value=holding.value,
            cost=holding.cost,
            unrealized_pnl=holding.unrealized,
            realized_pnl=holding.realized,
            fee=holding.fees,
            currency=holding.currency,
            opened_ns=holding.opened_ns,
            updated_ns=self.now_ns,
        )

    def positions(self) -> list[Position]:
        """Return what is held."""
        return [self.position(symbol) for symbol, holding in self.ledger.holdings.items() if holding.size]

    def summary(self) -> Account:
        """Return the account as a whole, in its own currency."""
        ledger = self.ledger
        currency = self.instruments.currency
        equity, exposure = ledger.equity(), ledger.exposure()
        leverage = self.limits.max_leverage
        values = [
            (holding.value * ledger.rate(holding.currency), holding)
            for holding in ledger.holdings.values()
            if holding.size
        ]
        return Account(
            venue=VENUE,
            received_ns=self.now_ns,
            exchange_ns=self.now_ns,
            currency=currency,
            status="ACTIVE" if not self.switch.is_tripped else "KILLED",
            is_blocked=self.switch.is_tripped,
            equity=equity,
            last_equity=self.switch.day_equity,
            cash=ledger.cash.get(currency, ZERO),
            buying_power=None if leverage is None else max(equity * leverage - exposure, ZERO),
            long_value=sum((value for value, holding in values if holding.size > 0), ZERO),
            short_value=sum((value for value, holding in values if holding.size < 0), ZERO),
            unrealized_pnl=sum((holding.unrealized * ledger.rate(holding.currency) for _, holding in values), ZERO),
            leverage=leverage,
            is_shorting_allowed=self.limits.can_short,
        )
