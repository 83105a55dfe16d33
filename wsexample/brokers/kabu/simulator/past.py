"""The part of the day that lies before the market begins: made up, so that a board is never empty in the middle of a day.

A bridge of trades leads from an opening price to what people believe now. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from wsexample.brokers.kabu.dialect.hours import S, Span
from wsexample.brokers.kabu.simulator.catalogue import Kind
from wsexample.brokers.kabu.simulator.flow import TRADING_DAY_S
from wsexample.brokers.kabu.simulator.listing import Listing

__all__ = ["make_up_past"]

_STEPS = 80


def make_up_past(listing: Listing, spans: Sequence[Span], fair: float, rng: Random) -> None:
    """Trade a listing through the stretches that are over.

    Parameters:
        listing: what traded.
        spans: when it did, in order; nothing happens where they are empty.
        fair: the price to end at, sen.
        rng: the chance of this listing alone.
    """
    total_ns = sum(span.end_ns - span.start_ns for span in spans)
    if total_ns <= 0:
        return
    instrument = listing.instrument
    share = min(total_ns / S / TRADING_DAY_S, 1.0)
    begin = fair * math.exp(rng.gauss(0.0, instrument.volatility * 0.4))
    walk = _walk(rng, instrument.volatility * math.sqrt(share / _STEPS))
    for step, wiggle in enumerate(walk):
        done = step / _STEPS
        price = (begin + (fair - begin) * done) * math.exp(wiggle - walk[-1] * done)
        at_ns, session = _moment(spans, round(total_ns * done))
        quantity = 0
        if instrument.kind is not Kind.INDEX:
            bustle = (1.0 + 2.0 * (2 * done - 1) ** 2) / 1.7  # more at both ends of a day
            lots = instrument.daily_volume / instrument.unit * share / _STEPS * bustle
            quantity = max(int(lots * rng.uniform(0.5, 1.5)), 1) * instrument.unit
        listing.session = session
        listing.trade(listing.clamp(listing.grid.nearest(price)), quantity, at_ns)
    for session in {span.session for span in spans} - {spans[-1].session}:
        listing.finish(session, by_auction=True)


def _walk(rng: Random, step: float) -> list[float]:
    walk = [0.0]
    for _ in range(_STEPS):
        walk.append(walk[-1] + rng.gauss(0.0, step))
    return walk


def _moment(spans: Sequence[Span], offset_ns: int) -> tuple[int, str]:
    """Return the time and the session that lie this far into the stretches."""
    for span in spans:
        length = span.end_ns - span.start_ns
        if offset_ns <= length:
            return span.start_ns + offset_ns, span.session
        offset_ns -= length
    return spans[-1].end_ns, spans[-1].session
