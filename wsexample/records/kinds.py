"""Which records there are: every record class by its kind, and what follows from the kind alone.

The classes of this room are found by looking into it, so that a new record touches one file. What a record looks like
inside is in `wsexample.records.fields`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

import wsexample.records
from wsexample.errors import OptionError
from wsexample.records.market import Record

__all__ = ["is_market_data", "kind_of", "record_kinds", "register_record", "table_name"]

_registered: dict[str, type[Record]] = {}


def register_record(record_type: type[Record]) -> type[Record]:
    """Make a record class of your own known to readers; usable as a decorator.

    Classes in the modules of ``wsexample.records`` are known without it.

    Parameters:
        record_type: a subclass of `Record` with a ``tag``.

    Raises:
        OptionError: another class has the same kind.
    """
    kind = kind_of(record_type)
    known = record_kinds().get(kind)
    if known is not None and known is not record_type:
        raise OptionError(f"two record classes have the kind {kind!r}: {known.__name__} and {record_type.__name__}")
    _registered[kind] = record_type
    return record_type


def record_kinds() -> Mapping[str, type[Record]]:
    """Return every known record class by its kind: those of ``wsexample.records`` and the registered ones."""
    return MappingProxyType(_house_kinds() | _registered)


@cache
def _house_kinds() -> dict[str, type[Record]]:
    kinds: dict[str, type[Record]] = {}
    for found in pkgutil.iter_modules(wsexample.records.__path__, "wsexample.records."):
        for value in vars(import_module(found.name)).values():
            if isinstance(value, type) and issubclass(value, Record) and value.__module__ == found.name:
                if value is Record:
                    continue
                other = kinds.setdefault(kind_of(value), value)
                if other is not value:
                    raise OptionError(f"{other.__name__} and {value.__name__} have the same kind")
    return kinds


def kind_of(record_type: type[Record]) -> str:
    """Return the kind (the tag) of a record class.

    Parameters:
        record_type: a class of record.
    """
    return str(record_type.__struct_config__.tag)


def is_market_data(record_type: type[Record]) -> bool:
    """Return whether newer records of this class make older ones less worth keeping.

    True for market data; false for orders, fills, account and journal records, which no queue may drop or conflate.

    Parameters:
        record_type: a class of record.
    """
    return record_type.__module__ == Record.__module__


def table_name(kind: str) -> str:
    """Return the table of a kind: its plural, so that "order" does not become a reserved word."""
    if kind.endswith("y"):
        return kind[:-1] + "ies"
    return kind + ("es" if kind.endswith(("s", "x", "ch")) else "s")
