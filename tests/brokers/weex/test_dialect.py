"""The language of the V3 sockets, message by message."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.brokers.weex.payloads import RECEIVED_NS, on_wire, plain, raw
from wsexample.brokers.weex.dialect import WeexDialect, WeexMessage, unrealized
from wsexample.errors import RequestError, SubscriptionLimitError, UnknownSymbolError
from wsexample.ports import NOTHING, Gap, Step
from wsexample.records.market import Bar, Book, Level, Ticker, Trade
from wsexample.records.orders import Balance, Fill, Order, Position

PUBLIC = ["BTCUSDT@ticker", "BTCUSDT@depth15", "BTCUSDT@trade", "BTCUSDT@kline_1m_LAST_PRICE"]
PRIVATE = ["account", "positions", "orders", "fill"]
MS = 1_000_000


def subscribed(topics: list[str], *, keeps_wire: bool = False) -> WeexDialect:
    """A dialect whose topics are confirmed."""
    dialect = WeexDialect(keeps_wire=keeps_wire)
    assert dialect.start().phase == "subscribing"
    sent = json.loads(dialect.subscribe(topics).replies[0])
    assert sent == {"method": "SUBSCRIBE", "params": topics, "id": 1}
    assert tell(dialect, {"result": True, "id": 1}).confirmed == tuple(topics)
    return dialect


def tell(dialect: WeexDialect, message: Any) -> Step:
    """Feed a message by its name or its content."""
    payload = raw(message) if isinstance(message, str) else on_wire(message)
    return dialect.receive(payload, False, RECEIVED_NS)


def sent(step: Step) -> list[dict[str, Any]]:
    return [json.loads(reply) for reply in step.replies]


def only(step: Step) -> Any:
    assert len(step.records) == 1, step
    return step.records[0]


def test_a_book_is_whole_in_every_record() -> None:
    """A snapshot and a change give the state of the venue, sorted, with its number."""
    dialect = subscribed(PUBLIC)
    tell(dialect, "snapshot")
    book = only(tell(dialect, "change"))
    assert isinstance(book, Book)
    assert book.bids == (Level(64250.1, 0.912), Level(64250.0, 1.2055), Level(64249.6, 0.33))
    assert book.asks == (Level(64250.8, 1.44), Level(64251.2, 0.761), Level(64251.5, 0.44))
    assert (book.sequence, book.exchange_ns) == (21000000231, 1795000000620 * MS)


def test_a_gap_asks_for_the_book_anew() -> None:
    """After a missing frame nothing is delivered until a new snapshot, and a gap record stands before it."""
    dialect = subscribed(PUBLIC)
    tell(dialect, "snapshot")
    step = tell(dialect, "gap")
    assert not step.records
    assert [(m["method"], m["params"]) for m in sent(step)] == [
        ("UNSUBSCRIBE", ["BTCUSDT@depth15"]),
        ("SUBSCRIBE", ["BTCUSDT@depth15"]),
    ]
    assert tell(dialect, "change") is NOTHING
    gap, book = tell(dialect, "snapshot").records
    assert isinstance(gap, Gap)
    assert gap.symbol == "BTCUSDT"
    assert isinstance(book, Book)
    assert dialect.resyncs == 1


def test_a_book_that_never_comes_costs_the_connection() -> None:
    """When the new snapshot stays away the connection is given up, to be tried again."""
    dialect = subscribed(PUBLIC)
    tell(dialect, "snapshot")
    tell(dialect, "gap")
    assert dialect.heartbeat(RECEIVED_NS + 9 * 10**9).failure is None
    failure = dialect.heartbeat(RECEIVED_NS + 11 * 10**9).failure
    assert failure is not None
    assert not failure.is_final


def test_a_first_book_that_never_comes_is_asked_for_anew() -> None:
    """Changes without a whole book before them are no reason to be silent for ever: after ten seconds it is asked for."""
    dialect = subscribed(PUBLIC)
    assert tell(dialect, "change") is NOTHING
    change = on_wire(plain("change"))
    assert dialect.receive(change, False, RECEIVED_NS + 9 * 10**9) is NOTHING
    step = dialect.receive(change, False, RECEIVED_NS + 11 * 10**9)
    assert [m["method"] for m in sent(step)] == ["UNSUBSCRIBE", "SUBSCRIBE"]
    gap, _ = dialect.receive(raw("snapshot"), False, RECEIVED_NS + 12 * 10**9).records
    assert isinstance(gap, Gap)
    assert gap.from_ns == RECEIVED_NS


def test_changes_on_their_way_before_a_book_ask_for_nothing() -> None:
    """Who subscribes again may get old changes first; the clock of the next time begins anew."""
    dialect = subscribed(PUBLIC)
    tell(dialect, "change")
    assert isinstance(only(tell(dialect, "snapshot")), Book)
    dialect.unsubscribe(["BTCUSDT@depth15"])
    dialect.subscribe(["BTCUSDT@depth15"])
    assert dialect.receive(raw("change"), False, RECEIVED_NS + 60 * 10**9) is NOTHING


def test_a_snapshot_before_its_answer_counts() -> None:
    """The venue may send the first book before it confirms the stream."""
    dialect = WeexDialect()
    dialect.start()
    dialect.subscribe(PUBLIC)
    assert isinstance(only(tell(dialect, "snapshot")), Book)


def test_a_second_snapshot_replaces_the_book() -> None:
    """A duplicated snapshot is the state, not a change."""
    dialect = subscribed(PUBLIC)
    first = only(tell(dialect, "snapshot"))
    tell(dialect, "change")
    assert only(tell(dialect, "snapshot")).bids == first.bids


def test_percent_change_is_derived_from_a_fraction() -> None:
    """The wire's fraction becomes percent, to its last digit."""
    ticker = only(tell(subscribed(PUBLIC), "ticker"))
    assert isinstance(ticker, Ticker)
    assert (ticker.last_price, ticker.change_percent, ticker.mark_price) == (64250.1, 1.2131, 64254.1)


def test_trades_come_one_by_one_in_order_of_time() -> None:
    """A frame of several trades becomes as many records, oldest first; a buying maker is a selling taker."""
    first, second = tell(subscribed(PUBLIC), "trade").records
    assert isinstance(first, Trade)
    assert isinstance(second, Trade)
    assert (first.size, first.aggressor, first.exchange_ns) == (0.0042, "sell", 1795000000548 * MS)
    assert (second.size, second.aggressor) == (0.0158, "buy")


def test_candles_are_running() -> None:
    """The venue does not say when a candle is over."""
    bar = only(tell(subscribed(PUBLIC), "kline"))
    assert isinstance(bar, Bar)
    assert (bar.interval_s, bar.close, bar.state) == (60.0, 64250.1, "running")


def test_documented_keys_keep_the_venues_texts() -> None:
    """Mappings have the documented keys with the decimal texts of the wire, and the time in seconds."""
    dialect = subscribed(PUBLIC, keeps_wire=True)
    ticker = only(tell(dialect, "ticker"))
    assert isinstance(ticker, WeexMessage)
    assert ticker.timestamp == 1795000000.310
    assert ticker.data["last"] == "64250.1"
    assert ticker.data["change"] == "1.213100"
    book = only(tell(dialect, "snapshot"))
    assert book.data["bids"][0] == ("64250.1", "0.8420")
    assert [price for price, _ in book.data["asks"]] == ["64250.5", "64250.8", "64251.2"]


def test_order_statuses_tell_a_partial_fill() -> None:
    """The word that the venue lacks is derived, and a cancel under way keeps the status before it."""
    dialect = subscribed(PRIVATE)
    names = ["order_new", "order_partial", "order_canceling", "order_filled"]
    orders = [only(tell(dialect, name)) for name in names]
    assert all(isinstance(order, Order) for order in orders)
    assert [order.status for order in orders] == ["new", "partially_filled", "partially_filled", "filled"]
    assert (orders[1].filled_size, orders[1].average_price) == (Decimal("0.0200"), Decimal("64250.5"))


def test_fill_position_and_balances() -> None:
    """Prices that are not on the wire are derived from values and sizes."""
    dialect = subscribed(PRIVATE, keeps_wire=True)
    fill, position = only(tell(dialect, "fill")), only(tell(dialect, "position"))
    assert isinstance(fill.record, Fill)
    assert fill.record.price == Decimal("64250.5")
    assert isinstance(position.record, Position)
    assert position.record.average_price == Decimal("64250.5")
    assert position.data["side"] == "long"
    assert "unrealized_pnl" not in position.data
    contract, spot = only(tell(dialect, "account_contract")), only(tell(dialect, "account_spot"))
    assert isinstance(contract.record, Balance)
    assert contract.data == {"coin": "USDT", "balance": "9998.58648900"}
    assert spot.data["available"] == "400.00000000"
    assert spot.data["frozen"] == "100.00000000"


def test_unrealized_profit_by_side() -> None:
    """A long gains and a short loses what the mark rose."""
    facts = (Decimal("0.05"), Decimal("3212.525"), Decimal("64262.9"))
    assert unrealized(*facts, is_short=False) == Decimal("0.62")
    assert unrealized(*facts, is_short=True) == Decimal("-0.62")


@pytest.mark.parametrize("name", ["ping_public", "ping_private"])
def test_pings_are_answered(name: str) -> None:
    """Both spellings of a ping get the same answer."""
    assert sent(tell(subscribed(PUBLIC), name)) == [{"method": "PONG", "id": 2}]


@pytest.mark.parametrize("noise", ["connected", {"id": "5", "method": "PONG"}, {"result": True, "id": 99}])
def test_answers_to_nothing_are_passed_over(noise: Any) -> None:
    """Greetings, echoed pongs and late answers need nothing."""
    assert tell(subscribed(PUBLIC), noise) == NOTHING


def test_one_bad_name_is_found_among_good_ones() -> None:
    """A refused message is asked for in halves until the bad stream stands alone."""
    dialect = WeexDialect()
    dialect.start()
    dialect.subscribe(["A@ticker", "NOPE@ticker"])
    first, second = sent(
        tell(dialect, {"result": False, "id": 1, "msg": "INVALID_ARGUMENT: invalid symbol : cmt_nope"})
    )
    assert tell(dialect, {"result": True, "id": first["id"]}).confirmed == ("A@ticker",)
    words = "INVALID_ARGUMENT: invalid symbol : cmt_nope"
    ((topic, error),) = tell(dialect, {"result": False, "id": second["id"], "msg": words}).refused
    assert topic == "NOPE@ticker"
    assert isinstance(error, UnknownSymbolError)
    assert error.symbols == ("NOPE",)
    assert error.words == words


def test_other_refusals_are_malformed_requests() -> None:
    """A depth that the venue lacks is no unknown symbol."""
    dialect = WeexDialect()
    dialect.start()
    dialect.subscribe(["A@depth5"])
    ((_, error),) = tell(
        dialect, {"result": False, "id": 1, "msg": "INVALID_ARGUMENT: invalid depth level : 5"}
    ).refused
    assert isinstance(error, RequestError)


def test_streams_beyond_the_limit_are_refused_here() -> None:
    """The 101st stream of a connection is not sent."""
    dialect = WeexDialect()
    dialect.start()
    step = dialect.subscribe([f"S{n}@ticker" for n in range(101)])
    assert len(sent(step)[0]["params"]) == 100
    ((topic, error),) = step.refused
    assert topic == "S100@ticker"
    assert isinstance(error, SubscriptionLimitError)


def test_the_budget_of_operations_is_kept() -> None:
    """After 240 messages in an hour a further stream is refused, and an hour later it is not."""
    dialect = subscribed(["A@ticker"])
    for n in range(120):
        dialect.heartbeat(RECEIVED_NS)
        dialect.subscribe([f"B{n}@ticker"])
        dialect.unsubscribe([f"B{n}@ticker"])
    assert dialect.subscribe(["C@ticker"]).refused
    dialect.heartbeat(RECEIVED_NS + 3601 * 10**9)
    assert not dialect.subscribe(["C@ticker"]).refused


def test_what_was_given_up_is_not_delivered() -> None:
    """Frames on their way after an unsubscription are passed over."""
    dialect = subscribed(PUBLIC)
    assert sent(dialect.unsubscribe(["BTCUSDT@ticker"]))[0]["method"] == "UNSUBSCRIBE"
    assert tell(dialect, "ticker") is NOTHING


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[]", b"\xff", b'{"e":"ticker","s":"A","d":[{}]}', b'{"e":"orders","d":[{}]}']
)
def test_what_cannot_be_read_is_counted_and_kept(payload: bytes) -> None:
    """A broken message costs itself and nothing else."""
    dialect = subscribed(PRIVATE)
    assert dialect.receive(payload, False, RECEIVED_NS) is NOTHING
    assert dialect.unreadable == 1
    assert list(dialect.kept) == [payload]


def test_a_row_that_cannot_be_read_takes_no_other_along() -> None:
    """Executions beside it in the same frame are handed over; it is counted and kept."""
    dialect = subscribed(PRIVATE)
    frame = plain("fill")
    (good,) = frame["d"]
    bad: list[Any] = [good | {"fillFee": "n/a"}, {"id": "3"}, "text", None]
    frame["d"] = [good, *bad, good | {"id": "4"}]
    assert [fill.fill_id for fill in tell(dialect, frame).records] == [good["id"], "4"]  # type: ignore[attr-defined]
    assert dialect.unreadable == len(bad)


@pytest.mark.parametrize("change", [{"v": "501"}, {"v": None}, {"E": "1795000100016"}, {"E": None}, {"msgEvent": None}])
def test_what_nobody_needs_of_a_frame_costs_no_execution(change: dict[str, Any]) -> None:
    """Of the private socket examples are all there is: another type around the rows loses none of them."""
    before, after = only(tell(subscribed(PRIVATE), "fill")), only(tell(subscribed(PRIVATE), plain("fill") | change))
    assert after == before


@pytest.mark.parametrize("message", [{"type": "ping", "time": 1795000140000}, {"type": "ping", "event": None}])
def test_pings_of_another_shape_are_answered(message: dict[str, Any]) -> None:
    """A ping that is not answered costs the connection in the end."""
    assert sent(tell(subscribed(PRIVATE), message)) == [{"method": "PONG", "id": 2}]


def test_an_answer_may_have_no_words() -> None:
    """Null is none."""
    dialect = WeexDialect()
    dialect.start()
    dialect.subscribe(PUBLIC)
    assert tell(dialect, {"result": True, "id": 1, "msg": None, "event": None}).confirmed == tuple(PUBLIC)


def test_an_unknown_event_is_counted() -> None:
    """A kind that the venue invents tomorrow stops nobody."""
    dialect = subscribed(PUBLIC)
    assert tell(dialect, {"e": "liquidation", "s": "BTCUSDT"}) is NOTHING
    assert dialect.unknown == 1


def test_a_fresh_connection_forgets_the_last() -> None:
    """Books of a lost connection are not continued."""
    dialect = subscribed(PUBLIC)
    tell(dialect, "snapshot")
    dialect.start()
    dialect.subscribe(PUBLIC)
    assert tell(dialect, "change") is NOTHING
    assert dialect.orphans == 1
    assert plain("change")["U"] == plain("snapshot")["u"]
