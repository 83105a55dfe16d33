"""The wire trace: handshake headers and frames of both directions, with times, as text or hex, secrets masked.

A traced connection goes through Autobahn's parser instead of the lane. Keeping traffic for later is the tape's business.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count

from wsexample.clock import SystemClock
from wsexample.wire.masking import MASK, holds_secret, mask_head, mask_text

__all__ = ["Trace", "Tracer", "active_trace", "disable_trace", "enable_trace", "printable", "tracing"]

OPCODES = {0: "CONT", 1: "TEXT", 2: "BINARY", 8: "CLOSE", 9: "PING", 10: "PONG"}
SENT, RECEIVED, NOTE = ">", "<", "*"


def printable(text: str) -> str:
    """Return the text with control characters escaped, so that a peer cannot steer the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)


def hex_lines(data: bytes) -> list[str]:
    """Return a hex dump, sixteen bytes a line."""
    lines = []
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{start:04x}  {row.hex(' '):<47}  {shown}")
    return lines


class Trace:
    """Where and how traffic is shown.

    Parameters:
        write: gets each line without a line end; None writes to standard error.
        as_hex: show payloads as a hex dump instead of text.
        max_bytes: bytes of a payload that are shown before it is cut.
        show_secrets: show what is masked otherwise; for your own eyes only.
        clock: where times come from.
    """

    def __init__(
        self,
        write: Callable[[str], None] | None = None,
        *,
        as_hex: bool = False,
        max_bytes: int = 1024,
        show_secrets: bool = False,
        clock: SystemClock | None = None,
    ) -> None:
        self._write = write or _to_stderr
        self._as_hex = as_hex
        self._max_bytes = max_bytes
        self._show_secrets = show_secrets
        self._clock = clock or SystemClock()
        self._numbers = count(1)

    def begin(self) -> Tracer:
        """Return the tracer of one more connection; each has a number of its own."""
        return Tracer(self, next(self._numbers))

    def say(self, number: int, mark: str, text: str) -> None:
        """Write a line with time, connection number and direction.

        Parameters:
            number: of the connection, from 1.
            mark: ">" sent, "<" received, "*" a note.
            text: the rest of the line.
        """
        now = datetime.fromtimestamp(self._clock.now_ns() // 1000 / 1e6)  # noqa: DTZ006 - for the reader's own clock
        self._write(f"{now:%H:%M:%S.%f} {number} {mark} {printable(text)}")

    def payload_lines(self, opcode: int, is_whole: bool, payload: bytes) -> tuple[str, list[str]]:
        """Return what stands behind a frame's length, and further lines.

        Parameters:
            opcode: the frame's (RFC 6455 section 5.2).
            is_whole: whether the payload is a whole message, not a fragment of one.
            payload: unmasked.
        """
        if opcode == 8 and len(payload) >= 2 and not self._as_hex:
            reason = payload[2:].decode("utf-8", "replace")
            reason = reason if self._show_secrets else mask_text(reason)
            return f"{int.from_bytes(payload[:2], 'big')}{f' {reason}' if reason else ''}", []
        if not payload:
            return "", []
        if not is_whole and opcode < 8 and not self._show_secrets:
            return "(a fragment is not shown: a secret may be cut in two)", []
        data = payload
        if not self._show_secrets:
            if opcode == 1:
                # a secret cut off by the limit is masked as well, as long as its name is seen
                data = mask_text(payload[: 4 * self._max_bytes + 1024].decode("utf-8", "replace")).encode()
            elif holds_secret(payload):
                return f"{MASK} (binary that names a secret)", []
        cut = len(data) > self._max_bytes or len(payload) > 4 * self._max_bytes + 1024
        more = f" ... ({len(payload)} bytes)" if cut else ""
        data = data[: self._max_bytes]
        if self._as_hex:
            return more.strip(), hex_lines(data)
        return (data.decode("utf-8", "replace") if opcode == 1 else data.hex(" ")) + more, []

    def head_lines(self, head: bytes) -> list[str]:
        """Return the lines of a request or an answer, secrets masked unless they are to be shown.

        Parameters:
            head: as it goes over the wire; what follows an empty line is left out.
        """
        text = head.decode("utf-8", "replace").partition("\r\n\r\n")[0]
        return (text if self._show_secrets else mask_head(text)).split("\r\n")


class Tracer:
    """The trace of one connection; `Trace.begin` makes it.

    Parameters:
        trace: where its lines go.
        number: of the connection, from 1; stands in each line.
    """

    __slots__ = ("_number", "_trace")

    def __init__(self, trace: Trace, number: int) -> None:
        self._trace = trace
        self._number = number

    def note(self, text: str) -> None:
        """Show a step that is no traffic, such as a proxy or a TLS version.

        Parameters:
            text: the words.
        """
        self._trace.say(self._number, NOTE, text)

    def head(self, mark: str, head: bytes) -> None:
        """Show the head of a request or an answer.

        Parameters:
            mark: ">" sent, "<" received.
            head: as it goes over the wire.
        """
        for line in self._trace.head_lines(head):
            self._trace.say(self._number, mark, line)

    def frame(self, mark: str, opcode: int, fin: bool, rsv: int, payload: bytes) -> None:
        """Show a frame.

        Parameters:
            mark: ">" sent, "<" received.
            opcode, fin, rsv: as in its head (RFC 6455 section 5.2); rsv is all three bits as one number.
            payload: unmasked.
        """
        name = OPCODES.get(opcode, f"OPCODE {opcode}")
        flags = ("" if fin else " fin=0") + (f" rsv={rsv}" if rsv else "")
        is_whole = fin and opcode != 0
        shown, lines = self._trace.payload_lines(opcode, is_whole, payload)
        self._trace.say(self._number, mark, f"{name}{flags} {len(payload)}{f' {shown}' if shown else ''}")
        for line in lines:
            self._trace.say(self._number, mark, f"  {line}")


def _to_stderr(line: str) -> None:
    with suppress(OSError):  # nobody reads it any more, which is no reason to end a connection
        print(line, file=sys.stderr)  # noqa: T201 - a trace is there to be seen


_active: Trace | None = None


def active_trace() -> Trace | None:
    """Return the trace that new connections use, None for none."""
    return _active


def enable_trace(write: Callable[[str], None] | None = None, **settings: object) -> Trace:
    """Trace every connection that is made from now on; the parameters are those of `Trace`."""
    global _active
    _active = Trace(write, **settings)  # type: ignore[arg-type] # settings are those of the class
    return _active


def disable_trace() -> None:
    """Trace no further connections; those that are traced already go on."""
    global _active
    _active = None


@contextmanager
def tracing(write: Callable[[str], None] | None = None, **settings: object) -> Iterator[Trace]:
    """Trace the connections made inside a ``with`` block; the parameters are those of `Trace`."""
    global _active
    before = _active
    _active = trace = Trace(write, **settings)  # type: ignore[arg-type] # settings are those of the class
    try:
        yield trace
    finally:
        _active = before
