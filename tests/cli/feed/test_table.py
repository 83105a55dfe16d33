"""The table of boards says what happened, at any width, in Japanese too."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from wsexample.cli.feed.colors import Colors
from wsexample.cli.feed.table import MarketTable
from wsexample.records.market import Board, Level, Quote, Trade
from wsexample.records.market import Book as OrderBook

RECEIVED_NS = 1_772_590_532_400_000_000  # 2026-03-04 11:15:32.4 in Tokyo


def board(symbol: str = "9433@1", **changes: Any) -> Board:
    """A board of a stock as it comes in the session."""
    facts: dict[str, Any] = {
        "venue": "kabu",
        "symbol": symbol,
        "name": "ＫＤＤＩ",
        "last_price": 2524.5,
        "change": 14.5,
        "change_percent": 0.58,
        "bid_price": 2524.5,
        "bid_size": 6100.0,
        "ask_price": 2525.0,
        "ask_size": 4300.0,
        "volume": 3184200.0,
        "vwap": 2519.8342,
        "exchange_ns": RECEIVED_NS - 400_000_000,
        "received_ns": RECEIVED_NS,
    }
    return Board(**{**facts, **changes})


def tokyo(*symbols: str) -> MarketTable:
    """A table with times of Tokyo."""
    return MarketTable(list(symbols), offset_s=9 * 3600)


def drawn(table: MarketTable, *, width: int = 150, height: int = 30, now_s: float = 1.0) -> list[str]:
    """Draw without colours; returns the lines."""
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    console.print(table.draw(now_s, width=width, height=height))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def row_of(lines: list[str], symbol: str) -> list[str]:
    """Return the cells of an instrument's row."""
    (line,) = [line for line in lines if line.strip().startswith(symbol)]
    return line.split()


def test_a_row_shows_price_quotes_and_time() -> None:
    """Last price, change, best quotes, volume and Tokyo time stand in one row, numbers with separators."""
    table = tokyo("9433@1")
    table.take(board(), 0.0)
    assert row_of(drawn(table), "9433@1") == [
        "9433@1", "ＫＤＤＩ", "2,524.5", "+14.5", "+0.58", "6,100", "2,524.5", "2,525.0", "4,300", "3,184,200",
        "2,519.8", "11:15:32",
    ]  # fmt: skip


def test_an_instrument_waits_in_its_place() -> None:
    """What was asked for is shown from the beginning, in the order asked for, with dashes for what is not known."""
    table = MarketTable(["7203@1", "9433@1"])
    table.take(board(last_price=None, bid_price=float("nan")), 0.0)
    lines = drawn(table)
    assert set(row_of(lines, "7203@1")[1:]) == {"–"}
    assert row_of(lines, "9433@1")[2] == "–"
    assert [line.split()[0] for line in lines if "@1" in line] == ["7203@1", "9433@1"]


@pytest.mark.parametrize(("price", "arrow"), [(2525.0, "▲"), (2524.0, "▼"), (2524.5, "")])
def test_the_arrow_says_where_the_price_went(price: float, arrow: str) -> None:
    """A price above the one before has an arrow up, below it one down."""
    table = MarketTable([])
    table.take(board(), 0.0)
    table.take(board(last_price=price), 1.0)
    (line,) = [line for line in drawn(table) if "9433@1" in line]
    assert ("▲" in line, "▼" in line) == (arrow == "▲", arrow == "▼")


def test_what_moved_is_highlighted_for_a_moment() -> None:
    """A moved price is painted at once and plain again after a moment."""
    table = MarketTable([], Colors.named("japan"))
    table.take(board(), 0.0)
    table.take(board(last_price=2525.0), 1.0)
    row = table._rows["9433@1"]
    flashing, calm = table._cells(row, 1.1)["Last"], table._cells(row, 3.0)["Last"]
    assert "red" in str(flashing.style)
    assert [span.style for span in flashing.spans] == ["reverse"]
    assert calm.spans == []


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_window(width: int) -> None:
    """Columns are left out until the table fits; wide characters count as two cells."""
    table = MarketTable(["9433@1"])
    table.take(board(), 0.0)
    table.take(board("8306@1", name="三菱ＵＦＪフィナンシャル・グループ"), 0.0)
    lines = drawn(table, width=width)
    assert max(cell_len(line) for line in lines) <= width
    assert any("2,524.5" in line for line in lines)


def test_columns_stay_where_they_are() -> None:
    """A column that was wide once stays so; numbers do not jump."""
    table = MarketTable([])
    table.take(board(volume=123_456_789.0), 0.0)
    before = next(line for line in drawn(table) if "Symbol" in line)
    table.take(board(volume=1.0), 1.0)
    assert next(line for line in drawn(table) if "Symbol" in line) == before


def test_more_rows_than_lines_are_counted() -> None:
    """What does not fit into the window is counted, not silently cut."""
    table = MarketTable([f"{1000 + number}@1" for number in range(30)])
    lines = drawn(table, height=15)
    assert any("and 20 instruments more" in line for line in lines)
    assert len(lines) == 15


def test_quotes_and_trades_of_one_symbol_share_a_row() -> None:
    """A trade changes the price and leaves the quotes that stand; no name, no column for names."""
    table = MarketTable(["AAPL"], offset_s=0)
    table.take(Quote(venue="alpaca", symbol="AAPL", received_ns=1, bid_price=187.31, ask_price=187.32, bid_size=3), 0.0)
    table.take(Trade(venue="alpaca", symbol="AAPL", received_ns=2, exchange_ns=2, price=187.315, size=100), 1.0)
    lines = drawn(table)
    assert row_of(lines, "AAPL") == ["AAPL", "187.315", "3", "187.310", "187.320", "–", "00:00:00"]
    assert "Name" not in lines[1]
    assert "VWAP" not in lines[1]


def test_a_book_gives_its_best_levels() -> None:
    """Best bid and ask of a book stand in the row; an empty side is a dash."""
    table = MarketTable([])
    table.take(OrderBook(venue="weex", symbol="BTCUSDT", received_ns=1, bids=(Level(100.5, 2.0),)), 0.0)
    assert row_of(drawn(table), "BTCUSDT")[:5] == ["BTCUSDT", "2", "100.5", "–", "–"]


def test_a_name_cannot_command_the_terminal() -> None:
    """Control characters in a name are written out."""
    table = MarketTable([])
    table.take(board(name="\x1b[2J"), 0.0)
    assert "\\x1b[2J" in row_of(drawn(table), "9433@1")[1]


@pytest.mark.parametrize(("locale", "up"), [("ja_JP.UTF-8", "red"), ("en_US.UTF-8", "green"), ("", "green")])
def test_rising_prices_have_the_colour_of_the_country(monkeypatch: pytest.MonkeyPatch, locale: str, up: str) -> None:
    """In Japan what rises is red; the locale decides unless the user does."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", locale)
    assert Colors.named("auto").up == up
    assert Colors.named("west").up == "green"


def test_columns_of_which_nobody_speaks_stay_away() -> None:
    """Quotes alone bring no last price and no volume; both appear with the first record that has them."""
    table = tokyo("AAPL")
    table.take(
        Quote(venue="alpaca", symbol="AAPL", received_ns=RECEIVED_NS, bid_price=1.0, bid_size=2.0, ask_price=3.0), 0.0
    )
    heading = " ".join(drawn(table))
    assert "Bid size" in heading
    assert "Last" not in heading
    assert "Volume" not in heading
    table.take(Trade(venue="alpaca", symbol="AAPL", received_ns=RECEIVED_NS, price=2.0, size=1.0), 0.0)
    assert "Last" in " ".join(drawn(table))


def test_brackets_in_a_name_are_brackets() -> None:
    """A stranger's words are shown as they are: they style nothing, and a stray end of a style is no error."""
    table = MarketTable([], names={"A[/x]": "Own [hedge]"})
    table.take(board("A[/x]"), 0.0)
    table.take(board("B", name="Theirs [/b]"), 0.0)
    lines = drawn(table)
    assert row_of(lines, "A[/x]")[1:3] == ["Own", "[hedge]"]
    assert row_of(lines, "B")[1:3] == ["Theirs", "[/b]"]
