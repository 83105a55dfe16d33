"""The engine: a strategy's view of the simulated venue."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Coroutine
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tests.paper.parts import order, quote, trade
from wsexample.errors import OptionError, OrderRejectedError, RequestError
from wsexample.paper import Fees, Fills, Instrument, Limits, PaperTradingEngine, Performance
from wsexample.ports import OrderGateway
from wsexample.records.market import Quote, Record
from wsexample.records.orders import Fill, Order, Position

D = Decimal
Run = Callable[[Coroutine[Any, Any, Any]], Any]


async def source(*records: Record) -> AsyncIterator[Record]:
    for record in records:
        yield record


def wave(length: int) -> list[Record]:
    """Quotes that go up and down, with prints between them."""
    made: list[Record] = []
    for second in range(length):
        price = round(100 + 10 * math.sin(second / 15), 2)
        made.append(quote(round(price - 0.05, 2), round(price + 0.05, 2), size=50, at_s=second))
        made.append(trade(price, 5, at_s=second + 0.5))
    return made


def test_a_strategy_is_one_coroutine_over_records_and_a_gateway(run: Run) -> None:
    """It sees each market record, then what its orders have become because of it."""
    seen: list[str] = []

    async def trades(records: AsyncIterator[Record], gateway: OrderGateway) -> None:
        async for record in records:
            seen.append(type(record).__name__)
            if isinstance(record, Quote) and not await gateway.fetch_positions():
                await gateway.submit_order(order(size=2))

    async def main() -> None:
        engine = PaperTradingEngine(10_000)
        await trades(engine.watch(source(quote(99, 100), trade(100, at_s=1))), engine)
        assert (await engine.fetch_account()).cash == 9_800

    run(main())
    assert seen == ["Quote", "Order", "Fill", "Order", "Position", "Trade"]


def test_an_order_sent_on_seeing_a_record_meets_the_market_of_that_record(run: Run) -> None:
    """Without latency a strategy trades at the price that it has just seen, not at the one before."""

    async def main() -> None:
        engine = PaperTradingEngine(10_000)
        async for record in engine.watch(source(quote(99, 100), quote(199, 200, at_s=1))):
            if isinstance(record, Quote) and record.ask_price == 200:
                await engine.submit_order(order(size=1))
        assert engine.exchange.ledger.cash["USD"] == 9_800

    run(main())


def test_the_documented_methods_trade(run: Run) -> None:
    """Buying spends a tenth of the equity, selling sells everything, the value follows the market."""

    async def main() -> None:
        engine = PaperTradingEngine(10_000)
        engine.feed(quote(99, 100, size=1000))
        assert engine.execute_buy("A").filled_size == 10
        engine.feed(quote(109, 110, size=1000, at_s=1))
        assert engine.calculate_portfolio_value() == 9_000 + 1_090
        assert engine.calculate_portfolio_value({"A": 200}) == 11_000
        assert engine.execute_sell("A", 4, limit_price=105).filled_size == 4
        assert engine.execute_sell("A").status == "filled"
        assert engine.calculate_portfolio_value() == 10_090
        with pytest.raises(OrderRejectedError, match="nothing of A is held"):
            engine.execute_sell("A")

    run(main())


def test_trading_is_the_same_from_the_same_records_and_seed(run: Run) -> None:
    """Two runs give the same fills, at the same times and prices, with jitter too."""

    async def one_run(seed: int) -> list[Record]:
        engine = PaperTradingEngine(
            10_000, fills=Fills(latency_s=0.1, jitter_s=2), fees=Fees(taker_bps=D(5)), seed=seed
        )
        told: list[Record] = []
        async for record in engine.watch(source(*wave(300))):
            if isinstance(record, (Fill, Order, Position)):
                told.append(record)
                continue
            signal = engine.generate_signal("A", record.price) if hasattr(record, "price") else None
            if signal == "buy":
                await engine.submit_order(order(size=3))
            elif signal == "sell" and engine.exchange.ledger.size("A") > 0:
                engine.execute_sell("A")
        return told

    first, second, other = run(one_run(1)), run(one_run(1)), run(one_run(2))
    assert sum(isinstance(record, Fill) for record in first) >= 4
    assert first == second
    assert first != other


def test_simulated_trading_reports(run: Run) -> None:
    """The crossover trades on a wave; the report counts executions and what they cost."""

    async def main() -> None:
        engine = PaperTradingEngine(10_000, fees=Fees(taker_bps=D(10)), sample_s=10)
        report = await engine.simulate_trading(source(*wave(400)))
        assert report.fills >= 6
        assert report.wins + report.losses >= 3
        assert report.fees > 0
        assert float(report.equity) == pytest.approx(float(engine.calculate_portfolio_value()))
        assert 0 < report.mean_exposure < 0.2
        assert report.sharpe is not None
        assert len(report.curve) == pytest.approx(41, abs=1)
        assert engine.exchange.ledger.imbalance("USD") == 0

    run(main())


def test_a_signal_of_ones_own_is_followed(run: Run) -> None:
    """Overriding one method makes another strategy; a refusal is counted and no end."""

    class Eager(PaperTradingEngine):
        def generate_signal(self, symbol: str, price: float) -> str | None:
            return "buy" if price < 100 else "sell"

    async def main() -> None:
        engine = Eager(10_000, limits=Limits(max_position=D(1)))
        await engine.simulate_trading(source(*wave(100)), count=150)
        assert engine.refused > 0
        assert engine.performance.fills == 0

    run(main())


def test_orders_can_be_looked_up_changed_and_canceled(run: Run) -> None:
    """The gateway's other calls, and their errors."""

    async def main() -> None:
        engine = PaperTradingEngine(10_000)
        engine.feed(quote(99, 100))
        placed = await engine.submit_order(order(size=1, limit_price=90))
        changed = await engine.replace_order(placed.order_id, limit_price=D(91))
        assert [one.order_id for one in await engine.fetch_orders()] == [changed.order_id]
        await engine.cancel_order(changed.order_id)
        assert [one.status for one in await engine.fetch_orders("closed")] == ["replaced", "canceled"]
        assert (await engine.fetch_order(changed.order_id)).limit_price == 91
        with pytest.raises(RequestError, match="cannot be replaced: it is canceled"):
            await engine.replace_order(changed.order_id, size=D(2))
        with pytest.raises(OptionError, match="status"):
            await engine.fetch_orders("maybe")

    run(main())


@pytest.mark.parametrize("balance", [0, -5, "NaN", "many", {"EUR": 100}])
def test_a_beginning_without_money_is_refused(balance: Any) -> None:
    """The error names the option."""
    with pytest.raises(OptionError, match="initial_balance"):
        PaperTradingEngine(balance)


def test_a_long_run_keeps_a_bounded_curve() -> None:
    """The equity curve is thinned out instead of growing without end."""
    engine = PaperTradingEngine(1000, sample_s=1)
    engine.performance.most = 50
    for second in range(500):
        engine.feed(quote(99, 100, at_s=second))
    curve = engine.performance.curve
    assert len(curve) <= 50
    steps = {after.at_ns - before.at_ns for before, after in pairwise(curve)}
    assert steps == {round(engine.performance.sample_s * 10**9)}


def test_the_report_begins_with_the_first_record() -> None:
    """Whoever asks before it what was told moves no curve back to 1970."""
    engine = PaperTradingEngine(1000)
    assert engine.take_told() == []
    for minute in range(4):
        engine.feed(quote(99, 100, at_s=1_763_683_200 + 60 * minute))
    done = engine.performance
    assert (done.from_ns, done.sample_s, len(done.curve)) == (1_763_683_200 * 10**9, 60, 4)


def test_the_report_is_in_the_currency_of_the_account() -> None:
    """Fees, profits and what was traded elsewhere are turned into it, as the equity is."""
    yen = Instrument("J", "JPY")
    engine = PaperTradingEngine(100_000, instruments=[yen], fees=Fees(taker_bps=D(10)))
    engine.exchange.ledger.set_rate("JPY", D("0.01"))
    engine.feed(quote(3999, 4000, size=100, symbol="J"))
    engine.execute_buy("J", 100)
    engine.feed(quote(4100, 4101, size=100, symbol="J", at_s=1))
    engine.execute_sell("J")
    engine.take_told()
    done = engine.performance
    assert (done.traded_value, done.fees, done.gross_profit) == (8100, D("8.1"), D("95.9"))
    assert done.equity - done.start_equity == 100 - done.fees


def test_a_report_prints_figures_and_no_list_of_samples() -> None:
    """``print(engine.performance)`` fits a terminal however long the account has run."""
    performance = Performance(start_equity=D(10_000), sample_s=1)
    for second in range(1000):
        performance.look(second * 10**9, D(10_000 + second), D(0))
    shown = repr(performance)
    assert "equity=Decimal('10999')" in shown
    assert "curve" not in shown
    assert "_peak" not in shown
