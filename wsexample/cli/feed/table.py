"""A table of instruments on a terminal: one row each, with what moved in colour.

It knows no kind of record: what a row shows comes from `wsexample.cli.feed.facts`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wsexample.cli.feed.colors import Colors
from wsexample.cli.feed.facts import facts_of
from wsexample.cli.feed.numbers import NONE, count_of, decimals_of, price_text, size_text, time_of_day
from wsexample.cli.terminal import escape_controls
from wsexample.records.market import Record

__all__ = ["MarketTable"]

FLASH_S = 0.7
"""How long a price that moved stays highlighted."""
MOST_DECIMALS = 8
FRAME_LINES = 4
"""Lines of a table that are no rows."""

COLUMNS = ("Last", "Change", "%", "Bid size", "Bid", "Ask", "Ask size", "Volume", "VWAP", "Time")
FIRST_TO_GO = ("VWAP", "Change", "Bid size", "Ask size", "Volume", "Time", "%", "Ask", "Bid")
WORDS = {
    "Last": "last",
    "Change": "change",
    "%": "percent",
    "Bid size": "bid_size",
    "Bid": "bid",
    "Ask": "ask",
    "Ask size": "ask_size",
    "Volume": "volume",
    "VWAP": "vwap",
}
"""What a column needs: once records have come, it stays away until one says something about that."""


class _Row:
    """One instrument: what is known of it, and what moved when."""

    __slots__ = ("at_ns", "decimals", "facts", "moves")

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.decimals = 0
        self.at_ns: int | None = None
        self.moves = {"last": (0, -math.inf), "bid": (0, -math.inf), "ask": (0, -math.inf)}

    def take(self, record: Record, now_s: float) -> bool:
        """Show a newer record; returns False when it says nothing about prices."""
        facts = facts_of(record)
        if not facts:
            return False
        for name in self.moves.keys() & facts.keys():
            moved = _direction(self.facts.get(name), facts[name])
            if moved:
                self.moves[name] = (moved, now_s)
        self.facts.update(facts)
        for name in ("last", "bid", "ask", "change"):
            self.decimals = max(self.decimals, decimals_of(facts.get(name), MOST_DECIMALS))
        if record.exchange_ns is not None:
            self.at_ns = record.exchange_ns
        return True


def _direction(before: float | None, after: float | None) -> int:
    if before is None or after is None or before == after:
        return 0
    return 1 if after > before else -1


class MarketTable:
    """A table with one row for each instrument, in the order in which they were asked for.

    Parameters:
        symbols: instruments to show from the beginning, before anything came.
        colors: colours of rising and falling prices.
        offset_s: seconds east of UTC for the time column; None for this machine's time zone.
        has_names: whether instruments have names (default: a column appears with the first one).
        names: names to show in place of the venue's.
    """

    def __init__(
        self,
        symbols: list[str],
        colors: Colors | None = None,
        *,
        offset_s: int | None = None,
        has_names: bool = False,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self._rows: dict[str, _Row] = {symbol: _Row() for symbol in symbols}
        self._colors = colors or Colors()
        self._offset_s = offset_s
        self._names = dict(names or {})
        self._has_names = has_names or bool(self._names)
        self._seen: set[str] = set()
        self._widths = {name: cell_len(name) for name in COLUMNS}

    def take(self, record: Record, now_s: float) -> None:
        """Show a record; ``now_s`` is any clock that does not go back."""
        row = self._rows.get(record.symbol) or _Row()
        if not row.take(record, now_s):
            return
        self._rows[record.symbol] = row
        self._has_names = self._has_names or bool(row.facts.get("name"))
        self._seen.update(row.facts)

    def draw(self, now_s: float, *, width: int, height: int) -> RenderableType:
        """Return the table for so many cells and lines."""
        if len(self._rows) <= height - FRAME_LINES:
            return self._table(width, len(self._rows), now_s)
        shown = max(1, height - FRAME_LINES - 1)
        left_out = len(self._rows) - shown
        more = Text(f"  … and {count_of(left_out, 'instrument')} more; a taller window shows them", style="dim")
        return Group(self._table(width, shown, now_s), more)

    def _table(self, width: int, shown: int, now_s: float) -> Table:
        rows = [(symbol, row, self._cells(row, now_s)) for symbol, row in self._rows.items()][:shown]
        for _, _, cells in rows:
            for name, cell in cells.items():
                self._widths[name] = max(self._widths[name], cell.cell_len)
        symbol_width = max((cell_len(symbol) for symbol in self._rows), default=6)
        name_width = (24 if width >= 120 else 16) if self._has_names else -1
        wanted = self._columns_that_fit(width - symbol_width - name_width - 6)
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), header_style="bold")
        table.add_column("Symbol", no_wrap=True, min_width=symbol_width)
        if self._has_names:
            table.add_column("Name", no_wrap=True, overflow="ellipsis", min_width=name_width, max_width=name_width)
        for column in wanted:
            table.add_column(column, justify="right", no_wrap=True, min_width=self._widths[column])
        for symbol, row, cells in rows:
            name = self._names.get(symbol) or row.facts.get("name") or ""
            # As texts: what stands in brackets in a bare word would be a style, and a stray [/x] an error.
            names = [Text(escape_controls(name))] if self._has_names else []
            table.add_row(
                Text(escape_controls(symbol)),
                *names,
                *(cells.get(column, Text(NONE, style="dim")) for column in wanted),
            )
        return table

    def _columns_that_fit(self, width: int) -> list[str]:
        """Leave out the columns that matter least until the rest fits; a column never gets narrower again."""
        wanted = [name for name in COLUMNS if not self._seen or WORDS.get(name, "") in ("", *self._seen)]
        for name in FIRST_TO_GO:
            if sum(self._widths[column] + 2 for column in wanted) <= width:
                break
            if name in wanted:
                wanted.remove(name)
        return wanted

    def _cells(self, row: _Row, now_s: float) -> dict[str, Text]:
        facts, decimals = row.facts, row.decimals
        if not facts:
            return {}
        vwap = facts.get("vwap")
        change, percent = facts.get("change"), facts.get("percent")
        change_style = self._colors.of(_direction(0.0, change))
        direction, moved_s = row.moves["last"]
        arrow = {1: "▲", -1: "▼", 0: " "}[direction]
        last = Text(
            f"{price_text(facts.get('last'), decimals)} {arrow}", style=f"bold {self._colors.of(direction)}".strip()
        )
        if now_s - moved_s < FLASH_S:
            last.stylize("reverse")
        return {
            "Last": last,
            "Change": Text(NONE if change is None else f"{change:+,.{decimals}f}", style=change_style),
            "%": Text(NONE if percent is None else f"{percent:+.2f}", style=change_style),
            "Bid size": Text(size_text(facts.get("bid_size")), style="dim"),
            "Bid": self._quote(row, "bid", now_s),
            "Ask": self._quote(row, "ask", now_s),
            "Ask size": Text(size_text(facts.get("ask_size")), style="dim"),
            "Volume": Text(size_text(facts.get("volume"))),
            "VWAP": Text(price_text(vwap, max(decimals, 1) if vwap is not None else 0), style="dim"),
            "Time": Text(time_of_day(row.at_ns, self._offset_s), style="dim"),
        }

    def _quote(self, row: _Row, side: str, now_s: float) -> Text:
        direction, moved_s = row.moves[side]
        style = self._colors.of(direction) if now_s - moved_s < FLASH_S else ""
        return Text(price_text(row.facts.get(side), row.decimals), style=style)
