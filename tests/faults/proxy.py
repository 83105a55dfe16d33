"""`FaultProxy`: a TCP proxy on the loopback that does to the bytes of a connection what bad networks do.

It lives in a thread with a loop of its own, so that blocking and asynchronous tests use it in the same way: its methods return
when the fault is there. What is inside the bytes it does not know.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any, Self

DEADLINE_S = 10.0
READ_BYTES = 65536
TICK_S = 0.01
"""How often a throttled way passes something."""
Fault = Callable[["FaultProxy"], None]


class Way:
    """What happens to the bytes of one direction, on connections there are and to come."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.flows = asyncio.Event()
        self.passed_bytes = 0
        self.heal()

    def heal(self) -> None:
        """Pass everything, at once and as it came; what was held goes out."""
        self.delay_s = 0.0
        self.bytes_per_s = 0.0
        self.piece_bytes = 0
        self.corrupt_bytes = 0
        self.cut_after_bytes: int | None = None
        self.cuts_with_reset = False
        self.jitter_s = 0.0
        self.reads.set()
        self.flows.set()


class FaultProxy:
    """Passes connections on to a port of this machine until it is told to go wrong; leave the block to stop it.

    Ways are "up" (from the client to the server), "down" and "both". Faults add up until `heal`.

    Parameters:
        upstream_port: where the server listens.
        seed: what is drawn by chance (where a byte is corrupted, and how) is drawn from it.
    """

    def __init__(self, upstream_port: int, *, seed: int = 0) -> None:
        self.upstream_port = upstream_port
        self.seed = seed
        self.port = 0
        self.accepted = 0
        """Connections so far."""
        self._random = random.Random(seed)
        self._ways: dict[str, Way] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._start)
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive(), "the fault proxy goes on"
        self._loop.close()

    # -- faults --------------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Close every connection on both sides (FIN)."""
        self._do(self._end, False)

    def reset(self) -> None:
        """Reset every connection on both sides (RST)."""
        self._do(self._end, True)

    def cut_after(self, count: int, way: str = "down", *, with_reset: bool = False) -> None:
        """Cut (or reset) the connection that passes this many bytes more, after them: inside a frame or a handshake."""
        self._change(way, "cuts_with_reset", with_reset)
        self._change(way, "cut_after_bytes", count)

    def half_open(self) -> None:
        """Let no byte through either way, nor the news that one side is gone; TCP stays."""
        self.stall("both")

    def stall(self, way: str) -> None:
        """Read no more from the sender of this way, which feels it when the buffers are full."""
        self._gate(way, "reads", "flows")

    def hold(self, way: str) -> None:
        """Keep segments back until `heal`, which lets them go in one burst; the sender feels nothing."""
        self._gate(way, "flows")

    def throttle(self, bytes_per_s: float, way: str = "both") -> None:
        """Pass at most this many bytes in a second."""
        self._change(way, "bytes_per_s", bytes_per_s)

    def delay(self, delay_s: float, way: str = "both") -> None:
        """Pass everything so much later."""
        self._change(way, "delay_s", delay_s)

    def split(self, piece_bytes: int = 1, way: str = "both") -> None:
        """Send pieces of this size, each in a segment of its own."""
        self._change(way, "piece_bytes", piece_bytes)

    def reorder(self, jitter_s: float = 0.02, way: str = "both") -> None:
        """Deliver segments in another order in time: each so much later at most, by chance, and cut anew by chance.

        TCP keeps the order of one direction of one connection, so one that is late holds up those behind it, which then come
        in a burst; what was said on the other way or another connection meanwhile comes first.
        """
        self._change(way, "jitter_s", jitter_s)

    def corrupt(self, count: int = 1, way: str = "down") -> None:
        """Change one byte in each of the next segments, so many of them."""
        self._change(way, "corrupt_bytes", count)

    def heal(self) -> None:
        """End every fault; connections that live go on, and what was held or stalled arrives."""

        def heal() -> None:
            for way in self._ways.values():
                way.heal()

        self._do(heal)

    def passed_bytes(self, way: str) -> int:
        """Bytes that went this way so far."""
        return self._ways[way].passed_bytes

    # -- inside --------------------------------------------------------------------------------------------------

    def _do(self, work: Callable[..., Any], *args: Any) -> None:
        """Run something in the proxy's loop and wait until it is done."""

        async def call() -> None:
            result = work(*args)
            if asyncio.iscoroutine(result):
                await result

        asyncio.run_coroutine_threadsafe(call(), self._loop).result(DEADLINE_S)

    def _ways_named(self, name: str) -> list[Way]:
        return list(self._ways.values()) if name == "both" else [self._ways[name]]

    def _change(self, way: str, field: str, value: float) -> None:
        def change() -> None:
            for each in self._ways_named(way):
                setattr(each, field, value)

        self._do(change)

    def _gate(self, way: str, *events: str) -> None:
        self._do(lambda: [getattr(each, event).clear() for each in self._ways_named(way) for event in events])

    async def _start(self) -> None:
        self._ways = {"up": Way(), "down": Way()}
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        self._end(True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # transports close their sockets in the turn after

    def _end(self, with_reset: bool) -> None:
        for writer in self._writers:
            if with_reset:
                _reset(writer)
            else:
                writer.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        self._writers.add(writer)
        ends = [writer]
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.upstream_port)
            ends.append(far_writer)
            self._writers.add(far_writer)
            for end in ends:
                end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._carry(self._ways["up"], reader, far_writer))
                pumps.create_task(self._carry(self._ways["down"], far_reader, writer))
        except* ConnectionResetError:
            for end in ends:
                _reset(end)
        except* (OSError, asyncio.CancelledError):
            pass  # refused, cut, or the proxy stops: both ends learn it below
        finally:
            for end in ends:
                end.close()
                self._writers.discard(end)
            self._tasks.discard(task)

    async def _carry(self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one direction of one connection to its end."""
        segments: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        async with asyncio.TaskGroup() as both:
            both.create_task(self._read(way, reader, segments))
            both.create_task(self._write(way, segments, writer))

    async def _read(self, way: Way, reader: asyncio.StreamReader, segments: asyncio.Queue[tuple[float, bytes]]) -> None:
        data = b"begin"
        while data:
            await way.reads.wait()
            data = await reader.read(READ_BYTES)
            await way.reads.wait()
            jitter_s = self._random.uniform(0, way.jitter_s) if way.jitter_s else 0.0
            segments.put_nowait((self._loop.time() + way.delay_s + jitter_s, data))

    async def _write(
        self, way: Way, segments: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        while True:
            due, data = await segments.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            await way.flows.wait()
            if not data:
                writer.write_eof()
                return
            if way.corrupt_bytes:
                way.corrupt_bytes -= 1
                data = self._corrupted(data)
            while data:
                await way.flows.wait()
                data = data[await self._write_piece(way, data, writer) :]

    async def _write_piece(self, way: Way, data: bytes, writer: asyncio.StreamWriter) -> int:
        """Write the beginning of a segment as the way's faults have it; returns how many bytes."""
        size = way.piece_bytes or (self._random.randint(1, len(data)) if way.jitter_s else len(data))
        if way.bytes_per_s:
            size = min(size, max(1, int(way.bytes_per_s * TICK_S)))
        if way.cut_after_bytes is not None:
            size = min(size, way.cut_after_bytes)
        piece = data[:size]
        writer.write(piece)
        await writer.drain()
        way.passed_bytes += len(piece)
        if way.cut_after_bytes is not None:
            way.cut_after_bytes -= len(piece)
            if not way.cut_after_bytes:
                way.cut_after_bytes = None
                if way.cuts_with_reset:
                    raise ConnectionResetError("reset here")
                raise ConnectionAbortedError("cut here")
        await asyncio.sleep(len(piece) / way.bytes_per_s if way.bytes_per_s else 0)
        return len(piece)

    def _corrupted(self, data: bytes) -> bytes:
        at = self._random.randrange(len(data))
        return data[:at] + bytes((data[at] ^ self._random.randrange(1, 256),)) + data[at + 1 :]


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


ENDING: dict[str, Fault] = {
    "cut": FaultProxy.cut,
    "reset": FaultProxy.reset,
    "cut inside a frame": lambda proxy: proxy.cut_after(3),
}
"""Faults after which a connection is over."""
SILENCING: dict[str, Fault] = {
    "half-open": FaultProxy.half_open,
    "stalled up": lambda proxy: proxy.stall("up"),
    "stalled down": lambda proxy: proxy.stall("down"),
    "held": lambda proxy: proxy.hold("down"),
}
"""Faults that let nothing through until they are healed."""
SLOWING: dict[str, Fault] = {
    "throttled": lambda proxy: proxy.throttle(20_000),
    "delayed": lambda proxy: proxy.delay(0.01),
    "split": FaultProxy.split,
    "reordered": FaultProxy.reorder,
}
"""Faults through which everything comes, whole and in order."""
SPOILING: dict[str, Fault] = {
    "corrupted up": lambda proxy: proxy.corrupt(1, "up"),
    "corrupted down": lambda proxy: proxy.corrupt(1, "down"),
}
"""Faults after which anything may have been said."""
FAULTS = ENDING | SILENCING | SLOWING | SPOILING
