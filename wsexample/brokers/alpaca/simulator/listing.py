"""One symbol of the simulated market: a price that wanders, its quote, its book, its bars and what has been. Pure."""

from __future__ import annotations

import math
from random import Random

from wsexample.brokers.alpaca.messages.market import BarMessage, BookMessage, LevelMessage, QuoteMessage, TradeMessage
from wsexample.brokers.alpaca.simulator.assets import Asset
from wsexample.brokers.alpaca.simulator.bars import BarBuilder, minute_of
from wsexample.brokers.alpaca.simulator.past import (
    past_bars,
    past_quotes,
    past_trades,
    quote_message,
    trade_message,
)

__all__ = ["Listing"]

YEAR_S = 365 * 86_400.0
LEVELS = 10
MOST = 1e7
"""Dollars that anything is worth at the most, however often it is shocked."""
_VENUES = "VQZPKBJY"
_FIRST_CRYPTO_TRADE = (1 << 53) + 12_345


class Listing:
    """A symbol while the market goes on.

    Parameters:
        asset: what it is.
        random: where chance comes from.
        now_ns: when it begins.
        kept_points: how many of its trades, and of its quotes, are kept.
    """

    def __init__(self, asset: Asset, random: Random, now_ns: int, kept_points: int) -> None:
        self.asset = asset
        self._random = random
        self._decimals = max(0, round(-math.log10(asset.tick)))
        self._worth = asset.price
        self._worth_ns = now_ns
        self.previous_close = asset.price
        """Closing price of the day before."""
        self.bid = self.ask = 0.0
        self.bid_size: float = 0
        self.ask_size: float = 0
        self.last_price = asset.price
        """Price of the last trade."""
        self.is_halted = False
        """Whether trading is halted."""
        self.is_muted = False
        """Whether nothing of it is sent, as a fault."""
        self.minute = BarBuilder(minute_of(now_ns))
        """The minute in the making."""
        self.last_minute: BarBuilder | None = None
        """The minute that was sent last."""
        self.day = BarBuilder(now_ns)
        """The day in the making."""
        self.trades = past_trades(asset, kept_points)
        """The newest trades."""
        self.quotes = past_quotes(asset, kept_points)
        """The newest quotes."""
        self.bars = past_bars(asset)
        """The newest minute bars."""
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}
        self._trade_number = _FIRST_CRYPTO_TRADE if asset.kind == "crypto" else 52_000
        self.move(now_ns)

    # -- the price -----------------------------------------------------------------------------------------------

    def shock(self, fraction: float) -> None:
        """Change what it is worth by a fraction, at once; to `MOST` dollars at the most, and some ticks at the least."""
        self._worth = min(self._worth * (1 + fraction), MOST)

    def move(self, now_ns: int) -> None:
        """Let time pass: the worth wanders, and bid and ask stand around it."""
        seconds = max(now_ns - self._worth_ns, 0) / 1e9
        self._worth_ns = now_ns
        step = self._random.gauss(0, self.asset.volatility * math.sqrt(seconds / YEAR_S))
        self._worth = max(self._worth * (1 + step), self.asset.tick * 3)
        tick = self.asset.tick
        spread = self._random.choice((1, 1, 1, 2, 2, 3))
        bid_ticks = math.floor(self._worth / tick - spread / 2)
        self.bid = self._rounded(max(bid_ticks, 1) * tick)
        self.ask = self._rounded((max(bid_ticks, 1) + spread) * tick)
        self.bid_size, self.ask_size = self._size(), self._size()

    def _rounded(self, price: float) -> float:
        return round(price, self._decimals)

    def _size(self) -> float:
        if self.asset.is_coin:
            return round(self._random.uniform(0.01, 2.0), 5)
        return self._random.randint(1, 12)

    def end_minute(self) -> BarMessage[int]:
        """Return the bar of the minute that is over, and keep it."""
        message = self.minute.message(self.asset.symbol)
        self.bars.keep(
            self.minute.start_ns, message.o, message.h, message.l, message.c, message.v, message.vw, message.n
        )
        return message

    # -- messages ------------------------------------------------------------------------------------------------

    def quote(self, now_ns: int) -> QuoteMessage[int]:
        """Return the quote as it stands."""
        asset, choose = self.asset, self._random.choice
        ask_at, bid_at = ("-", "-") if asset.is_coin else (choose(_VENUES), choose(_VENUES))
        bid, bid_size, ask, ask_size = self.bid, self.bid_size, self.ask, self.ask_size
        self.quotes.keep(now_ns, bid, bid_size, ask, ask_size, ord(bid_at), ord(ask_at))
        return quote_message(asset, now_ns, bid, bid_size, ask, ask_size, bid_at, ask_at)

    def trade(self, now_ns: int, *, is_late: bool = False) -> TradeMessage[int]:
        """Let something trade at bid or ask."""
        is_buy = self._random.random() < 0.5
        price = self.ask if is_buy else self.bid
        size: float = self._size()
        if self.asset.kind in ("stock", "test"):
            size = self._random.choice((1, 5, 10, 50, 100, 100, 100, 200, 300))
        self._trade_number += 1
        mark = ("B" if is_buy else "S") if self.asset.is_coin else self._random.choice(_VENUES)
        if not is_late:
            self.last_price = price
        bar = self.last_minute if is_late and self.last_minute is not None else self.minute
        bar.add(price, size, is_late=is_late)
        self.day.add(price, size, is_late=is_late)
        self.trades.keep(now_ns, self._trade_number, price, size, ord(mark))
        return trade_message(self.asset, now_ns, self._trade_number, price, size, mark)

    # -- the book ------------------------------------------------------------------------------------------------

    def whole_book(self, now_ns: int) -> BookMessage[int]:
        """Return the whole book."""
        if not self._bids:
            self.change_book(now_ns)
        return BookMessage(
            S=self.asset.symbol,
            t=now_ns,
            b=[LevelMessage(price, self._bids[price]) for price in sorted(self._bids, reverse=True)],
            a=[LevelMessage(price, self._asks[price]) for price in sorted(self._asks)],
            r=True,
        )

    def change_book(self, now_ns: int) -> BookMessage[int]:
        """Bring the book to the present quote; returns what changed."""
        return BookMessage(
            S=self.asset.symbol,
            t=now_ns,
            b=self._change_side(self._bids, self.bid, self.bid_size, -1),
            a=self._change_side(self._asks, self.ask, self.ask_size, 1),
        )

    def _change_side(self, side: dict[float, float], best: float, size: float, sign: int) -> list[LevelMessage]:
        wanted = {self._rounded(best + sign * rank * self.asset.tick * 2) for rank in range(LEVELS)}
        changes = {price: 0.0 for price in side if price not in wanted}
        for price in wanted:
            if price == best:
                new = size
            elif price not in side or self._random.random() < 0.2:
                new = round(self._random.uniform(0.05, 5.0), 5)
            else:
                continue
            if side.get(price) != new:
                changes[price] = new
        for price, new in changes.items():
            if new:
                side[price] = new
            else:
                del side[price]
        return [LevelMessage(price, new) for price, new in sorted(changes.items(), reverse=sign < 0)]
