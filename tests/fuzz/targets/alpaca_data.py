"""Whatever a market data stream of Alpaca sends, in either codec and in any state, becomes no error but the dialect's own.

No record has a number that is none, or a time that 64 bits cannot hold; no book is crossed, or goes on after a change that could
not be read; no memory is without a bound; the compiled reading of quotes agrees with the long way; the next good message is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.fuzz.targets._drawing import Draw, hostile_json, hostile_packed
from tests.fuzz.targets._holding import check_step
from wsexample.brokers.alpaca.credentials import AlpacaCredentials
from wsexample.brokers.alpaca.dialect import AlpacaDataDialect, MarketDecoder, TextTimes, packed_time
from wsexample.brokers.alpaca.dialect.quotes import read_packed, read_text
from wsexample.ports import Gap, Step
from wsexample.records.market import Book

INSTRUMENT: tuple[str, ...] = ("wsexample.brokers.alpaca.dialect", "wsexample.brokers.alpaca.codes")
DATA = Path(__file__).parents[2] / "data" / "alpaca"
NOW_NS = 1_772_462_000 * 10**9
SECRET = "s3cr3t-0000000000000000000000000001"
CREDENTIALS = AlpacaCredentials("PKTEST00000000000001", SECRET)
STREAM = ("authenticated", "bar", "book_change", "book_whole", "cancel", "connected", "correction", "crypto_quote",
          "crypto_trade", "daily_bar", "error_auth", "imbalance", "luld", "news", "option_quote", "option_trade", "pricing",
          "quote",          "quote_one_sided", "status", "subscription_stock", "trade", "updated_bar")  # fmt: skip
TIMES = {"t", "ft", "created_at", "updated_at"}
TEXTS: list[Any] = [json.loads((DATA / f"{name}.json").read_bytes()) for name in STREAM]
TEXTS += [[{"T": "subscription", "orderbooks": ["BTC/USD"]}], [{"T": "error", "code": 400, "msg": "invalid syntax"}]]
TOPICS = (
    ("orderbooks:BTC/USD",),
    ("quotes:BTC/USD", "trades:BTC/USD"),
    ("orderbooks:*",),
    ("orderbooks:ETH/USD", "bars:*"),
)
WHOLE = b'[{"T":"o","S":"BTC/USD","t":"2026-03-02T15:00:00.1Z","b":[{"p":9,"s":1}],"a":[{"p":11,"s":1}],"r":true}]'
CHANGE = b'[{"T":"o","S":"BTC/USD","t":"2026-03-02T15:00:00.2Z","b":[{"p":10,"s":2}],"a":[]}]'
QUOTE = (DATA / "quote.json").read_bytes().strip()
_times = TextTimes()


def _packable(message: dict[str, Any]) -> dict[str, Any]:
    return {
        key: packed_time(_times.ns(value) or 0) if key in TIMES and isinstance(value, str) else value
        for key, value in message.items()
    }


PACKED: list[Any] = [[_packable(message) for message in frame] for frame in TEXTS]
EXPECTED = AlpacaDataDialect(feed="crypto").receive(QUOTE, False, NOW_NS).records


def one_input(data: bytes) -> None:
    """Hold one conversation."""
    draw = Draw(data)
    dialect = AlpacaDataDialect(CREDENTIALS, feed="crypto", codec="json" if draw.number(2) else "msgpack", keep=8)
    check_step(dialect.start())
    now_ns = NOW_NS
    for _ in range(24):
        if draw.is_over:
            break
        now_ns += draw.number(256) * 20_000_000
        match draw.number(16):
            case 0:
                check_step(dialect.start())
            case 1:
                check_step(dialect.subscribe(draw.pick(TOPICS)))
            case 2:
                check_step(dialect.unsubscribe(draw.pick(TOPICS)))
            case 3:
                _receive(dialect, b'[{"T":"success","msg":"authenticated"}]', False, now_ns)
            case 4:
                dialect.silence(now_ns)
                check_step(dialect.heartbeat(now_ns))
            case 5:
                _receive(dialect, draw.pick((WHOLE, CHANGE)), False, now_ns)
            case 6 | 7 | 8 | 9 | 10:
                _receive(dialect, hostile_packed(draw, PACKED), True, now_ns)
            case _:
                _receive(dialect, hostile_json(draw, TEXTS), False, now_ns)
        assert list(dialect.receive(QUOTE, False, NOW_NS).records) == list(EXPECTED)
    _check_memory(dialect)
    check_step(dialect.start())
    (first,) = [one for one in dialect.receive(WHOLE, False, NOW_NS).records if isinstance(one, Book)]
    (second,) = [one for one in dialect.receive(CHANGE, False, NOW_NS).records if isinstance(one, Book)]
    assert [level.price for level in (*first.bids, *second.bids, *second.asks)] == [9.0, 10.0, 9.0, 11.0]


def _receive(dialect: AlpacaDataDialect, payload: bytes, is_binary: bool, now_ns: int) -> Step:
    unreadable = dialect.unreadable
    had_books = bool(dialect.receive(CHANGE, False, now_ns).records)
    step = dialect.receive(payload, is_binary, now_ns)
    check_step(step, () if SECRET.encode() in payload else (SECRET,))
    _compare(payload, is_binary, now_ns)
    if had_books and dialect.unreadable > unreadable and _may_be_of_a_book(payload, is_binary):
        after = dialect.receive(CHANGE, False, now_ns).records
        assert not any(isinstance(one, Book) for one in after), "a book goes on after a change that could not be read"
        whole = dialect.receive(WHOLE, False, now_ns).records
        assert [type(one) for one in whole] == [Gap, Book], whole
    return step


def _may_be_of_a_book(payload: bytes, is_binary: bool) -> bool:
    """Whether a frame is of a single message, of that book."""
    if is_binary:
        return payload.startswith(b"\x91\x86\xa1T\xa1o\xa1S\xa7BTC/USD")
    return payload.startswith(b'[{"T":"o","S":"BTC/USD"') and payload.count(b'"T"') == payload.count(b'"S"') == 1


def _compare(payload: bytes, is_binary: bool, now_ns: int) -> None:
    """What the compiled reading makes of a frame is what the long way makes of it."""
    quotes = read_packed(payload, now_ns) if is_binary else read_text(payload, now_ns)
    if quotes is None:
        return
    decoder = MarketDecoder("msgpack" if is_binary else "json")
    records, controls = decoder.decode(payload, now_ns)
    assert not controls
    assert not decoder.remainder.unreadable, decoder.remainder.kept
    assert quotes == records, (quotes, records)


def _check_memory(dialect: AlpacaDataDialect) -> None:
    remainder = dialect.remainder
    assert len(remainder.kept) <= 8
    assert all(len(one.payload) <= 4096 and len(one.reason) <= 1000 for one in remainder.kept)
    assert len(remainder.unknown) <= 1000
    assert all(len(name) <= 200 for name in remainder.unknown)


def seeds() -> Iterable[bytes]:
    """One conversation with each real message, and each with each place changed once."""
    for number in range(len(TEXTS)):
        yield bytes((number % 2, 1, 3, 1, 1, 0, 1, 5, 0, 1, 11, 0, number, 0, 0, 0, 1, 6, 0, number, 0, 0, 0))
        yield bytes(
            (0, 1, 5, 0, 1, 11, 0, number, 1, 9, 0, 40 + number, 0, 0, 1, 6, 0, number, 1, 7, 0, 25 + number, 0, 0)
        )
