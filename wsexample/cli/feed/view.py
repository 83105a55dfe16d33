"""What a live picture of a feed is made of: the body is a view's matter, header and counters are the same for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rich.console import RenderableType
from rich.text import Text

from wsexample.cli.feed.numbers import NONE, count_of
from wsexample.records.market import Record

__all__ = ["FeedState", "View", "counters_line", "header_line"]


class View(Protocol):
    """Shows records on a terminal. It counts nothing and reads no clock."""

    def take(self, record: Record, now_s: float) -> None:
        """Take a record, of any kind; ``now_s`` is a clock that does not go back."""
        ...

    def draw(self, now_s: float, *, width: int, height: int) -> RenderableType:
        """Return the picture for so many cells and lines."""
        ...


@dataclass(slots=True)
class FeedState:
    """What the lines above and below the view say; the feed keeps it up to date."""

    place: str
    """Where the data comes from, for people."""
    phase: str = "connecting"
    """The session's phase, such as "live" or "backing_off"."""
    detail: str = ""
    """More about it, such as when the next attempt is due."""
    received: int = 0
    """Messages received."""
    stored: int | None = None
    """Records stored; None when nothing is to be stored."""
    lost: int = 0
    """Records that came and did not reach their place."""
    waiting: int = 0
    """Records that came and wait for this program."""
    reconnects: int = 0
    """How often the stream became live again."""
    file: str = ""
    """Where records are stored."""


_MARKS = {"live": ("●", "bold green"), "closed": ("●", "bold red")}
_WAITING_MARK = ("○", "bold yellow")


def header_line(state: FeedState, *, rate: float, lag_s: float | None, running_s: float) -> Text:
    """Return the line above the view: phase, place, rate, lag, and how long the feed has run."""
    mark, style = _MARKS.get(state.phase, _WAITING_MARK)
    header = Text.assemble((f" {mark} {state.phase.replace('_', ' ')}", style), ("  ", ""), (state.place, "bold"))
    if state.detail:
        header.append(f"  {state.detail}", style="yellow")
    lag = NONE if lag_s is None else f"{lag_s:.1f} s"
    minutes, seconds = divmod(int(running_s), 60)
    facts = f"   {rate:.1f} msg/s   lag {lag}   {minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    header.append(facts, style="dim")
    header.no_wrap = True
    header.overflow = "ellipsis"
    return header


def counters_line(state: FeedState) -> Text:
    """Return the line below the view."""
    line = Text.assemble((" received ", "dim"), f"{state.received:,}")
    if state.stored is not None:
        line.append("   stored ", style="dim").append(f"{state.stored:,}")
    line.append("   lost ", style="dim").append(f"{state.lost:,}", style="bold red" if state.lost else "")
    if state.waiting:
        line.append("   waiting ", style="dim").append(f"{state.waiting:,}", style="yellow")
    if state.reconnects:
        line.append(f"   {count_of(state.reconnects, 'reconnect')}", style="dim")
    if state.file:
        line.append(f"   {state.file}", style="dim")
    line.no_wrap = True
    line.overflow = "ellipsis"
    return line
