"""Small markets and moments that the simulator's tests share."""

from __future__ import annotations

from datetime import date

import msgspec

from wsexample.brokers.kabu.dialect.hours import jst_ns
from wsexample.brokers.kabu.simulator.catalogue import Instrument, catalogue
from wsexample.brokers.kabu.simulator.image import draw
from wsexample.brokers.kabu.simulator.listing import View
from wsexample.brokers.kabu.simulator.market import Market, SessionMode
from wsexample.brokers.kabu.simulator.switches import Switches

DAY = date(2026, 3, 4)
"""A Wednesday."""
S = 1_000_000_000
SWITCHES = Switches()
ENCODER = msgspec.json.Encoder()


def at(clock: str, day: date = DAY) -> int:
    """Return the nanoseconds of "10:15" or "10:15:30" in Japan."""
    hours, minutes, *seconds = (int(part) for part in clock.split(":"))
    return jst_ns(day, hours * 60 + minutes) + sum(seconds) * S


def instruments(*symbols: str) -> list[Instrument]:
    """Return the listed instruments of these symbols."""
    return [item for item in catalogue(DAY) if item.symbol in symbols]


def future(product: str = "NK225mini") -> str:
    """Return the code of the nearest contract of a product."""
    return next(item.symbol for item in catalogue(DAY) if item.product == product)


def option(*, is_call: bool) -> str:
    """Return the code of an option at the money."""
    rows = [item for item in catalogue(DAY) if item.product == "NK225op" and item.is_call == is_call]
    return rows[len(rows) // 2].symbol


def small_market(
    start: str = "10:15",
    *,
    seed: int = 1,
    session: SessionMode = "clock",
    ticks_per_s: float = 5.0,
    symbols: tuple[str, ...] = (),
) -> Market:
    """Return a market of a few instruments of each kind."""
    symbols = symbols or ("9433", "9432", "501A", "101", future(), option(is_call=True))
    return Market(
        seed=seed,
        start_ns=at(start),
        session=session,
        ticks_per_s=ticks_per_s,
        instruments=instruments(*symbols),
    )


def play(market: Market, clock: str, day: date = DAY) -> list[bytes]:
    """Advance to a moment; return every changed board as it would be pushed."""
    return [_drawn(market, market.views[change.key]) for change in market.advance(at(clock, day))]


def play_for(market: Market, seconds: int) -> list[bytes]:
    """Advance by some seconds; return every changed board as it would be pushed."""
    return [_drawn(market, market.views[change.key]) for change in market.advance(market.now_ns + seconds * S)]


def boards(market: Market) -> dict[tuple[str, int], bytes]:
    """Return every board of a market."""
    return {key: _drawn(market, view) for key, view in market.views.items()}


def _drawn(market: Market, view: View) -> bytes:
    return ENCODER.encode(draw(market, view, SWITCHES))
