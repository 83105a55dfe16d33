"""``wsexample alpaca account|positions|clock|snapshot|history|buy|sell|cancel|close|orders``: the account and the past."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.cli.simulated import SimulatedBroker, simulated
from tests.commands import Launch, LaunchOnTerminal
from wsexample.brokers.alpaca import AlpacaTradingRest
from wsexample.cli.main import main
from wsexample.errors import BrokerUnavailableError, DeadlineError, WsExampleError
from wsexample.records.orders import Order


@pytest.fixture(scope="module")
def alpaca() -> Iterator[SimulatedBroker]:
    """A simulated Alpaca with some minutes of history and no news."""
    with simulated("alpaca", "--warm-up", "4m", "--quotes", "1", "--trades", "1", "--news", "0") as broker:
        yield broker


def ask(alpaca: SimulatedBroker, *arguments: str, stdin: str | None = None) -> Result:
    """Run a command here, against the simulator."""
    return CliRunner().invoke(main, ["alpaca", *arguments, alpaca.here], input=stdin)


def rows(result: Result) -> list[dict[str, Any]]:
    """What a command printed, each line as an object."""
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_account_is_one_object(alpaca: SimulatedBroker) -> None:
    """Equity, cash and buying power are exact decimals."""
    (account,) = rows(ask(alpaca, "account"))
    assert account["kind"] == "account"
    assert account["status"] == "ACTIVE"
    assert float(account["buying_power"]) > 0


def test_the_clock_says_whether_the_market_is_open(alpaca: SimulatedBroker) -> None:
    """The simulator trades round the clock."""
    (clock,) = rows(ask(alpaca, "clock"))
    assert clock["is_open"] is True


def test_a_snapshot_has_a_line_for_each_symbol(alpaca: SimulatedBroker) -> None:
    """In the order asked for; a symbol that is nowhere ends it with 78, after the others were shown."""
    assert [row["symbol"] for row in rows(ask(alpaca, "snapshot", "msft", "AAPL"))] == ["MSFT", "AAPL"]
    result = ask(alpaca, "snapshot", "AAPL,ZZZZZ")
    assert result.exit_code == 78
    assert json.loads(result.stdout)["quote"]["bid_price"] > 0
    assert "Alpaca has nothing of ZZZZZ" in result.stderr


def test_the_past_is_read_and_stored(launch: Launch, alpaca: SimulatedBroker, tmp_path: Path) -> None:
    """Bars of the last minutes come as lines and are in the file."""
    store = tmp_path / "bars.db"
    command = launch("main", "alpaca", "history", "bars", "AAPL", "--last", "4m", "--store", str(store), alpaca.here)
    assert command.finish() == 0, command.story
    bars = [json.loads(line) for line in command.out]
    assert len(bars) >= 2
    assert [bar["exchange_ns"] for bar in bars] == sorted(bar["exchange_ns"] for bar in bars)
    with closing(sqlite3.connect(store)) as database:
        assert database.execute("SELECT count(*) FROM bars").fetchone() == (len(bars),)
    assert f"{len(bars)} bars stored in {store}" in command.err[-1]


def test_an_order_is_placed_waited_for_and_closed(alpaca: SimulatedBroker) -> None:
    """A market order is filled, the position is there, and closing it leaves nothing."""
    (order,) = rows(ask(alpaca, "buy", "jpm", "3", "--wait", "10s"))
    assert (order["status"], order["filled_size"], order["side"]) == ("filled", "3", "buy")
    assert "JPM" in {position["symbol"] for position in rows(ask(alpaca, "positions"))}
    rows(ask(alpaca, "close", "JPM"))
    (sold,) = [row for row in rows(ask(alpaca, "orders", "--list", "all", "JPM")) if row["side"] == "sell"]
    assert sold["size"] == "3"


def test_an_order_waits_at_its_price_and_is_cancelled(alpaca: SimulatedBroker) -> None:
    """A limit far away stays open, --wait gives up with 28 and leaves it, and cancel takes it off."""
    late = ask(alpaca, "buy", "KO", "1", "--limit", "1.50", "--client-id", "far-away", "--wait", "100ms")
    assert late.exit_code == 28
    assert "it stays" in late.stderr
    (order,) = rows(ask(alpaca, "orders", "--list", "open", "KO"))
    assert (order["client_order_id"], order["order_type"], order["limit_price"]) == ("far-away", "limit", "1.5")
    assert ask(alpaca, "cancel", order["order_id"]).exit_code == 0
    assert "order 1" not in ask(alpaca, "cancel", "--all").stderr


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        (("--stop", "900"), "stop"),
        (("--stop", "900", "--limit", "901"), "stop_limit"),
        (("--trail-percent", "2.5"), "trailing_stop"),
    ],
)
def test_the_flags_make_the_kind_of_order(alpaca: SimulatedBroker, flags: tuple[str, ...], kind: str) -> None:
    """Stop, stop limit and trailing stop follow from their prices."""
    (order,) = rows(ask(alpaca, "buy", "AMD", "1", *flags))
    assert order["order_type"] == kind
    ask(alpaca, "cancel", "--all")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("buy", "AAPL"), 2, "give either SIZE or --money"),
        (("buy", "AAPL", "-1"), 2, "no such option"),
        (("buy", "AAPL", "nothing"), 2, "'nothing' is not a number above zero"),
        (("buy", "AAPL", "1,5"), 2, "'1,5' is not a number above zero"),
        (("buy", "AAPL", "0,500"), 2, "'0,500' is not a number above zero"),
        (("buy", "AAPL", "10,00"), 2, "'10,00' is not a number above zero"),
        (("buy", "AAPL", "1", "--limit", "1_5"), 2, "'1_5' is not a number above zero"),
        (("buy", "AAPL", "1", "--trail", "1", "--limit", "2"), 2, "neither --limit nor --stop"),
        (("buy", "AAPL", "99999999"), 22, "insufficient buying power"),
        (("buy", "NOPE", "1"), 78, 'asset "NOPE" not found'),
        (("cancel",), 2, "give either ORDER_ID or --all"),
        (("cancel", "nonsense"), 22, "order not found"),
        (("close", "AAPL", "--all"), 2, "give either SYMBOL or --all"),
        (("account", "--live"), 2, "--sim does not go with --live"),
        (("history", "bars", "AAPL", "--last", "1h", "--from", "2026-01-01"), 2, "say the same twice"),
        (("history", "bars", "AAPL", "--timeframe", "soon"), 2, "'soon' is no timeframe"),
        (("orders", "AAPL"), 2, "go with --list"),
    ],
)
def test_what_cannot_be_is_said(alpaca: SimulatedBroker, arguments: tuple[str, ...], status: int, words: str) -> None:
    """Each mistake has its words and its exit status."""
    result = ask(alpaca, *arguments)
    assert (result.exit_code, words in result.stderr) == (status, True), result.output


@pytest.mark.parametrize(
    "error",
    [
        BrokerUnavailableError("Alpaca is away", venue="alpaca"),
        DeadlineError("Alpaca is away", step="reply", timeout_s=10.0),
    ],
    ids=["refused", "no answer in time"],
)
def test_an_order_that_cannot_be_looked_at_was_placed(
    alpaca: SimulatedBroker, monkeypatch: pytest.MonkeyPatch, error: WsExampleError
) -> None:
    """Nobody says how it stands when nobody knows: a call without an answer is not the end of the time to wait."""

    async def away(rest: AlpacaTradingRest, order_id: str) -> Order:
        raise error

    monkeypatch.setattr(AlpacaTradingRest, "fetch_order", away)
    monkeypatch.setattr("wsexample.cli.alpaca.trade.POLL_S", 0.01)
    waiting = ask(alpaca, "buy", "MSFT", "1", "--limit", "1", "--wait", "5s")
    assert "was placed, and what became of it cannot be read: Alpaca is away" in waiting.stderr
    ask(alpaca, "cancel", "--all")


def test_what_was_done_before_a_failure_is_shown(alpaca: SimulatedBroker) -> None:
    """A position that is closed stays closed when the next one cannot be; its order is printed, then the error."""
    rows(ask(alpaca, "buy", "AAPL", "1", "--wait", "5s"))
    result = ask(alpaca, "close", "AAPL", "ZZZZZ")
    assert (result.exit_code, json.loads(result.stdout)["side"]) == (22, "sell")
    assert "position does not exist" in result.stderr


@pytest.mark.parametrize("command", [("buy", "AAPL", "1"), ("cancel", "--all"), ("close", "--all")])
def test_real_money_is_never_touched_unasked(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """With --live and nobody to ask, nothing is done; it does not even connect."""
    monkeypatch.setenv("APCA_API_KEY_ID", "AKEXAMPLE")
    monkeypatch.setenv("APCA_API_SECRET_KEY", "example")
    result = CliRunner().invoke(main, ["alpaca", *command, "--live", "--url", "http://127.0.0.1:1"])
    assert result.exit_code == 2
    assert "LIVE account: nobody is there to ask; write --yes" in result.stderr
    elsewhere = CliRunner().invoke(main, ["alpaca", *command, "--url", "https://api.example.com"])
    assert elsewhere.exit_code == 2
    assert "Alpaca at https://api.example.com: nobody is there to ask" in elsewhere.stderr
    odd = CliRunner().invoke(main, ["alpaca", *command, "--url", "ftp://example.com"])
    assert (odd.exit_code, "write an address such as" in odd.stderr) == (2, True)


def test_real_money_is_asked_about(terminal: LaunchOnTerminal, alpaca: SimulatedBroker, tmp_path: Path) -> None:
    """At a terminal --live asks first, and anything but yes does nothing."""
    keys = tmp_path / "keys.env"
    keys.write_text(f"APCA_API_KEY_ID={alpaca.facts['key']}\nAPCA_API_SECRET_KEY={alpaca.facts['secret']}\n")
    keys.chmod(0o600)
    where = ("--live", "--url", alpaca.facts["rest_url"], "--env-file", str(keys))
    command = terminal("main", "alpaca", "buy", "XYZ", "1", *where)
    command.wait_for("buy 1 XYZ (market) on the LIVE account, with real money?")
    command.type("n\r")
    command.wait_for("nothing was done")
    assert command.finish() == 130
    assert rows(ask(alpaca, "orders", "--list", "all", "XYZ")) == []


def test_tables_fit_the_terminal(terminal: LaunchOnTerminal, alpaca: SimulatedBroker) -> None:
    """What matters least is left out where it is narrow."""
    for columns, has_volume in ((120, True), (40, False)):
        command = terminal("main", "alpaca", "snapshot", "AAPL", "MSFT", alpaca.here, columns=columns)
        assert command.finish() == 0
        assert ("Volume" in command.shown, "AAPL" in command.shown) == (has_volume, True)


def test_no_execution_is_lost_over_a_break(launch: Launch, alpaca: SimulatedBroker, tmp_path: Path) -> None:
    """Cut while executions go on, the stream has each once and says which were fetched; so has the store."""
    store = tmp_path / "fills.db"
    command = launch("main", "alpaca", "orders", alpaca.here, "--store", str(store), "--debug")
    command.wait_for("orders and executions of", on="err")
    alpaca.fault("start_fills", count=200, per_s=100, symbols="TSLA")
    mine = '"kind":"fill","venue":"alpaca","symbol":"TSLA"'  # others may have been filled a moment before
    command.wait_for(mine, count=30, on="out")
    alpaca.fault("reset", stream="trading")
    command.wait_for('"is_backfilled":true', on="out")
    command.wait_for(mine, count=200, on="out")
    command.interrupt()
    assert command.finish() == 130, command.err
    fills = [json.loads(line) for line in command.out if mine in line]
    assert len({fill["fill_id"] for fill in fills}) == len(fills) == 200
    with closing(sqlite3.connect(store)) as database:
        assert database.execute("SELECT count(*) FROM fills WHERE symbol = 'TSLA'").fetchone() == (200,)
