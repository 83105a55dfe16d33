"""The simulated exchange on a still market: life cycles, every event name, rules, money to the last cent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from tests.brokers.alpaca.simulator_calls import WHOLE, Floor, fills_of, floor
from wsexample.brokers.alpaca.codes import EVENTS
from wsexample.brokers.alpaca.messages.trading import OrderSubmission, ReplaceSubmission, StopLoss, TakeProfit
from wsexample.brokers.alpaca.simulator import Switches
from wsexample.brokers.alpaca.simulator.assets import ASSETS
from wsexample.brokers.alpaca.simulator.checks import Refusal
from wsexample.errors import OptionError


def refusal(ground: Floor, **fields: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        ground.place(**fields)
    return caught.value


# --- life cycles --------------------------------------------------------------------------------------------------------


def test_a_market_order_fills_at_the_best_offer() -> None:
    """pending_new, new, fill; whatever the size of the offer, at its price; position and cash follow."""
    ground = floor()
    order = ground.place(qty="100")
    assert (order.status, ground.names()) == ("pending_new", ["pending_new"])
    ground.pass_time()
    assert list(fills_of(ground.events)) == [(Decimal(100), Decimal("187.21"))]
    assert ground.names() == ["new", "fill"]
    assert (order.status, order.average_price) == ("filled", Decimal("187.21"))
    assert ground.account.cash == Decimal(100_000) - 100 * Decimal("187.21")
    assert ground.account.held("AAPL") == 100


def test_a_limit_order_waits_for_its_price() -> None:
    """It stands while the offer is above, and fills at the offer, not at its limit."""
    ground = floor()
    order = ground.place(type="limit", limit_price="187.00")
    ground.pass_time()
    assert (order.status, ground.names()) == ("new", ["pending_new", "new"])
    ground.quote("AAPL", 186.95, 186.97)
    assert list(fills_of(ground.events)) == [(Decimal(10), Decimal("186.97"))]


def test_a_part_is_filled_now_and_then() -> None:
    """With the documented chance; the executions add up to the order and each says its own size and price."""
    ground = floor(Switches(partial_fill_chance=0.9))
    order = ground.place(qty="50")
    for _ in range(100):
        ground.pass_time(0.01)
    updates = ground.events
    parts = list(fills_of(updates))
    assert (order.status, sum(size for size, _ in parts)) == ("filled", 50)
    assert len(parts) > 3
    assert [update.event for update in updates][-1] == "fill"
    positions = [Decimal(str(update.position_qty)) for update in updates if update.event.endswith("fill")]
    assert positions == sorted(positions)


def test_a_stop_order_waits_for_its_trigger() -> None:
    """A sell stop becomes a market order when something trades at its price or below."""
    ground = floor()
    ground.place(qty="10")
    ground.pass_time()
    order = ground.place(side="sell", type="stop", stop_price="186.00")
    ground.pass_time()
    assert order.status == "new"
    ground.quote("AAPL", 185.90, 185.92, last=185.95)
    assert (order.status, order.average_price) == ("filled", Decimal("185.9"))


def test_a_trailing_stop_follows_the_price() -> None:
    """Its water mark rises with the price and stays when that falls."""
    ground = floor()
    ground.place(qty="10")
    ground.pass_time()
    order = ground.place(side="sell", type="trailing_stop", trail_price="1.00")
    ground.pass_time()
    ground.quote("AAPL", 189.98, 190.02, last=190.0)
    assert (order.water_mark, order.stop_price, order.status) == (Decimal(190), Decimal("189.00"), "new")
    ground.quote("AAPL", 188.90, 188.95, last=188.9)
    assert order.status == "filled"


@pytest.mark.parametrize(("time_in_force", "events"), [("ioc", ["canceled"]), ("fok", ["canceled"])])
def test_what_cannot_be_filled_at_once_is_canceled(time_in_force: str, events: list[str]) -> None:
    """Immediate orders never stand."""
    ground = floor()
    order = ground.place(type="limit", limit_price="150", time_in_force=time_in_force)
    ground.pass_time()
    assert ground.names() == ["pending_new", "new", *events]
    assert order.is_closed


def test_a_cancel_is_a_wish_and_an_event() -> None:
    """pending_cancel first, canceled when it is done; twice is refused."""
    ground = floor()
    order = ground.place(type="limit", limit_price="150")
    ground.pass_time()
    ground.names()
    ground.exchange.cancel(ground.account, order, ground.exchange.now_ns)
    with pytest.raises(Refusal, match="pending_cancel"):
        ground.exchange.cancel(ground.account, order, ground.exchange.now_ns)
    ground.pass_time()
    assert (ground.names(), order.status, order.canceled_ns is not None) == (
        ["pending_cancel", "canceled"],
        "canceled",
        True,
    )


def test_a_cancel_may_come_too_late() -> None:
    """Filled while the cancel is on its way: the fill stands, and the cancel is refused by an event with a reason."""
    ground = floor()
    order = ground.place(type="limit", limit_price="187.00")
    ground.pass_time()
    ground.names()
    ground.exchange.cancel(ground.account, order, ground.exchange.now_ns)
    ground.market.listings["AAPL"].ask = 186.9
    ground.pass_time(0.001)
    ground.pass_time(0.1)
    reasons = [update.reason for update in ground.events if update.event == "order_cancel_rejected"]
    assert ground.names() == ["pending_cancel", "fill", "order_cancel_rejected"]
    assert (reasons, order.status) == (["TOO_LATE_TO_CANCEL"], "filled")


def test_a_replacement_is_a_new_order() -> None:
    """The old one ends as replaced, the new one begins, and each knows the other."""
    ground = floor()
    order = ground.place(type="limit", limit_price="150", qty="10")
    ground.pass_time()
    ground.names()
    new = ground.exchange.replace(
        ground.account, order, ReplaceSubmission(limit_price="151", qty="7"), ground.exchange.now_ns
    )
    assert new.status == "accepted"
    ground.pass_time()
    shown = next(update.order for update in ground.events if update.event == "replaced")
    assert ground.names() == ["pending_replace", "replaced", "new"]
    assert (order.status, order.replaced_by, new.replaces) == ("replaced", new.order_id, order.order_id)
    assert (shown.id, new.limit_price, new.size) == (order.order_id, Decimal(151), Decimal(7))


def test_a_replacement_may_come_too_late() -> None:
    """Filled meanwhile: the old one stays filled, the new one never lives."""
    ground = floor()
    order = ground.place(type="limit", limit_price="187.00")
    ground.pass_time()
    new = ground.exchange.replace(ground.account, order, ReplaceSubmission(limit_price="186"), ground.exchange.now_ns)
    ground.market.listings["AAPL"].ask = 186.9
    ground.pass_time(0.001)
    ground.pass_time()
    assert ground.names()[-2:] == ["fill", "order_replace_rejected"]
    assert (order.status, new.status) == ("filled", "rejected")


def test_a_bracket_holds_its_children_until_the_parent_is_filled() -> None:
    """Then both work, and the fill of one cancels the other."""
    ground = floor(WHOLE.replace(held_events=True))
    parent = ground.place(
        order_class="bracket", take_profit=TakeProfit(limit_price="190"), stop_loss=StopLoss(stop_price="185")
    )
    profit, loss = parent.legs
    assert (profit.status, loss.status) == ("held", "held")
    ground.pass_time()
    assert ground.names() == ["pending_new", "held", "held", "new", "fill", "new", "new"]
    ground.quote("AAPL", 190.05, 190.07, last=190.06)
    assert (profit.status, loss.status, ground.account.held("AAPL")) == ("filled", "canceled", 0)
    assert ground.names() == ["fill", "canceled"]


def test_the_end_of_a_parent_is_the_end_of_its_children() -> None:
    """A canceled bracket leaves nothing behind."""
    ground = floor()
    parent = ground.place(
        type="limit", limit_price="150", order_class="bracket",
        take_profit=TakeProfit(limit_price="190"), stop_loss=StopLoss(stop_price="140"),
    )  # fmt: skip
    ground.pass_time()
    ground.exchange.cancel(ground.account, parent, ground.exchange.now_ns)
    ground.pass_time()
    assert [order.status for order in (parent, *parent.legs)] == ["canceled"] * 3


def test_of_two_orders_that_exclude_each_other_one_fills() -> None:
    """An oco has a limit order and a stop beside it."""
    ground = floor()
    ground.place()
    ground.pass_time()
    parent = ground.place(
        side="sell", type="limit", order_class="oco",
        take_profit=TakeProfit(limit_price="195"), stop_loss=StopLoss(stop_price="180", limit_price="179"),
    )  # fmt: skip
    ground.pass_time()
    (loss,) = parent.legs
    assert (parent.status, loss.status, loss.order_type) == ("new", "new", "stop_limit")
    ground.quote("AAPL", 179.5, 179.6, last=179.9)
    assert (parent.status, loss.status) == ("canceled", "filled")


def test_the_legs_of_a_spread_fill_together() -> None:
    """One event tells of all executions; each leg has its position."""
    ground = floor()
    ground.quote("AAPL260619C00200000", 4.0, 4.1)
    ground.quote("AAPL260619C00210000", 2.1, 2.2)
    legs = [
        OrderSubmission(symbol="AAPL260619C00200000", side="buy", ratio_qty="1"),
        OrderSubmission(symbol="AAPL260619C00210000", side="sell", ratio_qty="1"),
    ]
    parent = ground.place(
        symbol=None, side=None, qty="2", order_class="mleg", type="limit", limit_price="2.00", legs=legs
    )
    ground.pass_time()
    (fill,) = [update for update in ground.events if update.event == "fill"]
    assert isinstance(fill.legs, list)
    assert [(leg.symbol, leg.qty, leg.price) for leg in fill.legs] == [
        ("AAPL260619C00200000", "2", "4.1"),
        ("AAPL260619C00210000", "2", "2.1"),
    ]
    assert fill.position_qtys == {"AAPL260619C00200000": "2", "AAPL260619C00210000": "-2"}
    assert (parent.status, parent.average_price) == ("filled", Decimal(2))
    assert ground.account.cash == Decimal(100_000) - 2 * 100 * Decimal("2.0")


def test_outside_the_hours_orders_wait() -> None:
    """accepted, and new at the open; at the close orders of the day expire."""
    ground = floor()
    ground.market.close_stocks()
    order = ground.place(type="limit", limit_price="150")
    assert (order.status, ground.names()) == ("accepted", ["accepted"])
    ground.market.open_stocks()
    ground.exchange.open_market()
    ground.pass_time()
    assert (order.status, ground.names()) == ("new", ["pending_new", "new"])
    ground.market.close_stocks()
    ground.exchange.close_market()
    ground.pass_time()
    assert (order.status, ground.names()) == ("expired", ["expired"])


def test_orders_for_the_close_are_filled_there() -> None:
    """A cls order waits all day."""
    ground = floor()
    order = ground.place(time_in_force="cls")
    ground.pass_time()
    assert order.status == "accepted"
    ground.market.close_stocks()
    ground.exchange.close_market()
    assert order.status == "filled"


def test_an_order_in_money_is_filled_for_that_money() -> None:
    """The quantity follows from the price, and the order goes on saying the money."""
    ground = floor()
    order = ground.place(qty=None, notional="100")
    ground.pass_time()
    assert order.filled_size == (Decimal(100) / Decimal("187.21")).quantize(Decimal("0.000000001"), "ROUND_DOWN")
    assert (order.message().notional, order.message().qty) == ("100", None)


def test_halted_symbols_are_not_filled() -> None:
    """What is halted waits."""
    ground = floor()
    ground.market.halt("AAPL")
    order = ground.place()
    ground.pass_time()
    assert order.status == "new"
    ground.market.resume("AAPL")
    ground.pass_time()
    assert order.status == "filled"


# --- every event --------------------------------------------------------------------------------------------------------

FORCED = sorted(set(EVENTS) - {"fill", "partial_fill", "trade_bust", "trade_correct"})


@pytest.mark.parametrize("event", FORCED)
def test_any_event_can_be_had(event: str) -> None:
    """On command, with the status that belongs to it."""
    ground = floor()
    order = ground.place(type="limit", limit_price="150")
    ground.pass_time()
    ground.names()
    ground.commands.force(order.order_id, event)
    ground.pass_time(0)
    assert event in ground.names()
    status = EVENTS[event].status
    assert order.status == (status or "new")


def test_corrections_may_have_no_identifier() -> None:
    """With the switch: none is documented for them."""
    ground = floor(WHOLE.replace(correction_ids=False))
    execution = ground.commands.fill_order(ground.place(type="limit", limit_price="150").order_id)
    ground.pass_time()
    ground.names()
    ground.commands.correct_execution(execution, Decimal(148))
    ground.commands.bust(execution)
    ground.pass_time(0)
    assert [(update.execution_id, update.previous_execution_id) for update in ground.events] == [(UNSET, execution)] * 2


def test_executions_can_be_had_taken_back_and_put_right() -> None:
    """Position, cash and average follow, and the events name the execution before."""
    ground = floor()
    order = ground.place(type="limit", limit_price="150", qty="10")
    ground.pass_time()
    first = ground.commands.fill_order("" or order.order_id, Decimal(4), Decimal(149))
    second = ground.commands.fill_order(order.client_order_id)
    ground.pass_time(0)
    ground.names()
    ground.commands.correct_execution(second, Decimal(148))
    ground.commands.bust(first)
    ground.pass_time(0)
    correct, bust = ground.events
    assert (correct.event, correct.previous_execution_id, correct.price) == ("trade_correct", second, "148")
    assert (bust.event, bust.previous_execution_id, bust.qty) == ("trade_bust", first, "-4")
    assert ground.account.held("AAPL") == 6
    assert ground.account.cash == Decimal(100_000) - 6 * Decimal(148)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda commands, order: commands.force("no", "new"), "no order 'no'"),
        (lambda commands, order: commands.force(order, "no"), "no event 'no'"),
        (lambda commands, order: commands.force(order, "fill"), "needs an execution"),
        (lambda commands, order: commands.bust("no"), "no execution 'no'"),
    ],
)
def test_commands_that_cannot_work_are_named(call: Any, words: str) -> None:
    """A typing error in a test is an error, not silence."""
    ground = floor()
    order = ground.place(type="limit", limit_price="150")
    with pytest.raises(OptionError, match=words):
        call(ground.commands, order.order_id)


# --- refusals -----------------------------------------------------------------------------------------------------------

BRACKET = {
    "order_class": "bracket",
    "take_profit": TakeProfit(limit_price="190"),
    "stop_loss": StopLoss(stop_price="180"),
}
SPREAD = [
    OrderSubmission(symbol="AAPL260619C00200000", side="buy", ratio_qty="1"),
    OrderSubmission(symbol="AAPL260619C00210000", side="sell", ratio_qty="1"),
]


@pytest.mark.parametrize(
    ("fields", "status", "code", "words"),
    [
        ({"symbol": None}, 422, 40010001, "symbol is required"),
        ({"symbol": "NOPE"}, 422, 42210000, 'asset "NOPE" not found'),
        ({"symbol": "FAKEPACA"}, 422, 42210000, 'asset "FAKEPACA" is not tradable'),
        ({"side": "hold"}, 422, 40010001, "side must be buy or sell"),
        ({"type": "iceberg"}, 422, 40010001, "invalid order type: iceberg"),
        ({"time_in_force": "gtd"}, 422, 40010001, "invalid time_in_force: gtd"),
        ({"qty": None}, 422, 40010001, "qty or notional is required"),
        ({"notional": "5"}, 422, 40010001, "cannot be both set"),
        ({"qty": "0"}, 422, 40010001, "qty must be > 0"),
        ({"qty": "0.5", "time_in_force": "gtc"}, 422, 42210000, "fractional orders must be DAY orders"),
        ({"qty": None, "notional": "0.5"}, 403, 40310000, "minimal amount of order 1"),
        ({"qty": None, "notional": "10.005"}, 422, 42210000, "limited to 2 decimal places"),
        ({"qty": "0.1234567891"}, 422, 42210000, "limited to 9 decimal places"),
        ({"qty": "0.005"}, 403, 40310000, "minimal amount of order 1"),
        ({"symbol": "BTC/USD", "time_in_force": "gtc", "qty": "0.00001"}, 403, 40310000, "minimal amount of order 1"),
        (
            {"symbol": "BTC/USD", "time_in_force": "gtc", "type": "limit", "qty": "1", "limit_price": "60000.01"},
            422,
            42210000,
            "multiple of 0.1",
        ),
        (
            {"order_class": "mleg", "symbol": None, "type": "limit", "limit_price": "2.675", "legs": SPREAD},
            422,
            42210000,
            "limit price must be limited to 2 decimal places",
        ),
        ({"type": "limit"}, 422, 40010001, "require limit price"),
        ({"type": "limit", "limit_price": "-1"}, 422, 40010001, "limit_price must be > 0"),
        ({"type": "limit", "limit_price": "187.123"}, 422, 42210000, "sub-penny"),
        ({"type": "stop", "stop_price": "180"}, 422, 42210000, "greater than current price"),
        ({"type": "trailing_stop"}, 422, 40010001, "trail_price or trail_percent"),
        ({"extended_hours": True}, 422, 42210000, "extended hours order must be DAY limit"),
        ({"symbol": "BTC/USD", "type": "stop"}, 422, 40010001, "invalid order type for crypto order"),
        ({"symbol": "BTC/USD", "qty": "0.01"}, 422, 42210000, "invalid crypto time_in_force"),
        ({"order_class": "knot"}, 422, 40010001, "invalid order_class"),
        ({"order_class": "bracket"}, 422, 40010001, "bracket orders require"),
        ({"order_class": "oto"}, 422, 40010001, "oto orders require"),
        ({"order_class": "oco"}, 422, 40010001, "oco orders require"),
        ({"order_class": "mleg"}, 422, 40010001, "symbol is not allowed"),
        ({"order_class": "mleg", "symbol": None, "legs": []}, 422, 40010001, "2 to 4 legs"),
        (BRACKET | {"qty": "1.5"}, 422, 42210000, "fractional orders must be simple orders"),
        (BRACKET | {"qty": None, "notional": "500"}, 422, 42210000, "fractional orders must be simple orders"),
        (BRACKET | {"time_in_force": "ioc"}, 422, 42210000, "must be DAY or GTC"),
        (
            BRACKET | {"type": "limit", "limit_price": "187", "extended_hours": True},
            422,
            42210000,
            "extended hours",
        ),
        (
            BRACKET | {"take_profit": TakeProfit(limit_price="190.123")},
            422,
            42210000,
            "invalid take_profit.limit_price 190.123. sub-penny",
        ),
        (
            BRACKET | {"stop_loss": StopLoss(stop_price="180.001")},
            422,
            42210000,
            "invalid stop_loss.stop_price 180.001. sub-penny",
        ),
        (
            BRACKET | {"stop_loss": StopLoss(stop_price="180", limit_price="179.999")},
            422,
            42210000,
            "invalid stop_loss.limit_price 179.999. sub-penny",
        ),
        (BRACKET | {"stop_loss": StopLoss(stop_price="0")}, 422, 40010001, "stop_loss.stop_price must be > 0"),
        (
            BRACKET | {"stop_loss": StopLoss(stop_price="187.2")},
            422,
            42210000,
            "stop_loss.stop_price must be <= base_price - 0.01",
        ),
        (
            BRACKET | {"type": "limit", "limit_price": "170"},
            422,
            42210000,
            "stop_loss.stop_price must be <= base_price - 0.01",
        ),
        (
            BRACKET | {"take_profit": TakeProfit(limit_price="187.2")},
            422,
            42210000,
            "take_profit.limit_price must be >= base_price + 0.01",
        ),
        (
            BRACKET | {"take_profit": TakeProfit(limit_price="179")},
            422,
            42210000,
            "take_profit.limit_price must be > stop_loss.stop_price",
        ),
        (BRACKET | {"side": "sell"}, 422, 42210000, "take_profit.limit_price must be < stop_loss.stop_price"),
        ({"qty": "5000"}, 403, 40310000, "insufficient buying power"),
        ({"symbol": "HARD", "side": "sell"}, 422, 42210000, "cannot be sold short"),
        (
            {"symbol": "ETH/USD", "side": "sell", "time_in_force": "gtc", "qty": "1"},
            403,
            40310000,
            "insufficient balance for ETH",
        ),
    ],
)
def test_what_is_refused_and_with_which_words(fields: dict[str, Any], status: int, code: int, words: str) -> None:
    """HTTP status, code and words as the real one's, where they are known."""
    found = refusal(floor(), **fields)
    assert (found.http_status, found.code) == (status, code)
    assert words in found.message
    assert found.body["message"] == found.message


def test_exits_are_judged_by_the_price_they_are_compared_with() -> None:
    """A cent from the base is enough, on either side of the market; the refusal says which base."""
    ground = floor()
    ground.place(
        **BRACKET | {"take_profit": TakeProfit(limit_price="187.21"), "stop_loss": StopLoss(stop_price="187.19")}
    )
    short = BRACKET | {"symbol": "MSFT", "side": "sell", "qty": "1"}
    last = ground.exchange.quoted("MSFT")[2]
    exits = {"take_profit": TakeProfit(limit_price=str(last - Decimal("0.01")))}
    ground.place(**short | exits | {"stop_loss": StopLoss(stop_price=str(last + Decimal("0.01")))})
    body = refusal(ground, **short | exits | {"stop_loss": StopLoss(stop_price=str(last))}).body
    assert (body["message"], body["base_price"]) == ("stop_loss.stop_price must be >= base_price + 0.01", str(last))


@pytest.mark.parametrize(("kind", "at"), [("stop", {}), ("stop_limit", {"limit_price": "201"})])
def test_exits_of_an_entry_that_waits_for_a_stop_are_judged_by_its_price(kind: str, at: dict[str, str]) -> None:
    """It buys where the market breaks out to, so the stop of its loss may be above where the market is now."""
    entry = BRACKET | {"type": kind, "stop_price": "200", "take_profit": TakeProfit(limit_price="210")} | at
    order = floor().place(**entry | {"stop_loss": StopLoss(stop_price="195")})
    assert [leg.status for leg in order.legs] == ["held", "held"]
    base = at.get("limit_price", "200")
    assert refusal(floor(), **entry | {"stop_loss": StopLoss(stop_price=base)}).body["base_price"] == base


def test_the_least_that_an_asset_says_is_taken_and_less_is_not() -> None:
    """Of each coin the smallest order costs a dollar, and its price is a multiple of its increment."""
    ground = floor()
    for asset in (each for each in ASSETS.values() if each.kind == "crypto"):
        price = Decimal(repr(asset.price))
        shown = asset.message()
        order = {"symbol": asset.symbol, "time_in_force": "gtc", "type": "limit", "limit_price": str(price)}
        ground.place(**order, qty=shown.min_order_size)
        less = Decimal(str(shown.min_order_size)) - Decimal(str(shown.min_trade_increment))
        assert "minimal amount" in refusal(ground, **order, qty=f"{less:f}").message
        finer = f"{price + Decimal(str(shown.price_increment)) / 10:f}"
        assert "multiple of" in refusal(ground, **order | {"limit_price": finer}, qty="100").message


def test_buying_power_is_told_with_the_cost() -> None:
    """The extras of the refusal are decimal texts, and open orders count."""
    ground = floor()
    ground.place(type="limit", limit_price="100", qty="1500")
    found = refusal(ground, qty="500", type="limit", limit_price="180")
    assert found.body == {
        "buying_power": "50000",
        "cost_basis": "90000",
        "code": 40310000,
        "message": "insufficient buying power",
    }


def test_what_is_held_for_orders_cannot_be_sold_again() -> None:
    """The refusal says what is there, held and free."""
    ground = floor()
    ground.place(qty="10")
    ground.pass_time()
    ground.place(side="sell", type="limit", limit_price="200", qty="8")
    body = refusal(ground, side="sell", type="limit", limit_price="201", qty="5").body
    assert body["message"] == "insufficient qty available for order (requested: 5, available: 2)"
    assert (body["existing_qty"], body["held_for_orders"], body["available"]) == ("10", "8", "2")


def test_an_order_against_ones_own_is_refused() -> None:
    """A wash trade names the order that stands in the way."""
    ground = floor()
    order = ground.place(type="limit", limit_price="187.00")
    found = refusal(ground, side="sell")
    assert "potential wash trade" in found.message
    assert found.body["existing_order_id"] == order.order_id


def test_an_identifier_is_used_once() -> None:
    """client_order_id must be unique, for replacements too."""
    ground = floor()
    order = ground.place(client_order_id="mine", type="limit", limit_price="150")
    assert refusal(ground, client_order_id="mine").message == "client_order_id must be unique"
    ground.pass_time()
    with pytest.raises(Refusal, match="unique"):
        ground.exchange.replace(
            ground.account, order, ReplaceSubmission(client_order_id="mine"), ground.exchange.now_ns
        )


def test_a_closed_order_can_be_neither_canceled_nor_replaced() -> None:
    """The words name its state."""
    ground = floor()
    order = ground.place()
    ground.pass_time()
    for call in (
        lambda: ground.exchange.cancel(ground.account, order, ground.exchange.now_ns),
        lambda: ground.exchange.replace(ground.account, order, ReplaceSubmission(qty="5"), ground.exchange.now_ns),
    ):
        with pytest.raises(Refusal, match='"filled" state'):
            call()


# --- money --------------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 40), st.integers(18_000, 19_500)), max_size=25)
)
def test_cash_and_positions_are_the_sum_of_the_executions(steps: list[tuple[str, int, int]]) -> None:
    """For any sequence of orders: cash changes by what the executions say, to the last digit, short positions included."""
    ground = floor(Switches(partial_fill_chance=0.3))
    updates = []
    for side, size, cents in steps:
        ground.quote("AAPL", cents / 100, (cents + 2) / 100, cents / 100)
        try:
            ground.place(side=side, qty=str(size))
        except Refusal:
            continue
        ground.pass_time(0.05)
        updates += ground.events
        ground.events = []
    updates += ground.events  # what a quote has filled before an order that was refused
    cash, held = Decimal(100_000), Decimal(0)
    for update in updates:
        if update.event in ("fill", "partial_fill"):
            change = Decimal(str(update.qty)) * (1 if update.order.side == "buy" else -1)
            held += change
            cash -= change * Decimal(str(update.price))
            assert Decimal(str(update.position_qty)) == held
    assert (ground.account.cash, ground.account.held("AAPL")) == (cash, held)


def test_an_account_is_shown_with_equity_and_positions() -> None:
    """Equity is cash and what is held at the last price; a short position is negative."""
    ground = floor()
    ground.place(qty="10")
    ground.pass_time()
    ground.quote("AAPL", 190.0, 190.02, last=190.0)
    message = ground.account.message(ground.exchange.quoted)
    assert message.equity == str(Decimal(100_000) - Decimal("1872.1") + 1900)
    position = ground.account.position("AAPL", ground.exchange.quoted)
    assert position is not None
    assert (position.qty, position.avg_entry_price, position.unrealized_pl) == ("10", "187.21", "27.9")
    ground.place(side="sell", qty="10")
    ground.pass_time()
    ground.place(side="sell", qty="3")
    ground.pass_time()
    position = ground.account.position("AAPL", ground.exchange.quoted)
    assert position is not None
    assert (position.qty, position.side) == ("-3", "short")


def test_the_same_seed_tells_the_same_story() -> None:
    """Identifiers, fills and times come again."""

    def story() -> list[Any]:
        ground = floor(Switches(partial_fill_chance=0.5))
        for _ in range(5):
            ground.place(qty="20")
            ground.pass_time()
        return ground.events

    assert story() == story()
