"""Record -> sink -> record and record -> JSON -> record, for every kind of record and any value."""

from __future__ import annotations

import asyncio
import tempfile
import types
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexample.records.fields import decode_json, describe, encode_json
from wsexample.records.kinds import record_kinds
from wsexample.records.market import Record
from wsexample.sinks.sqlite import SqliteSink, read_records

KINDS = sorted(record_kinds())

PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    bytes: st.binary(max_size=20),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    type(None): st.none(),
}


def values_of(hint: Any, has_infinity: bool) -> st.SearchStrategy[Any]:
    """Return a strategy for any value that an annotation of a record allows."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return values_of(parts[0], has_infinity)
    if origin in (Union, types.UnionType):
        return st.one_of([values_of(one, has_infinity) for one in parts])
    if origin is tuple:
        return st.lists(values_of(parts[0], has_infinity), max_size=4).map(tuple)
    if origin is dict:
        return st.dictionaries(values_of(parts[0], False), values_of(parts[1], has_infinity), max_size=3)
    if origin is Literal:
        return st.sampled_from(parts)
    if hint is float:
        return st.floats(allow_nan=False, allow_infinity=has_infinity)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return records_of(hint, has_infinity)
    return PLAIN[hint]


def records_of(record_type: type[Any], has_infinity: bool = True) -> st.SearchStrategy[Any]:
    """Return a strategy for records of a class."""
    hints = get_type_hints(record_type, include_extras=True)
    fields = {name: values_of(hints[name], has_infinity) for name in record_type.__struct_fields__}
    return st.fixed_dictionaries(fields).map(lambda values: record_type(**values))


async def store(path: Path, records: list[Record]) -> None:
    async with SqliteSink(path) as sink:
        await sink.write(records)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_back_from_sqlite(kind: str) -> None:
    """A record of this kind, whatever its values, comes back equal from SQLite."""

    @settings(max_examples=20, deadline=None)
    @given(st.lists(records_of(record_kinds()[kind]), min_size=1, max_size=8))
    def holds(records: list[Record]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(store(Path(folder) / "x.db", records))
            assert list(read_records(Path(folder) / "x.db")) == records

    holds()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.one_of([records_of(one) for one in record_kinds().values()]), max_size=12))
def test_mixed_kinds_keep_their_order(records: list[Record]) -> None:
    """Records of several kinds come back in the order in which they were written."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(store(Path(folder) / "x.db", records))
        assert list(read_records(Path(folder) / "x.db")) == records


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_back_from_a_row_and_from_json(kind: str) -> None:
    """A record of this kind comes back equal from its row and, where JSON has its numbers, from its line."""
    record_type = record_kinds()[kind]
    shape = describe(record_type)

    @settings(max_examples=50, deadline=None)
    @given(records_of(record_type, has_infinity=False))
    def holds(record: Record) -> None:
        assert shape.decode_row(shape.encode_row(1, record)) == record
        assert decode_json(encode_json(record)) == record

    holds()
