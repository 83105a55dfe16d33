"""Switches of a simulator: what the sources leave open about a vendor, as fields of one frozen class each.

A class of switches is a frozen dataclass whose fields are literals or numbers; this file checks their values.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from wsexample.errors import OptionError

__all__ = ["check_switches"]


def check_switches(switches: Any, *, may_be_negative: Collection[str] = (), at_least_one: Collection[str] = ()) -> None:
    """Check every switch of a frozen dataclass; to be called from its ``__post_init__``.

    Parameters:
        switches: the object.
        may_be_negative: numbers that need not be zero or more.
        at_least_one: numbers that must be one or more.

    Raises:
        OptionError: a value that is not among the literals of its field, a negative number, or a zero where one is the least.
    """
    kind: Any = type(switches)
    for name, choices in _choices(kind).items():
        value = getattr(switches, name)
        if choices and value not in choices:
            allowed = " or ".join(repr(choice) for choice in choices)
            raise OptionError(f"{name} must be {allowed}, not {value!r}", option=name)
        if not choices and isinstance(value, int | float) and value < 0 and name not in may_be_negative:
            raise OptionError(f"{name} must be zero or more, not {value!r}", option=name)
        if name in at_least_one and value < 1:
            raise OptionError(f"{name} must be one or more, not {value!r}", option=name)


@cache
def _choices(kind: Any) -> dict[str, tuple[Any, ...]]:
    """Return what each switch may be set to; empty where any number will do."""
    hints = get_type_hints(kind)
    return {
        item.name: get_args(hints[item.name]) if get_origin(hints[item.name]) is Literal else ()
        for item in fields(kind)
    }
