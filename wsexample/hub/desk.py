"""`Desk`: records in, numbered and remembered by topic; readers in groups, each offered what it wants.

Everything here happens in one event loop and between two awaits, so that a reader's snapshot, what it missed and what is live
meet without a gap and without doubles. What readers say is read by ``server``.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from wsexample.errors import ConnectionClosed, OptionError
from wsexample.hub.history import Topic
from wsexample.hub.notes import Notes
from wsexample.hub.ops import Codec, Epoch, Missed, epoch_of
from wsexample.hub.readers import CalmGroup, Group, Reader, Row, Straggler, Wishes, send_all
from wsexample.hub.topics import TopicIndex, is_topic, matcher, patterns_of, topic_of, words_of
from wsexample.records.kinds import is_market_data, record_kinds
from wsexample.records.market import Record

__all__ = ["Desk", "DeskOptions", "HubStats"]

log = logging.getLogger("wsexample.hub")

CATCH_UP = 500
"""Records sent to a reader that catches up before its socket is waited for, and others have their turn."""
AT_ONCE = 8
"""Readers who get on with catching up in one turn of the loop."""
TERMS = 8
"""Changes of owner of which it is remembered where they were in each topic."""
MOST_STRANGE = 1000
"""Topics that nobody knows here of which a reader's numbers are remembered."""
LOOK_AT_ONCE = 500
"""Topics of which it is found out whether a reader wants them before others have their turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskOptions:
    """What a hub remembers, and how patient it is."""

    history: int = 1000
    """Records of each topic that are kept for readers who resume."""
    max_backlog_bytes: int = 1024 * 1024
    """How much may wait for a reader's socket before it counts as slow."""
    max_lossless_bytes: int = 8 * 1024 * 1024
    """How much of orders, fills and accounts may wait for a slow reader before it is closed with 1013."""
    stall_s: float = 30.0
    """How long a slow reader may take nothing at all before it is closed with 1013, seconds."""
    look_s: float = 0.05
    """How often slow readers are looked at, seconds."""

    def __post_init__(self) -> None:
        for name in ("history", "max_backlog_bytes", "max_lossless_bytes", "stall_s", "look_s"):
            if getattr(self, name) <= 0:
                raise OptionError(f"{name} must be more than 0, not {getattr(self, name)}", option=name)


@dataclass(slots=True)
class HubStats:
    """Plain counters."""

    published: int = 0
    """Records published."""
    readers: int = 0
    """Readers now."""
    slow: int = 0
    """Times that a reader fell behind."""
    conflated: int = 0
    """Records passed over because a reader was slow."""
    closed_slow: int = 0
    """Readers closed with 1013."""
    resumed: int = 0
    """Subscriptions with ``since``."""
    missed: int = 0
    """Records that readers had missed and the hub no longer had."""


@dataclass(slots=True)
class _Late:
    """What a reader still has to get that hears nothing live meanwhile."""

    positions: dict[str, int]
    """The number up to which it has each topic; topics that are not named have not been there yet."""
    notes: list[bytes]
    """What it is told before the next record."""
    mark: int
    """Changes of topics up to this one have been looked at."""
    names: deque[str] = field(default_factory=deque)
    """Topics of which it has not got all."""


class Desk:
    """Numbers records and hands them to readers.

    Parameters:
        options: what is remembered, and how patient it is.
    """

    def __init__(self, options: DeskOptions | None = None) -> None:
        self.options = options or DeskOptions()
        self.topics: dict[str, Topic] = {}
        """Every topic by name."""
        self.stats = HubStats()
        self.newest_ns: int | None = None
        """When the newest record was received, UTC epoch nanoseconds; None before the first."""
        self._index: TopicIndex[Group | Straggler] = TopicIndex(lambda listener, topic: listener.rights.allow(topic))
        self._names: dict[tuple[str, str, type[Record]], str] = {}
        self._groups: dict[Wishes, Group] = {}
        self._stragglers: dict[Reader, Straggler] = {}
        self.life = ""
        """What readers are told that sequence numbers belong to."""
        self._terms: list[tuple[int, dict[str, int]]] = []
        """Owners who were heard here, with the number that each topic had reached when they began."""
        self._ahead: dict[Reader, dict[str, tuple[int, int]]] = {}
        """Numbers that readers have and this hub has not, with the owner that they have heard: it may be late, or they count no
        more. The next owner shows which."""
        self._late: dict[Reader, _Late] = {}
        self._changed: dict[str, int] = {}
        """Topics that have changed since readers were late, in the order of their last change, with what number that was."""
        self._changes = 0
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._due: list[Group] = []
        self._look: asyncio.TimerHandle | None = None
        self._listeners: list[Callable[[str, int, Record], None]] = []
        self._notes = Notes(log)

    # -- publishing ------------------------------------------------------------------------------------------------

    def on_publish(self, told: Callable[[str, int, Record], None]) -> None:
        """Have a function called with (topic, number, record) for everything that is published."""
        self._listeners.append(told)

    def publish(self, records: Iterable[Record]) -> None:
        """Number records and offer them to readers; what is sent leaves at the end of this turn of the loop."""
        for record in records:
            name = self.name_of(record)
            topic = self.topics.get(name)
            if topic is None:
                topic = self._new_topic(name, record)
            self._put(topic, topic.keep(record), record)

    def continue_at(self, name: str, record: Record, seq: int) -> bool:
        """Take a record that was numbered elsewhere; returns whether it is new: the next number, or a later one."""
        topic = self.topics.get(name) or self._new_topic(name, record)
        if seq <= topic.seq:
            return False
        if seq != topic.seq + 1:
            self._skip(topic, seq - 1)
        self._put(topic, topic.keep(record), record)
        return True

    def _skip(self, topic: Topic, seq: int) -> None:
        """Go on after a later number: what lies between did not come and will not, and readers are told so."""
        name = topic.name
        told = Missed(name, topic.seq + 1, seq, "history")
        topic.skip_to(seq)
        for _, counts in self._terms:  # nothing is known of who numbered that
            counts[name] = max(counts.get(name, 0), seq)
        for place in self._index.readers_of(name):
            place.offer(name, place.codec.encode(told), is_lossless=True)
        if self._late:
            self._note_change(name)

    def correct(self, name: str, record: Record, seq: int) -> None:
        """Remember another record under a number that was given twice; whoever has had that number hears no more of it."""
        topic = self.topics.get(name)
        if topic is not None:
            topic.replace(seq, record)

    def take_back(self, name: str, seq: int) -> None:
        """Go back to before a number: records of a hub that was cut off have been published under it and later ones.

        Readers who have got them are told so and get what is published under these numbers now.
        """
        topic = self.topics.get(name)
        if topic is None or topic.seq < seq:
            return
        told = Missed(name, seq, topic.seq, "fork")
        topic.go_back(seq - 1)
        for _, counts in self._terms:
            counts[name] = min(counts.get(name, 0), seq - 1)
        for place in self._index.readers_of(name):
            place.offer(name, place.codec.encode(told), is_lossless=True, is_void=True)
        for reader, late in self._late.items():
            if late.positions.get(name, 0) >= seq and reader.wants(name):
                late.positions[name] = seq - 1
                late.notes.append(reader.codec.encode(told))

    def count_from(self, name: str, seq: int) -> None:
        """Know a topic that was numbered elsewhere up to a number, of which no record is had."""
        topic = self.topics.get(name)
        if topic is None:
            kind = record_kinds().get(words_of(name)[2])
            is_lossless = kind is None or not is_market_data(kind)
            topic = self.topics[name] = Topic(name, self.options.history, is_lossless=is_lossless)
        if seq > topic.seq:
            self._skip(topic, seq)

    @property
    def term(self) -> int:
        """The owner whose numbers are here, the highest so far; 0 where a hub is alone."""
        return self._terms[-1][0] if self._terms else 0

    def begin_term(self, term: int) -> None:
        """Take note that another owner numbers from here on, after everything that counts of the former ones.

        Whoever has more of those has it from a hub that was cut off; that is told, and under which epoch numbers are from now on.
        """
        if term <= self.term:
            return
        self._terms.append((term, {name: topic.seq for name, topic in self.topics.items()}))
        del self._terms[:-TERMS]
        for reader in list(self._ahead):
            self._judge(reader, term)
        epoch = Epoch(epoch_of(self.life, term))
        places: list[Group | Straggler] = [*self._groups.values(), *self._stragglers.values()]
        for place in places:
            place.offer("", place.codec.encode(epoch), is_lossless=True)
        for reader, late in self._late.items():
            late.notes.append(reader.codec.encode(epoch))

    def _judge(self, reader: Reader, term: int) -> None:
        """Tell a reader which of the numbers that it has more count no more, now that an owner begins."""
        ahead = self._ahead[reader]
        forks = []
        for name, (heard, last) in list(ahead.items()):
            if heard >= term:
                continue
            del ahead[name]
            seq = self.topics[name].seq if name in self.topics else 0
            if last > seq and reader.wants(name):
                forks.append(reader.codec.encode(Missed(name, seq + 1, last, "fork")))
        if not ahead:
            del self._ahead[reader]
        if isinstance(reader.place, Group):
            reader.place.flush()  # which may find that it is slow
        if reader in self._late:
            self._late[reader].notes += forks
        elif isinstance(reader.place, Straggler):
            for fork in forks:
                reader.place.offer("", fork, is_lossless=True)
        else:
            self._send_now(reader, forks)

    def _counted(self, name: str, term: int) -> int | None:
        """Return up to which number a topic is the same for all who have heard owners up to one; None before the next one begins.

        Whoever has not said whom it heard (0) is believed.
        """
        for began, counts in self._terms if term else ():
            if began > term:
                return counts.get(name, 0)
        return None

    def _put(self, topic: Topic, seq: int, record: Record) -> None:
        self.stats.published += 1
        self.newest_ns = record.received_ns
        name = topic.name
        if self._late:
            self._note_change(name)
        readers = self._index.readers_of(name)
        if readers:
            written: dict[tuple[Codec, bool], bytes] = {}
            for reader in readers:
                key = (reader.codec, reader.rights.personal or not topic.is_lossless)
                data = written.get(key)
                if data is None:
                    data = written[key] = reader.codec.data(name, seq, record if key[1] else impersonal(record))
                reader.offer(name, data, is_lossless=topic.is_lossless)
        for told in self._listeners:
            told(name, seq, record)

    def _note_change(self, name: str) -> None:
        self._changes += 1
        self._changed.pop(name, None)  # so that the newest change comes last
        self._changed[name] = self._changes

    def name_of(self, record: Record) -> str:
        """Return the topic of a record."""
        key = (record.venue, record.symbol, type(record))
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = topic_of(record)
        return name

    def _new_topic(self, name: str, record: Record) -> Topic:
        topic = Topic(name, self.options.history, is_lossless=not is_market_data(type(record)))
        self.topics[name] = topic
        return topic

    # -- readers ---------------------------------------------------------------------------------------------------

    async def subscribe(
        self,
        reader: Reader,
        patterns: Sequence[str],
        *,
        interval_ms: int | None = None,
        since: dict[str, int] | int | None = None,
        is_same_epoch: bool = True,
        term: int = 0,
        snapshot: bool = True,
        first: Sequence[bytes] = (),
    ) -> None:
        """Give a reader more topics: what it has missed, or the newest of each, then everything that comes.

        Parameters:
            reader: who.
            patterns: topics and patterns.
            interval_ms: how often at most; None leaves it as it is.
            since: the last numbers that were seen; that of one of ``patterns`` counts for topics that are not named.
            is_same_epoch: whether those numbers are of this hub's life.
            term: the last owner whom the reader has heard; 0 where it has not said.
            snapshot: whether the newest comes first where ``since`` says nothing.
            first: encoded messages that go before everything else.

        Raises:
            TimeoutError: the reader does not take it.
            ConnectionClosed: the reader is gone.
        """
        heard = matcher(reader.patterns)
        late = self._begin_late(reader)
        new = dict.fromkeys(patterns)
        reader.patterns |= new
        if interval_ms is not None:
            reader.interval_ms = interval_ms
        late.notes += first
        self.stats.resumed += since is not None
        numbers = since if isinstance(since, dict) else {}
        resumed = [pattern for pattern in new if pattern in numbers]
        is_new, is_resumed = matcher(new), matcher(resumed)
        try:
            async for topic in self._every_topic():
                name = topic.name
                if not is_new(name) or not reader.rights.allow(name):
                    continue
                seen = since if isinstance(since, int) else numbers.get(name)
                if seen is None and is_resumed(name):
                    seen = min(numbers[pattern] for pattern in patterns_of(name) if pattern in numbers)
                if seen is None:
                    if heard(name):
                        continue
                    seen = max(topic.seq - 1, 0) if snapshot else topic.seq
                elif not is_same_epoch:
                    late.notes.append(reader.codec.encode(Missed(name, seen + 1, seen + 1, "epoch")))
                    seen = 0
                else:
                    seen = self._common(reader, name, seen, term, late)
                late.positions[name] = min(seen, topic.seq)
                late.names.append(name)
            for name, seen in numbers.items() if is_same_epoch and term else ():
                if name not in self.topics and is_topic(name) and is_new(name) and reader.rights.allow(name):
                    self._common(reader, name, seen, term, late)
            if self.term:
                late.notes.append(reader.codec.encode(Epoch(epoch_of(self.life, self.term))))
            await self._catch_up(reader, late)
        finally:
            self._end_late(reader)

    def _common(self, reader: Reader, name: str, seen: int, term: int, late: _Late) -> int:
        """Return how far a reader's records of a topic count, and have it told what it has beyond that."""
        counted = self._counted(name, term)
        if counted is not None and seen > counted:
            late.notes.append(reader.codec.encode(Missed(name, counted + 1, seen, "fork")))
            return counted
        known = self.topics.get(name)
        if counted is None and term and seen > (known.seq if known is not None else 0):
            ahead = self._ahead.setdefault(reader, {})
            if len(ahead) < len(self.topics) + MOST_STRANGE:
                ahead[name] = (term, seen)
        return seen

    async def _every_topic(self) -> AsyncIterator[Topic]:
        """Iterate over the topics that there are now, and let others have their turn now and then."""
        for count, topic in enumerate(list(self.topics.values()), start=1):
            if not count % LOOK_AT_ONCE:
                await self.breathe()
            yield topic

    async def breathe(self) -> None:
        """Let others have their turn: of all who have much to do in small pieces a few get on in each turn of the loop."""
        async with self._turns:
            await asyncio.sleep(0)

    async def unsubscribe(self, reader: Reader, patterns: Sequence[str], *, first: Sequence[bytes] = ()) -> None:
        """Take topics from a reader; patterns that it has not got are passed over."""
        late = self._begin_late(reader)
        for pattern in patterns:
            reader.patterns.pop(pattern, None)
        late.notes += first
        try:
            await self._catch_up(reader, late)
        finally:
            self._end_late(reader)

    def forget(self, reader: Reader) -> None:
        """Take everything from a reader that is gone."""
        self._leave(reader)
        self._end_late(reader)
        self._ahead.pop(reader, None)
        reader.patterns.clear()

    def _begin_late(self, reader: Reader) -> _Late:
        """Take a reader out of its place; it hears nothing live from now on."""
        positions = {name: topic.seq for name, topic in self.topics.items()} if reader.patterns else {}
        late = self._late[reader] = _Late(positions, self._leave(reader), self._changes)
        return late

    def _leave(self, reader: Reader) -> list[bytes]:
        """Take a reader out of its place; returns what was kept for it there."""
        waiting: list[bytes] = []
        if isinstance(reader.place, Group):
            group = reader.place
            group.leave(reader)  # which may find that it is slow
            self._drop_if_empty(group)
        if isinstance(reader.place, Straggler):
            straggler = reader.place
            waiting = self._kept_for(straggler)
            self._end_straggler(straggler)
        return waiting

    def _end_late(self, reader: Reader) -> None:
        self._late.pop(reader, None)
        if not self._late:
            self._changed.clear()

    async def _catch_up(self, reader: Reader, late: _Late) -> None:
        """Send a reader what it has not got, until there is no more; then it hears everything that comes."""
        while True:
            messages = [*late.notes, *self._behind(reader, late)]
            late.notes.clear()
            if not messages:
                break
            await send_all(reader, messages, self.options.stall_s)
            if len(messages) >= CATCH_UP:
                await self.breathe()  # a socket that takes everything is not waited for
        if reader.patterns and reader.connection.is_open:
            self._join(reader)

    def _behind(self, reader: Reader, late: _Late) -> list[bytes]:
        """Return the next part of what a reader has not got, and take note that it has it."""
        found: list[bytes] = []
        codec = reader.codec
        while len(found) < CATCH_UP:
            if not late.names and not self._has_changed(reader, late):
                break
            name = late.names[0]
            topic = self.topics[name]
            seen = late.positions.get(name, 0)
            if seen < min(topic.oldest_seq - 1, topic.seq):
                found.append(codec.encode(Missed(name, seen + 1, topic.oldest_seq - 1, "history")))
                self.stats.missed += topic.oldest_seq - 1 - seen
                seen = topic.oldest_seq - 1
            for seq, record in topic.after(seen):
                hides = topic.is_lossless and not reader.rights.personal
                found.append(codec.data(name, seq, impersonal(record) if hides else record))
                seen = seq
                if len(found) >= CATCH_UP:
                    break
            late.positions[name] = seen
            if seen >= topic.seq:
                late.names.popleft()
        return found

    def _has_changed(self, reader: Reader, late: _Late) -> bool:
        """Take up the topics that have changed since the last look; returns whether there are some."""
        names = []
        for name, change in reversed(self._changed.items()):
            if change <= late.mark:
                break
            names.append(name)
        late.mark = self._changes
        late.names.extend(name for name in reversed(names) if reader.wants(name))
        return bool(late.names)

    def _join(self, reader: Reader) -> None:
        wishes = reader.wishes
        group = self._groups.get(wishes)
        if group is None:
            kind = CalmGroup if reader.interval_ms else Group
            group = self._groups[wishes] = kind(
                wishes,
                max_backlog_bytes=self.options.max_backlog_bytes,
                too_slow=self._too_slow,
                due=self._group_is_due,
            )
            for pattern in group.patterns:
                self._index.add(pattern, group)
        group.join(reader)

    def _drop_if_empty(self, group: Group) -> None:
        if not len(group) and self._groups.get(group.wishes) is group:
            del self._groups[group.wishes]
            for pattern in group.patterns:
                self._index.discard(pattern, group)
            if isinstance(group, CalmGroup):
                group.flush()  # nobody is left to get what waits; its timer ends with that

    # -- sending ---------------------------------------------------------------------------------------------------

    def _group_is_due(self, group: Group, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        if isinstance(group, CalmGroup):
            group.timer = loop.call_later(delay_s, group.flush)
            return
        if not self._due:
            loop.call_soon(self._flush)
        self._due.append(group)

    def _flush(self) -> None:
        due, self._due = self._due, []
        for group in due:
            group.flush()

    # -- slow readers ----------------------------------------------------------------------------------------------

    def _too_slow(self, reader: Reader, rows: list[Row]) -> None:
        loop = asyncio.get_running_loop()
        self.stats.slow += 1
        straggler = Straggler(reader, rows, self.options.max_lossless_bytes, loop.time())
        self._stragglers[reader] = straggler
        for pattern in reader.patterns:
            self._index.add(pattern, straggler)
        group = self._groups.get(reader.wishes)
        if group is not None:
            self._drop_if_empty(group)
        if self._look is None:
            self._look = loop.call_later(self.options.look_s, self._look_at_stragglers)
        words = "%s is slow: it gets the newest of each topic for now"
        self._notes.note(logging.INFO, "slow", words, reader.name, reader=reader.name)

    def _end_straggler(self, straggler: Straggler) -> None:
        reader = straggler.reader
        self._stragglers.pop(reader, None)
        for pattern in reader.patterns:
            self._index.discard(pattern, straggler)
        reader.place = None

    def _look_at_stragglers(self) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        for reader, straggler in list(self._stragglers.items()):
            if not reader.connection.is_open:
                self._end_straggler(straggler)
            elif straggler.look(now_s, self.options.max_backlog_bytes // 4):
                self._let_catch_up(straggler)
            elif straggler.is_lost or now_s - straggler.since_s > self.options.stall_s:
                self._end_straggler(straggler)
                self.stats.closed_slow += 1
                words = "%s is too slow: closed"
                self._notes.note(logging.WARNING, "closed_slow", words, reader.name, reader=reader.name)
                reader.connection.start_close(1013, "too slow")
        self._look = loop.call_later(self.options.look_s, self._look_at_stragglers) if self._stragglers else None

    def _kept_for(self, straggler: Straggler) -> list[bytes]:
        before = straggler.reader.conflated
        messages = straggler.catch_up()
        self.stats.conflated += straggler.reader.conflated - before
        return messages

    def _let_catch_up(self, straggler: Straggler) -> None:
        """Send a slow reader what was kept for it and let it hear everything again."""
        reader = straggler.reader
        messages = self._kept_for(straggler)
        self._end_straggler(straggler)
        if self._send_now(reader, messages):
            self._join(reader)

    def _send_now(self, reader: Reader, messages: list[bytes]) -> bool:
        """Send a reader something without waiting for it; returns whether it is still there."""
        codec = reader.codec
        try:
            for start in range(0, len(messages), CATCH_UP):
                payload = codec.join(messages[start : start + CATCH_UP])
                reader.connection.send_nowait(payload if codec.is_binary else payload.decode())
        except ConnectionClosed:
            return False
        return True

    def close(self) -> None:
        """Let go of timers and readers; what was offered is flushed."""
        self._flush()
        if self._look is not None:
            self._look.cancel()
        for group in list(self._groups.values()):
            group.flush()
        self._groups.clear()
        self._stragglers.clear()
        self._notes.sum_up()


def impersonal(record: Record) -> Record:
    """Return a record without the account that it belongs to."""
    if getattr(record, "account", None) is None:
        return record
    return msgspec.structs.replace(record, account=None)
