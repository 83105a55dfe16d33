"""The prompt of ``wseclient``: line editing, history, and messages that arrive without disturbing what is being typed."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

import click

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import History

__all__ = ["Prompt", "history_path"]

MARK = "> "
CONTINUED = "… "


def history_path() -> Path:
    """Return where typed lines are remembered."""
    return Path(click.get_app_dir("wsexample")) / "wseclient_history"


class Prompt:
    """A line to type in, at the bottom of the terminal.

    Parameters:
        interrupted: called when Ctrl-C is typed, with the number of the signal that it stands for.
        history: file of the lines typed before; None remembers nothing.
    """

    def __init__(self, interrupted: Callable[[int], None], history: Path | None) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.application import get_app_session

        # Asking the terminal where its cursor is serves menus, which there are none of; some never answer.
        os.environ.setdefault("PROMPT_TOOLKIT_NO_CPR", "1")
        with contextlib.redirect_stdout(sys.stdout if sys.stdout.isatty() else sys.stderr):
            # Made on first use, for what is standard output then: where that is a pipe, the prompt stays out of it.
            _ = get_app_session().output
        self._interrupted = interrupted
        self._session: PromptSession[str] = PromptSession(
            history=_history(history), enable_open_in_editor=False, complete_while_typing=False
        )

    async def read(self, *, is_continued: bool = False) -> str | None:
        """Return a line that was typed; None when Ctrl-D or Ctrl-C was typed in place of one."""
        try:
            return await self._session.prompt_async(CONTINUED if is_continued else MARK, handle_sigint=False)
        except EOFError:
            return None
        except KeyboardInterrupt:
            self._interrupted(signal.SIGINT)
            return None

    @contextlib.contextmanager
    def above(self) -> Iterator[TextIO]:
        """Have what is said on standard error in this block, and written to the stream that it yields, appear above the
        line that is being typed."""
        from prompt_toolkit.patch_stdout import StdoutProxy

        # A short pause between writes lets bursts be painted at once; the default of 0.2 s is felt as a delay.
        with StdoutProxy(sleep_between_writes=0.02, raw=True) as proxy:
            stream = cast("TextIO", proxy)
            with contextlib.redirect_stderr(stream):
                yield stream


def _history(path: Path | None) -> History:
    """Return the history in a file that only its owner can read; in memory when there is no such file."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    if path is None:
        return InMemoryHistory()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    except OSError:
        return InMemoryHistory()
    return FileHistory(path)
