"""What happens to orders on command: any event by its name, executions at will, taken back and put right.

For tests and for people who want to see how their program takes what a real market does once a year.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from wsexample.brokers.alpaca.codes import EVENTS
from wsexample.brokers.alpaca.dialect.orders import decimal_of
from wsexample.brokers.alpaca.messages.trading import ActivityMessage
from wsexample.brokers.alpaca.simulator.accounts import SimAccount
from wsexample.brokers.alpaca.simulator.exchange import ENDS, SMALLEST, Exchange
from wsexample.brokers.alpaca.simulator.orders import SimOrder, text_of
from wsexample.errors import OptionError

__all__ = ["Interventions"]

_HOLDS = ("suspended", "stopped", "done_for_day", "pending_review", "held")
_EXECUTIONS = ("fill", "partial_fill", "trade_bust", "trade_correct")


class Interventions:
    """Commands to an exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def find(self, order_id: str) -> tuple[SimAccount, SimOrder]:
        """Return an order of any account, by its id or the client's.

        Raises:
            OptionError: there is none.
        """
        for account in self._exchange.accounts.values():
            order = account.orders.get(order_id) or account.by_client_id.get(order_id)
            if order is not None:
                return account, order
        raise OptionError(f"there is no order {order_id!r}", option="order_id")

    def force(self, order_id: str, event: str, reason: str = "") -> None:
        """Let any event happen to an order, with the status that belongs to it.

        Raises:
            OptionError: there is no such order or event, or the event needs an execution.
        """
        account, order = self.find(order_id)
        row = EVENTS.get(event)
        if row is None:
            raise OptionError(f"there is no event {event!r}; there are {', '.join(EVENTS)}", option="event")
        if event in _EXECUTIONS:
            raise OptionError(f"{event} needs an execution: use fill_order, bust or correct_execution", option="event")
        if row.status in ENDS:
            self._exchange.end(account, order, row.status)
            return
        if row.status is not None:
            order.status = row.status
        order.is_held_back = event in _HOLDS
        if reason:
            self._exchange.tell(account, order, event, reason=reason)
        else:
            self._exchange.tell(account, order, event)

    def fill_order(self, order_id: str, size: Decimal | None = None, price: Decimal | None = None) -> str:
        """Fill an order whatever the market says: the rest of it at the best price, unless size and price are said.

        Returns:
            The execution's identifier.

        Raises:
            OptionError: there is no such order, or it is closed or has legs.
        """
        account, order = self.find(order_id)
        if order.is_closed or order.asset is None:
            raise OptionError(f"order {order_id} cannot be filled: it is {order.status}", option="order_id")
        bid, ask, _, _ = self._exchange.quoted(order.symbol)
        if order.notional is not None and order.size is None:
            order.size = (order.notional / ask).quantize(SMALLEST, ROUND_DOWN)
        best = ask if order.side == "buy" else bid
        return self._exchange.fill(account, order, min(size or order.remaining, order.remaining), price or best)

    def bust(self, execution_id: str, reason: str = "TRADE_BUST") -> None:
        """Take an execution back.

        Raises:
            OptionError: there is no such execution.
        """
        account, activity, order = self._execution(execution_id)
        size, price = decimal_of(activity.qty) or Decimal(0), decimal_of(activity.price) or Decimal(0)
        assert order.asset is not None
        account.execute(order.asset, -size if order.side == "buy" else size, price)
        order.filled_size -= size
        order.filled_value -= size * price
        self._exchange.tell(
            account,
            order,
            "trade_bust",
            execution_id=self._exchange.correction_id(),
            previous_execution_id=execution_id,
            qty=text_of(-size),
            reason=reason,
        )

    def correct_execution(self, execution_id: str, price: Decimal) -> None:
        """Put the price of an execution right.

        Raises:
            OptionError: there is no such execution.
        """
        account, activity, order = self._execution(execution_id)
        size, before = decimal_of(activity.qty) or Decimal(0), decimal_of(activity.price) or Decimal(0)
        account.cash -= (1 if order.side == "buy" else -1) * size * (price - before)
        order.filled_value += size * (price - before)
        self._exchange.tell(
            account,
            order,
            "trade_correct",
            execution_id=self._exchange.correction_id(),
            previous_execution_id=execution_id,
            qty=text_of(size),
            price=text_of(price),
        )

    def _execution(self, execution_id: str) -> tuple[SimAccount, ActivityMessage, SimOrder]:
        for account in self._exchange.accounts.values():
            for activity in reversed(account.activities):
                order = account.orders.get(activity.order_id or "")
                if activity.id.endswith(execution_id) and order is not None:
                    return account, activity, order
        raise OptionError(f"there is no execution {execution_id!r}", option="execution_id")
