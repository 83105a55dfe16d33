"""A progress bar on stderr for work that takes longer than a second, where people look at it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["bytes_text", "progress_bar"]

PATIENCE_S = 1.0
"""Shorter work shows no bar."""
INTERVAL_S = 0.1


@contextmanager
def progress_bar(label: str, *, is_quiet: bool = False) -> Iterator[Callable[[int, int], None] | None]:
    """Yield what takes (done, total); None where nobody looks. A total of 0 is one that is not known.

    Parameters:
        label: what is going on, in a word or two.
        is_quiet: whether nothing is shown in any case.
    """
    if is_quiet or not sys.stderr.isatty():
        yield None
        return
    bar = _Bar(label)
    try:
        yield bar.told
    finally:
        bar.close()


class _Bar:
    def __init__(self, label: str) -> None:
        self._label = label
        self._begun_s = self._told_s = time.monotonic()
        self._progress: Any = None
        self._task: Any = None

    def told(self, done: int, total: int) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s < INTERVAL_S or now_s - self._begun_s < PATIENCE_S:
            return
        self._told_s = now_s
        if self._progress is None:
            self._open()
        self._progress.update(self._task, completed=done, total=total or None)

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
            transient=True,
        )
        self._progress.start()
        self._task = self._progress.add_task(self._label, total=None)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()


def bytes_text(count: int) -> str:
    """Return a number of bytes for people: "812 B", "4.2 MB"."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable")
