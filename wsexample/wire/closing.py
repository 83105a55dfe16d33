"""The end of a connection: what a close frame can carry, the closing handshake under its deadline, and how it ended.

What still comes meanwhile goes on to whoever receives; giving up a peer that does not answer is done by the link.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from typing import Any

from wsexample.errors import ConnectionClosed, DeadlineError, OptionError
from wsexample.wire.inflow import Inflow
from wsexample.wire.options import ConnectOptions, ServeOptions

__all__ = ["CLEAN_CODES", "Closing", "check_close"]

CONNECTING, OPEN = 1, 3  # Autobahn's states
FAILED_S = 1.0
"""Seconds that a peer which broke the protocol or a limit has to take note of the close frame; what it sends is passed over."""
CLEAN_CODES = frozenset({1000, 1001})
SENDABLE_CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})


def check_close(code: int, reason: str) -> bytes:
    """Return the reason as it goes on the wire; raises `OptionError` for what a close frame cannot carry (RFC 6455 7.4)."""
    if code not in SENDABLE_CODES:
        raise OptionError(f"{code} is not a close code that may be sent; use 1000 or 3000 to 4999", option="code")
    raw = reason.encode()
    if len(raw) > 123:
        raise OptionError(f"a close reason has at most 123 bytes of UTF-8, this one has {len(raw)}", option="reason")
    return raw


class Closing:
    """A connection's end, and what is asked of it before.

    Parameters:
        link: what the frames go through.
        options: how long the peer has to answer.
        inflow: what came and waits to be taken.
    """

    def __init__(self, link: Any, options: ConnectOptions | ServeOptions, inflow: Inflow) -> None:
        self._link = link
        self._options = options
        self._inflow = inflow
        self._loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = self._loop.create_future()
        """Done when the socket is gone; never holds an exception."""
        self._close_error: ConnectionClosed | None = None
        self._close_timer: asyncio.TimerHandle | None = None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Perform the closing handshake and wait for it within ``close_timeout_s``; closing twice is harmless.

        Messages that came before the peer's close frame can still be received.

        Raises:
            OptionError: the code may not be sent, or the reason is too long.
        """
        self.start_close(code, reason)
        await self.wait_closed()

    def start_close(self, code: int = 1000, reason: str = "") -> None:
        """Send the close frame and return at once.

        Parameters:
            code: close code (RFC 6455 section 7.4), 1000 by default.
            reason: the words that are given for it, at most 123 bytes of UTF-8.

        Raises:
            OptionError: the code may not be sent, or the reason is too long.
        """
        raw = check_close(code, reason)
        self._inflow.open_gate()
        if self._link.state == OPEN:
            self._link.sendCloseFrame(code=code, reasonUtf8=raw or None, isReply=False)
        elif self._link.state == CONNECTING:
            self.abort()

    async def wait_closed(self) -> None:
        """Wait until the connection is over; once a close frame was sent or received that is within ``close_timeout_s``."""
        await asyncio.shield(self.over)

    def abort(self) -> None:
        """Cut the connection without a closing handshake."""
        transport = self._link.transport
        if transport is not None:
            transport.abort()

    def reset(self) -> None:
        """Cut the connection with a TCP reset: what was not sent is dropped, and the peer sees an error, not an end."""
        transport = self._link.transport
        if transport is None:
            return
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family != getattr(socket, "AF_UNIX", None):
            # lingering for zero seconds turns the close into a reset; Windows' struct has shorts
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))
        transport.abort()

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return bool(self._link.state == OPEN)

    @property
    def close_code(self) -> int | None:
        """The close code (1006 for a lost connection), None while the connection is not over."""
        return self._close_error.code if self._close_error else None

    @property
    def close_reason(self) -> str:
        """The closing side's words, "" while the connection is not over."""
        return self._close_error.reason if self._close_error else ""

    @property
    def was_clean(self) -> bool:
        """Whether the connection is over and the closing handshake was completed."""
        return self._close_error is not None and self._close_error.was_clean

    @property
    def closed_by_peer(self) -> bool:
        """Whether the connection is over and the peer began that."""
        return self._close_error is not None and self._close_error.by_peer

    # -- told by the link ------------------------------------------------------------------------------------

    def closing(self) -> None:
        """A close frame was sent or came: from here the end of the socket is awaited, for a bounded time."""
        if self._close_timer is None and not self.over.done():
            timeout_s = self._options.close_timeout_s
            if self._link.failedByMe:
                timeout_s = min(timeout_s, FAILED_S)
            self._close_timer = self._loop.call_later(timeout_s, self._close_late)

    def _close_late(self) -> None:
        timeout_s = self._options.close_timeout_s
        self._link.give_up(
            DeadlineError(f"no answer to the close within {timeout_s:g} s", step="close", timeout_s=timeout_s)
        )

    def closed(self, error: ConnectionClosed) -> None:
        """The WebSocket is over."""
        if self._close_error is None:
            self._close_error = error

    def _closing_error(self) -> ConnectionClosed:
        """Return a fresh error, so that tasks do not share one traceback."""
        error = self._close_error or self._link.closing_facts()
        copy = ConnectionClosed(code=error.code, reason=error.reason, was_clean=error.was_clean, by_peer=error.by_peer)
        copy.__cause__ = error.__cause__
        return copy
