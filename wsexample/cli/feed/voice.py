"""Where lines for people go: standard error, or above the live picture where both are on one terminal."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator

import click
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
        self._warning = ""

    def say(self, sentence: str, *, color: str | None = None) -> None:
        """Say a sentence under the program's name."""
        if self._is_quiet:
            return
        if self._console is not None and sys.stderr.isatty():
            style = f"bold {color}" if color else "bold"
            self._console.print(Text.assemble((program_name(), style), f": {sentence}"), soft_wrap=False)
        else:
            say(sentence, color=color)

    def alarm(self, sentence: str) -> None:
        """Say a sentence so that it is noticed: in colour, and with the bell of the terminal."""
        self.say(sentence, color="magenta")
        if self._is_quiet or not sys.stderr.isatty():
            return
        if self._console is not None:
            self._console.bell()
        else:
            click.echo("\a", err=True, nl=False)

    def warn(self, sentence: str) -> None:
        """Say what the library warns of."""
        self._warning = sentence
        self.say(sentence, color="yellow")

    def has_warned(self, sentence: str) -> bool:
        """Tell whether the newest warning contains a sentence, so that it need not be said again."""
        return sentence in self._warning

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
        self._voice.warn(record.getMessage())
