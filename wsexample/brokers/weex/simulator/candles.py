"""Candles of one symbol, made as its trades happen: of every interval the newest so many, each of all its trades. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from wsexample.brokers.weex.codes import INTERVALS_S

__all__ = ["KEPT_CANDLES", "Candle", "Candles"]

KEPT_CANDLES = 1000
"""Candles of an interval: what one call may ask for."""
MINUTE_MS = 60_000
_SPANS_MS = {interval: seconds * 1000 for interval, seconds in INTERVALS_S.items()}


class Candle:
    """One candle; prices are ticks, sizes and values the market's whole units.

    Parameters:
        price: of the first trade, or the last one before where there was none.
    """

    __slots__ = ("bought_size", "bought_value", "count", "first", "high", "last", "low", "size", "value")

    def __init__(self, price: int) -> None:
        self.first = self.high = self.low = self.last = price
        self.size = self.value = self.count = self.bought_size = self.bought_value = 0

    def add(self, price: int, size: int, *, is_sell: bool) -> None:
        """Take a trade into it.

        Parameters:
            price, size: of the trade.
            is_sell: whether the taker sold.
        """
        if price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.last = price
        self.size += size
        self.value += price * size
        self.count += 1
        if not is_sell:
            self.bought_size += size
            self.bought_value += price * size

    def join(self, later: Candle) -> None:
        """Take all trades of another candle into it, which came after its own."""
        self.high, self.low = max(self.high, later.high), min(self.low, later.low)
        self.last = later.last
        self.size += later.size
        self.value += later.value
        self.count += later.count
        self.bought_size += later.bought_size
        self.bought_value += later.bought_value


class Candles:
    """The candles of a symbol in every interval.

    A trade goes into the minute at hand; that goes into every interval when it is over, or when somebody looks.
    """

    __slots__ = ("_at_hand", "_kept", "_minute_ms")

    def __init__(self) -> None:
        self._kept: dict[str, dict[int, Candle]] = {interval: {} for interval in _SPANS_MS}
        self._minute_ms = 0
        self._at_hand: Candle | None = None

    def add(self, at_ms: int, price: int, size: int, *, is_sell: bool) -> None:
        """Take a trade.

        Parameters:
            at_ms: when, UTC epoch milliseconds; may be earlier than the trade before.
            price, size: of the trade.
            is_sell: whether the taker sold.
        """
        minute_ms = at_ms - at_ms % MINUTE_MS
        if self._at_hand is None or minute_ms != self._minute_ms:
            self._put_away()
            self._minute_ms, self._at_hand = minute_ms, Candle(price)
        self._at_hand.add(price, size, is_sell=is_sell)

    def of(self, interval: str) -> Iterator[tuple[int, Candle]]:
        """Iterate over start and candle of those that have trades, oldest first.

        Parameters:
            interval: a key of ``INTERVALS_S``.
        """
        self._put_away()
        return iter(sorted(self._kept[interval].items()))

    def at(self, interval: str, start_ms: int) -> Candle | None:
        """Return the candle that begins at a moment; None where it has no trades, or is forgotten."""
        self._put_away()
        return self._kept[interval].get(start_ms)

    def _put_away(self) -> None:
        candle, self._at_hand = self._at_hand, None
        if candle is None:
            return
        for interval, span_ms in _SPANS_MS.items():
            kept, start_ms = self._kept[interval], self._minute_ms - self._minute_ms % span_ms
            if start_ms not in kept:
                kept[start_ms] = Candle(candle.first)
                if len(kept) > KEPT_CANDLES:
                    del kept[min(kept)]
            if start_ms in kept:
                kept[start_ms].join(candle)
