"""Which orders the simulated exchange takes: the shape of a request, the rules of an asset, and what the account can pay.

Each refusal has the HTTP status, the code and the words of the real one where they are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from wsexample.brokers.alpaca.dialect.orders import decimal_of
from wsexample.brokers.alpaca.messages.trading import OrderSubmission
from wsexample.brokers.alpaca.simulator.accounts import Quoted, SimAccount
from wsexample.brokers.alpaca.simulator.assets import Asset, find_asset
from wsexample.brokers.alpaca.simulator.orders import text_of

__all__ = ["Refusal", "check_account", "check_prices", "check_shape", "price_rule"]

_TYPES = {
    "stock": ("market", "limit", "stop", "stop_limit", "trailing_stop"),
    "option": ("market", "limit", "stop", "stop_limit"),
    "crypto": ("market", "limit", "stop_limit"),
}
_TIMES = {
    "stock": ("day", "gtc", "opg", "cls", "ioc", "fok"),
    "option": ("day",),
    "crypto": ("gtc", "ioc"),
}
_CLASSES = ("", "simple", "bracket", "oco", "oto", "mleg")
CENTS = 2
BELOW_A_DOLLAR = 4
SIZE_PLACES = 9
"""Decimals of a quantity."""
CENT = Decimal("0.01")


@dataclass(slots=True, eq=False)
class Refusal(Exception):  # noqa: N818 - an answer, no error of this program
    """A call that is refused."""

    http_status: int
    code: int | None
    message: str
    extras: tuple[tuple[str, Any], ...] = ()

    @property
    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        body: dict[str, Any] = dict(self.extras)
        if self.code is not None:
            body["code"] = self.code
        return body | {"message": self.message}


def _shape(message: str) -> Refusal:
    return Refusal(422, 40010001, message)


def _rule(message: str, **extras: Any) -> Refusal:
    return Refusal(422, 42210000, message, tuple(extras.items()))


def _forbidden(message: str, **extras: Any) -> Refusal:
    return Refusal(403, 40310000, message, tuple(extras.items()))


def _decimals(value: Decimal) -> int:
    """Return how many decimals a number has, zeros at the end left out."""
    _, digits, exponent = value.as_tuple()
    zeros = len(digits) - len(bytes(digits).rstrip(b"\0"))
    return -int(exponent) - zeros


# --- shape --------------------------------------------------------------------------------------------------------------


def check_shape(request: OrderSubmission) -> Asset | None:
    """Check what a request says by itself; returns its asset, None for one of several legs.

    Raises:
        Refusal: it cannot be an order.
    """
    if (request.order_class or "") not in _CLASSES:
        raise _shape(f"invalid order_class: {request.order_class}")
    if request.order_class == "mleg":
        _check_legs(request)
        return None
    if not request.symbol:
        raise _shape("symbol is required")
    asset = find_asset(request.symbol)
    if asset is None:
        raise _rule(f'asset "{request.symbol}" not found')
    if asset.kind not in _TYPES:
        raise _rule(f'asset "{asset.symbol}" is not tradable')
    if request.side not in ("buy", "sell"):
        raise _shape("side must be buy or sell")
    _check_kind(request, asset)
    _check_amounts(request, asset)
    _check_needed_prices(request)
    _check_class(request, asset)
    return asset


def _check_kind(request: OrderSubmission, asset: Asset) -> None:
    if request.type not in _TYPES["stock"]:
        raise _shape(f"invalid order type: {request.type}")
    if request.type not in _TYPES[asset.kind]:
        raise _shape(f"invalid order type for {asset.kind} order")
    if request.time_in_force not in _TIMES["stock"]:
        raise _shape(f"invalid time_in_force: {request.time_in_force}")
    if request.time_in_force not in _TIMES[asset.kind]:
        raise _rule(f"invalid {asset.kind} time_in_force")
    if request.extended_hours and (request.type != "limit" or request.time_in_force not in ("day", "gtc")):
        raise _rule("extended hours order must be DAY limit orders")


def _check_amounts(request: OrderSubmission, asset: Asset) -> None:
    size, notional = decimal_of(request.qty), decimal_of(request.notional)
    if request.qty is not None and request.notional is not None:
        raise _shape("qty and notional cannot be both set")
    if request.qty is None and request.notional is None:
        raise _shape("qty or notional is required")
    amount = size if size is not None else notional
    if amount is None or amount <= 0:
        raise _shape(f"{'qty' if request.qty is not None else 'notional'} must be > 0")
    is_whole = size is not None and size == size.to_integral_value()
    if not is_whole and not asset.is_fractional:
        raise _rule(f'asset "{asset.symbol}" is not fractionable')
    if notional is not None and _decimals(notional) > CENTS:
        raise _rule(f"notional value must be limited to {CENTS} decimal places")
    if size is not None and _decimals(size) > SIZE_PLACES:
        raise _rule(
            f"qty must be limited to {SIZE_PLACES} decimal places"
        )  # the limit is documented, the words are not
    if not is_whole and asset.kind == "stock":
        if request.time_in_force != "day":
            raise _rule("fractional orders must be DAY orders")
        if request.order_class not in (None, "", "simple"):
            raise _rule("fractional orders must be simple orders")
    if notional is not None and notional < 1:
        raise _forbidden("cost basis must be >= minimal amount of order 1")


def _check_needed_prices(request: OrderSubmission) -> None:
    kind = request.type or ""
    for name, value, is_needed in (
        ("limit_price", request.limit_price, kind in ("limit", "stop_limit")),
        ("stop_price", request.stop_price, kind in ("stop", "stop_limit")),
    ):
        if is_needed and value is None and request.order_class != "oco":
            raise _shape(f"{kind} orders require {name.replace('_', ' ')}")
        if value is not None and (decimal_of(value) or Decimal(0)) <= 0:
            raise _shape(f"{name} must be > 0")
    trails = [value for value in (request.trail_price, request.trail_percent) if value is not None]
    if kind == "trailing_stop" and (len(trails) != 1 or (decimal_of(trails[0]) or Decimal(0)) <= 0):
        raise _shape("trailing_stop orders require either trail_price or trail_percent")


def _check_class(request: OrderSubmission, asset: Asset) -> None:
    kind = request.order_class or ""
    if kind in ("", "simple"):
        return
    if asset.kind != "stock":
        raise _shape(f"{kind} orders not supported for {asset.kind}")
    profit = request.take_profit.limit_price if request.take_profit is not None else None
    loss = request.stop_loss.stop_price if request.stop_loss is not None else None
    if kind == "bracket" and (profit is None or loss is None):
        raise _shape("bracket orders require take_profit.limit_price and stop_loss.stop_price")
    if kind == "oco" and (request.type != "limit" or (profit is None and request.limit_price is None) or loss is None):
        raise _shape("oco orders require take_profit.limit_price and stop_loss.stop_price")
    if kind == "oto" and (profit is None) == (loss is None):
        raise _shape("oto orders require either take_profit.limit_price or stop_loss.stop_price")
    if request.time_in_force not in ("day", "gtc"):
        raise _rule(f"{kind} orders must be DAY or GTC orders")  # as documented, in words of our own
    if request.extended_hours:
        raise _rule(f"{kind} orders must not be for extended hours")


def _check_legs(request: OrderSubmission) -> None:
    legs = request.legs or []
    if request.symbol:
        raise _shape("symbol is not allowed for mleg order")
    if not 2 <= len(legs) <= 4:
        raise _shape("mleg orders require 2 to 4 legs")
    if (decimal_of(request.qty) or Decimal(0)) <= 0:
        raise _shape("qty must be > 0")
    if _decimals(decimal_of(request.limit_price) or Decimal(0)) > CENTS:
        raise _rule(f"limit price must be limited to {CENTS} decimal places")
    for leg in legs:
        asset = find_asset(leg.symbol or "")
        if asset is None or asset.kind != "option":
            raise _rule(f'asset "{leg.symbol}" not found')
        if leg.side not in ("buy", "sell") or (decimal_of(leg.ratio_qty) or Decimal(0)) <= 0:
            raise _shape("legs require side and ratio_qty")


# --- prices and money ---------------------------------------------------------------------------------------------------


def price_rule(name: str, price: Decimal | None, asset: Asset) -> None:
    """Refuse a price with more decimals than the market has: two from a dollar up, four below; of crypto as many as its tick.

    What is said of a crypto price is not known.
    """
    if price is None:
        return
    if asset.kind == "crypto":
        if _decimals(price) > _decimals(asset.increment):
            raise _rule(f"invalid {name} {text_of(price)}. it must be a multiple of {text_of(asset.increment)}")
        return
    allowed = CENTS if price >= 1 else BELOW_A_DOLLAR
    if _decimals(price) > allowed:
        raise _rule(f"invalid {name} {text_of(price)}. sub-penny increment does not fulfill minimum pricing criteria")


def check_prices(request: OrderSubmission, asset: Asset, last_price: Decimal) -> None:
    """Check the prices of an order against the rules and the market.

    Raises:
        Refusal: a price breaks a rule.
    """
    limit, stop = decimal_of(request.limit_price), decimal_of(request.stop_price)
    price_rule("limit_price", limit, asset)
    price_rule("stop_price", stop, asset)
    if stop is not None and request.type in ("stop", "stop_limit"):
        if request.side == "sell" and stop >= last_price:
            raise _rule(
                "stop price must be less than current price",
                market_price=text_of(last_price),
                stop_price=text_of(stop),
            )
        if request.side == "buy" and stop <= last_price:
            raise _rule(
                "stop price must be greater than current price",
                market_price=text_of(last_price),
                stop_price=text_of(stop),
            )
    if request.order_class in ("bracket", "oto", "oco"):
        _check_exits(request, asset, last_price)


def _check_exits(request: OrderSubmission, asset: Asset, last_price: Decimal) -> None:
    """Check the prices at which a group is left: profit on the far side, loss at least a cent on the near side of each base.

    A base is the price of the market, and that of a limit entry or of the profit of an oco. That a profit is compared with the
    entry's was seen, not documented. An entry that waits for its own stop is not at the market before that price is reached: it
    is the base there, which is not documented either.
    """
    profit = decimal_of(request.take_profit.limit_price) if request.take_profit is not None else None
    stop, limit = (
        (decimal_of(request.stop_loss.stop_price), decimal_of(request.stop_loss.limit_price))
        if request.stop_loss is not None
        else (None, None)
    )
    named = {"take_profit.limit_price": profit, "stop_loss.stop_price": stop, "stop_loss.limit_price": limit}
    for name, price in named.items():
        if price is not None and price <= 0:
            raise _shape(f"{name} must be > 0")
        price_rule(name, price, asset)
    is_oco = request.order_class == "oco"
    is_sale = (request.side == "sell") == is_oco  # whether the exits sell
    sign = 1 if is_sale else -1
    if profit is not None and stop is not None and (profit - stop) * sign <= 0:
        raise _rule(f"take_profit.limit_price must be {'>' if is_sale else '<'} stop_loss.stop_price")
    entry = (profit or decimal_of(request.limit_price)) if is_oco else decimal_of(request.limit_price)
    base = entry if request.type == "limit" and entry is not None else last_price
    bases = [base, last_price]
    if request.type in ("stop", "stop_limit"):
        base = entry or decimal_of(request.stop_price) or last_price
        bases = [base]
    if profit is not None and not is_oco and (profit - base) * sign < CENT:
        raise _base_rule("take_profit.limit_price", base, is_above=is_sale)
    for each in bases:
        if stop is not None and (each - stop) * sign < CENT:
            raise _base_rule("stop_loss.stop_price", each, is_above=not is_sale)


def _base_rule(name: str, base: Decimal, *, is_above: bool) -> Refusal:
    side = ">= base_price + 0.01" if is_above else "<= base_price - 0.01"
    return _rule(f"{name} must be {side}", base_price=text_of(base))


def check_account(account: SimAccount, request: OrderSubmission, asset: Asset, quoted: Quoted) -> None:
    """Check whether an account can pay for an order or has what it sells.

    Raises:
        Refusal: it cannot, or may not.
    """
    if account.is_blocked:
        raise _forbidden("account is not allowed to trade")
    bid, ask, _, _ = quoted(asset.symbol)
    size, notional = decimal_of(request.qty), decimal_of(request.notional)
    _check_wash(account, request, asset)
    if request.side == "sell":
        wanted = size if size is not None else (notional or Decimal(0)) / bid
        _check_sale(account, asset, wanted)
        return
    short = -min(account.held(asset.symbol), Decimal(0))
    price = decimal_of(request.limit_price) or decimal_of(request.stop_price) or ask
    cost = (
        notional if notional is not None else max((size or Decimal(0)) - short, Decimal(0)) * price * asset.multiplier
    )
    is_part = size is not None and (asset.kind == "crypto" or size != size.to_integral_value())
    if is_part and (size or Decimal(0)) * price < 1:
        raise _forbidden("cost basis must be >= minimal amount of order 1")
    power = account.buying_power(quoted, on_margin=asset.kind == "stock")
    if cost > power:
        raise _forbidden("insufficient buying power", buying_power=text_of(power), cost_basis=text_of(round(cost, 2)))


def _check_sale(account: SimAccount, asset: Asset, size: Decimal) -> None:
    held, free = account.held(asset.symbol), account.available(asset.symbol)
    if asset.kind == "crypto" and size > free:
        currency = asset.symbol.partition("/")[0]
        raise _forbidden(
            f"insufficient balance for {currency} (requested: {text_of(size)}, available: {text_of(free)})",
            available=text_of(free),
            balance=text_of(held),
            symbol=asset.symbol,
        )
    if held > 0 and size > free:
        raise _forbidden(
            f"insufficient qty available for order (requested: {text_of(size)}, available: {text_of(free)})",
            available=text_of(free),
            existing_qty=text_of(held),
            held_for_orders=text_of(account.held_for_orders(asset.symbol)),
            symbol=asset.symbol,
        )
    if held <= 0 and asset.kind == "stock":
        if not asset.is_shortable:
            raise _rule(f'asset "{asset.symbol}" cannot be sold short')
        if size != size.to_integral_value():
            raise _forbidden("fractional orders cannot be sold short")


def _check_wash(account: SimAccount, request: OrderSubmission, asset: Asset) -> None:
    limit = decimal_of(request.limit_price)
    for order in account.open_orders(asset.symbol):
        if order.side == request.side or order.status == "held" or order.parent is not None:
            continue
        buy = limit if request.side == "buy" else order.limit_price
        sell = limit if request.side == "sell" else order.limit_price
        if buy is None or sell is None or buy >= sell:
            raise _forbidden(
                "potential wash trade detected. use complex orders",
                existing_order_id=order.order_id,
                reject_reason=f"opposite side {order.order_type} order exists",
            )
