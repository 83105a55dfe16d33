"""How ``wseclient`` ends, with which exit status, and how it stays connected on request."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.cli.client.talking import Conversed, Seen, code_of, keep
from tests.commands import Launch, Running
from wsexample import ServeOptions
from wsexample.wire.server import ServerConnection

WINDOWS = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently on Windows")


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


def test_no_resend_counts_while_there_is_input_too(launch: Launch) -> None:
    """Standard input that goes on is no reason to say the first messages again."""
    server = launch("wseserver", "0", "--announce", "--drop-after", "1", "--close-code", "1011")
    url = server.wait_for("ws://", on="out")
    flags = ("-x", "first", "--file", "-", "--reconnect=50ms", "--no-resend", "-v")
    client = launch("wseclient", url, *flags, stdin=subprocess.PIPE)
    client.wait_for("wseclient: connected to", count=2)
    client.send("last\n")
    client.wait_for("last", on="out")
    client.terminate()
    client.finish()
    assert client.out == ["first", "last"]


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
