"""Where time comes from: the machine, or a test's hand.

Pure code receives ``now_ns`` as an argument; only shells hold a `wsexample.ports.Clock`, which these satisfy.
"""

from __future__ import annotations

import asyncio
import heapq
import time

__all__ = ["FedClock", "ManualClock", "SystemClock"]


class SystemClock:
    """The machine's clocks."""

    def now_ns(self) -> int:
        """Return the UTC epoch time in nanoseconds."""
        return time.time_ns()

    def monotonic_s(self) -> float:
        """Return seconds of a clock that never goes back."""
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        """Wait for a number of seconds."""
        await asyncio.sleep(delay_s)


class ManualClock:
    """A clock that moves only when a test says so; sleepers wake in order of their deadline.

    Parameters:
        start_ns: UTC epoch nanoseconds at which the clock stands first (default 1 700 000 000 s).
    """

    def __init__(self, start_ns: int = 1_700_000_000 * 10**9) -> None:
        self._now_ns = start_ns
        self._start_ns = start_ns
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def now_ns(self) -> int:
        """Return the UTC epoch time in nanoseconds."""
        return self._now_ns

    def monotonic_s(self) -> float:
        """Return seconds since the clock was made."""
        return (self._now_ns - self._start_ns) / 1e9

    @property
    def next_wake_ns(self) -> int | None:
        """When the earliest sleeper wants to be woken; None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    async def sleep(self, delay_s: float) -> None:
        """Wait until somebody has moved the clock by this many seconds."""
        if delay_s <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        # At least a nanosecond: who waits for the rest of a rounded float would else wait for ever at the same moment.
        heapq.heappush(self._sleepers, (self._now_ns + max(round(delay_s * 1e9), 1), self._count, future))
        await future

    def advance(self, delay_s: float) -> None:
        """Move the clock forward by seconds and wake whoever is due, earliest first."""
        self.move_to(self._now_ns + round(delay_s * 1e9))

    def move_to(self, target_ns: int) -> None:
        """Move the clock forward to a moment and wake whoever is due, earliest first; it never goes back."""
        while (wake_ns := self.next_wake_ns) is not None and wake_ns <= target_ns:
            self._now_ns = max(wake_ns, self._now_ns)
            heapq.heappop(self._sleepers)[2].set_result(None)
        self._now_ns = max(target_ns, self._now_ns)

    def skip_to(self, target_ns: int) -> None:
        """Set the clock to a later moment, as if nobody had waited: who is due by then wakes with the next move."""
        self._now_ns = max(target_ns, self._now_ns)


class FedClock(ManualClock):
    """A clock that only what is played moves: between two connections it stands still, and nobody may wait on it there."""
