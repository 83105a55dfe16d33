"""The one thread in which a sink's file is opened, written and closed; whoever gives up opening leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

__all__ = ["StoreThread"]

Result = TypeVar("Result")


class StoreThread:
    """A thread of a sink.

    Parameters:
        name: what it is called.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: ThreadPoolExecutor | None = None
        self._left: Future[None] | None = None
        """What gives up the store that was opened for somebody who did not wait for it."""

    def __bool__(self) -> bool:
        return self._thread is not None

    async def open(self, set_up: Callable[[], None], give_up: Callable[[], None]) -> None:
        """Begin the thread, and open the store in it.

        Parameters:
            set_up: opens the store.
            give_up: closes it; done where nobody waits for the end of ``set_up`` any more, and harmless where that has failed.
        """
        if self._left is not None:  # it may hold what `set_up` needs
            await asyncio.wait([asyncio.wrap_future(self._left)])
        thread = ThreadPoolExecutor(1, thread_name_prefix=self._name)
        try:
            await asyncio.get_running_loop().run_in_executor(thread, set_up)
        except BaseException:  # whatever it was, store and thread are given back
            self._left = thread.submit(give_up)
            thread.shutdown(wait=False)
            raise
        self._thread = thread

    async def run(self, work: Callable[..., Result], *args: Any) -> Result:
        """Do something in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    async def close(self, last: Callable[[], None]) -> None:
        """Do the last thing in the thread and end it; nothing where it has not begun."""
        if self._thread is not None:
            try:
                await self.run(last)
            finally:
                self._thread.shutdown(wait=False)
