"""A link tells how a connection ended, and sends with the caller's masks; the rest is seen through its connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.conftest import hold, pair
from wsexample.errors import ConnectionClosed, DeadlineError, HandshakeError, OptionError
from wsexample.wire.connection import connect
from wsexample.wire.scripted import Script, accept

Run = Callable[[Any], Any]


def test_while_closing_the_facts_are_known(run: Run) -> None:
    """Between our close frame and the peer's answer it is told who began and with what."""

    async def scenario() -> tuple[int, str, bool]:
        async with pair(hold) as (_, ws):
            ws.start_close(4000, "enough")
            facts = ws._link.closing_facts()
            return facts.code, facts.reason, facts.by_peer

    assert run(scenario()) == (4000, "enough", False)


def test_giving_up_keeps_its_cause(run: Run) -> None:
    """What ended the connection from this side is the cause of the error that others see."""

    async def scenario() -> tuple[int, BaseException | None]:
        async with connect("ws://x/", opener=Script([accept()])) as ws:
            cause = DeadlineError("no pong", step="pong", timeout_s=1)
            ws._link.give_up(cause)
            await ws.wait_closed()
            error = ws._closing_error()
            return error.code, error.__cause__

    code, cause = run(scenario())
    assert code == 1006
    assert isinstance(cause, DeadlineError)


def test_a_wrong_masking_key_is_found_at_once(run: Run) -> None:
    """A key has four bytes (RFC 6455 section 5.3); nothing is sent with another."""

    async def scenario() -> int:
        script = Script([accept()])
        async with connect("ws://x/", opener=script, mask_key=lambda: b"abc", ping_interval_s=0) as ws:
            with pytest.raises(OptionError, match="4 bytes"):
                await ws.send("x")
            ws.abort()
            await ws.wait_closed()
        return len(script.frames)

    assert run(scenario()) == 0


def test_an_end_without_a_connection_harms_nobody(run: Run) -> None:
    """A socket that ends before its connection was made is forgotten."""

    async def scenario() -> None:
        async with pair(hold) as (server, ws):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET / HTTP/1.1\r\n")
            writer.close()
            await ws.ping(timeout_s=5)
            assert await reader.read() == b""

    run(scenario())


def test_interim_answers_are_bounded(run: Run) -> None:
    """A server that says "100 Continue" without end is given up; a few before the real answer are passed over."""

    async def scenario() -> str:
        interim = b"HTTP/1.1 100 Continue\r\n\r\n"
        async with connect("ws://x/", opener=Script([interim * 100, accept()])) as ws:
            ws.abort()
        with pytest.raises(HandshakeError) as caught:
            await connect("ws://x/", opener=Script([interim * 3000, accept()]))
        return str(caught.value)

    assert "interim answers are longer" in run(scenario())


def test_what_was_read_before_a_break_is_delivered_whole(run: Run) -> None:
    """Frames that have to wait for further turns of the loop come before the news that the connection is over."""

    async def scenario() -> tuple[int, BaseException | None]:
        ws = await connect("ws://x/", opener=Script([accept()]), ping_interval_s=0)
        ws._link.data_received(b"\x01\x01a\x80\x01b" * 1000)  # messages in two fragments: a turn for every few
        ws._link.connection_lost(ConnectionResetError())
        received = 0
        while True:
            try:
                await ws.receive(5)
            except ConnectionClosed as error:
                return received, error.__cause__
            received += 1

    received, cause = run(scenario())
    assert received == 1000
    assert isinstance(cause, ConnectionResetError)
