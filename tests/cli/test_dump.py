"""``wsexample dump`` does what wsdump does, and ends when the server does."""

from __future__ import annotations

import gzip
import re
import ssl
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.commands import LaunchOnTerminal
from tests.sync.peer import Conn, frame_bytes, peer
from tests.sync.test_proxies import http_proxy


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """A home of its own, so that nobody's history is touched."""
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}


def dump(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wsexample.cli.dump", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_lines_go_out_and_answers_are_printed() -> None:
    """One message for each line; it ends when stdin does, with what was on its way printed."""
    with peer() as server:
        done = dump("-r", server.url, stdin="one\ntwo\n")
    assert (done.stdout, done.stderr, done.returncode) == ("one\ntwo\n", "", 0)


def test_without_raw_there_is_a_greeting() -> None:
    """And incoming lines are marked."""
    with peer() as server:
        done = dump("-t", "first", server.url)
    assert done.stdout == "Press Ctrl+C to quit\n< first\n"


def saying_goodbye(*frames: bytes, code: int = 1000) -> Any:
    def script(conn: Conn) -> Conn:
        conn.read_head()
        offered = conn.header("Sec-WebSocket-Protocol")
        conn.answer(*([f"Sec-WebSocket-Protocol: {offered.split(',')[0]}"] if offered else []))
        conn.raw(b"".join(frames))
        conn.close_frame(code, "so")
        conn.until_end()
        return conn

    return script


def test_binary_is_shown_unpacked_or_as_python_writes_it() -> None:
    """gzip and raw deflate are recognised."""
    packed = zlib.compressobj(wbits=-15)
    frames = (
        frame_bytes(2, gzip.compress(b"zipped")),
        frame_bytes(2, packed.compress(b"deflated") + packed.flush()),
        frame_bytes(2, b"\x00\xff"),
    )
    with peer(saying_goodbye(*frames)) as server:
        done = dump("-r", "--eof-wait", "20", server.url)
    assert done.stdout.splitlines() == ["[gzip] zipped", "[zlib] deflated", "b'\\x00\\xff'"]


@pytest.mark.parametrize(
    ("flag", "traces"), [(["-v"], False), (["--verbose=1"], False), (["-v", "2"], True), (["-vv"], True)]
)
def test_verbose_names_the_kinds_of_frames(flag: list[str], traces: bool) -> None:
    """A URL right behind -v is the URL; 2 shows the trace."""
    with peer(saying_goodbye(frame_bytes(1, b"x"), frame_bytes(9, b"p"))) as server:
        done = dump("-r", "--eof-wait", "20", *flag, server.url)
    assert done.stdout.splitlines() == ["text: x", "ping: b'p'", "close: 1000 so"]
    assert ("request header" in done.stderr) is traces


def test_what_the_server_is_told() -> None:
    """Subprotocols before the URL, origin, and headers with commas in their values."""
    with peer(saying_goodbye()) as server:
        done = dump("-r", "-o", "here", "--headers", "X-A: 1,2, X-B: 3", "-s", "a", "b", server.url)
        conn = server.result()
    assert done.returncode == 0, done.stderr
    names = ("Origin", "X-A", "X-B", "Sec-WebSocket-Protocol")
    assert [conn.header(name) for name in names] == ["here", "1,2", "3", "a,b"]


def test_timings_come_first() -> None:
    """Seconds since the start."""
    with peer(saying_goodbye(frame_bytes(1, b"x"))) as server:
        done = dump("-r", "--timings", "--eof-wait", "20", server.url)
    assert re.fullmatch(r"\d+\.\d+: x\n", done.stdout)


def test_a_proxy_with_a_user() -> None:
    """User and password of the proxy's URL are used."""
    with peer() as server, peer(http_proxy("me:secret")) as proxy:
        done = dump("-r", "-p", f"http://me:secret@127.0.0.1:{proxy.port}", server.url, stdin="through\n")
        assert done.stdout == "through\n", done.stderr
        assert b"CONNECT" in proxy.result()


def test_any_certificate_when_told(tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """Without -n an unknown authority is refused, with its own exit status."""
    with peer(tls=tls_contexts[0]) as server:
        assert dump("-r", server.url).returncode == 60
        assert dump("-r", "-n", server.url, stdin="x\n").stdout == "x\n"


@pytest.mark.parametrize(
    ("url", "status"), [("ws://127.0.0.1:1", 7), ("ws://no-such-host.invalid", 6), ("nonsense", 2)]
)
def test_failures_are_one_line_and_a_status(url: str, status: int) -> None:
    """No traceback."""
    done = dump("-r", url)
    assert done.returncode == status, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "defect" not in done.stderr


def test_another_close_code_is_a_status() -> None:
    """As with wseclient."""
    with peer(saying_goodbye(code=4001)) as server:
        done = dump("-r", "--eof-wait", "20", server.url)
    assert done.returncode == 3
    assert "4001" in done.stderr


def test_a_server_that_does_not_say_goodbye_is_left() -> None:
    """When stdin ends the server has a moment to answer the close frame, and is then hung up on."""

    def script(conn: Conn) -> list[int]:
        conn.shake_hands()
        conn.send(1, b"x")
        found = [conn.read()[0], conn.read()[0]]
        conn.linger()
        return found

    with peer(script) as server:
        done = dump("-r", server.url, stdin="one\n")
        assert (done.stdout, done.returncode) == ("x\n", 0), done.stderr
        assert server.result() == [1, 8]


def test_help_has_examples_and_exit_statuses() -> None:
    """Each option of wsdump is there, too."""
    text = dump("--help").stdout
    for word in ("Examples:", "Exit status:", "--eof-wait", "--headers", "--nocert", "--origin", "--proxy", "--raw"):
        assert word in text
    for word in ("--subprotocols", "--text", "--timings", "--verbose"):
        assert word in text


def test_a_prompt_sends_and_shows(terminal: LaunchOnTerminal, home: dict[str, str]) -> None:
    """What arrives appears above the line that is being typed, which stays; Ctrl-D ends with 0."""
    with peer() as server:
        tool = terminal("main", "dump", server.url, env=home)
        tool.wait_for(">", after=tool.wait_for("Press Ctrl+C to quit"))
        tool.type("hello\r")
        at = tool.wait_for("< hello")
        tool.type("unfinished")
        tool.wait_for("unfinished", after=at)
        tool.type("\x15\x04")
        assert tool.finish() == 0


def test_a_prompt_cannot_be_steered(terminal: LaunchOnTerminal, home: dict[str, str]) -> None:
    """Control characters of a message are written out."""
    with peer(saying_goodbye(frame_bytes(1, b"\x1b]0;owned\x07"))) as server:
        tool = terminal("main", "dump", server.url, env=home)
        assert tool.finish() == 0
        assert r"\x1b]0;owned\x07" in tool.shown
        assert "\x1b]0;owned" not in tool.shown


def test_ctrl_c_at_the_prompt_leaves(terminal: LaunchOnTerminal, home: dict[str, str]) -> None:
    """With 130, and with a close frame for the server."""

    def script(conn: Conn) -> int:
        conn.shake_hands()
        opcode = conn.read()[0]
        conn.close_frame()
        return opcode

    with peer(script) as server:
        tool = terminal("main", "dump", server.url, env=home)
        tool.wait_for(">", after=tool.wait_for("Press Ctrl+C to quit"))
        tool.type("\x03")
        assert tool.finish() == 130
        assert server.result() == 8


def test_the_prompt_ends_with_the_server(terminal: LaunchOnTerminal, home: dict[str, str]) -> None:
    """Nobody has to type anything; the trace appears above the prompt, like messages."""
    with peer(saying_goodbye(frame_bytes(1, b"last words"), code=4001)) as server:
        tool = terminal("main", "dump", "-vv", server.url, env=home)
        assert tool.finish() == 3
    for words in ("--- request header ---", "++Rcv decoded: fin=1 opcode=1", "< text: last words", "4001"):
        assert words in tool.shown


def test_a_refusal_is_told_without_the_page_that_came_with_it() -> None:
    """The status is enough; headers and body are for -v."""

    def script(conn: Conn) -> None:
        conn.read_head()
        conn.answer("Content-Length: 12", status="403 Forbidden")
        conn.raw(b"<html></html")

    with peer(script) as server:
        done = dump("-r", server.url)
    assert done.returncode == 22
    assert done.stderr.endswith(": the server did not open a WebSocket: HTTP 403 Forbidden\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
@pytest.mark.parametrize(("where", "status", "said"), [("> /dev/full", 23, 1), ("| :", 0, 0)])
def test_an_output_that_takes_no_more_is_no_defect(where: str, status: int, said: int) -> None:
    """A full disk is one line with its status, a reader who leaves is the end."""
    with peer(saying_goodbye(*[frame_bytes(1, b"x" * 60_000)] * 20)) as server:
        line = f'{{ "{sys.executable}" -m wsexample.cli.dump -r --eof-wait 20 {server.url}; echo $? >&3; }} {where}'
        ended = subprocess.run(["bash", "-c", f"{{ {line}; }} 3>&1"], capture_output=True, text=True, timeout=30)
    assert (ended.stdout, ended.stderr.count("\n")) == (f"{status}\n", said), ended.stderr


@pytest.mark.parametrize("encoding", ["utf-8:strict", "utf-8:surrogateescape"])
def test_input_that_is_no_text_is_told(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """What cannot be sent ends it with a sentence, whatever the locale makes of it; it does not wait for ever."""
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    with peer() as server:
        command = [sys.executable, "-m", "wsexample.cli.dump", "-r", server.url]
        done = subprocess.run(command, input=b"\xff\n", capture_output=True, timeout=30)
    assert (done.stdout, done.returncode) == (b"", 2)
    assert b"standard input is not UTF-8" in done.stderr


def test_an_output_that_lacks_a_character_has_it_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a console of another code page."""
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    with peer() as server:
        done = dump("-r", "-t", "\u65e5", server.url)
    assert (done.stdout, done.returncode) == ("\\u65e5\n", 0)
