"""Reading tape files: entries in the order in which they were written, from and to a moment, and what a tape holds.

It blocks. What cannot be read is reported with its place, not raised: a torn tail ends the tape, a damaged block is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from wsexample.errors import OptionError, StateError, StorageError
from wsexample.tape.format import (
    CODECS,
    HEAD_BYTES,
    MARK,
    MARK_BYTES,
    BlockMark,
    Entry,
    Kind,
    Meta,
    Source,
    heads_of,
    is_whole,
    note_of,
    rows_of,
    unpack_block,
    unpack_head,
    unpack_mark,
    unpack_meta,
)

__all__ = ["Damage", "Progress", "SourceInfo", "Tape", "TapeInfo"]

Progress = Callable[[int, int], None]
"""Told how many bytes of how many are done."""

_SEARCH_BYTES = 1 << 20
_PATIENCE = 2
"""How many times its own length may be read of a tape in search of whole blocks behind damage."""
_LISTED = 100


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of a tape that could not be read."""

    offset: int
    """Where it begins, bytes from the beginning of the file."""
    size_bytes: int
    """How long it is."""
    what: str
    """"torn": the end is no whole block; "damaged": no block, or one that is not as it was written; or what is wrong with it."""


@dataclass(slots=True)
class SourceInfo:
    """What a tape holds of one source."""

    source: Source
    """Whose traffic it is."""
    received: int = 0
    """Messages received."""
    received_bytes: int = 0
    """Their payloads."""
    sent: int = 0
    """Messages sent."""
    sent_bytes: int = 0
    """Their payloads."""
    connections: set[int] = field(default_factory=set)
    """Numbers of the connections that carried something."""
    breaks: int = 0
    """Connections that failed."""
    gaps: int = 0
    """Gaps told by the session."""
    topics: set[str] = field(default_factory=set)
    """Topics subscribed to, at some time."""


@dataclass(slots=True)
class TapeInfo:
    """What a tape holds."""

    path: str
    """The file."""
    size_bytes: int
    """Its length."""
    raw_bytes: int
    """Length of all blocks before compression."""
    blocks: int
    """Blocks in it."""
    entries: int
    """Messages and notes in it."""
    first_ns: int | None
    """Earliest moment on it; None for an empty tape."""
    last_ns: int | None
    """Latest moment on it."""
    sources: list[SourceInfo]
    """What it holds of each source."""
    torn_bytes: int
    """Bytes at its end that are no whole block."""
    damaged_bytes: int
    """Bytes before that, which could not be read and were passed over."""
    damage: list[Damage] = field(default_factory=list)
    """Where both are, the first hundred stretches."""


class Tape:
    """A tape to read; it may still be written to meanwhile.

    Parameters:
        path: the file.

    Raises:
        StorageError: there is no such file, or it is no tape.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.torn_bytes = 0
        """Bytes at the end that are no whole block; known once the end was reached."""
        self.damaged_bytes = 0
        """Bytes before that, which were passed over; counted while reading."""
        self.damage: list[Damage] = []
        """Where both are, the first hundred stretches."""
        try:
            self._file: BinaryIO | None = self.path.open("rb")
        except OSError as error:
            raise StorageError(f"{self.path} cannot be read: {error.strerror}", url=str(self.path)) from None
        try:
            size, checksum = unpack_head(self._file.read(HEAD_BYTES))
            self.meta: Meta = unpack_meta(self._file.read(size), checksum)
        except StorageError as error:
            self._file.close()
            raise StorageError(f"{self.path}: {error}", url=str(self.path)) from None
        except OSError as error:
            self._file.close()
            raise StorageError(f"{self.path} cannot be read: {error.strerror}", url=str(self.path)) from None
        self._begin = HEAD_BYTES + size
        self._spent_bytes = 0
        self.end = self._begin
        """Where the last whole block that was read ends."""

    @property
    def sources(self) -> tuple[Source, ...]:
        """Whose traffic the tape holds."""
        return self.meta.sources

    def source(self, number: int) -> Source:
        """Return a source; raises `OptionError` when there is none of this number."""
        if not 0 <= number < len(self.sources):
            raise OptionError(f"{self.path} has no source {number}; it has {len(self.sources)}", option="source")
        return self.sources[number]

    # -- blocks --------------------------------------------------------------------------------------------------

    def marks(self, progress: Progress | None = None) -> Iterator[tuple[int, BlockMark]]:
        """Yield where each whole block begins, and its mark; the payload of the last ones alone is checked."""
        for position, mark, _ in self._blocks(lambda mark: False, progress):
            yield position, mark

    def bodies(
        self, wants: Callable[[BlockMark], bool], progress: Progress | None = None
    ) -> Generator[tuple[BlockMark, bytes], None, None]:
        """Yield the wanted blocks, checked and decompressed."""
        for position, mark, stored in self._blocks(wants, progress):
            if stored is None:
                continue
            try:
                body = unpack_block(mark, stored)
            except StorageError as error:
                if mark.codec >= len(CODECS):
                    raise StorageError(f"{self.path}: {error}", url=str(self.path)) from None
                self.damaged_bytes += MARK_BYTES + mark.stored_bytes
                self._list(position, MARK_BYTES + mark.stored_bytes, str(error))
                continue
            yield mark, body

    def _blocks(
        self, wants: Callable[[BlockMark], bool], progress: Progress | None
    ) -> Iterator[tuple[int, BlockMark, bytes | None]]:
        file = self._opened()
        position, self.torn_bytes, self.damaged_bytes = self._begin, 0, 0
        self.damage.clear()
        self._spent_bytes = 0
        self.end = position
        while True:
            total = self._size()
            if position >= total:
                break
            file.seek(position)
            head = file.read(MARK_BYTES)
            mark = unpack_mark(head)
            left_bytes = total - position - MARK_BYTES
            if mark is not None and mark.stored_bytes > left_bytes:
                mark = None
            # A block that reaches the end of the file is read in any case: it may be the one that a crash has torn.
            reaches_end = mark is not None and mark.stored_bytes == left_bytes
            stored: bytes | None = None
            if mark is not None and (reaches_end or wants(mark) or not self._is_mark_at(position, mark)):
                stored = file.read(mark.stored_bytes)
                if not is_whole(head, stored, mark.checksum):
                    mark = None
            if mark is None:
                found = self._find_block(position + 1, total)
                if found is None:
                    self.torn_bytes = total - position
                    self._list(position, self.torn_bytes, "torn")
                    break
                self.damaged_bytes += found - position
                self._list(position, found - position, "damaged")
                position = found
                continue
            yield position, mark, stored if wants(mark) else None
            position += MARK_BYTES + mark.stored_bytes
            self.end = position
            if progress is not None:
                progress(position, total)
        if progress is not None:
            progress(total, total)

    def _is_mark_at(self, position: int, mark: BlockMark) -> bool:
        """Whether another block follows this one; where none does, its length may be what is damaged."""
        file = self._opened()
        file.seek(position + MARK_BYTES + mark.stored_bytes)
        follows = file.read(len(MARK)) == MARK
        file.seek(position + MARK_BYTES)
        return follows

    def _find_block(self, position: int, total: int) -> int | None:
        """Return where the next whole block begins, None when there is none, or when too much looks like one."""
        file = self._opened()
        while position < total:
            file.seek(position)
            piece = file.read(_SEARCH_BYTES + MARK_BYTES)
            at = piece.find(MARK)
            while 0 <= at < _SEARCH_BYTES:
                head = piece[at : at + MARK_BYTES]
                mark = unpack_mark(head)
                if mark is not None and position + at + MARK_BYTES + mark.stored_bytes <= total:
                    file.seek(position + at + MARK_BYTES)
                    if is_whole(head, file.read(mark.stored_bytes), mark.checksum):
                        return position + at
                    self._spent_bytes += mark.stored_bytes
                    if self._spent_bytes > _PATIENCE * total:
                        return None
                at = piece.find(MARK, at + 1)
            position += _SEARCH_BYTES
        return None

    def _list(self, offset: int, size_bytes: int, what: str) -> None:
        if len(self.damage) < _LISTED:
            self.damage.append(Damage(offset, size_bytes, what))

    def _size(self) -> int:
        file = self._opened()
        return file.seek(0, 2)

    # -- entries -------------------------------------------------------------------------------------------------

    def entries(
        self, *, from_ns: int | None = None, to_ns: int | None = None, progress: Progress | None = None
    ) -> Iterator[Entry]:
        """Yield messages and notes in the order in which they were written.

        Parameters:
            from_ns: leave out what is earlier, UTC epoch nanoseconds.
            to_ns: leave out what is as late or later.
            progress: told how far it is.
        """

        def wants(mark: BlockMark) -> bool:
            return (from_ns is None or mark.last_ns >= from_ns) and (to_ns is None or mark.first_ns < to_ns)

        for mark, body in self.bodies(wants, progress):
            if (from_ns is None or mark.first_ns >= from_ns) and (to_ns is None or mark.last_ns < to_ns):
                yield from rows_of(body, mark.count)
            else:
                for entry in rows_of(body, mark.count):
                    if (from_ns is None or entry.at_ns >= from_ns) and (to_ns is None or entry.at_ns < to_ns):
                        yield entry

    def first_ns(self) -> int | None:
        """Return the moment of the first entry; None for an empty tape."""
        return next((entry.at_ns for entry in self.entries()), None)

    def span_ns(self) -> tuple[int, int]:
        """Return the earliest and the latest moment on the tape, by the marks of its blocks; zeros for an empty one."""
        marks = [mark for _, mark in self.marks()]
        return min((mark.first_ns for mark in marks), default=0), max((mark.last_ns for mark in marks), default=0)

    def topics(self, source: int = 0) -> tuple[str, ...]:
        """Return what a source was subscribed to at some time, in the order in which it was."""
        found = dict.fromkeys(self.source(source).topics)
        for mark, body in self.bodies(lambda mark: mark.has_notes):
            for entry in rows_of(body, mark.count):
                if entry.kind == Kind.NOTE and entry.source == source:
                    note = note_of(entry.payload)
                    if note.event == "subscribed":
                        found.update(dict.fromkeys(note.topics))
        return tuple(found)

    def connections_with_an_opening(self) -> Callable[[int, int], bool]:
        """Return what says of a source and a connection whether there is something that must be said before it is of use.

        A connection of no known dialect that no note calls live, such as one of `wseclient`, was of use from the beginning.
        """
        live = {
            (entry.source, entry.connection)
            for mark, body in self.bodies(lambda mark: mark.has_notes)
            for entry in rows_of(body, mark.count)
            if entry.kind == Kind.NOTE and note_of(entry.payload).event == "live"
        }
        spoken = {number for number, source in enumerate(self.sources) if source.dialect}
        return lambda source, connection: source in spoken or (source, connection) in live

    def info(self, progress: Progress | None = None) -> TapeInfo:
        """Count what is on the tape."""
        sources = [SourceInfo(source) for source in self.sources]
        blocks = entries = raw_bytes = 0
        first_ns = last_ns = None
        for mark, body in self.bodies(lambda mark: True, progress):
            blocks += 1
            entries += mark.count
            raw_bytes += mark.raw_bytes
            first_ns = mark.first_ns if first_ns is None else min(first_ns, mark.first_ns)
            last_ns = mark.last_ns if last_ns is None else max(last_ns, mark.last_ns)
            _count(sources, mark, body)
        return TapeInfo(
            path=str(self.path),
            size_bytes=self._size(),
            raw_bytes=raw_bytes,
            blocks=blocks,
            entries=entries,
            first_ns=first_ns,
            last_ns=last_ns,
            sources=sources,
            torn_bytes=self.torn_bytes,
            damaged_bytes=self.damaged_bytes,
            damage=list(self.damage),
        )

    # -- the end -------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the file; twice is harmless."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise StateError(f"the tape {self.path} is closed")
        return self._file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Tape {self.path}, {len(self.sources)} sources>"


def _count(sources: list[SourceInfo], mark: BlockMark, body: bytes) -> None:
    """Count the entries of a block into what is known of their sources."""
    _, lengths, connections, numbers, kinds = heads_of(body, mark.count)
    for size, connection, source, kind in zip(lengths, connections, numbers, kinds, strict=True):
        if source < len(sources) and kind < Kind.NOTE:
            info = sources[source]
            info.connections.add(connection)
            if kind < Kind.SENT_TEXT:
                info.received += 1
                info.received_bytes += size
            else:
                info.sent += 1
                info.sent_bytes += size
    if not mark.has_notes:
        return
    for entry in rows_of(body, mark.count):
        if entry.kind == Kind.NOTE and entry.source < len(sources):
            info, note = sources[entry.source], note_of(entry.payload)
            if note.event == "opened":
                info.connections.add(entry.connection)
            info.breaks += note.event == "failed"
            info.gaps += note.event == "gap"
            if note.event == "subscribed":
                info.topics.update(note.topics)
