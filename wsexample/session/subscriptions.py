"""Who waits for which topics to be answered.

What is wanted and what is confirmed is known to `wsexample.session.machine`; here are only the tasks that asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

__all__ = ["Askers", "Question"]


class Question:
    """Topics that one caller asked for, and the future that ends its wait."""

    def __init__(self, topics: Iterable[str]) -> None:
        self.open = set(topics)
        """Topics not yet answered."""
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when all are answered; holds the first refusal."""
        self._refusal: Exception | None = None

    def confirm(self, topics: Iterable[str]) -> None:
        """Some topics are delivered now, or no longer wanted."""
        self.open.difference_update(topics)
        if not self.open and not self.answered.done():
            if self._refusal is not None:
                self.answered.set_exception(self._refusal)
            else:
                self.answered.set_result(None)

    def refuse(self, topic: str, error: Exception) -> bool:
        """A topic will not be delivered; returns whether this caller asked for it."""
        if topic not in self.open:
            return False
        self._refusal = self._refusal or error
        self.confirm([topic])
        return True


class Askers:
    """All questions of a session that are open."""

    def __init__(self) -> None:
        self._questions: list[Question] = []

    def __len__(self) -> int:
        return len(self._questions)

    @contextmanager
    def asking(self, topics: Iterable[str]) -> Iterator[Question]:
        """Keep a question open for as long as its caller waits."""
        question = Question(topics)
        self._questions.append(question)
        try:
            yield question
        finally:
            self._questions.remove(question)
            if question.answered.done() and not question.answered.cancelled():
                question.answered.exception()  # looked at, whether or not the caller still did

    def confirm(self, topics: Iterable[str]) -> None:
        """Some topics are delivered now, or no longer wanted."""
        topics = tuple(topics)
        for question in self._questions:
            question.confirm(topics)

    def refuse(self, topic: str, error: Exception) -> bool:
        """A topic will not be delivered; returns whether somebody waits for it."""
        was_asked = False
        for question in self._questions:
            was_asked |= question.refuse(topic, error)
        return was_asked

    def finish(self, error: BaseException) -> None:
        """Nothing will be answered any more."""
        for question in self._questions:
            if not question.answered.done():
                question.answered.set_exception(error)
