"""What a peer still sends after its connection was failed: passed over frame by frame, unlooked at, but for its close frame.

Pure. RFC 6455 section 7.1.7 has nothing of it processed; the peer's close frame tells that it has understood.
"""

from __future__ import annotations

__all__ = ["Remainder"]


class Remainder:
    """The bytes behind a failure.

    Parameters:
        skip: payload bytes that the frame which was being read still lacks.
    """

    __slots__ = ("_kept", "_skip")

    def __init__(self, skip: int) -> None:
        self._skip = skip
        self._kept = b""

    def close_frame_in(self, data: bytes) -> bytes | None:
        """Pass over bytes; returns the peer's close frame as it came, None while it has not come."""
        if self._skip >= len(data):
            self._skip -= len(data)
            return None
        data = self._kept + data[self._skip :]  # nothing is kept while a payload is passed over
        self._skip, self._kept = 0, b""
        at, end = 0, len(data)
        while end - at >= 2:
            size = data[at + 1] & 0x7F
            wide = 2 if size == 126 else 8 if size == 127 else 0
            start = at + 2 + wide + (4 if data[at + 1] & 0x80 else 0)
            if start > end:
                break
            if wide:
                size = int.from_bytes(data[at + 2 : at + 2 + wide], "big")
            stop = start + size
            if data[at] & 0x0F == 8 and not wide:
                if stop > end:
                    break
                self._kept = data[stop:]
                return data[at:stop]
            if stop > end:
                self._skip = stop - end
                return None
            at = stop
        self._kept = data[at:]
        return None
