"""Indicators that are fed one price at a time and keep a fixed amount of memory.

Pure. Each has ``update(price) -> value``, which is None until it has seen enough; ``value`` repeats the newest. Arithmetic is
float: indicators look at market prices, which are float. Sums over a window are built anew once per window, so that rounding
never adds up however long they run, and at once when little is left of them, so that a price that was far away does not
leave its rounding behind.
"""

from __future__ import annotations

import math
from collections import deque

from wsexample.errors import OptionError

__all__ = ["EMA", "SMA", "Bands", "BollingerBands", "Crossover", "Signal", "ZScore"]

LITTLE = 1e-3
"""The part of its largest value below which a sum is built anew: no more than three of sixteen digits are lost until then."""
Signal = str | None
""" "buy", "sell" or None for neither."""


def _window(length: int) -> int:
    if length < 1:
        raise OptionError(f"the length of a window must be at least 1, not {length}", option="length")
    return length


class SMA:
    """Simple moving average of the last ``length`` prices."""

    __slots__ = ("_age", "_least", "_sum", "_values", "length", "value")

    def __init__(self, length: int) -> None:
        self.length = _window(length)
        self.value: float | None = None
        self._values: deque[float] = deque(maxlen=length)
        self._sum = 0.0
        self._least = 0.0
        self._age = 0

    def update(self, price: float) -> float | None:
        """Take the next price in; returns the average, None until ``length`` prices were seen."""
        values = self._values
        length = self.length
        if len(values) < length:
            values.append(price)
            if len(values) == length:
                self._build()
                self.value = self._sum / length
            return self.value
        self._sum = total = self._sum + (price - values[0])
        values.append(price)
        self._age += 1
        little = abs(total) * LITTLE
        if self._age >= length or abs(total) < self._least:
            self._build()
        elif little > self._least:
            self._least = little
        self.value = self._sum / length
        return self.value

    def _build(self) -> None:
        self._age = 0
        self._sum = math.fsum(self._values)
        self._least = abs(self._sum) * LITTLE


class EMA:
    """Exponential moving average; the first value is the simple average of the first ``length`` prices.

    Parameters:
        length: the weight of the newest price is 2 / (length + 1).
    """

    __slots__ = ("_first", "_weight", "length", "value")

    def __init__(self, length: int) -> None:
        self.length = _window(length)
        self.value: float | None = None
        self._weight = 2.0 / (length + 1)
        self._first = SMA(length)

    def update(self, price: float) -> float | None:
        """Take the next price in; returns the average, None until ``length`` prices were seen."""
        if self.value is None:
            self.value = self._first.update(price)
        else:
            self.value += self._weight * (price - self.value)
        return self.value


class Crossover:
    """Says "buy" when a fast average rises above a slow one, "sell" when it falls below.

    Parameters:
        fast, slow: the two averages, `SMA` or `EMA`; the fast one the shorter.

    Raises:
        OptionError: the fast one is not the shorter.
    """

    __slots__ = ("_was_above", "fast", "slow", "value")

    def __init__(self, fast: SMA | EMA, slow: SMA | EMA) -> None:
        if fast.length >= slow.length:
            raise OptionError(
                f"the fast average must be shorter than the slow one, not {fast.length} and {slow.length}",
                option="fast",
            )
        self.fast, self.slow = fast, slow
        self.value: Signal = None
        self._was_above: bool | None = None

    def update(self, price: float) -> Signal:
        """Take the next price in; returns a signal on the price at which the averages cross, None otherwise."""
        fast, slow = self.fast.update(price), self.slow.update(price)
        self.value = None
        if fast is not None and slow is not None and fast != slow:
            is_above = fast > slow
            if self._was_above is not None and is_above != self._was_above:
                self.value = "buy" if is_above else "sell"
            self._was_above = is_above
        return self.value


class _Spread:
    """Mean and standard deviation of the last ``length`` prices, sample variance by Welford's way of updating."""

    __slots__ = ("_age", "_least", "_m2", "_values", "length", "mean")

    def __init__(self, length: int) -> None:
        if length < 2:
            raise OptionError(f"the length of a window must be at least 2, not {length}", option="length")
        self.length = length
        self.mean = 0.0
        self._m2 = 0.0
        self._least = 0.0
        self._values: deque[float] = deque(maxlen=length)
        self._age = 0

    def update(self, price: float) -> float | None:
        """Take the next price in; returns the population's standard deviation, None until the window is full."""
        values = self._values
        length = self.length
        if len(values) < length:
            values.append(price)
            if len(values) < length:
                return None
            self._build()
        else:
            oldest, mean = values[0], self.mean
            values.append(price)
            self._age += 1
            if self._age >= length:
                self._build()
            else:
                self.mean = mean + (price - oldest) / length
                self._m2 = m2 = self._m2 + (price - oldest) * (price - self.mean + oldest - mean)
                if m2 < self._least:
                    self._build()
                elif m2 * LITTLE > self._least:
                    self._least = m2 * LITTLE
        return math.sqrt(max(self._m2, 0.0) / length)

    def _build(self) -> None:
        self._age = 0
        self.mean = math.fsum(self._values) / self.length
        self._m2 = math.fsum((value - self.mean) ** 2 for value in self._values)
        self._least = self._m2 * LITTLE


class Bands(tuple[float, float, float]):
    """Lower band, middle and upper band."""

    __slots__ = ()

    @property
    def lower(self) -> float:
        """The middle less the width."""
        return self[0]

    @property
    def middle(self) -> float:
        """The average."""
        return self[1]

    @property
    def upper(self) -> float:
        """The middle and the width."""
        return self[2]


class BollingerBands:
    """A moving average with bands around it, ``width`` standard deviations away (of the population, as is usual).

    Parameters:
        length: prices in the window (default 20).
        width: standard deviations between the middle and a band (default 2).
    """

    __slots__ = ("_spread", "length", "value", "width")

    def __init__(self, length: int = 20, width: float = 2.0) -> None:
        self._spread = _Spread(length)
        self.length, self.width = length, width
        self.value: Bands | None = None

    def update(self, price: float) -> Bands | None:
        """Take the next price in; returns the bands, None until the window is full."""
        deviation = self._spread.update(price)
        if deviation is not None:
            middle, half = self._spread.mean, self.width * deviation
            self.value = Bands((middle - half, middle, middle + half))
        return self.value


class ZScore:
    """How many standard deviations the newest price is away from the average of the last ``length``; 0 when all are equal."""

    __slots__ = ("_spread", "length", "value")

    def __init__(self, length: int = 20) -> None:
        self._spread = _Spread(length)
        self.length = length
        self.value: float | None = None

    def update(self, price: float) -> float | None:
        """Take the next price in; returns its z-score, None until the window is full."""
        deviation = self._spread.update(price)
        if deviation is not None:
            # What rounding leaves of equal prices is no deviation.
            is_flat = deviation <= 1e-12 * max(abs(self._spread.mean), abs(price))
            self.value = 0.0 if is_flat else (price - self._spread.mean) / deviation
        return self.value
