"""``wseclient``: a WebSocket client for the command line.

This file reads the command line; the echo test and the conversation with a server are files of their own.
"""

from __future__ import annotations

import click

from wsexample.cli.exit_codes import ExitCode, exit_status_help
from wsexample.cli.options import (
    CONTEXT,
    SECONDS,
    URL,
    Command,
    debug_option,
    option,
    quiet_option,
    version_option,
)
from wsexample.cli.running import Stop, run_command

__all__ = ["main"]

DEFAULT_URL = "ws://127.0.0.1:9000"

EPILOG = """\b
Examples:
  wseclient                      test the echo server on this machine
  wseclient ws://host:8080/path  the same elsewhere

Ctrl-C performs the closing handshake and prints a summary; a second Ctrl-C leaves at once.

""" + exit_status_help(
    ExitCode.OK,
    ExitCode.USAGE,
    ExitCode.CLOSED,
    ExitCode.HOST_NOT_RESOLVED,
    ExitCode.CONNECT,
    ExitCode.REFUSED,
    ExitCode.TIMEOUT,
    ExitCode.TLS,
    ExitCode.LOST,
    ExitCode.SERVER_CERTIFICATE,
    ExitCode.INTERNAL,
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
)


@click.command(cls=Command, context_settings=CONTEXT, epilog=EPILOG)
@click.argument("url", type=URL, required=False)
@option(
    "--interval",
    type=SECONDS,
    default=1.0,
    show_default=True,
    section="Echo test",
    help="Seconds between test messages.",
)
@option("--max-messages", "count", type=click.IntRange(1), aliases=["--count"], help="End after this many messages.")
@quiet_option
@debug_option
@version_option
def main(url: str | None, interval: float, count: int | None, quiet: bool, debug: bool) -> None:
    """Talk to a WebSocket server; without a URL, test the echo server on this machine."""

    async def program(stop: Stop) -> int:
        from wsexample.cli.echo_check import check_echo
        from wsexample.wire.options import ConnectOptions

        return await check_echo(
            ConnectOptions(url=url or DEFAULT_URL), stop, interval_s=interval, count=count, is_quiet=quiet
        )

    run_command(program, debug=debug)


if __name__ == "__main__":
    main(prog_name="wseclient")
