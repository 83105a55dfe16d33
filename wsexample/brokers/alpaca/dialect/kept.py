"""What could not be read, counted and kept, so that nothing disappears silently and a decoder can be mended later."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

__all__ = ["Kept", "Remainder"]

_KEPT_BYTES = 4096
_NAME_CHARACTERS = 100
_REASON_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Kept:
    """A message that no record was made of."""

    received_ns: int
    """When it was received, UTC epoch nanoseconds."""
    payload: bytes
    """Its first 4096 bytes."""
    reason: str
    """Why."""


class Remainder:
    """Messages that this version does not know or cannot read.

    Parameters:
        keep: how many are kept, the newest (default 32).
    """

    def __init__(self, keep: int = 32) -> None:
        self.unreadable = 0
        """Messages that are damaged, or have a field of another type than described."""
        self.unknown: Counter[str] = Counter()
        """Messages of a type, an event or a status that is not known, by its name; those with a known shape became
        records all the same."""
        self.kept: deque[Kept] = deque(maxlen=keep)
        """The newest of both."""

    def note_unreadable(self, payload: bytes, received_ns: int, reason: str) -> None:
        """Count and keep what could not be read."""
        self.unreadable += 1
        self.kept.append(Kept(received_ns, bytes(payload[:_KEPT_BYTES]), reason[:_REASON_CHARACTERS]))

    def note_unknown(self, name: str, payload: bytes, received_ns: int) -> None:
        """Count and keep what has a name that is not known."""
        name = name[:_NAME_CHARACTERS]
        if name in self.unknown or len(self.unknown) < 1000:  # names come from outside: no end of them may fill memory
            self.unknown[name] += 1
        self.kept.append(Kept(received_ns, bytes(payload[:_KEPT_BYTES]), f"{name} is not known"))
