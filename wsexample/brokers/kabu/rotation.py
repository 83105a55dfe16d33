"""Watching more symbols than fit on the registration list: a window that moves over them, a few at a time. Pure.

Each symbol stays for the same time and comes back after the same time; those that are pinned always stay. What it takes
to move the window (calls, snapshots of those that come in, gaps of those that were out) is the client's matter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from wsexample.brokers.kabu.messages.registry import SymbolEntry
from wsexample.errors import OptionError

__all__ = ["Rotation", "Turn"]

STEP = 5
"""How many entries are exchanged at a time: few enough that their snapshots take half a second."""
MIN_TURN_S = 2.0
"""A turn makes three registration calls and a read for each entry that comes in, out of ten calls a second that all
programs share: the rotation leaves them more than half."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One move of the window."""

    leaving: tuple[SymbolEntry, ...]
    """Entries that leave."""
    entering: tuple[SymbolEntry, ...]
    """Entries that come in, as many."""


class Rotation:
    """A watch list and the part of it that is streamed now.

    Parameters:
        entries: the whole watch list.
        places: how many can be streamed at once.
        pinned: entries that always are; part of the list or not.
        dwell_s: how long each of the others stays, seconds; longer where turns would follow each other too fast, which
            with fifty places means 20 s at least.
        step: how many are exchanged at a time (default 5).

    Raises:
        OptionError: the numbers leave nothing to rotate with.
    """

    def __init__(
        self,
        entries: Iterable[SymbolEntry],
        places: int,
        *,
        pinned: Iterable[SymbolEntry] = (),
        dwell_s: float = 20.0,
        step: int = STEP,
    ) -> None:
        self.pinned = tuple(dict.fromkeys(pinned))
        """Entries that always stay."""
        waiting = [entry for entry in dict.fromkeys(entries) if entry not in self.pinned]
        if dwell_s <= 0:
            raise OptionError(f"dwell_s must be more than zero, not {dwell_s!r}", option="dwell_s")
        if len(self.pinned) >= places and waiting:
            raise OptionError(
                f"{len(self.pinned)} pinned symbols leave no place of {places} to rotate with", option="pinned"
            )
        self._dwell_s = dwell_s
        self._step = step
        self._present: deque[SymbolEntry] = deque()
        self._waiting: deque[SymbolEntry] = deque(waiting)
        self.resize(places)

    @property
    def entries(self) -> tuple[SymbolEntry, ...]:
        """The whole watch list."""
        return (*self.pinned, *self._present, *self._waiting)

    @property
    def present(self) -> tuple[SymbolEntry, ...]:
        """What is streamed now: the pinned entries, then the others, the next to leave first."""
        return (*self.pinned, *self._present)

    @property
    def waiting(self) -> tuple[SymbolEntry, ...]:
        """What is not, the next to come first."""
        return tuple(self._waiting)

    @property
    def is_needed(self) -> bool:
        """Whether there is more than fits."""
        return bool(self._waiting)

    @property
    def step(self) -> int:
        """How many are exchanged in a turn."""
        return max(min(self._step, len(self._present), len(self._waiting)), 1)

    @property
    def interval_s(self) -> float:
        """Seconds from one turn to the next, so that each entry stays for the time wanted."""
        return max(self._dwell_s * self.step / max(len(self._present), 1), MIN_TURN_S)

    @property
    def cycle_s(self) -> float:
        """Seconds until everything was streamed once."""
        return self.interval_s * (len(self._present) + len(self._waiting)) / self.step

    def turn(self) -> Turn:
        """Move the window."""
        count = self.step if self._waiting else 0
        leaving = tuple(self._present.popleft() for _ in range(count))
        entering = tuple(self._waiting.popleft() for _ in range(count))
        self._present.extend(entering)
        self._waiting.extend(leaving)
        return Turn(leaving, entering)

    def add(self, entries: Iterable[SymbolEntry]) -> None:
        """Watch more; they are the next to come."""
        known = set(self.entries)
        self._waiting.extendleft(reversed([entry for entry in dict.fromkeys(entries) if entry not in known]))
        self.resize(self.places)

    def drop(self, entry: SymbolEntry) -> None:
        """Watch an entry no more."""
        for part in (self._present, self._waiting):
            if entry in part:
                part.remove(entry)
        self.pinned = tuple(pinned for pinned in self.pinned if pinned != entry)
        self.resize(self.places)

    def resize(self, places: int) -> None:
        """Do with fewer places, for other programs have taken some, or take those that are free again.

        The newest leave first, and are the next to come. The pinned entries and one other keep their place.
        """
        self.places = places
        """How many can be streamed at once."""
        room = max(places - len(self.pinned), 1)
        while len(self._present) > room:
            self._waiting.appendleft(self._present.pop())
        while len(self._present) < room and self._waiting:
            self._present.append(self._waiting.popleft())

    def __repr__(self) -> str:
        return (
            f"<Rotation: {len(self.present)} of {len(self.present) + len(self._waiting)}, {self.cycle_s:.0f} s around>"
        )
