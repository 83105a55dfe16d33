"""Standard output or a file for received messages: every message is out when `Output.write` returns.

A reader that has gone away is a `BrokenPipeError` on every system; the command then ends quietly.
"""

from __future__ import annotations

import contextlib
import errno
import sys
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from wsexample.errors import StorageError

__all__ = ["Output"]


class Output:
    """Where received messages go.

    Parameters:
        path: file to write in place of standard output; an existing one is replaced.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._file: BinaryIO
        if path is None:
            self._file = sys.stdout.buffer
        else:
            try:
                self._file = path.open("wb")
            except OSError as error:
                raise StorageError(f"{path} cannot be written: {error.strerror}", url=str(path)) from error

    @property
    def is_terminal(self) -> bool:
        """Whether people look at it."""
        return self._path is None and sys.stdout.isatty()

    def write(self, data: bytes) -> None:
        """Write and flush.

        Raises:
            BrokenPipeError: nobody reads any more.
            StorageError: the file cannot be written.
        """
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            if self._path is not None:
                raise StorageError(f"{self._path} cannot be written: {error.strerror}", url=str(self._path)) from error
            if error.errno == errno.EINVAL:  # what Windows says about a closed pipe
                raise BrokenPipeError(error.errno, "nobody reads the output any more") from error
            raise

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
