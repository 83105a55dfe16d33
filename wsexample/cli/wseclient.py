"""``wseclient``: a WebSocket client for the command line, for people at a terminal and for scripts.

This file reads the command line and makes a plan; the conversation itself, the echo test, what is shown and where
messages come from are files of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from wsexample.cli.completion import completion_flag
from wsexample.cli.connect_flags import connect_flags, connect_options
from wsexample.cli.exit_codes import ExitCode, exit_status_help
from wsexample.cli.options import (
    CONTEXT,
    SECONDS,
    URL,
    Command,
    color_options,
    debug_option,
    option,
    quiet_option,
    version_option,
)
from wsexample.cli.profiles import profile_flags
from wsexample.cli.running import Stop, run_command, say
from wsexample.errors import OptionError

__all__ = ["main"]

DEFAULT_URL = "ws://127.0.0.1:9000"
DEFAULT_WAIT_S = 2.0
SENDING, ENDING, ALIVE, SHOWING = "Sending", "Ending", "Staying connected", "Showing"
READABLE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)

EPILOG = """\b
Examples:
  wseclient                                 test the echo server on this machine
  wseclient ws://host:8080/path             talk to a server; Ctrl-C or Ctrl-D ends
  echo hi | wseclient URL -1                send a line, print the answer, end
  wseclient URL -x '{"op":"ping"}' --json   send a message, print answers for 2 s
  wseclient URL -x subscribe -w -1 | jq .   send, then print what comes, for ever
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
    option("-w", "--wait", type=SECONDS, section=ENDING, aliases=["--eof-wait"],
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
    address = url or connect_url or ("ws://localhost/" if given["unix_socket"] else None)
    if debug:
        logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(name)s %(levelname)s %(message)s")

    async def program(stop: Stop) -> int:
        context = click.get_current_context()
        context.color = None if color == "auto" else color == "always"
        if given["test"] or (address is None and not _says_what_to_send(given)):
            return await _test(address or DEFAULT_URL, given, stop, is_quiet=quiet)
        return await _converse(address or DEFAULT_URL, given, stop, color=color, is_quiet=quiet)

    run_command(program, debug=debug)


def _says_what_to_send(given: Mapping[str, Any]) -> bool:
    """Tell whether somebody who gave no URL nevertheless wants to send something of their own."""
    return bool(
        given["execute"] or given["files"] or given["is_one_shot"] or given["no_line"] or given["null_terminated"]
    )


async def _test(url: str, given: Mapping[str, Any], stop: Stop, *, is_quiet: bool) -> int:
    from wsexample.cli.echo_check import check_echo

    options = connect_options(url, given, trace=_trace(given))
    return await check_echo(options, stop, interval_s=given["interval"], count=given["max_messages"], is_quiet=is_quiet)


def _trace(given: Mapping[str, Any]) -> Any:
    from wsexample.cli.verbose import VerboseTrace

    level = 3 if given["trace"] or given["trace_hex"] else given["verbose"]
    return VerboseTrace(level, is_hex=given["trace_hex"]) if level else None


async def _converse(url: str, given: Mapping[str, Any], stop: Stop, *, color: str, is_quiet: bool) -> int:
    from wsexample.cli.conversation import Conversation
    from wsexample.cli.output import Output

    plan = _plan(url, given)
    with Output(given["output"]) as output, contextlib.ExitStack() as stack:
        is_interactive = _wants_prompt(given)
        source, prompt = _source(given, is_interactive, stop)
        if prompt is not None and output.is_terminal:
            above = stack.enter_context(prompt.above())

            async def show(data: bytes) -> None:
                above.write(data.decode("utf-8", "backslashreplace"))

        elif output.is_terminal:

            async def show(data: bytes) -> None:
                output.write(data)

        else:

            async def show(data: bytes) -> None:
                # Whoever reads the pipe may be slow; the connection must not wait for them.
                await asyncio.to_thread(output.write, data)

        def tell(sentence: str, *, color: str | None = None, is_chatter: bool = False) -> None:
            if not is_quiet and (not is_chatter or is_interactive or given["verbose"]):
                say(sentence, color=color)

        conversation = Conversation(plan, source, _presenter(given, output.is_terminal, color), show, tell)
        try:
            if given["max_time"] is None:
                return await conversation.run(stop)
            return await _within(given["max_time"], conversation.run(stop))
        finally:
            if source is not None:
                await source.close()


async def _within(timeout_s: float, work: Any) -> int:
    from wsexample.errors import DeadlineError

    try:
        async with asyncio.timeout(timeout_s):
            code: int = await work
            return code
    except TimeoutError as error:
        if isinstance(error, DeadlineError):
            raise
        raise DeadlineError(f"not done within {timeout_s:g} s", step="max-time", timeout_s=timeout_s) from None


def _wants_prompt(given: Mapping[str, Any]) -> bool:
    """Tell whether a person types: at a terminal, with nothing to send given, or with the wish to stay after it."""
    if not sys.stdin.isatty() or given["is_one_shot"]:
        return False
    return Path("-") in given["files"] or not (given["execute"] or given["files"]) or _wait_s(given) is None


def _wait_s(given: Mapping[str, Any]) -> float | None:
    if given["no_close"]:
        return None
    if given["exit_on_eof"]:
        return 0.0
    if given["wait"] is None:
        return None if given["is_one_shot"] or given["max_messages"] else DEFAULT_WAIT_S
    return None if given["wait"] < 0 else float(given["wait"])


def _plan(url: str, given: Mapping[str, Any]) -> Any:
    from wsexample.cli.conversation import Plan, Reconnect
    from wsexample.wire.connection import check_close

    check_close(given["close_code"], given["close_reason"])
    encoder = _encoder(given)
    first = [encoder.encode(text.encode()) for text in given["execute"]]
    first += [encoder.encode(path.read_bytes()) for path in given["files"] if path != Path("-")]
    keepalive = given["keepalive"]
    shows_rtts = given["print_ping_rtts"]
    pings: dict[str, Any] = {}
    if shows_rtts:
        pings["ping_interval_s"] = 0.0
    elif given["ping_interval"] is not None:
        pings["ping_interval_s"] = given["ping_interval"]
    if given["ping_timeout"] is not None:
        pings["ping_timeout_s"] = given["ping_timeout"]
    return Plan(
        options=connect_options(url, given, trace=_trace(given), **pings),
        first=tuple(first),
        is_one_shot=given["is_one_shot"],
        max_messages=given["max_messages"],
        wait_s=_wait_s(given),
        idle_timeout_s=given["idle_timeout"],
        close_code=given["close_code"],
        close_reason=given["close_reason"],
        shows_pings=given["show_ping_pong"],
        ping_interval_s=(given["ping_interval"] or 1.0) if shows_rtts else None,
        ping_timeout_s=given["ping_timeout"] or 20.0,
        keepalive=None if keepalive is None else encoder.encode(keepalive.encode()),
        keepalive_interval_s=given["keepalive_interval"],
        reconnect=None
        if given["reconnect"] is None
        else Reconnect(
            delay_s=given["reconnect"],
            max_delay_s=given["reconnect_max_delay"],
            max_tries=given["reconnect_tries"],
            resends_first=not given["no_resend"],
        ),
    )


def _encoder(given: Mapping[str, Any]) -> Any:
    from wsexample.cli.outgoing import Encoder

    coding = given["coding"] or "plain"
    is_binary = given["kind"] == "binary" or (given["kind"] is None and coding != "plain")
    return Encoder(coding, is_binary)


def _separator(given: Mapping[str, Any]) -> bytes | None:
    if given["null_terminated"] and given["no_line"]:
        raise OptionError("--null-terminated and --no-line exclude each other", option="null-terminated")
    return b"\0" if given["null_terminated"] else None if given["no_line"] else b"\n"


def _source(given: Mapping[str, Any], is_interactive: bool, stop: Stop) -> tuple[Any, Any]:
    """Return where further messages come from, and the prompt when that is a person."""
    from wsexample.cli.outgoing import Interpreter, Splitter
    from wsexample.cli.sources import PipeSource, PromptSource

    interpreter = Interpreter(
        _encoder(given),
        is_json=given["is_json"],
        is_json_rpc=given["jsonrpc"],
        has_slash=given["slash"] or is_interactive,
    )
    if is_interactive:
        from wsexample.cli.prompt import Prompt, history_path

        prompt = Prompt(stop.ask, history_path())

        def complain(sentence: str) -> None:
            say(sentence, color="red")

        return PromptSource(prompt, interpreter, complain), prompt
    if (given["execute"] or given["files"]) and Path("-") not in given["files"]:
        return None, None
    return PipeSource(Splitter(_separator(given)), interpreter), None


def _presenter(given: Mapping[str, Any], is_terminal: bool, color: str) -> Any:
    from wsexample.cli.incoming import Presenter
    from wsexample.cli.terminal import wants_color

    separator = _separator(given)
    return Presenter(
        is_terminal=is_terminal,
        coding=given["coding"] or "plain",
        is_raw=given["raw"],
        is_pretty=given["is_json"],
        has_color=given["output"] is None and wants_color(color, sys.stdout) and not given["raw"],
        decodes_gzip=given["decode_gzip"],
        timestamps=given["timestamps"] or "",
        has_timings=given["timings"],
        separator=b"" if separator is None else separator,
    )


if __name__ == "__main__":
    main(prog_name="wseclient")
