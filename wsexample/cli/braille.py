"""Lines drawn with braille characters, eight dots a cell, with axes; for any terminal that has them.

Pure: points in, text out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["plot"]

_EMPTY = 0x2800
# Which bit a dot of a cell has: columns of four, the last row was added to the alphabet later (Unicode, Braille Patterns).
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def plot(
    points: Sequence[tuple[float, float]],
    *,
    width: int,
    height: int,
    title: str,
    x_text: Callable[[float], str],
    y_text: Callable[[float], str],
) -> list[str]:
    """Return the lines of a picture: title, curve, axes.

    Parameters:
        points: at least one (x, y), in the order of x; between two points the value stays, then jumps.
        width, height: cells and lines of the whole picture.
        title: what stands above it.
        x_text, y_text: write a value on an axis.
    """
    low, high = min(y for _, y in points), max(y for _, y in points)
    rows = max(height - 3, 3)
    middle = (rows - 1) // 2
    marks = (
        {0: y_text(high), middle: y_text(high - (high - low) * middle / (rows - 1)), rows - 1: y_text(low)}
        if high > low
        else {middle: y_text(high)}
    )
    margin = max(map(len, marks.values())) + 1
    columns = max(width - margin - 1, 10)
    cells = _curve(points, columns, rows, low, high)
    lines = [f"{' ' * margin} {title}"]
    for row, bits in enumerate(cells):
        axis = "┤" if row in marks else "│"
        lines.append(
            f"{marks.get(row, ''):>{margin}}{axis}{''.join(chr(_EMPTY + one) if one else ' ' for one in bits)}".rstrip()
        )
    lines.append(f"{' ' * margin}└{'─' * columns}")
    first, last = points[0][0], points[-1][0]
    lines.append(" " * (margin + 1) + _axis([x_text(first), x_text((first + last) / 2), x_text(last)], columns))
    return lines


def _curve(points: Sequence[tuple[float, float]], columns: int, rows: int, low: float, high: float) -> list[list[int]]:
    cells = [[0] * columns for _ in range(rows)]
    wide, tall = columns * 2 - 1, rows * 4 - 1
    first, span = points[0][0], (points[-1][0] - points[0][0]) or 1.0
    scale = (high - low) or 1.0
    before: tuple[int, int] | None = None
    for x, y in points:
        column = round((x - first) / span * wide)
        row = round((high - y) / scale * tall) if high > low else (rows - 1) // 2 * 4 + 2
        if before is None:
            _dot(cells, column, row)
        else:
            for between in range(before[0], column + 1):
                _dot(cells, between, before[1])
            for between in range(min(before[1], row), max(before[1], row) + 1):
                _dot(cells, column, between)
        before = (column, row)
    return cells


def _dot(cells: list[list[int]], column: int, row: int) -> None:
    cells[row // 4][column // 2] |= _BITS[row % 4][column % 2]


def _axis(texts: Sequence[str], columns: int) -> str:
    """Set three texts at the left, in the middle and at the right, as far as there is room."""
    left, middle, right = texts
    if len(left) + len(middle) + len(right) + 4 > columns:
        return left + right.rjust(max(columns - len(left), len(right) + 1))
    before = (columns - len(middle)) // 2
    return f"{left}{middle.rjust(before + len(middle) - len(left))}".ljust(columns - len(right)) + right
