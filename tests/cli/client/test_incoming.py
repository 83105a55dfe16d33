"""Received messages are shown as they came to programs, and readable to people."""

from __future__ import annotations

import gzip
import json
import zlib

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsexample.cli.client.incoming import Presenter, inflate, stamp

AT_NS = 1_700_000_000_123_456_789


def shown(payload: bytes, is_binary: bool = False, **settings: object) -> bytes:
    """Present a message with these settings."""
    return Presenter(**settings).present(payload, is_binary, AT_NS, AT_NS - 1_500_000_000)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("payload", "is_binary", "settings", "written"),
    [
        (b"hi", False, {}, b"hi\n"),
        (b"\x1b[2J", False, {}, b"\x1b[2J\n"),
        (b"\x1b[2J", False, {"is_terminal": True}, b"\\x1b[2J\n"),
        (b"\x1b[2J", False, {"is_terminal": True, "is_raw": True}, b"\x1b[2J\n"),
        (b"hi", False, {"separator": b"\0"}, b"hi\0"),
        (b"hi", False, {"separator": b""}, b"hi"),
        (b"\0\xff", True, {}, b"\0\xff"),
        (b"\0\xff", True, {"separator": b"\0"}, b"\0\xff\0"),
        (b"\0\xff", True, {"is_terminal": True}, b"binary, 2 bytes: 00 ff\n"),
        (b"\0\xff", True, {"is_terminal": True, "is_raw": True}, b"\0\xff"),
        (b"\0\xff", True, {"coding": "hex"}, b"00ff\n"),
        (b"\0\xff", True, {"coding": "base64"}, b"AP8=\n"),
        (b"hi", False, {"coding": "hex"}, b"hi\n"),
        (b"hi", False, {"has_timings": True}, b"+1.500000 hi\n"),
        (b"hi", False, {"timestamps": "unix"}, b"1700000000.123456789 hi\n"),
    ],
)
def test_each_setting_shows_its_way(
    payload: bytes, is_binary: bool, settings: dict[str, object], written: bytes
) -> None:
    """Programs get the bytes that came; people get nothing that moves their cursor."""
    assert shown(payload, is_binary, **settings) == written


def test_json_is_indented_and_its_numbers_stay() -> None:
    """Pretty printing changes blanks only: 26480.0000 stays 26480.0000, escapes become letters."""
    text = shown(b'{"a":26480.0000,"b":[],"c":[1,{"d":null}],"e":"\\u65e5: [x]"}', is_pretty=True).decode()
    assert text.splitlines() == [
        "{",
        '  "a": 26480.0000,',
        '  "b": [],',
        '  "c": [',
        "    1,",
        "    {",
        '      "d": null',
        "    }",
        "  ],",
        '  "e": "日: [x]"',
        "}",
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_pretty_json_means_the_same(value: object) -> None:
    """Whatever came in comes out with the same meaning, painted or not."""
    payload = json.dumps(value).encode()
    assert json.loads(shown(payload, is_pretty=True)) == value
    assert json.loads(click.unstyle(shown(payload, is_pretty=True, has_color=True).decode())) == value


def test_what_is_not_json_is_shown_as_it_is() -> None:
    """--json does not hide a message that is none."""
    assert shown(b"hello {", is_pretty=True) == b"hello {\n"


def test_pretty_json_cannot_command_the_terminal() -> None:
    """An escape sequence hidden in a JSON string is written out."""
    assert b"\x1b" not in shown(b'{"a":"\\u001b[2J"}', is_pretty=True, is_terminal=True)


def raw_deflate(data: bytes) -> bytes:
    """Compress without a header."""
    engine = zlib.compressobj(wbits=-15)
    return engine.compress(data) + engine.flush()


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, raw_deflate])
def test_compressed_payloads_are_unpacked_on_request(pack: object) -> None:
    """gzip, zlib and raw deflate are recognised; without the option the bytes stay."""
    payload = pack("日本".encode())  # type: ignore[operator]
    assert shown(payload, True, decodes_gzip=True) == "日本\n".encode()
    assert shown(payload, True) == payload


def test_a_bomb_or_a_torn_payload_is_shown_as_it_came() -> None:
    """What does not unpack within bounds stays what it was."""
    assert inflate(gzip.compress(bytes(65 * 1024 * 1024))) is None
    assert inflate(gzip.compress(b"x" * 100)[:-5]) is None
    assert inflate(b"") is None


def test_timestamps_have_formats() -> None:
    """ISO with offset and microseconds, epoch seconds, or any strftime format."""
    assert stamp(AT_NS, "unix") == "1700000000.123456789"
    assert stamp(AT_NS, "%Y") == "2023"
    assert ".123456" in stamp(AT_NS, "iso")
    assert stamp(AT_NS, "iso")[-6] in "+-"
