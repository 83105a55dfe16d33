"""Indicators, against their definitions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsexample.errors import OptionError
from wsexample.paper.signals import EMA, SMA, BollingerBands, Crossover, ZScore

PRICES = st.lists(st.floats(min_value=0.01, max_value=1e6), min_size=1, max_size=80)


@given(PRICES, st.integers(1, 12))
def test_a_simple_average_is_the_average_of_the_window(prices: list[float], length: int) -> None:
    """Each value is the mean of the last prices; None before the window is full."""
    average = SMA(length)
    for seen, price in enumerate(prices, 1):
        value = average.update(price)
        if seen < length:
            assert value is None
        else:
            assert value == pytest.approx(math.fsum(prices[seen - length : seen]) / length, rel=1e-9, abs=1e-9)


@given(PRICES, st.integers(2, 12))
def test_bands_and_z_scores_are_those_of_the_window(prices: list[float], length: int) -> None:
    """Middle, width and z-score agree with the statistics of the last prices."""
    bands, score = BollingerBands(length, 2.0), ZScore(length)
    for seen, price in enumerate(prices, 1):
        found, z = bands.update(price), score.update(price)
        if seen < length:
            assert (found, z) == (None, None)
            continue
        window = prices[seen - length : seen]
        mean, deviation = statistics.fmean(window), statistics.pstdev(window)
        near = 1e-5 * max(window)
        assert found is not None
        assert z is not None
        assert found.middle == pytest.approx(mean, rel=1e-9)
        assert found.upper - found.middle == pytest.approx(2 * deviation, abs=near)
        assert found.lower == pytest.approx(2 * found.middle - found.upper, abs=near)
        if deviation > near:
            assert z == pytest.approx((price - mean) / deviation, rel=1e-2)


def test_a_price_from_afar_leaves_nothing_behind() -> None:
    """Once it is out of the window, average and deviation are those of what is left, to the last digits."""
    bands, average = BollingerBands(2), SMA(2)
    for price in (370730.0, 1.90234375, 2.0):
        found, mean = bands.update(price), average.update(price)
    assert found is not None
    assert found.upper - found.middle == pytest.approx(0.09765625, rel=1e-12)
    assert mean == pytest.approx(1.951171875, rel=1e-14)


def test_an_exponential_average_follows_its_formula() -> None:
    """It begins with the simple average and moves by 2 / (length + 1) of the difference."""
    average = EMA(3)
    assert [average.update(price) for price in (1.0, 2.0, 3.0, 6.0, 6.0)] == [None, None, 2.0, 4.0, 5.0]


def test_averages_cross_once_at_a_turn() -> None:
    """A rise after a fall says "buy" once, the fall after it "sell" once."""
    cross = Crossover(SMA(2), SMA(4))
    prices = [10, 9, 8, 7, 6, 7, 8, 9, 10, 9, 8, 7, 6]
    signals = [cross.update(float(price)) for price in prices]
    assert [signal for signal in signals if signal] == ["buy", "sell"]


def test_the_first_values_are_no_signal() -> None:
    """Averages that stand apart from the beginning have not crossed."""
    cross = Crossover(SMA(1), SMA(3))
    assert [cross.update(price) for price in (1.0, 2.0, 3.0, 4.0, 5.0)] == [None] * 5


def test_equal_prices_have_no_deviation() -> None:
    """A flat window has bands of no width and a z-score of 0."""
    bands, score = BollingerBands(3), ZScore(3)
    for _ in range(10):
        found, z = bands.update(0.1), score.update(0.1)
    assert found is not None
    assert found.upper == pytest.approx(found.lower)
    assert z == 0.0


@pytest.mark.parametrize("make", [lambda: SMA(0), lambda: EMA(0), lambda: ZScore(1), lambda: Crossover(SMA(5), SMA(5))])
def test_a_window_that_makes_no_sense_is_refused(make: Callable[[], object]) -> None:
    """The error says which number is wrong."""
    with pytest.raises(OptionError, match="not"):
        make()
