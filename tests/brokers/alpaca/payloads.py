"""The canonical payloads of tests/data/alpaca, as they stand on the wire in both codecs, and as plain JSON."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import msgpack

DATA = Path(__file__).parents[2] / "data" / "alpaca"
RECEIVED_NS = 1_772_462_000 * 10**9
"""2026-03-02 14:33:20 UTC."""
KEY, SECRET = "PKTEST00000000000001", "s3cr3t-0000000000000000000000000001"
"""A key pair that no account has."""

TIMES = {"t", "ft", "created_at", "updated_at"}


def raw(name: str) -> bytes:
    """One message as it stands on the wire in JSON."""
    return (DATA / f"{name}.json").read_bytes().rstrip(b"\n")


def plain(name: str) -> Any:
    """The same as plain values."""
    return json.loads(raw(name))


def on_wire(message: Any) -> bytes:
    """Plain values as Alpaca writes them: compact, UTF-8."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def ns(text: str) -> int:
    """What a timestamp is in nanoseconds, reckoned another way than the dialect does."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return int(datetime.fromisoformat(whole + "+00:00").timestamp()) * 10**9 + int(fraction.ljust(9, "0") or 0)


def packed(messages: list[dict[str, Any]]) -> bytes:
    """A frame of the market data streams in MessagePack, written by somebody else's encoder."""

    def with_times(message: dict[str, Any]) -> dict[str, Any]:
        return {
            key: msgpack.Timestamp.from_unix_nano(ns(value)) if key in TIMES and isinstance(value, str) else value
            for key, value in message.items()
        }

    return bytes(msgpack.packb([with_times(message) for message in messages]))


def frame(messages: list[dict[str, Any]], codec: str) -> tuple[bytes, bool]:
    """A frame in either codec, and whether it is binary."""
    return (packed(messages), True) if codec == "msgpack" else (on_wire(messages), False)
