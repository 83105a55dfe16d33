"""Every test of ``wseclient`` may have it talk to a server in the test's own process."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.client.talking import Conversed, Handler, Seen, echo
from tests.commands import Launch, Running
from wsexample import ServeOptions, serve
from wsexample.wire.server import ServerConnection


@pytest.fixture
def converse(run: Callable[[Any], Any], launch: Launch) -> Callable[..., Conversed]:
    """Run ``wseclient`` with flags against a server in this process; returns the ended client and what the server saw."""

    def start(
        *flags: str,
        stdin: bytes | None = None,
        handler: Handler = echo,
        options: ServeOptions | None = None,
        during: Callable[[Running, Seen], None] | None = None,
        env: dict[str, str] | None = None,
    ) -> Conversed:
        seen = Seen()

        async def handle(ws: ServerConnection) -> None:
            seen.requests.append(ws.request)
            try:
                await handler(ws, seen)
            finally:
                await ws.close()
                seen.closes.append((ws.close_code, ws.close_reason))

        def drive() -> Running:
            client = launch("wseclient", seen.url, *flags, stdin=None if stdin is None else subprocess.PIPE, env=env)
            if stdin is not None:
                client.send(stdin)
                client.end_input()
            if during is not None:
                during(client, seen)
            client.finish()
            return client

        async def scenario() -> Running:
            async with serve(handle, options=options) as server:
                seen.url = server.url
                return await asyncio.to_thread(drive)

        return run(scenario()), seen

    return start
