"""Request heads say what the options say; answers are read to their end and no further."""

from __future__ import annotations

from typing import Any

import pytest

from wsexample.wire.handshake import (
    MAX_REFUSAL_BODY,
    Answer,
    basic_authorization,
    read_answer,
    refusal_body,
    refusal_response,
    request_head,
)
from wsexample.wire.target import Target


def lines(url: str = "ws://h:9000/x?y=1", **facts: Any) -> list[str]:
    head = request_head(Target.parse(url), key="KEY", version=13, **facts).decode()
    assert head.endswith("\r\n\r\n")
    return head[:-4].split("\r\n")


def test_a_plain_request_has_what_rfc_6455_asks_for_and_no_more() -> None:
    """Without options only the required headers are sent."""
    assert lines() == [
        "GET /x?y=1 HTTP/1.1",
        "Host: h:9000",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: KEY",
        "Sec-WebSocket-Version: 13",
    ]


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"origin": "https://page.test"}, "Origin: https://page.test"),
        ({"user_agent": "me/1"}, "User-Agent: me/1"),
        ({"subprotocols": ["a", "b"]}, "Sec-WebSocket-Protocol: a, b"),
        ({"extensions": ["x; y", "z"]}, "Sec-WebSocket-Extensions: x; y, z"),
        ({"host": "other.test/with/path"}, "Host: other.test/with/path"),
        ({"cookie": "a=1; b=2"}, "Cookie: a=1; b=2"),
        ({"authorization": "Bearer x"}, "Authorization: Bearer x"),
        ({"headers": [("X", "y")]}, "X: y"),
    ],
)
def test_each_option_becomes_its_header(facts: dict[str, Any], line: str) -> None:
    """What was asked for is in the request, once."""
    assert lines(**facts).count(line) == 1


def test_a_callers_header_replaces_the_built_in_one() -> None:
    """There is never a second Host, Origin or Authorization."""
    own = [("HOST", "mine"), ("origin", "o"), ("Authorization", "mine too")]
    head = lines("ws://u:p@h", origin="x", authorization="Bearer y", headers=own)
    names = [line.partition(":")[0].lower() for line in head[1:]]
    assert [names.count(name) for name in ("host", "origin", "authorization")] == [1, 1, 1]
    assert "HOST: mine" in head


def test_user_info_becomes_a_basic_authorization() -> None:
    """User and password of the URL are sent as RFC 7617 says, in UTF-8."""
    assert f"Authorization: {basic_authorization('jürgen', 'pä:ss')}" in lines("ws://j%C3%BCrgen:p%C3%A4:ss@h")
    assert basic_authorization("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


def test_an_empty_host_sends_none() -> None:
    """Some servers want no Host header."""
    assert not [line for line in lines(host="") if line.startswith("Host")]


def test_an_answer_is_taken_apart() -> None:
    """Status, reason and headers; repeated headers are joined."""
    answer = read_answer(b"HTTP/1.1 403 Not  for you\r\nA: 1\r\na: 2\r\nbroken")
    assert answer == Answer(403, "Not  for you", {"a": "1, 2"})


@pytest.mark.parametrize(
    "head", [b"SSH-2.0-OpenSSH", b"", b"HTTP/1.1 abc", b"HTTP/1.1", b"HTTP/1.1 " + b"1" * 5000, b"HTTP/1.1 99"]
)
def test_what_is_not_http_has_no_status(head: bytes) -> None:
    """Whatever comes, reading it does not fail."""
    assert read_answer(head).status is None


def test_a_reason_is_a_phrase() -> None:
    """What is longer than any phrase is cut: it stands in the sentence of an error."""
    reason = read_answer(b"HTTP/1.1 403 " + b"\x1b[31mno\x0b" * 7500).reason
    assert reason.isprintable()
    assert len(reason) < 1000


def test_a_reason_cannot_steer_the_terminal() -> None:
    """Control characters in the server's words are escaped, for they end up in errors."""
    assert read_answer(b"HTTP/1.1 403 \x1b[2JNo").reason == "\\x1b[2JNo"


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"content-length": "3"}, b"ab", None),
        ({"content-length": "3"}, b"abc", b"abc"),
        ({"content-length": "3"}, b"abcd", b"abc"),
        ({"content-length": "0"}, b"", b""),
        ({"content-length": "x"}, b"abc", None),
        ({}, b"abc", None),
        ({"transfer-encoding": "chunked"}, b"3\r\nabc\r\n2;x=y\r\nde\r\n", None),
        ({"transfer-encoding": "chunked"}, b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", b"abcde"),
        ({"transfer-encoding": "chunked"}, b"zz\r\n", b""),
        ({"transfer-encoding": "chunked"}, b"-6\r\n", b""),
        ({"transfer-encoding": "chunked"}, b"f" * 5000 + b"\r\nx", b""),
        ({"content-length": "9" * 5000}, b"abc", None),
        ({}, b"x" * (MAX_REFUSAL_BODY + 5), b"x" * MAX_REFUSAL_BODY),
    ],
)
def test_a_refusals_body_is_read_to_its_end(headers: dict[str, str], body: bytes, expected: bytes | None) -> None:
    """By its length, by its chunks or up to the bound; None as long as more is on its way."""
    assert refusal_body(Answer(400, "", headers), body) == expected


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    """What came until the end is the body."""
    assert refusal_body(Answer(400), b"abc", is_all=True) == b"abc"
    assert refusal_body(Answer(204), b"") == b""


def test_a_refusals_reason_stays_on_its_line() -> None:
    """A request that is quoted in the reason begins no header of the answer."""
    response = refusal_response(400, "bad key 'a\r\nSet-Cookie: x\x1b株'")
    assert response.startswith(b"HTTP/1.1 400 bad key 'a\\r\\nSet-Cookie: x\\x1b\\u682a'\r\nContent-Type: ")


def test_a_refusal_is_a_complete_answer() -> None:
    """Length, type and end of the connection are told; own headers win."""
    response = refusal_response(403, "Forbidden", body="näh", headers=[("Content-Type", "text/html")], server="s")
    head, _, body = response.partition(b"\r\n\r\n")
    answer = read_answer(head)
    assert (answer.status, answer.headers["content-length"], body.decode()) == (403, "4", "näh")
    assert (answer.headers["content-type"], answer.headers["connection"]) == ("text/html", "close")
