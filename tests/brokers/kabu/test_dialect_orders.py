"""Rows about the account become records; what is new between two polls is found."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from wsexample.brokers.kabu.dialect.orders import (
    OrderTracker,
    account_of,
    fills_of,
    order_of,
    position_of,
    status_of,
    trades_of,
)
from wsexample.brokers.kabu.messages.orders import CashWallet, MarginWallet, OrderRow, PositionRow
from wsexample.brokers.kabu.messages.reads import TimeAndSales, TradedPrice
from wsexample.records.orders import Fill, Order

S = 10**9
TEN = 1_772_586_000 * S  # 2026-03-04 10:00 in Japan

ROW = """{
 "ID": "20260304A01N06848002", "State": 3, "OrderState": 3, "OrdType": 1,
 "RecvTime": "2026-03-04T10:00:00.250000+09:00", "Symbol": "9433", "SymbolName": "x", "Exchange": 9,
 "ExchangeName": "SOR", "Price": 2524.50, "OrderQty": 300.0, "CumQty": 200.0, "Side": "2", "CashMargin": 2,
 "AccountType": 4, "DelivType": 2, "ExpireDay": 20260304, "MarginTradeType": 1, "MarginPremium": null,
 "Details": [
  {"SeqNum": 1, "ID": "20260304A01N06848002", "RecType": 1, "ExchangeID": null, "State": 3,
   "TransactTime": "2026-03-04T10:00:00.250000+09:00", "OrdType": 1, "Price": 2524.5, "Qty": 300.0,
   "ExecutionID": "", "ExecutionDay": null, "DelivDay": 0, "Commission": 0.0, "CommissionTax": 0.0},
  {"SeqNum": 3, "ID": "x", "RecType": 8, "State": 3, "TransactTime": "2026-03-04T10:00:01.500000+09:00", "OrdType": 0,
   "Price": 2524.0, "Qty": 100.0, "ExecutionID": "E1", "ExecutionDay": "2026-03-04T10:00:01+09:00",
   "DelivDay": 20260306, "Commission": 50.0, "CommissionTax": 5.0},
  {"SeqNum": 4, "ID": "y", "RecType": 8, "State": 3, "TransactTime": "2026-03-04T10:00:02.500000+09:00", "OrdType": 0,
   "Price": 2524.5, "Qty": 100.0, "ExecutionID": "E2", "ExecutionDay": "2026-03-04T10:00:02+09:00",
   "DelivDay": 20260306, "Commission": 50.0, "CommissionTax": 5.0}
 ]}"""


def row(**changes: Any) -> OrderRow:
    """The example with some fields changed."""
    return msgspec.convert(msgspec.json.decode(ROW) | changes, OrderRow)


def detail(**changes: Any) -> dict[str, Any]:
    return {"SeqNum": 9, "RecType": 6, "State": 3, "TransactTime": "2026-03-04T10:00:09+09:00"} | changes


def test_an_order_as_a_record() -> None:
    """Every field that the vendor has a word for."""
    order = order_of(row(), TEN)
    assert order == Order(
        venue="kabu",
        symbol="9433@1",
        exchange_ns=TEN + 2_500_000_000,
        received_ns=TEN,
        order_id="20260304A01N06848002",
        status="partially_filled",
        venue_status="processed",
        side="buy",
        order_type="limit",
        time_in_force="day",
        size=Decimal(300),
        limit_price=Decimal("2524.5"),
        filled_size=Decimal(200),
        average_price=Decimal("2524.25"),
        fee=Decimal(110),
        fee_currency="JPY",
        asset_class="margin",
        position_intent="buy_to_open",
        created_ns=TEN + 250_000_000,
        updated_ns=TEN + 2_500_000_000,
        filled_ns=TEN + 2 * S,
    )


def test_its_executions_as_records() -> None:
    """One each, with what was filled by then."""
    fills = fills_of(row(), TEN)
    assert [(fill.fill_id, fill.price, fill.size, fill.cumulative_size) for fill in fills] == [
        ("E1", Decimal(2524), Decimal(100), Decimal(100)),
        ("E2", Decimal("2524.5"), Decimal(100), Decimal(200)),
    ]
    assert [fill.exchange_ns for fill in fills] == [TEN + S, TEN + 2 * S]
    assert fills[0].fee == Decimal(55)


def test_a_fee_that_is_not_said_is_none() -> None:
    """Nothing is not said to cost nothing; and when it is said later, the order is told again."""
    plain = msgspec.json.decode(ROW)
    for each in plain["Details"]:
        each["Commission"] = each["CommissionTax"] = None
    silent = msgspec.convert(plain, OrderRow)
    assert [(fill.fee, fill.fee_currency) for fill in fills_of(silent, TEN)] == [(None, None)] * 2
    assert (order_of(silent, TEN).fee, order_of(silent, TEN).fee_currency) == (None, None)
    tracker = OrderTracker()
    assert len(tracker.take([silent], TEN)) == 3
    assert tracker.take([silent], TEN + 1) == []
    assert tracker.take([row()], TEN + 2) == [order_of(row(), TEN + 2)]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"State": 1}, "pending"),
        ({"State": 2}, "pending"),
        ({"State": 3, "CumQty": 0}, "new"),
        ({"State": 4, "CumQty": 0}, "new"),
        ({"State": 4}, "partially_filled"),
        ({"State": 5, "CumQty": 300}, "filled"),
        ({"State": 5, "Details": [detail()]}, "canceled"),
        ({"State": 5, "Details": [detail(RecType=3)]}, "expired"),
        ({"State": 5, "Details": [detail(RecType=7)]}, "expired"),
        ({"State": 5, "Details": [detail(RecType=4, State=4)]}, "rejected"),
        ({"State": 5, "Details": [detail(RecType=1)]}, "unknown"),
        ({"State": 5, "Details": []}, "unknown"),
        ({"State": 9}, "unknown"),
    ],
)
def test_where_an_order_stands(changes: dict[str, Any], status: str) -> None:
    """State and last detail together."""
    assert status_of(row(**changes)) == status


def test_an_order_without_details_is_still_an_order() -> None:
    """``details=false`` leaves executions out."""
    plain = msgspec.json.decode(ROW)
    del plain["Details"]
    order = order_of(msgspec.convert(plain, OrderRow), TEN)
    assert (order.filled_size, order.average_price, order.fee) == (Decimal(200), None, None)
    assert order.exchange_ns == TEN + 250_000_000


@pytest.mark.parametrize(
    ("changes", "tif", "order_type", "asset", "symbol"),
    [
        ({"OrdType": 6, "Price": 0}, "ioc", "market", "margin", "9433@1"),
        ({"OrdType": 2}, "opg", "limit", "margin", "9433@1"),
        ({"OrdType": 3}, "cls", "limit", "margin", "9433@1"),
        ({"MarginTradeType": None, "Exchange": 3}, "day", "limit", "cash", "9433@3"),
        (
            {"Symbol": "167060019", "Exchange": 33, "TimeInForce": 3, "MarginTradeType": None},
            "fok",
            "limit",
            "future",
            "167060019@23",
        ),
        ({"Symbol": "191125018", "Exchange": 2, "TimeInForce": 1}, "day", "limit", "option", "191125018@2"),
        ({"Symbol": "191125018", "Exchange": 2, "TimeInForce": 2}, "ioc", "limit", "option", "191125018@2"),
    ],
)
def test_words_follow_from_codes(changes: dict[str, Any], tif: str, order_type: str, asset: str, symbol: str) -> None:
    """Time in force, type, class and symbol."""
    order = order_of(row(**changes), TEN)
    assert (order.time_in_force, order.order_type, order.asset_class, order.symbol) == (tif, order_type, asset, symbol)


def test_a_cancelled_order_says_so_and_has_an_end() -> None:
    """With what was filled before."""
    order = order_of(row(State=5, Details=[*msgspec.json.decode(ROW)["Details"], detail()]), TEN, is_backfilled=True)
    assert (order.status, order.venue_status, order.filled_size) == ("canceled", "finished: cancelled", Decimal(200))
    assert order.ended_ns == order.updated_ns == TEN + 9 * S
    assert order.is_backfilled


def test_only_changes_are_told() -> None:
    """An execution once, an order when anything of it changed."""
    tracker = OrderTracker()
    first = row(CumQty=100, Details=msgspec.json.decode(ROW)["Details"][:2])
    assert [type(record) for record in tracker.take([first], TEN)] == [Fill, Order]
    assert tracker.take([first], TEN) == []
    news = tracker.take([row()], TEN)
    assert [getattr(record, "fill_id", None) for record in news] == ["E2", None]
    assert tracker.take([row(), first], TEN)[-1].order_id == first.ID  # type: ignore[union-attr]


def test_a_position_as_a_record() -> None:
    """Sold is negative; what orders hold is not available."""
    position = position_of(
        PositionRow(
            ExecutionID="E1",
            Symbol="9433",
            Exchange=27,
            ExecutionDay=20260304,
            Price=Decimal(2500),
            LeavesQty=Decimal(300),
            HoldQty=Decimal(100),
            Side="1",
            Expenses=Decimal(7),
            Commission=Decimal(3),
            MarginTradeType=1,
            CurrentPrice=Decimal(2400),
            Valuation=Decimal(720000),
            ProfitLoss=Decimal(30000),
        ),
        TEN,
    )
    assert (position.size, position.side, position.available_size) == (Decimal(-300), "short", Decimal(200))
    assert (position.market_value, position.unrealized_pnl, position.fee) == (
        Decimal(-720000),
        Decimal(30000),
        Decimal(10),
    )
    assert (position.symbol, position.asset_class, position.position_id) == ("9433@1", "margin", "E1")
    assert position.opened_ns == TEN - 10 * 3600 * S
    cash = position_of(PositionRow(Symbol="9433", Exchange=1, LeavesQty=Decimal(100), Side="2"), TEN)
    assert (cash.size, cash.asset_class, cash.opened_ns, cash.fee) == (Decimal(100), "cash", None, None)


def test_wallets_as_an_account() -> None:
    """Cash alone, or with the room for margin."""
    cash = CashWallet(Decimal(500))
    assert account_of(cash, None, TEN).buying_power == Decimal(500)
    account = account_of(cash, MarginWallet(Decimal(1500)), TEN)
    assert (account.available, account.buying_power, account.currency) == (Decimal(500), Decimal(1500), "JPY")
    assert account_of(CashWallet(None), None, TEN).available is None


def test_time_and_sales_as_trades() -> None:
    """Oldest first; rows without a price say nothing."""
    tape = TimeAndSales(
        "9433", 1, 2, [TradedPrice("2026-03-04T10:00:00+09:00", 100.0, 2500.0), TradedPrice(None, None, None)]
    )
    (trade,) = trades_of(tape, TEN + 1)
    assert (trade.symbol, trade.price, trade.size, trade.exchange_ns) == ("9433@1", 2500.0, 100.0, TEN)
