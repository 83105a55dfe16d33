"""Readers of a hub: those who want the same form a group, for which everything is encoded and framed once.

A reader that cannot keep up leaves its group and becomes a `Straggler`: it gets the newest of each topic when its socket has room
again, is told how much it has missed, and joins its group again. One that takes nothing for too long is closed with 1013.
Nobody waits for it in either case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from wsexample.errors import ConnectionClosed
from wsexample.hub.access import Rights
from wsexample.hub.ops import Codec, Conflated
from wsexample.hub.topics import patterns_of
from wsexample.wire.broadcast import Broadcaster
from wsexample.wire.connection import Connection
from wsexample.wire.server import ServerConnection

__all__ = ["CalmGroup", "Group", "Reader", "Straggler", "Wishes", "chunks_of", "send_all"]

Wishes = tuple[Codec, Rights, int, frozenset[str]]
"""What makes readers equal: codec, rights, interval in milliseconds, patterns."""

Row = tuple[str, bytes, bool]
"""Topic, encoded record, whether no newer one makes it worth nothing."""
CHUNK_BYTES = 128 * 1024
"""Largest message that is made of several; a single record may be larger."""


class Reader:
    """One connection that reads.

    Parameters:
        connection: its WebSocket.
        codec: how it speaks.
        rights: what it may have.
        name: how logs call it.
    """

    def __init__(self, connection: ServerConnection, codec: Codec, rights: Rights, name: str) -> None:
        self.connection = connection
        self.codec = codec
        self.rights = rights
        self.name = name
        self.patterns: dict[str, None] = {}
        self.interval_ms = 0
        self.numbers: dict[str, int] = {}
        """What it has seen of known topics, said before the subscription that counts it."""
        self.place: Group | Straggler | None = None
        """Where it hears live records; None while it catches up, or wants nothing."""
        self.conflated = 0
        """Records that were passed over because it was slow."""

    @property
    def wishes(self) -> Wishes:
        """What it wants."""
        return (self.codec, self.rights, self.interval_ms, frozenset(self.patterns))

    def wants(self, topic: str) -> bool:
        """Whether it asked for a topic, and may have it."""
        return any(pattern in self.patterns for pattern in patterns_of(topic)) and self.rights.allow(topic)


class Group:
    """Readers who want the same: everything, as it comes.

    Parameters:
        wishes: what they want.
        max_backlog_bytes: how much may wait for a reader's socket.
        too_slow: called with a reader that has fallen behind and with what it was not sent.
        due: called when there is something to send, once until `flush`; says when by its argument, seconds.
    """

    def __init__(
        self,
        wishes: Wishes,
        *,
        max_backlog_bytes: int,
        too_slow: Callable[[Reader, list[Row]], None],
        due: Callable[[Group, float], None],
    ) -> None:
        self.wishes = wishes
        self.codec, self.rights, interval_ms, self.patterns = wishes
        self._interval_s = interval_ms / 1000
        self._max_backlog_bytes = max_backlog_bytes
        self._too_slow = too_slow
        self._due = due
        self._is_due = False
        self._rows: list[Row] = []
        self._readers: dict[Connection, Reader] = {}
        self._behind: list[Reader] = []
        self._broadcaster = Broadcaster(max_backlog_bytes=max_backlog_bytes, too_slow=self._fell_behind)

    def __len__(self) -> int:
        return len(self._readers)

    def __iter__(self) -> Iterator[Reader]:
        return iter(list(self._readers.values()))

    def join(self, reader: Reader) -> None:
        """Let a reader in; what was offered before is flushed first and does not come to it."""
        self.flush()
        self._readers[reader.connection] = reader
        self._broadcaster.add(reader.connection)
        reader.place = self

    def leave(self, reader: Reader) -> None:
        """Let a reader go; what was offered before is sent to it first."""
        self.flush()
        self._remove(reader)

    def _remove(self, reader: Reader) -> None:
        self._readers.pop(reader.connection, None)
        self._broadcaster.discard(reader.connection)
        if reader.place is self:
            reader.place = None

    def offer(self, topic: str, data: bytes, *, is_lossless: bool, is_void: bool = False) -> None:
        """Take one encoded record; it goes out at the end of this turn of the loop.

        Parameters:
            is_lossless: whether no newer one makes it worth nothing. Of a topic that is conflated otherwise it is word of its
                numbers, and goes behind what waits of it.
            is_void: whether that word says that what waits counts no more.
        """
        self._rows.append((topic, data, is_lossless))
        self._become_due()

    def _become_due(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._due(self, self._interval_s)

    def flush(self) -> None:
        """Send everything that was offered to everybody, without waiting for anybody."""
        self._is_due = False
        rows, self._rows = self._rows, []
        self._send(rows)

    def _send(self, rows: list[Row]) -> None:
        if not rows:
            return
        for start, end in chunks_of(rows):
            payload = self.codec.join([data for _, data, _ in rows[start:end]])
            self._broadcaster.send_encoded(payload, is_text=not self.codec.is_binary)
            behind, self._behind = self._behind, []
            for reader in behind:
                self._remove(reader)
                self._too_slow(reader, rows[start:])

    def _fell_behind(self, connection: Connection) -> None:
        reader = self._readers.get(connection)
        if reader is not None:
            self._behind.append(reader)


class CalmGroup(Group):
    """Readers who want the newest of each topic every so often; who comes or goes meanwhile changes nothing for the others."""

    def __init__(self, wishes: Wishes, **options: Any) -> None:
        super().__init__(wishes, **options)
        self.timer: asyncio.TimerHandle | None = None
        """What flushes it; set by whoever was told that it is due."""
        self._offered = 0
        self._lossless: list[tuple[int, Row]] = []
        self._newest: dict[str, tuple[int, Row]] = {}
        self._late: dict[Reader, int] = {}
        """Readers who came while something waited -> how much had been offered then, which they have got."""

    def join(self, reader: Reader) -> None:
        """Let a reader in; what was offered before does not come to it."""
        self._readers[reader.connection] = reader
        reader.place = self
        if self._newest or self._lossless:
            self._late[reader] = self._offered
        else:
            self._broadcaster.add(reader.connection)

    def leave(self, reader: Reader) -> None:
        """Let a reader go; what waits for it is sent to it first, and to it alone."""
        rows = self._waiting(self._late.get(reader, 0))
        self._remove(reader)
        self._send_to(reader, rows)

    def _remove(self, reader: Reader) -> None:
        self._late.pop(reader, None)
        super()._remove(reader)

    def offer(self, topic: str, data: bytes, *, is_lossless: bool, is_void: bool = False) -> None:
        """Take one encoded record; it goes out at the end of the interval. See `Group.offer`."""
        self._offered += 1
        if is_lossless:
            waiting = self._newest.pop(topic, None)
            if waiting is not None and not is_void:
                self._lossless.append(waiting)
            self._lossless.append((self._offered, (topic, data, True)))
        else:
            self._newest[topic] = (self._offered, (topic, data, False))
        self._become_due()

    def _waiting(self, offered: int) -> list[Row]:
        """Return what waits and was offered after so many."""
        return [row for number, row in (*self._lossless, *self._newest.values()) if number > offered]

    def flush(self) -> None:
        """Send the newest to everybody, without waiting for anybody."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self._is_due = False
        late, self._late = self._late, {}
        rows = {reader: self._waiting(offered) for reader, offered in late.items()}
        everything = self._waiting(0)
        self._lossless, self._newest = [], {}
        self._send(everything)
        for reader in late:
            if self._send_to(reader, rows[reader]):
                self._broadcaster.add(reader.connection)

    def _send_to(self, reader: Reader, rows: list[Row]) -> bool:
        """Send something to one reader; returns whether it is still there, and fast enough."""
        connection = reader.connection
        for start, end in chunks_of(rows) if rows else ():
            if connection.write_buffer_bytes > self._max_backlog_bytes:
                self._remove(reader)
                self._too_slow(reader, rows[start:])
                return False
            payload = self.codec.join([data for _, data, _ in rows[start:end]])
            try:
                connection.send_nowait(payload if self.codec.is_binary else payload.decode())
            except ConnectionClosed:
                return False
        return True


def chunks_of(rows: list[Row]) -> list[tuple[int, int]]:
    """Return where to cut rows so that no message of several grows too large."""
    cuts, start, size = [], 0, 0
    for place, (_, data, _) in enumerate(rows):
        if size and size + len(data) > CHUNK_BYTES:
            cuts.append((start, place))
            start, size = place, 0
        size += len(data)
    return [*cuts, (start, len(rows))]


class Straggler:
    """A reader that has fallen behind.

    Parameters:
        reader: who.
        rows: what it was not sent.
        max_lossless_bytes: how much of what must not be conflated may wait for it.
        now_s: the time of the loop.
    """

    def __init__(self, reader: Reader, rows: list[Row], max_lossless_bytes: int, now_s: float) -> None:
        self.reader = reader
        self.codec, self.rights = reader.codec, reader.rights
        self.since_s = now_s
        """When it last took something."""
        self.is_lost = False
        """Whether more is waiting for it than may."""
        self._most_bytes = max_lossless_bytes
        self._waiting_bytes = reader.connection.write_buffer_bytes
        self._lossless: list[bytes] = []
        self._lossless_bytes = 0
        self._newest: dict[str, bytes] = {}
        self._count = 0
        reader.place = self
        for topic, data, is_lossless in rows:
            self.offer(topic, data, is_lossless=is_lossless)

    def offer(self, topic: str, data: bytes, *, is_lossless: bool, is_void: bool = False) -> None:
        """Keep one encoded record: all that may not be conflated, the newest of the others. See `Group.offer`."""
        if is_lossless:
            waiting = self._newest.pop(topic, None)
            kept = [data] if waiting is None or is_void else [waiting, data]
            self._lossless += kept
            self._lossless_bytes += sum(map(len, kept))
            self.is_lost = self.is_lost or self._lossless_bytes > self._most_bytes
            return
        if topic in self._newest:
            self._count += 1
            del self._newest[topic]  # so that the order is that of the newest
        self._newest[topic] = data

    def look(self, now_s: float, low_bytes: int) -> bool:
        """Note whether the reader takes anything; returns whether its socket has room again."""
        waiting = self.reader.connection.write_buffer_bytes
        if waiting < self._waiting_bytes:
            self.since_s = now_s
        self._waiting_bytes = waiting
        return waiting <= low_bytes

    def catch_up(self) -> list[bytes]:
        """Return what it has to be sent now: how much was passed over, and what was kept."""
        self.reader.conflated += self._count
        told = [self.codec.encode(Conflated(self._count))] if self._count else []
        return [*told, *self._lossless, *self._newest.values()]


async def send_all(reader: Reader, messages: list[bytes], timeout_s: float) -> None:
    """Send encoded messages to one reader, waiting for its socket as long as that takes some of them in time.

    Raises:
        TimeoutError: it takes nothing.
        ConnectionClosed: it is gone.
    """
    connection, codec = reader.connection, reader.codec
    rows = [("", data, True) for data in messages]
    for start, end in chunks_of(rows):
        payload = codec.join(messages[start:end])
        async with asyncio.timeout(timeout_s):
            if codec.is_binary:
                await connection.send(payload)
            else:
                await connection.send_text(payload)
