"""Standard output or a file for what is received: everything is out when a call returns.

A reader that has gone away is a `BrokenPipeError` on every system, and the command then ends quietly. One that does not read
holds up nothing but the call that waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import queue
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from wsexample.errors import StorageError

__all__ = ["Output"]


class Output:
    """Where received messages go.

    Parameters:
        path: file to write in place of standard output; an existing one is replaced.

    Raises:
        StorageError: the file cannot be written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._pipe: _PipeWriter | None = None
        self._file: BinaryIO = sys.stdout.buffer
        if path is not None:
            try:
                self._file = path.open("wb")
            except OSError as error:
                raise self._storage_error(error) from error

    @property
    def is_terminal(self) -> bool:
        """Whether people look at it."""
        return self._path is None and sys.stdout.isatty()

    async def send(self, data: bytes) -> None:
        """Write; waits as long as whoever reads a pipe does not, without holding up the event loop.

        Raises:
            BrokenPipeError: nobody reads any more.
            StorageError: the file cannot be written.
        """
        if self._path is not None or sys.stdout.isatty():
            self.write(data)
            return
        if self._pipe is None:
            self._pipe = _PipeWriter(sys.stdout.fileno())
        try:
            await self._pipe.write(data)
        except OSError as error:
            raise _gone(error) from error

    def write(self, data: bytes) -> None:
        """Write at once, whoever reads; raises as `send` does."""
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise (_gone(error) if self._path is None else self._storage_error(error)) from error

    def _storage_error(self, error: OSError) -> StorageError:
        return StorageError(f"{self._path} cannot be written: {error.strerror}", url=str(self._path))

    def close(self) -> None:
        """Close the file; standard output stays."""
        if self._path is not None:
            with contextlib.suppress(OSError):  # what could not be written was reported by `write`
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _gone(error: OSError) -> OSError:
    """Return what Windows says about a closed pipe as what all others say."""
    return BrokenPipeError(error.errno, "nobody reads the output any more") if error.errno == errno.EINVAL else error


class _PipeWriter:
    """A thread that writes to a descriptor, so that a reader who does not read stops nobody else.

    It is a daemon and writes to the bare descriptor: a program that ends meanwhile neither waits for it nor for a lock.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._orders: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="stdout", daemon=True).start()

    async def write(self, data: bytes) -> None:
        """Return when everything is written; raises `OSError`. What was begun goes on when the caller gives up."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._orders.put((data, done))
        await done

    def _work(self) -> None:
        while True:
            data, done = self._orders.get()
            failure: OSError | None = None
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(self._fd, rest) :]
            except OSError as error:
                failure = error
            try:
                self._loop.call_soon_threadsafe(_settle, done, failure)
            except RuntimeError:  # the loop is closed; nobody waits
                return


def _settle(done: asyncio.Future[None], failure: OSError | None) -> None:
    if done.done():
        return
    if failure is None:
        done.set_result(None)
    else:
        done.set_exception(failure)
