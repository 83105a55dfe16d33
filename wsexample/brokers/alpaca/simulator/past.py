"""What has been of a symbol: its newest trades, quotes and minute bars, kept as packed rows and told as messages again. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from wsexample.brokers.alpaca.messages.market import BarMessage, QuoteMessage, TradeMessage
from wsexample.brokers.alpaca.simulator.assets import Asset
from wsexample.brokers.base.kept import Rows

__all__ = ["KEPT_BARS", "Key", "Past", "past_bars", "past_quotes", "past_trades", "quote_message", "trade_message"]

KEPT_BARS = 10_000
"""Minute bars of a symbol: a week of them."""

Key = tuple[int, int]
"""Time of a point and its number, by which history is in order."""

_M = TypeVar("_M")


def trade_message(asset: Asset, time_ns: int, number: int, price: float, size: float, mark: str) -> TradeMessage[int]:
    """Return a trade as the stream carries it.

    Parameters:
        asset: what was traded.
        time_ns: when, UTC epoch nanoseconds.
        number: its identifier.
        price: dollars.
        size: shares, contracts or coins.
        mark: the taker's side of a coin's trade, the venue's letter of any other.
    """
    message: TradeMessage[int] = TradeMessage(S=asset.symbol, i=number, p=price, s=size, t=time_ns)
    if asset.is_coin:
        message.tks = mark
    else:
        message.x = mark
        message.c = "I" if asset.kind == "option" else ("@",)
        message.z = None if asset.kind == "option" else asset.tape
    return message


def quote_message(
    asset: Asset, time_ns: int, bid: float, bid_size: float, ask: float, ask_size: float, bid_at: str, ask_at: str
) -> QuoteMessage[int]:
    """Return a quote as the stream carries it.

    Parameters:
        asset: what is quoted.
        time_ns: when, UTC epoch nanoseconds.
        bid, ask: dollars.
        bid_size, ask_size: round lots, contracts or coins.
        bid_at, ask_at: letters of the venues; coins have none.
    """
    message: QuoteMessage[int] = QuoteMessage(S=asset.symbol, ap=ask, as_=ask_size, bp=bid, bs=bid_size, t=time_ns)
    if not asset.is_coin:
        is_option = asset.kind == "option"
        message.ax, message.bx = ask_at, bid_at
        message.c = "A" if is_option else ("R",)
        message.z = None if is_option else asset.tape
    return message


class Past(Generic[_M]):
    """The newest messages of one kind of one symbol.

    Parameters:
        layout: of a row, in the notation of `struct`; its first part is the time.
        most: how many are kept.
        make: returns the message of a row.
    """

    __slots__ = ("_make", "_rows", "keep")

    def __init__(self, layout: str, most: int, make: Callable[..., _M]) -> None:
        self._rows = Rows(layout, most)
        self._make = make
        self.keep = self._rows.append
        """Keeps the values of a row."""

    @property
    def first(self) -> int:
        """Number of the oldest that is kept; how many have been forgotten."""
        return self._rows.first

    @property
    def latest(self) -> _M | None:
        """The newest message, None before there is one."""
        return self._make(*self._rows.newest()) if len(self._rows) else None

    @property
    def total(self) -> int:
        """How many there have ever been, which is the number of the next one."""
        return self._rows.total

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Iterate over the rows in the order in which they were kept."""
        return iter(self._rows)

    def between(self, start_ns: int, end_ns: int) -> list[tuple[Key, tuple[Any, ...]]]:
        """Return key and row of what has been from one moment to another, both included, in the order of time.

        Parameters:
            start_ns, end_ns: UTC epoch nanoseconds.
        """
        numbered = enumerate(self._rows, start=self._rows.first)
        found = [((row[0], number), row) for number, row in numbered if start_ns <= row[0] <= end_ns]
        found.sort()  # late trades were kept behind others
        return found

    def message(self, row: tuple[Any, ...]) -> _M:
        """Return the message of a row."""
        return self._make(*row)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[_M]:
        """Iterate over the messages in the order in which they were told."""
        return (self._make(*row) for row in self._rows)


def past_trades(asset: Asset, most: int) -> Past[TradeMessage[int]]:
    """Return an empty past of trades: rows of time, number, price, size and the code of the mark."""

    def make(time_ns: int, number: int, price: float, size: float, mark: int) -> TradeMessage[int]:
        return trade_message(asset, time_ns, number, price, _amount(asset, size), chr(mark))

    return Past("<qqddB", most, make)


def past_quotes(asset: Asset, most: int) -> Past[QuoteMessage[int]]:
    """Return an empty past of quotes: rows of time, bid, its size, ask, its size, and the codes of both venues."""

    def make(
        time_ns: int, bid: float, bid_size: float, ask: float, ask_size: float, bid_at: int, ask_at: int
    ) -> QuoteMessage[int]:
        sizes = _amount(asset, bid_size), _amount(asset, ask_size)
        return quote_message(asset, time_ns, bid, sizes[0], ask, sizes[1], chr(bid_at), chr(ask_at))

    return Past("<qddddBB", most, make)


def past_bars(asset: Asset) -> Past[BarMessage[int]]:
    """Return an empty past of minute bars: rows of start, four prices, volume, average price and trades."""

    def make(
        start_ns: int, first: float, high: float, low: float, last: float, volume: float, average: float, trades: int
    ) -> BarMessage[int]:
        return BarMessage(
            S=asset.symbol,
            o=first,
            h=high,
            l=low,
            c=last,
            v=int(volume) if volume == int(volume) else volume,
            n=trades,
            vw=average if volume else 0,
            t=start_ns,
        )

    return Past("<qddddddq", KEPT_BARS, make)


def _amount(asset: Asset, size: float) -> float:
    """Return a size as it was: of coins there are parts."""
    return size if asset.is_coin else int(size)
