"""An order book by price level: limit orders rest, market orders trade, auctions find one price. Pure integers.

Prices are sen, quantities shares or contracts. Who sends orders, and when, is the flow's matter.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Auction", "Fill", "OrderBook", "Side"]

Fill = tuple[int, int]
"""Price and quantity of an execution."""


class Side:
    """One side of the book: price levels and what waits on each.

    Parameters:
        is_buy: whether the highest price is the best.
    """

    __slots__ = ("is_buy", "prices", "quantities", "total")

    def __init__(self, is_buy: bool) -> None:
        self.is_buy = is_buy
        self.prices: list[int] = []
        """Prices with something waiting, ascending."""
        self.quantities: dict[int, int] = {}
        """Price -> quantity, always positive."""
        self.total = 0
        """Sum of all quantities."""

    @property
    def best(self) -> int | None:
        """The best price, None when the side is empty."""
        prices = self.prices
        if not prices:
            return None
        return prices[-1] if self.is_buy else prices[0]

    def best_first(self, count: int | None = None) -> list[int]:
        """Return prices from the best outwards, all or the first few."""
        if self.is_buy:
            return self.prices[::-1] if count is None else self.prices[: -count - 1 : -1]
        return self.prices if count is None else self.prices[:count]

    def add(self, price: int, quantity: int) -> None:
        """Let an order rest."""
        if price in self.quantities:
            self.quantities[price] += quantity
        else:
            insort(self.prices, price)
            self.quantities[price] = quantity
        self.total += quantity

    def remove(self, price: int, quantity: int) -> int:
        """Take up to this quantity away from a level; returns how much it was."""
        waiting = self.quantities.get(price, 0)
        if quantity >= waiting:
            if waiting:
                del self.quantities[price]
                del self.prices[bisect_left(self.prices, price)]
            quantity = waiting
        else:
            self.quantities[price] = waiting - quantity
        self.total -= quantity
        return quantity

    def take(self, quantity: int, limit: int | None = None) -> list[Fill]:
        """Execute against the best levels, up to a quantity and no worse than a limit."""
        fills: list[Fill] = []
        while quantity > 0 and (price := self.best) is not None:
            if limit is not None and (price < limit if self.is_buy else price > limit):
                break
            done = self.remove(price, quantity)
            fills.append((price, done))
            quantity -= done
        return fills

    def clear(self) -> None:
        """Forget every order."""
        self.prices.clear()
        self.quantities.clear()
        self.total = 0


@dataclass(frozen=True, slots=True)
class Auction:
    """What a call auction (itayose) would do now."""

    price: int
    """The one price, sen."""
    quantity: int
    """What would trade."""


class OrderBook:
    """Both sides, and the market orders that wait for an auction."""

    __slots__ = ("asks", "bids", "market_buy", "market_sell")

    def __init__(self) -> None:
        self.asks = Side(is_buy=False)
        self.bids = Side(is_buy=True)
        self.market_sell = 0
        """Market orders to sell that wait for an auction."""
        self.market_buy = 0
        """Market orders to buy that wait for an auction."""

    def side(self, is_buy: bool) -> Side:
        """Return the side on which an order of this direction rests."""
        return self.bids if is_buy else self.asks

    @property
    def is_crossed(self) -> bool:
        """Whether somebody bids at least what somebody asks; only before an auction."""
        bid, ask = self.bids.best, self.asks.best
        return bid is not None and ask is not None and bid >= ask

    def would_trade(self, is_buy: bool, price: int) -> bool:
        """Tell whether a limit order at this price would find somebody at once."""
        other = self.side(not is_buy).best
        return other is not None and (price >= other if is_buy else price <= other)

    def limit(self, is_buy: bool, price: int, quantity: int) -> list[Fill]:
        """Trade what crosses and let the rest wait (continuous trading)."""
        fills = self.side(not is_buy).take(quantity, limit=price)
        rest = quantity - sum(done for _, done in fills)
        if rest:
            self.side(is_buy).add(price, rest)
        return fills

    def market(self, is_buy: bool, quantity: int) -> list[Fill]:
        """Trade against the other side; what finds nobody lapses."""
        return self.side(not is_buy).take(quantity)

    def auction(self, reference: int) -> Auction | None:
        """Find the price at which most would trade; None when nothing would.

        Parameters:
            reference: last price: of several prices that trade as much with as little left over, the one closest
                to it wins.
        """
        prices = sorted({*self.asks.prices, *self.bids.prices})
        if not prices:
            return None
        offered = _running(prices, self.asks.quantities, self.market_sell)
        wanted = _running(prices[::-1], self.bids.quantities, self.market_buy)[::-1]
        best: tuple[int, int, int, int] | None = None
        for price, sell, buy in zip(prices, offered, wanted, strict=True):
            row = (min(sell, buy), -abs(sell - buy), -abs(price - reference), -price)
            if best is None or row > best:
                best = row
        assert best is not None
        return Auction(-best[3], best[0]) if best[0] > 0 else None

    def execute(self, auction: Auction) -> None:
        """Trade at the auction's price: market orders first, then the best limits; unfilled market orders lapse.

        The book rests afterwards: were a bid and an ask left that meet, a better price would have been found.
        """
        self.bids.take(max(auction.quantity - self.market_buy, 0), limit=auction.price)
        self.asks.take(max(auction.quantity - self.market_sell, 0), limit=auction.price)
        self.lapse_market_orders()

    def lapse_market_orders(self) -> None:
        """Forget market orders that found nobody."""
        self.market_buy = self.market_sell = 0

    def clear(self) -> None:
        """Forget every order."""
        self.asks.clear()
        self.bids.clear()
        self.lapse_market_orders()


def _running(prices: Iterable[int], quantities: dict[int, int], start: int) -> list[int]:
    total = start
    sums = []
    for price in prices:
        total += quantities.get(price, 0)
        sums.append(total)
    return sums
