"""What a hub notes in its log about readers, bounded: so many lines of each kind a second, then how many were left out.

Readers decide how often such a line is due: a flood of wrong tokens must not fill a disk, and nothing may pass unsaid. What is
worth a line is decided by whoever notes it; how lines look is the business of the program that shows the log.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from wsexample.wire.admission import RateLimit

__all__ = ["Notes"]

LINES_PER_S = 1.0
"""Lines of one kind a second in the long run."""
BURST_LINES = 100
"""Lines of one kind that may come at once: a busy morning is told in full."""
SUMMARY_S = 10.0
"""How long lines are counted before it is said how many were left out, seconds."""


class _Kind:
    """Lines of one kind."""

    __slots__ = ("left_out", "level", "rate", "since_s")

    def __init__(self) -> None:
        self.rate = RateLimit(LINES_PER_S, BURST_LINES)
        self.left_out = 0
        self.level = logging.INFO
        self.since_s = 0.0


class Notes:
    """Lines of one logger.

    Parameters:
        logger: where they go.
        now_s: the time, seconds; for tests.
    """

    def __init__(self, logger: logging.Logger, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._now_s = now_s
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._due: asyncio.TimerHandle | None = None

    def note(self, level: int, event: str, text: str, *words: object, **facts: Any) -> None:
        """Say a line, or count it where there were too many of its kind: the same event for the same reason.

        Parameters:
            level: as `logging` has it.
            event: what happened, such as "refused".
            text: the line, with places for the words.
            words: what stands in them.
            facts: for whoever collects logs; ``reason`` among them is a part of the kind.
        """
        key = (event, str(facts.get("reason") or ""))
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = _Kind()
        now_s = self._now_s()
        if not kind.left_out and kind.rate.allows(now_s):
            self._logger.log(level, text, *words, extra={"event": event, **facts})
            return
        if not kind.left_out:
            kind.since_s, kind.level = now_s, level
        kind.left_out += 1
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(SUMMARY_S, self.sum_up)

    def sum_up(self) -> None:
        """Say now how many lines of each kind were left out; a hub that stops does so too."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        now_s = self._now_s()
        for (event, reason), kind in self._kinds.items():
            count, kind.left_out = kind.left_out, 0
            if count:
                what = f"{event}, {reason}" if reason else event
                facts = {"event": event, "reason": reason or None, "count": count}
                seconds = max(now_s - kind.since_s, 0.0)
                self._logger.log(kind.level, "%s: and %d more in the last %.1f s", what, count, seconds, extra=facts)
