"""Hubs, readers and records for the tests of the hub."""

from __future__ import annotations

from typing import Any

import msgspec

from wsexample.errors import ConnectionClosed
from wsexample.hub.access import Access, Rights
from wsexample.hub.desk import DeskOptions
from wsexample.hub.server import Hub, HubOptions
from wsexample.records.market import Quote
from wsexample.records.orders import Fill
from wsexample.wire.connection import Connection, connect

OWNER = Rights("owner", account=True, personal=True)


def quote(number: int, symbol: str = "A") -> Quote:
    return Quote(venue="t", symbol=symbol, received_ns=number, bid_price=float(number))


def fill(number: int, account: str | None = "12345") -> Fill:
    from decimal import Decimal

    return Fill(
        venue="t", symbol="A", received_ns=number, fill_id=str(number), order_id="o", size=Decimal(1), account=account
    )


def hub(*, anybody: Rights | None = OWNER, desk: dict[str, Any] | None = None, **options: Any) -> Hub:
    """A hub on a free port; everybody is its owner."""
    made = HubOptions(desk=DeskOptions(**(desk or {})), **options)
    return Hub(access=Access(anybody=anybody), options=made)


class Client:
    """A reader that speaks the language by hand."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._row: list[dict[str, Any]] = []

    @classmethod
    async def to(cls, made: Hub, **options: Any) -> Client:
        """Connect and take the welcome."""
        client = cls(await connect(made.url, **options))
        assert (await client.take())["op"] == "welcome"
        return client

    @property
    def is_binary(self) -> bool:
        return self.connection.subprotocol == "wsexample.hub.v1+msgpack"

    async def say(self, **op: Any) -> None:
        if self.is_binary:
            await self.connection.send(msgspec.msgpack.encode(op))
        else:
            await self.connection.send(msgspec.json.encode(op).decode())

    async def take(self) -> dict[str, Any]:
        """Return the next message of the hub."""
        while not self._row:
            payload, is_binary = await self.connection.receive_payload(timeout_s=10)
            assert is_binary == self.is_binary
            found = msgspec.msgpack.decode(payload) if is_binary else msgspec.json.decode(payload)
            self._row = found if isinstance(found, list) else [found]
        return self._row.pop(0)

    async def close_code(self) -> int | None:
        """Take everything up to the end; returns the code that ended it."""
        try:
            while True:
                await self.take()
        except ConnectionClosed as closed:
            return closed.code

    async def data(self, count: int) -> list[tuple[str, int]]:
        """Return topic and number of the next records; anything else fails."""
        taken = [await self.take() for _ in range(count)]
        assert {message["op"] for message in taken} <= {"data"}, taken
        return [(message["topic"], message["seq"]) for message in taken]

    async def subscribe(self, *topics: str, **facts: Any) -> None:
        """Subscribe and take the answer."""
        await self.say(op="subscribe", id=1, topics=list(topics), **facts)
        answer = await self.take()
        assert answer["op"] == "ack", answer
