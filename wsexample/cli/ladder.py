"""Order books on a terminal: bids and asks side by side, best on top, with a bar for each size."""

from __future__ import annotations

from itertools import zip_longest
from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wsexample.cli.feed.numbers import NONE, decimals_of, price_text, size_text, time_of_day
from wsexample.records.market import Book, Level, Record

__all__ = ["BookView"]

MOST_DECIMALS = 8
HEAD_LINES = 3
"""Lines of a book that are no levels: its title, the headings and an empty one."""
LEAST_BAR = 4


class BookView:
    """A view of one book or several, below each other.

    Parameters:
        symbols: which ones, in this order.
        levels: levels of each side to show, where there is room for them.
    """

    def __init__(self, symbols: list[str], *, levels: int = 20) -> None:
        self._books: dict[str, Book | None] = dict.fromkeys(symbols)
        self._decimals: dict[str, int] = {}
        self._levels = levels

    def take(self, record: Record, now_s: float) -> None:
        """Show a book."""
        if isinstance(record, Book):
            self._books[record.symbol] = record
            prices = [level.price for level in (*record.bids[:3], *record.asks[:3])]
            found = max((decimals_of(price, MOST_DECIMALS) for price in prices), default=0)
            self._decimals[record.symbol] = max(self._decimals.get(record.symbol, 0), found)

    def draw(self, now_s: float, *, width: int, height: int) -> RenderableType:
        """Return the books for so many cells and lines."""
        count = max(len(self._books), 1)
        shown = max(1, min(self._levels, height // count - HEAD_LINES))
        return Group(*(self._book(symbol, book, shown, width) for symbol, book in self._books.items()))

    def _book(self, symbol: str, book: Book | None, shown: int, width: int) -> RenderableType:
        if book is None:
            return Text(f"\n  {symbol}: waiting for the first book …\n", style="dim")
        bids, asks = book.bids[:shown], book.asks[:shown]
        decimals = self._decimals[symbol]
        title = Text.assemble((f" {symbol}", "bold"), ("  spread ", "dim"), _spread(bids, asks, decimals))
        title.append(f"   {time_of_day(book.exchange_ns, None, decimals=1)}", style="dim")
        if book.sequence is not None:
            title.append(f"   no. {book.sequence}", style="dim")
        most = max((level.size for level in (*bids, *asks)), default=0.0)
        texts = [size_text(level.size) for level in (*bids, *asks)] + ["Bid size"]
        size_width = max(len(text) for text in texts)
        price_width = max((len(price_text(level.price, decimals)) for level in (*bids, *asks)), default=5)
        bar = min(24, (width - 2 * (size_width + price_width) - 10) // 2)
        table = Table(box=None, padding=(0, 0, 0, 1), header_style="bold")
        columns = [("Bid size", size_width), ("Bid", price_width), ("Ask", price_width), ("Ask size", size_width)]
        if bar >= LEAST_BAR:
            columns = [("", bar), *columns, ("", bar)]
        for place, (name, cells) in enumerate(columns):
            justify: Literal["left", "right"] = "left" if place >= len(columns) // 2 else "right"
            table.add_column(name, justify=justify, min_width=cells, no_wrap=True)
        for bid, ask in zip_longest(bids, asks):
            row = [*_side(bid, decimals, "green"), *reversed(_side(ask, decimals, "red"))]
            if bar >= LEAST_BAR:
                row = [_bar(bid, most, bar, "green"), *row, _bar(ask, most, bar, "red")]
            table.add_row(*row)
        return Group(title, table, Text(""))


def _spread(bids: tuple[Level, ...], asks: tuple[Level, ...], decimals: int) -> str:
    if not bids or not asks:
        return NONE
    spread = asks[0].price - bids[0].price
    middle = (asks[0].price + bids[0].price) / 2
    return f"{spread:,.{decimals}f} ({spread / middle * 10_000:.2f} bp)" if middle else f"{spread:,.{decimals}f}"


def _side(level: Level | None, decimals: int, style: str) -> list[Text]:
    if level is None:
        return [Text(""), Text("")]
    return [Text(size_text(level.size)), Text(price_text(level.price, decimals), style=style)]


def _bar(level: Level | None, most: float, cells: int, style: str) -> Text:
    filled = 0 if level is None or not most else max(1, round(level.size / most * cells))
    return Text("█" * filled, style=f"dim {style}")
