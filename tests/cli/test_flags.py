"""No flag goes untried, and no flag goes unexplained."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click
import pytest

COMMANDS = ["wseclient", "wseserver", "kclient", "sim.kabu", "doctor"]
EVERYWHERE = {"-h", "-V", "--debug", "--completion"}
"""Shared by several commands and tried with one of them."""
FOLDERS = {"wseclient": "client", "wseserver": "server"}
"""The folders of tests of the commands that have many."""


def flags_of(command: str) -> list[click.Option]:
    """Return the options that the help shows."""
    main: click.Command = import_module(f"wsexample.cli.{command}").main
    return [each for each in main.params if isinstance(each, click.Option) and not each.hidden]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_is_named_in_a_test(command: str) -> None:
    """A flag that the command's test files do not mention has not been tried."""
    folder = Path(__file__).parent
    *rooms, name = command.split(".")
    files = [folder.joinpath(*rooms, f"test_{name}.py"), folder.parent / "commands.py"]
    files += folder.joinpath(FOLDERS[command]).glob("*.py") if command in FOLDERS else []
    tested = "".join(file.read_text(encoding="utf-8") for file in files)
    untried = [
        each.opts
        for each in flags_of(command)
        if not any(f'"{name}' in tested or f" {name}" in tested for name in [*each.opts, *each.secondary_opts])
        and not EVERYWHERE.intersection(each.opts)
    ]
    assert untried == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_has_help(command: str) -> None:
    """A flag without a line of help is a riddle; each line is a sentence."""
    for each in flags_of(command):
        assert each.help, each.opts
        assert each.help[0].isupper() or each.help[0].isdigit() or each.help.startswith("http"), each.help
