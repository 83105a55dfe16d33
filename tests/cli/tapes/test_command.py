"""``wsexample tape``: look at tapes, cut, merge and export them."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.commands import Launch
from tests.tape.tapes import BEGIN, SECOND, write_tape
from wsexample.cli.tapes.command import main
from wsexample.cli.tapes.options import moment_ns
from wsexample.errors import OptionError
from wsexample.tape.format import Kind, Meta, Source
from wsexample.tape.reader import Tape
from wsexample.tape.writer import TapeWriter

WEEX = Source(venue="weex", dialect="weex", url="ws://venue/v3/ws/public", topics=("BTCUSDT@trade",))


def trade(number: int) -> str:
    return json.dumps(
        {
            "e": "trade",
            "E": 1,
            "s": "BTCUSDT",
            "d": [{"T": 1, "t": str(number), "p": "5", "q": "1", "v": "5", "m": True}],
        }
    )


def weex_tape(path: Path, seconds: int = 4, source: Source = WEEX) -> Path:
    """A tape of one trade a second, after the subscription."""
    rows = [(0.0, '{"result":true,"id":1}'), *[(float(second), trade(second)) for second in range(1, seconds + 1)]]
    return write_tape(path, rows, source)


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_info_says_what_is_on_a_tape(tmp_path: Path) -> None:
    """Times, dialect, counts and topics, for people and as JSON."""
    path = weex_tape(tmp_path / "a.tape")
    said = run("info", path).output
    for words in ("5 messages and notes", "2023-11-14 22:13:20", "source 0: weex ws://venue", "BTCUSDT@trade"):
        assert words in said
    found = json.loads(run("info", path, "--json").output)
    assert (found["entries"], found["sources"][0]["received"], found["torn_bytes"]) == (5, 5, 0)


def test_info_reports_a_torn_tail_and_cut_mends_it(tmp_path: Path) -> None:
    """What a crash has torn is named; a cut without times leaves it out."""
    path = weex_tape(tmp_path / "a.tape")
    os.truncate(path, path.stat().st_size - 1)
    assert "torn: the last" in run("info", path).output
    assert run("cut", path, tmp_path / "b.tape").exit_code == 0
    assert "torn:" not in run("info", tmp_path / "b.tape").output


def test_cut_takes_a_part(tmp_path: Path) -> None:
    """--from is included and --to is not; --force replaces a file, which is refused without it."""
    path, part = weex_tape(tmp_path / "a.tape"), tmp_path / "part.tape"
    words = ("cut", path, part, "--from", "+2s", "--to", "+4s", "--source", "0", "--codec", "none")
    assert "2 messages and notes written" in run(*words).output
    refused = run(*words, "--quiet")
    assert (refused.exit_code, "exists" in refused.output) == (23, True)
    assert (run(*words, "--quiet", "--force").exit_code, run(*words, "--quiet", "--force").output) == (0, "")
    with Tape(part) as tape:
        assert [entry.at_ns - BEGIN for entry in tape.entries()] == [2 * SECOND, 3 * SECOND]


def test_merge_makes_one_of_several(tmp_path: Path) -> None:
    """Several tapes become one, which info tells apart by source."""
    one, other = weex_tape(tmp_path / "a.tape"), weex_tape(tmp_path / "b.tape", source=Source(venue="other"))
    assert "10 messages" in run("merge", one, other, "-o", tmp_path / "all.tape").output
    assert "source 1: other" in run("info", tmp_path / "all.tape").output


def test_export_gives_records_where_the_dialect_is_known(tmp_path: Path) -> None:
    """Records have the recorded arrival times, and --from leaves earlier ones out."""
    path, lines = weex_tape(tmp_path / "a.tape"), tmp_path / "lines"
    assert run("export", path, "-o", lines, "--from", "+3s").exit_code == 0
    records = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [(one["kind"], one["received_ns"] - BEGIN) for one in records] == [
        ("trade", 3 * SECOND),
        ("trade", 4 * SECOND),
    ]


def test_export_gives_raw_messages_when_asked_and_where_nothing_is_known(tmp_path: Path) -> None:
    """Text stands as it came, binary in base64; what was sent and what happened come with --sent and --notes."""
    path, lines = tmp_path / "a.tape", tmp_path / "lines"
    with TapeWriter(path, Meta(sources=(Source(),))) as writer:
        kinds = (Kind.NOTE, Kind.SENT_TEXT, Kind.RECEIVED_TEXT, Kind.RECEIVED_BINARY)
        payloads = (b'{"event":"opened"}', b"ask", "値".encode(), b"\xff")
        rows = zip(kinds, payloads, strict=True)
        writer.write([(BEGIN, 1, 0, int(kind), payload) for kind, payload in rows])
    assert run("export", path, "-o", lines).exit_code == 0
    assert [json.loads(line).get("payload") for line in lines.read_text().splitlines()] == ["値", None]
    assert run("export", path, "-o", lines, "--raw", "--sent", "--notes", "--source", "0").exit_code == 0
    found = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [one["direction"] for one in found] == ["note", "sent", "received", "received"]
    assert (found[0]["note"]["event"], found[3]["payload_base64"]) == ("opened", "/w==")


def test_export_ends_quietly_when_nobody_reads(launch: Launch, tmp_path: Path) -> None:
    """A pipe gets JSON lines on standard output."""
    done = launch("main", "tape", "export", str(weex_tape(tmp_path / "a.tape")))
    assert done.finish() == 0
    assert len(done.out) == 4


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("+90", 90),
        ("+90s", 90),
        ("+1h2m3s", 3723),
        ("+0.5", 0.5),
        ("2023-11-14T22:14:00Z", 40),
        ("2023-11-15T07:14:00.250+09:00", 40.25),
    ],
)
def test_moments(tmp_path: Path, text: str, seconds: float) -> None:
    """A moment is an offset from the beginning of the tape, or a date and time."""
    with Tape(weex_tape(tmp_path / "a.tape")) as tape:
        assert moment_ns(text, tape, option="from") == BEGIN + round(seconds * SECOND)


def test_a_time_of_day_is_meant_on_the_first_day(tmp_path: Path) -> None:
    """In this machine's time zone."""
    local = datetime.fromtimestamp(BEGIN // SECOND, tz=UTC).astimezone()
    with Tape(weex_tape(tmp_path / "a.tape")) as tape:
        assert moment_ns(f"{local:%H:%M:%S}", tape, option="from") == BEGIN
        assert moment_ns(f"{local:%H:%M}", tape, option="from") == BEGIN - local.second * SECOND
        with pytest.raises(OptionError, match="is not a moment"):
            moment_ns("soon", tape, option="from")
        with pytest.raises(OptionError, match="is not a moment"):
            moment_ns("25:00", tape, option="from")


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone of a process cannot be set here")
@pytest.mark.parametrize(("text", "hour"), [("01:15", 5), ("09:00", 14), ("2026-11-01T09:00", 14)])
def test_a_time_of_day_is_that_of_the_clock_on_a_day_that_changes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, hour: int
) -> None:
    """Where clocks are set back in the night, nine in the morning is an hour later than it would have been."""
    night = datetime(2026, 11, 1, 4, 30, tzinfo=UTC)
    begin = (night.timestamp() * SECOND - BEGIN) / SECOND
    try:
        monkeypatch.setenv("TZ", "America/New_York")
        time.tzset()
        with Tape(write_tape(tmp_path / "a.tape", [(begin, "one")])) as tape:
            found = moment_ns(text, tape, option="from") // SECOND
    finally:
        monkeypatch.undo()
        time.tzset()
    assert datetime.fromtimestamp(found, tz=UTC) == night.replace(hour=hour, minute=int(text[-2:]))
