"""The table of order states, and orders that walk through it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.paper.parts import order
from wsexample.errors import StateError
from wsexample.paper.lifecycle import TABLE, OrderEvent, WorkingOrder, next_status
from wsexample.records.orders import TERMINAL_STATUSES, OrderStatus


def working(**facts: object) -> WorkingOrder:
    request = order(size=10, **facts)
    return WorkingOrder("paper-1", request, request.size, submitted_ns=0, arrives_ns=0)


@pytest.mark.parametrize("status", sorted(TERMINAL_STATUSES))
@pytest.mark.parametrize("event", list(OrderEvent))
def test_nothing_happens_to_an_order_that_has_ended(status: OrderStatus, event: OrderEvent) -> None:
    """Terminal states have no way out."""
    with pytest.raises(StateError, match=f"{status} cannot be {event}"):
        next_status(OrderStatus(status), event)


def test_every_open_state_can_end() -> None:
    """From each open state of the table an order can be canceled and can expire."""
    for status in {status for status, _ in TABLE}:
        assert TABLE[status, OrderEvent.CANCEL] is OrderStatus.CANCELED
        assert TABLE[status, OrderEvent.EXPIRE] is OrderStatus.EXPIRED


def test_every_state_is_reached() -> None:
    """The table leads from pending to each state that it knows."""
    reached, new = {OrderStatus.PENDING}, {OrderStatus.PENDING}
    while new:
        new = {after for (before, _), after in TABLE.items() if before in new} - reached
        reached |= new
    assert reached == set(TABLE.values()) | {status for status, _ in TABLE}


def test_fills_add_up() -> None:
    """Size, value and average price follow from the executions; the last one ends the order."""
    made = working(limit_price=5)
    made.step(OrderEvent.ACCEPT, 0)
    assert made.fill(Decimal(4), Decimal(4), 1) is OrderEvent.PARTIAL_FILL
    assert made.status is OrderStatus.PARTIALLY_FILLED
    assert made.fill(Decimal(5), Decimal(6), 2) is OrderEvent.FILL
    told = made.snapshot("paper", "fill", 2, "USD")
    assert (told.status, told.filled_size, told.average_price) == ("filled", Decimal(10), Decimal("4.6"))


def test_a_pending_order_cannot_be_filled() -> None:
    """What has not arrived meets nothing."""
    with pytest.raises(StateError, match="pending cannot be fill"):
        working().fill(Decimal(4), Decimal(10), 1)
