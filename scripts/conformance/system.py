"""The process under test: an echo on our classes or on plain Autobahn, told over its standard input what to do.

Options are Autobahn's defaults apart from what a case asks for. Run as ``python -m conformance.system ours|autobahn``;
every line in is a JSON command, every line out its answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any


def load(stack: str) -> tuple[Any, str]:
    """Return the classes of a stack, and the lane they run on."""
    if stack == "autobahn":
        from autobahn.asyncio import websocket as names

        return names, ""
    from wsexample.wire import autobahn as ours
    from wsexample.wire.lane import LANE

    return ours, LANE


class System:
    """Listens and connects as told; remembers how each connection ended."""

    def __init__(self, stack: str) -> None:
        self.names, self.lane = load(stack)
        self.loop = asyncio.get_running_loop()
        self.ended: list[dict[str, Any]] = []
        self.changed = asyncio.Event()
        self.errors: list[str] = []
        self.loop.set_exception_handler(self._loop_error)
        self.servers: list[Any] = []
        self.protocols: set[Any] = set()

    def _loop_error(self, loop: Any, context: dict[str, Any]) -> None:
        self.errors.append(f"{context.get('message')}: {context.get('exception')!r}")

    def echo(self, base: Any, options: dict[str, Any]) -> Any:
        """Return a protocol class that sends every message back."""
        system = self

        class Echo(base):  # type: ignore[misc]
            opened = False
            told: Any = None

            def onConnect(self, peer: Any) -> str | None:
                """Agree on the first subprotocol of the client's that the server knows; a client has nothing to say."""
                if self.factory.isServer:
                    return next((name for name in peer.protocols if name in self.factory.protocols), None)
                return None

            def onOpen(self) -> None:
                self.opened = True
                if "close" in options:
                    self.sendClose(*options["close"])

            def onMessage(self, payload: bytes, isBinary: bool) -> None:
                self.sendMessage(payload, isBinary)

            def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
                self.told = [wasClean, code, reason]

            def connection_lost(self, exc: BaseException | None) -> None:
                super().connection_lost(exc)
                system.ended.append({"opened": self.opened, "told": self.told})
                system.changed.set()

        return Echo

    async def listen(self, options: dict[str, Any]) -> dict[str, Any]:
        factory = self.names.WebSocketServerFactory(loop=self.loop, protocols=options.get("protocols"))
        factory.protocol = self.echo(self.names.WebSocketServerProtocol, options)
        factory.setProtocolOptions(**options.get("autobahn", {}), **self._server_deflate(options))
        server = await self.loop.create_server(factory, "127.0.0.1", 0)
        self.servers.append(server)
        return {"port": server.sockets[0].getsockname()[1]}

    async def connect(self, port: int, options: dict[str, Any]) -> dict[str, Any]:
        factory = self.names.WebSocketClientFactory(
            f"ws://127.0.0.1:{port}/", loop=self.loop, protocols=options.get("protocols")
        )
        factory.protocol = self.echo(self.names.WebSocketClientProtocol, options)
        factory.setProtocolOptions(**options.get("autobahn", {}), **self._client_deflate(options))
        _, protocol = await self.loop.create_connection(factory, "127.0.0.1", port)
        self.protocols.add(protocol)
        return {}

    async def told(self, longest_s: float) -> dict[str, Any]:
        """Return how the one connection since the last call ended."""
        try:
            async with asyncio.timeout(longest_s):
                while not self.ended:
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            return {"opened": None, "told": None, "errors": self._take_errors()}
        ended, self.ended = self.ended[-1], []
        self.protocols.clear()
        return {**ended, "errors": self._take_errors()}

    def _take_errors(self) -> list[str]:
        errors, self.errors = self.errors, []
        return errors

    @staticmethod
    def _server_deflate(options: dict[str, Any]) -> dict[str, Any]:
        if "deflate" not in options:
            return {}
        from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept

        def accept(offers: list[Any]) -> Any:
            for offer in offers:
                if isinstance(offer, PerMessageDeflateOffer):
                    return PerMessageDeflateOfferAccept(offer, **options["deflate"])
            return None

        return {"perMessageCompressionAccept": accept}

    @staticmethod
    def _client_deflate(options: dict[str, Any]) -> dict[str, Any]:
        if "deflate" not in options:
            return {}
        from autobahn.websocket.compress import (
            PerMessageDeflateOffer,
            PerMessageDeflateResponse,
            PerMessageDeflateResponseAccept,
        )

        def accept(response: Any) -> Any:
            if isinstance(response, PerMessageDeflateResponse):
                return PerMessageDeflateResponseAccept(response, **options.get("deflate_accept", {}))
            return None

        offer = PerMessageDeflateOffer(**options["deflate"])
        return {"perMessageCompressionOffers": [offer], "perMessageCompressionAccept": accept}


async def main(stack: str) -> None:
    system = System(stack)
    reader = asyncio.StreamReader()
    await system.loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(json.dumps({"lane": system.lane}), flush=True)
    while line := await reader.readline():
        command = json.loads(line)
        answer = await getattr(system, command.pop("do"))(**command)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
