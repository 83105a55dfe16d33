"""Tapes played as sessions for a command: records of every source as one stream, in the order of time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from wsexample.cli.tapes.options import span_ns
from wsexample.cli.tapes.sources import dialect_of
from wsexample.errors import OptionError
from wsexample.records.market import Record
from wsexample.session.session import Session
from wsexample.tape.order import as_they_come, in_time_order
from wsexample.tape.player import Player
from wsexample.tape.reader import Tape

__all__ = ["Playing", "play"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Playing:
    """How tapes are played."""

    speed: float | None = None
    """1 for the recorded pace, None for as fast as possible."""
    max_pause_s: float | None = None
    """Longest recorded pause that is kept, seconds; None for any."""
    since: str | None = None
    """Where to begin, as typed."""
    until: str | None = None
    """Where to end, as typed."""
    source: int | None = None
    """The only source of each tape to play; None for all."""


async def play(
    paths: Sequence[str], playing: Playing, progress: Callable[[int, int], None] | None = None
) -> AsyncIterator[Sequence[Record]]:
    """Yield records of tapes in batches.

    Parameters:
        paths: the tapes.
        playing: how.
        progress: told how much of all recorded time is played, as (nanoseconds, of how many).

    Raises:
        OptionError: a tape does not say its dialect, or a moment cannot be read.
        StorageError: a tape cannot be read.
    """
    async with AsyncExitStack() as stack:
        sessions: list[Session] = []
        spans = _Spans(progress)
        streams = []
        for path in paths:
            with Tape(path) as tape:
                from_ns, to_ns = span_ns(tape, playing.since, playing.until)
                numbers = range(len(tape.sources)) if playing.source is None else [playing.source]
                first_ns, last_ns = tape.span_ns()
                spoken = [number for number in numbers if tape.source(number).dialect or playing.source is not None]
                if not spoken:
                    raise OptionError(f"{path} holds raw messages of no known dialect; see tape export", option="tape")
            for number in spoken:
                player = stack.enter_context(
                    Player(
                        path,
                        source=number,
                        speed=playing.speed,
                        max_pause_s=playing.max_pause_s,
                        from_ns=from_ns,
                        to_ns=to_ns,
                        progress=spans.part(first_ns, last_ns) if progress is not None else None,
                    )
                )
                session = Session(dialect_of(player.source), player.topics, dial=player.dial, clock=player.clock)
                sessions.append(session)
                stack.push_async_callback(session.close)
                session.start()
                streams.append(_from(session.batches(), player.from_ns))
        joined = in_time_order(streams, _at_ns) if playing.speed is None else as_they_come(streams)
        async for batch in joined:
            yield batch


def _at_ns(record: Record) -> int:
    return record.received_ns


async def _from(batches: AsyncIterator[Sequence[Record]], from_ns: int | None) -> AsyncIterator[Sequence[Record]]:
    """Leave out what is earlier than a moment."""
    has_begun = from_ns is None
    async for batch in batches:
        if not has_begun:
            assert from_ns is not None
            batch = [record for record in batch if record.received_ns >= from_ns]
            has_begun = bool(batch)
        if batch:
            yield batch


class _Spans:
    """Adds up how much of the recorded time of several sources is played."""

    def __init__(self, progress: Callable[[int, int], None] | None) -> None:
        self._progress = progress
        self._done: list[int] = []
        self._total = 0

    def part(self, first_ns: int, last_ns: int) -> Callable[[int, int], None]:
        """Return what one player tells its progress."""
        at = len(self._done)
        self._done.append(0)
        self._total += max(last_ns - first_ns, 1)

        def told(at_ns: int, messages: int) -> None:
            self._done[at] = at_ns - first_ns
            assert self._progress is not None
            self._progress(sum(self._done), self._total)

        return told
