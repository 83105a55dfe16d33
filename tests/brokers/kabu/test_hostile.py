"""What no honest kabu Station sends: codes and amounts that are none, days that do not fit, names without end."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.brokers.kabu.payloads import RECEIVED_NS, raw
from wsexample.brokers.kabu.dialect import KabuDialect
from wsexample.brokers.kabu.dialect.orders import account_of, position_of
from wsexample.brokers.kabu.dialect.times import TimeTable
from wsexample.brokers.kabu.messages.orders import CashWallet, PositionRow
from wsexample.errors import DialectError


def changed(**fields: Any) -> bytes:
    return json.dumps(json.loads(raw("stock")) | fields).encode()


@pytest.mark.parametrize("field", ["Exchange", "SecurityType", "CurrentPriceStatus"])
@pytest.mark.parametrize("value", [2**64, -(2**40), 10**400])
@pytest.mark.parametrize("is_known", [False, True])
def test_a_code_that_no_table_has_room_for_makes_no_board(field: str, value: int, is_known: bool) -> None:
    """Also after boards of the same layout, which are read faster; the next board is read."""
    dialect = KabuDialect()
    for _ in range(3 * is_known):
        assert dialect.receive(raw("stock"), False, RECEIVED_NS).records
    assert not dialect.receive(changed(**{field: value}), False, RECEIVED_NS).records
    assert dialect.receive(raw("stock"), False, RECEIVED_NS).records
    assert dialect.unreadable == 1


def test_what_is_kept_of_a_board_is_bounded() -> None:
    """Neither what was wrong nor how many symbols there are nor a text where a time stands fills memory."""
    dialect = KabuDialect()
    dialect.receive(changed(Exchange="x" * 100_000), False, RECEIVED_NS)
    assert len(dialect.kept[0].reason) < 1100
    for number in range(20_100):
        dialect.receive(b'{"Symbol":"%d","Exchange":1}' % number, False, RECEIVED_NS)
    assert len(dialect.newest) == 20_000
    times = TimeTable()
    assert times["2026-03-04T10:15:32." + "0" * 100_000] is None
    assert len(times) == 1


@pytest.mark.parametrize("amount", ['"NaN"', '"sNaN"', '"-Infinity"', '"1e999999"', "1e-400"])
def test_amounts_that_are_none_are_an_error_of_the_broker(amount: str) -> None:
    """No account and no position has one; what a reckoning would make of it is not tried."""
    wallet = msgspec.json.decode(b'{"StockAccountWallet":%s}' % amount.encode(), type=CashWallet)
    with pytest.raises(DialectError, match="amount"):
        account_of(wallet, None, RECEIVED_NS)
    row = msgspec.json.decode(b'{"LeavesQty":1,"Expenses":%s}' % amount.encode(), type=PositionRow)
    with pytest.raises(DialectError, match="amount"):
        position_of(row, RECEIVED_NS)


@pytest.mark.parametrize("day", [10**30, 99991231, 10101, 20261399, -20260304])
def test_a_day_that_is_none_is_not_said(day: int) -> None:
    """A position opened on no day, or on one that nanoseconds in 64 bits cannot hold, has no such time."""
    assert position_of(PositionRow(ExecutionDay=day), RECEIVED_NS).opened_ns is None
