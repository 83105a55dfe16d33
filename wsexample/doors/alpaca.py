"""`AlpacaWebsocketClient`: an account's trade updates, handled and stored, for blocking programs with methods to override.

The stream is `wsexample.brokers.alpaca`'s, the store one of `wsexample.sinks`; how they live in a thread beside yours is in
`wsexample.doors.life`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, Unpack

from wsexample.brokers.alpaca import AlpacaCredentials, AlpacaTradingStream
from wsexample.doors.known import KnownUpdates
from wsexample.doors.life import Life
from wsexample.errors import OptionError, StateError, StorageError
from wsexample.ports import ConnectionEvent, Gap, Record
from wsexample.records.orders import Fill, Order
from wsexample.session.options import Retry
from wsexample.session.session import SessionStats
from wsexample.sinks.base import open_sink
from wsexample.sinks.sqlite import SqliteSink, read_records
from wsexample.wire.masking import mask_url

if TYPE_CHECKING:
    from wsexample.ports import Clock
    from wsexample.session.option_fields import SessionArguments
    from wsexample.wire.option_fields import ConnectFields

    class StreamArguments(SessionArguments, total=False):
        """What `AlpacaTradingStream` lets you choose beside the account."""

        login: Literal["flat", "nested"]
        backfill: Literal["auto", "events", "rest", "none"]
        since_ns: int | None
        overlap_s: float
        patience_s: float
        check_every_s: float
        url: str | None
        rest_url: str | None
        connect: ConnectFields | None
        clock: Clock | None


__all__ = ["AlpacaWebsocketClient"]

log = logging.getLogger("wsexample.alpaca.client")


class AlpacaWebsocketClient:
    """``client = AlpacaWebsocketClient(key, secret, "sqlite:///trades.db"); client.connect(); ...; client.disconnect()``

    Override `handle_trade_update`, `store_trade_update` or `log_connection_event` to do something of your own; each may be
    a plain method or a coroutine. They run one after the other on a thread beside the one that reads the socket, so that a
    slow one costs no connection; what they raise is logged and counted in `handler_errors`, and the stream goes on.

    After every break what was missed is fetched first; each execution comes once. A break is also the time between a
    `disconnect` and the next `connect`, and between two runs of a program that store into the same SQLite file. In a program
    that runs on asyncio `wsexample.brokers.alpaca.AlpacaTradingStream` is the better choice.

    Parameters:
        api_key, secret: the key pair; None looks for it in the environment.
        store_url: where updates and connection events are stored, ``sqlite:///trades.db``,
            ``mongodb://host/database`` or another store of `open_sink`.
        paper: whether it is a paper account (default True).
        ping_interval_s: seconds between pings (default 30).
        reconnect_s: longest wait before a new connection, and the shortest time between the beginnings of two attempts,
            seconds (default 5).
        resume: whether the first `connect` begins where what is stored ends (default True).
        options: more arguments of `AlpacaTradingStream`, such as ``since_ns``, ``backfill`` or ``url``.

    Raises:
        CredentialsError: there are no credentials.
        OptionError: no store for this URL, or another option that cannot work.
    """

    def __init__(
        self,
        api_key: str | None,
        secret: str | None,
        store_url: str,
        paper: bool = True,
        *,
        ping_interval_s: float = 30.0,
        reconnect_s: float = 5.0,
        resume: bool = True,
        **options: Unpack[StreamArguments],
    ) -> None:
        if not reconnect_s > 0:
            raise OptionError(f"reconnect_s must be more than zero, not {reconnect_s!r}", option="reconnect_s")
        self._credentials = AlpacaCredentials.found(api_key, secret)
        self._store_url = store_url
        self._paper = paper
        connecting: ConnectFields = {"ping_interval_s": ping_interval_s}
        connecting.update(options.get("connect") or {})
        options["connect"] = connecting
        options.setdefault("retry", Retry(first_s=reconnect_s, factor=1.0, max_s=reconnect_s, interval_s=reconnect_s))
        options.setdefault("journal", True)
        self._options = options
        self._known = KnownUpdates()
        self._is_to_recall = resume
        open_sink(store_url)  # says now, and not in a thread, that there is no such store
        self.new_stream()  # the same of the options
        self._life: Life | None = None
        self._lock = threading.Lock()
        self.handler_errors = 0
        """Errors that your methods raised."""

    def new_stream(self) -> AlpacaTradingStream:
        """Return the stream of one life of the client, from `connect` to `disconnect`."""
        options = self._options.copy()
        if self._known.until_ns is not None and options.get("backfill") != "none":
            options["since_ns"] = self._known.until_ns
        return AlpacaTradingStream(credentials=self._credentials, paper=self._paper, **options)

    def stored_updates(self) -> Iterable[Record]:
        """Return updates that are stored already; `connect` begins where they end. By default those of an SQLite store."""
        return stored_in(self._store_url)

    # -- to call, and to override ----------------------------------------------------------------------------------

    def connect(self, timeout_s: float = 30.0) -> None:
        """Connect, log in and listen; returns when trade updates flow. Connected already, it does nothing.

        Parameters:
            timeout_s: seconds for all of it; a lost connection is tried again meanwhile.

        Raises:
            CredentialsError: the credentials were refused; it is not tried again.
            DeadlineError: it did not come about in time, and was given up.
            StorageError: the store cannot be opened or read.
        """
        with self._lock:
            if self._life is not None and not self._life.is_over:
                return
            if self._is_to_recall:
                self._known.recall(self.stored_updates())
                self._is_to_recall = False
            life = self._life = Life(self.new_stream, lambda: open_sink(self._store_url), self._take)
            life.start()
        try:
            life.wait_live(timeout_s)
            try:
                self.subscribe_to_trades()
            except StateError:
                if not life.is_ending:  # one of your methods has had enough already
                    raise
        except BaseException:  # Ctrl-C too: nothing that was begun is left running
            life.end(timeout_s)
            raise

    def disconnect(self, timeout_s: float = 10.0) -> None:
        """Close the connection; what came before is stored and handled, and the store is closed.

        From one of your own methods it returns at once, and the end follows. Not connected, it does nothing.

        Parameters:
            timeout_s: seconds for handling what came; after them the rest is left out, with a line in the log.

        Raises:
            StorageError: some of it could not be stored.
        """
        error = self._life.end(timeout_s) if self._life is not None else None
        if isinstance(error, StorageError):
            raise error

    def is_connected(self) -> bool:
        """Return whether updates flow at this moment: connected, logged in and listening."""
        return self._life is not None and self._life.is_live

    def subscribe_to_trades(self) -> None:
        """Listen to trade updates and wait until Alpaca has confirmed it; `connect` calls this.

        Raises:
            StateError: not connected.
            RequestError: Alpaca left the stream out.
        """
        if self._life is None or self._life.is_over:
            raise StateError("the client is not connected; call connect() first")
        self._life.subscribe()

    def handle_trade_update(self, update: Order | Fill) -> Awaitable[None] | None:
        """Do something with an update: an execution (`Fill`), then the order as it stands after it (`Order`).

        By default a line is logged.
        """
        if isinstance(update, Fill):
            log.info(
                "%s %s %s at %s, order %s%s",
                update.side,
                update.size,
                update.symbol,
                update.price,
                update.order_id,
                " (backfilled)" if update.is_backfilled else "",
            )
        else:
            log.info("order %s %s: %s", update.order_id, update.symbol, update.event or update.status)
        return None

    def store_trade_update(self, update: Order | Fill) -> Awaitable[None] | None:
        """Store an update, before it is handled. By default it goes to ``store_url``, and is tried again until it is there."""
        return self._store(update)

    def log_connection_event(self, event: ConnectionEvent | Gap) -> Awaitable[None] | None:
        """Note what happened to the connection: opened, logged in, failed, closed, retried, and gaps.

        By default a line is logged, and the event is stored beside the updates.
        """
        if isinstance(event, Gap):
            filled = "what was missed follows" if event.filled else "something may be missing"
            log.warning("the stream was interrupted (%s); %s", event.reason, filled)
        else:
            log.info("connection %s: %s", event.event, event.detail)
        return self._store(event)

    # -- beside ----------------------------------------------------------------------------------------------------

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the client is disconnected; returns whether it is.

        Parameters:
            timeout_s: seconds to wait; None for as long as it takes.

        Raises:
            WsExampleError: what ended it, such as credentials that were refused on a new connection.
        """
        return self._life is None or self._life.wait_over(timeout_s)

    def run_forever(self) -> None:
        """Connect and stay until Ctrl-C, `disconnect` or an error that cannot be mended, which is raised."""
        self.connect()
        try:
            self.wait()
        finally:
            self.disconnect()

    @property
    def stats(self) -> SessionStats | None:
        """Counts of the stream of this life, or of the last; None before the first."""
        stream = self._life.stream if self._life is not None else None
        return stream.stats if stream is not None else None

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()

    def __repr__(self) -> str:
        where = "paper" if self._paper else "live"
        state = "connected" if self.is_connected() else "not connected"
        store = mask_url(self._store_url) if "@" in self._store_url else self._store_url
        return f"<AlpacaWebsocketClient {where} {store} {state}>"

    # -- each record -----------------------------------------------------------------------------------------------

    def _store(self, record: Record) -> Awaitable[None] | None:
        return self._life.store(record) if self._life is not None else None

    async def _take(self, life: Life, record: Record) -> None:
        """Hand a record to whom it concerns."""
        if isinstance(record, Order | Fill):
            if not self._known.take(record):
                return
            try:
                self.handler_errors += not await life.called(self.store_trade_update, record)
            except BaseException:  # cancelled: it took too long in the end, and nobody has stored it
                self._known.forget(record)
                raise
            self.handler_errors += not await life.called(self.handle_trade_update, record)
        elif isinstance(record, ConnectionEvent | Gap):
            self.handler_errors += not await life.called(self.log_connection_event, record)


def stored_in(store_url: str) -> Iterator[Record]:
    """Iterate over the orders and executions of a store that can be read back; of others over nothing."""
    sink = open_sink(store_url)
    if isinstance(sink, SqliteSink) and sink.path.is_file():
        for kind in ("order", "fill"):
            yield from read_records(sink.path, kind)
