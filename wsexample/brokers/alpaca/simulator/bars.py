"""Bars in the making: from trades to a minute, a day, and a minute put right. Pure; times are arguments."""

from __future__ import annotations

from dataclasses import dataclass, field

from wsexample.brokers.alpaca.messages.market import BarMessage

__all__ = ["MINUTE_NS", "BarBuilder", "minute_of"]

MINUTE_NS = 60 * 10**9


def minute_of(time_ns: int) -> int:
    """Return the start of the minute of a time."""
    return time_ns - time_ns % MINUTE_NS


@dataclass(slots=True)
class BarBuilder:
    """One bar in the making."""

    start_ns: int
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0
    close: float = 0.0
    volume: float = 0.0
    value: float = field(default=0.0, repr=False)
    trades: int = 0

    def add(self, price: float, size: float, *, is_late: bool = False) -> None:
        """Take a trade into it; a late one leaves the close where it is."""
        if not self.trades and not self.volume:
            self.open = self.high = self.low = self.close = price
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        if not is_late:
            self.close = price
        self.volume = round(self.volume + size, 9)
        self.value += price * size
        self.trades += 1

    def midpoint(self, price: float) -> None:
        """Take a quote into it, where nothing has traded."""
        if not self.open:
            self.open = self.high = self.low = price
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price

    def message(self, symbol: str, kind: type[BarMessage[int]] = BarMessage) -> BarMessage[int]:
        """Return it as the stream and REST show it."""
        volume = int(self.volume) if self.volume == int(self.volume) else self.volume
        return kind(
            S=symbol,
            o=self.open,
            h=self.high,
            l=self.low,
            c=self.close,
            v=volume,
            n=self.trades,
            vw=round(self.value / self.volume, 6) if self.volume else 0,
            t=self.start_ns,
        )
