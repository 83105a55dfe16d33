"""Autobahn, and our classes over either lane, driven through a transport that is only a list of what was written."""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import importlib
import importlib.util
import json
import sys
import types
from dataclasses import dataclass, field
from typing import Any

from autobahn.asyncio import websocket as plain

import wsexample.wire.autobahn as ours

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def over(lane: str) -> types.ModuleType:
    """Load ``wire/autobahn.py`` once more, over the lane of this name ("c" or "py")."""
    name = f"wsexample_over_lane_{lane}"
    if name in sys.modules:
        return sys.modules[name]
    core = importlib.import_module(f"wsexample.wire.lane._lane_{lane}")
    seam = types.ModuleType("wsexample.wire.lane")
    seam.__dict__.update(LaneCore=core.LaneCore, LaneCounters=core.LaneCounters, is_utf8=core.is_utf8)
    spec = importlib.util.spec_from_file_location(name, ours.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    kept = sys.modules["wsexample.wire.lane"]
    sys.modules["wsexample.wire.lane"] = seam
    try:
        spec.loader.exec_module(module)
    finally:
        sys.modules["wsexample.wire.lane"] = kept
    sys.modules[name] = module
    return module


def implementations() -> dict[str, types.ModuleType]:
    """Return what is to be told apart by nobody, by name."""
    found = {}
    if importlib.util.find_spec("wsexample.wire.lane._lane_c"):
        found["compiled lane"] = over("c")
    return found | {"python lane": over("py"), "autobahn": plain}


class ListTransport(asyncio.Transport):
    """Keeps what is written; closing is noted and told to the protocol in the next turn."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.protocol: Any = None
        self.is_gone = False
        self.ended = ""
        self.is_reading_paused = False

    def write(self, data: Any) -> None:
        if not self.ended:
            self.written.append(bytes(data))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return bool(self.ended)

    def pause_reading(self) -> None:
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        self.is_reading_paused = False

    def _end(self, how: str) -> None:
        if not self.ended:
            self.ended = how
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        if not self.is_gone:
            self.is_gone = True
            self.protocol.connection_lost(None)

    def close(self) -> None:
        self._end("close")

    def abort(self) -> None:
        self._end("abort")


def unmasked(payload: bytes, key: bytes) -> bytes:
    """Mask or unmask a payload by the arithmetic of whole numbers, which no lane uses."""
    mask = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(len(payload), "big")


def frames_of(stream: bytes) -> list[tuple[int, bytes]]:
    """Take what was written apart: first byte and payload of each frame, unmasked."""
    found, at = [], 0
    while at < len(stream):
        first, second = stream[at], stream[at + 1]
        size, at = second & 127, at + 2
        if size > 125:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(stream[at : at + width], "big"), at + width
        key = b"\0\0\0\0"
        if second & 128:
            key, at = stream[at : at + 4], at + 4
        found.append((first, unmasked(stream[at : at + size], key)))
        at += size
    return found


@dataclass
class Outcome:
    """What an observer can tell of a run."""

    events: list[Any] = field(default_factory=list)
    coroutines: list[bytes] = field(default_factory=list)
    """What ran as a task; when, beside the other events, depends on pauses."""
    sent: list[tuple[int, bytes]] = field(default_factory=list)
    state: int = -1
    ended: str = ""
    stats: dict[str, Any] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    """The chunks as they arrived: a lent buffer may be smaller than a chunk."""


async def play(
    module: Any,
    role: str,
    chunks: list[bytes],
    options: dict[str, Any],
    *,
    through_buffer: bool = True,
    protocol_class: Any = None,
) -> Outcome:
    """Open a connection in memory, let these chunks arrive, and return what could be seen."""
    outcome = Outcome()
    if role == "server":
        factory = module.WebSocketServerFactory("ws://localhost:9000")
    else:
        factory = module.WebSocketClientFactory("ws://localhost:9000")
    factory.protocol = protocol_class or observed(module, role)
    factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0, **options)
    protocol = factory()
    protocol.outcome = outcome
    protocol.log = _Silent()
    transport = ListTransport()
    transport.protocol = protocol
    protocol.connection_made(transport)
    await turns()
    if role == "server":
        opening = (
            b"GET / HTTP/1.1\r\nHost: localhost:9000\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        )
        if "perMessageCompressionAccept" in options:
            opening += b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
    else:
        request = b"".join(transport.written)
        key = next(
            line.split(b": ")[1] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        opening = (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n"
        )
        if "perMessageCompressionOffers" in options:
            opening += b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
    protocol.data_received(opening + b"\r\n")
    await turns()
    transport.written.clear()
    for chunk in chunks:
        while chunk and not transport.is_gone:
            n = arrive(protocol, chunk, through_buffer=through_buffer)
            outcome.pieces.append(chunk[:n])
            chunk = chunk[n:]
            await turns()
            while getattr(protocol, "lane_is_paused", False) and not transport.is_gone:
                protocol.resumeReading()
                await turns()
    await turns()
    outcome.sent = frames_of(b"".join(transport.written))
    outcome.state = protocol.state
    outcome.ended = transport.ended
    outcome.stats = json.loads(json.dumps(protocol.trafficStats.__json__()))
    if not transport.is_gone:
        transport.abort()
        await turns()
    return outcome


@functools.cache
def observed(module: Any, role: str) -> Any:
    """Return a protocol class that notes in ``outcome`` what is called, and does what messages say."""

    def on_message(self: Any, payload: bytes, is_binary: bool) -> Any:
        assert type(payload) is bytes
        assert type(is_binary) is bool
        self.outcome.events.append(("message", payload, is_binary))
        if payload.startswith(b"!echo"):
            self.sendMessage(payload, is_binary)
        elif payload.startswith(b"!ping"):
            self.sendPing(b"from me")
            self.sendMessage(b"after ping")
        elif payload.startswith(b"!close"):
            self.sendClose(3001, "enough")
        elif payload.startswith(b"!raise"):
            raise ValueError("planted")
        elif payload.startswith(b"!pause") and hasattr(self, "pauseReading"):
            self.pauseReading()
        elif payload.startswith(b"!later"):

            async def answer() -> None:
                self.outcome.coroutines.append(payload)

            return answer()
        return None

    base = module.WebSocketServerProtocol if role == "server" else module.WebSocketClientProtocol
    bodies: dict[str, Any] = {
        "onOpen": lambda self: self.outcome.events.append(("open",)),
        "onMessage": on_message,
        "onPing": lambda self, payload: (self.outcome.events.append(("ping", payload)), base.onPing(self, payload))[1],
        "onPong": lambda self, payload: self.outcome.events.append(("pong", payload)),
        "onClose": lambda self, clean, code, reason: self.outcome.events.append(("close", clean, code, reason)),
    }
    return type("Protocol", (base,), bodies)


def arrive(protocol: Any, chunk: bytes, *, through_buffer: bool) -> int:
    """Let bytes arrive as a transport would, into the protocol's buffer where it lends one; returns how many."""
    if not (through_buffer and hasattr(protocol, "get_buffer")):
        protocol.data_received(chunk)
        return len(chunk)
    room = protocol.get_buffer(-1)
    n = min(len(room), len(chunk))
    room[:n] = chunk[:n]
    del room
    protocol.buffer_updated(n)
    return n


async def turns(n: int = 8) -> None:
    """Let the loop go round until nothing is due, at most so often."""
    due = getattr(asyncio.get_running_loop(), "_ready", True)
    for _ in range(n):
        await asyncio.sleep(0)
        if not due:
            break


class _Silent:
    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None
