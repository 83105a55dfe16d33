"""Whatever a reader sends, in JSON or MessagePack, a hub answers it and goes on; it gives nobody what is not theirs.

Only the token itself opens an account, and no octets in its place; a token file that is not as it was written gives no rights at
all; numbers told are those of the topic; patterns mean what they say; and the next good op is answered.
"""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec

from tests.fuzz.targets._drawing import Draw, hostile_json, hostile_packed
from wsexample.errors import CredentialsError, OptionError, RequestError, StorageError
from wsexample.hub import readers
from wsexample.hub.access import MARKET_DATA, Access, TokenFile
from wsexample.hub.ops import JSON, MSGPACK, Codec, Ping
from wsexample.hub.readers import Reader
from wsexample.hub.server import Hub, HubOptions
from wsexample.hub.topics import TopicIndex, check_pattern, matches, topic_of, words_of
from wsexample.records.kinds import kind_of
from wsexample.records.market import Quote
from wsexample.records.orders import Order

INSTRUMENT: tuple[str, ...] = ("wsexample.hub",)
NOW_NS = 1_795_000_001 * 10**9
TOKEN = "wsx_planted-token-0000"
ACCOUNT = "account-0001"
FOLDER = Path(tempfile.mkdtemp(prefix="wsexample-fuzz-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
ROW = {"name": "desk", "sha256": hashlib.sha256(TOKEN.encode()).hexdigest(), "topics": ["alpaca.>"], "account": True,
       "personal": False, "expires": "2100-01-01T00:00:00+00:00"}  # fmt: skip
(FOLDER / "tokens.json").write_text(json.dumps({"tokens": [ROW]}), encoding="utf-8")
OPS: list[Any] = [
    {"op": "auth", "token": TOKEN, "id": 1},
    {"op": "auth", "token": "wsx_wrong", "id": "a"},
    {"op": "subscribe", "topics": ["alpaca.>"], "id": 2},
    {
        "op": "subscribe",
        "topics": ["alpaca.AAPL.quote", "*.*.order"],
        "since": {"alpaca.AAPL.quote": 1},
        "epoch": "e",
        "id": 3,
    },
    {"op": "subscribe", "topics": [">"], "since": 2, "snapshot": False, "interval_ms": 1000},
    {"op": "subscribe", "topics": ["alpaca.AAPL.order"]},
    {"op": "subscribe", "topics": ["alpaca.>"], "since": {"alpaca.AAPL.quote": 9, "alpaca.X.trade": 3}, "epoch": "e/3"},
    {"op": "since", "numbers": {"alpaca.AAPL.quote": 1, "alpaca.X.trade": 3}},
    {"op": "unsubscribe", "topics": ["alpaca.>"], "id": 4},
    {"op": "ping", "id": 5},
]
WORDS = ("alpaca", "AAPL", "quote", "*", ">", "", "BTC/USD", "%", "_", "a b", "\u00e9", "9433@1", "x" * 300)


class Outbox:
    """Stands in for a WebSocket: what a hub sends is kept."""

    is_open = True
    write_buffer_bytes = 0

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def send(self, payload: bytes) -> None:
        """Keep a binary message."""
        self.sent.append(payload)

    send_text = send

    def send_nowait(self, payload: bytes | str) -> None:
        """Keep a message of either kind."""
        self.sent.append(payload.encode() if isinstance(payload, str) else payload)


class Broadcast:
    """Stands in for the frames of a group."""

    def __init__(self, **options: Any) -> None:
        self.readers: dict[Outbox, None] = {}

    def add(self, connection: Outbox) -> None:
        """Let a reader in."""
        self.readers[connection] = None

    def discard(self, connection: Outbox) -> None:
        """Let a reader go."""
        self.readers.pop(connection, None)

    def send_encoded(self, payload: bytes, *, is_text: bool) -> None:
        """Keep a message for everybody."""
        for reader in self.readers:
            reader.sent.append(payload)


LOOP = asyncio.new_event_loop()


def one_input(data: bytes) -> None:
    """Converse with a hub, read a token file, or compare patterns."""
    draw = Draw(data)
    match draw.number(8):
        case 6:
            _token_file(draw)
        case 7:
            _patterns(draw)
        case _:
            with mock.patch.object(readers, "Broadcaster", Broadcast):
                LOOP.run_until_complete(_converse(draw))


async def _converse(draw: Draw) -> None:
    hub = Hub(access=Access(TokenFile(FOLDER / "tokens.json")), options=HubOptions(max_topics=20), epoch="e")
    codec: Codec = MSGPACK if draw.number(2) else JSON
    connection = Outbox()
    reader = Reader(connection, codec, MARKET_DATA, "hub-1")  # type: ignore[arg-type]
    knows_token = False
    try:
        for number in range(16):
            if draw.is_over:
                break
            hub.desk.begin_term(number // 3)
            hub.desk.publish(
                [_quote(number), Order(venue="alpaca", symbol="AAPL", received_ns=1, order_id="o", account=ACCOUNT)]
            )
            payload = hostile_packed(draw, OPS) if codec is MSGPACK else hostile_json(draw, OPS)
            knows_token = knows_token or TOKEN.encode() in payload
            op = None
            try:
                op = codec.decode(payload)
                await hub._do(reader, op)
            except (RequestError, CredentialsError, OptionError) as error:
                _check_words(str(error))
            assert knows_token or reader.rights is MARKET_DATA
            await asyncio.sleep(0)
        connection.sent.clear() if draw.number(2) else None
        await hub._do(reader, Ping(7))
    finally:
        hub.desk.close()
    _check_sent(connection, codec, hub, knows_token=knows_token)


def _check_words(words: str) -> None:
    assert words.isprintable(), words
    assert len(words) <= 1000
    assert TOKEN not in words


def _quote(number: int) -> Quote:
    return Quote(venue="alpaca", symbol=("AAPL", "MSFT")[number % 2], received_ns=1, bid_price=1.5)


def _check_sent(connection: Outbox, codec: Codec, hub: Hub, *, knows_token: bool) -> None:
    decode = msgspec.msgpack.decode if codec is MSGPACK else msgspec.json.decode
    answers = []
    for payload in connection.sent:
        message = decode(payload)
        for one in message if isinstance(message, list) else [message]:
            answers.append(one["op"])
            if one["op"] == "data":
                assert 1 <= one["seq"] <= hub.desk.topics[one["topic"]].seq
                if one["record"]["kind"] == "order":
                    assert knows_token
                    assert one["record"].get("account") is None
            if one["op"] == "missed":
                assert 0 < one["from_seq"] <= one["to_seq"] or one["reason"] == "epoch"
    assert "pong" in answers


def _token_file(draw: Draw) -> None:
    path = FOLDER / "damaged.json"
    path.write_bytes(hostile_json(draw, [{"tokens": [ROW]}]))
    access = Access(TokenFile(path), anybody=None)
    for token in (TOKEN, "wsx_wrong", "\ud800", ""):
        try:
            rights = access.rights_of(token, NOW_NS)
        except (CredentialsError, StorageError) as error:
            str(error).encode(errors="replace")
            continue
        assert token == TOKEN
        assert all(check_pattern(pattern) == pattern for pattern in rights.topics)
        rows = [row for row in json.loads(path.read_bytes())["tokens"] if row.get("sha256") == ROW["sha256"]]
        assert (list(rights.topics), rights.account) in [(row["topics"], row.get("account", False)) for row in rows]
        assert isinstance(rights.account, bool)


def _patterns(draw: Draw) -> None:
    records = [Quote(venue=draw.pick(WORDS), symbol=draw.pick(WORDS), received_ns=1) for _ in range(3)]
    index: TopicIndex[int] = TopicIndex()
    wanted: dict[int, str] = {}
    for number in range(4):
        pattern = ".".join(draw.pick(WORDS) for _ in range(draw.number(5)))
        try:
            check_pattern(pattern)
        except OptionError:
            continue
        wanted[number] = pattern
        index.add(pattern, number)
        if draw.number(4) == 3:
            index.discard(pattern, number)
            del wanted[number]
    for record in records:
        topic = topic_of(record)
        assert words_of(topic)[1:] == (record.symbol, kind_of(Quote))
        assert set(index.readers_of(topic)) == {number for number, pattern in wanted.items() if matches(pattern, topic)}
        matches("a.b.c", topic.partition(".")[0])


def seeds() -> Iterable[bytes]:
    """Each op as it is, and with a place changed, in both codecs; token files; patterns."""
    for number in range(len(OPS)):
        for codec in (0, 1):
            yield bytes((0, codec, 0, 0, 0, 0, 0, 0, number, 0, 0, 0, 0, 2, 0, 0, 0))
            yield bytes((0, codec, 0, number, 1, 1 + number, 0, 30 + 7 * number, 0, 0, 0))
    for change in range(0, 90, 6):
        yield bytes((6, 0, 0, 1, change, 0, change, 0, 0))
        yield bytes((7, change, change + 1, 0, 1, 2, 3, change, 3, 0, 1, 2, 3, 3, 4, 2))
