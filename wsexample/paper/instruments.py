"""What can be traded on paper: currency, tick size, lot size and multiplier of each symbol."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from wsexample.errors import OptionError

__all__ = ["Instrument", "Instruments"]

SMALLEST_SIZE = Decimal("0.000000001")
"""To what a size is rounded down that was asked for in money, where the instrument names no lot size."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """Terms of one symbol.

    Parameters:
        symbol: as its records spell it.
        currency: in which it is quoted and settled; None is the currency of the account.
        tick_size: smallest step of its price; None for any.
        lot_size: smallest step of a size; None for any.
        multiplier: money that one unit of price is worth for one unit of size (default 1; 100 for a Nikkei 225 mini).

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    symbol: str
    currency: str | None = None
    tick_size: Decimal | None = None
    lot_size: Decimal | None = None
    multiplier: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        for name in ("tick_size", "lot_size", "multiplier"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise OptionError(f"{name} of {self.symbol} must be above 0, not {value}", option=name)

    def size_for(self, money: Decimal, price: Decimal) -> Decimal:
        """Return how much an amount of money buys, rounded down to whole lots.

        Parameters:
            price: at which price.
        """
        lot = self.lot_size or SMALLEST_SIZE
        return (money / (price * self.multiplier) / lot).to_integral_value(ROUND_DOWN) * lot


class Instruments:
    """The terms of every symbol; what is not named has the plain terms.

    Parameters:
        currency: currency of instruments that name none.
        known: instruments with terms of their own.
    """

    def __init__(self, currency: str, known: Iterable[Instrument] = ()) -> None:
        self.currency = currency
        self._known = {instrument.symbol: instrument for instrument in known}

    def __getitem__(self, symbol: str) -> Instrument:
        found = self._known.get(symbol)
        if found is None:
            found = self._known[symbol] = Instrument(symbol)
        return found

    def currency_of(self, symbol: str) -> str:
        """Return in which currency a symbol is quoted."""
        return self[symbol].currency or self.currency
