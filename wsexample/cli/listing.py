"""What a command was asked for once, not as a stream: a table on a terminal, one JSON object a line in a pipe.

Which columns there are belongs to each command.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from wsexample.cli.options import color_options, option
from wsexample.cli.terminal import escape_controls
from wsexample.records.fields import encode_json
from wsexample.records.market import Record

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["MOST_ROWS", "NONE", "Column", "list_flags", "money", "number", "show", "show_one", "table_of", "when"]

NONE = "–"
"""What stands where nothing is known."""

MOST_ROWS = 1_000
"""Rows of a table; more are only counted, for nobody reads them and drawing them takes long."""

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Column:
    """A column, or a row of a table about one thing."""

    title: str
    """Its heading."""
    text: Callable[[Any], str]
    """What it says of an item."""
    tone: Callable[[Any], Any] | None = None
    """A number whose sign colours it: green above zero, red below; None for no colour."""
    is_text: bool = False
    """Whether it stands at the left, as words do."""
    rank: int = 0
    """What goes first when the terminal is narrow: the highest; 0 stays."""
    is_price: bool = False
    """Whether all of its numbers are written with the same number of decimals."""


def list_flags(command: Decorated) -> Decorated:
    """Add ``--json`` and the colours."""
    command = color_options(command)
    return option(
        "--json", "wants_json", is_flag=True, section="Output", help="Print JSON lines on a terminal too, no table."
    )(command)


def number(value: Decimal | float | None) -> str:
    """Write a number with thousands separated and the decimals that it has."""
    if value is None:
        return NONE
    text = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,.10g}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(value: Decimal | float | None) -> str:
    """Write an amount of money with two decimals."""
    return NONE if value is None else f"{value:,.2f}"


def when(at_ns: int | None) -> str:
    """Write a moment in this machine's time zone."""
    if at_ns is None:
        return NONE
    return datetime.fromtimestamp(at_ns / 1e9, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def show(items: Sequence[Any], columns: Sequence[Column], *, wants_json: bool, color: str, empty: str = "") -> None:
    """Print items one a line.

    Parameters:
        items: records, or mappings.
        columns: what the table says of each.
        wants_json: whether there is no table on a terminal either.
        color: "auto", "always" or "never".
        empty: what people are told when there is nothing.
    """
    if wants_json or not sys.stdout.isatty():
        _print_lines(items)
        return
    if not items:
        click.echo(empty, err=True)
        return
    console = _console(color)
    console.print(table_of(items[-MOST_ROWS:], columns, width=console.width))
    if len(items) > MOST_ROWS:
        click.echo(f"  … and {len(items) - MOST_ROWS:,} before these; --json or a pipe gets all", err=True)


def show_one(item: Any, columns: Sequence[Column], *, wants_json: bool, color: str) -> None:
    """Print one thing: its facts below each other, or one line of JSON."""
    if wants_json or not sys.stdout.isatty():
        _print_lines([item])
        return
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 0, 0, 1))
    table.add_column(style="dim")
    table.add_column(justify="right")
    for column in columns:
        table.add_row(column.title, _styled(column, item, escape_controls(column.text(item))))
    _console(color).print(table)


def table_of(items: Sequence[Any], columns: Sequence[Column], *, width: int) -> Table:
    """Return a table of items for so many cells; columns that matter least are left out where they do not fit."""
    from rich import box
    from rich.table import Table

    texts = [[escape_controls(column.text(item)) for item in items] for column in columns]
    texts = [_aligned(each) if column.is_price else each for each, column in zip(texts, columns, strict=True)]
    shown = [
        place for place in _that_fit(columns, texts, width) if not columns[place].rank or _says_something(texts[place])
    ]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), header_style="bold")
    for place in shown:
        column = columns[place]
        table.add_column(column.title, justify="left" if column.is_text else "right", no_wrap=True, overflow="ellipsis")
    for number_of_row, item in enumerate(items):
        table.add_row(*(_styled(columns[place], item, texts[place][number_of_row]) for place in shown))
    return table


def _says_something(texts: Sequence[str]) -> bool:
    return any(text not in ("", NONE) for text in texts)


def _aligned(texts: Sequence[str]) -> list[str]:
    """Give every number as many decimals as the one that has most."""
    decimals = [len(text.partition(".")[2]) for text in texts]
    most = max(decimals, default=0)
    return [
        text if has == most or not text[-1:].isdigit() else f"{text}{'' if has else '.'}{'0' * (most - has)}"
        for text, has in zip(texts, decimals, strict=True)
    ]


def _print_lines(items: Iterable[Any]) -> None:
    for item in items:
        line = encode_json(item) if isinstance(item, Record) else msgspec.json.encode(item)
        click.echo(line.decode())


def _console(color: str) -> Any:
    from rich.console import Console

    return Console(highlight=False, no_color=True if color == "never" else None, soft_wrap=False)


def _that_fit(columns: Sequence[Column], texts: Sequence[Sequence[str]], width: int) -> list[int]:
    """Leave out the columns that matter least until the rest fits; returns the places of the others."""
    from rich.cells import cell_len

    widths = [
        max(cell_len(text) for text in (column.title, *each)) for column, each in zip(columns, texts, strict=True)
    ]
    shown = list(range(len(columns)))
    for place in sorted((place for place in shown if columns[place].rank), key=lambda place: -columns[place].rank):
        if sum(widths[each] + 2 for each in shown) + 2 <= width:
            break
        shown.remove(place)
    return shown


def _styled(column: Column, item: Any, text: str) -> Any:
    from rich.text import Text

    value = column.tone(item) if column.tone is not None else None
    return Text(text, style="" if not value else "green" if value > 0 else "red")
