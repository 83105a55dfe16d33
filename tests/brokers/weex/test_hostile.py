"""What no honest venue sends: numbers that are none, values of other types, books that cross, and answers of another shape."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.brokers.weex.payloads import KEY, PASSPHRASE, RECEIVED_NS, SECRET, on_wire, plain
from tests.conftest import Runner
from wsexample.brokers.base import Reply
from wsexample.brokers.weex.config import RetryConfig, WeexConfig
from wsexample.brokers.weex.dialect import WeexDialect, answer_rows, past_trades
from wsexample.brokers.weex.dialect.books import MAX_LEVELS
from wsexample.brokers.weex.dialect.numbers import amount, number
from wsexample.brokers.weex.dialect.stream import CROSSED_NS
from wsexample.brokers.weex.gateway import WeexGateway
from wsexample.brokers.weex.rest import WeexRest
from wsexample.errors import DialectError, OrderUnknownError
from wsexample.ports import Gap, Step
from wsexample.records.market import Book
from wsexample.records.orders import OrderRequest, Position

BOOK = "BTCUSDT@depth15"
NONE = ["nan", "NaN", "Infinity", "-inf", "1e400", "1_0", " 1", "1 ", "１", "", "x", "0x10"]


def live() -> WeexDialect:
    """A dialect with a book from 9 to 11, number 10."""
    dialect = WeexDialect(keep=4)
    dialect.start()
    dialect.subscribe([BOOK, "BTCUSDT@trade", "BTCUSDT@ticker", "orders", "positions", "account"])
    tell(dialect, depth(1, 10, [["9", "1"]], [["11", "1"]], kind="SNAPSHOT"))
    return dialect


def depth(first: int, last: int, bids: Any = (), asks: Any = (), *, kind: str = "CHANGED") -> dict[str, Any]:
    head = {
        "e": "depth" if kind == "CHANGED" else "depthSnapshot",
        "E": 1795000000620,
        "s": "BTCUSDT",
        "U": first,
        "u": last,
    }
    return head | {"l": 15, "d": kind, "b": bids, "a": asks}


def tell(dialect: WeexDialect, message: Any, *, after_ns: int = 0) -> Step:
    return dialect.receive(on_wire(message), False, RECEIVED_NS + after_ns)


def methods(step: Step) -> list[str]:
    return [json.loads(reply)["method"] for reply in step.replies]


@pytest.mark.parametrize(
    "level", [*([text, "1"] for text in NONE), *(["9", text] for text in NONE), ["-1", "1"], ["9", "-1"]]
)
@pytest.mark.parametrize("keeps_wire", [False, True])
def test_a_level_that_is_none_makes_no_book(level: list[str], keeps_wire: bool) -> None:
    """Nothing of such a frame is taken into the book, and the next frame finds that one is missing: it is asked for anew."""
    dialect = WeexDialect(keeps_wire=keeps_wire)
    dialect.start()
    dialect.subscribe([BOOK])
    tell(dialect, depth(1, 10, [["9", "1"]], [["11", "1"]], kind="SNAPSHOT"))
    steps = [tell(dialect, depth(10, 12, [["10", "1"], level])), tell(dialect, depth(12, 13))]
    assert not any(step.records for step in steps)
    assert [method for step in steps for method in methods(step)] == ["UNSUBSCRIBE", "SUBSCRIBE"]
    assert (dialect.unreadable, dialect.resyncs) == (1, 1)


def test_a_book_that_stays_crossed_is_asked_for_anew() -> None:
    """A crossed state is not handed over; after a while the book is broken, and a gap tells since when."""
    dialect = live()
    assert not tell(dialect, depth(10, 11, [["12", "1"]])).records
    assert tell(dialect, depth(11, 12, [["12", "0"]])).records
    assert not tell(dialect, depth(12, 13, [["12", "1"]]), after_ns=5).records
    step = tell(dialect, depth(13, 14), after_ns=5 + CROSSED_NS)
    assert (step.records, methods(step), dialect.crossed) == ((), ["UNSUBSCRIBE", "SUBSCRIBE"], 3)
    gap, book = tell(dialect, depth(1, 20, [["9", "1"]], [], kind="SNAPSHOT")).records
    assert isinstance(gap, Gap)
    assert gap.from_ns == RECEIVED_NS + 5
    assert isinstance(book, Book)


def test_a_book_does_not_grow_without_end() -> None:
    """More levels than any book has are taken for damage."""
    dialect = live()
    levels = [[str(20 + place), "1"] for place in range(MAX_LEVELS)]
    assert methods(tell(dialect, depth(10, 11, [], levels))) == ["UNSUBSCRIBE", "SUBSCRIBE"]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_number_is_refused(text: str) -> None:
    """Python reads more than a venue means: none of it becomes a price or an amount."""
    for read in (number, amount):
        with pytest.raises(ValueError, match=r".*"):
            read(text)


@pytest.mark.parametrize("text", ["1e999999", "9e-99999", "1" * 300])
def test_amounts_that_nobody_means_are_refused(text: str) -> None:
    """They would fill memory when they are written out."""
    with pytest.raises(ValueError, match="no"):
        amount(text)
    dialect = live()
    assert not tell(dialect, plain("account_spot") | {"d": [{"coin": "USDT", "equity": text}]}).records
    ticker = plain("ticker")
    ticker["d"][0]["P"] = text
    assert not tell(dialect, ticker).records
    assert dialect.unreadable == 2


@pytest.mark.parametrize(
    "row",
    [
        {"T": 10**30, "t": "a", "p": "1", "q": "1", "m": True},
        {"T": -1, "t": "a", "p": "1", "q": "1", "m": True},
        {"T": 1, "t": "a", "p": "nan", "q": "1", "m": True},
    ],
)
def test_a_trade_that_is_none_makes_no_record(row: dict[str, Any]) -> None:
    """Neither a time that 64 bits cannot hold nor a price that is none is handed over."""
    dialect = live()
    assert not tell(dialect, {"e": "trade", "s": "BTCUSDT", "d": [row]}).records
    assert dialect.unreadable == 1


OTHERS: dict[str, Any] = {
    "id": None,
    "symbol": 1.5,
    "clientOrderId": {},
    "reduceOnly": "x",
    "status": [1],
    "size": True,
}


@pytest.mark.parametrize(("field", "value"), [*OTHERS.items(), ("id", []), ("updatedTime", "1_0"), ("coin", False)])
def test_a_row_with_a_value_of_another_type_makes_no_record(field: str, value: Any) -> None:
    """What should be a text, a number or a flag and is not makes the message unreadable; it is never written down as a text."""
    dialect = live()
    message = plain("order_new")
    message["d"][0][field] = value
    assert not tell(dialect, message).records
    assert dialect.unreadable == 1


def test_deep_nesting_is_unreadable() -> None:
    """It ends no session, and the next message is read."""
    dialect = live()
    for payload in (b'{"x":' + b"[" * 50_000, b'{"e":"depth","x":' + b"[" * 50_000):
        assert not dialect.receive(payload, False, RECEIVED_NS).records
    assert dialect.unreadable == 2
    assert all(len(kept) == 4096 for kept in dialect.kept)
    assert tell(dialect, depth(10, 11)).records


def test_open_orders_are_remembered_within_bounds() -> None:
    """However many a venue invents."""
    dialect = live()
    row = plain("order_new")["d"][0]
    for begin in range(0, 22_000, 1000):
        tell(dialect, {"e": "orders", "d": [row | {"id": str(number)} for number in range(begin, begin + 1000)]})
    assert len(dialect._account._statuses) == 20_000


def test_a_short_position_keeps_every_digit() -> None:
    """Turning its sign does not round it."""
    dialect = live()
    message = plain("position")
    message["d"][0] |= {"side": "SHORT", "size": "1234567890.123456789012345678901234567890123"}
    (position,) = tell(dialect, message).records
    assert isinstance(position, Position)
    assert position.size == Decimal("-1234567890.123456789012345678901234567890123")


@pytest.mark.parametrize(
    ("channel", "row"),
    [("orders", {}), ("fill", {"id": []}), ("positions", {"asset": 1}), ("account", {"free": "x", "locked": []})],
)
def test_rows_of_an_answer_that_cannot_be_read(channel: str, row: dict[str, Any]) -> None:
    """They are an error of the broker, which a session and a command know."""
    with pytest.raises(DialectError):
        answer_rows(channel, [row], RECEIVED_NS)
    with pytest.raises(DialectError):
        past_trades("BTCUSDT", [row], RECEIVED_NS)


class Answers:
    """Stands in for HTTP: one body for every call."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def call(self, *given: Any, **named: Any) -> Reply:
        return Reply(200, {}, self.body)

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "body", [b"\xff", b'"\xff"', b"[" * 50_000, b"", b"null", b"[1]", b'{"a":1}', b'"x"', b"[]", b"1e400"]
)
def test_answers_of_another_shape_are_errors_of_the_broker(body: bytes, run: Runner[None]) -> None:
    """Whatever stands in the body; and an order whose answer cannot be read is one of unknown fate."""

    async def main() -> None:
        rest = WeexRest(WeexConfig(KEY, SECRET, PASSPHRASE, retry=RetryConfig(max_retries=0)))
        rest._http = Answers(body)  # type: ignore[assignment]
        calls = [rest.fetch_time_ms, rest.fetch_symbols]
        if body != b"[]":
            calls += [rest.fetch_balances, rest.fetch_tradable_symbols, rest.fetch_positions]
        for call in calls:
            with pytest.raises(DialectError):
                await call()
        with pytest.raises(OrderUnknownError):
            await WeexGateway(rest).submit_order(OrderRequest(symbol="BTCUSDT", side="buy", size=Decimal(1)))

    run(main())
