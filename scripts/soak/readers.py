"""Readers of the hub: a steady one, a slow one, one that leaves and comes back, one over a bad network, and the blocking twin.

Each counts the numbers of every topic; what is missing from them must have been announced.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import threading
from abc import ABC, abstractmethod
from typing import Any

import msgspec

from soak.accounting import SequenceCount
from wsexample import sync as websocket
from wsexample.doors.hub import connect_hub
from wsexample.errors import ConnectionClosed, DeadlineError, WsExampleError
from wsexample.ports import Gap, Record
from wsexample.session.options import Retry
from wsexample.wire.connection import Connection, connect
from wsexample.wire.options import ConnectOptions

__all__ = ["BadNetwork", "Blocking", "ComesAndGoes", "Reader", "Slow", "Steady"]

SOON_S = 0.2
PAUSE_S, READ_S = 12.0, 8.0
SMALL_BYTES = 16 * 1024
GONE = "the hub does not have them any more"
"""How the words of a gap end that the dialect has made of what the hub no longer had."""


class Said(msgspec.Struct):
    """What is read of a hub's message: its numbers."""

    op: str
    topic: str = ""
    seq: int = 0
    from_seq: int = 0
    to_seq: int = 0
    count: int = 0
    epoch: str = ""


_several = msgspec.json.Decoder(list[Said])
_one = msgspec.json.Decoder(Said)


class Reader(ABC):
    """What all readers share: the count, and how a frame is counted."""

    name: str

    def __init__(self, url: str, seed: int) -> None:
        self.url = url
        self.count = SequenceCount()
        self.connections = 0
        self.chance = random.Random(f"{self.name} {seed}")
        self._epoch: str | None = None

    @abstractmethod
    async def run(self, stop: asyncio.Event) -> None:
        """Read until told to stop."""

    def behind(self, numbers: dict[str, int]) -> int:
        """Return how many numbers are to come."""
        return self.count.behind(numbers)

    def told(self) -> dict[str, int]:
        """Return the counts."""
        count = self.count
        return {
            "received": count.received,
            "holes": count.holes,
            "announced": count.announced,
            "doubled": count.doubled,
            "connections": self.connections,
        }

    def read(self, payload: bytes) -> None:
        """Count what a frame says."""
        for said in _several.decode(payload) if payload[:1] == b"[" else (_one.decode(payload),):
            if said.op == "data":
                self.count.number(said.topic, said.seq)
            elif said.op == "missed":
                self.count.passed_over(said.to_seq - said.from_seq + 1)
            elif said.op == "conflated":
                self.count.passed_over(said.count)
            elif said.op == "welcome":
                self._epoch = said.epoch

    def subscription(self) -> str:
        """Return the op that goes on where this reader has stopped."""
        self.connections += 1
        since = {">": 0, **self.count.last}
        op = {"op": "subscribe", "id": 1, "topics": [">"], "since": since, "epoch": self._epoch}
        return msgspec.json.encode({key: value for key, value in op.items() if value is not None}).decode()


class Steady(Reader):
    """Reads everything at once."""

    name = "steady"

    async def run(self, stop: asyncio.Event) -> None:
        """Read until told to stop."""
        while not stop.is_set():
            with contextlib.suppress(ConnectionClosed):
                async with connect(self.url) as connection:
                    await self.begin(connection)
                    await self.stay(connection, stop)

    async def begin(self, connection: Connection) -> None:
        """Take the welcome and subscribe."""
        self.read((await connection.receive_payload(timeout_s=10))[0])
        await connection.send(self.subscription())

    async def stay(self, connection: Connection, stop: asyncio.Event) -> None:
        """Read."""
        while not stop.is_set():
            with contextlib.suppress(DeadlineError):
                self.read((await connection.receive_payload(timeout_s=SOON_S))[0])


class ComesAndGoes(Steady):
    """Stays some seconds, leaves for some, and goes on where it was."""

    name = "comes and goes"

    async def stay(self, connection: Connection, stop: asyncio.Event) -> None:
        """Read for a while, unless the run is about to end."""
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + self.chance.uniform(1, 8)
        while not stop.is_set() and (loop.time() < ends_s or self.stays):
            with contextlib.suppress(DeadlineError):
                self.read((await connection.receive_payload(timeout_s=SOON_S))[0])
        await connection.close()
        if not stop.is_set():
            await asyncio.sleep(self.chance.uniform(0.1, 4))

    stays = False
    """Whether it does not leave any more."""


class Slow(Steady):
    """Takes nothing for some seconds and then what it can, through a buffer so small that TCP itself is slow.

    The system waits longer and longer before it asks a full buffer for room, so that the next seconds may pass without anything.
    """

    name = "slow"
    stays = False
    """Whether it is slow no more: it connects anew, through a buffer as large as any."""

    async def run(self, stop: asyncio.Event) -> None:
        """Read until told to stop."""
        while not stop.is_set() and not self.stays:
            options = ConnectOptions(
                url=self.url,
                sock=await self._small_socket(),
                read_ahead_messages=1,
                read_ahead_bytes=SMALL_BYTES,
                ping_interval_s=0,
                close_timeout_s=1.0,
            )
            with contextlib.suppress(ConnectionClosed):
                async with connect(options) as connection:
                    await self.begin(connection)
                    await self._read_slowly(connection, stop)
        await super().run(stop)

    async def _small_socket(self) -> socket.socket:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BYTES)
        sock.setblocking(False)
        host, port = self.url.removeprefix("ws://").partition("/")[0].split(":")
        await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
        return sock

    async def _read_slowly(self, connection: Connection, stop: asyncio.Event) -> None:
        """Pause and read by turns."""
        loop = asyncio.get_running_loop()

        def goes_on(until_s: float) -> bool:
            return not stop.is_set() and not self.stays and loop.time() < until_s

        while goes_on(float("inf")):
            ends_s = loop.time() + PAUSE_S
            while goes_on(ends_s):  # noqa: ASYNC110 - it waits for the time as well
                await asyncio.sleep(SOON_S)
            ends_s = loop.time() + READ_S
            while goes_on(ends_s):
                with contextlib.suppress(DeadlineError):
                    self.read((await connection.receive_payload(timeout_s=SOON_S))[0])


class BadNetwork(Reader):
    """A session of the library, over a network with faults; every record of every topic must come, or be in a gap."""

    name = "over a bad network"

    def __init__(self, url: str, seed: int) -> None:
        super().__init__(url, seed)
        options = ConnectOptions(url=f"{url}/v1/stream", ping_interval_s=2.0, ping_timeout_s=2.0)
        retry = Retry(first_s=0.1, max_s=2.0, proven_s=1.0, interval_s=0.05)
        since = {">": 0}  # from the first record of each topic on
        self.session = connect_hub(options, ">", since=since, retry=retry, policy="drop_oldest", limit=100_000)
        self.dialect: Any = self.session.dialect
        self.records = 0
        """Records that came; gaps of this session are not counted, gaps that the hub has published are."""

    async def run(self, stop: asyncio.Event) -> None:
        """Read until told to stop."""
        async with self.session:
            while not stop.is_set():
                with contextlib.suppress(DeadlineError):
                    self._took(await self.session.receive(timeout_s=SOON_S))
        async for record in self.session:  # what has come before the end
            self._took(record)

    def _took(self, record: Record) -> None:
        is_own = isinstance(record, Gap) and (record.venue == self.dialect.venue or record.reason.endswith(GONE))
        self.records += not is_own

    def told(self) -> dict[str, int]:
        """Return the counts of the session's dialect."""
        dialect = self.dialect
        return {
            "received": self.records,
            "holes": sum(dialect.positions.values()) - self.records,
            "announced": dialect.missed + dialect.conflated,
            "doubled": 0,
            "connections": self.session.stats.reconnects + 1,
        }

    def behind(self, numbers: dict[str, int]) -> int:
        """Return how many numbers are to come."""
        return sum(seq - self.dialect.positions.get(topic, 0) for topic, seq in numbers.items())


class Blocking(Reader):
    """The blocking twin, in a thread of its own."""

    name = "blocking"

    async def run(self, stop: asyncio.Event) -> None:
        """Read until told to stop."""
        ending = threading.Event()
        failures: list[BaseException] = []
        thread = threading.Thread(target=self._read, args=(ending, failures), name="soak blocking reader")
        thread.start()
        await stop.wait()
        ending.set()
        while thread.is_alive():  # noqa: ASYNC110 - a thread has no event for a loop
            await asyncio.sleep(0.05)
        if failures:
            raise failures[0]

    def _read(self, ending: threading.Event, failures: list[BaseException]) -> None:
        try:
            while not ending.is_set():
                self._live_once(ending)
        except (WsExampleError, websocket.WebSocketException, OSError) as error:
            failures.append(error)

    def _live_once(self, ending: threading.Event) -> None:
        """Read over one connection."""
        ws = websocket.create_connection(self.url, timeout=10)
        try:
            self.read(ws.recv().encode())
            ws.send(self.subscription())
            ws.settimeout(SOON_S)
            while not ending.is_set():
                try:
                    text = ws.recv()
                except websocket.WebSocketTimeoutException:
                    continue
                self.read(text.encode() if isinstance(text, str) else text)
        finally:
            ws.close()
