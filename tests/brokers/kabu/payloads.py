"""The canonical payloads of tests/data/kabu, as bytes and as plain JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "data" / "kabu"
NAMES = ("stock", "futures", "option", "index", "pre_open", "limit_up", "nulls")
RECEIVED_NS = 1_772_590_000 * 10**9
"""2026-03-04 11:06:40 in Japan: after every time in the payloads but one."""


def raw(name: str) -> bytes:
    """One message as it stands on the wire."""
    return (DATA / f"{name}.json").read_bytes().rstrip(b"\n")


def plain(name: str) -> dict[str, Any]:
    """The same message as a dictionary."""
    message: dict[str, Any] = json.loads(raw(name))
    return message


def on_wire(message: dict[str, Any]) -> bytes:
    """A dictionary as kabu Station writes it: compact, UTF-8."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
