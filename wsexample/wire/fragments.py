"""Messages in fragments (RFC 6455 section 5.4): how they are delivered when asked for, and how they are sent."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable

__all__ = ["Fragment", "with_last"]


class Fragment(bytes):
    """The payload of one data frame, with what its header said."""

    opcode: int
    """1 for text, 2 for binary, 0 for a continuation."""
    is_last: bool
    """Whether the message ends here."""

    @classmethod
    def of(cls, payload: bytes, opcode: int, is_last: bool) -> Fragment:
        """Make one."""
        fragment = cls(payload)
        fragment.opcode = opcode
        fragment.is_last = is_last
        return fragment

    def __repr__(self) -> str:
        return f"Fragment({bytes(self)!r}, opcode={self.opcode}, is_last={self.is_last})"


async def with_last(
    parts: Iterable[str | bytes] | AsyncIterable[str | bytes],
) -> AsyncIterator[tuple[str | bytes, bool]]:
    """Yield each part with whether it is the last one; an empty series yields one empty part."""
    held: str | bytes | None = None
    async for part in _each(parts):
        if held is not None:
            yield held, False
        held = part
    yield b"" if held is None else held, True


async def _each(parts: Iterable[str | bytes] | AsyncIterable[str | bytes]) -> AsyncIterator[str | bytes]:
    if isinstance(parts, AsyncIterable):
        async for part in parts:
            yield part
    else:
        for part in parts:
            yield part
