"""New tapes of old ones: a part of one, or several in the order of time; nothing of an old one is changed.

It blocks. A message is copied as it is, with its moment.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsexample.errors import OptionError
from wsexample.tape.format import Entry, Kind, Meta, Row, Source, note_of
from wsexample.tape.reader import Progress, Tape
from wsexample.tape.writer import TapeWriter

__all__ = ["cut", "merge"]

BLOCK_BYTES = 1 << 20


def cut(
    path: str | Path,
    target: str | Path,
    *,
    from_ns: int | None = None,
    to_ns: int | None = None,
    source: int | None = None,
    codec: str = "zlib",
    replace: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write a part of a tape to a new one; returns the number of messages and notes on it.

    Of a connection that was open at ``from_ns``, what was said until it was live is kept too, so that the part can be
    understood; it is played at once. Of one of no known dialect, which is never called live, only that it was opened is kept.
    What an order book was at that moment is not on the part: it is whole again with the next snapshot.

    Parameters:
        path: the tape; a torn tail or a damaged block is left out, so that a cut without times mends a tape.
        target: the new file.
        from_ns: leave out what is earlier, UTC epoch nanoseconds.
        to_ns: leave out what is as late or later.
        source: the only source to keep, by position; None for all.
        codec: "zlib" (default) or "none".
        replace: whether ``target`` may exist.
        progress: told how far it is.

    Raises:
        OptionError: no such source or codec, times the wrong way round, or the new file is the old one.
        StorageError: a file cannot be read or written.
    """
    if from_ns is not None and to_ns is not None and from_ns >= to_ns:
        raise OptionError("the end of the part must be later than its beginning", option="to_ns")
    _refuse_same(target, [path])
    with Tape(path) as tape:
        kept = tape.sources if source is None else (tape.source(source),)
        since_ns = from_ns if from_ns is not None else tape.meta.from_ns
        meta = Meta(created_ns=tape.meta.created_ns, program=tape.meta.program, sources=kept, from_ns=since_ns)
        entries: Iterable[Entry] = tape.entries(to_ns=to_ns, progress=progress)
        if source is not None:
            entries = (entry for entry in entries if entry.source == source)
        if from_ns is not None:
            entries = _after(entries, from_ns, tape.connections_with_an_opening())
        if source is not None:
            entries = (entry._replace(source=0) for entry in entries)
        with TapeWriter(target, meta, codec=codec, mode="replace" if replace else "new") as writer:
            return _write(writer, entries)


def _after(entries: Iterable[Entry], from_ns: int, has_opening: Callable[[int, int], bool]) -> Iterator[Entry]:
    """Yield what is from a moment on, after the openings of the connections that are open then."""
    openings: dict[tuple[int, int], list[Entry]] = {}
    live: set[tuple[int, int]] = set()
    entries = iter(entries)
    for entry in entries:
        key = (entry.source, entry.connection)
        if entry.at_ns >= from_ns:
            for opening in openings.values():
                yield from opening
            yield entry
            break
        event = note_of(entry.payload).event if entry.kind == Kind.NOTE else ""
        if event in ("failed", "closed", "ended"):
            openings.pop(key, None)
        elif event == "opened":
            openings[key] = [entry]
            if has_opening(*key):
                live.discard(key)
            else:
                live.add(key)
        elif event == "subscribed" and key in openings:
            openings[key].append(entry)
        elif key not in live and key in openings:
            openings[key].append(entry)
            if event == "live":
                live.add(key)
    yield from entries


def merge(
    paths: Sequence[str | Path],
    target: str | Path,
    *,
    codec: str = "zlib",
    replace: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write several tapes to a new one, in the order of time; returns the number of messages and notes on it.

    Tapes of the same source that follow one another become one source; others stand side by side.

    Parameters:
        paths: the tapes.
        target: the new file.
        codec: "zlib" (default) or "none".
        replace: whether ``target`` may exist.
        progress: told how far it is.

    Raises:
        OptionError: no tape, no such codec, or the new file is one of the old ones.
        StorageError: a file cannot be read or written.
    """
    if not paths:
        raise OptionError("name the tapes to merge", option="paths")
    _refuse_same(target, paths)
    tapes = [Tape(path) for path in paths]
    try:
        order, sources = _plan(tapes)
        meta = Meta(
            created_ns=min(tape.meta.created_ns for tape in tapes),
            program=tapes[0].meta.program,
            sources=tuple(sources),
            from_ns=min((tape.meta.from_ns for tape in tapes if tape.meta.from_ns is not None), default=None)
            if all(tape.meta.from_ns is not None for tape in tapes)
            else None,
        )
        done = _Sum(progress, len(tapes))
        streams = [_moved(tape.entries(progress=done.part(number)), order[number]) for number, tape in enumerate(tapes)]
        # Each stream keeps its own order even where its clock was set back: `heapq.merge` takes heads only.
        with TapeWriter(target, meta, codec=codec, mode="replace" if replace else "new") as writer:
            return _write(writer, heapq.merge(*streams, key=lambda entry: entry.at_ns))
    finally:
        for tape in tapes:
            tape.close()


@dataclass(slots=True)
class _Place:
    """Where a source of an old tape is on the new one."""

    source: int
    """Its position."""
    connections: int
    """What is added to its connections' numbers."""


@dataclass(slots=True)
class _Seat:
    """A source of the new tape while it is planned."""

    last_ns: int
    last_connection: int


def _plan(tapes: Sequence[Tape]) -> tuple[list[list[_Place]], list[Source]]:
    """Say where each source of each tape goes."""
    spans = []
    for number, tape in enumerate(tapes):
        marks = [mark for _, mark in tape.marks()]
        first_ns = min((mark.first_ns for mark in marks), default=0)
        last_ns = max((mark.last_ns for mark in marks), default=0)
        spans.append((first_ns, number, last_ns, max((mark.last_connection for mark in marks), default=0)))
    order: list[list[_Place]] = [[] for _ in tapes]
    sources: list[Source] = []
    seats: list[_Seat] = []
    for first_ns, number, last_ns, last_connection in sorted(spans):
        for source in tapes[number].sources:
            taken = {place.source for place in order[number]}
            seat = next(
                (
                    at
                    for at, one in enumerate(sources)
                    if at not in taken and _is_same(one, source) and seats[at].last_ns < first_ns
                ),
                None,
            )
            if seat is None:
                sources.append(source)
                seats.append(_Seat(last_ns, last_connection))
                order[number].append(_Place(len(sources) - 1, 0))
            else:
                order[number].append(_Place(seat, seats[seat].last_connection))
                seats[seat] = _Seat(last_ns, seats[seat].last_connection + last_connection)
    return order, sources


def _is_same(one: Source, other: Source) -> bool:
    return (one.venue, one.dialect, one.url, one.settings) == (other.venue, other.dialect, other.url, other.settings)


def _moved(entries: Iterable[Entry], places: Sequence[_Place]) -> Iterator[Entry]:
    for at_ns, connection, source, kind, payload in entries:
        if source < len(places):
            place = places[source]
            yield Entry(at_ns, connection + place.connections, place.source, kind, payload)


class _Sum:
    """Adds up the progress of several files."""

    def __init__(self, progress: Progress | None, parts: int) -> None:
        self._progress = progress
        self._done = [(0, 0)] * parts

    def part(self, number: int) -> Progress | None:
        """Return what one file tells its progress."""
        if self._progress is None:
            return None

        def told(done: int, total: int) -> None:
            self._done[number] = (done, total)
            assert self._progress is not None
            self._progress(sum(one for one, _ in self._done), sum(all_of for _, all_of in self._done))

        return told


def _write(writer: TapeWriter, entries: Iterable[Entry]) -> int:
    """Write entries in blocks; returns how many."""
    rows: list[Row] = []
    size = count = 0
    for entry in entries:
        rows.append(entry)
        size += len(entry.payload)
        if size >= BLOCK_BYTES or len(rows) >= 20_000:
            writer.write(rows)
            count += len(rows)
            rows, size = [], 0
    writer.write(rows)
    return count + len(rows)


def _refuse_same(target: str | Path, paths: Iterable[str | Path]) -> None:
    for path in paths:
        if Path(target).exists() and Path(path).exists() and Path(target).samefile(path):
            raise OptionError(f"{target} cannot be written while it is read; name another file", option="target")
