"""How the push stream is opened: the options that kabu Station needs, and both loopback addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsexample.brokers.kabu.rest import KabuRest
from wsexample.errors import ConnectError, HandshakeError, NetworkError
from wsexample.session.session import Dial
from wsexample.wire.connection import Connection, connect
from wsexample.wire.options import ConnectOptions

if TYPE_CHECKING:
    from wsexample.wire.option_fields import ConnectFields, NamelessFields

__all__ = ["dial_of", "options_of"]

READ_AHEAD_MESSAGES = 65_536
"""A minute and more of the busiest open seen. kabu Station cuts a client whose socket fills up (vendor issues 175, 284),
so what nobody has read waits in this process, where memory is."""
READ_AHEAD_BYTES = 256 * 1024 * 1024


def options_of(rest: KabuRest, timeout_s: float, changes: NamelessFields) -> ConnectOptions:
    """Return how to connect.

    Parameters:
        rest: knows the address.
        timeout_s: seconds for each step of connecting.
        changes: fields of `ConnectOptions` to set otherwise.
    """
    options: ConnectFields = {
        "proxy": None,  # kabu Station is on this PC; a proxy of the environment is for elsewhere
        "ping_interval_s": 0.0,  # it does not answer pings (vendor issue 8)
        "connect_timeout_s": timeout_s,
        "handshake_timeout_s": timeout_s,
        "read_ahead_messages": READ_AHEAD_MESSAGES,
        "read_ahead_bytes": READ_AHEAD_BYTES,
    }
    if rest.host_header is not None:
        options["host"] = rest.host_header
    wanted: ConnectFields = {**options, **changes}
    return ConnectOptions(url=rest.push_url, **wanted)


def dial_of(rest: KabuRest) -> Dial:
    """Return what opens a connection; a refusal says what to look at."""

    async def dial(options: ConnectOptions) -> Connection:
        try:
            return await connect(options)
        except ConnectError as error:
            if rest.host != "localhost" or not error.refused:
                raise
            # The resolver may know localhost as 127.0.0.1 alone, and kabu Station listen on ::1 alone.
            other = options.replace(url=f"ws://[::1]:{rest.port}/kabusapi/websocket", host=f"localhost:{rest.port}")
            try:
                return await connect(other)
            except NetworkError:
                raise error from None
        except HandshakeError as error:
            raise HandshakeError(
                f"{rest.address} did not open the push stream (HTTP {error.status}); is it kabu Station that listens"
                " there, and does a proxy before it pass WebSockets on with 'Host: localhost'?",
                status=error.status,
                reason=error.reason,
                headers=error.headers,
                body=error.body,
            ) from None

    return dial
