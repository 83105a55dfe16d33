"""The paper engine's orders live as orders may, and its books are those that its own fills add up to, to the last digit."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tests.property.looping import LoopingMachine
from tests.property.profiles import search
from wsexample.errors import OrderRejectedError, RequestError
from wsexample.paper.engine import PaperTradingEngine
from wsexample.paper.instruments import Instrument
from wsexample.paper.matching import AGAINST, QUEUE, Fees, Fills
from wsexample.paper.risk import Limits
from wsexample.records.market import Quote, Record, Trade
from wsexample.records.orders import Fill, Order, OrderRequest, Position

D = Decimal
S = 10**9
DAY_S = 86_400
CURRENCIES = {"A": "USD", "J": "JPY", "E": "EUR"}
"""No rate is known of EUR: what is quoted in it cannot be valued."""
MULTIPLIERS = {"A": D(1), "J": D(100), "E": D(1)}
MAY_FOLLOW = {
    None: {"new", "held", "rejected", "canceled", "replaced", "expired"},
    "held": {"triggered", "canceled", "replaced", "expired", "rejected"},
    "new": {"partial_fill", "fill", "canceled", "replaced", "expired"},
    "triggered": {"partial_fill", "fill", "canceled", "replaced", "expired"},
    "partial_fill": {"partial_fill", "fill", "canceled", "replaced", "expired"},
}
"""What may be told of an order after what; of one that is not named here nothing more may be told."""
SIZES = st.sampled_from([D(1), D(2), D("3.5"), D(10), D("0.123456789012345678")])
PRICES = st.integers(95, 105).map(D)
SYMBOLS = st.sampled_from("AAAAAAJJJE")
RARELY = st.sampled_from([False, False, False, True])
WAITING = ("stop", "stop_limit", "trailing_stop")


class OrderMachine(LoopingMachine):
    """One account on paper, its market, and every order that was ever sent."""

    @initialize(
        against=st.sampled_from(AGAINST),
        queue=st.sampled_from(QUEUE),
        slippage_bps=st.sampled_from([0, 3]),
        latency_s=st.sampled_from([0.0, 1.0]),
        jitter_s=st.sampled_from([0.0, 0.5]),
        can_short=st.booleans(),
        max_leverage=st.sampled_from([None, D(1)]),
        daily_loss=st.sampled_from([None, None, D(30)]),
        begins_with=st.sampled_from([None, "buy", "buy", "sell"]),
        history=st.sampled_from([2, 10_000]),
    )
    def open(
        self,
        against: str,
        queue: str,
        slippage_bps: int,
        latency_s: float,
        jitter_s: float,
        can_short: bool,
        max_leverage: Decimal | None,
        daily_loss: Decimal | None,
        begins_with: str | None,
        history: int,
    ) -> None:
        self.start = {"USD": D(10_000), "JPY": D(1_000_000)}
        self.engine = PaperTradingEngine(
            self.start,
            instruments=[
                Instrument("J", currency="JPY", tick_size=D(1), lot_size=D(1), multiplier=D(100)),
                Instrument("E", currency="EUR"),
            ],
            fills=Fills(
                against=against, queue=queue, slippage_bps=D(slippage_bps), latency_s=latency_s, jitter_s=jitter_s
            ),
            fees=Fees(maker_bps=D("-0.7"), taker_bps=D("2.3"), per_unit=D("0.001")),
            limits=Limits(can_short=can_short, max_leverage=max_leverage, daily_loss=daily_loss),
            history=history,
        )
        self.engine.exchange.ledger.set_rate("JPY", D("0.0067"))
        self.can_short = can_short
        self.now_s = 100.0
        self.cash = {name: Fraction(amount) for name, amount in self.start.items()}
        self.held: dict[str, Fraction] = {}
        self.last_event: dict[str, str] = {}
        self.filled: dict[str, Fraction] = {}
        self.requests: dict[str, OrderRequest] = {}
        self.sizes: dict[str, Fraction] = {}
        self.fill_ids: set[str] = set()
        self.names: list[str] = []
        self.wanted: dict[str, tuple[str, Fraction]] = {}
        """By number of a replacement: what it replaces, and how much both may be filled together."""
        self.has_halted = False
        for symbol in "AJ":
            self.quote(symbol, D(100), 1, (D(10), D(10)))
            self.trade(symbol, D(100), D(1), None)
            if begins_with is not None:
                self.send(OrderRequest(symbol=symbol, side=begins_with, size=D(5), time_in_force="gtc"))
        self.quote("A", D(100), 1, (D(12), D(12)))

    def send(self, request: OrderRequest) -> None:
        """Send an order, which may be refused."""
        try:
            taken = self.do(self.engine.submit_order(request))
        except OrderRejectedError:
            pass
        else:
            self.remember(taken, request)
        self.read(self.engine.take_told())

    # -- the market ----------------------------------------------------------------------------------------------

    def feed(self, record: Record) -> None:
        self.read(self.engine.feed(record))

    @rule(symbol=SYMBOLS, bid=PRICES, spread=st.integers(0, 2), sizes=st.tuples(SIZES, SIZES))
    def quote(self, symbol: str, bid: Decimal, spread: int, sizes: tuple[Decimal, Decimal]) -> None:
        self.feed(
            Quote(
                venue="t",
                symbol=symbol,
                received_ns=round(self.now_s * S),
                bid_price=float(bid),
                bid_size=float(sizes[0]),
                ask_price=float(bid + spread),
                ask_size=float(sizes[1]),
            )
        )

    @rule(symbol=SYMBOLS, price=PRICES, size=SIZES, aggressor=st.sampled_from([None, "buy", "sell"]))
    def trade(self, symbol: str, price: Decimal, size: Decimal, aggressor: str | None) -> None:
        now_ns = round(self.now_s * S)
        self.feed(
            Trade(
                venue="t",
                symbol=symbol,
                received_ns=now_ns,
                price=float(price),
                size=float(size),
                aggressor=aggressor,
            )
        )

    @rule(seconds=st.sampled_from([0.5, 2.0, 90.0, DAY_S / 2]))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds
        self.feed(Trade(venue="t", symbol="other", received_ns=round(self.now_s * S), price=1.0, size=1.0))

    # -- the account's owner -------------------------------------------------------------------------------------

    @rule(
        symbol=SYMBOLS,
        side=st.sampled_from(["buy", "sell"]),
        size=SIZES,
        is_huge=RARELY,
        notional=st.sampled_from([None, None, None, D(500)]),
        order_type=st.sampled_from(["market", "market", "limit", "limit", "stop", "stop_limit", "trailing_stop"]),
        time_in_force=st.sampled_from(["day", "gtc", "ioc", "fok"]),
        limit_price=PRICES,
        stop_price=PRICES,
        reduce_only=RARELY,
        client_order_id=st.sampled_from([None, None, None, None, "mine"]),
        wanted=st.tuples(RARELY, RARELY),
    )
    def submit(
        self,
        symbol: str,
        side: str,
        size: Decimal,
        is_huge: bool,
        notional: Decimal | None,
        order_type: str,
        time_in_force: str,
        limit_price: Decimal,
        stop_price: Decimal,
        reduce_only: bool,
        client_order_id: str | None,
        wanted: tuple[bool, bool],
    ) -> None:
        makes_sense, is_huge = not all(wanted), is_huge and all(wanted)
        if makes_sense and order_type in WAITING and time_in_force in ("ioc", "fok"):
            time_in_force = "gtc"
        if makes_sense and symbol == "J":
            size = max(size // 1, D(1))
        size = D("1E+40") if is_huge else size
        facts: dict[str, Any] = {"size": None, "notional": notional} if notional else {"size": size}
        if "limit" in order_type:
            facts["limit_price"] = limit_price
        if order_type.startswith("stop"):
            facts["stop_price"] = stop_price
        if order_type == "trailing_stop":
            facts["trail_percent"] = D(2)
        request = OrderRequest(
            symbol=symbol,
            side=side,
            order_type=order_type,
            time_in_force=time_in_force,
            reduce_only=reduce_only,
            client_order_id=client_order_id,
            **facts,
        )
        self.send(request)

    def remember(self, taken: Order, request: OrderRequest) -> None:
        self.names.append(taken.order_id)
        self.requests[taken.order_id] = request

    @rule(
        symbol=st.sampled_from("AJ"),
        part=st.sampled_from([1, 2]),
        limit_price=st.none() | PRICES,
        is_only=st.booleans(),
    )
    def reduce(self, symbol: str, part: int, limit_price: Decimal | None, is_only: bool) -> None:
        """Close a position, or half of it, at market or at a price."""
        held = self.engine.exchange.ledger.size(symbol)
        if held:
            self.send(
                OrderRequest(
                    symbol=symbol,
                    side="sell" if held > 0 else "buy",
                    size=max(abs(held) // part, D(1)),
                    order_type="market" if limit_price is None else "limit",
                    limit_price=limit_price,
                    time_in_force="gtc",
                    reduce_only=is_only,
                )
            )

    def one_of(self, which: int) -> str | None:
        """One that is open, or the newest that is not."""
        is_open = [order.order_id for order in self.engine.exchange.open_orders()]
        return is_open[which] if which < len(is_open) else self.names[-1] if self.names else None

    @rule(which=st.integers(0, 3))
    def cancel(self, which: int) -> None:
        order_id = self.one_of(which)
        if order_id in self.engine.exchange.orders:
            self.do(self.engine.cancel_order(order_id))
            self.read(self.engine.take_told())
        elif order_id is not None:
            with pytest.raises(RequestError, match="has forgotten"):
                self.do(self.engine.cancel_order(order_id))

    @rule(which=st.integers(0, 3), size=st.none() | SIZES, limit_price=st.none() | PRICES)
    def replace(self, which: int, size: Decimal | None, limit_price: Decimal | None) -> None:
        order_id = self.one_of(which)
        if order_id not in self.requests:
            return
        old = self.requests[order_id]
        if old.limit_price is None:
            limit_price = None
        before = self.engine.exchange.orders.get(order_id)
        try:
            taken = self.do(self.engine.replace_order(order_id, size=size, limit_price=limit_price))
        except (OrderRejectedError, RequestError):
            pass
        else:
            assert taken.replaces == order_id
            self.remember(taken, old)
            assert before is not None
            self.wanted[taken.order_id] = (order_id, Fraction(size if size is not None else before.size or 0))
        self.read(self.engine.take_told())

    @rule(limit_price=PRICES, is_raised=st.booleans())
    def replace_what_is_being_filled(self, limit_price: Decimal, is_raised: bool) -> None:
        """The market reaches an order while the one that takes its place is on its way."""
        self.quote("A", limit_price, 2, (D(10), D(10)))
        self.send(
            OrderRequest(
                symbol="A", side="buy", size=D(10), order_type="limit", limit_price=limit_price, time_in_force="gtc"
            )
        )
        self.time_passes(2.0)
        self.replace(max(len(self.engine.exchange.open_orders()) - 1, 0), D(10), limit_price + is_raised)
        self.quote("A", limit_price - 1, 1, (D(1), D(1)))
        self.time_passes(2.0)

    @rule(is_meant=st.tuples(RARELY, RARELY))
    def kill(self, is_meant: tuple[bool, bool]) -> None:
        if all(is_meant):
            self.engine.exchange.kill("enough")
            self.has_halted = True
            self.read(self.engine.take_told())

    @rule(amount=st.sampled_from([D(7), D(-7)]))
    def convert(self, amount: Decimal) -> None:
        self.engine.exchange.ledger.convert("USD", "JPY", amount, D("149.3"))
        self.cash["USD"] -= Fraction(amount)
        self.cash["JPY"] += Fraction(amount) * Fraction("149.3")

    # -- what is told --------------------------------------------------------------------------------------------

    def read(self, told: list[Record]) -> None:
        """Follow the orders, and add the fills up."""
        told_of_fill: Fill | None = None
        for record in told:
            if isinstance(record, Fill):
                self.read_fill(record)
                told_of_fill = record
            elif isinstance(record, Order):
                self.read_order(record)
                if record.event in ("fill", "partial_fill"):
                    assert told_of_fill is not None
                    assert record.fill_id == told_of_fill.fill_id
            elif isinstance(record, Position):
                assert Fraction(record.size) == self.held.get(record.symbol, 0)

    def read_fill(self, fill: Fill) -> None:
        assert fill.fill_id not in self.fill_ids
        self.fill_ids.add(fill.fill_id)
        assert self.last_event.get(fill.order_id) in ("new", "triggered", "partial_fill"), "filled out of its time"
        assert fill.price is not None
        assert fill.size > 0
        assert fill.fee is not None
        signed = Fraction(fill.size) if fill.side == "buy" else -Fraction(fill.size)
        before = self.held.get(fill.symbol, Fraction(0))
        self.held[fill.symbol] = before + signed
        self.filled[fill.order_id] = self.filled.get(fill.order_id, Fraction(0)) + Fraction(fill.size)
        currency = CURRENCIES[fill.symbol]
        assert fill.fee_currency == currency
        value = signed * Fraction(fill.price) * Fraction(MULTIPLIERS[fill.symbol])
        self.cash[currency] = self.cash.get(currency, Fraction(0)) - value - Fraction(fill.fee)
        request = self.requests.get(fill.order_id)
        if request is not None and request.reduce_only:
            assert abs(before + signed) < abs(before), "reduce_only made a position larger"
            assert (before + signed) * before >= 0, "reduce_only turned a position round"

    def read_order(self, order: Order) -> None:
        before = self.last_event.get(order.order_id)
        assert order.event is not None
        assert order.event in MAY_FOLLOW.get(before, set()), f"{order.order_id}: {order.event} after {before}"
        self.last_event[order.order_id] = order.event
        filled = self.filled.get(order.order_id, Fraction(0))
        assert Fraction(order.filled_size or 0) == filled
        if order.size is not None:
            assert filled <= Fraction(order.size)
            assert (order.event == "fill") == (filled == Fraction(order.size) and order.status == "filled")
        if order.limit_price is not None and order.average_price is not None and order.event == "fill":
            slack = D("1E-20")
            worst = order.limit_price
            assert order.average_price <= worst + slack if order.side == "buy" else order.average_price >= worst - slack
        if order.time_in_force == "fok" and order.event in ("canceled", "partial_fill"):
            is_whole = order.event == "partial_fill" or not filled or order.order_id not in self.requests
            assert is_whole, "fill or kill: some of it was filled"

    # -- what must hold ------------------------------------------------------------------------------------------

    @invariant()
    def books_are_the_sum_of_the_fills(self) -> None:
        if not hasattr(self, "engine"):
            return
        ledger = self.engine.exchange.ledger
        for currency in {*self.cash, *ledger.cash}:
            assert Fraction(ledger.cash.get(currency, 0)) == self.cash.get(currency, 0), currency
            assert ledger.imbalance(currency) == 0
        for symbol in CURRENCIES:
            assert Fraction(ledger.size(symbol)) == self.held.get(symbol, 0)
            if not self.can_short:
                assert ledger.size(symbol) >= 0, f"{symbol} is short"

    @invariant()
    def what_is_open_has_not_ended(self) -> None:
        if not hasattr(self, "engine"):
            return
        ended = {"rejected", "canceled", "replaced", "expired", "fill"}
        is_open = {order.order_id for order in self.engine.exchange.open_orders()}
        kept = self.engine.exchange.orders
        assert is_open <= set(kept)
        assert len(kept) <= len(is_open) + kept.history
        for order_id in {*kept, *self.names}:
            assert (order_id in is_open) == (self.last_event.get(order_id) not in ended), order_id
        known = set().union(*self.engine.exchange._floor.working.values())
        assert known <= is_open
        if self.has_halted:
            assert all(self.engine.exchange.orders[order_id].is_flattening for order_id in is_open)

    @invariant()
    def a_replacement_fills_the_rest(self) -> None:
        """What both were filled is no more than was wanted; an order that was itself a replacement counts for itself."""
        if hasattr(self, "engine"):
            for new, (old, size) in self.wanted.items():
                filled = [self.filled.get(order_id, Fraction(0)) for order_id in (new, old)]
                assert sum(filled) <= max(size, filled[1]), f"{new} in place of {old}: {filled} of {size}"

    @invariant()
    def yesterdays_orders_are_gone(self) -> None:
        if hasattr(self, "engine"):
            now_ns = self.engine.exchange.now_ns
            for order in self.engine.exchange.open_orders():
                assert order.expires_ns is None or order.expires_ns > now_ns

    def come_to_rest(self) -> None:
        """Everything on its way arrives; no order is lost on it, and nobody is told of one that does not exist."""
        if not hasattr(self, "engine"):
            return
        self.time_passes(90.0)
        for order_id in self.names:
            assert order_id in self.last_event, f"nothing was ever told of {order_id}"
        self.books_are_the_sum_of_the_fills()
        with pytest.raises(RequestError):
            self.do(self.engine.cancel_order("nobody"))


TestOrders = OrderMachine.TestCase
TestOrders.settings = search(80)
TestOrders.__doc__ = (
    "No step but those of the table, no fill beyond an order or after its end, books exact to the last digit."
)
