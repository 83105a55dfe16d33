"""A plain HTTP caller for the simulator's tests: somebody else's client, with the token already fetched."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp

from wsexample.brokers.kabu.simulator import KabuSimulator, Switches

QUICK = Switches(first_board_delay_ms=0)
"""Switches for tests that do not wait for boards."""


@dataclass
class Answered:
    """A reply, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes
    json: Any


class Caller:
    """Calls a simulator with the present token."""

    def __init__(self, sim: KabuSimulator, http: aiohttp.ClientSession) -> None:
        self.sim = sim
        self.http = http

    async def call(self, method: str, path: str, **details: Any) -> Answered:
        """Make one request below ``/kabusapi/``; details are aiohttp's, headers are added to the token's."""
        headers = {"X-API-KEY": self.sim.station.token or "none"} | details.pop("headers", {})
        async with self.http.request(method, f"{self.sim.rest_url}/{path}", headers=headers, **details) as reply:
            body = await reply.read()
            is_json = reply.content_type == "application/json"
            return Answered(reply.status, dict(reply.headers), body, await reply.json() if is_json else None)

    async def register(self, *codes: str) -> Answered:
        """Register "9433" or "9433@3"."""
        entries = []
        for code in codes:
            symbol, _, exchange = code.partition("@")
            entries.append({"Symbol": symbol, "Exchange": int(exchange or 1)})
        return await self.call("PUT", "register", json={"Symbols": entries})


@contextlib.asynccontextmanager
async def caller_of(sim: KabuSimulator) -> AsyncIterator[Caller]:
    """Yield a caller with a valid token."""
    sim.issue_token()
    async with aiohttp.ClientSession() as http:
        yield Caller(sim, http)
