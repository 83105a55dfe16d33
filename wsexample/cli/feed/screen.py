"""The live picture on a terminal: a view between a header and counters, drawn several times a second."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable

from rich.console import Console, Group
from rich.live import Live

from wsexample.cli.feed.keys import keys_unseen
from wsexample.cli.feed.pace import Pace
from wsexample.cli.feed.plan import FeedPlan
from wsexample.cli.feed.view import FeedState, View, counters_line, header_line
from wsexample.cli.feed.voice import Voice
from wsexample.records.market import Record

__all__ = ["Screen"]

FRAMES_PER_S = 5
"""How often the picture is drawn; a price that moved stays highlighted for several of them."""
CHROME_LINES = 3
"""Lines that header and counters take, and the one on which the cursor stands."""


class Screen:
    """Draws a view.

    Parameters:
        view: what is between header and counters.
        count: returns the state to show at this moment.
        voice: speaks above the picture meanwhile.
        color: when to use colours.
    """

    def __init__(self, view: View, count: Callable[[], FeedState], voice: Voice, *, color: str = "auto") -> None:
        self._view = view
        self._count = count
        self._voice = voice
        self._color = color
        self._pace = Pace()
        self._begun_s = time.monotonic()

    @staticmethod
    def is_wanted(plan: FeedPlan) -> bool:
        """Tell whether there is a terminal to draw on, and nobody minds."""
        return (
            plan.wants_table
            and not plan.is_quiet
            and sys.stdout.isatty()
            and os.environ.get("TERM", "").lower() != "dumb"
        )

    def take(self, record: Record, now_s: float) -> None:
        """Show a record."""
        self._pace.take(record, now_s)
        self._view.take(record, now_s)

    @contextlib.asynccontextmanager
    async def drawn(self) -> AsyncIterator[None]:
        """Draw as long as the block lasts, and once more at its end."""
        console = Console(highlight=False, no_color=True if self._color == "never" else None, force_terminal=True)
        self._begun_s = time.monotonic()
        live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        with keys_unseen(), live, self._voice.above(console):
            drawing = asyncio.ensure_future(self._draw_on(live, console))
            try:
                yield
            finally:
                drawing.cancel()
                await asyncio.gather(drawing, return_exceptions=True)
                self._draw(live, console)

    async def _draw_on(self, live: Live, console: Console) -> None:
        while True:
            self._draw(live, console)
            await asyncio.sleep(1 / FRAMES_PER_S)

    def _draw(self, live: Live, console: Console) -> None:
        now_s = time.monotonic()
        state = self._count()
        width, height = console.size
        header = header_line(
            state, rate=self._pace.rate(now_s), lag_s=self._pace.lag_s(now_s), running_s=now_s - self._begun_s
        )
        body = self._view.draw(now_s, width=width, height=max(height - CHROME_LINES, 1))
        live.update(Group(header, body, counters_line(state)), refresh=True)
