"""Servers in the test's own process for ``wseclient`` to talk to, and what they saw of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.commands import Running
from wsexample.wire.server import Request, ServerConnection


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


def code_of(client: Running) -> int:
    """Return the exit status."""
    assert client.process.returncode is not None
    return client.process.returncode


def says(*messages: str | bytes) -> Handler:
    """A server that says these and closes."""

    async def handle(ws: ServerConnection, seen: Seen) -> None:
        for message in messages:
            await ws.send(message)

    return handle


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
