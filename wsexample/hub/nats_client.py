"""How the client for NATS is loaded, and what a hub adds to it: where it dials, and that TLS is a must where it is wanted.

Connecting, and going on after a break, is `wsexample.hub.nats_link`.
"""

from __future__ import annotations

import logging
import ssl
from functools import cache
from importlib import import_module
from typing import Any

from wsexample.errors import MissingExtraError, OptionError
from wsexample.hub.nats_faults import Dialled
from wsexample.wire.tls import TlsOptions, client_context

__all__ = ["failures", "make_client", "need"]


def need(module: str) -> Any:
    """Import a module of the client.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError("a NATS backplane", extra="nats") from error


def failures() -> tuple[type[Exception], ...]:
    """Return what calls of the client raise when they are refused, or when nobody answers."""
    return (need("nats.errors").Error, OSError, TimeoutError)


def make_client(address: str, tls: TlsOptions | None, *, has_credentials: bool) -> Any:
    """Return a client that is not connected.

    Parameters:
        address: how to call what is dialled where the client does not say which server it is (old versions of nats-py).
        tls: whom it trusts and who it is; None says nothing about TLS: servers that want it get it.
        has_credentials: whether it has a user or a token.
    """
    return _client_class()(address, tls, has_credentials)


@cache
def _client_class() -> Any:
    base = need("nats.aio.client").Client
    logging.getLogger("asyncio").addFilter(_is_of_use)
    errors = need("nats.errors")

    class HubClient(base):  # type: ignore[misc, valid-type] # it is loaded at run time
        """Speaks to NATS servers.

        The client has no hook before it sends who it is, and takes ``tls://`` for a hint; so its own steps are overridden.
        """

        def __init__(self, address: str, tls: TlsOptions | None, has_credentials: bool) -> None:
            super().__init__()
            self.tls = tls
            self.dialled = Dialled(address, has_credentials, tls is not None and tls.client_cert is not None)
            """The server that was dialled last."""
            self.told: dict[str, Any] = {}
            """What it says of itself."""

        @property
        def ssl_context(self) -> ssl.SSLContext:
            """Made anew when a file has changed, so that certificates may be renewed under a hub that runs."""
            try:
                return client_context(self.tls or TlsOptions())
            except OptionError as error:
                raise errors.SecureConnFailedError from error  # what the client takes for a failed attempt

        async def _connect_to_server(self, server: Any) -> None:
            host = f"[{server.uri.hostname}]" if ":" in server.uri.hostname else server.uri.hostname
            self.dialled.address = f"{server.uri.scheme}://{host}:{server.uri.port}"
            self.dialled.step = "connect"
            if self._transport:
                self._transport.close()  # the client leaves the socket of an attempt that failed to the garbage collector
            await super()._connect_to_server(server)
            self.dialled.step = "greeting"

        def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> Any:
            # a coroutine to await; nothing with old versions of nats-py
            if initial_connection:
                self.dialled.step = "login"
                self.told = info
                if self.tls is not None and not info.get("tls_required"):
                    if not info.get("tls_available"):
                        raise errors.SecureConnWantedError
                    info["tls_required"] = True
            return super()._process_info(info, initial_connection)

    return HubClient


def _is_of_use(record: logging.LogRecord) -> bool:
    """Pass over what asyncio says at the end of every TLS connection of the client, which opens it in an old way."""
    return "eof_received() has no effect" not in str(record.msg)
