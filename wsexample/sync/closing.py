"""Ending a blocking connection: with a goodbye, by cutting it, or by letting the socket go; from any thread.

Answering the peer's close frame belongs to receiving it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from wsexample.errors import StateError
from wsexample.sync._abnf import ABNF, STATUS_NORMAL
from wsexample.sync._exceptions import WebSocketException
from wsexample.sync.close_frame import close_payload
from wsexample.sync.receiving import Receiving

__all__ = ["Closing"]


class Closing(Receiving):
    """What ends the connection."""

    def send_close(self, status: int = STATUS_NORMAL, reason: str | bytes = b"") -> None:
        """Send a close frame and do not wait for the peer's.

        Parameters:
            status: 0 to 65535; a code that RFC 6455 section 7.4 does not let anyone send is warned of and sent.
            reason: at most 123 bytes of UTF-8.
        """
        payload = close_payload(status, reason)
        self.connected = False
        self._has_sent_close = True
        self.send(payload, ABNF.OPCODE_CLOSE)

    def close(self, status: int = STATUS_NORMAL, reason: str | bytes = b"", timeout: float | None = 3) -> None:
        """Say goodbye, wait for the peer's close frame, and close the socket; harmless when that has been done.

        Parameters:
            status: close code, 0 to 65535.
            reason: at most 123 bytes of UTF-8.
            timeout: seconds for all of it, None for ever.

        What goes wrong on the way is of no interest any more and is not raised.
        """
        if not self._farewell.acquire(timeout=-1 if timeout is None else min(max(0.0, timeout), threading.TIMEOUT_MAX)):
            self.shutdown()  # another thread is still saying goodbye, and has had the time that we have
            return
        try:
            if not self.connected:
                self.shutdown()
                return
            payload = close_payload(status, reason)
            self.close_frame = None
            self.connected = False
            self._is_closing = True
            try:
                self._say_goodbye(payload, timeout)
            except (WebSocketException, OSError, ValueError, StateError, TypeError):
                pass  # the last one comes from what stands for a socket in a program's tests
            finally:
                self.close_frame = self._peer_close
                self._is_closing = False
                self.shutdown()
        finally:
            self._farewell.release()

    def _say_goodbye(self, payload: bytes, timeout: float | None) -> None:
        deadline = time.monotonic() + (threading.TIMEOUT_MAX / 2 if timeout is None else timeout)
        if not self._has_sent_close and not self._send_goodbye(payload, deadline):
            return  # another thread has been waiting for the peer to read all the time
        while (left_s := deadline - time.monotonic()) > 0 and self._peer_close is None:
            frame = self._patiently(left_s, self.recv_frame)
            if frame.opcode == ABNF.OPCODE_CLOSE:
                self._peer_close = frame

    def abort(self) -> None:
        """Cut the connection without a close frame; threads that wait in a receive raise at once."""
        pipe = self._pipe
        if pipe is not None:
            pipe.hang_up()
        elif self.sock is not None:
            with contextlib.suppress(OSError, AttributeError):
                self.sock.shutdown(socket.SHUT_RDWR)

    def shutdown(self) -> None:
        """Close the socket at once; harmless when that has been done. Threads that wait for it raise."""
        pipe = self._pipe
        foreign = self.sock if pipe is None else None
        self._shutdowns += 1
        cancel = self._cancel_dial
        if cancel is not None:
            cancel()  # another thread is connecting
        if pipe is not None:
            pipe.hang_up()  # before it is closed: closing alone wakes nobody
        self._drop()
        if foreign is not None:
            with contextlib.suppress(OSError):  # it may be closed already
                foreign.close()
