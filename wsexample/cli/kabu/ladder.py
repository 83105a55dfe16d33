"""The order book of one instrument as Japanese traders read it: prices in the middle, sellers left and up, buyers right and
down, market orders above, what lies beyond the ten levels at both ends.

It draws boards of kabu Station; it registers and counts nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from rich.cells import set_cell_size
from rich.console import Group, RenderableType
from rich.text import Text

from wsexample.brokers.kabu.codes import PRICE_STATUS, QUOTE_SIGNS
from wsexample.cli.feed.colors import Colors
from wsexample.cli.feed.numbers import decimals_of, price_text, size_text, time_of_day
from wsexample.cli.terminal import escape_controls
from wsexample.records.market import Board, Level, Record

__all__ = ["KabuLadder"]

LEVELS = 10
FLASH_S = 0.7
"""How long a size that changed stays bold."""
OTHER_LINES = 9
"""Lines that are no levels: name and day between two empty ones, heads, market orders, OVER, UNDER, flags."""
LEAST_BAR = 6
MOST_BAR = 30
TOKYO_S = 9 * 3600

SIGNS = {
    "0102": "特",
    "0103": "注",
    "0107": "前",
    "0108": "特",
    "0109": "後",
    "0116": "前",
    "0117": "前",
    "0118": "連",
    "0119": "連",
    "0120": "移",
}
"""Flags of a best quote in the letter that traders know it by; an ordinary quote has none."""


@dataclass(slots=True)
class _Seen:
    """A size that was shown, and when it came."""

    size: float
    changed_s: float


@dataclass(slots=True)
class _Shape:
    """Widths of the columns; they only grow, so that nothing jumps."""

    size_width: int = 9
    price_width: int = 8
    decimals: int = 0

    def fit(self, board: Board) -> None:
        """Make room for a board."""
        levels = (*board.asks, *board.bids)
        prices = [board.last_price, board.previous_close, *(level.price for level in levels)]
        self.decimals = max(self.decimals, *(decimals_of(price) for price in prices))
        self.price_width = max(self.price_width, *(len(price_text(price, self.decimals)) for price in prices))
        sizes = [board.asks_above_size, board.bids_below_size, board.market_buy_size, board.market_sell_size]
        sizes += [level.size for level in levels]
        self.size_width = max(self.size_width, *(len(size_text(size)) for size in sizes))


class KabuLadder:
    """A view of one instrument.

    Parameters:
        symbol: which one, "9433@1".
        colors: colours of prices above and below the last close.
        name: name to show in place of the venue's.
    """

    def __init__(self, symbol: str, colors: Colors | None = None, *, name: str = "") -> None:
        self._symbol = symbol
        self._colors = colors or Colors()
        self._name = name
        self._board: Board | None = None
        self._direction = 0
        self._seen: dict[tuple[str, float], _Seen] = {}
        self._shape = _Shape()

    def take(self, record: Record, now_s: float) -> None:
        """Take a record; only boards of this instrument matter."""
        if not isinstance(record, Board) or record.symbol != self._symbol:
            return
        before, self._board = self._board, record
        if before is not None and before.last_price is not None and record.last_price is not None:
            moved = (record.last_price > before.last_price) - (record.last_price < before.last_price)
            self._direction = moved or self._direction
        self._seen = self._compared(record, now_s)
        self._shape.fit(record)

    def _compared(self, board: Board, now_s: float) -> dict[tuple[str, float], _Seen]:
        """Return every size with the time since which it stands; those of the first board have always stood."""
        at_s = now_s if self._seen else -math.inf
        seen = {}
        for side in ("ask", "bid"):
            for level in _levels(board, side):
                known = self._seen.get((side, level.price))
                is_same = known is not None and known.size == level.size
                seen[side, level.price] = known if known is not None and is_same else _Seen(level.size, at_s)
        return seen

    # -- drawing -----------------------------------------------------------------------------------------------------

    def draw(self, now_s: float, *, width: int, height: int) -> RenderableType:
        """Return the ladder for so many cells and lines."""
        board = self._board
        if board is None:
            return Text(f"\n {self._symbol}  nothing has come yet", style="dim")
        head = [Text(), *self._head(board), Text()]
        asks, bids = _levels(board, "ask"), _levels(board, "bid")
        if not asks and not bids:
            what = (
                "an index has no order book"
                if board.layout == "index"
                else "no order waits, or the book is not sent now"
            )
            return Group(*head, Text(f" {what}", style="dim"))
        shown = max(1, min(LEVELS, (height - OTHER_LINES) // 2))
        bar = min(MOST_BAR, (width - 2 * self._shape.size_width - self._shape.price_width - 12) // 2)
        rows = _Rows(
            board=board,
            shape=self._shape,
            colors=self._colors,
            flashing={key for key, seen in self._seen.items() if now_s - seen.changed_s < FLASH_S},
            bar=bar if bar >= LEAST_BAR else 0,
            largest=max(level.size for level in (*asks, *bids)),
        )
        lines = [rows.titles()]
        lines.append(rows.ends(board.market_sell_size, "MARKET", board.market_buy_size))
        lines.append(rows.ends(_beyond(board.asks_above_size, asks[shown:]), "OVER", None))
        lines += [rows.level("ask", level, is_best=level is asks[0]) for level in reversed(asks[:shown])]
        lines += [rows.level("bid", level, is_best=level is bids[0]) for level in bids[:shown]]
        lines.append(rows.ends(None, "UNDER", _beyond(board.bids_below_size, bids[shown:])))
        return Group(*head, *lines, *_legend(board))

    def _head(self, board: Board) -> list[Text]:
        name = escape_controls(self._name or board.name or "")
        market = escape_controls(board.market_name or "")
        first = Text.assemble((f" {self._symbol}", "bold"), f"  {name}", (f"  {market}", "dim"))
        decimals = self._shape.decimals
        arrow = {1: " ▲", -1: " ▼", 0: ""}[self._direction]
        last = f"   {price_text(board.last_price, decimals)}{arrow}"
        first.append(last, style=f"bold {self._colors.of(self._direction)}".strip())
        if board.change is not None:
            percent = f" ({board.change_percent:+.2f} %)" if board.change_percent is not None else ""
            color = self._colors.of((board.change > 0) - (board.change < 0))
            first.append(f"  {board.change:+,.{decimals}f}{percent}", style=color)
        status = PRICE_STATUS.get(board.last_status or 1, f"status {board.last_status}")
        if board.last_status not in (None, 1):
            first.append(f"  {status}", style="bold yellow")
        day = (("open", board.open_price), ("high", board.high_price), ("low", board.low_price), ("VWAP", board.vwap))
        second = Text(" ")
        for label, price in day:
            second.append(f"{label} ", style="dim").append(f"{price_text(price, decimals)}  ")
        second.append("volume ", style="dim").append(f"{size_text(board.volume)}  ")
        second.append(time_of_day(board.exchange_ns, TOKYO_S), style="dim")
        for line in (first, second):
            line.no_wrap, line.overflow = True, "ellipsis"
        return [first, second]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Lines of one picture, all cut to the same columns."""

    board: Board
    shape: _Shape
    colors: Colors
    flashing: set[tuple[str, float]]
    """Levels whose size has just changed."""
    bar: int
    """Cells that the longest bar has; 0 draws none."""
    largest: float
    """Size of the longest bar."""

    def titles(self) -> Text:
        """Return the heads of the columns."""
        line = self._line("Ask size", "Price", "Bid size")
        line.stylize("bold")
        return line

    def ends(self, left: float | None, name: str, right: float | None) -> Text:
        """Return a line that is no level: market orders, OVER or UNDER."""
        sizes = [size_text(size) if size is not None else "" for size in (left, right)]
        return self._line(sizes[0], Text(name, style="dim"), sizes[1])

    def level(self, side: str, level: Level, *, is_best: bool) -> Text:
        """Return the line of one price."""
        board, is_ask = self.board, side == "ask"
        sign = (board.asks_sign or board.ask_sign) if is_ask else (board.bids_sign or board.bid_sign)
        flag = set_cell_size(SIGNS.get(sign or "", "") if is_best else "", 2)
        number = f"{price_text(level.price, self.shape.decimals):>{self.shape.price_width}}"
        price = Text.assemble(
            (flag if is_ask else "  ", "bold yellow"),
            (number, self._price_style(level.price)),
            ("  " if is_ask else flag, "bold yellow"),
        )
        size = Text(size_text(level.size), style="bold" if (side, level.price) in self.flashing else "")
        bar = "█" * round(self.bar * level.size / self.largest) if self.largest else ""
        if is_ask:
            return self._line(size, price, "", left_bar=Text(bar, style="blue"))
        return self._line("", price, size, right_bar=Text(bar, style="magenta"))

    def _line(
        self,
        left: str | Text,
        middle: str | Text,
        right: str | Text,
        *,
        left_bar: str | Text = "",
        right_bar: str | Text = "",
    ) -> Text:
        """Put the cells of a line side by side."""
        shape = self.shape
        return Text.assemble(
            " ",
            _fitted(left_bar, self.bar, "right"),
            " ",
            _fitted(left, shape.size_width, "right"),
            "  ",
            _fitted(middle, shape.price_width + 4, "center"),
            "  ",
            _fitted(right, shape.size_width, "left"),
            " ",
            right_bar,
            no_wrap=True,
            overflow="crop",
        )

    def _price_style(self, price: float) -> str:
        close = self.board.previous_close
        color = "" if close is None else self.colors.of((price > close) - (price < close))
        is_last = self.board.last_price is not None and price == self.board.last_price
        return f"{color} {'bold reverse' if is_last else ''}".strip()


def _fitted(cell: str | Text, width: int, align: Literal["left", "center", "right"]) -> Text:
    text = cell.copy() if isinstance(cell, Text) else Text(cell)
    text.align(align, max(width, text.cell_len))
    return text


def _levels(board: Board, side: str) -> list[Level]:
    """Return the levels of a side; at a price limit only the best quote may be left of it."""
    levels, price, size = (
        (board.asks, board.ask_price, board.ask_size)
        if side == "ask"
        else (board.bids, board.bid_price, board.bid_size)
    )
    if not levels and price is not None and math.isfinite(price) and price > 0:
        return [Level(price, size or 0.0)]
    return list(levels)


def _beyond(size: float | None, hidden: list[Level]) -> float | None:
    """Return what lies beyond the levels shown: what the venue says, and the levels for which there is no line."""
    return None if size is None and not hidden else (size or 0.0) + sum(level.size for level in hidden)


def _legend(board: Board) -> list[Text]:
    """Return what the flags mean, where there are any."""
    signs = {board.asks_sign or board.ask_sign, board.bids_sign or board.bid_sign}
    words = [f"{SIGNS[sign]} {QUOTE_SIGNS[sign]}" for sign in sorted(sign for sign in signs if sign in SIGNS)]
    return [Text(f" {'   '.join(words)}", style="yellow")] if words else []
