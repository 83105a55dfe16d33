"""`WeexWebSocketClient`: WEEX's documented client on public sockets and a private one.

``sockets`` opens what is needed, ``line`` shares a socket among streams, ``errands`` sign handshakes and fetch what a break has
hidden, ``channels`` know the documented names. The documented names are all importable from here.
"""

from __future__ import annotations

from wsexample.brokers.weex.client.by_hand import MessageHandler
from wsexample.brokers.weex.client.client import (
    ClientStats,
    Connected,
    WeexWebSocketClient,
    create_websocket_client,
)
from wsexample.brokers.weex.config import (
    ConnectionConfig,
    LoggingConfig,
    RateLimitConfig,
    RetryConfig,
    WeexConfig,
)
from wsexample.brokers.weex.dialect import WeexMessage
from wsexample.brokers.weex.gateway import WeexGateway
from wsexample.brokers.weex.rest import WeexRest

__all__ = [
    "ClientStats",
    "Connected",
    "ConnectionConfig",
    "LoggingConfig",
    "MessageHandler",
    "RateLimitConfig",
    "RetryConfig",
    "WeexConfig",
    "WeexGateway",
    "WeexMessage",
    "WeexRest",
    "WeexWebSocketClient",
    "create_websocket_client",
]
