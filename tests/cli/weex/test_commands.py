"""``wsexample weex ...``: live market data and account streams from WEEX."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.cli.simulated import Ended, SimulatedBroker, run_here, simulated
from tests.commands import DEADLINE_S, Launch, LaunchOnTerminal, Running
from wsexample.brokers.weex.rest import WeexRest
from wsexample.cli.main import main
from wsexample.errors import OrderRejectedError


@pytest.fixture(scope="module")
def weex() -> Iterator[SimulatedBroker]:
    """A quick simulated WEEX."""
    with simulated("weex", "--step", "50ms") as broker:
        yield broker


def lines_of(command: Running | Ended) -> list[dict[str, Any]]:
    """What a command that has ended printed, each line as an object."""
    return [json.loads(line) for line in command.out]


@pytest.mark.parametrize(
    ("arguments", "kind", "field"),
    [
        (("tickers", "btc/usdt", "ETHUSDT"), "ticker", "last_price"),
        (("trades", "BTCUSDT"), "trade", "price"),
        (("candles", "BTCUSDT", "--interval", "5m"), "bar", "close"),
        (("quotes", "BTCUSDT", "--spot"), "quote", "bid_price"),
    ],
)
def test_a_pipe_gets_json_lines(
    capfd: pytest.CaptureFixture[str], weex: SimulatedBroker, arguments: tuple[str, ...], kind: str, field: str
) -> None:
    """Each stream prints one record a line and nothing else, ends after --count, and sums up on stderr."""
    command = run_here(capfd, "weex", *arguments, weex.here, "--count", "3")
    assert command.status == 0, command.err
    assert [record["kind"] for record in lines_of(command)] == [kind] * 3
    assert all(record["venue"] == "weex" and record[field] for record in lines_of(command))
    assert any("3 delivered, 0 lost" in line for line in command.err)


def test_more_symbols_than_a_connection_carries_share_a_stream(capfd: pytest.CaptureFixture[str]) -> None:
    """A connection carries a hundred streams; all of 130 symbols come all the same."""
    names = [f"C{number:03}USDT" for number in range(130)]
    with simulated("weex", "--step", "50ms", "--symbols", ",".join(names)) as broker:
        command = run_here(capfd, "weex", "tickers", "--all", broker.here, "--count", "400")
    assert command.status == 0, command.err
    assert {record["symbol"] for record in lines_of(command)} == set(names)
    assert command.err[0].startswith("wsexample: 130 symbols of")


def test_books_are_whole_and_as_deep_as_asked(launch: Launch, weex: SimulatedBroker, tmp_path: Path) -> None:
    """Every record has so many levels, best first; a missing change is told as a gap and the book asked for anew."""
    journal = tmp_path / "events.jsonl"
    command = launch("main", "weex", "book", "BTCUSDT", "--levels", "3", weex.here, "--journal", str(journal))
    command.wait_for('"book"', count=3)
    weex.fault("skip_frame", topic="BTCUSDT@depth15")
    command.wait_for('"gap"', on="out")
    before = len(command.out)
    command.wait_for('"book"', count=before + 2)
    command.interrupt()
    assert command.finish() == 130
    for book in (record for record in lines_of(command) if record["kind"] == "book"):
        assert (len(book["bids"]), len(book["asks"])) == (3, 3)
        assert book["bids"] == sorted(book["bids"], reverse=True)
        assert book["bids"][0][0] < book["asks"][0][0]
    assert any(json.loads(line)["kind"] == "gap" for line in journal.read_text().splitlines())


def number_of(trade_id: str) -> int:
    """The simulator counts trades in the last part of their identifiers."""
    return int(trade_id.rpartition("-")[2], 16)


def test_a_break_is_survived_and_its_trades_come_later(launch: Launch, weex: SimulatedBroker, tmp_path: Path) -> None:
    """A lost connection gives a line on stderr and a gap; the store has each trade once, those of the break too."""
    store = tmp_path / "trades.db"
    command = launch("main", "weex", "trades", "SOLUSDT", weex.here, "--store", str(store))
    command.wait_for('"trade"', count=3)
    weex.fault("drop_all")
    command.wait_for("lost:", on="err")
    command.wait_for("live again", on="err")
    command.wait_for('"gap"', on="out")
    before = len(command.out)
    command.wait_for('"trade"', count=before + 3)
    command.interrupt()
    assert command.finish() == 130
    with closing(sqlite3.connect(store)) as database:
        ids = [row[0] for row in database.execute("SELECT trade_id FROM trades")]
    assert len(ids) == len(set(ids))
    first = number_of(json.loads(command.out[0])["trade_id"])  # what the backfill has of the time before is no matter
    numbers = sorted(number for number in map(number_of, ids) if number >= first)
    assert numbers == list(range(first, first + len(numbers)))


def test_orders_and_executions_are_told(launch: Launch, weex: SimulatedBroker) -> None:
    """An order is seen new, partially filled and filled, with its executions."""
    command = launch("main", "weex", "orders", weex.here)
    command.wait_for("orders and executions of", on="err")
    weex.fault("trade", symbol="ETHUSDT", size="0.0100")
    command.wait_for('"status":"filled"', on="out")
    command.interrupt()
    assert command.finish() == 130
    statuses = [record["status"] for record in lines_of(command) if record["kind"] == "order"]
    assert statuses == ["new", "partially_filled", "filled"]
    sizes = [Decimal(record["size"]) for record in lines_of(command) if record["kind"] == "fill"]
    assert sum(sizes) == Decimal("0.01")


def test_positions_have_their_profit(launch: Launch, weex: SimulatedBroker) -> None:
    """What is open comes first, then it is valued as the mark moves, and after a break it is asked for again."""
    weex.fault("trade", symbol="SOLUSDT", size="1.0000")
    command = launch("main", "weex", "positions", weex.here)
    command.wait_for('"symbol":"SOLUSDT"', on="out")
    command.wait_for('"mark_price":"', on="out")
    weex.fault("drop_all")
    command.wait_for("live again", on="err")
    weex.fault("trade", symbol="SOLUSDT", side="SELL", size="1.0000")
    command.wait_for('"size":"0",', on="out")
    command.interrupt()
    assert command.finish() == 130
    valued = next(record for record in lines_of(command) if record["mark_price"])
    gained = Decimal(valued["mark_price"]) * Decimal(valued["size"]) - Decimal(valued["cost"])
    assert Decimal(valued["unrealized_pnl"]) == gained


def test_the_account_has_the_figures_that_the_socket_leaves_out(launch: Launch, weex: SimulatedBroker) -> None:
    """First what there is, and after each push what is available and frozen."""
    command = launch("main", "weex", "account", weex.here)
    first = json.loads(command.wait_for('"available":"', on="out"))
    weex.fault("trade")
    command.wait_for('"available":null', on="out")
    last = json.loads(command.wait_for('"available":"', count=2, on="out"))
    command.interrupt()
    assert command.finish() == 130
    assert Decimal(last["available"]) < Decimal(first["available"])


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("tickers", "NOPE"), 78, "invalid symbol"),
        (("history", "candles", "NOPE"), 78, "NOPE is not listed"),
        (("history", "trades", "BTCUSDT", "NOPE", "--spot"), 78, "NOPE is not listed"),
        (("buy", "NOPE", "1"), 78, "unknown symbol"),
        (("quotes", "BTCUSDT"), 2, "add --spot"),
        (("tickers",), 2, "either SYMBOL... or --all"),
        (("positions", "--spot"), 2, "no positions"),
        (("candles", "BTCUSDT", "--interval", "7m"), 2, "'7m' is not one of"),
        (("orders", "BTCUSDT"), 2, "symbols go with --list"),
        (("tickers", "BTCUSDT", "--url", "http://127.0.0.1:1"), 2, "--sim does not go with --url"),
    ],
)
def test_what_cannot_be_is_said(weex: SimulatedBroker, arguments: tuple[str, ...], status: int, words: str) -> None:
    """Each mistake has its words and its exit status."""
    result = CliRunner().invoke(main, ["weex", *arguments, weex.here])
    assert (result.exit_code, words in result.stderr) == (status, True), result.output


def test_a_simulator_that_does_not_run_is_named() -> None:
    """The line says what to type; the status is that of a refused connection."""
    for command in (("alpaca", "quotes", "AAPL"), ("alpaca", "account"), ("weex", "tickers", "BTCUSDT")):
        result = CliRunner().invoke(main, [*command, "--sim=1"])
        assert result.exit_code == 7
        assert f'run "wsexample sim {command[0]} --port 1" in another window' in result.stderr


def test_a_refused_signature_is_a_refused_login(weex: SimulatedBroker) -> None:
    """The venue's words, no second attempt, status 67; no secret is shown."""
    weex.fault("refuse_signatures")
    try:
        result = CliRunner().invoke(main, ["weex", "orders", weex.here, "--debug"])
    finally:
        weex.fault("refuse_signatures", is_refused=False)
    assert result.exit_code == 67, result.output
    assert weex.facts["secret"] not in result.output


def test_no_credentials_say_where_they_were_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Private streams name variables and places; the status is 67."""
    for name in ("WEEX_API_KEY", "WEEX_SECRET_KEY", "WEEX_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["weex", "positions"])
    assert result.exit_code == 67
    assert "set WEEX_API_KEY and WEEX_SECRET_KEY and WEEX_PASSPHRASE" in result.stderr
    assert "wsexample sim weex" in result.stderr


def ask(weex: SimulatedBroker, *arguments: str) -> Result:
    """Run a command here, against the simulator."""
    return CliRunner().invoke(main, ["weex", *arguments, weex.here])


def rows(result: Result) -> list[dict[str, Any]]:
    """What a command printed, each line as an object."""
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_an_order_is_placed_listed_and_cancelled(weex: SimulatedBroker) -> None:
    """At market it is filled; with a limit far away it waits, is listed, and is taken off."""
    (filled,) = rows(ask(weex, "buy", "eth/usdt", "0.01"))
    assert (filled["status"], filled["position_side"]) == ("filled", "long")
    rows(ask(weex, "sell", "ETHUSDT", "0.01"))
    (waiting,) = rows(ask(weex, "buy", "ETHUSDT", "0.01", "--limit", "10", "--client-id", "far-away"))
    assert (waiting["status"], waiting["client_order_id"]) == ("new", "far-away")
    assert [order["order_id"] for order in rows(ask(weex, "orders", "--list", "ETHUSDT"))] == [waiting["order_id"]]
    assert ask(weex, "cancel", waiting["order_id"]).exit_code == 0
    assert rows(ask(weex, "orders", "--list")) == []
    assert ask(weex, "cancel", waiting["order_id"]).exit_code == 22


def test_an_order_that_was_taken_is_never_an_error(weex: SimulatedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should it not be readable yet, it is shown as it was sent, with its identifier, and the command succeeds."""

    async def unread(rest: WeexRest, order_id: str) -> dict[str, Any]:
        raise OrderRejectedError("WEEX: order does not exist", venue="weex")

    monkeypatch.setattr(WeexRest, "fetch_order", unread)
    result = ask(weex, "buy", "ETHUSDT", "0.01", "--limit", "10")
    (placed,) = rows(result)
    assert (placed["status"], placed["side"], placed["size"], placed["limit_price"]) == ("pending", "buy", "0.01", "10")
    assert "the order was placed; how it stands could not be read" in result.stderr
    (listed,) = rows(ask(weex, "orders", "--list", "ETHUSDT"))
    assert (listed["order_id"], listed["client_order_id"]) == (placed["order_id"], placed["client_order_id"])
    assert ask(weex, "cancel", placed["order_id"]).exit_code == 0


def test_orders_that_were_not_cancelled_are_named(weex: SimulatedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelling all of a symbol is answered order by order, and some may stay."""

    async def half(rest: WeexRest, symbol: str) -> list[dict[str, Any]]:
        return [{"orderId": "1", "success": True}, {"orderId": "2", "success": False}]

    monkeypatch.setattr(WeexRest, "cancel_all_orders", half)
    result = ask(weex, "cancel", "--all", "ETHUSDT")
    assert (result.exit_code, "1 canceled, not 2" in result.stderr) == (22, True)


def test_the_market_of_the_environment_is_no_surprise(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked about is what is traded: a variable that says spot does not turn an order for contracts into one."""
    for name, value in (
        ("WEEX_MARKET", "spot"),
        ("WEEX_API_KEY", "k"),
        ("WEEX_SECRET_KEY", "s"),
        ("WEEX_PASSPHRASE", "p"),
    ):
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main, ["weex", "buy", "BTCUSDT", "1", "--live", "--yes"])
    assert (result.exit_code, "add --spot" in result.stderr) == (2, True), result.output


@pytest.mark.parametrize(
    ("flags", "words"), [((), "write --live"), (("--live",), "LIVE account: nobody is there to ask; write --yes")]
)
def test_real_money_is_never_touched_unasked(flags: tuple[str, ...], words: str) -> None:
    """WEEX has no paper account: without --live nothing is done, and with it somebody must say yes."""
    for command in (("buy", "BTCUSDT", "1"), ("cancel", "1")):
        result = CliRunner().invoke(main, ["weex", *command, "--url", "http://127.0.0.1:1", *flags])
        assert (result.exit_code, words in result.stderr) == (2, True), result.output


def test_the_past_is_read_and_stored(weex: SimulatedBroker, tmp_path: Path) -> None:
    """Candles come oldest first, the last one runs; trades are the latest; both are in the file."""
    store = tmp_path / "past.db"
    candles = rows(ask(weex, "history", "candles", "BTCUSDT", "--last", "3m", "--store", str(store)))
    assert [candle["state"] for candle in candles][-1] == "running"
    assert [candle["exchange_ns"] for candle in candles] == sorted(candle["exchange_ns"] for candle in candles)
    trades: list[dict[str, Any]] = []
    ends_s = time.monotonic() + DEADLINE_S
    while not trades:  # a market that has just opened has none
        assert time.monotonic() < ends_s
        trades = rows(ask(weex, "history", "trades", "BTCUSDT", "--limit", "5", "--store", str(store)))
    assert len(trades) <= 5
    with closing(sqlite3.connect(store)) as database:
        assert database.execute("SELECT count(*) FROM trades").fetchone() == (len(trades),)


@pytest.mark.parametrize("row", [[1, "1"], [1, "1", "1", "1", "1", "1", "soon"], [None] * 11, ["x"] * 11])
def test_a_candle_that_is_none_is_a_strange_reply(
    weex: SimulatedBroker, monkeypatch: pytest.MonkeyPatch, row: list[Any]
) -> None:
    """Not a defect of the program."""

    async def odd(rest: WeexRest, *arguments: Any, **facts: Any) -> list[list[Any]]:
        return [row]

    monkeypatch.setattr(WeexRest, "fetch_candles", odd)
    result = ask(weex, "history", "candles", "BTCUSDT")
    assert (result.exit_code, "a candle that cannot be read" in result.stderr) == (8, True), result.output


@pytest.mark.parametrize(
    ("arguments", "shown", "columns"),
    [
        (("tickers", "BTCUSDT", "ETHUSDT"), ["Symbol", "ETHUSDT", "received"], 60),
        (("book", "BTCUSDT"), ["spread", "Ask size", "█"], 120),
        (("positions",), ["no positions"], 80),
    ],
)
def test_a_terminal_gets_a_table(
    terminal: LaunchOnTerminal, weex: SimulatedBroker, arguments: tuple[str, ...], shown: list[str], columns: int
) -> None:
    """On a terminal a live picture is drawn that fits its width, and Ctrl-C ends it with 130."""
    command = terminal("main", "weex", *arguments, weex.here, columns=columns, lines=20)
    for part in shown:
        command.wait_for(part)
    command.type("\x03")
    assert command.finish() == 130
    assert "Traceback" not in command.shown
