"""Orders, positions and wallets through `KabuRest`, against the simulator; above all what happens when an answer is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import Runner
from wsexample.brokers.base import Reply
from wsexample.brokers.kabu import KabuRest
from wsexample.brokers.kabu.dialect.orders import fills_of, order_of, position_of
from wsexample.brokers.kabu.messages.orders import ClosePosition
from wsexample.brokers.kabu.orders import cash_order, derivative_order, margin_order, repay_order
from wsexample.brokers.kabu.rest import trading
from wsexample.brokers.kabu.simulator import AccountPlan, KabuSimulator, Switches
from wsexample.brokers.kabu.simulator.desk import Answer
from wsexample.brokers.kabu.simulator.station import Refusal
from wsexample.errors import ConnectError, DeadlineError, OptionError, OrderRejectedError, OrderUnknownError
from wsexample.records.orders import Fill, Order, OrderRequest

QUICK = Switches(first_board_delay_ms=0, info_per_s=1000)
FAR = 2010
"""A price at which nobody sells today."""


@asynccontextmanager
async def station(switches: Switches = QUICK, **options: Any) -> AsyncIterator[tuple[KabuSimulator, KabuRest]]:
    """A simulated kabu Station with an account, and REST calls to it."""
    account = options.pop("account", AccountPlan(holdings={"9433": 500}))
    async with (
        KabuSimulator(switches=switches, account=account) as simulator,
        KabuRest(port=simulator.port, password="password", **options) as rest,
    ):
        yield simulator, rest


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for a lost order twice, at once."""
    monkeypatch.setattr(trading, "LOOKS", (0.0, 0.01))


def test_an_order_is_sent_filled_and_read_back(run_grid: Runner[None]) -> None:
    """From a request in the house's words to records of order, execution and position."""

    async def main() -> None:
        async with station() as (simulator, rest):
            placed = await rest.submit_order(OrderRequest(symbol="9433", side="buy", size=Decimal(100)))
            assert placed.order_id is not None
            assert not placed.was_looked_for
            await simulator.wait_for("orders_finished")
            (row,) = await rest.fetch_orders(order_id=placed.order_id)
            order = order_of(row, 0)
            assert (order.status, order.filled_size, order.side) == ("filled", Decimal(100), "buy")
            assert sum(fill.size for fill in fills_of(row, 0)) == 100
            (position,) = await rest.fetch_positions(symbol="9433")
            assert position_of(position, 0).size == 600
            wallet = await rest.fetch_cash_wallet()
            assert wallet.StockAccountWallet == 10_000_000 - (order.average_price or 0) * 100

    run_grid(main())


def test_margin_round_trip_by_hold_id(run: Runner[None]) -> None:
    """Open, find the hold ID, repay exactly that."""

    async def main() -> None:
        async with station() as (simulator, rest):
            await rest.submit_order(margin_order("9433", "buy", 100))
            await simulator.wait_for("orders_finished")
            lots = await rest.fetch_positions(product="margin")
            closing = [ClosePosition(str(lot.ExecutionID), int(lot.LeavesQty or 0)) for lot in lots]  # type: ignore[arg-type]
            await rest.submit_order(repay_order("9433", "sell", 100, positions=closing))
            await simulator.wait_for("orders_finished", 2)
            assert await rest.fetch_positions(product="margin") == []
            wallet = await rest.fetch_margin_wallet("9433", 27)
            assert wallet.ConsignmentDepositRate == 30

    run(main())


def test_futures_and_their_wallet(run: Runner[None]) -> None:
    """A contract through its own call."""

    async def main() -> None:
        async with station() as (simulator, rest):
            code = str((await rest.fetch_future_symbol("NK225mini")).Symbol)
            before = (await rest.fetch_future_wallet(code)).FutureTradeLimit
            await rest.submit_order(derivative_order(code, "buy", 1))
            await simulator.wait_for("orders_finished")
            assert simulator.stats.requests["POST /sendorder/future"] == 1
            after = (await rest.fetch_future_wallet()).FutureTradeLimit
            assert isinstance(before, Decimal)
            assert isinstance(after, Decimal)
            assert after < before
            assert (await rest.fetch_option_wallet()).OptionBuyTradeLimit == after

    run(main())


def test_an_order_that_breaks_a_rule_is_not_sent(run: Runner[None]) -> None:
    """Told with the vendor's field and code, before anything leaves."""

    async def main() -> None:
        rest = KabuRest(token="t", port=1)
        for order, field in (
            (cash_order("9433", "buy", 100, market=1), "Exchange"),
            (cash_order("9433", "buy", 100, kind=20), "Price"),
            (derivative_order("167060019", "buy", 1, price=1, time_in_force="fok", market=2), "TimeInForce"),
            (derivative_order("9433", "buy", 1, price=1), "Symbol"),
        ):
            with pytest.raises(OptionError) as caught:
                await rest.submit_order(order)
            assert caught.value.option == field
        await rest.close()

    run(main())


def test_a_refused_order_tells_the_vendors_code(run: Runner[None]) -> None:
    """HTTP 500 with a code of the order system is a refusal, not a fault of the server."""

    async def main() -> None:
        async with station(account=AccountPlan(cash_yen=0)) as (simulator, rest):
            with pytest.raises(OrderRejectedError, match=r"not enough buying power \(21") as caught:
                await rest.submit_order(cash_order("9433", "buy", 100))
            assert (caught.value.code, caught.value.http_status) == (21, 500)
            with pytest.raises(OrderRejectedError, match="no such order"):
                await rest.cancel_order("20260304A01N00000000")
            assert simulator.stats.requests["POST /sendorder"] == 1

    run(main())


def test_cancelling(run: Runner[None]) -> None:
    """Asked for, done, and refused the second time."""

    async def main() -> None:
        async with station() as (simulator, rest):
            placed = await rest.submit_order(cash_order("9433", "buy", 100, price=FAR))
            await rest.cancel_order(str(placed.order_id))
            await simulator.wait_for("orders_finished")
            (row,) = await rest.fetch_orders(symbol="9433", state=5, side="buy")
            assert order_of(row, 0).status == "canceled"
            with pytest.raises(OrderRejectedError, match="the order is finished"):
                await rest.cancel_order(str(placed.order_id))

    run(main())


# --- lost answers -------------------------------------------------------------------------------------------------------


def test_an_order_whose_answer_is_lost_is_found(run: Runner[None], quick_looks: None) -> None:
    """Executed without an answer (vendor issue 972): not sent twice, and its number is known in the end."""

    async def main() -> None:
        async with station() as (simulator, rest):
            first = await rest.submit_order(cash_order("9433", "buy", 100, price=FAR))
            simulator.lose_order_replies()
            second = await rest.submit_order(cash_order("9433", "buy", 100, price=FAR))
            assert second.was_looked_for
            assert second.order_id != first.order_id
            assert {str(first.order_id), str(second.order_id)} == set(simulator.floor.orders)
            assert simulator.stats.requests["POST /sendorder"] == 2

    run(main())


def test_an_order_that_never_arrived_is_not_found(run: Runner[None], quick_looks: None) -> None:
    """A station that hangs: no answer in time, nothing in ``/orders``, and the sentence says what that means."""

    async def main() -> None:
        async with station(timeout_s=0.3) as (simulator, rest):
            await rest.fetch_token()
            simulator.slow_start(0.25, 0.6)
            with pytest.raises(OrderUnknownError, match=r"within 0\.3 s.* most likely not taken") as caught:
                await rest.submit_order(cash_order("9433", "buy", 100, price=FAR))
            assert caught.value.candidates == ()

    run(main())


def test_two_that_look_alike_are_not_guessed_at(run: Runner[None], quick_looks: None) -> None:
    """Another program sent the same: both numbers are told, none is taken for it."""

    async def main() -> None:
        async with station() as (simulator, rest):
            async with KabuRest(port=simulator.port, token=await rest.fetch_token()) as other:
                theirs = await other.submit_order(cash_order("9433", "buy", 100, price=FAR))
            simulator.lose_order_replies()
            with pytest.raises(OrderUnknownError, match="2 orders in /orders look like it") as caught:
                await rest.submit_order(cash_order("9433", "buy", 100, price=FAR))
            assert len(caught.value.candidates) == 2
            assert theirs.order_id in caught.value.candidates

    run(main())


def test_when_orders_cannot_be_read_either_nobody_knows(run: Runner[None], quick_looks: None) -> None:
    """The sentence says to look before sending again."""

    async def main() -> None:
        async with station() as (simulator, rest):
            await rest.fetch_token()
            simulator.lose_order_replies()
            task = asyncio.ensure_future(rest.submit_order(cash_order("9433", "buy", 100, price=FAR)))
            await simulator.wait_for("orders")
            simulator.log_out()
            with pytest.raises(OrderUnknownError, match=r"/orders cannot be read either: .* Look at kabu Station"):
                await task

    run(main())


def test_a_cancel_whose_answer_is_lost_is_looked_up(run: Runner[None]) -> None:
    """It was heard, as the state of the order tells; a second one that follows it is no error."""

    async def main() -> None:
        async with station(QUICK.replace(order_latency_ms=2500)) as (simulator, rest):
            placed = await rest.submit_order(cash_order("9433", "buy", 100, price=FAR))
            simulator.lose_order_replies(1)
            assert (await rest.cancel_order(str(placed.order_id))).order_id == placed.order_id
            await simulator.wait_for("orders_finished")
            simulator.lose_order_replies(0)
            slow = await rest.submit_order(cash_order("9433", "buy", 100, price=FAR))
            for _ in range(2):
                await rest.cancel_order(str(slow.order_id))

    run(main())


@pytest.mark.parametrize("changes", [{}, {"CashMargin": 0}, {"CashMargin": None}, {"CashMargin": 2}, {"Side": "1"}])
def test_a_cash_order_is_found_however_its_row_says_cash(
    run: Runner[None], quick_looks: None, changes: dict[str, Any]
) -> None:
    """The reference names 2 and 3, for margin, and nothing else: a lost order must not be called untaken for that."""
    row = {"ID": "o-1", "State": 3, "Symbol": "9433", "Exchange": 9, "Side": "2", "OrderQty": 100, "CashMargin": 1}

    class Lossy:
        """Loses the answer to the order, and shows it."""

        async def call(self, method: str, path: str, **facts: Any) -> Reply:
            if method == "POST":
                raise DeadlineError("lost", step="reply", timeout_s=1.0)
            return Reply(200, {}, json.dumps([row | changes]).encode())

        async def close(self) -> None:
            """Nothing is open."""

    async def main() -> None:
        rest = KabuRest(token="t", http=Lossy())
        if changes in ({"CashMargin": 2}, {"Side": "1"}):
            with pytest.raises(OrderUnknownError):
                await rest.submit_order(cash_order("9433", "buy", 100, price=2500))
        else:
            assert (await rest.submit_order(cash_order("9433", "buy", 100, price=2500))).order_id == "o-1"

    run(main())


def test_results_of_answers_mean_what_the_same_errors_mean(run: Runner[None]) -> None:
    """The reference has the order system's codes in answers with status 200; on the wire they were seen with 500."""

    class Answers:
        """Says yes to the call and no to the order."""

        def __init__(self, result: int) -> None:
            self._body = f'{{"Result":{result},"OrderId":null}}'.encode()

        async def call(self, method: str, path: str, **facts: Any) -> Reply:
            return Reply(200, {}, self._body)

        async def close(self) -> None:
            """Nothing is open."""

    async def main() -> None:
        assert await KabuRest(token="t", http=Answers(60)).cancel_order("x") == trading.Placed("x")
        with pytest.raises(OrderRejectedError, match="the order is filled"):
            await KabuRest(token="t", http=Answers(43)).cancel_order("x")
        with pytest.raises(OrderRejectedError, match="not enough buying power"):
            await KabuRest(token="t", http=Answers(21)).submit_order(cash_order("9433", "buy", 100))
        with pytest.raises(OrderRejectedError, match="result 999999"):
            await KabuRest(token="t", http=Answers(999_999)).submit_order(cash_order("9433", "buy", 100))

    run(main())


def test_a_cancel_that_was_not_heard_is_not_called_one(run: Runner[None]) -> None:
    """The order still works, and nobody answered."""

    async def main() -> None:
        async with station(timeout_s=0.3) as (simulator, rest):
            placed = await rest.submit_order(cash_order("9433", "buy", 100, price=FAR))
            simulator.slow_start(0.25, 0.6)
            with pytest.raises(OrderUnknownError, match="is not being cancelled as far as /orders tells") as caught:
                await rest.cancel_order(str(placed.order_id))
            assert caught.value.candidates == (placed.order_id,)

    run(main())


def test_nobody_reached_is_nobody_asked(run: Runner[None]) -> None:
    """A refused connection is no lost answer."""

    async def main() -> None:
        async with KabuRest(port=1, token="t") as rest:
            with pytest.raises(ConnectError):
                await rest.submit_order(cash_order("9433", "buy", 100))
            with pytest.raises(ConnectError):
                await rest.cancel_order("x")

    run(main())


@pytest.mark.parametrize("code", [4001001, -1])
def test_an_error_without_a_reason_is_not_answered_by_sending_again(
    run: Runner[None], quick_looks: None, code: int
) -> None:
    """An internal error or an abnormal end leaves open what became of an order: it is looked for."""

    async def main() -> None:
        async with station(QUICK.replace(env="production")) as (simulator, rest):
            await rest.fetch_token()
            original = simulator._core.answer

            def broken(call: Any, now_ns: int) -> Any:
                answer = original(call, now_ns)
                if call.path.endswith("/sendorder"):
                    refusal = Refusal.of(code)
                    return Answer(refusal.reply, refusal)
                return answer

            simulator._core.answer = broken  # type: ignore[method-assign]
            placed = await rest.submit_order(cash_order("9433", "buy", 100, price=FAR))
            assert placed.was_looked_for
            assert simulator.stats.requests["POST /sendorder"] == 1

    run(main())


# --- watching -----------------------------------------------------------------------------------------------------------


def test_watching_tells_each_change_once(run: Runner[None]) -> None:
    """What was there first, then every execution and the order after it; a fault in between is waited out."""

    async def main() -> None:
        async with station() as (simulator, rest):
            resting = await rest.submit_order(cash_order("9433", "buy", 100, price=FAR))
            news: list[Order | Fill] = []
            watching = rest.watch_orders(every_s=0.02)
            news.append(await anext(watching))
            simulator.storm_429(0.1)
            await rest.submit_order(cash_order("9433", "sell", 200))
            while not any(isinstance(record, Order) and record.status == "filled" for record in news):
                news.append(await anext(watching))
            await rest.cancel_order(str(resting.order_id))
            while not any(isinstance(record, Order) and record.status == "canceled" for record in news):
                news.append(await anext(watching))
            await watching.aclose()  # type: ignore[attr-defined]
            fills = [record for record in news if isinstance(record, Fill)]
            assert sum(fill.size for fill in fills) == 200
            assert len({fill.fill_id for fill in fills}) == len(fills)
            with pytest.raises(OptionError):
                await anext(rest.watch_orders(every_s=0))

    run(main())


def test_orders_keep_the_vendors_pace(run: Runner[None]) -> None:
    """Seven orders in a row: none is refused, because the sixth waits."""

    async def main() -> None:
        async with station() as (simulator, rest):
            for _ in range(7):
                await rest.submit_order(cash_order("9433", "buy", 100, price=FAR))
            assert simulator.stats.refusals.total() == 0
            assert rest._pacer.waited_s > 0

    run(main())


def test_verification_takes_orders_without_a_number(run: Runner[None]) -> None:
    """Checked and forgotten."""

    async def main() -> None:
        async with station(QUICK.replace(env="verification")) as (_, rest):
            assert (await rest.submit_order(cash_order("9433", "buy", 100))).order_id is None
            assert await rest.fetch_orders() == []

    run(main())
