"""The market: every listing, the orders that reach it, the indices, and the bells that open and close them. Pure.

`Market.advance` plays everything that happens up to a moment, in order of time, and says which boards changed. How the
stretch is cut into calls makes no difference: the same seed and start give the same market to the last digit.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from random import Random
from typing import Literal, NamedTuple, Protocol

from wsexample.brokers.kabu.dialect.hours import (
    ALWAYS,
    DERIVATIVES,
    STOCKS,
    Phase,
    S,
    Span,
    Timetable,
    day_of,
    jst_ns,
)
from wsexample.brokers.kabu.simulator.beliefs import Beliefs
from wsexample.brokers.kabu.simulator.catalogue import Instrument, Kind, catalogue
from wsexample.brokers.kabu.simulator.flow import STEPS_PER_S, Flow
from wsexample.brokers.kabu.simulator.listing import KEPT_EXECUTIONS, Key, Listing, View
from wsexample.brokers.kabu.simulator.past import make_up_past
from wsexample.brokers.kabu.simulator.pricing import Worth

__all__ = ["Change", "Market", "SessionMode", "Watcher"]

SessionMode = Literal["always", "clock"]

_BREATH_S = 1  # how often what all stocks share moves, and the indices are published
_BEFORE_S = 75 * 60  # an endless session began this long ago, or at midnight


class Change(NamedTuple):
    """A board that is no longer what it was."""

    key: Key
    """Symbol and market code."""
    at_ns: int
    """When it changed."""
    traded: bool
    """Whether an execution changed it, not quotes alone."""
    phase: Phase
    """What the exchange does with orders then; for a closing price, the wait for the auction that ended."""


class Watcher(Protocol):
    """Somebody who wants to know what happens to a listing at the moment when it happens."""

    def phase_ending(self, listing: Listing, next_phase: Phase) -> None:
        """A phase is about to end; the auction that it led to has not been held."""
        ...

    def phase_begun(self, listing: Listing, *, is_new_day: bool, is_new_book: bool) -> None:
        """A phase has begun; with ``is_new_book`` everything that rested is forgotten."""
        ...

    def acted(self, listing: Listing) -> None:
        """Somebody has sent an order, an auction was held, or an index was published."""
        ...


class _Actor:
    """A listing and the people who trade it."""

    __slots__ = ("flow", "listing", "number", "rng", "timetable")

    def __init__(self, number: int, listing: Listing, rng: Random, timetable: Timetable) -> None:
        self.number = number
        self.listing = listing
        self.rng = rng
        self.flow = Flow(listing, rng)
        self.timetable = timetable

    @property
    def is_index(self) -> bool:
        """Whether nobody can trade it."""
        return self.listing.instrument.kind is Kind.INDEX


class Market:
    """Everything that is listed, at one moment.

    Parameters:
        seed: the same seed and start give the same market.
        start_ns: the moment at which it begins, UTC epoch nanoseconds; what happened earlier that day is made up.
        session: "always" trades round the clock; "clock" keeps the exchanges' hours, weekends included.
        ticks_per_s: orders a second that a busy stock gets (default 2, which gives about as many boards as users
            have counted); other instruments in proportion.
        instruments: what is listed; None for the whole `catalogue` of the day.
        kept_executions: how many executions of an instrument are kept, the newest (default 5,000).
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        start_ns: int,
        session: SessionMode = "always",
        ticks_per_s: float = STEPS_PER_S,
        instruments: Iterable[Instrument] | None = None,
        kept_executions: int = KEPT_EXECUTIONS,
    ) -> None:
        self.seed = seed
        self.now_ns = start_ns
        """The moment up to which everything has been played."""
        self.ticks_per_s = ticks_per_s
        self.instruments = tuple(catalogue(day_of(start_ns)) if instruments is None else instruments)
        self.views: dict[Key, View] = {}
        """Every board that can be asked for."""
        self._is_endless = session == "always"
        self._kept_executions = kept_executions
        self._beliefs = Beliefs(Random(f"{seed}/market"))
        self._actors: list[_Actor] = []
        self._actor_of: dict[Key, _Actor] = {}
        for instrument in sorted(self.instruments, key=_after_its_underlying):
            self._list(instrument)
        timetables = dict.fromkeys(actor.timetable for actor in self._actors)
        self._spans: dict[Timetable, Span] = {table: table.span_at(start_ns) for table in timetables}
        self._heap: list[tuple[int, int]] = []
        self._next_breath_ns = start_ns + _BREATH_S * S
        self._untold: deque[Change] = deque()
        self._appointments: list[tuple[int, int, Callable[[], None]]] = []
        self._appointed = 0
        self.watcher: Watcher | None = None
        """Told of everything that happens; a listing that it touches is told as changed."""
        for actor in self._actors:
            self._place(actor)

    # -- reading ---------------------------------------------------------------------------------------------

    def worth(self, view: View) -> Worth | None:
        """Return an option's value and sensitivities now; None for anything else.

        Parameters:
            view: one of the option's boards.
        """
        instrument = view.listing.instrument
        return self._beliefs.worth(instrument, self.now_ns) if instrument.kind is Kind.OPTION else None

    def deep_quantities(self, view: View) -> tuple[int, int]:
        """Return what waits beyond the levels that are modelled: (to sell, to buy).

        Parameters:
            view: one of the listing's boards.
        """
        flow = self._actor_of[view.key].flow
        return flow.deep_sell, flow.deep_buy

    # -- moving ----------------------------------------------------------------------------------------------

    def advance(self, now_ns: int) -> Iterator[Change]:
        """Play everything that happens up to and including a moment; yields each change in order of time.

        The iterator may be left early: the next call begins with the changes that were not taken.

        Parameters:
            now_ns: the moment, UTC epoch nanoseconds.
        """
        heap, untold = self._heap, self._untold
        while True:
            while untold:
                yield untold.popleft()
            bell_ns = min((span.end_ns for span in self._spans.values()), default=now_ns + 1)
            order_ns = heap[0][0] if heap else now_ns + 1
            appointed_ns = self._appointments[0][0] if self._appointments else now_ns + 1
            at_ns = min(bell_ns, order_ns, appointed_ns, self._next_breath_ns)
            if at_ns > now_ns:
                break
            self.now_ns = at_ns
            if at_ns == appointed_ns:
                heapq.heappop(self._appointments)[2]()
            elif at_ns == bell_ns:
                untold.extend(self._ring(at_ns))
            elif at_ns == self._next_breath_ns:
                untold.extend(self._breathe(at_ns))
            else:
                actor = self._actors[heapq.heappop(heap)[1]]
                if actor.listing.next_ns == at_ns:
                    untold.extend(self._act(actor, at_ns))
        self.now_ns = max(self.now_ns, now_ns)

    def appoint(self, delay_ns: int, action: Callable[[], None]) -> None:
        """Do something after a while, in its place among everything that happens.

        Parameters:
            delay_ns: how long after the present moment of the market, nanoseconds.
            action: what to do.
        """
        self._appointed += 1
        heapq.heappush(self._appointments, (self.now_ns + delay_ns, self._appointed, action))

    def touch(self, listing: Listing, *, traded: bool) -> None:
        """Say that a listing's boards are no longer what they were.

        Parameters:
            listing: whose boards.
            traded: whether an execution changed them, not quotes alone.
        """
        self._untold.extend(self._changes(listing, traded, listing.phase))

    def timetable_of(self, listing: Listing) -> Timetable:
        """Return the hours of a listing."""
        return self._actor_of[listing.views[0].key].timetable

    def shock(self, symbol: str, exchange: int, fraction: float) -> None:
        """Change what people believe a stock is worth at once; futures and options follow their index.

        Parameters:
            symbol: the stock's code.
            exchange: its market code.
            fraction: how much more (positive) or less it is worth now, such as -0.05.

        Raises:
            KeyError: no such stock is listed.
        """
        self._beliefs.shock(symbol, exchange, fraction)

    # -- how it begins ---------------------------------------------------------------------------------------

    def _list(self, instrument: Instrument) -> None:
        is_derivative = instrument.kind in (Kind.FUTURE, Kind.OPTION)
        timetable = ALWAYS if self._is_endless else DERIVATIVES if is_derivative else STOCKS
        previous_ns = jst_ns(STOCKS.trading_day_before(timetable.trading_day(self.now_ns)))
        base = self._beliefs.base(instrument, self.now_ns)
        listing = Listing(instrument, base, previous_ns, self._kept_executions)
        rng = Random(f"{self.seed}/{instrument.symbol}@{instrument.exchanges[0]}")
        actor = _Actor(len(self._actors), listing, rng, timetable)
        self._actors.append(actor)
        for view in listing.views:
            self.views[view.key] = view
            self._actor_of[view.key] = actor
        self._beliefs.add(listing, rng, self.now_ns)
        spans = timetable.traded_spans(self.now_ns)
        if self._is_endless:
            spans = [replace(span, start_ns=max(span.start_ns, span.end_ns - _BEFORE_S * S)) for span in spans]
        make_up_past(listing, spans, self._beliefs.fair(instrument, self.now_ns), rng)

    def _place(self, actor: _Actor) -> None:
        """Put a listing into the phase that holds when the market begins."""
        span = self._spans[actor.timetable]
        actor.listing.phase, actor.listing.session = span.phase, span.session
        if span.phase is Phase.CLOSED:
            actor.listing.finish(span.session, by_auction=True)
        self._write_book(actor)
        self._schedule(actor)

    def _write_book(self, actor: _Actor) -> None:
        """Fill an empty book: before an opening with orders that wait for it, otherwise around the last price."""
        listing = actor.listing
        if actor.is_index:
            return
        if listing.phase is Phase.PRE_OPEN and listing.awaits_opening:
            actor.flow.gather_many(self._beliefs.fair(listing.instrument, self.now_ns), self.now_ns)
        else:
            actor.flow.fill()
        listing.bid_ns = listing.ask_ns = self.now_ns

    # -- orders ----------------------------------------------------------------------------------------------

    def _act(self, actor: _Actor, now_ns: int) -> Iterator[Change]:
        listing = actor.listing
        self._beliefs.wander(listing, now_ns)
        fair = self._beliefs.fair(listing.instrument, now_ns)
        traded = False
        if listing.phase is Phase.OPEN:
            traded = actor.flow.step(fair, now_ns)
        else:
            actor.flow.gather(fair, now_ns)
        self._schedule(actor)
        self._tell_acted(listing)
        return self._changes(listing, traded, listing.phase)

    def _tell_acted(self, listing: Listing) -> None:
        if self.watcher is not None:
            self.watcher.acted(listing)

    def _changes(self, listing: Listing, traded: bool, phase: Phase) -> Iterator[Change]:
        for view in listing.views:
            if view.is_live(listing.session):
                yield Change(view.key, self.now_ns, traded, phase)

    def _schedule(self, actor: _Actor) -> None:
        """Decide when the next order comes; never while nobody may send one."""
        listing = actor.listing
        if actor.is_index or not listing.phase.takes_orders:
            listing.next_ns = None
            return
        rate = self.ticks_per_s * listing.instrument.pace * self._bustle(actor)
        listing.next_ns = self.now_ns + max(int(actor.rng.expovariate(rate) * S), 1)
        heapq.heappush(self._heap, (listing.next_ns, actor.number))

    def _bustle(self, actor: _Actor) -> float:
        """Return how much busier than usual it is: most right after an opening."""
        if self._is_endless:
            return 1.0
        span = self._spans[actor.timetable]
        if span.phase is not Phase.OPEN:
            return 0.4
        return 1.0 + 5.0 * math.exp(-(self.now_ns - span.start_ns) / S / 90.0)

    # -- indices and bells -----------------------------------------------------------------------------------

    def _breathe(self, now_ns: int) -> Iterator[Change]:
        """Move what all stocks share and publish the indices."""
        self._beliefs.breathe(_BREATH_S)
        self._next_breath_ns = now_ns + _BREATH_S * S
        if not any(span.phase.takes_orders for span in self._spans.values()):  # nobody would see it move
            self._next_breath_ns = min(span.end_ns for span in self._spans.values()) + _BREATH_S * S
        for actor in self._actors:
            listing = actor.listing
            if not actor.is_index or listing.phase is not Phase.OPEN:
                continue
            level = self._beliefs.published(listing.instrument)
            if level != listing.last or listing.awaits_opening:
                listing.trade(level, 0, now_ns)
                self._tell_acted(listing)
                yield from self._changes(listing, True, Phase.OPEN)

    def _ring(self, now_ns: int) -> Iterator[Change]:
        for timetable, before in list(self._spans.items()):
            if before.end_ns == now_ns:
                after = self._spans[timetable] = timetable.span_at(now_ns)
                actors = [actor for actor in self._actors if actor.timetable is timetable]
                yield from self._leave(actors, before.phase, after.phase)
                yield from self._enter(actors, timetable, after)

    def _leave(self, actors: list[_Actor], phase: Phase, next_phase: Phase) -> Iterator[Change]:
        """End a phase: hold the auction that it led to, mark closing prices when a session is over."""
        is_last = next_phase is Phase.CLOSED and phase is not Phase.CLOSED
        for actor in actors:
            listing = actor.listing
            traded = False
            if self.watcher is not None:
                self.watcher.phase_ending(listing, next_phase)
            if phase.is_call and not actor.is_index:
                auction = actor.flow.hold_auction if is_last else actor.flow.open
                traded = auction(self.now_ns)
                self._tell_acted(listing)
            if is_last:
                listing.finish(listing.session, by_auction=traded)
            if traded or is_last:
                yield from self._changes(listing, True, phase if is_last else next_phase)

    def _enter(self, actors: list[_Actor], timetable: Timetable, span: Span) -> Iterator[Change]:
        """Begin a phase; a new trading day or session starts its figures anew, and its book."""
        day = timetable.trading_day(self.now_ns)
        is_new_day = self.now_ns == timetable.start_of(day)
        previous_ns = jst_ns(STOCKS.trading_day_before(day))
        for actor in actors:
            listing = actor.listing
            is_new_session = span.session != listing.session
            listing.phase, listing.session = span.phase, span.session
            if is_new_day:
                listing.begin_day(previous_ns)
            elif is_new_session:
                listing.begin_session(previous_ns)
            if is_new_day or is_new_session:
                self._write_book(actor)
            self._schedule(actor)
            if self.watcher is not None:
                self.watcher.phase_begun(listing, is_new_day=is_new_day, is_new_book=is_new_day or is_new_session)
            if is_new_day or span.phase.takes_orders:
                yield from self._changes(listing, False, span.phase)


_ORDER = {Kind.STOCK: 0, Kind.INDEX: 1, Kind.FUTURE: 2, Kind.OPTION: 3}


def _after_its_underlying(instrument: Instrument) -> int:
    return _ORDER[instrument.kind]
