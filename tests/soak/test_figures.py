"""Slopes and percentiles."""

from __future__ import annotations

import random
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

figures: Any = import_module("soak.figures")


def test_a_straight_line_has_its_slope_and_no_error() -> None:
    """y = 3 x + 2."""
    line = figures.slope([0, 1, 2, 5], [2, 5, 8, 17])
    assert line.per_unit == pytest.approx(3)
    assert line.error == pytest.approx(0, abs=1e-9)


def test_the_error_says_how_far_off_a_noisy_slope_may_be() -> None:
    """Of 200 noisy lines that do not rise, hardly any is certain to rise."""
    chance = random.Random(1)
    lines = [figures.slope(range(50), [chance.gauss(100, 10) for _ in range(50)]) for _ in range(200)]
    assert sum(line.at_least > 0 for line in lines) < 12


@pytest.mark.parametrize("xs", [[], [1, 2], [4, 4, 4]])
def test_where_there_is_no_line_there_is_no_slope(xs: list[float]) -> None:
    """Too few points, or all of them at one place."""
    assert figures.slope(xs, xs) is None


def test_percentiles_are_values_that_occur() -> None:
    """Of the numbers from 1 to 200."""
    numbers = list(range(1, 201))
    assert [figures.percentile(numbers, percent) for percent in (0, 50, 99, 100)] == [1, 100, 198, 200]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.floats(0.1, 100))
def test_a_percentile_is_not_exceeded_by_so_many_percent(values: list[float], percent: float) -> None:
    """That is what it is."""
    ordered = sorted(values)
    found = figures.percentile(ordered, percent)
    assert found in ordered
    assert sum(value <= found for value in ordered) >= len(ordered) * percent / 100 - 1e-9
