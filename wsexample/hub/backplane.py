"""Where hubs meet: alone in this process by default; `wsexample.hub.nats_backplane` joins any number on any machines."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from wsexample.errors import OptionError
from wsexample.hub.desk import Desk
from wsexample.ports import Backplane
from wsexample.records.market import Record

if TYPE_CHECKING:
    from wsexample.hub.nats_options import NatsOptions

__all__ = ["LocalBackplane", "backplane_at"]


class LocalBackplane(Backplane):
    """A hub by itself: it owns its upstream from the beginning and numbers at its own desk.

    Parameters:
        desk: where the records go.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._epoch = secrets.token_hex(8)

    def __repr__(self) -> str:
        return "<LocalBackplane>"

    @property
    def epoch(self) -> str:
        """Another one in every process: nothing outlives it."""
        return self._epoch

    @property
    def is_owner(self) -> bool:
        """Always."""
        return True

    async def open(self) -> None:
        """Nothing: there is nobody to meet."""

    async def publish_from(self, source: Callable[[], AsyncGenerator[Sequence[Record], None]]) -> None:
        """Publish a source until it ends."""
        async with aclosing(source()) as batches:
            async for batch in batches:
                self._desk.publish(batch)

    async def close(self) -> None:
        """Nothing: there is nobody to leave."""


def backplane_at(url: str | None, desk: Desk, options: NatsOptions | None = None) -> Backplane:
    """Return the backplane for an address, not open yet.

    Parameters:
        url: ``nats://user:password@host:port``, several with commas between; None for this process alone.
        desk: where the records go.
        options: of a NATS backplane.

    Raises:
        OptionError: no backplane has such an address.
        MissingExtraError: the client for NATS is not installed.
    """
    if url is None:
        return LocalBackplane(desk)
    if url.partition("://")[0] not in ("nats", "tls"):
        raise OptionError("a backplane is nats://host:4222 (tls:// with TLS)", option="backplane")
    from wsexample.hub.nats_backplane import NatsBackplane

    return NatsBackplane(url, desk, options)
