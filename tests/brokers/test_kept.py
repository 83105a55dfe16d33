"""What simulators remember: the newest, by numbers that never come again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsexample.brokers.alpaca.simulator import Switches as AlpacaSwitches
from wsexample.brokers.base.kept import Newest, Rows
from wsexample.brokers.kabu.simulator import Switches as KabuSwitches
from wsexample.brokers.weex.simulator import Switches as WeexSwitches
from wsexample.errors import OptionError


@given(count=st.integers(0, 70), most=st.integers(1, 20))
def test_rows_are_the_newest_in_order(count: int, most: int) -> None:
    """However many there were, and however few are kept: packed and unpacked, they are what was put in."""
    rows = Rows("<qdB", most)
    for number in range(count):
        rows.append(-number, number / 3, number % 256)
    kept = [(-number, number / 3, number % 256) for number in range(count)][-most:]
    assert (list(rows), len(rows), rows.total, rows.first) == (kept, len(kept), count, count - len(kept))
    assert not count or rows.newest() == kept[-1]


def test_rows_may_be_read_while_more_come() -> None:
    """Whoever iterates goes through what there was."""
    rows = Rows("<q", 3)
    for number in range(4):
        rows.append(number)
    reading = iter(rows)
    for number in range(4, 9):
        rows.append(number)
    assert [number for (number,) in reading] == [1, 2, 3]


def test_rows_begin_anew() -> None:
    """Nothing is left of what was forgotten, and there is no newest one."""
    rows = Rows("<q", 2)
    for number in range(5):
        rows.append(number)
    rows.clear()
    with pytest.raises(IndexError):
        rows.newest()
    rows.append(7)
    assert (list(rows), rows.total) == ([(7,)], 1)


@given(count=st.integers(0, 70), most=st.integers(1, 20))
def test_newest_objects_are_found_by_their_numbers(count: int, most: int) -> None:
    """The number of the oldest that is kept leads to its place."""
    newest: Newest[int] = Newest(most)
    for number in range(count):
        newest.append(number)
    kept = list(range(count))[-most:]
    assert (list(newest), newest.total, newest.first) == (kept, count, count - len(kept))
    assert all(newest[number - newest.first] == number for number in kept)
    assert list(reversed(newest)) == kept[::-1]


@pytest.mark.parametrize(
    ("switches", "name"),
    [
        (KabuSwitches, "kept_executions"),
        (KabuSwitches, "kept_orders"),
        (AlpacaSwitches, "kept_points"),
        (AlpacaSwitches, "kept_orders"),
        (AlpacaSwitches, "kept_events"),
        (WeexSwitches, "kept_orders"),
        (WeexSwitches, "kept_fills"),
    ],
)
def test_a_simulator_keeps_one_at_the_least(switches: type, name: str) -> None:
    """None is no number of things to keep, and no limit is not to be had."""
    assert getattr(switches(**{name: 1}), name) == 1
    with pytest.raises(OptionError, match=f"{name} must be one or more"):
        switches(**{name: 0})
