"""A program in Autobahn's style, as it stands in Autobahn's own examples, with its import line changed."""

import asyncio
from typing import assert_type

from wsexample.wire.autobahn import (
    WebSocketClientFactory,
    WebSocketClientProtocol,
    WebSocketServerFactory,
    WebSocketServerProtocol,
)


class Prices(WebSocketClientProtocol):
    async def onOpen(self) -> None:
        assert_type(self.peer, str)
        self.sendMessage(b'{"op":"subscribe"}')
        self.sendMessage(b"\x00", isBinary=True)
        self.sendPing(b"hello")

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if not isBinary:
            print(payload.decode())
        self.sendClose(1000, "enough")

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        assert_type(self.state == self.STATE_CLOSED, bool)
        print(wasClean, code, reason)


class Echo(WebSocketServerProtocol):
    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.sendMessage(payload, isBinary)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server_factory = WebSocketServerFactory("ws://127.0.0.1:9000", protocols=["chat"])
    server_factory.protocol = Echo
    server_factory.setProtocolOptions(maxMessagePayloadSize=1024, autoPingInterval=10)
    server = await loop.create_server(server_factory, "127.0.0.1", 0)
    assert_type(server, asyncio.Server)

    factory = WebSocketClientFactory("ws://127.0.0.1:9000", headers={"X-Token": "t"})
    factory.protocol = Prices
    factory.setProtocolOptions(openHandshakeTimeout=3.5, failByDrop=False)
    _, client = await loop.create_connection(factory, "127.0.0.1", 9000)
    assert_type(client, WebSocketClientProtocol)
    await client.is_open
