#!/usr/bin/env python3
"""Attack the simulators, as the commands that people start, with everything that no client sends; say what it costs others.

    python scripts/hostile_simulators.py                         every case against all three, 5 s each
    python scripts/hostile_simulators.py weex --case 'deaf*' --case bodies --seconds 10
    python scripts/hostile_simulators.py --list

Each case has a simulator of its own, ``wsexample sim BROKER --control``, and beside the attack somebody who listens to a
stream and asks one call after the other. A line of the table has what was sent, the simulator's peak memory above what it
needed before beside its bound, what it kept, its share of a core, and the calls and messages that the well-behaved one had. The
exit status is 1 when memory grew past the bound, the log has a traceback, a call was answered 500, sockets were left open, or
the well-behaved one was not served; no time decides.
"""

from __future__ import annotations

import argparse
import asyncio
import fnmatch
import itertools
import json
import os
import resource
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hostile.attacks import ATTACKS, Target
from hostile.peer import Peer, dial, frame
from hostile.process import cpu_s, forget_most, memory_mib
from hostile.venues import NUMBERS, VENUES, Venue, bodies, queries

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
LIMIT = 1 << 20
"""The largest message that a simulator takes, bytes."""
BOUND_MIB = 96.0
"""By how much a simulator may grow: a few messages and bodies of the largest size, what waits for those who do not read, and what
the allocator keeps."""
BOUNDS_MIB = {"deaf-listeners": 192.0, "faults": 384.0}
"""The same where more may wait for each of ten clients, and where messages of 80 MB are asked for."""
HEADING = (
    f"{'':<24}{'sent':>11} {'grown':>7} {'bound':>6} {'kept':>6} {'cpu':>6} {'calls':>7} {'slowest':>8} {'heard':>8} {'log':>6}\n"
    f"{'':<24}{'':>11} {'MiB':>7} {'MiB':>6} {'MiB':>6} {'':>6} {'':>7} {'ms':>8} {'':>8} {'lines':>6}"
)
SETTLE_S = 30.0
ANSWER_S = 20.0
TIMEOUT = -1


class Simulator:
    """A simulator's process: ``async with Simulator(venue) as simulator``."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.facts: dict[str, Any] = {}
        self._log = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - open as long as the process runs
        self._process: asyncio.subprocess.Process

    async def __aenter__(self) -> Simulator:
        command = (
            "-m", f"wsexample.cli.sim.{self.venue.name}", "--port", "0", "--announce", "--control", *self.venue.arguments,
        )  # fmt: skip
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *command, cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=self._log
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"it did not start: {self.log()}")
        self.facts = json.loads(line)
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._process.returncode is None:
            self._process.terminate()
            try:
                async with asyncio.timeout(30):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        self._log.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.facts["port"])

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.returncode is None

    def sockets(self) -> int:
        """Return how many sockets it has."""
        count = 0
        for name in os.listdir(f"/proc/{self.pid}/fd"):
            with suppress(OSError):
                count += os.readlink(f"/proc/{self.pid}/fd/{name}").startswith("socket:")
        return count

    def log(self) -> str:
        """Return what it wrote on stderr."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")


class Caller:
    """Makes calls over one kept-alive connection after the other, in bytes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def call(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> int:
        """Return the HTTP status; 0 when the connection ended instead, `TIMEOUT` when nothing came."""
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        data = "\r\n".join(lines).encode(errors="surrogatepass") + b"\r\n\r\n" + body
        for is_reused in (True, False):  # the one before may be over, as one may after any answer
            try:
                async with asyncio.timeout(ANSWER_S):
                    if self._writer is None or self._writer.is_closing():
                        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
                    self._writer.write(data)
                    return await self._answer()
            except TimeoutError:
                self.leave()
                return TIMEOUT
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
                self.leave()
                if not is_reused:
                    return 0
        return 0

    async def _answer(self) -> int:
        assert self._reader is not None
        head = await self._reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        status = int(head.split(b" ", 2)[1])
        if b"content-length" in fields:
            await self._reader.readexactly(int(fields[b"content-length"]))
        elif status not in (204, 304):
            self.leave()
        if fields.get(b"connection") == b"close":
            self.leave()
        return status

    def leave(self) -> None:
        """Let go of the connection."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None


class Guest:
    """Somebody who only wants data: listens to a stream, opens it again when it is closed, and asks the time."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.heard = 0
        self.answers: Counter[int] = Counter()
        self.slowest_s = 0.0

    async def listen(self) -> None:
        """Listen until cancelled."""
        from wsexample.errors import WsExampleError
        from wsexample.wire.connection import connect

        venue, facts = self._simulator.venue, self._simulator.facts
        path, wishes = venue.watch
        while True:
            with suppress(WsExampleError):
                async with connect(f"ws://localhost:{self._simulator.port}{path}", handshake_timeout_s=30) as ws:
                    for text in (*venue.logins(facts, path), *wishes):
                        await ws.send(text if isinstance(text, str) else text.decode())
                    async for _ in ws:
                        self.heard += 1
            await asyncio.sleep(0.1)

    async def ask(self) -> None:
        """Ask until cancelled."""
        venue, facts = self._simulator.venue, self._simulator.facts
        caller = Caller(self._simulator.port)
        try:
            while True:
                begun = time.monotonic()
                status = await caller.call("GET", venue.look, venue.headers(facts, "GET", venue.look, "", b""))
                self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
                self.answers[status] += 1
                await asyncio.sleep(0.02)
        finally:
            caller.leave()


@dataclass
class Fire:
    """An attack that goes on."""

    simulator: Simulator
    until_s: float
    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    blamed: list[str] = field(default_factory=list)
    """Calls that were answered as no call should be."""

    @property
    def is_over(self) -> bool:
        """Whether time is up."""
        return asyncio.get_running_loop().time() >= self.until_s

    def note(self, status: int, what: str) -> None:
        """Count an answer."""
        self.sent += 1
        self.statuses[status] += 1
        if status == TIMEOUT or (status == 500 and self.simulator.venue.name != "kabu"):  # kabu Station's orders say it
            self.blamed.append(
                f"{status if status > 0 else 'no answer'} for {what if len(what) < 240 else what[:120] + ' ... ' + what[-120:]}"
            )


Case = Callable[[Fire], Awaitable[None]]


# --- what is sent -----------------------------------------------------------------------------------------------------


async def spoilt_bodies(fire: Fire) -> None:
    """Every call that takes a body, with every body that is wrong somewhere, and with the wrong content type."""
    simulator, caller = fire.simulator, Caller(fire.simulator.port)
    kinds = itertools.cycle(
        ("application/json", "text/plain; charset=nonsense", "application/json; charset=utf-16", "x", "")
    )
    for method, path, right, _, _ in simulator.venue.calls:
        if right is None:
            continue
        for body in bodies(right):
            headers = simulator.venue.headers(simulator.facts, method, path, "", body)
            fire.note(await caller.call(method, path, headers, body), f"{method} {path} {body[:60]!r} {body[-100:]!r}")
        for body in itertools.islice(bodies(right), 40):
            kind = next(kinds)
            headers = {**simulator.venue.headers(simulator.facts, method, path, "", body), "Content-Type": kind}
            fire.note(
                await caller.call(method, path, headers, body), f"{method} {path} {kind} {body[:60]!r} {body[-100:]!r}"
            )
    caller.leave()


async def spoilt_queries(fire: Fire) -> None:
    """Every call with every parameter that is wrong somewhere."""
    simulator, caller = fire.simulator, Caller(fire.simulator.port)
    for method, path, _, names, right in simulator.venue.calls:
        for query in ("", *queries(names, right)):
            target = f"{path}?{query}" if query else path
            headers = simulator.venue.headers(simulator.facts, method, path, query, b"")
            fire.note(await caller.call(method, target, headers), f"{method} {target}")
    caller.leave()


async def spoilt_heads(fire: Fire) -> None:
    """Calls and handshakes with credentials that are wrong, or no text at all, and paths and methods that nobody knows."""
    simulator, caller = fire.simulator, Caller(fire.simulator.port)
    names = [*simulator.venue.headers(simulator.facts, "GET", "/", "", b""), "Authorization", "Content-Type", "Origin", "Host",
             "Expect", "Sec-WebSocket-Version"]  # fmt: skip
    odd = (
        "",
        "x" * 8000,
        "²",
        "9" * 5000,
        "\udcff",
        "Basic ####",
        "Basic /w==",
        "Bearer " + "x" * 7000,
        "nan",
        "-1",
        "msgpack",
    )
    for path in (simulator.venue.look, *simulator.venue.sockets):
        for name, value in itertools.product(names, odd):
            right = simulator.venue.headers(simulator.facts, "GET", path, "", b"")
            if path in simulator.venue.sockets:
                right |= {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                          "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
            fire.note(await caller.call("GET", path, right | {name: value}), f"{name}: {value[:80]!r} {path}")
            if path in simulator.venue.sockets:
                caller.leave()
    for number in range(20_000):
        if fire.is_over and number > 2_000:
            break
        method = f"X{number}" if number % 2 else "GET"
        fire.note(await caller.call(method, f"/{number:x}/" + "y" * 2000, {}), f"{method} /{number:x}/yyy")
    caller.leave()


async def spoilt_messages(fire: Fire) -> None:
    """Every socket, with every message that is wrong somewhere; the connection is made anew when it ends."""
    simulator = fire.simulator
    for path in simulator.venue.sockets:
        peer = await _socket(simulator, path)
        for right in simulator.venue.messages:
            for body, opcode in itertools.product(bodies(right), (1, 2)):
                if peer.is_gone:
                    peer = await _socket(simulator, path)
                fire.sent += 1
                await peer.push(frame(opcode, body), asyncio.get_running_loop().time() + ANSWER_S)
                await asyncio.sleep(0.002)
                if peer.code == 1011:
                    fire.blamed.append(f"{peer.code} after {body[-100:]!r} on {path}")
                    peer.leave()
                    peer = await _socket(simulator, path)
        await peer.outlast(asyncio.get_running_loop().time() + 0.5)
        if peer.code == 1011:
            fire.blamed.append(f"1011 on {path}")
        peer.leave()


async def spoilt_faults(fire: Fire) -> None:
    """Every fault of the control endpoint, with every argument that is wrong somewhere or too large."""
    simulator, caller = fire.simulator, Caller(fire.simulator.port)
    names = _faults(await _get(simulator.port, "/simulator"))
    large = (
        *NUMBERS,
        -1,
        0,
        -5,
        1e300,
        -1e300,
        10**12,
        -(10**12),
        10**30,
        True,
        None,
        [],
        {},
        "x" * 100_000,
        "trading",
    )
    for name in names:
        right = simulator.venue.faults.get(name, {})
        for argument, value in itertools.product(_arguments(simulator.venue.name, name), large):
            if name == "restart" and argument == "down_s" and value in (1e300, 10**12, 10**30, "1e308", True):
                continue  # it does as it is told
            body = json.dumps({**right, argument: value}).encode()
            fire.note(await caller.call("POST", f"/simulator/{name}", {}, body), f"{name} {body[:80]!r}")
        fire.note(await caller.call("POST", f"/simulator/{name}", {}, json.dumps(right).encode()), name)
        for body in itertools.islice(bodies({"a": 1}), 25):
            fire.note(await caller.call("POST", f"/simulator/{name}", {}, body), f"{name} {body[:80]!r}")
    calm = {
        "alpaca": ("unmute", "answer_again", "open_market", "restore"),
        "kabu": ("unmute", "log_in"),
        "weex": ("unmute",),
    }
    for name in (*calm[simulator.venue.name], *simulator.venue.faults):
        body = json.dumps(simulator.venue.faults.get(name, {})).encode()
        fire.note(await caller.call("POST", f"/simulator/{name}", {}, body), name)
    caller.leave()
    if simulator.venue.name == "kabu":
        await _fresh_token(simulator)


async def flood_of_symbols(fire: Fire) -> None:
    """Ever new symbols, thousands in a message, on four connections that read the answers."""

    async def one(place: int) -> None:
        simulator = fire.simulator
        caller = Caller(simulator.port)
        path = simulator.venue.sockets[0]
        peer = await _socket(simulator, path)
        for number in itertools.count():
            if fire.is_over:
                break
            symbols = [f"S{place}{number:x}{each:x}"[:12].upper() for each in range(4000)]
            if number % 2:
                symbols = ["AAPL", "BTCUSDT", "9433"] * 1000
            message = simulator.venue.subscription(symbols)
            if simulator.venue.name == "kabu":
                headers = simulator.venue.headers(simulator.facts, "PUT", "/kabusapi/register", "", message)
                status = await caller.call("PUT", "/kabusapi/register", headers, message)
                fire.note(status, "a registration")
                await asyncio.sleep(0)
                continue
            if peer.is_gone:
                peer = await _socket(simulator, path)
            fire.sent += 1
            await peer.push(frame(1, message), fire.until_s)
        peer.leave()
        caller.leave()

    await asyncio.gather(*(one(place) for place in range(4)))


async def deaf_flood(fire: Fire) -> None:
    """Ask for what is answered, as fast as it goes, and never read an answer; on four connections to each socket."""

    async def one(path: str, place: int) -> None:
        simulator = fire.simulator
        peer = await _socket(simulator, path)
        peer.transport.pause_reading()
        asked = (
            simulator.venue.subscription([f"S{each}" for each in range(200)]),
            b'{"action":"listen","data":{"streams":["trade_updates"]}}',
            b'{"method":"PING"}',
            b"no message " + b"x" * 5000,
        )[place]
        block = frame(1, asked) * 50
        while not fire.is_over:
            if not await peer.push(block, fire.until_s) and peer.is_gone:
                peer = await _socket(simulator, path)
                peer.transport.pause_reading()
            fire.sent += 50
        await peer.outlast(fire.until_s)
        peer.leave()

    await asyncio.gather(*(one(path, place) for path in fire.simulator.venue.sockets for place in range(4)))


async def deaf_listeners(fire: Fire) -> None:
    """Subscribe to everything and never read, on ten connections, with data made larger by faults where there are such."""
    simulator, caller = fire.simulator, Caller(fire.simulator.port)
    symbols = {"alpaca": ["*"], "weex": ["BTCUSDT", "ETHUSDT", "SOLUSDT"], "kabu": ["9433", "7203"]}[
        simulator.venue.name
    ]
    peers = []
    for path in simulator.venue.sockets:
        for _ in range(2):
            peer = await _socket(simulator, path)
            peers.append(peer)
            peer.transport.write(frame(1, simulator.venue.subscription(symbols)))
            peer.transport.write(frame(1, b'{"action":"subscribe","news":["*"]}'))
            peer.transport.write(frame(1, b'{"action":"listen","data":{"streams":["trade_updates"]}}'))
            peer.transport.write(frame(1, b'{"method":"SUBSCRIBE","params":["orders","fill","account"],"id":1}'))
    await asyncio.sleep(0.3)
    for peer in peers:
        peer.transport.pause_reading()
    huge = {"alpaca": ("publish_news", {"headline": "x", "content_bytes": LIMIT, "symbols": "AAPL"}),
            "weex": ("send_oversized", {"size": LIMIT}), "kabu": ("shock", {"symbol": "9433", "fraction": 0.001})}  # fmt: skip
    also = {"alpaca": ("send_raw", {"text": "x" * 500_000}), "weex": ("flood_pings", {"count": 2000}),
            "kabu": ("shock", {"symbol": "7203", "fraction": -0.001})}  # fmt: skip
    while not fire.is_over:
        for name, arguments in (huge[simulator.venue.name], also[simulator.venue.name]):
            fire.note(await caller.call("POST", f"/simulator/{name}", {}, json.dumps(arguments).encode()), name)
        await asyncio.sleep(0.01)
    caller.leave()
    for peer in peers:
        peer.leave()


async def slow_bodies(fire: Fire) -> None:
    """Two hundred calls whose bodies come a byte a second, and twenty whose bodies come in chunks of one byte."""
    simulator = fire.simulator
    method, path, *_ = next(call for call in simulator.venue.calls if call[2] is not None)

    async def slow() -> None:
        peer = await _head(simulator, method, path, "Content-Length: 60000")
        while not peer.is_gone and not fire.is_over:
            fire.sent += 1
            peer.transport.write(b" ")
            await peer.outlast(min(asyncio.get_running_loop().time() + 1, fire.until_s))
        peer.leave()

    async def tiny() -> None:
        while not fire.is_over:
            peer = await _head(simulator, method, path, "Transfer-Encoding: chunked")
            while await peer.push(b"1\r\n \r\n" * 2000, fire.until_s):
                fire.sent += 2000
            peer.leave()

    await asyncio.gather(*(slow() for _ in range(200)), *(tiny() for _ in range(20)))


async def endless_bodies(fire: Fire) -> None:
    """Bodies without end to calls that take one, in chunks and with a length that is a lie."""
    simulator = fire.simulator
    takes = [call for call in simulator.venue.calls if call[2] is not None] + [("POST", "/simulator/mute")]

    async def one(place: int) -> None:
        for turn in itertools.count(place):
            if fire.is_over:
                return
            method, path, *_ = takes[turn % len(takes)]
            length = "Transfer-Encoding: chunked" if turn % 2 else "Content-Length: 99999999999"
            peer = await _head(simulator, method, path, length)
            block = b"10000\r\n" + b" " * 65536 + b"\r\n" if turn % 2 else b" " * 65536
            while await peer.push(block, fire.until_s):
                fire.sent += 1
            peer.leave()

    await asyncio.gather(*(one(place) for place in range(8)))


def _known(name: str, connections: int) -> Case:
    """Make a case of an attack that servers bear too."""

    async def attack(fire: Fire) -> None:
        path = fire.simulator.venue.sockets[0].encode()
        target = Target(fire.simulator.port, path, fire.until_s, LIMIT)

        async def one(place: int) -> None:
            while True:
                try:
                    await ATTACKS[name](target, place)
                except (OSError, RuntimeError):
                    await asyncio.sleep(0.01)
                if fire.is_over:
                    return

        await asyncio.gather(*(one(place) for place in range(connections)))
        fire.sent += target.sent

    return attack


CASES: dict[str, Case] = {
    "bodies": spoilt_bodies,
    "queries": spoilt_queries,
    "heads": spoilt_heads,
    "messages": spoilt_messages,
    "faults": spoilt_faults,
    "symbols": flood_of_symbols,
    "deaf-flood": deaf_flood,
    "deaf-listeners": deaf_listeners,
    "slow-bodies": slow_bodies,
    "endless-bodies": endless_bodies,
    **{name: _known(name, 4) for name in (
        "endless-line", "endless-headers", "hasty", "ping-flood", "fragments-0", "fragments-3", "largest-frames", "too-large",
        "endless-frame", "endless-fragment", "deaf-pings", "half-closed")},
    "slow-head": _known("slow-head", 200),
    "churn": _known("churn", 10),
    "idle": _known("idle", 500),
}  # fmt: skip


async def _socket(simulator: Simulator, path: str) -> Peer:
    """Open a WebSocket and log in on it; read until that is answered."""
    facts, venue = simulator.facts, simulator.venue
    loop = asyncio.get_running_loop()
    _, peer = await loop.create_connection(Peer, "127.0.0.1", simulator.port)
    signed = path.removeprefix("/spot") if venue.name == "weex" else path
    headers = venue.headers(facts, "", signed, "", b"") if venue.name == "weex" else {}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    peer.transport.write(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nUser-Agent: x\r\n{lines}\r\n".encode()
    )
    await asyncio.wait({peer.answered}, timeout=30)
    for text in venue.logins(facts, path):
        peer.transport.write(frame(1, text))
    await asyncio.sleep(0.05)
    return peer


async def _head(simulator: Simulator, method: str, path: str, length: str) -> Peer:
    """Begin a call whose body is to come."""
    headers = simulator.venue.headers(simulator.facts, method, path, "", b"")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    peer = await dial(simulator.port, upgrade=False)
    peer.transport.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{lines}{length}\r\n\r\n".encode())
    return peer


async def _get(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(ANSWER_S):
        data = await reader.read()
    writer.close()
    return data.partition(b"\r\n\r\n")[2]


def _faults(body: bytes) -> list[str]:
    return list(json.loads(body))


def _arguments(venue: str, fault: str) -> list[str]:
    """Return the names of a fault's arguments, from the method itself."""
    import importlib
    import inspect

    module = importlib.import_module(f"wsexample.brokers.{venue}.simulator")
    kind = getattr(module, f"{venue.capitalize()}Simulator")
    return [name for name in inspect.signature(getattr(kind, fault)).parameters if name != "self"]


async def _fresh_token(simulator: Simulator) -> None:
    """Fetch a token, as a program does whose own is worth nothing any more, once nothing restarts."""
    body = b'{"APIPassword":"password"}'
    for _ in range(100):
        with suppress(OSError, ValueError, KeyError):
            reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
            writer.write(
                b"POST /kabusapi/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            async with asyncio.timeout(ANSWER_S):
                simulator.facts["token"] = json.loads((await reader.read()).partition(b"\r\n\r\n")[2])["Token"]
            writer.close()
            return
        await asyncio.sleep(0.2)


# --- one case after the other -----------------------------------------------------------------------------------------


async def run_case(venue: Venue, name: str, seconds: float) -> tuple[str, list[str]]:
    """Run a case; returns its line of the table and what broke."""
    async with Simulator(venue) as simulator:
        guest = Guest(simulator)
        tasks = [asyncio.create_task(guest.listen()), asyncio.create_task(guest.ask())]
        await asyncio.sleep(1.0)
        await _prepare(simulator)
        await _until(lambda: guest.heard > 0 and guest.answers[200] > 0, 20)
        if not simulator.is_alive:
            for task in tasks:
                task.cancel()
            return name, [f"it ended before the attack: {simulator.log()[-500:]}"]
        calm, base_mib = simulator.sockets(), memory_mib(simulator.pid)
        forget_most(simulator.pid)
        begun_s, used_s = time.monotonic(), cpu_s(simulator.pid)
        fire = Fire(simulator, asyncio.get_running_loop().time() + seconds)
        faults = []
        try:
            async with asyncio.timeout(seconds + 240):
                await CASES[name](fire)
        except (OSError, TimeoutError) as error:
            faults.append(f"the attack ended with {type(error).__name__}: {error}")
        share = (cpu_s(simulator.pid) - used_s) / (time.monotonic() - begun_s) if simulator.is_alive else 0.0
        await _prepare(simulator)
        before, asked = guest.heard, guest.answers[200]
        if not await _until(lambda: guest.heard > before and guest.answers[200] > asked, SETTLE_S):
            faults.append("afterwards the guest was not served")
        if not simulator.is_alive:
            return name, [*faults, f"it ended: {simulator.log()[-500:]}"]
        await _until(lambda: simulator.sockets() <= calm + 1, SETTLE_S)
        grown, kept = memory_mib(simulator.pid, "VmHWM") - base_mib, memory_mib(simulator.pid) - base_mib
        left = simulator.sockets() - calm - 1
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        log = simulator.log()
    faults += [f"{left} sockets left"] if left > 0 else []
    bound = BOUNDS_MIB.get(name, BOUND_MIB)
    faults += [f"grew by {grown:.0f} MiB"] if grown > bound else []
    faults += fire.blamed[:8] + ([f"{len(fire.blamed)} such calls"] if len(fire.blamed) > 8 else [])
    faults += (
        [f"{guest.answers[0]} of the guest's calls were cut"] if guest.answers[0] and name not in ("faults",) else []
    )
    faults += [f"{guest.answers[TIMEOUT]} of the guest's calls were not answered"] if guest.answers[TIMEOUT] else []
    traces = log.count("Traceback")
    faults += [f"{traces} tracebacks: {_last_lines(log)}"] if traces else []
    return (
        f"{venue.name:<7}{name:<17}{fire.sent:>11,} {grown:>7.0f} {bound:>6.0f} {kept:>6.0f} {share:>6.0%} "
        f"{guest.answers[200]:>7,} {guest.slowest_s * 1e3:>8.0f} {guest.heard:>8,} {len(log.splitlines()):>6,}  "
        f"{dict(fire.statuses.most_common(5)) or ''}",
        faults,
    )


def _last_lines(log: str) -> str:
    """Return what each traceback ends with, and how often."""
    ends: Counter[str] = Counter()
    for part in log.split("Traceback (most recent call last):")[1:]:
        lines = part.splitlines()
        ends[next((line for line in lines if line and not line.startswith(" ")), "")[:120]] += 1
    return "; ".join(f"{count} x {line}" for line, count in ends.most_common(6))


async def _prepare(simulator: Simulator) -> None:
    """Put kabu Station's list in order, which all clients share."""
    if simulator.venue.name != "kabu" or not simulator.is_alive:
        return
    caller = Caller(simulator.port)
    for path, body in (("unregister/all", b""), ("register", simulator.venue.subscription(["7203"]))):
        headers = simulator.venue.headers(simulator.facts, "PUT", path, "", body)
        await caller.call("PUT", f"/kabusapi/{path}", headers, body)
    caller.leave()


async def _until(is_so: Callable[[], bool], deadline_s: float) -> bool:
    end_s = time.monotonic() + deadline_s
    while not is_so():
        if time.monotonic() > end_s:
            return False
        await asyncio.sleep(0.05)
    return True


def main() -> int:
    """Run what the command line asks for; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("brokers", nargs="*", metavar="BROKER", help=f"{', '.join(VENUES)}; all")
    parser.add_argument("--case", action="append", default=[], metavar="PATTERN", help="names such as 'deaf*'; all")
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="of each attack that has no end of its own (default 5)"
    )
    parser.add_argument("--list", action="store_true", help="show the cases and end")
    options = parser.parse_args()
    names = [name for name in CASES if any(fnmatch.fnmatch(name, one) for one in options.case or ["*"])]
    if options.list or not names or not set(options.brokers) <= set(VENUES):
        print("\n".join(CASES))
        return 0 if options.list else 2
    if os.name == "nt":
        print("memory is read from /proc: run this on Linux")
        return 2
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(HEADING, flush=True)
    broke = 0
    for broker in options.brokers or VENUES:
        for name in names:
            line, faults = asyncio.run(run_case(VENUES[broker](), name, options.seconds))
            broke += bool(faults)
            print(line + ("  ok" if not faults else "  BROKE:\n        " + "\n        ".join(faults)), flush=True)
    print(f"{len(names) * len(options.brokers or VENUES)} cases, {broke} broke")
    return 1 if broke else 0


if __name__ == "__main__":
    sys.exit(main())
