"""Prices, books and trades of an invented market, and the frames that the public streams carry.

Without a loop: `Market.step` takes the time and returns what was published. A book frame continues the one before it by
its numbers, as measured on the venue.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from wsexample.brokers.weex.codes import BOOK_LEVELS, INTERVALS_S, PRICE_TYPES
from wsexample.brokers.weex.simulator.candles import Candle, Candles

__all__ = ["CONTRACT_SIZES", "SPOT_SIZES", "Instrument", "Market", "Sizes"]

DEPTH = 220
"""Levels kept on each side, more than the deepest stream shows."""
KEPT_TRADES = 1000
"""Trades of a symbol that are kept: what one call may ask for."""
UNIT = 10_000
"""Sizes are whole ten-thousandths inside."""
STARTS = {"BTCUSDT": 64_250.0, "ETHUSDT": 2_184.2, "SOLUSDT": 182.4, "ADAUSDT": 0.4512}
"""Prices to begin with; 100 for all others."""

Sides = tuple[dict[int, int], dict[int, int]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large an order may be, in base coin."""

    places: int
    """Decimal places."""
    least: Decimal
    """The smallest."""
    most: Decimal
    """The largest."""

    @property
    def step(self) -> Decimal:
        """The smallest difference between two sizes."""
        return Decimal(1).scaleb(-self.places)


CONTRACT_SIZES = Sizes(4, Decimal("0.0001"), Decimal(100_000))
"""Of every contract."""
SPOT_SIZES = Sizes(5, Decimal("0.0001"), Decimal(99_999))
"""Of every pair; in finer steps than the smallest, as captured, so that what a fee leaves of a coin can be sold."""


def _size(units: int) -> str:
    return "0" if units == 0 else f"{units // UNIT}.{units % UNIT:04d}"


class Instrument:
    """One symbol: a book around a price that wanders, and its trades; prices are whole ticks inside.

    Parameters:
        symbol: "BTCUSDT".
        price: where it begins.
        seed: the same seed gives the same market.
    """

    def __init__(self, symbol: str, price: float, seed: int) -> None:
        self.symbol = symbol
        self._random = random.Random(f"{symbol} {seed}")
        self.sequence = 21_000_000_000 + self._random.randrange(10**6)
        self.places = next(places for places in (1, 2, 3, 4) if places == 4 or price * 10**places > 5 * DEPTH)
        """Decimal places of a price."""
        self.mid = round(price * 10**self.places)
        self.first = self.mid
        self.high = self.low = self.last = self.mid
        self.volume = 0
        self.count = 0
        self.trades: deque[dict[str, Any]] = deque(maxlen=KEPT_TRADES)
        """The newest, as REST shows them."""
        self._candles = Candles()
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._fill_up()
        self._published: dict[int, tuple[Sides, int, int]] = {}
        for level in BOOK_LEVELS:
            self._published[level] = (self._window(level), self.sequence - 84, self.sequence)

    def text(self, ticks: int) -> str:
        """Return a price as it stands on the wire."""
        return f"{ticks / 10**self.places:.{self.places}f}"

    # -- the market ----------------------------------------------------------------------------------------------

    def _fill_up(self) -> None:
        draw = self._random
        for distance in range(1, DEPTH + 1):
            for side, price in ((self._bids, self.mid - distance), (self._asks, self.mid + distance)):
                if price > 0 and price not in side:
                    side[price] = draw.randrange(1, 20_000)
        for price in [p for p in self._bids if not self.mid - DEPTH <= p < self.mid]:
            del self._bids[price]
        for price in [p for p in self._asks if not self.mid < p <= self.mid + DEPTH]:
            del self._asks[price]

    def step(self, now_ms: int) -> list[dict[str, Any]]:
        """Move the market a little; returns the trades that happened."""
        draw = self._random
        self.mid = max(DEPTH + 1, self.mid + draw.choice((-2, -1, 0, 0, 1, 2)))
        self._fill_up()
        for _ in range(draw.randrange(1, 12)):
            side, sign = draw.choice(((self._bids, -1), (self._asks, 1)))
            side[self.mid + sign * draw.randrange(1, 40)] = draw.randrange(1, 20_000)
        self.sequence += draw.randrange(1, 60)
        return [self.trade(now_ms - draw.randrange(20)) for _ in range(draw.randrange(1, 4))]

    def trade(self, at_ms: int, price: int | None = None, size: int | None = None) -> dict[str, Any]:
        """Let a trade happen."""
        draw = self._random
        is_sell = draw.random() < 0.5
        price = price if price is not None else self.best_bid if is_sell else self.best_ask
        size = size or draw.randrange(1, 5_000)
        self.last = price
        self.high, self.low = max(self.high, price), min(self.low, price)
        self.volume += size
        self.count += 1
        row = {
            "T": at_ms,
            "t": f"{draw.getrandbits(32):08x}-0000-4000-8000-{self.count:012x}",
            "p": self.text(price),
            "q": _size(size),
            "v": self._value(price * size),
            "m": is_sell,
        }
        self.trades.append(row)
        self._candles.add(at_ms, price, size, is_sell=is_sell)
        return row

    @property
    def best_bid(self) -> int:
        """Highest price at which somebody buys, in ticks."""
        return max(self._bids)

    @property
    def best_ask(self) -> int:
        """Lowest price at which somebody sells, in ticks."""
        return min(self._asks)

    @property
    def mark(self) -> str:
        """Price at which positions are valued."""
        return self.text(self.mid)

    # -- what the streams carry ----------------------------------------------------------------------------------

    def _window(self, level: int) -> Sides:
        bids = sorted(self._bids, reverse=True)[:level]
        asks = sorted(self._asks)[:level]
        return {p: self._bids[p] for p in bids}, {p: self._asks[p] for p in asks}

    def _frame(self, level: int, kind: str, now_ms: int, first: int, last: int, sides: Sides) -> dict[str, Any]:
        bids, asks = sides
        return {
            "e": "depthSnapshot" if kind == "SNAPSHOT" else "depth",
            "E": now_ms,
            "s": self.symbol,
            "U": first,
            "u": last,
            "l": level,
            "d": kind,
            "b": [[self.text(p), _size(bids[p])] for p in sorted(bids, reverse=True)],
            "a": [[self.text(p), _size(asks[p])] for p in sorted(asks)],
        }

    def snapshot(self, level: int, now_ms: int) -> dict[str, Any]:
        """Return the whole book as it was published last; the next change continues it."""
        sides, first, last = self._published[level]
        return self._frame(level, "SNAPSHOT", now_ms, first, last, sides)

    def publish(self, level: int, now_ms: int) -> dict[str, Any] | None:
        """Return what changed since the frame before, None when nothing did."""
        before, _, first = self._published[level]
        now = self._window(level)
        changes: Sides = ({}, {})
        for old, new, change in zip(before, now, changes, strict=True):
            change.update({price: 0 for price in old if price not in new})
            change.update({price: size for price, size in new.items() if old.get(price) != size})
        if not any(changes):
            return None
        self._published[level] = (now, first, self.sequence)
        return self._frame(level, "CHANGED", now_ms, first, self.sequence, changes)

    def ticker(self, now_ms: int, *, is_spot: bool = False) -> dict[str, Any]:
        """Return the frame of the 24 hour figures; the change is a fraction, and spot has no mark."""
        change = self.last - self.first
        row = {
            "p": self.text(change),
            "P": f"{change / self.first:.6f}",
            "w": f"{(self.high + self.low) / 2 / 10**self.places:.8f}",
            "c": self.text(self.last),
            "o": self.text(self.first),
            "h": self.text(self.high),
            "l": self.text(self.low),
            "v": _size(self.volume),
            "q": f"{self.volume * self.last / UNIT / 10**self.places:.5f}",
            "O": now_ms // 900_000 * 900_000 - 86_400_000,
            "C": now_ms // 900_000 * 900_000,
            "n": self.count,
        }
        if not is_spot:
            row |= {"m": self.mark, "i": self.text(self.mid + 2)}
        return {"e": "ticker", "E": now_ms, "s": self.symbol, "d": [row]}

    def kline(self, interval: str, price_type: str, now_ms: int) -> dict[str, Any]:
        """Return the frame of the candle that goes on."""
        span_ms = INTERVALS_S[interval] * 1000
        start_ms = now_ms // span_ms * span_ms
        row = self._candle(interval, start_ms, span_ms, self._candles.at(interval, start_ms))
        return {"e": "kline", "E": now_ms, "s": self.symbol, "p": price_type, "d": [row]}

    def candles(self, interval: str, now_ms: int, since_ms: int, until_ms: int, limit: int) -> list[dict[str, Any]]:
        """Return the latest candles that begin between two moments, oldest first; the one that goes on may have no trades yet.

        Parameters:
            interval: how long each is.
            now_ms: the venue's time.
            since_ms, until_ms: the moments, both included, UTC epoch milliseconds.
            limit: how many at the most.
        """
        span_ms = INTERVALS_S[interval] * 1000
        found: dict[int, Candle | None] = {now_ms // span_ms * span_ms: None, **dict(self._candles.of(interval))}
        starts = [start for start in sorted(found) if since_ms <= start <= until_ms]
        return [self._candle(interval, start, span_ms, found[start]) for start in starts[-limit:]]

    def _candle(self, interval: str, start_ms: int, span_ms: int, candle: Candle | None) -> dict[str, Any]:
        candle = candle or Candle(self.last)
        return {
            "t": start_ms,
            "T": start_ms + span_ms,
            "s": self.symbol,
            "i": interval,
            "o": self.text(candle.first),
            "c": self.text(candle.last),
            "h": self.text(candle.high),
            "l": self.text(candle.low),
            "v": f"{candle.size / UNIT:.4f}",
            "n": candle.count,
            "q": self._value(candle.value),
            "V": f"{candle.bought_size / UNIT:.4f}",
            "Q": self._value(candle.bought_value),
        }

    def _value(self, value: int) -> str:
        return f"{value / 10**self.places / UNIT:.5f}"

    def best(self, now_ms: int) -> dict[str, Any]:
        """Return the frame of the best bid and ask (spot)."""
        bid, ask = self.best_bid, self.best_ask
        return {"e": "bookTicker", "E": now_ms, "s": self.symbol, "u": now_ms, "b": self.text(bid),
                "B": _size(self._bids[bid]), "a": self.text(ask), "A": _size(self._asks[ask])}  # fmt: skip


class Market:
    """Every symbol, and what its streams publish.

    Parameters:
        seed: the same seed gives the same market.
        symbols: what is listed.
        is_spot: whether it is the spot market.
        begins_trades: whether a stream of trades begins with the latest ones, which no source shows.
    """

    def __init__(
        self,
        seed: int = 1,
        symbols: Iterable[str] = tuple(STARTS),
        *,
        is_spot: bool = False,
        begins_trades: bool = False,
    ) -> None:
        self.instruments = {symbol: Instrument(symbol, STARTS.get(symbol, 100.0), seed) for symbol in symbols}
        self.is_spot = is_spot
        self.sizes = SPOT_SIZES if is_spot else CONTRACT_SIZES
        """How large its orders may be."""
        self._begins_trades = begins_trades

    def refusal(self, topic: str) -> str:
        """Return the venue's words when there is no such stream, "" when there is.

        Parameters:
            topic: the stream as the venue spells it, such as "BTCUSDT@depth15".
        """
        symbol, _, event = topic.partition("@")
        if symbol.upper() not in self.instruments:
            inside = f"{symbol.upper()}_SPBL" if self.is_spot else f"cmt_{symbol.lower()}"
            return f"INVALID_ARGUMENT: invalid symbol : {inside}"
        if event.startswith("depth"):
            level = event.removeprefix("depth")
            return "" if level in ("15", "200") else f"INVALID_ARGUMENT: invalid depth level : {level}"
        if event in ("ticker", "trade") or (event == "bookTicker" and self.is_spot):
            return ""
        kind, _, rest = event.partition("_")
        interval, _, price_type = rest.partition("_")
        is_kline = kind == "kline" and interval in INTERVALS_S and price_type in PRICE_TYPES[: 1 if self.is_spot else 2]
        return "" if is_kline else f"INVALID_ARGUMENT: invalid event : {event}"

    def snapshot(self, topic: str, now_ms: int) -> dict[str, Any] | None:
        """Return what a stream begins with: a book with its snapshot, trades with the latest if so set, others with nothing.

        Parameters:
            topic: the stream as the venue spells it.
            now_ms: the venue's time, UTC epoch milliseconds.
        """
        symbol, _, event = topic.partition("@")
        if event.startswith("depth"):
            return self.instruments[symbol].snapshot(int(event.removeprefix("depth")), now_ms)
        if event == "trade" and self._begins_trades:
            latest = list(self.instruments[symbol].trades)[-20:]
            return {"e": "tradeSnapshot", "E": now_ms, "s": symbol, "d": latest} if latest else None
        return None

    def step(self, now_ms: int, topics: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Move every symbol; returns the frame of each stream that somebody listens to and that has one.

        Parameters:
            now_ms: the venue's time, UTC epoch milliseconds.
            topics: the streams that somebody listens to.
        """
        trades = {symbol: one.step(now_ms) for symbol, one in self.instruments.items()}
        books = {
            f"{symbol}@depth{level}": frame
            for symbol, one in self.instruments.items()
            for level in BOOK_LEVELS
            if (frame := one.publish(level, now_ms)) is not None
        }
        frames: dict[str, dict[str, Any]] = {}
        for topic in topics:
            symbol, _, event = topic.partition("@")
            one = self.instruments[symbol]
            if event.startswith("depth"):
                if topic in books:
                    frames[topic] = books[topic]
            elif event == "ticker":
                frames[topic] = one.ticker(now_ms, is_spot=self.is_spot)
            elif event == "trade":
                frames[topic] = {"e": "trade", "E": now_ms, "s": symbol, "d": trades[symbol]}
            elif event == "bookTicker":
                frames[topic] = one.best(now_ms)
            else:
                _, interval, price_type = event.split("_", 2)
                frames[topic] = one.kline(interval, price_type, now_ms)
        return frames
