"""The simulated market: points of every kind, bars that are the trades, books that are the quotes, the same for a seed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import pytest

from tests.brokers.alpaca.payloads import RECEIVED_NS, ns
from tests.brokers.alpaca.simulator_calls import START_NS
from wsexample.brokers.alpaca.codes import CHANNELS
from wsexample.brokers.alpaca.dialect.market import MarketDecoder
from wsexample.brokers.alpaca.simulator import Market, Point
from wsexample.brokers.alpaca.simulator.assets import ASSETS, find_asset, is_well_formed
from wsexample.brokers.alpaca.simulator.encoding import Written, joined, written_alone
from wsexample.brokers.alpaca.simulator.ids import Ids
from wsexample.records.market import Book, Quote, Record

MINUTE_NS = 60 * 10**9


def points(market: Market, seconds: float) -> list[Point]:
    return list(market.advance(market.now_ns + round(seconds * 1e9)))


@pytest.fixture(scope="module")
def told() -> list[Point]:
    """Four minutes of a market in which everything was done on command as well."""
    market = Market(seed=3, start_ns=START_NS, quotes_per_s=6, trades_per_s=3)
    found = points(market, 200)
    market.halt("XYZ")
    market.resume("XYZ")
    market.correct_trade("AAPL", 1.0)
    market.cancel_trade("AAPL")
    market.publish_news("Something happened", ("AAPL",))
    return found + points(market, 40)


def test_every_channel_is_told(told: list[Point]) -> None:
    """Trades, quotes, bars of three kinds, books, halts, bands, imbalances, corrections, cancels, pricing and news."""
    assert {point.channel for point in told} == set(CHANNELS)


@pytest.mark.parametrize("is_packed", [False, True], ids=["json", "msgpack"])
def test_everything_that_is_told_can_be_read(told: list[Point], is_packed: bool) -> None:
    """The client's decoder reads every point in both codecs, to the nanosecond; nothing is unknown or unreadable."""
    decoder = MarketDecoder("msgpack" if is_packed else "json")
    written = [Written(point) for point in told]
    records: list[Record] = []
    for at in range(0, len(written), 40_000):
        frame = joined([each.encoded(is_packed) for each in written[at : at + 40_000]], is_packed)
        records += decoder.decode(frame.encode() if isinstance(frame, str) else frame, RECEIVED_NS)[0]
    assert decoder.remainder.unreadable == decoder.remainder.unknown.total() == decoder.unreadable_times == 0
    assert len(records) == len(told) - decoder.books.orphans
    timed = [point.message for point in told if point.channel != "orderbooks"]
    times = [record.exchange_ns for record in records if not isinstance(record, Book)]
    assert times == [getattr(message, "t", None) or getattr(message, "updated_at", None) for message in timed]


def test_frames_begin_with_the_type(told: list[Point]) -> None:
    """The official Go client relies on T being first, and control messages come alone."""
    for point in told[:50]:
        assert Written(point).encoded(False).startswith(b'{"T":"')
        assert Written(point).encoded(True)[1:4] == b"\xa1T\xa1"
    alone = written_alone(told[0].message, False)
    assert isinstance(alone, str)
    assert alone.startswith('[{"T":')


@pytest.mark.parametrize("count", [0, 1, 15, 16, 70_000])
def test_arrays_of_any_length_have_the_right_head(count: int) -> None:
    """MessagePack has three forms of an array."""
    import msgpack

    frame = joined([b"\x01"] * count, True)
    assert isinstance(frame, bytes)
    assert msgpack.unpackb(frame) == [1] * count


def test_time_only_goes_on(told: list[Point]) -> None:
    """Points come in the order of their times, but for bars (their start) and late trades."""
    for channel in ("quotes", "orderbooks", "statuses"):
        times = [point.message.t for point in told if point.channel == channel]
        assert times == sorted(times)


def test_minute_bars_are_the_trades(told: list[Point]) -> None:
    """Open, high, low, close, volume, count and average of each stock bar are those of the trades of its minute."""
    trades: dict[tuple[str, int], list[Any]] = defaultdict(list)
    checked = 0
    for point in told:
        message = point.message
        if point.channel == "trades" and point.kind == "stock":
            trades[message.S, message.t - message.t % MINUTE_NS].append(message)
        if point.channel == "bars" and point.kind == "stock":
            minute = trades[message.S, message.t]
            prices = [trade.p for trade in minute]
            assert (message.o, message.h, message.l, message.c) == (prices[0], max(prices), min(prices), prices[-1])
            volume = sum(trade.s for trade in minute)
            assert (message.v, message.n) == (volume, len(minute))
            assert message.vw == pytest.approx(sum(trade.p * trade.s for trade in minute) / volume, abs=1e-5)
            checked += 1
    assert checked > 20


def test_a_late_trade_updates_the_bar(told: list[Point]) -> None:
    """It has the time of the minute before, and the updated bar has one trade more than the first."""
    first = {(point.message.S, point.message.t): point.message for point in told if point.channel == "bars"}
    updated = [point.message for point in told if point.channel == "updatedBars"]
    assert updated
    assert all(message.n == first[message.S, message.t].n + 1 for message in updated)


def test_books_are_the_quotes(told: list[Point]) -> None:
    """The best levels of a book kept from its changes are the quote of the same moment."""
    market = Market(seed=5, start_ns=START_NS)
    decoder = MarketDecoder("json")

    def read(messages: Iterable[Any]) -> list[Record]:
        frame = joined([Written(Point("", "", (), message)).encoded(False) for message in messages], False)
        assert isinstance(frame, str)
        return decoder.decode(frame.encode(), RECEIVED_NS)[0]

    read([market.listings["BTC/USD"].whole_book(START_NS)])
    own = [point for point in points(market, 30) if point.symbols == ("BTC/USD",)]
    records = read(point.message for point in own if point.channel in ("quotes", "orderbooks"))
    quotes = [record for record in records if isinstance(record, Quote)]
    books = [record for record in records if isinstance(record, Book)]
    assert len(quotes) == len(books) > 50
    for quote, book in zip(quotes, books, strict=True):
        assert (book.bids[0].price, book.bids[0].size) == (quote.bid_price, quote.bid_size)
        assert (book.asks[0].price, book.asks[0].size) == (quote.ask_price, quote.ask_size)
        assert book.bids[0].price < book.asks[0].price


def test_the_test_symbol_has_its_own_rhythm() -> None:
    """A quote and a trade every five seconds, whatever the rates."""
    market = Market(seed=1, start_ns=START_NS, quotes_per_s=50)
    own = [point for point in points(market, 60.5) if point.kind == "test"]
    assert Counter(point.channel for point in own) == {"quotes": 12, "trades": 12, "bars": 1, "dailyBars": 1}


def test_crypto_has_a_bar_for_every_minute() -> None:
    """Without trades it is made of quotes, with a volume of 0."""
    market = Market(seed=1, start_ns=START_NS, trades_per_s=1e-9)
    bars = [point.message for point in points(market, 61) if point.channel == "bars" and point.kind == "crypto"]
    assert len(bars) == 5
    assert all((bar.v, bar.n, bar.vw) == (0, 0, 0) and bar.l <= bar.o <= bar.h for bar in bars)


def test_stocks_keep_the_hours_and_crypto_does_not() -> None:
    """Before the open only crypto and the test symbol speak."""
    market = Market(seed=1, start_ns=ns("2026-03-02T14:29:50Z"), session="clock")
    assert {point.kind for point in points(market, 9)} == {"crypto", "perps", "test"}
    assert "stock" in {point.kind for point in points(market, 10)}
    opens, closes = market.next_marks()
    assert (opens.isoformat(), closes.isoformat()) == ("2026-03-03T09:30:00-05:00", "2026-03-02T16:00:00-05:00")


def test_a_day_begins_at_midnight_in_new_york() -> None:
    """The daily bar starts there, and the last price becomes the previous close."""
    market = Market(seed=1, start_ns=ns("2026-03-03T04:58:30Z"))
    before = [
        point.message for point in points(market, 80) if point.channel == "dailyBars" and point.message.S == "AAPL"
    ]
    after = [
        point.message for point in points(market, 180) if point.channel == "dailyBars" and point.message.S == "AAPL"
    ]
    assert {message.t for message in before} == {ns("2026-03-02T05:00:00Z")}
    assert after[-1].t == ns("2026-03-03T05:00:00Z")


def test_the_same_seed_gives_the_same_market() -> None:
    """In one go or in many small steps."""

    def market() -> Market:
        return Market(seed=9, start_ns=START_NS)

    one, other = market(), market()
    whole = points(one, 20)
    steps = [point for _ in range(200) for point in points(other, 0.1)]
    assert whole == steps
    assert points(Market(seed=10, start_ns=START_NS), 20) != whole


def test_a_shock_is_quoted_at_once() -> None:
    """The next quote stands where the symbol is worth now."""
    market = Market(seed=1, start_ns=START_NS)
    before = market.listings["AAPL"].bid
    market.shock("AAPL", -0.10)
    quote = next(iter(market.advance(START_NS))).message
    assert quote.bp == pytest.approx(before * 0.9, rel=0.01)


@pytest.mark.parametrize(
    ("symbol", "kind", "is_good"),
    [
        ("AAPL", "stock", True), ("BRK.B", "stock", True), ("aapl", "stock", False), ("BTC/USD", "stock", False),
        ("BTC/USD", "crypto", True), ("BTCUSD", "crypto", False), ("AAPL260619C00200000", "option", True),
        ("AAPL", "option", False), ("*", "option", True), ("BTC-PERP", "perps", True), ("", "stock", False),
    ],
)  # fmt: skip
def test_symbols_have_forms(symbol: str, kind: str, is_good: bool) -> None:
    """A symbol in a bad format refuses a whole message, so it matters which are."""
    assert is_well_formed(symbol, kind) is is_good


def test_assets_are_found_by_every_name() -> None:
    """Symbol, identifier, and the older form of a crypto pair."""
    bitcoin = ASSETS["BTC/USD"]
    assert find_asset("BTC/USD") is find_asset("BTCUSD") is find_asset(bitcoin.asset_id) is bitcoin
    assert find_asset("NOPE") is None


def test_event_identifiers_sort_by_time() -> None:
    """Also those of the same millisecond, and of a clock that stood still."""
    ids = Ids(1)
    found = [ids.ulid(START_NS + step) for step in (0, 0, 1, 10**6, 10**9, 10**9)]
    assert found == sorted(set(found))
    assert all(len(each) == 26 for each in found)
