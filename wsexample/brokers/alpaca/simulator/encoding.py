"""Market data messages on the wire: each written once for each codec, however many clients get it, and joined to frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from wsexample.brokers.alpaca.dialect.times import packed_time, rfc3339
from wsexample.brokers.alpaca.simulator.market import Point

__all__ = ["Written", "joined", "written_alone"]

_TIME_FIELDS = ("t", "ft", "created_at", "updated_at")


def _dressed(message: Any, is_packed: bool) -> Any:
    """Return a message with its times as the codec writes them."""
    write: Any = packed_time if is_packed else rfc3339
    changes = {
        name: write(time_ns) for name in _TIME_FIELDS if isinstance(time_ns := getattr(message, name, None), int)
    }
    return msgspec.structs.replace(message, **changes) if changes else message


class Written:
    """A point and its bytes."""

    __slots__ = ("_json", "_packed", "point")

    def __init__(self, point: Point) -> None:
        self.point = point
        self._json: bytes | None = None
        self._packed: bytes | None = None

    def encoded(self, is_packed: bool) -> bytes:
        """Return the message in a codec."""
        if is_packed:
            if self._packed is None:
                self._packed = msgspec.msgpack.encode(_dressed(self.point.message, True))
            return self._packed
        if self._json is None:
            self._json = msgspec.json.encode(_dressed(self.point.message, False))
        return self._json


def joined(parts: Sequence[bytes], is_packed: bool) -> str | bytes:
    """Return a frame of several messages: bytes for MessagePack, text for JSON."""
    if not is_packed:
        return (b"[" + b",".join(parts) + b"]").decode()
    count = len(parts)
    if count < 16:
        head = bytes([0x90 | count])
    elif count < 1 << 16:
        head = b"\xdc" + count.to_bytes(2, "big")
    else:
        head = b"\xdd" + count.to_bytes(4, "big")
    return head + b"".join(parts)


def written_alone(message: Any, is_packed: bool) -> str | bytes:
    """Return a frame of one message, as control messages come."""
    encode: Any = msgspec.msgpack.encode if is_packed else msgspec.json.encode
    return joined([encode(_dressed(message, is_packed))], is_packed)
