"""A broker for state machines of sessions: it publishes numbered trades and knows which of them a session may not miss.

What it sends is on its way until the machine lets it arrive; what is on its way when a connection breaks is lost.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.session.toy import said, trade
from wsexample.clock import ManualClock
from wsexample.errors import BrokerUnavailableError, ConnectError, HandshakeError, NetworkError
from wsexample.ports import Errands, Gap, Record
from wsexample.session.testing import ScriptedConnection
from wsexample.wire.options import ConnectOptions

UNKNOWN = "Z"
"""The topic that is always refused."""
STEP_NS = 1000
"""By how much the time of one trade differs from that of the next, nanoseconds."""


@dataclass
class Said:
    """One trade that was published."""

    number: int
    at_ns: int


@dataclass
class Span:
    """While which a session may expect a topic, by the broker's clock."""

    from_ns: int
    to_ns: int | None = None

    def holds(self, at_ns: int) -> bool:
        return self.from_ns <= at_ns and (self.to_ns is None or at_ns < self.to_ns)


class Side:
    """The broker's side of one connection."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.connection = ScriptedConnection(broker.clock, self.heard)
        self.topics: set[str] = set()
        self.on_the_way: deque[str] = deque()

    def heard(self, message: str | bytes) -> list[str]:
        """Do what the session asks for; the answer is on its way then."""
        broker = self.broker
        match json.loads(message):
            case {"login": _}:
                if broker.login is not None:
                    self.on_the_way.append(json.dumps({"login": broker.login}))
            case {"want": topics}:
                have = [topic for topic in topics if topic != UNKNOWN]
                self.topics.update(have)
                for topic in have:
                    broker.expect(topic)
                if broker.answers_topics:
                    self.on_the_way.append(json.dumps({"have": have, "not": [t for t in topics if t == UNKNOWN]}))
            case {"drop": topics}:
                self.topics.difference_update(topics)
            case {"beat": _}:
                if broker.answers_beats:
                    self.on_the_way.append('{"beat":1}')
        return []

    def arrive(self, count: int | None = None) -> None:
        """Let the next of what is on its way arrive."""
        while self.on_the_way and (count is None or count > 0) and not self.connection.is_over:
            self.connection.say(self.on_the_way.popleft())
            count = None if count is None else count - 1


@dataclass
class Broker:
    """Everything that it published, and how it behaves next."""

    clock: ManualClock
    has_begun: Callable[[], bool] = lambda: True
    """Whether the session was live or delivered anything; before that, what a connection had asked for is promised to nobody."""
    sides: list[Side] = field(default_factory=list)
    dials: deque[str] = field(default_factory=deque)
    """What the next attempts meet; then they succeed."""
    login: str | None = "ok"
    answers_topics: bool = True
    answers_beats: bool = True
    history: dict[str, list[Said]] = field(default_factory=dict)
    spans: dict[str, list[Span]] = field(default_factory=dict)
    excused: set[tuple[str, int]] = field(default_factory=set)
    """Trades that were on their way when the session was closed."""
    is_over: bool = False

    async def dial(self, options: ConnectOptions) -> ScriptedConnection:
        """Open a connection, or do not."""
        how = self.dials.popleft() if self.dials else "opens"
        if how == "hangs":
            await asyncio.get_running_loop().create_future()
        if how == "refuses":
            raise ConnectError("nobody listens")
        if how == "busy":
            raise HandshakeError("come back later", status=503, headers={"retry-after": "3"})
        if not self.has_begun():
            self.spans.clear()
        side = Side(self)
        self.sides.append(side)
        return side.connection

    @property
    def side(self) -> Side | None:
        """The newest connection while it is open."""
        return self.sides[-1] if self.sides and not self.sides[-1].connection.is_over else None

    # -- what may be expected ------------------------------------------------------------------------------------

    def expect(self, topic: str) -> None:
        """The session has asked for a topic: from now on it may expect all of it."""
        spans = self.spans.setdefault(topic, [])
        if not self.is_over and (not spans or spans[-1].to_ns is not None):
            spans.append(Span(self.clock.now_ns() + 1))

    def give_up(self, topics: Sequence[str]) -> None:
        """The session wants topics no more."""
        for topic in topics:
            if (spans := self.spans.get(topic)) and spans[-1].to_ns is None:
                spans[-1].to_ns = self.clock.now_ns() + 1

    def end(self) -> None:
        """The user closes the session, which expects nothing more, not even what is on its way."""
        if self.side is not None and not self.is_over:
            self.excused = {
                tuple(trade.values())[:2] for trade in map(json.loads, self.side.on_the_way) if "s" in trade
            }
        if not self.has_begun():
            self.spans.clear()
        self.give_up(list(self.spans))
        self.is_over = True

    def expected(self, topic: str) -> list[Said]:
        """Every trade of a topic that the session may not miss unannounced."""
        spans = self.spans.get(topic, [])
        return [
            one
            for one in self.history.get(topic, [])
            if any(span.holds(one.at_ns) for span in spans) and (topic, one.number) not in self.excused
        ]

    def is_expected(self, topic: str, at_ns: int, until_ns: int) -> bool:
        """Whether what was published at one moment was still wanted at another."""
        return any(span.holds(at_ns) and span.holds(until_ns) for span in self.spans.get(topic, []))

    def publish(self, topic: str) -> None:
        """Something is traded; it is on its way to whoever has asked for it."""
        self.clock.move_to(self.clock.now_ns() + STEP_NS)
        said_before = self.history.setdefault(topic, [])
        one = Said(len(said_before) + 1, self.clock.now_ns())
        said_before.append(one)
        if self.side is not None and topic in self.side.topics:
            self.side.on_the_way.append(said(topic, one.number, t=one.at_ns))

    def traded(self, topics: Sequence[str], from_ns: int, to_ns: int) -> list[Record]:
        """What was published in a span of time, oldest first."""
        found = [
            trade(topic, one.number, self.clock.now_ns(), one.at_ns)
            for topic in topics
            for one in self.history.get(topic, [])
            if from_ns <= one.at_ns <= to_ns
        ]
        return sorted(found, key=lambda record: record.exchange_ns or 0)


class BrokerErrands(Errands):
    """What the broker does beside the socket: it prepares, and it remembers what was traded."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.prepares = "at once"
        self.backfills = "all"

    async def prepare(self, attempt: int) -> Mapping[str, Any]:
        how, self.prepares = self.prepares, "at once"
        if how == "hangs":
            await asyncio.get_running_loop().create_future()
        if how == "fails":
            raise BrokerUnavailableError("come back later", venue="toy")
        return {}

    def backfill(self, gap: Gap, topics: Sequence[str]) -> AsyncIterator[Sequence[Record]] | None:
        return None if self.backfills == "none" else self._backfill(gap, topics, self.backfills)

    async def _backfill(self, gap: Gap, topics: Sequence[str], how: str) -> AsyncIterator[Sequence[Record]]:
        if how == "hangs":
            await asyncio.get_running_loop().create_future()
        if how == "late":
            await self.broker.clock.sleep(3)
        records = self.broker.traded(topics, gap.from_ns, gap.to_ns)
        half = len(records) // 2
        yield records[:half]
        await self.broker.clock.sleep(0 if how == "all" else 1)
        if how == "breaks":
            raise NetworkError("the line is dead")
        yield records[half:]
