"""What differs between transports as far as the lane must know: asyncio's and uvloop's, and one that is gone."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["BufferedPort", "Nobody", "is_closing", "is_uvloops", "socket_of"]


class Nobody(asyncio.Transport):
    """Stands for a transport that is gone while what it has read is still delivered: whatever is written is dropped."""

    def write(self, data: Any) -> None:
        return None

    def is_closing(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        return None

    resume_reading = close = abort = pause_reading


class BufferedPort:
    """Stands for the protocol towards uvloop, which lends no buffer to what is also an `asyncio.Protocol`."""

    __slots__ = (
        "__weakref__",
        "buffer_updated",
        "connection_lost",
        "connection_made",
        "data_received",
        "eof_received",
        "get_buffer",
        "pause_writing",
        "resume_writing",
    )

    def __init__(self, protocol: Any) -> None:
        for name in self.__slots__[1:]:
            setattr(self, name, getattr(protocol, name))


def is_closing(transport: Any) -> bool:
    """Tell whether a transport says that it is closing; what stands for one in a program's tests says nothing, or anything."""
    ask = getattr(transport, "is_closing", None)
    return ask is not None and ask() is True


def is_uvloops(transport: Any) -> bool:
    """Tell whether a transport is one of uvloop's."""
    return type(transport).__module__.startswith("uvloop.")


def socket_of(transport: Any) -> tuple[int, bool]:
    """Return the socket that may be written to directly, and whether its transport must be asked before each write.

    asyncio closes a socket only after `connection_lost`; uvloop may do so before, when the number could be another's.
    """
    home = type(transport).__module__
    if home not in ("asyncio.selector_events", "uvloop.loop") or transport.get_extra_info("ssl_object") is not None:
        return -1, False
    sock = transport.get_extra_info("socket")
    return (sock.fileno() if sock is not None else -1), home != "asyncio.selector_events"
