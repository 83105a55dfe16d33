"""A connected socket goes over to the event loop for good; whoever is cancelled meanwhile leaves it closed, and closed once.

A loop takes the socket's number first and the socket a turn or two later. Cancelled between the two, uvloop closes the number
and leaves a socket behind whose closing fails, or hits whatever has that number by then; asyncio goes on watching the number
where TLS had not begun. So a cancellation waits those few turns, in which nothing depends on the peer.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

__all__ = ["hand_over"]

TURNS = 4
"""Turns of the loop after which it has the socket; uvloop needs three."""


async def hand_over(sock: socket.socket, opening: Coroutine[Any, Any, tuple[Any, Any]]) -> tuple[Any, Any]:
    """Wait until the loop has made a connection of a socket; returns its transport and its protocol.

    Parameters:
        sock: connected; closed when there will be no connection.
        opening: the loop's ``create_connection`` or ``create_unix_connection`` with that socket.

    Raises:
        OSError, TimeoutError: what the loop raises when TLS does not come about.
    """

    def let_go(done: asyncio.Task[tuple[Any, Any]]) -> None:
        if done.cancelled() or done.exception() is not None:
            sock.close()
        else:
            done.result()[0].abort()  # it came too late: nobody else knows the transport

    task = asyncio.ensure_future(opening)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.add_done_callback(let_go)
        try:
            for _ in range(TURNS):
                await asyncio.sleep(0)
        finally:
            task.cancel()
        await asyncio.wait({task})
        raise
    if task.cancelled() or task.exception() is not None:
        sock.close()
    return task.result()
