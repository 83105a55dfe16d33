"""``wsexample record``: run a streaming command, or connect to any URL, and keep what comes on a tape."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from wsexample.cli.exit_codes import ExitCode, exit_status_help
from wsexample.cli.options import CONTEXT, Command

__all__ = ["main"]

COMMANDS = {
    "kclient": "wsexample.cli.kclient:main",
    "wseclient": "wsexample.cli.wseclient:main",
    "alpaca": "wsexample.cli.alpaca.command:main",
    "weex": "wsexample.cli.weex.command:main",
}

GROUPS = frozenset({"alpaca", "weex"})
"""Those that do nothing without a command of their own."""

EPILOG = """\b
Examples:
  wsexample record day.tape kclient KEY 9433 7203
  wsexample record btc.tape weex trades BTCUSDT --quiet
  wsexample record iex.tape alpaca quotes AAPL MSFT --duration 6h
  wsexample record any.tape wss://host/path -x '{"op":"subscribe"}'

\b
Messages are kept as they came, before they are decoded, in both directions; secrets in what is
sent are masked. A tape that exists is gone on with. Flushed once a second: what is on the tape
survives a crash. See wsexample replay and wsexample tape.

""" + exit_status_help(ExitCode.OK, ExitCode.USAGE, ExitCode.STORAGE, ExitCode.INTERNAL)


@click.command(
    cls=Command,
    context_settings={**CONTEXT, "ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog=EPILOG,
)
@click.argument("file", type=click.Path(dir_okay=False))
@click.argument("command", metavar="COMMAND|URL")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[ARGS]...")
def main(file: str, command: str, words: tuple[str, ...]) -> Any:
    """Run kclient, wseclient, alpaca or weex with its own arguments, and keep every message on a tape.

    It is the same as the command's own --record; a URL stands for wseclient, which then stays until Ctrl-C.
    """
    if file.startswith("-"):
        raise click.NoSuchOption(file)
    if command in COMMANDS:
        arguments = [*words, "--record", file] if words or command not in GROUPS else []
    elif "://" in command or command.startswith(":"):
        arguments = [command, *words, "--record", file]
        if not {"-w", "--wait", "--max-messages", "-1", "--one-message"} & set(words):
            arguments += ["--wait", "-1"]
        command = "wseclient"
    elif file in COMMANDS or "://" in file:
        source = file if file in COMMANDS else "URL"  # a URL, or the word behind it, may hold a secret
        raise click.UsageError(f"the file comes first: wsexample record FILE {source} [ARGS]")
    else:
        raise click.UsageError(f"{command!r} is neither a URL nor one of {', '.join(COMMANDS)}")
    module, _, attribute = COMMANDS[command].partition(":")
    door: click.Command = getattr(import_module(module), attribute)
    door.main(args=arguments, prog_name=f"wsexample record {command}")
