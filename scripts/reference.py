#!/usr/bin/env python3
"""Write docs/reference.md: the help of every command, as it is printed on a terminal of 80 columns.

python3 scripts/reference.py           write the page anew
python3 scripts/reference.py --check   say whether it is out of date, with exit status 1
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from venv_setup import ROOT
from written import begin, keep

if TYPE_CHECKING:
    import click

PAGE = ROOT / "docs" / "reference.md"
OWN_COMMANDS = ("kclient", "wseclient", "wseserver")
"""Commands that need no ``wsexample`` before them, although they may have it."""
HEAD = """# Reference

The help of every command, written by `python3 scripts/reference.py`; [commands.md](commands.md) tells what the options are for.
"""


def commands() -> Iterator[tuple[list[str], click.Command]]:
    """Yield every command with the words that call it; groups come before what is in them."""
    import click

    from wsexample.cli.main import main

    def below(words: list[str], command: click.Command) -> Iterator[tuple[list[str], click.Command]]:
        yield words, command
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found is not None
                yield from below([name] if name in OWN_COMMANDS else [*words, name], found)

    yield from below(["wsexample"], main)


def help_of(words: list[str], command: click.Command, width: int = 80) -> str:
    """Return what a command prints for ``--help``, without colours."""
    import click

    context = None
    for word in words[:-1]:
        context = click.Context(click.Command(word), info_name=word, parent=context)
    settings = {**command.context_settings, "terminal_width": width - 2}  # as click leaves two free
    with click.Context(command, info_name=words[-1], parent=context, **settings) as own:
        return click.unstyle(command.get_help(own))


def page() -> str:
    """Return the text of the page."""
    parts = [HEAD]
    for words, command in commands():
        parts.append(f"## {' '.join(words)}\n\n```text\n{help_of(words, command)}\n```\n")
    return "\n".join(parts)


def main() -> int:
    """Write the page, or compare with it."""
    is_check = begin(__file__, __doc__, needs="click")
    os.environ.pop("COLUMNS", None)
    old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else None
    return keep(PAGE, page(), old, "commands", is_check=is_check)


if __name__ == "__main__":
    sys.exit(main())
