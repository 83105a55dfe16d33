"""What stands in for the compiled reading of quotes: nothing is read here, so every frame is read the long way."""

from __future__ import annotations

from wsexample.records.market import Record

__all__ = ["read_packed", "read_text"]


def read_text(payload: bytes, received_ns: int) -> list[Record] | None:
    """Read a JSON frame of quotes; None leaves it to the long way, which is the specification."""
    return None


def read_packed(payload: bytes, received_ns: int) -> list[Record] | None:
    """Read a MessagePack frame of quotes; None leaves it to the long way, which is the specification."""
    return None
