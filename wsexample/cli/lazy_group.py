"""A command group that imports a command when it is used, so that ``--help`` stays fast however many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from wsexample.cli.fitting import write_epilog
from wsexample.cli.usage import Group

__all__ = ["LazyGroup"]


class LazyGroup(Group):
    """A group that knows its commands by name and line of help, and imports one when it is used.

    Parameters:
        doors: command name to ("module:attribute", line of help), in the order of the help.
        sections: heading to the names below it; a name that is in none stands below "Commands".
    """

    def __init__(
        self,
        *args: Any,
        doors: Mapping[str, tuple[str, str]],
        sections: Mapping[str, Sequence[str]] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self._doors = doors
        self._sections = sections or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(self._doors)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, None for an unknown name."""
        if cmd_name not in self._doors:
            return None
        module, _, attribute = self._doors[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        named = {name for names in self._sections.values() for name in names}
        rest = [name for name in self._doors if name not in named]
        width = max(len(name) for name in self._doors)
        for heading, names in {**self._sections, **({"Commands": rest} if rest else {})}.items():
            with formatter.section(heading):
                formatter.write_dl([(f"{name:<{width}}", self._doors[name][1]) for name in names])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what stands below the commands, no wider than the terminal."""
        write_epilog(self.epilog, formatter)
