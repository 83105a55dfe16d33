"""The table of boards says what happened, at any width, in Japanese too."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from wsexample.cli.render import BoardTable, Colors, StreamState, count_of, price_text, size_text
from wsexample.records.market import Board

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
        "exchange_ns": RECEIVED_NS - 1_400_000_000,
        "bid_ns": RECEIVED_NS - 400_000_000,
        "received_ns": RECEIVED_NS,
    }
    return Board(**{**facts, **changes})


def drawn(
    table: BoardTable, state: StreamState | None = None, *, width: int = 150, height: int = 30, now_s: float = 1.0
) -> list[str]:
    """Draw without colours; returns the lines."""
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    console.print(table.draw(state or StreamState("kabu"), now_s, running_s=83.0, width=width, height=height))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def row_of(lines: list[str], symbol: str) -> list[str]:
    """Return the cells of an instrument's row."""
    (line,) = [line for line in lines if line.strip().startswith(symbol)]
    return line.split()


def test_a_row_shows_price_quotes_and_time() -> None:
    """Last price, change, best quotes, volume and Tokyo time stand in one row, numbers with separators."""
    table = BoardTable(["9433@1"])
    table.take(board(), 0.0)
    assert row_of(drawn(table), "9433@1") == [
        "9433@1", "ＫＤＤＩ", "2,524.5", "+14.5", "+0.58", "6,100", "2,524.5", "2,525.0", "4,300", "3,184,200",
        "2,519.8", "11:15:32",
    ]  # fmt: skip


def test_an_instrument_waits_in_its_place() -> None:
    """What was asked for is shown from the beginning, in the order asked for, with dashes for what is not known."""
    table = BoardTable(["7203@1", "9433@1"])
    table.take(board(last_price=None, bid_price=float("nan")), 0.0)
    lines = drawn(table)
    assert row_of(lines, "7203@1")[1:] == ["–"] * 10
    assert row_of(lines, "9433@1")[2] == "–"
    assert [line.split()[0] for line in lines if "@1" in line] == ["7203@1", "9433@1"]


@pytest.mark.parametrize(("price", "arrow"), [(2525.0, "▲"), (2524.0, "▼"), (2524.5, "")])
def test_the_arrow_says_where_the_price_went(price: float, arrow: str) -> None:
    """A price above the one before has an arrow up, below it one down."""
    table = BoardTable([])
    table.take(board(), 0.0)
    table.take(board(last_price=price), 1.0)
    (line,) = [line for line in drawn(table) if "9433@1" in line]
    assert ("▲" in line, "▼" in line) == (arrow == "▲", arrow == "▼")


def test_what_moved_is_highlighted_for_a_moment() -> None:
    """A moved price is painted at once and plain again after a moment."""
    table = BoardTable([], Colors.named("japan"))
    table.take(board(), 0.0)
    table.take(board(last_price=2525.0), 1.0)
    row = table._rows["9433@1"]
    assert row is not None
    flashing, calm = table._cells(row, 1.1)["Last"], table._cells(row, 3.0)["Last"]
    assert "red" in str(flashing.style)
    assert [span.style for span in flashing.spans] == ["reverse"]
    assert calm.spans == []


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_window(width: int) -> None:
    """Columns are left out until the table fits; wide characters count as two cells."""
    table = BoardTable(["9433@1"])
    table.take(board(), 0.0)
    table.take(board("8306@1", name="三菱ＵＦＪフィナンシャル・グループ"), 0.0)
    lines = drawn(table, width=width)
    assert max(cell_len(line) for line in lines) <= width
    assert any("2,524.5" in line for line in lines)


def test_columns_stay_where_they_are() -> None:
    """A column that was wide once stays so; numbers do not jump."""
    table = BoardTable([])
    table.take(board(volume=123_456_789.0), 0.0)
    before = next(line for line in drawn(table) if "Symbol" in line)
    table.take(board(volume=1.0), 1.0)
    assert next(line for line in drawn(table) if "Symbol" in line) == before


def test_more_rows_than_lines_are_counted() -> None:
    """What does not fit into the window is counted, not silently cut."""
    table = BoardTable([f"{1000 + number}@1" for number in range(30)])
    lines = drawn(table, height=17)
    assert any("and 20 instruments more" in line for line in lines)
    assert len(lines) <= 17


def test_the_header_tells_state_rate_and_lag() -> None:
    """The first line has the connection's state, messages per second, the lag behind the venue's clock, and the time."""
    table = BoardTable([])
    for number in range(50):
        table.take(board(), number / 10)
    header = drawn(table, StreamState("kabu Station localhost:18080", state="live"), now_s=4.9)[0]
    assert header == " ● live  kabu Station localhost:18080   10.2 msg/s   lag 0.4 s   00:01:23"


def test_a_venue_clock_of_another_day_gives_no_lag() -> None:
    """Times of a replay or a closed session say nothing about the wire."""
    table = BoardTable([])
    table.take(board(exchange_ns=RECEIVED_NS - 86_400 * 10**9, bid_ns=None), 0.0)
    assert "lag –" in drawn(table)[0]


def test_the_last_line_counts() -> None:
    """Received, stored and lost stand below the table, and the file."""
    state = StreamState("kabu", state="live", received=1200, stored=1190, behind=10, file="day.db")
    assert drawn(BoardTable([]), state)[-1] == " received 1,200   stored 1,190   lost 0   behind 10   day.db"


def test_numbers_are_written_for_people() -> None:
    """Thousands are separated, decimals fixed, and what is not known is a dash."""
    assert (price_text(26480.0, 1), price_text(None, 1)) == ("26,480.0", "–")
    assert (size_text(1500.0), size_text(0.25), size_text(None)) == ("1,500", "0.25", "–")
    assert (count_of(1, "message"), count_of(1200, "message")) == ("1 message", "1,200 messages")


@pytest.mark.parametrize(("locale", "up"), [("ja_JP.UTF-8", "red"), ("en_US.UTF-8", "green"), ("", "green")])
def test_rising_prices_have_the_colour_of_the_country(monkeypatch: pytest.MonkeyPatch, locale: str, up: str) -> None:
    """In Japan what rises is red; the locale decides unless the user does."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", locale)
    assert Colors.named("auto").up == up
    assert Colors.named("west").up == "green"
