"""What no honest server sends: numbers that are none, times that do not fit, changes of a book that cannot be read."""

from __future__ import annotations

import json
import struct
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec.msgpack import Ext

from tests.brokers.alpaca.payloads import KEY, RECEIVED_NS, SECRET, on_wire, plain
from tests.conftest import Runner
from wsexample.brokers.alpaca import AlpacaDataRest
from wsexample.brokers.alpaca.credentials import AlpacaCredentials
from wsexample.brokers.alpaca.dialect import AlpacaDataDialect, AlpacaTradingDialect, MarketDecoder, decimal_of
from wsexample.brokers.alpaca.dialect.books import CROSSED_NS, MAX_LEVELS
from wsexample.brokers.alpaca.dialect.times import TextTimes, packed_ns
from wsexample.brokers.alpaca.rest.calls import Calls
from wsexample.brokers.alpaca.rest.replies import limit_in, wait_in
from wsexample.brokers.base import Reply
from wsexample.clock import SystemClock
from wsexample.errors import DialectError
from wsexample.ports import Gap, Step
from wsexample.records.market import Book
from wsexample.records.orders import Fill

WHOLE: dict[str, Any] = {"T": "o", "S": "BTC/USD", "b": [{"p": 9, "s": 1}], "a": [{"p": 11, "s": 1}], "r": True}
BAD: dict[str, Any] = {"T": "o", "S": "BTC/USD", "b": [{"p": "9", "s": 2}], "a": []}


def change(bids: list[tuple[float, float]] = (), asks: list[tuple[float, float]] = ()) -> dict[str, Any]:  # type: ignore[assignment]
    sides = {side: [{"p": p, "s": s} for p, s in levels] for side, levels in (("b", bids), ("a", asks))}
    return {"T": "o", "S": "BTC/USD", **sides}


def live() -> AlpacaDataDialect:
    """A dialect that reads one book."""
    dialect = AlpacaDataDialect(feed="crypto", codec="json")
    dialect.start()
    tell(dialect, {"T": "success", "msg": "authenticated"})
    dialect.subscribe(["orderbooks:BTC/USD"])
    tell(dialect, {"T": "subscription", "orderbooks": ["BTC/USD"]}, WHOLE)
    return dialect


def tell(dialect: AlpacaDataDialect, *messages: Any, after_ns: int = 0) -> Step:
    return dialect.receive(on_wire(list(messages)), False, RECEIVED_NS + after_ns)


def asked(step: Step) -> list[tuple[str, list[str]]]:
    return [(one["action"], one["orderbooks"]) for one in map(json.loads, step.replies)]


ANEW = [("unsubscribe", ["BTC/USD"]), ("subscribe", ["BTC/USD"])]


def test_a_change_that_cannot_be_read_breaks_the_book() -> None:
    """It is asked for anew, nothing is delivered of it until it is whole again, and a gap stands before it then."""
    dialect = live()
    step = tell(dialect, BAD)
    assert not step.records
    assert asked(step) == ANEW
    assert not tell(dialect, change([(10, 1)])).records
    gap, book = tell(dialect, WHOLE, after_ns=7).records
    assert isinstance(gap, Gap)
    assert isinstance(book, Book)
    assert (gap.symbol, gap.from_ns, gap.to_ns) == ("BTC/USD", RECEIVED_NS, RECEIVED_NS + 7)


def test_a_frame_that_cannot_be_read_breaks_every_book() -> None:
    """It may have held a change of any of them."""
    dialect = live()
    assert asked(dialect.receive(b'[{"T":"o","S"', False, RECEIVED_NS)) == ANEW


def test_books_are_asked_for_now_and_then_only() -> None:
    """A server that breaks its book with every message does not make this side talk as often."""
    dialect = live()
    replies = [reply for _ in range(50) for reply in (*tell(dialect, BAD).replies, *tell(dialect, WHOLE).replies)]
    assert len(replies) == 2


def test_a_book_that_stays_crossed_is_asked_for_anew() -> None:
    """A crossed state is not handed over; a moment later it may be whole, after a while it is broken."""
    dialect = live()
    assert not tell(dialect, change([(12, 1)])).records
    assert tell(dialect, change(asks=[(11, 0), (13, 1)])).records
    assert not tell(dialect, change([(14, 1)])).records
    step = tell(dialect, change([(15, 1)]), after_ns=CROSSED_NS)
    assert (asked(step), step.records, dialect.books.crossed) == (ANEW, [], 3)


def test_a_book_does_not_grow_without_end() -> None:
    """More levels than any book has are taken for damage."""
    dialect = live()
    for begin in range(0, MAX_LEVELS + 1000, 1000):
        tell(dialect, change(asks=[(11 + place, 1) for place in range(begin, begin + 1000)]))
    assert not tell(dialect, change([(10, 1)])).records


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("field", ["bp", "as", "ap", "bs"])
@pytest.mark.parametrize("form", [">d", ">f"])
def test_what_is_no_number_makes_no_quote(number: float, field: str, form: str) -> None:
    """MessagePack carries NaN and infinity, which are no prices: such a message is kept as unreadable, its neighbour read."""
    packed = (b"\xca" if form == ">f" else b"\xcb") + struct.pack(form, number)
    good = {"T": "q", "S": "AAPL", "bp": 1.5, "bs": 1, "ap": 2.5, "as": 1}
    dialect = AlpacaDataDialect()
    records = dialect.receive(
        msgspec.msgpack.encode([good | {field: msgspec.Raw(packed)}, good]), True, RECEIVED_NS
    ).records
    assert len(records) == dialect.unreadable == 1


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.5Z",
        "2026-03-02T14:30:00.+12345678Z",
        "2026-03-02T14:30:00.-1Z",
        "2026-03-02T14:30:00. 12345678Z",
        "2026-03-02T14:30:00.1_2345678Z",
        "2026-03-02T14+09:00Z",
        "20260302T143000.999Z",
    ],
)
def test_texts_that_look_like_times_are_none(text: str) -> None:
    """What Python reads more generously than RFC 3339, and what nanoseconds in 64 bits cannot hold, is no time."""
    times = TextTimes()
    times.ns("2026-03-02T14:30:00Z")
    assert (times.ns(text), times.unreadable) == (None, 1)
    (quote,) = MarketDecoder("json").decode(on_wire([*plain("quote"), plain("quote")[0] | {"t": text}]), 1)[0][1:]
    assert quote.exchange_ns is None


@pytest.mark.parametrize(
    "time",
    [
        Ext(-1, b"\xff" * 8),
        Ext(-1, b"\x7f" + b"\xff" * 11),
        Ext(5, b"\0" * 8),
        Ext(-1, b"\0\0\0\0" + b"\x7f" + b"\xff" * 7),
    ],
)
def test_packed_times_that_are_none(time: Ext) -> None:
    """More nanoseconds than a second has, more seconds than fit, and other extensions are no times, in quotes as elsewhere."""
    assert packed_ns(time) is None
    (quote,) = AlpacaDataDialect().receive(msgspec.msgpack.encode([{"T": "q", "S": "A", "t": time}]), True, 1).records
    assert quote.exchange_ns is None


@pytest.mark.parametrize("text", ["1e999999", "1e-999999", "9e99999", "sNaN", "Infinity", "1e101"])
def test_amounts_that_nobody_means_are_none(text: str) -> None:
    """They would fill memory when they are written out, or end a reckoning with an overflow."""
    assert decimal_of(text) is None
    dialect = AlpacaTradingDialect(AlpacaCredentials(KEY, SECRET))
    update = plain("update_fill")
    update["data"]["qty"] = text
    assert not any(isinstance(one, Fill) for one in dialect.receive(on_wire(update), False, 1).records)


def test_every_digit_of_an_execution_is_kept() -> None:
    """The size of an execution is not rounded, however many digits it has."""
    size = "-1234567890.123456789012345678901234567890123"
    update = plain("update_fill")
    update["data"]["qty"] = size
    fill, _ = AlpacaTradingDialect(AlpacaCredentials(KEY, SECRET)).receive(on_wire(update), False, 1).records
    assert isinstance(fill, Fill)
    assert fill.size == Decimal(size.removeprefix("-"))


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400"])
def test_headers_that_are_no_numbers_are_passed_over(value: str) -> None:
    """A wait and a limit are ones to reckon with, whatever the headers say."""
    reply = Reply(429, {"retry-after": value, "x-ratelimit-limit": value, "x-ratelimit-reset": value}, b"")
    assert (wait_in(reply, 0.0), limit_in(reply)) == (3.0, None)
    assert limit_in(Reply(200, {"x-ratelimit-limit": "1e300"}, b"")) == 100_000


def test_names_that_are_kept_are_short() -> None:
    """What a server calls a message or writes in a field does not fill memory."""
    decoder = MarketDecoder("json")
    decoder.decode(on_wire([{"T": "x" * 100_000}, {"T": "q", "S": 1, "x" * 100_000: 1}]), RECEIVED_NS)
    assert max(map(len, decoder.remainder.unknown)) == 100
    assert all(len(one.payload) + len(one.reason) <= 6000 for one in decoder.remainder.kept)


class Answers:
    """Stands in for the calls: one body for each."""

    clock = SystemClock()

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def fetch(self, path: str, answer: Any, query: Any = None) -> Any:
        return Calls.read(Reply(200, {}, self.body), answer, path)

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"[" * 50_000,
        b"[]",
        b'{"trades":[1],"snapshots":[]}',
        b'{"trades":{"A":1},"snapshots":1}',
        b'{"trades":"x","snapshots":"x"}',
        b'{"trades":{},"snapshots":null,"next_page_token":5}',
        b'{"trades":{},"snapshots":[],"next_page_token":"again"}',
    ],
)
def test_answers_of_another_shape_are_errors_of_the_broker(body: bytes, run: Runner[None]) -> None:
    """A history ends with one, also when a page names itself as the next, and so does what is asked for at once."""

    async def main() -> None:
        rest = AlpacaDataRest(KEY, SECRET)
        await rest.calls.close()
        rest.calls = Answers(body)  # type: ignore[assignment]
        with pytest.raises(DialectError):
            async for _ in rest.fetch_trades(["A"], 1):
                pass
        with pytest.raises(DialectError):
            await rest.fetch_snapshots(["A"])

    run(main())
