"""The simulated account: orders live and end as on the exchange, money and positions follow; no socket is opened here."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from wsexample.brokers.kabu.messages.orders import ClosePosition, DerivativeOrder, StockOrder
from wsexample.brokers.kabu.messages.reads import SoftLimitReply
from wsexample.brokers.kabu.orders import CloseRule, Stop, cash_order, derivative_order, margin_order, repay_order
from wsexample.brokers.kabu.simulator.ledger import AccountPlan
from wsexample.brokers.kabu.simulator.lifecycle import LIFE, Act, OrderState

from .core_calls import Caller, error
from .market_samples import at, future, option

MILLION = AccountPlan(cash_yen=10_000_000, holdings={"9433": 700, "8306": 100})
RICH = AccountPlan(cash_yen=100_000_000_000, soft_limit=SoftLimitReply(1e6, 1e6, 1e5, 1e5, 1e5, 1e5, 1e5))
MINI = future()


class Trader(Caller):
    """Sends orders and looks at what becomes of them."""

    def __init__(self, start: str = "10:15", account: AccountPlan | None = MILLION, **switches: Any) -> None:
        super().__init__(start, account, **switches)

    def send(self, order: StockOrder | DerivativeOrder) -> str:
        """Send an order that is accepted; returns its number."""
        answer = self.try_to(order)
        assert answer.http_status == 200, answer
        return str(answer.body.OrderId)  # type: ignore[attr-defined]

    def try_to(self, order: StockOrder | DerivativeOrder) -> Any:
        path = "sendorder"
        if isinstance(order, DerivativeOrder):
            path = "sendorder/future" if order.Symbol.startswith("16") else "sendorder/option"
        return self.call("POST", path, order)

    def refused(self, order: StockOrder | DerivativeOrder) -> int:
        """Send an order that is refused; returns the vendor's code."""
        answer = self.try_to(order)
        assert answer.refusal is not None
        return int(answer.refusal.code)

    def row(self, number: str) -> dict[str, Any]:
        (row,) = self.get(f"orders?id={number.lower()}")
        return dict(row)

    def acts(self, number: str) -> list[int]:
        return [detail["RecType"] for detail in self.row(number)["Details"]]

    def play_to(self, clock: str) -> None:
        for _ in self.market.advance(at(clock)):
            pass

    def price(self, symbol: str = "9433", exchange: int = 1) -> float:
        return float(self.get(f"board/{symbol}@{exchange}")["CurrentPrice"])

    def best(self, symbol: str = "9433", exchange: int = 1) -> tuple[float, float]:
        board = self.get(f"board/{symbol}@{exchange}")
        return board["Buy1"]["Price"], board["Sell1"]["Price"]

    @property
    def free(self) -> float:
        return float(self.get("wallet/cash")["StockAccountWallet"])


# --- lives of orders ----------------------------------------------------------------------------------------------------


def test_a_market_order_is_sent_and_executed_against_the_book() -> None:
    """Accepted, sent, executed; the wallet pays, the position appears, the tape shows the trade."""
    trader = Trader()
    _, ask = trader.best()
    number = trader.send(cash_order("9433", "buy", 100))
    assert trader.row(number)["State"] == OrderState.SENDING
    trader.play(0.1)
    row = trader.row(number)
    assert (row["State"], row["OrderState"], row["CumQty"], row["OrderQty"]) == (5, 5, 100, 100)
    assert trader.acts(number)[:2] == [Act.ACCEPTED, Act.SENT]
    fills = [detail for detail in row["Details"] if detail["RecType"] == Act.EXECUTED]
    assert sum(fill["Qty"] for fill in fills) == 100
    assert fills[0]["Price"] == ask
    assert fills[0]["DelivDay"] == 20260306
    paid = sum(fill["Price"] * fill["Qty"] for fill in fills)
    assert trader.free == 10_000_000 - paid
    (position,) = trader.get("positions?symbol=9433&product=1")
    assert (position["LeavesQty"], position["ExecutionID"], position["Side"]) == (800, None, "2")


def test_a_limit_order_waits_its_turn_and_shows_in_the_book() -> None:
    """Behind those who were there before; executed when they are, at its own price."""
    trader = Trader()
    bid, _ = trader.best()
    before = trader.get("board/9433@1")["Buy1"]["Qty"]
    number = trader.send(cash_order("9433", "buy", 100, price=bid))
    trader.play(0.05)
    assert trader.row(number)["State"] == OrderState.WORKING
    assert trader.get("board/9433@1")["Buy1"]["Qty"] == before + 100
    for _ in range(600):
        trader.play(1)
        if trader.row(number)["State"] == 5:
            break
    row = trader.row(number)
    assert (row["State"], row["CumQty"], row["Price"]) == (5, 100, bid)
    assert {detail["Price"] for detail in row["Details"] if detail["RecType"] == 8} == {bid}


def test_a_passive_order_is_not_served_before_its_turn() -> None:
    """As long as strangers ahead of it are left, nothing of it is executed."""
    trader = Trader()
    bid, _ = trader.best()
    number = trader.send(cash_order("9433", "buy", 100, price=bid))
    trader.play(0.05)
    order = trader.core.floor.orders[number]
    assert order.guest is not None
    ahead = order.guest.ahead
    assert ahead > 0
    listing = order.view.listing
    listing.book.bids.take(ahead - 1)
    assert listing.book.take_guest_fills() == []
    listing.book.bids.take(51)
    assert [fill.quantity for fill in listing.book.take_guest_fills()] == [50]
    assert order.guest.quantity == 50


def test_cancelling_takes_the_way_to_the_exchange() -> None:
    """State 4 first; then gone, with what it held."""
    trader = Trader()
    number = trader.send(cash_order("9433", "buy", 100, price=trader.best()[0] - 10))
    trader.play(0.05)
    held = trader.free
    answer = trader.call("PUT", "cancelorder", {"OrderId": number})
    assert answer.body.OrderId == number  # type: ignore[attr-defined]
    assert trader.row(number)["State"] == 4
    assert error(trader.call("PUT", "cancelorder", {"OrderId": number}))[1] == 60
    trader.play(0.05)
    row = trader.row(number)
    assert (row["State"], row["CumQty"], row["Details"][-1]["RecType"], row["Details"][-1]["OrdType"]) == (
        5,
        0,
        6,
        None,
    )
    assert held < trader.free == 10_000_000
    assert error(trader.call("PUT", "cancelorder", {"OrderId": number}))[:2] == (500, 47)


def test_an_execution_may_overtake_a_cancel() -> None:
    """The cancel finds nothing left, and the order ends executed."""
    trader = Trader(order_latency_ms=1000)
    number = trader.send(cash_order("9433", "buy", 100, price=trader.best()[0]))
    trader.play(1.1)
    order = trader.core.floor.orders[number]
    trader.call("PUT", "cancelorder", {"OrderId": number})
    side = order.view.listing.book.bids
    side.take(side.quantity_within(int(trader.row(number)["Price"] * 100)))
    trader.core.floor.acted(order.view.listing)
    assert (trader.row(number)["State"], trader.row(number)["CumQty"]) == (5, 100)
    trader.play(2)
    assert error(trader.call("PUT", "cancelorder", {"OrderId": number}))[:2] == (500, 43)


def test_the_official_samples_spelling_cancels_too() -> None:
    """``OrderID`` is understood, unless the switch says otherwise."""
    for case, status in (("any", 200), ("exact", 400)):
        trader = Trader(body_field_case=case)
        number = trader.send(cash_order("9433", "buy", 100, price=trader.best()[0] - 10))
        assert trader.call("PUT", "cancelorder", {"OrderID": number}).http_status == status


def test_ioc_takes_what_is_there_and_lapses() -> None:
    """Never rests."""
    trader = Trader(account=RICH)
    _, ask = trader.best()
    there = int(trader.get("board/9433@1")["Sell1"]["Qty"])
    number = trader.send(cash_order("9433", "buy", there + 1000, price=ask, kind=27))
    trader.play(0.05)
    row = trader.row(number)
    assert (row["State"], row["CumQty"], row["OrdType"], row["Details"][-1]["RecType"]) == (5, there, 6, Act.LAPSED)
    assert row["OrderQty"] == there + 1000


def test_fok_takes_all_or_nothing() -> None:
    """More than there is within the limit: nothing is executed."""
    trader = Trader(account=RICH)
    _, ask = trader.best(MINI, 2)
    there = int(trader.get(f"board/{MINI}@2")["Sell1"]["Qty"])
    limits = {"price": ask, "time_in_force": "fok"}
    too_much = trader.send(derivative_order(MINI, "buy", there + 1, **limits))  # type: ignore[arg-type]
    fits = trader.send(derivative_order(MINI, "buy", 1, **limits))  # type: ignore[arg-type]
    trader.play(0.05)
    assert (trader.row(too_much)["State"], trader.row(too_much)["CumQty"]) == (5, 0)
    assert (trader.row(fits)["State"], trader.row(fits)["CumQty"]) == (5, 1)


def test_a_stop_order_wakes_at_its_trigger() -> None:
    """It waits at kabu Station, is sent when the price is hit, and becomes what it says."""
    trader = Trader()
    trigger = trader.price() + 5
    number = trader.send(cash_order("9433", "buy", 100, stop=Stop(price=trigger, when="at or above")))
    trader.play(1)
    assert trader.row(number)["State"] == OrderState.WAITING
    trader.market.shock("9433", 1, 0.03)
    for _ in range(300):
        trader.play(1)
        if trader.row(number)["State"] == 5:
            break
    row = trader.row(number)
    assert (row["CumQty"], trader.acts(number)[:3]) == (100, [1, 4, 8])
    assert row["Details"][-1]["Price"] >= trigger


def test_a_stop_may_watch_an_index() -> None:
    """TriggerSec 2: the Nikkei average, not the stock's own price."""
    trader = Trader()
    level = trader.price("101")
    number = trader.send(cash_order("9433", "sell", 100, stop=Stop(price=level - 20, when="at or below", of="nikkei")))
    for code in ("9984", "8306", "7203", "7974", "6758", "9433"):
        trader.market.shock(code, 1, -0.05)
    for _ in range(600):
        trader.play(1)
        if trader.row(number)["State"] == 5:
            break
    assert trader.row(number)["CumQty"] == 100
    assert (
        trader.refused(cash_order("9433", "sell", 100, stop=Stop(price=1, when="at or above", of="topix"))) == 4002004
    )


def test_orders_before_the_open_meet_in_its_auction() -> None:
    """All at one price: a market order, a limit order, and orders that were made for the open alone."""
    trader = Trader("08:30")
    reference = round(trader.core.market.views["9433", 1].listing.last / 100)
    numbers = [
        trader.send(cash_order("9433", "buy", 100)),
        trader.send(cash_order("9433", "sell", 100, price=reference - 100)),
        trader.send(cash_order("9433", "sell", 100, kind=13)),
        trader.send(cash_order("9433", "buy", 100, kind=21, price=reference + 100)),
    ]
    cheap = trader.send(cash_order("9433", "buy", 100, kind=21, price=reference - 200))
    trader.play_to("08:59")
    assert {trader.row(number)["State"] for number in (*numbers, cheap)} == {3}
    trader.play_to("09:00")
    opening = trader.get("board/9433@1")["OpeningPrice"]
    for number in numbers:
        assert trader.row(number)["CumQty"] == 100
        assert trader.row(number)["Details"][-1]["Price"] == opening
    assert (trader.row(cheap)["State"], trader.acts(cheap)[-1]) == (5, Act.LAPSED)


def test_orders_for_the_close_wait_for_it() -> None:
    """Market and limit on close join the closing auction, and a funari order turns into a market order there."""
    trader = Trader("15:20")
    bid, _ = trader.best()
    market = trader.send(cash_order("9433", "buy", 100, kind=16))
    funari = trader.send(cash_order("9433", "buy", 100, kind=26, price=bid - 50))
    too_low = trader.send(cash_order("9433", "buy", 100, kind=24, price=bid - 100))
    trader.play(1)
    assert [trader.row(number)["State"] for number in (market, funari, too_low)] == [1, 3, 1]
    trader.play_to("15:26")
    assert {trader.row(number)["State"] for number in (market, funari, too_low)} == {3}
    trader.play_to("15:31")
    closing = trader.price()
    for number in (market, funari):
        assert trader.row(number)["CumQty"] == 100
        assert trader.row(number)["Details"][-1]["Price"] == closing
    assert trader.acts(too_low)[-1] == Act.LAPSED


def test_the_end_of_the_morning_has_its_orders_too() -> None:
    """Market on close of the morning, and funari of the morning, before lunch."""
    trader = Trader("11:20")
    bid, _ = trader.best()
    market = trader.send(cash_order("9433", "buy", 100, kind=15))
    funari = trader.send(cash_order("9433", "buy", 100, kind=25, price=bid - 50))
    trader.play_to("11:29")
    assert [trader.row(number)["CumQty"] for number in (market, funari)] == [0, 0]
    trader.play_to("11:31")
    assert [trader.row(number)["CumQty"] for number in (market, funari)] == [100, 100]


def test_an_order_of_the_lunch_break_waits_for_its_end() -> None:
    """Held at kabu Station until the exchange takes orders again, executed in the afternoon's auction."""
    trader = Trader("11:40")
    number = trader.send(cash_order("9433", "buy", 100))
    for_the_open = trader.send(cash_order("9433", "buy", 100, kind=14))
    assert trader.row(number)["State"] == 1
    trader.play_to("12:10")
    assert {trader.row(each)["State"] for each in (number, for_the_open)} == {3}
    trader.play_to("12:31")
    assert {trader.row(each)["CumQty"] for each in (number, for_the_open)} == {100}


def test_a_day_order_expires_and_a_longer_one_is_carried_over() -> None:
    """At the close, and into the next day's auction."""
    trader = Trader("15:00")
    low = trader.best()[0] - 100
    today = trader.send(cash_order("9433", "buy", 100, price=low))
    longer = trader.send(cash_order("9433", "buy", 100, price=low, expire_day=20260305))
    trader.play_to("15:31")
    assert (trader.row(today)["State"], trader.acts(today)[-1]) == (5, Act.EXPIRED)
    assert error(trader.call("PUT", "cancelorder", {"OrderId": today}))[1] == 42
    assert trader.row(longer)["State"] == 3
    for _ in trader.market.advance(at("08:30") + 86_400 * 10**9):
        pass
    row = trader.row(longer)
    assert (row["State"], row["ExpireDay"]) == (3, 20260305)
    assert trader.acts(longer) == [Act.ACCEPTED, Act.SENT, Act.CARRIED_OVER, Act.SENT]
    assert trader.core.floor.orders[longer].guest is not None


def test_a_night_order_of_futures_ends_with_the_night() -> None:
    """Market 24 expires at 06:00; the whole-day market goes on into the day session."""
    trader = Trader("17:30", account=RICH)
    low = trader.best(MINI, 2)[0] - 1000
    night = trader.send(derivative_order(MINI, "buy", 1, price=low, market=24))
    whole = trader.send(derivative_order(MINI, "buy", 1, price=low, market=2))
    day = trader.send(derivative_order(MINI, "buy", 1, price=low, market=23))
    trader.play(1)
    assert [trader.row(number)["State"] for number in (night, whole, day)] == [3, 3, 1]
    for _ in trader.market.advance(at("08:30") + 86_400 * 10**9):
        pass
    assert [trader.row(number)["State"] for number in (night, whole, day)] == [5, 3, 3]
    assert trader.acts(night)[-1] == Act.EXPIRED
    assert trader.acts(whole)[2:] == [Act.CARRIED_OVER, Act.SENT]


def test_orders_of_futures_on_close() -> None:
    """Type 18 joins the session's closing auction."""
    trader = Trader("15:30", account=RICH)
    number = trader.send(derivative_order(MINI, "buy", 1, kind=18))
    trader.play(1)
    assert trader.row(number)["State"] == 1
    trader.play_to("15:46")
    assert trader.row(number)["CumQty"] == 1


def test_the_table_of_lives_has_no_way_out_of_the_end() -> None:
    """Nothing happens to a finished order, and every state leads there."""
    assert LIFE[OrderState.FINISHED] == {}
    for state, acts in LIFE.items():
        if state is not OrderState.FINISHED:
            assert OrderState.FINISHED in acts.values()


# --- money and positions ------------------------------------------------------------------------------------------------


def test_open_orders_hold_what_they_need() -> None:
    """Cash for buying, shares for selling; given back in the end."""
    trader = Trader()
    low = trader.best()[0] - 20
    number = trader.send(cash_order("9433", "buy", 200, price=low))
    assert trader.free == 10_000_000 - 200 * low
    trader.send(cash_order("9433", "sell", 700, price=trader.best()[1] + 20))
    (position,) = trader.get("positions?symbol=9433")
    assert (position["LeavesQty"], position["HoldQty"]) == (700, 700)
    assert trader.refused(cash_order("9433", "sell", 100)) == 8
    trader.play(0.1)
    trader.call("PUT", "cancelorder", {"OrderId": number})
    trader.play(0.1)
    assert trader.free == 10_000_000


def test_selling_brings_the_money_back() -> None:
    """A round trip costs the spread, no more, without commission."""
    trader = Trader()
    buying = trader.send(cash_order("9433", "buy", 100))
    trader.play(0.1)
    selling = trader.send(cash_order("9433", "sell", 100))
    trader.play(0.1)
    sums = [
        sum(detail["Price"] * detail["Qty"] for detail in trader.row(number)["Details"] if detail["RecType"] == 8)
        for number in (buying, selling)
    ]
    assert trader.free == 10_000_000 - sums[0] + sums[1]
    (position,) = trader.get("positions?symbol=9433")
    assert position["LeavesQty"] == 700


def test_commission_is_charged_and_shown() -> None:
    """On the value of an execution, with tax."""
    trader = Trader(account=AccountPlan(commission_rate=Decimal("0.001")))
    number = trader.send(cash_order("9433", "buy", 100, price=trader.best()[1], kind=27))
    trader.play(0.1)
    fills = [detail for detail in trader.row(number)["Details"] if detail["RecType"] == 8]
    paid = sum(fill["Price"] * fill["Qty"] + fill["Commission"] + fill["CommissionTax"] for fill in fills)
    assert fills[0]["Commission"] == round(fills[0]["Price"] * fills[0]["Qty"] / 1000)
    assert trader.free == 10_000_000 - paid


def test_margin_positions_have_hold_ids_and_need_collateral() -> None:
    """Short and long lots, each with the number by which it is repaid."""
    trader = Trader()
    room = trader.get("wallet/margin")["MarginAccountWallet"]
    assert room == 33_333_333
    number = trader.send(margin_order("9433", "sell", 100))
    trader.play(0.1)
    lots = trader.get("positions?product=2")
    assert sum(lot["LeavesQty"] for lot in lots) == 100
    fills = [detail["ExecutionID"] for detail in trader.row(number)["Details"] if detail["RecType"] == 8]
    assert [lot["ExecutionID"] for lot in lots] == fills
    assert lots[0]["ExecutionID"].startswith("E20260304")
    assert (lots[0]["Side"], lots[0]["MarginTradeType"], lots[0]["Exchange"]) == ("1", 1, 27)
    assert trader.get("wallet/margin")["MarginAccountWallet"] < room - 200_000
    assert trader.row(number)["CashMargin"] == 2


def test_repaying_by_hold_id_realizes_the_profit() -> None:
    """Only the named lot gets smaller; what it gained is cash."""
    trader = Trader()
    for _ in range(2):
        trader.send(margin_order("9433", "buy", 100))
        trader.play(0.1)
    first, second = (lot for lot in trader.get("positions?product=2") if lot["LeavesQty"] == 100)
    order = repay_order("9433", "sell", 100, positions=[ClosePosition(second["ExecutionID"], 100)])
    number = trader.send(order)
    assert [lot["HoldQty"] for lot in trader.get("positions?product=2")] == [0, 100]
    assert trader.refused(order) == 8
    trader.play(0.1)
    fills = [detail for detail in trader.row(number)["Details"] if detail["RecType"] == 8]
    gained = sum((fill["Price"] - second["Price"]) * fill["Qty"] for fill in fills)
    assert [lot["ExecutionID"] for lot in trader.get("positions?product=2")] == [first["ExecutionID"]]
    assert trader.core.ledger.cash / 100 == 10_000_000 + gained


@pytest.mark.parametrize("rule", list(CloseRule))
def test_each_rule_repays_in_its_order(rule: CloseRule) -> None:
    """Eight rules: by day or by profit, one way or the other."""
    trader = Trader(account=RICH)
    listing = trader.market.views["9433", 1].listing
    lots = []
    for price, day in ((2400, "2026-03-02"), (2600, "2026-03-02"), (2500, "2026-03-03"), (2700, "2026-03-03")):
        trader.send(margin_order("9433", "buy", 100))
        trader.play(0.1)
        lot = list(trader.core.ledger.lots.values())[-1]
        lot.price, lot.day, lot.quantity = price * 100, type(lot.day).fromisoformat(day), 100
        lots.append(lot)
    for other in [lot for lot in trader.core.ledger.lots.values() if lot not in lots]:
        del trader.core.ledger.lots[other.hold_id]
    number = trader.send(repay_order("9433", "sell", 100, positions=rule, price=listing.high_limit / 100))
    held = {lot.price // 100 for lot in lots if trader.core.ledger.held_of(lot.hold_id)}
    expected = {0: 2400, 1: 2600, 2: 2500, 3: 2700, 4: 2400, 5: 2400, 6: 2700, 7: 2700}[rule]
    assert held == {expected}, number


def test_futures_need_collateral_and_settle_in_cash() -> None:
    """A contract bought and repaid changes cash by its move times the multiplier."""
    trader = Trader()
    wallet = trader.get(f"wallet/future/{MINI}@23")
    assert wallet["FutureTradeLimit"] == 10_000_000
    number = trader.send(derivative_order(MINI, "buy", 2))
    trader.play(0.1)
    lots = trader.get("positions?product=3")
    assert [lot["Exchange"] for lot in lots] == [2] * len(lots)
    assert lots[0]["SecurityType"] == 901
    used = 10_000_000 - trader.get("wallet/future")["FutureTradeLimit"]
    assert used >= 2 * wallet["MarginRequirement"] * 0.98
    back = trader.send(derivative_order(MINI, "sell", 2, positions=CloseRule.OLDEST_GAIN))
    trader.play(0.1)
    sums = [
        sum(detail["Price"] * detail["Qty"] for detail in trader.row(each)["Details"] if detail["RecType"] == 8)
        for each in (number, back)
    ]
    assert trader.get("positions?product=3") == []
    assert trader.core.ledger.cash / 100 == 10_000_000 + (sums[1] - sums[0]) * 100


def test_options_are_bought_and_written() -> None:
    """A premium for the one, collateral for the other."""
    trader = Trader(account=RICH)
    call = option(is_call=True)
    wallet = trader.get(f"wallet/option/{call}@2")
    assert wallet["MarginRequirement"] > 0
    trader.send(derivative_order(call, "buy", 1))
    trader.send(derivative_order(option(is_call=False), "sell", 1))
    trader.play(0.1)
    assert [lot["Side"] for lot in trader.get("positions?product=4")] == ["2", "1"]
    assert (
        trader.get("wallet/option")["OptionSellTradeLimit"]
        < wallet["OptionSellTradeLimit"] - wallet["MarginRequirement"]
    )


# --- refusals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (cash_order("0000", "buy", 100), 4002001),
        (cash_order("101", "buy", 100), 4002005),
        (derivative_order("167999999", "buy", 1), 4002001),
        (cash_order("9433", "buy", 100, market=1), 100378),
        (margin_order("9433", "buy", 100, market=1), 100368),
        (cash_order("9433", "buy", 150), 15),
        (cash_order("9433", "buy", 100, price="2510.1"), 17),
        (cash_order("9433", "buy", 100, price="2510.123"), 17),
        (cash_order("9433", "buy", 100, price=5000), 18),
        (cash_order("9433", "buy", 900), 4003001),
        (cash_order("9433", "sell", 1100, price=2510), 4003001),
        (derivative_order(MINI, "buy", 101), 4003002),
        (cash_order("7203", "sell", 100), 8),
        (repay_order("9433", "sell", 100), 8),
        (repay_order("9433", "sell", 100, positions=[ClosePosition("E0", 100)]), 8),
        (margin_order("501A", "sell", 100), 100225),
        (cash_order("9433", "buy", 100, stop=Stop(price=1, when="at or above")), 100217),
        (cash_order("9433", "buy", 100, kind=13), 100250),
        (cash_order("9433", "buy", 100, expire_day=20260303), 5),
        (cash_order("9433", "buy", 100, expire_day=20260307), 5),
        (derivative_order(MINI, "buy", 1, expire_day=20260601), 5),
    ],
)
def test_each_refusal_has_the_vendors_code(order: Any, code: int) -> None:
    """What the account, the symbol or the moment does not allow; codes of the order system come with HTTP 500."""
    trader = Trader()
    assert trader.refused(order) == code
    assert (trader.try_to(order).http_status == 500) == (code < 4_000_000)
    assert trader.get("orders") == []


def test_fifty_lots_are_sold_short_at_the_market_and_more_with_a_limit() -> None:
    """Code 108, for orders that become market orders too; buying is not concerned."""
    trader = Trader(account=RICH)
    stop = Stop(price=2400, when="at or below")
    for order in (margin_order("9433", "sell", 5100), margin_order("9433", "sell", 5100, stop=stop)):
        assert trader.refused(order) == 108
    for order in (
        margin_order("9433", "sell", 5000),
        margin_order("9433", "sell", 5100, price=2600),
        margin_order("9433", "buy", 5100),
    ):
        trader.send(order)


def test_more_than_the_account_has_is_refused() -> None:
    """Code 21, for cash, margin and futures alike."""
    trader = Trader(account=AccountPlan(cash_yen=100_000))
    assert trader.refused(cash_order("9433", "buy", 100)) == 21
    assert trader.refused(margin_order("7203", "buy", 200)) == 21
    assert trader.refused(derivative_order(MINI, "buy", 3)) == 21


def test_accounts_that_are_not_open_refuse() -> None:
    """Margin and derivatives are contracts of their own."""
    trader = Trader(account=AccountPlan(has_margin=False, has_derivatives=False))
    assert trader.refused(margin_order("9433", "buy", 100)) == 100204
    assert trader.refused(derivative_order(MINI, "buy", 1)) == 100205
    assert trader.get("wallet/margin")["MarginAccountWallet"] == 0


def test_ioc_outside_the_session_is_refused() -> None:
    """Code 100246; other orders wait."""
    trader = Trader("07:30")
    assert trader.refused(cash_order("9433", "buy", 100, kind=17)) == 100246
    number = trader.send(cash_order("9433", "buy", 100))
    assert trader.row(number)["State"] == 1


def test_right_after_the_close_today_is_over() -> None:
    """ExpireDay 0 means the day that has ended, until the roll; then the next day."""
    trader = Trader("15:31")
    assert trader.refused(cash_order("9433", "buy", 100)) == 5
    assert trader.row(trader.send(cash_order("9433", "buy", 100, expire_day=20260305)))["ExpireDay"] == 20260305
    trader.play_to("16:01")
    assert trader.row(trader.send(cash_order("9433", "buy", 100)))["ExpireDay"] == 20260305


def test_sor_can_be_down_or_old() -> None:
    """Two switches of the past and of maintenance days."""
    down = Trader(sor_down=True)
    assert down.refused(cash_order("9433", "buy", 100)) == 123
    assert down.send(cash_order("9433", "buy", 100, market=1))
    assert Trader(sor_types="basic").refused(cash_order("9433", "buy", 100, kind=16)) == 4002002


def test_open_orders_of_a_symbol_can_be_limited() -> None:
    """The vendor's guideline as a switch."""
    trader = Trader(orders_per_symbol=2)
    low = trader.best()[0] - 10
    for _ in range(2):
        trader.send(cash_order("9433", "buy", 100, price=low))
    assert trader.refused(cash_order("9433", "buy", 100, price=low)) == 100294


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"Symbol":9433}', b'{"OrderId":5}'])
@pytest.mark.parametrize("path", ["sendorder", "sendorder/future", "sendorder/option", "cancelorder"])
def test_bodies_that_cannot_be_read(path: str, body: bytes) -> None:
    """4001005, whatever the call."""
    method = "PUT" if path == "cancelorder" else "POST"
    assert error(Trader().call(method, path, raw=body))[:2] == (400, 4001005)


def test_cancelling_what_is_not_there() -> None:
    """4004001."""
    assert error(Trader().call("PUT", "cancelorder", {"OrderId": "20260304A01N00000000"}))[1] == 4004001


# --- questions ----------------------------------------------------------------------------------------------------------


def test_orders_are_found_by_what_they_are() -> None:
    """Every parameter of the reference."""
    trader = Trader()
    low = trader.best()[0] - 20
    cash = trader.send(cash_order("9433", "buy", 100, price=low))
    margin = trader.send(margin_order("8306", "sell", 100, price=2800))
    mini = trader.send(derivative_order(MINI, "buy", 1, price=trader.best(MINI, 2)[0] - 100))
    trader.play(1)
    trader.call("PUT", "cancelorder", {"OrderId": mini})
    trader.play(1)

    def found(query: str) -> set[str]:
        return {row["ID"] for row in trader.get(f"orders?{query}")}

    assert found("") == {cash, margin, mini}
    assert [found(f"product={product}") for product in range(5)] == [
        {cash, margin, mini},
        {cash},
        {margin},
        {mini},
        set(),
    ]
    assert found("symbol=8306") == {margin}
    assert (found("state=3"), found("state=5")) == ({cash, margin}, {mini})
    assert (found("side=1"), found("side=2")) == ({margin}, {cash, mini})
    assert found("cashmargin=2") == {margin, mini}
    assert (found("updtime=20260304101501"), found("updtime=20260304101502")) == ({mini}, set())
    assert "Details" not in trader.get("orders?details=false")[0]
    for query in ("product=5", "product=x", "state=6", "details=maybe"):
        assert error(trader.call("GET", f"orders?{query}"))[:2] == (400, 4001010)


def test_positions_without_prices() -> None:
    """``addinfo=false`` nulls four fields; filters as for orders."""
    trader = Trader()
    rows = trader.get("positions?addinfo=false")
    assert {row["Symbol"] for row in rows} == {"9433", "8306"}
    assert all(row["CurrentPrice"] is row["ProfitLossRate"] is None for row in rows)
    (row,) = trader.get("positions?symbol=9433")
    assert row["Valuation"] == 700 * row["CurrentPrice"]
    assert row["ProfitLoss"] == row["Valuation"] - 700 * row["Price"]
    assert trader.get("positions?side=1") == []
    assert error(trader.call("GET", "positions?product=9"))[:2] == (400, 4001010)


def test_wallets_for_a_symbol_say_more() -> None:
    """And unknown symbols are not found."""
    trader = Trader()
    assert trader.get("wallet/margin")["ConsignmentDepositRate"] is None
    assert trader.get("wallet/margin/9433@9")["ConsignmentDepositRate"] == 30
    assert trader.get("wallet/cash/9433@9") == trader.get("wallet/cash")
    for path in ("wallet/cash/0000@1", "wallet/future/9433@1", "wallet/option/9433@1"):
        assert error(trader.call("GET", path))[1] == 4002001
    assert error(trader.call("GET", "wallet/cash/9433"))[1] == 4001011


def test_verification_checks_and_forgets() -> None:
    """Port 18081: the request is looked at, the answer has no number, everything else is constant."""
    trader = Trader(env="verification")
    answer = trader.try_to(cash_order("9433", "buy", 100))
    assert (answer.body.Result, answer.body.OrderId) == (0, None)
    assert trader.refused(cash_order("9433", "buy", 100, FrontOrderType=11)) == 4002012
    assert trader.try_to(derivative_order(MINI, "buy", 1)).body.OrderId is None
    assert trader.call("PUT", "cancelorder", {"OrderId": "x"}).http_status == 200
    assert trader.get("orders") == trader.get("positions") == []
    for wallet in ("cash", "margin", "future", "option"):
        assert set(trader.get(f"wallet/{wallet}").values()) == {None}


def test_orders_have_a_rate_of_their_own() -> None:
    """The sixth within a second is refused, and wallets are counted apart."""
    trader = Trader()
    low = trader.best()[0] - 20
    trader.now_ns += 2 * 10**9
    codes = []
    for _ in range(6):
        trader.now_ns -= 190_000_000
        answer = trader.try_to(cash_order("9433", "buy", 100, price=low))
        codes.append(answer.http_status)
    assert codes == [200] * 5 + [429]
