"""Live tables of a command's own: one row for each thing, or the newest things first. What a row says is the command's."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from wsexample.cli.listing import Column, table_of
from wsexample.records.market import Record

__all__ = ["RowsView"]

LIMIT = 1_000
"""Things remembered; a terminal shows fewer."""
TABLE_LINES = 3
"""Lines of a table that are no rows."""


class RowsView:
    """A view for a `wsexample.cli.feed.run.Feed`.

    Parameters:
        columns: what it says of each thing.
        key: what tells that two things are the same; None for those that are not shown.
        shape: makes a thing of a record, None of one that is not shown (default: the record itself).
        is_over: whether a thing is not there any more and its row goes; None keeps all rows.
        is_newest_first: whether the thing that changed last stands on top; else in the order in which they came.
        waiting: what stands there before anything came.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        key: Callable[[Any], Hashable | None],
        *,
        shape: Callable[[Record], Any | None] = lambda record: record,
        is_over: Callable[[Any], bool] | None = None,
        is_newest_first: bool = False,
        waiting: str = "waiting for the first one",
    ) -> None:
        self._columns = columns
        self._key = key
        self._shape = shape
        self._is_over = is_over
        self._is_newest_first = is_newest_first
        self._waiting = waiting
        self._items: dict[Hashable, Any] = {}

    def take(self, record: Record, now_s: float) -> None:
        """Show a record."""
        item = self._shape(record)
        key = None if item is None else self._key(item)
        if key is None:
            return
        is_over = self._is_over is not None and self._is_over(item)
        if self._is_newest_first or is_over:
            self._items.pop(key, None)
        if is_over:
            return
        self._items[key] = item
        if len(self._items) > LIMIT:
            del self._items[next(iter(self._items))]

    def draw(self, now_s: float, *, width: int, height: int) -> RenderableType:
        """Return the table for so many cells and lines."""
        if not self._items:
            return Text(f"\n  {self._waiting} …\n", style="dim")
        items = list(self._items.values())
        if self._is_newest_first:
            items.reverse()
        room = max(1, height - TABLE_LINES)
        if len(items) <= room or self._is_newest_first:
            return table_of(items[:room], self._columns, width=width)
        shown = max(1, room - 1)
        more = Text(f"  … and {len(items) - shown:,} more; a taller window shows them", style="dim")
        return Group(table_of(items[:shown], self._columns, width=width), more)
