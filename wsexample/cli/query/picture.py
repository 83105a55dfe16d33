"""A picture of a day: price above, spread below; as a PNG, or drawn with characters for a terminal."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from wsexample.cli.braille import plot
from wsexample.errors import OptionError, StorageError
from wsexample.sinks.extras import need

__all__ = ["Day", "draw_png", "draw_text", "gather"]

EXTRA = "pictures"
POINTS = 4_000
"""Points of a line; more than a picture has pixels is wasted."""


@dataclass(slots=True)
class Day:
    """What is drawn."""

    title: str
    """Symbol and date."""
    prices: list[tuple[int, float]] = field(default_factory=list)
    """Moment and price; of quotes alone, the middle between bid and ask."""
    spreads: list[tuple[int, float]] = field(default_factory=list)
    """Moment and ask less bid."""


def gather(rows: Iterable[Sequence[Any]], title: str) -> Day:
    """Make a day of rows (at_ns, price, bid, ask) in the order of time.

    Raises:
        OptionError: there is no price in them.
    """
    day = Day(title)
    middles: list[tuple[int, float]] = []
    for at_ns, price, bid, ask in rows:
        if price:
            day.prices.append((at_ns, float(price)))
        if bid and ask:
            day.spreads.append((at_ns, float(ask) - float(bid)))
            middles.append((at_ns, (float(ask) + float(bid)) / 2))
    day.prices = _thinned(day.prices or middles)
    day.spreads = _thinned(day.spreads)
    if not day.prices:
        raise OptionError(f"there is no price of {title}; look at the symbols without --picture", option="picture")
    return day


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return at most `POINTS` points, of each stretch the lowest and the highest, so that no spike is lost."""
    if len(points) <= POINTS:
        return points
    size = -(-len(points) * 2 // POINTS)
    kept: list[tuple[int, float]] = []
    for at in range(0, len(points), size):
        stretch = points[at : at + size]
        kept += sorted({min(stretch, key=lambda one: one[1]), max(stretch, key=lambda one: one[1])})
    return kept


def draw_png(day: Day, path: Path, *, zone: tzinfo | None = None) -> None:
    """Draw a day as a PNG.

    Raises:
        MissingExtraError: the extra ``pictures`` is missing.
        StorageError: the file cannot be written.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # where it keeps what it knows of fonts is no news
    need("matplotlib", EXTRA, "drawing a PNG").use("agg")
    plots = need("matplotlib.pyplot", EXTRA, "drawing a PNG")
    dates = need("matplotlib.dates", EXTRA, "drawing a PNG")
    zone = zone or UTC
    figure, (above, below) = plots.subplots(
        2, 1, sharex=True, figsize=(12, 7), height_ratios=(3, 1), layout="constrained"
    )
    try:
        above.plot(_times(day.prices, zone), [price for _, price in day.prices], linewidth=0.9, color="#1f5fa8")
        above.set_title(day.title)
        above.set_ylabel("price")
        below.step(
            _times(day.spreads, zone), [one for _, one in day.spreads], where="post", linewidth=0.8, color="#a8521f"
        )
        below.set_ylabel("spread")
        below.set_ylim(bottom=0)
        below.xaxis.set_major_formatter(dates.DateFormatter("%H:%M:%S", tz=zone))
        for axes in (above, below):
            axes.grid(visible=True, linewidth=0.3)
        figure.savefig(path, format="png", dpi=110)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}", url=str(path)) from None
    finally:
        plots.close(figure)


def draw_text(day: Day, *, width: int, height: int, zone: tzinfo | None = None) -> str:
    """Draw a day with characters.

    Parameters:
        day: what to draw.
        width, height: cells and lines, axes included.
        zone: time zone of the axis (default UTC).
    """
    zone = zone or UTC
    upper = height if not day.spreads else height * 2 // 3

    def time(at_s: float) -> str:
        return f"{datetime.fromtimestamp(at_s, tz=zone):%H:%M:%S}"

    lines = []
    for points, title, room in ((day.prices, day.title, upper), (day.spreads, "spread", height - upper)):
        if points:
            seconds = [(at_ns / 1e9, value) for at_ns, value in points]
            lines += plot(seconds, width=width, height=room, title=title, x_text=time, y_text=_number)
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{value:,.6g}"


def _times(points: list[tuple[int, float]], zone: tzinfo) -> list[datetime]:
    return [_time(at_ns, zone) for at_ns, _ in points]


def _time(at_ns: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(at_ns / 1e9, tz=zone)
