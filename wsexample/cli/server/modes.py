"""What a client of ``wseserver`` gets: its own messages, those of the others, a fixed reply, or a program of its own.

A mode talks to a `Client`, which counts and misbehaves as it was told; sockets are left to the wire.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from wsexample.cli.client.outgoing import Encoder, Message, Splitter
from wsexample.cli.server.status import Traffic
from wsexample.cli.stdin import StdinReader
from wsexample.errors import ConnectionClosed, OptionError, StateError
from wsexample.wire.server import ServerConnection

__all__ = ["Bridge", "Broadcast", "Client", "Echo", "Exec", "Faults", "Mode", "Reply"]

PING = 9
CHILD_GRACE_S = 3.0
"""How long a client's program may go on after its client has left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How the server misbehaves, for tests of clients."""

    latency_s: float = 0.0
    """Seconds that each message is held back before the server looks at it."""
    drop_after: int | None = None
    """Messages after which a connection is cut, or closed when there is a close code."""
    close_code: int | None = None
    """Code with which each connection is closed: after ``drop_after`` messages, or at once without that."""
    pongs: int | None = None
    """Pings that are answered on each connection before no more are; None answers all."""


class Client:
    """One connection as a mode sees it.

    Parameters:
        ws: the connection.
        traffic: the server's counters.
        faults: how to misbehave.
    """

    def __init__(self, ws: ServerConnection, traffic: Traffic, faults: Faults) -> None:
        self.ws = ws
        self._traffic = traffic
        self._faults = faults
        self.received = 0
        """Messages received from this client."""
        self.sent = 0
        """Messages sent to it."""
        if faults.pongs is not None:
            self._pongs_left = faults.pongs
            ws.on_control = self._control_received

    def _control_received(self, opcode: int, payload: bytes) -> None:
        if opcode == PING and self._pongs_left > 0:
            self._pongs_left -= 1
            self.ws.pong(payload)

    async def send(self, message: Message) -> None:
        """Send a message; waits while the client is behind."""
        await self.ws.send(message)
        self.sent += 1
        self._traffic.sent += 1
        self._traffic.sent_bytes += len(message)

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what the client sends; ends with the connection, or when a fault ends it."""
        faults, traffic = self._faults, self._traffic
        if faults.close_code is not None and faults.drop_after is None:
            await self.ws.close(faults.close_code, "as told")
            return
        async for message in self.ws:
            if faults.latency_s:
                await asyncio.sleep(faults.latency_s)
            self.received += 1
            traffic.received += 1
            traffic.received_bytes += len(message)
            yield message
            if faults.drop_after is not None and self.received >= faults.drop_after:
                if faults.close_code is None:
                    self.ws.abort()
                else:
                    await self.ws.close(faults.close_code, "as told")
                return


class Mode(Protocol):
    """What clients get."""

    name: str
    """For people and metrics."""

    async def serve(self, client: Client) -> None:
        """Serve one client until it leaves; returning closes the connection with 1000."""
        ...

    async def run(self) -> None:
        """Do what is to be done beside the clients, for ever; what it raises ends the server."""
        ...


class _Quiet:
    """A mode with nothing to do beside its clients."""

    async def run(self) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()


class Echo(_Quiet):
    """Each message goes back to whoever sent it."""

    name = "echo"

    async def serve(self, client: Client) -> None:
        """Serve one client."""
        async for message in client.messages():
            await client.send(message)


class Reply(_Quiet):
    """Each message is answered with the same text."""

    name = "reply"

    def __init__(self, answer: Message) -> None:
        self._answer = answer

    async def serve(self, client: Client) -> None:
        """Serve one client."""
        async for _ in client.messages():
            await client.send(self._answer)


class Broadcast(_Quiet):
    """Each message goes to all other clients; one that cannot keep up loses its oldest messages.

    Parameters:
        queue_messages: messages that may wait for one client.
        traffic: counts what is dropped.
    """

    name = "broadcast"

    def __init__(self, queue_messages: int, traffic: Traffic) -> None:
        self._queue_messages = queue_messages
        self._traffic = traffic
        self._readers: dict[Client, _Outbox] = {}

    async def serve(self, client: Client) -> None:
        """Serve one client."""
        outbox = self._readers[client] = _Outbox(self._queue_messages)
        writer = asyncio.ensure_future(outbox.drain(client))
        try:
            async for message in client.messages():
                for other, reader in self._readers.items():
                    if other is not client:
                        self._traffic.dropped += reader.put(message)
        finally:
            del self._readers[client]
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)


class _Outbox:
    """Messages that wait for one client."""

    def __init__(self, limit: int) -> None:
        self._queue: deque[Message] = deque()
        self._limit = limit
        self._has_more = asyncio.Event()

    def put(self, message: Message) -> int:
        """Add a message; returns how many older ones had to go."""
        self._queue.append(message)
        self._has_more.set()
        if len(self._queue) > self._limit:
            self._queue.popleft()
            return 1
        return 0

    async def drain(self, client: Client) -> None:
        """Send what waits, for ever."""
        with contextlib.suppress(ConnectionClosed, StateError):
            while True:
                while self._queue:
                    await client.send(self._queue.popleft())
                self._has_more.clear()
                await self._has_more.wait()


class Bridge:
    """Lines of standard input go to every client, messages of every client to standard output.

    Parameters:
        encoder: how lines become messages.
        show: writes a message; waits as long as nobody reads what is written.
    """

    name = "stdio"

    def __init__(self, encoder: Encoder, show: Callable[[Message], Awaitable[None]]) -> None:
        self._encoder = encoder
        self._show = show
        self._clients: dict[Client, None] = {}
        self._has_client = asyncio.Event()
        self._failure: OSError | None = None
        self._has_failed = asyncio.Event()

    async def serve(self, client: Client) -> None:
        """Serve one client."""
        self._clients[client] = None
        self._has_client.set()
        try:
            async for message in client.messages():
                try:
                    await self._show(message)
                except OSError as error:
                    self._failure = error
                    self._has_failed.set()
                    await client.ws.wait_closed()  # as the server does with all of them
                    return
        finally:
            del self._clients[client]

    async def run(self) -> None:
        """Read standard input; raises `OSError` when standard output takes nothing any more."""
        reading = asyncio.ensure_future(self._read())
        try:
            await self._has_failed.wait()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        assert self._failure is not None
        raise self._failure

    async def _read(self) -> None:
        """Read standard input once there is somebody to read it to; its end ends nothing else."""
        await self._has_client.wait()
        reader, splitter = StdinReader(), Splitter()
        while block := await reader.read():
            for piece in splitter.feed(block):
                await self._send_all(piece)
        for piece in splitter.finish():
            await self._send_all(piece)

    async def _send_all(self, piece: bytes) -> None:
        try:
            message = self._encoder.encode(piece)
        except OptionError:
            message = piece
        for client in list(self._clients):
            with contextlib.suppress(ConnectionClosed, StateError):
                await client.send(message)


class Exec(_Quiet):
    """Each client has a program of its own: messages are its lines of input, its lines of output are messages.

    Parameters:
        command: run by the system's shell; variables tell who is there: WSE_REMOTE, WSE_PATH, WSE_QUERY, and
            HTTP_... for each request header.
        is_binary: whether output is sent as binary messages as it comes, and input is passed on without newlines.
        note: tells what happens to a program.
    """

    name = "exec"

    def __init__(self, command: str, *, is_binary: bool, note: Callable[[str], None]) -> None:
        self._command = command
        self._is_binary = is_binary
        self._note = note

    async def serve(self, client: Client) -> None:
        """Serve one client."""
        child = await asyncio.create_subprocess_shell(
            self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=sys.platform != "win32",  # so that what the shell runs can be ended with it
            env={**os.environ, **_introduction(client.ws)},
        )
        feeding = asyncio.ensure_future(self._feed(client, child))
        speaking = asyncio.ensure_future(self._speak(client, child))
        try:
            await asyncio.wait({feeding, speaking}, return_when=asyncio.FIRST_COMPLETED)
            if speaking.done():
                await self._conclude(client, child)
        finally:
            await self._end(child)
            for task in (feeding, speaking):
                task.cancel()
            await asyncio.gather(feeding, speaking, return_exceptions=True)

    async def _feed(self, client: Client, child: asyncio.subprocess.Process) -> None:
        assert child.stdin is not None
        with contextlib.suppress(ConnectionClosed, BrokenPipeError, ConnectionResetError):
            async for message in client.messages():
                data = message.encode() if isinstance(message, str) else message
                child.stdin.write(data if self._is_binary else data + b"\n")
                await child.stdin.drain()

    async def _speak(self, client: Client, child: asyncio.subprocess.Process) -> None:
        assert child.stdout is not None
        splitter = Splitter()
        with contextlib.suppress(ConnectionClosed, StateError):
            while block := await child.stdout.read(65536):
                for piece in [block] if self._is_binary else splitter.feed(block):
                    await client.send(piece if self._is_binary else piece.decode("utf-8", "replace"))
            for piece in splitter.finish():
                await client.send(piece.decode("utf-8", "replace"))

    async def _conclude(self, client: Client, child: asyncio.subprocess.Process) -> None:
        """The program closed its output: say how it ended."""
        try:
            async with asyncio.timeout(CHILD_GRACE_S):
                code = await child.wait()
        except TimeoutError:
            return
        if code != 0 and client.ws.is_open:
            self._note(f"{client.ws.peer}: the command ended with {code}")
            await client.ws.close(1011, f"the command ended with {code}")

    async def _end(self, child: asyncio.subprocess.Process) -> None:
        """Let a program go: end its input, then ask, then insist."""
        assert child.stdin is not None
        child.stdin.close()
        try:
            for is_last in (False, True):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CHILD_GRACE_S):
                        await child.wait()
                        return
                _stop(child, for_good=is_last)
            await child.wait()
        finally:
            if child.returncode is None:  # given up: whoever stops the server insists
                _stop(child, for_good=True)


def _stop(child: asyncio.subprocess.Process, *, for_good: bool) -> None:
    """End a program and all that its shell has started for it; Windows ends the shell alone."""
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            child.kill()
        else:
            os.killpg(child.pid, signal.SIGKILL if for_good else signal.SIGTERM)


def _introduction(ws: ServerConnection) -> Mapping[str, str]:
    request = ws.request
    query = "&".join(f"{name}={value}" for name, values in request.query.items() for value in values)
    known = {"WSE_REMOTE": request.remote, "WSE_PATH": request.path, "WSE_QUERY": query}
    # A header called Proxy must not become HTTP_PROXY, which programs take for a setting (httpoxy, CVE-2016-5385);
    # credentials are the server's business (RFC 3875 section 4.1.18).
    headers = {name: value for name, value in request.headers.items() if name not in ("proxy", "authorization")}
    known |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    return {name: value.replace("\0", "") for name, value in known.items()}
