"""`HubDialect`: a hub's language from the reader's side, for a session: subscribes, resumes after a break, makes records.

Pure. It remembers the last number of each topic; after a break it asks for what is newer, so that nothing is missing and nothing
comes twice, as long as the hub still has it. What the hub does not have any more becomes a `Gap` record of that symbol; so do
numbers that a hub gave which was cut off from the others, because they count no more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from functools import cache
from typing import Any, Union

import msgspec

from wsexample.errors import BrokerError, CredentialsError, DialectError, RequestError
from wsexample.hub.ops import (
    JSON,
    Ack,
    Auth,
    Conflated,
    Epoch,
    Failed,
    Missed,
    Pong,
    Seq,
    Since,
    Subscribe,
    Unsubscribe,
    Welcome,
    life_and_term,
)
from wsexample.hub.soundness import is_sound
from wsexample.hub.topics import matcher, words_of
from wsexample.ports import NOTHING, Dialect, Errands, Failure, Gap, Step
from wsexample.records.kinds import record_kinds
from wsexample.records.market import Record
from wsexample.wire.trace import printable

__all__ = ["HubDialect", "HubErrands"]

OP_BYTES = 128 * 1024
"""How much of numbers goes into one op: a hub takes at most 256 KiB at once, topics asked for included."""
_AROUND_BYTES = 24
"""A number of 19 digits, and the signs around it and its topic."""
KEEP = 32
_KEPT_BYTES = 4096
_LONGEST_WORDS = 300
_MOST_TOPICS = 200_000
"""Topics whose numbers are remembered: more than all venues have symbols, and some 100 MiB."""
_MOST_ROWS = 10_000
"""Messages in one array that are read one by one when the array cannot be read at once; a hub's own have some 2,000 at most."""
_REASONS = {
    "history": "the hub does not have them any more",
    "epoch": "the hub has begun anew",
    "fork": "a hub that was cut off gave these, they count no more; what counts follows",
}
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class HubDialect(Dialect):
    """Reads a hub.

    Parameters:
        token: who the reader is; None where the hub wants none.
        interval_ms: how often at most something comes for a topic; None or 0 for everything.
        since: numbers that were seen before, by topic; with ``epoch`` a program goes on where it stopped.
        epoch: the hub's life that they are of, and the owner who gave them where hubs share topics.
    """

    venue = "hub"

    def __init__(
        self,
        *,
        token: str | None = None,
        interval_ms: int | None = None,
        since: dict[str, int] | None = None,
        epoch: str | None = None,
    ) -> None:
        self._token = token
        self._interval_ms = interval_ms
        self.positions: dict[str, int] = dict(since or {})
        """The last number of each topic, and 0 for each topic and pattern asked for: what ``since`` is next time."""
        self.epoch = epoch
        """The hub's life that `positions` are of, and the owner who gave the last of them where hubs share topics."""
        self.conflated = 0
        """Records that the hub passed over because this reader was slow."""
        self.missed = 0
        """Records that the hub did not have any more."""
        self.doubled = 0
        """Records that came a second time and were left out."""
        self.void = 0
        """Records that count no more: a hub that was cut off from the others had given them, and others have their numbers."""
        self.unread = 0
        """Messages that this version does not know."""
        self.kept: list[bytes] = []
        """The first of them, as they came."""
        self.has_all = True
        """Whether this connection has brought all that was missed."""
        self._asked: dict[int, list[str]] = {}
        self._next_epoch: str | None = epoch
        self._begun_epoch = epoch
        """What the numbers were of that this connection began with: the hub judges each of them by that."""
        self._late_epoch: str | None = None
        """What the hub is at when it has not heard an owner yet whom we have heard: ours too, once it gives us anything."""
        self._former: dict[str, int] = {}
        """Numbers of the hub's life before, of topics that have not spoken in the new one."""
        self._count = 0

    def __repr__(self) -> str:
        return f"<HubDialect, {len(self.positions)} topics>"

    def start(self) -> Step:
        """Begin on a fresh connection; the hub speaks first."""
        self._asked.clear()
        self._begun_epoch = self.epoch
        self._late_epoch = None
        self.has_all = True
        return NOTHING

    def subscribe(self, topics: Iterable[str]) -> Step:
        """Ask for topics, from where they were left."""
        self._count += 1
        asked = self._asked[self._count] = list(topics)
        numbers = self._numbers_of(asked)
        since = {pattern: numbers.pop(pattern) for pattern in asked if pattern in numbers}
        parts = _parts_of(numbers)
        if len(parts) == 1:
            since |= parts.pop()
        op = Subscribe(
            asked,
            id=self._count,
            since=since or None,
            epoch=(self._begun_epoch or self.epoch) if since or parts else None,
            interval_ms=self._interval_ms,
        )
        return Step(replies=[JSON.encode(each).decode() for each in [*map(Since, parts), op]])

    def _numbers_of(self, asked: Iterable[str]) -> dict[str, int]:
        """Return the numbers from which to go on, of these patterns and of the topics that they mean."""
        is_asked = matcher(asked)
        numbers = {**dict.fromkeys(self._former, 0), **self.positions}
        return {topic: seq for topic, seq in numbers.items() if is_asked(topic)}

    def unsubscribe(self, topics: Iterable[str]) -> Step:
        """Give topics up."""
        return Step(replies=[JSON.encode(Unsubscribe(list(topics))).decode()])

    def heartbeat(self, now_ns: int) -> Step:
        """Nothing: pings of the wire show whether the hub is there."""
        return NOTHING

    def receive(self, payload: bytes, is_binary: bool, received_ns: int) -> Step:
        """Read one message, which may hold several."""
        try:
            messages = _decoder().decode(payload if payload[:1] == b"[" else b"[" + payload + b"]")
        except _UNREADABLE:
            return self._one_by_one(payload, received_ns)
        return self._steps(messages, received_ns)

    def _one_by_one(self, payload: bytes, received_ns: int) -> Step:
        """Read what can be read of a message in which something is of a kind to come."""
        try:
            rows = msgspec.json.decode(
                payload if payload[:1] == b"[" else b"[" + payload + b"]", type=list[msgspec.Raw]
            )
        except _UNREADABLE:
            self._keep(payload)
            return NOTHING
        if len(rows) > _MOST_ROWS:
            self._keep(payload)
            return NOTHING
        messages = []
        for row in rows:
            try:
                messages += _decoder().decode(b"[" + bytes(row) + b"]")
            except _UNREADABLE:
                self._keep(bytes(row))
        return self._steps(messages, received_ns)

    def _keep(self, payload: bytes) -> None:
        self.unread += 1
        if len(self.kept) < KEEP:
            self.kept.append(payload[:_KEPT_BYTES])

    def _steps(self, messages: Sequence[Any], received_ns: int) -> Step:
        records: list[Record] = []
        confirmed: list[str] = []
        refused: list[tuple[str, Exception]] = []
        replies: list[str] = []
        phase: str | None = None
        failure: Failure | None = None
        for message in messages:
            if isinstance(message, _Data):
                if message.topic.count(".") != 2 or not is_sound(message.record):
                    self._keep(JSON.encode(message))
                    continue
                if message.topic not in self.positions and len(self.positions) >= _MOST_TOPICS:
                    words = f"the hub speaks of more than {_MOST_TOPICS} topics; ask for fewer"
                    failure = Failure(DialectError(words, venue=self.venue), is_final=True)
                    break
                if message.topic in self._former:
                    seen = self._former[message.topic]
                    records.append(self._missed(Missed(message.topic, seen + 1, seen + 1, "epoch"), received_ns))
                if message.seq > self.positions.get(message.topic, 0):
                    self.positions[message.topic] = message.seq
                    if self._late_epoch is not None:
                        self.epoch, self._late_epoch = self._late_epoch, None
                    records.append(message.record)
                else:
                    self.doubled += 1
            elif isinstance(message, Welcome):
                phase, reply, failure = self._welcomed(message)
                replies += reply
            elif isinstance(message, Ack):
                if message.id == "auth":
                    phase = "subscribing"
                elif isinstance(message.id, int):
                    self._enter_epoch()
                    asked = self._asked.pop(message.id, [])
                    self._begin(asked)
                    confirmed += asked
            elif isinstance(message, Failed):
                part, failure = self._failed(message)
                refused += part
            elif isinstance(message, Missed):
                if message.topic.count(".") == 2 and message.to_seq >= message.from_seq:
                    records.append(self._missed(message, received_ns))
                else:
                    self._keep(JSON.encode(message))
            elif isinstance(message, Epoch):
                self._note_epoch(message.epoch)
            elif isinstance(message, Conflated):
                self.conflated += message.count
        return Step(records, replies, phase, failure, confirmed, refused)

    def _welcomed(self, welcome: Welcome) -> tuple[str | None, list[str], Failure | None]:
        if self.epoch is None:
            self.epoch = welcome.epoch
        # Numbers of another life are asked for as they are: the hub says so, and the answer moves them.
        self._next_epoch = welcome.epoch
        if not welcome.needs_token:
            return "subscribing", [], None
        if self._token is None:
            error = CredentialsError("this hub wants a token", venue=self.venue, code="token")
            return None, [], Failure(error, is_final=True)
        return None, [JSON.encode(Auth(self._token, id="auth")).decode()], None

    def _note_epoch(self, epoch: str) -> None:
        """Take note of what a hub's numbers are of from here on."""
        (life, term), (our_life, our_term) = life_and_term(epoch), life_and_term(self.epoch or epoch)
        if life == our_life:
            self._late_epoch = epoch if term < our_term else None
            self.epoch = self.epoch if term < our_term else epoch

    def _enter_epoch(self) -> None:
        """Give up the numbers of another life, now that the hub was asked with them; topics it does not know yet have none."""
        if self._next_epoch is None or self.epoch is None:
            return
        if life_and_term(self.epoch)[0] != life_and_term(self._next_epoch)[0]:
            self._former, self.positions = self.positions, {}
            self.epoch = self._begun_epoch = self._next_epoch

    def _begin(self, asked: Iterable[str]) -> None:
        """Count from the beginning what the hub gives from now on and has said nothing of, so that a break cannot hide it."""
        for topic in asked:
            self.positions.setdefault(topic, 0)

    def _failed(self, message: Failed) -> tuple[list[tuple[str, Exception]], Failure | None]:
        words = printable(message.message[:_LONGEST_WORDS])[:_LONGEST_WORDS]
        facts: dict[str, Any] = {"venue": self.venue, "code": message.code, "words": words}
        if message.code == "token":
            return [], Failure(CredentialsError(f"the hub refused: {words}", **facts), is_final=True)
        asked = self._asked.pop(message.id, []) if isinstance(message.id, int) else []
        error: BrokerError = RequestError(f"the hub refused: {words}", **facts)
        return [(topic, error) for topic in asked], None if asked else Failure(error, is_final=True)

    def _missed(self, message: Missed, received_ns: int) -> Gap:
        known = self.positions.get(message.topic, 0)
        if message.reason == "epoch":
            self.has_all = False
            self._former.pop(message.topic, None)
        elif message.reason == "fork":
            self.void += max(known - message.from_seq + 1, 0)
            self.positions[message.topic] = min(known, max(message.from_seq - 1, 0))
        else:
            self.has_all = False
            self.missed += message.to_seq - message.from_seq + 1
            self.positions[message.topic] = max(known, message.to_seq)
        venue, symbol, kind = words_of(message.topic)
        words = _REASONS.get(message.reason, _REASONS["history"])
        return Gap(
            venue=venue,
            symbol=symbol,
            received_ns=received_ns,
            from_ns=received_ns,
            to_ns=received_ns,
            reason=f"{kind} {message.from_seq} to {message.to_seq}: {words}",
        )


class HubErrands(Errands):
    """Says of a session's gap that a hub has filled it: what was missed comes on the connection itself.

    Parameters:
        dialect: of the session.
    """

    def __init__(self, dialect: HubDialect) -> None:
        self._dialect = dialect

    def backfill(self, gap: Gap, topics: Sequence[str]) -> AsyncIterator[Sequence[Record]] | None:
        """Nothing is to be fetched; None where the hub did not have all."""
        return _nothing() if self._dialect.has_all else None


def _parts_of(numbers: dict[str, int]) -> list[dict[str, int]]:
    """Cut numbers into what fits into one op each."""
    parts: list[dict[str, int]] = []
    size = OP_BYTES
    for topic, seq in numbers.items():
        size += len(topic) + _AROUND_BYTES
        if size > OP_BYTES:
            parts.append({})
            size = len(topic) + _AROUND_BYTES
        parts[-1][topic] = seq
    return parts


async def _nothing() -> AsyncIterator[Sequence[Record]]:
    none: tuple[Sequence[Record], ...] = ()
    for batch in none:
        yield batch


class _Data(msgspec.Struct, tag_field="op", tag="data"):
    """A record with its number, typed; the twin of `wsexample.hub.ops.Data`."""

    topic: str
    seq: Seq
    record: Record


@cache
def _decoder() -> msgspec.json.Decoder[list[Any]]:
    kinds = tuple(record_kinds().values())
    data = msgspec.defstruct(
        "TypedData",
        [("topic", str), ("seq", Seq), ("record", Union[kinds])],  # noqa: UP007 - built at run time
        bases=(_Data,),
        tag_field="op",
        tag="data",
    )
    messages = (data, Welcome, Epoch, Ack, Pong, Failed, Missed, Conflated)
    return msgspec.json.Decoder(list[Union[messages]])  # type: ignore[valid-type] # noqa: UP007
