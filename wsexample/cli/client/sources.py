"""Where messages to send come from while a conversation lasts: a pipe or file, or a person at a prompt.

A source survives its reader: a read that is cancelled takes nothing with it, so the next connection goes on where the
last one stopped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from wsexample.cli.client.outgoing import Interpreter, Message, Slash, Splitter
from wsexample.cli.client.prompt import Prompt
from wsexample.cli.stdin import StdinReader
from wsexample.errors import OptionError

__all__ = ["PipeSource", "PromptSource", "Source"]


class Source(Protocol):
    """Messages and commands in order."""

    async def next(self) -> Message | Slash | None:
        """Return the next one; None at the end of the input."""
        ...

    async def close(self) -> None:
        """Give the input up."""
        ...


class PipeSource:
    """Standard input that is no terminal.

    Parameters:
        splitter: what ends a message.
        interpreter: what a piece of input means.
        reader: where bytes come from.
    """

    def __init__(self, splitter: Splitter, interpreter: Interpreter, reader: StdinReader | None = None) -> None:
        self._splitter = splitter
        self._interpreter = interpreter
        self._reader = reader or StdinReader()
        self._pieces: deque[bytes] = deque()
        self._count = 0
        self._has_ended = False

    async def next(self) -> Message | Slash | None:
        """Return the next message; raises `OptionError` that names the piece of input that cannot be sent."""
        while True:
            while self._pieces:
                self._count += 1
                try:
                    item = self._interpreter.feed(self._pieces.popleft())
                except OptionError as error:
                    raise OptionError(f"input line {self._count}: {error}", option=error.option) from None
                if item is not None:
                    return item
            if self._has_ended:
                self._interpreter.finish()
                return None
            block = await self._reader.read()
            self._has_ended = not block
            self._pieces.extend(self._splitter.feed(block) if block else self._splitter.finish())

    async def close(self) -> None:
        """Give the input up; the thread that waits for it ends with the program."""


class PromptSource:
    """A person at a terminal; a mistake is shown and the next line awaited.

    Parameters:
        prompt: where lines are typed.
        interpreter: what a line means.
        complain: shows what is wrong with a line.
    """

    def __init__(self, prompt: Prompt, interpreter: Interpreter, complain: Callable[[str], None]) -> None:
        self._prompt = prompt
        self._interpreter = interpreter
        self._complain = complain

    async def next(self) -> Message | Slash | None:
        """Return the next message."""
        while True:
            line = await self._prompt.read(is_continued=self._interpreter.is_waiting)
            try:
                if line is None:
                    self._interpreter.finish()
                    return None
                item = self._interpreter.feed(line.encode())
            except OptionError as error:
                self._complain(str(error))
                if line is None:
                    return None
            else:
                if item is not None and item != "":
                    return item

    async def close(self) -> None:
        """Take the prompt away."""
        await self._prompt.close()
