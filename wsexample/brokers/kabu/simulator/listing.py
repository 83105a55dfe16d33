"""A listed instrument while it trades: its book, the figures of its day, and the views that market codes give of it.

Pure. The figures follow from trades alone; whoever changes the book reports its trades here.
"""

from __future__ import annotations

from dataclasses import dataclass

from wsexample.brokers.base.kept import Rows
from wsexample.brokers.kabu.dialect.hours import Phase
from wsexample.brokers.kabu.simulator.book import Fill, OrderBook
from wsexample.brokers.kabu.simulator.catalogue import EXCHANGE_NAMES, Instrument, Kind
from wsexample.brokers.kabu.simulator.ticks import Grid, daily_limits

__all__ = ["CLOSED_STATUS", "KEPT_EXECUTIONS", "Day", "Key", "Listing", "View"]

Key = tuple[str, int]
"""Symbol and market code."""

KEPT_EXECUTIONS = 5_000
CURRENT_STATUS = 1
CLOSED_STATUS = 8
_SESSION_OF = {23: "day", 24: "night"}


@dataclass(slots=True)
class Day:
    """The figures of one trading day; None until the first trade. Prices in sen."""

    previous_close: int
    """Closing price of the day before."""
    previous_ns: int
    """Midnight in Japan that begins the day before."""
    opening: int | None = None
    """First price."""
    opening_ns: int = 0
    """Time of the first price."""
    high: int | None = None
    """Highest price."""
    high_ns: int = 0
    """Time of the highest price."""
    low: int | None = None
    """Lowest price."""
    low_ns: int = 0
    """Time of the lowest price."""
    last: int | None = None
    """Last price."""
    last_ns: int = 0
    """Time of the last trade."""
    tick: str = "0000"
    """``CurrentPriceChangeStatus``."""
    status: int = CURRENT_STATUS
    """``CurrentPriceStatus``."""
    volume: int = 0
    """Shares or contracts traded."""
    value: int = 0
    """Sum of price times quantity, sen."""
    trades: int = 0
    """Number of executions."""
    ups: int = 0
    """Executions above the one before."""
    downs: int = 0
    """Executions below the one before."""

    def trade(self, price: int, quantity: int, now_ns: int) -> None:
        """Count an execution."""
        if self.last is None:
            self.opening = self.high = self.low = price
            self.opening_ns = self.high_ns = self.low_ns = now_ns
        else:
            self.tick = "0057" if price > self.last else "0058" if price < self.last else "0056"
            self.ups += price > self.last
            self.downs += price < self.last
            if price > self.high:  # type: ignore[operator] # not None once something traded
                self.high, self.high_ns = price, now_ns
            if price < self.low:  # type: ignore[operator] # not None once something traded
                self.low, self.low_ns = price, now_ns
        self.last, self.last_ns = price, now_ns
        self.status = CURRENT_STATUS
        self.volume += quantity
        self.value += price * quantity
        self.trades += 1

    def finish(self, *, by_auction: bool) -> None:
        """Mark the last price as the closing price."""
        if self.last is not None:
            self.status = CLOSED_STATUS
            self.tick = "0061" if by_auction else "0060"


class View:
    """A listing under one market code, with the figures that count there."""

    __slots__ = ("day", "exchange", "exchange_name", "key", "listing")

    def __init__(self, listing: Listing, exchange: int, day: Day) -> None:
        self.listing = listing
        self.exchange = exchange
        self.exchange_name = EXCHANGE_NAMES.get(exchange, listing.instrument.exchange_name)
        self.key: Key = (listing.instrument.symbol, exchange)
        self.day = day

    def is_live(self, session: str) -> bool:
        """Tell whether this market code trades in a session: the night's code rests by day, and the other way round."""
        mine = _SESSION_OF.get(self.exchange)
        return mine is None or session in (mine, "always")


class Listing:
    """An instrument with its book.

    Parameters:
        instrument: what it is.
        base: previous close, sen; the closest price on the grid is taken.
        previous_ns: midnight in Japan that begins the trading day before.
        kept_executions: how many executions are kept, the newest (default 5,000).
    """

    __slots__ = (
        "ask_ns",
        "base",
        "bid_ns",
        "book",
        "grid",
        "high_limit",
        "instrument",
        "last",
        "low_limit",
        "next_ns",
        "phase",
        "session",
        "tape",
        "views",
    )

    def __init__(
        self, instrument: Instrument, base: int, previous_ns: int, kept_executions: int = KEPT_EXECUTIONS
    ) -> None:
        self.instrument = instrument
        self.grid = Grid(instrument.group)
        self.book = OrderBook()
        self.base = self.last = base = self.grid.nearest(base)
        """Last price in sen, the previous close before the first trade."""
        self.low_limit, self.high_limit = self._limits(base)
        self.bid_ns = 0
        """When the best buyer changed last."""
        self.ask_ns = 0
        """When the best seller changed last."""
        self.phase = Phase.CLOSED
        self.session = "day"
        self.next_ns: int | None = None
        """When it acts next, None while it rests."""
        self.tape = Rows("<qqq", kept_executions)
        """The latest executions of the trading day: (time, price, quantity)."""
        self.views = tuple(View(self, code, Day(base, previous_ns)) for code in instrument.exchanges)

    def _limits(self, base: int) -> tuple[int, int]:
        if self.instrument.kind is Kind.INDEX:
            return 1, base * 10
        return daily_limits(self.instrument.group, base)

    def live_views(self) -> list[View]:
        """Return the views that trade in the present session."""
        return [view for view in self.views if view.is_live(self.session)]

    def begin_day(self, previous_ns: int) -> None:
        """Begin a trading day: the last price becomes the base of the price limits."""
        self.base = self.last
        self.low_limit, self.high_limit = self._limits(self.base)
        self.tape.clear()
        for view in self.live_views():
            view.day = Day(self.base, previous_ns)

    def begin_session(self, previous_ns: int) -> None:
        """Begin the second session of a trading day: only the market code of that session starts anew."""
        for view in self.live_views():
            if view.exchange in _SESSION_OF:
                view.day = Day(self.base, previous_ns)

    @property
    def awaits_opening(self) -> bool:
        """Whether nothing has traded yet in the present session."""
        return any(view.day.last is None for view in self.live_views())

    def trade(self, price: int, quantity: int, now_ns: int) -> None:
        """Count an execution in every view that trades now."""
        self.last = price
        self.tape.append(now_ns, price, quantity)
        for view in self.views:
            if view.is_live(self.session):
                view.day.trade(price, quantity, now_ns)

    def trades(self, fills: list[Fill], now_ns: int) -> None:
        """Count several executions."""
        for price, quantity in fills:
            self.trade(price, quantity, now_ns)

    def finish(self, session: str, *, by_auction: bool) -> None:
        """Mark the last prices of a session that is over as closing prices."""
        for view in self.views:
            if view.is_live(session):
                view.day.finish(by_auction=by_auction)

    def clamp(self, price: int) -> int:
        """Return the price, or the daily limit that it would pass."""
        return min(max(price, self.low_limit), self.high_limit)
