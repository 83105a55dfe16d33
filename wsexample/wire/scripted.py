"""A scripted server for tests: the seam of ``dial.py`` played from a list of bytes, without a port or a socket.

    script = Script([accept(), text('{"hello": 1}'), Expect('{"op":"subscribe"}'), text("data"), close()])
    async with connect("ws://scripted/", opener=script) as ws:
        ...

Steps run in order: bytes are delivered as one piece that TCP brought; an `Expect` waits for a message of the client; a
`Wait` waits for the test; `Drop` loses the connection. What the client sent is kept in ``script.sent``.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsexample.errors import StateError
from wsexample.wire.lane import build_frame

if TYPE_CHECKING:
    from wsexample.wire.link import ClientLink

__all__ = ["Accept", "Drop", "Expect", "Frame", "Script", "Wait", "accept", "binary", "close", "ping", "pong", "text"]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3


@dataclass(frozen=True, slots=True)
class Accept:
    """Answer the opening handshake with 101."""

    subprotocol: str | None = None
    """Subprotocol chosen."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further response headers."""

    def response(self, request: bytes) -> bytes:
        """Return the answer to a request head."""
        key = re.search(rb"(?im)^sec-websocket-key:\s*(\S+)", request)
        digest = hashlib.sha1((key[1] if key else b"") + _GUID, usedforsecurity=False).digest()
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        lines.append(f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode('ascii')}")
        if self.subprotocol is not None:
            lines.append(f"Sec-WebSocket-Protocol: {self.subprotocol}")
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


@dataclass(frozen=True, slots=True)
class Expect:
    """Wait for the client's next message (control frames do not count), and fail when it is another one."""

    message: str | bytes | Callable[[str | bytes], bool] | None = None
    """The message, a function that judges it, or None for any."""

    def judge(self, message: str | bytes) -> None:
        """Raise AssertionError when the message is not the expected one."""
        wanted = self.message
        if wanted is None or (callable(wanted) and wanted(message)) or message == wanted:
            return
        raise AssertionError(f"the client sent {message!r}, the script expects {wanted!r}")


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until the test sets this event."""

    event: asyncio.Event


@dataclass(frozen=True, slots=True)
class Drop:
    """Lose the connection."""

    error: Exception | None = None
    """What the socket reports, such as ``ConnectionResetError()``; None for a plain end."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that the client sent, unmasked."""

    opcode: int
    """RFC 6455 section 5.2."""
    payload: bytes
    """Its data."""
    fin: bool
    """Whether the message ends with it."""


Step = bytes | Accept | Expect | Wait | Drop


def accept(subprotocol: str | None = None, **headers: str) -> Accept:
    """Accept the client.

    Parameters:
        subprotocol: the one chosen; None (default) for none.
        headers: further response headers, their names with underscores in place of hyphens.
    """
    return Accept(subprotocol, tuple((name.replace("_", "-"), value) for name, value in headers.items()))


def text(message: str) -> bytes:
    """Return a text message as a server sends it."""
    return bytes(build_frame(1, message.encode(), None))


def binary(payload: bytes) -> bytes:
    """Return a binary message as a server sends it.

    Parameters:
        payload: its bytes.
    """
    return bytes(build_frame(2, payload, None))


def ping(payload: bytes = b"") -> bytes:
    """Return a ping as a server sends it.

    Parameters:
        payload: its bytes, at most 125 in a frame that is allowed (RFC 6455 section 5.5); none by default.
    """
    return bytes(build_frame(9, payload, None))


def pong(payload: bytes = b"") -> bytes:
    """Return a pong as a server sends it.

    Parameters:
        payload: its bytes, as for `ping`.
    """
    return bytes(build_frame(10, payload, None))


def close(code: int | None = 1000, reason: str = "") -> bytes:
    """Return a close frame as a server sends it; nothing is checked.

    Parameters:
        code: close code (RFC 6455 section 7.4), 1000 by default; None for a frame without one.
        reason: its words; without a code there are none.
    """
    return bytes(build_frame(8, b"" if code is None else code.to_bytes(2, "big") + reason.encode(), None))


class Script:
    """A server that does what it is told, one connection after the other.

    Parameters:
        steps: what the first connection meets; it begins with `accept()` or with the bytes of a refusal.
        more: the steps of further connections, for clients that come again; the last ones are repeated.
    """

    def __init__(self, steps: Sequence[Step], *more: Sequence[Step]) -> None:
        self._plays = [list(steps), *(list(further) for further in more)]
        self.requests: list[bytes] = []
        """Request heads that came."""
        self.sent: list[str | bytes] = []
        """Messages that the clients sent, in order."""
        self.frames: list[Frame] = []
        """Frames that the clients sent, control frames included."""
        self.failure: AssertionError | None = None
        """The first message that was not the expected one; the connection is lost then."""

    @property
    def connections(self) -> int:
        """Connections made so far."""
        return len(self.requests)

    def open(self, make_link: Callable[[], ClientLink]) -> ClientLink:
        """Connect a link to the script; called by `connect`.

        Parameters:
            make_link: returns the client's side of a connection.
        """
        steps = self._plays[min(len(self.requests), len(self._plays) - 1)]
        link = make_link()
        link.connection_made(_Play(self, link, steps))
        return link

    def check(self) -> None:
        """Raise what went otherwise than the script says; for the end of a test."""
        if self.failure is not None:
            raise self.failure


class _Play(asyncio.Transport):
    """The transport of one connection, which runs the steps."""

    def __init__(self, script: Script, link: Any, steps: Iterable[Step]) -> None:
        super().__init__({"peername": ("scripted", 0)})
        self._script = script
        self._link = link
        self._steps = iter(steps)
        self._loop = asyncio.get_running_loop()
        self._data = b""
        self._message: list[bytes] = []
        self._kind = 1
        self._head: bytes | None = None
        self._unjudged: list[str | bytes] = []
        self._waiting_for: Expect | Accept | None = None
        self._is_closing = False
        self._has_closed = False
        self._is_paused = False
        self._held: list[bytes] = []
        self._wake: asyncio.Task[None] | None = None
        self._loop.call_soon(self._go_on)

    # -- the script's side ---------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Run steps until one has to wait."""
        while not self._is_closing and not self._is_paused:
            if self._held:
                self._link.data_received(self._held.pop(0))
                self._loop.call_soon(self._go_on)  # each piece arrives in a turn of its own, as from a socket
                return
            step = self._waiting_for or next(self._steps, None)
            self._waiting_for = None
            if step is None or not self._run(step):
                return

    def _run(self, step: Step) -> bool:
        """Run one step; returns False when it waits."""
        if isinstance(step, Accept | Expect):
            if self._head is None or (isinstance(step, Expect) and not self._unjudged):
                self._waiting_for = step
                return False
            if isinstance(step, Accept):
                self._deliver(step.response(self._head))
            else:
                self._judge(step)
        elif isinstance(step, Wait):
            self._wake = self._loop.create_task(self._wait(step.event))
            return False
        elif isinstance(step, Drop):
            self._lose(step.error)
        else:
            self._deliver(step)
        return True

    def _deliver(self, data: bytes) -> None:
        self._has_closed = self._has_closed or data[:1] == b"\x88"
        self._held.append(data)

    def _judge(self, step: Expect) -> None:
        try:
            step.judge(self._unjudged.pop(0))
        except AssertionError as failure:
            self._script.failure = self._script.failure or failure
            self._lose(ConnectionAbortedError(str(failure)))

    async def _wait(self, event: asyncio.Event) -> None:
        await event.wait()
        self._wake = None
        self._go_on()

    def _lose(self, error: Exception | None) -> None:
        if not self._is_closing:
            self._is_closing = True
            if self._wake is not None:
                self._wake.cancel()
            self._loop.call_soon(self._link.connection_lost, error)

    # -- the client's side ---------------------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        """Take what the client sends."""
        if self._is_closing:
            return
        self._data += bytes(data)
        if self._head is None:
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if not end:
                return
            self._head = head + end
            self._script.requests.append(self._head)
            self._data = rest
        while (frame := self._next_frame()) is not None:
            self._take(frame)
        if self._waiting_for is not None:
            self._loop.call_soon(self._go_on)

    def _next_frame(self) -> Frame | None:
        data = self._data
        if len(data) < 6:
            return None
        size, start = data[1] & 0x7F, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, start = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
        if not data[1] & 0x80:
            raise StateError("the client sent a frame that is not masked")
        if len(data) < start + 4 + size:
            return None
        key, body = data[start : start + 4], data[start + 4 : start + 4 + size]
        self._data = data[start + 4 + size :]
        return Frame(data[0] & 15, bytes(byte ^ key[i % 4] for i, byte in enumerate(body)), bool(data[0] & 0x80))

    def _take(self, frame: Frame) -> None:
        self._script.frames.append(frame)
        if frame.opcode == 8:
            # A server answers a close and then ends the connection.
            if not self._has_closed:
                self._loop.call_soon(self._link.data_received, bytes(build_frame(8, frame.payload, None)))
            self._loop.call_soon(self._lose, None)
        elif frame.opcode < 8:
            if frame.opcode:
                self._kind = frame.opcode
            self._message.append(frame.payload)
            if frame.fin:
                payload = b"".join(self._message)
                self._message.clear()
                message = payload.decode() if self._kind == 1 else payload
                self._script.sent.append(message)
                self._unjudged.append(message)

    # -- asyncio's side ------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the connection."""
        self._lose(None)

    abort = close

    def is_closing(self) -> bool:
        """Tell whether the connection is over."""
        return self._is_closing

    def pause_reading(self) -> None:
        """Deliver nothing for now."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Go on delivering."""
        if self._is_paused:
            self._is_paused = False
            self._loop.call_soon(self._go_on)

    def is_reading(self) -> bool:
        """Tell whether delivering goes on."""
        return not self._is_paused and not self._is_closing

    def get_write_buffer_size(self) -> int:
        """Nothing waits to be written."""
        return 0

    def set_protocol(self, protocol: Any) -> None:
        """Deliver to another protocol."""
        self._link = protocol

    def get_protocol(self) -> Any:
        """Return who is delivered to."""
        return self._link
