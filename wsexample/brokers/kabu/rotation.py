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

MIN_TURN_S = 1.0
"""A turn makes two registration calls and a read for each entry that comes in, out of ten calls a second for all programs."""


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
        dwell_s: how long each of the others stays, seconds; longer where turns would follow each other too fast.
        step: how many are exchanged at a time (default 5: few enough that their snapshots take half a second).

    Raises:
        OptionError: the numbers leave nothing to rotate with.
    """

    def __init__(
        self,
        entries: Iterable[SymbolEntry],
        places: int,
        *,
        pinned: Iterable[SymbolEntry] = (),
        dwell_s: float = 10.0,
        step: int = 5,
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
        self._places = places - len(self.pinned)
        self._dwell_s = dwell_s
        self._step = step
        self._present: deque[SymbolEntry] = deque(waiting[: self._places])
        self._waiting: deque[SymbolEntry] = deque(waiting[self._places :])

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

    def drop(self, entry: SymbolEntry) -> None:
        """Watch an entry no more, for kabu Station does not know it."""
        for part in (self._present, self._waiting):
            if entry in part:
                part.remove(entry)
        self.pinned = tuple(pinned for pinned in self.pinned if pinned != entry)

    def shrink(self, count: int) -> tuple[SymbolEntry, ...]:
        """Do with fewer places, for other programs have taken some; returns the entries that leave."""
        count = min(count, max(len(self._present) - 1, 0))
        leaving = tuple(self._present.pop() for _ in range(count))
        self._waiting.extendleft(leaving)
        return leaving

    def __repr__(self) -> str:
        return (
            f"<Rotation: {len(self.present)} of {len(self.present) + len(self._waiting)}, {self.cycle_s:.0f} s around>"
        )
