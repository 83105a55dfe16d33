"""What a close frame carries: a code and words (RFC 6455 section 5.5.1)."""

from __future__ import annotations

import warnings
from typing import Any

from wsexample.sync._abnf import ABNF, MAX_CONTROL_BYTES

__all__ = ["close_payload", "parse_close"]


def close_payload(status: int, reason: str | bytes | None) -> bytes:
    """Return what a close frame carries; raises ValueError for what it cannot."""
    if not 0 <= status < ABNF.LENGTH_16:
        raise ValueError("code is invalid range")
    if not ABNF._is_valid_close_status(status):
        warnings.warn(f"{status} is not a close code that may be sent (RFC 6455 section 7.4)", UserWarning, 3)
    words = reason.encode() if isinstance(reason, str) else bytes(reason or b"")
    if len(words) > MAX_CONTROL_BYTES - 2:
        raise ValueError(f"a close reason has at most 123 bytes of UTF-8, this one has {len(words)}")
    return status.to_bytes(2, "big") + words


def parse_close(frame: ABNF | None) -> tuple[int | None, str | None]:
    """Return code and words of a close frame; None for what it has not."""
    data: Any = getattr(frame, "data", b"") or b""
    octets = data.encode() if isinstance(data, str) else bytes(data)
    if len(octets) < 2:
        return None, None
    return int.from_bytes(octets[:2], "big"), octets[2:].decode("utf-8", "replace") or None
