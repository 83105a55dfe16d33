"""``wsexample record`` and ``--record``: streams of commands on tapes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.commands import Launch
from wsexample.cli.tapes.record import main
from wsexample.tape.format import Kind
from wsexample.tape.reader import Tape


def test_any_url_can_be_recorded(launch: Launch, echo_url: str, tmp_path: Path) -> None:
    """A URL is recorded raw, both ways, with secrets masked in what is sent; a second run goes on with the tape."""
    tape = tmp_path / "any.tape"
    login = json.dumps({"key": "AK", "secret": "hush"})
    for _ in range(2):
        recorder = launch("main", "record", str(tape), echo_url, "-x", login, "--max-messages", "1")
        assert recorder.finish() == 0, recorder.story
    with Tape(tape) as reader:
        entries = list(reader.entries())
    sent = [entry.payload for entry in entries if entry.kind == Kind.SENT_TEXT]
    received = [(entry.connection, entry.payload) for entry in entries if entry.kind == Kind.RECEIVED_TEXT]
    assert sent == [b'{"key": "***", "secret": "***"}'] * 2
    assert received == [(1, login.encode()), (2, login.encode())]


def test_what_cannot_be_recorded_is_refused(tmp_path: Path) -> None:
    """A word that is neither a command nor a URL is named."""
    result = CliRunner().invoke(main, [str(tmp_path / "a.tape"), "nonsense"])
    assert (result.exit_code, "neither a URL nor one of" in result.output) == (2, True)


@pytest.mark.parametrize(
    ("words", "source"), [(("kclient", "0" * 32, "9433"), "kclient"), (("ws://x/?t=1", "a.tape"), "URL")]
)
def test_a_file_that_does_not_come_first_is_missed(words: tuple[str, ...], source: str) -> None:
    """The order is said, and nothing that may be a key."""
    result = CliRunner().invoke(main, list(words), prog_name="record")
    told = f"record: the file comes first: wsexample record FILE {source} [ARGS] (help: record --help)\n"
    assert (result.exit_code, result.stderr) == (2, told)


def test_an_option_in_the_place_of_the_file_is_no_file(tmp_path: Path) -> None:
    """Options of record itself are few; what is none of them is named."""
    result = CliRunner().invoke(main, ["--overwrite", str(tmp_path / "a.tape"), "kclient"], prog_name="record")
    assert (result.exit_code, result.stderr) == (2, "record: no such option '--overwrite' (help: record --help)\n")


def test_a_group_alone_shows_what_there_is(tmp_path: Path) -> None:
    """Whoever does not know yet what to record sees the list, and no word about --record."""
    result = CliRunner().invoke(main, [str(tmp_path / "a.tape"), "alpaca"])
    assert ("Market data:" in result.output, "--record" in result.output) == (True, False)
