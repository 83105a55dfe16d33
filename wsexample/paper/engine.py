"""`PaperTradingEngine`: a broker that costs nothing, behind the same gateway as a real one.

A strategy takes an iterator of records and an `wsexample.ports.OrderGateway`; which session, tape or broker they belong to is
one line of its caller::

    engine = PaperTradingEngine(100_000)
    await trade(engine.watch(session), engine)      # on paper, live prices
    await trade(engine.watch(tape), engine)         # on paper, yesterday's prices
    await trade(session, AlpacaTradingRest())       # with money
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping
from contextlib import aclosing
from decimal import Decimal
from typing import Any

from wsexample.errors import OptionError, OrderRejectedError
from wsexample.paper.instruments import Instrument
from wsexample.paper.market import exactly
from wsexample.paper.matching import Fees, Fills
from wsexample.paper.performance import Performance
from wsexample.paper.register import HISTORY
from wsexample.paper.risk import Limits
from wsexample.paper.signals import SMA, Crossover, Signal
from wsexample.paper.venue import PaperVenue
from wsexample.ports import OrderGateway
from wsexample.records.market import Bar, Board, Quote, Record, Ticker, Trade
from wsexample.records.orders import Account, Fill, Order, OrderRequest, Position

__all__ = ["PaperTradingEngine"]

ZERO = Decimal(0)
Number = int | str | Decimal | float


class PaperTradingEngine(OrderGateway):
    """Trades on paper, as an `wsexample.ports.OrderGateway`.

    Parameters:
        initial_balance: cash at the beginning: one amount, or amounts by currency (default 10,000).
        currency: currency of the account (default "USD").
        instruments: symbols with a currency, tick size, lot size or multiplier of their own.
        fills: what fills are simulated from; see `Fills`.
        fees: what they cost; see `Fees`.
        limits: what the account may do; see `Limits`.
        seed: of everything that is drawn by lot (default 0).
        order_fraction: part of the equity that `execute_buy` spends when it is told no size (default 0.1).
        sample_s: seconds between two points of the equity curve (default 60).
        history: orders that have ended and can still be asked for (default 10,000); open ones always can.

    Raises:
        OptionError: an amount that makes no sense.
    """

    venue = "paper"

    def __init__(
        self,
        initial_balance: Number | Mapping[str, Number] = 10_000,
        currency: str = "USD",
        *,
        instruments: Iterable[Instrument] = (),
        fills: Fills | None = None,
        fees: Fees | None = None,
        limits: Limits | None = None,
        seed: int = 0,
        order_fraction: Number = "0.1",
        sample_s: float = 60.0,
        history: int = HISTORY,
    ) -> None:
        amounts = initial_balance if isinstance(initial_balance, Mapping) else {currency: initial_balance}
        start = {name: _amount(amount, "initial_balance") for name, amount in amounts.items()}
        if any(amount < 0 for amount in start.values()) or not start.get(currency, ZERO) > 0:
            raise OptionError(
                f"initial_balance must be above 0 in {currency} and nowhere negative, not {initial_balance}",
                option="initial_balance",
            )
        self.order_fraction = _amount(order_fraction, "order_fraction")
        if not 0 < self.order_fraction <= 1:
            raise OptionError(
                f"order_fraction must be above 0 and at most 1, not {order_fraction}", option="order_fraction"
            )
        self.exchange = PaperVenue(
            start,
            currency,
            instruments=instruments,
            fills=fills,
            fees=fees,
            limits=limits,
            seed=seed,
            history=history,
        )
        """The simulated venue: market views, orders, books, kill switch."""
        self.performance = Performance(start[currency], sample_s)
        """How the account has done so far."""
        self.refused = 0
        """Orders that were refused."""
        self._signals: dict[str, Crossover] = {}
        self._has_begun = False

    def __repr__(self) -> str:
        return (
            f"<PaperTradingEngine {self.performance.equity:f} {self.exchange.currency}, {self.performance.fills} fills>"
        )

    # -- records -------------------------------------------------------------------------------------------------

    def feed(self, record: Record) -> list[Record]:
        """Let one market record move the simulated market.

        Returns:
            What happened to orders and positions since the last call: `Order`, `Fill` and `Position`, in order.
        """
        if not isinstance(record, (Order, Fill, Position, Account)):
            self.exchange.see(record)
            self._has_begun = True
        return self.take_told()

    def take_told(self) -> list[Record]:
        """Return what has happened to orders and positions since the last call, after the last record too."""
        exchange = self.exchange
        told = exchange.take_outbox()
        for one in told:
            if isinstance(one, Fill):
                self.performance.count(one, exchange.ledger.rate(one.fee_currency or exchange.currency))
        if self._has_begun:  # before the first record there is no time
            self.performance.look(exchange.now_ns, exchange.ledger.equity(), exchange.ledger.exposure())
        return told

    async def watch(self, records: AsyncIterable[Record]) -> AsyncGenerator[Record, None]:
        """Iterate over market records while they move the market, each followed by what happens to orders.

        An order that is sent on seeing a record meets the market as that record shows it; with latency, a later one.

        Parameters:
            records: of a session, a tape or any other source.
        """
        async for record in records:
            told = self.feed(record)
            yield record
            told += self.take_told()
            while told:
                for one in told:
                    yield one
                told = self.take_told()

    # -- OrderGateway --------------------------------------------------------------------------------------------

    async def submit_order(self, request: OrderRequest) -> Order:
        """Send an order; returns it as it stands.

        Parameters:
            request: the order that is wanted.

        Raises:
            OrderRejectedError: it makes no sense, or a limit forbids it.
        """
        return self._submit(request)

    async def cancel_order(self, order_id: str) -> None:
        """Ask for an order to be canceled; an `Order` record tells what became of it.

        Parameters:
            order_id: the engine's identifier of the order, as in `Order.order_id`.

        Raises:
            RequestError: there is no such order.
        """
        self.exchange.cancel(order_id)

    async def replace_order(
        self,
        order_id: str,
        *,
        size: Decimal | None = None,
        limit_price: Decimal | None = None,
        stop_price: Decimal | None = None,
    ) -> Order:
        """Change an order; returns the new one that takes its place.

        Parameters:
            order_id: the engine's identifier of the order, as in `Order.order_id`.
            size: how much, with what is filled already; None leaves it as it is.
            limit_price: worst price; None leaves it as it is.
            stop_price: price at which it begins to work; None leaves it as it is.

        Raises:
            RequestError: there is no such order, it has ended, or as much is filled already.
            OrderRejectedError: the new one is refused; the old one stays.
        """
        return self.exchange.replace(order_id, size=size, limit_price=limit_price, stop_price=stop_price)

    async def fetch_order(self, order_id: str) -> Order:
        """Return an order as it stands.

        Parameters:
            order_id: the engine's identifier of the order, as in `Order.order_id`.

        Raises:
            RequestError: there is no such order, or it has ended and was forgotten since.
        """
        return self.exchange.order(order_id)

    async def fetch_orders(self, status: str = "open") -> list[Order]:
        """Return orders, oldest first: "open", "closed" or "all"; of those that have ended, the last ``history``.

        Parameters:
            status: "open" (default), "closed" or "all".

        Raises:
            OptionError: another status.
        """
        if status == "open":
            return self.exchange.open_orders()
        if status not in ("closed", "all"):
            raise OptionError(f"status must be 'open', 'closed' or 'all', not {status!r}", option="status")
        orders = [self.exchange.order(order_id) for order_id in self.exchange.orders]
        return [order for order in orders if status == "all" or not order.is_open]

    async def fetch_positions(self) -> list[Position]:
        """Return what is held."""
        return self.exchange.positions()

    async def fetch_account(self) -> Account:
        """Return the account."""
        return self.exchange.account()

    def _submit(self, request: OrderRequest) -> Order:
        try:
            return self.exchange.submit(request)
        except OrderRejectedError:
            self.refused += 1
            raise

    # -- the simple way ------------------------------------------------------------------------------------------

    async def simulate_trading(self, records: AsyncIterable[Record], *, count: int | None = None) -> Performance:
        """Trade by `generate_signal` until the records end.

        Parameters:
            records: market records, of a session or a tape.
            count: stop after this many; None for all.

        Returns:
            How the account has done.
        """
        seen = 0
        async with aclosing(self.watch(records)) as watched:
            async for record in watched:
                if isinstance(record, (Order, Fill, Position)):
                    continue
                self.follow(record)
                seen += 1
                if seen == count:
                    break
        return self.performance

    def follow(self, record: Record) -> None:
        """Trade by `generate_signal` on one record: buy where nothing is held, sell everything that is held.

        A refusal is counted in `refused` and told as a record; it ends nothing.
        """
        price = None if record.venue == self.venue else price_of(record)
        if price is None:
            return
        symbol = record.symbol
        signal = self.generate_signal(symbol, price)
        try:
            if signal == "buy" and not self.exchange.ledger.size(symbol):
                self.execute_buy(symbol)
            elif signal == "sell" and self.exchange.ledger.size(symbol) > 0:
                self.execute_sell(symbol)
        except OrderRejectedError:
            return

    def generate_signal(self, symbol: str, price: float) -> Signal:
        """Return "buy", "sell" or None for a new price; override it with your own idea.

        As it is, the average of the last 5 prices crossing that of the last 20.

        Parameters:
            symbol: the venue's symbol.
        """
        crossover = self._signals.get(symbol)
        if crossover is None:
            crossover = self._signals[symbol] = Crossover(SMA(5), SMA(20))
        return crossover.update(price)

    def execute_buy(self, symbol: str, size: Number | None = None, *, limit_price: Number | None = None) -> Order:
        """Buy at market, or at most at ``limit_price``; without a size, for ``order_fraction`` of the equity.

        Parameters:
            symbol: the venue's symbol.

        Raises:
            OrderRejectedError: a limit forbids it, or nothing is known of the price yet.
        """
        notional = None
        if size is None:
            equity = self.exchange.ledger.equity()
            rate = self.exchange.ledger.rate(self.exchange.instruments.currency_of(symbol))
            notional = equity * self.order_fraction / rate
        return self._submit(_request(symbol, "buy", size, notional, limit_price))

    def execute_sell(self, symbol: str, size: Number | None = None, *, limit_price: Number | None = None) -> Order:
        """Sell at market, or at least at ``limit_price``; without a size, everything that is held.

        Parameters:
            symbol: the venue's symbol.

        Raises:
            OrderRejectedError: nothing is held, or a limit forbids it.
        """
        if size is None:
            held = self.exchange.ledger.size(symbol)
            if held <= 0:
                self.refused += 1
                raise OrderRejectedError(f"nothing of {symbol} is held to sell", venue=self.venue)
            size = held
        return self._submit(_request(symbol, "sell", size, None, limit_price))

    def calculate_portfolio_value(self, prices: Mapping[str, Number] | None = None) -> Decimal:
        """Return cash and positions, in the currency of the account.

        Parameters:
            prices: prices to value positions at; None takes the market's as it was seen last.
        """
        ledger = self.exchange.ledger
        if not prices:
            return ledger.equity()
        given = {symbol: _amount(price, "prices") for symbol, price in prices.items()}
        total = ZERO
        for currency in ledger.currencies:
            total += ledger.cash.get(currency, ZERO) * ledger.rate(currency) if ledger.cash.get(currency) else ZERO
        for holding in ledger.holdings.values():
            if holding.size:
                price = given.get(holding.symbol, holding.mark_price or ZERO)
                total += holding.size * price * holding.multiplier * ledger.rate(holding.currency)
        return total


def price_of(record: Record) -> float | None:
    """Return the price that a market record tells: the last one, or the middle of a quote; None where it has none."""
    if isinstance(record, Trade):
        return record.price
    if isinstance(record, (Ticker, Board)):
        return record.last_price
    if isinstance(record, Bar):
        return record.close
    if isinstance(record, Quote) and record.bid_price and record.ask_price:
        return (record.bid_price + record.ask_price) / 2
    return None


def _request(
    symbol: str, side: str, size: Number | None, notional: Decimal | None, limit_price: Number | None
) -> OrderRequest:
    given: dict[str, Any] = {"size": None if size is None else _amount(size, "size"), "notional": notional}
    if limit_price is not None:
        given |= {"order_type": "limit", "limit_price": _amount(limit_price, "limit_price")}
    return OrderRequest(symbol=symbol, side=side, time_in_force="gtc", **given)


def _amount(number: Number, option: str) -> Decimal:
    """Return a number as a Decimal; a float as it is written."""
    try:
        amount = exactly(number) if isinstance(number, float) else Decimal(number)
    except ArithmeticError:
        raise OptionError(f"{option} is not a number: {number!r}", option=option) from None
    if not amount.is_finite():
        raise OptionError(f"{option} must be finite, not {number}", option=option)
    return amount
