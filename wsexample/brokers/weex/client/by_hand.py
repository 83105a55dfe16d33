"""What a program may do by hand beside the streams: subscribe, hear everything by function, send messages of its own.

The ``stream_`` methods need none of it. Which socket carries what is decided in ``sockets``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from wsexample.brokers.weex.client.channels import channel_kind, topic_of
from wsexample.brokers.weex.client.sockets import Sockets
from wsexample.brokers.weex.dialect import WeexMessage, spell
from wsexample.errors import StateError

__all__ = ["ByHand", "MessageHandler"]

log = logging.getLogger("wsexample.weex")

MessageHandler = Callable[[WeexMessage], None]


class ByHand:
    """Handlers and subscriptions by hand.

    Parameters:
        sockets: what carries the streams.
    """

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        self._handlers: dict[str, list[MessageHandler]] = {}
        self._asked: set[str] = set()

    def add_message_handler(self, channel: str, handler: MessageHandler) -> None:
        """Call a function with every message of a channel, whoever subscribed to it; its errors are logged.

        Parameters:
            channel: "tickers", "orderbook", "trades", ..., or one stream as the venue spells it.
            handler: takes a `WeexMessage`; it runs between two messages and must not wait.
        """
        self._handlers.setdefault(_key(channel), []).append(handler)

    def remove_message_handler(self, channel: str, handler: MessageHandler) -> None:
        """Call a function no longer; nothing happens when it was not added.

        Parameters:
            channel: as it was added for.
            handler: the function.
        """
        handlers = self._handlers.get(_key(channel), [])
        if handler in handlers:
            handlers.remove(handler)
        if not handlers:
            self._handlers.pop(_key(channel), None)

    async def subscribe(self, channel: str, *, symbol: str | None = None, **parameters: Any) -> None:
        """Subscribe to a channel for handlers and `stream_messages`; the ``stream_`` methods do it by themselves.

        Parameters:
            channel: "tickers", "orderbook", "trades", "account", ..., or a stream as the venue spells it.
            symbol: which one, where the channel has symbols.
            parameters: ``level``, ``interval`` or ``price_type``.

        Raises:
            OptionError: there is no such channel.
            BrokerError: the venue refused it.
        """
        topic = topic_of(channel, symbol, **parameters)
        if topic in self._asked:
            return
        self._asked.add(topic)
        try:
            await self._sockets.want(topic)
        except BaseException:  # cancelled too: it may be asked for again
            self._asked.discard(topic)
            raise

    async def unsubscribe(self, channel: str, *, symbol: str | None = None) -> None:
        """Give up what `subscribe` asked for: a channel, of one symbol or of all."""
        kind = channel_kind(channel)
        for topic in sorted(self._asked):
            is_meant = topic == channel if "@" in channel else channel_kind(topic) == kind
            if is_meant and (symbol is None or topic.startswith(f"{spell(symbol)}@")):
                self._asked.discard(topic)
                await self._sockets.release(topic)

    async def subscribe_tickers(self, symbols: Iterable[str]) -> None:
        """Subscribe to the tickers of some symbols, for handlers and `stream_messages`."""
        for symbol in symbols:
            await self.subscribe("tickers", symbol=symbol)

    async def send_message(self, message: Mapping[str, Any], *, private: bool = False) -> None:
        """Send a message of your own; the answer is not handed over, so it should have no ``id``.

        Parameters:
            message: what to send, as a JSON object.
            private: on the private socket in place of the public one.

        Raises:
            StateError: that socket is not open.
            ConnectionClosed: it is lost just now.
        """
        line = self._sockets.private if private else next(iter(self._sockets.public), None)
        connection = line.connection if line is not None and line.is_live else None
        if connection is None:
            raise StateError("the client is not connected")
        connection.send_nowait(msgspec.json.encode(dict(message)).decode())

    async def send_pong(self, timestamp: str = "", *, private: bool = False) -> None:
        """Answer a ping of the venue; this is done without you.

        Parameters:
            timestamp: the ping's time, which V3 does not want back.
            private: on the private socket in place of the public one.
        """
        await self.send_message({"method": "PONG"}, private=private)

    def call_handlers(self, message: WeexMessage) -> None:
        """Call the handlers of a message's channel; what they raise is logged."""
        if not self._handlers:
            return
        for channel in {message.topic, channel_kind(message.topic)}:
            for handler in tuple(self._handlers.get(channel, ())):
                try:
                    handler(message)
                except Exception:  # whatever a handler raises must cost nobody else a message
                    log.exception("a handler of %s failed", channel)


def _key(channel: str) -> str:
    """Return under what name the handlers of a channel are kept: the stream itself, or what it is about."""
    return topic_of(channel, None) if "@" in channel else channel_kind(channel)
