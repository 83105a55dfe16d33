"""Market data messages become records: every type in both codecs, books, and frames in which something is wrong."""

from __future__ import annotations

import random
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.brokers.alpaca.payloads import RECEIVED_NS, frame, ns, packed, plain, raw
from wsexample.brokers.alpaca.codes import CHANNELS
from wsexample.brokers.alpaca.dialect import market
from wsexample.brokers.alpaca.dialect.market import MarketDecoder
from wsexample.brokers.alpaca.messages import market as messages
from wsexample.records.market import (
    Bar,
    Book,
    Imbalance,
    Level,
    News,
    PriceBand,
    Pricing,
    Quote,
    Record,
    Trade,
    TradeCancel,
    TradeCorrection,
    TradingStatus,
)

CODECS = ("json", "msgpack")
COMMON: dict[str, Any] = {"venue": "alpaca", "received_ns": RECEIVED_NS}

EXPECTED: dict[str, Record] = {
    "quote": Quote(
        symbol="AAPL",
        exchange_ns=ns("2026-03-02T14:30:00.000412907Z"),
        bid_price=187.19,
        bid_size=2,
        bid_exchange="V",
        ask_price=187.21,
        ask_size=3,
        ask_exchange="V",
        conditions=("R",),
        tape="C",
        **COMMON,
    ),
    "quote_one_sided": Quote(
        symbol="XYZ",
        exchange_ns=ns("2026-03-02T14:30:00Z"),
        bid_price=10.5,
        bid_size=1,
        bid_exchange="V",
        ask_price=None,
        ask_size=None,
        ask_exchange=" ",
        conditions=("R",),
        tape="C",
        **COMMON,
    ),
    "trade": Trade(
        symbol="AAPL",
        exchange_ns=ns("2026-03-02T14:30:00.001Z"),
        price=187.2,
        size=100,
        trade_id="52983",
        exchange="V",
        conditions=("@",),
        tape="C",
        **COMMON,
    ),
    "bar": Bar(
        symbol="AAPL",
        exchange_ns=ns("2026-03-02T14:29:00Z"),
        interval_s=60,
        open=187.1,
        high=187.25,
        low=187.05,
        close=187.2,
        volume=8421,
        vwap=187.163,
        trade_count=97,
        state="final",
        **COMMON,
    ),
    "updated_bar": Bar(
        symbol="AAPL",
        exchange_ns=ns("2026-03-02T14:29:00Z"),
        interval_s=60,
        open=187.1,
        high=187.31,
        low=187.05,
        close=187.2,
        volume=8521,
        vwap=187.164,
        trade_count=98,
        state="updated",
        **COMMON,
    ),
    "daily_bar": Bar(
        symbol="AAPL",
        exchange_ns=ns("2026-03-02T05:00:00Z"),
        interval_s=86_400,
        open=186,
        high=188.1,
        low=185.55,
        close=187.2,
        volume=1_204_311,
        vwap=186.92,
        trade_count=15_034,
        state="running",
        **COMMON,
    ),
    "correction": TradeCorrection(
        symbol="XYZ",
        exchange_ns=ns("2026-03-02T15:06:00.1Z"),
        original_id="71",
        original_price=10.98,
        original_size=100,
        original_conditions=("@",),
        corrected_id="71",
        corrected_price=10.89,
        corrected_size=100,
        corrected_conditions=("@", "I"),
        exchange="D",
        tape="C",
        **COMMON,
    ),
    "cancel": TradeCancel(
        symbol="XYZ",
        exchange_ns=ns("2026-03-02T15:06:01.4Z"),
        trade_id="72",
        price=10.9,
        size=300,
        action="cancel",
        exchange="D",
        tape="C",
        **COMMON,
    ),
    "luld": PriceBand(
        symbol="XYZ",
        exchange_ns=ns("2026-03-02T15:05:00.2Z"),
        upper_price=11.52,
        lower_price=10.42,
        indicator="B",
        tape="C",
        **COMMON,
    ),
    "status": TradingStatus(
        symbol="XYZ",
        exchange_ns=ns("2026-03-02T15:00:00Z"),
        code="H",
        text="Trading Halt",
        reason_code="T1",
        reason_text="Halt News Pending",
        tape="C",
        **COMMON,
    ),
    "imbalance": Imbalance(symbol="XYZ", exchange_ns=ns("2026-03-02T15:04:59.5Z"), price=11.03, tape="C", **COMMON),
    "crypto_trade": Trade(
        symbol="BTC/USD",
        exchange_ns=ns("2026-03-02T15:00:00.123456789Z"),
        price=64013.2,
        size=0.0125,
        trade_id="9223372036854775807",
        aggressor="buy",
        **COMMON,
    ),
    "crypto_quote": Quote(
        symbol="BTC/USD",
        exchange_ns=ns("2026-03-02T15:00:00.12Z"),
        bid_price=64010.5,
        bid_size=0.8,
        ask_price=64020.1,
        ask_size=0.4,
        **COMMON,
    ),
    "crypto_bar_without_trades": Bar(
        symbol="ETH/USD",
        exchange_ns=ns("2026-03-02T15:00:00Z"),
        interval_s=60,
        open=3401.25,
        high=3402.5,
        low=3401.25,
        close=3402.5,
        volume=0,
        vwap=0,
        trade_count=0,
        state="final",
        **COMMON,
    ),
    "book_whole": Book(
        symbol="BTC/USD",
        exchange_ns=ns("2026-03-02T15:00:00.1Z"),
        bids=(Level(64010.5, 0.8), Level(64009, 1.5)),
        asks=(Level(64020.1, 0.4), Level(64025, 2)),
        **COMMON,
    ),
    "pricing": Pricing(
        symbol="BTC-PERP",
        exchange_ns=ns("2026-03-02T15:00:00.5Z"),
        index_price=64011.5,
        mark_price=64012.25,
        funding_rate=0.0001,
        open_interest=1250.5,
        next_funding_ns=ns("2026-03-02T16:00:00Z"),
        exchange="G",
        **COMMON,
    ),
    "news": News(
        symbol="XYZ",
        exchange_ns=ns("2026-03-02T14:31:05Z"),
        news_id="43210987",
        headline="Example Corp raises its outlook",
        symbols=("XYZ", "AAPL"),
        source="benzinga",
        author="A. Writer",
        url="https://example.com/news/43210987",
        summary="The company expects more than before.",
        content="<p>The company expects “more” than before.</p>",
        created_ns=ns("2026-03-02T14:31:00Z"),
        updated_ns=ns("2026-03-02T14:31:05Z"),
        **COMMON,
    ),
    "option_trade": Trade(
        symbol="AAPL260619C00200000",
        exchange_ns=ns("2026-03-02T14:30:02.5Z"),
        price=4.05,
        size=2,
        exchange="C",
        conditions=("I",),
        **COMMON,
    ),
    "option_quote": Quote(
        symbol="AAPL260619C00200000",
        exchange_ns=ns("2026-03-02T14:30:02.75Z"),
        bid_price=4,
        bid_size=11,
        bid_exchange="C",
        ask_price=4.1,
        ask_size=23,
        ask_exchange="Q",
        conditions=("A",),
        **COMMON,
    ),
}


def decoded(messages: list[dict[str, Any]], codec: str = "json", decoder: MarketDecoder | None = None) -> list[Record]:
    payload, _ = frame(messages, codec)
    return (decoder or MarketDecoder(codec)).decode(payload, RECEIVED_NS)[0]


# --- every type ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", EXPECTED)
def test_each_message_becomes_its_record(name: str, codec: str) -> None:
    """Every field stands where the table says, in both codecs, to the last nanosecond."""
    assert decoded(plain(name), codec) == [EXPECTED[name]]


def test_every_message_type_has_a_payload() -> None:
    """No type is left untested, and each channel names a type."""
    seen = {message["T"] for name in EXPECTED for message in plain(name)}
    assert seen == set(CHANNELS.values())


def test_the_table_for_people_names_every_wire_field() -> None:
    """The decoder's docstring leaves no field of the wire out, but for those that news shares with everybody's."""
    shown = {
        key
        for row in re.findall(r"^\| .*? \| (.*?) \|", market.__doc__ or "", flags=re.MULTILINE)
        for key in row.split("``")
    }
    fields = {
        field
        for name in messages.__all__
        if isinstance(kind := getattr(messages, name), type) and issubclass(kind, msgspec.Struct)
        if kind.__struct_config__.tag in CHANNELS.values()
        for field in kind.__struct_encode_fields__
    }
    assert fields - shown <= {"author", "content", "url", "source", "symbols", "created_at", "updated_at"}


@pytest.mark.parametrize("codec", CODECS)
def test_a_mixed_frame_keeps_its_order(codec: str) -> None:
    """Messages of any types in one frame become records in the same order."""
    names = ["trade", "quote", "bar", "status", "quote", "news", "trade"]
    assert decoded([plain(name)[0] for name in names], codec) == [EXPECTED[name] for name in names]


@pytest.mark.parametrize("codec", CODECS)
def test_control_messages_are_handed_over(codec: str) -> None:
    """What is no data comes back beside the records."""
    payload, _ = frame(plain("subscription_test"), codec)
    records, controls = MarketDecoder(codec).decode(payload, RECEIVED_NS)
    assert records == []
    (control,) = controls
    assert isinstance(control, messages.SubscriptionMessage)
    assert messages.symbols_by_channel(control) == {"trades": ["FAKEPACA"], "quotes": ["FAKEPACA"], "bars": []}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    ("name", "key"), [("bar", "n"), ("trade", "i"), ("cancel", "i"), ("correction", "oi"), ("news", "id")]
)
def test_whole_numbers_may_be_written_with_a_point(codec: str, name: str, key: str) -> None:
    """The vendor writes the same field as an integer or not: 97.0 is 97, and no message is lost for it."""
    message = plain(name)[0]
    (record,) = decoded([message], codec)
    assert decoded([message | {key: float(message[key])}], codec) == [record]


@pytest.mark.parametrize("codec", CODECS)
def test_numbers_may_be_integers_and_keys_may_stand_in_any_order(codec: str) -> None:
    """An integer where a fraction is usual and other orders of keys make no difference, nor do new keys."""
    message = dict(reversed(plain("trade")[0].items())) | {"p": 187, "r": "2026-03-02T14:30:00.002Z", "new": {"a": [1]}}
    (record,) = decoded([{"T": "t", **message}], codec)
    assert isinstance(record, Trade)
    assert (record.price, type(record.price), record.trade_id) == (187.0, float, "52983")


# --- frames in which something is wrong -----------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    ("bad", "unreadable", "unknown"),
    [
        ({"T": "t", "S": "AAPL", "p": None, "s": 1}, 1, 0),
        ({"T": "t", "S": None, "p": 1, "s": 1}, 1, 0),
        ({"T": "q"}, 1, 0),
        ({"T": "q", "S": "AAPL", "bp": "high"}, 1, 0),
        ({"S": "AAPL"}, 1, 0),
        ({"T": "zz", "S": "AAPL"}, 0, 1),
        ({"T": 5}, 1, 0),
        ("text", 1, 0),
        (None, 1, 0),
    ],
)
def test_one_bad_message_takes_no_other_along(codec: str, bad: Any, unreadable: int, unknown: int) -> None:
    """Its neighbours in the frame are delivered; it is counted and kept."""
    decoder = MarketDecoder(codec)
    good = plain("quote")[0], plain("trade")[0]
    if codec == "msgpack":
        import msgpack

        payload = b"\x93" + packed([good[0]])[1:] + msgpack.packb(bad) + packed([good[1]])[1:]
    else:
        payload, _ = frame([good[0], bad, good[1]], codec)
    records, _ = decoder.decode(payload, RECEIVED_NS)
    assert records == [EXPECTED["quote"], EXPECTED["trade"]]
    remainder = decoder.remainder
    assert (remainder.unreadable, remainder.unknown.total(), len(remainder.kept)) == (unreadable, unknown, 1)


@pytest.mark.parametrize(
    "payload", [b"", b"[", b"{}", b"null", b'[{"T":"q"', b"\xff\xfe", b"[" * 100_000, b'{"T":"t","S":"A","p":1,"s":1}']
)
@pytest.mark.parametrize("codec", CODECS)
def test_nonsense_is_counted_and_kept(codec: str, payload: bytes) -> None:
    """No bytes whatsoever raise an error or stop what comes after them."""
    decoder = MarketDecoder(codec)
    assert decoder.decode(payload, RECEIVED_NS) == ([], ())
    assert decoder.remainder.unreadable == 1
    assert decoder.remainder.kept[0].payload == payload[:4096]
    assert decoded(plain("quote"), codec, decoder) == [EXPECTED["quote"]]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(CODECS))
def test_any_bytes_are_survived(payload: bytes, codec: str) -> None:
    """Whatever comes, the decoder answers with records and control messages."""
    records, controls = MarketDecoder(codec).decode(payload, RECEIVED_NS)
    assert isinstance(records, list)
    assert isinstance(controls, (list, tuple))


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(CODECS))
def test_a_damaged_frame_loses_only_what_is_damaged(data: st.DataObject, codec: str) -> None:
    """Exchanging one byte of a frame raises nothing; with it restored everything is read."""
    payload, _ = frame([plain(name)[0] for name in ("quote", "trade", "bar")], codec)
    at = data.draw(st.integers(0, len(payload) - 1))
    damaged = payload[:at] + bytes([data.draw(st.integers(0, 255))]) + payload[at + 1 :]
    decoder = MarketDecoder(codec)
    decoder.decode(damaged, RECEIVED_NS)
    assert len(decoder.decode(payload, RECEIVED_NS)[0]) == 3


def test_null_where_a_value_is_usual_is_no_value() -> None:
    """What the vendor leaves out or writes as null is None, and the rest is read."""
    message = dict.fromkeys(plain("quote")[0]) | {"T": "q", "S": "AAPL", "bp": 1.5, "bs": 2}
    (record,) = decoded([message])
    assert record == Quote(symbol="AAPL", bid_price=1.5, bid_size=2, **COMMON)


def test_names_that_nobody_knows_do_not_fill_memory() -> None:
    """However many unknown types come, counts and kept messages stay bounded."""
    decoder = MarketDecoder("json")
    for number in range(3000):
        decoder.decode(b'[{"T":"type%d"}]' % number, RECEIVED_NS)
    assert len(decoder.remainder.unknown) == 1000
    assert len(decoder.remainder.kept) == 32


def test_times_that_are_none_are_counted() -> None:
    """A record without a readable time is delivered, and the text is counted."""
    decoder = MarketDecoder("json")
    (record,) = decoded([plain("quote")[0] | {"t": "soon"}], "json", decoder)
    assert (record.exchange_ns, decoder.unreadable_times) == (None, 1)


# --- books --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS)
def test_a_change_gives_the_whole_book(codec: str) -> None:
    """After a whole book each change is delivered as the book that it makes, best levels first, empty levels gone."""
    decoder = MarketDecoder(codec)
    decoded(plain("book_whole"), codec, decoder)
    (book,) = decoded(plain("book_change"), codec, decoder)
    assert isinstance(book, Book)
    assert book.bids == (Level(64009, 1.5), Level(64008.5, 0.25))
    assert book.asks == (Level(64020.1, 0.7), Level(64025, 2))


def test_a_change_without_a_whole_book_is_not_used() -> None:
    """After a break changes are counted and left out until a whole book has come."""
    decoder = MarketDecoder("json")
    assert decoded(plain("book_change"), "json", decoder) == []
    assert decoder.books.orphans == 1
    decoded(plain("book_whole"), "json", decoder)
    decoder.books.clear()
    assert decoded(plain("book_change"), "json", decoder) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_book_equals_a_reference_book(seed: int) -> None:
    """Random changes give the book that a plain dictionary, sorted each time, gives."""
    rng = random.Random(seed)
    decoder = MarketDecoder("json")
    reference: dict[str, dict[float, float]] = {"b": {}, "a": {}}
    for step in range(400):
        is_whole = step == 0 or rng.random() < 0.02
        if is_whole:
            reference = {"b": {}, "a": {}}
        message: dict[str, Any] = {"T": "o", "S": "BTC/USD"} | ({"r": True} if is_whole else {})
        for side in "ba":
            lowest = 1 if side == "b" else 31  # a crossed book would not be handed over
            levels = [(rng.randint(lowest, lowest + 29) / 4, rng.choice([0, 1, 2.5])) for _ in range(rng.randint(0, 4))]
            message[side] = [{"p": price, "s": size} for price, size in levels]
            for price, size in levels:
                reference[side][price] = size
                if not size:
                    del reference[side][price]
        (book,) = decoded([message], "json", decoder)
        assert isinstance(book, Book)
        assert [tuple(level) for level in map(msgspec.structs.astuple, book.bids)] == sorted(
            reference["b"].items(), reverse=True
        )
        assert [tuple(level) for level in map(msgspec.structs.astuple, book.asks)] == sorted(reference["a"].items())


def test_raw_payloads_are_arrays() -> None:
    """The data files are as the vendor sends them: an array, with T first."""
    assert all(raw(name).startswith(b'[{"T":"') for name in EXPECTED)
