"""What ``wseclient`` sends: lines, files, messages of its flags, and what cannot be sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.client.talking import Conversed, code_of


def test_a_line_piped_in_is_answered(converse: Callable[..., Conversed]) -> None:
    """``echo hi | wseclient URL -1`` prints the answer, nothing else, and ends with 0."""
    client, seen = converse("-1", stdin=b"hi\n")
    assert (client.out, client.err, code_of(client)) == (["hi"], [], 0)
    assert seen.closes == [(1000, "")]


def test_no_line_is_lost_or_cut(converse: Callable[..., Conversed]) -> None:
    """All lines of a pipe arrive whole and in order, however long, the first one included."""
    lines = ["first", "", "x" * 300_000, "日本語", "last without end"]
    client, seen = converse("--max-messages", "5", stdin="\n".join(lines).encode())
    assert seen.messages == lines
    assert client.out == lines
    assert code_of(client) == 0


@pytest.mark.parametrize(
    ("flags", "stdin", "messages"),
    [
        (("--text",), b"a\r\nb\n", ["a", "b"]),
        (("-b",), b"\xff\n", [b"\xff"]),
        (("--hex",), b"00 ff\n", [b"\x00\xff"]),
        (("--hex", "-t"), b"6869\n", ["hi"]),
        (("--base64",), b"AP8=\n", [b"\x00\xff"]),
        (("-0",), b"a\nb\0c", ["a\nb", "c"]),
        (("--no-line",), b"a\nb\n", ["a\nb\n"]),
        (("-x", "one", "--preamble", "two"), None, ["one", "two"]),
        (("-x", "one", "--file", "-"), b"two\n", ["one", "two"]),
        (("--json",), b'{"a":\n 1}\n[2]\n', ['{"a":\n 1}', "[2]"]),
        (("--jsonrpc",), b"add 1 2\n", ['{"jsonrpc":"2.0","id":1,"method":"add","params":[1,2]}']),
        (("--slash",), b"//x\n/pong y\n", ["/x"]),
        (("--keepalive", "tick", "--keepalive-interval", "50ms", "--max-messages", "2"), b"", ["tick", "tick"]),
    ],
)
def test_each_way_of_sending(
    converse: Callable[..., Conversed], flags: tuple[str, ...], stdin: bytes | None, messages: list[str | bytes]
) -> None:
    """What arrives is what the flag says."""
    count = () if "--max-messages" in flags else ("--max-messages", str(len(messages)))
    client, seen = converse(*flags, *count, stdin=stdin)
    assert seen.messages == messages
    assert code_of(client) == 0, client.story


def test_a_whole_file_is_one_message(converse: Callable[..., Conversed], tmp_path: Path) -> None:
    """--file sends the bytes of a file, newlines included."""
    content = bytes(range(256)) * 1000
    (tmp_path / "blob").write_bytes(content)
    _, seen = converse("--file", str(tmp_path / "blob"), "--binary", "-1")
    assert seen.messages == [content]


@pytest.mark.parametrize(
    ("flags", "stdin", "words"),
    [
        (("--hex",), b"00\nzz\n", "input line 2: 'zz' is not hex"),
        ((), b"\xff\n", "input line 1: the input is not UTF-8"),
        (("--json",), b'{"a":\n', "ended within a JSON value"),
        (("--slash",), b"/nonsense\n", "/nonsense is no command"),
        (("--hex", "-x", "q"), None, "is not hex"),
        (("--close-code", "1005"), None, "1005"),
        (("-0", "--no-line"), b"", "exclude each other"),
    ],
)
def test_what_cannot_be_sent_is_a_usage_error(
    converse: Callable[..., Conversed], flags: tuple[str, ...], stdin: bytes | None, words: str
) -> None:
    """The piece of input at fault is named, with exit status 2."""
    client, _ = converse(*flags, stdin=stdin)
    assert words in client.err[-1]
    assert code_of(client) == 2
