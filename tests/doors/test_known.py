"""Which updates have been taken: doubles are told by any name, the newest time is kept, memory is bounded."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from wsexample.doors.known import KnownUpdates
from wsexample.records.market import Quote
from wsexample.records.orders import Fill, Order

KNOWN: dict[str, Any] = {"venue": "alpaca", "symbol": "AAPL", "received_ns": 1, "order_id": "o"}


def fill(number: int, **facts: Any) -> Fill:
    size = Decimal(number)
    return Fill(
        **{**KNOWN, "fill_id": f"f{number}", "size": size, "cumulative_size": size, "exchange_ns": number, **facts}
    )


def test_an_update_is_new_once() -> None:
    """Executions by their id or their place in the order, orders by what they say."""
    known = KnownUpdates()
    assert known.take(fill(1))
    assert not known.take(fill(1))
    assert not known.take(fill(1, fill_id="listed otherwise", is_backfilled=True))
    assert known.take(Order(**KNOWN, status="new", event="new", exchange_ns=5))
    assert not known.take(Order(**KNOWN, status="new", event="new", exchange_ns=5))
    assert known.until_ns == 5


def test_what_was_not_taken_after_all_is_new_again() -> None:
    """Once: it is known again from then on."""
    known = KnownUpdates()
    assert known.take(fill(1))
    known.forget(fill(1))
    assert [known.take(fill(1)), known.take(fill(1))] == [True, False]


def test_what_is_stored_is_recalled() -> None:
    """Only orders and executions; other records of the store say nothing."""
    known = KnownUpdates()
    known.recall([Quote(venue="alpaca", symbol="AAPL", received_ns=9, exchange_ns=9), fill(3)])
    assert known.until_ns == 3
    assert not known.take(fill(3))


def test_memory_is_bounded() -> None:
    """The oldest are forgotten, the newest are not."""
    known = KnownUpdates(keep=10)
    for number in range(1, 100):
        assert known.take(fill(number))
    assert not known.take(fill(99))
    assert len(vars(known)["_keys"]) <= 20
