"""Frames of a client, right and wrong, cut in any way, for a connection in the server's role.

Promise: the compiled lane, its Python twin and plain Autobahn deliver the same messages, send the same frames, end in the same
state with the same close code, and count the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.fuzz.targets import _lane

INSTRUMENT: tuple[str, ...] = (
    "wsexample.wire.lane",
    "autobahn.websocket.protocol",
    "autobahn.websocket.compress_deflate",
)
TOKENS: tuple[bytes, ...] = _lane.TOKENS


def one_input(data: bytes) -> None:
    """Play the input on all three."""
    _lane.agree("server", data)


def seeds() -> Iterable[bytes]:
    """Frames as a client sends them."""
    return _lane.seeds("server")
