"""The tape of a feed: every message of its sessions, as it came, with what a command has to say about it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wsexample.cli.feed.numbers import count_of
from wsexample.cli.progress import bytes_text
from wsexample.cli.tapes.sources import describe
from wsexample.session.session import Session
from wsexample.tape.recorder import Recorder

__all__ = ["FeedTape"]


class FeedTape:
    """Records sessions on a tape; one that exists is gone on with.

    Parameters:
        path: the tape.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._recorder: Recorder | None = None

    def open(self, sessions: Iterable[Session]) -> str:
        """Begin to record sessions, none of which may be open yet; returns what is to be said about it, mostly nothing.

        Raises:
            StorageError: the tape cannot be written.
            OptionError: it holds other sources.
        """
        sessions = list(sessions)
        self._recorder = recorder = Recorder(self._path, *map(describe, sessions), mode="append")
        for number, session in enumerate(sessions):
            session.attach(recorder.tap(number))
        torn_bytes = recorder.stats.torn_bytes
        return f"{self._path}: {bytes_text(torn_bytes)} of a torn end were cut" if torn_bytes else ""

    @property
    def summary(self) -> str:
        """What is on the tape, for people."""
        if self._recorder is None:
            return ""
        stats = self._recorder.stats
        return f"{count_of(stats.stored, 'message')} and notes recorded on {self._path}, {bytes_text(stats.size_bytes)}"

    async def close(self) -> None:
        """Write what waits and close; raises `StorageError`."""
        if self._recorder is not None:
            await self._recorder.close()
