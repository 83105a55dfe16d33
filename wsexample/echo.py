"""Two small classes to read first: a client that says hello every second, and a server that echoes it.

They show every callback in the order in which it runs; ``python -m wsexample.echo`` runs both in one process.
Proxies, limits and reconnecting are left to `wsexample.connect` and `wsexample.serve`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from wsexample.wire.autobahn import (
    WebSocketClientFactory,
    WebSocketClientProtocol,
    WebSocketServerFactory,
    WebSocketServerProtocol,
)

__all__ = ["WSEServe", "WSEStream", "open_stream", "start_server"]


class WSEStream(WebSocketClientProtocol):
    """A client: says hello every second and prints what comes back."""

    count = 0

    def onConnecting(self, transport_details: Any) -> None:
        """TCP (and TLS) stands; the opening handshake is about to be sent."""
        print(f"client: connecting to {transport_details.peer}")

    def onConnect(self, response: Any) -> None:
        """The server's answer to the handshake is here: its headers, the subprotocol that it chose."""
        print(f"client: connected to {response.peer}")

    def onOpen(self) -> None:
        """The connection is open: messages may be sent from now on."""
        self.say_hello()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """One whole message arrived; text comes as UTF-8 bytes."""
        text = f"{len(payload)} bytes" if isBinary else payload.decode()
        print(f"client: received {text}")

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """The connection is over, for whatever reason; nothing is called after this."""
        print(f"client: closed, code {code}, {reason or 'no reason given'}")

    def say_hello(self) -> None:
        """Send a message now and again in a second, as long as the connection is open."""
        if self.state == self.STATE_OPEN:
            self.count += 1
            self.sendMessage(f"hello {self.count}".encode())
            self.factory.loop.call_later(1, self.say_hello)


class WSEServe(WebSocketServerProtocol):
    """A server: sends every message back as it came. One object serves one client."""

    def onConnect(self, request: Any) -> None:
        """The client's handshake is here; return a subprotocol, or raise ConnectionDeny to refuse it."""
        print(f"server: {request.peer} asks for {request.path}")

    def onOpen(self) -> None:
        """The connection is open."""
        print(f"server: {self.peer} is open")

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """One whole message arrived."""
        self.sendMessage(payload, isBinary)

    def pause_writing(self) -> None:
        """The client takes less than it sends: read no more of it until it has caught up, or the answers fill the memory."""
        self.pauseReading()

    def resume_writing(self) -> None:
        """It has caught up."""
        self.resumeReading()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """The connection is over; ``wasClean`` tells whether both sides agreed."""
        print(f"server: {self.peer} closed, code {code}, {reason or 'no reason given'}")


async def start_server(
    host: str = "127.0.0.1", port: int = 9000, protocol: type[WSEServe] = WSEServe
) -> asyncio.Server:
    """Listen on an address; the factory makes one ``protocol`` for each client.

    Parameters:
        host: address to listen on (default loopback).
        port: TCP port (default 9000); 0 lets the system choose.
        protocol: class of what serves a client.

    Returns:
        asyncio's server, which listens.

    Raises:
        OSError: the address cannot be taken.
    """
    loop = asyncio.get_running_loop()
    factory = WebSocketServerFactory(loop=loop)
    factory.protocol = protocol
    return await loop.create_server(factory, host, port)


async def open_stream(host: str = "127.0.0.1", port: int = 9000, protocol: type[WSEStream] = WSEStream) -> WSEStream:
    """Connect to a server; the factory makes the ``protocol`` object, whose callbacks do the rest.

    Parameters:
        host, port: where the server listens (default 127.0.0.1, 9000).
        protocol: class of the object.

    Returns:
        The object; TCP stands, the opening handshake goes on.

    Raises:
        OSError: nobody listens there.
    """
    loop = asyncio.get_running_loop()
    factory = WebSocketClientFactory(f"ws://{host}:{port}", loop=loop)
    factory.protocol = protocol
    _, stream = await loop.create_connection(factory, host, port)
    assert isinstance(stream, protocol)
    return stream


async def main() -> None:
    """Run the server and the client together for five seconds."""
    server = await start_server(port=0)
    stream = await open_stream(port=server.sockets[0].getsockname()[1])
    await asyncio.sleep(4.5)
    stream.sendClose(1000, "goodbye")
    await stream.is_closed
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
