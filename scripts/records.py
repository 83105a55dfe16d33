#!/usr/bin/env python3
"""Write docs/records.md: every record with its fields, types and units, as the classes themselves describe them.

python3 scripts/records.py           write the page anew
python3 scripts/records.py --check   say whether it is out of date, with exit status 1
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from typing import TYPE_CHECKING, get_type_hints

from venv_setup import ROOT
from written import begin, keep

if TYPE_CHECKING:
    from enum import Enum

    import msgspec

    from wsexample.records.market import Record

PAGE = ROOT / "docs" / "records.md"
BEGIN = "<!-- records: written by scripts/records.py -->\n"
END = "<!-- end of records -->\n"


def plain(text: str) -> str:
    """Return a docstring as it stands in the cell of a table."""
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


def type_name(hint: object) -> str:
    """Return a type as one writes it where its names are imported."""
    name = hint.__name__ if isinstance(hint, type) and not hasattr(hint, "__args__") else str(hint)
    return re.sub(r"\b(?:\w+\.)+(?=\w)", "", name).replace("|", "\\|")


def fields(record_type: type[Record], passed_over: set[str]) -> list[str]:
    """Return the table of a record's fields, those that all records have left out."""
    import msgspec

    from wsexample.records.fields import describe

    hints = get_type_hints(record_type)
    needed = {field.name for field in msgspec.structs.fields(record_type) if field.required}
    lines = ["| field | type | unit | |", "|---|---|---|---|"]
    for column in describe(record_type).columns:
        if column.name not in passed_over:
            star = "*" if column.name in needed else ""
            name, kind = f"`{column.name}`{star}", f"`{type_name(hints[column.name])}`"
            lines.append(f"| {name} | {kind} | {column.unit} | {plain(column.description)} |")
    return lines


def texts(kind: type) -> dict[str, str]:
    """Return the string under each name in the body of a class."""
    from itertools import pairwise  # not above: an older Python still gets as far as a clear sentence

    (node,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(node, ast.ClassDef)
    return {
        ast.unparse(line.target if isinstance(line, ast.AnnAssign) else line.targets[0]): below.value.value
        for line, below in pairwise(node.body)
        if isinstance(line, ast.AnnAssign | ast.Assign) and isinstance(below, ast.Expr)
        if isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }


def part(struct: type[msgspec.Struct]) -> list[str]:
    """Return the table of what is no record by itself: a part of one, or what is asked of a venue."""
    import msgspec

    hints, words = get_type_hints(struct), texts(struct)
    lines = ["| field | type | |", "|---|---|---|"]
    for field in msgspec.structs.fields(struct):
        star = "*" if field.required else ""
        lines.append(f"| `{field.name}`{star} | `{type_name(hints[field.name])}` | {plain(words[field.name])} |")
    return lines


def meanings(enum: type[Enum]) -> list[str]:
    """Return the table of the words that a field may hold."""
    words = texts(enum)
    return ["| word | |", "|---|---|", *[f'| "{one.value}" | {plain(words[one.name])} |' for one in enum]]


def tables() -> str:
    """Return what stands between the marks: a list of all records, then the fields of each."""
    import msgspec

    from wsexample.records.kinds import record_kinds, table_name
    from wsexample.records.market import Quote, Record
    from wsexample.records.orders import OrderLeg, OrderRequest, OrderStatus

    kinds = sorted(record_kinds().items(), key=lambda item: item[1].__module__.endswith("journal"))
    shared = {field.name for field in msgspec.structs.fields(Record)}
    lines = ["| record | kind | table | from | |", "|---|---|---|---|---|"]
    for kind, record_type in kinds:
        title, about = record_type.__name__, plain((record_type.__doc__ or "").splitlines()[0])
        home = record_type.__module__
        lines.append(f"| [`{title}`](#{title.lower()}) | `{kind}` | `{table_name(kind)}` | `{home}` | {about} |")
    own = {field.name for field in msgspec.structs.fields(Quote)} - shared
    lines += ["", "## Fields of every record", "", *fields(Quote, own)]
    for _, record_type in kinds:
        lines += ["", f"## {record_type.__name__}", "", *fields(record_type, shared)]
    about = "What venues and the paper engine take: a `size` or a `notional`, at market and for the day unless it says otherwise."
    lines += ["", "## OrderRequest", "", about, "", *part(OrderRequest)]
    lines += [
        "",
        "## OrderStatus",
        "",
        "Words of `Order.status`, the same for every venue.",
        "",
        *meanings(OrderStatus),
    ]
    lines += ["", "## OrderLeg", "", "What `Order.legs` holds.", "", *part(OrderLeg)]
    return "\n".join(lines) + "\n"


def page(old: str) -> str:
    """Return the page with its tables written anew."""
    head, _, rest = old.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{tables()}\n{END}{tail}"


def main() -> int:
    """Write the page, or compare with it."""
    is_check = begin(__file__, __doc__, needs="msgspec")
    old = PAGE.read_text(encoding="utf-8")
    return keep(PAGE, page(old), old, "headings", is_check=is_check)


if __name__ == "__main__":
    sys.exit(main())
