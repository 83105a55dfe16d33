"""TLS between a socket and what is spoken on it, as bytes in and bytes out; no socket, no waiting.

One lock stands around OpenSSL's object, which must not be read and written by two threads at once.
"""

from __future__ import annotations

import ssl
from threading import RLock
from typing import Any

__all__ = ["TlsLayer"]

MAX_PIECE_BYTES = 256 * 1024


class TlsLayer:
    """One TLS connection in memory.

    Parameters:
        context: whose settings hold.
        server_hostname: name sent and verified; None or "" sends none.
        suppress_ragged_eofs: take the end of the socket for the end of the stream, also without TLS saying so.
    """

    def __init__(
        self, context: ssl.SSLContext, server_hostname: str | None, *, suppress_ragged_eofs: bool = True
    ) -> None:
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._lock = RLock()  # a signal handler may send what ends the connection in the middle of this
        self._suppress_ragged_eofs = suppress_ragged_eofs
        self.context = context
        self.object: ssl.SSLObject = context.wrap_bio(
            self._in, self._out, server_side=False, server_hostname=server_hostname or None
        )
        self.is_at_end = False
        """Whether the peer has said that nothing more will come."""

    @property
    def has_output(self) -> bool:
        """Whether TLS itself has something to send."""
        return self._out.pending > 0

    def shake_hands(self, received: bytes) -> tuple[bool, bytes]:
        """Go on with the handshake; returns whether it is over, and what to send.

        Raises:
            ssl.SSLError: it failed; `farewell` has what the peer should be told.
        """
        if received:
            self._in.write(received)
        try:
            self.object.do_handshake()
        except ssl.SSLWantReadError:
            return False, self._out.read()
        return True, self._out.read()

    def farewell(self) -> bytes:
        """Return what is left to send, such as the alert of a failed handshake."""
        return self._out.read()

    def decrypt(self, received: Any) -> list[bytes]:
        """Return what these bytes complete; no bytes stand for the end of the socket.

        Raises:
            ssl.SSLError: the stream is broken.
        """
        found: list[bytes] = []
        with self._lock:
            if len(received):
                self._in.write(received)
            else:
                self._in.write_eof()
            try:
                while piece := self.object.read(MAX_PIECE_BYTES):
                    found.append(piece)
                self.is_at_end = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLZeroReturnError:
                self.is_at_end = True
            except ssl.SSLEOFError:
                if not self._suppress_ragged_eofs:
                    raise
                self.is_at_end = True
        return found

    def encrypt(self, data: bytes) -> bytes:
        """Return what has to be sent for these bytes, with what TLS itself has to send before."""
        with self._lock:
            if data:
                self.object.write(data)
            return self._out.read()
