"""A command line that cannot work is answered on one line, and what a command prints may go anywhere."""

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner, Result

from wsexample.cli.exit_codes import ExitCode
from wsexample.cli.options import Command, color_options, option
from wsexample.cli.usage import Group, usage_line
from wsexample.errors import StorageError

FULL = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no disk that is always full")


@click.group(cls=Group)
def outer() -> None:
    """Hold one command."""


@outer.command(cls=Command)
@click.argument("kind", type=click.Choice(["first", "second"]))
@option("--port", type=click.IntRange(0, 9), help="Where.")
@option("--debug", is_flag=True, help="More.")
def inner(kind: str, port: int | None, debug: bool) -> None:
    """Do it."""
    if port == 1:
        raise OSError("no such thing")
    if port == 2:
        raise StorageError("the file is gone")
    if port == 3:
        raise KeyboardInterrupt


def called(*words: str) -> Result:
    """Call the commands above."""
    return CliRunner().invoke(outer, list(words), prog_name="prog")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("inner", "first", "--prot", "5"),
            "no such option '--prot'; did you mean '--port'? (help: prog inner --help)",
        ),
        (("inner", "first", "--port"), "option '--port' requires an argument (help: prog inner --help)"),
        (("inner", "first", "x"), "write prog inner [OPTIONS] {first|second} (help: prog inner --help)"),
        (("inner", "third"), "'third' is not one of 'first', 'second' (help: prog inner --help)"),
        (("inner",), "write prog inner [OPTIONS] {first|second} (help: prog inner --help)"),
        (("innre",), "there is no command 'innre'; did you mean inner? (help: prog --help)"),
        (("x",), "there is no command 'x'; there are inner (help: prog --help)"),
    ],
)
def test_a_usage_error_is_one_line(words: tuple[str, ...], said: str) -> None:
    """It begins with the program's name, says what is wrong, and ends with the way to the help."""
    found = called(*words)
    assert found.exit_code == ExitCode.USAGE
    assert found.stderr.startswith("prog: ")
    assert found.stderr.endswith(f"{said}\n")
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        "No such option '--prot'. Did you mean '--port'?",
        "No such option '--prot'. (Did you mean one of: '--port'?)",
        "No such option: --prot Did you mean --port?",
        "No such option: --prot (Possible options: --port)",
    ],
)
def test_a_guess_reads_the_same_with_each_version_of_click(words: str) -> None:
    """The sentence goes on with it."""
    told = usage_line(click.ClickException(words)).replace("'", "").replace("option:", "option")
    assert told == "no such option --prot; did you mean --port?"


def test_a_group_without_a_command_shows_its_help() -> None:
    """Whoever does not know what there is sees it, in lines."""
    found = called()
    assert found.exit_code in {0, ExitCode.USAGE}  # before click 8.2 it was no error
    assert "\n  inner" in found.output


@pytest.mark.parametrize(("port", "status"), [("1", ExitCode.INTERNAL), ("2", ExitCode.STORAGE)])
def test_what_fails_before_a_command_runs_is_one_line_too(port: str, status: ExitCode) -> None:
    """An error outside of the event loop has the status of its kind; --debug shows where it comes from."""
    found = called("inner", "first", "--port", port)
    assert (found.exit_code, found.stderr.count("\n")) == (status, 1)
    assert "Traceback" in called("inner", "first", "--port", port, "--debug").stderr


@pytest.mark.parametrize(
    ("environment", "words", "wanted"),
    [
        ({}, (), None),
        ({"NO_COLOR": "1"}, (), False),
        ({"TERM": "dumb"}, (), False),
        ({"NO_COLOR": "1"}, ("--color", "always"), True),
        ({}, ("--no-color",), False),
        ({"FORCE_COLOR": "1"}, (), True),
    ],
)
def test_what_is_said_has_colours_where_they_are_wanted(
    environment: dict[str, str], words: tuple[str, ...], wanted: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line wins over the environment, and the environment over the terminal, which is asked last."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    @click.command(cls=Command)
    @color_options
    @click.pass_context
    def painted(context: click.Context, color: str) -> None:
        assert context.color is wanted

    assert CliRunner().invoke(painted, list(words)).exception is None


def test_ctrl_c_before_a_command_runs_ends_with_130() -> None:
    """The status is the same however early somebody presses it."""
    assert called("inner", "first", "--port", "3").exit_code == ExitCode.INTERRUPTED


@FULL
@pytest.mark.parametrize("words", [("--help",), ("--version",), ("sim", "weex", "--list-switches")])
def test_a_full_disk_under_a_help_is_one_line(words: tuple[str, ...]) -> None:
    """What click prints itself ends as the output of a running command does."""
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "wsexample.cli.main", *words], stdout=full, stderr=subprocess.PIPE, timeout=40
        )
    assert ended.returncode == ExitCode.STORAGE
    assert b"standard output cannot be written" in ended.stderr
    assert ended.stderr.count(b"\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such shell")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_may_start_with_closed_streams(closed: str) -> None:
    """A socket that gets the number of a standard stream would be printed into, and libuv ends the process for it."""
    line = f'exec "{sys.executable}" -m wsexample.cli.wseclient ws://127.0.0.1:1 -1 {closed}'
    ended = subprocess.run(["sh", "-c", line], capture_output=True, timeout=40)
    assert ended.returncode == ExitCode.CONNECT
    assert ended.stdout == b""
    assert ended.stderr.count(b"\n") == (0 if "2>" in closed else 1)


@FULL
def test_a_full_disk_under_standard_error_keeps_the_status() -> None:
    """What could not be said does not change how the command ended."""
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "wsexample.cli.main", "--nonsense"], stdout=subprocess.PIPE, stderr=full, timeout=40
        )
    assert ended.returncode == ExitCode.USAGE
