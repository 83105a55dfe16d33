"""Quotes are the same whichever way they are read: from the bytes, or by a decoder and what is made of its messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsexample.brokers.alpaca.dialect import AlpacaDataDialect, MarketDecoder, packed_time, rfc3339
from wsexample.brokers.alpaca.dialect.quotes import _quotes_py
from wsexample.records.market import Quote, Record

READERS = [_quotes_py]
try:
    from wsexample.brokers.alpaca.dialect.quotes import _quotes_c

    READERS.append(_quotes_c)
except ImportError:
    pass

Read = Callable[[bytes, int], list[Record] | None]
DATA = Path(__file__).parents[2] / "data" / "alpaca"
BEGIN_NS = 1_772_461_800 * 10**9

numbers = st.one_of(
    st.just(0),
    st.integers(0, 10**12),
    st.integers(0, 10**9).map(lambda cents: cents / 100),
    st.floats(0, 1e15, allow_nan=False),
)
words = st.text("ABCZ /.", max_size=12)
quotes = st.fixed_dictionaries(
    {"T": st.just("q"), "S": words},
    optional={
        "ax": words,
        "ap": numbers,
        "as": numbers,
        "bx": words,
        "bp": numbers,
        "bs": numbers,
        "c": st.lists(words, max_size=4),
        "z": words,
        "t": st.integers(0, 2**34 * 10**9 - 1),
    },
)
frames = st.lists(quotes, min_size=1, max_size=20)
times = st.one_of(
    st.from_regex(
        r"\A(19|20|21|22|00)[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,11})?Z?\Z"
    ),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.sampled_from(
        ["", "Z", "2024-02-29T00:00:00Z", "2023-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-03-02T14:30:00+09:00"]
    ),
)


def json_frame(frame: list[dict[str, Any]]) -> bytes:
    """A frame as JSON, times to the nanosecond; a time that is a text stays as it is."""
    spelled = [
        {**quote, "t": quote["t"] if isinstance(quote["t"], str) else rfc3339(quote["t"])} if "t" in quote else quote
        for quote in frame
    ]
    return msgspec.json.encode(spelled)


def packed_frame(frame: list[dict[str, Any]]) -> bytes:
    """The same as MessagePack."""
    spelled = [{**quote, "t": packed_time(quote["t"])} if "t" in quote else quote for quote in frame]
    return msgspec.msgpack.encode(spelled)


def alike(read: Read, codec: str, payload: bytes) -> bool:
    """Whether the short way took a frame; what it made of it has to be what the long way makes."""
    decoder = MarketDecoder(codec)
    records, controls = decoder.decode(payload, 7)
    found = read(payload, 7)
    if found is None:
        return False
    assert (repr(found), controls, decoder.unreadable_times) == (repr(records), (), 0)
    assert all(type(quote) is Quote for quote in found)
    return True


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__.rpartition("_")[2])
@given(frame=frames)
def test_both_ways_read_the_same_from_json(reader: Any, frame: list[dict[str, Any]]) -> None:
    """Symbols, prices, sizes, exchanges, conditions, tape and time, whichever of them there are."""
    alike(reader.read_text, "json", json_frame(frame))


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__.rpartition("_")[2])
@given(frame=frames)
def test_both_ways_read_the_same_from_messagepack(reader: Any, frame: list[dict[str, Any]]) -> None:
    """The same, with timestamps of four, eight and twelve bytes and numbers of every width."""
    alike(reader.read_packed, "msgpack", packed_frame(frame))


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__.rpartition("_")[2])
@given(time=times)
def test_both_ways_read_the_same_times(reader: Any, time: str) -> None:
    """A text is the same moment to the nanosecond, or left to the long way, which counts what is no time."""
    alike(reader.read_text, "json", json_frame([{"T": "q", "S": "A", "t": time}]))


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__.rpartition("_")[2])
@given(data=st.data())
def test_damage_is_left_to_the_long_way(reader: Any, data: st.DataObject) -> None:
    """A frame that is cut, or has a byte changed, is read as the long way reads it, or not at all."""
    quote = {
        "T": "q",
        "S": "AAPL",
        "ax": "V",
        "ap": 187.21,
        "as": 3,
        "bx": "V",
        "bp": 187.19,
        "bs": 300,
        "c": ["R"],
        "z": "C",
    }
    for codec, read, whole in (
        ("json", reader.read_text, json_frame([{**quote, "t": BEGIN_NS + 412_907}, quote])),
        ("msgpack", reader.read_packed, packed_frame([{**quote, "t": BEGIN_NS + 412_907}, quote])),
    ):
        at = data.draw(st.integers(0, len(whole) - 1))
        assert read(whole[:at], 7) is None
        changed = bytearray(whole)
        changed[at] = data.draw(st.integers(0, 255))
        alike(read, codec, bytes(changed))


@pytest.mark.parametrize("name", sorted(path.stem for path in DATA.glob("*.json")))
def test_every_example_is_read_alike(name: str) -> None:
    """What is no quote is not taken for one."""
    payload = (DATA / f"{name}.json").read_bytes().strip()
    for reader in READERS:
        taken = alike(reader.read_text, "json", payload)
        assert taken == (reader is not _quotes_py and name in ("quote", "crypto_quote", "quote_one_sided"))


@pytest.mark.parametrize("codec", ["json", "msgpack"])
@pytest.mark.parametrize("per_frame", [1, 15, 16, 300])
def test_plain_frames_are_read_the_short_way(codec: str, per_frame: int) -> None:
    """Where it was built, the vendor's own frames are taken, of any length."""
    if len(READERS) == 1:
        pytest.skip("the compiled reading of quotes was not built")
    quote = {
        "T": "q",
        "S": "AAPL",
        "ax": "V",
        "ap": 187.21,
        "as": 3,
        "bx": "V",
        "bp": 187.19,
        "bs": 2,
        "c": ["R"],
        "z": "C",
    }
    frame = [{**quote, "t": BEGIN_NS + number} for number in range(per_frame)]
    read = READERS[1].read_text if codec == "json" else READERS[1].read_packed
    assert alike(read, codec, json_frame(frame) if codec == "json" else packed_frame(frame))


def test_a_side_without_a_price_has_no_size() -> None:
    """Price 0 means that there is none."""
    dialect = AlpacaDataDialect("iex")
    frame = msgspec.msgpack.encode([{"T": "q", "S": "A", "bp": 0, "bs": 5, "ap": 7, "as": 6}])
    (quote,) = dialect.receive(frame, True, 7).records
    assert isinstance(quote, Quote)
    assert (quote.bid_price, quote.bid_size, quote.ask_size, quote.exchange_ns) == (None, None, 6.0, None)


def test_quotes_among_others_are_read_the_long_way() -> None:
    """A frame that holds anything else keeps its order."""
    dialect = AlpacaDataDialect("iex")
    trade = json.loads((DATA / "trade.json").read_text())[0]
    quote = json.loads((DATA / "quote.json").read_text())[0]
    records = dialect.receive(json.dumps([quote, trade, quote]).encode(), False, 7).records
    assert [type(record).__name__ for record in records] == ["Quote", "Trade", "Quote"]
