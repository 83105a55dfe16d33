"""Whatever a hub sends, a reader's dialect makes records, gaps and failures of it and raises nothing.

No record has a number that the rest of the house cannot hold, a number of a topic comes once and in order, no token stands in a
sentence, what is kept is bounded, and the next good message is read; what hubs tell each other over NATS is read or refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import msgspec

from tests.fuzz.targets._drawing import Draw, hostile_json, hostile_packed
from tests.fuzz.targets._holding import check_record, check_step
from wsexample.hub.dialect import HubDialect
from wsexample.hub.nats_messages import UNREADABLE, decode_record, read_again, read_batch, read_kept, read_takeover
from wsexample.ports import Gap

INSTRUMENT: tuple[str, ...] = (
    "wsexample.hub.dialect",
    "wsexample.hub.ops",
    "wsexample.hub.topics",
    "wsexample.hub.soundness",
)
NOW_NS = 1_795_000_001 * 10**9
TOKEN = "wsx_planted-token-0000"
QUOTE = {
    "kind": "quote",
    "venue": "alpaca",
    "symbol": "AAPL",
    "received_ns": NOW_NS,
    "bid_price": 1.5,
    "ask_price": 2.5,
}
ORDER = {"kind": "order", "venue": "alpaca", "symbol": "AAPL", "received_ns": NOW_NS, "order_id": "o", "status": "new",
         "size": "1.5", "filled_size": "0"}  # fmt: skip
BOOK = {
    "kind": "book",
    "venue": "weex",
    "symbol": "BTCUSDT",
    "received_ns": NOW_NS,
    "bids": [[9.0, 1.0]],
    "asks": [[11.0, 1.0]],
}
MESSAGES: list[Any] = [
    {
        "op": "welcome",
        "hub": "h",
        "epoch": "e1",
        "reader": "h-1",
        "version": "1",
        "limits": {"topics": 5},
        "needs_token": False,
    },
    {"op": "welcome", "hub": "h", "epoch": "e2", "reader": "h-1", "version": "1", "limits": {}, "needs_token": True},
    {"op": "ack", "id": "auth"},
    {"op": "ack", "id": 1, "topics": ["alpaca.>"]},
    {"op": "pong", "id": 1, "at_ns": NOW_NS},
    {"op": "error", "code": "rights", "message": "no", "id": 2},
    {"op": "error", "code": "token", "message": "unknown"},
    {"op": "data", "topic": "alpaca.AAPL.quote", "seq": 3, "record": QUOTE},
    {"op": "data", "topic": "alpaca.AAPL.order", "seq": 1, "record": ORDER},
    {"op": "data", "topic": "weex.BTCUSDT.book", "seq": 9, "record": BOOK},
    {"op": "missed", "topic": "alpaca.AAPL.quote", "from_seq": 4, "to_seq": 9, "reason": "history"},
    {"op": "missed", "topic": "alpaca.AAPL.quote", "from_seq": 1, "to_seq": 1, "reason": "epoch"},
    {"op": "conflated", "count": 3},
    {"op": "epoch", "epoch": "e1/3"},
]
MESSAGES.append([MESSAGES[7], {"op": "later", "x": 1}, MESSAGES[10]])
TOPICS = (["alpaca.>"], ["alpaca.AAPL.quote", "weex.*.book"])
BATCH = [5, 1, 3, 9, [["alpaca.AAPL.quote", 3, QUOTE]]]
FEDERATED: tuple[tuple[Any, Any], ...] = (
    (read_batch, BATCH), (read_kept, [5, 1, [msgspec.msgpack.encode(BATCH)], {"alpaca.AAPL.quote": 3}]), (read_takeover, [2]),
    (read_again, [1, 2]), (lambda data: decode_record(msgspec.Raw(data)), ORDER),
)  # fmt: skip


def one_input(data: bytes) -> None:
    """Hold one conversation, or read one message between hubs."""
    draw = Draw(data)
    if draw.number(4) == 3:
        read, template = draw.pick(FEDERATED)
        with suppress(*UNREADABLE):
            read(hostile_packed(draw, [template]))
        return
    dialect = HubDialect(
        token=TOKEN if draw.number(2) else None, since={"alpaca.AAPL.quote": 2} if draw.number(2) else None
    )
    check_step(dialect.start())
    for _ in range(24):
        if draw.is_over:
            break
        match draw.number(8):
            case 0:
                check_step(dialect.start())
            case 1:
                check_step(dialect.subscribe(draw.pick(TOPICS)))
            case 2:
                check_step(dialect.unsubscribe(draw.pick(TOPICS)))
            case _:
                before = dict(dialect.positions)
                epoch = dialect.epoch
                step = dialect.receive(hostile_json(draw, MESSAGES), bool(draw.number(2)), NOW_NS)
                check_step(step, (TOKEN,), is_relayed=True)
                assert not any(TOKEN in str(reply) and '"auth"' not in str(reply) for reply in step.replies)
                if epoch == dialect.epoch:
                    assert all(dialect.positions.get(topic, -1) >= seq for topic, seq in before.items())
                assert sum(not isinstance(record, Gap) for record in step.records) <= 4
    assert dialect.missed >= 0
    assert dialect.conflated >= 0
    assert len(dialect.kept) <= 32
    assert all(len(payload) <= 4096 for payload in dialect.kept)
    seq = dialect.positions.get("alpaca.AAPL.quote", 0) + 1
    if seq < 2**63:
        good = {"op": "data", "topic": "alpaca.AAPL.quote", "seq": seq, "record": QUOTE}
        last = dialect.receive(msgspec.json.encode(good), False, NOW_NS).records[-1]
        check_record(last, is_relayed=True)
        assert last.symbol == "AAPL"
    check_step(dialect.subscribe(TOPICS[0]))


def seeds() -> Iterable[bytes]:
    """Each message as it is, and with a place changed."""
    for number in range(len(MESSAGES)):
        yield bytes((0, 1, 1, 1, 0, 3, 0, 0, 0, 0, 0, 0, 3, 0, number, 0, 0, 0, 0))
        for change in range(0, 90, 15):
            yield bytes((1, 1, 0, 1, 0, 3, 0, number, 1, 1 + change, 0, change, 0, 0, 0))
    for number in range(len(FEDERATED)):
        yield bytes((3, number, 0, 0, 0, 0, 0))
