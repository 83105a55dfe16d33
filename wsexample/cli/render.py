"""Live tables for a terminal: boards with what moved, a header with state, rate and lag, and the counters below.

It draws and counts nothing by itself: records and counters come from the command, time comes as an argument.
"""

from __future__ import annotations

import math
import os
import time
from collections import deque
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wsexample.records.market import Board

__all__ = ["BoardTable", "Colors", "StreamState", "count_of", "price_text", "size_text"]

FLASH_S = 0.7
"""How long a price that moved stays highlighted."""
RATE_WINDOW_S = 5.0
"""Over how long the message rate is averaged."""
PLAUSIBLE_LAG_S = 600.0
"""A greater distance between the venue's clock and ours says nothing about the wire: a replay, a closed session."""
NONE = "–"


@dataclass(frozen=True, slots=True)
class Colors:
    """Colours of rising and falling prices; Japan paints what rises red, most others green."""

    up: str = "green"
    """Colour of what rises."""
    down: str = "red"
    """Colour of what falls."""

    @classmethod
    def named(cls, name: str) -> Colors:
        """Return the colours for "japan", "west", or "auto", which asks the locale."""
        if name == "auto":
            language = next((os.environ[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(key)), "")
            name = "japan" if language.startswith("ja") else "west"
        return cls("red", "green") if name == "japan" else cls()


@dataclass(slots=True)
class StreamState:
    """What the header and the line below the table say; the command keeps it up to date."""

    venue: str
    """Where the data comes from, for people."""
    state: str = "connecting"
    """"connecting", "live", "waiting" or "closed"."""
    detail: str = ""
    """More about the state, such as why and how long it waits."""
    received: int = 0
    """Messages received."""
    stored: int | None = None
    """Records stored; None when nothing is to be stored."""
    lost: int = 0
    """Messages that came and did not reach their place."""
    behind: int = 0
    """Messages that came and wait for this program."""
    file: str = ""
    """Where records are stored."""


COLUMNS = ("Last", "Change", "%", "Bid size", "Bid", "Ask", "Ask size", "Volume", "VWAP", "Time")
FIRST_TO_GO = ("VWAP", "Change", "Bid size", "Ask size", "Volume", "Time", "%", "Ask", "Bid")

_STATE_STYLE = {
    "live": ("●", "bold green"),
    "connecting": ("○", "bold yellow"),
    "waiting": ("○", "bold yellow"),
    "closed": ("●", "bold red"),
}


def price_text(price: float | None, decimals: int) -> str:
    """Write a price with thousands separated and a fixed number of decimals."""
    return NONE if price is None or not math.isfinite(price) else f"{price:,.{decimals}f}"


def size_text(size: float | None) -> str:
    """Write a size with thousands separated, decimals only where it has some."""
    if size is None or not math.isfinite(size):
        return NONE
    return f"{size:,.0f}" if size == int(size) else f"{size:,.4f}".rstrip("0")


def count_of(number: int, noun: str) -> str:
    """Write a count with its noun: "1 message", "1,200 messages"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _decimals_of(price: float | None) -> int:
    if price is None or not math.isfinite(price):
        return 0
    text = f"{price:.4f}".rstrip("0")
    return len(text) - text.index(".") - 1


class _Row:
    """One instrument: its newest board, and what moved when."""

    __slots__ = ("board", "decimals", "direction", "moved_s", "quotes_moved_s")

    def __init__(self, board: Board) -> None:
        self.board = board
        self.decimals = 0
        self.direction = 0
        self.moved_s = -math.inf
        self.quotes_moved_s = {"bid": (0, -math.inf), "ask": (0, -math.inf)}
        self._learn_decimals()

    def take(self, board: Board, now_s: float) -> None:
        """Show a newer board."""
        before, self.board = self.board, board
        moved = _direction(before.last_price, board.last_price)
        if moved:
            self.direction, self.moved_s = moved, now_s
        for side, old, new in (
            ("bid", before.bid_price, board.bid_price),
            ("ask", before.ask_price, board.ask_price),
        ):
            moved = _direction(old, new)
            if moved:
                self.quotes_moved_s[side] = (moved, now_s)
        self._learn_decimals()

    def _learn_decimals(self) -> None:
        board = self.board
        for price in (board.last_price, board.bid_price, board.ask_price, board.change):
            self.decimals = max(self.decimals, _decimals_of(price))


def _direction(before: float | None, after: float | None) -> int:
    if before is None or after is None or before == after:
        return 0
    return 1 if after > before else -1


class BoardTable:
    """A table with one row for each instrument, in the order in which they were asked for.

    Parameters:
        symbols: instruments to show from the beginning, before anything came.
        colors: colours of rising and falling prices.
    """

    def __init__(self, symbols: list[str], colors: Colors | None = None) -> None:
        self._rows: dict[str, _Row | None] = dict.fromkeys(symbols)
        self._colors = colors or Colors()
        self._arrivals: deque[tuple[float, int]] = deque()
        self._first_s: float | None = None
        self._lags: deque[tuple[float, float]] = deque()
        self._widths = {name: cell_len(name) for name in COLUMNS}

    def take(self, board: Board, now_s: float) -> None:
        """Show a board; ``now_s`` is any clock that does not go back."""
        row = self._rows.get(board.symbol)
        if row is None:
            self._rows[board.symbol] = _Row(board)
        else:
            row.take(board, now_s)
        self._note_arrival(now_s)
        self._note_lag(board, now_s)

    def _note_arrival(self, now_s: float) -> None:
        if self._first_s is None:
            self._first_s = now_s
        if self._arrivals and now_s - self._arrivals[-1][0] < 0.1:
            second, count = self._arrivals[-1]
            self._arrivals[-1] = (second, count + 1)
        else:
            self._arrivals.append((now_s, 1))

    def _note_lag(self, board: Board, now_s: float) -> None:
        times = [time_ns for time_ns in (board.bid_ns, board.ask_ns, board.exchange_ns) if time_ns is not None]
        if times:
            lag_s = (board.received_ns - max(times)) / 1e9
            if abs(lag_s) <= PLAUSIBLE_LAG_S:
                self._lags.append((now_s, lag_s))

    def lag_s(self, now_s: float) -> float | None:
        """Return how far what arrives is behind the venue's clock, seconds; None when that cannot be told.

        The least of the last few seconds counts: a board tells when something traded or was quoted last, which may be
        long before it was sent.
        """
        while self._lags and now_s - self._lags[0][0] > RATE_WINDOW_S:
            self._lags.popleft()
        return min((lag_s for _, lag_s in self._lags), default=None)

    def rate(self, now_s: float) -> float:
        """Return messages per second, averaged over the last few seconds."""
        while self._arrivals and now_s - self._arrivals[0][0] > RATE_WINDOW_S:
            self._arrivals.popleft()
        if self._first_s is None:
            return 0.0
        window_s = min(RATE_WINDOW_S, max(now_s - self._first_s, 1.0))
        return sum(count for _, count in self._arrivals) / window_s

    # -- drawing -------------------------------------------------------------------------------------------------

    def draw(self, state: StreamState, now_s: float, *, running_s: float, width: int, height: int) -> RenderableType:
        """Return header, table and counters for a screen of this size in cells."""
        shown = max(1, height - 7)
        left_out = len(self._rows) - shown
        table = self._table(width, shown if left_out > 0 else len(self._rows), now_s)
        parts: list[RenderableType] = [self._header(state, now_s, running_s), table]
        if left_out > 0:
            parts.append(
                Text(f"  … and {count_of(left_out, 'instrument')} more; a taller window shows them", style="dim")
            )
        parts.append(self._counters(state))
        return Group(*parts)

    def _header(self, state: StreamState, now_s: float, running_s: float) -> Text:
        mark, style = _STATE_STYLE[state.state]
        header = Text.assemble((f" {mark} {state.state}", style), ("  ", ""), (state.venue, "bold"))
        if state.detail:
            header.append(f"  {state.detail}", style="yellow")
        lag_s = self.lag_s(now_s)
        lag = NONE if lag_s is None else f"{lag_s:.1f} s"
        minutes, seconds = divmod(int(running_s), 60)
        facts = f"   {self.rate(now_s):.1f} msg/s   lag {lag}   {minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
        header.append(facts, style="dim")
        header.no_wrap = True
        header.overflow = "ellipsis"
        return header

    def _counters(self, state: StreamState) -> Text:
        line = Text.assemble((" received ", "dim"), f"{state.received:,}")
        if state.stored is not None:
            line.append("   stored ", style="dim").append(f"{state.stored:,}")
        line.append("   lost ", style="dim").append(f"{state.lost:,}", style="bold red" if state.lost else "")
        if state.behind:
            line.append("   behind ", style="dim").append(f"{state.behind:,}", style="yellow")
        if state.file:
            line.append(f"   {state.file}", style="dim")
        line.no_wrap = True
        line.overflow = "ellipsis"
        return line

    def _table(self, width: int, shown: int, now_s: float) -> Table:
        rows = [(symbol, row, self._cells(row, now_s) if row else {}) for symbol, row in self._rows.items()][:shown]
        for _, _, cells in rows:
            for name, cell in cells.items():
                self._widths[name] = max(self._widths[name], cell.cell_len)
        symbol_width = max((len(symbol) for symbol in self._rows), default=6)
        name_width = 24 if width >= 120 else 16
        wanted = self._columns_that_fit(width - symbol_width - name_width - 6)
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), header_style="bold")
        table.add_column("Symbol", no_wrap=True, min_width=symbol_width)
        table.add_column("Name", no_wrap=True, overflow="ellipsis", min_width=name_width, max_width=name_width)
        for name in wanted:
            table.add_column(name, justify="right", no_wrap=True, min_width=self._widths[name])
        for symbol, row, cells in rows:
            instrument = row.board.name or "" if row else ""
            table.add_row(symbol, instrument, *(cells.get(name, Text(NONE, style="dim")) for name in wanted))
        return table

    def _columns_that_fit(self, width: int) -> list[str]:
        """Leave out the columns that matter least until the rest fits; a column never gets narrower again."""
        wanted = list(COLUMNS)
        for name in FIRST_TO_GO:
            if sum(self._widths[column] + 2 for column in wanted) <= width:
                break
            wanted.remove(name)
        return wanted

    def _cells(self, row: _Row, now_s: float) -> dict[str, Text]:
        board = row.board
        decimals = row.decimals
        vwap_decimals = max(decimals, 1) if board.vwap is not None else 0
        change_style = self._style(_direction(0.0, board.change))
        percent = NONE if board.change_percent is None else f"{board.change_percent:+.2f}"
        change = NONE if board.change is None else f"{board.change:+,.{decimals}f}"
        arrow = {1: "▲", -1: "▼", 0: " "}[row.direction]
        last = Text(
            f"{price_text(board.last_price, decimals)} {arrow}", style=f"bold {self._style(row.direction)}".strip()
        )
        if now_s - row.moved_s < FLASH_S:
            last.stylize("reverse")
        return {
            "Last": last,
            "Change": Text(change, style=change_style),
            "%": Text(percent, style=change_style),
            "Bid size": Text(size_text(board.bid_size), style="dim"),
            "Bid": self._quote(board.bid_price, decimals, row.quotes_moved_s["bid"], now_s),
            "Ask": self._quote(board.ask_price, decimals, row.quotes_moved_s["ask"], now_s),
            "Ask size": Text(size_text(board.ask_size), style="dim"),
            "Volume": Text(size_text(board.volume)),
            "VWAP": Text(price_text(board.vwap, vwap_decimals), style="dim"),
            "Time": Text(_tokyo_time(board), style="dim"),
        }

    def _quote(self, price: float | None, decimals: int, moved: tuple[int, float], now_s: float) -> Text:
        direction, moved_s = moved
        return Text(price_text(price, decimals), style=self._style(direction) if now_s - moved_s < FLASH_S else "")

    def _style(self, direction: int) -> str:
        return {1: self._colors.up, -1: self._colors.down, 0: ""}[direction]


TOKYO_OFFSET_S = 9 * 3600
"""Japan has one time zone and no daylight saving time."""


def _tokyo_time(board: Board) -> str:
    times = [time_ns for time_ns in (board.exchange_ns, board.bid_ns, board.ask_ns) if time_ns is not None]
    if not times:
        return NONE
    return time.strftime("%H:%M:%S", time.gmtime(max(times) // 1_000_000_000 + TOKYO_OFFSET_S))
