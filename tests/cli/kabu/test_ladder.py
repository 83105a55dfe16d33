"""The order book looks as Japanese traders know it, at any size of the window."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from wsexample.cli.feed.colors import Colors
from wsexample.cli.kabu.ladder import KabuLadder
from wsexample.records.market import Board, Level

ASKS = tuple(Level(2503.0 + number / 2, 1000.0 * (number + 1)) for number in range(10))
BIDS = tuple(Level(2502.5 - number / 2, 100.0 * (number + 1)) for number in range(10))


def board(**changes: Any) -> Board:
    """A stock's board in the continuous session."""
    facts: dict[str, Any] = {
        "venue": "kabu",
        "symbol": "9433@1",
        "name": "ＫＤＤＩ",
        "market_name": "東証プ",
        "layout": "stock",
        "last_price": 2503.0,
        "change": -7.0,
        "change_percent": -0.28,
        "previous_close": 2510.0,
        "asks": ASKS,
        "bids": BIDS,
        "asks_sign": "0101",
        "bids_sign": "0101",
        "asks_above_size": 222_700.0,
        "bids_below_size": 647_300.0,
        "market_sell_size": 0.0,
        "market_buy_size": 1200.0,
        "exchange_ns": 1_772_590_532_000_000_000,
        "received_ns": 1_772_590_532_400_000_000,
    }
    return Board(**{**facts, **changes})


def drawn(*boards: Board, width: int = 100, height: int = 40, colors: Colors | None = None) -> list[str]:
    """Draw after some boards; returns the lines without colours."""
    ladder = KabuLadder("9433@1", colors)
    for number, each in enumerate(boards):
        ladder.take(each, float(number))
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    console.print(ladder.draw(float(len(boards)), width=width, height=height))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def cells(lines: list[str], word: str) -> list[str]:
    """The words of the line on which a word stands, bars left out."""
    (line,) = [line for line in lines[4:] if word in line.replace("特", "").split()]
    return [cell for cell in line.split() if "█" not in cell]


def test_asks_stand_left_and_up_bids_right_and_down() -> None:
    """The best prices meet in the middle; sizes of sellers are left of the price, of buyers right."""
    lines = drawn(board())
    prices = [cell for line in lines[4:] for cell in line.split() if "." in cell]
    assert prices == [f"{price:,.1f}" for price in (2507.5 - number / 2 for number in range(20))]
    assert cells(lines, "2,503.0") == ["1,000", "2,503.0"]
    assert cells(lines, "2,502.5") == ["2,502.5", "100"]


def test_what_lies_beyond_stands_at_the_ends() -> None:
    """OVER above the asks, UNDER below the bids, market orders on top."""
    lines = drawn(board())
    assert cells(lines, "OVER") == ["222,700", "OVER"]
    assert cells(lines, "UNDER") == ["UNDER", "647,300"]
    assert cells(lines, "MARKET") == ["0", "MARKET", "1,200"]
    assert lines.index(next(line for line in lines if "UNDER" in line)) == len(lines) - 1


def test_levels_that_do_not_fit_count_as_beyond() -> None:
    """In a low window fewer levels are shown, and the sums at the ends take in the rest."""
    lines = drawn(board(), height=15)
    assert len(lines) <= 15
    assert cells(lines, "2,504.0") == ["3,000", "2,504.0"]
    assert cells(lines, "OVER") == [f"{222_700 + sum(1000 * n for n in range(4, 11)):,}", "OVER"]
    assert cells(lines, "UNDER") == ["UNDER", f"{647_300 + sum(100 * n for n in range(4, 11)):,}"]


@pytest.mark.parametrize(
    ("sign", "flag", "words"), [("0102", "特", "special quote"), ("0118", "連", "sequential-trade quote")]
)
def test_a_special_quote_is_flagged(sign: str, flag: str, words: str) -> None:
    """The letter stands beside the best price of its side only, and what it means below."""
    lines = drawn(board(asks_sign=sign))
    flagged = [line for line in lines if flag in line]
    assert ["2,503.0" in line for line in flagged] == [True, False]
    assert flagged[1].strip() == f"{flag} {words}"


def test_full_width_letters_do_not_shift_columns() -> None:
    """Beside a flag of two cells the price stands where all prices stand."""
    lines = drawn(board(asks_sign="0102", bids_sign="0102"))
    ends = set()
    for line in lines[4:]:
        for price in (cell.rstrip("特") for cell in line.split() if "." in cell):
            ends.add(cell_len(line[: line.index(price) + len(price)]))
    assert len(ends) == 1


def test_at_a_limit_the_best_quote_is_what_is_left() -> None:
    """At limit-up no ask is left; where only the best quote says a price, that is shown."""
    lines = drawn(board(asks=(), ask_price=2600.0, ask_size=0.0, asks_sign=None, bids_sign="0102"))
    assert cells(lines, "2,600.0") == ["0", "2,600.0"]
    assert cells(lines, "2,502.5") == ["2,502.5特", "100"]


def test_an_index_has_no_book() -> None:
    """That is said in words; its price is shown all the same."""
    lines = drawn(board(layout="index", asks=(), bids=(), last_price=50231.34))
    assert "an index has no order book" in lines[-1]
    assert "50,231.34" in lines[1]


def test_the_state_of_the_price_is_told_unless_it_is_ordinary() -> None:
    """A halt stands in the first line."""
    assert "trading halt" in drawn(board(last_status=6))[1]
    assert "current price" not in drawn(board(last_status=1))[1]


def test_other_symbols_and_kinds_are_passed_over() -> None:
    """Only boards of the symbol asked for change the picture."""
    assert drawn(board(symbol="7203@1")) == ["", " 9433@1  nothing has come yet"]


def test_a_size_that_changed_is_bold_for_a_moment() -> None:
    """The first board flashes nothing; a changed size does, until the moment is over."""
    ladder = KabuLadder("9433@1")
    ladder.take(board(), 0.0)
    ladder.take(board(asks=(Level(2503.0, 5.0), *ASKS[1:])), 1.0)

    def painted(now_s: float) -> str:
        console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard")
        console.print(ladder.draw(now_s, width=100, height=40))
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    assert "\x1b[1m" in next(
        line for line in painted(1.1).splitlines() if "2,503.0" in line and "▼" not in line and "█" not in line
    )
    assert painted(1.1) != painted(3.0)


@pytest.mark.parametrize("width", [36, 40, 60, 80, 200])
@pytest.mark.parametrize("height", [10, 20, 60])
def test_the_picture_fits_the_window(width: int, height: int) -> None:
    """No line is wider than the window, and there are not more lines than it has."""
    lines = drawn(board(asks_sign="0102"), width=width, height=height)
    assert max(cell_len(line) for line in lines) <= width
    assert len(lines) <= max(height, 11)
    assert cells(lines, "UNDER")[0] == "UNDER"


def test_a_name_cannot_command_the_terminal() -> None:
    """Control characters in a name are written out."""
    assert "\\x1b[2J" in drawn(board(name="\x1b[2J"))[1]
