"""`KabuClient`: register symbols by REST, then hand over the boards that kabu Station pushes.

One connection, no second try: staying connected is the session's matter. What a message means is the dialect's.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Any, Self

from wsexample.brokers.base import Secret
from wsexample.brokers.kabu.codes import PRODUCTION_PORT
from wsexample.brokers.kabu.dialect import PONG_INTERVAL_S, KabuDialect, parse_symbols, spell
from wsexample.brokers.kabu.messages import SymbolEntry
from wsexample.brokers.kabu.rest import KabuRest
from wsexample.clock import SystemClock
from wsexample.errors import (
    ConnectError,
    ConnectionClosed,
    DeadlineError,
    HandshakeError,
    NetworkError,
    OptionError,
    StateError,
    WsExampleError,
)
from wsexample.ports import Clock
from wsexample.records.market import Board
from wsexample.wire.connection import Connection, connect
from wsexample.wire.inflow import Arrival

__all__ = ["KabuClient"]

log = logging.getLogger("wsexample.kabu.client")

READ_AHEAD_MESSAGES = 65_536
"""A minute and more of the busiest open seen. kabu Station cuts a client whose socket fills up (vendor issues 175, 284),
so a consumer that is behind is waited for in this process, where memory is."""
READ_AHEAD_BYTES = 256 * 1024 * 1024


class KabuClient:
    """Boards of some symbols: ``async with KabuClient(["9433"], token=KEY) as client: async for board in client: ...``.

    Parameters:
        symbols: "9433", "9433@1", "167060019@2", or one string with blanks between them.
        host: the PC of kabu Station (default "localhost"); see `KabuRest`.
        port: 18080 for production (the default), 18081 for verification.
        token: value for X-API-KEY.
        password: API password; a token is fetched with it when none is given or the given one is stale.
        unregister_on_exit: whether symbols that this client added to the list are taken off it in the end.
        snapshot: whether the present board of each symbol is read first and delivered before what is pushed. Nothing is
            pushed outside the sessions, and nobody knows whether anything is right after registration.
        mend_midnight: undo the vendor's date defect on derivatives after midnight (default True).
        pong_interval_s: how often kabu Station shows life by itself; three Pongs missed end the stream, once one has
            been seen (default 30). 0 takes no silence for an end.
        timeout_s: seconds for each REST call and each step of connecting (default 10).
        clock: what paces REST and stamps what it reads (default the machine's).
        options: further fields of `wsexample.wire.options.ConnectOptions` for the push stream.

    Raises:
        OptionError: a symbol or an option cannot work (at once).
    """

    def __init__(
        self,
        symbols: Iterable[str | SymbolEntry],
        *,
        host: str = "localhost",
        port: int = PRODUCTION_PORT,
        token: str | Secret | None = None,
        password: str | Secret | None = None,
        unregister_on_exit: bool = False,
        snapshot: bool = False,
        mend_midnight: bool = True,
        pong_interval_s: float = PONG_INTERVAL_S,
        timeout_s: float = 10.0,
        clock: Clock | None = None,
        **options: Any,
    ) -> None:
        self.symbols = parse_symbols(symbols)
        """The symbols asked for."""
        if not self.symbols:
            raise OptionError("name at least one symbol, such as 9433 or 167060019@2", option="symbols")
        self.rest = KabuRest(host=host, port=port, token=token, password=password, timeout_s=timeout_s, clock=clock)
        """REST calls with the same credentials, paced together with the client's own."""
        self.dialect = KabuDialect(mend_midnight=mend_midnight, pong_interval_s=pong_interval_s)
        """What has been read so far, and what could not be."""
        self.registered: list[SymbolEntry] = []
        """The whole registration list after this client has registered its own symbols."""
        self.snapshots = 0
        """Boards read by REST before the first pushed one."""
        self.delivered = 0
        """Boards handed over: ``received + snapshots == delivered + unreadable + waiting`` at every moment."""
        self._clock: Clock = clock or SystemClock()
        self._timeout_s = timeout_s
        self._listen_s = pong_interval_s or None
        self._options = options
        self._unregister_on_exit = unregister_on_exit
        self._snapshot = snapshot
        self._added: list[SymbolEntry] = []
        self._waiting: deque[Board] = deque()
        self._ws: Connection | None = None
        self._is_closing = False

    # -- life ------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self.rest.close()
            raise
        return self

    async def _open(self) -> None:
        if self._ws is not None or self._is_closing:
            raise StateError("this client was opened before; make a new one")
        before = set(await self.rest.fetch_registry()) if self._unregister_on_exit else set()
        self._added = [entry for entry in self.symbols if entry not in before]
        try:
            self.registered = await self.rest.register(self.symbols)
            self.dialect.start()
            self.dialect.subscribe(spell(entry) for entry in self.symbols)
            self._ws = await self._connect()
            self._ws.on_control = lambda opcode, payload: self.dialect.frame_heard(self._clock.now_ns())
            if self._snapshot:
                await self._read_snapshot(self._ws)
        except BaseException:
            if self._ws is not None:
                self._ws.abort()
                await self._ws.wait_closed()
            await self._take_off()
            raise

    async def _read_snapshot(self, ws: Connection) -> None:
        """Read each board once; what was pushed meanwhile is put between them in the order in which all came."""
        boards = [await self.rest.fetch_board(entry) for entry in self.symbols]
        self.snapshots = len(boards)
        boards += self._decoded(ws.take_waiting())
        self._waiting.extend(sorted(boards, key=lambda board: board.received_ns))

    def _decoded(self, arrivals: Iterable[Arrival]) -> list[Board]:
        decode = self.dialect.decode
        return [board for arrival in arrivals if (board := decode(*arrival)) is not None]

    async def _connect(self) -> Connection:
        options = {
            "proxy": None,  # kabu Station is on this PC; a proxy of the environment is for elsewhere
            "ping_interval_s": 0.0,  # it does not answer pings (vendor issue 8)
            "connect_timeout_s": self._timeout_s,
            "handshake_timeout_s": self._timeout_s,
            "read_ahead_messages": READ_AHEAD_MESSAGES,
            "read_ahead_bytes": READ_AHEAD_BYTES,
            **self._options,
        }
        host = self.rest.host_header
        headers = {} if host is None else {"host": host}
        try:
            return await connect(self.rest.push_url, **{**headers, **options})
        except ConnectError as error:
            if self.rest.host != "localhost" or not error.refused:
                raise
            # The resolver may know localhost as 127.0.0.1 alone, and kabu Station listen on ::1 alone.
            port = self.rest.port
            options = {"host": f"localhost:{port}", **options}
            try:
                return await connect(f"ws://[::1]:{port}/kabusapi/websocket", **options)
            except NetworkError:
                raise error from None
        except HandshakeError as error:
            raise HandshakeError(
                f"{self.rest.address} did not open the push stream (HTTP {error.status}); is it kabu Station that listens"
                " there, and does a proxy before it pass WebSockets on with 'Host: localhost'?",
                status=error.status,
                reason=error.reason,
                headers=error.headers,
                body=error.body,
            ) from None

    async def close(self) -> None:
        """Close the stream and the REST connections; what came before can no longer be taken. Closing twice is harmless."""
        if self._is_closing:
            return
        self._is_closing = True
        try:
            if self._ws is not None:
                await self._ws.close()
            await self._take_off()
        finally:
            await self.rest.close()

    async def _take_off(self) -> None:
        """Take what this client has added off the list again, if that was asked for; on the way out nothing is raised."""
        if not self._unregister_on_exit or not self._added:
            return
        added, self._added = self._added, []
        try:
            await self.rest.unregister(added)
        except WsExampleError as error:
            log.warning("%s stayed registered: %s", ", ".join(spell(entry) for entry in added), error)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- boards ----------------------------------------------------------------------------------------------

    async def __aiter__(self) -> AsyncIterator[Board]:
        """Iterate over boards in the order in which they came; ends when this side closes the client.

        Raises:
            ConnectionClosed: the stream is over and everything that came has been delivered.
        """
        while (board := await self.receive()) is not None:
            yield board

    async def receive(self) -> Board | None:
        """Return the next board, waiting for it as long as the stream lives; None when this side has closed the client.

        Raises:
            ConnectionClosed: the stream is over and everything that came has been delivered.
            StateError: the client was not opened.
        """
        ws = self._ws
        if ws is None:
            raise StateError("open the client first: async with KabuClient(...) as client")
        while True:
            if self._waiting:
                self.delivered += 1
                return self._waiting.popleft()
            if self._is_closing:
                return None
            try:
                arrival = await ws.receive_stamped(self._listen_s)
            except DeadlineError:
                self._watch(ws)
                continue
            except ConnectionClosed:
                if self._is_closing:
                    return None
                raise
            board = self.dialect.decode(*arrival)
            if board is not None:
                self.delivered += 1
                return board

    def take_waiting(self) -> list[Board]:
        """Return every board that has come already, without waiting; oldest first."""
        boards = list(self._waiting)
        self._waiting.clear()
        if self._ws is not None:
            boards += self._decoded(self._ws.take_waiting())
        self.delivered += len(boards)
        return boards

    def _watch(self, ws: Connection) -> None:
        """No message for a while, which a quiet market explains; no frame at all only a dead peer does."""
        now_ns = self._clock.now_ns()
        limit_s = self.dialect.silence(now_ns).frame_s
        if limit_s is not None and now_ns - ws.last_received_ns > limit_s * 1e9:
            ws.abort()
            raise ConnectionClosed(code=1006, reason=f"kabu Station showed no sign of life for {limit_s:g} s")

    # -- counters --------------------------------------------------------------------------------------------

    @property
    def received(self) -> int:
        """Messages that came on the stream."""
        return self._ws.received if self._ws is not None else 0

    @property
    def waiting(self) -> int:
        """Messages and snapshot boards that came and were not taken yet."""
        return len(self._waiting) + (self._ws.waiting if self._ws is not None else 0)

    @property
    def unreadable(self) -> int:
        """Messages that were no boards; ``dialect.kept`` has the newest."""
        return self.dialect.unreadable

    def __repr__(self) -> str:
        return (
            f"<KabuClient {self.rest.address}, {len(self.symbols)} symbols, {self.received} received,"
            f" {self.delivered} delivered, {self.unreadable} unreadable>"
        )
