"""When to try again: how long to wait after which failure, and when to give up. Pure but for the dice, which are an argument."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from wsexample.errors import OptionError

__all__ = ["Reconnect"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconnect:
    """A policy for ``run_forever(reconnect=…)``; a plain number of seconds stands for ``Reconnect(interval_s=…)``."""

    interval_s: float
    """Seconds between a disconnect and the next attempt."""
    backoff_max_s: float | None = None
    """The wait doubles with each failure in a row up to so many seconds; None keeps it as it is."""
    jitter: float = 0.0
    """Part of the wait that is left to chance: 0 none of it, 1 all of it, so that many clients do not come back at once."""
    max_attempts: int | None = None
    """Failures in a row after which the run ends; None never gives up. A connection that was open starts anew."""
    close_each: bool = False
    """Whether ``on_close`` is called for each connection that was open, and not only at the end of the run."""

    def __post_init__(self) -> None:
        if not self.interval_s > 0:
            raise OptionError(f"interval_s must be more than zero, not {self.interval_s!r}", option="interval_s")
        if not 0 <= self.jitter <= 1:
            raise OptionError(f"jitter must be from 0 to 1, not {self.jitter!r}", option="jitter")

    def wait_s(self, failures: int, dice: Callable[[], float] = random.random) -> float | None:
        """Return the seconds to wait, None to give up.

        Parameters:
            failures: failures in a row, the one just seen included; 1 after a connection that was open.
            dice: returns a number from 0 to 1.
        """
        if self.max_attempts is not None and failures > self.max_attempts:
            return None
        wait_s = self.interval_s
        if self.backoff_max_s is not None:
            wait_s = min(wait_s * 2.0 ** min(failures - 1, 63), max(self.backoff_max_s, self.interval_s))
        return wait_s * (1 - self.jitter * dice())
