"""A tape through a dialect without a session: everything that it makes of the messages, as fast as they can be decoded.

For research over many days. What a session adds is left out: gaps, reconnects by its own judgement, heartbeats, back-pressure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from wsexample.tape.format import BlockMark, Kind, note_of, rows_of
from wsexample.tape.reader import Progress, Tape
from wsexample.tape.run import Plain, plain_of

__all__ = ["Decoder", "decode"]


BATCH = 128

Made = TypeVar("Made")
Made_co = TypeVar("Made_co", covariant=True)


class Result(Protocol[Made_co]):
    """What is needed of a step; see `wsexample.ports.Step`."""

    @property
    def records(self) -> Sequence[Made_co]:
        """What the dialect made of the message."""
        ...

    @property
    def phase(self) -> str | None:
        """The phase reached."""
        ...


class Decoder(Protocol[Made_co]):
    """What is needed of a dialect; see `wsexample.ports.Dialect`."""

    def start(self) -> Result[Made_co]:
        """Begin on a fresh connection."""
        ...

    def receive(self, payload: bytes, is_binary: bool, received_ns: int) -> Result[Made_co]:
        """Read one message.

        Parameters:
            payload: the bytes of the message.
            is_binary: whether it came as a binary message.
            received_ns: when it arrived, UTC epoch nanoseconds.
        """
        ...

    def subscribe(self, topics: Iterable[str]) -> Result[Made_co]:
        """Ask for topics."""
        ...


def decode(
    path: str | Path,
    dialect: Decoder[Made],
    *,
    source: int = 0,
    from_ns: int | None = None,
    to_ns: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Sequence[Made]]:
    """Yield the records of a tape in batches, in the order in which the messages came.

    Parameters:
        path: the tape.
        dialect: what reads the messages.
        source: position of the source on the tape, from 0.
        from_ns: leave out the records of what was received earlier, UTC epoch nanoseconds; it is read all the same.
        to_ns: end before this moment.
        progress: told how far it is.

    Raises:
        StorageError: the tape cannot be read.
        OptionError: no such source.
    """
    with Tape(path) as tape:
        topics = tape.topics(source)
        begin_ns = from_ns if from_ns is not None else tape.meta.from_ns
        desk = _Desk(dialect, topics, source, begin_ns, to_ns)

        def wants(mark: BlockMark) -> bool:
            return to_ns is None or mark.first_ns < to_ns

        for mark, body in tape.bodies(wants, progress):
            plain = plain_of(mark, body) if to_ns is None or mark.last_ns < to_ns else None
            yield from desk.read_plain(plain, body) if plain is not None else desk.read_entries(mark, body)


class _NoRecords:
    """Stands for a step whose records are left out."""

    records: Sequence[Any] = ()
    phase: str | None = None


_NOTHING = _NoRecords()


class _Desk(Generic[Made]):
    """Reads blocks one after the other."""

    def __init__(
        self, dialect: Decoder[Made], topics: Sequence[str], source: int, from_ns: int | None, to_ns: int | None
    ) -> None:
        self._dialect = dialect
        self._topics = topics
        self._source = source
        self._from_ns = from_ns
        self._to_ns = to_ns
        self._connection = 0
        self._has_asked = False

    def read_plain(self, plain: Plain, body: bytes) -> Iterator[Sequence[Made]]:
        """Read messages of one connection."""
        if plain.source != self._source:
            return
        self._begin(plain.connection)
        is_binary = plain.is_binary
        read: Callable[[bytes, bool, int], Result[Made]] = self._read
        if self._has_asked and (self._from_ns is None or min(plain.times) >= self._from_ns):
            read = self._dialect.receive
        # Few at a time, so that payloads and records are gone before new ones need memory.
        for at in range(0, len(plain.times), BATCH):
            records: list[Made] = []
            extend = records.extend
            for (begin, end), at_ns in zip(
                pairwise(plain.ends[at : at + BATCH + 1]), plain.times[at : at + BATCH], strict=True
            ):
                found = read(body[begin:end], is_binary, at_ns).records
                if found:
                    extend(found)
            if records:
                yield records

    def read_entries(self, mark: BlockMark, body: bytes) -> Iterator[Sequence[Made]]:
        """Read a block in which several things stand."""
        for at_ns, connection, source, kind, payload in rows_of(body, mark.count):
            if source != self._source or (self._to_ns is not None and at_ns >= self._to_ns):
                continue
            if kind < Kind.SENT_TEXT:
                self._begin(connection)
                records = self._read(payload, kind == Kind.RECEIVED_BINARY, at_ns).records
                if records:
                    yield records
            elif kind == Kind.NOTE and note_of(payload).event == "opened":
                self._begin(connection)

    def _begin(self, connection: int) -> None:
        if connection != self._connection:
            self._connection = connection
            self._has_asked = False
            self._ask_after(self._dialect.start())

    def _read(self, payload: bytes, is_binary: bool, at_ns: int) -> Result[Made]:
        """Return a step of which only the records count."""
        step = self._dialect.receive(payload, is_binary, at_ns)
        self._ask_after(step)
        return _NOTHING if self._from_ns is not None and at_ns < self._from_ns else step

    def _ask_after(self, step: Result[Made]) -> None:
        """Subscribe once the step says that it is time to."""
        if step.phase == "subscribing" and not self._has_asked:
            self._has_asked = True
            self._dialect.subscribe(self._topics)
