"""The books balance, to the last digit, whatever is traded."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsexample.errors import OptionError, StateError
from wsexample.paper.instruments import Instrument, Instruments
from wsexample.paper.ledger import EXACT, Ledger

D = Decimal
AMOUNTS = st.decimals(min_value="0.0000001", max_value="10000000", allow_nan=False, allow_infinity=False, places=9)
PRICES = AMOUNTS.filter(bool)
FILLS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "N225"]),
        st.sampled_from(["buy", "sell"]),
        PRICES,
        PRICES,
        st.decimals(min_value=-5, max_value=5, places=7),
        PRICES,
    ),
    max_size=60,
)


def ledger(**cash: object) -> Ledger:
    terms = [Instrument("B", currency="EUR"), Instrument("N225", currency="JPY", multiplier=D(100))]
    start = {name: D(str(amount)) for name, amount in (cash or {"USD": 10_000}).items()}
    return Ledger(start, Instruments("USD", terms))


@given(FILLS)
def test_the_books_balance_to_the_last_digit(fills: list[tuple[str, str, D, D, D, D]]) -> None:
    """Cash and positions at the mark = start + realized + unrealized - fees, in each currency, after every fill."""
    books = ledger(USD=10_000, JPY="1000000.5")
    for number, (symbol, side, price, size, fee, mark) in enumerate(fills):
        books.apply(symbol, side, price, size, fee, number)
        books.mark(symbol, mark)
        for currency in ("USD", "EUR", "JPY"):
            left = EXACT.add(books.cash.get(currency, D(0)), books.position_value(currency))
            start = books.start.get(currency, D(0))
            gained = EXACT.add(books.realized.get(currency, D(0)), books.unrealized(currency))
            assert left == EXACT.subtract(EXACT.add(start, gained), books.fees.get(currency, D(0)))
            assert books.imbalance(currency) == 0


@given(FILLS)
def test_a_closed_position_costs_nothing(fills: list[tuple[str, str, D, D, D, D]]) -> None:
    """Whoever sells exactly what is held has no position, no cost and no unrealized profit left."""
    books = ledger()
    for number, (symbol, side, price, size, fee, _) in enumerate(fills):
        books.apply(symbol, side, price, size, fee, number)
    for symbol, holding in list(books.holdings.items()):
        if holding.size:
            books.apply(symbol, "sell" if holding.size > 0 else "buy", D(7), abs(holding.size), D(0), 99)
        assert (holding.size, holding.cost, holding.unrealized) == (0, 0, 0)
    paid = sum(books.fees.values(), D(0))
    assert {name: EXACT.subtract(cash, books.start.get(name, D(0))) for name, cash in books.cash.items()} == {
        name: EXACT.subtract(gain, books.fees.get(name, D(0)))
        for name, gain in {**dict.fromkeys(books.cash, D(0)), **books.realized}.items()
    }, paid


def test_average_cost_and_profit() -> None:
    """Two buys average; a sale realizes its part; a sale beyond the position opens a short one."""
    books = ledger()
    books.apply("A", "buy", D(10), D(10), D(0), 1)
    books.apply("A", "buy", D(20), D(10), D(0), 2)
    assert books.holding("A").average_price == 15
    assert books.apply("A", "sell", D(18), D(5), D(0), 3) == 15
    assert books.apply("A", "sell", D(18), D(25), D(1), 4) == 45
    assert (books.size("A"), books.holding("A").average_price, books.fees["USD"]) == (-10, 18, 1)
    assert books.apply("A", "buy", D(16), D(10), D(0), 5) == 20
    assert books.cash["USD"] == 10_000 + 15 + 45 + 20 - 1


def test_a_multiplier_counts() -> None:
    """One point of a contract with multiplier 100 is worth 100."""
    books = ledger(JPY=10_000_000)
    books.apply("N225", "buy", D(38_000), D(1), D(0), 1)
    books.mark("N225", D(38_010))
    assert books.unrealized("JPY") == 1000


def test_currencies_add_up_by_their_rates() -> None:
    """Equity is in the currency of the account; converting money changes none of it."""
    books = ledger(USD=1000)
    books.set_rate("EUR", D("1.1"))
    books.convert("USD", "EUR", D(110), 1 / D("1.1"))
    assert abs(books.equity() - 1000) < D("1e-20")
    assert books.imbalance("EUR") == books.imbalance("USD") == 0


def test_a_missing_rate_is_named() -> None:
    """A currency without a rate is no silent zero."""
    books = ledger(USD=1000)
    books.deposit("EUR", D(5))
    with pytest.raises(StateError, match="no rate of EUR in USD"):
        books.equity()


@pytest.mark.parametrize(("side", "size"), [("hold", D(1)), ("buy", D(0)), ("sell", D(-1))])
def test_an_execution_that_makes_no_sense_is_refused(side: str, size: D) -> None:
    """Neither an unknown side nor a size that is not above 0 gets into the books."""
    with pytest.raises(OptionError):
        ledger().apply("A", side, D(1), size, D(0), 1)
