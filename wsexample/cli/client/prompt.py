"""The prompt of ``wseclient``: line editing, history, and messages that arrive without disturbing what is being typed."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

import click

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.application import Application
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.history import History

__all__ = ["Prompt", "history_path"]

MARK = "> "
CONTINUED = "… "
BURST_S = 0.02
"""How long what arrives is gathered before it is painted; longer is felt as a delay."""


def history_path() -> Path:
    """Return where typed lines are remembered."""
    return Path(click.get_app_dir("wsexample")) / "wseclient_history"


class Prompt:
    """A line to type in, at the bottom of the terminal, from the first line to the last.

    One prompt serves all lines, so that the terminal never echoes, edits or ends by itself what is typed between two.

    Parameters:
        interrupted: called when Ctrl-C is typed, with the number of the signal that it stands for.
        history: file of the lines typed before; None remembers nothing.
    """

    def __init__(self, interrupted: Callable[[int], None], history: Path | None) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.application import get_app_session

        # Asking the terminal where its cursor is serves menus, which there are none of; some never answer.
        os.environ.setdefault("PROMPT_TOOLKIT_NO_CPR", "1")
        with contextlib.redirect_stdout(_terminal()):
            # Made on first use, for what is standard output then: where that is a pipe, the prompt stays out of it.
            _ = get_app_session().output
        self._interrupted = interrupted
        self._session: PromptSession[str] = PromptSession(
            history=_history(history), enable_open_in_editor=False, enable_suspend=True, complete_while_typing=False
        )
        self._session.default_buffer.accept_handler = self._accepted
        self._above = _Above(self._session.app)
        self._mark = MARK
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._running: asyncio.Task[None] | None = None
        self._has_ended = False

    def _accepted(self, buffer: Buffer) -> bool:
        """The return key was typed: the line moves up, and the prompt is empty again."""
        self._above.write(f"{self._mark}{buffer.text}\n")
        self._lines.put_nowait(buffer.text)
        return False

    async def read(self, *, is_continued: bool = False) -> str | None:
        """Return a line that was typed; None once Ctrl-D or Ctrl-C was typed. A read that is cancelled takes nothing."""
        self._mark = CONTINUED if is_continued else MARK
        if self._running is None:
            self._running = asyncio.ensure_future(self._run())
        else:
            self._session.app.invalidate()
        if self._has_ended and self._lines.empty():
            return None
        return await self._lines.get()

    async def _run(self) -> None:
        try:
            await self._session.prompt_async(lambda: self._mark, handle_sigint=False, set_exception_handler=False)
        except EOFError:
            pass
        except KeyboardInterrupt:
            self._interrupted(signal.SIGINT)
        finally:
            self._has_ended = True
            self._lines.put_nowait(None)

    async def close(self) -> None:
        """Give the terminal back."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    @contextlib.contextmanager
    def above(self) -> Iterator[TextIO]:
        """Have what is said on standard error in this block, and written to the stream that it yields, appear above the
        line that is being typed."""
        stream = cast("TextIO", self._above)
        try:
            with contextlib.redirect_stderr(stream):
                yield stream
        finally:
            self._above.paint()


def _terminal() -> TextIO:
    """Return the stream on which the prompt stands; where standard output is a pipe, that is standard error."""
    return sys.stdout if sys.stdout.isatty() else sys.stderr


class _Above(io.TextIOBase):
    """A stream whose text is painted above the prompt, a burst at a time.

    prompt_toolkit's own proxy gives the terminal back for every line that it prints. What is typed at that moment is then
    echoed, edited and taken for an end of input by the terminal itself; here the terminal stays with the prompt.
    """

    def __init__(self, app: Application[str]) -> None:
        self._app = app
        self._pending: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override] # the text stream that is stood for has a property too
        """Encoding of the terminal."""
        return self._app.output.encoding()

    @property
    def errors(self) -> str:  # type: ignore[override] # the text stream that is stood for has a property too
        """What happens to characters that the terminal does not have."""
        return "backslashreplace"

    def isatty(self) -> bool:
        """Whether it is a terminal: yes."""
        return True

    def writable(self) -> bool:
        """Whether it can be written to: yes."""
        return True

    def write(self, text: str) -> int:
        """Take text; it appears in a moment."""
        if not isinstance(text, str):  # that is how click finds out what a stream takes
            raise TypeError(f"text is wanted, not {type(text).__name__}")
        self._pending.append(text)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BURST_S, self.paint)
        return len(text)

    def paint(self) -> None:
        """Write what is left, and the prompt below it when there is one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        text, self._pending = "".join(self._pending), []
        if not text:
            return
        app = self._app
        has_prompt = app.is_running and not app.is_done
        if has_prompt:
            app.renderer.erase()
        app.output.enable_autowrap()
        app.output.write_raw(text.replace("\n", "\r\n"))  # the terminal is in raw mode
        app.output.flush()
        if has_prompt:
            app.renderer.reset()
            app.invalidate()


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
