"""`connect_hub`: a hub as a session: the same records that its owner sees, without a gap over every break."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Unpack

from wsexample.hub.dialect import HubDialect, HubErrands
from wsexample.hub.ops import JSON
from wsexample.session.session import Session
from wsexample.wire.options import ConnectOptions

if TYPE_CHECKING:
    from wsexample.ports import Clock, Record
    from wsexample.session.option_fields import SessionArguments

    class HubArguments(SessionArguments, total=False):
        """What a reader of a hub may choose of its session."""

        clock: Clock | None
        dedupe: Callable[[Record], Hashable | None] | None


__all__ = ["HubSession", "connect_hub"]

PATH = "/v1/stream"
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Longest message that is taken where the address is given as text: a hub's own have 128 KiB, or one record."""


class HubSession(Session):
    """A session that reads a hub: ``dialect.positions`` and ``dialect.epoch`` say what it has seen."""

    @property
    def dialect(self) -> HubDialect:
        """The hub's language, and what came so far."""
        dialect = super().dialect
        assert isinstance(dialect, HubDialect)
        return dialect


def connect_hub(
    url: str | ConnectOptions,
    topics: str | Iterable[str] = ">",
    *,
    token: str | None = None,
    interval_ms: int | None = None,
    since: dict[str, int] | None = None,
    epoch: str | None = None,
    **changes: Unpack[HubArguments],
) -> HubSession:
    """Return a session that reads a hub: ``async with connect_hub("ws://host:9100", "alpaca.*.quote") as session: ...``

    After a break it asks for what it has not got; numbers that were seen are in ``session.dialect.positions``, for a program that
    wants to go on there after its own restart.

    Parameters:
        url: of the hub; its path may be left out. A `ConnectOptions` says more than that, such as ``tls``; without one messages
            of more than 4 MiB are refused.
        topics: topics and patterns, such as "alpaca.AAPL.quote", "kabu.>" (default: everything).
        token: who reads; None where the hub wants none.
        interval_ms: how often at most something comes for a topic, the newest then; None for everything.
        since: numbers that were seen before, by topic.
        epoch: what they are of, as ``session.dialect.epoch`` said.
        changes: arguments of `Session`, such as ``policy`` or ``retry``.

    Raises:
        OptionError: an option has a value that cannot work.
    """
    if isinstance(url, str):
        url = ConnectOptions(url=_with_scheme(url), max_message_bytes=MAX_MESSAGE_BYTES)
    options = url.replace(url=_with_path(url.url), subprotocols=[JSON.subprotocol])
    dialect = HubDialect(token=token, interval_ms=interval_ms, since=since, epoch=epoch)
    wanted = [topics] if isinstance(topics, str) else list(topics)
    return HubSession(dialect, wanted, url=options, errands=HubErrands(dialect), **changes)


def _with_scheme(url: str) -> str:
    """Return the address as one of a WebSocket: a hub's page is looked at under the same one."""
    text = url if "://" in url or url.startswith("ws+unix:") else f"ws://{url}"
    return text.replace("http://", "ws://", 1).replace("https://", "wss://", 1)


def _with_path(url: str) -> str:
    """Return the address with the hub's path, where it names none."""
    _, _, rest = url.partition("://")
    return url if not rest or rest.partition("/")[2] else url.rstrip("/") + PATH
