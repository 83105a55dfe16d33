"""Keep-alive pings: ask a peer that has fallen silent, and give it up when it does not answer.

Whatever arrives counts as a sign of life, also the bytes of a long message. Nobody is given up while reading is paused,
because then the answer may be waiting in our own socket; and time in which the loop stood still does not count, for then neither
was the ping sent nor the answer read. That adds one more timeout at most: a loop that is always late has its deadlines too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["Heartbeat"]

STALL_S = 0.05
"""By how much a loop may be late before it counts as having stood still."""


class Heartbeat:
    """The pings of one connection.

    Parameters:
        interval_s: seconds between a sign of life and the next ping.
        timeout_s: seconds to wait for a sign of life after a ping; 0 never gives up.
        ping: sends a ping.
        progress: returns a value, not None, that changes whenever something arrives.
        is_paused: tells whether reading is paused.
        give_up: called once when the peer did not answer.
    """

    __slots__ = (
        "_due_s",
        "_give_up",
        "_grace_s",
        "_interval_s",
        "_is_paused",
        "_loop",
        "_ping",
        "_progress",
        "_seen",
        "_timeout_s",
        "_timer",
    )

    def __init__(
        self,
        *,
        interval_s: float,
        timeout_s: float,
        ping: Callable[[], None],
        progress: Callable[[], object],
        is_paused: Callable[[], bool],
        give_up: Callable[[], None],
    ) -> None:
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._ping = ping
        self._progress = progress
        self._is_paused = is_paused
        self._give_up = give_up
        self._loop = asyncio.get_running_loop()
        self._seen: object = None
        self._due_s = 0.0
        self._grace_s = timeout_s
        self._timer: asyncio.TimerHandle | None = self._loop.call_later(interval_s, self._beat)

    def stop(self) -> None:
        """Send nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def answered(self) -> None:
        """Take the pong as the sign of life that it is: the next ping is an interval away."""
        if self._seen is not None and self._timeout_s and self._timer is not None:
            self._timer.cancel()
            self._seen = None
            self._timer = self._loop.call_later(self._interval_s, self._beat)

    def _beat(self) -> None:
        self._seen = self._progress()
        # The timer first: whoever ends the connection while the ping is sent stops it.
        if self._timeout_s:
            self._grace_s = self._timeout_s
            self._check_in(self._timeout_s)
        else:
            self._timer = self._loop.call_later(self._interval_s, self._beat)
        self._ping()

    def _check_in(self, delay_s: float) -> None:
        self._due_s = self._loop.time() + delay_s
        self._timer = self._loop.call_later(delay_s, self._check)

    def _check(self) -> None:
        late_s = self._loop.time() - self._due_s
        if self._progress() != self._seen or self._is_paused():
            self._seen = None
            self._timer = self._loop.call_later(self._interval_s, self._beat)
        elif late_s > STALL_S and self._grace_s > 0:
            extra_s = min(late_s, self._grace_s)
            self._grace_s -= extra_s
            self._check_in(extra_s)
        else:
            self._timer = None
            self._give_up()
