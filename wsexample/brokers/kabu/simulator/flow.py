"""Who sends orders: a stream of limit orders, market orders and cancellations that leans towards a fair price. Pure.

One call of `Flow.step` is one order. All chance comes from the generator that is passed in, so the same seed gives the
same market. Sizes follow from the instrument's daily volume; when to step is the market's matter.
"""

from __future__ import annotations

import math
from random import Random

from wsexample.brokers.kabu.simulator.book import Side
from wsexample.brokers.kabu.simulator.listing import Listing

__all__ = ["STEPS_PER_S", "TRADING_DAY_S", "Flow"]

TRADING_DAY_S = 19_800
"""Seconds of continuous trading in a day of stocks; the scale of volatility and volume."""
STEPS_PER_S = 2.0
"""Orders a second that a busy stock (pace 1.0) gets by default."""

_AGGRESSIVE = 0.2  # share of orders that trade at once in a calm market
_PASSIVE = 0.45  # share of orders that rest; what remains are cancellations
_LEVELS_KEPT = 14  # so that ten are always shown, with a few to come
_LEVELS_MOST = 40  # what lies deeper is a constant
_DEPTH = 6  # an average level holds this many average trades
_WIDE_TICKS = 2
_FAR_TICKS = 6  # when the fair price is this far away somebody sweeps the book


class Flow:
    """The people who trade one listing.

    Parameters:
        listing: where they trade.
        rng: their only source of chance.
    """

    __slots__ = ("_lots", "deep_buy", "deep_sell", "listing", "rng")

    def __init__(self, listing: Listing, rng: Random) -> None:
        self.listing = listing
        self.rng = rng
        instrument = listing.instrument
        trades_a_day = TRADING_DAY_S * STEPS_PER_S * instrument.pace * _AGGRESSIVE
        self._lots = max(instrument.daily_volume / instrument.unit / trades_a_day - 1.0, 0.2)
        self.deep_sell = self._size(_DEPTH * 60)
        """What waits above the levels that are kept."""
        self.deep_buy = self._size(_DEPTH * 60)
        """What waits below them."""

    def _size(self, scale: float = 1.0) -> int:
        """Return a quantity: at least one unit, exponential with a heavy end."""
        rng = self.rng
        lots = 1 + int(rng.expovariate(1.0 / (self._lots * scale)))
        if rng.random() < 0.02:
            lots *= 5
        return lots * self.listing.instrument.unit

    # -- continuous trading ----------------------------------------------------------------------------------

    def fill(self) -> None:
        """Make a book around the last price, as it stands in the middle of a session."""
        listing = self.listing
        listing.book.clear()
        self._repair(listing.book.bids)
        self._repair(listing.book.asks)

    def step(self, fair: float, now_ns: int) -> bool:
        """Send one order in continuous trading; returns whether it traded.

        Parameters:
            fair: the price, in sen, that people believe in.
            now_ns: the time.
        """
        listing, rng = self.listing, self.rng
        book = listing.book
        bid, ask = book.bids.best, book.asks.best
        before = (bid, book.bids.quantities.get(bid or 0), ask, book.asks.quantities.get(ask or 0))
        middle = (bid + ask) / 2 if bid is not None and ask is not None else float(bid or ask or listing.last)
        tick = listing.grid.tick_below(int(middle))
        gap = (fair - middle) / tick
        lean = gap / (1.0 + abs(gap))
        choice = rng.random()
        aggressive = _AGGRESSIVE * (1.0 + max(abs(lean) - 0.5, 0.0) * 2)
        wide = (ask - bid) // tick if bid is not None and ask is not None else 1
        passive = _PASSIVE if wide <= _WIDE_TICKS else 1.0 - aggressive  # a wide spread invites quotes
        traded = False
        if choice < aggressive:
            traded = self._trade(rng.random() < 0.5 + 0.48 * lean, fair, gap, now_ns)
        elif choice < aggressive + passive:
            self._rest(book.side(rng.random() < 0.5 + 0.25 * lean), wide)
        else:
            self._cancel(book.side(rng.random() < 0.5 - 0.25 * lean))
        self._repair(book.bids)
        self._repair(book.asks)
        bid, ask = book.bids.best, book.asks.best
        if (bid, book.bids.quantities.get(bid or 0)) != before[:2]:
            listing.bid_ns = now_ns
        if (ask, book.asks.quantities.get(ask or 0)) != before[2:]:
            listing.ask_ns = now_ns
        return traded

    def _trade(self, is_buy: bool, fair: float, gap: float, now_ns: int) -> bool:
        listing = self.listing
        if abs(gap) > _FAR_TICKS and is_buy == (gap > 0):
            limit = listing.clamp(listing.grid.nearest(fair))
            fills = listing.book.limit(is_buy, limit, self._size(_DEPTH * 3))
        else:
            fills = listing.book.market(is_buy, self._size())
        listing.trades(fills, now_ns)
        return bool(fills)

    def _rest(self, side: Side, wide: int) -> None:
        """Let an order rest: inside the spread when there is room, more so the wider it is, or some ticks outside."""
        listing, rng = self.listing, self.rng
        best = side.best
        if best is None:
            return  # at the daily limit: nobody may quote further out
        outward = listing.grid.below if side.is_buy else listing.grid.above
        inward = listing.grid.above if side.is_buy else listing.grid.below
        price = best
        if wide > 1 and rng.random() < 0.6:
            for _ in range(1 + int(rng.random() * min(wide - 1, 60) / 2)):
                price = inward(price)
        else:
            for _ in range(min(int(rng.expovariate(0.35)), 12)):
                price = outward(price)
        if listing.clamp(price) == price and not listing.book.would_trade(side.is_buy, price):
            side.add(price, self._size(2.0))

    def _cancel(self, side: Side) -> None:
        rng = self.rng
        if not side.prices:
            return
        depth = min(int(rng.expovariate(0.4)), len(side.prices) - 1)
        price = side.prices[-1 - depth] if side.is_buy else side.prices[depth]
        side.remove(price, self._size(2.0))

    def _repair(self, side: Side) -> None:
        """Keep enough levels, and not too many; none beyond the daily limits."""
        listing = self.listing
        prices = side.prices
        if len(prices) < _LEVELS_KEPT:
            outward = listing.grid.below if side.is_buy else listing.grid.above
            while len(prices) < _LEVELS_KEPT:
                worst = (prices[0] if side.is_buy else prices[-1]) if prices else self._start(side)
                price = outward(worst)
                if price != listing.clamp(price):
                    break
                side.add(price, self._size(_DEPTH))
        elif len(prices) > _LEVELS_MOST:
            worst = prices[0] if side.is_buy else prices[-1]
            side.remove(worst, side.quantities[worst])

    def _start(self, side: Side) -> int:
        """Return the price outside which an empty side is filled."""
        other = self.listing.book.side(not side.is_buy).best
        return other if other is not None else self.listing.last

    # -- auctions --------------------------------------------------------------------------------------------

    def gather(self, fair: float, now_ns: int) -> None:
        """Send one order that waits for an auction."""
        listing, rng = self.listing, self.rng
        book = listing.book
        is_buy = rng.random() < 0.5
        side = book.side(is_buy)
        choice = rng.random()
        if choice < 0.1:
            if is_buy:
                book.market_buy += self._size(2.0)
            else:
                book.market_sell += self._size(2.0)
        elif choice < 0.25:
            self._cancel(side)
        else:
            away = rng.gauss(-0.002 if is_buy else 0.002, 0.004)
            price = listing.clamp(listing.grid.nearest(fair * math.exp(away)))
            side.add(price, self._size(3.0))
            if len(side.prices) > _LEVELS_MOST:
                worst = side.prices[0] if side.is_buy else side.prices[-1]
                side.remove(worst, side.quantities[worst])
        listing.bid_ns = listing.ask_ns = now_ns

    def gather_many(self, fair: float, now_ns: int, count: int = 120) -> None:
        """Begin the wait for an auction with a book that people have written into already."""
        self.listing.book.clear()
        for _ in range(count):
            self.gather(fair, now_ns)

    def open(self, now_ns: int) -> bool:
        """Hold the auction and go over to continuous trading; returns whether it traded."""
        traded = self.hold_auction(now_ns)
        book = self.listing.book
        if not book.bids.prices and not book.asks.prices:
            self.fill()
        self._repair(book.bids)
        self._repair(book.asks)
        self.listing.bid_ns = self.listing.ask_ns = now_ns
        return traded

    def hold_auction(self, now_ns: int) -> bool:
        """Trade everything that meets at one price; returns whether anything did."""
        listing = self.listing
        auction = listing.book.auction(listing.last)
        if auction is None:
            listing.book.lapse_market_orders()
            return False
        listing.book.execute(auction)
        listing.trade(auction.price, auction.quantity, now_ns)
        return True
