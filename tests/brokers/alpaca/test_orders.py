"""REST objects as records: activities, accounts, positions; and decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.brokers.alpaca.payloads import ns
from wsexample.brokers.alpaca.dialect.orders import OrderReader, decimal_of
from wsexample.brokers.alpaca.messages.trading import AccountMessage, ActivityMessage, OrderMessage, PositionMessage
from wsexample.records.orders import Fill

READER = OrderReader()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1.10", "1.10"),
        ("0.000000001", "1E-9"),
        (187.21, "187.21"),
        (5, "5"),
        ("-4", "-4"),
        ("", None),
        (None, None),
        (msgspec.UNSET, None),
        ("n/a", None),
        ("NaN", None),
        ("Infinity", None),
    ],
)
def test_decimals_keep_every_digit(value: Any, expected: str | None) -> None:
    """Texts and numbers become exact decimals; what is no number is None."""
    found = decimal_of(value)
    assert (None if found is None else str(found)) == expected


ACTIVITY = {
    "id": "20260302093001402::e1aa0000-0000-4000-8000-000000000002",
    "activity_type": "FILL",
    "transaction_time": "2026-03-02T14:30:01.40299112Z",
    "type": "partial_fill",
    "price": "187.15",
    "qty": "4",
    "side": "buy",
    "symbol": "AAPL",
    "leaves_qty": "6",
    "cum_qty": "4",
    "order_id": "7d0c5f0e-6a3e-4a4f-9d5e-000000000001",
    "order_status": "partially_filled",
}


def activity(**changes: Any) -> Fill | None:
    message = msgspec.convert(ACTIVITY | changes, ActivityMessage)
    return READER.activity(message, 5, is_backfilled=True)


def test_an_activity_is_an_execution() -> None:
    """Its id is the part behind the time."""
    assert activity() == Fill(
        venue="alpaca",
        symbol="AAPL",
        exchange_ns=ns("2026-03-02T14:30:01.40299112Z"),
        received_ns=5,
        fill_id="e1aa0000-0000-4000-8000-000000000002",
        order_id="7d0c5f0e-6a3e-4a4f-9d5e-000000000001",
        side="buy",
        price=Decimal("187.15"),
        size=Decimal(4),
        cumulative_size=Decimal(4),
        is_backfilled=True,
    )


@pytest.mark.parametrize("changes", [{"type": "dividend"}, {"price": None}, {"qty": "?"}, {"order_id": None}])
def test_what_says_too_little_is_no_execution(changes: dict[str, Any]) -> None:
    """No record is made up."""
    assert activity(**changes) is None


def test_an_account_becomes_a_record() -> None:
    """Money is exact, and any of the three blocks counts."""
    message = AccountMessage(
        id="a-1", currency="USD", cash="-100.50", equity="25000.25", multiplier="4", trade_suspended_by_user=True
    )
    account = READER.account(message, 5)
    assert (account.cash, account.equity, account.leverage) == (Decimal("-100.50"), Decimal("25000.25"), 4)
    assert account.is_blocked
    assert not READER.account(AccountMessage(id="a-1"), 5).is_blocked


@pytest.mark.parametrize(("quantity", "side", "size"), [("5", "long", 5), ("-5", "short", -5), ("5", "short", -5)])
def test_a_short_position_is_negative(quantity: str, side: str, size: int) -> None:
    """Whether the vendor says it by the sign or by the side."""
    position = READER.position(PositionMessage(symbol="XYZ", qty=quantity, side=side, unrealized_pl="1.5"), 5)
    assert (position.size, position.side, position.unrealized_pnl) == (size, side, Decimal("1.5"))


def test_an_order_of_rest_is_a_snapshot_that_was_asked_for() -> None:
    """It has no event, and its time is its last change."""
    order = READER.order(OrderMessage(id="o", updated_at="2026-03-02T14:30:00Z", status="held", notional="50.5"), 5)
    assert (order.event, order.exchange_ns, order.status) == (None, ns("2026-03-02T14:30:00Z"), "pending")
    assert (order.notional, order.size, order.remaining_size) == (Decimal("50.5"), None, None)
