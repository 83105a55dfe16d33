"""`NatsLink`: a hub's connection to one of several NATS servers; it comes back, and what is in the way is said once.

The client goes on to another server by itself when a connection breaks. Where a server ends a living connection with an error,
such as credentials that were revoked, the client ends for ever; the link connects anew then, for as long as it takes.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from wsexample.errors import ConnectError, WsExampleError
from wsexample.hub.nats_client import failures, make_client
from wsexample.hub.nats_faults import Fault, fault_of, is_denial
from wsexample.hub.nats_servers import NatsServers
from wsexample.wire.tls import TlsOptions, client_context

__all__ = ["NatsLink"]

log = logging.getLogger("wsexample.hub")

Hear = Callable[[Any], Awaitable[None]]
CONNECT_TIMEOUT_S = 2.0
RETRY_S = 0.25
REOPEN_S = 1.0
"""How long to wait before a client that has ended is replaced."""
GOODBYE_S = 2.0


class NatsLink:
    """A connection to NATS.

    Parameters:
        servers: where, and who we are there.
        tls: whom to trust and who we are; None speaks TLS only where the address or the server says so.
        returned: called after each change of server.
    """

    def __init__(self, servers: NatsServers, tls: TlsOptions | None, returned: Callable[[], Awaitable[None]]) -> None:
        self.servers = servers
        self.client: Any = None
        """Another one after a server has ended a living connection."""
        self.denied: WsExampleError | None = None
        """The first thing that a server did not let us do, once it is connected."""
        self._tls = tls or (TlsOptions() if servers.want_tls else None)
        self._returned = returned
        self._wanted: list[tuple[str, Hear, dict[str, Any]]] = []
        self._faults: dict[str, Fault] = {}
        self._refused = asyncio.Event()
        self._is_open = False
        self._said: set[str] = set()
        self._ended = asyncio.Event()
        self._back = asyncio.Event()
        self._streams: dict[float, Any] = {}

    def __repr__(self) -> str:
        return f"<NatsLink {self.servers}>"

    # -- life ------------------------------------------------------------------------------------------------------

    async def open(self, timeout_s: float) -> None:
        """Connect; end at once where every server says that asking again cannot help.

        Parameters:
            timeout_s: how long the servers may take, seconds.

        Raises:
            ConnectError: no server answers.
            ResolveError: their names are not known.
            TlsError: a certificate, theirs or ours, is not accepted; or they do not speak TLS.
            CredentialsError: user, password or token is wrong or missing.
            OptionError: a file of certificates cannot be used.
        """
        if self._tls is not None:
            client_context(self._tls)
        self._make()
        connecting = asyncio.create_task(self._connect(), name="hub connects")
        refused = asyncio.create_task(self._refused.wait())
        try:
            await asyncio.wait({connecting, refused}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                raise self._fault()
            await connecting
            self._is_open = True
        finally:
            for task in (connecting, refused):
                task.cancel()
            await asyncio.gather(connecting, refused, return_exceptions=True)
            if not self._is_open:
                await self._let_go()

    async def subscribe(self, subject: str, hear: Hear, **limits: int) -> None:
        """Hear a subject, on every connection from now on."""
        self._wanted.append((subject, hear, limits))
        await self.client.subscribe(subject, cb=hear, **limits)

    async def settle(self) -> None:
        """Wait until the server has taken what it was told, and has said what it does not allow."""
        await self.client.flush()  # its ping goes before what waits to be written, which goes out meanwhile
        await self.client.flush()

    def jetstream(self, timeout_s: float) -> Any:
        """Return what the client asks JetStream with, the same for as long as there is this client.

        Parameters:
            timeout_s: how long an answer may take, seconds.
        """
        found = self._streams.get(timeout_s)
        if found is None:
            found = self._streams[timeout_s] = self.client.jetstream(timeout=timeout_s)
        return found

    @property
    def is_clustered(self) -> bool:
        """Whether the server that was dialled last belongs to a cluster, whose others may do what it does not."""
        return bool(self.client.told.get("cluster"))

    async def close(self) -> None:
        """Leave."""
        self._is_open = False
        await self._let_go()

    async def _let_go(self) -> None:
        if self.client is None:
            return
        with suppress(*failures()):  # nothing waits for it any more
            async with asyncio.timeout(GOODBYE_S):
                await self.client.close()

    # -- connecting ------------------------------------------------------------------------------------------------

    def _make(self) -> None:
        self._streams.clear()
        self._back.clear()
        self.client = make_client(str(self.servers), self._tls, has_credentials=self.servers.has_credentials)

    async def _connect(self) -> None:
        """Connect, and try again for ever."""
        urls = list(self.servers.urls)
        random.shuffle(urls)
        client = self.client
        await client.connect(
            urls,
            connect_timeout=CONNECT_TIMEOUT_S,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RETRY_S,
            ping_interval=5,
            max_outstanding_pings=2,
            error_cb=self._note_error,
            disconnected_cb=self._note_break,
            reconnected_cb=self._note_return,
            closed_cb=self._note_end,
            **self.servers.credentials,
        )
        if not client.is_connected:  # the server has hung up in the login, and the client goes on to others
            await self._back.wait()

    def _fault(self) -> WsExampleError:
        """Return what was in the way, the most telling first."""
        faults = sorted(self._faults.values(), key=lambda fault: not fault.is_final)
        if not faults:
            return ConnectError(f"no NATS server answers at {self.servers}", address=str(self.servers))
        return faults[0].error(*faults[1:])

    async def keep(self) -> None:
        """Replace a client that has ended for ever; runs as long as the connection is wanted."""
        while True:
            await self._ended.wait()
            self._ended.clear()
            await asyncio.sleep(REOPEN_S)
            self._make()
            await self._connect()
            if self._ended.is_set():
                continue
            for subject, hear, limits in self._wanted:
                with suppress(*failures()):  # the client takes it up when it is connected again
                    await self.client.subscribe(subject, cb=hear, **limits)
            await self._note_return()

    # -- what the client reports -----------------------------------------------------------------------------------

    async def _note_error(self, error: Exception) -> None:
        if is_denial(error):
            fault = fault_of(error, self.client.dialled)
            self.denied = self.denied or fault.error()
            self._say(fault.words)
        elif (
            not self.client.is_connected
        ):  # what is missed on a connection that lives is seen by its number, and fetched
            self._note_fault(fault_of(error, self.client.dialled))

    def _note_fault(self, fault: Fault) -> None:
        if self._is_open:
            self._say(f"{fault.words}; trying on")
            return
        address = self.client.dialled.address
        known = self._faults.get(address)
        if known is None or not known.is_final:  # a connection that is cut off may hide the reason that came before
            self._faults[address] = fault
        found = [self._faults.get(one) for one in self.servers.addresses]
        if all(one is not None and one.is_final for one in found):
            self._refused.set()

    async def _note_break(self) -> None:
        if self._is_open:
            self._say(f"the connection to {self.client.dialled.address} is lost")

    async def _note_end(self) -> None:
        if self._is_open:
            if self.client.last_error is not None:
                self._note_fault(fault_of(self.client.last_error, self.client.dialled))
            self._ended.set()
            self._back.set()  # nobody need wait for this client any more

    async def _note_return(self) -> None:
        self._back.set()
        if self._said:
            log.info("connected to %s again", self.client.dialled.address)
        self._said.clear()
        await self._returned()

    def _say(self, words: str) -> None:
        """Log something once until there is a connection again."""
        if words not in self._said:
            self._said.add(words)
            log.warning("%s", words)
