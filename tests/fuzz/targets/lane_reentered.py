"""Frames whose callbacks come back to the connection that is just delivering them: more bytes, options, pauses, sending, the end.

Promise: the compiled lane does what its Python twin does, whatever a callback does meanwhile. Plain Autobahn is no measure here:
it delivers what arrives inside of a callback before that callback's own message is done with.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterable
from typing import Any

from tests.fuzz.targets import _lane
from tests.property.test_lane import frame
from tests.wire.lane.twins import arrive, observed, play

INSTRUMENT: tuple[str, ...] = ("wsexample.wire.lane", "wsexample.wire.autobahn")
VERBS = (
    b"!more",
    b"!lend",
    b"!limit",
    b"!lax",
    b"!cut",
    b"!hook",
    b"!rest",
    b"!drop",
    b"!much",
    b"!each",
    b"!wait",
    b"!data",
)
TOKENS: tuple[bytes, ...] = (
    *VERBS,
    *(b"\x81\x05" + verb for verb in VERBS),
    b"\x81\x00",
    b"\x89\x00",
    *_lane.TOKENS,
)


@functools.cache
def busy(module: Any, role: str) -> Any:
    """Return a protocol class whose messages say what its callbacks do."""

    def on_message(self: Any, payload: bytes, is_binary: bool) -> Any:
        verb, rest = payload[:5], payload[5:]
        if verb == b"!more":
            self.data_received(rest)
        elif verb == b"!lend":
            arrive(self, rest, through_buffer=True)
        elif verb == b"!most":
            self.maxMessagePayloadSize = len(payload) % 20
        elif verb == b"!utf8":
            self.utf8validateIncoming = not self.utf8validateIncoming
        elif verb == b"!frag":
            self.autoFragmentSize = 3
        elif verb == b"!hook":
            self.onMessageFrame = functools.partial(base.onMessageFrame, self)
        elif verb == b"!rest":
            self.lane_resume()
        elif verb == b"!drop":
            self.dropConnection(abort=True)
        elif verb == b"!much":
            self.sendMessage(bytes(70_000), True)
        elif verb == b"!each":
            for n in range(3):
                self.sendMessage(rest * n, is_binary)
        elif verb == b"!wait":
            self.pauseReading()
            asyncio.get_running_loop().call_soon(self.resumeReading)
        elif verb == b"!data":
            self.trafficStats.incomingWebSocketFrames = 1000
        return base.onMessage(self, payload, is_binary)

    base = observed(module, role)
    return type("Busy", (base,), {"onMessage": on_message})


def one_input(data: bytes) -> None:
    """Play the input on both lanes."""
    if len(data) < 4 or len(_lane.LANES) < 2:
        return
    first, second, how, mode = data[:4]
    role = "server" if mode & 2 else "client"
    options, through_buffer = _lane.options_of(role, first, second)
    stream = _lane.built(data[4:], masked=role == "server") if mode & 1 else data[4:]
    pieces = _lane.cut(stream, how)
    seen = {}
    for name, module in _lane.LANES.items():
        playing = play(module, role, pieces, options, through_buffer=through_buffer, protocol_class=busy(module, role))
        seen[name] = _lane.run(playing)
        pieces = seen[name].pieces
    ours, twins = seen["compiled lane"], seen["python lane"]
    for what in ("events", "coroutines", "sent", "state", "ended", "stats"):
        one, other = getattr(ours, what), getattr(twins, what)
        assert one == other, f"{what}: {one!r:.1000} where the twin has {other!r:.1000}"


def seeds() -> Iterable[bytes]:
    """Each verb, alone and with frames behind it, in both roles."""
    for masked, mode in ((False, 0), (True, 2)):
        text, ping = frame(0x81, "気配値".encode(), masked=masked), frame(0x89, b"p", masked=masked)
        inner = text + ping + frame(0x82, b"x" * 130, masked=masked)
        for number, verb in enumerate(VERBS):
            head = bytes((128 * (number & 1), 0, (5, 1, 3)[number % 3], mode))
            yield head + frame(0x82, verb + inner, masked=masked) + text + ping + text
        yield bytes((0, 0, 7, mode)) + frame(0x82, b"!lend" + inner[:9], masked=masked) + inner[9:] + text
        yield bytes((0, 0, 7, mode | 1, 0x82, 8, 5)) + b"!lend" + bytes((0x82, 18, 1, 65, 0x82, 8, 5)) + b"!more"
