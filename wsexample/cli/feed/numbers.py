"""Numbers for people: prices, sizes, counts, times of day."""

from __future__ import annotations

import math
import time

__all__ = ["NONE", "count_of", "decimals_of", "price_text", "size_text", "span_text", "time_of_day"]

NONE = "–"
"""What stands where nothing is known."""


def price_text(price: float | None, decimals: int) -> str:
    """Write a price with thousands separated and a fixed number of decimals."""
    return NONE if price is None or not math.isfinite(price) else f"{price:,.{decimals}f}"


def size_text(size: float | None) -> str:
    """Write a size with thousands separated, decimals only where it has some: eight below one, as coins have them, else four."""
    if size is None or not math.isfinite(size):
        return NONE
    if size == int(size):
        return f"{size:,.0f}"
    text = f"{size:,.{4 if abs(size) >= 1 else 8}f}".rstrip("0").rstrip(".")
    return f"{size:.1e}" if text in ("0", "-0") else text


def count_of(number: int, noun: str) -> str:
    """Write a count with its noun: "1 message", "1,200 messages"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def decimals_of(price: float | None, most: int = 4) -> int:
    """Return how many decimals a price has, at most ``most``."""
    if price is None or not math.isfinite(price):
        return 0
    text = f"{price:.{most}f}".rstrip("0")
    return len(text) - text.index(".") - 1


def span_text(seconds: float) -> str:
    """Write a length of time: "0.4 s", "12 s", "3 min", "2 h 05 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def time_of_day(at_ns: int | None, offset_s: int | None, *, decimals: int = 0) -> str:
    """Write a time of day.

    Parameters:
        at_ns: UTC epoch nanoseconds; None gives a dash.
        offset_s: seconds east of UTC; None for this machine's time zone.
        decimals: decimals of the seconds.
    """
    if at_ns is None:
        return NONE
    unit_ns = 10 ** (9 - decimals)
    whole_s, rest = divmod(at_ns // unit_ns, 10**decimals)
    moment = time.localtime(whole_s) if offset_s is None else time.gmtime(whole_s + offset_s)
    return time.strftime("%H:%M:%S", moment) + (f".{rest:0{decimals}d}" if decimals else "")
