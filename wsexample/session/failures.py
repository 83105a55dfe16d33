"""What an error means for a session: whether another attempt may help, and how long the other side asks to wait.

Pure. A broker's errands may overrule the first; the second is a least wait, under the back-off of the machine.
"""

from __future__ import annotations

from wsexample.errors import (
    BrokerError,
    CallerError,
    ConnectionClosed,
    HandshakeError,
    NetworkError,
    ProtocolError,
    StorageError,
    TlsError,
)

__all__ = ["FINAL_STATUSES", "asked_wait_s", "borne_in_a_row", "is_final"]

FINAL_STATUSES = frozenset({400, 401, 403, 405, 407, 410, 426, 451})
"""HTTP answers to the opening handshake that another attempt does not change; 404 is not one, it comes with outages."""
LONGEST_ASKED_S = 3600.0
"""Longest wait that is granted to who asks for one, seconds: a mistaken or hostile answer must not end a stream for ever."""
NOT_FOUND_AT_FIRST, NOT_FOUND_LATER = 3, 20
"""Answers of 404 in a row that are borne: before a session was ever live, when the address is probably wrong, and later."""


def is_final(error: BaseException) -> bool:
    """Return whether trying the same again cannot help.

    | error | final |
    |---|---|
    | `BrokerError`, `StorageError` | as it says itself |
    | `CallerError` | yes |
    | `HandshakeError` | for the statuses in `FINAL_STATUSES` |
    | `TlsError` | when a certificate is at fault |
    | `ConnectionClosed`, `ProtocolError`, other network errors | no |
    | anything not ours | yes: it is a defect, and is raised as it is |
    """
    match error:
        case BrokerError() | StorageError():
            return error.is_final
        case HandshakeError():
            return error.status in FINAL_STATUSES
        case TlsError():
            return bool(error.certificate)
        case CallerError():
            return True
        case NetworkError() | ConnectionClosed() | ProtocolError() | OSError():
            return False
    return True


def borne_in_a_row(error: BaseException, *, was_live: bool) -> int | None:
    """Return how many failures like this one in a row are borne, None for any number.

    Parameters:
        error: what failed.
        was_live: whether the session has ever been live.
    """
    if isinstance(error, HandshakeError) and error.status == 404:
        return NOT_FOUND_LATER if was_live else NOT_FOUND_AT_FIRST
    return None


def asked_wait_s(error: BaseException) -> float:
    """Return how many seconds the other side asks to wait before the next attempt, 0 when it says nothing; an hour at most."""
    wait_s = getattr(error, "wait_s", None)
    if isinstance(wait_s, int | float):
        return min(float(wait_s), LONGEST_ASKED_S) if wait_s > 0 else 0.0
    if isinstance(error, HandshakeError):
        value = error.headers.get("retry-after", "").strip()
        is_number = value.isascii() and value.isdigit()  # RFC 9110 section 10.2.3; a date is not heeded
        return min(float(value), LONGEST_ASKED_S) if is_number else 0.0
    return 0.0
