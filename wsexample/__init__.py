"""Live market data over WebSocket, on Autobahn's protocol classes and asyncio.

The map, in the order in which a message travels:

* ``wsexample.wire``: bytes to messages. `connect`, `serve`, and Autobahn's four class names.
* ``wsexample.session``: one connection becomes an unbroken stream.
* ``wsexample.sync``: the blocking twin, with websocket-client's names.
* ``wsexample.tape``: what came, kept as it came, and played back.
* ``wsexample.records``: the shared vocabulary (`Board`, `Quote`, `Trade`, ...).
* ``wsexample.brokers``: kabu Station, Alpaca and WEEX, each with a simulator.
* ``wsexample.sinks``: records at rest.
* ``wsexample.paper``: orders against records, without risk.
* ``wsexample.hub``: records published again to many readers.
* ``wsexample.doors``: some of these joined for programs, such as `AlpacaWebsocketClient`.
* ``wsexample.cli``: the commands ``wseserver``, ``wseclient``, ``kclient`` and ``wsexample``.

Nothing is imported before it is used: ``import wsexample`` does no work.
"""

TYPE_CHECKING = False  # typing's own costs the import of typing

__version__ = "0.1.0"

_HOMES = {
    "AlpacaWebsocketClient": "wsexample.doors.alpaca",
    "Connection": "wsexample.wire.connection",
    "ConnectOptions": "wsexample.wire.options",
    "Hub": "wsexample.hub.server",
    "PaperTradingEngine": "wsexample.paper.engine",
    "Reject": "wsexample.wire.server",
    "Request": "wsexample.wire.server",
    "ServeOptions": "wsexample.wire.options",
    "ServerConnection": "wsexample.wire.server",
    "Session": "wsexample.session.session",
    "WebSocketClientFactory": "wsexample.wire.autobahn",
    "WebSocketClientProtocol": "wsexample.wire.autobahn",
    "WebSocketServerFactory": "wsexample.wire.autobahn",
    "WebSocketServerProtocol": "wsexample.wire.autobahn",
    "WsExampleError": "wsexample.errors",
    "connect": "wsexample.wire.connection",
    "connect_hub": "wsexample.doors.hub",
    "open_sink": "wsexample.sinks.base",
    "serve": "wsexample.wire.server",
}

__all__ = [
    "AlpacaWebsocketClient",
    "ConnectOptions",
    "Connection",
    "Hub",
    "PaperTradingEngine",
    "Reject",
    "Request",
    "ServeOptions",
    "ServerConnection",
    "Session",
    "WebSocketClientFactory",
    "WebSocketClientProtocol",
    "WebSocketServerFactory",
    "WebSocketServerProtocol",
    "WsExampleError",
    "__version__",
    "connect",
    "connect_hub",
    "open_sink",
    "serve",
]

if TYPE_CHECKING:
    from wsexample.doors.alpaca import AlpacaWebsocketClient
    from wsexample.doors.hub import connect_hub
    from wsexample.errors import WsExampleError
    from wsexample.hub.server import Hub
    from wsexample.paper.engine import PaperTradingEngine
    from wsexample.session.session import Session
    from wsexample.sinks.base import open_sink
    from wsexample.wire.autobahn import (
        WebSocketClientFactory,
        WebSocketClientProtocol,
        WebSocketServerFactory,
        WebSocketServerProtocol,
    )
    from wsexample.wire.connection import Connection, connect
    from wsexample.wire.options import ConnectOptions, ServeOptions
    from wsexample.wire.server import Reject, Request, ServerConnection, serve
else:  # a type checker that saw it would take every name for an exported one

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(home), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
