"""Tables of things that were asked for once."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from wsexample.cli.listing import NONE, Column, money, number, show, show_one, table_of, when

COLUMNS = (
    Column("Name", lambda item: item["name"], is_text=True),
    Column("Price", lambda item: number(item["price"]), is_price=True),
    Column("Note", lambda item: item.get("note", ""), is_text=True, rank=1),
    Column("More", lambda item: item.get("more", ""), is_text=True, rank=2),
)


def drawn(items: list[dict[str, Any]], width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(table_of(items, COLUMNS, width=width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_prices_of_a_column_have_the_same_decimals() -> None:
    """So that their points stand below each other."""
    text = drawn([{"name": "a", "price": 1.5}, {"name": "b", "price": 12}, {"name": "c", "price": None}])
    assert "1.5" in text
    assert "12.0" in text
    assert NONE in text


def test_a_column_that_says_nothing_is_left_out() -> None:
    """But for those that always stay."""
    assert "Note" not in drawn([{"name": "a", "price": 1}])
    assert "Note" in drawn([{"name": "a", "price": 1, "note": "here"}])


def test_what_matters_least_goes_first_when_it_is_narrow() -> None:
    """The highest rank goes, then the next; the rest is never cut."""
    item = {"name": "something", "price": 1234.5, "note": "a note", "more": "and more"}
    assert "more" in drawn([item], 80)
    assert ("more" in drawn([item], 38), "a note" in drawn([item], 38)) == (False, True)
    assert ("a note" in drawn([item], 25), "1,234.5" in drawn([item], 25)) == (False, True)


def test_foreign_text_cannot_command_the_terminal() -> None:
    """Control characters are written out."""
    assert "\x1b[2J" not in drawn([{"name": "\x1b[2Jgone", "price": 1}])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, NONE),
        (Decimal("1234.5600"), "1,234.56"),
        (100.0, "100"),
        (0.1234567, "0.1234567"),
        (Decimal("0E-8"), "0"),
    ],
)
def test_numbers_have_the_decimals_that_they_have(value: Any, text: str) -> None:
    """Thousands are separated, zeros at the end left out, and nothing known is a dash."""
    assert number(value) == text


def test_money_and_moments() -> None:
    """Two decimals, and a dash for what is not known."""
    assert money(Decimal("-1234.5")) == "-1,234.50"
    assert (money(None), when(None)) == (NONE, NONE)
    assert when(1_795_000_000_000_000_000).startswith("2026-11-1")


def test_a_pipe_gets_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON object each; nothing at all when there is nothing."""
    show([{"name": "a", "price": 1}], COLUMNS, wants_json=False, color="auto", empty="nothing")
    show([], COLUMNS, wants_json=False, color="auto", empty="nothing")
    show_one({"name": "b"}, COLUMNS, wants_json=False, color="auto")
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"name": "a", "price": 1},
        {"name": "b"},
    ]
