"""What ``wseclient`` promises on the command line."""

from __future__ import annotations

import asyncio
import base64
import gzip
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Launch, LaunchOnTerminal, Running, wait_until_stuck
from tests.conftest import missing
from wsexample import ServeOptions, __version__, serve
from wsexample.wire.server import Request, ServerConnection

WINDOWS = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently on Windows")


def test_the_echo_test_prints_round_trip_times(launch: Launch, echo_url: str) -> None:
    """Each echo is printed with its round-trip time, and the summary counts them."""
    client = launch("wseclient", echo_url, "--test", "--max-messages", "3", "--interval", "10ms")
    assert client.finish() == 0
    assert [re.sub(r" +[\d.]+ (us|ms|s)$", " TIME", line) for line in client.out] == [
        f"test message {number} TIME" for number in (1, 2, 3)
    ]
    assert "3 sent, 3 echoed, 0 lost" in client.err[-1]


@WINDOWS
def test_ctrl_c_closes_and_sums_up(launch: Launch) -> None:
    """Ctrl-C performs the closing handshake with 1000, prints the summary and ends with 130."""
    server = launch("wseserver", "0", "--announce")
    client = launch("wseclient", "--test", server.wait_for("ws://", on="out"))
    client.wait_for("test message 1", on="out")
    client.interrupt()
    assert client.finish() == 130
    assert "0 lost" in client.err[-1]
    server.wait_for("closed with 1000")


def test_a_server_that_stops_is_a_normal_end(launch: Launch) -> None:
    """A server that goes away with 1001 is named, and the exit status is 0."""
    server = launch("wseserver", "0", "--announce")
    client = launch("wseclient", "--test", server.wait_for("ws://", on="out"))
    client.wait_for("test message 1", on="out")
    server.terminate()
    assert client.finish() == 0
    client.wait_for("closed the connection with 1001: server stopping", on="err")


def test_a_killed_server_is_a_lost_connection(launch: Launch) -> None:
    """A server that dies gives one clear line and exit status 56."""
    server = launch("wseserver", "0", "--announce")
    client = launch("wseclient", "--test", server.wait_for("ws://", on="out"))
    client.wait_for("test message 1", on="out")
    server.kill()
    assert client.finish() == 56
    assert "the connection was lost without a closing handshake (1006)" in client.err[-1]


def test_refused_is_one_line(launch: Launch) -> None:
    """An address where nobody listens gives one line and exit status 7."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    client = launch("wseclient", f"127.0.0.1:{port}")
    assert client.finish() == 7
    assert client.err == [f"wseclient: 127.0.0.1:{port} refused the connection; is the server running there?"]


def test_an_unknown_name_is_one_line(launch: Launch) -> None:
    """A name that does not exist gives one line and exit status 6."""
    client = launch("wseclient", "ws://name.invalid")
    assert client.finish() == 6
    assert len(client.err) == 1
    assert "name.invalid was not found" in client.err[0]


def answer_once(listener: socket.socket, answer: bytes) -> threading.Thread:
    """Answer the first connection with these bytes and close it."""

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(4096)
            peer.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP 404 Not Found"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "HTTP 200 OK"),
        (b"220 mail.example ESMTP\r\n", "is it a WebSocket server?"),
        (b"", "without answering"),
    ],
)
def test_not_a_websocket_server_shows_the_status(launch: Launch, answer: bytes, part: str) -> None:
    """A server of another kind gives one line with its HTTP status, if it has one, and exit status 22."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = answer_once(listener, answer)
        client = launch("wseclient", f"ws://127.0.0.1:{listener.getsockname()[1]}/")
        assert client.finish() == 22
        thread.join()
    assert len(client.err) == 1
    assert part in client.err[0]


def test_debug_shows_the_traceback(launch: Launch) -> None:
    """With --debug the sentence stays and the traceback comes with it."""
    client = launch("wseclient", "ws://name.invalid", "--debug")
    assert client.finish() == 6
    assert any(line.startswith("Traceback") for line in client.err)
    assert "name.invalid was not found" in client.err[-1]


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "ws://", "ws://a b"])
def test_a_bad_url_is_a_usage_error(launch: Launch, url: str) -> None:
    """A URL that cannot work is refused with 2 before anything is dialled."""
    client = launch("wseclient", url)
    assert client.finish() == 2
    assert len(client.err) == 1


def test_options_may_stand_before_and_after_the_url(launch: Launch, echo_url: str) -> None:
    """No option swallows the URL, wherever it stands."""
    client = launch("wseclient", "--test", "--interval", "10ms", echo_url, "--max-messages", "1")
    assert client.finish() == 0


# -- what is sent --------------------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """What a server in this test saw of its client."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    messages: list[str | bytes] = field(default_factory=list)
    closes: list[tuple[int | None, str]] = field(default_factory=list)


Handler = Callable[[ServerConnection, Seen], Awaitable[None]]


async def echo(ws: ServerConnection, seen: Seen) -> None:
    """Send everything back."""
    async for message in ws:
        seen.messages.append(message)
        await ws.send(message)


async def keep(ws: ServerConnection, seen: Seen) -> None:
    """Take everything and say nothing."""
    async for message in ws:
        seen.messages.append(message)


Conversed = tuple[Running, Seen]


@pytest.fixture
def converse(run: Callable[[Any], Any], launch: Launch) -> Callable[..., Conversed]:
    """Run ``wseclient`` with flags against a server in this process; returns the ended client and what the server saw."""

    def start(
        *flags: str,
        stdin: bytes | None = None,
        handler: Handler = echo,
        options: ServeOptions | None = None,
        during: Callable[[Running, Seen], None] | None = None,
        env: dict[str, str] | None = None,
    ) -> Conversed:
        seen = Seen()

        async def handle(ws: ServerConnection) -> None:
            seen.requests.append(ws.request)
            try:
                await handler(ws, seen)
            finally:
                await ws.close()
                seen.closes.append((ws.close_code, ws.close_reason))

        def drive() -> Running:
            client = launch("wseclient", seen.url, *flags, stdin=None if stdin is None else subprocess.PIPE, env=env)
            if stdin is not None:
                client.send(stdin)
                client.end_input()
            if during is not None:
                during(client, seen)
            client.finish()
            return client

        async def scenario() -> Running:
            async with serve(handle, options=options) as server:
                seen.url = server.url
                return await asyncio.to_thread(drive)

        return run(scenario()), seen

    return start


def code_of(client: Running) -> int:
    """Return the exit status."""
    assert client.process.returncode is not None
    return client.process.returncode


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


# -- how it ends ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [("-w", "0"), ("-E",), ("-w", "200ms")])
def test_it_closes_after_the_input(converse: Callable[..., Conversed], flags: tuple[str, ...]) -> None:
    """Once the input has ended, it waits as long as it was told and closes."""
    client, seen = converse(*flags, stdin=b"a\n", handler=keep)
    assert seen.messages == ["a"]
    assert seen.closes == [(1000, "")]
    assert code_of(client) == 0


@pytest.mark.parametrize("flags", [("-w", "-1"), ("--no-close",)])
def test_it_stays_on_request(converse: Callable[..., Conversed], flags: tuple[str, ...]) -> None:
    """With -w -1 it goes on printing until the server closes."""

    async def speak_later(ws: ServerConnection, seen: Seen) -> None:
        assert await ws.receive(10) == "subscribe"
        for _ in range(3):
            await ws.ping(timeout_s=10)  # its input has ended, and it answers
        await ws.send("later")

    client, _ = converse("-x", "subscribe", *flags, handler=speak_later)
    assert (client.out, code_of(client)) == (["later"], 0)


def test_close_code_and_reason_are_sent(converse: Callable[..., Conversed]) -> None:
    """The server sees the code and reason asked for."""
    client, seen = converse("--close-code", "4007", "--close-reason", "done here", "-w", "0", stdin=b"")
    assert seen.closes == [(4007, "done here")]
    assert code_of(client) == 0


def test_slash_close_closes(converse: Callable[..., Conversed]) -> None:
    """/close CODE REASON ends the conversation so."""
    client, seen = converse("--slash", stdin=b"a\n/close 4008 so long\nnever sent\n")
    assert seen.messages == ["a"]
    assert seen.closes == [(4008, "so long")]
    assert code_of(client) == 0


@pytest.mark.parametrize(("code", "status"), [(1000, 0), (1001, 0), (1011, 3), (4001, 3)])
def test_the_servers_close_code_decides(converse: Callable[..., Conversed], code: int, status: int) -> None:
    """A normal close is 0, any other 3 with code and reason on stderr."""

    async def close(ws: ServerConnection, seen: Seen) -> None:
        await ws.close(code, "because")

    client, _ = converse("-w", "-1", stdin=b"", handler=close)
    assert code_of(client) == status
    assert (f"the peer closed the connection with {code}: because" in client.story) == (status == 3)


def test_a_close_before_the_answer_is_no_success(converse: Callable[..., Conversed]) -> None:
    """A server that closes normally without answering -1 gives 3, so that a script notices."""

    async def close(ws: ServerConnection, seen: Seen) -> None:
        await ws.close(1000)

    client, _ = converse("-1", stdin=b"hi\n", handler=close)
    assert code_of(client) == 3
    assert "before it had answered" in client.err[-1]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("-1", "-w", "200ms"), "0 of 1 messages came within 0.2 s"),
        (("-1", "--idle-timeout", "200ms"), "no message within 0.2 s"),
        (("-1", "-m", "300ms"), "not done within 0.3 s"),
    ],
)
def test_every_wait_can_have_a_deadline(converse: Callable[..., Conversed], flags: tuple[str, ...], words: str) -> None:
    """A server that says nothing gives 28 within the deadline that was asked for."""
    client, _ = converse(*flags, stdin=b"hi\n", handler=keep)
    assert words in client.err[-1]
    assert code_of(client) == 28


def test_a_missing_pong_is_a_timeout(converse: Callable[..., Conversed]) -> None:
    """A server that answers no ping is given up with 28."""
    client, _ = converse(
        "-w",
        "-1",
        "--ping-interval",
        "100ms",
        "--ping-timeout",
        "100ms",
        stdin=b"",
        handler=keep,
        options=ServeOptions(answer_pings=False),
    )
    assert code_of(client) == 28, client.story


@WINDOWS
@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_close_properly(converse: Callable[..., Conversed], signum: signal.Signals, status: int) -> None:
    """Ctrl-C and SIGTERM perform the closing handshake and have their own exit status."""

    def stop(client: Running, seen: Seen) -> None:
        client.wait_for("hello", on="out")
        client.process.send_signal(signum)

    client, seen = converse("-x", "hello", "-w", "-1", during=stop)
    assert code_of(client) == status
    assert seen.closes == [(1000, "")]


# -- staying connected ---------------------------------------------------------------------------------------------------


def test_it_reconnects_and_says_the_first_messages_again(converse: Callable[..., Conversed]) -> None:
    """A lost connection is made again, the first messages are repeated, and the rest goes on where it stopped."""

    async def lose_once(ws: ServerConnection, seen: Seen) -> None:
        async for message in ws:
            seen.messages.append(message)
            if len(seen.requests) == 1:
                ws.abort()
                return
            await ws.send(message)

    client, seen = converse("-x", "subscribe", "--reconnect=50ms", "--max-messages", "1", handler=lose_once)
    assert seen.messages == ["subscribe", "subscribe"]
    assert client.out == ["subscribe"]
    assert code_of(client) == 0
    assert "trying again in 0.05 s" in client.story


def test_no_resend_leaves_the_first_messages(converse: Callable[..., Conversed]) -> None:
    """With --no-resend the new connection begins silently."""

    async def lose_once(ws: ServerConnection, seen: Seen) -> None:
        if len(seen.requests) == 2:
            await ws.close(1000)
        async for message in ws:
            seen.messages.append(message)
            ws.abort()

    client, seen = converse("-x", "subscribe", "--reconnect=50ms", "--no-resend", "-w", "-1", handler=lose_once)
    assert seen.messages == ["subscribe"]
    assert code_of(client) == 0


def test_it_gives_up_after_so_many_tries(launch: Launch) -> None:
    """--reconnect-tries bounds failures in a row; the delay doubles up to its limit; the exit status is the last error's."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    flags = ("--reconnect=10ms", "--reconnect-max-delay", "20ms", "--reconnect-tries", "3")
    client = launch("wseclient", f":{port}", "-x", "hi", *flags)
    assert client.finish() == 7
    delays = [line.rsplit("trying again in ", 1)[1] for line in client.err if "trying again" in line]
    assert delays == ["0.01 s", "0.02 s", "0.02 s"]


def test_a_refusal_for_good_is_not_tried_again(converse: Callable[..., Conversed]) -> None:
    """401 and its like are final, whatever --reconnect says."""

    def check(client: Running, seen: Seen) -> None:
        client.finish()

    async def never(ws: ServerConnection, seen: Seen) -> None:
        raise AssertionError("let in")

    client, _ = converse(
        "-x",
        "hi",
        "-o",
        "https://evil.test",
        "--reconnect",
        handler=never,
        options=ServeOptions(allowed_origins=["https://good.test"]),
        during=check,
    )
    assert code_of(client) == 22
    assert "HTTP 403" in client.err[-1]


def test_round_trip_times_of_pings(converse: Callable[..., Conversed]) -> None:
    """--print-ping-rtts pings by itself and prints each round trip."""
    client, _ = converse("--print-ping-rtts", "--ping-interval", "20ms", "-w", "300ms", stdin=b"", handler=keep)
    assert len([line for line in client.err if re.search(r"pong after [\d.]+ (us|ms)$", line)]) >= 3


def test_pings_of_the_server_can_be_seen(converse: Callable[..., Conversed]) -> None:
    """-P says when a ping or pong comes."""

    async def ping(ws: ServerConnection, seen: Seen) -> None:
        await ws.ping(b"are you there", timeout_s=10)

    client, _ = converse("-P", "-w", "-1", stdin=b"", handler=ping)
    client.wait_for("received a ping 'are you there'", on="err")


# -- what is shown -------------------------------------------------------------------------------------------------------


def says(*messages: str | bytes) -> Handler:
    """A server that says these and closes."""

    async def handle(ws: ServerConnection, seen: Seen) -> None:
        for message in messages:
            await ws.send(message)

    return handle


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
        (("--timings",), "hi", r"\+0\.\d{6} hi"),
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


# -- the request and the way to the server -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "name", "value"),
    [
        (("-H", "X-Colour: blue"), "x-colour", "blue"),
        (("--auth", "user:pass"), "authorization", "Basic dXNlcjpwYXNz"),
        (("--bearer", "t0ken"), "authorization", "Bearer t0ken"),
        (("--cookie", "a=b", "--cookie", "c=d"), "cookie", "a=b; c=d"),
        (("-o", "https://app.example"), "origin", "https://app.example"),
        (("--host", "other.example"), "host", "other.example"),
        (("-A", "curl/8"), "user-agent", "curl/8"),
        (("-s", "v2", "-s", "v1"), "sec-websocket-protocol", "v2, v1"),
        (("--subprotocols", "v2,v1"), "sec-websocket-protocol", "v2, v1"),
        (("--compress",), "sec-websocket-extensions", "permessage-deflate"),
    ],
)
def test_each_header_arrives(converse: Callable[..., Conversed], flags: tuple[str, ...], name: str, value: str) -> None:
    """The server sees the header that the flag stands for."""
    _, seen = converse("-x", "hi", "-1", *flags)
    assert seen.requests[0].headers[name].startswith(value)


def test_secrets_and_headers_may_come_from_files_and_the_environment(
    converse: Callable[..., Conversed], tmp_path: Path
) -> None:
    """Nothing secret need stand on the command line."""
    (tmp_path / "auth").write_text("user:pass\n", encoding="utf-8")
    (tmp_path / "bearer").write_text("t0ken\n", encoding="utf-8")
    (tmp_path / "headers").write_text("# ours\nX-One: 1\n\nX-Two: 2\n", encoding="utf-8")
    _, seen = converse("-x", "hi", "-1", "--auth-file", str(tmp_path / "auth"), "-H", f"@{tmp_path / 'headers'}")
    headers = seen.requests[0].headers
    assert (headers["authorization"], headers["x-one"], headers["x-two"]) == ("Basic dXNlcjpwYXNz", "1", "2")
    _, seen = converse("-x", "hi", "-1", "--bearer-file", str(tmp_path / "bearer"))
    assert seen.requests[0].headers["authorization"] == "Bearer t0ken"
    _, seen = converse("-x", "hi", "-1", env={"WSECLIENT_BEARER": "fr0m-env"})
    assert seen.requests[0].headers["authorization"] == "Bearer fr0m-env"


def test_no_origin_is_sent_unless_asked_for(converse: Callable[..., Conversed]) -> None:
    """--no-origin beats --origin, and by default there is none."""
    for flags in ((), ("-o", "https://app.example", "--no-origin")):
        _, seen = converse("-x", "hi", "-1", *flags)
        assert "origin" not in seen.requests[0].headers


@pytest.mark.parametrize(("flag", "status"), [("-4", 0), ("-6", 7)])
def test_address_families(converse: Callable[..., Conversed], flag: str, status: int) -> None:
    """-4 and -6 use only that kind of address; here the server has an IPv4 address alone."""
    client, _ = converse("-x", "hi", "-1", flag)
    assert (code_of(client) == 0) == (status == 0), client.story


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no unix sockets in asyncio")
def test_unix_sockets(launch: Launch, tmp_path: Path) -> None:
    """--unix-socket and ws+unix: URLs reach a server on a socket file."""
    path = str(tmp_path / "ws.sock")
    launch("wseserver", "--unix-socket", path, "--announce").wait_for("ws+unix:", on="out")
    for arguments in (("--unix-socket", path), (f"ws+unix:{path}",)):
        client = launch("wseclient", *arguments, "-x", "hi", "-1")
        assert client.finish() == 0, client.story
        assert client.out == ["hi"]


def test_a_message_that_is_too_big_is_refused(converse: Callable[..., Conversed]) -> None:
    """--max-size bounds what is accepted; the connection ends with 1009 and exit status 8."""
    client, seen = converse("-x", "hi", "-w", "-1", "--max-size", "1k", handler=says("x" * 2000))
    assert code_of(client) == 8, client.story
    assert seen.closes[0][0] == 1009


def test_a_server_that_never_answers_is_given_up(launch: Launch) -> None:
    """--connect-timeout bounds each step of connecting; exit status 28."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        client = launch("wseclient", f":{port}", "-x", "hi", "--connect-timeout", "300ms")
        assert client.finish() == 28
    assert "within 0.3 s" in client.err[-1]


def redirecting(listener: socket.socket, target: str) -> threading.Thread:
    """Redirect the first request."""
    answer = f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
    return answer_once(listener, answer.encode())


@pytest.mark.parametrize(("flags", "status"), [(("-L",), 0), ((), 22), (("-L", "--max-redirects", "0"), 22)])
def test_redirects_are_followed_on_request(launch: Launch, echo_url: str, flags: tuple[str, ...], status: int) -> None:
    """-L follows, up to --max-redirects; without it a redirect is a refusal that shows where it leads."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = redirecting(listener, echo_url)
        client = launch("wseclient", f":{listener.getsockname()[1]}", "-x", "hi", "-1", *flags)
        assert client.finish() == status, client.story
        thread.join()
    assert client.out == (["hi"] if status == 0 else [])


# -- TLS and proxies -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files of an authority, a server certificate, and a client certificate whose key has the passphrase "sesame"."""
    import trustme
    from cryptography.hazmat.primitives import serialization

    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    server = authority.issue_cert("localhost")
    client = authority.issue_cert("client@example.org")
    files = {name: str(folder / f"{name}.pem") for name in ("ca", "cert", "key", "client", "client_key")}
    authority.cert_pem.write_to_path(files["ca"])
    files["capath"] = str(folder / "hashed")
    openssl = shutil.which("openssl")
    if openssl is None:
        missing("openssl is not installed")
    hashed = subprocess.run(
        [str(openssl), "x509", "-hash", "-noout", "-in", files["ca"]], capture_output=True, text=True, check=True
    )
    Path(files["capath"]).mkdir()
    authority.cert_pem.write_to_path(str(Path(files["capath"]) / f"{hashed.stdout.strip()}.0"))
    server.private_key_pem.write_to_path(files["key"])
    for blob in server.cert_chain_pems:
        blob.write_to_path(files["cert"], append=True)
    for blob in client.cert_chain_pems:
        blob.write_to_path(files["client"], append=True)
    key = serialization.load_pem_private_key(client.private_key_pem.bytes(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"sesame"),
    )
    Path(files["client_key"]).write_bytes(encrypted)
    return files


def tls_server(launch: Launch, certificates: dict[str, str], *flags: str) -> str:
    """Start a server with TLS; returns its URL with the name in the certificate."""
    server = launch(
        "wseserver", "0", "--announce", "--cert", certificates["cert"], "--key", certificates["key"], *flags
    )
    return server.wait_for("wss://", on="out").replace("127.0.0.1", "localhost")


@pytest.mark.parametrize(
    ("flags", "host", "status"),
    [
        (("--ca", "{ca}"), "localhost", 0),
        (("-k",), "localhost", 0),
        (("--capath", "{capath}"), "localhost", 0),
        ((), "localhost", 60),
        (("--ca", "{ca}"), "127.0.0.1", 60),
        (("--ca", "{ca}", "--sni", "localhost"), "127.0.0.1", 0),
    ],
)
def test_server_certificates(
    launch: Launch, certificates: dict[str, str], flags: tuple[str, ...], host: str, status: int
) -> None:
    """A trusted authority and the right name are needed, unless -k; else 60 with one line."""
    url = tls_server(launch, certificates).replace("localhost", host)
    client = launch("wseclient", url, "-x", "hi", "-1", *[flag.format(**certificates) for flag in flags])
    assert client.finish() == status, client.story
    assert client.out == (["hi"] if status == 0 else [])
    assert len(client.err) == (1 if status else 0)


@pytest.mark.parametrize(
    ("passphrase", "status"), [("--passphrase=sesame", 0), ("--passphrase=wrong", 2), ("--passphrase", 2)]
)
def test_client_certificates(launch: Launch, certificates: dict[str, str], passphrase: str, status: int) -> None:
    """A certificate with an encrypted key is shown to the server that asks for it; without terminal nothing is asked."""
    url = tls_server(launch, certificates, "--client-ca", certificates["ca"])
    ours = ("--ca", certificates["ca"], "--cert", certificates["client"], "--key", certificates["client_key"])
    client = launch("wseclient", url, "-x", "hi", "-1", *ours, passphrase)
    assert client.finish() == status, client.story
    assert client.out == (["hi"] if status == 0 else [])


def test_tls_to_a_server_without_it(launch: Launch, echo_url: str) -> None:
    """wss to a plain server is exit status 35 with advice."""
    client = launch("wseclient", echo_url.replace("ws://", "wss://"), "-x", "hi", "-1")
    assert client.finish() == 35
    assert len(client.err) == 1


@pytest.mark.parametrize(
    ("proxy", "status"),
    [("http://name.invalid:3128", 5), ("socks5://127.0.0.1:{closed}", 7), ("http://127.0.0.1:{closed}", 7)],
)
def test_proxies_that_cannot_be_reached(launch: Launch, echo_url: str, proxy: str, status: int) -> None:
    """A proxy that does not exist or does not listen has its own line and status; --noproxy goes around it."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    flags = ("--proxy", proxy.format(closed=port))
    client = launch("wseclient", echo_url, "-x", "hi", "-1", *flags)
    assert client.finish() == status, client.story
    assert "proxy" in client.err[-1]
    around = launch("wseclient", echo_url, "-x", "hi", "-1", *flags, "--noproxy", "127.0.0.1")
    assert around.finish() == 0, around.story


# -- set-up --------------------------------------------------------------------------------------------------------------


def test_profiles_give_defaults(launch: Launch, echo_url: str, tmp_path: Path) -> None:
    """A file gives defaults for every call and for profiles; the command line wins; a repeated flag may be one value."""
    file = tmp_path / "profiles.toml"
    file.write_text(
        f'one-message = true\nheader = "X-A: 1"\n[profile.echo]\nurl = "{echo_url}"\nexecute = ["from profile"]\n',
        encoding="utf-8",
    )
    client = launch("wseclient", "--config", str(file), "--profile", "echo")
    assert client.finish() == 0, client.story
    assert client.out == ["from profile"]
    client = launch("wseclient", "--config", str(file), "--profile", "echo", "-x", "mine")
    assert client.finish() == 0
    assert client.out == ["mine"]


@pytest.mark.parametrize(
    ("text", "profile", "words"),
    [
        ("nonsense = 1", None, "there is no option 'nonsense'"),
        ("[profile.a]", "b", "has no [profile.b]; there are a"),
        ("x = ", None, "cannot be used"),
    ],
)
def test_mistakes_in_a_profile_are_named(
    launch: Launch, tmp_path: Path, text: str, profile: str | None, words: str
) -> None:
    """A key that is no option, a profile that is not there, or no TOML is a usage error."""
    file = tmp_path / "profiles.toml"
    file.write_text(text, encoding="utf-8")
    client = launch("wseclient", "--config", str(file), *(("--profile", profile) if profile else ()))
    assert client.finish() == 2
    assert words in client.err[-1]


@pytest.mark.parametrize("program", ["wseclient", "wseserver", "kclient"])
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(launch: Launch, program: str, shell: str) -> None:
    """Each shell gets a script that names the command."""
    command = launch(program, "--completion", shell)
    assert command.finish() == 0, command.story
    assert program in "\n".join(command.out)


@pytest.mark.parametrize("program", ["wseclient", "wseserver", "kclient"])
def test_version(launch: Launch, program: str) -> None:
    """-V prints name and version."""
    client = launch(program, "-V")
    assert client.finish() == 0
    assert client.out == [f"{program} {__version__}"]


# -- at a terminal -------------------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """A home of its own, so that nobody's history is touched."""
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}


def test_a_prompt_sends_and_shows(echo_url: str, terminal: LaunchOnTerminal, home: dict[str, str]) -> None:
    """What is typed is sent; the answer appears above what is being typed; Ctrl-D ends with 0."""
    client = terminal("wseclient", echo_url, env=home)
    client.wait_for("connected to")
    client.type("hello\r")
    at = client.wait_for("hello", after=client.wait_for("< "))
    client.type("unfinished")
    client.wait_for("unfinished", after=at)
    client.type("\x15\x04")
    assert client.finish() == 0


def test_a_prompt_before_a_pipe_stays_out_of_it(
    echo_url: str, terminal: LaunchOnTerminal, home: dict[str, str], tmp_path: Path
) -> None:
    """``wseclient URL | jq`` at a terminal: the prompt is on the terminal, and nothing but messages is in the pipe."""
    with (tmp_path / "pipe").open("wb") as pipe:
        client = terminal("wseclient", echo_url, "-w", "200ms", env=home, stdout=pipe)
        client.wait_for(">", after=client.wait_for("connected to"))
        client.type("hello\r")
        client.wait_for(">", after=client.wait_for("hello"))
        client.type("\x04")
        assert client.finish() == 0
    assert (tmp_path / "pipe").read_bytes() == b"hello\n"


def test_ctrl_c_at_the_prompt_closes(echo_url: str, terminal: LaunchOnTerminal, home: dict[str, str]) -> None:
    """Ctrl-C ends the conversation with 130."""
    client = terminal("wseclient", echo_url, env=home)
    client.wait_for(">", after=client.wait_for("connected to"))
    client.type("\x03")
    assert client.finish() == 130


def test_escape_sequences_do_not_reach_the_terminal(
    launch: Launch, terminal: LaunchOnTerminal, home: dict[str, str]
) -> None:
    """A hostile message is written out, not obeyed; --raw passes it through."""
    url = launch("wseserver", "0", "--announce", "--reply", "\x1b]0;owned\x07").wait_for("ws://", on="out")
    client = terminal("wseclient", url, "-x", "hi", "-1", env=home)
    assert client.finish() == 0
    assert r"\x1b]0;owned\x07" in client.shown
    raw = terminal("wseclient", url, "-x", "hi", "-1", "--raw", env=home)
    assert raw.finish() == 0
    assert "\x1b]0;owned\x07" in raw.shown


def test_history_is_kept_for_its_owner_only(echo_url: str, terminal: LaunchOnTerminal, home: dict[str, str]) -> None:
    """The last line comes back with the up key, in the next run too; the file is nobody else's to read."""
    first = terminal("wseclient", echo_url, env=home)
    first.wait_for("connected to")
    first.type("remember me\r")
    first.wait_for("remember me", after=first.wait_for("remember me"))
    first.type("\x04")
    assert first.finish() == 0
    (history,) = Path(home["HOME"]).rglob("wseclient_history")
    assert history.stat().st_mode & 0o077 == 0
    second = terminal("wseclient", echo_url, env=home)
    second.wait_for(">", after=second.wait_for("connected to"))
    second.type_until("\x1b[A", "remember me")
    second.type("\r\x04")
    assert second.finish() == 0


def test_slash_commands_at_the_prompt(echo_url: str, terminal: LaunchOnTerminal, home: dict[str, str]) -> None:
    """/ping prints a round trip, a mistake is explained and not sent, /close ends."""
    client = terminal("wseclient", echo_url, env=home)
    client.wait_for("connected to")
    client.type("/ping\r")
    client.wait_for("pong after")
    client.type("/nonsense\r")
    client.wait_for("/nonsense is no command")
    client.type("/close 4001 bye\r")
    assert client.finish() == 0


def test_a_conversation_is_recorded_and_shown_again(launch: Launch, echo_url: str, tmp_path: Path) -> None:
    """--record keeps both directions on a tape; --replay shows what was received, without a server, at any --speed."""
    tape = str(tmp_path / "a.tape")
    client = launch("wseclient", echo_url, "-x", "one", "-x", "two", "--max-messages", "2", "--record", tape)
    assert (client.finish(), client.out) == (0, ["one", "two"])
    assert "6 messages and notes recorded on" in client.err[-1]
    shown = launch("wseclient", "--replay", tape, "--speed", "max")
    assert (shown.finish(), shown.out) == (0, ["one", "two"])
