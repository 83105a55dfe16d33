"""``wseserver``: a WebSocket server for the command line. It echoes unless told otherwise.

This file is the command line; `wsexample.cli.server.plan` reads it and `wsexample.cli.server.run` serves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wsexample.cli.asking import ASK
from wsexample.cli.completion import completion_flag
from wsexample.cli.exit_codes import ExitCode, exit_status_help
from wsexample.cli.options import (
    ADDRESS,
    BYTES,
    CONTEXT,
    SECONDS,
    Command,
    debug_option,
    option,
    quiet_option,
    version_option,
)
from wsexample.cli.profiles import profile_flags
from wsexample.cli.running import Stop, run_command

__all__ = ["main"]

WHERE, MODE, LETTING_IN, TLS = "Address", "What a client gets", "Who is let in", "TLS"
LIMITS, ALIVE, SCRIPTS, FAULTS = "Limits", "Connections", "Scripts and tests", "Misbehaviour, for tests of clients"
READABLE = click.Path(exists=True, dir_okay=False, path_type=Path)

EPILOG = """\b
Examples:
  wseserver                                    echo on ws://127.0.0.1:9000
  wseserver 8080 --broadcast                   a chat: each message to all others
  wseserver 0.0.0.0:9000 --token SECRET        for other machines, with a token
  wseserver --exec 'grep --line-buffered x'    a program for each client
  wseserver --reply '{"ok":true}' --latency-ms 200
  wseserver 9443 --cert cert.pem --key key.pem
  wseserver 0 --announce --ready-file url.txt  a free port, told to a script

The same port answers /health, /metrics (Prometheus) and --static-file. Ctrl-C or SIGTERM
closes every client with 1001 and ends with 0.

""" + exit_status_help(ExitCode.OK, ExitCode.USAGE, ExitCode.STORAGE, ExitCode.LISTEN, ExitCode.INTERNAL)

_FLAGS = (
    option("--host", metavar="HOST", section=WHERE, help="Address to listen on, * for all; default 127.0.0.1."),
    option("--port", type=click.IntRange(0, 65535), section=WHERE,
           help="Port to listen on, 0 for a free one; default 9000."),
    option("-l", "--listen", multiple=True, type=ADDRESS, section=WHERE, help="One more address to listen on; repeat."),
    option("--unix-socket", metavar="PATH", section=WHERE, help="Listen on a unix socket; @NAME for an abstract one."),
    option("--unlink/--no-unlink", default=True, section=WHERE, help="Remove a socket that a dead server left behind."),
    option("--chmod", metavar="MODE", section=WHERE, help="Permissions of the unix socket, such as 600."),
    option("--echo", "mode", flag_value="echo", section=MODE, aliases=["--mirror"],
           help="Send each message back (default)."),
    option("--broadcast", "mode", flag_value="broadcast", section=MODE, help="Send each message to all other clients."),
    option("--stdio", "mode", flag_value="stdio", section=MODE,
           help="Standard input to all clients, their messages to standard output."),
    option("--reply", metavar="TEXT", section=MODE, help="Answer each message with this text."),
    option("--exec", "command", metavar="CMD", section=MODE,
           help="Run a command for each client: messages in, lines of output back."),
    option("-b", "--binary", is_flag=True, section=MODE, help="Send binary messages (--reply, --exec, --stdio)."),
    option("--static-file", "static_files", multiple=True, metavar="URI:TYPE:PATH", section=MODE,
           help="Serve a file by HTTP on the same port; repeat."),
    option("--path", "paths", multiple=True, metavar="PATH", section=LETTING_IN, aliases=["--restrict-uri"],
           help="Serve WebSockets on this path only; repeat."),
    option("--origin", "origins", multiple=True, metavar="ORIGIN", section=LETTING_IN,
           help="Let browsers in from this origin only, such as https://*.example; repeat."),
    option("--auth", "users", multiple=True, metavar="USER:PASS", envvar="WSESERVER_AUTH", section=LETTING_IN,
           help="Ask for basic authorization; repeat. Also from WSESERVER_AUTH."),
    option("--token", "tokens", multiple=True, metavar="TOKEN", envvar="WSESERVER_TOKEN", section=LETTING_IN,
           help="Ask for a bearer token, or ?token= in the URL; repeat. Also from WSESERVER_TOKEN."),
    option("--token-file", type=READABLE, section=LETTING_IN, help="File with tokens, one a line."),
    option("-s", "--subprotocol", "subprotocols", multiple=True, section=LETTING_IN, aliases=["--server-protocol"],
           help="Subprotocol to speak, most wanted first; repeat."),
    option("--server-header", "headers", multiple=True, metavar="'NAME: VALUE'", section=LETTING_IN,
           help="Further header of the handshake's answer; repeat."),
    option("--cert", type=READABLE, section=TLS, help="Certificate and its chain (PEM)."),
    option("--key", type=READABLE, section=TLS, help="Its private key, when it is in another file."),
    option("--passphrase", bare=ASK, metavar="PASS", section=TLS,
           help="Passphrase of the key; asks for it when written without a value."),
    option("--client-ca", type=READABLE, section=TLS, help="Ask clients for a certificate of these authorities."),
    option("--max-connections", type=click.IntRange(0), default=0, section=LIMITS, aliases=["--conncap"],
           help="Clients at once; more are answered 503."),
    option("--max-per-address", type=click.IntRange(0), default=0, section=LIMITS,
           help="Clients at once from one address; more are answered 429."),
    option("--max-size", type=BYTES, section=LIMITS, help="Largest message; default 64M, 0 for no limit."),
    option("--rate", type=click.FloatRange(0), default=0.0, section=LIMITS,
           help="Messages a second from one client; more close it with 1008, and so does a flood of pings or fragments."),
    option("--handshake-timeout", type=SECONDS, section=LIMITS, help="Seconds for a handshake; default 10."),
    option("--queue-len", type=click.IntRange(1), default=256, show_default=True, section=LIMITS,
           help="Messages that may wait for one client with --broadcast; then the oldest go."),
    option("--oneshot", is_flag=True, section=LIMITS, help="Serve one client and end."),
    option("--ping-interval", type=SECONDS, section=ALIVE,
           help="Seconds of silence before a ping; default 20, 0 for none."),
    option("--ping-timeout", type=SECONDS, section=ALIVE, help="Seconds to wait for a sign of life after it; default 20."),
    option("--compress/--no-compress", default=False, section=ALIVE, help="Accept permessage-deflate."),
    option("--forwarded-by", type=click.IntRange(0), default=0, metavar="N", section=ALIVE,
           help="Number of reverse proxies in front whose X-Forwarded-For is believed."),
    option("-v", "--verbose", count=True, section=ALIVE,
           help="Show handshakes; -vv also the kind of each frame, -vvv all of it. Secrets are masked."),
    option("--json", "as_json", is_flag=True, section=ALIVE, help="Write the log as one JSON object a line."),
    option("--announce", is_flag=True, section=SCRIPTS, aliases=["--stdout-announce-listening-ports"],
           help="Print the server's URL on stdout as soon as it listens."),
    option("--ready-file", type=click.Path(dir_okay=False, path_type=Path), section=SCRIPTS,
           help="Write the URL to this file as soon as it listens; removed in the end."),
    option("--latency-ms", type=click.FloatRange(0), default=0.0, section=FAULTS,
           help="Hold each message back for so long."),
    option("--drop-after", type=click.IntRange(1), metavar="N", section=FAULTS,
           help="Cut each connection after N messages."),
    option("--close-code", type=int, metavar="N", section=FAULTS,
           help="Close each connection with N: after --drop-after messages, at once without that."),
    option("--inhibit-pongs", type=click.IntRange(0), metavar="N", section=FAULTS, help="Answer N pings and no more."),
)  # fmt: skip


def _all_flags(command: Any) -> Any:
    for add in reversed(_FLAGS):
        command = add(command)
    return command


@click.command("wseserver", cls=Command, context_settings=CONTEXT, epilog=EPILOG)
@click.argument("address", type=ADDRESS, required=False, metavar="[[HOST:]PORT]")
@_all_flags
@profile_flags
@completion_flag
@quiet_option
@debug_option
@version_option
def main(address: tuple[str | None, int] | None, quiet: bool, debug: bool, **given: Any) -> None:
    """Serve WebSockets: echo, broadcast, a fixed reply, or a program for each client.

    Without anything else it echoes on ws://127.0.0.1:9000.
    """

    async def program(stop: Stop) -> int:
        from wsexample.cli.server.run import House

        return await House(address, given, stop, is_quiet=quiet).run()

    run_command(program, debug=debug)


if __name__ == "__main__":
    main(prog_name="wseserver")
