"""``--completion SHELL``: the script that lets a shell complete a command's options."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import get_completion_class

from wsexample.cli.options import option

__all__ = ["completion_flag"]


def completion_flag(command: Any) -> Any:
    """Add ``--completion SHELL``."""
    return option(
        "--completion",
        type=click.Choice(["bash", "zsh", "fish"]),
        is_eager=True,
        expose_value=False,
        callback=_print_script,
        section="Set-up",
        help='Print a completion script; for bash: eval "$(COMMAND --completion bash)".',
    )(command)


def _print_script(ctx: click.Context, param: click.Parameter, shell: str | None) -> None:
    if shell is None or ctx.resilient_parsing:
        return
    kind = get_completion_class(shell)
    assert kind is not None
    program = ctx.find_root().info_name or ""
    variable = f"_{program}_COMPLETE".replace("-", "_").upper()
    # click's base class asks the installed bash for its version; the script itself needs none.
    script = kind(ctx.command, {}, program, variable)
    click.echo(script.source_template % script.source_vars())
    ctx.exit()
