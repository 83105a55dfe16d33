"""What an option is worth: Black's formula on the futures price, with its derivatives. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Worth", "black", "smile"]


@dataclass(frozen=True, slots=True)
class Worth:
    """Price and sensitivities of an option, in yen."""

    price: float
    """Fair price."""
    delta: float
    """Change of price for one yen of the underlying."""
    gamma: float
    """Change of delta for one yen of the underlying."""
    theta: float
    """Change of price in one calendar day."""
    vega: float
    """Change of price for one percentage point of volatility."""
    volatility: float
    """The volatility it was valued with (0.2 is 20 % a year)."""


def smile(moneyness: float) -> float:
    """Return the volatility (0.2 is 20 % a year) at a strike of ``moneyness`` times the futures price."""
    return 0.21 - 0.35 * (moneyness - 1.0) + 1.2 * (moneyness - 1.0) ** 2


def black(future: float, strike: float, years: float, volatility: float, *, is_call: bool) -> Worth:
    """Value an option on a futures price without interest.

    Parameters:
        future: futures price, yen.
        strike: strike price, yen.
        years: time to expiry.
        volatility: 0.2 is 20 % a year.
        is_call: True for a call.
    """
    years = max(years, 1.0 / 365 / 24)  # an hour: the formula has no value at expiry itself
    spread = volatility * math.sqrt(years)
    d1 = math.log(future / strike) / spread + spread / 2
    d2 = d1 - spread
    density = math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    sign = 1 if is_call else -1
    price = sign * (future * _normal(sign * d1) - strike * _normal(sign * d2))
    return Worth(
        price=price,
        delta=sign * _normal(sign * d1),
        gamma=density / (future * spread),
        theta=-future * density * volatility / (2 * math.sqrt(years)) / 365,
        vega=future * density * math.sqrt(years) / 100,
        volatility=volatility,
    )


def _normal(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2
