"""Hubs that are cut off from their NATS server for a while: silently, or with their connection closed."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from scripts.sink_kills import nats_server
from tests.conftest import missing
from tests.faults.proxy import FaultProxy
from tests.hub.parts import quote
from tests.hub.test_backplane import TOPIC, Member, Upstream, numbered, until
from wsexample.doors.hub import connect_hub
from wsexample.hub.nats_messages import Batch, encode
from wsexample.hub.server import Hub
from wsexample.ports import Gap

Run = Callable[[Coroutine[Any, Any, Any]], Any]
LEASE_S = 1.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A NATS server; each test has a group of its own."""
    program = shutil.which("nats-server") or shutil.which("nats-server", path=str(Path(sys.executable).parent))
    if program is None:
        missing("nats-server is not installed")
    with nats_server(tmp_path_factory.mktemp("nats"), str(program)) as url:
        yield url


class Group:
    """An owner and a hub beside it that reach the server through proxies, and a hub that reaches it without.

    Of each hub it is noted what was put on its desk, in the order of time: that is what its readers have got.
    """

    def __init__(self, server: str, name: str, proxies: list[FaultProxy]) -> None:
        self.proxies = proxies
        self.members = [Member(f"nats://127.0.0.1:{one.port}", name) for one in proxies] + [Member(server, name)]
        self.owner, self.beside, self.other = self.members
        self.upstreams = {id(member): Upstream() for member in self.members}
        self.said: list[list[tuple[int, int]]] = [[] for _ in self.members]
        for member, said in zip(self.members, self.said, strict=True):
            put: Any = member.desk._put

            def note(topic: Any, seq: int, record: Any, put: Any = put, said: Any = said) -> None:
                said.append((seq, record.received_ns))
                put(topic, seq, record)

            desk: Any = member.desk
            desk._put = note

    def upstream(self, member: Member) -> Upstream:
        return self.upstreams[id(member)]

    def do(self, fault: Callable[[FaultProxy], None]) -> None:
        for proxy in self.proxies:
            fault(proxy)


@asynccontextmanager
async def group(server: str, name: str) -> AsyncIterator[Group]:
    """A group whose owner has published two records; the hub without a proxy stands by."""
    port = urlsplit(server).port
    assert port is not None
    with FaultProxy(port) as first, FaultProxy(port) as second:
        made = Group(server, name, [first, second])
        try:
            for member in made.members:
                await member.backplane.open()
            made.owner.stand_by(made.upstream(made.owner))
            made.upstream(made.owner).say(quote(1), quote(2))
            await until(lambda: all(said == numbered(1, 2) for said in made.said))
            made.other.stand_by(made.upstream(made.other))
            yield made
        finally:
            made.do(FaultProxy.heal)
            for member in made.members:
                await member.end()


def closed(proxy: FaultProxy) -> None:
    """Close what there is, and let nothing of what comes through."""
    proxy.half_open()
    proxy.reset()


CUTS: dict[str, Callable[[FaultProxy], None]] = {
    "half-open": FaultProxy.half_open,
    "stalled-up": lambda proxy: proxy.stall("up"),
    "stalled-down": lambda proxy: proxy.stall("down"),
    "closed": closed,
}


@pytest.mark.parametrize("cut", CUTS)
def test_an_owner_that_is_cut_off_ends_in_time_and_its_last_words_count_nowhere(
    cut: str, server: str, run: Run
) -> None:
    """It stops within the lease; readers of every hub get each number once, with the same record, when it is back."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with group(server, f"cut-{cut}") as made:
            made.do(CUTS[cut])
            cut_s = loop.time()
            if cut == "closed":
                await until(lambda: not made.owner.backplane.client.is_connected)
            for number in range(1000, 1010):
                made.upstream(made.owner).say(quote(number))
                await asyncio.sleep(0.01)
            await until(lambda: not made.owner.backplane.is_owner)
            assert loop.time() - cut_s < LEASE_S
            await until(lambda: made.other.backplane.is_owner)
            for number in range(2000, 2005):
                made.upstream(made.other).say(quote(number))
            await until(lambda: made.said[2][-1][1] == 2004)
            made.do(FaultProxy.heal)
            made.upstream(made.other).say(quote(3000))
            await until(lambda: all(said and said[-1][1] == 3000 for said in made.said))
            assert made.said[0] == made.said[1] == made.said[2]
            assert [seq for seq, _ in made.said[0]] == list(range(1, len(made.said[0]) + 1))

    run(main())


@pytest.mark.parametrize("cut", CUTS)
def test_a_hub_that_stands_by_and_is_cut_off_longer_than_a_lease_misses_nothing(
    cut: str, server: str, run: Run
) -> None:
    """It does not take over meanwhile, and afterwards has what the owner said."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with group(server, f"by-{cut}") as made:
            made.beside.stand_by(made.upstream(made.beside))
            CUTS[cut](made.proxies[1])
            cut_s = loop.time()
            last = 2
            while loop.time() - cut_s < LEASE_S * 1.3:
                last += 1
                made.upstream(made.owner).say(quote(last))
                await asyncio.sleep(0.05)
            made.proxies[1].heal()
            await until(lambda: made.beside.has()[-1:] == made.other.has()[-1:] == [(last, last)])
            assert made.said == [numbered(1, last)] * 3
            assert (made.owner.backplane.is_owner, made.beside.backplane.stats.turns) == (True, 0)

    run(main())


def test_a_reader_that_goes_on_elsewhere_is_told_what_a_hub_that_was_cut_off_gave_it(server: str, run: Run) -> None:
    """It was started anew from the numbers that it kept, and the others are further on than it."""

    async def main() -> None:
        async with group(server, "elsewhere") as made:
            beside, other = made.beside, made.other
            epoch = other.backplane.epoch
            async with Hub(desk=beside.desk, epoch=epoch) as alone, Hub(desk=other.desk, epoch=epoch) as among_others:
                made.proxies[1].half_open()
                rows = [(TOPIC, one, msgspec.Raw(encode(quote(90 + one)))) for one in (3, 4)]
                assert beside.backplane.number is not None
                stray = Batch(beside.backplane.number + 1, beside.backplane.term, 0, 0, rows)
                beside.backplane.take(stray, encode(stray))
                async with connect_hub(alone.url, TOPIC, since={TOPIC: 2}) as session:
                    assert [await session.receive(timeout_s=10) for _ in range(2)] == [quote(93), quote(94)]
                await made.owner.die()
                made.upstream(other).say(*(quote(number) for number in (3, 4, 5, 6)))
                await until(lambda: other.has() == numbered(1, 6))
                kept: Any = session.dialect
                async with connect_hub(among_others.url, TOPIC, since=kept.positions, epoch=kept.epoch) as session:
                    told, *records = [await session.receive(timeout_s=10) for _ in range(5)]
                assert isinstance(told, Gap)
                assert told.reason.startswith("quote 3 to 4: a hub that was cut off gave these")
                assert records == [quote(number) for number in (3, 4, 5, 6)]

    run(main())
