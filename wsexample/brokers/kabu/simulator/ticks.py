"""Which prices an instrument may have: tick-size groups (``PriceRangeGroup``) and daily price limits. Pure.

Prices are integers in sen (1/100 yen, or 1/100 point), so that no sum in the market model ever rounds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

__all__ = ["PRICE_RANGE_GROUPS", "SEN", "Grid", "daily_limits"]

SEN = 100
"""Sen in one yen."""

_M = 1_000_000

# Rows of (price up to and including, tick), both in yen; the last row has no bound.
# Source: kabu Station API reference, /symbol, PriceRangeGroup.
_STOCK = (
    (3_000, 1.0),
    (5_000, 5.0),
    (30_000, 10.0),
    (50_000, 50.0),
    (300_000, 100.0),
    (500_000, 500.0),
    (3 * _M, 1_000.0),
    (5 * _M, 5_000.0),
    (30 * _M, 10_000.0),
    (50 * _M, 50_000.0),
    (None, 100_000.0),
)
_ETF_LOT_1 = (
    (10_000, 1.0),
    (30_000, 5.0),
    (100_000, 10.0),
    (300_000, 50.0),
    (_M, 100.0),
    (3 * _M, 500.0),
    (10 * _M, 1_000.0),
    (30 * _M, 5_000.0),
    (None, 10_000.0),
)
_TOPIX500 = ((1_000, 0.1), (3_000, 0.5), *_ETF_LOT_1)
_NK225_OPTION = ((300, 1.0), (None, 5.0))

PRICE_RANGE_GROUPS: dict[str, tuple[tuple[int | None, float], ...]] = {
    "10000": _STOCK,
    "10003": _TOPIX500,
    "10004": _ETF_LOT_1,
    "10118": ((None, 10.0),),  # Nikkei 225 futures
    "10119": ((None, 5.0),),  # Nikkei 225 mini and micro
    "10318": _NK225_OPTION,
    "10326": _NK225_OPTION,  # Nikkei 225 mini options
    "10706": ((None, 0.25),),  # mini TOPIX
    "10718": ((None, 0.5),),  # TOPIX
    "12122": ((None, 5.0),),  # JPX-Nikkei 400
    "14473": ((None, 1.0),),  # NY Dow
    "14515": ((None, 0.05),),  # Nikkei VI
    "15411": ((None, 1.0),),  # Growth 250
    "15569": ((None, 0.5),),  # TSE REIT
    "17163": ((None, 0.5),),  # TOPIX Core30
    "": ((None, 0.01),),  # an index: quoted to the sen
}

# Daily price limits of stocks by base price (Tokyo Stock Exchange): base below, allowed move, both in yen.
_LIMITS = (
    (100, 30),
    (200, 50),
    (500, 80),
    (700, 100),
    (1_000, 150),
    (1_500, 300),
    (2_000, 400),
    (3_000, 500),
    (5_000, 700),
    (7_000, 1_000),
    (10_000, 1_500),
    (15_000, 3_000),
    (20_000, 4_000),
    (30_000, 5_000),
    (50_000, 7_000),
    (70_000, 10_000),
    (100_000, 15_000),
    (150_000, 30_000),
    (200_000, 40_000),
    (300_000, 50_000),
    (500_000, 70_000),
    (700_000, 100_000),
    (1_000_000, 150_000),
)


class Grid:
    """The prices of one tick group, in sen.

    Parameters:
        group: ``PriceRangeGroup`` of the instrument; "" for an index.
    """

    __slots__ = ("_bounds", "_ticks")

    def __init__(self, group: str) -> None:
        rows = PRICE_RANGE_GROUPS[group]
        self._bounds = [bound * SEN for bound, _ in rows if bound is not None]
        self._ticks = [round(tick * SEN) for _, tick in rows]

    def tick_below(self, price: int) -> int:
        """Return the distance to the next price below this one: a bound belongs to its own row."""
        return self._ticks[bisect_left(self._bounds, price)]

    def above(self, price: int) -> int:
        """Return the next price above one that is on the grid."""
        return price + self._ticks[bisect_right(self._bounds, price)]

    def below(self, price: int) -> int:
        """Return the next price below one that is on the grid."""
        return price - self._ticks[bisect_left(self._bounds, price)]

    def floor(self, price: float) -> int:
        """Return the highest price on the grid that is not above this one, at least one tick."""
        whole = int(price)
        tick = self.tick_below(whole)
        return max(whole - whole % tick, self._ticks[0])

    def ceil(self, price: float) -> int:
        """Return the lowest price on the grid that is not below this one."""
        low = self.floor(price)
        return low if low >= price else self.above(low)

    def nearest(self, price: float) -> int:
        """Return the price on the grid closest to this one, at least one tick."""
        low = self.floor(price)
        high = self.above(low)
        return high if high - price < price - low else low

    def is_on(self, price: int) -> bool:
        """Tell whether a price may be quoted."""
        return price > 0 and price % self.tick_below(price) == 0


def daily_limits(group: str, base: int) -> tuple[int, int]:
    """Return the lowest and the highest price allowed on a day, in sen, both on the grid.

    Parameters:
        group: ``PriceRangeGroup``. Stocks have the exchange's table of steps; futures move 8 %, options 12 % of
            the base price upwards of one tick, since theirs follow the underlying.
        base: base price of the day (usually the previous close), in sen.
    """
    grid = Grid(group)
    if group in ("10000", "10003", "10004"):
        row = bisect_right([bound * SEN for bound, _ in _LIMITS], base)
        move = (_LIMITS[row][1] if row < len(_LIMITS) else 200_000) * SEN
        low, high = base - move, base + move
    elif group in ("10318", "10326"):
        low, high = grid.above(0), base + max(base * 4, 2_000 * SEN)
    else:
        low, high = base - base * 8 // 100, base + base * 8 // 100
    return grid.ceil(max(low, 1)), grid.floor(high)
