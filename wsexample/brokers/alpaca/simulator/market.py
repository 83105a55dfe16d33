"""The simulated market: every symbol, what happens to them in the order of time, and what is done to them on command.

Pure, with time as an argument: the same seed and the same calls give the same market. Orders are filled elsewhere
(`wsexample.brokers.alpaca.simulator.exchange`).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Literal

from wsexample.brokers.alpaca.dialect.hours import NEW_YORK, is_regular_session
from wsexample.brokers.alpaca.messages.market import (
    CancelMessage,
    CorrectionMessage,
    DailyBarMessage,
    ImbalanceMessage,
    LuldMessage,
    NewsMessage,
    PricingMessage,
    StatusMessage,
    TradeMessage,
    UpdatedBarMessage,
)
from wsexample.brokers.alpaca.simulator.assets import ASSETS, Asset
from wsexample.brokers.alpaca.simulator.bars import MINUTE_NS, BarBuilder, minute_of
from wsexample.brokers.alpaca.simulator.listing import Listing
from wsexample.errors import OptionError

__all__ = ["Market", "Point", "SessionMode", "midnight_of"]

SessionMode = Literal["always", "clock"]

S = 10**9
HALF_MINUTE_NS = 30 * S
TEST_INTERVAL_NS = 5 * S
LATE_TRADE_CHANCE = 0.05
KEPT_NEWS, KEPT_NEWS_SIZE = 1000, 8 * 1024 * 1024
BAND = 0.05
"""How far the limits up and down are from the last price."""


@dataclass(frozen=True, slots=True)
class Point:
    """Something that the streams tell."""

    channel: str
    """The channel that it belongs to."""
    kind: str
    """Kind of asset: "stock", "crypto", "option", "perps", "test" or "news"."""
    symbols: tuple[str, ...]
    """Whom it concerns; several for news."""
    message: Any
    """The message, times as integers."""


def midnight_of(now_ns: int) -> int:
    """Return midnight in New York of the day of a time."""
    moment = datetime.fromtimestamp(now_ns // S, UTC).astimezone(NEW_YORK)
    return round(moment.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * S


class Market:
    """Every symbol.

    Parameters:
        seed: the same seed gives the same market.
        start_ns: when it begins, UTC epoch nanoseconds.
        session: "always" trades round the clock until `close_stocks`; "clock" keeps New York's regular hours.
        quotes_per_s: quotes a second and busy symbol.
        trades_per_s: trades a second and busy symbol.
        bar_of_every_minute: whether crypto bars come for minutes without trades.
        kept_points: how many trades, and how many quotes, of a symbol are kept.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        start_ns: int,
        session: SessionMode = "always",
        quotes_per_s: float = 4.0,
        trades_per_s: float = 1.0,
        bar_of_every_minute: bool = True,
        kept_points: int = 20_000,
    ) -> None:
        self._random = Random(f"market {seed}")
        self._session = session
        self._is_closed = False
        self._rates = {"quotes": quotes_per_s, "trades": trades_per_s}
        self._bar_of_every_minute = bar_of_every_minute
        self.now_ns = start_ns
        """Until when everything has happened."""
        self.listings = {
            symbol: Listing(asset, self._random, start_ns, kept_points) for symbol, asset in ASSETS.items()
        }
        """By symbol."""
        for listing in self.listings.values():
            listing.day = BarBuilder(midnight_of(start_ns))
        self.news: list[NewsMessage[int]] = []
        """Articles, oldest first; the newest thousand, or fewer where they are long."""
        self._news_number = 43_210_000
        self._news_size = 0
        self._due: list[tuple[int, int, str, str]] = []
        self._count = 0
        for symbol, asset in ASSETS.items():
            for what in ("quotes", "trades"):
                self._plan(start_ns, symbol, asset, what)
        self._plan_minutes()
        self._told: list[Point] = []

    # -- time ----------------------------------------------------------------------------------------------------

    def advance(self, now_ns: int) -> Iterator[Point]:
        """Let everything happen that happens until a moment, in the order of time; iterate to its end.

        Parameters:
            now_ns: the moment, included, UTC epoch nanoseconds.
        """
        yield from self._take_told()
        while self._due and self._due[0][0] <= now_ns:
            time_ns, _, symbol, what = heapq.heappop(self._due)
            self.now_ns = max(self.now_ns, time_ns)
            if what == "minute":
                yield from self._minute_mark(time_ns)
                self._plan_at(time_ns + MINUTE_NS, "", what)
            elif what == "late":
                yield from self._late_trades(time_ns)
                self._plan_at(time_ns + MINUTE_NS, "", what)
            else:
                yield from self._happen(time_ns, self.listings[symbol], what)
                self._plan(time_ns, symbol, ASSETS[symbol], what)
        self.now_ns = max(self.now_ns, now_ns)
        yield from self._take_told()

    def shift(self, by_ns: int) -> None:
        """Believe from now on that it is later, or earlier; what is due keeps its distance, minutes begin on the minute.

        Parameters:
            by_ns: how much later, nanoseconds; negative for earlier.
        """
        self.now_ns += by_ns
        self._due = [(at_ns + by_ns, count, symbol, what) for at_ns, count, symbol, what in self._due if symbol]
        heapq.heapify(self._due)
        self._plan_minutes()
        for listing in self.listings.values():
            listing.minute, listing.last_minute = BarBuilder(minute_of(self.now_ns)), None

    def _plan_minutes(self) -> None:
        minute_ns = minute_of(self.now_ns)
        self._plan_at(minute_ns + MINUTE_NS, "", "minute")
        self._plan_at(minute_ns + MINUTE_NS + HALF_MINUTE_NS, "", "late")

    def _take_told(self) -> list[Point]:
        told, self._told = self._told, []
        return told

    def _plan(self, now_ns: int, symbol: str, asset: Asset, what: str) -> None:
        if asset.kind == "test":
            delay_ns = TEST_INTERVAL_NS
        else:
            rate = self._rates[what] * (0.25 if asset.kind == "option" else 1.0)
            delay_ns = max(1, round(self._random.expovariate(rate) * S))
        self._plan_at(now_ns + delay_ns, symbol, what)

    def _plan_at(self, time_ns: int, symbol: str, what: str) -> None:
        self._count += 1
        heapq.heappush(self._due, (time_ns, self._count, symbol, what))

    def _happen(self, now_ns: int, listing: Listing, what: str) -> Iterator[Point]:
        asset = listing.asset
        if not self.is_trading(asset) or listing.is_halted:
            return
        symbols = (asset.symbol,)
        listing.move(now_ns)
        if what == "trades":
            yield Point("trades", asset.kind, symbols, listing.trade(now_ns))
            return
        yield Point("quotes", asset.kind, symbols, listing.quote(now_ns))
        if asset.is_coin:
            if not listing.minute.trades:
                listing.minute.midpoint((listing.bid + listing.ask) / 2)
            yield Point("orderbooks", asset.kind, symbols, listing.change_book(now_ns))
        if asset.kind == "perps":
            yield Point("pricing", asset.kind, symbols, self._pricing(now_ns, listing))

    def _pricing(self, now_ns: int, listing: Listing) -> PricingMessage[int]:
        middle = round((listing.bid + listing.ask) / 2, 2)
        hour_ns = 3600 * S
        return PricingMessage(
            S=listing.asset.symbol,
            ip=middle,
            mp=round(middle * 1.00001, 2),
            fr=0.0001,
            oi=1250.5,
            t=now_ns,
            ft=now_ns - now_ns % hour_ns + hour_ns,
        )

    def _minute_mark(self, now_ns: int) -> Iterator[Point]:
        midnight_ns = midnight_of(now_ns)
        for listing in self.listings.values():
            asset, bar = listing.asset, listing.minute
            if bar.trades or (bar.open and self._bar_of_every_minute):
                yield Point("bars", asset.kind, (asset.symbol,), listing.end_minute())
            listing.last_minute = bar if bar.trades else None
            listing.minute = BarBuilder(now_ns)
            if listing.day.trades:
                yield Point(
                    "dailyBars", asset.kind, (asset.symbol,), listing.day.message(asset.symbol, DailyBarMessage)
                )
            if listing.day.start_ns < midnight_ns:
                listing.previous_close = listing.last_price
                listing.day = BarBuilder(midnight_ns)

    def _late_trades(self, now_ns: int) -> Iterator[Point]:
        for listing in self.listings.values():
            bar = listing.last_minute
            if bar is not None and not listing.is_halted and self._random.random() < LATE_TRADE_CHANCE:
                asset = listing.asset
                late = listing.trade(bar.start_ns + MINUTE_NS - 1, is_late=True)
                yield Point("trades", asset.kind, (asset.symbol,), late)
                updated = bar.message(asset.symbol, UpdatedBarMessage)
                yield Point("updatedBars", asset.kind, (asset.symbol,), updated)

    # -- hours ---------------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether stocks trade now."""
        return not self._is_closed and (self._session == "always" or is_regular_session(self.now_ns))

    def is_trading(self, asset: Asset) -> bool:
        """Whether an asset trades now."""
        return asset.is_coin or asset.kind == "test" or self.is_open

    def close_stocks(self) -> None:
        """Close the stock market until `open_stocks`."""
        self._is_closed = True

    def open_stocks(self) -> None:
        """Open the stock market again."""
        self._is_closed = False

    def next_marks(self) -> tuple[datetime, datetime]:
        """Return the next open and the next close, in New York."""
        now = datetime.fromtimestamp(self.now_ns / S, UTC).astimezone(NEW_YORK)
        opens = closes = None
        for days in range(8):
            day = now + timedelta(days=days)
            if day.weekday() >= 5:
                continue
            open_at = day.replace(hour=9, minute=30, second=0, microsecond=0)
            close_at = day.replace(hour=16, minute=0, second=0, microsecond=0)
            opens = open_at if opens is None and open_at > now else opens
            closes = close_at if closes is None and close_at > now else closes
        assert opens is not None
        assert closes is not None
        return opens, closes

    # -- on command ----------------------------------------------------------------------------------------------

    def halt(self, symbol: str, reason: str = "T1") -> None:
        """Halt a symbol, with status, price band and imbalance.

        Parameters:
            symbol: which one; raises KeyError when it is not listed.
            reason: the status's code for it: "T1" (news pending, default), "LUDP" (volatility) or any other.
        """
        listing = self.listings[symbol]
        listing.is_halted = True
        text = {"T1": "Halt News Pending", "LUDP": "Volatility Trading Pause"}.get(reason, "Halt")
        self._status(listing, "H", "Trading Halt", reason, text)
        self.band(symbol)
        self.imbalance(symbol)

    def resume(self, symbol: str) -> None:
        """Let a halted symbol trade again."""
        listing = self.listings[symbol]
        listing.is_halted = False
        self._status(listing, "T", "Trading Resumption", "T3", "News and Resumption Times")

    def _status(self, listing: Listing, code: str, text: str, reason: str, words: str) -> None:
        asset = listing.asset
        message: StatusMessage[int] = StatusMessage(
            S=asset.symbol, sc=code, sm=text, rc=reason, rm=words, t=self.now_ns, z=asset.tape
        )
        self._tell("statuses", asset, message)

    def band(self, symbol: str) -> None:
        """Tell the price band of a symbol."""
        listing = self.listings[symbol]
        upper, lower = round(listing.last_price * (1 + BAND), 2), round(listing.last_price * (1 - BAND), 2)
        message: LuldMessage[int] = LuldMessage(S=symbol, u=upper, d=lower, i="B", t=self.now_ns, z=listing.asset.tape)
        self._tell("lulds", listing.asset, message)

    def imbalance(self, symbol: str) -> None:
        """Tell an auction's imbalance of a symbol."""
        listing = self.listings[symbol]
        message: ImbalanceMessage[int] = ImbalanceMessage(
            S=symbol, p=listing.last_price, t=self.now_ns, z=listing.asset.tape
        )
        self._tell("imbalances", listing.asset, message)

    def correct_trade(self, symbol: str, price: float) -> None:
        """Put the price of the newest trade of a symbol right; raises `OptionError` when it has not traded."""
        listing = self.listings[symbol]
        trade = self._newest_trade(listing)
        message: CorrectionMessage[int] = CorrectionMessage(
            S=symbol,
            x=trade.x,
            oi=trade.i,
            op=trade.p,
            os=trade.s,
            oc=trade.c,
            ci=trade.i,
            cp=price,
            cs=trade.s,
            cc=trade.c,
            t=self.now_ns,
            z=trade.z,
        )
        self._tell("corrections", listing.asset, message)

    @staticmethod
    def _newest_trade(listing: Listing) -> TradeMessage[int]:
        trade = listing.trades.latest
        if trade is None:
            raise OptionError(f"{listing.asset.symbol} has not traded yet", option="symbol")
        return trade

    def cancel_trade(self, symbol: str) -> None:
        """Take the newest trade of a symbol back; raises `OptionError` when it has not traded."""
        listing = self.listings[symbol]
        trade = self._newest_trade(listing)
        message: CancelMessage[int] = CancelMessage(
            S=symbol, i=trade.i, x=trade.x, p=trade.p, s=trade.s, a="C", t=self.now_ns, z=trade.z
        )
        self._tell("cancelErrors", listing.asset, message)

    def publish_news(self, headline: str, symbols: tuple[str, ...] = (), content: str = "") -> None:
        """Publish an article.

        Parameters:
            headline: its title.
            symbols: whom it concerns.
            content: its text.
        """
        self._news_number += 1
        article: NewsMessage[int] = NewsMessage(
            id=self._news_number,
            headline=headline,
            summary="",
            author="Alpaca simulator",
            created_at=self.now_ns - self.now_ns % S,
            updated_at=self.now_ns - self.now_ns % S,
            content=content,
            url=f"https://example.com/news/{self._news_number}",
            symbols=symbols,
            source="simulator",
        )
        self.news.append(article)
        self._news_size += len(content)
        while len(self.news) > KEPT_NEWS or (self._news_size > KEPT_NEWS_SIZE and len(self.news) > 1):
            self._news_size -= len(self.news.pop(0).content or "")
        self._told.append(Point("news", "news", symbols, article))

    def shock(self, symbol: str, fraction: float) -> None:
        """Change what a symbol is worth by a fraction, and quote it at once."""
        listing = self.listings[symbol]
        listing.shock(fraction)
        listing.move(self.now_ns)
        self._tell("quotes", listing.asset, listing.quote(self.now_ns))
        if listing.asset.is_coin:
            self._tell("orderbooks", listing.asset, listing.change_book(self.now_ns))

    def _tell(self, channel: str, asset: Asset, message: Any) -> None:
        self._told.append(Point(channel, asset.kind, (asset.symbol,), message))
