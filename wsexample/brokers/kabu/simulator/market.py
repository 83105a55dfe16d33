"""The market: every listing, its flow of orders, the indices, and the bells that open and close them. Pure.

`Market.advance` plays everything that happens up to a moment, in order of time, and says which boards changed. How the
stretch is cut into calls makes no difference: the same seed and start give the same market to the last digit.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random
from typing import Literal, NamedTuple

from wsexample.brokers.kabu.simulator.catalogue import Instrument, Kind, catalogue
from wsexample.brokers.kabu.simulator.flow import STEPS_PER_S, TRADING_DAY_S, Flow
from wsexample.brokers.kabu.simulator.listing import Key, Listing, View
from wsexample.brokers.kabu.simulator.pricing import Worth, black, smile
from wsexample.brokers.kabu.simulator.sessions import (
    ALWAYS,
    DERIVATIVES,
    STOCKS,
    Phase,
    Span,
    Timetable,
    day_of,
    jst_ns,
)
from wsexample.brokers.kabu.simulator.ticks import SEN

__all__ = ["Change", "Market", "SessionMode"]

SessionMode = Literal["always", "clock"]

S = 1_000_000_000
_DAY_S = float(TRADING_DAY_S)
_MARKET_VOLATILITY = 0.009  # of the factor that all stocks share, a day
_FORGET = 1 / (3 * _DAY_S)  # returns wander back within about three days of trading
_BREATH_S = 1.0  # how often the shared factor and the indices move
_ALWAYS_WARM_S = 75 * 60  # an endless session began this long ago, or at midnight
_WARM_STEPS = 80


class Change(NamedTuple):
    """A board that is no longer what it was."""

    key: Key
    """Symbol and market code."""
    at_ns: int
    """When it changed."""
    traded: bool
    """Whether an execution changed it, not quotes alone."""
    phase: Phase
    """What the exchange does with orders then."""


class _Actor:
    """A listing, the people who trade it, and what they believe in."""

    __slots__ = ("believed", "believed_ns", "flow", "listing", "rng", "timetable")

    def __init__(self, listing: Listing, rng: Random, timetable: Timetable) -> None:
        self.listing = listing
        self.rng = rng
        self.flow = Flow(listing, rng)
        self.timetable = timetable
        self.believed = 0.0
        """The part of the fair return that is this instrument's own."""
        self.believed_ns = 0


class Market:
    """Everything that is listed, at one moment.

    Parameters:
        seed: the same seed and start give the same market.
        start_ns: the moment at which it begins, UTC epoch nanoseconds; what happened earlier that day is made up.
        session: "always" trades round the clock; "clock" keeps the exchanges' hours, weekends included.
        ticks_per_s: orders a second that a busy stock gets (default 2, which gives about as many boards as users
            have counted); other instruments in proportion.
        instruments: what is listed; None for the whole `catalogue` of the day.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        start_ns: int,
        session: SessionMode = "always",
        ticks_per_s: float = STEPS_PER_S,
        instruments: Iterable[Instrument] | None = None,
    ) -> None:
        self.seed = seed
        self.now_ns = start_ns
        """The moment up to which everything has been played."""
        self.ticks_per_s = ticks_per_s
        self._is_endless = session == "always"
        self._rng = Random(f"{seed}/market")
        self._factor = self._rng.gauss(0.0, _MARKET_VOLATILITY / 2)
        today = day_of(start_ns)
        self.instruments = tuple(catalogue(today) if instruments is None else instruments)
        self._actors: list[_Actor] = []
        self._by_symbol: dict[tuple[str, int], _Actor] = {}
        self._indices: list[_Actor] = []
        self._levels: dict[str, float] = {}
        self.views: dict[Key, View] = {}
        """Every board that can be asked for."""
        self._heap: list[tuple[int, int]] = []
        self._untold: deque[Change] = deque()
        self._tables: list[tuple[Timetable, Span]] = []
        for instrument in sorted(self.instruments, key=_after_its_underlying):
            self._list(instrument, start_ns)
        for timetable in dict.fromkeys(actor.timetable for actor in self._actors):
            self._tables.append((timetable, timetable.span_at(start_ns)))
        for number, actor in enumerate(self._actors):
            self._place(actor, number, start_ns)
        self._next_breath_ns = start_ns + round(_BREATH_S * S)

    # -- reading ---------------------------------------------------------------------------------------------

    def fair_price(self, symbol: str, exchange: int) -> float:
        """Return what people believe an instrument is worth, sen."""
        return self._fair(self._by_symbol[symbol, exchange], self.now_ns)

    def worth(self, view: View) -> Worth | None:
        """Return an option's value and sensitivities now; None for anything else."""
        instrument = view.listing.instrument
        if instrument.kind is not Kind.OPTION:
            return None
        return self._value(instrument, self.now_ns)

    def deep_quantities(self, listing: Listing) -> tuple[int, int]:
        """Return what waits beyond the levels that are modelled: (to sell, to buy)."""
        instrument = listing.instrument
        flow = self._by_symbol[instrument.symbol, instrument.exchanges[0]].flow
        return flow.deep_sell, flow.deep_buy

    def phase(self, view: View) -> Phase:
        """Return what the exchange does with orders under a market code now."""
        return view.listing.phase if view.is_live(view.listing.session) else Phase.CLOSED

    # -- moving ----------------------------------------------------------------------------------------------

    @property
    def next_ns(self) -> int:
        """When the next thing happens."""
        candidates = [self._next_breath_ns, *(span.end_ns for _, span in self._tables)]
        if self._heap:
            candidates.append(self._heap[0][0])
        return min(candidates)

    def advance(self, now_ns: int) -> Iterator[Change]:
        """Play everything that happens up to and including a moment; yields each change in order of time.

        The iterator may be left early: the next call begins with the changes that were not taken.
        """
        heap, untold = self._heap, self._untold
        while True:
            while untold:
                yield untold.popleft()
            bell_ns = min((span.end_ns for _, span in self._tables), default=now_ns + 1)
            order_ns = heap[0][0] if heap else now_ns + 1
            at_ns = min(bell_ns, order_ns, self._next_breath_ns)
            if at_ns > now_ns:
                break
            self.now_ns = at_ns
            if at_ns == bell_ns:
                untold.extend(self._ring(at_ns))
            elif at_ns == self._next_breath_ns:
                untold.extend(self._breathe(at_ns))
            else:
                _, number = heapq.heappop(heap)
                actor = self._actors[number]
                if actor.listing.next_ns == at_ns:
                    untold.extend(self._act(actor, number, at_ns))
        self.now_ns = max(self.now_ns, now_ns)

    def shock(self, symbol: str, exchange: int, fraction: float) -> None:
        """Change what people believe an instrument is worth at once, by a fraction such as -0.05.

        Parameters:
            symbol: a stock's code; futures and options follow their index.
            exchange: its market code.
            fraction: how much more (positive) or less it is worth now.

        Raises:
            KeyError: nothing of that name is listed.
        """
        self._by_symbol[symbol, exchange].believed += math.log1p(fraction)

    # -- how it works ----------------------------------------------------------------------------------------

    def _list(self, instrument: Instrument, start_ns: int) -> None:
        is_derivative = instrument.kind in (Kind.FUTURE, Kind.OPTION)
        timetable = ALWAYS if self._is_endless else DERIVATIVES if is_derivative else STOCKS
        rng = Random(f"{self.seed}/{instrument.symbol}@{instrument.exchanges[0]}")
        day = timetable.trading_day(start_ns)
        previous_ns = jst_ns(STOCKS.trading_day_before(day))
        base = instrument.base
        if instrument.kind is Kind.OPTION:
            base = round(self._value(instrument, start_ns, at_base=True).price * SEN)
        listing = Listing(instrument, base, previous_ns)
        listing.base = listing.last = listing.grid.nearest(base)
        for view in listing.views:
            view.day.previous_close = listing.base
        actor = _Actor(listing, rng, timetable)
        actor.believed_ns = start_ns
        if instrument.kind is Kind.STOCK:
            actor.believed = rng.gauss(0.0, self._own_volatility(instrument) / 2)
        self._actors.append(actor)
        for exchange in instrument.exchanges:
            self._by_symbol[instrument.symbol, exchange] = actor
        for view in listing.views:
            self.views[view.key] = view
        if instrument.kind is Kind.INDEX:
            self._indices.append(actor)
            self._levels[instrument.symbol] = self._member_sum(actor, fair=True)
        self._make_up(actor, start_ns)

    def _make_up(self, actor: _Actor, start_ns: int) -> None:
        """Invent the trading of the day so far: a bridge from an opening price to the fair price of now."""
        spans = actor.timetable.traded_spans(start_ns)
        if self._is_endless:
            spans = [replace(span, start_ns=max(span.start_ns, start_ns - _ALWAYS_WARM_S * S)) for span in spans]
        total_ns = sum(span.end_ns - span.start_ns for span in spans)
        if total_ns <= 0:
            return
        listing, rng = actor.listing, actor.rng
        instrument = listing.instrument
        share = min(total_ns / 1e9 / _DAY_S, 1.0)
        spread = instrument.volatility * math.sqrt(share)
        end = self._fair(actor, start_ns)
        begin = end * math.exp(rng.gauss(0.0, instrument.volatility * 0.4))
        wiggle = 0.0
        walk = [0.0]
        for _ in range(_WARM_STEPS):
            wiggle += rng.gauss(0.0, spread / math.sqrt(_WARM_STEPS))
            walk.append(wiggle)
        for step in range(_WARM_STEPS + 1):
            done = step / _WARM_STEPS
            price = begin + (end - begin) * done
            price *= math.exp(walk[step] - walk[-1] * done)
            at_ns, session = _moment(spans, round(total_ns * done))
            quantity = 0
            if instrument.kind is not Kind.INDEX:
                busy = 1.0 + 2.0 * (2 * done - 1) ** 2  # more at both ends of a day
                lots = instrument.daily_volume * share / _WARM_STEPS / instrument.unit * busy / 1.7
                quantity = max(int(lots * rng.uniform(0.5, 1.5)), 1) * instrument.unit
            listing.session = session
            listing.trade(listing.clamp(listing.grid.nearest(price)), quantity, at_ns)
        for session in {span.session for span in spans} - {spans[-1].session}:
            listing.finish(session, by_auction=True)

    def _own_volatility(self, instrument: Instrument) -> float:
        shared = instrument.beta * _MARKET_VOLATILITY
        return math.sqrt(max(instrument.volatility**2 - shared**2, (instrument.volatility / 4) ** 2))

    def _fair(self, actor: _Actor, now_ns: int) -> float:
        instrument = actor.listing.instrument
        if instrument.kind is Kind.STOCK:
            return instrument.base * math.exp(instrument.beta * self._factor + actor.believed)
        if instrument.kind is Kind.OPTION:
            return max(self._value(instrument, now_ns).price * SEN, 1.0)
        if instrument.kind is Kind.FUTURE:
            return self._index_level(instrument.underlying) * self._carry(instrument, now_ns)
        return self._index_level(instrument.symbol)

    def _index_level(self, symbol: str) -> float:
        """Return what an index would be if every member traded at its fair price, sen, as of the last breath."""
        if symbol in self._levels:
            return self._levels[symbol]
        # a small market without the index: its futures follow the shared factor alone
        return _LONE_INDEX.get(symbol, 1_000 * SEN) * math.exp(self._factor)

    def _member_sum(self, index: _Actor, *, fair: bool) -> float:
        instrument = index.listing.instrument
        total = missing = 0.0
        for symbol, weight in instrument.members:
            member = self._by_symbol.get((symbol, 1))
            if member is None:
                missing += weight
            else:
                price = self._fair(member, self.now_ns) if fair else member.listing.last
                total += weight * price / member.listing.instrument.base
        return instrument.base * (total + missing * math.exp(self._factor))

    @staticmethod
    def _carry(instrument: Instrument, now_ns: int) -> float:
        assert instrument.expiry is not None
        return 1.0 + 0.004 * max((jst_ns(instrument.expiry, 15 * 60 + 15) - now_ns) / 1e9, 0.0) / (365 * 86_400)

    def _value(self, instrument: Instrument, now_ns: int, *, at_base: bool = False) -> Worth:
        assert instrument.expiry is not None
        if at_base and (index := self._by_symbol.get((instrument.underlying, 1))) is not None:
            level = float(index.listing.base)
        else:
            level = self._index_level(instrument.underlying)
        future = level * self._carry(instrument, now_ns) / SEN
        years = (jst_ns(instrument.expiry, 15 * 60 + 15) - now_ns) / 1e9 / (365 * 86_400)
        return black(
            future, instrument.strike, years, smile(instrument.strike / future), is_call=bool(instrument.is_call)
        )

    # -- what happens ----------------------------------------------------------------------------------------

    def _act(self, actor: _Actor, number: int, now_ns: int) -> Iterator[Change]:
        listing = actor.listing
        self._believe(actor, now_ns)
        fair = self._fair(actor, now_ns)
        traded = False
        if listing.phase is Phase.OPEN:
            traded = actor.flow.step(fair, now_ns)
        else:
            actor.flow.gather(fair, now_ns)
        self._schedule(actor, number, now_ns)
        for view in listing.views:
            if view.is_live(listing.session):
                yield Change(view.key, now_ns, traded, listing.phase)

    def _believe(self, actor: _Actor, now_ns: int) -> None:
        """Let the instrument's own part of its fair return wander for the time since the last order."""
        elapsed_s = (now_ns - actor.believed_ns) / 1e9
        actor.believed_ns = now_ns
        instrument = actor.listing.instrument
        if instrument.kind is not Kind.STOCK or elapsed_s <= 0:
            return
        elapsed_s = min(elapsed_s, _DAY_S)
        step = self._own_volatility(instrument) * math.sqrt(elapsed_s / _DAY_S)
        actor.believed += actor.rng.gauss(0.0, step) - actor.believed * _FORGET * elapsed_s

    def _schedule(self, actor: _Actor, number: int, now_ns: int) -> None:
        listing = actor.listing
        if listing.instrument.kind is Kind.INDEX or not listing.phase.takes_orders:
            listing.next_ns = None
            return
        rate = self.ticks_per_s * listing.instrument.pace * self._bustle(listing.phase, actor.timetable, now_ns)
        listing.next_ns = now_ns + max(int(actor.rng.expovariate(rate) * S), 1)
        heapq.heappush(self._heap, (listing.next_ns, number))

    def _bustle(self, phase: Phase, timetable: Timetable, now_ns: int) -> float:
        """Return how much busier than usual the market is: most right after an opening."""
        if self._is_endless:
            return 1.0
        if phase is not Phase.OPEN:
            return 0.4
        span = next(span for table, span in self._tables if table is timetable)
        return 1.0 + 5.0 * math.exp(-(now_ns - span.start_ns) / 1e9 / 90.0)

    def _breathe(self, now_ns: int) -> Iterator[Change]:
        rng = self._rng
        step = _MARKET_VOLATILITY * math.sqrt(_BREATH_S / _DAY_S)
        self._factor += rng.gauss(0.0, step) - self._factor * _FORGET * _BREATH_S
        self._next_breath_ns = now_ns + round(_BREATH_S * S)
        if not any(span.phase.takes_orders for _, span in self._tables):  # asleep: nobody would see it move
            self._next_breath_ns = min(span.end_ns for _, span in self._tables) + round(_BREATH_S * S)
        for actor in self._indices:
            listing = actor.listing
            self._levels[listing.instrument.symbol] = self._member_sum(actor, fair=True)
            if listing.phase is not Phase.OPEN:
                continue
            level = round(self._member_sum(actor, fair=False))
            if level != listing.last or listing.views[0].day.last is None:
                listing.trade(level, 0, now_ns)
                yield Change(listing.views[0].key, now_ns, True, Phase.OPEN)

    def _ring(self, now_ns: int) -> Iterator[Change]:
        for place, (timetable, before) in enumerate(self._tables):
            if before.end_ns == now_ns:
                span = timetable.span_at(now_ns)
                self._tables[place] = (timetable, span)
                yield from self._leave(timetable, before, now_ns)
                yield from self._enter(timetable, span, now_ns)

    def _leave(self, timetable: Timetable, span: Span, now_ns: int) -> Iterator[Change]:
        """End a phase: hold the auction that it led to, mark closing prices when a session is over."""
        is_last = timetable.span_at(now_ns).phase is Phase.CLOSED
        for actor in self._actors:
            if actor.timetable is not timetable or span.phase is Phase.CLOSED:
                continue
            listing = actor.listing
            traded = False
            if span.phase in (Phase.PRE_OPEN, Phase.BREAK_ORDERS):
                traded = listing.instrument.kind is not Kind.INDEX and actor.flow.open(now_ns)
            elif span.phase is Phase.PRE_CLOSE:
                traded = listing.instrument.kind is not Kind.INDEX and actor.flow.hold_auction(now_ns)
            if is_last:
                listing.finish(listing.session, by_auction=traded)
            if traded or is_last:
                for view in listing.live_views():
                    yield Change(view.key, now_ns, True, span.phase)

    def _enter(self, timetable: Timetable, span: Span, now_ns: int) -> Iterator[Change]:
        """Begin a phase; a new trading day or session starts its figures anew."""
        day = timetable.trading_day(now_ns)
        is_new_day = now_ns == timetable.start_of(day)
        previous_ns = jst_ns(STOCKS.trading_day_before(day))
        for number, actor in enumerate(self._actors):
            if actor.timetable is not timetable:
                continue
            listing = actor.listing
            is_new_session = span.session != listing.session
            listing.phase, listing.session = span.phase, span.session
            if is_new_day:
                listing.begin_day(previous_ns)
            elif is_new_session:
                listing.begin_session(previous_ns)
            if is_new_day or is_new_session:
                self._write_book(actor, now_ns)
            self._schedule(actor, number, now_ns)
            if is_new_day or span.phase.takes_orders:
                for view in listing.live_views():
                    yield Change(view.key, now_ns, False, span.phase)

    def _place(self, actor: _Actor, number: int, now_ns: int) -> None:
        """Put a listing into the phase that holds when the market begins."""
        listing = actor.listing
        span = next(span for table, span in self._tables if table is actor.timetable)
        listing.phase, listing.session = span.phase, span.session
        if span.phase is Phase.CLOSED:
            listing.finish(span.session, by_auction=True)
        self._write_book(actor, now_ns)
        self._schedule(actor, number, now_ns)

    def _write_book(self, actor: _Actor, now_ns: int) -> None:
        """Fill an empty book: before an opening with orders that wait for it, otherwise around the last price.

        What rests stays over lunch, and from continuous trading into the closing auction.
        """
        listing = actor.listing
        if listing.instrument.kind is Kind.INDEX:
            return
        if listing.phase is Phase.PRE_OPEN and listing.awaits_opening:
            actor.flow.gather_many(self._fair(actor, now_ns), now_ns)
        else:
            actor.flow.fill()
        listing.bid_ns = listing.ask_ns = now_ns


_LONE_INDEX = {"101": 50_000 * SEN, "151": 3_300 * SEN, "154": 700 * SEN}
_ORDER = {Kind.STOCK: 0, Kind.INDEX: 1, Kind.FUTURE: 2, Kind.OPTION: 3}


def _after_its_underlying(instrument: Instrument) -> int:
    return _ORDER[instrument.kind]


def _moment(spans: list[Span], offset_ns: int) -> tuple[int, str]:
    """Return the time and the session that lie this far into the stretches of trading."""
    for span in spans:
        length = span.end_ns - span.start_ns
        if offset_ns <= length:
            return span.start_ns + offset_ns, span.session
        offset_ns -= length
    return spans[-1].end_ns, spans[-1].session
