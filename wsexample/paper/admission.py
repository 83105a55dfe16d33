"""Why an order is not sent: it makes no sense, its amounts cannot be reckoned with, or a limit forbids it.

Pure. The limits themselves are in `risk`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from wsexample.errors import StateError
from wsexample.paper.account import PaperAccount
from wsexample.paper.instruments import Instrument
from wsexample.paper.lifecycle import WorkingOrder
from wsexample.paper.market import MarketView
from wsexample.paper.matching import Fills
from wsexample.paper.risk import RiskGate
from wsexample.records.orders import OrderRequest

__all__ = ["Admission"]

Offer = tuple[Decimal, Decimal | None]
"""A price, and how much may be had at it; None for any size."""
ZERO = Decimal(0)
_TYPES = ("market", "limit", "stop", "stop_limit", "trailing_stop")
_TIMES = ("day", "gtc", "ioc", "fok")


class Admission:
    """Looks at every order before it is sent.

    Parameters:
        account: whose orders.
        gate: the limits.
        views: the market by symbol.
        fills: what fills are simulated from: it says what an order would pay.
    """

    def __init__(
        self, account: PaperAccount, gate: RiskGate, views: Mapping[str, MarketView], fills: Fills | None = None
    ) -> None:
        self.account = account
        self.gate = gate
        self.views = views
        self.fills = fills or Fills()

    def _offers(self, view: MarketView | None, side: str) -> list[Offer]:
        """Return at which prices how much would be had at once; what is more than that is taken to cost the worst of them."""
        if view is None:
            return []
        levels = [level for level in view.opposite(side) if level.left > 0] or view.opposite(side)
        if side == "sell" or self.fills.against != "book":
            levels = levels[:1]
        offers: list[Offer] = [(level.price, level.left) for level in levels]
        if offers:
            offers[-1] = (offers[-1][0], None)
        elif view.last_price is not None:
            offers = [(view.last_price, None)]
        if side == "buy" and self.fills.slippage_bps:
            offers = [(price + price * self.fills.slippage_bps / 10_000, shown) for price, shown in offers]
        return offers

    def refusal(self, order: WorkingOrder, instead_of: WorkingOrder | None = None) -> str | None:
        """Say why an order cannot be sent, None when it can; gives it its size where that was asked for in money.

        Parameters:
            order: the order.
            instead_of: the one whose place it is to take, which does not count as open then.
        """
        ledger = self.account.ledger
        try:
            ledger.rate(ledger.instruments.currency_of(order.request.symbol))  # without it nothing could be valued
            return self._words_against(order, instead_of)
        except StateError as error:
            return str(error)
        except ArithmeticError:
            return "its amounts are too large to reckon with"

    def _words_against(self, order: WorkingOrder, instead_of: WorkingOrder | None) -> str | None:
        request = order.request
        terms = self.account.instruments[request.symbol]
        view = self.views.get(request.symbol)
        words = _nonsense(request, terms)
        if words is None and self.account.orders.is_claimed(request.client_order_id):
            words = f"client_order_id {request.client_order_id!r} was used before"
        if words is not None:
            return words
        named = request.limit_price or request.stop_price
        offers = [(named, None)] if named is not None else self._offers(view, request.side)
        if order.size is None:
            if not offers or request.notional is None:
                return (
                    f"nothing is known of the price of {request.symbol} yet, so no size can be reckoned from notional"
                )
            order.size = terms.size_for(request.notional, _price_for_money(offers, request.notional / terms.multiplier))
            if not order.size:
                return f"{request.notional:f} is less than the smallest size of {request.symbol} costs"
        price = _price_for_size(offers, order.size) if offers else None
        market = None if view is None else view.last_price or view.mid
        for limit in (request.limit_price, request.stop_price):
            far = None if limit is None else self.gate.outside_band(limit, market)
            if far is not None:
                return far
        others = [one for one in self.account.orders.open.values() if one is not instead_of and one is not order]
        return self.gate.refusal(request, order.size, price, self.account.ledger, others, self.account.now_ns)


def _price_for_size(offers: Sequence[Offer], size: Decimal) -> Decimal:
    """Return the average price of a size."""
    value, left = ZERO, size
    for price, shown in offers:
        part = left if shown is None else min(left, shown)
        if part == size:
            return price
        value += part * price
        left -= part
    return value / size


def _price_for_money(offers: Sequence[Offer], money: Decimal) -> Decimal:
    """Return the average price of what an amount of money buys, for a multiplier of 1."""
    size, left = ZERO, money
    for price, shown in offers:
        part = left if shown is None else min(left, shown * price)
        if part == money:
            return price
        size += part / price
        left -= part
    return money / size


def _nonsense(request: OrderRequest, terms: Instrument) -> str | None:
    """Say what makes no sense about an order; None when it does."""
    kind = request.order_type
    if not request.symbol:
        return "symbol is empty"
    if request.side not in ("buy", "sell"):
        return f"side must be 'buy' or 'sell', not {request.side!r}"
    if kind not in _TYPES:
        return f"order_type must be one of {', '.join(_TYPES)}, not {kind!r}"
    if request.time_in_force not in _TIMES:
        return f"time_in_force {request.time_in_force!r} is not simulated: use one of {', '.join(_TIMES)}"
    if (request.size is None) == (request.notional is None):
        return "give size or notional, one of them"
    amounts = {
        name: getattr(request, name)
        for name in ("size", "notional", "limit_price", "stop_price", "trail_price", "trail_percent")
    }
    for name, value in amounts.items():
        if value is not None and not (value.is_finite() and value > 0):
            return f"{name} must be above 0, not {value}"
    if request.take_profit_price is not None or request.stop_loss_price is not None:
        return "orders with take_profit_price or stop_loss_price are not simulated: send them after the fill"
    needs = {"limit": ("limit_price",), "stop": ("stop_price",), "stop_limit": ("limit_price", "stop_price")}.get(
        kind, ()
    )
    for name in needs:
        if amounts[name] is None:
            return f"a {kind} order needs {name}"
    if kind == "trailing_stop" and (request.trail_price is None) == (request.trail_percent is None):
        return "a trailing_stop order needs trail_price or trail_percent, one of them"
    if "limit" not in kind and request.limit_price is not None:
        return f"a {kind} order has no limit_price"
    if kind in ("stop", "stop_limit", "trailing_stop") and request.time_in_force in ("ioc", "fok"):
        return f"a {kind} order waits, so its time_in_force cannot be {request.time_in_force!r}"
    for name in ("limit_price", "stop_price"):
        price = amounts[name]
        if price is not None and terms.tick_size is not None and price % terms.tick_size:
            return f"{name} {price:f} is not a multiple of the tick size {terms.tick_size:f}"
    if request.size is not None and terms.lot_size is not None and request.size % terms.lot_size:
        return f"size {request.size:f} is not a multiple of the lot size {terms.lot_size:f}"
    return None
