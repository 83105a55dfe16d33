"""How every command of ours answers a command line that cannot work: one line with what is wrong and where help is, and status 2.

What goes wrong once a command runs is told by `wsexample.cli.running`.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click

from wsexample.cli.exit_codes import ExitCode
from wsexample.cli.interrupts import leave_at_once, raise_again
from wsexample.cli.terminal import color_choice

__all__ = ["Group", "Plain", "suggestion", "usage_line"]

_CLICKS_OWN = re.compile(r"(No such|Invalid|Missing|Got unexpected|Option|Did you) ")
"""Sentences of click's begin so; ours go on behind the program's name, without a capital."""
_GUESS = re.compile(r"\.? \(?(?:Did you mean|Possible options:)(?: one of:)? (.*?)\??\)?$")
"""What click adds of options that look like the one that was written; other words before 8.2."""
_IS_HELP: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""What a group without a command raises since click 8.2: its message is the whole help."""


class Plain(click.Command):
    """A command whose usage errors are one line, and whose help may go to a full disk or a reader who leaves."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command and leave the process with its exit status, as click does; Ctrl-C ends it with 130."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            _open_standard_streams()
            found = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(int(ExitCode.INTERRUPTED))
        except click.ClickException as error:
            _tell(error)
            sys.exit(error.exit_code)
        finally:
            leave_at_once()
            _flush_standard_streams()
        sys.exit(found if isinstance(found, int) else ExitCode.OK)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line; an error knows its command, and what is printed has colours where they are wanted."""
        ctx.color = color_choice("auto")
        with _in_one_line(is_debug="--debug" in args):
            try:
                left = super().parse_args(ctx, args)
                ctx.color = color_choice(ctx.params.get("color") or "auto")
                return left
            except click.UsageError as error:
                error.ctx = error.ctx or ctx
                raise

    def invoke(self, ctx: click.Context) -> Any:
        """Do what the command line asks for; a group imports a command for that, a command begins."""
        if not isinstance(self, click.Group):
            raise_again()
        with _in_one_line(is_debug=bool(ctx.params.get("debug"))):
            return super().invoke(ctx)


class Group(Plain, click.Group):
    """A group of such commands."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant; an unknown name is answered with those that look like it."""
        name, known = args[0], self.list_commands(ctx)
        if name in known or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        raise click.UsageError(f"there is no command {name!r}; {suggestion(name, known)}", ctx)


def suggestion(word: str, known: Sequence[str]) -> str:
    """Return what stands behind a word that is none of those known: what it looks like, or all that there is."""
    import difflib

    near = difflib.get_close_matches(word, known, n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"


def usage_line(error: click.ClickException) -> str:
    """Return what a usage error says, as one line with the way to the help.

    Parameters:
        error: as click or a command of ours has raised it.
    """
    words = " ".join(error.format_message().split())
    if _CLICKS_OWN.match(words):
        words = _GUESS.sub(r"; did you mean \1?", words[0].lower() + words[1:])
    context = getattr(error, "ctx", None)
    if context is None:
        return words
    words = words.removesuffix(".")
    if words.startswith(("missing argument", "got unexpected")):
        words += f"; write {' '.join(context.get_usage().split()).removeprefix('Usage: ')}"
    return f"{words} (help: {context.command_path} --help)"


def _tell(error: click.ClickException) -> None:
    from wsexample.cli.running import say

    if isinstance(error, _IS_HELP):
        error.show()
        return
    context = getattr(error, "ctx", None)
    with context.scope(cleanup=False) if context is not None else contextlib.nullcontext():
        say(usage_line(error), color="red")


def _open_standard_streams() -> None:
    """Open what was closed at the start, as ``>&-`` does, on the null device.

    Otherwise the next file or socket gets its number and what is printed goes there; libuv ends the process for it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


def _flush_standard_streams() -> None:
    """Let go what was printed, because Ctrl-C ends the process without it from now on; the interpreter tells what fails."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


@contextlib.contextmanager
def _in_one_line(*, is_debug: bool) -> Iterator[None]:
    """Have what fails before a command runs, such as help that cannot be written, end as what fails while it runs."""
    try:
        yield
    except (click.ClickException, click.Abort, click.exceptions.Exit):
        raise
    except Exception as error:  # noqa: BLE001 - the outermost frame: everything ends as one line
        from wsexample.cli.running import status_of_failure

        raise click.exceptions.Exit(status_of_failure(error, debug=is_debug)) from None
