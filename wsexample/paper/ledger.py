"""The books of a paper account: cash, positions, average cost, profit realized and not, fees; to the last digit.

Pure. In every currency, at every moment and without rounding::

    cash + positions at the mark = start + transfers + realized + unrealized - fees

Only the part of a position's cost that a partial close takes along can need rounding, when it does not divide evenly; what
is rounded off stays in the cost of the rest, so that nothing is lost. `docs/paper.md` shows it by example.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext

from wsexample.errors import OptionError, StateError
from wsexample.paper.instruments import Instruments

__all__ = ["EXACT", "Holding", "Ledger"]

EXACT = Context(prec=400)
"""Wide enough for every sum and product here to be exact; a price of 30 digits times a size of 30 needs 60."""
_COST_PLACES = -12
ZERO = Decimal(0)


@dataclass(slots=True)
class Holding:
    """What is held of one symbol."""

    symbol: str
    currency: str
    multiplier: Decimal = Decimal(1)
    size: Decimal = ZERO
    """How much; negative is short."""
    cost: Decimal = ZERO
    """What it cost to open; negative for a short position, which brought money in."""
    mark_price: Decimal | None = None
    """Price at which it is valued: the newest one known."""
    realized: Decimal = ZERO
    """Profit realized so far, before fees."""
    fees: Decimal = ZERO
    """Fees paid so far."""
    opened_ns: int | None = None

    @property
    def average_price(self) -> Decimal | None:
        """Average price at which the position was opened; None without a position."""
        return self.cost / (self.size * self.multiplier) if self.size else None

    @property
    def value(self) -> Decimal:
        """Value at the mark; negative for a short position."""
        return EXACT.multiply(EXACT.multiply(self.size, self.mark_price or ZERO), self.multiplier)

    @property
    def unrealized(self) -> Decimal:
        """Profit at the mark that is not realized."""
        return EXACT.subtract(self.value, self.cost)


class Ledger:
    """Cash and positions of one account.

    Parameters:
        start: cash at the beginning, by currency.
        instruments: terms of the symbols.
    """

    def __init__(self, start: Mapping[str, Decimal], instruments: Instruments) -> None:
        self.start = dict(start)
        self.instruments = instruments
        self.cash: dict[str, Decimal] = dict(start)
        """Cash by currency; negative is borrowed."""
        self.transfers: dict[str, Decimal] = {}
        """What came and went by `convert` and `deposit`, by currency."""
        self.realized: dict[str, Decimal] = {}
        """Profit realized, before fees, by currency."""
        self.fees: dict[str, Decimal] = {}
        """Fees paid, by currency."""
        self.holdings: dict[str, Holding] = {}
        """What is or was held, by symbol."""
        self.rates: dict[str, Decimal] = {}
        """What one unit of a currency is worth in the account's."""

    @property
    def currencies(self) -> list[str]:
        """Every currency that the account has to do with."""
        return list(dict.fromkeys([*self.cash, *(holding.currency for holding in self.holdings.values())]))

    def holding(self, symbol: str) -> Holding:
        """Return what is held of a symbol, which may be nothing."""
        found = self.holdings.get(symbol)
        if found is None:
            terms = self.instruments[symbol]
            currency = self.instruments.currency_of(symbol)
            found = self.holdings[symbol] = Holding(symbol, currency, terms.multiplier)
        return found

    def size(self, symbol: str) -> Decimal:
        """Return the position of a symbol; negative is short, 0 is none."""
        found = self.holdings.get(symbol)
        return ZERO if found is None else found.size

    # -- what changes it -----------------------------------------------------------------------------------------

    def apply(self, symbol: str, side: str, price: Decimal, size: Decimal, fee: Decimal, now_ns: int) -> Decimal:
        """Enter one execution.

        Parameters:
            symbol: what was traded.
            side: "buy" or "sell".
            price, size: of the execution; the size above 0.
            fee: what it cost, in the currency of the symbol; negative is a rebate.
            now_ns: when it happened.

        Returns:
            The profit that it realized, before the fee.
        """
        if side not in ("buy", "sell"):
            raise OptionError(f"side must be 'buy' or 'sell', not {side!r}", option="side")
        if size <= 0:
            raise OptionError(f"the size of an execution must be above 0, not {size}", option="size")
        with localcontext(EXACT):
            holding = self.holding(symbol)
            signed = size if side == "buy" else -size
            unit = price * holding.multiplier
            realized = ZERO
            if holding.size and (holding.size > 0) != (signed > 0):
                closed = min(size, abs(holding.size))
                portion = _portion(holding.cost, closed, abs(holding.size))
                realized = (closed if holding.size > 0 else -closed) * unit - portion
                holding.cost -= portion
                holding.size += closed if signed > 0 else -closed
                signed += -closed if signed > 0 else closed
                if not holding.size:
                    holding.opened_ns = None
            if signed:
                if not holding.size:
                    holding.opened_ns = now_ns
                holding.size += signed
                holding.cost += signed * unit
            if holding.mark_price is None:
                holding.mark_price = price
            holding.realized += realized
            holding.fees += fee
            paid = size * unit if side == "buy" else -size * unit
            _add(self.cash, holding.currency, -paid - fee)
            _add(self.realized, holding.currency, realized)
            _add(self.fees, holding.currency, fee)
            return realized

    def mark(self, symbol: str, price: Decimal) -> None:
        """Value a symbol at a new price; costs nothing for one that was never traded."""
        found = self.holdings.get(symbol)
        if found is not None:
            found.mark_price = price

    def set_rate(self, currency: str, rate: Decimal) -> None:
        """Say what one unit of a currency is worth in the account's currency."""
        if not rate > 0:
            raise OptionError(f"the rate of {currency} must be above 0, not {rate}", option="rate")
        self.rates[currency] = rate

    def deposit(self, currency: str, amount: Decimal) -> None:
        """Add cash, or take it away when negative."""
        with localcontext(EXACT):
            _add(self.cash, currency, amount)
            _add(self.transfers, currency, amount)

    def convert(self, source: str, target: str, amount: Decimal, rate: Decimal) -> None:
        """Change cash of one currency into another: ``amount`` of the source becomes ``amount * rate`` of the target."""
        with localcontext(EXACT):
            self.deposit(source, -amount)
            self.deposit(target, amount * rate)

    # -- what it says --------------------------------------------------------------------------------------------

    def position_value(self, currency: str) -> Decimal:
        """Return the value of all positions of a currency at the mark."""
        return self._sum(currency, "value")

    def unrealized(self, currency: str) -> Decimal:
        """Return the profit of all positions of a currency that is not realized."""
        return self._sum(currency, "unrealized")

    def _sum(self, currency: str, name: str) -> Decimal:
        total = ZERO
        for holding in self.holdings.values():
            if holding.currency == currency and holding.size:
                total = EXACT.add(total, getattr(holding, name))
        return total

    def equity_of(self, currency: str) -> Decimal:
        """Return cash and positions at the mark, in one currency."""
        return EXACT.add(self.cash.get(currency, ZERO), self.position_value(currency))

    def equity(self) -> Decimal:
        """Return cash and positions at the mark, in the currency of the account.

        Raises:
            StateError: a currency is held of which no rate is known.
        """
        total = ZERO
        for currency in self.currencies:
            amount = self.equity_of(currency)
            if amount:
                total = EXACT.add(total, EXACT.multiply(amount, self.rate(currency)))
        return total

    def exposure(self) -> Decimal:
        """Return the value of all positions, long and short added up, in the currency of the account."""
        total = ZERO
        for holding in self.holdings.values():
            if holding.size:
                total = EXACT.add(total, EXACT.multiply(abs(holding.value), self.rate(holding.currency)))
        return total

    def rate(self, currency: str) -> Decimal:
        """Return what one unit of a currency is worth in the account's.

        Raises:
            StateError: it is not known.
        """
        if currency == self.instruments.currency:
            return Decimal(1)
        found = self.rates.get(currency)
        if found is None:
            raise StateError(
                f"no rate of {currency} in {self.instruments.currency} is known: give one with set_rate({currency!r}, ...)"
            )
        return found

    def imbalance(self, currency: str) -> Decimal:
        """Return by how much the books of a currency do not balance: always exactly 0."""
        with localcontext(EXACT):
            right = (
                self.start.get(currency, ZERO)
                + self.transfers.get(currency, ZERO)
                + self.realized.get(currency, ZERO)
                + self.unrealized(currency)
                - self.fees.get(currency, ZERO)
            )
            return self.equity_of(currency) - right


def _portion(cost: Decimal, closed: Decimal, size: Decimal) -> Decimal:
    """Return the part of a cost that belongs to the part of a position that is closed."""
    if closed == size:
        return cost
    exponent = cost.as_tuple().exponent
    places = min(_COST_PLACES, exponent if isinstance(exponent, int) else 0)
    return (cost * closed / size).quantize(Decimal(1).scaleb(places))


def _add(amounts: dict[str, Decimal], currency: str, amount: Decimal) -> None:
    amounts[currency] = amounts.get(currency, ZERO) + amount
