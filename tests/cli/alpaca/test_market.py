"""``wsexample alpaca quotes|trades|bars|books|news|stream``: live market data from Alpaca."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.cli.simulated import Ended, SimulatedBroker, run_here, simulated
from tests.commands import Launch, LaunchOnTerminal, Running
from wsexample.cli.main import main


@pytest.fixture(scope="module")
def alpaca() -> Iterator[SimulatedBroker]:
    """A lively simulated Alpaca."""
    flags = ("--quotes", "20", "--trades", "20", "--news", "300ms", "--warm-up", "1m")
    with simulated("alpaca", *flags, "--switch", "dead_slot_s=0") as broker:
        yield broker


def lines_of(command: Running | Ended) -> list[dict[str, Any]]:
    """What a command that has ended printed, each line as an object."""
    return [json.loads(line) for line in command.out]


@pytest.mark.parametrize(
    ("arguments", "kind", "field"),
    [
        (("quotes", "aapl,msft"), "quote", "bid_price"),
        (("trades", "BTC/USD"), "trade", "price"),
        (("books", "BTC/USD"), "book", "bids"),
        (("news",), "news_item", "headline"),
        (("stream", "trades:AAPL", "--codec", "json"), "trade", "price"),
    ],
)
def test_a_pipe_gets_json_lines(
    capfd: pytest.CaptureFixture[str], alpaca: SimulatedBroker, arguments: tuple[str, ...], kind: str, field: str
) -> None:
    """Each stream prints one record a line and nothing else, ends after --count, and sums up on stderr."""
    command = run_here(capfd, "alpaca", *arguments, alpaca.here, "--count", "3")
    assert command.status == 0
    records = [record for record in lines_of(command) if record["kind"] == kind]
    assert len(records) == 3
    assert all(record["venue"] == "alpaca" and record[field] for record in records)
    assert any("3 delivered, 0 lost" in line for line in command.err)


def test_bars_wait_for_their_minute(capfd: pytest.CaptureFixture[str], alpaca: SimulatedBroker) -> None:
    """Without a bar --duration ends the stream all the same, with 0."""
    command = run_here(capfd, "alpaca", "bars", "AAPL", "--updated", "--daily", alpaca.here, "--duration", "200ms")
    assert command.status == 0
    assert command.err[0] == "wsexample: 3 topics of simulated Alpaca on port " + f"{alpaca.facts['port']} iex"


def test_stocks_and_crypto_share_a_stream(
    capfd: pytest.CaptureFixture[str], alpaca: SimulatedBroker, tmp_path: Path
) -> None:
    """Symbols of two feeds come from two connections into one stream, one store and one tape."""
    store, tape = tmp_path / "ticks.db", tmp_path / "day.tape"
    keeping = ("--store", str(store), "--record", str(tape), "--duration", "700ms")
    assert run_here(capfd, "alpaca", "quotes", "AAPL", "BTC/USD", alpaca.here, *keeping).status == 0
    with closing(sqlite3.connect(store)) as database:
        symbols = {row[0] for row in database.execute("SELECT symbol FROM quotes")}
    assert symbols == {"AAPL", "BTC/USD"}
    assert alpaca.facts["secret"].encode() not in tape.read_bytes()
    replayed = {json.loads(line)["symbol"] for line in run_here(capfd, "replay", str(tape)).out}
    assert replayed >= symbols


def test_a_break_is_told_journalled_and_survived(launch: Launch, alpaca: SimulatedBroker, tmp_path: Path) -> None:
    """A cut connection gives a line on stderr, a gap in the stream and in the store, and records that go on."""
    store, journal = tmp_path / "ticks.db", tmp_path / "events.jsonl"
    command = launch("main", "alpaca", "quotes", "AAPL", alpaca.here, "--store", str(store), "--journal", str(journal))
    command.wait_for('"quote"', count=5)
    alpaca.fault("reset", stream="data")
    command.wait_for("lost:", on="err")
    command.wait_for("live again", on="err")
    gap = command.wait_for('"gap"', on="out")
    before = len(command.out)
    command.wait_for('"quote"', count=before + 5)
    command.interrupt()
    assert command.finish() == 130
    assert json.loads(gap)["venue"] == "alpaca"
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    assert {"opened", "live", "failed", "retried"} <= {event.get("event") for event in events}
    with closing(sqlite3.connect(store)) as database:
        (quotes,) = database.execute("SELECT count(*) FROM quotes").fetchone()
        (gaps,) = database.execute("SELECT count(*) FROM gaps").fetchone()
    assert quotes == sum(record["kind"] == "quote" for record in lines_of(command))
    assert gaps == 1


def test_a_missed_trade_is_backfilled(launch: Launch, alpaca: SimulatedBroker) -> None:
    """With --backfill no trade number is missing after a cut, and none comes twice."""
    command = launch("main", "alpaca", "trades", "KO", alpaca.here, "--backfill")
    command.wait_for('"trade"', count=3)
    alpaca.fault("reset", stream="data")
    command.wait_for('"gap"', on="out")
    before = len(command.out)
    command.wait_for('"trade"', count=before + 5)
    command.interrupt()
    assert command.finish() == 130
    ids = [int(record["trade_id"]) for record in lines_of(command) if record["kind"] == "trade"]
    since = sorted(
        number for number in ids if number >= ids[0]
    )  # what the backfill has of the time before is no matter
    assert since == list(range(ids[0], ids[0] + len(since)))
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("quotes", "NOSUCHSYMBOL"), 78, "invalid syntax (400)"),
        (("quotes", "AAPL", "--feed", "sip"), 22, "try iex"),
        (("quotes", "AAPL", "--feed", "moon"), 2, "there is no feed 'moon'"),
        (("bars", "AAPL", "--feed", "news"), 2, "bars"),
        (("stream", "AAPL"), 2, "write CHANNEL:SYMBOL"),
        (("quotes", "AAPL", "--feed", "iex", "--codec", "xml"), 2, "'xml' is not one of"),
        (("stream", "dreams:AAPL"), 2, "dreams"),
        (("quotes", "AAPL", "--url", "http://127.0.0.1:1"), 2, "--sim does not go with --url"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    alpaca: SimulatedBroker, arguments: tuple[str, ...], status: int, words: str
) -> None:
    """Each refusal has its words, its exit status and no traceback."""
    result = CliRunner().invoke(main, ["alpaca", *arguments, alpaca.here])
    assert result.exit_code == status, result.output
    assert words in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.output


def test_no_credentials_say_where_they_were_looked_for(launch: Launch, tmp_path: Path) -> None:
    """Without credentials the line names variables and places and the way without an account; the status is 67."""
    empty = dict.fromkeys(("APCA_API_KEY_ID", "APCA_API_SECRET_KEY", "ALPACA_API_KEY", "ALPACA_SECRET_KEY"), "")
    command = launch("main", "alpaca", "quotes", "AAPL", env={**empty, "XDG_CONFIG_HOME": str(tmp_path)})
    assert command.finish() == 67
    assert "set APCA_API_KEY_ID and APCA_API_SECRET_KEY" in command.err[-1]
    assert "wsexample sim alpaca" in command.err[-1]


def test_credentials_come_from_a_file_and_stay_secret(
    capfd: pytest.CaptureFixture[str], alpaca: SimulatedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--env-file is read, --url points elsewhere, and a wrong secret is refused with 67 without being shown."""
    for name in ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY", "ALPACA_API_KEY", "ALPACA_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    good, bad = tmp_path / "good.env", tmp_path / "bad.env"
    good.write_text(f"APCA_API_KEY_ID={alpaca.facts['key']}\nAPCA_API_SECRET_KEY={alpaca.facts['secret']}\n")
    bad.write_text(f"APCA_API_KEY_ID={alpaca.facts['key']}\nAPCA_API_SECRET_KEY=not-the-secret\n")
    good.chmod(0o600)
    bad.chmod(0o600)
    where = ("--url", alpaca.facts["rest_url"], "--count", "1")
    right = run_here(capfd, "alpaca", "quotes", "AAPL", *where, "--env-file", str(good))
    assert right.status == 0, right.err
    wrong = run_here(capfd, "alpaca", "quotes", "AAPL", *where, "--env-file", str(bad), "--debug")
    assert wrong.status == 67
    assert "not-the-secret" not in "".join(wrong.out + wrong.err)


@pytest.mark.parametrize(
    ("arguments", "shown", "columns"),
    [
        (("quotes", "AAPL", "MSFT"), ["Symbol", "Bid", "AAPL", "MSFT", "received"], 60),
        (("trades", "AAPL"), ["Time", "Price", "Size", "AAPL"], 120),
        (("books", "BTC/USD", "--levels", "3"), ["spread", "Ask size", "█"], 120),
        (("news",), ["Headline"], 50),
    ],
)
def test_a_terminal_gets_a_table(
    terminal: LaunchOnTerminal, alpaca: SimulatedBroker, arguments: tuple[str, ...], shown: list[str], columns: int
) -> None:
    """On a terminal a live picture is drawn that fits its width, and Ctrl-C ends it with 130."""
    command = terminal("main", "alpaca", *arguments, alpaca.here, columns=columns, lines=20)
    for part in shown:
        command.wait_for(part)
    command.type("\x03")
    assert command.finish() == 130
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", command.shown)
    assert "Traceback" not in plain


def test_stocks_have_no_books(capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever asks for the book of a stock learns what has one."""
    ended = run_here(capfd, "alpaca", "books", "BTC/USD", "AAPL", "--sim")
    assert ended.status == 2
    assert "AAPL has no order book here; books are of crypto pairs such as BTC/USD" in ended.err[-1]
