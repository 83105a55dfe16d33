"""How fast a tape runs: the recorded moments on the machine's clock, N times as fast, or as fast as possible."""

from __future__ import annotations

from wsexample.errors import OptionError

__all__ = ["Pace"]


class Pace:
    """When a recorded moment is due.

    The clock of the machine that recorded may have been set meanwhile: a step back costs no time, and a step forward no
    more than ``max_pause_s``.

    Parameters:
        speed: 1 for the recorded pace (default), 10 for ten times as fast, None for as fast as possible.
        max_pause_s: longest recorded pause that is kept, seconds, for nights and lunch breaks; None for any (default).

    Raises:
        OptionError: a value that cannot work.
    """

    def __init__(self, speed: float | None = 1.0, *, max_pause_s: float | None = None) -> None:
        if speed is not None and not 0 < speed < float("inf"):
            raise OptionError(f"speed must be more than zero, or None for no waiting, not {speed!r}", option="speed")
        if max_pause_s is not None and not max_pause_s >= 0:
            raise OptionError(f"max_pause_s must not be negative, not {max_pause_s!r}", option="max_pause_s")
        self.speed = speed
        self._max_pause_ns = None if max_pause_s is None else round(max_pause_s * 1e9)
        self._latest_ns: int | None = None
        self._played_ns = 0
        self._begun_s = 0.0

    def wait_s(self, at_ns: int, now_s: float) -> float:
        """Return how many seconds of the machine are left until a recorded moment; 0 or less when it is due.

        Moments are asked for in the order of the tape; the first one is due at once.

        Parameters:
            at_ns: the moment on the tape, UTC epoch nanoseconds.
            now_s: the machine's monotonic clock.
        """
        if self.speed is None:
            return 0.0
        if self._latest_ns is None:
            self._latest_ns, self._begun_s = at_ns, now_s
        elif at_ns > self._latest_ns:
            pause_ns = at_ns - self._latest_ns
            self._played_ns += pause_ns if self._max_pause_ns is None else min(pause_ns, self._max_pause_ns)
            self._latest_ns = at_ns
        return self._begun_s + self._played_ns / 1e9 / self.speed - now_s
