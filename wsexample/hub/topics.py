"""Names of what a hub publishes, and who wants which.

Pure. A topic is ``venue.symbol.kind``: "alpaca.AAPL.quote", "kabu.9433@1.board". What would mean something else inside a name is
written as ``%XX``, so that a topic is a NATS subject as well. Patterns have ``*`` for one word and ``>`` for all that follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, TypeVar
from urllib.parse import unquote

from wsexample.errors import OptionError
from wsexample.hub.masking import without_tokens
from wsexample.records.kinds import kind_of
from wsexample.records.market import Record

__all__ = ["TopicIndex", "check_pattern", "is_topic", "matcher", "matches", "patterns_of", "topic_of", "words_of"]

Reader = TypeVar("Reader", bound=Hashable)

NO_SYMBOL = "_"
"""The second word where a record concerns no symbol: accounts, connection events."""
LONGEST = 200
FEW = 4
"""Patterns that are matched one by one sooner than looked up."""
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
    words, wanted = topic.split("."), pattern.split(".")
    for place, word in enumerate(wanted):
        if word == ">":
            return True
        if place >= len(words) or word not in ("*", words[place]):
            return False
    return len(words) == len(wanted)


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Return what says whether a topic is meant by one of some patterns; how many there are makes no difference to it."""
    known = frozenset(patterns)
    wild = [pattern for pattern in known if is_wild(pattern)]

    def is_meant(topic: str) -> bool:
        if topic in known:
            return True
        if len(wild) <= FEW or topic.count(".") != 2:
            return any(matches(pattern, topic) for pattern in wild)
        return any(pattern in known for pattern in patterns_of(topic))

    return is_meant


def is_topic(name: str) -> bool:
    """Whether this could be the name of a topic."""
    return len(name) <= LONGEST and name.count(".") == 2 and not is_wild(name)


def is_wild(pattern: str) -> bool:
    """Whether a pattern may mean several topics."""
    return "*" in pattern or ">" in pattern


def patterns_of(topic: str) -> Iterator[str]:
    """Iterate over every pattern that means a topic, itself included."""
    venue, symbol, kind = topic.split(".")
    yield ">"
    for first in (venue, "*"):
        yield f"{first}.>"
        for second in (symbol, "*"):
            for third in (kind, "*", ">"):
                yield f"{first}.{second}.{third}"


class TopicIndex(Generic[Reader]):
    """Who wants which topic; looking one up that was seen since the last change is one dictionary access.

    Neither a change nor a look takes longer when there are more patterns.

    Parameters:
        allows: whether a reader may have a topic; asked when a pattern matches.
    """

    def __init__(self, allows: Callable[[Reader, str], bool] = lambda reader, topic: True) -> None:
        self._allows = allows
        self._by_pattern: dict[str, dict[Reader, None]] = {}
        self._by_topic: dict[str, dict[Reader, None]] = {}
        """Topics that were looked up -> readers."""

    def add(self, pattern: str, reader: Reader) -> bool:
        """Subscribe a reader to a pattern; returns whether that is new."""
        readers = self._by_pattern.setdefault(pattern, {})
        if reader in readers:
            return False
        readers[reader] = None
        self._forget(pattern)
        return True

    def discard(self, pattern: str, reader: Reader) -> bool:
        """Unsubscribe a reader from a pattern; returns whether it was subscribed."""
        readers = self._by_pattern.get(pattern, {})
        if reader not in readers:
            return False
        del readers[reader]
        if not readers:
            del self._by_pattern[pattern]
        self._forget(pattern)
        return True

    def _forget(self, pattern: str) -> None:
        """Let what was found for topics of a pattern be found anew."""
        if is_wild(pattern):
            self._by_topic.clear()
        else:
            self._by_topic.pop(pattern, None)

    def readers_of(self, topic: str) -> dict[Reader, None]:
        """Return who wants a topic."""
        found = self._by_topic.get(topic)
        if found is None:
            found = self._by_topic[topic] = {}
            for pattern in patterns_of(topic):
                for reader in self._by_pattern.get(pattern, ()):
                    if reader not in found and self._allows(reader, topic):
                        found[reader] = None
        return found

    @property
    def patterns(self) -> list[str]:
        """Every pattern that somebody is subscribed to."""
        return list(self._by_pattern)
