"""What samples say: percentiles, and the slope of a straight line with its error. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Slope", "percentile", "slope"]


@dataclass(frozen=True)
class Slope:
    """A least-squares line."""

    per_unit: float
    """How much y grows for each unit of x."""
    error: float
    """Standard error of that. Samples that follow each other resemble each other, so the true one is somewhat larger."""
    count: int
    """Points that it was drawn through."""

    @property
    def at_least(self) -> float:
        """What it is at least, with about 98 % certainty."""
        return self.per_unit - 2 * self.error


def slope(xs: Sequence[float], ys: Sequence[float]) -> Slope | None:
    """Return the line through the points; None where fewer than three of them stand at different places."""
    count = len(xs)
    if count < 3:
        return None
    mean_x, mean_y = sum(xs) / count, sum(ys) / count
    spread = sum((x - mean_x) ** 2 for x in xs)
    if not spread:
        return None
    per_unit = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    off = sum((y - mean_y - per_unit * (x - mean_x)) ** 2 for x, y in zip(xs, ys, strict=True))
    return Slope(per_unit, math.sqrt(off / (count - 2) / spread), count)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of the values do not exceed; they must be in order."""
    if not ordered:
        raise ValueError("there is no percentile of nothing")
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
