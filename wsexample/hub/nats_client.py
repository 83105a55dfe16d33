"""A connection to NATS for a hub; the only place of the hub that knows how the client is loaded and opened."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from wsexample.errors import ConnectError, MissingExtraError

__all__ = ["failures", "need", "open_client", "shown"]


def need(module: str) -> Any:
    """Import a module of the client.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError("a NATS backplane", extra="nats") from error


def failures() -> tuple[type[Exception], ...]:
    """Return what calls of the client raise when they are refused, or when nobody answers."""
    return (need("nats.errors").Error, OSError, TimeoutError)


async def open_client(url: str, timeout_s: float, reconnected: Callable[[], Awaitable[None]]) -> Any:
    """Connect to one of several servers; the client goes on to another by itself when that one dies.

    Parameters:
        url: ``nats://user:password@host:port``, several with commas between.
        timeout_s: how long the first connection may take, seconds.
        reconnected: called after each change of server.

    Raises:
        ConnectError: nobody answers.
        MissingExtraError: the client is not installed.
    """
    nats = need("nats")
    scheme = url.partition("://")[0]
    servers = [one if "://" in one else f"{scheme}://{one}" for one in url.split(",")]
    try:
        async with asyncio.timeout(timeout_s):
            return await nats.connect(
                servers,
                connect_timeout=min(timeout_s, 2.0),
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.25,
                ping_interval=5,
                max_outstanding_pings=2,
                reconnected_cb=reconnected,
                error_cb=_quiet,
            )
    except Exception as error:
        words = str(error) or type(error).__name__
        raise ConnectError(f"no NATS server answers at {shown(url)}: {words}", address=shown(url)) from error


async def _quiet(error: Exception) -> None:
    """Take note of what the client reports on its way; what was missed is seen by its number, and fetched."""


def shown(url: str) -> str:
    """Return addresses without user, password or token."""
    return ",".join(re.sub(r"^(\w+://)?.*@", r"\1", one) for one in url.split(","))
