"""Market records and venues for the tests of paper trading."""

from __future__ import annotations

from decimal import Decimal

from wsexample.paper.instruments import Instrument
from wsexample.paper.matching import Fees, Fills
from wsexample.paper.risk import Limits
from wsexample.paper.venue import PaperVenue
from wsexample.records.market import Book, Level, Quote, Trade
from wsexample.records.orders import Fill, OrderRequest

S = 10**9


def quote(bid: float, ask: float, *, size: float = 10, at_s: float = 0, symbol: str = "A") -> Quote:
    """A quote with the same size on both sides."""
    return Quote(
        venue="t",
        symbol=symbol,
        received_ns=round(at_s * S),
        bid_price=bid,
        bid_size=size,
        ask_price=ask,
        ask_size=size,
    )


def book(bids: list[tuple[float, float]], asks: list[tuple[float, float]], *, at_s: float = 0) -> Book:
    """A book of (price, size), best first."""
    return Book(
        venue="t",
        symbol="A",
        received_ns=round(at_s * S),
        bids=tuple(Level(*level) for level in bids),
        asks=tuple(Level(*level) for level in asks),
    )


def trade(price: float, size: float = 1, *, at_s: float = 0, aggressor: str | None = None, symbol: str = "A") -> Trade:
    """A print."""
    return Trade(venue="t", symbol=symbol, received_ns=round(at_s * S), price=price, size=size, aggressor=aggressor)


def order(side: str = "buy", size: object = 1, **facts: object) -> OrderRequest:
    """An order for A, good till canceled; prices may be text."""
    given = {
        name: Decimal(str(value)) if name.endswith(("price", "percent", "notional")) else value
        for name, value in facts.items()
    }
    kind = "market"
    if "limit_price" in given:
        kind = "limit"
    if "stop_price" in given:
        kind = "stop_limit" if "limit_price" in given else "stop"
    given = {"symbol": "A", "order_type": kind, "time_in_force": "gtc", **given}
    return OrderRequest(side=side, size=None if size is None else Decimal(str(size)), **given)  # type: ignore[arg-type]


def venue(
    cash: object = 1_000_000,
    *,
    instruments: tuple[Instrument, ...] = (),
    fees: Fees | None = None,
    limits: Limits | None = None,
    seed: int = 0,
    history: int = 10_000,
    **fills: object,
) -> PaperVenue:
    """A venue with an account in USD."""
    return PaperVenue(
        {"USD": Decimal(str(cash))},
        "USD",
        instruments=instruments,
        fills=Fills(**fills),  # type: ignore[arg-type]
        fees=fees,
        limits=limits,
        seed=seed,
        history=history,
    )


def fills_of(made: PaperVenue) -> list[tuple[float, float]]:
    """What was filled since the last look: (price, size)."""
    return [(float(fill.price or 0), float(fill.size)) for fill in made.take_outbox() if isinstance(fill, Fill)]
