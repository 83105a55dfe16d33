"""kabu's dialect: every field, the swapped sides, null and absent, times, symbols, and messages that are none."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brokers.kabu.payloads import NAMES, RECEIVED_NS, on_wire, plain, raw
from wsexample.brokers.kabu import codes
from wsexample.brokers.kabu.dialect import (
    BoardDecoder,
    KabuDialect,
    boards,
    does_not_apply,
    parse_symbol,
    parse_symbols,
    spell,
)
from wsexample.brokers.kabu.dialect.layouts import LAYOUTS, RECORD_FIELDS, layout_of
from wsexample.brokers.kabu.dialect.times import JST, TimeTable
from wsexample.brokers.kabu.messages import PushMessage, SymbolEntry
from wsexample.errors import DialectError, OptionError
from wsexample.records.market import Board, Level

PAGE = (Path(__file__).parents[3] / "docs" / "kabu.md").read_text(encoding="utf-8")
OF_PROJECT = {"venue", "layout", "exchange_ns", "received_ns"}


def decoded(
    message: dict[str, Any] | bytes, received_ns: int = RECEIVED_NS, decoder: BoardDecoder | None = None
) -> Board:
    payload = message if isinstance(message, bytes) else on_wire(message)
    return (decoder or BoardDecoder()).decode(payload, received_ns)


def ns(text: str) -> int:
    """What a timestamp is in nanoseconds, reckoned another way than the dialect does."""
    return int(datetime.fromisoformat(text).timestamp()) * 10**9


# --- fields -------------------------------------------------------------------------------------------------------------


def test_a_stock_becomes_a_board_field_by_field() -> None:
    """Every figure of a stock's message stands in the field that the table names, best bid below best ask."""
    message = plain("stock")
    assert decoded(raw("stock")) == Board(
        venue="kabu",
        symbol="9433@1",
        exchange_ns=ns("2026-03-04T10:15:32+09:00"),
        received_ns=RECEIVED_NS,
        name="ＫＤＤＩ",
        layout="stock",
        security_type=1,
        market=1,
        market_name="東証プ",
        last_price=2524.5,
        last_ns=ns("2026-03-04T10:15:31+09:00"),
        last_status=1,
        last_tick="0058",
        valuation_price=2524.6,
        bid_price=2524.5,
        bid_size=6100.0,
        bid_ns=ns("2026-03-04T10:15:30+09:00"),
        bid_sign="0118",
        ask_price=2525.0,
        ask_size=4300.0,
        ask_ns=ns("2026-03-04T10:15:32+09:00"),
        ask_sign="0101",
        bids=tuple(Level(message[f"Buy{i}"]["Price"], message[f"Buy{i}"]["Qty"]) for i in range(1, 11)),
        bids_ns=ns("2026-03-04T10:15:30+09:00"),
        bids_sign="0118",
        asks=tuple(Level(message[f"Sell{i}"]["Price"], message[f"Sell{i}"]["Qty"]) for i in range(1, 11)),
        asks_ns=ns("2026-03-04T10:15:32+09:00"),
        asks_sign="0101",
        bids_below_size=1613900.0,
        asks_above_size=1482600.0,
        market_buy_size=700.0,
        market_sell_size=300.0,
        open_price=2515.0,
        open_ns=ns("2026-03-04T09:00:00+09:00"),
        high_price=2531.5,
        high_ns=ns("2026-03-04T09:21:47+09:00"),
        low_price=2508.0,
        low_ns=ns("2026-03-04T09:03:12+09:00"),
        volume=3184200.0,
        volume_ns=ns("2026-03-04T10:15:31+09:00"),
        turnover=8023656050.0,
        vwap=2519.8342,
        previous_close=2510.0,
        previous_close_ns=ns("2026-03-03T00:00:00+09:00"),
        change=14.5,
        change_percent=0.58,
        market_value=10572220948113.0,
    )


def test_futures_have_a_settlement_price_and_no_quote_times() -> None:
    """What only futures have is read, with the trailing zeros of the wire."""
    board = decoded(raw("futures"))
    assert (board.symbol, board.layout, board.settlement_price) == ("167060019@2", "futures", 26480.0)
    assert (board.bid_price, board.ask_price, board.bids[1], board.bid_ns) == (
        26480.0,
        26490.0,
        Level(26470.0, 14.0),
        None,
    )
    assert board.exchange_ns == board.last_ns == ns("2026-03-04T10:15:31+09:00")


def test_an_option_has_its_greeks() -> None:
    """What only options have is read."""
    board = decoded(raw("option"))
    assert board.layout == "option"
    assert (board.implied_volatility, board.delta, board.gamma) == (21.34, 0.4871, 0.000412)
    assert (board.theta, board.vega) == (-11.87, 24.05)


def test_an_index_has_prices_and_no_book() -> None:
    """A message without a market, a volume and a book is a whole board."""
    board = decoded(raw("index"))
    assert (board.symbol, board.layout, board.last_price, board.market) == ("101@1", "index", 26487.63, None)
    assert (board.bids, board.asks, board.bid_price) == ((), (), None)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "second"])
def test_each_field_of_a_layout_lands_in_its_own_record_field(layout: str, is_first: bool) -> None:
    """With a different value under every key, each record field holds the value of its own key."""
    message, expected = distinct(layout)
    decoder = BoardDecoder()
    if not is_first:  # the second message of a kind is read by the narrow decoder of its layout
        decoded(message, decoder=decoder)
    board = decoded(message, decoder=decoder)
    assert {field: getattr(board, field) for field in expected} == expected
    assert board.layout == layout
    others = set(Board.__struct_fields__) - expected.keys() - OF_PROJECT - {"symbol"}
    assert all(getattr(board, field) in (None, ()) for field in others)


def distinct(layout: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A message with a different value under each key of a layout, and the record fields that it must give."""
    message: dict[str, Any] = {}
    expected: dict[str, Any] = {"asks": (), "bids": ()} if layout != "index" else {}
    for number, key in enumerate(sorted(LAYOUTS[layout]), start=1):
        field = RECORD_FIELDS[key]
        outer, _, inner = key.partition(".")
        value: Any = float(number)
        seen: Any = value
        if field in ("security_type", "market", "last_status"):
            value = seen = {"security_type": 99, "market": 3, "last_status": 7}[field]
        elif key.endswith("Time"):
            value = f"2026-03-04T10:{number // 60:02}:{number % 60:02}+09:00"
            seen = ns(value)
        elif field in ("symbol", "name", "market_name", "last_tick") or field.endswith("_sign"):
            value = seen = f"text {number}"
        elif key[-1].isdigit():
            message.setdefault(key, {}).update(Price=value, Qty=value + 0.5)
            continue
        if inner:
            message.setdefault(outer, {})[inner] = value
        else:
            message[key] = value
        if field != "symbol":
            expected[field] = seen
    for field, side in (("asks", "Sell"), ("bids", "Buy")):
        if field in expected:
            levels = [message[f"{side}{rank}"] for rank in range(1, 11)]
            expected[field] = tuple(Level(level["Price"], level["Qty"]) for level in levels)
    return message, expected


def test_every_push_field_has_a_record_field_and_every_record_field_a_push_field() -> None:
    """The table leaves out no key of the vendor and no field of the record."""
    assert {key.partition(".")[0] for key in RECORD_FIELDS} == set(PushMessage.__struct_fields__)
    assert set(RECORD_FIELDS.values()) | OF_PROJECT == set(Board.__struct_fields__)


@pytest.mark.parametrize("text", [boards.__doc__ or "", PAGE.replace("`", "``")], ids=["docstring", "docs/kabu.md"])
def test_the_field_tables_for_people_are_the_tested_table(text: str) -> None:
    """What the decoder's docstring and the page say is what the code does."""
    table = text[text.index("| push field |") :].partition("\n\n")[0]
    shown: dict[str, str] = {}
    for left, right in re.findall(r"^\| (``.*?) \| (``.*?) \|", table, flags=re.MULTILINE):
        keys, fields = re.findall(r"``([\w.]+)``", left), re.findall(r"``(\w+)``", right)
        if "..." in left:
            keys = [f"{keys[0][:-1]}{rank}" for rank in range(1, 11)]
            fields *= 10
        if fields != ["symbol"]:
            shown |= dict(zip(keys, fields, strict=True))
    assert shown == {key: field for key, field in RECORD_FIELDS.items() if key != "Symbol"}


# --- bid and ask --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["stock", "futures", "option"])
def test_bid_is_where_you_can_sell(name: str) -> None:
    """The vendor's Ask is our bid, its Bid our ask; the levels stand on the same sides, best first."""
    message, board = plain(name), decoded(raw(name))
    assert (board.bid_price, board.bid_size, board.bid_sign) == (
        message["AskPrice"],
        message["AskQty"],
        message["AskSign"],
    )
    assert (board.ask_price, board.ask_size, board.ask_sign) == (
        message["BidPrice"],
        message["BidQty"],
        message["BidSign"],
    )
    assert (board.bids[0].price, board.asks[0].price) == (board.bid_price, board.ask_price)
    assert board.bids[0].price < board.asks[0].price
    assert list(board.bids) == sorted(board.bids, key=lambda level: -level.price)
    assert list(board.asks) == sorted(board.asks, key=lambda level: level.price)


def test_an_empty_side_at_limit_up_has_no_levels() -> None:
    """Ten levels of price 0 are no levels, though the vendor still names a best offer."""
    board = decoded(raw("limit_up"))
    assert (board.asks, board.ask_price, board.asks_sign) == ((), 3010.0, None)
    assert (board.bids[0], board.bid_sign) == (Level(3010.0, 918200.0), "0102")


@pytest.mark.parametrize(
    "hole", [None, {"Price": None, "Qty": None}, {"Price": 0.0, "Qty": 0.0}, {"Price": 5.0, "Qty": None}]
)
@pytest.mark.parametrize("rank", [1, 4, 10])
def test_a_level_that_is_not_there_is_left_out(hole: dict[str, Any] | None, rank: int) -> None:
    """A level that is null or has no price is skipped, and the others keep their order."""
    message = plain("stock")
    first = {"Sign": "0101", "Time": "2026-03-04T10:15:32+09:00"} if rank == 1 and hole is not None else {}
    message[f"Sell{rank}"] = hole if hole is None else {**hole, **first}
    prices = [level.price for level in decoded(message).asks]
    assert prices == [2525.0 + 0.5 * i for i in range(10) if i != rank - 1]


def test_a_level_of_size_zero_stays() -> None:
    """A price with nothing behind it is what the venue said."""
    message = plain("stock")
    message["Buy3"]["Qty"] = 0.0
    assert decoded(message).bids[2] == Level(2523.5, 0.0)


# --- absent and null ----------------------------------------------------------------------------------------------------


def test_null_is_told_from_absent() -> None:
    """Both are None in the value; the layout tells which fields do not apply to the product."""
    waiting, futures = decoded(raw("nulls")), decoded(raw("futures"))
    assert waiting.bid_ns is None
    assert futures.bid_ns is None
    assert "bid_ns" not in does_not_apply(waiting.layout)
    assert "bid_ns" in does_not_apply(futures.layout)


@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_apply_is_what_was_absent(name: str) -> None:
    """For each product the fields named are exactly those whose keys are not in the message."""
    message = plain(name)
    sent = {RECORD_FIELDS[key] for key in message}
    for first in ("Sell1", "Buy1"):
        sent |= {RECORD_FIELDS[f"{first}.{key}"] for key in (message.get(first) or {}) if key in ("Sign", "Time")}
    if name == "nulls":  # a level that is null says nothing about its own keys
        sent |= {"asks_ns", "asks_sign", "bids_ns", "bids_sign"}
    assert does_not_apply(decoded(message).layout) == set(RECORD_FIELDS.values()) - sent


def test_a_pre_open_board_has_a_book_and_no_prices() -> None:
    """Before the first trade the figures of the day are None and the book is there, crossed as auctions are."""
    board = decoded(raw("pre_open"))
    assert (board.last_price, board.open_ns, board.vwap, board.last_status) == (None, None, None, -1)
    assert len(board.bids) == len(board.asks) == 10
    assert board.exchange_ns == ns("2026-03-04T08:31:04+09:00")


def test_all_null_is_a_board_of_nones() -> None:
    """The reply to a read that timed out, and the verification environment, give a board without figures."""
    board = decoded(raw("nulls"))
    assert (board.symbol, board.last_price, board.bids, board.exchange_ns) == ("9433@1", None, (), None)


@pytest.mark.parametrize("is_first", [True, False], ids=["first", "second"])
def test_a_key_more_or_less_is_named(is_first: bool) -> None:
    """A message with other keys than its product's is read all the same, and says what differs."""
    decoder = BoardDecoder()
    if not is_first:
        decoded(raw("option"), decoder=decoder)
    message = plain("option")
    for key in ("IV", "Gamma", "Theta", "Vega", "Delta"):
        del message[key]
    message["BidTime"] = None
    board = decoded(message, decoder=decoder)
    assert board.layout == "option +ask_ns -delta -gamma -implied_volatility -theta -vega"
    assert board.last_price == 415.0
    assert does_not_apply(board.layout) >= {"delta", "bid_ns"}
    assert "ask_ns" not in does_not_apply(board.layout)


def test_a_value_outside_the_layout_is_kept() -> None:
    """A stock with a settlement price, after a hundred without, does not lose it."""
    decoder = BoardDecoder()
    for _ in range(3):
        decoded(raw("stock"), decoder=decoder)
    board = decoded(plain("stock") | {"ClearingPrice": 7.0}, decoder=decoder)
    assert (board.settlement_price, board.layout) == (7.0, "stock +settlement_price")


def test_an_unknown_product_takes_the_layout_of_its_keys() -> None:
    """A product code that nobody has documented yet is read by the keys it has."""
    board = decoded(plain("futures") | {"SecurityType": 4711})
    assert (board.layout, board.security_type) == ("futures", 4711)


def test_the_layout_of_another_venue_says_nothing() -> None:
    """A board without a layout, or with one of another version, has no field that is known not to apply."""
    assert does_not_apply(None) == does_not_apply("hologram") == frozenset()


@given(st.sets(st.sampled_from(sorted(set(RECORD_FIELDS.values())))), st.sampled_from([0, 1, 101, 103, 99, None]))
def test_layouts_name_any_set_of_absent_fields(missing: set[str], security_type: int | None) -> None:
    """Whatever was absent comes back from the layout's words, to the field."""
    assert does_not_apply(layout_of(missing, security_type)) == missing


@given(st.permutations(list(plain("stock"))))
def test_the_order_of_keys_does_not_matter(keys: list[str]) -> None:
    """The vendor's order is a habit, not a promise."""
    decoder = BoardDecoder()
    decoded(raw("stock"), decoder=decoder)
    message = plain("stock")
    assert decoded({key: message[key] for key in keys}, decoder=decoder) == decoded(raw("stock"))


@given(st.lists(st.sampled_from(NAMES), max_size=12))
def test_what_came_before_changes_nothing(names: list[str]) -> None:
    """A decoder that has seen other messages reads each as a fresh one does."""
    decoder = BoardDecoder()
    assert [decoded(raw(name), decoder=decoder) for name in names] == [decoded(raw(name)) for name in names]


# --- times --------------------------------------------------------------------------------------------------------------


@given(
    st.datetimes(min_value=datetime(1970, 1, 3), max_value=datetime(2200, 1, 1)),  # noqa: DTZ001 - offset follows
    st.sampled_from(["+09:00", "+08:00", "-08:00", "+00:00"]),
)
def test_times_are_utc_nanoseconds(when: datetime, offset: str) -> None:
    """Whole seconds with the offset of the PC become the same instant, also where the PC's zone is wrong."""
    text = f"{when.replace(microsecond=0).isoformat()}{offset}"
    assert TimeTable()[text] == ns(text)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "0001-01-01T00:00:00", "9999-12-31T23:59:59+09:00", "2026-02-30T00:00:00Z"]
)
def test_a_text_that_is_no_time_is_none_and_counted(text: str) -> None:
    """The board is delivered without that time."""
    dialect = KabuDialect()
    board = dialect.decode(on_wire(plain("stock") | {"HighPriceTime": text}), False, RECEIVED_NS)
    assert board is not None
    assert (board.high_ns, board.high_price, dialect.unreadable_times) == (None, 2531.5, 1)


def test_the_table_of_times_stays_bounded() -> None:
    """A year of seconds does not fill the memory, and what was forgotten is read again."""
    times = TimeTable()
    start = datetime(2026, 3, 4, tzinfo=JST)
    for second in range(20_000):
        assert times[(start + timedelta(seconds=second)).isoformat()] == ns(start.isoformat()) + second * 10**9
    assert len(times) <= 8192
    assert times[None] is None


def after_midnight(name: str, minute: str = "00:05") -> dict[str, Any]:
    """A message traded after midnight of 5 March, with the date of 4 March as the vendor writes it."""
    wrong = f"2026-03-04T{minute}:00+09:00"
    return plain(name) | {"CurrentPriceTime": wrong, "TradingVolumeTime": wrong}


def test_the_midnight_defect_is_mended_on_derivatives() -> None:
    """Yesterday's date after midnight is moved to today, and counted."""
    dialect = KabuDialect()
    (board,) = dialect.receive(on_wire(after_midnight("futures")), False, ns("2026-03-05T00:05:01+09:00")).records
    assert isinstance(board, Board)
    assert board.last_ns == board.volume_ns == board.exchange_ns == ns("2026-03-05T00:05:00+09:00")
    assert dialect.mended == 1


def test_the_midnight_defect_is_left_alone_when_asked() -> None:
    """With the switch off the vendor's time stands as it came."""
    board = decoded(after_midnight("futures"), ns("2026-03-05T00:05:01+09:00"), BoardDecoder(mend_midnight=False))
    assert board.last_ns == ns("2026-03-04T00:05:00+09:00")


@pytest.mark.parametrize(
    ("name", "minute", "received"),
    [
        ("stock", "00:05", "2026-03-05T00:05:01+09:00"),
        ("futures", "00:11", "2026-03-05T00:11:01+09:00"),
        ("futures", "00:05", "2026-03-05T00:16:01+09:00"),
        ("futures", "00:05", "2026-03-04T00:05:01+09:00"),
        ("futures", "00:05", "2026-03-06T00:05:01+09:00"),
    ],
    ids=["a stock", "after the window", "too old", "right date", "two days old"],
)
def test_only_the_defect_is_mended(name: str, minute: str, received: str) -> None:
    """A time that the defect does not explain is never moved."""
    decoder = BoardDecoder()
    assert decoded(after_midnight(name, minute), ns(received), decoder).last_ns == ns(f"2026-03-04T{minute}:00+09:00")
    assert decoder.mended == 0


def test_the_time_of_an_event_is_the_latest_of_trade_and_quotes() -> None:
    """A quote that moved after the last trade carries the board's time."""
    message = plain("stock") | {"AskTime": "2026-03-04T10:15:40+09:00"}
    assert decoded(message).exchange_ns == ns("2026-03-04T10:15:40+09:00")
    assert decoded(message | {"AskTime": None, "BidTime": None}).exchange_ns == ns("2026-03-04T10:15:31+09:00")


# --- messages that are no boards ----------------------------------------------------------------------------------------

NO_BOARDS = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b'"9433"',
    b'{"Symbol":null}',
    b'{"Symbol":9433}',
    b'{"Code":4001009,"Message":"x"}',
    raw("stock")[:-1],
    raw("stock").replace(b'"9433"', b"null"),
    raw("stock").replace(b'"Qty":4300.0', b'"Qty":"many"'),
    raw("stock").replace("ＫＤＤＩ".encode(), b"\xff\xfe"),
    b"[" * 100_000,
]


@pytest.mark.parametrize("payload", NO_BOARDS, ids=lambda payload: repr(payload[:20]))
def test_a_message_that_is_no_board_is_counted_and_kept(payload: bytes) -> None:
    """It gives no record and raises nothing; its beginning is kept with the reason."""
    dialect = KabuDialect()
    dialect.receive(raw("stock"), False, RECEIVED_NS)
    step = dialect.receive(payload, False, 5)
    assert (step.records, step.failure) == ((), None)
    assert (dialect.boards, dialect.unreadable) == (1, 1)
    assert (dialect.kept[0].payload, dialect.kept[0].received_ns) == (payload[:4096], 5)
    assert dialect.kept[0].reason


def test_ever_new_symbols_fill_no_memory() -> None:
    """What is remembered of symbols is bounded, and each is spelled rightly all the same."""
    decoder = BoardDecoder()
    message = plain("index")
    for number in range(5000):
        assert decoded(message | {"Symbol": f"X{number}"}, decoder=decoder).symbol == f"X{number}@1"
    assert len(decoder._spelled) <= 4096


def test_a_binary_message_is_no_board() -> None:
    """kabu Station speaks text; the same bytes in a binary frame are something else."""
    dialect = KabuDialect()
    assert dialect.decode(raw("stock"), True, RECEIVED_NS) is None
    assert dialect.unreadable == 1


def test_only_the_newest_unreadable_messages_are_kept() -> None:
    """A flood of nonsense fills no memory."""
    dialect = KabuDialect(keep=3)
    for number in range(10):
        dialect.receive(b"%d" % number, False, number)
    assert [one.payload for one in dialect.kept] == [b"7", b"8", b"9"]
    assert dialect.unreadable == 10


@given(
    st.binary(max_size=200)
    | st.builds(lambda cut, put: raw("stock")[:cut] + put, st.integers(0, 1867), st.binary(max_size=8))
)
def test_no_bytes_raise(payload: bytes) -> None:
    """Whatever arrives, the dialect counts it and goes on."""
    dialect = KabuDialect()
    dialect.receive(raw("stock"), False, RECEIVED_NS)
    dialect.receive(payload, False, RECEIVED_NS)
    assert dialect.boards + dialect.unreadable == 2


def test_the_decoder_raises_where_a_reply_is_no_board() -> None:
    """A caller who asked for one board learns that it got none."""
    with pytest.raises(DialectError, match="not a board") as caught:
        decoded(b"<html>")
    assert caught.value.venue == "kabu"


# --- symbols ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("9433", "9433@1"),
        (" 9433@1 ", "9433@1"),
        ("9433@3", "9433@3"),
        ("501a", "501A@1"),
        ("９４３３＠１", "9433@1"),
        ("25935", "25935@1"),
        ("167060019", "167060019@2"),
        ("167060019@23", "167060019@23"),
        ("101", "101@1"),
        ("145", "145@2"),
        ("eur/usd", "EUR/USD@300"),
        ("EUR/USD@300", "EUR/USD@300"),
    ],
)
def test_symbols_are_read_as_people_write_them(text: str, spelled: str) -> None:
    """A market that is left out is the one where the product is quoted."""
    assert spell(parse_symbol(text)) == spelled


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a symbol"),
        ("KDDI Corp", "not a symbol"),
        ("94", "not a symbol"),
        ("9433@", "not a market"),
        ("9433@TSE", "not a market"),
        ("9433@27", "takes orders only"),
        ("167060019@33", "takes orders only"),
        ("167060019@1", "futures and options are quoted on 2"),
        ("9433@2", "stocks are quoted on 1"),
        ("101@7", "not a market with quotes"),
        ("EUR/USD@1", "has the market 300"),
        ("EURUSD@300", "not a market with quotes"),
        ("9433@-1", "not a market"),
        ("9433@" + "1" * 5000, "not a market"),
        (7203, "7203 is not a symbol; write 9433, .* as text"),
    ],
)
def test_what_cannot_be_a_symbol_says_why(text: Any, reason: str) -> None:
    """The sentence names the text and what to write."""
    with pytest.raises(OptionError, match=reason):
        parse_symbol(text)


def test_several_symbols_are_read_once_each() -> None:
    """A list may repeat itself, and may be one string with blanks."""
    assert parse_symbols("9433 101 9433@1") == [SymbolEntry("9433", 1), SymbolEntry("101", 1)]
    assert parse_symbols([SymbolEntry("9433", 3), "9433"]) == [SymbolEntry("9433", 3), SymbolEntry("9433", 1)]


@given(st.text(max_size=12))
def test_any_text_is_a_symbol_or_an_option_error(text: str) -> None:
    """Nothing that a person can type ends in another error, and what is read is spelled so that it is read again."""
    try:
        entry = parse_symbol(text)
    except OptionError:
        return
    assert parse_symbol(spell(entry)) == entry


# --- the port -----------------------------------------------------------------------------------------------------------


def test_subscribing_sends_nothing_and_confirms_at_once() -> None:
    """Registration is REST's; the dialect takes note, and forgets on unsubscribing."""
    dialect = KabuDialect()
    assert (dialect.start().phase, dialect.start().replies) == ("subscribing", ())
    step = dialect.subscribe(["9433", "101@1"])
    assert (step.replies, step.confirmed) == ((), ["9433@1", "101@1"])
    dialect.unsubscribe(["9433@1"])
    assert list(dialect.topics) == ["101@1"]


def test_an_index_takes_the_market_it_was_registered_with() -> None:
    """A message that names no market is spelled as the caller asked for it, so that it finds its topic."""
    dialect = KabuDialect()
    index = plain("index") | {"Symbol": "145"}
    dialect.subscribe(["145@1"])
    (board,) = dialect.receive(on_wire(index), False, RECEIVED_NS).records
    assert board.symbol == "145@1"
    dialect.subscribe(["145@2"])
    (board,) = dialect.receive(on_wire(index), False, RECEIVED_NS).records
    assert board.symbol == "145@2"


def test_silence_means_something_only_after_a_pong() -> None:
    """Without signs of life a quiet market and a dead peer look the same; with them three missed ones are the end."""
    dialect = KabuDialect()
    dialect.start()
    assert dialect.silence(0).frame_s is None
    dialect.frame_heard(0)
    assert dialect.silence(0).frame_s == 96.0
    assert dialect.silence(0).message_s is None
    quiet = KabuDialect(pong_interval_s=0)
    quiet.frame_heard(0)
    assert quiet.silence(0).frame_s is None
    assert dialect.heartbeat(0).replies == ()


def test_pongs_are_believed_in_over_reconnects_until_two_connections_bring_none() -> None:
    """A connection may freeze before its first Pong; but a release that sends none must not be taken for dead for ever."""
    dialect = KabuDialect()
    dialect.start()
    dialect.frame_heard(0)
    for connection in range(3):
        dialect.start()
        assert (dialect.silence(0).frame_s is not None) == (connection < 2)
        for second in range(96):
            dialect.heartbeat((connection * 1000 + second) * 10**9)
    dialect.frame_heard(0)
    dialect.start()
    assert dialect.silence(0).frame_s == 96.0


# --- codes --------------------------------------------------------------------------------------------------------------


def test_every_error_code_says_what_to_do() -> None:
    """Each row has a class of the tree, a meaning and a sentence; a wait comes with its seconds."""
    for code, row in codes.ERRORS.items():
        assert row.code == code
        assert row.meaning
        assert row.what_to_do
        assert row.message
        assert (row.advice is codes.Advice.WAIT) == (row.wait_s > 0)
        assert row.http_status in {400, 401, 403, 404, 405, 413, 415, 429, 500}


def test_the_page_lists_every_error_code() -> None:
    """What docs/kabu.md tells about a code is what an error of that code tells."""
    rows = set()
    for code, row in codes.ERRORS.items():
        status = f"{row.http_status}{'' if row.is_observed else ' ?'}"
        rows.add(f"| {code} | {status} | `{row.error.__name__}` | {row.meaning} | {row.what_to_do} |")
    assert rows == set(re.findall(r"^\| 4\d{6} .*$", PAGE, flags=re.MULTILINE))


def test_codes_of_the_order_system_are_order_rejections() -> None:
    """They come as HTTP 500, and no code stands in both tables."""
    row = codes.error_of(100368)
    assert row is not None
    assert (row.http_status, row.error.__name__) == (500, "OrderRejectedError")
    assert codes.error_of(987654321) is None
    assert not codes.ERRORS.keys() & codes.ORDER_ERRORS.keys()
