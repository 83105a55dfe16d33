"""The bounded room between a socket and its consumer: messages wait here, and when it is full reading pauses.

Nothing is dropped here; TCP tells the peer to slow down. What happens to records that nobody takes is the inbox's matter.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from wsexample.errors import StateError

__all__ = ["Arrival", "Inflow"]

Arrival = tuple[bytes, bool, int]
"""Payload, whether it is binary, and when it was received (UTC epoch nanoseconds)."""

_now_ns = time.time_ns


class Inflow:
    """Messages received and not yet taken.

    Parameters:
        max_messages: pause reading at this many messages.
        max_bytes: pause reading at this many bytes of payload.
        pause: called when the room is full.
        resume: called when it is half empty again.
    """

    __slots__ = (
        "_bytes",
        "_finished",
        "_is_gate_open",
        "_is_paused",
        "_max_bytes",
        "_max_messages",
        "_pause",
        "_resume",
        "_waiter",
        "discarded",
        "last_received_ns",
        "queue",
        "received",
    )

    def __init__(
        self, *, max_messages: int, max_bytes: int, pause: Callable[[], None], resume: Callable[[], None]
    ) -> None:
        self.queue: deque[Arrival] = deque()
        """What waits, oldest first; for looking only, `take` takes."""
        self._bytes = 0
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._pause = pause
        self._resume = resume
        self._is_paused = False
        self._finished = False
        self._is_gate_open = False
        self._waiter: asyncio.Future[None] | None = None
        self.received = 0
        """Messages that ever came in."""
        self.last_received_ns = 0
        """When the last one came in, UTC epoch nanoseconds; 0 before the first."""
        self.discarded = 0
        """Messages thrown away because they came after the room was full while the connection was being closed."""

    def __len__(self) -> int:
        return len(self.queue)

    @property
    def is_paused(self) -> bool:
        """Whether reading is paused because the consumer is behind."""
        return self._is_paused

    def put(self, payload: bytes, is_binary: bool) -> None:
        """Take a message from the socket; this is the protocol's ``onMessage``."""
        now_ns = self.last_received_ns = _now_ns()
        self.received += 1
        queue = self.queue
        queue.append((payload, is_binary, now_ns))
        self._bytes += len(payload)
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)
        if len(queue) >= self._max_messages or self._bytes >= self._max_bytes:
            self._full()

    def _full(self) -> None:
        if not self._is_gate_open:
            if not self._is_paused:
                self._is_paused = True
                self._pause()
        elif len(self.queue) > 2 * self._max_messages or self._bytes > 2 * self._max_bytes:
            # Nobody takes them and the close frame behind them is wanted: memory stays bounded.
            self._bytes -= len(self.queue.pop()[0])
            self.discarded += 1

    def finish(self) -> None:
        """Say that nothing more will come; what waits can still be taken."""
        self._finished = True
        self.open_gate()
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def open_gate(self) -> None:
        """Read on whatever the fill, because the connection is being closed and its last frames are wanted.

        As much again as the room holds is kept; what comes on top of that is discarded and counted.
        """
        self._is_gate_open = True
        if self._is_paused:
            self._is_paused = False
            self._resume()

    def take(self) -> Arrival:
        """Return the oldest message; raises IndexError when there is none."""
        arrival = self.queue.popleft()
        self._bytes -= len(arrival[0])
        if self._is_paused and len(self.queue) * 2 <= self._max_messages and self._bytes * 2 <= self._max_bytes:
            self._is_paused = False
            self._resume()
        return arrival

    async def wait(self, timeout_s: float | None) -> bool:
        """Wait until a message is there; returns False when none will come any more, raises TimeoutError."""
        while not self.queue:
            if self._finished:
                return False
            if self._waiter is not None:
                raise StateError("receive() is already waiting in another task; one consumer at a time")
            waiter = self._waiter = asyncio.get_running_loop().create_future()
            try:
                if timeout_s is None:
                    await waiter
                else:
                    async with asyncio.timeout(timeout_s):
                        await waiter
            finally:
                self._waiter = None
        return True
