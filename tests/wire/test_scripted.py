"""A script is a server without a port: it answers, waits, checks and drops as told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from wsexample.errors import ConnectionClosed, HandshakeError
from wsexample.wire.connection import connect
from wsexample.wire.scripted import Drop, Expect, Frame, Script, Wait, accept, binary, close, ping, pong, text

RunGrid = Callable[[Any], Any]
URL = "ws://scripted/"


def test_steps_run_in_order(run_grid: RunGrid) -> None:
    """A conversation goes back and forth as it is written."""

    async def scenario() -> tuple[list[str | bytes], Script]:
        script = Script([accept(), text("hello"), Expect("sub"), text("a") + binary(b"b"), Expect(), close(1000)])
        async with connect(URL, opener=script) as ws:
            received = [await ws.receive(5)]
            await ws.send("sub")
            received += [await ws.receive(5), await ws.receive(5)]
            await ws.send(b"anything")
            received += [message async for message in ws]
            return received, script

    received, script = run_grid(scenario())
    assert received == ["hello", "a", b"b"]
    assert script.sent == ["sub", b"anything"]
    assert script.connections == 1
    script.check()


def test_a_message_cut_anywhere_arrives_whole(run: RunGrid) -> None:
    """Bytes are delivered as pieces of a stream, wherever they are cut."""

    async def scenario(cut: int) -> str | bytes:
        data = text("日本語")
        async with connect(URL, opener=Script([accept(), data[:cut], data[cut:]])) as ws:
            return await ws.receive(5)

    assert {run(scenario(cut)) for cut in range(1, 11)} == {"日本語"}


def test_another_message_than_expected_is_told(run: RunGrid) -> None:
    """The client loses its connection, and the test learns what came instead."""

    async def scenario() -> Script:
        script = Script([accept(), Expect("right"), text("never")])
        async with connect(URL, opener=script) as ws:
            await ws.send("wrong")
            with pytest.raises(ConnectionClosed):
                await ws.receive(5)
        return script

    with pytest.raises(AssertionError, match="sent 'wrong', the script expects 'right'"):
        run(scenario()).check()


@pytest.mark.parametrize(("message", "is_fine"), [("subscribe X", True), ("other", False)])
def test_a_function_may_judge(run: RunGrid, message: str, is_fine: bool) -> None:
    """What is expected can be more than one literal message."""

    async def scenario() -> bool:
        script = Script([accept(), Expect(lambda sent: str(sent).startswith("subscribe")), close()])
        async with connect(URL, opener=script) as ws:
            await ws.send(message)
            await ws.wait_closed()
        return script.failure is None

    assert run(scenario()) is is_fine


def test_a_script_waits_for_the_test(run: RunGrid) -> None:
    """What happens next can be held back until the test wants it."""

    async def scenario() -> str | bytes:
        event = asyncio.Event()
        async with connect(URL, opener=Script([accept(), Wait(event), text("now")])) as ws:
            assert ws.waiting == 0
            event.set()
            return await ws.receive(5)

    assert run(scenario()) == "now"


def test_a_script_that_still_waits_ends_with_its_connection(run: RunGrid) -> None:
    """Leaving early leaves no task behind."""

    async def scenario() -> int | None:
        async with connect(URL, opener=Script([accept(), Wait(asyncio.Event())])) as ws:
            pass
        return ws.close_code

    assert run(scenario()) == 1000


def test_further_connections_have_their_own_steps(run: RunGrid) -> None:
    """A client that comes again meets what is written for it; the last steps are repeated."""

    async def scenario() -> list[str | bytes]:
        script = Script([accept(), text("first"), Drop()], [accept(), text("then")])
        received = []
        for _ in range(3):
            async with connect(URL, opener=script) as ws:
                received.append(await ws.receive(5))
        return received

    assert run(scenario()) == ["first", "then", "then"]


def test_an_answer_can_be_any_bytes(run: RunGrid) -> None:
    """A refusal is written as it would come."""

    async def scenario() -> HandshakeError:
        script = Script([b"HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno"])
        with pytest.raises(HandshakeError) as caught:
            await connect(URL, opener=script)
        return caught.value

    error = run(scenario())
    assert (error.status, error.headers["retry-after"], error.body) == (429, "7", b"no")


def test_the_acceptance_can_say_more(run: RunGrid) -> None:
    """Subprotocol and headers of the 101 are as the script has them."""

    async def scenario() -> tuple[str | None, str]:
        script = Script([accept("v2", X_Served_By="script")])
        async with connect(URL, opener=script, subprotocols=["v1", "v2"]) as ws:
            return ws.subprotocol, ws.response_headers["x-served-by"]

    assert run(scenario()) == ("v2", "script")


def test_what_the_client_sent_is_kept(run: RunGrid) -> None:
    """Requests, frames and messages can be looked at afterwards, fragments joined."""

    async def scenario() -> Script:
        script = Script([accept(), ping(b"p"), pong(b"q")])
        async with connect(URL, opener=script, headers={"X": "y"}, read_ahead_messages=1) as ws:
            await ws.send_fragments(["a", "b"])
            await ws.send(bytes(70_000))
            await ws.send("x" * 200)
        return script

    script = run(scenario())
    assert b"X: y\r\n" in script.requests[0]
    assert script.sent == ["ab", bytes(70_000), "x" * 200]
    assert Frame(1, b"a", False) in script.frames
    assert Frame(10, b"p", True) in script.frames
    assert script.frames[-1] == Frame(8, b"\x03\xe8", True)


def test_back_pressure_holds_for_a_script(run: RunGrid) -> None:
    """A client that is behind pauses its script, and gets everything in the end."""

    async def scenario() -> list[str | bytes]:
        script = Script([accept(), *(text(str(n)) for n in range(50)), close()])
        async with connect(URL, opener=script, read_ahead_messages=4) as ws:
            for _ in range(200):
                await asyncio.sleep(0)
            assert ws.waiting <= 5
            return [message async for message in ws]

    assert run(scenario()) == [str(n) for n in range(50)]
