"""The ``wsexample`` group: a map of commands that loads only what is used."""

from __future__ import annotations

import subprocess
import sys

from click.testing import CliRunner

from wsexample.cli.main import main, sim


def test_the_help_lists_every_command() -> None:
    """Each command stands in the help with one line."""
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name in [*main.list_commands(None), "wseserver", "wseclient", "kclient"]:  # type: ignore[arg-type]
        assert name in result.output


def test_every_listed_command_can_be_loaded_and_has_help() -> None:
    """No entry of the map is a dead end, and the line in the map is the command's own first line."""
    for group in (main, sim):
        for name in group.list_commands(None):  # type: ignore[arg-type]
            result = CliRunner().invoke(group, [name, "--help"])
            assert result.exit_code == 0, result.output
            assert "Usage:" in result.output


def test_an_unknown_command_is_a_usage_error() -> None:
    """A wrong name is refused with 2."""
    result = CliRunner().invoke(main, ["nonsense"])
    assert result.exit_code == 2
    assert "nonsense" in result.output


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
