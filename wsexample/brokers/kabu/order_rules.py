"""What an order must look like, as tables: checked by the client before it is sent, and by the simulator when it comes.

Only what an order says by itself is looked at, field against field and market; what the account and the market say to it
is the simulator's matter, or kabu Station's. Pure. Source: kabu Station API reference, ``/sendorder*``; the codes are those
of its error page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from msgspec import UNSET

from wsexample.brokers.kabu.codes import EXCHANGES, error_of
from wsexample.brokers.kabu.messages.orders import DerivativeOrder, ReverseLimit, StockOrder

__all__ = [
    "BUY",
    "DERIVATIVE_TABLE",
    "DERIVATIVE_TYPES",
    "FAK",
    "FAS",
    "FOK",
    "SELL",
    "STOCK_TYPES",
    "Breach",
    "FrontType",
    "Product",
    "day_from",
    "derivative_breach",
    "stock_breach",
]

SELL, BUY = "1", "2"
CASH, MARGIN_NEW, MARGIN_REPAY = 1, 2, 3
FAS, FAK, FOK = 1, 2, 3
STOP = 30
FURTHEST = 15
"""Digits before or behind the point of a price that anybody means, at the most."""

Product = Literal["future", "option"]
Moment = Literal["now", "open_am", "open_pm", "close_am", "close_pm", "close", "stop"]


@dataclass(frozen=True, slots=True)
class Breach:
    """What is wrong with an order."""

    code: int
    """The code that kabu Station answers with."""
    field: str
    """The field at fault, in the vendor's spelling."""
    sentence: str
    """What must be changed, for people."""

    def __str__(self) -> str:
        row = error_of(self.code)
        return f"{self.field}: {self.sentence} (kabu Station would answer {self.code}, {row.meaning if row else '?'})"


# --- how an order is executed -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FrontType:
    """One ``FrontOrderType``."""

    name: str
    """For people."""
    moment: Moment
    """When it goes to work: "am" and "pm" are the halves of a stock's day."""
    has_price: bool = False
    """Whether ``Price`` is a limit; otherwise it is 0."""
    ord_type: int = 1
    """``OrdType`` under which ``/orders`` shows it."""
    is_ioc: bool = False
    """Whether what is not executed at once lapses."""


STOCK_TYPES: dict[int, FrontType] = {
    10: FrontType("market", "now"),
    13: FrontType("market on open, morning", "open_am", ord_type=2),
    14: FrontType("market on open, afternoon", "open_pm", ord_type=2),
    15: FrontType("market on close, morning", "close_am", ord_type=3),
    16: FrontType("market on close, afternoon", "close_pm", ord_type=3),
    17: FrontType("IOC market", "now", ord_type=6, is_ioc=True),
    20: FrontType("limit", "now", has_price=True),
    21: FrontType("limit on open, morning", "open_am", has_price=True, ord_type=2),
    22: FrontType("limit on open, afternoon", "open_pm", has_price=True, ord_type=2),
    23: FrontType("limit on close, morning", "close_am", has_price=True, ord_type=3),
    24: FrontType("limit on close, afternoon", "close_pm", has_price=True, ord_type=3),
    25: FrontType("funari, morning: limit, then market on close", "now", has_price=True, ord_type=4),
    26: FrontType("funari, afternoon: limit, then market on close", "now", has_price=True, ord_type=4),
    27: FrontType("IOC limit", "now", has_price=True, ord_type=6, is_ioc=True),
    STOP: FrontType("stop", "stop"),
}
"""``FrontOrderType`` of ``/sendorder``."""

DERIVATIVE_TYPES: dict[int, FrontType] = {
    18: FrontType("market on close", "close", ord_type=3),
    20: FrontType("limit", "now", has_price=True),
    28: FrontType("limit on close", "close", has_price=True, ord_type=3),
    STOP: FrontType("stop", "stop"),
    120: FrontType("market", "now"),
}
"""``FrontOrderType`` of ``/sendorder/future`` and ``/sendorder/option``."""

_COLUMNS: dict[int, int] = {23: 0, 24: 0, 2: 1, 33: 2, 34: 2, 32: 3}
"""Market -> column of the table below: one session, whole day, SOR for one session, SOR for the whole day."""

# The reference contradicts itself on stop orders that become limit orders: FAK in its table, FAS in the text of the field.
# Both are let through; kabu Station has the last word.
DERIVATIVE_TABLE: dict[tuple[str, int], tuple[bool, bool, bool, bool]] = {
    ("limit", FAS): (True, True, True, True),
    ("limit", FAK): (True, False, True, False),
    ("limit", FOK): (True, False, True, False),
    ("market", FAK): (True, False, True, False),
    ("market", FOK): (True, False, True, False),
    ("stop to limit", FAS): (True, True, True, True),
    ("stop to limit", FAK): (True, True, True, True),
    ("stop to market", FAK): (True, False, True, False),
    ("market on close", FAK): (True, False, False, False),
    ("limit on close", FAS): (True, False, False, False),
}
"""(kind of order, time in force) -> whether it may be sent, by column of `_COLUMNS`."""

_TIF_NAMES = {FAS: "FAS", FAK: "FAK", FOK: "FOK"}

STOCK_MARKETS = frozenset({1, 3, 5, 6, 9, 27})
MARGIN_MARKETS = frozenset({1, 3, 9, 27})
DERIVATIVE_MARKETS: dict[str, frozenset[int]] = {
    "future": frozenset({2, 23, 24, 32, 33, 34}),
    "option": frozenset({2, 23, 24}),
}
SOR = 9
SOR_BASIC = frozenset({10, 20, STOP})
"""What SOR took until 2026-05-18; since then it takes every type."""

# (side, CashMargin) -> DelivType allowed, FundType allowed ("" where the field is left out)
_SETTLEMENT: dict[tuple[str, int], tuple[frozenset[int], frozenset[str]]] = {
    (BUY, CASH): (frozenset({2, 3}), frozenset({"02", "AA"})),
    (SELL, CASH): (frozenset({0}), frozenset({"  "})),
    (BUY, MARGIN_NEW): (frozenset({0}), frozenset({"", "11"})),
    (SELL, MARGIN_NEW): (frozenset({0}), frozenset({"", "11"})),
    (BUY, MARGIN_REPAY): (frozenset({2, 3}), frozenset({"", "11"})),
    (SELL, MARGIN_REPAY): (frozenset({2, 3}), frozenset({"", "11"})),
}


def day_from(number: int) -> date | None:
    """Return the day of a yyyyMMdd number; None when there is no such day."""
    try:
        return date(number // 10_000, number // 100 % 100, number % 100)
    except (ValueError, OverflowError):
        return None


# --- rules of cash and margin orders ------------------------------------------------------------------------------------
# Each looks at one thing and may trust those before it.

Rule = Callable[[StockOrder], Breach | None]


def _kind(order: StockOrder) -> Breach | None:
    if order.SecurityType != 1:
        return Breach(4002005, "SecurityType", "must be 1")
    if order.Side not in (SELL, BUY):
        return Breach(4002008, "Side", 'must be "1" (sell) or "2" (buy)')
    if order.CashMargin not in (CASH, MARGIN_NEW, MARGIN_REPAY):
        return Breach(4002009, "CashMargin", "must be 1 (cash), 2 (margin new) or 3 (margin repay)")
    return None


def _margin(order: StockOrder) -> Breach | None:
    is_margin = order.CashMargin != CASH
    if is_margin and order.MarginTradeType not in (1, 2, 3):
        return Breach(4002013, "MarginTradeType", "must be 1 (system), 2 (general) or 3 (day trade)")
    if not is_margin and order.MarginTradeType is not UNSET:
        return Breach(4002013, "MarginTradeType", "belongs to margin orders only")
    is_short = order.CashMargin == MARGIN_NEW and order.Side == SELL
    if order.MarginPremiumUnit is not UNSET and not is_short:
        return Breach(4002013, "MarginPremiumUnit", "belongs to new short positions only")
    return None


def _market(order: StockOrder) -> Breach | None:
    if order.Exchange not in STOCK_MARKETS:
        return Breach(4002001, "Exchange", f"must be {_listed(STOCK_MARKETS)}")
    if order.CashMargin != CASH and order.Exchange not in MARGIN_MARKETS:
        return Breach(4002009, "Exchange", f"margin orders go to {_listed(MARGIN_MARKETS)}")
    if order.Exchange == 1 and order.CashMargin != MARGIN_REPAY:
        code = 100378 if order.CashMargin == CASH else 100368
        return Breach(code, "Exchange", "new orders for Tokyo go to 9 (SOR) or 27 (TSE+)")
    return None


def _settlement(order: StockOrder) -> Breach | None:
    if order.AccountType not in (2, 4, 12):
        return Breach(4002007, "AccountType", "must be 2 (general), 4 (specific) or 12 (corporate)")
    if order.DelivType not in (0, 2, 3):
        return Breach(4002010, "DelivType", "must be 0 (none), 2 (deposit) or 3 (au Money Connect)")
    deliveries, funds = _SETTLEMENT[order.Side, order.CashMargin]
    if order.DelivType not in deliveries:
        allowed = " or ".join(map(str, sorted(deliveries)))
        return Breach(4002016, "DelivType", f"must be {allowed} for this side and kind of trade")
    if (order.FundType or "") not in funds:
        allowed = " or ".join(repr(fund) for fund in sorted(funds) if fund)
        return Breach(4002011, "FundType", f"must be {allowed} for this side and kind of trade")
    return None


def _execution(order: StockOrder) -> Breach | None:
    front = STOCK_TYPES.get(order.FrontOrderType)
    if front is None:
        return Breach(4002012, "FrontOrderType", f"must be one of {', '.join(map(str, STOCK_TYPES))}")
    if order.FrontOrderType == STOP:
        return _stop(order.ReverseLimitOrder, may_funari=True, has_trigger_symbol=True)
    if order.ReverseLimitOrder is not UNSET:
        return Breach(4002004, "ReverseLimitOrder", f"belongs to stop orders (FrontOrderType {STOP}) only")
    return _price(order, front)


_STOCK_RULES: tuple[Rule, ...] = (
    _kind,
    _margin,
    _market,
    _settlement,
    _execution,
    lambda order: _close(order, is_repay=order.CashMargin == MARGIN_REPAY),
    lambda order: _size_and_day(order),
)


def stock_breach(order: StockOrder, *, is_sor_down: bool = False, is_sor_basic: bool = False) -> Breach | None:
    """Return the first rule that a cash or margin order breaks; None when it may be sent.

    Parameters:
        order: the order.
        is_sor_down: whether SOR and TSE+ are in maintenance, so that cash orders go to market 1.
        is_sor_basic: whether SOR takes market, limit and stop orders only, as it did until 2026-05-18.
    """
    for rule in _STOCK_RULES:
        breach = rule(order)
        if breach is not None and not (breach.code == 100378 and is_sor_down):
            return breach
    if is_sor_basic and order.Exchange == SOR and order.FrontOrderType not in SOR_BASIC:
        return Breach(4002002, "FrontOrderType", "SOR takes 10, 20 and 30 only")
    return None


# --- rules of futures and options ---------------------------------------------------------------------------------------


def derivative_breach(order: DerivativeOrder, product: Product) -> Breach | None:
    """Return the first rule that an order for futures or options breaks; None when it may be sent."""
    markets = DERIVATIVE_MARKETS[product]
    if order.Exchange not in markets:
        return Breach(4002001, "Exchange", f"must be {_listed(markets)}")
    if order.TradeType not in (1, 2):
        return Breach(4001005, "TradeType", "must be 1 (new) or 2 (repay)")
    if order.TimeInForce not in _TIF_NAMES:
        return Breach(4002014, "TimeInForce", "must be 1 (FAS), 2 (FAK) or 3 (FOK)")
    if order.Side not in (SELL, BUY):
        return Breach(4002008, "Side", 'must be "1" (sell) or "2" (buy)')
    return (
        _derivative_execution(order)
        or _combination(order)
        or _close(order, is_repay=order.TradeType == 2)
        or _size_and_day(order)
    )


def _derivative_execution(order: DerivativeOrder) -> Breach | None:
    front = DERIVATIVE_TYPES.get(order.FrontOrderType)
    if front is None:
        return Breach(4002012, "FrontOrderType", f"must be one of {', '.join(map(str, DERIVATIVE_TYPES))}")
    if order.FrontOrderType == STOP:
        return _stop(order.ReverseLimitOrder, may_funari=False, has_trigger_symbol=False)
    if order.ReverseLimitOrder is not UNSET:
        return Breach(4002004, "ReverseLimitOrder", f"belongs to stop orders (FrontOrderType {STOP}) only")
    return _price(order, front)


def _combination(order: DerivativeOrder) -> Breach | None:
    """Look the order up in the table of types, times in force and markets."""
    kind = DERIVATIVE_TYPES[order.FrontOrderType].name
    if isinstance(order.ReverseLimitOrder, ReverseLimit):
        kind = f"stop to {'market' if order.ReverseLimitOrder.AfterHitOrderType == 1 else 'limit'}"
    column = _COLUMNS[order.Exchange]
    if DERIVATIVE_TABLE.get((kind, order.TimeInForce), (False,) * 4)[column]:
        return None
    times = [tif for (name, tif), columns in DERIVATIVE_TABLE.items() if name == kind and columns[column]]
    if not times:
        return Breach(4002003, "FrontOrderType", f"{kind} is not possible on market {order.Exchange}")
    allowed = " or ".join(f"{tif} ({_TIF_NAMES[tif]})" for tif in times)
    return Breach(4002014, "TimeInForce", f"{kind} on market {order.Exchange} takes {allowed}")


# --- rules of all orders ------------------------------------------------------------------------------------------------


def _is_amount(value: Decimal) -> bool:
    return value.is_finite() and abs(value.adjusted()) <= FURTHEST


def _price(order: StockOrder | DerivativeOrder, front: FrontType) -> Breach | None:
    if not _is_amount(order.Price):
        return Breach(4002017, "Price", "must be a price or 0")
    if front.has_price and order.Price <= 0:
        return Breach(4002017, "Price", f"a {front.name} order needs a price")
    if not front.has_price and order.Price != 0:
        return Breach(4002017, "Price", f"a {front.name} order has the price 0")
    return None


def _stop(stop: object, *, may_funari: bool, has_trigger_symbol: bool) -> Breach | None:
    if not isinstance(stop, ReverseLimit):
        return Breach(4002004, "ReverseLimitOrder", "a stop order needs its condition")
    if has_trigger_symbol and stop.TriggerSec not in (1, 2, 3):
        return Breach(4002004, "TriggerSec", "must be 1 (own symbol), 2 (Nikkei 225) or 3 (TOPIX)")
    if not has_trigger_symbol and stop.TriggerSec is not UNSET:
        return Breach(4002004, "TriggerSec", "belongs to stocks only")
    if stop.UnderOver not in (1, 2):
        return Breach(4002004, "UnderOver", "must be 1 (at or below) or 2 (at or above)")
    if not _is_amount(stop.TriggerPrice) or stop.TriggerPrice <= 0:
        return Breach(4002004, "TriggerPrice", "must be more than zero")
    if stop.AfterHitOrderType not in ((1, 2, 3) if may_funari else (1, 2)):
        choice = "1 (market), 2 (limit) or 3 (funari)" if may_funari else "1 (market) or 2 (limit)"
        return Breach(4002004, "AfterHitOrderType", f"must be {choice}")
    if not _is_amount(stop.AfterHitPrice):
        return Breach(4002017, "AfterHitPrice", "must be a price or 0")
    if (stop.AfterHitOrderType == 1) != (stop.AfterHitPrice == 0) or stop.AfterHitPrice < 0:
        return Breach(4002017, "AfterHitPrice", "must be 0 for market, a price otherwise")
    return None


def _close(order: StockOrder | DerivativeOrder, *, is_repay: bool) -> Breach | None:
    rule, positions = order.ClosePositionOrder, order.ClosePositions
    given = (rule is not UNSET) + (positions is not UNSET)
    if given == 2:
        return Breach(4002015, "ClosePositions", "give ClosePositionOrder or ClosePositions, not both")
    if is_repay and not given:
        return Breach(8, "ClosePositions", "repaying needs ClosePositionOrder or ClosePositions")
    if not is_repay and given:
        return Breach(8, "ClosePositions", "belongs to repaying only")
    if isinstance(rule, int) and not 0 <= rule <= 7:
        return Breach(8, "ClosePositionOrder", "must be 0 to 7")
    if isinstance(positions, list):
        if any(position.Qty <= 0 for position in positions):
            return Breach(8, "ClosePositions", "every quantity must be more than zero")
        if sum(position.Qty for position in positions) != order.Qty:
            return Breach(8, "ClosePositions", "the quantities must add up to Qty")
    return None


def _size_and_day(order: StockOrder | DerivativeOrder) -> Breach | None:
    if order.Qty <= 0:
        return Breach(16, "Qty", "must be more than zero")
    if order.ExpireDay != 0 and day_from(order.ExpireDay) is None:
        return Breach(5, "ExpireDay", "must be a day as yyyyMMdd, or 0")
    return None


def _listed(markets: frozenset[int]) -> str:
    return ", ".join(f"{market} ({EXCHANGES[market]})" for market in sorted(markets))
