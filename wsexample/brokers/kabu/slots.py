"""The registration list and who fills it: fifty places, shared by everything that runs on the PC, reads included. Pure.

kabu Station says who is on the list, never why. This keeps the reason for each place as far as this program knows it, so
that room can be made without taking anything from anybody. Calls are made elsewhere; what they answer is told here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from wsexample.brokers.kabu.codes import REGISTER_LIMIT
from wsexample.brokers.kabu.messages.registry import SymbolEntry

__all__ = ["Need", "Slots", "Use"]


class Use(Enum):
    """Why an entry is on the list."""

    STREAM = "stream"
    """This program wants it pushed."""
    READ = "read"
    """This program has read it once, so that kabu Station put it on the list, or has streamed it and does no more."""
    OTHER = "other"
    """Another program, or an earlier run."""


@dataclass(frozen=True, slots=True)
class Need:
    """What it takes to have some entries pushed."""

    register: tuple[SymbolEntry, ...]
    """Entries to register, those that are pushed already included: registering again is harmless, and mends a lost list."""
    free: tuple[SymbolEntry, ...]
    """Entries to unregister first; only such as this program has read and does not stream."""
    left_out: tuple[SymbolEntry, ...]
    """Entries for which there is no room, the last ones wanted."""


class Slots:
    """What is on the registration list, as far as it is known.

    Parameters:
        limit: how many entries fit (default 50; the vendor has announced 100).
    """

    def __init__(self, limit: int = REGISTER_LIMIT) -> None:
        self.limit = limit
        self._entries: dict[SymbolEntry, Use] = {}
        self.is_known = False
        """Whether kabu Station has said the whole list since this began."""

    # -- what is known -----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, entry: object) -> bool:
        return entry in self._entries

    @property
    def entries(self) -> list[SymbolEntry]:
        """Everything on the list, in the order in which it came."""
        return list(self._entries)

    @property
    def room(self) -> int:
        """Places left; an estimate as long as the list is not known."""
        return max(self.limit - len(self._entries), 0)

    def of(self, use: Use) -> tuple[SymbolEntry, ...]:
        """Return the entries that are there for one reason, in the order in which they came."""
        return tuple(entry for entry, why in self._entries.items() if why is use)

    def describe(self) -> str:
        """Return who fills the list, for people."""
        counts = [
            f"{len(found)} {words}"
            for use, words in (
                (Use.STREAM, "streamed by this program"),
                (Use.READ, "only read by this program"),
                (Use.OTHER, "of other programs or earlier runs"),
            )
            if (found := self.of(use))
        ]
        listed = f"{len(self)} of {self.limit} places are taken"
        return f"{listed}: {', '.join(counts)}" if counts else listed

    # -- what calls have answered ------------------------------------------------------------------------------------

    def listed(self, entries: Iterable[SymbolEntry]) -> tuple[SymbolEntry, ...]:
        """Take note of the whole list as kabu Station says it; returns streamed entries that are no longer on it."""
        present = dict.fromkeys(entries)
        lost = tuple(entry for entry in self.of(Use.STREAM) if entry not in present)
        self._entries = {entry: self._entries.get(entry, Use.OTHER) for entry in present}
        self.is_known = True
        return lost

    def streamed(self, entries: Iterable[SymbolEntry]) -> None:
        """Take note that entries were registered for this program's stream."""
        self._entries.update(dict.fromkeys(entries, Use.STREAM))

    def read(self, entry: SymbolEntry) -> None:
        """Take note that an entry was read."""
        self._entries.setdefault(entry, Use.READ)

    def spared(self, entries: Iterable[SymbolEntry]) -> None:
        """Take note that this program streams some entries no more; while they are on the list they can be given up."""
        self._entries.update((entry, Use.READ) for entry in entries if entry in self._entries)

    def freed(self, entries: Iterable[SymbolEntry]) -> None:
        """Take note that entries are off the list."""
        for entry in entries:
            self._entries.pop(entry, None)

    def forget(self) -> None:
        """Know nothing any more: kabu Station was started anew, or may have been."""
        self._entries.clear()
        self.is_known = False

    # -- what to do --------------------------------------------------------------------------------------------------

    def need(self, wanted: Iterable[SymbolEntry]) -> Need:
        """Return what it takes to have entries pushed, beside those that are streamed already.

        Parameters:
            wanted: entries, the most wanted first.
        """
        unique = list(dict.fromkeys(wanted))
        new = [entry for entry in unique if entry not in self._entries]
        spare = [entry for entry in self.of(Use.READ) if entry not in unique]
        missing = max(len(new) - self.room, 0)
        free = spare[:missing]
        left_out = new[len(new) - (missing - len(free)) :] if missing > len(free) else []
        return Need(tuple(entry for entry in unique if entry not in left_out), tuple(free), tuple(left_out))

    def __repr__(self) -> str:
        return f"<Slots: {self.describe()}>"
