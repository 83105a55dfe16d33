"""The venue's decimal texts as numbers, and its rows' values by their types; what is none is refused.

``float`` and ``Decimal`` take more than a venue means: "nan", "Infinity", "1_0", blanks around it, digits of other scripts, and
exponents that would fill memory when they are written out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = ["amount", "millis_ns", "number", "text_in", "whole"]

MS_NS = 1_000_000
LAST_MS = 9_000_000_000_000
"""A later time (after the year 2255) does not fit 64 bits in nanoseconds."""
_PLAIN = "0123456789.eE+-"
_FURTHEST = 100
_LONGEST = 200


def number(text: str) -> float:
    """Return a decimal text as a float; raises ValueError for what is none."""
    if text.strip(_PLAIN):
        raise ValueError(f"{text[:50]!r} is no number")
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:50]!r} is too large")
    return value


def amount(value: object) -> Decimal:
    """Return a decimal text, or a number in its place, exactly; raises ValueError for what is none."""
    text = value if isinstance(value, str) else repr(value) if isinstance(value, (int, float)) else ""
    if isinstance(value, bool) or len(text) > _LONGEST or text.strip(_PLAIN):
        raise ValueError(f"{str(value)[:50]!r} is no number")
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text[:50]!r} is no number") from None
    if not found.is_finite() or abs(found.adjusted()) > _FURTHEST:
        raise ValueError(f"{text[:50]!r} is no amount")
    return found


def whole(value: object) -> int:
    """Return a whole number from 0 on, or a text of one; raises ValueError for what is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError(f"{str(value)[:50]!r} is no whole number")


def millis_ns(value: object) -> int:
    """Return milliseconds, or a text of them, as UTC epoch nanoseconds; raises ValueError for what is no time."""
    ms = whole(value)
    if ms > LAST_MS:
        raise ValueError(f"{str(value)[:50]!r} is no time")
    return ms * MS_NS


def text_in(row: Mapping[str, Any], key: str) -> str | None:
    """Return a text of a row, None where it says nothing; raises ValueError where something else stands."""
    value = row.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{key} is no text")
