"""A received message as it is shown: plain for a pipe, safe and readable for people.

Pure: payload and arrival time in, text or bytes out. Writing is left to `wsexample.cli.output`.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import dataclass
from datetime import datetime

import click

from wsexample.cli.terminal import escape_controls

__all__ = ["Presenter", "inflate", "stamp"]

MAX_INFLATED_BYTES = 64 * 1024 * 1024
"""A compressed message may not become larger than this; a bomb is shown as it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presenter:
    """How received messages are shown."""

    is_terminal: bool = False
    """Whether people look at it: control characters are escaped and binary is written as hex."""
    coding: str = "plain"
    """How binary messages are written: "plain" (as they are), "hex" or "base64"."""
    is_raw: bool = False
    """Whether nothing is escaped or decorated, on a terminal either."""
    is_pretty: bool = False
    """Whether JSON is indented."""
    has_color: bool = False
    """Whether colours are used."""
    decodes_gzip: bool = False
    """Whether gzip and deflate payloads are unpacked first, as some exchanges send them."""
    mark: str = ""
    """What stands before each message, to tell it from what was typed."""
    timestamps: str = ""
    """Format of the time before each message: "iso", "unix", a strftime format, or "" for none."""
    has_timings: bool = False
    """Whether the seconds since the connection was begun stand before each message."""
    separator: bytes = b"\n"
    """What is written after each message."""

    def present(self, payload: bytes, is_binary: bool, received_ns: int, begun_ns: int = 0) -> bytes:
        """Return what to write for a message, its separator included.

        Parameters:
            payload: the message.
            is_binary: whether it is a binary message.
            received_ns: when it came, UTC epoch nanoseconds.
            begun_ns: when the connection was begun, UTC epoch nanoseconds.
        """
        if self.decodes_gzip and is_binary:
            unpacked = inflate(payload)
            if unpacked is not None:
                payload, is_binary = unpacked, not _is_text(unpacked)
        prefix = self._prefix(received_ns, begun_ns).encode()
        if is_binary:
            return prefix + self._binary(payload)
        return prefix + self._text(payload) + self.separator

    def _prefix(self, received_ns: int, begun_ns: int) -> str:
        parts = []
        if self.timestamps:
            parts.append(stamp(received_ns, self.timestamps))
        if self.has_timings:
            parts.append(f"+{(received_ns - begun_ns) / 1e9:.6f}")
        mark = click.style(self.mark, fg="cyan", bold=True) if self.mark and self.has_color else self.mark
        if not parts:
            return mark
        text = " ".join(parts)
        return mark + (click.style(text, dim=True) if self.has_color else text) + " "

    def _binary(self, payload: bytes) -> bytes:
        if self.coding == "hex":
            return payload.hex().encode() + self.separator
        if self.coding == "base64":
            return base64.b64encode(payload) + self.separator
        if self.is_terminal and not self.is_raw:
            size = f"binary, {len(payload)} bytes:"
            head = click.style(size, fg="magenta") if self.has_color else size
            return f"{head} {payload.hex(' ')}".encode() + self.separator
        # Into a pipe binary goes byte for byte; a newline would change it.
        return payload if self.separator == b"\n" else payload + self.separator

    def _text(self, payload: bytes) -> bytes:
        if self.is_pretty:
            pretty = _pretty_json(payload)
            if pretty is not None:
                text = escape_controls(pretty) if self.is_terminal else pretty
                return (_colored_json(text) if self.has_color else text).encode()
        if self.is_terminal and not self.is_raw:
            return escape_controls(payload.decode("utf-8", "replace")).encode()
        return payload


def stamp(time_ns: int, form: str) -> str:
    """Write a time.

    Parameters:
        time_ns: UTC epoch nanoseconds.
        form: "iso" (local time with offset, microseconds), "unix" (epoch seconds with nine decimals), or a strftime format.
    """
    if form == "unix":
        return f"{time_ns // 10**9}.{time_ns % 10**9:09d}"
    moment = datetime.fromtimestamp(time_ns // 1000 / 1e6).astimezone()
    return moment.isoformat(timespec="microseconds") if form == "iso" else moment.strftime(form)


def inflate(payload: bytes) -> bytes | None:
    """Return a gzip, zlib or raw deflate payload unpacked; None when it is none or grows beyond all bounds."""
    for bits in (47, -15):  # gzip and zlib by their headers, then raw deflate
        engine = zlib.decompressobj(bits)
        try:
            data = engine.decompress(payload, MAX_INFLATED_BYTES)
        except zlib.error:
            continue
        if engine.eof and not engine.unconsumed_tail:
            return data
    return None


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _pretty_json(payload: bytes) -> str | None:
    """Return JSON with two blanks of indentation, numbers as they were written; None when it is not JSON."""
    try:
        text = payload.decode()
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _indented(text)


def _plain_text(token: str) -> str:
    """Return a JSON text with its escapes resolved; as it stands where it holds half a surrogate pair, which nobody can write."""
    plain = json.dumps(json.loads(token), ensure_ascii=False)
    return token if any("\ud800" <= one <= "\udfff" for one in plain) else plain


def _indented(text: str) -> str:
    """Indent valid JSON token by token; parsing it into numbers and back would change 26480.0000 to 26480.0."""
    out: list[str] = []
    depth = 0
    tokens = _TOKENS.findall(text)
    for index, token in enumerate(tokens):
        following = tokens[index + 1] if index + 1 < len(tokens) else ""
        if token in "[{":
            depth += 1
            out.append(token if following in ("]", "}") else token + _line(depth))
        elif token in "]}":
            depth -= 1
            out.append(token if tokens[index - 1] in ("[", "{") else _line(depth) + token)
        elif token == ",":
            out.append(token + _line(depth))
        elif token == ":":
            out.append(": ")
        elif token[0] == '"':
            out.append(_plain_text(token))
        else:
            out.append(token)
    return "".join(out)


def _line(depth: int) -> str:
    return "\n" + "  " * depth


_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
_PAINTED = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|(true|false|null)')


def _colored_json(text: str) -> str:
    """Paint keys, strings, numbers and words."""

    def paint(found: re.Match[str]) -> str:
        string, colon, number, word = found.groups()
        if string is not None:
            return click.style(string, fg="blue" if colon else "green") + (colon or "")
        return click.style(number or word, fg="cyan" if number else "yellow")

    return _PAINTED.sub(paint, text)
