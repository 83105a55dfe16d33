"""What a command's exit status means: one table, printed in every ``--help``, and the way from an error to its row.

Numbers are curl's where curl has one for the same thing, so that scripts need not learn new ones.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Self

from wsexample.errors import (
    BrokerError,
    CallerError,
    ConnectionClosed,
    CredentialsError,
    DeadlineError,
    DialectError,
    HandshakeError,
    ListenError,
    MissingExtraError,
    NetworkError,
    NotLoggedInError,
    PeerError,
    ResolveError,
    StorageError,
    TlsError,
    UnknownSymbolError,
)

__all__ = ["NORMAL_CLOSE_CODES", "ExitCode", "exit_code_for", "exit_status_help"]

NORMAL_CLOSE_CODES = frozenset({1000, 1001, 1005})
"""Close codes of a connection that ended as it should (RFC 6455 section 7.4.1)."""


class ExitCode(IntEnum):
    """Exit statuses of the commands; ``meaning`` is the line in the help."""

    meaning: str

    def __new__(cls, number: int, meaning: str) -> Self:
        """Make a row of the table from its number and its line in the help."""
        row = int.__new__(cls, number)
        row._value_ = number
        row.meaning = meaning
        return row

    OK = 0, "normal end: closed with 1000, 1001 or no code, or by us"
    USAGE = 2, "the command line cannot work"
    CLOSED = 3, "the server closed with another code, or before it had answered"
    MISSING_EXTRA = 4, "an optional dependency is not installed"
    PROXY_NOT_RESOLVED = 5, "the proxy's name was not found"
    HOST_NOT_RESOLVED = 6, "the host's name was not found"
    CONNECT = 7, "cannot connect: refused or unreachable"
    STRANGE_REPLY = 8, "the other side broke its own protocol"
    REFUSED = 22, "the server or broker refused (HTTP status on stderr)"
    STORAGE = 23, "a file or store could not be read or written"
    TIMEOUT = 28, "something took too long, a missing pong included"
    TLS = 35, "the TLS handshake failed"
    LISTEN = 45, "the server's address is in use or not ours"
    LOST = 56, "the connection was lost (1006)"
    CLIENT_CERTIFICATE = 58, "our TLS certificate cannot be used"
    SERVER_CERTIFICATE = 60, "the server's TLS certificate was not accepted"
    LOGIN = 67, "key, password or login was not accepted"
    INTERNAL = 70, "a defect of the program; --debug shows where"
    NOT_FOUND = 78, "the broker does not know a symbol"
    INTERRUPTED = 130, "interrupted by Ctrl-C"
    TERMINATED = 143, "ended by SIGTERM"


_BY_KIND: tuple[tuple[type[Exception], ExitCode], ...] = (
    # The first match counts: a subclass stands above its base.
    (MissingExtraError, ExitCode.MISSING_EXTRA),
    (CallerError, ExitCode.USAGE),
    (HandshakeError, ExitCode.REFUSED),
    (PeerError, ExitCode.STRANGE_REPLY),
    (DeadlineError, ExitCode.TIMEOUT),
    (ListenError, ExitCode.LISTEN),
    (NetworkError, ExitCode.CONNECT),
    (CredentialsError, ExitCode.LOGIN),
    (NotLoggedInError, ExitCode.LOGIN),
    (UnknownSymbolError, ExitCode.NOT_FOUND),
    (DialectError, ExitCode.STRANGE_REPLY),
    (BrokerError, ExitCode.REFUSED),
    (StorageError, ExitCode.STORAGE),
)

_PEER_MISTAKES = frozenset({1002, 1003, 1007, 1009, 1010})
"""Codes with which our side ends a connection because of what the peer sent."""


def exit_code_for(error: BaseException) -> ExitCode:
    """Return the exit status that an error asks for; what is not ours is a defect."""
    if isinstance(error, ConnectionClosed):
        return _for_close(error)
    if isinstance(error, TlsError):
        by_certificate = {"server": ExitCode.SERVER_CERTIFICATE, "client": ExitCode.CLIENT_CERTIFICATE}
        return by_certificate.get(error.certificate, ExitCode.TLS)
    if isinstance(error, ResolveError):
        return ExitCode.PROXY_NOT_RESOLVED if error.of_proxy else ExitCode.HOST_NOT_RESOLVED
    for kind, code in _BY_KIND:
        if isinstance(error, kind):
            return code
    return ExitCode.INTERNAL


def _for_close(closed: ConnectionClosed) -> ExitCode:
    if closed.code == 1006:
        # Our side gives a silent peer up; the deadline that passed is the cause.
        return ExitCode.TIMEOUT if isinstance(closed.__cause__, DeadlineError) else ExitCode.LOST
    if closed.code in NORMAL_CLOSE_CODES:
        return ExitCode.OK
    if closed.by_peer:
        return ExitCode.CLOSED
    return ExitCode.STRANGE_REPLY if closed.code in _PEER_MISTAKES else ExitCode.OK


def exit_status_help(*codes: ExitCode) -> str:
    """Return the part of a help text that explains these exit statuses, one a line."""
    rows = "\n".join(f"  {code.value:>3}  {code.meaning}" for code in codes)
    return f"\b\nExit status:\n{rows}"
