"""What no honest reader and no honest hub sends, and token files that somebody has edited."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wsexample.errors import CredentialsError, OptionError, RequestError, StorageError
from wsexample.hub.access import Access, TokenFile
from wsexample.hub.dialect import HubDialect
from wsexample.hub.ops import JSON, MSGPACK
from wsexample.hub.topics import check_pattern, matches, topic_of, words_of
from wsexample.ports import Step
from wsexample.records.market import Quote

NOW_NS = 1_795_000_001 * 10**9
TOKEN = "wsx_planted-token-0000"
QUOTE = {"kind": "quote", "venue": "alpaca", "symbol": "AAPL", "received_ns": NOW_NS, "bid_price": 1.5}
ORDER = {"kind": "order", "venue": "alpaca", "symbol": "AAPL", "received_ns": NOW_NS, "order_id": "o"}


def data(seq: int, record: dict[str, Any], topic: str = "alpaca.AAPL.quote") -> dict[str, Any]:
    return {"op": "data", "topic": topic, "seq": seq, "record": record}


def told(dialect: HubDialect, *messages: Any) -> Step:
    return dialect.receive(msgspec.json.encode(messages), False, NOW_NS)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"op":"\xff"}',
        b"\xff",
        b"[" * 50_000,
        b'{"x":' + b"[" * 50_000,
        b"{",
        b'[{"op":"data","topic":"\xed\xa0\x80"}]',
    ],
)
def test_what_is_no_message_of_a_hub_is_counted(payload: bytes) -> None:
    """Neither octets that are no text nor nesting without end raises; what is kept is bounded, and the next message is read."""
    dialect = HubDialect()
    for _ in range(50):
        assert not dialect.receive(payload, False, NOW_NS).records
    assert dialect.unread == 50
    assert len(dialect.kept) == 32
    assert all(len(kept) <= 4096 for kept in dialect.kept)
    assert len(told(dialect, data(1, QUOTE)).records) == 1


@pytest.mark.parametrize(
    "message",
    [
        data(1, QUOTE | {"exchange_ns": 10**30}),
        data(1, QUOTE | {"received_ns": -(10**30)}),
        data(1, ORDER | {"size": "NaN"}),
        data(1, ORDER | {"filled_size": "1e999999"}),
        data(-1, QUOTE),
        data(2**63, QUOTE),
        data(1, QUOTE, topic="x"),
        {"op": "missed", "topic": "x", "from_seq": 1, "to_seq": 2, "reason": "history"},
        {"op": "missed", "topic": "a.b.c", "from_seq": 5, "to_seq": 2, "reason": "history"},
        {"op": "missed", "topic": "a.b.c", "from_seq": -5, "to_seq": 2, "reason": "history"},
        {"op": "conflated", "count": -1},
    ],
)
def test_numbers_that_are_none_make_no_record(message: dict[str, Any]) -> None:
    """What the rest of the house could not hold, count or name is left out and counted; its neighbour is read."""
    dialect = HubDialect()
    assert len(told(dialect, message, data(1, QUOTE)).records) == 1
    assert (dialect.unread, dialect.missed, dialect.conflated) == (1, 0, 0)


@pytest.mark.parametrize(
    "op",
    [
        {"op": "subscribe", "topics": ["a.b.c"], "since": -1},
        {"op": "subscribe", "topics": ["a.b.c"], "since": {"a.b.c": -5}},
        {"op": "subscribe", "topics": ["a.b.c"], "since": 2**63},
        {"op": "subscribe", "topics": ["a.b.c"], "interval_ms": 10**400},
        {"op": "ping", "id": 2**70},
        {"op": "ping", "id": "x" * 1000},
    ],
)
def test_an_op_with_a_number_that_is_none_is_refused(op: dict[str, Any]) -> None:
    """A hub neither counts records that never were, nor waits for ever, nor echoes without a bound."""
    with pytest.raises(RequestError, match="not an op"):
        JSON.decode(msgspec.json.encode(op))


@pytest.mark.parametrize("op", [{"op": TOKEN}, {"op": "ping", "id": [TOKEN]}, {"op": "ping", TOKEN: 1}, [TOKEN]])
def test_a_token_in_the_wrong_place_is_not_quoted(op: Any) -> None:
    """What is wrong with an op is answered and logged, on one line, and a token may be what was wrong."""
    for codec, encode in ((JSON, msgspec.json.encode), (MSGPACK, msgspec.msgpack.encode)):
        with pytest.raises(RequestError) as caught:
            codec.decode(encode(op))
        assert TOKEN not in str(caught.value)
    with pytest.raises(OptionError) as refused:
        check_pattern(TOKEN)
    assert TOKEN not in str(refused.value)
    with pytest.raises(RequestError) as told_off:
        JSON.decode(b'{"op":"a\\nb\\u202e"}')
    assert str(told_off.value).isprintable()


ROW = {"name": "desk", "sha256": hashlib.sha256(TOKEN.encode()).hexdigest(), "topics": ["kabu.>"], "account": False}


@pytest.mark.parametrize(
    "slip",
    [
        {"topics": "kabu.>"},
        {"topics": ["kabu"]},
        {"topics": [1]},
        {"account": "false"},
        {"personal": 1},
        {"sha256": None},
        {"name": {}},
        {"expires": 5},
        {"expires": "soon"},
    ],
)
def test_a_slip_in_a_token_file_gives_no_rights(tmp_path: Path, slip: dict[str, Any]) -> None:
    """A text where a list belongs would mean each of its letters, and ``>`` is everything; a word where a flag belongs, true."""
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps({"tokens": [ROW | slip]}))
    with pytest.raises(StorageError, match="token"):
        Access(TokenFile(path), anybody=None).rights_of(TOKEN, NOW_NS)


@pytest.mark.parametrize("text", ["[" * 50_000, "[]", "{}", "null", '{"tokens":{"a":1}}', '{"tokens":[[]]}'])
def test_a_file_that_holds_no_tokens_gives_no_rights(tmp_path: Path, text: str) -> None:
    """Whatever it holds."""
    path = tmp_path / "tokens.json"
    path.write_text(text)
    with pytest.raises((StorageError, CredentialsError)):
        Access(TokenFile(path), anybody=None).rights_of(TOKEN, NOW_NS)


def test_a_token_that_cannot_be_written_as_octets_is_unknown(tmp_path: Path) -> None:
    """Half a surrogate pair is nobody's."""
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps({"tokens": [ROW]}))
    assert Access(TokenFile(path), anybody=None).rights_of(TOKEN, NOW_NS).name == "desk"
    with pytest.raises(CredentialsError):
        Access(TokenFile(path), anybody=None).rights_of("\ud800", NOW_NS)


def test_a_topic_of_fewer_words_matches_no_pattern_of_more() -> None:
    """Another hub may have said it; nobody stumbles over it."""
    assert not matches("a.b.c", "a")
    assert matches("a.>", "a")


def test_a_symbol_that_looks_like_none_is_told_apart() -> None:
    """The word for no symbol is spelled otherwise when it is a symbol."""
    for symbol in ("", "_", "a_b"):
        record = Quote(venue="v", symbol=symbol, received_ns=1)
        assert words_of(topic_of(record))[1] == symbol
