"""The canonical payloads of tests/data/weex, as they stand on the wire."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "data" / "weex"
RECEIVED_NS = 1_795_000_001 * 10**9
KEY, SECRET, PASSPHRASE = "weex_demo_0001", "demo-secret-0001", "demoPass1"
"""Credentials that no account has."""


def raw(name: str) -> bytes:
    """One message as it stands on the wire."""
    return (DATA / f"{name}.json").read_bytes().rstrip(b"\n")


def plain(name: str) -> Any:
    """The same as plain values."""
    return json.loads(raw(name))


def on_wire(message: Any) -> bytes:
    """Plain values as WEEX writes them."""
    return json.dumps(message, separators=(",", ":")).encode()
