#!/usr/bin/env python3
"""Write docs/reference.md: the help of every command, as it is printed on a terminal of 80 columns.

python3 scripts/reference.py           write the page anew
python3 scripts/reference.py --check   say whether it is out of date, with exit status 1
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from venv_setup import ROOT, check_python, run_inside, venv_program

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
    check_python()
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the page is out of date")
    options = parser.parse_args()
    if importlib.util.find_spec("click") is None:
        run_inside(venv_program("python"), __file__, sys.argv[1:])
    sys.path.insert(0, str(ROOT))
    os.environ.pop("COLUMNS", None)
    new = page()
    is_old = not PAGE.exists() or PAGE.read_text(encoding="utf-8") != new
    if options.check:
        if is_old:
            print("docs/reference.md is out of date; run scripts/reference.py", file=sys.stderr)
        return int(is_old)
    PAGE.write_text(new, encoding="utf-8")
    print(f"docs/reference.md: {new.count('## ')} commands")
    return 0


if __name__ == "__main__":
    sys.exit(main())
