"""A record class is described once; everything that stores need is read from it."""

from __future__ import annotations

import math
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from wsexample.errors import OptionError, StorageError
from wsexample.records import fields
from wsexample.records.fields import (
    UnknownRecord,
    decode_json,
    describe,
    encode_json,
)
from wsexample.records.journal import ConnectionEvent, Gap
from wsexample.records.kinds import record_kinds
from wsexample.records.market import Bar, Board, Book, Level, Quote, Record, Trade


class Side(Enum):
    BUY = "buy"
    SELL = "sell"


class Digit(Enum):
    ONE = 1


class Sample(Record, frozen=True, kw_only=True, tag="sample"):
    """One field of every type that a record may have."""

    side: Side
    """Which side."""
    digit: Digit = Digit.ONE
    choice: Literal["a", "b"] = "a"
    number: Literal[1, 2] = 2
    cash: Annotated[Decimal | None, Meta(extra={"unit": "money"})] = None
    exact: Decimal = Decimal("1.50")
    flag: bool | None = None
    is_on: bool = True
    raw: bytes = b""
    wait_s: float = 0.0
    extra: dict[str, float] = {}  # noqa: RUF012 - msgspec copies an empty default
    either: int | str = 0
    size: Annotated[float, Meta(extra={"unit": "size"})] | None = None


def sample(**changes: Any) -> Sample:
    return Sample(**({"venue": "v", "symbol": "s", "received_ns": 1, "side": Side.BUY} | changes))


def column(name: str) -> fields.Column:
    return next(one for one in describe(Sample).columns if one.name == name)


def through_row(record: Record) -> Record:
    shape = describe(type(record))
    return shape.decode_row(shape.encode_row(1, record))


def test_columns_follow_the_fields_in_their_order() -> None:
    """The columns of a record are its fields, in order."""
    assert tuple(one.name for one in describe(Quote).columns) == Quote.__struct_fields__


@pytest.mark.parametrize(
    ("name", "sql", "arrow", "is_nullable"),
    [
        ("venue", "TEXT", "string", False),
        ("exchange_ns", "INTEGER", "int64", True),
        ("side", "TEXT", "string", False),
        ("digit", "INTEGER", "int64", False),
        ("choice", "TEXT", "string", False),
        ("number", "INTEGER", "int64", False),
        ("cash", "TEXT", "string", True),
        ("flag", "INTEGER", "bool", True),
        ("raw", "BLOB", "binary", False),
        ("wait_s", "REAL", "float64", False),
        ("extra", "TEXT", "string", False),
        ("either", "TEXT", "string", False),
        ("size", "REAL", "float64", True),
    ],
)
def test_types_become_sql_and_arrow_types(name: str, sql: str, arrow: str, is_nullable: bool) -> None:
    """Each annotation has one SQL type, one Arrow type, and says whether it may be empty."""
    found = column(name)
    assert (found.sql_type, found.arrow.type, found.is_nullable) == (sql, arrow, is_nullable)
    assert found.arrow.is_nullable == is_nullable


@pytest.mark.parametrize(
    ("name", "unit"), [("cash", "money"), ("size", "size"), ("wait_s", "s"), ("received_ns", "ns"), ("venue", "")]
)
def test_units_come_from_the_annotation_or_the_name(name: str, unit: str) -> None:
    """A unit is said in the annotation, or by the ending of the name."""
    assert column(name).unit == unit


def test_labels_and_descriptions_are_for_people() -> None:
    """A label is the name in words; the description is the docstring under the field, inherited fields included."""
    assert column("received_ns").label == "Received time"
    assert column("wait_s").label == "Wait"
    assert column("side").description == "Which side."
    assert column("venue").description.startswith("Where it comes from")
    assert column("side").arrow.metadata == {"description": "Which side."}


def test_descriptions_are_empty_without_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a frozen program there is no source to read, and everything else still works."""

    def gone(_: object) -> str:
        raise OSError("no source")

    monkeypatch.setattr(fields.inspect, "getsource", gone)
    assert {one.description for one in describe.__wrapped__(Sample).columns} == {""}


def test_json_and_decimal_columns_say_so_to_arrow() -> None:
    """A reader of the schema can tell text from JSON and from exact numbers."""
    assert column("extra").arrow.metadata["encoding"] == "json"
    assert column("cash").arrow.metadata == {"unit": "money", "encoding": "decimal"}


def test_defaults_are_given_as_a_row_keeps_them() -> None:
    """A default is what an old row lacks when its table has gained the column."""
    names = ("side", "digit", "exact", "is_on", "extra", "cash")
    assert [column(name).default for name in names] == [None, 1, "1.50", 1, "{}", None]


def test_rows_begin_with_their_number() -> None:
    """A row is its number and then the values, bool, enum, Decimal and nested values made plain."""
    row = describe(Sample).encode_row(7, sample(cash=Decimal("0.10"), flag=True, extra={"a": 1.0}))
    assert row[:6] == (7, "v", "s", None, 1, "buy")
    assert {"0.10", '{"a":1.0}', True} <= set(row)


@pytest.mark.parametrize(
    "record",
    [
        sample(),
        sample(side=Side.SELL, cash=Decimal("-1E-18"), flag=False, raw=b"\0", extra={"x": 0.1}, either="1", size=2.0),
        Book(venue="v", symbol="s", received_ns=1, bids=(Level(1.0, 2.0), Level(0.5, math.inf)), sequence=9),
        Board(venue="v", symbol="s", received_ns=1, name="トヨタ自動車", asks=(Level(1.0, 2.0),), turnover=1e12),
        Gap(venue="v", received_ns=3, from_ns=1, to_ns=3, reason="lost", filled=True),
        ConnectionEvent(venue="v", received_ns=3, event="closed", code=1006),
    ],
    ids=lambda record: type(record).__name__,
)
def test_rows_come_back_as_the_same_record(record: Record) -> None:
    """What a row says is the record that was written."""
    assert through_row(record) == record


def test_the_type_of_a_union_survives() -> None:
    """The text "1" does not come back as the number 1."""
    assert through_row(sample(either="1")).either == "1"  # type: ignore[attr-defined]


def test_nan_is_none_where_none_is_allowed() -> None:
    """SQL has no NaN: an absent value comes back as None, or as NaN where the field must have a number."""
    bar = Bar(venue="v", symbol="s", received_ns=1, interval_s=1.0, open=1, high=1, low=1, close=math.nan, volume=None)
    shape = describe(Bar)
    row = tuple(None if value != value else value for value in shape.encode_row(1, bar))
    back = shape.decode_row(row)
    assert isinstance(back, Bar)
    assert math.isnan(back.close)
    assert back.volume is None


def test_a_row_that_cannot_be_read_names_the_kind() -> None:
    """A damaged value is a storage error with the kind in it."""
    shape = describe(Sample)
    row = list(shape.encode_row(1, sample()))
    row[5] = "sideways"
    with pytest.raises(StorageError, match="sample"):
        shape.decode_row(tuple(row))


def test_only_records_are_described() -> None:
    """A class that is no record is the caller's mistake."""
    for wrong in (int, Level):
        with pytest.raises(OptionError, match="not a record class"):
            describe(wrong)  # type: ignore[arg-type]


def test_json_lines_begin_with_the_kind() -> None:
    """A line is one object whose first key is the kind."""
    line = encode_json(Trade(venue="v", symbol="s", received_ns=1, price=1.5, size=2.0))
    assert line.startswith(b'{"kind":"trade","venue":"v"')
    assert b"\n" not in line
    assert decode_json(line.decode()) == Trade(venue="v", symbol="s", received_ns=1, price=1.5, size=2.0)


def test_json_of_an_unknown_kind_is_kept() -> None:
    """A line of a newer version is handed over as it came."""
    assert decode_json('{"kind":"sunspot","n":1}') == UnknownRecord("sunspot", b'{"kind":"sunspot","n":1}')
    assert decode_json(b'{"n":1}') == UnknownRecord("", b'{"n":1}')


@pytest.mark.parametrize("line", [b"", b"{", b"[1]", b'{"kind":7}', b'{"kind":"quote"}', b'{"kind":"quote","venue":1}'])
def test_json_that_is_no_record_is_a_storage_error(line: bytes) -> None:
    """A broken line is an error, never a half-read record."""
    with pytest.raises(StorageError):
        decode_json(line)


def test_newer_fields_of_a_known_kind_are_passed_over() -> None:
    """A line with a field that this version does not know is still read."""
    quote = Quote(venue="v", symbol="s", received_ns=1)
    line = encode_json(quote)[:-1] + b',"mood":"calm"}'
    assert decode_json(line) == quote


def test_arrow_types_are_names_that_pyarrow_knows() -> None:
    """The schema is described in the aliases of Arrow's own type names."""
    known = {"string", "int64", "float64", "bool", "binary"}
    assert {one.arrow.type for kind in record_kinds().values() for one in describe(kind).columns} <= known


def test_records_are_what_msgspec_makes_of_them() -> None:
    """Describing a class leaves it untouched: it still encodes and decodes by itself."""
    describe(Sample)
    assert msgspec.json.decode(msgspec.json.encode(sample()), type=Sample) == sample()
