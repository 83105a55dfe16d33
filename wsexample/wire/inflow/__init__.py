"""The bounded room between a socket and its consumer: messages wait here, and when it is full reading pauses.

Nothing is dropped here; TCP tells the peer to slow down. What happens to records that nobody takes is the inbox's matter.
Its core is compiled where that was built, and in Python otherwise; ``WSEXAMPLE_LANE`` chooses as in `wsexample.wire.lane`.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from wsexample.errors import StateError

__all__ = ["INFLOW", "Arrival", "Inflow"]

Arrival = tuple[bytes, bool, int]
"""Payload, whether it is binary, and when it was received (UTC epoch nanoseconds)."""

_wish = os.environ.get("WSEXAMPLE_LANE", "")

if TYPE_CHECKING:
    from wsexample.wire.inflow._inflow_py import InflowCore

    INFLOW: str
elif _wish == "skip":
    from wsexample.wire.inflow._inflow_py import InflowCore

    INFLOW = "python"
else:
    try:
        from wsexample.wire.inflow._inflow_c import InflowCore

        INFLOW = "compiled"
    except ImportError:
        if _wish == "require":
            raise
        from wsexample.wire.inflow._inflow_py import InflowCore

        INFLOW = "python"


class Inflow(InflowCore):
    """Messages received and not yet taken, and the one task that waits for the next."""

    __slots__ = ()

    async def wait(self, timeout_s: float | None) -> bool:
        """Wait until a message is there; returns False when none will come any more, raises TimeoutError."""
        while not len(self):
            if self.is_finished:
                return False
            if self.waiter is not None and not self.waiter.done():  # done: its task was cancelled
                raise StateError("receive() is already waiting in another task; one consumer at a time")
            waiter = self.waiter = asyncio.get_running_loop().create_future()
            try:
                if timeout_s is None:
                    await waiter
                else:
                    async with asyncio.timeout(timeout_s):
                        await waiter
            finally:
                if self.waiter is waiter:  # it was woken otherwise, and another task may be waiting by now
                    self.waiter = None
        return True
