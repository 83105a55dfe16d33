"""Promises of the tick-size groups and the daily price limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsexample.brokers.kabu.simulator.ticks import PRICE_RANGE_GROUPS, SEN, Grid, daily_limits

groups = st.sampled_from(sorted(PRICE_RANGE_GROUPS))
prices = st.integers(min_value=1, max_value=60_000_000 * SEN)


@given(group=groups, price=prices)
def test_steps_invert_each_other(group: str, price: int) -> None:
    """From every price on the grid, a step up and a step down lead back, across the bounds of the table too."""
    grid = Grid(group)
    on_grid = grid.nearest(price)
    assert grid.below(grid.above(on_grid)) == on_grid
    assert grid.above(on_grid) > on_grid


@given(group=groups, price=prices)
def test_rounding_encloses_the_price(group: str, price: int) -> None:
    """Floor and ceiling are on the grid, enclose the price, and lie at most one tick apart."""
    grid = Grid(group)
    low, high = grid.floor(price), grid.ceil(price)
    assert grid.is_on(low)
    assert grid.is_on(high)
    assert high >= price
    assert low <= price or low == grid.above(0)
    assert high in (low, grid.above(low))


@pytest.mark.parametrize(
    ("group", "yen", "tick"),
    [
        ("10000", 3_000, 1),
        ("10000", 3_001, 5),
        ("10000", 5_001, 10),
        ("10000", 60_000_000, 100_000),
        ("10003", 999, 0.1),
        ("10003", 1_000.5, 0.5),
        ("10003", 2_999.5, 0.5),
        ("10003", 3_001, 1),
        ("10003", 10_005, 5),
        ("10004", 51_620, 10),
        ("10118", 50_370, 10),
        ("10119", 50_375, 5),
        ("10318", 300, 1),
        ("10318", 305, 5),
        ("10706", 3_359.75, 0.25),
        ("14515", 21.05, 0.05),
    ],
)
def test_ticks_are_the_vendors(group: str, yen: float, tick: float) -> None:
    """Rows of the vendor's table hold up to and including their bound."""
    assert Grid(group).tick_below(round(yen * SEN)) == round(tick * SEN)


@pytest.mark.parametrize(
    ("base", "low", "high"),
    [(99, 69, 129), (100, 50, 150), (2_510, 2_010, 3_010), (3_161, 2_461, 3_861), (56_240, 46_240, 66_240)],
)
def test_daily_limits_of_stocks(base: int, low: int, high: int) -> None:
    """A stock moves as far as the exchange's step for its base price."""
    assert daily_limits("10003", base * SEN) == (low * SEN, high * SEN)


@given(group=groups, price=prices)
def test_daily_limits_are_on_the_grid(group: str, price: int) -> None:
    """Both limits may be quoted, and the base lies between them."""
    grid = Grid(group)
    base = grid.nearest(price)
    low, high = daily_limits(group, base)
    assert grid.is_on(low)
    assert grid.is_on(high)
    assert low <= base <= high
