"""What a program finds as ``ws.sock`` on a TLS connection: the facts and settings of an ``ssl.SSLSocket``, without its reading.

TLS is spoken in memory here, so that several threads may use a connection; the system's socket below knows nothing of it.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable
from typing import Any

from wsexample.errors import StateError
from wsexample.sync.pipe import Pipe

__all__ = ["TlsSocket"]

_OF_TLS = frozenset(
    {
        "cipher",
        "compression",
        "context",
        "get_channel_binding",
        "get_unverified_chain",
        "get_verified_chain",
        "getpeercert",
        "selected_alpn_protocol",
        "selected_npn_protocol",
        "server_hostname",
        "server_side",
        "session",
        "session_reused",
        "shared_ciphers",
        "version",
    }
)
_READING = frozenset({"makefile", "read", "recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "unwrap"})


class TlsSocket:
    """Stands for the socket of a TLS connection; ``isinstance(sock, ssl.SSLSocket)`` is true of it.

    Parameters:
        pipe: the connection.
        row: what was read and not taken yet.
        send: sends bytes over TLS and returns how many.
    """

    def __init__(self, pipe: Pipe, row: deque[Any], send: Callable[[bytes], int]) -> None:
        self._pipe = pipe
        self._row = row
        self.send = send

    @property  # type: ignore[misc] # a property in the place of an attribute
    def __class__(self) -> type:
        return ssl.SSLSocket

    def pending(self) -> int:
        """Return a number above zero while something waits that ``select`` may not see."""
        return self._pipe.pending + len(self._row)

    def sendall(self, data: bytes) -> None:
        """Send bytes over TLS."""
        self.send(data)

    def __getattr__(self, name: str) -> Any:
        if name in _OF_TLS:
            return getattr(self._pipe.layers[-1].object, name)
        if name in _READING:
            raise StateError("frames of this connection are read through its WebSocket, not from the socket")
        return getattr(self._pipe.sock, name)

    def __repr__(self) -> str:
        return f"<TlsSocket over {self._pipe.sock!r}>"
