"""Secrets are masked wherever they may stand, and what is no secret stays readable."""

from __future__ import annotations

import subprocess
import sys

import pytest

from wsexample.wire.masking import (
    holds_secret,
    is_secret_header,
    mask_head,
    mask_headers,
    mask_log,
    mask_text,
    mask_url,
)


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "cookie",
        "X-API-KEY",
        "APCA-API-KEY-ID",
        "APCA-API-SECRET-KEY",
        "ACCESS-SIGN",
        "Proxy-Authorization",
    ],
)
def test_secret_headers_are_known(name: str) -> None:
    """Every header in which a broker or a server wants a secret is masked."""
    assert is_secret_header(name)
    assert mask_headers({name: "abc"}) == [(name, "***")]


@pytest.mark.parametrize("name", ["Access-Control-Allow-Origin", "Host", "X-Request-Id"])
def test_other_headers_are_shown(name: str) -> None:
    """A header that holds no secret is left as it is."""
    assert mask_headers([(name, "abc")]) == [(name, "abc")]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://me:pw@h/x?a=1&token=abc", "wss://***@h/x?a=1&token=***"),
        ("wss://h/x?api_key=abc#f", "wss://h/x?api_key=***#f"),
        ("wss://h/x?y", "wss://h/x?y"),
        ("wss://me:pw@[::1", "wss://***@[::1"),
        ("wss://h/x#token=abc", "wss://h/x#token=***"),
        ("wss://[h/?token=abc", "wss://[h/?token=***"),
        ("me:pw@proxy:3128", "***@proxy:3128"),
        ("wss://me:p/w@h/x", "wss://***@h/x"),
        ("wss://me:p#w@h:port/x", "wss://***@h:port/x"),
        ("wss://me:pw@h/x?mail=a@b", "wss://***@h/x?mail=a@b"),
        ("wss://h:9000/@me", "wss://h:9000/@me"),
        ("ws+unix:@app:/x?token=abc", "ws+unix:@app:/x?token=***"),
        ("localhost:9100", "localhost:9100"),
    ],
)
def test_urls_lose_their_secrets(url: str, shown: str) -> None:
    """User info and secret parameters are replaced, the rest stays."""
    assert mask_url(url) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"action":"auth","key":"PK\\"1","secret":"s"}', '{"action":"auth","key":"***","secret":"***"}'),
        (
            '{"op":"login","args":[{"apiKey":"x","sign":"y","t":1}]}',
            '{"op":"login","args":[{"apiKey":"***","sign":"***","t":1}]}',
        ),
        ('{"data":{"oauth_token":"abc"}}', '{"data":{"oauth_token":"***"}}'),
        ('{"secret" : "cut o', '{"secret" : "***"'),
        ('{"auth":12345,"b":2}', '{"auth":"***","b":2}'),
        ('{"token":["a","b"],"c":1}', '{"token":"***","c":1}'),
        ('{"data":"{\\"token\\":\\"abc\\",\\"b\\":1}"}', '{"data":"{\\"token\\":\\"***\\",\\"b\\":1}"}'),
        ("{'password': 'abc'}", "{'password': '***'}"),
        ("token=abc&x=1", "token=***&x=1"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ('{"keys":["a"],"monkey":"b","symbol":"AAPL"}', '{"keys":["a"],"monkey":"b","symbol":"AAPL"}'),
        ("plain words", "plain words"),
    ],
)
def test_messages_lose_their_secrets(text: str, shown: str) -> None:
    """JSON members, forms and authorizations are masked, nested, quoted and cut off."""
    assert mask_text(text) == shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "b'GET /?token=s HTTP/1.1\\r\\nX-API-KEY: k\\r\\nHost: h\\r\\n'",
            "b'GET /?token=*** HTTP/1.1\\r\\nX-API-KEY: ***\\r\\nHost: h\\r\\n'",
        ),
        ("head:\nCookie: a=b\nHost: h", "head:\nCookie: ***\nHost: h"),
        ("{'apca-api-key-id': 'k', 'host': 'h'}", "{'apca-api-key-id': '***', 'host': 'h'}"),
    ],
)
def test_log_lines_lose_their_secrets(line: str, shown: str) -> None:
    """Requests quoted as text, bytes or a mapping are masked."""
    assert mask_log(line) == shown


def test_binary_login_frames_are_recognised() -> None:
    """A MessagePack login names its secret; market data does not."""
    assert holds_secret(b"\x83\xa6action\xa4auth\xa3key\xa5abcde")
    assert not holds_secret(b"\x82\xa1T\xa1q\xa6symbol\xa4AAPL monkey turkey")


def test_heads_are_masked_line_by_line() -> None:
    """The request line's URL and secret headers are masked, the others shown."""
    head = "GET /x?token=abc HTTP/1.1\r\nHost: h\r\nCookie: a=b\r\nLocation: ws://u:p@h/"
    assert mask_head(head).split("\r\n") == [
        "GET /x?token=*** HTTP/1.1",
        "Host: h",
        "Cookie: ***",
        "Location: ws://***@h/",
    ]


HOSTILE = """
from wsexample.wire.masking import mask_head, mask_log, mask_text, mask_url, url_trouble
n = 200_000
for text in (
    "ws://[" + "y" * n, "ws://" + ":" * n, "ws://:" + "1" * n, "\\\\" * n, '"token": \\\\"' + "\\\\" * n,
    "-" * n, '"' * n, "Bearer" + " " * n,
):
    for mask in (mask_head, mask_log, mask_text, mask_url, lambda text: url_trouble(text, ValueError(""))):
        mask(text)
print("masked")
"""


def test_long_words_of_a_peer_are_masked_at_all() -> None:
    """A pattern that looked at each letter once for every other would need many minutes for these, and hold up a whole loop."""
    done = subprocess.run([sys.executable, "-c", HOSTILE], capture_output=True, text=True, timeout=120)
    assert done.stdout == "masked\n", done.stderr
