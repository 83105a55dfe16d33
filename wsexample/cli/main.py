"""``wsexample``: one door to everything that is not a command of its own.

A command is loaded when it is used, so ``wsexample --help`` stays fast however many there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from wsexample.cli.options import CONTEXT, version_option

__all__ = ["LazyGroup", "main"]


class LazyGroup(click.Group):
    """A group that knows its commands by name and line of help, and imports one when it is used.

    Parameters:
        doors: command name to ("module:attribute", line of help), in the order of the help.
    """

    def __init__(self, *args: Any, doors: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._doors = doors

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
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._doors.items()])


EPILOG = """\b
Commands of their own, each with --help:
  wseserver   a WebSocket server: echo and more
  wseclient   a WebSocket client
  kclient     live boards from kabu Station
"""


@click.group(
    cls=LazyGroup,
    context_settings=CONTEXT,
    epilog=EPILOG,
    doors={
        "dump": ("wsexample.cli.dump:main", "Send lines of stdin and print what comes, with wsdump's options."),
        "doctor": ("wsexample.cli.doctor:main", "Say what is installed here and whether it works."),
        "sim": ("wsexample.cli.main:sim", "Run a broker's simulator on this machine."),
    },
)
@version_option
def main() -> None:
    """Live market data over WebSocket."""


@click.group(
    cls=LazyGroup,
    context_settings=CONTEXT,
    doors={
        "kabu": ("wsexample.cli.sim_kabu:main", "kabu Station: REST and push on one port."),
        "alpaca": ("wsexample.cli.sim_alpaca:main", "Alpaca: both streams and REST on one port."),
        "weex": ("wsexample.cli.sim_weex:main", "WEEX: V3 sockets and REST on one port."),
        "fault": ("wsexample.cli.sim_fault:main", "Have something go wrong in a running simulator."),
    },
)
def sim() -> None:
    """Run a broker's simulator on this machine, for programs that have no account or no open market."""


if __name__ == "__main__":
    main(prog_name="wsexample")
