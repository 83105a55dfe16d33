"""A bare connection told to a tap, as a session tells it: opened, received, sent, closed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from wsexample.session.events import Closed, Opened, Received, Sent, Tap
from wsexample.wire.connection import Connection
from wsexample.wire.masking import mask_url

__all__ = ["WireTap"]


class WireTap:
    """Tells a tap what happens on connections, one after the other.

    Parameters:
        tap: such as a `wsexample.tape.recorder.Recorder`.
        url: where they lead.
    """

    def __init__(self, tap: Tap, url: str) -> None:
        self._tap = tap
        self._url = mask_url(url)
        self._connection = 0
        self._events = 0

    def _facts(self) -> dict[str, Any]:
        self._events += 1
        return {"number": self._events, "at_ns": time.time_ns(), "connection": self._connection}

    def opened(self) -> None:
        """The next connection is open."""
        self._connection += 1
        self._tap(Opened(**self._facts(), url=self._url, attempt=self._connection))

    def received(self, arrivals: Iterable[tuple[bytes, bool, int]]) -> None:
        """Messages came."""
        for payload, is_binary, at_ns in arrivals:
            self._tap(Received(at_ns=at_ns, connection=self._connection, payload=payload, is_binary=is_binary))

    def sent(self, message: str | bytes) -> None:
        """A message was sent; what looks like a secret in it is masked by whoever keeps it."""
        payload, is_binary = (message.encode(), False) if isinstance(message, str) else (bytes(message), True)
        self._tap(
            Sent(
                at_ns=time.time_ns(),
                connection=self._connection,
                payload=payload,
                is_binary=is_binary,
                is_login=False,
            )
        )

    def closed(self, ws: Connection) -> None:
        """The connection is over."""
        self._tap(
            Closed(
                **self._facts(),
                code=ws.close_code or 1006,
                reason=ws.close_reason or "",
                was_clean=bool(ws.was_clean),
                by_peer=bool(ws.closed_by_peer),
            )
        )
