"""``wsexample replay``: tapes as records, and as a server."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from click.testing import CliRunner, Result

from tests.cli.tapes.test_command import weex_tape
from tests.commands import Launch
from tests.tape.tapes import BEGIN, SECOND, write_tape
from wsexample.cli.tapes.replay import main
from wsexample.tape.format import Source


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_speed_gives_the_same_bytes(tmp_path: Path) -> None:
    """The records of a tape do not depend on how fast it is played."""
    tape = weex_tape(tmp_path / "a.tape")
    for name, *words in (("1", "--speed", "max"), ("2", "--speed", "50x", "--max-pause", "1s")):
        result = run(tape, "-o", tmp_path / name, *words)
        assert (result.exit_code, "4 records played" in result.output) == (0, True)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes() != b""


def test_several_tapes_are_one_stream(tmp_path: Path) -> None:
    """Records of several tapes come in the order of time, fast or at a pace."""
    spot = Source(venue="weex", dialect="weex", url="ws://venue/spot", topics=("BTCUSDT@trade",))
    one, other = weex_tape(tmp_path / "a.tape"), weex_tape(tmp_path / "b.tape", 6, spot)
    for words in ((), ("--speed", "50")):
        assert run(one, other, "-o", tmp_path / "out", *words, "--quiet").output == ""
        times = [line["received_ns"] for line in lines_of(tmp_path / "out")]
        assert len(times) == 10
        assert times == sorted(times)  # type: ignore[type-var]


def test_times_and_counts_choose_records(tmp_path: Path) -> None:
    """--from, --to, --source and --count leave the others out."""
    tape = weex_tape(tmp_path / "a.tape")
    run(tape, "-o", tmp_path / "out", "--from", "+2s", "--to", "+4s", "--source", "0")
    assert [line["received_ns"] for line in lines_of(tmp_path / "out")] == [BEGIN + 2 * SECOND, BEGIN + 3 * SECOND]
    run(tape, "-o", tmp_path / "out", "--count", "1")
    assert len(lines_of(tmp_path / "out")) == 1


def test_records_can_be_stored(tmp_path: Path) -> None:
    """--store fills a database, and nothing is printed then."""
    result = run(weex_tape(tmp_path / "a.tape"), "--store", tmp_path / "ticks.db")
    assert "4 records played, stored in" in result.output
    with closing(sqlite3.connect(tmp_path / "ticks.db")) as database:
        assert database.execute("select count(*) from trades").fetchone() == (4,)


def test_a_tape_without_a_dialect_is_no_source_of_records(tmp_path: Path) -> None:
    """The error says what can be done with it instead."""
    result = run(write_tape(tmp_path / "a.tape", [(0, "x")], Source()))
    assert (result.exit_code, "tape export" in result.output) == (2, True)


def test_a_served_tape_is_read_by_wseclient(launch: Launch, tmp_path: Path) -> None:
    """--serve plays to whoever connects, --repeat begins anew, and Ctrl-C sums up."""
    tape = write_tape(tmp_path / "a.tape", [(0, "one"), (3600, "two")], Source())
    words = ("--serve", "0", "--repeat", "--breaks", "--no-wait", "--speed", "max", "--max-pause", "0")
    server = launch("main", "replay", str(tape), *words)
    url = server.wait_for("ws://").split()[-1]
    client = launch("wseclient", url, "--max-messages", "2")
    assert (client.finish(), client.out) == (0, ["one", "two"])
    server.interrupt()
    assert server.finish() == 130
    assert "2 messages sent to 1 client" in server.err[-1]


def test_flags_of_a_server_are_refused_without_one(tmp_path: Path) -> None:
    """--breaks, --no-wait and --repeat are for --serve, which takes one tape."""
    tape = weex_tape(tmp_path / "a.tape")
    for words in (("--breaks",), ("--no-wait",), ("--repeat",)):
        assert "is for --serve" in run(tape, *words).output
    assert "one tape can be served" in run(tape, tape, "--serve", "0").output
