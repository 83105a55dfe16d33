"""What an account may do: limits that every order passes before it is sent, and the switch that ends trading.

Pure. Limits look at what would be if everything open were filled. The kill switch trips by itself on a daily loss or a
drawdown, or by hand; once tripped nothing passes, except for the orders with which the engine closes what is held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from wsexample.errors import OptionError
from wsexample.paper.ledger import Ledger
from wsexample.paper.lifecycle import WorkingOrder
from wsexample.records.orders import OrderRequest

__all__ = ["KillSwitch", "Limits", "RiskGate"]

ZERO = Decimal(0)
DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Limits:
    """What is allowed; None does not limit. Money is in the currency of the account.

    Parameters:
        max_position: largest position of a symbol, long or short, in its own size.
        max_exposure: largest value of all positions, long and short added up.
        max_order_value: largest value of one order.
        max_leverage: largest exposure by equity (default 1: nothing is bought on credit).
        can_short: whether what is not held may be sold (default False).
        daily_loss: loss since the day began at which the kill switch trips.
        max_drawdown: fraction below the highest equity, 0 to 1, at which the kill switch trips.
        max_orders_per_minute: orders within any 60 s.
        price_band: farthest a limit or stop price may be from the market, as a fraction.
        day_offset_s: seconds by which the account's day begins after midnight UTC (default 0; -32400 is midnight in Tokyo).

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    max_position: Decimal | None = None
    max_exposure: Decimal | None = None
    max_order_value: Decimal | None = None
    max_leverage: Decimal | None = Decimal(1)
    can_short: bool = False
    daily_loss: Decimal | None = None
    max_drawdown: Decimal | None = None
    max_orders_per_minute: int | None = None
    price_band: Decimal | None = None
    day_offset_s: int = 0

    def __post_init__(self) -> None:
        for name in (
            "max_position",
            "max_exposure",
            "max_order_value",
            "max_leverage",
            "daily_loss",
            "max_orders_per_minute",
            "price_band",
        ):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise OptionError(f"{name} must be above 0, not {value}; None does not limit", option=name)
        if self.max_drawdown is not None and not 0 < self.max_drawdown < 1:
            raise OptionError(
                f"max_drawdown is a fraction between 0 and 1, not {self.max_drawdown}", option="max_drawdown"
            )


class KillSwitch:
    """Trips once and stays tripped until somebody resets it.

    Parameters:
        limits: what trips it.
        equity: equity at the beginning.
    """

    def __init__(self, limits: Limits, equity: Decimal) -> None:
        self.limits = limits
        self.reason: str | None = None
        """Why it has tripped; None while it has not."""
        self.peak_equity = equity
        self.day_equity = equity
        self._equity = equity
        self._day: int | None = None

    @property
    def is_tripped(self) -> bool:
        """Whether trading has ended."""
        return self.reason is not None

    def trip(self, reason: str) -> bool:
        """End trading; returns whether it went on until now."""
        if self.reason is not None:
            return False
        self.reason = reason
        return True

    def reset(self, equity: Decimal) -> None:
        """Allow trading again; losses count from this equity on."""
        self.reason = None
        self.peak_equity = self.day_equity = self._equity = equity

    def is_new_day(self, now_ns: int) -> bool:
        """Whether a moment is of another day than the one before."""
        return self._day_of(now_ns) != self._day

    def begin_day(self, equity: Decimal, now_ns: int) -> None:
        """Let a day begin, if it is another one.

        Parameters:
            equity: at the end of the day before.
            now_ns: a moment of the new day.
        """
        day = self._day_of(now_ns)
        if day != self._day:
            if self._day is not None:
                self.day_equity = equity
            self._day = day

    def _day_of(self, now_ns: int) -> int:
        return (now_ns - self.limits.day_offset_s * 10**9) // DAY_NS

    def look(self, equity: Decimal, now_ns: int) -> bool:
        """Look at the equity; returns whether it has tripped with that. A day begins with the equity of the look before."""
        limits = self.limits
        self.begin_day(self._equity, now_ns)
        self._equity = equity
        self.peak_equity = max(self.peak_equity, equity)
        loss = self.day_equity - equity
        if limits.daily_loss is not None and loss >= limits.daily_loss:
            return self.trip(f"the day's loss of {loss:f} has reached {limits.daily_loss:f}")
        fallen = self.peak_equity - equity
        if (
            limits.max_drawdown is not None
            and self.peak_equity > 0
            and fallen >= self.peak_equity * limits.max_drawdown
        ):
            percent = fallen / self.peak_equity * 100
            return self.trip(f"equity is {percent:.2f} % below its peak of {self.peak_equity:f}")
        return False


class RiskGate:
    """Passes or refuses orders.

    Parameters:
        limits: what is allowed.
        switch: the kill switch.
    """

    def __init__(self, limits: Limits, switch: KillSwitch) -> None:
        self.limits = limits
        self.switch = switch
        self._sent: deque[int] = deque()

    def refusal(
        self,
        request: OrderRequest,
        size: Decimal,
        price: Decimal | None,
        ledger: Ledger,
        open_orders: Iterable[WorkingOrder],
        now_ns: int,
    ) -> str | None:
        """Say why an order must not pass; None when it may, and it counts for the rate then.

        Parameters:
            request: the order.
            size: how much, a ``notional`` turned into a size.
            price: where it would be filled about now: its limit, or the market; None when nobody knows.
            ledger: the books.
            open_orders: what is at work already.
            now_ns: the time.
        """
        limits = self.limits
        if self.switch.is_tripped:
            return f"the kill switch has tripped: {self.switch.reason}"
        if limits.max_orders_per_minute is not None:
            while self._sent and self._sent[0] <= now_ns - 60 * 10**9:
                self._sent.popleft()
            if len(self._sent) >= limits.max_orders_per_minute:
                return f"more than {limits.max_orders_per_minute} orders within a minute"
        words = self._by_size(request, size, price, ledger, list(open_orders))
        if words is None and limits.max_orders_per_minute is not None:
            self._sent.append(now_ns)
        return words

    def _by_size(
        self,
        request: OrderRequest,
        size: Decimal,
        price: Decimal | None,
        ledger: Ledger,
        open_orders: list[WorkingOrder],
    ) -> str | None:
        limits = self.limits
        symbol = request.symbol
        signed = size if request.side == "buy" else -size
        held = ledger.size(symbol)
        same = [order for order in open_orders if order.request.symbol == symbol and order.side == request.side]
        waiting = sum((order.remaining_size for order in same), ZERO)
        after = held + signed + (waiting if request.side == "buy" else -waiting)
        is_smaller = abs(held + signed) < abs(held) and (held + signed) * held >= 0 and not waiting
        if request.reduce_only and not (held * signed < 0 and size <= abs(held)):
            return f"reduce_only, and the position of {symbol} is {held:f}"
        if after < 0 and signed < 0 and not limits.can_short:
            free = max(held - waiting, ZERO)
            return f"only {free:f} of {symbol} can be sold, and short positions are not allowed"
        if limits.max_position is not None and abs(after) > limits.max_position and not is_smaller:
            return f"the position of {symbol} could become {after:f}, above max_position {limits.max_position:f}"
        if is_smaller:
            return None
        if price is None:
            values = (limits.max_order_value, limits.max_exposure, limits.max_leverage)
            is_limited = any(limit is not None for limit in values)
            words = f"nothing is known of the price of {symbol} yet, so the limits of value cannot be looked at"
            return words if is_limited else None
        holding = ledger.holding(symbol)
        unit = price * holding.multiplier * ledger.rate(holding.currency)
        value = size * unit
        if limits.max_order_value is not None and value > limits.max_order_value:
            return f"the order is worth {value:f}, above max_order_value {limits.max_order_value:f}"
        opening = abs(after) * unit - abs(held * unit)
        exposure = ledger.exposure() + max(opening, ZERO) + _open_value(open_orders, symbol, request.side, ledger)
        if limits.max_exposure is not None and exposure > limits.max_exposure:
            return f"the exposure could become {exposure:f}, above max_exposure {limits.max_exposure:f}"
        if limits.max_leverage is not None:
            equity = ledger.equity()
            if exposure > equity * limits.max_leverage:
                return (
                    f"not enough buying power: the exposure could become {exposure:f}, and equity is {equity:f}"
                    f" (max_leverage {limits.max_leverage:f})"
                )
        return None

    def outside_band(self, price: Decimal, market: Decimal | None) -> str | None:
        """Say why a limit or stop price is too far from the market; None when it is not, or nobody knows the market."""
        band = self.limits.price_band
        if band is None or market is None or abs(price - market) <= market * band:
            return None
        return f"the price {price:f} is more than {band * 100:f} % away from the market at {market:f}"


def _open_value(orders: list[WorkingOrder], symbol: str, side: str, ledger: Ledger) -> Decimal:
    """Value of what is open elsewhere and would open positions."""
    total = ZERO
    for order in orders:
        name = order.request.symbol
        if name == symbol and order.side == side:
            continue  # counted in the position that could become
        held = ledger.size(name)
        signed = order.remaining_size if order.side == "buy" else -order.remaining_size
        opening = abs(held + signed) - abs(held)
        price = order.limit_price or order.stop_price or ledger.holding(name).mark_price
        if opening > 0 and price is not None:
            holding = ledger.holding(name)
            total += opening * price * holding.multiplier * ledger.rate(holding.currency)
    return total
