"""The place that the transports of a thread read into where there is no compiled lane, which has one of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

__all__ = ["SCRATCH_BYTES", "ReadsIntoScratch"]

SCRATCH_BYTES = 256 * 1024


class _OfThread(threading.local):
    def __init__(self) -> None:
        self.view = memoryview(bytearray(SCRATCH_BYTES))


_of_thread = _OfThread()


class ReadsIntoScratch(asyncio.BufferedProtocol):
    """Lends the transport one place for all connections of a thread, and hands on a copy of what was read.

    Otherwise asyncio makes an object of 256 KiB for each read and cuts it to size, which leaves the heap in ever more pieces.
    """

    data_received: Callable[[bytes], None]
    """The lane's."""

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the transport a place to read into, until `buffer_updated`."""
        return _of_thread.view

    def buffer_updated(self, nbytes: int) -> None:
        """Take what the transport has read into the place that `get_buffer` lent."""
        self.data_received(bytes(_of_thread.view[:nbytes]))
