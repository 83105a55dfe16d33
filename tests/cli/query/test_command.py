"""``wsexample query``: SQL, bars, exports, pictures."""

from __future__ import annotations

import asyncio
import csv
import json
import sqlite3
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote as quote_url

import pytest
from click.testing import CliRunner, Result

from tests.commands import Launch
from wsexample.cli.query import engine as query_engine
from wsexample.cli.query.command import main
from wsexample.cli.query.engine import open_engine
from wsexample.errors import OptionError
from wsexample.records.market import Board, Quote, Record, Trade
from wsexample.sinks.base import open_sink

SECOND = 10**9
BEGIN = 1_700_000_040 * SECOND  # begins a minute, 2023-11-14 22:14:00 UTC


def store(url: str, records: Sequence[Record]) -> None:
    """Store records by URL."""

    async def main() -> None:
        sink = open_sink(url)
        await sink.write(records)
        await sink.close()

    asyncio.run(main())


def trade(second: float, price: float, size: float = 1.0, symbol: str = "AAPL") -> Trade:
    at_ns = BEGIN + round(second * SECOND)
    return Trade(venue="v", symbol=symbol, exchange_ns=at_ns, received_ns=at_ns + 1000, price=price, size=size)


def quote(second: float, bid: float, ask: float) -> Quote:
    at_ns = BEGIN + round(second * SECOND)
    return Quote(venue="v", symbol="AAPL", received_ns=at_ns, bid_price=bid, ask_price=ask, bid_size=1, ask_size=1)


def board(second: float, price: float | None, volume: float | None) -> Board:
    at_ns = BEGIN + round(second * SECOND)
    return Board(venue="kabu", symbol="9433@1", received_ns=at_ns, last_price=price, last_ns=at_ns, volume=volume)


TRADES = [trade(1, 10), trade(2, 12, 3), trade(59, 11), trade(61, 20), trade(200, 5, symbol="MSFT")]


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    """A database of trades and quotes."""
    store(f"sqlite:///{tmp_path / 'ticks.db'}", [*TRADES, quote(1, 9, 10), quote(30, 11, 14)])
    return tmp_path / "ticks.db"


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_without_a_question_it_says_what_is_there(ticks: Path, tmp_path: Path) -> None:
    """Each table with its records, symbols and times."""
    assert run(ticks, "-o", tmp_path / "out.csv").exit_code == 0
    assert rows(tmp_path / "out.csv")[1] == {
        "table": "trades",
        "records": "5",
        "symbols": "2",
        "first_utc": "2023-11-14 22:14:01",
        "last_utc": "2023-11-14 22:17:20",
    }


def test_sql_is_answered_in_a_pipe_as_csv(launch: Launch, ticks: Path) -> None:
    """A query prints a head line and its rows."""
    done = launch("main", "query", str(ticks), "select symbol, count(*) as n from trades group by 1")
    assert (done.finish(), done.out) == (0, ["symbol,n", "AAPL,4", "MSFT,1"])


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet", "out.arrow"])
def test_exports_give_the_rows_back(ticks: Path, tmp_path: Path, name: str) -> None:
    """Every format of a file holds the same rows."""
    result = run(ticks, "select symbol, price from trades order by seq", "-o", tmp_path / name)
    assert (result.exit_code, "5 rows written" in result.output) == (0, True)
    expected = [(one.symbol, one.price) for one in TRADES]
    if name.endswith(".jsonl"):
        lines = (tmp_path / name).read_text().splitlines()
        assert [(one["symbol"], one["price"]) for one in map(json.loads, lines)] == expected
    elif name.endswith(".csv"):
        assert [(one["symbol"], float(one["price"])) for one in rows(tmp_path / name)] == expected
    else:
        from pyarrow import feather, parquet

        read = parquet.read_table if name.endswith("parquet") else feather.read_table
        assert [(one["symbol"], one["price"]) for one in read(tmp_path / name).to_pylist()] == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select null as a union all select 1 union all select 2.5", [None, 1.0, 2.5]),
        ("select 1 as a union all select 'x'", ["1", "x"]),
        ("select 1 as a where 1 = 0", []),
    ],
)
def test_columns_of_several_types_become_one(
    ticks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str, expected: list[object]
) -> None:
    """SQLite lets a column hold anything; a file has one type, found over all batches."""
    from pyarrow import parquet

    for batch in (10_000, 1):
        monkeypatch.setattr(query_engine, "BATCH", batch)
        assert run(ticks, sql, "-o", tmp_path / "out.parquet").exit_code == 0
        assert parquet.read_table(tmp_path / "out.parquet")["a"].to_pylist() == expected


def test_a_format_for_people(ticks: Path, tmp_path: Path) -> None:
    """--format table has columns; --quiet says nothing about the file."""
    result = run(ticks, "select symbol from trades", "-o", tmp_path / "out", "--format", "table", "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert (tmp_path / "out").read_text().split()[:2] == ["symbol", "AAPL"]


@pytest.mark.parametrize("width", [24, 80])
def test_a_row_that_is_too_wide_stands_in_lines(
    ticks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """Nothing is cut: a column has a line of its own where the window is too narrow for a table."""
    monkeypatch.setenv("COLUMNS", str(width))
    sql = "select symbol, 'トヨタ自動車' as name, 12 as n, null as none from trades limit 1"
    assert run(ticks, sql, "-o", tmp_path / "out", "--format", "table").exit_code == 0
    lines = (tmp_path / "out").read_text(encoding="utf-8").splitlines()
    beside = ["symbol  name          n   none", "AAPL    トヨタ自動車  12"]
    below = ["row 1", "symbol  AAPL", "name    トヨタ自動車", "n       12"]
    assert [line.rstrip() for line in lines] == (beside if width == 80 else below)


def test_a_wide_table_without_rows_names_its_columns(
    ticks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asked for what there is none of sees what there could have been."""
    monkeypatch.setenv("COLUMNS", "12")
    run(ticks, "select symbol, price, size from trades where 0", "-o", tmp_path / "out", "--format", "table")
    assert " ".join((tmp_path / "out").read_text().split()) == "no rows; the columns are symbol, price, size"


def test_bars_are_built_from_trades(ticks: Path, tmp_path: Path) -> None:
    """Open, high, low, close, volume and the average by volume, by the venue's time; quiet minutes have no bar."""
    assert run(ticks, "--bars", "1m", "--symbol", "AAPL", "-o", tmp_path / "bars.csv").exit_code == 0
    first, second = rows(tmp_path / "bars.csv")
    assert first == {
        "venue": "v", "symbol": "AAPL", "interval_s": "60", "begin_ns": str(BEGIN), "open": "10.0", "high": "12.0",
        "low": "10.0", "close": "11.0", "volume": "5.0", "vwap": "11.4", "trade_count": "3",
    }  # fmt: skip
    assert (second["open"], second["close"], second["trade_count"]) == ("20.0", "20.0", "1")


def test_bars_that_are_none_say_why(ticks: Path, tmp_path: Path) -> None:
    """A symbol that is not stored is told beside those that are; --quiet says nothing, the status stays."""
    question = (ticks, "--bars", "1m", "-o", tmp_path / "bars.csv")
    unknown = run(*question, "--symbol", "9433")
    assert (unknown.exit_code, "nothing of 9433 is stored; there are AAPL, MSFT" in unknown.stderr) == (0, True)
    assert "no trades in this time" in run(*question, "--day", "2020-01-01").stderr
    assert run(*question, "--day", "2020-01-01", "--quiet").stderr == ""


def test_a_question_of_no_words_is_none(ticks: Path) -> None:
    """An empty variable of a script is no question that has no answer."""
    assert run(ticks, " ").exit_code == 2


def test_bars_are_built_from_boards_where_there_are_no_trades(tmp_path: Path) -> None:
    """What the volume grew by was traded at the last price; a board that changed in something else is no trade."""
    boards = [board(1, 100, 1000), board(2, 101, 1300), board(3, 101, 1300), board(4, 99, 1400)]
    store(f"sqlite:///{tmp_path / 'b.db'}", boards)
    run(tmp_path / "b.db", "--bars", "1m", "-o", tmp_path / "bars.csv")
    (bar,) = rows(tmp_path / "bars.csv")
    assert (bar["open"], bar["close"], bar["volume"], bar["trade_count"]) == ("101.0", "99.0", "400.0", "2")


def test_the_opening_of_a_day_counts_where_boards_of_before_it_are_kept(tmp_path: Path) -> None:
    """A board without a price says that nothing was traded yet; where none is kept, what was traded before is not known."""
    early = [board(1, None, None), board(2, 100, 5000), board(3, 101, 5100)]
    for name, boards, volume in (("early", early, "5100.0"), ("late", early[1:], "100.0")):
        store(f"sqlite:///{tmp_path / name}.db", boards)
        run(tmp_path / f"{name}.db", "--bars", "1m", "-o", tmp_path / "bars.csv")
        (bar,) = rows(tmp_path / "bars.csv")
        assert (bar["open"], bar["volume"]) == ("100.0" if name == "early" else "101.0", volume)


def test_an_archive_of_several_journals_gives_the_bars_of_one_file(tmp_path: Path) -> None:
    """Programs that followed one another numbered their boards anew each; volumes grow from board to board all the same."""
    boards = [board(number, 100 + number, 1000 + number * 10) for number in range(20)]
    for start in (0, 10):
        store(f"parquet:///{tmp_path / 'archive'}", boards[start : start + 10])
    store(f"sqlite:///{tmp_path / 'one.db'}", boards)
    found = []
    for place in ("one.db", "archive"):
        run(tmp_path / place, "--bars", "10s", "-o", tmp_path / "bars.csv")
        found.append([(bar["open"], bar["close"], bar["volume"]) for bar in rows(tmp_path / "bars.csv")])
    assert found[0] == found[1] == [("101.0", "109.0", "90.0"), ("110.0", "119.0", "100.0")]


def test_bars_of_a_store_with_trades_and_boards(tmp_path: Path) -> None:
    """A symbol that has trades gets its bars from these, one that has boards alone from those."""
    store(f"sqlite:///{tmp_path / 'both.db'}", [*TRADES, board(1, 100, 1000), board(2, 101, 1300)])
    run(tmp_path / "both.db", "--bars", "1m", "--day", "2023-11-14", "-o", tmp_path / "bars.csv")
    found = {bar["symbol"]: bar["volume"] for bar in rows(tmp_path / "bars.csv")}
    assert found == {"AAPL": "1.0", "9433@1": "300.0", "MSFT": "1.0"}


def test_a_place_may_have_signs_of_a_pattern_in_its_name(tmp_path: Path) -> None:
    """Brackets, stars and question marks in a directory or a file are themselves."""
    store(f"parquet:///{quote_url(str(tmp_path / 'a[1]?*'))}", TRADES)
    store(f"parquet:///{tmp_path / 'a1'}", TRADES)
    (file,) = tmp_path.glob("a1/trades/*/*.parquet")
    file.rename(tmp_path / "b[1].parquet")
    for place, table, count in (("a[1]?*", "trades", "5"), ("b[1].parquet", "records", "5")):
        run(tmp_path / place, f"select count(*) as n from {table}", "-o", tmp_path / "n.csv")
        assert rows(tmp_path / "n.csv") == [{"n": count}]


@pytest.mark.parametrize("code", [sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY])
def test_a_finished_file_is_asked_where_nothing_may_be_written(
    ticks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """On a read-only medium, or in somebody else's directory, SQLite cannot put its log beside the file; no log is needed."""
    connect = sqlite3.connect

    def refuse(address: str, **options: Any) -> sqlite3.Connection:
        if "immutable" not in address:
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorcode = code
            raise error
        return connect(address, **options)

    monkeypatch.setattr(sqlite3, "connect", refuse)
    assert run(ticks, "select count(*) as n from trades", "-o", tmp_path / "n.csv").exit_code == 0
    assert rows(tmp_path / "n.csv") == [{"n": "5"}]
    Path(f"{ticks}-wal").touch()  # it is being written to, and what is in the log would be missing
    assert "cannot be read" in run(ticks, "select 1").output


def test_numbers_beyond_64_bits_become_text(tmp_path: Path) -> None:
    """DuckDB has them, and Arrow has no place for them."""
    store(f"parquet:///{tmp_path / 'archive'}", TRADES)
    assert run(tmp_path / "archive", f"select {2**100} as n", "-o", tmp_path / "n.parquet").exit_code == 0
    run(tmp_path / "n.parquet", "select n from records", "-o", tmp_path / "n.csv")
    assert rows(tmp_path / "n.csv") == [{"n": str(2**100)}]


def test_parquet_gives_the_same_bars_as_sqlite(ticks: Path, tmp_path: Path) -> None:
    """An archive and a single file are asked by DuckDB, with the same answers."""
    store(f"parquet:///{tmp_path / 'archive'}", TRADES)
    for place, name in ((ticks, "one.csv"), (tmp_path / "archive", "other.csv")):
        assert run(place, "--bars", "1m", "--day", "2023-11-14", "-o", tmp_path / name).exit_code == 0
    one, other = (rows(tmp_path / name) for name in ("one.csv", "other.csv"))
    assert [{**bar, "vwap": float(bar["vwap"])} for bar in one] == [
        {**bar, "vwap": float(bar["vwap"])} for bar in other
    ]
    run(tmp_path / "archive", "select * from trades order by seq", "-o", tmp_path / "trades.parquet")
    run(tmp_path / "trades.parquet", "select count(*) as n from records", "-o", tmp_path / "n.csv")
    assert rows(tmp_path / "n.csv") == [{"n": "5"}]


def test_a_picture_as_png(ticks: Path, tmp_path: Path) -> None:
    """A PNG of some size is drawn."""
    result = run(ticks, "--symbol", "AAPL", "--picture", tmp_path / "day.png")
    assert (result.exit_code, "drawn" in result.output) == (0, True), result.output
    data = (tmp_path / "day.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert len(data) > 5000


def test_a_picture_on_the_terminal(ticks: Path) -> None:
    """Price and spread with their extremes on the axes; with several symbols one must be named."""
    said = run(ticks, "--symbol", "AAPL", "--picture", "-").output
    for words in ("AAPL, 2023-11-14 (UTC)", "20┤", "spread", "22:14:01", "3┤"):
        assert words in said
    refused = run(ticks, "--picture", "-")
    assert (refused.exit_code, "AAPL, MSFT" in refused.output) == (2, True)


def test_a_price_that_stays_is_written_once(ticks: Path) -> None:
    """An axis whose ends are the same number would say that there is a distance."""
    assert run(ticks, "--symbol", "MSFT", "--picture", "-").output.count("5┤") == 1


def test_a_missing_extra_is_named(ticks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without matplotlib the install that brings it is said, with an exit status of its own."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run(ticks, "--symbol", "AAPL", "--picture", tmp_path / "day.png")
    assert (result.exit_code, "wsexample[pictures]" in result.output) == (4, True)


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (("selec",), 2, "syntax error"),
        (("delete from trades",), 2, "readonly"),
        (("--bars", "0"), 2, "must be longer"),
        (("select 1", "--bars", "1m"), 2, "ask one thing"),
        (("select 1", "--symbol", "A"), 2, "write a WHERE"),
        (("select 1", "-o", "out.xyz"), 2, "does not say its format"),
        (("select 1", "--format", "parquet"), 2, "goes to a file"),
        (("--picture", "-", "--symbol", "NONE"), 2, "no prices of NONE"),
    ],
)
def test_questions_that_cannot_be_answered(ticks: Path, words: tuple[str, ...], exit_code: int, said: str) -> None:
    """One line says why, and nothing is changed."""
    result = run(ticks, *words)
    assert (result.exit_code, said in result.output) == (exit_code, True), result.output


def test_a_place_may_be_the_url_of_a_sink(ticks: Path, tmp_path: Path) -> None:
    """The same words as --store; a store that cannot be asked is named."""
    assert run(f"sqlite:///{ticks}", "select 1 as one", "-o", tmp_path / "out.csv").exit_code == 0
    assert rows(tmp_path / "out.csv") == [{"one": "1"}]
    refused = run("mongodb://host/records")
    assert (refused.exit_code, "mongodb cannot be asked" in refused.output) == (2, True)


def test_a_place_that_is_none(tmp_path: Path) -> None:
    """A missing file, an empty directory and something else are told apart."""
    (tmp_path / "text").write_text("hello")
    for place, said in (
        (tmp_path / "none.db", "cannot be read"),
        (tmp_path, "no Parquet"),
        (tmp_path / "text", "neither"),
    ):
        result = run(place)
        assert (result.exit_code, said in result.output) == (23, True), result.output


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently on Windows")
def test_ctrl_c_ends_a_question_that_would_take_for_ever(launch: Launch, ticks: Path) -> None:
    """The file is let go and the status is that of Ctrl-C, without a word."""
    endless = "with recursive c(x) as (select 1 union all select x + 1 from c) select x from c where x = 1 or x < 0"
    asked = launch("main", "query", str(ticks), endless)
    asked.wait_for("x", on="out")
    asked.interrupt()
    assert (asked.finish(), asked.out, asked.err) == (130, ["x"], [])


def test_an_interrupted_parquet_archive_answers_no_more(ticks: Path, tmp_path: Path) -> None:
    """The thread that asks is told so by an error of ours."""
    run(ticks, "select symbol from trades", "--output", tmp_path / "rows.parquet")
    engine = open_engine(str(tmp_path / "rows.parquet"))
    endless = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c"
    with closing(engine), ThreadPoolExecutor(1) as pool:
        asking = pool.submit(engine.ask, endless)
        while not asking.done():
            engine.interrupt()
            wait([asking], timeout=0.01)
        with pytest.raises(OptionError, match=r"(?i)interrupt"):
            asking.result()
