"""Whatever WEEX's sockets send, public and private, and whatever its REST side answers, becomes no foreign error.

No record has a number that is none or a value of another type; no book is crossed, or goes on after a frame that is missing or
has a level that is none: it is asked for anew; the compiled reading of changes agrees with the one in Python; the next good
message is read; no memory is without a bound.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.fuzz.targets._drawing import Draw, hostile_json
from tests.fuzz.targets._holding import check_record, check_step
from wsexample.brokers.weex.dialect import (
    Holdings,
    WeexDialect,
    WeexMessage,
    answer_rows,
    books,
    past_trades,
    sides,
    stream,
)
from wsexample.brokers.weex.dialect.sides import _sides_py
from wsexample.errors import DialectError
from wsexample.ports import Gap, Step
from wsexample.records.market import Book

INSTRUMENT: tuple[str, ...] = ("wsexample.brokers.weex.dialect", "wsexample.brokers.weex.codes")
DATA = Path(__file__).parents[2] / "data" / "weex"
NOW_NS = 1_795_000_001 * 10**9
MESSAGES: list[Any] = [json.loads(path.read_bytes()) for path in sorted(DATA.glob("*.json"))]
MESSAGES += [
    {"result": True, "id": 1},
    {"result": False, "id": 2, "msg": "INVALID_ARGUMENT: invalid symbol : cmt_nopeusdt"},
    {"e": "bookTicker", "E": 1795000000620, "s": "BTCUSDT", "u": 5, "b": "1.5", "B": "2", "a": "1.6", "A": "3"},
]
TWINS = (sides, _sides_py)
TOPICS = ("BTCUSDT@ticker", "BTCUSDT@depth15", "BTCUSDT@trade", "BTCUSDT@kline_1m_LAST_PRICE", "BTCUSDT@bookTicker",
          "account", "positions", "orders", "fill")  # fmt: skip
SNAPSHOT = (
    b'{"e":"depthSnapshot","E":1795000000120,"s":"BTCUSDT","U":1,"u":10,"l":15,"d":"SNAPSHOT",'
    b'"b":[["9","1"]],"a":[["11","1"]]}'
)
TICKER = (DATA / "ticker.json").read_bytes().strip()
ORDER = {"orderId": 1, "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "price": "1.5", "origQty": "2", "executedQty": "1",
         "cumQuote": "1.5", "status": "NEW", "time": 1795000000120, "updateTime": 1795000000120, "reduceOnly": False}  # fmt: skip
FILL = {"id": 2, "orderId": 1, "symbol": "BTCUSDT", "side": "BUY", "qty": "1", "quoteQty": "1.5", "commission": "0.1",
        "commissionAsset": "USDT", "realizedPnl": "0", "time": 1795000000120, "maker": True}  # fmt: skip
POSITION = {"id": 3, "asset": "USDT", "symbol": "BTCUSDT", "side": "SHORT", "marginType": "CROSSED", "size": "1",
            "openValue": "9", "unrealizePnl": "1", "createdTime": "1795000000120", "updatedTime": 1795000000120}  # fmt: skip
ROWS: tuple[tuple[str, Any], ...] = (
    ("orders", ORDER), ("fill", FILL), ("fill", FILL | {"isBuyer": True}), ("positions", POSITION),
    ("account", {"asset": "USDT", "balance": "1", "availableBalance": "1", "frozen": "0"}),
    ("account", {"asset": "BTC", "free": "1", "locked": "0"}),
    ("trades", {"id": "a", "price": "1.5", "qty": "2", "quoteQty": "3", "time": 1795000000120, "isBuyerMaker": True}),
)  # fmt: skip


def _change(first: int, last: int, bids: str = "", asks: str = "") -> bytes:
    text = '{"e":"depth","E":1795000000620,"s":"BTCUSDT","U":%d,"u":%d,"l":15,"d":"CHANGED","b":[%s],"a":[%s]}'
    return (text % (first, last, bids, asks)).encode()


def one_input(data: bytes) -> None:
    """Hold one conversation twice over, compiled and in Python; or read one answer."""
    draw = Draw(data)
    if draw.number(4) == 3:
        _answer(draw)
        return
    keeps_wire = bool(draw.number(2))
    dialects = [WeexDialect(keeps_wire=keeps_wire, keep=8) for _ in range(2)]
    told: list[list[Any]] = [[] for _ in dialects]
    for dialect in dialects:
        check_step(dialect.start())
    now_ns = NOW_NS
    for _ in range(24):
        if draw.is_over:
            break
        now_ns += draw.number(256) * 20_000_000
        known = dialects[0].books.get("BTCUSDT@depth15")
        at = known.sequence if known is not None else 10
        match draw.number(12):
            case 0:
                steps = [dialect.start() for dialect in dialects]
            case 1 | 2:
                topics = draw.pick((TOPICS, TOPICS[1:2], TOPICS[5:]))
                steps = [dialect.subscribe(topics) for dialect in dialects]
            case 3:
                topic = draw.pick(TOPICS)
                steps = [dialect.unsubscribe([topic]) for dialect in dialects]
            case 4:
                steps = [dialect.heartbeat(now_ns) for dialect in dialects]
            case 5:
                steps = _receive(dialects, SNAPSHOT, now_ns)
            case 6 | 7:
                levels = [json.dumps([f"{7 + draw.number(8)}", f"{draw.number(3)}"]) for _ in range(2)]
                steps = _receive(dialects, _change(at, at + draw.number(3), levels[0], levels[1]), now_ns)
            case _:
                templates = (
                    MESSAGES if draw.number(2) else [json.loads(_change(at, at + 5, '["10","2"]', '["12","1"]'))]
                )
                steps = _receive(dialects, hostile_json(draw, templates), now_ns)
        for step, kept in zip(steps, told, strict=True):
            check_step(step)
            kept.append(_plain(step))
    assert told[0] == told[1]
    for dialect, twin in zip(dialects, TWINS, strict=True):
        with _using(twin):
            _check_after(dialect, now_ns)


def _receive(dialects: list[WeexDialect], payload: bytes, now_ns: int) -> list[Step]:
    steps = []
    for dialect, twin in zip(dialects, TWINS, strict=True):
        with _using(twin):
            steps.append(dialect.receive(payload, False, now_ns))
    return steps


@contextmanager
def _using(twin: Any) -> Iterator[None]:
    """Let books be kept by the compiled sides or by those in Python, for a while."""
    stream.read_change, books.Side, books.WireSide = twin.read_change, twin.Side, twin.WireSide
    try:
        yield
    finally:
        stream.read_change, books.Side, books.WireSide = sides.read_change, sides.Side, sides.WireSide


def _plain(step: Step) -> Any:
    """Return a step without errors, of which no two are equal."""
    failure = None if step.failure is None else (str(step.failure.error), step.failure.is_final)
    refused = [(topic, str(error)) for topic, error in step.refused]
    return (list(step.records), list(step.replies), step.phase, failure, list(step.confirmed), refused)


def _check_after(dialect: WeexDialect, now_ns: int) -> None:
    assert len(dialect.kept) <= 8
    assert all(len(payload) <= 4096 for payload in dialect.kept)
    if "BTCUSDT@ticker" in dialect._topics:
        assert len(dialect.receive(TICKER, False, now_ns).records) == 1
    check_step(dialect.start())
    dialect.subscribe(TOPICS)
    assert len(dialect.receive(TICKER, False, now_ns).records) == 1
    dialect.receive(SNAPSHOT, False, now_ns)
    (book,) = dialect.receive(_change(10, 12, '["10","2"]'), False, now_ns).records
    found = book.record if isinstance(book, WeexMessage) else book
    assert isinstance(found, Book)
    assert [level.price for level in (*found.bids, *found.asks)] == [10.0, 9.0, 11.0]
    missing = dialect.receive(_change(13, 14), False, now_ns)
    assert not missing.records
    assert [json.loads(reply)["method"] for reply in missing.replies] == ["UNSUBSCRIBE", "SUBSCRIBE"]
    assert next(type(one) for one in dialect.receive(SNAPSHOT, False, now_ns).records) is Gap


def _answer(draw: Draw) -> None:
    channel, row = draw.pick(ROWS)
    try:
        rows = msgspec.json.decode(hostile_json(draw, [[row, row]]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
        return  # which `WeexRest` refuses
    try:
        found = past_trades("BTCUSDT", rows, NOW_NS) if channel == "trades" else answer_rows(channel, rows, NOW_NS)
    except DialectError as error:
        str(error).encode()
        return
    for message in found:
        check_record(message)
    if channel == "positions":
        holdings = Holdings()
        for message in [*holdings.fetched(found), *map(holdings.pushed, found)]:
            check_record(message)


def seeds() -> Iterable[bytes]:
    """Each real message as it is and with a place changed; a book with a gap, crossed, and with bad levels; each answer."""
    for number in range(len(MESSAGES)):
        yield bytes((0, 0, 1, 1, 0, 1, 5, 1, 11, 1, 0, number, 0, 0, 0))
        yield bytes((0, 1, 1, 1, 0, 1, 11, 1, 0, number, 2, 5 + number, 0, 30, 9, 0, 41, 0, 0))
    for change in range(48):
        yield bytes(
            (
                0,
                1,
                1,
                0,
                1,
                5,
                1,
                11,
                0,
                0,
                0,
                1,
                2 * change,
                0,
                5 + 2 * change,
                0,
                0,
                200,
                6,
                5,
                1,
                5,
                1,
                200,
                7,
                7,
                1,
                1,
                0,
            )
        )
    for number in range(len(ROWS)):
        yield bytes((3, number, 0, 0, 0, 0, 0))
        yield bytes((3, number, 0, 0, 1, number, 0, 40, 0, 0))
