"""Standard input for an event loop, on every system and for every kind of it: pipes, files, terminals, Windows.

A thread reads, because no loop can wait for a regular file and Windows loops cannot wait for pipes; it reads no further
ahead than a few blocks. It begins with the first call, so nothing is taken from a pipe before somebody wants it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import deque

__all__ = ["StdinReader"]

BLOCK_BYTES = 64 * 1024
AHEAD_BLOCKS = 4


class StdinReader:
    """Blocks of standard input, in order.

    Parameters:
        fd: file descriptor to read; standard input by default.
    """

    def __init__(self, fd: int | None = None) -> None:
        self._fd = sys.stdin.fileno() if fd is None else fd
        self._blocks: deque[bytes] = deque()
        self._has_more = asyncio.Event()
        self._room = threading.Semaphore(AHEAD_BLOCKS)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def read(self) -> bytes:
        """Return the next block; ``b""`` at the end, again and again."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            # A daemon: a read that never returns must not keep the program alive. It reads the bare descriptor,
            # because a thread that dies inside a buffered read would hold a lock that the interpreter wants at exit.
            threading.Thread(target=self._pump, args=(self._loop,), name="stdin", daemon=True).start()
        while not self._blocks:
            self._has_more.clear()
            await self._has_more.wait()
        block = self._blocks[0]
        if block:
            self._blocks.popleft()
            self._room.release()
        return block

    def _pump(self, loop: asyncio.AbstractEventLoop) -> None:
        block = b"more"
        while block:
            self._room.acquire()
            try:
                block = os.read(self._fd, BLOCK_BYTES)
            except OSError:  # the terminal went away
                block = b""
            try:
                loop.call_soon_threadsafe(self._arrived, block)
            except RuntimeError:  # the loop is closed; nobody wants it any more
                return

    def _arrived(self, block: bytes) -> None:
        self._blocks.append(block)
        self._has_more.set()
