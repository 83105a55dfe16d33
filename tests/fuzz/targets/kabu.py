"""Whatever kabu Station pushes or answers becomes no error but the project's own.

The same octets always become the same board, whatever came before them; no record has a number that is none; what cannot be read
is counted and kept within bounds, and the next good board is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from tests.fuzz.targets._drawing import Draw, hostile_json
from tests.fuzz.targets._holding import check_record, check_step
from wsexample.brokers.base import Reply
from wsexample.brokers.kabu.dialect import BoardDecoder, KabuDialect, does_not_apply
from wsexample.brokers.kabu.dialect.orders import OrderTracker, account_of, position_of, trades_of
from wsexample.brokers.kabu.messages import ErrorReply, RegistryReply
from wsexample.brokers.kabu.messages.orders import CashWallet, MarginWallet, OrderRow, PositionRow
from wsexample.brokers.kabu.messages.reads import StockRankingReply, SymbolReply, TimeAndSales
from wsexample.brokers.kabu.rest.replies import error_from
from wsexample.errors import BrokerError, DialectError

INSTRUMENT: tuple[str, ...] = (
    "wsexample.brokers.kabu.dialect",
    "wsexample.brokers.kabu.rest",
    "wsexample.brokers.kabu.codes",
)
DATA = Path(__file__).parents[2] / "data" / "kabu"
NOW_NS = 1_772_586_932 * 10**9
RAW = [path.read_bytes().strip() for path in sorted(DATA.glob("*.json"))]
BOARDS: list[Any] = [json.loads(raw) for raw in RAW]
TOPICS = (("9433@1",), ("101", "9433@3"), ("167060019@2",))
DETAIL = {"SeqNum": 1, "ID": "a", "RecType": 8, "ExchangeID": "b", "State": 3, "TransactTime": "2026-03-04T10:15:32+09:00",
          "OrdType": 1, "Price": 1.5, "Qty": 100.0, "ExecutionID": "E1", "ExecutionDay": "2026-03-04T10:15:32+09:00",
          "DelivDay": 20260306, "Commission": 1.0, "CommissionTax": 0.1}  # fmt: skip
ORDER = {"ID": "a", "State": 5, "OrderState": 5, "OrdType": 1, "RecvTime": "2026-03-04T10:15:32.1+09:00", "Symbol": "9433",
         "SymbolName": "KDDI", "Exchange": 1, "ExchangeName": "x", "TimeInForce": 1, "Price": 1.5, "OrderQty": 100.0,
         "CumQty": 100.0, "Side": "2", "CashMargin": 2, "AccountType": 4, "DelivType": 2, "ExpireDay": 20260304,
         "MarginTradeType": 1, "Details": [DETAIL]}  # fmt: skip
POSITION = {"ExecutionID": "E1", "AccountType": 4, "Symbol": "9433", "Exchange": 1, "ExecutionDay": 20260304, "Price": 1.5,
            "LeavesQty": 100.0, "HoldQty": 0.0, "Side": "1", "Expenses": 1.0, "Commission": 1.0, "CommissionTax": 0.1,
            "CurrentPrice": 2.0, "Valuation": 200.0, "ProfitLoss": -50.0}  # fmt: skip
SALES = {"Symbol": "9433", "Exchange": 1, "TradingPriceCount": 1,
         "TradingPrice": [{"Time": "2026-03-04T10:15:32+09:00", "Volume": 100.0, "Price": 1.5}]}  # fmt: skip
ANSWERS: tuple[tuple[Any, Any], ...] = (
    (list[OrderRow], [ORDER]), (list[PositionRow], [POSITION]), (TimeAndSales, SALES), (CashWallet, {"StockAccountWallet": 1.5}),
    (MarginWallet, {"MarginAccountWallet": 1.5}), (RegistryReply, {"RegistList": [{"Symbol": "9433", "Exchange": 1}]}),
    (SymbolReply, {"Symbol": "9433", "TradingUnit": 100.0}), (ErrorReply, {"Code": 4001001, "Message": "x"}),
    (StockRankingReply, {"Type": "1", "ExchangeDivision": "ALL", "Ranking": [{"No": 1, "CurrentPrice": 2.5}]}),
)  # fmt: skip


def one_input(data: bytes) -> None:
    """Hold one conversation, or read one answer."""
    draw = Draw(data)
    if draw.number(3) == 2:
        _answer(draw)
        return
    dialect = KabuDialect(keep=8, mend_midnight=bool(draw.number(2)))
    check_step(dialect.start())
    now_ns = NOW_NS
    for _ in range(24):
        if draw.is_over:
            break
        now_ns += draw.number(256) * 10**9
        match draw.number(12):
            case 0:
                check_step(dialect.start())
            case 1:
                check_step(dialect.subscribe(draw.pick(TOPICS)))
            case 2:
                check_step(dialect.unsubscribe(draw.pick(TOPICS)))
            case 3:
                check_step(dialect.heartbeat(now_ns))
                dialect.silence(now_ns)
            case 4:
                dialect.frame_heard(now_ns)
            case 5:
                check_step(dialect.receive(hostile_json(draw, BOARDS), True, now_ns))
            case _:
                payload = hostile_json(draw, BOARDS)
                records = dialect.receive(payload, False, now_ns).records
                assert len(records) <= 1
                if records:
                    (board,) = records
                    check_record(board)
                    does_not_apply(board.layout)
                    fresh = BoardDecoder(mend_midnight=dialect._decoder._mend_midnight)
                    fresh._markets = dialect._decoder._markets
                    assert fresh.decode(payload, now_ns) == board
        for raw in RAW:
            assert len(dialect.receive(raw, False, now_ns).records) == 1
    assert len(dialect.kept) <= 8
    assert all(len(one.payload) <= 4096 and len(one.reason) <= 1100 for one in dialect.kept)
    assert dialect.boards + dialect.unreadable <= 24 * (1 + len(RAW))


def _answer(draw: Draw) -> None:
    kind, template = draw.pick(ANSWERS)
    body = hostile_json(draw, [template])
    reply = Reply(draw.pick((200, 400, 401, 403, 404, 429, 500, 503, 302)), {}, body)
    error, _ = error_from(reply, "localhost:18080")
    assert isinstance(error, BrokerError)
    assert str(error).isprintable()
    assert len(str(error)) <= 1000
    try:
        answer = msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return  # which the REST client makes an error of its own
    try:
        found: list[Any] = []
        if kind == list[OrderRow]:
            found = OrderTracker().take(answer, NOW_NS)
        elif kind == list[PositionRow]:
            found = [position_of(row, NOW_NS) for row in answer]
        elif kind is TimeAndSales:
            found = trades_of(answer, NOW_NS)
        elif kind is CashWallet:
            found = [account_of(answer, None, NOW_NS)]
        elif kind is MarginWallet:
            found = [account_of(CashWallet(None), answer, NOW_NS)]
    except DialectError as unread:
        str(unread).encode()
        return
    for record in found:
        check_record(record)


def seeds() -> Iterable[bytes]:
    """Each real board as it is, and with a place changed; each answer."""
    for number in range(len(BOARDS)):
        yield bytes((0, 1, 1, 1, 0, 1, 6, 0, number, 0, 0, 0))
        for change in range(0, 80, 16):
            yield bytes((1, 1, 0, 6, 1, number, 1, 7 + 3 * change, 0, change, 0, 0))
    for number in range(len(ANSWERS)):
        yield bytes((2, number, 0, 0, 0, 0, 0))
        for change in range(0, 80, 16):
            yield bytes((2, number, 1, 0, 1, 5 + change, 0, change, 0, 0))
