"""Numbers of a simulator that tests wait for, instead of waiting for time to pass."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import Any, TypeVar

from wsexample.errors import DeadlineError, OptionError

__all__ = ["Facts", "counted", "plain_counters", "totals"]

_Key = TypeVar("_Key", bound=Hashable)


def totals(stats: object, names: Iterable[str]) -> dict[str, Callable[[], int]]:
    """Return numbers that stand in fields of the same name.

    Parameters:
        stats: the counters; each number is read when it is asked for.
        names: the fields.
    """
    return {name: partial(getattr, stats, name) for name in names}


def counted(prefix: str, counter: Counter[_Key], keys: Iterable[_Key]) -> dict[str, Callable[[], int]]:
    """Return numbers such as "errors:406" that a counter has by key.

    Parameters:
        prefix: what stands before the colon.
        counter: where they are counted; zero for a key that it does not have.
        keys: which of them.
    """
    return {f"{prefix}:{key}": partial(counter.__getitem__, key) for key in keys}


def plain_counters(stats: Any) -> dict[str, Any]:
    """Return the fields of a dataclass of counters as plain values, as JSON needs them.

    Parameters:
        stats: its fields are numbers, or counters by name or number.
    """
    found: dict[str, Any] = {}
    for name in stats.__dataclass_fields__:
        value = getattr(stats, name)
        found[name] = {str(key): count for key, count in value.items()} if isinstance(value, Counter) else value
    return found


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
