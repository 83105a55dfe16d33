"""What the user typed or piped in becomes messages: separators, codings, JSON over several lines, JSON-RPC, slash commands.

Pure: bytes in, messages out. Reading is left to `wsexample.cli.stdin`, sending to the conversation.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wsexample.errors import OptionError

__all__ = ["SLASH_HELP", "Encoder", "Interpreter", "JsonCollector", "Slash", "Splitter", "json_rpc_call", "parse_slash"]

Message = str | bytes

READ_EACH_TIME = 100
"""Lines of a JSON value within which a mistake is told at once; beyond them it is told when their number has doubled."""
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?')


class Splitter:
    """Cuts a stream of bytes into messages, however it arrives.

    Parameters:
        separator: what ends a message: ``b"\\n"`` (a carriage return before it goes too), ``b"\\0"``, or None for one
            message that is everything.
    """

    def __init__(self, separator: bytes | None = b"\n") -> None:
        self._separator = separator
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that are complete now."""
        if self._separator is None or self._separator not in data:
            self._rest += data
            return []
        *complete, rest = (bytes(self._rest) + data).split(self._separator)
        self._rest = bytearray(rest)
        return [self._stripped(message) for message in complete]

    def finish(self) -> list[bytes]:
        """Return what was left when the input ended; an input without any byte is no message."""
        rest, self._rest = bytes(self._rest), bytearray()
        return [self._stripped(rest)] if rest else []

    def _stripped(self, message: bytes) -> bytes:
        return message.removesuffix(b"\r") if self._separator == b"\n" else message


@dataclass(frozen=True, slots=True)
class Encoder:
    """How a piece of input is sent."""

    coding: str = "plain"
    """How the input is written: "plain", "hex" or "base64"."""
    is_binary: bool = False
    """Whether it is sent as a binary message."""

    def encode(self, piece: bytes) -> Message:
        """Return the message for a piece of input.

        Raises:
            OptionError: the input is not written as it should be; says where.
        """
        data = _DECODERS[self.coding](piece)
        if self.is_binary:
            return data
        return _as_text(data, "; send it with --binary")


def _as_text(data: bytes, advice: str = "") -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise OptionError(
            f"the input is not UTF-8 (byte {error.start + 1} is {data[error.start]:#04x}){advice}", option="text"
        ) from None


def _from_hex(piece: bytes) -> bytes:
    digits = re.sub(rb"0[xX]|[\s:,_-]", b"", piece)
    try:
        return binascii.unhexlify(digits)
    except binascii.Error as error:
        raise OptionError(
            f"{_shown(piece)} is not hex ({error}); write for example 00ff or 00 ff", option="hex"
        ) from None


def _from_base64(piece: bytes) -> bytes:
    digits = re.sub(rb"\s", b"", piece).translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)
    except binascii.Error as error:
        raise OptionError(f"{_shown(piece)} is not base64 ({error})", option="base64") from None


_DECODERS: dict[str, Callable[[bytes], bytes]] = {"plain": bytes, "hex": _from_hex, "base64": _from_base64}


def _shown(piece: bytes) -> str:
    text = piece.decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= 40 else text[:40] + "…")


@dataclass(slots=True)
class JsonCollector:
    """Collects lines until they are one JSON value, so that a value may be typed or pasted over several lines."""

    _lines: list[str] = field(default_factory=list)
    _open: int = 0
    _read_at: int = 0

    @property
    def is_waiting(self) -> bool:
        """Whether a value has begun and not ended."""
        return bool(self._lines)

    def feed(self, line: str) -> str | None:
        """Return the value when this line completes it, as it was typed; None while it is incomplete.

        Raises:
            OptionError: what was collected can never become JSON; it is dropped.
        """
        if not line.strip() and not self._lines:
            return None
        self._open = _brackets(line) + (self._open if self._lines else 0)
        self._lines.append(line)
        count = len(self._lines)
        if self._open > 0 and READ_EACH_TIME < count < self._read_at:
            return None  # reading the whole anew for each line of a file would take for ever
        self._read_at = 2 * count
        text = "\n".join(self._lines)
        try:
            json.loads(text)
        except json.JSONDecodeError as error:
            if _may_go_on(text, error):
                return None
            self._lines.clear()
            raise OptionError(
                f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}", option="json"
            ) from None
        except (ValueError, RecursionError):  # a number of thousands of digits, nesting without end
            self._lines.clear()
            raise OptionError("JSON that goes beyond what Python reads", option="json") from None
        self._lines.clear()
        return text

    def finish(self) -> None:
        """Say that the input ended; raises `OptionError` when a value was left incomplete."""
        if self._lines:
            self._lines.clear()
            raise OptionError("the input ended within a JSON value", option="json")


def _brackets(line: str) -> int:
    """Return how many brackets a line leaves open; no string of JSON goes beyond its line."""
    bare = _STRING.sub("", line)
    return sum(map(bare.count, "[{")) - sum(map(bare.count, "]}"))


def _may_go_on(text: str, error: json.JSONDecodeError) -> bool:
    """Tell whether the error is only that the text ends too early."""
    if error.msg.startswith("Unterminated string"):
        return "\n" not in text[error.pos :]  # a string cannot hold a bare newline
    return error.pos >= len(text.rstrip())


_ids = itertools.count(1)


def json_rpc_call(line: str, number: int | None = None) -> str:
    """Return a JSON-RPC 2.0 request for ``method argument...``.

    Arguments that are JSON keep their type, others are strings; a single object or array stands for all parameters.

    Parameters:
        line: what was typed.
        number: the request's id; counts from 1 by default.
    """
    method, _, rest = line.strip().partition(" ")
    if not method:
        raise OptionError("a JSON-RPC call begins with the name of its method", option="jsonrpc")
    call: dict[str, Any] = {"jsonrpc": "2.0", "id": next(_ids) if number is None else number, "method": method}
    params = _params(rest.strip())
    if params is not None:
        call["params"] = params
    return json.dumps(call, ensure_ascii=False, separators=(",", ":"))


def _params(rest: str) -> Any:
    if not rest:
        return None
    if rest[0] in "[{":
        try:
            return json.loads(rest)
        except (ValueError, RecursionError):
            pass  # several arguments of which the first happens to begin so
    return [_argument(word) for word in re.findall(r'"(?:[^"\\]|\\.)*"|\S+', rest)]


def _argument(word: str) -> Any:
    try:
        return json.loads(word)
    except (ValueError, RecursionError):
        return word


@dataclass(frozen=True, slots=True)
class Slash:
    """A command typed in place of a message."""

    verb: str
    """"ping", "pong", "close" or "help"."""
    payload: bytes = b""
    """What a ping or pong carries."""
    code: int = 1000
    """Close code."""
    reason: str = ""
    """Close reason."""


SLASH_HELP = "/ping [TEXT]  /pong [TEXT]  /close [CODE [REASON]]  /help  //text sends /text"


def parse_slash(line: str) -> Slash | str:
    """Read a line that may be a command: ``/ping``, ``/pong``, ``/close``, ``/help``; ``//x`` is the message ``/x``.

    Raises:
        OptionError: an unknown command, or one that cannot work.
    """
    if not line.startswith("/"):
        return line
    if line.startswith("//"):
        return line[1:]
    verb, _, rest = line[1:].partition(" ")
    rest = rest.strip()
    if verb in ("ping", "pong"):
        return Slash(verb, payload=rest.encode())
    if verb == "close":
        code, _, reason = rest.partition(" ")
        if code and not code.isdecimal():
            raise OptionError(f"/close takes a code and a reason, not {rest!r}", option="slash")
        return Slash(verb, code=int(code or 1000), reason=reason.strip())
    if verb == "help":
        return Slash(verb)
    raise OptionError(f"/{verb} is no command; there are {SLASH_HELP}", option="slash")


class Interpreter:
    """Makes messages and commands of pieces of input.

    Parameters:
        encoder: how a piece becomes a message.
        is_json: whether pieces are collected until they are one JSON value.
        is_json_rpc: whether a piece is a JSON-RPC call, its method first.
        has_slash: whether a piece that begins with a slash is a command.
    """

    def __init__(
        self, encoder: Encoder, *, is_json: bool = False, is_json_rpc: bool = False, has_slash: bool = False
    ) -> None:
        self._encoder = encoder
        self._collector = JsonCollector() if is_json and not is_json_rpc else None
        self._is_json_rpc = is_json_rpc
        self._has_slash = has_slash

    @property
    def is_waiting(self) -> bool:
        """Whether a JSON value has begun and not ended."""
        return self._collector is not None and self._collector.is_waiting

    def feed(self, piece: bytes) -> Message | Slash | None:
        """Return what a piece of input means; None when it is incomplete.

        Raises:
            OptionError: it cannot be sent; says why.
        """
        if self._has_slash and piece.startswith(b"/") and not self.is_waiting:
            command = parse_slash(_as_text(piece))
            if isinstance(command, Slash):
                return command
            piece = command.encode()
        if self._is_json_rpc:
            return json_rpc_call(_as_text(piece)) if piece.strip() else None
        if self._collector is not None:
            value = self._collector.feed(_as_text(piece))
            return None if value is None else self._encoder.encode(value.encode())
        return self._encoder.encode(piece)

    def finish(self) -> None:
        """Say that the input ended; raises `OptionError` when something was left incomplete."""
        if self._collector is not None:
            self._collector.finish()
