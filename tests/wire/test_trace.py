"""The trace shows heads and frames of both directions, and no secret."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.conftest import echo, hold, pair
from wsexample.clock import ManualClock
from wsexample.errors import ConnectError, HandshakeError
from wsexample.wire.connection import connect
from wsexample.wire.options import ServeOptions
from wsexample.wire.scripted import Expect, Script, accept, close, ping, text
from wsexample.wire.server import Reject, Request, serve
from wsexample.wire.trace import RECEIVED, SENT, Trace, active_trace, disable_trace, enable_trace, printable, tracing

Run = Callable[[Any], Any]


def lines_of(opcode: int, payload: bytes, *, fin: bool = True, rsv: int = 0, **settings: Any) -> list[str]:
    """Return what is shown of a frame, without times."""
    lines: list[str] = []
    Trace(lines.append, **settings).begin().frame(SENT, opcode, fin, rsv, payload)
    return [line.partition(" > ")[2] for line in lines]


@pytest.mark.parametrize(
    ("opcode", "payload", "shown"),
    [
        (1, "日本".encode(), "TEXT 6 日本"),
        (1, b'{"secret":"abc","a":1}', 'TEXT 22 {"secret":"***","a":1}'),
        (1, b"a\x1b[2J\r\nb", "TEXT 8 a\\x1b[2J\\r\\nb"),
        (1, b"", "TEXT 0"),
        (2, b"\x00\xff", "BINARY 2 00 ff"),
        (2, b"\x82\xa3key\xa3abc", "BINARY 9 *** (binary that names a secret)"),
        (8, b"\x03\xe8bye", "CLOSE 5 1000 bye"),
        (8, b"\x0f\xa1token=hush", "CLOSE 12 4001 token=***"),
        (8, b"", "CLOSE 0"),
        (9, b"\x01", "PING 1 01"),
        (10, b"", "PONG 0"),
        (3, b"", "OPCODE 3 0"),
    ],
)
def test_a_frame_is_one_line(opcode: int, payload: bytes, shown: str) -> None:
    """Kind, length and content, masked and safe for a terminal."""
    assert lines_of(opcode, payload) == [shown]


def test_flags_are_shown_when_they_are_unusual() -> None:
    """Fragments and reserved bits are marked."""
    assert lines_of(2, b"", fin=False, rsv=4) == ["BINARY fin=0 rsv=4 0"]


def test_fragments_hide_their_content() -> None:
    """A secret may be cut in two, where no mask recognises it; who wants to see it can."""
    assert "ab" not in lines_of(1, b'"secret":"ab', fin=False)[0]
    assert "c" not in lines_of(0, b'c"')[0].partition("(")[0][4:]
    assert lines_of(1, b"ab", fin=False, show_secrets=True) == ["TEXT fin=0 2 ab"]


def test_long_payloads_are_cut() -> None:
    """What is cut off is told, and a secret across the cut stays hidden."""
    assert lines_of(1, b"x" * 50, max_bytes=10) == ["TEXT 50 xxxxxxxxxx ... (50 bytes)"]
    assert "hush" not in lines_of(1, b'{"a":"' + b"x" * 5 + b'","token":"hush"}', max_bytes=25)[0]


def test_hex_shows_offsets_bytes_and_characters() -> None:
    """A dump is as those of other tools, and masked as well."""
    assert lines_of(2, b"0123456789abcdefg", as_hex=True) == [
        "BINARY 17",
        "  0000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef",
        "  0010  67                                               g",
    ]
    assert not any("68 75 73 68" in line for line in lines_of(1, b'{"token":"hush"}', as_hex=True))


def test_secrets_are_shown_to_who_insists() -> None:
    """For one's own eyes nothing is masked."""
    assert lines_of(1, b'{"token":"hush"}', show_secrets=True) == ['TEXT 16 {"token":"hush"}']


def test_lines_carry_time_number_and_direction() -> None:
    """Each connection has a number of its own."""
    lines: list[str] = []
    trace = Trace(lines.append, clock=ManualClock(1_700_000_000_123_456_000))  # type: ignore[arg-type]
    trace.begin().note("one")
    trace.begin().head(RECEIVED, b"HTTP/1.1 101 OK\r\nSet-Cookie: a=b\r\n\r\nrest")
    assert [line[5:] for line in lines] == [
        ":20.123456 1 * one",
        ":20.123456 2 < HTTP/1.1 101 OK",
        ":20.123456 2 < Set-Cookie: ***",
    ]


@pytest.mark.parametrize(("raw", "shown"), [("a\tb", "a\\tb"), ("\x9b", "\\x9b"), ("\u202e", "\\u202e"), ("日", "日")])
def test_control_characters_are_escaped(raw: str, shown: str) -> None:
    """Nothing that a peer sends can move the cursor or turn the text around."""
    assert printable(raw) == shown


def traced(run: Run, scenario: Callable[[Trace], Any]) -> list[str]:
    """Run something with a trace and return its lines from the direction on."""
    lines: list[str] = []
    run(scenario(Trace(lines.append)))
    return [line.split(" ", 2)[2] for line in lines]


def test_a_client_shows_its_whole_conversation(run: Run) -> None:
    """Heads without secrets, frames in order, control frames included."""

    async def scenario(trace: Trace) -> None:
        script = Script([accept(), Expect("hi"), text("hello"), ping(b"!"), close(4000, "bye")])
        async with connect(
            "ws://me:pw@x/path?token=t",
            opener=script,
            trace=trace,
            bearer="b",
            headers={"X-API-KEY": "k"},
            user_agent="",
        ) as ws:
            await ws.send("hi")
            await ws.wait_closed()

    lines = traced(run, scenario)
    assert lines[0] == "> GET /path?token=*** HTTP/1.1"
    assert {"> Authorization: ***", "> X-API-KEY: ***", "< HTTP/1.1 101 Switching Protocols"} <= set(lines)
    frames = [line for line in lines if line.split()[1] in ("TEXT", "PING", "PONG", "CLOSE")]
    assert frames == [
        "> TEXT 2 hi",
        "< TEXT 5 hello",
        "< PING 1 21",
        "> PONG 1 21",
        "< CLOSE 5 4000 bye",
        "> CLOSE 5 4000 bye",
    ]


def test_a_server_shows_both_heads_and_refusals(run: Run) -> None:
    """What came, what was answered, also when the answer is no."""

    async def judge(request: Request) -> Reject | None:
        return Reject(403) if request.path == "/no" else None

    async def scenario(trace: Trace) -> None:
        async with serve(hold, accept=judge, options=ServeOptions(trace=trace)) as server:
            async with connect(server.url):
                pass
            with pytest.raises(HandshakeError):
                await connect(f"{server.url}/no")

    lines = traced(run, scenario)
    for line in (
        "< GET / HTTP/1.1",
        "> HTTP/1.1 101 Switching Protocols",
        "< CLOSE 2 1000",
        "> HTTP/1.1 403 Forbidden",
    ):
        assert line in lines


def test_the_way_to_the_peer_is_shown(run: Run) -> None:
    """Where it connects to, with what result."""

    async def scenario(trace: Trace) -> None:
        async with serve(echo) as server:
            url = server.url
            async with connect(url, trace=trace):
                pass
        with pytest.raises(ConnectError):
            await connect(url, trace=trace)

    lines = traced(run, scenario)
    assert any(line.startswith("* connected to 127.0.0.1 port ") for line in lines)
    assert any("refused the connection" in line for line in lines)


def test_chosen_masks_are_traced_too(run: Run) -> None:
    """Frames that are masked with the caller's key show their plain content."""

    async def scenario(trace: Trace) -> None:
        async with pair(echo, trace=trace, mask_key=lambda: b"abcd") as (_, ws):
            await ws.send("x")
            await ws.receive(5)

    assert "> TEXT 1 x" in traced(run, scenario)


def test_everything_can_be_traced_for_a_while(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """A block, or from here on until told otherwise; without a function to standard error."""

    async def scenario() -> None:
        async with connect("ws://x/", opener=Script([accept(), text("seen")])) as ws:
            await ws.receive(5)

    lines: list[str] = []
    with tracing(lines.append) as trace:
        assert active_trace() is trace
        run(scenario())
    assert any(line.endswith("< TEXT 4 seen") for line in lines)
    enable_trace()
    try:
        run(scenario())
    finally:
        disable_trace()
    assert active_trace() is None
    shown = capsys.readouterr().err
    assert "< TEXT 4 seen" in shown
    run(scenario())
    assert capsys.readouterr().err == ""


def test_a_compressed_message_is_shown_as_it_was_meant(run: Run) -> None:
    """Whatever was on the wire, both directions show the words."""

    async def scenario(trace: Trace) -> None:
        async with pair(echo, server={"options": ServeOptions(compression=True)}, compression=True, trace=trace) as (
            _,
            ws,
        ):
            await ws.send("plain words")
            await asyncio.wait_for(ws.receive(), 5)

    lines = traced(run, scenario)
    assert [line for line in lines if "TEXT" in line] == ["> TEXT rsv=4 11 plain words", "< TEXT rsv=4 11 plain words"]


def test_nobody_who_reads_it_is_no_reason_to_refuse(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace on a standard error whose reader has left costs no connection."""

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    async def scenario() -> str | bytes:
        monkeypatch.setattr(sys, "stderr", Gone())
        async with serve(echo, options=ServeOptions(trace=Trace())) as server, connect(server.url) as ws:
            await ws.send("heard")
            return await ws.receive(10)

    assert run(scenario()) == "heard"
