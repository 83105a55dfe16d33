"""`WeexWebSocketClient`: asynchronous generators of tickers, books, trades, account, positions and orders.

Streams of one kind of socket share it; the private one is opened when the first private stream is. How a message is read is
the dialect's matter, staying connected the session's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import msgspec

from wsexample.brokers.weex.client.line import Line, Outlet
from wsexample.brokers.weex.codes import error_of
from wsexample.brokers.weex.config import WeexConfig
from wsexample.brokers.weex.dialect import (
    AccountReader,
    WeexDialect,
    WeexMessage,
    book_topic,
    handshake_headers,
    ticker_topic,
    trade_topic,
    unrealized,
)
from wsexample.brokers.weex.messages import PrivateFrame
from wsexample.brokers.weex.rest import WeexRest
from wsexample.clock import SystemClock
from wsexample.errors import HandshakeError, OptionError, StateError
from wsexample.ports import Clock, Errands
from wsexample.session.events import Tap
from wsexample.session.options import Retry
from wsexample.session.session import Session
from wsexample.wire.connection import Connection, connect
from wsexample.wire.options import ConnectOptions

__all__ = ["WeexWebSocketClient"]


class _Handshake(Errands):
    """Signs the private socket's handshake anew for each attempt: a signature is good for 30 s."""

    def __init__(self, config: WeexConfig, clock: Clock) -> None:
        self._config, self._clock = config, clock

    async def prepare(self, attempt: int) -> Mapping[str, Any]:
        now_ms = self._clock.now_ns() // 1_000_000
        return {"headers": handshake_headers(*self._config.credentials, now_ms)}


async def _dial(options: ConnectOptions) -> Connection:
    """Connect; a refusal with the venue's code becomes what that code means."""
    try:
        return await connect(options)
    except HandshakeError as error:
        try:
            body = msgspec.json.decode(error.body, type=dict[str, Any])
        except msgspec.DecodeError:
            raise error from None
        if not isinstance(body.get("code"), int):
            raise
        raise error_of(body["code"], str(body.get("msg", "")), error.status) from None


class WeexWebSocketClient:
    """``async with WeexWebSocketClient(config) as client: async for message in client.stream_tickers(["BTCUSDT"])``.

    An item has ``data`` (a mapping with the documented keys), ``timestamp`` (seconds) and ``record`` (typed). Of tickers and
    books a slow reader gets the newest; of all others everything, or a `SlowConsumerError`.

    Parameters:
        config: credentials and addresses.
        max_retries: failures in a row after which streams raise; None never gives up (default 5).
        backoff_base, backoff_max: bounds of the waits between attempts, seconds (default 1 and 30).
        limit: messages that may wait for a stream (default 10,000).
        clock: what stamps signatures (default the machine's).
        tap, private_tap: get every event and message of the public and of the private socket, such as a
            `wsexample.tape.recorder.Recorder`.
    """

    def __init__(
        self,
        config: WeexConfig,
        *,
        max_retries: int | None = 5,
        backoff_base: float = 1.0,
        backoff_max: float = 30.0,
        limit: int = 10_000,
        clock: Clock | None = None,
        tap: Tap | None = None,
        private_tap: Tap | None = None,
    ) -> None:
        if limit < 1:
            raise OptionError(f"limit must be at least 1, not {limit!r}", option="limit")
        self._config = config
        self._clock: Clock = clock or SystemClock()
        self._retry = Retry(
            first_s=backoff_base, max_s=backoff_max, max_attempts=max_retries, window_attempts=300, window_s=300.0
        )
        self._limit = limit
        self._taps = (tap, private_tap)
        self._public: Line | None = None
        self._private: Line | None = None
        self._rest: WeexRest | None = None
        self._opening = asyncio.Lock()

    # -- life ----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    async def connect(self) -> None:
        """Open the public socket; the private one opens with the first private stream. Connecting twice is harmless.

        Raises:
            NetworkError, PeerError: the venue could not be reached within the retries.
        """
        async with self._opening:
            if self._public is None:
                self._public = await self._opened(self._config.public_url, None, self._taps[0])

    async def disconnect(self) -> None:
        """Close both sockets; running streams end normally, and `connect` may be called again."""
        lines, rest = (self._public, self._private), self._rest
        self._public = self._private = self._rest = None
        for line in lines:
            if line is not None:
                await line.close()
        if rest is not None:
            await rest.close()

    async def close(self) -> None:
        """The same as `disconnect`."""
        await self.disconnect()

    @property
    def is_connected(self) -> bool:
        """Whether the public socket is open and live."""
        return self._public is not None and self._public.is_live

    @property
    def subscriptions(self) -> set[str]:
        """Streams that are wanted now, as the venue spells them."""
        return {topic for line in (self._public, self._private) if line is not None for topic in line.topics}

    @property
    def connection_attempts(self) -> int:
        """Attempts to connect the present sockets."""
        return sum(one.session.stats.attempts for one in (self._public, self._private) if one is not None)

    def __repr__(self) -> str:
        state = "connected" if self.is_connected else "not connected"
        return f"<WeexWebSocketClient {self._config.market}, {state}, {len(self.subscriptions)} streams>"

    async def _opened(self, url: str, errands: Errands | None, tap: Tap | None) -> Line:
        # The venue pings with messages; whether it answers pings of the protocol is not known, so none are sent.
        options = ConnectOptions(url=url, ping_interval_s=0)
        session = Session(
            WeexDialect(keeps_wire=True),
            url=options,
            errands=errands,
            dial=_dial,
            tap=tap,
            retry=self._retry,
            limit=self._limit,
        )
        line = Line(session)
        await line.open()
        return line

    def _public_line(self) -> Line:
        if self._public is None:
            raise StateError("the client is not connected; use it in an `async with` block or call connect()")
        return self._public

    async def _private_line(self) -> Line:
        self._public_line()
        _ = self._config.credentials  # raises in plain words before anything is opened
        async with self._opening:
            if self._private is None:
                self._private = await self._opened(
                    self._config.private_url, _Handshake(self._config, self._clock), self._taps[1]
                )
            return self._private

    def _rest_calls(self) -> WeexRest:
        if self._rest is None:
            self._rest = WeexRest(self._config, clock=self._clock)
        return self._rest

    # -- public streams ------------------------------------------------------------------------------------------

    async def stream_tickers(self, symbols: Iterable[str]) -> AsyncIterator[WeexMessage]:
        """Yield 24 hour figures: ``last``, ``volume``, ``change`` (percent, derived) and more.

        Parameters:
            symbols: which ones, at least one; the venue has no stream of all.
        """
        topics = [ticker_topic(symbol) for symbol in ([symbols] if isinstance(symbols, str) else symbols)]
        if not topics:
            raise OptionError("name at least one symbol; WEEX has no stream of all tickers", option="symbols")
        async for message in self._stream(self._public_line(), topics, keeps_newest=True):
            yield message

    async def stream_order_book(self, symbol: str, level: int = 5) -> AsyncIterator[WeexMessage]:
        """Yield the whole order book, best first: ``bids`` and ``asks`` of (price, size).

        Parameters:
            symbol: which one.
            level: levels of each side, 1 to 200 (default 5).
        """
        topic = book_topic(symbol, level)
        async for message in self._stream(self._public_line(), [topic], keeps_newest=True):
            yield _cut(message, level)

    async def stream_trades(self, symbol: str) -> AsyncIterator[WeexMessage]:
        """Yield trades one by one: ``price``, ``size``, ``side``."""
        async for message in self._stream(self._public_line(), [trade_topic(symbol)]):
            yield message

    # -- private streams -----------------------------------------------------------------------------------------

    async def stream_orders(self) -> AsyncIterator[WeexMessage]:
        """Yield orders as they change: ``order_id``, ``status`` (a partial fill is derived), ``symbol``, ``size``.

        Raises:
            CredentialsError: they are missing or wrong.
        """
        async for message in self._stream(await self._private_line(), ["orders"]):
            yield message

    async def stream_account(self) -> AsyncIterator[WeexMessage]:
        """Yield balances: ``balance``, ``available``, ``frozen``.

        On the contract market the socket has no such figures: each push is joined with a REST call made after it.
        """
        async for message in self._stream(await self._private_line(), ["account"]):
            if "available" in message.data or self._config.market == "spot":
                yield message
                continue
            rows = await self._rest_calls().fetch_balances()
            found = next((row for row in rows if row.get("asset") == message.symbol), None)
            yield message if found is None else _joined(message, found)

    async def stream_positions(self) -> AsyncIterator[WeexMessage]:
        """Yield positions: first those that are open, then every change, and whenever the mark moves.

        ``unrealized_pnl`` is derived from the ticker's mark, which the venue does not put into positions.
        """
        private, public = await self._private_line(), self._public_line()
        outlet = Outlet(keeps_newest=True, limit=self._limit)
        held: dict[str, WeexMessage] = {}
        marks: dict[str, str] = {}
        try:
            await private.attach(outlet, ["positions"])
            for message in await self._positions_now():
                outlet.put(message)
            async for message in outlet:
                if message.topic == "positions":
                    position_id = message.data["position_id"]
                    if message.record.size == 0:  # type: ignore[attr-defined]
                        held.pop(position_id, None)
                    else:
                        held[position_id] = message
                        await public.attach(outlet, [ticker_topic(message.symbol)])
                    yield _valued(message, marks.get(message.symbol))
                    continue
                mark = message.data.get("mark")
                if mark is None or marks.get(message.symbol) == mark:
                    continue
                marks[message.symbol] = mark
                for position in [one for one in held.values() if one.symbol == message.symbol]:
                    yield _valued(position, mark, at=message)
        finally:
            await private.detach(outlet)
            await public.detach(outlet)

    async def _positions_now(self) -> list[WeexMessage]:
        rows = await self._rest_calls().fetch_positions()
        spelled = [{**row, "coin": row.get("asset"), "marginMode": row.get("marginType")} for row in rows]
        frame = PrivateFrame(d=spelled)
        found = AccountReader().read("positions", frame, self._clock.now_ns())
        return [
            msgspec.structs.replace(message, data={**message.data, "unrealized_pnl": row["unrealizePnl"]})
            if "unrealizePnl" in row
            else message
            for message, row in zip(found, rows, strict=True)
        ]

    async def _stream(self, line: Line, topics: list[str], *, keeps_newest: bool = False) -> AsyncIterator[WeexMessage]:
        outlet = Outlet(keeps_newest=keeps_newest, limit=self._limit)
        try:
            await line.attach(outlet, topics)
            async for message in outlet:
                yield message
        finally:
            await line.detach(outlet)


def _cut(message: WeexMessage, level: int) -> WeexMessage:
    """Return a book with so many levels of each side."""
    data = {**message.data, "bids": message.data["bids"][:level], "asks": message.data["asks"][:level]}
    record: Any = message.record
    shorter = msgspec.structs.replace(record, bids=record.bids[:level], asks=record.asks[:level])
    return msgspec.structs.replace(message, data=data, record=shorter)


def _joined(message: WeexMessage, row: Mapping[str, Any]) -> WeexMessage:
    """Return a balance with the figures that REST alone has."""
    data = {
        **message.data,
        "balance": row["balance"],
        "available": row["availableBalance"],
        "frozen": row["frozen"],
    }
    record = msgspec.structs.replace(
        message.record,
        total=Decimal(row["balance"]),
        available=Decimal(row["availableBalance"]),
        frozen=Decimal(row["frozen"]),
    )
    return msgspec.structs.replace(message, data=data, record=record)


def _valued(message: WeexMessage, mark: str | None, at: WeexMessage | None = None) -> WeexMessage:
    """Return a position with its profit at a mark; as it is while no mark is known."""
    if mark is None:
        return message
    record: Any = message.record
    profit = unrealized(abs(record.size), record.cost or Decimal(0), Decimal(mark), is_short=record.size < 0)
    data = {**message.data, "mark": mark, "unrealized_pnl": format(profit, "f")}
    times = {} if at is None else {"exchange_ns": at.exchange_ns, "received_ns": at.received_ns}
    record = msgspec.structs.replace(record, mark_price=Decimal(mark), unrealized_pnl=profit, **times)
    return msgspec.structs.replace(message, data=data, record=record, **times)
