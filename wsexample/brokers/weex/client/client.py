"""`WeexWebSocketClient`: asynchronous generators of tickers, books, trades, account, positions and orders.

What a stream yields is said here; which socket carries it in ``sockets`` and ``line``, how a message is read in the dialect, and
staying connected is the session's matter.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import msgspec

from wsexample.brokers.weex.client.by_hand import ByHand
from wsexample.brokers.weex.client.errands import WeexErrands, dial, identity
from wsexample.brokers.weex.client.line import Line
from wsexample.brokers.weex.client.outlet import Outlet
from wsexample.brokers.weex.client.sockets import Sockets
from wsexample.brokers.weex.codes import PRIVATE_PATH, PUBLIC_PATH
from wsexample.brokers.weex.config import WeexConfig
from wsexample.brokers.weex.dialect import (
    Holdings,
    WeexDialect,
    WeexMessage,
    answer_rows,
    book_topic,
    kline_topic,
    quote_topic,
    ticker_topic,
    trade_topic,
)
from wsexample.brokers.weex.rest import WeexRest
from wsexample.clock import SystemClock
from wsexample.errors import OptionError, StateError
from wsexample.ports import Clock, ConnectionEvent, Gap, Record
from wsexample.session.inbox import InboxStats
from wsexample.session.options import Retry
from wsexample.session.session import Session, SessionStats
from wsexample.wire.connection import Connection
from wsexample.wire.options import ConnectOptions

if TYPE_CHECKING:
    from wsexample.brokers.weex.client.message_types import (
        BalanceMessage,
        BarMessage,
        BookMessage,
        FillMessage,
        OrderMessage,
        PositionMessage,
        QuoteMessage,
        TickerMessage,
        TradeMessage,
    )

__all__ = ["ClientStats", "Connected", "WeexWebSocketClient", "create_websocket_client"]

ERRAND_TIMEOUT_S = 1.0
"""Signing is all that keeps a handshake waiting, seconds."""
BACKFILL_TIMEOUT_S = 10.0
"""How long live messages stand back while REST is asked for what a break has hidden, seconds."""
Stream = AsyncGenerator[WeexMessage, None]


class Connected(int):
    """Whether a client is connected: true or false in a condition, and callable too, for it is documented both ways."""

    def __call__(self) -> bool:
        """Return the same as a bool."""
        return bool(self)

    def __repr__(self) -> str:
        return repr(bool(self))


class ClientStats(InboxStats, frozen=True, kw_only=True):
    """Where a client stands; the inherited counts are sums over all its streams, those that ended included."""

    sockets: int
    """Sockets that there are."""
    public: SessionStats | None
    """The first public socket; None while it is not open."""
    private: SessionStats | None
    """The private one."""


class WeexWebSocketClient(ByHand):
    """``async with WeexWebSocketClient(config) as client: async for message in client.stream_tickers(["BTCUSDT"])``.

    An item has ``data`` (a mapping with the documented keys), ``timestamp`` (seconds) and ``record`` (typed). Of tickers,
    quotes and books a slow reader gets the newest; of all others everything, or a `SlowConsumerError`. Generators end
    normally after `disconnect` and raise when the retries are exhausted.

    Parameters:
        config: credentials and addresses.
        max_retries: failures in a row after which streams raise; None never gives up (default 5).
        backoff_base, backoff_max: bounds of the waits between attempts, seconds (default 1 and 30).
        ping_interval: seconds between pings of the WebSocket protocol; 0 sends none (default), for whether WEEX answers them
            is not known. Its own pings, which are messages, are always answered.
        ping_timeout: seconds to wait for the answer to one (default 10).
        limit: messages that may wait for a stream (default 10,000).
        clock: what stamps signatures, paces attempts and measures silence (default the machine's).
        on_session: called with the session behind each socket before it connects, such as to attach a tape's tap.

    Raises:
        OptionError: a value cannot work.
    """

    PUBLIC_ENDPOINT: ClassVar[str] = f"wss://ws-contract.weex.com{PUBLIC_PATH}"
    """WEEX's public socket of the contract market; ``config.public_url`` is what is used."""
    PRIVATE_ENDPOINT: ClassVar[str] = f"wss://ws-contract.weex.com{PRIVATE_PATH}"
    """WEEX's private socket of the contract market; ``config.private_url`` is what is used."""

    def __init__(
        self,
        config: WeexConfig,
        *,
        max_retries: int | None = 5,
        backoff_base: float = 1.0,
        backoff_max: float = 30.0,
        ping_interval: float = 0.0,
        ping_timeout: float = 10.0,
        limit: int = 10_000,
        clock: Clock | None = None,
        on_session: Callable[[Session], None] | None = None,
    ) -> None:
        if limit < 1:
            raise OptionError(f"limit must be at least 1, not {limit!r}", option="limit")
        self.config = config
        """Credentials and addresses."""
        self._is_spot = config.market == "spot"
        self._clock: Clock = clock or SystemClock()
        self._retry = Retry(
            first_s=backoff_base, max_s=backoff_max, max_attempts=max_retries, window_attempts=300, window_s=300.0
        )
        self._connect_options = ConnectOptions(
            url=config.public_url,
            user_agent=f"wsexample/{config.version}",
            ping_interval_s=ping_interval,
            ping_timeout_s=ping_timeout,
        )
        self._limit = limit
        self._on_session = on_session
        super().__init__(Sockets(self._opened))
        self._rest: WeexRest | None = None
        self._overhearing: set[Outlet] = set()

    # -- life ----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    async def connect(self, private: bool = False) -> None:
        """Open the public socket; connecting twice is harmless, and opens again what has given up.

        Parameters:
            private: whether to open the private socket too, in place of when the first private stream wants it.

        Raises:
            NetworkError, PeerError: the venue could not be reached within the retries.
            CredentialsError: they are missing or wrong.
        """
        await self._sockets.open()
        if private:
            await self._sockets.open_private()

    async def disconnect(self) -> None:
        """Close every socket; running streams end normally, and `connect` may be called again."""
        self._asked.clear()
        await self._sockets.close()
        rest, self._rest = self._rest, None  # only now: an errand of a socket may have asked for it
        if rest is not None:
            await rest.close()

    async def close(self) -> None:
        """The same as `disconnect`."""
        await self.disconnect()

    async def reconnect(self, private: bool = False) -> None:
        """Replace a connection by a new one and wait until it is live; streams go on, behind a gap.

        Parameters:
            private: the private one in place of the public ones.

        Raises:
            NetworkError, PeerError: the venue could not be reached within the retries.
        """
        sockets = self._sockets
        lines = [line for line in ([sockets.private] if private else sockets.public) if line is not None]
        for line in lines:
            if not line.is_over:
                await line.reconnect()
        if not lines or lines[0].is_over:
            await self.connect(private)

    @property
    def is_connected(self) -> Connected:
        """Whether the public socket is open and live; may be called like a method too."""
        public = self._sockets.public
        return Connected(bool(public) and public[0].is_live)

    @property
    def subscriptions(self) -> set[str]:
        """Streams that are wanted now, as the venue spells them."""
        return {topic for line in self._sockets.lines for topic in line.topics}

    @property
    def connection_attempts(self) -> int:
        """Attempts to connect the present sockets."""
        return sum(line.session.stats.attempts for line in self._sockets.lines)

    @property
    def stats(self) -> ClientStats:
        """All counts at this moment."""
        sockets = self._sockets
        return ClientStats(
            **msgspec.structs.asdict(sockets.counts),
            sockets=len(sockets.lines),
            public=sockets.public[0].session.stats if sockets.public else None,
            private=sockets.private.session.stats if sockets.private is not None else None,
        )

    def __repr__(self) -> str:
        state = "connected" if self.is_connected else "not connected"
        return f"<WeexWebSocketClient {self.config.market}, {state}, {len(self.subscriptions)} streams>"

    async def _opened(self, is_private: bool) -> Line:
        config = self.config
        if is_private:
            _ = config.credentials  # raises in plain words before anything is opened
        url = config.private_url if is_private else config.public_url

        async def opening(options: ConnectOptions) -> Connection:
            connection = await dial(options)
            line.connection = connection
            return connection

        dialect = WeexDialect(keeps_wire=True)
        session = Session(
            dialect,
            url=self._connect_options.replace(url=url),
            errands=WeexErrands(config, self._clock, self._rest_calls, is_private=is_private),
            dial=opening,
            clock=self._clock,
            dedupe=identity,
            retry=self._retry,
            limit=self._limit,
            errand_timeout_s=ERRAND_TIMEOUT_S,
            backfill_timeout_s=BACKFILL_TIMEOUT_S,
            journal=True,
        )
        if self._on_session is not None:
            self._on_session(session)
        line = Line(session, dialect, self._overhear)
        await line.open()
        return line

    def _rest_calls(self) -> WeexRest:
        if self._rest is None:
            self._rest = WeexRest(self.config, clock=self._clock)
        return self._rest

    # -- public streams ------------------------------------------------------------------------------------------

    def stream_tickers(self, symbols: Iterable[str] | None = None) -> AsyncGenerator[TickerMessage, None]:
        """Yield 24 hour figures: ``last``, ``volume``, ``change`` (percent, derived) and more.

        Parameters:
            symbols: which ones; None for all that programs may trade.
        """
        return self._stream(None if symbols is None else _topics(ticker_topic, symbols), keeps_newest=True)

    def stream_order_book(self, symbol: str, level: int = 5) -> AsyncGenerator[BookMessage, None]:
        """Yield the whole order book, best first: ``bids`` and ``asks`` of (price, size).

        Parameters:
            symbol: which one.
            level: levels of each side, 1 to 200 (default 5).

        Raises:
            OptionError: another number of levels.
        """
        return self._stream([book_topic(symbol, level)], keeps_newest=True, level=level)

    def stream_trades(self, symbol: str) -> AsyncGenerator[TradeMessage, None]:
        """Yield trades one by one: ``price``, ``size``, ``side``; those that a break has hidden come after it.

        Parameters:
            symbol: the venue's symbol.
        """
        return self._stream([trade_topic(symbol)])

    def stream_candles(
        self, symbol: str, interval: str = "1m", price_type: str = "LAST_PRICE"
    ) -> AsyncGenerator[BarMessage, None]:
        """Yield the candle of an interval as it grows: ``start_ms``, ``open``, ``high``, ``low``, ``close``, ``volume``.

        Parameters:
            symbol: which one.
            interval: a key of `wsexample.brokers.weex.codes.INTERVALS_S` (default "1m").
            price_type: "LAST_PRICE" (default) or "MARK_PRICE", which the contract market alone has.
        """
        return self._stream([kline_topic(symbol, interval, price_type)])

    def stream_quotes(self, symbols: Iterable[str]) -> AsyncGenerator[QuoteMessage, None]:
        """Yield the best bid and ask: ``bid``, ``bid_size``, ``ask``, ``ask_size``; the spot market alone has this stream.

        Parameters:
            symbols: which ones, at least one.

        Raises:
            OptionError: it is the contract market.
        """
        if not self._is_spot:
            raise OptionError(
                "the contract market has no stream of quotes; use stream_order_book(symbol, 1)", option="market"
            )
        return self._stream(_topics(quote_topic, symbols), keeps_newest=True)

    # -- private streams -----------------------------------------------------------------------------------------

    def stream_orders(self) -> AsyncGenerator[OrderMessage, None]:
        """Yield orders as they change: ``order_id``, ``status`` (a partial fill is derived), ``symbol``, ``size``.

        What a break has hidden comes after it, on the contract market.

        Raises:
            CredentialsError: they are missing or wrong.
        """
        return self._stream(["orders"])

    def stream_fills(self) -> AsyncGenerator[FillMessage, None]:
        """Yield executions of your orders: ``fill_id``, ``order_id``, ``price`` (derived), ``size``, ``fee``, ``side``.

        What a break has hidden comes after it, on the contract market.
        """
        return self._stream(["fill"])

    async def stream_account(self) -> AsyncGenerator[BalanceMessage, None]:
        """Yield balances: first what there is, then every change: ``balance``, ``available``, ``frozen``.

        On the contract market the socket has no such figures: each push is joined with a REST call made after it.
        """
        await self._sockets.open_private()
        rest, outlet = self._rest_calls(), Outlet(limit=self._limit)
        try:
            await self._sockets.attach(outlet, ["account"], news=["gap"])
            for message in await self._balances(rest):
                yield message
            async for first in outlet:
                waiting = [first, *outlet.take_waiting()]
                pushed = [one for one in waiting if isinstance(one, WeexMessage)]
                has_gap = len(pushed) < len(waiting)
                needs_figures = has_gap or not self._is_spot
                figures = {one.symbol: one for one in await self._balances(rest)} if needs_figures else {}
                for change in pushed:
                    yield cast("BalanceMessage", _joined(change, figures.get(change.symbol)))
                for message in figures.values() if has_gap else ():  # what there is now
                    yield message
        except StateError:
            if not outlet.has_ended:  # otherwise it was disconnected while REST was asked
                raise
        finally:
            await self._sockets.detach(outlet)

    async def stream_positions(self) -> AsyncGenerator[PositionMessage, None]:
        """Yield positions: first those that are open, then every change, and whenever the mark moves.

        ``unrealized_pnl`` is derived from the ticker's mark, which the venue does not put into positions. After a break what
        is held is asked for again, and what was closed unseen comes with size 0.

        Raises:
            OptionError: it is the spot market.
        """
        if self._is_spot:
            raise OptionError("the spot market has no positions", option="market")
        await self._sockets.open_private()
        rest, outlet = self._rest_calls(), Outlet(keeps_newest=True, limit=self._limit)
        holdings = Holdings()
        try:
            await self._sockets.attach(outlet, ["positions"], news=["gap"])
            changed = holdings.fetched(await self._positions(rest))
            while True:
                for message in changed:
                    yield cast("PositionMessage", message)
                # Tickers of closed positions stay: giving them up and asking again costs operations, of which an hour has few.
                await self._sockets.attach(outlet, map(ticker_topic, holdings.symbols))
                item = await outlet.next()
                if item is None:
                    return
                if not isinstance(item, WeexMessage):
                    changed = holdings.fetched(await self._positions(rest))
                else:
                    changed = [holdings.pushed(item)] if item.topic == "positions" else holdings.marked(item)
        except StateError:
            if not outlet.has_ended:  # otherwise it was disconnected while REST was asked
                raise
        finally:
            await self._sockets.detach(outlet)

    async def _balances(self, rest: WeexRest) -> list[BalanceMessage]:
        rows = answer_rows("account", await rest.fetch_balances(), self._clock.now_ns())
        return cast("list[BalanceMessage]", rows)

    async def _positions(self, rest: WeexRest) -> list[WeexMessage]:
        return answer_rows("positions", await rest.fetch_positions(), self._clock.now_ns())

    async def _stream(
        self, topics: list[str] | None, *, keeps_newest: bool = False, level: int = 0
    ) -> AsyncGenerator[Any, None]:
        """Yield the messages of some streams, books cut to ``level``; None for every ticker."""
        if topics is None:
            topics = await self._every_ticker()
        outlet = Outlet(keeps_newest=keeps_newest, limit=self._limit)
        try:
            await self._sockets.attach(outlet, topics)
            async for message in outlet:
                assert isinstance(message, WeexMessage)  # no news was asked for
                yield _cut(message, level) if level else message
        finally:
            await self._sockets.detach(outlet)

    async def _every_ticker(self) -> list[str]:
        self._sockets.first()
        return [ticker_topic(symbol) for symbol in await self._rest_calls().fetch_tradable_symbols()]

    # -- everything at once --------------------------------------------------------------------------------------

    def stream_messages(self) -> Stream:
        """Yield every message of every stream that is subscribed to, from now on, all of them."""
        return self._overheard(lambda record: isinstance(record, WeexMessage))

    def stream_events(self) -> AsyncGenerator[Gap | ConnectionEvent, None]:
        """Yield what happens to the connections from now on: opened, failed, live again, and each gap in the data."""
        return self._overheard(lambda record: not isinstance(record, WeexMessage))

    async def _overheard(self, where: Callable[[Record], bool]) -> AsyncGenerator[Any, None]:
        self._sockets.first()
        outlet = _Overhearing(where, self._limit)
        self._sockets.add(outlet)
        self._overhearing.add(outlet)
        try:
            async for record in outlet:
                yield record
        finally:
            self._overhearing.discard(outlet)
            await self._sockets.detach(outlet)

    def _overhear(self, record: Record) -> None:
        for outlet in self._overhearing:
            outlet.put(record)
        if isinstance(record, WeexMessage):
            self.call_handlers(record)


async def create_websocket_client(
    config: WeexConfig,
    private: bool = False,
    *,
    max_retries: int | None = 5,
    backoff_base: float = 1.0,
    backoff_max: float = 30.0,
) -> WeexWebSocketClient:
    """Return a client that is connected; close it when it is done with.

    Parameters:
        config: credentials and addresses.
        private: whether to open the private socket too.
        max_retries, backoff_base, backoff_max: as `WeexWebSocketClient` has them.
    """
    client = WeexWebSocketClient(config, max_retries=max_retries, backoff_base=backoff_base, backoff_max=backoff_max)
    try:
        await client.connect(private)
    except BaseException:  # cancelled too: nobody has the client yet
        await client.disconnect()
        raise
    return client


class _Overhearing(Outlet):
    """An outlet that gets what a condition lets through, of every line."""

    def __init__(self, where: Callable[[Record], bool], limit: int) -> None:
        super().__init__(limit=limit)
        self._where = where

    def put(self, record: Record) -> None:
        if self._where(record):
            super().put(record)


def _topics(make: Callable[[str], str], symbols: Iterable[str]) -> list[str]:
    """Return the streams of some symbols, of which there must be one; a single symbol may stand by itself."""
    topics = [make(symbol) for symbol in ([symbols] if isinstance(symbols, str) else symbols)]
    if not topics:
        raise OptionError("name at least one symbol", option="symbols")
    return topics


def _cut(message: WeexMessage, level: int) -> WeexMessage:
    """Return a book with so many levels of each side."""
    data = {**message.data, "bids": message.data["bids"][:level], "asks": message.data["asks"][:level]}
    record: Any = message.record
    shorter = msgspec.structs.replace(record, bids=record.bids[:level], asks=record.asks[:level])
    return msgspec.structs.replace(message, data=data, record=shorter)


def _joined(message: WeexMessage, figures: WeexMessage | None) -> WeexMessage:
    """Return a balance with the figures that REST alone has."""
    if figures is None:
        return message
    found: Any = figures.record
    record: Any = message.record
    record = msgspec.structs.replace(record, total=found.total, available=found.available, frozen=found.frozen)
    data, derived = {**message.data, **figures.data}, ("balance", "available", "frozen")
    return msgspec.structs.replace(message, data=data, record=record, derived=derived)
