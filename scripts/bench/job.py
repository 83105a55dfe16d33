"""What one measurement is told, and the meter that decides when its window begins and ends.

The meter reads the CPU clock of its own process once in some hundred messages; all subjects pay the same for it.
"""

from __future__ import annotations

import asyncio
import os
import resource
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.payloads import Payloads, payloads, server_frame

__all__ = ["Job", "Meter"]

NEVER = 1 << 62


class Meter:
    """Counts messages, checks some of them whole, and takes the CPU time of a window after a warm-up."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.done = False
        self.finished: asyncio.Future[None] | None = None
        self.result: dict[str, Any] = {}
        self.size = 0
        self._count = 0
        self._start: tuple[float, float, Any, int] | None = None
        self._born_cpu = time.process_time()
        self._born_wall = time.perf_counter()
        self._checked = 0

    # -- receiving: lengths are summed by the subject, whole messages are compared here -----------------------------

    def begin(self, delivers: str) -> int:
        """Say what the subject counts ("bytes" or "chars"); returns the total at which to call `lap`."""
        load = self.job.payloads
        self.size = load.size_bytes if delivers == "bytes" else load.size_chars
        self._expected: tuple[Any, ...] = load.raw if delivers == "bytes" else load.texts
        self._open()
        return self.size * self.job.chunk

    def lap(self, total: int, message: Any) -> int:
        """Take note of a total and of the message that reached it; returns the next total to call at."""
        count, rest = divmod(total, self.size)
        if rest:
            raise AssertionError(f"{total} is not a whole number of messages of {self.size}")
        if message is not None and message != self._expected[(count - 1) % len(self._expected)]:
            raise AssertionError(f"message {count} is not what was sent")
        self._checked += message is not None
        if self.job.ack_fd is not None:
            os.write(self.job.ack_fd, b"x")
        self._note(count)
        return NEVER if self.done else total + self.size * self.job.chunk

    # -- sending and local work: the subject says how many it did ---------------------------------------------------

    def add(self, count: int) -> bool:
        """Take note of so many more messages; returns whether to go on."""
        if self.finished is None:
            self._open()
        self._note(self._count + count)
        return not self.done

    # -- the window -------------------------------------------------------------------------------------------------

    def fail(self, reason: str) -> None:
        """The connection ended; that is an error while the window is open."""
        if not self.done and self.finished is not None and not self.finished.done():
            self.finished.set_exception(ConnectionError(reason))

    def _open(self) -> None:
        try:
            self.finished = asyncio.get_running_loop().create_future()
        except RuntimeError:
            self.finished = None

    def _note(self, count: int) -> None:
        self._count = count
        cpu, wall = time.process_time(), time.perf_counter()
        job = self.job
        if self._start is None:
            warm = count >= job.warm_messages and cpu - self._born_cpu >= job.warm_s
            if warm or wall - self._born_wall > job.longest_s / 2:
                # the clocks are read last, so that the system calls of reading usage stay out of the window
                usage = resource.getrusage(resource.RUSAGE_SELF)
                self._start = (time.process_time(), time.perf_counter(), usage, count)
            return
        cpu0, wall0, usage0, count0 = self._start
        enough = count - count0 >= job.min_messages and cpu - cpu0 >= job.window_s
        if not enough and wall - self._born_wall <= job.longest_s:
            return
        usage = resource.getrusage(resource.RUSAGE_SELF)
        self.result = {
            "messages": count - count0,
            "cpu_s": cpu - cpu0,
            "wall_s": wall - wall0,
            "user_s": usage.ru_utime - usage0.ru_utime,
            "system_s": usage.ru_stime - usage0.ru_stime,
            "preempted": usage.ru_nivcsw - usage0.ru_nivcsw,
            "checked": self._checked,
        }
        self.done = True
        if self.finished is not None and not self.finished.done():
            self.finished.set_result(None)


@dataclass
class Job:
    """One measurement, as the process under test sees it."""

    workload: str
    operation: str
    subject: str
    variant: str
    loop: str
    kind: str = ""
    port: int = 0
    certificate: str | None = None
    """PEM files of a chain, a key and an authority, joined by ":"; None is plain TCP."""
    deflate: bool = False
    chunk: int = 997
    group: int = 64
    readers: int = 1000
    warm_messages: int = 2000
    warm_s: float = 0.05
    min_messages: int = 2000
    window_s: float = 0.3
    longest_s: float = 20.0
    ack_fd: int | None = None
    told_fd: int | None = None
    burst: int = 1
    detail: dict[str, Any] = field(default_factory=dict)
    """What only some rows want to know."""

    def __post_init__(self) -> None:
        self.meter = Meter(self)

    @property
    def payloads(self) -> Payloads:
        return payloads(self.kind)

    @property
    def delivers(self) -> str:
        """What an API counts that hands text over as str: characters of text, bytes of binary messages."""
        return "bytes" if self.payloads.is_binary else "chars"

    @property
    def fastnet(self) -> bool:
        return self.loop.endswith("+fastnet")

    @property
    def url(self) -> str:
        return f"{'wss' if self.certificate else 'ws'}://127.0.0.1:{self.port}/"

    def client_tls(self) -> ssl.SSLContext | None:
        """Return a context that trusts the load server, None for plain TCP."""
        if self.certificate is None:
            return None
        return ssl.create_default_context(cafile=self.certificate.split(":")[2])

    def server_tls(self) -> ssl.SSLContext | None:
        """Return a context with the load's own certificate, None for plain TCP."""
        if self.certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        chain, key, _ = self.certificate.split(":")
        context.load_cert_chain(chain, key)
        return context

    def listening(self, port: int) -> None:
        """Tell the runner that the server under test accepts connections."""
        print(f"PORT {port}", flush=True)

    async def told(self) -> None:
        """Wait until the load process has read everything."""
        assert self.told_fd is not None
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        fd = self.told_fd

        def readable() -> None:
            os.read(fd, 1)
            loop.remove_reader(fd)
            future.set_result(None)

        loop.add_reader(fd, readable)
        await future

    async def feed(self, protocol: Any, so_far: Callable[[], int]) -> None:
        """Hand reads of a given number of frames to a protocol, and let the loop turn until they were delivered."""
        load, burst = self.payloads, self.burst
        cycle = [server_frame(payload, load.opcode) for payload in load.raw]
        chunks = [
            b"".join(cycle[(start + i) % len(cycle)] for i in range(burst)) for start in range(0, len(cycle), burst)
        ]
        get_buffer = getattr(protocol, "get_buffer", None)

        def fill(chunk: bytes) -> None:
            left = memoryview(chunk)
            while left:
                buffer = memoryview(get_buffer(-1)).cast("B")  # type: ignore[misc]
                size = min(len(buffer), len(left))
                buffer[:size] = left[:size]
                protocol.buffer_updated(size)
                left = left[size:]

        give = protocol.data_received if get_buffer is None else fill
        step, expected = burst * self.meter.size, 0
        while not self.meter.done:
            for chunk in chunks:
                give(chunk)
                expected += step
                while so_far() < expected:  # noqa: ASYNC110 - one turn of the loop is what is measured
                    await asyncio.sleep(0)

    async def broadcast(self, send_to_all: Any) -> None:
        """Send to all readers, one message in a turn of the loop, waiting now and again until they have read it."""
        raw, rounds = self.payloads.raw, 20
        while True:
            for i in range(rounds):
                waiting = send_to_all(raw[i % len(raw)])
                if waiting is not None:
                    await waiting
                await asyncio.sleep(0)
            await self.told()
            if not self.meter.add(rounds * self.readers):
                return
