"""However long a simulated kabu Station runs it keeps so much and no more, and what it answers agrees with what has happened."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Runner
from wsexample.brokers.kabu.orders import cash_order
from wsexample.brokers.kabu.simulator import KabuSimulator, Switches
from wsexample.brokers.kabu.simulator.desk import Call
from wsexample.brokers.kabu.simulator.listing import Listing
from wsexample.brokers.kabu.simulator.market import Market
from wsexample.brokers.kabu.simulator.reads import time_and_sales
from wsexample.brokers.kabu.simulator.ticks import SEN

from .core_calls import error
from .market_samples import S, at, instruments
from .test_simulator_account import RICH, Trader


def test_the_tape_is_the_newest_of_all_executions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time, price and quantity of each, while the day's figures are of all of them."""
    happened: list[tuple[float, float]] = []
    trade: Callable[..., None] = Listing.trade

    def noted(self: Listing, price: int, quantity: int, now_ns: int) -> None:
        happened.append((price / SEN, float(quantity)))
        trade(self, price, quantity, now_ns)

    monkeypatch.setattr(Listing, "trade", noted)
    market = Market(seed=1, start_ns=at("10:15"), ticks_per_s=20, instruments=instruments("9433"), kept_executions=50)
    view = market.views["9433", 1]
    for minute in range(1, 4):
        for _ in market.advance(at("10:15") + minute * 30 * S):
            pass
        rows = time_and_sales(view).TradingPrice
        assert [(row.Price, row.Volume) for row in rows] == happened[-50:]
        assert [row.Time for row in rows] == sorted(row.Time for row in rows)
        assert (view.day.trades, view.day.volume) == (len(happened), sum(volume for _, volume in happened))
    assert len(happened) > 400


def test_a_new_day_begins_an_empty_tape() -> None:
    """Nothing of the day before is on it."""
    market = Market(seed=1, start_ns=at("15:20"), session="clock", instruments=instruments("9433"), kept_executions=50)
    for _ in market.advance(at("15:35") + 17 * 3600 * S):
        pass
    assert time_and_sales(market.views["9433", 1]).TradingPrice == []


def test_so_many_finished_orders_are_kept_and_all_open_ones() -> None:
    """The newest of them, in order; one that is forgotten is not known any more."""
    trader = Trader(account=RICH, kept_orders=7)
    waiting = trader.send(cash_order("9433", "buy", 100, price=trader.price() - 100))
    numbers = [trader.send(cash_order("8306", "buy", 100)) for _ in range(20)]
    trader.play(5)
    rows = trader.get("orders")
    assert [row["ID"] for row in rows] == [waiting, *numbers[-7:]]
    assert [row["State"] for row in rows] == [3, *([5] * 7)]
    assert error(trader.call("PUT", "cancelorder", {"OrderId": numbers[0]}))[1] == 4004001
    assert trader.call("PUT", "cancelorder", {"OrderId": waiting}).http_status == 200
    trader.play(5)
    assert [row["ID"] for row in trader.get("orders")] == [waiting, *numbers[-6:]]
    (position,) = trader.get("positions")
    assert position["LeavesQty"] == 2000


def test_methods_that_clients_make_up_are_counted_together(run: Runner[None]) -> None:
    """So that a counter has as many entries as there are calls, not as many as somebody can think of."""

    async def main() -> None:
        simulator = KabuSimulator(instruments=instruments("9433"))
        for number in range(50):
            await simulator._answer(Call(method=f"BREW{number}", path="/kabusapi/orders"))
        assert simulator.stats.requests == {"unknown": 50}

    run(main())


def test_counters_count_on() -> None:
    """Orders and ends of orders are those of all time, whatever is kept of them."""
    trader = Trader(account=RICH, kept_orders=3)
    for _ in range(9):
        trader.send(cash_order("8306", "buy", 100))
    trader.play(5)
    floor = trader.core.floor
    assert (len(floor.orders), floor.taken, floor.finished) == (3, 9, 9)
    names = KabuSimulator(switches=Switches(kept_orders=3), instruments=instruments("9433"))._numbers()
    assert (names["orders"](), names["orders_finished"]()) == (0, 0)
