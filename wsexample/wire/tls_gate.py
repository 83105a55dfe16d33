"""The TLS handshake of a server's clients: who gets through it becomes a connection, who does not is told of.

A listener of asyncio's or of uvloop drops a client whose handshake fails without a word, so that nobody would learn of a flood of
them, and uvloop's keeps those that have not done with it when its server stops.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

__all__ = ["TlsGate"]


class TlsGate:
    """A protocol factory that takes each client through TLS before the real protocol is made.

    Parameters:
        make: makes the protocol that speaks inside TLS.
        context: the server's certificate.
        handshake_timeout_s: seconds that a client has for the handshake.
        shutdown_timeout_s: seconds that it has for the end of TLS.
        failed: told of each that did not get through, while its address is still known.
    """

    def __init__(
        self,
        make: Callable[[], Any],
        context: ssl.SSLContext,
        *,
        handshake_timeout_s: float,
        shutdown_timeout_s: float,
        failed: Callable[[asyncio.BaseTransport], None],
    ) -> None:
        self._make = make
        self._context = context
        self._times: dict[str, Any] = {
            "ssl_handshake_timeout": handshake_timeout_s,
            "ssl_shutdown_timeout": shutdown_timeout_s,
        }
        self._failed = failed
        self._waiting: dict[asyncio.Task[None], asyncio.Transport] = {}
        self._is_closed = False

    def __call__(self) -> asyncio.Protocol:
        return _Arriving(self._enter)

    def close(self) -> None:
        """Cut those who are in the middle of their handshake, and who arrive from now on."""
        self._is_closed = True
        for transport in self._waiting.values():
            transport.abort()

    def _enter(self, transport: asyncio.Transport, hello: bytearray) -> None:
        if self._is_closed:
            transport.abort()
            return
        task = asyncio.ensure_future(self._shake_hands(transport, hello))
        self._waiting[task] = transport
        task.add_done_callback(self._waiting.pop)

    async def _shake_hands(self, transport: asyncio.Transport, hello: bytearray) -> None:
        loop = asyncio.get_running_loop()
        early = _Early()
        peer = _Named(transport)
        if transport.is_closing():  # it has left
            self._failed(peer)
            return
        if hello:
            loop.call_soon(
                _tell, transport, hello
            )  # start_tls puts its protocol in place by then, and wakes it after that
        try:
            inner = await loop.start_tls(transport, early, self._context, server_side=True, **self._times)
        except (OSError, TimeoutError):  # ssl.SSLError is an OSError
            transport.abort()
            self._failed(peer)
            return
        if inner is None or early.is_lost or transport.is_closing():
            self._failed(peer)
            return
        protocol = self._make()
        inner.set_protocol(protocol)
        protocol.connection_made(inner)
        if early.data:
            protocol.data_received(bytes(early.data))


def _tell(transport: asyncio.Transport, data: bytearray) -> None:
    """Give the protocol of a transport what was read before it was there."""
    protocol: Any = transport.get_protocol()
    while data:
        room = protocol.get_buffer(len(data))
        size = min(len(room), len(data))
        room[:size] = data[:size]
        del data[:size]
        protocol.buffer_updated(size)


class _Arriving(asyncio.Protocol):
    """A client whose handshake is about to begin: nothing of it is read before TLS is there, or one read of uvloop's."""

    def __init__(self, enter: Callable[[asyncio.Transport, bytearray], None]) -> None:
        self._enter = enter
        self._hello = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport
        transport.pause_reading()
        self._enter(transport, self._hello)

    def data_received(self, data: bytes) -> None:
        """Keep what uvloop reads all the same, for it begins after `connection_made` whatever that has said."""
        self._hello += data
        self._transport.pause_reading()


class _Early(asyncio.Protocol):
    """Keeps what a client says inside TLS before the protocol for it is there."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.is_lost = False

    def data_received(self, data: bytes) -> None:
        """Keep it; it is one turn of the loop at most."""
        self.data += data

    def connection_lost(self, exc: Exception | None) -> None:
        """Know that it has left."""
        self.is_lost = True


class _Named(asyncio.BaseTransport):
    """Remembers the address of a transport that may be gone."""

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        super().__init__({"peername": transport.get_extra_info("peername")})
