"""A record is described once: this module reads a record class and derives columns, rows, JSON lines and Arrow fields.

The source of everything is the msgspec struct itself: names, annotations (with a unit in ``Meta(extra={"unit": ...})``)
and the docstring under each field. Adding a record touches one file in this room; no sink needs to know of it.
It stores nothing and knows no database: sinks do that with what they find here.

How Python types are kept:

| annotation | SQL | Arrow | note |
|---|---|---|---|
| ``str``, string enums and literals | TEXT | string | |
| ``int``, integer enums | INTEGER | int64 | more than 64 bits is refused by the store |
| ``bool`` | INTEGER | bool | 0 and 1 |
| ``float`` | REAL | float64 | SQL has no NaN: it comes back as None, or as NaN where the field may not be None |
| ``Decimal`` | TEXT | string | exact to the last digit; ``CAST(x AS REAL)`` to calculate in SQL |
| ``bytes`` | BLOB | binary | |
| anything else (levels, maps, unions) | TEXT | string | JSON |
"""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from itertools import pairwise
from typing import Any, Union, get_type_hints

import msgspec

from wsexample.errors import OptionError, StorageError
from wsexample.records.kinds import kind_of, record_kinds, table_name
from wsexample.records.market import Record

__all__ = [
    "ArrowField",
    "Column",
    "RecordShape",
    "UnknownRecord",
    "decode_json",
    "describe",
    "encode_json",
]

_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class ArrowField:
    """One field of an Arrow or Parquet schema, described without importing pyarrow."""

    name: str
    """Name of the field."""
    type: str
    """An Arrow type alias: "string", "int64", "float64", "bool" or "binary" (`pyarrow.type_for_alias` knows them)."""
    is_nullable: bool
    """Whether the field may be null."""
    metadata: Mapping[str, str]
    """``unit``, ``description`` and ``encoding`` ("json" or "decimal"), each only where there is one."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a record as a column."""

    name: str
    """Name of the field and of the column."""
    sql_type: str
    """"TEXT", "INTEGER", "REAL" or "BLOB"."""
    is_nullable: bool
    """Whether the field may be None."""
    unit: str
    """"ns", "s", "price", "size", ...; "" where it has none."""
    label: str
    """The name for a person: "Bid price"."""
    description: str
    """The docstring under the field; "" where its source is not at hand."""
    default: Any
    """What the field is when nothing is said, as `RecordShape.encode_row` would write it; None where it must be said."""
    arrow: ArrowField
    """The same field for Arrow and Parquet."""


@dataclass(frozen=True, slots=True)
class RecordShape:
    """What a store needs to know about one record class."""

    kind: str
    """The tag of the record: "quote"."""
    table: str
    """Where such records are kept: "quotes"."""
    record_type: type[Record]
    """The class."""
    columns: tuple[Column, ...]
    """One for each field, in the order of the class."""
    encode_row: Callable[[int, Any], tuple[Any, ...]]
    """``encode_row(number, record)``: the number, then the values in the order of `columns`."""
    decode_row: Callable[[tuple[Any, ...]], Record]
    """What `encode_row` returned, back to a record; raises `StorageError` when the values cannot be one."""


class UnknownRecord(msgspec.Struct, frozen=True):
    """A JSON line whose kind this version does not know; kept as it came."""

    kind: str
    """The kind it names; "" when it names none."""
    line: bytes
    """The line."""


# --- the description --------------------------------------------------------------------------------------------------


@cache
def describe(record_type: type[Record]) -> RecordShape:
    """Describe a record class; the answer is made once and kept.

    Parameters:
        record_type: a concrete subclass of `Record`.

    Returns:
        Its table, columns, and the functions from and to rows.

    Raises:
        OptionError: not a record class.
    """
    struct = msgspec.inspect.type_info(record_type)
    if not isinstance(struct, msgspec.inspect.StructType) or not issubclass(record_type, Record):
        raise OptionError(f"{record_type.__name__} is not a record class")
    kind = kind_of(record_type)
    texts = _docstrings(record_type)
    plans = [_plan(field) for field in struct.fields]
    hints = get_type_hints(record_type, include_extras=True)
    return RecordShape(
        kind=kind,
        table=table_name(kind),
        record_type=record_type,
        columns=tuple(plan.column(texts.get(plan.name, "")) for plan in plans),
        encode_row=_row_encoder(record_type, plans),
        decode_row=_row_decoder(record_type, plans, hints),
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one field is kept: its types, and the conversion it needs, by name."""

    name: str
    sql_type: str
    arrow_type: str
    way: str
    """"plain", "float", "bool", "decimal", "enum" or "json"."""
    is_nullable: bool
    unit: str
    default: Any
    enum_type: type[Enum] | None = None

    def column(self, description: str) -> Column:
        metadata = {"unit": self.unit, "description": description, "encoding": _ENCODINGS.get(self.way, "")}
        arrow = ArrowField(self.name, self.arrow_type, self.is_nullable, {k: v for k, v in metadata.items() if v})
        label = _label(self.name)
        default = self.encoded(self.default)
        return Column(self.name, self.sql_type, self.is_nullable, self.unit, label, description, default, arrow)

    def encoded(self, value: Any) -> Any:
        """Return a value of this field as a row keeps it."""
        if value is None:
            return None
        encode: dict[str, Callable[[Any], Any]] = {"decimal": str, "json": _to_json, "bool": int}
        return value.value if self.way == "enum" else encode.get(self.way, lambda same: same)(value)


_ENCODINGS = {"json": "json", "decimal": "decimal"}

_WAYS: dict[type, tuple[str, str, str]] = {
    msgspec.inspect.StrType: ("TEXT", "string", "plain"),
    msgspec.inspect.IntType: ("INTEGER", "int64", "plain"),
    msgspec.inspect.FloatType: ("REAL", "float64", "float"),
    msgspec.inspect.BoolType: ("INTEGER", "bool", "bool"),
    msgspec.inspect.BytesType: ("BLOB", "binary", "plain"),
    msgspec.inspect.DecimalType: ("TEXT", "string", "decimal"),
}


def _plan(field: msgspec.inspect.Field) -> _Plan:
    unit = ""
    kind: Any = field.type
    if isinstance(kind, msgspec.inspect.Metadata):
        unit = (kind.extra or {}).get("unit", "")
        kind = kind.type
    is_nullable = False
    if isinstance(kind, msgspec.inspect.UnionType):
        others = tuple(one for one in kind.types if not isinstance(one, msgspec.inspect.NoneType))
        is_nullable = len(others) < len(kind.types)
        kind = others[0] if len(others) == 1 else kind
    if isinstance(kind, msgspec.inspect.Metadata):  # the unit stood inside: Annotated[float, ...] | None
        unit = unit or (kind.extra or {}).get("unit", "")
        kind = kind.type
    enum_type: type[Enum] | None = None
    if isinstance(kind, msgspec.inspect.EnumType):
        enum_type = kind.cls
        sql_type, arrow_type, way = _way_of_values(tuple(member.value for member in enum_type), "enum")
    elif isinstance(kind, msgspec.inspect.LiteralType):
        sql_type, arrow_type, way = _way_of_values(kind.values, "plain")
    else:
        sql_type, arrow_type, way = _WAYS.get(type(kind), ("TEXT", "string", "json"))
    unit = unit or ("ns" if field.name.endswith("_ns") else "s" if field.name.endswith("_s") else "")
    default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
    default = None if default is msgspec.NODEFAULT else default
    return _Plan(field.name, sql_type, arrow_type, way, is_nullable, unit, default, enum_type)


def _way_of_values(values: tuple[Any, ...], way: str) -> tuple[str, str, str]:
    if all(isinstance(value, str) for value in values):
        return "TEXT", "string", way
    if all(isinstance(value, int) for value in values):
        return "INTEGER", "int64", way
    return "TEXT", "string", "json"


def _label(name: str) -> str:
    words = name
    if name.endswith("_ns"):
        words = name[:-3] + "_time"
    elif name.endswith("_s"):
        words = name[:-2]
    words = words.replace("_", " ")
    return words[:1].upper() + words[1:]


def _docstrings(record_type: type) -> dict[str, str]:
    """Return the string under each field, subclasses last; empty where the source is not at hand (a frozen program)."""
    texts: dict[str, str] = {}
    for owner in reversed(record_type.__mro__):
        if not issubclass(owner, msgspec.Struct) or owner is msgspec.Struct:
            continue
        tree = _parsed(owner)
        if tree is None:
            continue
        body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
        for line, below in pairwise(body):
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and isinstance(below, ast.Expr):
                text = below.value.value if isinstance(below.value, ast.Constant) else None
                if isinstance(text, str):
                    texts[line.target.id] = inspect.cleandoc(text)
    return texts


def _parsed(owner: type) -> ast.Module | None:
    """Return the source of a class as a tree; None where it is not at hand."""
    for _ in range(10):
        try:
            return ast.parse(textwrap.dedent(inspect.getsource(owner)))
        except SystemError:
            continue  # Python 3.11 miscounts the depth when a finalizer or another thread runs code meanwhile: once more
        except (OSError, TypeError, SyntaxError):
            return None
    return None


# --- rows -------------------------------------------------------------------------------------------------------------
# The two functions of a class are generated: a literal tuple of attributes costs a third less than a loop over getters,
# and every stored record passes here. Only names of fields, which are identifiers, enter the generated text.


def _row_encoder(record_type: type[Record], plans: list[_Plan]) -> Callable[[int, Any], tuple[Any, ...]]:
    parts = []
    for plan in plans:
        value = f"r.{plan.name}"
        match plan.way:
            case "decimal":
                value = f"str({value})"
            case "enum":
                value = f"{value}.value"
            case "json":
                value = f"to_json({value})"
        if plan.is_nullable and value != f"r.{plan.name}":
            value = f"None if r.{plan.name} is None else {value}"
        parts.append(value)
    text = f"lambda n, r: (n, {', '.join(parts)},)"
    encode: Callable[[int, Any], tuple[Any, ...]] = eval(text, {"str": str, "to_json": _to_json})  # noqa: S307 - made of our own field names
    return encode


def _row_decoder(
    record_type: type[Record], plans: list[_Plan], hints: Mapping[str, Any]
) -> Callable[[tuple[Any, ...]], Record]:
    names: dict[str, Any] = {"cls": record_type, "nan": math.nan, "bool": bool, "Decimal": Decimal}
    parts = []
    for i, plan in enumerate(plans, start=1):  # v[0] is the number
        value = f"v[{i}]"
        match plan.way:
            case "float" if not plan.is_nullable:
                value = f"nan if v[{i}] is None else v[{i}]"
            case "bool":
                value = f"bool(v[{i}])"
            case "decimal":
                value = f"Decimal(v[{i}])"
            case "enum":
                names[f"enum_{i}"] = plan.enum_type
                value = f"enum_{i}(v[{i}])"
            case "json":
                names[f"from_json_{i}"] = _json_reader(hints[plan.name])
                value = f"from_json_{i}(v[{i}])"
        if plan.is_nullable and value != f"v[{i}]":
            value = f"None if v[{i}] is None else {value}"
        parts.append(f"{plan.name}={value}")
    make: Callable[[tuple[Any, ...]], Record] = eval(f"lambda v: cls({', '.join(parts)})", names)  # noqa: S307 - the same
    kind = kind_of(record_type)

    def decode(values: tuple[Any, ...]) -> Record:
        try:
            return make(values)
        except (msgspec.ValidationError, msgspec.DecodeError, ValueError, TypeError, ArithmeticError) as error:
            raise StorageError(f"a stored row cannot be read as a {kind} record: {error}") from error

    return decode


def _to_json(value: Any) -> str:
    text = _ENCODER.encode(value)
    if b"null" in text:  # JSON has no infinity and no NaN, msgspec writes null for both: keep them as words
        text = _ENCODER.encode(_with_words(msgspec.to_builtins(value)))
    return text.decode()


def _with_words(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _with_words(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_words(one) for one in value]
    return value


def _json_reader(hint: Any) -> Callable[[Any], Any]:
    strict = msgspec.json.Decoder(hint)
    lax = msgspec.json.Decoder(hint, strict=False)  # reads the words "inf" and "nan" as numbers

    def read(text: Any) -> Any:
        try:
            return strict.decode(text)
        except msgspec.ValidationError:
            return lax.decode(text)

    return read


# --- JSON lines -------------------------------------------------------------------------------------------------------


class _Head(msgspec.Struct):
    kind: str = ""


_HEAD = msgspec.json.Decoder(_Head)
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What a decoder raises: octets that are no text and nesting without end are not its own errors."""


@cache
def _lines(record_types: tuple[type[Record], ...]) -> msgspec.json.Decoder[Record]:
    return msgspec.json.Decoder(Union[record_types])  # noqa: UP007 - built at run time


def encode_json(record: Record) -> bytes:
    """Return the record as one line of JSON, its ``kind`` first, without the newline.

    Infinity and NaN become null: JSON has neither.
    """
    return _ENCODER.encode(record)


def decode_json(line: bytes | str) -> Record | UnknownRecord:
    """Read one line of JSON.

    Parameters:
        line: an object with its ``kind``; fields that this version does not know are passed over.

    Returns:
        The record; an `UnknownRecord` when this version does not know the kind.

    Raises:
        StorageError: not JSON, or a field of a known kind has a value that it cannot have.
    """
    try:
        return _lines(tuple(record_kinds().values())).decode(line)
    except _UNREADABLE as error:
        try:
            kind = _HEAD.decode(line).kind
        except _UNREADABLE:
            raise StorageError(f"not a record: {error}") from error
        if kind in record_kinds():
            raise StorageError(f"a line of JSON cannot be read as a {kind} record: {error}") from error
        return UnknownRecord(kind, line.encode() if isinstance(line, str) else bytes(line))
