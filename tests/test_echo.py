"""The two classes that a beginner reads first do what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from wsexample import echo


class ToldStream(echo.WSEStream):
    """Notes the callbacks in the order in which they run."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self.received: asyncio.Queue[tuple[bytes, bool]] = asyncio.Queue()

    def onConnecting(self, transport_details: Any) -> None:
        self.told.append("onConnecting")
        super().onConnecting(transport_details)

    def onConnect(self, response: Any) -> None:
        self.told.append("onConnect")
        super().onConnect(response)

    def onOpen(self) -> None:
        self.told.append("onOpen")
        super().onOpen()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.told.append("onMessage")
        super().onMessage(payload, isBinary)
        self.received.put_nowait((payload, isBinary))

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.told.append("onClose")
        super().onClose(wasClean, code, reason)


async def pair() -> tuple[asyncio.Server, ToldStream]:
    server = await echo.start_server(port=0)
    stream = await echo.open_stream(port=server.sockets[0].getsockname()[1], protocol=ToldStream)
    assert isinstance(stream, ToldStream)
    return server, stream


def test_callbacks_run_in_the_documented_order(run_grid: Callable[[Any], Any]) -> None:
    """A beginner who notes the callbacks of one short connection sees each of them, in the documented order."""

    async def scenario() -> list[str]:
        server, stream = await pair()
        await stream.received.get()
        stream.sendClose(1000, "goodbye")
        await stream.is_closed
        server.close()
        return stream.told

    assert run_grid(scenario()) == ["onConnecting", "onConnect", "onOpen", "onMessage", "onClose"]


@pytest.mark.parametrize(("payload", "is_binary"), [("こんにちは".encode(), False), (b"\x00\xff", True), (b"", True)])
def test_the_server_returns_messages_as_they_came(run: Callable[[Any], Any], payload: bytes, is_binary: bool) -> None:
    """Text comes back as text and binary as binary, byte for byte."""

    async def scenario() -> tuple[bytes, bool]:
        server, stream = await pair()
        assert await stream.received.get() == (b"hello 1", False)
        stream.sendMessage(payload, is_binary)
        answer = await stream.received.get()
        stream.sendClose(1000)
        await stream.is_closed
        server.close()
        return answer

    assert run(scenario()) == (payload, is_binary)


def test_both_sides_say_what_happens(run: Callable[[Any], Any], capsys: pytest.CaptureFixture[str]) -> None:
    """The story of a connection, from connecting to the close code, is on the screen."""

    async def scenario() -> None:
        server, stream = await pair()
        await stream.received.get()
        stream.sendClose(1000, "goodbye")
        await stream.is_closed
        server.close()

    run(scenario())
    story = capsys.readouterr().out
    for part in ("client: connecting", "server: ", "asks for /", "client: received hello 1", "code 1000, goodbye"):
        assert part in story
