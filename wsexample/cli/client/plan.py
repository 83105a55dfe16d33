"""What the command line of ``wseclient`` means: the plan of a conversation, where messages come from, how they are shown."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsexample.cli.client.conversation import Plan, Reconnect
from wsexample.cli.client.incoming import Presenter
from wsexample.cli.client.outgoing import Encoder, Interpreter, Splitter
from wsexample.cli.client.sources import PipeSource
from wsexample.cli.connect_flags import connect_options
from wsexample.cli.terminal import wants_color
from wsexample.cli.verbose import VerboseTrace
from wsexample.errors import OptionError
from wsexample.wire.closing import check_close

__all__ = ["conversation_plan", "interpreter", "pipe_source", "presenter", "says_what_to_send", "trace", "wants_prompt"]

DEFAULT_WAIT_S = 2.0
STDIN = Path("-")
"""The name that stands for standard input."""


def says_what_to_send(given: Mapping[str, Any]) -> bool:
    """Tell whether somebody who gave no URL nevertheless wants to send something of their own."""
    return bool(
        given["execute"] or given["files"] or given["is_one_shot"] or given["no_line"] or given["null_terminated"]
    )


def trace(given: Mapping[str, Any]) -> VerboseTrace | None:
    """Return what shows handshakes and frames, None for nothing."""
    level = 3 if given["trace"] or given["trace_hex"] else given["verbose"]
    return VerboseTrace(level, is_hex=given["trace_hex"]) if level else None


def wants_prompt(given: Mapping[str, Any]) -> bool:
    """Tell whether a person types: at a terminal, with nothing to send given, or with the wish to stay after it."""
    if not sys.stdin.isatty() or not (sys.stdout.isatty() or sys.stderr.isatty()) or given["is_one_shot"]:
        return False
    return STDIN in given["files"] or not (given["execute"] or given["files"]) or _stays(given)


def _stays(given: Mapping[str, Any]) -> bool:
    return bool(given["no_close"] or (given["wait"] is not None and given["wait"] < 0))


def _wait_s(given: Mapping[str, Any], *, is_interactive: bool) -> float | None:
    """Return how long messages are awaited after the input, seconds; a person who ends the input wants to leave."""
    if _stays(given):
        return 0.0 if is_interactive else None
    if given["exit_on_eof"]:
        return 0.0
    if given["wait"] is not None:
        return float(given["wait"])
    if is_interactive:
        return 0.0
    return None if given["is_one_shot"] or given["max_messages"] else DEFAULT_WAIT_S


def conversation_plan(url: str, given: Mapping[str, Any], *, is_interactive: bool) -> Plan:
    """Return the plan of the conversation; raises `OptionError` for what cannot be sent or wanted."""

    check_close(given["close_code"], given["close_reason"])
    encoder = _encoder(given)
    first = [encoder.encode(text.encode()) for text in given["execute"]]
    first += [encoder.encode(path.read_bytes()) for path in given["files"] if path != STDIN]
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
        options=connect_options(url, given, trace=trace(given), **pings),
        first=tuple(first),
        is_one_shot=given["is_one_shot"],
        max_messages=given["max_messages"],
        wait_s=_wait_s(given, is_interactive=is_interactive),
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


def _encoder(given: Mapping[str, Any]) -> Encoder:

    coding = given["coding"] or "plain"
    is_binary = given["kind"] == "binary" or (given["kind"] is None and coding != "plain")
    return Encoder(coding, is_binary)


def _separator(given: Mapping[str, Any]) -> bytes | None:
    if given["null_terminated"] and given["no_line"]:
        raise OptionError("--null-terminated and --no-line exclude each other", option="null-terminated")
    return b"\0" if given["null_terminated"] else None if given["no_line"] else b"\n"


def interpreter(given: Mapping[str, Any], *, is_interactive: bool) -> Interpreter:
    """Return what a piece of input means."""
    return Interpreter(
        _encoder(given),
        is_json=given["is_json"],
        is_json_rpc=given["jsonrpc"],
        has_slash=given["slash"] or is_interactive,
    )


def pipe_source(given: Mapping[str, Any]) -> PipeSource | None:
    """Return standard input as a source of messages; None when it is not to be read."""
    if (given["execute"] or given["files"]) and STDIN not in given["files"]:
        return None
    return PipeSource(Splitter(_separator(given)), interpreter(given, is_interactive=False))


def presenter(given: Mapping[str, Any], *, is_terminal: bool, is_interactive: bool, color: str) -> Presenter:
    """Return how received messages are shown."""

    separator = _separator(given)
    return Presenter(
        is_terminal=is_terminal,
        coding=given["coding"] or "plain",
        is_raw=given["raw"],
        mark="< " if is_interactive and is_terminal and not given["raw"] else "",
        is_pretty=given["is_json"],
        has_color=given["output"] is None and wants_color(color, sys.stdout) and not given["raw"],
        decodes_gzip=given["decode_gzip"],
        timestamps=given["timestamps"] or "",
        has_timings=given["timings"],
        separator=b"" if separator is None else separator,
    )
