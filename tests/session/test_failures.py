"""What an error means for a session."""

from __future__ import annotations

import pytest

from wsexample.errors import ConnectionClosed, HandshakeError, ProtocolError, RateLimitError, StorageError
from wsexample.session.failures import asked_wait_s, is_final


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionClosed(code=1008, reason="policy"), False),
        (ProtocolError("bad frame"), False),
        (OSError("foreign"), False),
        (TimeoutError(), False),
        (StorageError("disk full", is_final=True), True),
        (StorageError("locked", is_final=False), False),
        (KeyError("a defect"), True),
        (HandshakeError("not HTTP", status=None), False),
    ],
)
def test_what_is_final(error: Exception, expected: bool) -> None:
    """Connections may come back; full disks and defects do not go away by trying."""
    assert is_final(error) is expected


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [
        (RateLimitError("slow down", wait_s=7), 7.0),
        (RateLimitError("slow down", wait_s=1e9), 3600.0),
        (RateLimitError("slow down", wait_s=float("nan")), 0.0),
        (HandshakeError("429", status=429, headers={"retry-after": " 12 "}), 12.0),
        (HandshakeError("503", status=503, headers={"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}), 0.0),
        (HandshakeError("503", status=503, headers={"retry-after": "-5"}), 0.0),
        (HandshakeError("503", status=503, headers={"retry-after": "86400"}), 3600.0),
        (HandshakeError("503", status=503, headers={"retry-after": "9" * 5000}), 3600.0),
        (ConnectionClosed(code=1006), 0.0),
    ],
)
def test_how_long_the_other_side_asks_to_wait(error: Exception, wait_s: float) -> None:
    """Seconds of a rate limit or of Retry-After, of which an hour is granted; anything else asks for nothing."""
    assert asked_wait_s(error) == wait_s
