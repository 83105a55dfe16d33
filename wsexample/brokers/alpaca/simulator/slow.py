"""What becomes of a client that does not read: it is dropped, and the simulator says so."""

from __future__ import annotations

import logging

from wsexample.wire.server import ServerConnection

__all__ = ["send_or_drop"]

log = logging.getLogger("wsexample.alpaca.simulator")


def send_or_drop(connection: ServerConnection, message: str | bytes, most_bytes: int) -> None:
    """Send a message without waiting, unless the client is over or so far behind that it is dropped.

    Parameters:
        connection: the client's.
        message: a text or a binary message.
        most_bytes: how much may wait for it.
    """
    if not connection.is_open:
        return
    waiting = connection.write_buffer_bytes
    if waiting > most_bytes:
        log.warning("%s does not read: dropped with %d bytes waiting", connection.peer, waiting)
        connection.abort()
        return
    connection.send_nowait(message)
