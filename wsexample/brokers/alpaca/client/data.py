"""`AlpacaStream`: market data as records, subscriptions verified, gaps marked and, where wanted, filled by REST."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Literal, Unpack

from wsexample.brokers.alpaca.codes import DATA_STREAM_URL, SANDBOX_DATA_STREAM_URL, SANDBOX_DATA_URL, VENUE
from wsexample.brokers.alpaca.credentials import AlpacaCredentials
from wsexample.brokers.alpaca.dialect import AlpacaDataDialect, topics_of
from wsexample.brokers.alpaca.dialect.data import Codec
from wsexample.brokers.alpaca.dialect.topics import split_topic
from wsexample.brokers.alpaca.rest.data import AlpacaDataRest
from wsexample.errors import OptionError, RequestError
from wsexample.ports import Clock, Errands, Gap, Record
from wsexample.records.market import Bar, Quote, Trade
from wsexample.session.session import Session
from wsexample.wire.options import ConnectOptions

if TYPE_CHECKING:
    from wsexample.session.option_fields import SessionArguments
    from wsexample.wire.option_fields import ConnectFields

__all__ = ["AlpacaStream", "market_key"]

Symbols = str | Iterable[str]
OVERLAP_NS = 2 * 10**9
"""How far before the last sign of life a backfill begins: a message may have been on its way."""
MINUTE_NS = 60 * 10**9
LAG_ALLOWANCE_S = 60.0
"""How far behind its venue a stream may be and still say where a gap begins; what a feed is late on purpose comes on top."""


class AlpacaStream(Session):
    """Market data: ``async with AlpacaStream(key, secret, quotes="AAPL MSFT") as stream: async for record in stream: ...``

    Parameters:
        key_id, secret_key: the key pair; looked for in the environment when not given.
        oauth_token: a token in their place.
        credentials: a whole `AlpacaCredentials` in place of those.
        feed: "iex" (default), "sip", "delayed_sip", "boats", "overnight", "test", "crypto", "crypto/us-1", "crypto/eu-1",
            "perps", "news", "indicative" or "opra".
        trades, quotes, bars, updated_bars, daily_bars, statuses, lulds, imbalances, orderbooks, pricing, news: symbols of each
            channel, as a list or one text; "*" for all.
        topics: the same as "quotes:AAPL".
        codec: "msgpack" or "json" (default "msgpack").
        auth: "message", or "header" to log in with the handshake.
        backfill: whether trades, quotes and bars missed in a gap are fetched by REST.
        stale_after_s: seconds without a message after which a connection counts as dead although pongs flow.
        sandbox: whether it is a broker sandbox.
        url: base address of the streams in place of Alpaca's.
        rest_url: base address of REST in place of Alpaca's.
        connect: fields of `ConnectOptions` to set.
        clock: where time comes from.
        options: arguments of `Session` and fields of `SessionOptions`.

    Raises:
        OptionError: no such feed, or a channel that it has not.
    """

    def __init__(
        self,
        key_id: str | None = None,
        secret_key: str | None = None,
        *,
        oauth_token: str | None = None,
        credentials: AlpacaCredentials | None = None,
        feed: str = "iex",
        trades: Symbols = (),
        quotes: Symbols = (),
        bars: Symbols = (),
        updated_bars: Symbols = (),
        daily_bars: Symbols = (),
        statuses: Symbols = (),
        lulds: Symbols = (),
        imbalances: Symbols = (),
        orderbooks: Symbols = (),
        pricing: Symbols = (),
        news: Symbols = (),
        topics: Iterable[str] = (),
        codec: Codec = "msgpack",
        auth: Literal["message", "header"] = "message",
        backfill: bool = False,
        stale_after_s: float | None = None,
        sandbox: bool = False,
        url: str | None = None,
        rest_url: str | None = None,
        connect: ConnectFields | None = None,
        clock: Clock | None = None,
        **options: Unpack[SessionArguments],
    ) -> None:
        if auth not in ("message", "header"):
            raise OptionError(f"auth must be 'message' or 'header', not {auth!r}", option="auth")
        credentials = credentials or AlpacaCredentials.found(key_id, secret_key, oauth_token=oauth_token)
        self._data = AlpacaDataDialect(
            credentials if auth == "message" else None, feed=feed, codec=codec, stale_after_s=stale_after_s
        )
        channels = {
            "trades": trades,
            "quotes": quotes,
            "bars": bars,
            "updatedBars": updated_bars,
            "dailyBars": daily_bars,
            "statuses": statuses,
            "lulds": lulds,
            "imbalances": imbalances,
            "orderbooks": orderbooks,
            "pricing": pricing,
            "news": news,
        }
        wanted = dict.fromkeys([*topics_of(channels), *([topics] if isinstance(topics, str) else topics)])
        for topic in wanted:
            split_topic(topic, self._data.feed)
        base = url or (SANDBOX_DATA_STREAM_URL if sandbox else DATA_STREAM_URL)
        headers = {"Content-Type": "application/msgpack" if codec == "msgpack" else "application/json"}
        if auth == "header":
            headers |= credentials.headers()
        connecting: ConnectFields = {"ping_interval_s": 10.0, "ping_timeout_s": 10.0, "headers": headers}
        connecting.update(connect or {})
        options.setdefault("lag_allowance_s", LAG_ALLOWANCE_S + self._data.feed.delay_s)
        self.rest: AlpacaDataRest | None = None
        """Calls for what was missed, where that is wanted."""
        if backfill:
            rest_url = rest_url or (SANDBOX_DATA_URL if sandbox else None)
            self.rest = AlpacaDataRest(credentials=credentials, feed=feed, url=rest_url, clock=clock)
            if not self.rest.has_history:
                raise OptionError(f"the feed {feed} has no history to fill gaps from", option="backfill")
        super().__init__(
            self._data,
            wanted,
            url=ConnectOptions(url=base.rstrip("/") + self._data.feed.path, **connecting),
            errands=_Errands(self.rest, self._data) if self.rest is not None else None,
            dedupe=market_key if self.rest is not None else None,
            clock=clock,
            **options,
        )

    @property
    def dialect(self) -> AlpacaDataDialect:
        """The stream's language, with what could not be read."""
        return self._data

    async def close(self) -> None:
        """End the stream and its REST connections."""
        await super().close()
        if self.rest is not None:
            await self.rest.close()


def market_key(record: Record) -> Hashable | None:
    """Return what tells that a point has come before; None for what may repeat."""
    if isinstance(record, Trade):
        name = record.trade_id or (record.price, record.size)
        return ("t", record.symbol, name, record.exchange_ns, record.exchange)
    if isinstance(record, Quote):
        return (
            "q",
            record.symbol,
            record.exchange_ns,
            record.bid_price,
            record.bid_size,
            record.ask_price,
            record.ask_size,
            record.bid_exchange,
            record.ask_exchange,
            record.conditions,
        )
    if isinstance(record, Bar) and record.state == "final":
        return ("b", record.symbol, record.interval_s, record.exchange_ns)
    return None


class _Errands(Errands):
    """Fetches what a gap has left out."""

    def __init__(self, rest: AlpacaDataRest, dialect: AlpacaDataDialect) -> None:
        self._rest = rest
        self._dialect = dialect

    def backfill(self, gap: Gap, topics: Sequence[str]) -> AsyncIterator[Sequence[Record]]:
        """Fetch trades, quotes and bars of a gap."""
        return self._fetch(gap, topics)

    async def _fetch(self, gap: Gap, topics: Sequence[str]) -> AsyncIterator[Sequence[Record]]:
        wanted: dict[str, list[str]] = {}
        left_out = []
        for topic in topics:
            channel, symbol = split_topic(topic, self._dialect.feed)
            if channel in ("trades", "quotes", "bars") and symbol != "*":
                wanted.setdefault(channel, []).append(symbol)
            else:
                left_out.append(topic)
        found: list[Record] = []
        for channel, symbols in wanted.items():
            start_ns = gap.from_ns - OVERLAP_NS - (MINUTE_NS if channel == "bars" else 0)  # a bar has its start's time
            async for page in self._rest.history(channel, symbols, start_ns):
                found += page
        found.sort(key=lambda record: record.exchange_ns or 0)
        yield found
        if left_out:  # said last: what could be fetched is delivered, and the gap counts as not filled
            raise RequestError(f"there is no history of {' '.join(left_out)}", venue=VENUE)
