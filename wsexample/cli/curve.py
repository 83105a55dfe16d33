"""A curve drawn in characters, for terminals and logs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

__all__ = ["curve_lines"]

BLOCKS = " ▁▂▃▄▅▆▇█"
_STEPS = len(BLOCKS) - 1


def curve_lines(values: Sequence[float], *, width: int = 60, height: int = 8, decimals: int = 2) -> list[str]:
    """Draw values as a curve, the highest and the lowest written beside it.

    Parameters:
        values: from left to right; more than fit are averaged.
        width: columns of the curve, its scale not counted.
        height: lines.
        decimals: decimals of the scale.

    Returns:
        Lines from top to bottom; none without values.
    """
    if not values:
        return []
    columns = _squeezed(values, max(width, 1))
    low, high = min(columns), max(columns)
    span = high - low
    # The lowest value still shows: a curve that touches nothing looks like none.
    fills = [
        1 + round((value - low) / span * (height * _STEPS - 1)) if span else height * _STEPS // 2 for value in columns
    ]
    marks = (
        {0: f"{high:,.{decimals}f}", height - 1: f"{low:,.{decimals}f}"}
        if span
        else {height // 2: f"{high:,.{decimals}f}"}
    )
    scale = max(map(len, marks.values()))
    lines = []
    for row in range(height):
        base = (height - 1 - row) * _STEPS
        drawn = "".join(BLOCKS[min(max(fill - base, 0), _STEPS)] for fill in fills)
        lines.append(f"{marks.get(row, ''):>{scale}} ┤{drawn}".rstrip())
    return lines


def _squeezed(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return list(values)
    edges = [round(column * len(values) / width) for column in range(width + 1)]
    return [sum(values[start:end]) / (end - start) for start, end in pairwise(edges)]
