"""Accounts of the simulated exchange: cash, positions, what orders hold, and the history of events and executions.

Of the history the newest is kept: events and executions up to a number, orders that are closed likewise. Open ones all are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from wsexample.brokers.alpaca.dialect.times import rfc3339
from wsexample.brokers.alpaca.messages.trading import (
    AccountMessage,
    ActivityMessage,
    PositionMessage,
    TradeUpdateMessage,
)
from wsexample.brokers.alpaca.simulator.assets import Asset
from wsexample.brokers.alpaca.simulator.orders import SimOrder, text_of
from wsexample.brokers.base.kept import Newest

__all__ = ["Holding", "Quoted", "SimAccount"]

Quoted = Callable[[str], tuple[Decimal, Decimal, Decimal, Decimal]]
"""Symbol -> bid, ask, last price, previous close."""

CENT = Decimal("0.01")
RATIO = Decimal("0.0001")
MARGIN = Decimal("0.5")


@dataclass(slots=True)
class Holding:
    """What is held of one symbol; negative is short."""

    asset: Asset
    size: Decimal = Decimal(0)
    average_price: Decimal = Decimal(0)

    def take(self, change: Decimal, price: Decimal) -> None:
        """Take an execution into it."""
        after = self.size + change
        if self.size * change >= 0:
            total = abs(self.size) * self.average_price + abs(change) * price
            self.average_price = total / abs(after) if after else Decimal(0)
        elif self.size * after < 0:
            self.average_price = price
        self.size = after


@dataclass(slots=True, eq=False)
class SimAccount:
    """An account and what happened in it."""

    key_id: str
    secret_key: str = field(repr=False)
    account_id: str = ""
    number: str = ""
    cash: Decimal = Decimal(100_000)
    created_ns: int = 0
    oauth_token: str = field(default="", repr=False)
    is_revoked: bool = False
    """Whether its credentials are refused, as a fault."""
    is_blocked: bool = False
    """Whether it may not trade."""
    orders: dict[str, SimOrder] = field(default_factory=dict, repr=False)
    """By id, oldest first; legs are orders of their own here."""
    by_client_id: dict[str, SimOrder] = field(default_factory=dict, repr=False)
    holdings: dict[str, Holding] = field(default_factory=dict, repr=False)
    last_equity: Decimal = Decimal(100_000)
    kept_orders: int = 5_000
    """How many closed orders are kept at least."""
    kept_events: int = 10_000
    """How many events, and how many executions, are kept."""
    updates: Newest[TradeUpdateMessage] = field(init=False, repr=False)
    """The newest events, oldest first."""
    activities: Newest[ActivityMessage] = field(init=False, repr=False)
    """The newest executions, oldest first."""
    orders_taken: int = 0
    """How many orders there have ever been."""
    _forgets_at: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.updates, self.activities = Newest(self.kept_events), Newest(self.kept_events)
        self._forgets_at = self._many_more()

    # -- orders --------------------------------------------------------------------------------------------------

    def keep(self, order: SimOrder) -> None:
        """Keep an order; now and then the oldest that are closed are forgotten, each with its legs."""
        self.orders[order.order_id] = self.by_client_id[order.client_order_id] = order
        self.orders_taken += 1
        if len(self.orders) > self._forgets_at:
            self._forget_orders()
            self._forgets_at = self._many_more()

    def _many_more(self) -> int:
        """Return how many orders are so many more than now that looking for closed ones pays."""
        return max(len(self.orders), self.kept_orders) + self.kept_orders // 4

    def _forget_orders(self) -> None:
        too_many = sum(order.is_closed for order in self.orders.values()) - self.kept_orders
        for order in list(self.orders.values()):
            if too_many <= 0:
                return
            top = order.parent or order
            family = dict.fromkeys((top, *top.legs, order))  # a leg that was replaced is not among the legs any more
            if order.order_id in self.orders and all(one.is_closed for one in family):
                for one in family:
                    too_many -= self.orders.pop(one.order_id, None) is not None
                    self.by_client_id.pop(one.client_order_id, None)

    # -- what is held and free -----------------------------------------------------------------------------------

    def held(self, symbol: str) -> Decimal:
        """Return how much of a symbol is held; negative is short."""
        holding = self.holdings.get(symbol)
        return holding.size if holding is not None else Decimal(0)

    def open_orders(self, symbol: str | None = None) -> Iterable[SimOrder]:
        """Iterate over orders that are not closed."""
        for order in self.orders.values():
            if not order.is_closed and (symbol is None or order.symbol == symbol):
                yield order

    def held_for_orders(self, symbol: str) -> Decimal:
        """Return how much of a position open orders are going to sell (or, of a short one, to buy)."""
        closing = "sell" if self.held(symbol) > 0 else "buy"
        siblings: dict[str, Decimal] = {}
        for order in self.open_orders(symbol):
            if order.side == closing and order.status != "held":
                group = (order.parent or order).order_id  # of two that cancel each other one counts
                siblings[group] = max(siblings.get(group, Decimal(0)), order.remaining)
        return sum(siblings.values(), Decimal(0))

    def available(self, symbol: str) -> Decimal:
        """Return how much of a long position no open order holds."""
        return max(self.held(symbol) - self.held_for_orders(symbol), Decimal(0))

    def execute(self, asset: Asset, change: Decimal, price: Decimal) -> None:
        """Change position and cash by an execution; ``change`` is negative for a sale."""
        holding = self.holdings.setdefault(asset.symbol, Holding(asset))
        holding.take(change, price)
        self.cash -= change * price * asset.multiplier
        if not holding.size:
            del self.holdings[asset.symbol]

    # -- money ---------------------------------------------------------------------------------------------------

    def values(self, quoted: Quoted) -> tuple[Decimal, Decimal]:
        """Return the market value of what is held long, and of what is short (negative)."""
        long = short = Decimal(0)
        for symbol, holding in self.holdings.items():
            value = holding.size * quoted(symbol)[2] * holding.asset.multiplier
            if value > 0:
                long += value
            else:
                short += value
        return long, short

    def open_cost(self, quoted: Quoted) -> Decimal:
        """Return what open orders to buy are going to cost."""
        cost = Decimal(0)
        for order in self.open_orders():
            if order.side != "buy" or order.asset is None or order.status == "held" or order.order_class == "mleg":
                continue
            if order.notional is not None:
                cost += order.notional - order.filled_value
            else:
                price = order.limit_price or order.stop_price or quoted(order.symbol)[1]
                cost += order.remaining * price * order.asset.multiplier
        return cost

    def buying_power(self, quoted: Quoted, *, on_margin: bool) -> Decimal:
        """Return for how much can be bought, with borrowed money or without."""
        open_cost = self.open_cost(quoted)
        if not on_margin:
            return max(self.cash - open_cost, Decimal(0)).quantize(CENT)
        long, short = self.values(quoted)
        excess = self.cash + long + short - (long - short) * MARGIN
        return max(excess / MARGIN - open_cost, Decimal(0)).quantize(CENT)

    # -- as REST shows them --------------------------------------------------------------------------------------

    def message(self, quoted: Quoted) -> AccountMessage:
        """Return the account."""
        long, short = self.values(quoted)
        equity = (self.cash + long + short).quantize(CENT)
        margin = ((long - short) * MARGIN).quantize(CENT)
        power = text_of(self.buying_power(quoted, on_margin=True))
        own = text_of(self.buying_power(quoted, on_margin=False))
        return AccountMessage(
            id=self.account_id,
            account_number=self.number,
            status="ACTIVE",
            crypto_status="ACTIVE",
            currency="USD",
            cash=text_of(self.cash.quantize(CENT)),
            portfolio_value=text_of(equity),
            equity=text_of(equity),
            last_equity=text_of(self.last_equity),
            buying_power=power,
            regt_buying_power=power,
            non_marginable_buying_power=own,
            options_buying_power=own,
            long_market_value=text_of(long.quantize(CENT)),
            short_market_value=text_of(short.quantize(CENT)),
            initial_margin=text_of(margin),
            maintenance_margin=text_of(((long - short) * Decimal("0.3")).quantize(CENT)),
            last_maintenance_margin="0",
            sma=text_of(equity),
            accrued_fees="0",
            multiplier="2",
            trading_blocked=self.is_blocked,
            transfers_blocked=False,
            account_blocked=False,
            trade_suspended_by_user=False,
            shorting_enabled=True,
            created_at=rfc3339(self.created_ns),
            options_approved_level=3,
            options_trading_level=3,
        )

    def position(self, symbol: str, quoted: Quoted) -> PositionMessage | None:
        """Return a position; None when there is none."""
        holding = self.holdings.get(symbol)
        if holding is None:
            return None
        asset, size = holding.asset, holding.size
        _, _, price, before = quoted(symbol)
        cost = size * holding.average_price * asset.multiplier
        value = size * price * asset.multiplier
        gain = value - cost
        today = (price - before) * size * asset.multiplier
        free = self.available(symbol) if size > 0 else size + self.held_for_orders(symbol)
        return PositionMessage(
            asset_id=asset.asset_id,
            symbol=symbol,
            exchange=asset.exchange if asset.exchange != "OPRA" else "",
            asset_class=asset.asset_class,
            asset_marginable=asset.kind == "stock",
            qty=text_of(size),
            qty_available=text_of(free),
            side="long" if size > 0 else "short",
            avg_entry_price=text_of(holding.average_price.quantize(Decimal("0.000001")).normalize()),
            market_value=text_of(value.quantize(CENT)),
            cost_basis=text_of(cost.quantize(CENT)),
            unrealized_pl=text_of(gain.quantize(CENT)),
            unrealized_plpc=text_of((gain / abs(cost)).quantize(RATIO)) if cost else "0",
            unrealized_intraday_pl=text_of(today.quantize(CENT)),
            unrealized_intraday_plpc=text_of(((price - before) / before).quantize(RATIO)) if before else "0",
            current_price=text_of(price),
            lastday_price=text_of(before),
            change_today=text_of(((price - before) / before).quantize(RATIO)) if before else "0",
        )
