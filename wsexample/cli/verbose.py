"""What is shown of a connection besides its messages: handshakes, opcodes, frames, pings and pongs, close codes.

It looks through the wire's trace, so secrets are masked and control characters escaped as there.
"""

from __future__ import annotations

from collections.abc import Callable

from wsexample.wire.trace import OPCODES, Trace, Tracer

__all__ = ["VerboseTrace"]


class VerboseTrace(Trace):
    """A trace that shows as much as was asked for.

    Parameters:
        level: 1 shows handshakes, 2 also what kind of frames pass and how long they are, 3 also what is in them.
        is_hex: whether payloads are shown as a hex dump.
        write: gets each line.
    """

    def __init__(self, level: int, *, is_hex: bool = False, write: Callable[[str], None] | None = None) -> None:
        super().__init__(write, as_hex=is_hex)
        self._level = level

    def begin(self) -> Tracer:
        """Return the tracer of one more connection."""
        return Tracer(self, next(self._numbers)) if self._level >= 3 else _Selective(self, next(self._numbers))

    @property
    def shows_kinds(self) -> bool:
        """Whether the kind and length of each frame is shown."""
        return self._level >= 2


class _Selective(Tracer):
    """Passes on steps and handshakes, and of frames at most their kind and length."""

    __slots__ = ("_wish",)

    def __init__(self, wish: VerboseTrace, number: int) -> None:
        super().__init__(wish, number)
        self._wish = wish

    def frame(self, mark: str, opcode: int, fin: bool, rsv: int, payload: bytes) -> None:
        """Show the kind and length of a frame."""
        if self._wish.shows_kinds:
            name = OPCODES.get(opcode, f"OPCODE {opcode}")
            self._wish.say(self._number, mark, f"{name}{'' if fin else ' fin=0'} {len(payload)}")
