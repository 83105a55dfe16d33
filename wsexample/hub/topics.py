"""Names of what a hub publishes, and who wants which.

Pure. A topic is ``venue.symbol.kind``: "alpaca.AAPL.quote", "kabu.9433@1.board". What would mean something else inside a name is
written as ``%XX``, so that a topic is a NATS subject as well. Patterns have ``*`` for one word and ``>`` for all that follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar
from urllib.parse import unquote

from wsexample.errors import OptionError
from wsexample.hub.masking import without_tokens
from wsexample.records.kinds import kind_of
from wsexample.records.market import Record

__all__ = ["TopicIndex", "check_pattern", "matches", "topic_of", "words_of"]

Reader = TypeVar("Reader", bound=Hashable)

NO_SYMBOL = "_"
"""The second word where a record concerns no symbol: accounts, connection events."""
LONGEST = 200
_UNSAFE = re.compile(r"[^A-Za-z0-9_@:/+=-]")
_WORD = re.compile(r"[A-Za-z0-9_@:/+=%-]+")


def topic_of(record: Record) -> str:
    """Return the topic of a record."""
    return f"{_safe(record.venue)}.{_safe(record.symbol)}.{kind_of(type(record))}"


def _safe(word: str) -> str:
    if _UNSAFE.search(word) is None:
        return (word or NO_SYMBOL) if word != NO_SYMBOL else "%5F"
    return _UNSAFE.sub(lambda found: "".join(f"%{octet:02X}" for octet in found[0].encode(errors="replace")), word)


def words_of(topic: str) -> tuple[str, str, str]:
    """Return venue, symbol and kind of a topic, as the records spell them."""
    venue, symbol, kind = topic.split(".")
    return unquote(venue), "" if symbol == NO_SYMBOL else unquote(symbol), kind


def check_pattern(pattern: str) -> str:
    """Return a pattern that makes sense.

    Raises:
        OptionError: it does not; says what would.
    """
    words = pattern.split(".")
    is_sound = (
        len(pattern) <= LONGEST
        and len(words) <= 3
        and all(
            word == "*" or (word == ">" and place == len(words) - 1) or _WORD.fullmatch(word)
            for place, word in enumerate(words)
        )
    )
    if not is_sound or (len(words) < 3 and words[-1] != ">"):
        said = without_tokens(pattern)[:LONGEST]
        raise OptionError(
            f"{said!r} is not a topic or a pattern; write alpaca.AAPL.quote, alpaca.*.trade or kabu.>",
            option="topics",
        )
    return pattern


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic is one of those that a pattern means."""
    if pattern == topic:
        return True
    words = topic.split(".")
    for place, word in enumerate(pattern.split(".")):
        if word == ">":
            return True
        if place >= len(words) or word not in ("*", words[place]):
            return False
    return True


class TopicIndex(Generic[Reader]):
    """Who wants which topic; looking one up that was seen before is one dictionary access, however many patterns there are.

    Parameters:
        allows: whether a reader may have a topic; asked once for each pair, when the first pattern matches.
    """

    def __init__(self, allows: Callable[[Reader, str], bool] = lambda reader, topic: True) -> None:
        self._allows = allows
        self._by_pattern: dict[str, dict[Reader, None]] = {}
        self._by_topic: dict[str, dict[Reader, int]] = {}
        """Known topics -> readers, with how many of their patterns match."""

    def add(self, pattern: str, reader: Reader) -> bool:
        """Subscribe a reader to a pattern; returns whether that is new."""
        readers = self._by_pattern.setdefault(pattern, {})
        if reader in readers:
            return False
        readers[reader] = None
        for topic in self._known(pattern):
            self._count(self._by_topic[topic], reader, topic)
        return True

    def _count(self, found: dict[Reader, int], reader: Reader, topic: str) -> None:
        if reader in found:
            found[reader] += 1
        elif self._allows(reader, topic):
            found[reader] = 1

    def discard(self, pattern: str, reader: Reader) -> bool:
        """Unsubscribe a reader from a pattern; returns whether it was subscribed."""
        readers = self._by_pattern.get(pattern, {})
        if reader not in readers:
            return False
        del readers[reader]
        if not readers:
            del self._by_pattern[pattern]
        for topic in self._known(pattern):
            found = self._by_topic[topic]
            if found.get(reader, 0) > 1:
                found[reader] -= 1
            else:
                found.pop(reader, None)
        return True

    def readers_of(self, topic: str) -> dict[Reader, int]:
        """Return who wants a topic; it is known from then on."""
        found = self._by_topic.get(topic)
        if found is None:
            found = {}
            for pattern, readers in self._by_pattern.items():
                if matches(pattern, topic):
                    for reader in readers:
                        self._count(found, reader, topic)
            self._by_topic[topic] = found
        return found

    def _known(self, pattern: str) -> Iterator[str]:
        """Iterate over known topics that a pattern means."""
        if "*" not in pattern and ">" not in pattern:
            if pattern in self._by_topic:
                yield pattern
            return
        yield from (topic for topic in self._by_topic if matches(pattern, topic))

    @property
    def topics(self) -> list[str]:
        """Every topic that was looked up."""
        return list(self._by_topic)

    @property
    def patterns(self) -> list[str]:
        """Every pattern that somebody is subscribed to."""
        return list(self._by_pattern)
