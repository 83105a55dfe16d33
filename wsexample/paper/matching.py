"""Whether and at which price a simulated order is filled.

Pure. Orders that take meet what stands in the book, no more than what is shown there; orders that wait are filled when the
market comes to their price, in the place of the queue that `Fills` assumes. A simulation can only be as good as its
data: `docs/paper.md` says what each choice assumes.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from wsexample.errors import OptionError
from wsexample.paper.lifecycle import WorkingOrder
from wsexample.paper.market import Depth, MarketView, Print

__all__ = ["Execution", "Fees", "Fills", "Matcher"]

ZERO = Decimal(0)
AGAINST = ("book", "quote", "trade", "last")
QUEUE = ("front", "back", "through")


@dataclass(frozen=True, slots=True)
class Fills:
    """What fills are simulated from.

    Parameters:
        against: "book" (default): every level that is shown; "quote": the best bid and ask only; "trade": the prints of the
            tape, up to their size; "last": the last price, whatever the size (for feeds that send nothing else).
        queue: where a waiting order stands among those at its price. "back" (default): behind everything shown there when
            it came; "front": before it; "through": it is filled only when the market trades beyond its price.
        slippage_bps: by how many basis points taking is made worse than what the market shows (default 0); never
            beyond a limit price.
        latency_s: seconds until an order, a change or a cancel arrives (default 0).
        jitter_s: up to how many seconds more, drawn from the engine's seed (default 0).

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    against: str = "book"
    queue: str = "back"
    slippage_bps: Decimal = ZERO
    latency_s: float = 0.0
    jitter_s: float = 0.0

    def __post_init__(self) -> None:
        if self.against not in AGAINST:
            raise OptionError(f"against must be one of {', '.join(AGAINST)}, not {self.against!r}", option="against")
        if self.queue not in QUEUE:
            raise OptionError(f"queue must be one of {', '.join(QUEUE)}, not {self.queue!r}", option="queue")
        for name in ("slippage_bps", "latency_s", "jitter_s"):
            if getattr(self, name) < 0:
                raise OptionError(f"{name} must not be negative, not {getattr(self, name)}", option=name)


@dataclass(frozen=True, slots=True)
class Fees:
    """What executions cost.

    Parameters:
        maker_bps, taker_bps: basis points of the value, for waiting and for taking (default 0); negative is a rebate.
        per_unit: money for each unit of size (default 0).
        minimum: least money for an execution; None for none, so that a rebate stays one.
    """

    maker_bps: Decimal = ZERO
    taker_bps: Decimal = ZERO
    per_unit: Decimal = ZERO
    minimum: Decimal | None = None

    def of(self, value: Decimal, size: Decimal, liquidity: str) -> Decimal:
        """Return the fee of an execution.

        Parameters:
            value: price times size.
            size: how much.
            liquidity: "maker" or "taker".
        """
        bps = self.maker_bps if liquidity == "maker" else self.taker_bps
        fee = value * bps / 10_000 + size * self.per_unit
        return fee if self.minimum is None else max(fee, self.minimum)


class Execution(NamedTuple):
    """A fill that is to be booked."""

    price: Decimal
    size: Decimal
    liquidity: str
    """"maker" or "taker"."""


class Matcher:
    """Matches the orders of one account with one market view.

    Parameters:
        fills: what is assumed.
    """

    def __init__(self, fills: Fills) -> None:
        self.fills = fills

    # -- stops -----------------------------------------------------------------------------------------------------

    def is_triggered(self, order: WorkingOrder, view: MarketView) -> bool:
        """Whether a held order's stop price is reached; a trailing stop follows the market first."""
        price = self._watched(order.side, view)
        if price is None:
            return False
        if order.request.order_type == "trailing_stop":
            _trail(order, price)
        stop = order.stop_price
        if stop is None:
            return False
        return price >= stop if order.side == "buy" else price <= stop

    def _watched(self, side: str, view: MarketView) -> Decimal | None:
        """The price that stops look at: the last trade; where no trades come, where the order would be filled."""
        if view.last_price is not None:
            return view.last_price
        levels = view.opposite(side)
        return levels[0].price if levels else None

    # -- taking ----------------------------------------------------------------------------------------------------

    def takeable(self, order: WorkingOrder, view: MarketView, printed: Print | None = None) -> Decimal:
        """Return how much of an order could be filled at once; takes nothing."""
        if self.fills.against == "last":
            return order.remaining_size if self._last_price(order, view) is not None else ZERO
        if self.fills.against == "trade":
            if printed is None or printed.size is None or self._slipped(order, printed.price) is None:
                return ZERO
            return min(order.remaining_size, printed.size)
        size = ZERO
        for depth in self._levels(order, view):
            if self._slipped(order, depth.price) is None:
                break
            size += depth.left
        return min(size, order.remaining_size)

    def take(self, order: WorkingOrder, view: MarketView, printed: Print | None = None) -> list[Execution]:
        """Fill an order from what the market offers now, at most what is there; the book is the smaller for it."""
        left = self.takeable(order, view, printed)
        if left <= 0:
            return []
        if self.fills.against == "last":
            price = self._last_price(order, view)
            return [] if price is None else [Execution(price, left, "taker")]
        if self.fills.against == "trade":
            price = self._slipped(order, printed.price) if printed else None
            return [] if price is None else [Execution(price, left, "taker")]
        made = []
        for depth in self._levels(order, view):
            size = min(depth.left, left)
            price = self._slipped(order, depth.price)
            if size <= 0 or price is None:
                continue
            depth.left -= size
            left -= size
            made.append(Execution(price, size, "taker"))
            if not left:
                break
        return made

    def _levels(self, order: WorkingOrder, view: MarketView) -> list[Depth]:
        levels = view.opposite(order.side)
        return levels[:1] if self.fills.against == "quote" else levels

    def _last_price(self, order: WorkingOrder, view: MarketView) -> Decimal | None:
        return None if view.last_price is None else self._slipped(order, view.last_price)

    def _slipped(self, order: WorkingOrder, price: Decimal) -> Decimal | None:
        """Return the price with slippage, at worst the limit price; None when the limit forbids even the price itself."""
        limit = order.limit_price
        if order.side == "buy":
            if limit is not None and price > limit:
                return None
            worse = price + price * self.fills.slippage_bps / 10_000
            return worse if limit is None else min(worse, limit)
        if limit is not None and price < limit:
            return None
        worse = price - price * self.fills.slippage_bps / 10_000
        return worse if limit is None else max(worse, limit)

    # -- waiting ---------------------------------------------------------------------------------------------------

    def queue_up(self, order: WorkingOrder, view: MarketView) -> None:
        """Give a limit order its place in the queue of its price."""
        order.ahead = self._shown(order, view) if self.fills.queue == "back" else ZERO

    def requeue(self, order: WorkingOrder, view: MarketView) -> None:
        """Move an order up where less is shown at its price than stood before it: somebody has gone."""
        if order.ahead:
            order.ahead = min(order.ahead, self._shown(order, view))

    def _shown(self, order: WorkingOrder, view: MarketView) -> Decimal:
        return next((depth.shown for depth in view.own(order.side) if depth.price == order.limit_price), ZERO)

    def meet(self, order: WorkingOrder, view: MarketView) -> list[Execution]:
        """Fill a waiting order because the other side's quotes have come to its price: at its limit, as it waited."""
        limit = order.limit_price
        if limit is None or self.fills.against in ("trade", "last"):
            return []
        size = ZERO
        for depth in self._levels(order, view):
            if not self._reaches(order, depth.price):
                break
            part = min(depth.left, order.remaining_size - size)
            depth.left -= part
            size += part
        return [Execution(limit, size, "maker")] if size else []

    def _reaches(self, order: WorkingOrder, price: Decimal) -> bool:
        limit = order.limit_price
        if limit is None:
            return False
        if self.fills.queue == "through":
            return price < limit if order.side == "buy" else price > limit
        return price <= limit if order.side == "buy" else price >= limit

    def trade_through(self, order: WorkingOrder, printed: Print) -> Execution | None:
        """Fill a waiting order from a print at or beyond its price.

        Parameters:
            order: a limit order that waits.
            printed: the trade, with what other orders of the account have left of its size.

        Returns:
            The execution, at the order's limit; None when the print does not reach it.
        """
        limit = order.limit_price
        if limit is None or printed.aggressor == order.side:
            return None  # a buyer who takes does not meet a buyer who waits
        available = printed.size
        is_beyond = printed.price < limit if order.side == "buy" else printed.price > limit
        if available is None:
            if self.fills.against != "last" or not (
                is_beyond or (printed.price == limit and self.fills.queue == "front")
            ):
                return None
            return Execution(limit, order.remaining_size, "maker")
        if is_beyond:
            order.ahead = ZERO  # whoever stood before it was filled
        elif printed.price != limit or self.fills.queue == "through":
            return None
        ahead = order.ahead or ZERO
        order.ahead = max(ahead - available, ZERO)
        size = min(available - ahead, order.remaining_size)
        return Execution(limit, size, "maker") if size > 0 else None


def _trail(order: WorkingOrder, price: Decimal) -> None:
    """Let a trailing stop follow the market, never away from it."""
    request = order.request
    mark = order.water_mark
    is_sell = order.side == "sell"
    if mark is None or (price > mark if is_sell else price < mark):
        order.water_mark = mark = price
    distance = request.trail_price if request.trail_price is not None else mark * (request.trail_percent or ZERO) / 100
    order.stop_price = mark - distance if is_sell else mark + distance
