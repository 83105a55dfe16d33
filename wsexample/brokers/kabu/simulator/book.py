"""An order book by price level: limit orders rest, market orders trade, auctions find one price. Pure integers.

Prices are sen, quantities shares or contracts. Most of what rests belongs to strangers and is known by level only; a
`Guest` is an order that somebody wants to hear of: it has a place in the queue of its level. Who sends orders, and
when, is the flow's and the floor's matter.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Auction", "Fill", "Guest", "GuestFill", "OrderBook", "Side"]

Fill = tuple[int, int]
"""Price and quantity of an execution."""


class Guest:
    """An order in the book that somebody wants to hear of.

    Parameters:
        owner: whose it is; the book only hands it back.
        quantity: how much waits.
        ahead: strangers' quantity that is served before it.
    """

    __slots__ = ("ahead", "owner", "quantity")

    def __init__(self, owner: object, quantity: int, ahead: int) -> None:
        self.owner = owner
        self.quantity = quantity
        self.ahead = ahead


class GuestFill(NamedTuple):
    """An execution of a guest."""

    guest: Guest
    """Whose."""
    price: int
    """At which price, sen."""
    quantity: int
    """How much of it."""


class _Queue:
    """Guests of one level, or of the market orders on one side, in order of time."""

    __slots__ = ("guests",)

    def __init__(self) -> None:
        self.guests: list[Guest] = []

    @property
    def total(self) -> int:
        """What waits of all guests."""
        return sum(guest.quantity for guest in self.guests)

    def serve(self, price: int, quantity: int) -> list[GuestFill]:
        """Execute a quantity, strangers ahead of a guest first."""
        fills = []
        for guest in list(self.guests):
            strangers = min(guest.ahead, quantity)
            quantity -= strangers
            for each in self.guests:
                each.ahead -= min(each.ahead, strangers)
            done = min(guest.quantity, quantity)
            if not done:
                break
            guest.quantity -= done
            quantity -= done
            fills.append(GuestFill(guest, price, done))
            if not guest.quantity:
                self.guests.remove(guest)
        return fills

    def strangers_left(self, quantity: int) -> None:
        """Say that strangers have gone: as long as possible those behind."""
        for guest in self.guests:
            guest.ahead = min(guest.ahead, quantity)


class Side:
    """One side of the book: price levels and what waits on each.

    Parameters:
        is_buy: whether the highest price is the best.
    """

    __slots__ = ("guest_fills", "is_buy", "prices", "quantities", "queues", "total")

    def __init__(self, is_buy: bool) -> None:
        self.is_buy = is_buy
        self.queues: dict[int, _Queue] = {}
        """Price -> guests that wait there; their quantities are part of the level's."""
        self.guest_fills: list[GuestFill] = []
        """Executions of guests that nobody has been told of."""
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

    def add_guest(self, price: int, quantity: int, owner: object) -> Guest:
        """Let an order rest that somebody wants to hear of."""
        queue = self.queues.setdefault(price, _Queue())
        guest = Guest(owner, quantity, self.quantities.get(price, 0) - queue.total)
        queue.guests.append(guest)
        self.add(price, quantity)
        return guest

    def withdraw(self, price: int, guest: Guest) -> None:
        """Take a guest out of the book; harmless when it is no longer there."""
        queue = self.queues.get(price)
        if queue is not None and guest in queue.guests:
            queue.guests.remove(guest)
            self._shrink(price, guest.quantity)

    def remove(self, price: int, quantity: int) -> int:
        """Take up to this quantity of strangers away from a level; returns how much it was."""
        queue = self.queues.get(price)
        strangers = self.quantities.get(price, 0) - (queue.total if queue is not None else 0)
        quantity = min(quantity, strangers)
        if queue is not None:
            queue.strangers_left(strangers - quantity)
        self._shrink(price, quantity)
        return quantity

    def _shrink(self, price: int, quantity: int) -> None:
        left = self.quantities.get(price, 0) - quantity
        if left > 0:
            self.quantities[price] = left
        elif price in self.quantities:
            del self.quantities[price]
            del self.prices[bisect_left(self.prices, price)]
        queue = self.queues.get(price)
        if queue is not None and not queue.guests:
            del self.queues[price]
        self.total -= quantity

    def take(self, quantity: int, limit: int | None = None, *, at: int | None = None) -> list[Fill]:
        """Execute against the best levels, up to a quantity and no worse than a limit.

        Parameters:
            quantity: how much at the most.
            limit: worst price.
            at: the one price of an auction, at which guests are executed; None for each level's own.
        """
        fills: list[Fill] = []
        while quantity > 0 and (price := self.best) is not None:
            if limit is not None and (price < limit if self.is_buy else price > limit):
                break
            done = min(quantity, self.quantities[price])
            queue = self.queues.get(price)
            if queue is not None:
                self.guest_fills += queue.serve(price if at is None else at, done)
            self._shrink(price, done)
            fills.append((price, done))
            quantity -= done
        return fills

    def quantity_within(self, limit: int | None) -> int:
        """Return what waits no worse than a limit."""
        if limit is None:
            return self.total
        return sum(
            waiting for price, waiting in self.quantities.items() if (price >= limit if self.is_buy else price <= limit)
        )

    def clear(self) -> None:
        """Forget every order; whoever has guests there must bring them again."""
        self.queues.clear()
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

    __slots__ = ("_market_queues", "asks", "bids", "market_buy", "market_sell")

    def __init__(self) -> None:
        self.asks = Side(is_buy=False)
        self.bids = Side(is_buy=True)
        self.market_sell = 0
        """Market orders to sell that wait for an auction."""
        self.market_buy = 0
        """Market orders to buy that wait for an auction."""
        self._market_queues = {True: _Queue(), False: _Queue()}

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
        for side, waiting in ((self.bids, self.market_buy), (self.asks, self.market_sell)):
            at_market = min(auction.quantity, waiting)
            side.guest_fills += self._market_queues[side.is_buy].serve(auction.price, at_market)
            side.take(auction.quantity - at_market, limit=auction.price, at=auction.price)
        self.lapse_market_orders()

    def wait_at_market(self, is_buy: bool, quantity: int, owner: object) -> Guest:
        """Let a market order wait for an auction that somebody wants to hear of."""
        queue = self._market_queues[is_buy]
        waiting = self.market_buy if is_buy else self.market_sell
        guest = Guest(owner, quantity, waiting - queue.total)
        queue.guests.append(guest)
        self._add_market(is_buy, quantity)
        return guest

    def withdraw_from_market(self, is_buy: bool, guest: Guest) -> None:
        """Take a market order back that waits for an auction; harmless when it is no longer there."""
        queue = self._market_queues[is_buy]
        if guest in queue.guests:
            queue.guests.remove(guest)
            self._add_market(is_buy, -guest.quantity)

    def _add_market(self, is_buy: bool, quantity: int) -> None:
        if is_buy:
            self.market_buy += quantity
        else:
            self.market_sell += quantity

    def guests(self) -> list[Guest]:
        """Return every guest, those that wait for an auction at market included."""
        queues = [*self.bids.queues.values(), *self.asks.queues.values(), *self._market_queues.values()]
        return [guest for queue in queues for guest in queue.guests]

    def take_guest_fills(self) -> list[GuestFill]:
        """Return the executions of guests since the last call, in order."""
        fills = self.bids.guest_fills + self.asks.guest_fills
        self.bids.guest_fills, self.asks.guest_fills = [], []
        return fills

    def lapse_market_orders(self) -> None:
        """Forget market orders that found nobody."""
        self.market_buy = self.market_sell = 0
        for queue in self._market_queues.values():
            queue.guests.clear()

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
