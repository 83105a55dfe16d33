"""Input becomes the messages that its author meant."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsexample.cli.client import outgoing
from wsexample.cli.client.outgoing import Encoder, JsonCollector, Slash, Splitter, json_rpc_call, parse_slash
from wsexample.errors import OptionError


@given(st.lists(st.binary().filter(lambda line: b"\n" not in line and not line.endswith(b"\r"))), st.integers(1, 7))
def test_lines_are_the_same_however_they_arrive(lines: list[bytes], size: int) -> None:
    """Cutting the input anywhere does not change the messages."""
    data = b"".join(line + b"\n" for line in lines)
    splitter = Splitter()
    found = [line for start in range(0, len(data), size) for line in splitter.feed(data[start : start + size])]
    assert found + splitter.finish() == lines


@pytest.mark.parametrize(
    ("separator", "data", "messages"),
    [
        (b"\n", b"a\nb", [b"a", b"b"]),
        (b"\n", b"a\r\n\r\nb\n", [b"a", b"", b"b"]),
        (b"\0", b"a\nb\0c\0", [b"a\nb", b"c"]),
        (None, b"a\nb\n", [b"a\nb\n"]),
        (None, b"", []),
        (b"\n", b"", []),
    ],
)
def test_each_separator_has_its_messages(separator: bytes | None, data: bytes, messages: list[bytes]) -> None:
    """A newline, a null byte, or nothing at all ends a message; the last one needs no end."""
    splitter = Splitter(separator)
    assert splitter.feed(data) + splitter.finish() == messages


def test_a_long_line_is_one_message() -> None:
    """A line is never cut, however long it is."""
    splitter = Splitter()
    assert splitter.feed(b"x" * 1_000_000) == []
    assert splitter.feed(b"y\n") == [b"x" * 1_000_000 + b"y"]


@pytest.mark.parametrize(
    ("encoder", "piece", "message"),
    [
        (Encoder(), "日本".encode(), "日本"),
        (Encoder(is_binary=True), b"\xff\x00", b"\xff\x00"),
        (Encoder("hex", True), b"00 ff", b"\x00\xff"),
        (Encoder("hex", True), b"0x00,0xFF", b"\x00\xff"),
        (Encoder("hex", False), b"68:69", "hi"),
        (Encoder("base64", True), b"AP8=", b"\x00\xff"),
        (Encoder("base64", True), b"AP8", b"\x00\xff"),
        (Encoder("base64", True), b"-_-_", b"\xfb\xff\xbf"),
    ],
)
def test_each_coding_has_its_message(encoder: Encoder, piece: bytes, message: str | bytes) -> None:
    """Hex and base64 are read in their usual spellings; text stays text and binary stays binary."""
    assert encoder.encode(piece) == message


@pytest.mark.parametrize(
    ("encoder", "piece", "words"),
    [
        (Encoder(), b"a\xff", "byte 2 is 0xff"),
        (Encoder("hex", True), b"0g", "'0g' is not hex"),
        (Encoder("hex", True), b"123", "is not hex"),
        (Encoder("base64", True), b"!!", "is not base64"),
    ],
)
def test_what_cannot_be_sent_is_named(encoder: Encoder, piece: bytes, words: str) -> None:
    """The refusal says what is wrong and where."""
    with pytest.raises(OptionError, match=words):
        encoder.encode(piece)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES, st.integers(0, 4))
def test_json_over_several_lines_is_one_message(value: object, indent: int) -> None:
    """A value typed over any number of lines is complete with its last line and not before."""
    lines = json.dumps(value, indent=indent).split("\n")
    collector = JsonCollector()
    *early, last = [collector.feed(line) for line in lines]
    assert early == [None] * len(early)
    assert last is not None
    assert json.loads(last) == value
    assert not collector.is_waiting


@pytest.mark.parametrize("line", ["{a", '{"a":1}}', "nonsense", "[1,,"])
def test_what_can_never_become_json_is_refused_at_once(line: str) -> None:
    """A mistake is reported when it is typed, and the next value begins anew."""
    collector = JsonCollector()
    with pytest.raises(OptionError, match="not JSON"):
        collector.feed(line)
    assert collector.feed("[1]") == "[1]"


def test_json_that_stops_half_way_is_an_error() -> None:
    """An input that ends within a value says so instead of dropping it."""
    collector = JsonCollector()
    assert collector.feed('{"a":') is None
    with pytest.raises(OptionError, match="within a JSON value"):
        collector.finish()


@pytest.mark.parametrize(
    ("line", "params"),
    [
        ("ping", None),
        ("add 1 2.5", [1, 2.5]),
        ('say hello "two words" true null', ["hello", "two words", True, None]),
        ('open {"symbol":"9433"}', {"symbol": "9433"}),
        ("list [1, 2]", [1, 2]),
        ("mixed [1 2", ["[1", 2]),
    ],
)
def test_json_rpc_calls_are_written_like_commands(line: str, params: object) -> None:
    """The first word is the method; JSON arguments keep their type."""
    call = json.loads(json_rpc_call(line, 7))
    assert call == {"jsonrpc": "2.0", "id": 7, "method": line.split()[0]} | (
        {} if params is None else {"params": params}
    )


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("hello", "hello"),
        ("//x", "/x"),
        ("/ping", Slash("ping")),
        ("/ping are you there", Slash("ping", payload=b"are you there")),
        ("/pong x", Slash("pong", payload=b"x")),
        ("/close", Slash("close")),
        ("/close 4001 so long", Slash("close", code=4001, reason="so long")),
        ("/help", Slash("help")),
    ],
)
def test_slash_commands(line: str, meaning: Slash | str) -> None:
    """A line that begins with a slash is a command, two slashes send one."""
    assert parse_slash(line) == meaning


@pytest.mark.parametrize("line", ["/nonsense", "/close now", "/"])
def test_unknown_slash_commands_are_not_sent(line: str) -> None:
    """A mistyped command is refused, never sent to the server."""
    with pytest.raises(OptionError, match="/"):
        parse_slash(line)


def test_a_value_over_many_lines_is_read_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of JSON, a line at a time, is not read from its beginning for each of its lines."""
    lines = json.dumps([[number, "]"] for number in range(5000)], indent=1).split("\n")
    reads: list[str] = []
    loads = json.loads

    def read(text: str) -> Any:
        reads.append(text)
        return loads(text)

    monkeypatch.setattr(outgoing, "json", SimpleNamespace(loads=read, JSONDecodeError=json.JSONDecodeError))
    collector = JsonCollector()
    found = [value for line in lines if (value := collector.feed(line)) is not None]
    assert found == ["\n".join(lines)]
    assert len(reads) < 150


@pytest.mark.parametrize(
    ("piece", "settings"),
    [(b'"\xff"', {"is_json": True}), (b"call \xff", {"is_json_rpc": True}), (b"/ping \xff", {"has_slash": True})],
)
def test_input_that_is_no_text_is_not_sent_as_another(piece: bytes, settings: dict[str, bool]) -> None:
    """What is not UTF-8 is a mistake wherever text is read, and never replaced by something that is."""
    with pytest.raises(OptionError, match="is not UTF-8"):
        outgoing.Interpreter(Encoder(), **settings).feed(piece)


def test_a_mistake_far_down_in_a_value_is_told() -> None:
    """What can never become JSON does not swallow all that follows."""
    collector = JsonCollector()
    lines = iter(["[", *["1,"] * 299, "mistake", *["1,"] * 1000])
    with pytest.raises(OptionError, match="line 301"):
        any(map(collector.feed, lines))
