"""Whether the numbers of a record that came over JSON are some that the rest of the house can hold.

JSON has no bounds: a time may have a thousand digits, an amount may be the text "NaN". Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Any, get_args, get_type_hints

from wsexample.records.market import Record

__all__ = ["is_sound"]

_MOST = 2**63 - 1
_FURTHEST = 100
"""Places before or behind the point of an amount."""


def is_sound(record: Record) -> bool:
    """Whether every whole number fits 64 bits, and every amount is one that can be written out."""
    for value in _whole_numbers(type(record))(record):
        if value is not None and not -_MOST <= value <= _MOST:
            return False
    amounts = _amounts(type(record))
    return amounts is None or all(map(_is_amount, amounts(record)))


def _is_amount(value: Decimal | None) -> bool:
    return value is None or (value.is_finite() and abs(value.adjusted()) <= _FURTHEST)


@cache
def _whole_numbers(kind: type[Record]) -> Callable[[Any], tuple[int | None, ...]]:
    return attrgetter(*_fields(kind, int))  # every record has at least its two times


@cache
def _amounts(kind: type[Record]) -> Callable[[Any], tuple[Decimal | None, ...]] | None:
    names = _fields(kind, Decimal)
    if not names:
        return None
    # A single name would give the value in place of a tuple; the same one twice gives two.
    return attrgetter(*names, names[0])


def _fields(kind: type[Record], wanted: type) -> list[str]:
    """Return the fields that hold a type, or None, and nothing else."""
    hints = get_type_hints(kind).items()
    return [name for name, hint in hints if hint is wanted or set(get_args(hint)) == {wanted, type(None)}]
