"""Where lines for people go: standard error, or above the live picture where both are on one terminal."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from wsexample.cli.running import program_name, say

__all__ = ["Voice"]


class Voice:
    """Says sentences, one line each.

    Parameters:
        is_quiet: say nothing.
    """

    def __init__(self, *, is_quiet: bool) -> None:
        self._is_quiet = is_quiet
        self._console: Console | None = None

    def say(self, sentence: str, *, color: str | None = None) -> None:
        """Say a sentence under the program's name."""
        if self._is_quiet:
            return
        if self._console is not None and sys.stderr.isatty():
            style = f"bold {color}" if color else "bold"
            self._console.print(Text.assemble((program_name(), style), f": {sentence}"), soft_wrap=False)
        else:
            say(sentence, color=color)

    @contextlib.contextmanager
    def above(self, console: Console) -> Iterator[None]:
        """Speak above the live picture on a console for a while."""
        self._console = console
        try:
            yield
        finally:
            self._console = None

    @contextlib.contextmanager
    def warnings(self) -> Iterator[None]:
        """Say what the library warns of, too, so that it does not run through the picture."""
        logger = logging.getLogger("wsexample")
        handler = _Handler(self)
        was_propagated, logger.propagate = logger.propagate, False
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.propagate = was_propagated


class _Handler(logging.Handler):
    """Says warnings."""

    def __init__(self, voice: Voice) -> None:
        super().__init__(logging.WARNING)
        self._voice = voice

    def emit(self, record: logging.LogRecord) -> None:
        """Say one."""
        self._voice.say(record.getMessage(), color="yellow")
