"""How a paper account has done: equity curve, drawdown, Sharpe ratio, exposure, wins and losses."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal

from wsexample.errors import OptionError
from wsexample.records.orders import Fill

__all__ = ["Performance", "Sample"]

ZERO, ONE = Decimal(0), Decimal(1)
YEAR_S = 365.25 * 86_400
_NS = 10**9


@dataclass(frozen=True, slots=True)
class Sample:
    """The account at one moment."""

    at_ns: int
    equity: float


@dataclass(slots=True)
class Performance:
    """Watches an account; its memory is bounded, because the curve is thinned out when it grows long.

    Parameters:
        start_equity: equity at the beginning.
        sample_s: seconds between two points of the equity curve (default 60); doubled whenever ``most`` are reached.
        most: points kept at most (default 20,000).

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    start_equity: Decimal
    sample_s: float = 60.0
    most: int = 20_000
    curve: list[Sample] = field(default_factory=list, repr=False)
    """Equity at the end of each interval."""
    fills: int = 0
    """Executions."""
    wins: int = 0
    """Executions that realized a profit, fees counted."""
    losses: int = 0
    """Executions that realized a loss, fees counted."""
    gross_profit: Decimal = ZERO
    """Sum of what the winning executions realized."""
    gross_loss: Decimal = ZERO
    """Sum of what the losing executions realized."""
    fees: Decimal = ZERO
    """Fees paid; the gross figures are after them."""
    traded_value: Decimal = ZERO
    """Price times size of all executions."""
    max_drawdown: float = 0.0
    """Deepest fall below the highest equity before it, as a fraction."""
    from_ns: int | None = None
    """Time of the first record, UTC epoch nanoseconds; None before it."""
    to_ns: int | None = None
    """Time of the newest record."""
    equity: Decimal = ZERO
    _peak: Decimal = field(default=ZERO, repr=False)
    _next_ns: int = field(default=0, repr=False)
    _exposed: float = field(default=0.0, repr=False)
    _exposure: float = field(default=0.0, repr=False)

    def __post_init__(self) -> None:
        if not self.sample_s > 0:
            raise OptionError(f"sample_s must be above 0, not {self.sample_s}", option="sample_s")
        if self.most < 2:
            raise OptionError(f"most must be at least 2, not {self.most}", option="most")
        self.equity = self._peak = self.start_equity

    def look(self, now_ns: int, equity: Decimal, exposure: Decimal) -> None:
        """Take the account's state in; what is exposed counts from now until the next look.

        Parameters:
            now_ns: the time of the call, UTC epoch nanoseconds.
            equity: what the account is worth.
            exposure: what is held, by value.
        """
        if self.from_ns is None:
            self.from_ns = self.to_ns = now_ns
            self.curve.append(Sample(now_ns, float(self.start_equity)))
            self._next_ns = now_ns + round(self.sample_s * _NS)
        before_ns = self.to_ns or now_ns
        self._exposed += self._exposure * (now_ns - before_ns) / _NS
        while now_ns >= self._next_ns:
            self._sample(self._next_ns)
        self._exposure = float(exposure / equity) if equity > 0 else 0.0
        self.to_ns = now_ns
        self.equity = equity
        if equity > self._peak:
            self._peak = equity
        elif self._peak > 0:
            self.max_drawdown = max(self.max_drawdown, float((self._peak - equity) / self._peak))

    def _sample(self, at_ns: int) -> None:
        """Note the equity that stood at the end of an interval."""
        self.curve.append(Sample(at_ns, float(self.equity)))
        if len(self.curve) >= self.most:
            del self.curve[1::2]
            self.sample_s *= 2
        self._next_ns = self.curve[-1].at_ns + round(self.sample_s * _NS)
        if self._next_ns <= at_ns:
            self._next_ns = at_ns + round(self.sample_s * _NS)

    def count(self, fill: Fill, rate: Decimal = ONE) -> None:
        """Take an execution in.

        Parameters:
            fill: an execution.
            rate: what one unit of its currency is worth in the account's (default 1).
        """
        self.fills += 1
        fee = (fill.fee or ZERO) * rate
        self.fees += fee
        self.traded_value += (fill.price or ZERO) * fill.size * rate
        if fill.realized_pnl:
            gain = fill.realized_pnl * rate - fee
            if gain > 0:
                self.wins += 1
                self.gross_profit += gain
            else:
                self.losses += 1
                self.gross_loss -= gain

    @property
    def total_return(self) -> float:
        """Gain as a fraction of the equity at the beginning."""
        return float((self.equity - self.start_equity) / self.start_equity) if self.start_equity else 0.0

    @property
    def sharpe(self) -> float | None:
        """Mean of the returns between samples by their standard deviation, for a year of 365.25 days without a break.

        None for fewer than three returns, or returns that are all equal. No interest is taken off.
        """
        pairs = zip(self.curve, self.curve[1:], strict=False)
        returns = [(after.equity - before.equity) / before.equity for before, after in pairs if before.equity > 0]
        if len(returns) < 3:
            return None
        mean = math.fsum(returns) / len(returns)
        variance = math.fsum((value - mean) ** 2 for value in returns) / (len(returns) - 1)
        return mean / math.sqrt(variance) * math.sqrt(YEAR_S / self.sample_s) if variance > 0 else None

    @property
    def mean_exposure(self) -> float:
        """Exposure by equity, averaged over time: 1 is fully invested."""
        if self.from_ns is None or self.to_ns is None or self.to_ns <= self.from_ns:
            return 0.0
        return self._exposed / ((self.to_ns - self.from_ns) / _NS)
