"""Orders in few words: ``cash_order("9433", "buy", 100, price=2500)`` instead of the vendor's fourteen fields.

Each function returns the struct that goes on the wire, with the fields that follow from others filled in; nothing is
checked or sent here. Whoever wants a field of the vendor's that has no parameter uses ``msgspec.structs.replace``. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Any, Literal, TypeVar

from msgspec import UNSET, UnsetType

from wsexample.brokers.kabu.messages.orders import ClosePosition, DerivativeOrder, ReverseLimit, StockOrder
from wsexample.brokers.kabu.order_rules import (
    BUY,
    CASH,
    DERIVATIVE_TYPES,
    FAK,
    FAS,
    FOK,
    MARGIN_NEW,
    MARGIN_REPAY,
    SELL,
    SOR,
    STOP,
    Product,
)
from wsexample.errors import OptionError
from wsexample.records.orders import OrderRequest

__all__ = [
    "ACCOUNTS",
    "MARGIN_TRADES",
    "CloseRule",
    "Stop",
    "cash_order",
    "derivative_order",
    "from_request",
    "margin_order",
    "product_of",
    "repay_order",
]

Price = Decimal | float | int | str
_T = TypeVar("_T")
Side = Literal["buy", "sell"]

ACCOUNTS = {"general": 2, "specific": 4, "corporate": 12}
"""Name of an account -> ``AccountType``."""
MARGIN_TRADES = {"system": 1, "general": 2, "day": 3}
"""Name of a margin trade -> ``MarginTradeType``."""
_SIDES = {"buy": BUY, "sell": SELL}
_TIMES = {"fas": FAS, "fak": FAK, "fok": FOK}
_WHEN = {"at or below": 1, "at or above": 2}
_OF = {"own": 1, "nikkei": 2, "topix": 3}
_MARKET, _LIMIT = 10, 20
_DERIVATIVE_MARKET = 120


class CloseRule(IntEnum):
    """Which positions are repaid first (``ClosePositionOrder``)."""

    OLDEST_GAIN = 0
    """By date, oldest first; within a day the larger profit first."""
    OLDEST_LOSS = 1
    """By date, oldest first; within a day the smaller profit first."""
    NEWEST_GAIN = 2
    """By date, newest first; within a day the larger profit first."""
    NEWEST_LOSS = 3
    """By date, newest first; within a day the smaller profit first."""
    GAIN_OLDEST = 4
    """By profit, largest first; of equals the oldest first."""
    GAIN_NEWEST = 5
    """By profit, largest first; of equals the newest first."""
    LOSS_OLDEST = 6
    """By profit, smallest first; of equals the oldest first."""
    LOSS_NEWEST = 7
    """By profit, smallest first; of equals the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The condition of a stop order (逆指値)."""

    price: Price
    """Price that sets the order to work."""
    when: Literal["at or below", "at or above"]
    """On which side of it."""
    limit: Price | None = None
    """Limit price of the order then; None for a market order."""
    funari: bool = False
    """Whether a limit order that is not executed goes to market on close; stocks only."""
    of: Literal["own", "nikkei", "topix"] = "own"
    """Whose price is watched; stocks only."""

    def body(self, *, is_stock: bool) -> ReverseLimit:
        """Return it as it goes on the wire.

        Parameters:
            is_stock: whether the order is for stock; a derivative's does not say whose price is watched.

        Raises:
            OptionError: ``when`` or ``of`` is not one of its words, or a price is no number.
        """
        return ReverseLimit(
            TriggerPrice=_decimal(self.price, "price"),
            UnderOver=_named(self.when, _WHEN, "when"),
            AfterHitOrderType=1 if self.limit is None else 3 if self.funari else 2,
            AfterHitPrice=Decimal(0) if self.limit is None else _decimal(self.limit, "limit"),
            TriggerSec=_named(self.of, _OF, "of") if is_stock else UNSET,
        )


def cash_order(
    symbol: str,
    side: Side,
    size: int,
    *,
    price: Price | None = None,
    kind: int | None = None,
    stop: Stop | None = None,
    market: int = SOR,
    account: str = "specific",
    expire_day: int = 0,
    **fields: Any,
) -> StockOrder:
    """Return an order to buy or sell stock for cash.

    Parameters:
        symbol: "9433"; an order names its market by itself.
        side: "buy" or "sell".
        size: shares.
        price: limit price; None for a market order.
        kind: ``FrontOrderType`` where it is neither plain market (10) nor plain limit (20), see
            `wsexample.brokers.kabu.order_rules.STOCK_TYPES`.
        stop: makes it a stop order.
        market: 9 SOR (default), 27 TSE+, 3, 5, 6.
        account: "specific" (default), "general" or "corporate".
        expire_day: yyyyMMdd, 0 for the current order day (default).
        fields: fields of the vendor's to set otherwise.

    Raises:
        OptionError: a side or an account of no known name, a price that is no number, or a part of a share.
    """
    is_buy = _side(side) == BUY
    settled = {"DelivType": 2 if is_buy else 0, "FundType": "02" if is_buy else "  "}
    return _stock(symbol, side, size, CASH, price, kind, stop, market, account, expire_day, settled | fields)


def margin_order(
    symbol: str,
    side: Side,
    size: int,
    *,
    trade: str = "system",
    price: Price | None = None,
    kind: int | None = None,
    stop: Stop | None = None,
    market: int = SOR,
    account: str = "specific",
    expire_day: int = 0,
    **fields: Any,
) -> StockOrder:
    """Return an order that opens a margin position; the other parameters and errors as in `cash_order`.

    Parameters:
        trade: "system" (default), "general" (long term) or "day".
    """
    settled = {"DelivType": 0, "FundType": "11", "MarginTradeType": _named(trade, MARGIN_TRADES, "trade")}
    return _stock(symbol, side, size, MARGIN_NEW, price, kind, stop, market, account, expire_day, settled | fields)


def repay_order(
    symbol: str,
    side: Side,
    size: int,
    *,
    positions: Sequence[ClosePosition] | CloseRule = CloseRule.OLDEST_GAIN,
    trade: str = "system",
    price: Price | None = None,
    kind: int | None = None,
    stop: Stop | None = None,
    market: int = SOR,
    account: str = "specific",
    expire_day: int = 0,
    **fields: Any,
) -> StockOrder:
    """Return an order that repays margin positions: "sell" for what was bought.

    Parameters:
        symbol: "9433"; an order names its market by itself.
        side: "buy" or "sell".
        size: shares.
        positions: which ones, by their hold IDs, or a rule that chooses (default: the oldest first).
        trade: kind of the positions: "system" (default), "general" (long term) or "day".
        price: limit price; None for a market order.
        kind: ``FrontOrderType`` where it is neither plain market (10) nor plain limit (20).
        stop: makes it a stop order.
        market: 9 SOR (default), 27 TSE+, 3, 5, 6.
        account: "specific" (default), "general" or "corporate".
        expire_day: yyyyMMdd, 0 for the current order day (default).
        fields: fields of the vendor's to set otherwise.

    Raises:
        OptionError: as in `cash_order`.
    """
    settled = {"DelivType": 2, "FundType": "11", "MarginTradeType": _named(trade, MARGIN_TRADES, "trade")}
    return _stock(
        symbol,
        side,
        size,
        MARGIN_REPAY,
        price,
        kind,
        stop,
        market,
        account,
        expire_day,
        settled | _closing(positions) | fields,
    )


def derivative_order(
    symbol: str,
    side: Side,
    size: int,
    *,
    price: Price | None = None,
    time_in_force: Literal["fas", "fak", "fok"] | None = None,
    kind: int | None = None,
    stop: Stop | None = None,
    market: int = 23,
    positions: Sequence[ClosePosition] | CloseRule | None = None,
    expire_day: int = 0,
    **fields: Any,
) -> DerivativeOrder:
    """Return an order for futures or options.

    Parameters:
        symbol: "167060019".
        side: "buy" or "sell".
        size: contracts.
        price: limit price; None for a market order.
        time_in_force: "fas", "fak" or "fok"; by default FAS for limit orders and FAK for market orders.
        kind: ``FrontOrderType`` where it is neither market (120) nor limit (20): 18 and 28 for orders on close.
        stop: makes it a stop order.
        market: 23 day session (default), 24 night session, 2 whole day; futures also 32 to 34.
        positions: positions to repay, or a rule that chooses them; None opens a new position.
        expire_day: yyyyMMdd, 0 for the current order day (default).
        fields: fields of the vendor's to set otherwise.

    Raises:
        OptionError: a side or a time in force of no known name, a price that is no number, or a part of a contract.
    """
    front, limit = _front(price, kind, stop, _DERIVATIVE_MARKET)
    if time_in_force is None:
        is_limit = DERIVATIVE_TYPES[front].has_price if front in DERIVATIVE_TYPES else price is not None
        time_in_force = "fas" if is_limit or (stop is not None and stop.limit is not None) else "fak"
    body: dict[str, Any] = {
        "Symbol": symbol,
        "Exchange": market,
        "TradeType": 1 if positions is None else 2,
        "TimeInForce": _named(time_in_force, _TIMES, "time_in_force"),
        "Side": _side(side),
        "Qty": _whole(size),
        "FrontOrderType": front,
        "Price": limit,
        "ExpireDay": expire_day,
        "ReverseLimitOrder": stop.body(is_stock=False) if stop is not None else UNSET,
        **(_closing(positions) if positions is not None else {}),
    }
    return DerivativeOrder(**(body | fields))


def product_of(code: str) -> Product | None:
    """Return what a code of nine characters is, None for anything else; futures of Osaka begin with 16."""
    if not re.fullmatch(r"[0-9A-Z]{9}", code):
        return None
    return "future" if code.startswith("16") else "option"


def from_request(request: OrderRequest, *, account: str = "specific") -> StockOrder | DerivativeOrder:
    """Return the order that a request in this project's own words means here.

    A stock is traded for cash, through SOR unless ``symbol`` names another market for orders ("9433@27"). A derivative
    opens a new position, or repays the oldest with ``reduce_only``; its market is 23 (day session) unless named.

    Parameters:
        request: what every venue takes.
        account: account of a stock order.

    Raises:
        OptionError: the request asks for what kabu Station has not.
    """
    code, _, named = unicodedata.normalize("NFKC", request.symbol).strip().upper().partition("@")
    if named and not named.isdigit():
        raise OptionError(f"{named!r} is not a market", option="symbol")
    for option in (
        "notional",
        "trail_price",
        "trail_percent",
        "take_profit_price",
        "stop_loss_price",
        "stop_loss_limit_price",
    ):
        if getattr(request, option) is not None:
            raise OptionError(f"kabu Station has no {option} on orders", option=option)
    if request.size is None:
        raise OptionError("an order needs a size", option="size")
    stop = _stop_of(request)
    price = None if stop is not None else request.limit_price
    if request.order_type not in ("market", "limit", "stop", "stop_limit"):
        raise OptionError(f"kabu Station has no {request.order_type} orders", option="order_type")
    if (price is not None) != (request.order_type == "limit"):
        raise OptionError(
            f"a {request.order_type} order {'has no' if price is not None else 'needs a'} limit price",
            option="limit_price",
        )
    size = _whole(request.size)
    side = _checked_side(request.side)
    if product_of(code) is not None:
        times: dict[str, Literal["fas", "fak", "fok"] | None] = {"day": None, "ioc": "fak", "fok": "fok", "cls": None}
        tif = _named(request.time_in_force, times, "time_in_force")
        kind = (18 if price is None else 28) if request.time_in_force == "cls" else None
        positions = CloseRule.OLDEST_GAIN if request.reduce_only else None
        return derivative_order(
            code, side, size, price=price, stop=stop, kind=kind, time_in_force=tif, positions=positions,
            market=int(named or 23),
        )  # fmt: skip
    if request.reduce_only and side == "buy":
        raise OptionError(
            "a stock bought for cash makes a position larger, and it shall only reduce", option="reduce_only"
        )
    kinds: dict[str, tuple[int | None, int | None]] = {
        "day": (None, None),
        "ioc": (17, 27),
        "opg": (13, 21),
        "cls": (16, 24),
    }
    kind = _named(request.time_in_force, kinds, "time_in_force")[price is not None]
    if kind is not None and stop is not None:
        raise OptionError(f"a stop order of a stock cannot be {request.time_in_force!r}", option="time_in_force")
    return cash_order(code, side, size, price=price, stop=stop, kind=kind, market=int(named or SOR), account=account)


# --- parts --------------------------------------------------------------------------------------------------------------


def _stock(
    symbol: str,
    side: str,
    size: int,
    cash_margin: int,
    price: Price | None,
    kind: int | None,
    stop: Stop | None,
    market: int,
    account: str,
    expire_day: int,
    fields: dict[str, Any],
) -> StockOrder:
    front, limit = _front(price, kind, stop, _MARKET)
    body: dict[str, Any] = {
        "Symbol": symbol,
        "Exchange": market,
        "Side": _side(side),
        "CashMargin": cash_margin,
        "AccountType": _named(account, ACCOUNTS, "account"),
        "Qty": _whole(size),
        "FrontOrderType": front,
        "Price": limit,
        "ExpireDay": expire_day,
        "ReverseLimitOrder": stop.body(is_stock=True) if stop is not None else UNSET,
    }
    return StockOrder(**(body | fields))


def _front(price: Price | None, kind: int | None, stop: Stop | None, market: int) -> tuple[int, Decimal]:
    """Return ``FrontOrderType`` and ``Price``."""
    if stop is not None:
        return STOP if kind is None else kind, Decimal(0)
    if kind is None:
        kind = market if price is None else _LIMIT
    return kind, Decimal(0) if price is None else _decimal(price, "price")


def _closing(positions: Sequence[ClosePosition] | CloseRule | UnsetType) -> dict[str, Any]:
    if isinstance(positions, CloseRule):
        return {"ClosePositionOrder": int(positions)}
    return {"ClosePositions": positions if isinstance(positions, UnsetType) else list(positions)}


def _stop_of(request: OrderRequest) -> Stop | None:
    if request.stop_price is None:
        if request.order_type in ("stop", "stop_limit"):
            raise OptionError(f"a {request.order_type} order needs a stop price", option="stop_price")
        return None
    if request.order_type not in ("stop", "stop_limit"):
        raise OptionError(f"a {request.order_type} order has no stop price", option="stop_price")
    if (request.limit_price is not None) != (request.order_type == "stop_limit"):
        raise OptionError("a stop_limit order needs a limit price, a stop order has none", option="limit_price")
    return Stop(
        price=request.stop_price,
        when="at or above" if request.side == "buy" else "at or below",
        limit=request.limit_price,
    )


def _decimal(price: Price, option: str) -> Decimal:
    try:
        number = Decimal(str(price))
    except ArithmeticError:
        number = Decimal("NaN")
    if not number.is_finite():
        raise OptionError(f"{price!r} is not a price", option=option)
    return number


def _whole(size: int | Decimal) -> int:
    if not Decimal(size).is_finite() or size != int(size):
        raise OptionError(f"{size} is not a whole number of shares or contracts", option="size")
    return int(size)


def _side(side: str) -> str:
    return _named(side, _SIDES, "side")


def _checked_side(side: str) -> Side:
    return "buy" if _side(side) == BUY else "sell"


def _named(name: str, table: Mapping[str, _T], option: str) -> _T:
    if name not in table:
        raise OptionError(f"{option} must be {', '.join(map(repr, table))}, not {name!r}", option=option)
    return table[name]
