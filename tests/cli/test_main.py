"""The ``wsexample`` group: a map of commands that loads only what is used."""

from __future__ import annotations

import subprocess
import sys

from click.testing import CliRunner

from wsexample.cli.alpaca.command import main as alpaca
from wsexample.cli.main import main, sim
from wsexample.cli.weex.command import main as weex


def test_the_help_lists_every_command() -> None:
    """Each command stands in the help with one line."""
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    lines = [line.split()[0] for line in result.output.splitlines() if line.startswith("  ") and line.strip()]
    assert set(main.list_commands(None)) <= set(lines)  # type: ignore[arg-type]


def test_every_listed_command_can_be_loaded_and_has_help() -> None:
    """No entry of the map is a dead end, and the line in the map is the command's own first line."""
    for group in (main, sim, alpaca, weex):
        for name in group.list_commands(None):  # type: ignore[arg-type]
            result = CliRunner().invoke(group, [name, "--help"])
            assert result.exit_code == 0, result.output
            assert "Usage:" in result.output


def test_an_unknown_command_is_a_usage_error() -> None:
    """A wrong name is refused with 2."""
    result = CliRunner().invoke(main, ["nonsense"])
    assert result.exit_code == 2
    assert "there is no command 'nonsense'" in result.output


def test_a_slip_of_the_pen_is_answered_with_what_was_meant() -> None:
    """A name that looks like a command's is corrected, in groups inside groups as well."""
    assert "did you mean doctor?" in CliRunner().invoke(main, ["docter"]).output
    assert "did you mean kabu?" in CliRunner().invoke(main, ["sim", "kaboo"]).output


def test_the_group_prints_a_completion_script() -> None:
    """The shells complete commands below wsexample too."""
    result = CliRunner().invoke(main, ["--completion", "bash"], prog_name="wsexample")
    assert result.exit_code == 0
    assert "_WSEXAMPLE_COMPLETE" in result.output


def test_the_help_imports_no_command() -> None:
    """Asking for help loads neither the wire nor a broker nor rich."""
    code = (
        "import sys; from click.testing import CliRunner; from wsexample.cli.main import main\n"
        "CliRunner().invoke(main, ['--help'])\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('autobahn', 'aiohttp', 'rich')"
        " or name.startswith(('wsexample.wire', 'wsexample.brokers'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"
