"""Promises of the order book."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wsexample.brokers.kabu.simulator.book import OrderBook

orders = st.lists(
    st.tuples(st.booleans(), st.integers(90, 110), st.integers(1, 50)),  # is it a purchase, price, quantity
    max_size=60,
)


def waiting(book: OrderBook) -> int:
    return book.asks.total + book.bids.total + book.market_buy + book.market_sell


@given(orders=orders)
def test_continuous_trading_never_leaves_a_crossed_book(orders: list[tuple[bool, int, int]]) -> None:
    """Whatever limit orders come, the best buyer stays below the best seller, and no quantity is lost."""
    book = OrderBook()
    traded = 0
    for is_buy, price, quantity in orders:
        fills = book.limit(is_buy, price, quantity)
        assert all((done <= price) if is_buy else (done >= price) for done, _ in fills)
        traded += sum(done for _, done in fills)
        assert not book.is_crossed
    assert waiting(book) + 2 * traded == sum(quantity for _, _, quantity in orders)


@given(orders=orders, buy=st.integers(0, 100), sell=st.integers(0, 100))
def test_an_auction_trades_the_most_and_leaves_a_resting_book(
    orders: list[tuple[bool, int, int]], buy: int, sell: int
) -> None:
    """No price would trade more than the auction's, and nothing that meets is left behind."""
    book = OrderBook()
    for is_buy, price, quantity in orders:
        book.side(is_buy).add(price, quantity)
    book.market_buy, book.market_sell = buy, sell
    auction = book.auction(100)

    def tradable(price: int) -> int:
        wanted = buy + sum(q for is_buy, p, q in orders if is_buy and p >= price)
        offered = sell + sum(q for is_buy, p, q in orders if not is_buy and p <= price)
        return min(wanted, offered)

    most = max((tradable(price) for _, price, _ in orders), default=0)
    assert (auction.quantity if auction else 0) == most
    if auction:
        assert tradable(auction.price) == most
        book.execute(auction)
    book.lapse_market_orders()
    assert not book.is_crossed


def test_an_auction_prefers_the_price_closest_to_the_last_one() -> None:
    """Where several prices trade as much with as little left over, the last price decides."""
    book = OrderBook()
    book.bids.add(105, 10)
    book.asks.add(95, 10)
    high, low = book.auction(104), book.auction(96)
    assert high is not None
    assert low is not None
    assert (high.price, low.price) == (105, 95)


@given(orders=orders)
def test_totals_are_sums_of_levels(orders: list[tuple[bool, int, int]]) -> None:
    """A side's total is what its levels hold, levels are never empty, prices stay sorted."""
    book = OrderBook()
    for is_buy, price, quantity in orders:
        book.limit(is_buy, price, quantity)
        book.asks.remove(price, quantity // 2)
    for side in (book.asks, book.bids):
        assert side.total == sum(side.quantities.values())
        assert side.prices == sorted(side.quantities)
        assert all(quantity > 0 for quantity in side.quantities.values())


def test_market_orders_take_the_best_first() -> None:
    """A market order works outwards through the levels; what finds nobody lapses."""
    book = OrderBook()
    book.asks.add(101, 5)
    book.asks.add(103, 5)
    assert book.market(True, 7) == [(101, 5), (103, 2)]
    assert book.market(True, 9) == [(103, 3)]
    assert book.asks.best is None
