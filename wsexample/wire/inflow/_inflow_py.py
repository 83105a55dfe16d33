"""What waits between a socket and its consumer: the specification, and what runs where nothing was compiled."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

__all__ = ["InflowCore"]

_now_ns = time.time_ns


class InflowCore:
    """Messages received and not yet taken.

    Parameters:
        max_messages: pause reading at this many messages.
        max_bytes: pause reading at this many bytes of payload.
        pause: called when the room is full.
        resume: called when it is half empty again.
    """

    __slots__ = (
        "_bytes",
        "_is_gate_open",
        "_max_bytes",
        "_max_messages",
        "_pause",
        "_queue",
        "_resume",
        "discarded",
        "is_finished",
        "is_paused",
        "last_received_ns",
        "received",
        "waiter",
    )

    def __init__(
        self, *, max_messages: int, max_bytes: int, pause: Callable[[], None], resume: Callable[[], None]
    ) -> None:
        self._queue: deque[tuple[bytes, bool, int]] = deque()
        self._bytes = 0
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._pause = pause
        self._resume = resume
        self._is_gate_open = False
        self.is_paused = False
        """Whether reading is paused because the consumer is behind."""
        self.is_finished = False
        """Whether nothing more will come."""
        self.waiter: asyncio.Future[None] | None = None
        """Done when a message has come or none will; set by whoever waits."""
        self.received = 0
        """Messages that ever came in."""
        self.last_received_ns = 0
        """When the last one came in, UTC epoch nanoseconds; 0 before the first."""
        self.discarded = 0
        """Messages thrown away because they came after the room was full while the connection was being closed."""

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, payload: bytes, is_binary: bool) -> None:
        """Take a message from the socket; this is the protocol's ``onMessage``."""
        now_ns = self.last_received_ns = _now_ns()
        self.received += 1
        queue = self._queue
        queue.append((payload, is_binary, now_ns))
        self._bytes += len(payload)
        if self.waiter is not None:
            self._wake()
        if len(queue) >= self._max_messages or self._bytes >= self._max_bytes:
            self._full()

    def _wake(self) -> None:
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _full(self) -> None:
        if not self._is_gate_open:
            if not self.is_paused:
                self.is_paused = True
                self._pause()
        elif len(self._queue) > 2 * self._max_messages or self._bytes > 2 * self._max_bytes:
            # Nobody takes them and the close frame behind them is wanted: memory stays bounded.
            self._bytes -= len(self._queue.pop()[0])
            self.discarded += 1

    def take(self) -> tuple[bytes, bool, int]:
        """Return the oldest message and when it came; raises IndexError when there is none."""
        arrival = self._queue.popleft()
        self._bytes -= len(arrival[0])
        if self.is_paused:
            self._go_on()
        return arrival

    def take_payload(self) -> tuple[bytes, bool] | None:
        """Return the oldest message and whether it is binary; None when there is none."""
        return self.take()[:2] if self._queue else None

    def take_message(self, on_bad_utf8: str) -> str | bytes | None:
        """Return the oldest message, decoded when it is text; None when there is none.

        Parameters:
            on_bad_utf8: what `str` does about bytes that are not UTF-8: "strict" or "replace".
        """
        if not self._queue:
            return None
        payload, is_binary, _ = self.take()
        return payload if is_binary else str(payload, "utf-8", on_bad_utf8)

    def take_all(self) -> list[tuple[bytes, bool, int]]:
        """Return every message that waits, oldest first."""
        taken = list(self._queue)
        self._queue.clear()
        self._bytes = 0
        if self.is_paused:
            self._go_on()
        return taken

    def _go_on(self) -> None:
        if len(self._queue) * 2 <= self._max_messages and self._bytes * 2 <= self._max_bytes:
            self.is_paused = False
            self._resume()

    def finish(self) -> None:
        """Say that nothing more will come; what waits can still be taken."""
        self.is_finished = True
        self.open_gate()
        self._wake()

    def open_gate(self) -> None:
        """Read on whatever the fill, because the connection is being closed and its last frames are wanted.

        As much again as the room holds is kept; what comes on top of that is discarded and counted.
        """
        self._is_gate_open = True
        if self.is_paused:
            self.is_paused = False
            self._resume()
