"""What must hold of everything that a dialect hands over, whatever it was sent."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal
from typing import Any

import msgspec

from wsexample.errors import WsExampleError
from wsexample.ports import Record, Step
from wsexample.records.market import Book, Level

__all__ = ["check_record", "check_step"]

MOST_NS = 2**63 - 1
FURTHEST = 100
"""Decimal places before or behind the point of an amount that anybody may mean; more would fill memory when it is written out."""


def check_record(record: Record, *, is_relayed: bool = False) -> None:
    """Every number is one, times and counters fit 64 bits, texts can be written, a book is a book."""
    for name in record.__struct_fields__:
        _check_value(getattr(record, name), f"{type(record).__name__}.{name}")
    if record.exchange_ns is not None:
        assert -MOST_NS <= record.exchange_ns <= MOST_NS, record
    if isinstance(record, Book) and not is_relayed:  # who relays one does not keep it
        check_book(record)


def _check_value(value: Any, where: str) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, float):
        assert math.isfinite(value), f"{where} is {value}"
    elif isinstance(value, int):
        assert -(2**63) <= value <= MOST_NS, f"{where} is {value}"
    elif isinstance(value, Decimal):
        assert value.is_finite(), f"{where} is {value}"
        assert abs(value.adjusted()) <= FURTHEST, f"{where} is {value!r}"
    elif isinstance(value, str):
        value.encode()
    elif isinstance(value, (list, tuple)):
        for one in value:
            _check_value(one, where)
    elif isinstance(value, dict):
        for key, one in value.items():
            key.encode()
            _check_value(one, f"{where}[{key}]")
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            _check_value(getattr(value, name), f"{where}.{name}")
    else:
        raise AssertionError(f"{where} is a {type(value).__name__}")


def check_book(book: Book) -> None:
    """Sides are sorted, best first, without doubles, with sizes; and they do not cross."""
    for side, sign in ((book.bids, -1), (book.asks, 1)):
        keys = [level.price * sign for level in side]
        assert all(a < b for a, b in itertools.pairwise(keys)), f"out of order: {keys}"
        assert all(isinstance(level, Level) and level.size > 0 for level in side), book
    if book.bids and book.asks:
        assert book.bids[0].price <= book.asks[0].price, f"crossed: {book.bids[0]} {book.asks[0]}"


def check_step(step: Step, secrets: tuple[str, ...] = (), *, is_relayed: bool = False) -> None:
    """A step holds what its fields promise; no secret stands in what a person reads."""
    for record in step.records:
        assert isinstance(record, Record)
        check_record(record, is_relayed=is_relayed)
    assert all(isinstance(reply, (str, bytes)) for reply in step.replies)
    assert step.phase in (None, "subscribing", "live")
    assert all(isinstance(topic, str) for topic in step.confirmed)
    errors = [error for _, error in step.refused]
    if step.failure is not None:
        errors.append(step.failure.error)
    for error in errors:
        assert isinstance(error, WsExampleError), repr(error)
        said = f"{error} {error!r} {vars(error)}"
        said.encode()
        assert not any(secret in said for secret in secrets), said
