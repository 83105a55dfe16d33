"""What ``kclient`` promises on the command line, against the simulated kabu Station."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import click
import pytest

from tests.commands import Launch, LaunchOnTerminal, Running, SimulatedKabu, wait_until_stuck
from wsexample.cli.kclient import Credentials, find_credentials
from wsexample.records.fields import decode_json
from wsexample.records.journal import Gap
from wsexample.records.market import Board

WINDOWS = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently on Windows")
TOKEN = "0123456789abcdef0123456789abcdef"


def rows(file: Path) -> set[tuple[str, int]]:
    """Return what the store holds."""
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute("select symbol, received_ns from boards").fetchall()
    assert len(set(found)) == len(found)
    return set(found)


def printed(client: Running) -> set[tuple[str, int]]:
    """Return what the client printed as JSON lines."""
    records = [decode_json(line) for line in client.out]
    assert all(isinstance(record, Board | Gap) for record in records)
    return {(record.symbol, record.received_ns) for record in records if isinstance(record, Board)}


def figures(client: Running) -> dict[str, int]:
    """Return the counts of the summary."""
    line = client.wait_for("received in", on="err")
    found = re.findall(r"([\d,]+) (?:messages? )?(received|stored|lost|delivered)", line)
    return {name: int(count.replace(",", "")) for count, name in found}


# -- credentials ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "environment", "wants_password", "credentials"),
    [
        ([TOKEN, "9433"], {}, False, Credentials(("9433",), TOKEN)),
        (["short-token", "9433"], {}, False, Credentials(("9433",), "short-token")),
        (["94.33x!"], {"KABU_API_KEY": TOKEN}, False, Credentials(("94.33x!",), TOKEN)),
        (["9433", "7203"], {"KABU_API_KEY": TOKEN}, False, Credentials(("9433", "7203"), TOKEN)),
        ([TOKEN, "9433"], {"KABU_API_KEY": "old"}, False, Credentials(("9433",), TOKEN)),
        (["9433@1"], {"KABU_API_PASSWORD": "p"}, False, Credentials(("9433@1",), None, "p")),
        (["9433"], {"KABU_API_PASSWORD": "p"}, True, Credentials(("9433",), None, "p")),
        (
            ["167060019@2"],
            {"KABU_API_PASSWORD": "p", "KABU_API_KEY": TOKEN},
            True,
            Credentials(("167060019@2",), None, "p"),
        ),
        ([TOKEN], {"KABU_API_PASSWORD": "p"}, False, Credentials((), TOKEN, "p")),
    ],
)
def test_the_key_is_the_first_word_unless_it_comes_from_elsewhere(
    words: list[str], environment: dict[str, str], wants_password: bool, credentials: Credentials
) -> None:
    """A token looks like no symbol; where one is known already, all words are symbols."""
    assert find_credentials(words, environment, wants_password=wants_password) == credentials


def test_without_credentials_the_way_to_some_is_told() -> None:
    """A newcomer reads where a key comes from."""
    with pytest.raises(click.UsageError, match="wsexample sim kabu"):
        find_credentials([], {})


def test_a_symbol_is_no_key() -> None:
    """Whoever forgets the key is told so, and the symbol is not sent as one."""
    with pytest.raises(click.UsageError, match="9433 looks like a symbol: give the KEY first"):
        find_credentials(["9433", "7203"], {})


def test_credentials_cannot_be_printed() -> None:
    """Neither key nor password stands in the repr."""
    assert repr(Credentials(("9433",), TOKEN, "secret")) == "Credentials(symbols=('9433',))"


# -- the stream ----------------------------------------------------------------------------------------------------------


def test_a_pipe_gets_one_board_a_line(kabu: SimulatedKabu, launch: Launch) -> None:
    """Every line is a board as JSON; the summary agrees with their number, and the end after --duration is normal."""
    client = launch("kclient", kabu.token, "9433", "101", *kabu.arguments, "--duration", "1500ms")
    assert client.finish() == 0, client.story
    assert {symbol for symbol, _ in printed(client)} == {"9433@1", "101@1"}
    counts = figures(client)
    assert counts["received"] == counts["delivered"] == len(client.out) > 0
    assert counts["lost"] == 0


def test_the_store_holds_all_that_came(kabu: SimulatedKabu, launch: Launch, tmp_path: Path) -> None:
    """What was printed is in the file, no more and no less, and the summary names the file."""
    file = tmp_path / "boards.db"
    client = launch(
        "kclient", kabu.token, "9433", "7203", *kabu.arguments, "--duration", "1500ms", "--store", str(file)
    )
    assert client.finish() == 0, client.story
    counts = figures(client)
    assert counts["received"] == counts["stored"] == len(rows(file)) > 0
    assert counts["lost"] == 0
    assert rows(file) == printed(client)
    client.wait_for(f"stored in {file}", on="err")


def test_when_kabu_station_dies_everything_before_is_in_the_file(
    kabu: SimulatedKabu, launch: Launch, tmp_path: Path
) -> None:
    """A killed kabu Station gives one clear line and exit status 56; not one record that came before is missing."""
    file = tmp_path / "boards.db"
    client = launch(
        "kclient", kabu.token, "9433", "7203", "8306", *kabu.arguments, "--store", str(file), "--no-reconnect"
    )
    client.wait_for("board", on="out", count=20)
    kabu.running.kill()
    assert client.finish() == 56, client.story
    assert f"the stream from kabu Station localhost:{kabu.port} was lost (1006)" in client.err[-1]
    assert rows(file) == printed(client)
    counts = figures(client)
    assert counts["received"] == counts["stored"] == len(printed(client))
    assert counts["lost"] == 0


@WINDOWS
def test_ctrl_c_stores_and_sums_up(kabu: SimulatedKabu, launch: Launch, tmp_path: Path) -> None:
    """Ctrl-C closes the stream, stores what came, prints the summary and ends with 130."""
    file = tmp_path / "boards.db"
    client = launch("kclient", kabu.token, "9433", *kabu.arguments, "--store", str(file))
    client.wait_for("board", on="out", count=3)
    client.interrupt()
    assert client.finish() == 130
    assert rows(file) == printed(client)
    assert figures(client)["lost"] == 0


def test_being_displaced_is_explained(kabu: SimulatedKabu, launch: Launch) -> None:
    """kabu Station serves one program; whoever is pushed out reads why, with exit status 3."""
    client = launch("kclient", kabu.token, "9433", *kabu.arguments, "--no-reconnect")
    client.wait_for("board", on="out")
    kabu.fault("displace")
    assert client.finish() == 3
    assert "another may have connected" in client.err[-1]


@WINDOWS
def test_a_closed_pipe_is_a_quiet_end(kabu: SimulatedKabu, tmp_path: Path) -> None:
    """``kclient | head`` ends with 0 and no complaint, and what came is stored."""
    file = tmp_path / "boards.db"
    command = [sys.executable, "-m", "wsexample.cli.kclient", kabu.token, "9433", *kabu.arguments, "--store", str(file)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as client:
        assert client.stdout is not None
        assert client.stderr is not None
        first = json.loads(client.stdout.readline())
        client.stdout.close()
        said = client.stderr.read()
        assert client.wait(20) == 0
    assert "rror" not in said
    assert ("9433@1", first["received_ns"]) in rows(file)


@WINDOWS
def test_a_reader_that_does_not_read_loses_no_record(kabu: SimulatedKabu, tmp_path: Path) -> None:
    """SIGTERM ends it though whoever reads the pipe has stopped reading, and what came is stored."""
    file = tmp_path / "boards.db"
    arguments = (kabu.token, "9433", "7203", "8306", *kabu.arguments, "--store", str(file))
    with subprocess.Popen(
        [sys.executable, "-m", "wsexample.cli.kclient", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        pipesize=4096,  # it fills within a few boards
    ) as client:
        assert client.stdout is not None
        assert client.stderr is not None
        assert client.stdout.read(1) == "{"
        wait_until_stuck(client.stdout.fileno())
        client.terminate()
        assert client.wait(20) == 143
        said = client.stderr.read()
    (counts,) = re.findall(r"([\d,]+) messages received in .*?, ([\d,]+) stored, 0 lost", said)
    assert counts[0] == counts[1] == f"{len(rows(file)):,}"


def test_a_reader_that_reads_gets_everything_with_newest_too(kabu: SimulatedKabu, launch: Launch) -> None:
    """``--newest`` passes boards over only while the reader is behind; one that keeps up gets each, once."""
    client = launch("kclient", kabu.token, "9433", "7203", *kabu.arguments, "--newest", "--duration", "1500ms")
    assert client.finish() == 0, client.story
    counts = figures(client)
    assert counts["received"] == counts["delivered"] == len(client.out) > 0
    assert len(set(printed(client))) == len(client.out)


def test_quiet_stores_and_prints_nothing(kabu: SimulatedKabu, launch: Launch, tmp_path: Path) -> None:
    """With -q only the file tells what happened."""
    file = tmp_path / "boards.db"
    client = launch("kclient", kabu.token, "9433", *kabu.arguments, "-q", "--duration", "1s", "--store", str(file))
    assert client.finish() == 0
    assert (client.out, client.err) == ([], [])
    assert rows(file)


def test_without_symbols_it_takes_what_is_registered(kabu: SimulatedKabu, launch: Launch) -> None:
    """Nothing registered is an error with advice; else the list is streamed as it is."""
    client = launch("kclient", kabu.token, *kabu.arguments)
    assert client.finish() == 2
    assert "nothing is registered" in client.err[-1]
    kabu.call("PUT", "/register", {"Symbols": [{"Symbol": "6758", "Exchange": 1}]})
    client = launch("kclient", kabu.token, *kabu.arguments, "--duration", "1s")
    assert client.finish() == 0
    assert {symbol for symbol, _ in printed(client)} == {"6758@1"}


def test_unregister_on_exit_leaves_the_list_as_it_was(kabu: SimulatedKabu, launch: Launch) -> None:
    """What was added is taken off; what was there stays, and is announced."""
    kabu.call("PUT", "/register", {"Symbols": [{"Symbol": "6758", "Exchange": 1}]})
    client = launch("kclient", kabu.token, "9433", *kabu.arguments, "--duration", "300ms", "--unregister-on-exit")
    assert client.finish() == 0
    client.wait_for("1 more were registered before and are pushed too", on="err")
    assert kabu.registered() == ["6758@1"]
    assert launch("kclient", kabu.token, "9433", *kabu.arguments, "--duration", "300ms").finish() == 0
    assert kabu.registered() == ["6758@1", "9433@1"]


def test_a_snapshot_comes_before_the_stream(kabu: SimulatedKabu, launch: Launch) -> None:
    """With --snapshot each symbol is there even if nothing moves."""
    kabu.fault("mute")
    client = launch("kclient", kabu.token, "9433", "101", *kabu.arguments, "--snapshot", "--duration", "2s")
    assert client.finish() == 0
    assert {symbol for symbol, _ in printed(client)} == {"9433@1", "101@1"}
    client.wait_for("2 boards read", on="err")
    assert figures(client)["lost"] == 0


# -- what is watched, and how ----------------------------------------------------------------------------------------------


def test_a_break_is_lived_through_and_told(kabu: SimulatedKabu, launch: Launch, tmp_path: Path) -> None:
    """Displaced, it connects again, says so in a line for each thing, marks the gap, and journals every event."""
    journal = tmp_path / "journal.jsonl"
    client = launch("kclient", kabu.token, "9433", *kabu.arguments, "--journal", str(journal))
    client.wait_for("board", on="out")
    kabu.fault("displace")
    client.wait_for("another may have connected; next attempt in", on="err")
    client.wait_for("live again after", on="err")
    client.wait_for("gap: what came from", on="err")
    client.wait_for('"kind":"gap"', on="out")
    client.interrupt()
    assert client.finish() == (130 if sys.platform != "win32" else client.process.returncode)
    client.wait_for("1 reconnect, 1 gap", on="err")
    events = [json.loads(line).get("event") for line in journal.read_text(encoding="utf-8").splitlines()]
    assert events.count("opened") == 2
    assert {"live", "failed", "retried", "closed", "ended", None} <= set(events)


def test_a_logout_has_one_sentence(kabu: SimulatedKabu, launch: Launch) -> None:
    """When only a human can log in, that is said once, and the stream goes on by itself afterwards."""
    client = launch("kclient", "9433", *kabu.arguments, env={"KABU_API_PASSWORD": "open sesame"})
    client.wait_for("board", on="out")
    kabu.fault("log_out")
    kabu.fault("reset")
    client.wait_for("log in to kabu Station on the PC", on="err")
    kabu.fault("log_in")
    client.wait_for("live again after", on="err")
    client.terminate()
    client.finish()
    assert sum("log in to kabu Station" in line for line in client.err) == 1


def test_patience_waits_for_kabu_station(kabu: SimulatedKabu, launch: Launch) -> None:
    """With --patient it waits for the login in place of ending."""
    kabu.fault("log_out")
    arguments = ("9433", *kabu.arguments, "--patient", "--count", "1")
    client = launch("kclient", *arguments, env={"KABU_API_PASSWORD": "open sesame"})
    client.wait_for("log in to kabu Station on the PC", on="err")
    kabu.fault("log_in")
    assert client.finish() == 0, client.story
    assert len(printed(client)) == 1


def test_a_watch_list_names_symbols(kabu: SimulatedKabu, launch: Launch, tmp_path: Path) -> None:
    """Symbols of a file are streamed beside those of the command line."""
    (tmp_path / "list.txt").write_text("# mine\n7203\n101  an index\n", encoding="utf-8")
    client = launch(
        "kclient", kabu.token, "9433", *kabu.arguments, "--watch-list", str(tmp_path / "list.txt"), "--duration", "2s"
    )
    assert client.finish() == 0, client.story
    assert {symbol for symbol, _ in printed(client)} == {"9433@1", "7203@1", "101@1"}


def test_a_wrong_line_of_a_watch_list_is_named(kabu: SimulatedKabu, launch: Launch, tmp_path: Path) -> None:
    """File and line are said, with exit status 2, and nothing is registered."""
    (tmp_path / "list.txt").write_text("9433\n94\n", encoding="utf-8")
    client = launch("kclient", kabu.token, *kabu.arguments, "--watch-list", str(tmp_path / "list.txt"))
    assert client.finish() == 2
    assert "list.txt, line 2: '94' is not a symbol" in client.err[-1]
    assert kabu.registered() == []


@WINDOWS
def test_more_symbols_than_places_come_in_turn(kabu: SimulatedKabu, launch: Launch) -> None:
    """With --rotate a list that is too long is streamed part by part; what is pinned stays, and all is taken off again."""
    symbols = ("9433", "7203", "6758", "8306", "9984")
    arguments = ("--places", "2", "--pin", "101", "--rotate=0.1")
    client = launch("kclient", kabu.token, *symbols, *kabu.arguments, *arguments)
    client.wait_for("6 symbols in turn at kabu Station", on="err")
    assert len(kabu.registered()) <= 2
    for symbol in ("101", "9433", "7203", "6758"):
        client.wait_for(f'"symbol":"{symbol}@1"', on="out")
    client.interrupt()
    assert client.finish() == 130, client.story
    assert kabu.registered() == []


def test_an_alert_is_a_line_for_people_and_a_record(kabu: SimulatedKabu, launch: Launch) -> None:
    """A condition that has come true is told on stderr, and stands in the pipe behind the board that made it true."""
    client = launch("kclient", kabu.token, *kabu.arguments, "--alert", "9433 bid > 1", "--count", "3")
    assert client.finish() == 0, client.story
    client.wait_for("ALERT 9433@1 ＫＤＤＩ: bid is", on="err")
    kinds = [json.loads(line)["kind"] for line in client.out]
    assert sorted(kinds) == ["alert", "board", "board", "board"]
    assert kinds[0] == "board"


def test_a_ladder_shows_both_sides_of_the_book(kabu: SimulatedKabu, terminal: LaunchOnTerminal) -> None:
    """The order book of one symbol stands in place of the table."""
    client = terminal("kclient", kabu.token, "7203", *kabu.arguments, "--ladder", "9433")
    client.wait_for("ＫＤＤＩ")
    at = client.wait_for("OVER")
    shown = client.shown[at : client.wait_for("UNDER", after=at)]
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    asks = re.findall(r"[\d,]+ +(\d,\d{3}\.\d)\s", plain)  # a size before its price; how many levels each side has
    bids = re.findall(r"(\d,\d{3}\.\d) +[\d,]+\s", plain)  # or behind it; is the simulated market's to say
    assert min(len(asks), len(bids)) > 0, plain
    assert asks + bids == sorted(asks + bids, reverse=True), plain
    client.type("\x03")
    assert client.finish() == 130
    assert "トヨタ" not in client.shown


# -- errors in one sentence ----------------------------------------------------------------------------------------------


def test_kabu_station_not_running(launch: Launch, kabu: SimulatedKabu) -> None:
    """Nobody listens: one line that says what to start, and exit status 7."""
    kabu.running.kill()
    kabu.running.finish()
    client = launch("kclient", kabu.token, "9433", *kabu.arguments)
    assert client.finish() == 7
    assert len(client.err) == 1
    assert "start kabu Station, log in" in client.err[0]


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("issue_token", 67, "4001009"),
        ("log_out", 67, "4001007"),
    ],
)
def test_login_troubles(launch: Launch, kabu: SimulatedKabu, fault: str, code: int, words: str) -> None:
    """A stale token and a kabu Station that is not logged in each have their sentence, with exit status 67."""
    kabu.fault(fault)
    client = launch("kclient", kabu.token, "9433", *kabu.arguments)
    assert client.finish() == code
    assert len(client.err) == 1
    assert words in client.err[0]


def test_an_unknown_symbol_is_named(launch: Launch, kabu: SimulatedKabu) -> None:
    """The symbol at fault is named, with exit status 78."""
    client = launch("kclient", kabu.token, "9433", "9998", *kabu.arguments)
    assert client.finish() == 78
    assert len(client.err) == 1
    assert "9998@1" in client.err[0]


def test_the_51st_symbol_is_refused(launch: Launch, kabu: SimulatedKabu) -> None:
    """A list that is too long is refused before anything is registered, with the option that helps."""
    listing = launch("main", "sim", "kabu", "--list")
    assert listing.finish() == 0
    symbols = [line.split("\t")[0] for line in listing.out][:51]
    client = launch("kclient", kabu.token, *symbols, *kabu.arguments)
    assert client.finish() == 2
    assert "51 symbols do not fit into the 50 places" in client.err[-1]
    assert "--rotate" in client.err[-1]
    assert kabu.registered() == []


def test_too_many_calls_are_reported_after_patience(launch: Launch, kabu: SimulatedKabu) -> None:
    """When kabu Station answers 429 again and again, that is said in one sentence, with exit status 22."""
    kabu.fault("storm_429", duration_s=60)
    client = launch("kclient", kabu.token, "9433", *kabu.arguments)
    assert client.finish() == 22
    assert len(client.err) == 1
    assert "4001006" in client.err[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("9433", "--store", "mongo"), "cannot tell what kind of sink"),
        (("9433", "--store", "gopher://x"), "there is no sink for gopher"),
        (("94", "x!"), "is not a symbol"),
        (("9433", "--duration", "soon"), "is not a time"),
        (("9433", "--alert", "9433 bidd > 3"), "did you mean bid"),
        (("9433", "--ladder", "x!"), "is not a symbol"),
        (("9433", "--watch-list", "no-such-file"), "no-such-file"),
    ],
)
def test_usage_errors_are_found_before_anything_is_registered(
    launch: Launch, kabu: SimulatedKabu, arguments: tuple[str, ...], words: str
) -> None:
    """A mistake on the command line is one sentence with exit status 2, and kabu Station hears nothing of it."""
    client = launch("kclient", kabu.token, *arguments, *kabu.arguments)
    assert client.finish() == 2
    assert words in client.err[-1]
    assert kabu.registered() == []


def test_a_store_that_cannot_be_opened_is_named(launch: Launch, kabu: SimulatedKabu, tmp_path: Path) -> None:
    """A folder that does not exist gives one sentence with exit status 23, and nothing is registered."""
    client = launch("kclient", kabu.token, "9433", *kabu.arguments, "--store", str(tmp_path / "none" / "x.db"))
    assert client.finish() == 23
    assert len(client.err) == 1
    assert kabu.registered() == []


# -- secrets -------------------------------------------------------------------------------------------------------------


def test_a_token_is_fetched_with_the_password_of_the_environment(launch: Launch, kabu: SimulatedKabu) -> None:
    """No secret need stand on the command line."""
    client = launch(
        "kclient", "--password", "9433", *kabu.arguments, "--duration", "1s", env={"KABU_API_PASSWORD": "open sesame"}
    )
    assert client.finish() == 0, client.story
    assert printed(client)


def test_a_key_may_come_from_a_file(launch: Launch, kabu: SimulatedKabu, tmp_path: Path) -> None:
    """--env-file names a file with the key."""
    (tmp_path / "kabu.env").write_text(f"KABU_API_KEY={kabu.token}\n", encoding="utf-8")
    client = launch("kclient", "9433", *kabu.arguments, "--duration", "1s", "--env-file", str(tmp_path / "kabu.env"))
    assert client.finish() == 0, client.story
    assert printed(client)


def test_no_secret_is_ever_printed(launch: Launch, kabu: SimulatedKabu) -> None:
    """Neither key nor password stands in any output, not with --debug and an error either."""
    wrong = "f" * 32
    client = launch("kclient", wrong, "9433", *kabu.arguments, "--debug", env={"KABU_API_PASSWORD": "open barley"})
    assert client.finish() == 67
    assert wrong not in client.story
    assert "open barley" not in client.story


# -- at a terminal -------------------------------------------------------------------------------------------------------


def test_a_terminal_shows_a_table(kabu: SimulatedKabu, terminal: LaunchOnTerminal, tmp_path: Path) -> None:
    """The table has header, names and counters, follows the stream, and ends with the summary on Ctrl-C."""
    file = tmp_path / "boards.db"
    client = terminal("kclient", kabu.token, "9433", "7203", *kabu.arguments, "--store", str(file), columns=140)
    client.wait_for(f"kabu Station localhost:{kabu.port}")
    for part in ("Symbol", "Last", "トヨタ自動車", "received ", "stored "):
        client.wait_for(part)
    at = client.wait_for("● live")
    client.wait_for("● live", after=at)
    client.type("\x03")
    assert client.finish() == 130
    assert "● closed" in client.shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", client.shown)
    summary = re.findall(r"([\d,]+) messages? received in [\d.]+ s, ([\d,]+) stored, 0 lost", plain)
    assert summary
    assert summary[0][0] == summary[0][1] == f"{len(rows(file)):,}"


def test_what_is_typed_does_not_run_through_the_table(kabu: SimulatedKabu, terminal: LaunchOnTerminal) -> None:
    """Keys are not echoed while the table is drawn, and the terminal echoes again afterwards."""
    client = terminal("kclient", kabu.token, "9433", *kabu.arguments)
    at = client.wait_for("ＫＤＤＩ")
    client.type("typed by mistake\r")
    kabu.fault("shock", symbol="9433", fraction=0.05)
    client.wait_for("▲", after=at)
    client.type("\x03")
    assert client.finish() == 130
    assert "mistake" not in client.shown
    assert client.echoes


def test_the_password_is_asked_for_unseen(kabu: SimulatedKabu, terminal: LaunchOnTerminal) -> None:
    """What is typed as password is not shown."""
    client = terminal("kclient", "--password", "9433", *kabu.arguments, "--no-table", "--duration", "1s")
    client.wait_for("API password: ")
    client.type("open sesame\r")
    client.wait_for('"kind":"board"')
    assert client.finish() == 0
    assert "sesame" not in client.shown


@WINDOWS
def test_a_lost_terminal_does_not_lose_records(kabu: SimulatedKabu, launch: Launch, tmp_path: Path) -> None:
    """SIGHUP, which a closed terminal sends, stores what came as Ctrl-C does."""
    file = tmp_path / "boards.db"
    client = launch("kclient", kabu.token, "9433", *kabu.arguments, "--store", str(file))
    client.wait_for("board", on="out", count=3)
    os.kill(client.process.pid, signal.SIGHUP)
    assert client.finish() == 130
    assert rows(file) == printed(client)


@pytest.mark.parametrize(("flag", "color"), [("japan", "\x1b[31m"), ("west", "\x1b[32m")])
def test_rising_prices_have_the_colour_asked_for(
    kabu: SimulatedKabu, terminal: LaunchOnTerminal, flag: str, color: str
) -> None:
    """--up-color paints what rises; a shock upwards shows it."""
    client = terminal("kclient", kabu.token, "9433", *kabu.arguments, "--up-color", flag, columns=140)
    client.wait_for("ＫＤＤＩ")
    kabu.fault("shock", symbol="9433", fraction=0.05)
    at = client.wait_for("▲")
    row = client.shown[client.shown.rindex("9433@1", 0, at) : at]
    assert color.removeprefix("\x1b[").removesuffix("m") in re.findall(
        r"\d+", "".join(re.findall(r"\x1b\[[\d;]*m", row))
    )
    client.type("\x03")
    assert client.finish() == 130


def test_without_colours_nothing_is_painted(kabu: SimulatedKabu, terminal: LaunchOnTerminal) -> None:
    """--color never leaves no colour in the table."""
    client = terminal("kclient", kabu.token, "9433", *kabu.arguments, "--color", "never", "--duration", "1500ms")
    client.wait_for("ＫＤＤＩ")
    assert client.finish() == 0
    table = client.shown[client.shown.index("Symbol") :]
    assert not re.search(r"\x1b\[(?:\d+;)*3[1-7]m", table)


def test_the_host_may_be_an_address(kabu: SimulatedKabu, launch: Launch) -> None:
    """--host 127.0.0.1 works as well: the request says localhost, as kabu Station wants it."""
    client = launch("kclient", kabu.token, "9433", *kabu.arguments, "--host", "127.0.0.1", "--duration", "1s")
    assert client.finish() == 0, client.story
    assert printed(client)


def test_a_recorded_stream_replays_to_what_was_printed(launch: Launch, kabu: SimulatedKabu, tmp_path: Path) -> None:
    """--record keeps a tape of which a replay prints the same bytes; the key is not on it."""
    tape = tmp_path / "day.tape"
    live = launch("kclient", kabu.token, "9433", *kabu.arguments, "--duration", "1500ms", "--record", str(tape))
    assert live.finish() == 0, live.story
    assert any("recorded on" in line for line in live.err)
    played = launch("main", "replay", str(tape))
    assert played.finish() == 0, played.story
    assert played.out == live.out != []
    assert kabu.token.encode() not in tape.read_bytes()
