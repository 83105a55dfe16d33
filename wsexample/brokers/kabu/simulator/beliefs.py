"""What people believe everything is worth: stocks wander, indices add them up, futures and options follow the indices.

All stocks share one factor, scaled by their beta; the rest of a stock's move is its own. Who acts on a belief is the
flow's matter. Pure; chance comes from the generators that are passed in.
"""

from __future__ import annotations

import math
from random import Random

from wsexample.brokers.kabu.dialect.hours import jst_ns
from wsexample.brokers.kabu.simulator.catalogue import Instrument, Kind
from wsexample.brokers.kabu.simulator.flow import TRADING_DAY_S
from wsexample.brokers.kabu.simulator.listing import Listing
from wsexample.brokers.kabu.simulator.pricing import Worth, black, smile
from wsexample.brokers.kabu.simulator.ticks import SEN

__all__ = ["Beliefs"]

_MARKET_VOLATILITY = 0.009  # of the factor that all stocks share, a day
_FORGET = 1 / (3 * TRADING_DAY_S)  # returns wander back within about three days of trading
_CARRY = 0.004  # what a future costs over its index, a year
_FURTHEST = math.log(1000.0)  # from its own worth, however often it is shocked
_YEAR_S = 365 * 86_400
_SETTLEMENT_MINUTE = 15 * 60 + 15
_LONE_INDEX = {"101": 50_000 * SEN, "151": 3_300 * SEN, "154": 700 * SEN}


class _Own:
    """A stock's own part of its fair return."""

    __slots__ = ("at_ns", "listing", "part", "rng", "volatility")

    def __init__(self, listing: Listing, rng: Random, now_ns: int) -> None:
        instrument = listing.instrument
        shared = instrument.beta * _MARKET_VOLATILITY
        self.volatility = math.sqrt(max(instrument.volatility**2 - shared**2, (instrument.volatility / 4) ** 2))
        self.listing = listing
        self.rng = rng
        self.part = rng.gauss(0.0, self.volatility / 2)
        self.at_ns = now_ns


class Beliefs:
    """Fair prices of everything that is listed.

    Parameters:
        rng: the chance that all stocks share.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._factor = rng.gauss(0.0, _MARKET_VOLATILITY / 2)
        self._stocks: dict[tuple[str, int], _Own] = {}
        self._indices: dict[str, Instrument] = {}
        self._levels: dict[str, float] = {}

    def add(self, listing: Listing, rng: Random, now_ns: int) -> None:
        """Know of a listing; stocks come before their indices.

        Parameters:
            listing: what is listed.
            rng: the chance of this listing alone.
            now_ns: the time.
        """
        instrument = listing.instrument
        if instrument.kind is Kind.STOCK:
            self._stocks[instrument.symbol, instrument.exchanges[0]] = _Own(listing, rng, now_ns)
        elif instrument.kind is Kind.INDEX:
            self._indices[instrument.symbol] = instrument
            self._levels[instrument.symbol] = self._sum(instrument, is_fair=True)

    # -- moving ----------------------------------------------------------------------------------------------

    def breathe(self, elapsed_s: float) -> None:
        """Move what all stocks share, and the indices with it."""
        step = _MARKET_VOLATILITY * math.sqrt(elapsed_s / TRADING_DAY_S)
        self._factor += self._rng.gauss(0.0, step) - self._factor * _FORGET * elapsed_s
        for symbol, instrument in self._indices.items():
            self._levels[symbol] = self._sum(instrument, is_fair=True)

    def wander(self, listing: Listing, now_ns: int) -> None:
        """Move a stock's own part for the time since it moved last; anything else stands still."""
        own = self._stocks.get((listing.instrument.symbol, listing.instrument.exchanges[0]))
        if own is None:
            return
        elapsed_s = min((now_ns - own.at_ns) / 1e9, TRADING_DAY_S)
        own.at_ns = now_ns
        if elapsed_s > 0:
            step = own.volatility * math.sqrt(elapsed_s / TRADING_DAY_S)
            own.part += own.rng.gauss(0.0, step) - own.part * _FORGET * elapsed_s

    def shock(self, symbol: str, exchange: int, fraction: float) -> None:
        """Change a stock's worth at once, up to a thousandfold in all; raises KeyError when there is no such stock."""
        stock = self._stocks[symbol, exchange]
        stock.part = min(max(stock.part + math.log1p(fraction), -_FURTHEST), _FURTHEST)

    # -- asking ----------------------------------------------------------------------------------------------

    def fair(self, instrument: Instrument, now_ns: int) -> float:
        """Return what people believe an instrument is worth, sen."""
        if instrument.kind is Kind.STOCK:
            return self._fair_stock(self._stocks[instrument.symbol, instrument.exchanges[0]])
        if instrument.kind is Kind.OPTION:
            return max(self.worth(instrument, now_ns).price * SEN, 1.0)
        if instrument.kind is Kind.FUTURE:
            return self._level(instrument.underlying) * (1.0 + _CARRY * _years_left(instrument, now_ns))
        return self._level(instrument.symbol)

    def worth(self, instrument: Instrument, now_ns: int) -> Worth:
        """Return an option's value and sensitivities."""
        return self._worth(instrument, self._level(instrument.underlying), now_ns)

    def base(self, instrument: Instrument, now_ns: int) -> int:
        """Return an instrument's previous close, sen; an option's is its value at the index's."""
        if instrument.kind is not Kind.OPTION:
            return instrument.base
        index = self._indices.get(instrument.underlying)
        level = float(index.base) if index is not None else self._level(instrument.underlying)
        return round(self._worth(instrument, level, now_ns).price * SEN)

    def published(self, index: Instrument) -> int:
        """Return an index as it is published: from its members' last prices, sen."""
        return round(self._sum(index, is_fair=False))

    def _fair_stock(self, own: _Own) -> float:
        instrument = own.listing.instrument
        return instrument.base * math.exp(instrument.beta * self._factor + own.part)

    def _level(self, symbol: str) -> float:
        """Return an index if every member traded at its fair price, as of the last breath."""
        if symbol in self._levels:
            return self._levels[symbol]
        # a small market without the index: its futures follow the shared factor alone
        return _LONE_INDEX.get(symbol, 1_000 * SEN) * math.exp(self._factor)

    def _sum(self, index: Instrument, *, is_fair: bool) -> float:
        total = missing = 0.0
        for symbol, weight in index.members:
            own = self._stocks.get((symbol, 1))
            if own is None:
                missing += weight
            else:
                price = self._fair_stock(own) if is_fair else own.listing.last
                total += weight * price / own.listing.instrument.base
        return index.base * (total + missing * math.exp(self._factor))

    @staticmethod
    def _worth(option: Instrument, level: float, now_ns: int) -> Worth:
        years = _years_left(option, now_ns)
        future = level * (1.0 + _CARRY * years) / SEN
        return black(future, option.strike, years, smile(option.strike / future), is_call=bool(option.is_call))


def _years_left(instrument: Instrument, now_ns: int) -> float:
    assert instrument.expiry is not None
    return max((jst_ns(instrument.expiry, _SETTLEMENT_MINUTE) - now_ns) / 1e9, 0.0) / _YEAR_S
