"""The push socket: one listener at a time, boards as text frames, empty Pongs, and no patience with slow readers.

What to push, and when, is decided elsewhere; this file owns the connection.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from wsexample.brokers.base.backlog import Backlog
from wsexample.brokers.base.facts import Facts
from wsexample.brokers.kabu.messages import PushMessage
from wsexample.brokers.kabu.simulator.stats import Stats
from wsexample.brokers.kabu.simulator.switches import Switches
from wsexample.ports import Clock
from wsexample.wire.server import ServerConnection

__all__ = ["PushSocket"]

log = logging.getLogger("wsexample.kabu.simulator")


class PushSocket:
    """The one WebSocket that kabu Station feeds.

    Parameters:
        switches: what happens to a second client and to a slow one.
        stats: where to count.
        facts: told when something was counted.
        clock: paces the Pongs.
    """

    def __init__(self, switches: Switches, stats: Stats, facts: Facts, clock: Clock) -> None:
        self._switches = switches
        self._stats = stats
        self._facts = facts
        self._clock = clock
        self._encoder = msgspec.json.Encoder()
        self._open: set[ServerConnection] = set()
        self._backlog = Backlog(log, clock, lambda: self._open)
        self._listener: ServerConnection | None = None
        self._is_muted = False

    @property
    def has_listener(self) -> bool:
        """Whether somebody would receive a board now."""
        return self._listener is not None and self._listener.is_open and not self._is_muted

    @property
    def open_count(self) -> int:
        """WebSockets that are open, frozen ones included."""
        return len(self._open)

    # -- serving ---------------------------------------------------------------------------------------------

    async def serve(self, connection: ServerConnection) -> None:
        """Keep a client until it goes; it takes the place of the one before."""
        self._stats.connections += 1
        self.displace()
        self._listener = connection
        self._open.add(connection)
        self._facts.changed()
        pongs = asyncio.ensure_future(self._send_pongs(connection))
        try:
            async for _ in connection.payloads():
                self._stats.client_messages += 1  # read and ignored
                self._facts.changed()
        finally:
            pongs.cancel()
            await asyncio.gather(pongs, return_exceptions=True)
            self._open.discard(connection)
            if self._listener is connection:
                self._listener = None
            self._stats.disconnections += 1
            self._facts.changed()

    async def _send_pongs(self, connection: ServerConnection) -> None:
        interval_s = self._switches.unsolicited_pong_interval_s
        while interval_s > 0:
            await self._clock.sleep(interval_s)
            if self._listener is not connection or not connection.is_open:
                return
            if self._is_muted:
                continue
            connection.pong()
            self._stats.pongs += 1
            self._facts.changed()

    # -- sending ---------------------------------------------------------------------------------------------

    def send(self, key: str, board: PushMessage) -> bool:
        """Push a board, unless nobody listens or the listener is too slow; returns whether it was sent."""
        connection = self._listener
        if connection is None or self._is_muted or not connection.is_open:
            return False
        if connection.write_buffer_bytes > self._switches.send_buffer_bytes:
            if self._switches.slow_reader == "reset":
                log.info("the reader %s is too slow: cutting the connection", connection.peer)
                self.reset()
            else:
                self._stats.skipped += 1
                self._facts.changed()
            return False
        is_sent = self._backlog.send(connection, self._encoder.encode(board).decode(), self._switches.send_buffer_bytes)
        self._stats.boards_sent[key] += is_sent
        self._facts.changed()
        return is_sent

    # -- faults ----------------------------------------------------------------------------------------------

    def displace(self) -> None:
        """Do to the listener what a second client does."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        self._stats.displaced += 1
        self._facts.changed()
        if self._switches.second_client == "close" and listener.is_open:
            listener.start_close(self._switches.displaced_code)

    def reset(self) -> None:
        """Cut every connection with a TCP reset, no close frame."""
        for connection in list(self._open):
            connection.reset()
            self._stats.resets += 1
        self._listener = None
        self._facts.changed()

    def close(self, code: int, reason: str) -> None:
        """Close the listener with a code."""
        listener, self._listener = self._listener, None
        if listener is not None and listener.is_open:
            listener.start_close(code, reason)

    def mute(self, is_muted: bool) -> None:
        """Send nothing at all, Pongs included, or begin again."""
        self._is_muted = is_muted
