"""What came of a query, as a table, CSV, JSON lines, Parquet or Arrow."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from wsexample.cli.output import Output
from wsexample.cli.query.asking import batches_of
from wsexample.cli.query.engine import Answer
from wsexample.cli.terminal import escape_controls
from wsexample.errors import OptionError, StorageError
from wsexample.sinks.extras import need

__all__ = ["FORMATS", "format_of", "show", "write_arrow"]

FORMATS = ("table", "csv", "json", "parquet", "arrow")
_SUFFIXES = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
TABLE_ROWS = 1000
"""Rows of a table on a terminal; more are for a file or a pipe."""
COLUMN_GAP = 2


def format_of(wanted: str | None, output: Path | None, *, is_terminal: bool) -> str:
    """Return the format to write: as wanted, by the suffix of the file, a table for people, CSV for a pipe.

    Raises:
        OptionError: the suffix says nothing, or a binary format has no file to go to.
    """
    if wanted is None and output is not None:
        wanted = _SUFFIXES.get(output.suffix.lower())
        if wanted is None:
            raise OptionError(
                f"{output.name} does not say its format; end it with {', '.join(_SUFFIXES)}, or use --format",
                option="format",
            )
    if wanted is None:
        wanted = "table" if is_terminal else "csv"
    if wanted in ("parquet", "arrow") and output is None:
        raise OptionError(f"{wanted} goes to a file: --output day.{wanted}", option="output")
    return wanted


async def show(answer: Answer, wanted: str, out: Output) -> int:
    """Write an answer as text; returns the number of rows."""
    writer = {"csv": _csv, "json": _json, "table": _table}[wanted]
    return await writer(answer, out.send)


Send = Callable[[bytes], Awaitable[None]]


async def _csv(answer: Answer, send: Send) -> int:
    count = 0
    await send(_csv_of([answer.columns]))
    async for batch in batches_of(answer):
        await send(_csv_of(batch))
        count += len(batch)
    return count


def _csv_of(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


async def _json(answer: Answer, send: Send) -> int:
    count = 0
    encode, columns = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode, answer.columns
    async for batch in batches_of(answer):
        await send(b"".join(encode(dict(zip(columns, row, strict=True))) + b"\n" for row in batch))
        count += len(batch)
    return count


async def _table(answer: Answer, send: Send) -> int:
    from rich.console import Console
    from rich.table import Table

    rows: list[Sequence[Any]] = []
    async for batch in batches_of(answer):
        rows += batch
        if len(rows) > TABLE_ROWS:
            break
    cells = [["" if value is None else escape_controls(str(value)) for value in row] for row in rows[:TABLE_ROWS]]
    names = [*map(escape_controls, answer.columns)]
    console = Console(file=io.StringIO(), force_terminal=False, highlight=False, markup=False)
    if _width_of([names, *cells]) <= console.width:
        table = Table(*names, box=None, pad_edge=False)
        for row in cells:
            table.add_row(*row)
        console.print(table)
    elif not cells:
        console.print(f"no rows; the columns are {', '.join(names)}")
    else:
        for number, row in enumerate(cells, 1):
            console.print(_under_each_other(f"row {number:,}", names, row))
    if len(rows) > TABLE_ROWS:
        console.print(f"… the first {TABLE_ROWS:,} rows; --output FILE has them all")
    text: str = console.file.getvalue()  # type: ignore[attr-defined] # the console writes to a StringIO
    await send(text.encode())
    return len(rows)


def _width_of(rows: Sequence[Sequence[str]]) -> int:
    """Return the columns of a terminal that rows take as a table, where nothing is broken or cut."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return sum(widths) + COLUMN_GAP * (len(widths) - 1)


def _under_each_other(title: str, names: Sequence[str], row: Sequence[str]) -> Any:
    """Return a row that is too wide for the terminal with a line for each of its columns that say something."""
    from rich.table import Table

    table = Table(title, "", box=None, pad_edge=False)
    table.columns[1].overflow = "fold"
    for name, cell in zip(names, row, strict=True):
        if cell:
            table.add_row(name, cell)
    return table


def write_arrow(answer: Answer, path: Path, wanted: str) -> int:
    """Write an answer as a Parquet or Arrow file, aside first and then renamed; returns the number of rows.

    Raises:
        MissingExtraError: the extra ``archive`` is missing.
        StorageError: the file cannot be written.
    """
    arrow = need("pyarrow", "archive", f"writing {wanted}")
    aside = path.with_name(f"{path.name}.tmp")
    try:
        table = _table_of(arrow, answer)
        if wanted == "parquet":
            need("pyarrow.parquet", "archive", "writing Parquet").write_table(table, aside, compression="zstd")
        else:
            need("pyarrow.feather", "archive", "writing Arrow").write_feather(table, aside, compression="zstd")
        aside.replace(path)
    except (OSError, arrow.ArrowException) as error:
        aside.unlink(missing_ok=True)
        raise StorageError(f"{path} cannot be written: {error}", url=str(path)) from error
    return int(table.num_rows)


def _table_of(arrow: Any, answer: Answer) -> Any:
    """Return the rows of an answer as an Arrow table; Python's own objects are let go batch by batch."""
    names = list(answer.columns)
    parts = [
        arrow.Table.from_arrays([_array(arrow, column) for column in zip(*batch, strict=True)], names=names)
        for batch in answer.batches
        if batch
    ]
    if not parts:
        return arrow.Table.from_arrays([arrow.array([]) for _ in names], names=names)
    try:
        return arrow.concat_tables(parts, promote_options="permissive")
    except arrow.ArrowException:  # a column holds text here and numbers there
        text = arrow.schema([(name, arrow.string()) for name in names])
        return arrow.concat_tables([part.cast(text) for part in parts])


def _array(arrow: Any, values: Sequence[Any]) -> Any:
    try:
        return arrow.array(values)
    except (arrow.ArrowException, OverflowError):  # SQLite lets a column hold several types, DuckDB numbers of 128 bits
        return arrow.array([None if value is None else str(value) for value in values])
