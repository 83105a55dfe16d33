"""``wseclient``: a WebSocket client for the command line, for people at a terminal and for scripts.

This file is the command line; `wsexample.cli.client.plan` reads it and `wsexample.cli.client.run` does it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wsexample.cli.completion import completion_flag
from wsexample.cli.connect_flags import connect_flags
from wsexample.cli.exit_codes import ExitCode, exit_status_help
from wsexample.cli.options import (
    CONTEXT,
    SECONDS,
    SECONDS_OR_STAY,
    URL,
    Command,
    color_options,
    debug_option,
    option,
    quiet_option,
    version_option,
)
from wsexample.cli.profiles import profile_flags
from wsexample.cli.running import Stop, run_command
from wsexample.cli.tapes.speed import SPEED

__all__ = ["main"]

SENDING, ENDING, ALIVE, SHOWING = "Sending", "Ending", "Staying connected", "Showing"
READABLE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)

EPILOG = """\b
Examples:
  wseclient                                 test the echo server on this machine
  wseclient ws://host:8080/path             talk to a server; Ctrl-C or Ctrl-D ends
  echo hi | wseclient URL -1                send a line, print the answer, end
  wseclient URL -x '{"op":"ping"}' --json   send a message, print answers for 2 s
  wseclient URL -x '{"op":"subscribe"}' -w -1 | jq .
                                            send, then print what comes, for ever
  wseclient URL --file picture.png --binary
  wseclient URL --test --max-messages 10    ten test messages with round-trip times
  wseclient wss://host --ca ca.pem --bearer-file token --reconnect

Received messages go to stdout, everything else to stderr. Ctrl-C performs the closing
handshake; a second one leaves at once. Standard input is read once the connection is open.

""" + exit_status_help(
    ExitCode.OK,
    ExitCode.USAGE,
    ExitCode.CLOSED,
    ExitCode.PROXY_NOT_RESOLVED,
    ExitCode.HOST_NOT_RESOLVED,
    ExitCode.CONNECT,
    ExitCode.STRANGE_REPLY,
    ExitCode.REFUSED,
    ExitCode.STORAGE,
    ExitCode.TIMEOUT,
    ExitCode.TLS,
    ExitCode.LOST,
    ExitCode.CLIENT_CERTIFICATE,
    ExitCode.SERVER_CERTIFICATE,
    ExitCode.INTERNAL,
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
)

_FLAGS = (
    option("-t", "--text", "kind", flag_value="text", section=SENDING, help="Send text messages (default)."),
    option("-b", "--binary", "kind", flag_value="binary", section=SENDING, help="Send binary messages."),
    option("--hex", "coding", flag_value="hex", section=SENDING,
           help="Input is hex, sent as binary (as text with -t); received binary is printed as hex."),
    option("--base64", "coding", flag_value="base64", section=SENDING, aliases=["--base64-text"],
           help="The same in base64."),
    option("-x", "--execute", multiple=True, metavar="MSG", section=SENDING, aliases=["--preamble", "--message"],
           help="Message to send first; repeat. Standard input is then read only with --file -."),
    option("--file", "files", multiple=True, type=READABLE, metavar="PATH", section=SENDING,
           help="Send a whole file as one message, after -x; - is standard input, as it is cut otherwise. Repeat."),
    option("-0", "--null-terminated", is_flag=True, section=SENDING,
           help="Messages end with a null byte, in both directions."),
    option("--no-line", is_flag=True, section=SENDING, help="All of standard input is one message; no newline after one."),
    option("--json", "is_json", is_flag=True, section=SENDING, aliases=["--pretty"],
           help="Input is JSON, over several lines if you like; received JSON is indented."),
    option("--jsonrpc", is_flag=True, section=SENDING, help="Input lines are JSON-RPC 2.0 calls: METHOD [PARAM ...]."),
    option("--slash", is_flag=True, section=SENDING,
           help="Lines /ping, /pong and /close [CODE [REASON]] are commands; always so at the prompt."),
    option("--test", is_flag=True, section=SENDING, help="Test an echo server; that is also the default without a URL."),
    option("--interval", type=SECONDS, default=1.0, show_default=True, section=SENDING,
           help="Seconds between test messages."),
    option("-1", "--one-message", "is_one_shot", is_flag=True, section=ENDING, help="Send one message, print one, end."),
    option("--max-messages", type=click.IntRange(1), section=ENDING, aliases=["--count"],
           help="End after this many received messages."),
    option("-w", "--wait", type=SECONDS_OR_STAY, section=ENDING, aliases=["--eof-wait"],
           help="Seconds to wait for messages after the input has ended; -1 stays. Default 2, or -1 with a count."),
    option("-E", "--exit-on-eof", is_flag=True, section=ENDING, help="The same as --wait 0."),
    option("--no-close", is_flag=True, section=ENDING, help="The same as --wait -1."),
    option("-m", "--max-time", type=SECONDS, section=ENDING, help="Seconds for everything; then it ends with 28."),
    option("--idle-timeout", type=SECONDS, section=ENDING, help="Seconds without a message; then it ends with 28."),
    option("--close-code", type=int, default=1000, show_default=True, section=ENDING, aliases=["--close-status-code"],
           help="Code to close with."),
    option("--close-reason", default="", metavar="TEXT", section=ENDING, help="Reason to close with."),
    option("--ping-interval", type=SECONDS, section=ALIVE,
           help="Seconds of silence before a ping; default 20, 0 for none."),
    option("--ping-timeout", type=SECONDS, section=ALIVE,
           help="Seconds to wait for a sign of life after it; default 20, 0 for ever."),
    option("--print-ping-rtts", is_flag=True, section=ALIVE, aliases=["--latency"],
           help="Ping all the time (every second unless --ping-interval says otherwise) and print round-trip times."),
    option("--keepalive", metavar="MSG", section=ALIVE, help="Send this message again and again."),
    option("--keepalive-interval", type=SECONDS, default=30.0, show_default=True, section=ALIVE,
           help="Seconds between them."),
    option("--reconnect", type=SECONDS, bare="1", metavar="SECONDS", section=ALIVE, aliases=["--retry"],
           help="Connect again when the connection is lost or cannot be made, first after so long (1)."),
    option("--reconnect-max-delay", type=SECONDS, default=30.0, show_default=True, section=ALIVE,
           help="Where the delay stops doubling."),
    option("--reconnect-tries", type=click.IntRange(1), section=ALIVE, help="Failures in a row before giving up."),
    option("--no-resend", is_flag=True, section=ALIVE, help="Do not send the first messages again."),
    option("-r", "--raw", is_flag=True, section=SHOWING, help="Print messages as they came, on a terminal too."),
    option("--decode-gzip", is_flag=True, section=SHOWING, help="Unpack binary messages that are gzip or deflate."),
    option("--timestamps", bare="iso", metavar="FORMAT", section=SHOWING,
           help="Print the time before each message: iso (default), unix, or a strftime format."),
    option("--timings", is_flag=True, section=SHOWING, help="Print the seconds since the start before each message."),
    option("-P", "--show-ping-pong", is_flag=True, section=SHOWING, help="Say when a ping or pong comes."),
    option("--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", section=SHOWING,
           help="Write received messages to a file."),
    option("--record", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", section=SHOWING,
           help="Keep every message on a tape, in both directions; one that exists is gone on with."),
    option("--replay", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE", section=SHOWING,
           help="Show what was received on a tape, in place of connecting."),
    option("--speed", type=SPEED, default="1", show_default=True, section=SHOWING,
           help="With --replay: 1 for the recorded pace, 10 for ten times as fast, max for no waiting."),
    option("-v", "--verbose", count=True, section=SHOWING,
           help="Show the handshake; -vv also the kind of each frame, -vvv all of it. Secrets are masked."),
    option("--trace", is_flag=True, section=SHOWING, help="The same as -vvv."),
    option("--trace-hex", is_flag=True, section=SHOWING, help="The same with payloads as a hex dump."),
)  # fmt: skip


def _conversation_flags(command: Any) -> Any:
    for add in reversed(_FLAGS):
        command = add(command)
    return command


@click.command("wseclient", cls=Command, context_settings=CONTEXT, epilog=EPILOG)
@click.argument("url", type=URL, required=False)
@option("-c", "--connect", "connect_url", type=URL, hidden=True, help="The URL, as wscat has it.")
@_conversation_flags
@connect_flags
@profile_flags
@completion_flag
@color_options
@quiet_option
@debug_option
@version_option
def main(url: str | None, connect_url: str | None, quiet: bool, debug: bool, color: str, **given: Any) -> None:
    """Talk to a WebSocket server: at a prompt, in a pipe, or with one message and its answer.

    Without a URL it tests the echo server on this machine.
    """

    async def program(stop: Stop) -> int:
        from wsexample.cli.client.run import run_client

        click.get_current_context().color = None if color == "auto" else color == "always"
        return await run_client(url or connect_url, given, stop, color=color, is_quiet=quiet)

    run_command(program, debug=debug)


if __name__ == "__main__":
    main(prog_name="wseclient")
