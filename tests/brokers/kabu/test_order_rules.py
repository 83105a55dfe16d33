"""What an order must look like: each rule of the vendor's reference, by the code it is refused with."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from wsexample.brokers.kabu.messages.orders import ClosePosition, ReverseLimit
from wsexample.brokers.kabu.order_rules import DERIVATIVE_TABLE, STOCK_TYPES, day_from, derivative_breach, stock_breach
from wsexample.brokers.kabu.orders import CloseRule, Stop, cash_order, derivative_order, margin_order, repay_order

BUY = cash_order("9433", "buy", 100, price=2500)
SELL = cash_order("9433", "sell", 100)
SHORT = margin_order("9433", "sell", 100, price=2500)
COVER = repay_order("9433", "buy", 100)
STOPPED = cash_order("9433", "sell", 100, stop=Stop(price=2400, when="at or below"))
CONDITION = ReverseLimit(TriggerPrice=Decimal(2400), UnderOver=1, AfterHitOrderType=1, TriggerSec=1)
HOLD = [ClosePosition("E1", 60), ClosePosition("E2", 40)]
FUTURE = derivative_order("167060019", "buy", 1, price=50_000)


@pytest.mark.parametrize(
    "order",
    [BUY, SELL, SHORT, COVER, STOPPED, repay_order("9433", "buy", 100, positions=HOLD, market=1)],
    ids=["buy", "sell", "short", "cover", "stop", "repay at Tokyo"],
)
def test_orders_as_they_should_be_pass(order: Any) -> None:
    """What the short functions make may be sent."""
    assert stock_breach(order) is None


@pytest.mark.parametrize(("kind", "name"), [(code, front.name) for code, front in STOCK_TYPES.items()])
def test_every_type_of_stock_order_has_a_valid_form(kind: int, name: str) -> None:
    """A price where the type has one, none where it has not, a condition for stop orders."""
    order = replace(BUY, FrontOrderType=kind, Price=Decimal(2500 if STOCK_TYPES[kind].has_price else 0))
    assert stock_breach(replace(order, ReverseLimitOrder=CONDITION if kind == 30 else UNSET)) is None
    if kind != 30:
        wrong = replace(order, Price=Decimal(0 if STOCK_TYPES[kind].has_price else 2500))
        breach = stock_breach(wrong)
        assert breach is not None
        assert (breach.code, breach.field) == (4002017, "Price")
        assert name in breach.sentence


@pytest.mark.parametrize(
    ("order", "changes", "code", "field"),
    [
        (BUY, {"SecurityType": 2}, 4002005, "SecurityType"),
        (BUY, {"Side": "3"}, 4002008, "Side"),
        (BUY, {"CashMargin": 4}, 4002009, "CashMargin"),
        (BUY, {"MarginTradeType": 1}, 4002013, "MarginTradeType"),
        (SHORT, {"MarginTradeType": UNSET}, 4002013, "MarginTradeType"),
        (SHORT, {"MarginTradeType": 4}, 4002013, "MarginTradeType"),
        (BUY, {"MarginPremiumUnit": Decimal(1)}, 4002013, "MarginPremiumUnit"),
        (BUY, {"Exchange": 2}, 4002001, "Exchange"),
        (BUY, {"Exchange": 1}, 100378, "Exchange"),
        (SHORT, {"Exchange": 1}, 100368, "Exchange"),
        (SHORT, {"Exchange": 5}, 4002009, "Exchange"),
        (BUY, {"AccountType": 3}, 4002007, "AccountType"),
        (BUY, {"DelivType": 1}, 4002010, "DelivType"),
        (BUY, {"DelivType": 0}, 4002016, "DelivType"),
        (SELL, {"DelivType": 2}, 4002016, "DelivType"),
        (SHORT, {"DelivType": 2}, 4002016, "DelivType"),
        (COVER, {"DelivType": 0}, 4002016, "DelivType"),
        (BUY, {"FundType": "  "}, 4002011, "FundType"),
        (BUY, {"FundType": UNSET}, 4002011, "FundType"),
        (SELL, {"FundType": "02"}, 4002011, "FundType"),
        (SHORT, {"FundType": "02"}, 4002011, "FundType"),
        (BUY, {"FrontOrderType": 11}, 4002012, "FrontOrderType"),
        (BUY, {"FrontOrderType": 120}, 4002012, "FrontOrderType"),
        (BUY, {"ReverseLimitOrder": CONDITION}, 4002004, "ReverseLimitOrder"),
        (STOPPED, {"ReverseLimitOrder": UNSET}, 4002004, "ReverseLimitOrder"),
        (STOPPED, {"ReverseLimitOrder": replace(CONDITION, TriggerSec=UNSET)}, 4002004, "TriggerSec"),
        (STOPPED, {"ReverseLimitOrder": replace(CONDITION, UnderOver=3)}, 4002004, "UnderOver"),
        (STOPPED, {"ReverseLimitOrder": replace(CONDITION, TriggerPrice=Decimal(0))}, 4002004, "TriggerPrice"),
        (STOPPED, {"ReverseLimitOrder": replace(CONDITION, AfterHitOrderType=4)}, 4002004, "AfterHitOrderType"),
        (STOPPED, {"ReverseLimitOrder": replace(CONDITION, AfterHitPrice=Decimal(1))}, 4002017, "AfterHitPrice"),
        (STOPPED, {"ReverseLimitOrder": replace(CONDITION, AfterHitOrderType=3)}, 4002017, "AfterHitPrice"),
        (COVER, {"ClosePositions": HOLD}, 4002015, "ClosePositions"),
        (COVER, {"ClosePositionOrder": UNSET}, 8, "ClosePositions"),
        (COVER, {"ClosePositionOrder": 8}, 8, "ClosePositionOrder"),
        (COVER, {"ClosePositionOrder": UNSET, "ClosePositions": HOLD[:1]}, 8, "ClosePositions"),
        (COVER, {"ClosePositionOrder": UNSET, "ClosePositions": [ClosePosition("E", 0)]}, 8, "ClosePositions"),
        (BUY, {"ClosePositionOrder": 0}, 8, "ClosePositions"),
        (BUY, {"Qty": 0}, 16, "Qty"),
        (BUY, {"ExpireDay": 20260230}, 5, "ExpireDay"),
    ],
)
def test_each_rule_of_stock_orders_has_its_code(order: Any, changes: dict[str, Any], code: int, field: str) -> None:
    """One field changed, one rule broken, and the sentence names the field."""
    breach = stock_breach(replace(order, **changes))
    assert breach is not None
    assert (breach.code, breach.field) == (code, field)
    assert str(breach).startswith(f"{field}: ")
    assert str(code) in str(breach)


def test_tokyo_takes_cash_orders_while_sor_is_down() -> None:
    """The one exception of the rule about market 1, and only for cash."""
    assert stock_breach(replace(BUY, Exchange=1), is_sor_down=True) is None
    breach = stock_breach(replace(SHORT, Exchange=1), is_sor_down=True)
    assert breach is not None
    assert breach.code == 100368


def test_sor_took_three_types_in_the_past() -> None:
    """Until May 2026 everything but market, limit and stop was refused there."""
    opening = cash_order("9433", "buy", 100, kind=13)
    assert stock_breach(opening) is None
    breach = stock_breach(opening, is_sor_basic=True)
    assert breach is not None
    assert breach.code == 4002002
    assert stock_breach(replace(opening, Exchange=27), is_sor_basic=True) is None
    assert stock_breach(BUY, is_sor_basic=True) is None


def build(kind: str, tif: int, market: int) -> Any:
    """An order of a kind of the table."""
    stop = None
    if kind.startswith("stop"):
        stop = Stop(price=49_000, when="at or below", limit=48_900 if kind.endswith("limit") else None)
    front = {"limit": 20, "market": 120, "market on close": 18, "limit on close": 28}.get(kind)
    price = 50_000 if kind in ("limit", "limit on close") else None
    return derivative_order("167060019", "buy", 1, price=price, kind=front, stop=stop, market=market, TimeInForce=tif)


KINDS = sorted({kind for kind, _ in DERIVATIVE_TABLE})
MARKETS = {23: 0, 24: 0, 2: 1, 33: 2, 34: 2, 32: 3}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tif", [1, 2, 3])
@pytest.mark.parametrize("market", MARKETS)
def test_the_table_decides_over_derivatives(kind: str, tif: int, market: int) -> None:
    """Type, time in force and market together are in the reference's table or refused."""
    breach = derivative_breach(build(kind, tif, market), "future")
    allowed = DERIVATIVE_TABLE.get((kind, tif), (False,) * 4)[MARKETS[market]]
    assert (breach is None) == allowed
    if breach is not None:
        possible = [time for (name, time), row in DERIVATIVE_TABLE.items() if name == kind and row[MARKETS[market]]]
        assert breach.code == (4002014 if possible else 4002003)
        assert all(f"{time} (" in breach.sentence for time in possible)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"Exchange": 9}, 4002001, "Exchange"),
        ({"TradeType": 3}, 4001005, "TradeType"),
        ({"TimeInForce": 0}, 4002014, "TimeInForce"),
        ({"Side": "0"}, 4002008, "Side"),
        ({"FrontOrderType": 10}, 4002012, "FrontOrderType"),
        ({"FrontOrderType": 120}, 4002017, "Price"),
        ({"Price": Decimal(0)}, 4002017, "Price"),
        ({"ReverseLimitOrder": CONDITION}, 4002004, "ReverseLimitOrder"),
        ({"FrontOrderType": 30, "ReverseLimitOrder": CONDITION}, 4002004, "TriggerSec"),
        (
            {"FrontOrderType": 30, "ReverseLimitOrder": replace(CONDITION, TriggerSec=UNSET, AfterHitOrderType=3)},
            4002004,
            "AfterHitOrderType",
        ),
        ({"TradeType": 2}, 8, "ClosePositions"),
        ({"ClosePositionOrder": 0}, 8, "ClosePositions"),
        ({"Qty": -1}, 16, "Qty"),
        ({"ExpireDay": 1}, 5, "ExpireDay"),
    ],
)
def test_each_rule_of_derivative_orders_has_its_code(changes: dict[str, Any], code: int, field: str) -> None:
    """The same for futures; options share the rules but for their markets."""
    for product in ("future", "option"):
        breach = derivative_breach(replace(FUTURE, **changes), product)
        assert breach is not None
        assert (breach.code, breach.field) == (code, field)


def test_options_do_not_go_through_sor() -> None:
    """Markets 32 to 34 take futures only."""
    order = replace(FUTURE, Exchange=33)
    assert derivative_breach(order, "future") is None
    breach = derivative_breach(order, "option")
    assert breach is not None
    assert breach.code == 4002001


def test_repaying_names_positions_or_a_rule() -> None:
    """Either of the two passes."""
    for positions in (CloseRule.GAIN_NEWEST, [ClosePosition("E1", 1)]):
        order = derivative_order("167060019", "sell", 1, price=50_000, positions=positions)
        assert derivative_breach(order, "future") is None


def test_days_are_days() -> None:
    """yyyyMMdd, of the calendar."""
    assert str(day_from(20260304)) == "2026-03-04"
    assert [day_from(number) for number in (0, 20260001, 20261301, -5, 99999999)] == [None] * 5
