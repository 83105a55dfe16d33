"""`AlpacaDataRest`: snapshots, latest points and history of trades, quotes and bars, a page at a time.

Source: Alpaca's Market Data API reference, and the official SDKs where it is silent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from wsexample.brokers.alpaca.codes import DATA_URL, FEEDS, VENUE
from wsexample.brokers.alpaca.credentials import AlpacaCredentials
from wsexample.brokers.alpaca.dialect import MarketDecoder, rfc3339
from wsexample.brokers.alpaca.rest.calls import Calls
from wsexample.errors import CredentialsError, DialectError, OptionError
from wsexample.ports import Clock
from wsexample.records.market import Bar, Quote, Record, Trade

__all__ = ["AlpacaDataRest"]

POINTS_PER_PAGE = 10_000
_TYPES = {"trades": "t", "quotes": "q", "bars": "b"}
_TIMEFRAMES = {"Min": 60.0, "Hour": 3600.0, "Day": 86_400.0}


class AlpacaDataRest:
    """Calls to the market data host.

    Every call raises `BrokerError`, with the vendor's code and words, when it is refused or its answer cannot be read, and
    `NetworkError` when nobody answers in time.

    Parameters:
        key_id, secret_key: the key pair; looked for in the environment when not given. Crypto needs none.
        oauth_token: a token in their place.
        credentials: key pair or token as an object, in place of the three before it.
        feed: feed of the stream that this stands beside, such as "iex" (default) or "crypto".
        url: base address in place of Alpaca's.
        timeout_s: seconds for a call (default 20).
        clock: what paces and waits.

    Raises:
        OptionError: there is no such feed, or only half of a key pair was given.
        CredentialsError: none were given or found, and the feed needs some.
    """

    def __init__(
        self,
        key_id: str | None = None,
        secret_key: str | None = None,
        *,
        oauth_token: str | None = None,
        credentials: AlpacaCredentials | None = None,
        feed: str = "iex",
        url: str | None = None,
        timeout_s: float = 20.0,
        clock: Clock | None = None,
    ) -> None:
        if feed not in FEEDS:
            raise OptionError(f"there is no feed {feed!r}; there are {', '.join(FEEDS)}", option="feed")
        self.feed = FEEDS[feed]
        """What is known of the feed."""
        if credentials is None:
            try:
                credentials = AlpacaCredentials.found(key_id, secret_key, oauth_token=oauth_token)
            except CredentialsError:
                if self.feed.kind != "crypto":
                    raise
        self.url = url or DATA_URL
        """Base address."""
        self.calls = Calls(self.url, credentials, timeout_s=timeout_s, clock=clock)
        """How calls are made."""
        self._decoder = MarketDecoder("json")

    async def close(self) -> None:
        """Close the connections."""
        await self.calls.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AlpacaDataRest {self.url}{self.feed.path}>"

    @property
    def has_history(self) -> bool:
        """Whether this feed has history calls at all."""
        return self.feed.kind in ("stock", "crypto") and self.feed.rest_feed is not None

    # -- paths ---------------------------------------------------------------------------------------------------

    def _path(self, what: str, *, latest: bool = False) -> str:
        if self.feed.kind == "crypto":
            return f"/v1beta3/crypto/{self.feed.rest_feed}/{'latest/' if latest else ''}{what}"
        if self.feed.kind == "stock":
            return f"/v2/stocks/{what}{'/latest' if latest else ''}"
        raise OptionError(f"{self.feed.path} has no such calls", option="feed")

    def _query(self, symbols: Sequence[str]) -> dict[str, str]:
        query = {"symbols": ",".join(symbols)}
        if self.feed.kind == "stock" and self.feed.rest_feed is not None:
            query["feed"] = self.feed.rest_feed
        return query

    # -- history -------------------------------------------------------------------------------------------------

    async def fetch_trades(
        self, symbols: Sequence[str], start_ns: int, end_ns: int | None = None
    ) -> AsyncIterator[list[Trade]]:
        """Iterate over trades between two moments, a page at a time, symbol by symbol, oldest first.

        Parameters:
            symbols: the venue's symbols.
            start_ns: from this moment on, UTC epoch nanoseconds.
            end_ns: before this moment; None for now.
        """
        async for page in self.history("trades", symbols, start_ns, end_ns):
            yield page  # type: ignore[misc] # what is asked for by this name

    async def fetch_quotes(
        self, symbols: Sequence[str], start_ns: int, end_ns: int | None = None
    ) -> AsyncIterator[list[Quote]]:
        """Iterate over quotes between two moments, as `fetch_trades`.

        Parameters:
            symbols: the venue's symbols.
            start_ns: from this moment on, UTC epoch nanoseconds.
            end_ns: before this moment; None for now.
        """
        async for page in self.history("quotes", symbols, start_ns, end_ns):
            yield page  # type: ignore[misc] # what is asked for by this name

    async def fetch_bars(
        self, symbols: Sequence[str], start_ns: int, end_ns: int | None = None, *, timeframe: str = "1Min"
    ) -> AsyncIterator[list[Bar]]:
        """Iterate over bars between two moments, as `fetch_trades`; ``timeframe`` is "1Min", "15Min", "1Hour" or "1Day".

        Parameters:
            symbols: the venue's symbols.
            start_ns: from this moment on, UTC epoch nanoseconds.
            end_ns: before this moment; None for now.
        """
        async for page in self.history("bars", symbols, start_ns, end_ns, timeframe=timeframe):
            yield page  # type: ignore[misc] # what is asked for by this name

    async def history(
        self, what: str, symbols: Sequence[str], start_ns: int, end_ns: int | None = None, *, timeframe: str = "1Min"
    ) -> AsyncIterator[list[Record]]:
        """Iterate over "trades", "quotes" or "bars" between two moments, a page at a time.

        Parameters:
            what: "trades", "quotes" or "bars".
            symbols: the venue's symbols.
            start_ns: from this moment on, UTC epoch nanoseconds.
            end_ns: before this moment; None for now.
            timeframe: of bars (default "1Min").

        Raises:
            OptionError: nothing of the kind, or a timeframe that is none.
            PlanError: the plan does not include data this new.
            DialectError: a page names itself as the next one.
        """
        if what not in _TYPES:
            raise OptionError(f"there is no history of {what!r}; there are {', '.join(_TYPES)}", option="what")
        if not symbols:
            return
        interval_s = _interval_s(timeframe)
        query = {**self._query(symbols), "start": rfc3339(start_ns), "limit": str(POINTS_PER_PAGE), "sort": "asc"}
        if end_ns is not None:
            query["end"] = rfc3339(end_ns)
        if what == "bars":
            query["timeframe"] = timeframe
        while True:
            answer = await self.calls.fetch(self._path(what), dict[str, msgspec.Raw], query)
            yield self._records(what, answer.get(what), interval_s)
            token = _text(answer.get("next_page_token"))
            if token is None:
                return
            if token == query.get("page_token"):
                raise DialectError("Alpaca's history does not go on: a page names itself as the next one", venue=VENUE)
            query["page_token"] = token

    # -- latest --------------------------------------------------------------------------------------------------

    async def fetch_latest(self, what: str, symbols: Sequence[str]) -> dict[str, Record]:
        """Return the newest trade, quote or bar of each symbol.

        Parameters:
            what: "trades", "quotes" or "bars".
            symbols: of these; those that have none are left out.

        Raises:
            OptionError: nothing of the kind.
        """
        if what not in _TYPES:
            raise OptionError(f"there is nothing latest of {what!r}; there are {', '.join(_TYPES)}", option="what")
        answer = await self.calls.fetch(self._path(what, latest=True), dict[str, msgspec.Raw], self._query(symbols))
        found = _part(answer.get(what, msgspec.Raw(b"{}")), dict[str, msgspec.Raw])
        records = {symbol: self._one(what, symbol, raw, 60.0) for symbol, raw in found.items()}
        return {symbol: record for symbol, record in records.items() if record is not None}

    async def fetch_snapshots(self, symbols: Sequence[str]) -> dict[str, dict[str, Record]]:
        """Return the last trade, quote, minute bar, day's bar and bar of the day before, of each symbol, by those names.

        Parameters:
            symbols: the venue's symbols.

        Raises:
            DialectError: the answer cannot be read.
        """
        answer: Any = await self.calls.fetch(self._path("snapshots"), dict[str, Any], self._query(symbols))
        shots = answer.get("snapshots", answer)
        if not isinstance(shots, dict):
            raise DialectError("an answer of Alpaca has something else than snapshots", venue=VENUE)
        names = {
            "latestTrade": ("trade", "trades", 60.0),
            "latestQuote": ("quote", "quotes", 60.0),
            "minuteBar": ("minute_bar", "bars", 60.0),
            "dailyBar": ("daily_bar", "bars", 86_400.0),
            "prevDailyBar": ("previous_daily_bar", "bars", 86_400.0),
        }
        found: dict[str, dict[str, Record]] = {}
        for symbol, shot in shots.items():
            if not isinstance(shot, dict):
                continue
            found[symbol] = {}
            for key, (name, what, interval_s) in names.items():
                if shot.get(key):
                    record = self._one(what, symbol, msgspec.Raw(msgspec.json.encode(shot[key])), interval_s)
                    if record is not None:
                        found[symbol][name] = record
        return found

    # -- reading -------------------------------------------------------------------------------------------------

    def _records(self, what: str, raw: msgspec.Raw | None, interval_s: float) -> list[Record]:
        if raw is None:
            return []
        by_symbol: dict[str, list[msgspec.Raw]] | None = _part(raw, dict[str, list[msgspec.Raw]] | None)
        found = []
        for symbol, points in (by_symbol or {}).items():
            for point in points:
                record = self._one(what, symbol, point, interval_s)
                if record is not None:
                    found.append(record)
        return found

    def _one(self, what: str, symbol: str, raw: msgspec.Raw, interval_s: float) -> Record | None:
        """Read one point: a stream's message without type and symbol, which are put in front of it."""
        body = bytes(raw).strip()
        if not body.startswith(b"{") or body == b"{}":
            return None
        head = b'[{"T":"%s","S":%s,' % (_TYPES[what].encode(), msgspec.json.encode(symbol))
        records, _ = self._decoder.decode(head + body[1:] + b"]", self.calls.clock.now_ns())
        if not records:
            return None
        record = records[0]
        if isinstance(record, Bar):
            # REST does not tell the bar that goes on from those that are over; as one of those it would stand for the last one.
            is_over = (record.exchange_ns or 0) + interval_s * 1e9 <= record.received_ns
            record = msgspec.structs.replace(record, interval_s=interval_s, state="final" if is_over else "running")
        return record


def _interval_s(timeframe: str) -> float:
    for unit, seconds in _TIMEFRAMES.items():
        count = timeframe.removesuffix(unit)
        if timeframe.endswith(unit) and count.isdigit():
            return int(count) * seconds
    raise OptionError(f"{timeframe!r} is no timeframe; write 1Min, 15Min, 1Hour or 1Day", option="timeframe")


def _text(raw: msgspec.Raw | None) -> str | None:
    return None if raw is None else _part(raw, str | None)


def _part(raw: msgspec.Raw, kind: Any) -> Any:
    """Read a part of an answer; raises `DialectError` when it is of another shape."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DialectError(f"an answer of Alpaca cannot be read: {str(error)[:300]}", venue=VENUE) from None
