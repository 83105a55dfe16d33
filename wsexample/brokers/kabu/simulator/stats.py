"""What the simulator has done so far, for tests and people: plain counters, and waiting until one of them is reached."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wsexample.errors import DeadlineError, OptionError

__all__ = ["Facts", "Stats"]


@dataclass(slots=True)
class Stats:
    """Counters since the simulator was made; nothing resets them."""

    boards_sent: Counter[str] = field(default_factory=Counter)
    """Boards pushed, by "9433@1"."""
    requests: Counter[str] = field(default_factory=Counter)
    """HTTP requests, by "PUT /register"; symbols in paths are left out."""
    replies: Counter[int] = field(default_factory=Counter)
    """HTTP replies, by status."""
    refusals: Counter[int] = field(default_factory=Counter)
    """Refused calls, by the vendor's error code."""
    connections: int = 0
    """WebSockets ever opened."""
    disconnections: int = 0
    """WebSockets that are over."""
    displaced: int = 0
    """WebSockets that a later one has taken the place of."""
    resets: int = 0
    """WebSockets cut with a TCP reset."""
    skipped: int = 0
    """Boards left out because a slow reader's buffer was full."""
    client_messages: int = 0
    """Messages that clients sent; kabu Station ignores them."""
    pongs: int = 0
    """Unsolicited Pongs sent."""
    exits: int = 0
    """How often kabu Station has exited."""
    restarts: int = 0
    """How often it was started again."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values, as JSON needs them."""
        return {
            "boards_sent": dict(self.boards_sent),
            "requests": dict(self.requests),
            "replies": {str(status): count for status, count in self.replies.items()},
            "refusals": {str(code): count for code, count in self.refusals.items()},
            "connections": self.connections,
            "disconnections": self.disconnections,
            "displaced": self.displaced,
            "resets": self.resets,
            "skipped": self.skipped,
            "client_messages": self.client_messages,
            "pongs": self.pongs,
            "exits": self.exits,
            "restarts": self.restarts,
        }


class Facts:
    """Numbers by name that a test can wait for.

    Parameters:
        numbers: name -> function that returns the present number.
    """

    def __init__(self, numbers: dict[str, Callable[[], int]]) -> None:
        self._numbers = numbers
        self._waiters: set[asyncio.Future[None]] = set()

    def changed(self) -> None:
        """Wake whoever waits, to look again."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def value(self, name: str) -> int:
        """Return a number; raises `OptionError` for a name that does not exist."""
        if name not in self._numbers:
            known = ", ".join(sorted(self._numbers))
            raise OptionError(f"nothing is called {name!r}; there are {known}", option="name")
        return self._numbers[name]()

    async def wait_for(self, name: str, count: int, timeout_s: float) -> int:
        """Wait until a number is at least ``count`` and return it.

        Raises:
            DeadlineError: it was not reached in time; says how far it came.
            OptionError: there is no such number.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while (value := self.value(name)) < count:
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiters.add(waiter)
                    try:
                        await waiter
                    finally:
                        self._waiters.discard(waiter)
                return value
        except TimeoutError:
            raise DeadlineError(
                f"{name} is {self.value(name)}, not {count}, after {timeout_s:g} s", step=name, timeout_s=timeout_s
            ) from None
