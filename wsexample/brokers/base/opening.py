"""How connections of HTTP calls are opened: as those of the wire, so that whoever is cancelled meanwhile leaves nothing behind.

aiohttp connects a socket and hands it to the loop, and uvloop is left with a number that is closed twice where the call is
cancelled, or late, between the two: the second time it may be another connection's.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from wsexample.wire.handover import hand_over

if TYPE_CHECKING:
    from aiohttp import TCPConnector

__all__ = ["hands_over"]


class _Loop:
    """An event loop, but that sockets go over to it for good; everything else is the loop's own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def create_connection(self, *arguments: Any, sock: Any = None, **options: Any) -> tuple[Any, Any]:
        opening = self._loop.create_connection(*arguments, sock=sock, **options)
        return await (opening if sock is None else hand_over(sock, opening))


class _Seen:
    """A connector as its own method of opening sees it: with that loop. Everything else of it keeps the real one."""

    def __init__(self, connector: TCPConnector) -> None:
        self._connector = connector
        self._loop = _Loop(connector._loop)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)


def hands_over(connector: TCPConnector) -> None:
    """Let a connector open its connections so.

    Parameters:
        connector: one that a session has already; what its method of opening is called is not for others to say, a test
            watches it.
    """
    opens: Any = type(connector)._wrap_create_connection
    connector._wrap_create_connection = partial(opens, _Seen(connector))  # type: ignore[method-assign]
