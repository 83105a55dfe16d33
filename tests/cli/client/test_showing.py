"""What ``wseclient`` shows: messages in every form, traces without secrets, and what goes into a pipe or a file."""

from __future__ import annotations

import base64
import gzip
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.client.talking import Conversed, says
from tests.commands import Launch, wait_until_stuck

WINDOWS = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently on Windows")


@pytest.mark.parametrize(
    ("flags", "message", "pattern"),
    [
        ((), "\x1b[2J", "\x1b\\[2J"),
        (("--json",), '{"a":1.50}', "{"),
        (("--hex",), b"\x00\xff", "00ff"),
        (("--base64",), b"\x00\xff", "AP8="),
        (("--decode-gzip",), gzip.compress(b"hi", mtime=0), "hi"),
        (("--timestamps",), "hi", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d hi"),
        (("--timestamps=unix",), "hi", r"\d{10}\.\d{9} hi"),
        (("--timestamps=%Y",), "hi", r"\d{4} hi"),
        (("--timings",), "hi", r"\+\d+\.\d{6} hi"),
        (("--color", "always", "--json"), "[1]", "\\["),
    ],
)
def test_each_way_of_showing(
    converse: Callable[..., Conversed], flags: tuple[str, ...], message: str | bytes, pattern: str
) -> None:
    """Into a pipe goes what the flag says."""
    client, _ = converse(*flags, "-w", "-1", stdin=b"", handler=says(message))
    assert re.fullmatch(pattern, client.out[0]), client.story


def test_binary_into_a_pipe_is_byte_for_byte(converse: Callable[..., Conversed], tmp_path: Path) -> None:
    """Binary messages are written as they came; --output writes them to a file."""
    blob = bytes(range(256))
    client, _ = converse("-w", "-1", "--output", str(tmp_path / "blob"), stdin=b"", handler=says(blob, blob))
    assert (tmp_path / "blob").read_bytes() == blob + blob
    assert client.out == []


def test_an_output_file_that_cannot_be_written_is_named(launch: Launch, tmp_path: Path) -> None:
    """The file is opened before anything is dialled."""
    client = launch("wseclient", ":9", "-x", "hi", "--output", str(tmp_path / "none" / "x"))
    assert client.finish() == 23
    assert "cannot be written" in client.err[-1]


@pytest.mark.parametrize(
    ("flag", "shown", "hidden"),
    [
        ("-v", "> GET / HTTP/1.1", "TEXT"),
        ("-vv", "> TEXT 5", "> TEXT 5 hello"),
        ("-vvv", "> TEXT 5 hello", "68 65 6c"),
        ("--trace", "> TEXT 5 hello", "68 65 6c"),
        ("--trace-hex", "68 65 6c 6c 6f", "> TEXT 5 hello"),
    ],
)
def test_traces_show_what_was_asked_for(converse: Callable[..., Conversed], flag: str, shown: str, hidden: str) -> None:
    """Handshakes, kinds of frames, frames, or hex, on stderr."""
    client, _ = converse("-x", "hello", "-1", flag)
    text = "\n".join(client.err)
    assert shown in text
    assert hidden not in text
    assert client.out == ["hello"]


def test_traces_hold_no_secret(converse: Callable[..., Conversed]) -> None:
    """Authorization, cookies and tokens are masked, in the URL too."""
    client, _ = converse("-x", "hello", "-1", "--trace", "--auth", "user:sesame", "--cookie", "id=s3same")
    assert "sesame" not in client.story
    assert "s3same" not in client.story
    assert base64.b64encode(b"user:sesame").decode() not in client.story


def test_quiet_leaves_only_messages_and_errors(converse: Callable[..., Conversed]) -> None:
    """With -q stderr is empty when nothing failed."""
    client, _ = converse("-x", "hi", "-1", "-q", "-v")
    assert client.out == ["hi"]
    assert not [line for line in client.err if line.startswith("wseclient")]


@WINDOWS
def test_a_closed_pipe_is_a_quiet_end(echo_url: str) -> None:
    """``wseclient | head -1`` ends with 0 and without complaint."""
    command = [
        sys.executable,
        "-m",
        "wsexample.cli.wseclient",
        echo_url,
        "--keepalive",
        "x",
        "--keepalive-interval",
        "1ms",
    ]
    with subprocess.Popen(
        [*command, "-w", "-1"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as client:
        assert client.stdout is not None
        assert client.stderr is not None
        assert client.stdout.readline() == b"x\n"
        client.stdout.close()
        assert client.stderr.read() == b""
        assert client.wait(20) == 0


@WINDOWS
def test_a_reader_that_does_not_read_cannot_keep_it_alive(echo_url: str) -> None:
    """SIGTERM ends it though whoever reads the pipe has stopped reading."""
    flags = ("--keepalive", "x" * 10_000, "--keepalive-interval", "1ms", "-w", "-1", "-P")
    with subprocess.Popen(
        [sys.executable, "-m", "wsexample.cli.wseclient", echo_url, *flags],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as client:
        assert client.stdout is not None
        assert client.stdout.read(1) == b"x"
        wait_until_stuck(client.stdout.fileno())
        client.terminate()
        assert client.wait(20) == 143
