"""The vocabulary for orders, fills, positions and accounts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from wsexample.records import orders
from wsexample.records.fields import decode_json, describe, encode_json
from wsexample.records.kinds import is_market_data, kind_of, table_name
from wsexample.records.market import Record
from wsexample.records.orders import (
    OPEN_STATUSES,
    TERMINAL_STATUSES,
    Account,
    Balance,
    Fill,
    Order,
    OrderLeg,
    OrderStatus,
    Position,
)

KINDS = (Order, Fill, Position, Balance, Account)


def order(**changes: Any) -> Order:
    return Order(**({"venue": "v", "symbol": "s", "received_ns": 1, "order_id": "o"} | changes))


def test_every_status_is_open_or_terminal_but_the_unknown_one() -> None:
    """No word leaves it open whether an order may still be filled, except the one for words not known."""
    assert set(OrderStatus) - OPEN_STATUSES - TERMINAL_STATUSES == {OrderStatus.UNKNOWN}
    assert not OPEN_STATUSES & TERMINAL_STATUSES


@pytest.mark.parametrize("record_type", KINDS)
def test_no_queue_may_lose_them(record_type: type[Record]) -> None:
    """Orders, fills, positions and accounts are never conflated or dropped, by inboxes and by sinks: both ask this."""
    assert not is_market_data(record_type)


def test_their_tables_are_no_reserved_words() -> None:
    """SQL reserves ORDER; a table of orders needs no quotes."""
    tables = [table_name(kind_of(kind)) for kind in KINDS]
    assert tables == ["orders", "fills", "positions", "balances", "accounts"]


@pytest.mark.parametrize("record_type", KINDS)
def test_every_field_says_what_it_means(record_type: type[Record]) -> None:
    """Each column has a description, from the docstring under its field."""
    assert [column.name for column in describe(record_type).columns if not column.description] == []


@pytest.mark.parametrize("record_type", KINDS)
def test_money_is_never_a_float(record_type: type[Record]) -> None:
    """Floats forget digits; nothing of your own money is one."""
    assert [column.name for column in describe(record_type).columns if column.sql_type == "REAL"] == []


def test_digits_and_legs_come_back() -> None:
    """Trailing zeros and the legs of a spread survive JSON."""
    legs = (OrderLeg(order_id="l", symbol="x", size=Decimal("1.50"), ratio=Decimal(2)),)
    spread = order(limit_price=Decimal("1.10"), filled_size=Decimal("0.000000001"), legs=legs)
    read = decode_json(encode_json(spread))
    assert isinstance(read, Order)
    assert (read, str(read.limit_price), str(read.legs[0].size)) == (spread, "1.10", "1.50")


def test_a_status_compares_equal_to_its_word() -> None:
    """A record keeps plain text, and people compare it with the table or with a word."""
    partly = order(status="partially_filled", size=Decimal(5), filled_size=Decimal(2))
    assert partly.status == OrderStatus.PARTIALLY_FILLED
    assert partly.is_open
    assert partly.remaining_size == 3
    assert order(notional=Decimal(5)).remaining_size is None
    assert not order(status="canceled").is_open


def test_a_short_position_has_a_negative_size() -> None:
    """The sign tells the side also where the venue does not."""
    assert Position(venue="v", symbol="s", received_ns=1, size=Decimal(-1)).is_short


def test_the_module_exports_what_it_defines() -> None:
    """Every public class of the file is in ``__all__``."""
    defined = {name for name, value in vars(orders).items() if getattr(value, "__module__", "") == orders.__name__}
    assert {name for name in defined if isinstance(getattr(orders, name), type)} <= set(orders.__all__)
    assert issubclass(orders.OrderRequest, msgspec.Struct)
