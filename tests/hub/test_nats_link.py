"""A hub's connection to NATS when the client ends where it should not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from wsexample.hub import nats_link
from wsexample.hub.nats_link import NatsLink
from wsexample.hub.nats_servers import NatsServers

Run = Callable[[Coroutine[Any, Any, Any]], Any]


class Client:
    """A client that is let in, or one that a server hangs up on in the login and another one ends for ever."""

    last_error = None
    dialled = SimpleNamespace(address="nats://x:1")

    def __init__(self, is_let_in: bool) -> None:
        self.is_connected = is_let_in
        self.heard: list[str] = []

    async def connect(self, urls: list[str], **options: Any) -> None:
        self.end = options["closed_cb"]
        if not self.is_connected:
            await self.end()

    async def subscribe(self, subject: str, cb: Any) -> None:
        self.heard.append(subject)

    async def close(self) -> None:
        pass


def test_a_client_that_ends_before_it_is_there_is_replaced_like_any_other(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub whose second client is never let in gets a third one, which hears what is wanted."""
    made: list[Client] = []

    def make(*_: Any, **__: Any) -> Client:
        made.append(Client(is_let_in=len(made) != 1))
        return made[-1]

    monkeypatch.setattr(nats_link, "make_client", make)
    monkeypatch.setattr(nats_link, "REOPEN_S", 0)

    async def main() -> None:
        returned = asyncio.Event()

        async def note() -> None:
            returned.set()

        link = NatsLink(NatsServers.at("nats://x:1"), None, note)
        await link.open(10)
        await link.subscribe("live", note)  # type: ignore[arg-type]
        keeping = asyncio.create_task(link.keep())
        await made[0].end()
        await returned.wait()
        assert [client.heard for client in made] == [["live"], [], ["live"]]
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        await link.close()

    run(main())
