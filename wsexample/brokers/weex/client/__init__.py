"""`WeexWebSocketClient`: WEEX's documented client on one public socket and one private."""

from __future__ import annotations

from wsexample.brokers.weex.client.client import WeexWebSocketClient
from wsexample.brokers.weex.config import WeexConfig

__all__ = ["WeexConfig", "WeexWebSocketClient"]
