"""Orders in few words, and requests in the project's own words, become the vendor's bodies."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from wsexample.brokers.kabu.messages.orders import ClosePosition, DerivativeOrder, StockOrder
from wsexample.brokers.kabu.order_rules import derivative_breach, stock_breach
from wsexample.brokers.kabu.orders import (
    CloseRule,
    Stop,
    cash_order,
    derivative_order,
    from_request,
    margin_order,
    product_of,
    repay_order,
)
from wsexample.errors import OptionError
from wsexample.records.orders import OrderRequest

encode = msgspec.json.Encoder(decimal_format="number").encode


def test_a_cash_order_on_the_wire() -> None:
    """The vendor's fields, nothing more, and the price as a number."""
    body = encode(cash_order("9433", "buy", 100, price="2524.5", expire_day=20260304))
    assert msgspec.json.decode(body) == {
        "Symbol": "9433",
        "Exchange": 9,
        "SecurityType": 1,
        "Side": "2",
        "CashMargin": 1,
        "DelivType": 2,
        "FundType": "02",
        "AccountType": 4,
        "Qty": 100,
        "FrontOrderType": 20,
        "Price": 2524.5,
        "ExpireDay": 20260304,
    }


def test_selling_for_cash_has_two_blanks_as_fund() -> None:
    """The vendor's odd spelling for no fund at all."""
    order = cash_order("9433", "sell", 100)
    assert (order.FundType, order.DelivType, order.FrontOrderType, order.Price) == ("  ", 0, 10, 0)


def test_margin_and_repaying_name_their_trade() -> None:
    """New positions settle nothing, repaying does; positions are named or chosen by a rule."""
    new = margin_order("9433", "sell", 100, trade="day")
    assert (new.CashMargin, new.MarginTradeType, new.DelivType) == (2, 3, 0)
    chosen = repay_order("9433", "buy", 100, positions=CloseRule.LOSS_NEWEST)
    assert (chosen.CashMargin, chosen.ClosePositionOrder, chosen.ClosePositions) == (3, 7, msgspec.UNSET)
    named = repay_order("9433", "buy", 100, positions=[ClosePosition("E1", 100)])
    assert (named.ClosePositionOrder, named.ClosePositions) == (msgspec.UNSET, [ClosePosition("E1", 100)])


def test_fields_of_the_vendor_may_be_set() -> None:
    """What the short functions do not know is passed on."""
    order = margin_order("9433", "sell", 100, trade="day", MarginPremiumUnit=Decimal("0.3"), DelivType=3)
    assert (order.MarginPremiumUnit, order.DelivType) == (Decimal("0.3"), 3)


@pytest.mark.parametrize(
    ("options", "front", "tif"),
    [
        ({}, 120, 2),
        ({"price": 50_000}, 20, 1),
        ({"price": 50_000, "time_in_force": "fok"}, 20, 3),
        ({"kind": 18}, 18, 2),
        ({"kind": 28, "price": 50_000}, 28, 1),
        ({"stop": Stop(price=1, when="at or above")}, 30, 2),
        ({"stop": Stop(price=1, when="at or above", limit=2)}, 30, 1),
    ],
)
def test_a_derivative_order_gets_the_time_in_force_that_fits(options: dict[str, Any], front: int, tif: int) -> None:
    """Limits stay (FAS), market orders are now or never (FAK)."""
    order = derivative_order("167060019", "sell", 2, **options)
    assert (order.FrontOrderType, order.TimeInForce, order.TradeType) == (front, tif, 1)
    assert derivative_breach(order, "future") is None


def test_a_stop_watches_its_own_symbol_unless_told() -> None:
    """And becomes market, limit or funari."""
    body = Stop(price=2400, when="at or below", limit="2390.5", funari=True, of="topix").body(is_stock=True)
    assert (body.TriggerSec, body.UnderOver, body.AfterHitOrderType, body.AfterHitPrice) == (3, 1, 3, Decimal("2390.5"))
    assert Stop(price=1, when="at or above").body(is_stock=False).TriggerSec is msgspec.UNSET


@pytest.mark.parametrize(
    ("call", "option"),
    [
        (lambda: cash_order("9433", "bye", 100), "side"),  # type: ignore[arg-type]
        (lambda: cash_order("9433", "buy", Decimal("1.5")), "size"),  # type: ignore[arg-type]
        (lambda: cash_order("9433", "buy", 100, price="cheap"), "price"),
        (lambda: cash_order("9433", "buy", 100, price=float("inf")), "price"),
        (lambda: cash_order("9433", "buy", 100, account="secret"), "account"),
        (lambda: margin_order("9433", "buy", 100, trade="week"), "trade"),
        (lambda: derivative_order("167060019", "buy", 1, time_in_force="gtc"), "time_in_force"),  # type: ignore[arg-type]
        (lambda: cash_order("9433", "sell", 100, stop=Stop(price=1, when="below")), "when"),  # type: ignore[arg-type]
        (lambda: Stop(price=1, when="at or below", of="dow").body(is_stock=True), "of"),  # type: ignore[arg-type]
    ],
)
def test_words_that_mean_nothing_are_refused(call: Any, option: str) -> None:
    """With what would be understood."""
    with pytest.raises(OptionError) as caught:
        call()
    assert caught.value.option == option


@pytest.mark.parametrize(
    ("code", "product"), [("9433", None), ("167060019", "future"), ("191125018", "option"), ("101", None)]
)
def test_the_product_follows_from_the_code(code: str, product: str | None) -> None:
    """Nine characters are a derivative, and 16 begins a future."""
    assert product_of(code) == product


def request(**fields: Any) -> OrderRequest:
    return OrderRequest(**{"symbol": "9433", "side": "buy", "size": Decimal(100)} | fields)


@pytest.mark.parametrize(
    ("fields", "market", "front"),
    [
        ({}, 9, 10),
        ({"order_type": "limit", "limit_price": Decimal(2500)}, 9, 20),
        ({"symbol": "9433@27", "time_in_force": "ioc"}, 27, 17),
        ({"side": "sell", "reduce_only": True}, 9, 10),
        ({"order_type": "limit", "limit_price": Decimal(2500), "time_in_force": "ioc"}, 9, 27),
        ({"time_in_force": "opg"}, 9, 13),
        ({"order_type": "limit", "limit_price": Decimal(2500), "time_in_force": "cls"}, 9, 24),
        ({"order_type": "stop", "stop_price": Decimal(2600)}, 9, 30),
        ({"order_type": "stop_limit", "stop_price": Decimal(2600), "limit_price": Decimal(2610)}, 9, 30),
    ],
)
def test_requests_for_stocks(fields: dict[str, Any], market: int, front: int) -> None:
    """The house's words become a cash order that may be sent."""
    order = from_request(request(**fields))
    assert isinstance(order, StockOrder)
    assert (order.Exchange, order.FrontOrderType, order.CashMargin) == (market, front, 1)
    assert stock_breach(order) is None


@pytest.mark.parametrize(
    ("fields", "front", "tif", "trade"),
    [
        ({}, 120, 2, 1),
        ({"time_in_force": "fok"}, 120, 3, 1),
        ({"order_type": "limit", "limit_price": Decimal(50_000)}, 20, 1, 1),
        ({"order_type": "limit", "limit_price": Decimal(50_000), "time_in_force": "cls"}, 28, 1, 1),
        ({"reduce_only": True}, 120, 2, 2),
        ({"side": "sell", "order_type": "stop", "stop_price": Decimal(49_000)}, 30, 2, 1),
    ],
)
def test_requests_for_futures(fields: dict[str, Any], front: int, tif: int, trade: int) -> None:
    """The same for derivatives; reduce_only repays."""
    order = from_request(request(symbol="167060019", size=Decimal(2), **fields))
    assert isinstance(order, DerivativeOrder)
    assert (order.FrontOrderType, order.TimeInForce, order.TradeType) == (front, tif, trade)
    assert derivative_breach(order, "future") is None


@pytest.mark.parametrize(
    ("fields", "option"),
    [
        ({"size": None, "notional": Decimal(1)}, "notional"),
        ({"size": None}, "size"),
        ({"size": Decimal("1.5")}, "size"),
        ({"size": Decimal("NaN")}, "size"),
        ({"size": Decimal("Infinity")}, "size"),
        ({"reduce_only": True}, "reduce_only"),
        ({"symbol": "9433@SOR"}, "symbol"),
        ({"order_type": "trailing_stop", "trail_price": Decimal(1)}, "trail_price"),
        ({"order_type": "trailing_stop"}, "order_type"),
        ({"order_type": "limit"}, "limit_price"),
        ({"limit_price": Decimal(1)}, "limit_price"),
        ({"order_type": "stop"}, "stop_price"),
        ({"stop_price": Decimal(1)}, "stop_price"),
        ({"order_type": "stop_limit", "stop_price": Decimal(1)}, "limit_price"),
        ({"time_in_force": "gtc"}, "time_in_force"),
        ({"time_in_force": "fok"}, "time_in_force"),
        ({"order_type": "stop", "stop_price": Decimal(1), "time_in_force": "ioc"}, "time_in_force"),
    ],
)
def test_requests_that_kabu_station_has_no_order_for(fields: dict[str, Any], option: str) -> None:
    """Refused before anything is sent."""
    with pytest.raises(OptionError) as caught:
        from_request(request(**fields))
    assert caught.value.option == option
