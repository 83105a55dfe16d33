"""Whatever Alpaca's trading stream or its REST side sends becomes no error but the project's own.

No order or execution has an amount that is none, no sentence a secret, no memory is without a bound; a message that could not be
read is told as lost, and the next good one is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.fuzz.targets._drawing import Draw, hostile_json
from tests.fuzz.targets._holding import check_record, check_step
from wsexample.brokers.alpaca.credentials import AlpacaCredentials
from wsexample.brokers.alpaca.dialect import AlpacaTradingDialect, OrderReader
from wsexample.brokers.alpaca.messages.trading import AccountMessage, ActivityMessage, OrderMessage, PositionMessage
from wsexample.brokers.alpaca.rest.calls import Calls
from wsexample.brokers.alpaca.rest.replies import error_from, is_used_up, limit_in, wait_in
from wsexample.brokers.alpaca.rest.trading import parse_events
from wsexample.brokers.base import Reply
from wsexample.errors import BrokerError, DialectError
from wsexample.ports import Record

INSTRUMENT: tuple[str, ...] = (
    "wsexample.brokers.alpaca.dialect",
    "wsexample.brokers.alpaca.codes",
    "wsexample.brokers.alpaca.rest",
)
DATA = Path(__file__).parents[2] / "data" / "alpaca"
NOW_NS = 1_772_462_000 * 10**9
SECRET = "s3cr3t-0000000000000000000000000001"
CREDENTIALS = AlpacaCredentials("PKTEST00000000000001", SECRET)
STREAM: list[Any] = [
    json.loads(path.read_bytes())
    for pattern in ("update_*", "authorized", "unauthorized*", "listening", "stream_error")
    for path in sorted(DATA.glob(f"{pattern}.json"))
]
UPDATES = [message["data"] for message in STREAM if message.get("stream") == "trade_updates"]
ORDER = UPDATES[0]["order"]
POSITION = {"asset_id": "a", "symbol": "AAPL", "exchange": "NASDAQ", "asset_class": "us_equity", "avg_entry_price": "187.2",
            "qty": "10", "qty_available": "10", "side": "long", "market_value": "1872", "cost_basis": "1872",
            "current_price": "187.2"}  # fmt: skip
ACCOUNT = {"id": "a", "account_number": "1", "status": "ACTIVE", "currency": "USD", "cash": "1.5", "equity": "2",
           "last_equity": "2", "buying_power": "4", "multiplier": "2", "initial_margin": "0"}  # fmt: skip
ACTIVITY = {"id": "20260302::x", "activity_type": "FILL", "type": "fill", "price": "187.2", "qty": "6", "cum_qty": "6",
            "side": "buy", "symbol": "AAPL", "order_id": "o", "transaction_time": "2026-03-02T14:30:02.007733018Z"}  # fmt: skip
REFUSAL = {"code": 40310000, "message": "insufficient buying power", "buying_power": "1", "cost_basis": "2"}
ANSWERS: tuple[tuple[Any, Any], ...] = (
    (OrderMessage, ORDER), (list[OrderMessage], [ORDER]), (PositionMessage, POSITION), (list[PositionMessage], [POSITION]),
    (AccountMessage, ACCOUNT), (list[ActivityMessage], [ACTIVITY]),
)  # fmt: skip
GOOD = (DATA / "update_fill.json").read_bytes().strip()
EXPECTED = AlpacaTradingDialect(CREDENTIALS).receive(GOOD, False, NOW_NS).records
HEADERS = ("retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
VALUES = (
    "0",
    "1",
    "-1",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "1e999999",
    "",
    "x",
    "\u0661",
    "200",
    "99999999999999999999",
    "1_0",
)


def one_input(data: bytes) -> None:
    """Hold one conversation, or read one answer."""
    draw = Draw(data)
    if draw.number(3) == 2:
        _rest(draw)
        return
    dialect = AlpacaTradingDialect(CREDENTIALS, keep=8, login=draw.pick(("flat", "nested")))
    check_step(dialect.start(), (SECRET,))
    for _ in range(24):
        if draw.is_over:
            break
        match draw.number(16):
            case 0:
                check_step(dialect.start(), (SECRET,))
            case 1:
                check_step(dialect.subscribe(draw.pick((("trade_updates",), ("x", "trade_updates")))))
            case 2:
                check_step(dialect.unsubscribe(("trade_updates",)))
            case 3:
                dialect.hold()
            case 4:
                for record in dialect.release():
                    check_record(record)
            case 5:
                check_step(dialect.heartbeat(NOW_NS))
            case _:
                unread, lost = dialect.unreadable, dialect.lost_updates
                payload = hostile_json(draw, STREAM)
                check_step(
                    dialect.receive(payload, bool(draw.number(2)), NOW_NS),
                    () if SECRET.encode() in payload else (SECRET,),
                )
                assert dialect.lost_updates - lost == dialect.unreadable - unread
    dialect.release()
    assert list(dialect.receive(GOOD, False, NOW_NS).records) == list(EXPECTED)
    remainder = dialect.remainder
    assert len(remainder.kept) <= 8
    assert all(len(one.payload) <= 4096 and len(one.reason) <= 1000 for one in remainder.kept)
    assert len(remainder.unknown) <= 1000
    assert all(len(name) <= 200 for name in remainder.unknown)


def _rest(draw: Draw) -> None:
    reader = OrderReader()
    headers = {name: draw.pick(VALUES) for name in HEADERS if draw.number(2)}
    match draw.number(3):
        case 0:
            body = hostile_json(draw, [REFUSAL])
            reply = Reply(400 + draw.number(200), headers, body)
            error = error_from(reply, "POST /v2/orders", now_s=NOW_NS / 1e9)
            assert isinstance(error, BrokerError)
            assert len(str(error)) <= 3000
            assert str(error).isprintable()
            assert 0 <= wait_in(reply, NOW_NS / 1e9) <= 65
            assert 1 <= (limit_in(reply) or 1) <= 10**6
            is_used_up(reply)
        case 1:
            lines = [b"data: " + hostile_json(draw, UPDATES) for _ in range(draw.number(3))]
            try:
                _check(parse_events(b"\n".join(lines), reader, NOW_NS))
            except DialectError as error:
                str(error).encode()
        case 2:
            kind, template = draw.pick(ANSWERS)
            try:
                answer = Calls.read(Reply(200, headers, hostile_json(draw, [template])), kind, "GET /v2/x")
            except DialectError as error:
                str(error).encode()
                return
            for one in answer if isinstance(answer, list) else [answer]:
                _check(_records(reader, one))


def _records(reader: OrderReader, one: Any) -> list[Record]:
    match one:
        case OrderMessage():
            return [reader.order(one, NOW_NS)]
        case PositionMessage():
            return [reader.position(one, NOW_NS)]
        case AccountMessage():
            return [reader.account(one, NOW_NS)]
    found = reader.activity(one, NOW_NS)
    return [] if found is None else [found]


def _check(records: Iterable[Record]) -> None:
    for record in records:
        check_record(record)


def seeds() -> Iterable[bytes]:
    """Each real message as it is, and with a place changed; each answer."""
    for number in range(len(STREAM)):
        yield bytes((0, 0, 1, 0, 6, 0, number, 0, 0, 0, 0))
        yield bytes((1, 1, 3, 7, 0, number, 1, 5 + number, 0, 40, 0, 0, 0, 4))
    for number in range(6):
        yield bytes((2, 0, 0, 0, 0, 2, number, 0, 0, 0, 0))
