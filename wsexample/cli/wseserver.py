"""``wseserver``: a WebSocket server for the command line. It echoes unless told otherwise.

This file reads the command line and keeps the log; what a client gets is in `wsexample.cli.server_modes`.
"""

from __future__ import annotations

import time
from typing import Any

import click

from wsexample.cli.exit_codes import ExitCode, exit_status_help
from wsexample.cli.options import (
    ADDRESS,
    CONTEXT,
    Command,
    debug_option,
    option,
    quiet_option,
    version_option,
)
from wsexample.cli.running import Stop, run_command, say

__all__ = ["main"]

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 9000

EPILOG = """\b
Examples:
  wseserver                      echo on ws://127.0.0.1:9000
  wseserver 8080                 the same on another port; 0 takes a free one
  wseserver 0.0.0.0:9000         reachable from other machines

Ctrl-C or SIGTERM closes every client with 1001 and ends with 0.

""" + exit_status_help(ExitCode.OK, ExitCode.USAGE, ExitCode.LISTEN, ExitCode.INTERNAL)


@click.command(cls=Command, context_settings=CONTEXT, epilog=EPILOG)
@click.argument("address", type=ADDRESS, required=False, metavar="[[HOST:]PORT]")
@option("--host", metavar="HOST", section="Address", help=f"Address to listen on; default {DEFAULT_HOST}.")
@option(
    "--port",
    type=click.IntRange(0, 65535),
    section="Address",
    help=f"Port to listen on, 0 for a free one; default {DEFAULT_PORT}.",
)
@option(
    "--announce",
    is_flag=True,
    section="Scripts and tests",
    aliases=["--stdout-announce-listening-ports"],
    help="Print the server's URL on stdout as soon as it listens.",
)
@quiet_option
@debug_option
@version_option
def main(
    address: tuple[str | None, int] | None,
    host: str | None,
    port: int | None,
    announce: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Serve WebSockets: every message goes back to whoever sent it."""
    given_host, given_port = address or (None, None)
    listen_host = host or given_host or DEFAULT_HOST
    listen_port = port if port is not None else given_port if given_port is not None else DEFAULT_PORT

    async def program(stop: Stop) -> int:
        return await _serve(
            None if listen_host == "*" else listen_host, listen_port, stop, is_announced=announce, is_quiet=quiet
        )

    run_command(program, debug=debug)


async def _serve(host: str | None, port: int, stop: Stop, *, is_announced: bool, is_quiet: bool) -> int:
    from wsexample.wire.server import ServerConnection, serve

    def note(sentence: str) -> None:
        if not is_quiet:
            say(f"{time.strftime('%H:%M:%S')} {sentence}")

    async def handler(ws: ServerConnection) -> None:
        note(f"{ws.peer} connected, {ws.request.path}")
        started_s = time.monotonic()
        try:
            async for message in ws:
                await ws.send(message)
        finally:
            await ws.close()
            note(_farewell(ws, time.monotonic() - started_s))

    async with serve(handler, host, port) as server:
        note(f"echo on {server.url}; Ctrl-C stops")
        if is_announced:
            click.echo(server.url)
        await stop.wait()
        count = len(server.connections)
        note(f"stopping; closing {count} {'connection' if count == 1 else 'connections'} with 1001")
    return ExitCode.OK


def _farewell(ws: Any, lasted_s: float) -> str:
    reason = f" {ws.close_reason}" if ws.close_reason else ""
    return f"{ws.peer} closed with {ws.close_code}{reason} after {lasted_s:.1f} s, {ws.received} received"


if __name__ == "__main__":
    main(prog_name="wseserver")
