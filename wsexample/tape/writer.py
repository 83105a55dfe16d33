"""Writing tape files: blocks at the end of a file, none of them half, and a torn tail cut before anything is added.

It blocks; `wsexample.tape.recorder` calls it in a thread.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self

from wsexample.errors import OptionError, StateError, StorageError
from wsexample.tape.format import CODECS, Meta, Row, pack_block, pack_head
from wsexample.tape.reader import Tape

__all__ = ["TapeWriter"]

_TAKEN = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
_LOCKED_BYTE = 1 << 43
"""Locked on Windows, where a locked byte cannot be read either; no tape is as long as that, and file systems go so far."""


class TapeWriter:
    """A tape file that grows.

    Parameters:
        path: the file.
        meta: its description; of a tape that is gone on with, the sources must be the same.
        codec: "none" or "zlib" (default "none").
        mode: "new" refuses a file that is there, "append" goes on with it, "replace" begins anew.

    Raises:
        OptionError: no such codec or mode; or the file has other sources.
        StorageError: the file is there already, is no tape, is being written by another program, or cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        meta: Meta,
        *,
        codec: str = "none",
        mode: Literal["new", "append", "replace"] = "new",
    ) -> None:
        if codec not in CODECS:
            raise OptionError(f"codec must be one of {', '.join(CODECS)}, not {codec!r}", option="codec")
        if mode not in ("new", "append", "replace"):
            raise OptionError(f"mode must be new, append or replace, not {mode!r}", option="mode")
        self.path = Path(path)
        self._codec = CODECS.index(codec)
        self.torn_bytes = 0
        """Bytes at the end of the file that were no whole block and were cut."""
        self.first_connection = 1
        """Number of the first connection to write, beyond those that are on the tape."""
        self._file: BinaryIO | None = None
        self._end = 0
        self._written = 0
        self._has_name = False
        try:
            if mode == "append" and self.path.exists() and self.path.stat().st_size:
                self._go_on(meta)
            else:
                self._begin(meta, mode)
        except FileExistsError:
            raise StorageError(
                f"{self.path} exists; choose another name, or say whether to append to it or to replace it",
                url=str(self.path),
            ) from None
        except OSError as error:
            raise self._failed(error) from error
        self._has_name = (
            os.fstat(self._opened().fileno()).st_nlink > 0
        )  # there are file systems that do not count names

    def _begin(self, meta: Meta, mode: str) -> None:
        # Not truncated on opening: another program may be writing to it.
        self._file = self.path.open("xb" if mode == "new" or not self.path.exists() else "r+b", buffering=0)
        try:
            _lock(self._file, self.path)
            self._file.truncate(0)
            self._put(pack_head(meta))
            os.fsync(self._file.fileno())
            _sync_folder(self.path)
        except BaseException:  # whatever it was, the file and its lock are given back
            self._file.close()
            raise

    def _go_on(self, meta: Meta) -> None:
        self._file = self.path.open("r+b", buffering=0)
        try:
            _lock(self._file, self.path)
            self._cut_tail(self._file, meta)
        except BaseException:  # whatever it was, the file and its lock are given back
            self._file.close()
            raise

    def _cut_tail(self, file: BinaryIO, meta: Meta) -> None:
        with Tape(self.path) as tape:
            if tape.meta.sources != meta.sources and _identities(tape.meta) != _identities(meta):
                raise OptionError(f"{self.path} holds other sources; record to another file", option="append")
            marks = [mark for _, mark in tape.marks()]
            self.first_connection = max((mark.last_connection for mark in marks), default=0) + 1
            self.torn_bytes = tape.torn_bytes
            end = tape.end
        if self.torn_bytes:
            file.truncate(end)
        file.seek(end)
        self._end = end

    # -- writing -------------------------------------------------------------------------------------------------

    @property
    def size_bytes(self) -> int:
        """Bytes of the file so far."""
        return self._end

    def write(self, rows: Sequence[Row]) -> None:
        """Write entries as one block; when this returns, they survive the end of this process.

        Raises:
            StorageError: they could not be written; the file is as it was before.
            StateError: the tape is closed.
        """
        if rows:
            block = pack_block(rows, self._codec)
            try:
                self._check_whole()
                self._put(block)
            except OSError as error:
                raise self._failed(error) from error
            self._written += len(rows)

    def _check_whole(self) -> None:
        """Notice that the file was removed, or cut: what is written goes nowhere then, or behind a hole."""
        found = os.fstat(self._opened().fileno())
        if not stat.S_ISREG(found.st_mode):
            return
        if self._has_name and not found.st_nlink:
            what = "was removed or replaced"
        elif found.st_size < self._end:
            what = "was cut by another program"
        else:
            return
        raise StorageError(
            f"{self.path} {what} while it was written, and with it up to {self._written:,} messages and notes of this recording:"
            " record anew",
            url=str(self.path),
        )

    def _put(self, data: bytes) -> None:
        file = self._opened()
        try:
            rest = memoryview(data)
            while rest:  # a raw file may take less than all
                rest = rest[file.write(rest) :]
        except OSError:
            with contextlib.suppress(OSError):  # what is left of the block is cut when the tape is read or gone on with
                file.seek(self._end)
                file.truncate(self._end)
            raise
        self._end += len(data)

    def sync(self) -> None:
        """Have everything written so far survive the end of the machine, too; raises `StorageError`."""
        try:
            os.fsync(self._opened().fileno())
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Sync and close; twice is harmless."""
        if self._file is not None:
            try:
                if self._written:
                    self._check_whole()
                self.sync()
            finally:
                self._file.close()
                self._file = None

    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise StateError(f"the tape {self.path} is closed")
        return self._file

    def _failed(self, error: OSError) -> StorageError:
        return StorageError(f"{self.path} cannot be written: {error.strerror or error}", url=str(self.path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _identities(meta: Meta) -> list[tuple[object, ...]]:
    return [(one.venue, one.dialect, one.url, one.settings) for one in meta.sources]


def _sync_folder(path: Path) -> None:
    """Have the name of a new file survive the end of the machine, where folders can be synced."""
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _lock(file: BinaryIO, path: Path) -> None:
    """Keep a tape for this writer alone, until it is closed; raises `StorageError` when another one has it.

    It is advice among writers: readers do not ask. Where a file system knows no locks, nothing is kept.
    """
    if sys.platform == "win32":
        import msvcrt

        file.seek(_LOCKED_BYTE)
        with _refusal(path):
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)
    else:
        import fcntl

        with _refusal(path):
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def _refusal(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _TAKEN:
            raise StorageError(f"{path} is being written by another program", url=str(path)) from None
