"""Hubs that share topics: alone in a process, and over a real NATS server."""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from scripts.sink_kills import nats_server
from tests.conftest import missing
from tests.hub.parts import fill, quote
from wsexample.doors.hub import connect_hub
from wsexample.errors import ConnectError, MissingExtraError, OptionError, StateError, StorageError
from wsexample.hub import nats_backplane
from wsexample.hub.backplane import LocalBackplane, backplane_at
from wsexample.hub.desk import Desk, DeskOptions
from wsexample.hub.nats_backplane import NatsBackplane
from wsexample.hub.nats_messages import Batch, decode_record, encode, read_batch
from wsexample.hub.nats_options import NatsOptions
from wsexample.hub.nats_owner import Owner
from wsexample.hub.nats_stream import KeptStream
from wsexample.hub.server import Hub
from wsexample.ports import Backplane, Gap
from wsexample.records.market import Quote, Record
from wsexample.session.options import Retry
from wsexample.wire.tls import TlsOptions

Run = Callable[[Coroutine[Any, Any, Any]], Any]
TOPIC = "t.A.quote"


class Upstream:
    """A source that yields what it is told, as long as somebody reads it."""

    def __init__(self) -> None:
        self.readers = 0
        self.most_readers = 0
        self._said: asyncio.Queue[list[Record]] = asyncio.Queue()

    def say(self, *records: Record) -> None:
        self._said.put_nowait(list(records))

    async def __call__(self) -> AsyncGenerator[Sequence[Record], None]:
        self.readers += 1
        self.most_readers = max(self.most_readers, self.readers)
        try:
            while True:
                yield await self._said.get()
        finally:
            self.readers -= 1


class Member:
    """A hub of a group, without its WebSocket side."""

    def __init__(self, server: str, group: str, tls: TlsOptions | None = None) -> None:
        self.desk = Desk(DeskOptions(history=100_000))
        self.backplane = NatsBackplane(
            server, self.desk, NatsOptions(lease=group, lease_s=1.0, beat_s=0.1, gather_s=0.1, tls=tls)
        )
        self.work: asyncio.Task[None] | None = None

    def stand_by(self, upstream: Upstream) -> None:
        self.work = asyncio.create_task(self.backplane.publish_from(upstream))

    def has(self, topic: str = TOPIC) -> list[tuple[int, int]]:
        """Numbers and contents of what the desk remembers."""
        found = self.desk.topics.get(topic)
        return [(seq, record.received_ns) for seq, record in found.after(0)] if found else []

    async def end(self) -> None:
        if self.work is not None:
            self.work.cancel()
            await asyncio.gather(self.work, return_exceptions=True)
        await self.backplane.close()

    async def die(self) -> None:
        """End without a word to the others."""
        tasks = [*self.backplane._turn, *self.backplane._tasks, *([self.work] if self.work else [])]
        await self.backplane.client.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A NATS server; each test has a group of its own."""
    program = shutil.which("nats-server") or shutil.which("nats-server", path=str(Path(sys.executable).parent))
    if program is None:
        missing("nats-server is not installed")
    with nats_server(tmp_path_factory.mktemp("nats"), str(program)) as url:
        yield url


@asynccontextmanager
async def members(server: str, group: str, count: int) -> AsyncIterator[list[Member]]:
    """Hubs of one group, open; the first is the owner as soon as it has an upstream."""
    made = [Member(server, group) for _ in range(count)]
    try:
        for one in made:
            await one.backplane.open()
        yield made
    finally:
        for one in made:
            await one.end()


async def until(is_so: Callable[[], Any]) -> None:
    """Wait for a fact; the test's deadline ends it otherwise."""
    while not is_so():
        await asyncio.sleep(0.01)


def numbered(first: int, last: int) -> list[tuple[int, int]]:
    return [(number, number) for number in range(first, last + 1)]


def test_a_hub_by_itself_publishes_at_its_own_desk(run: Run) -> None:
    """Without an address there is nobody to meet: the source goes to the desk, until it ends."""

    async def source() -> AsyncGenerator[Sequence[Record], None]:
        yield [quote(1), quote(2)]

    async def main() -> None:
        desk = Desk()
        alone = backplane_at(None, desk)
        await alone.open()
        await alone.publish_from(source)
        await alone.close()
        assert desk.topics[TOPIC].seq == 2
        assert (alone.is_owner, isinstance(alone, LocalBackplane), isinstance(alone, Backplane)) == (True, True, True)

    run(main())


def test_addresses_and_options_that_cannot_work_are_refused() -> None:
    """The error names the option."""
    with pytest.raises(OptionError, match="nats://"):
        backplane_at("redis://host", Desk())
    with pytest.raises(OptionError, match="lease_s"):
        NatsOptions(lease_s=0)
    with pytest.raises(OptionError, match="letters"):
        NatsOptions(lease="a.b")


def test_a_missing_client_is_said_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without nats-py the error names the extra."""
    monkeypatch.setitem(sys.modules, "nats", None)
    with pytest.raises(MissingExtraError, match="nats"):
        backplane_at("nats://127.0.0.1:1", Desk())


def test_a_server_that_does_not_answer_is_an_error_without_the_password(run: Run) -> None:
    """The address stands in the error, user and password do not."""

    async def main() -> None:
        backplane = NatsBackplane("nats://me:secret@127.0.0.1:1", Desk(), NatsOptions(timeout_s=0.3))
        with pytest.raises(StateError):
            await backplane.publish_from(Upstream())
        with pytest.raises(ConnectError, match=r"nats://127\.0\.0\.1:1") as caught:
            await backplane.open()
        assert "secret" not in str(caught.value) + repr(backplane)

    run(main())


def test_replicas_that_the_servers_cannot_keep_are_refused_in_their_words(server: str, run: Run) -> None:
    """One server by itself keeps one copy."""

    async def main() -> None:
        backplane = NatsBackplane(server, Desk(), NatsOptions(lease="three", replicas=3))
        with pytest.raises(StorageError, match="replicas > 1 not supported"):
            await backplane.open()

    run(main())


def test_records_are_the_same_after_their_way(run: Run) -> None:
    """Several kinds in one message, decimals and accounts included."""
    rows = [("t.A.quote", 1, msgspec.Raw(encode(quote(1)))), ("t.A.fill", 7, msgspec.Raw(encode(fill(2))))]
    found = read_batch(encode(Batch(5, 2, 4, 9, rows)))
    assert [decode_record(raw) for _, _, raw in found.rows] == [quote(1), fill(2)]
    assert [(topic, seq) for topic, seq, _ in found.rows] == [("t.A.quote", 1), ("t.A.fill", 7)]


def test_all_hubs_have_the_same_numbers_and_one_epoch(server: str, run: Run) -> None:
    """What one hub reads upstream stands on every desk, account records too."""

    async def main() -> None:
        upstream = Upstream()
        async with members(server, "share", 2) as (first, second):
            first.stand_by(upstream)
            for number in range(1, 101):
                upstream.say(quote(number), fill(number))
            await until(lambda: second.has("t.A.fill")[-1:] == first.has("t.A.fill")[-1:] == [(100, 100)])
            assert first.has() == second.has() == numbered(1, 100)
            assert first.backplane.epoch == second.backplane.epoch
            assert (first.backplane.is_owner, second.backplane.is_owner) == (True, False)

    run(main())


def test_what_did_not_come_live_is_fetched_before_anything_later(server: str, run: Run) -> None:
    """A hub that loses every third live message has every record, in order, and so does one that hears nothing."""
    chance = random.Random(3)

    async def main() -> None:
        upstream = Upstream()
        made = [Member(server, "lossy") for _ in range(3)]
        for member, loss in zip(made, (0.0, 0.3, 1.0), strict=True):

            async def hear(message: Any, hear: Any = member.backplane._hear, loss: float = loss) -> None:
                if chance.random() >= loss:
                    await hear(message)

            backplane: Any = member.backplane
            backplane._hear = hear
            await backplane.open()
        made[0].stand_by(upstream)
        for number in range(1, 301):
            upstream.say(quote(number))
            await asyncio.sleep(0)
        await until(lambda: all(one.has()[-1:] == [(300, 300)] for one in made))
        assert [one.has() for one in made] == [numbered(1, 300)] * 3
        assert made[1].backplane.stats.fetched > 0
        for one in made:
            await one.end()

    run(main())


def test_what_neither_came_live_nor_is_stored_yet_is_said_again(
    server: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the stream takes nothing, a hub that missed something gets it from the owner, and goes on."""

    async def main() -> None:
        upstream = Upstream()
        async with members(server, "repeat", 2) as (first, second):
            first.stand_by(upstream)
            await until(lambda: first.backplane.is_owner)
            with monkeypatch.context() as patch:
                patch.setattr(Owner, "_write_waiting", lambda self: asyncio.sleep(0.01))
                backplane: Any = second.backplane
                take, lost = backplane.take, [1, 2]
                backplane.take = lambda batch, data: (
                    lost.remove(batch.number) if batch.number in lost else take(batch, data)
                )
                upstream.say(quote(1))
                upstream.say(quote(2))
                upstream.say(quote(3))
                await until(lambda: first.has() == second.has() == numbered(1, 3))
                assert (lost, backplane.kept_number) == ([], 0)

    run(main())


def test_a_hub_that_starts_remembers_what_was_published_before(server: str, run: Run) -> None:
    """History comes from the stream when every hub was gone, and numbers go on after it."""

    async def main() -> None:
        upstream = Upstream()
        async with members(server, "again", 1) as (only,):
            only.stand_by(upstream)
            upstream.say(*(quote(number) for number in range(1, 21)))
            await until(lambda: only.has() == numbered(1, 20))
            epoch = only.backplane.epoch
        async with members(server, "again", 1) as (later,):
            assert (later.has(), later.backplane.epoch) == (numbered(1, 20), epoch)
            later.stand_by(upstream)
            upstream.say(quote(21))
            await until(lambda: later.has() == numbered(1, 21))

    run(main())


def test_a_topic_keeps_its_number_when_its_records_have_left_the_stream(server: str, run: Run) -> None:
    """A quiet topic goes on after its last number, and a reader who has older ones can be told what is missing."""

    async def main() -> None:
        upstream = Upstream()
        async with members(server, "quiet", 1) as (only,):
            only.stand_by(upstream)
            upstream.say(quote(1), quote(2), quote(3))
            await until(lambda: only.has() == numbered(1, 3))
        async with members(server, "quiet", 1) as (second,):
            second.stand_by(upstream)
            await until(lambda: second.backplane.is_owner)
            keep = (await second.backplane.stream.stream_info("WSXHUB_quiet")).state.last_seq
            await second.backplane.stream.purge_stream("WSXHUB_quiet", seq=keep)
        async with members(server, "quiet", 1) as (third,):
            assert (third.has(), third.desk.topics[TOPIC].oldest_seq) == ([], 4)
            third.stand_by(upstream)
            upstream.say(quote(4))
            await until(lambda: third.has() == [(4, 4)])

    run(main())


def test_another_hub_takes_over_from_one_that_dies(server: str, run: Run) -> None:
    """Numbers go on without a break, and the upstream never has two readers."""

    async def main() -> None:
        upstream = Upstream()
        async with members(server, "dies", 2) as (first, second):
            first.stand_by(upstream)
            upstream.say(quote(1), quote(2))
            await until(lambda: second.has() == numbered(1, 2))
            second.stand_by(upstream)
            await first.die()
            upstream.say(quote(3))
            await until(lambda: second.has() == numbered(1, 3))
            assert (upstream.most_readers, second.backplane.is_owner) == (1, True)

    run(main())


def test_what_an_owner_said_and_could_not_store_is_stored_by_the_next(
    server: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that readers have seen keep their numbers when their owner dies before the stream has them."""

    async def main() -> None:
        upstream = Upstream()
        async with members(server, "tail", 3) as (first, second, third):
            first.stand_by(upstream)
            await until(lambda: first.backplane.is_owner)
            with monkeypatch.context() as patch:
                patch.setattr(Owner, "_write_waiting", lambda self: asyncio.Event().wait())
                upstream.say(quote(1), quote(2))
                await until(lambda: third.has() == numbered(1, 2))
                await first.die()
            second.backplane.fresh.clear()  # as if only the third had heard it
            second.desk.topics.clear()
            second.backplane.number = 0
            second.stand_by(upstream)
            upstream.say(quote(3))
            await until(lambda: second.has() == third.has() == numbered(1, 3))
            later = Member(server, "tail")
            await later.backplane.open()
            assert later.has() == numbered(1, 3)
            await later.end()

    run(main())


def test_an_owner_that_was_replaced_unawares_cannot_write_any_more(server: str, run: Run) -> None:
    """When its lease is taken away under it, what it says afterwards is void everywhere, and it stands by."""

    async def main() -> None:
        upstream, other = Upstream(), Upstream()
        async with members(server, "void", 2) as (first, second):
            lease: Any = first.backplane._lease
            lease.hold = asyncio.Event().wait  # it does not notice
            first.stand_by(upstream)
            upstream.say(quote(1))
            await until(lambda: second.has() == numbered(1, 1))
            second.stand_by(other)
            bucket = await second.backplane.stream.key_value("WSXHUB_void")
            await bucket.delete("owner")
            await until(lambda: second.backplane.is_owner)
            for number in range(100, 110):
                upstream.say(quote(number))
                other.say(quote(number - 98))
                await asyncio.sleep(0.01)
            await until(lambda: first.has() == second.has() == numbered(1, 11))
            assert not first.backplane.is_owner

    run(main())


def test_a_hub_that_heard_what_nobody_else_did_takes_it_back(server: str, run: Run) -> None:
    """Its readers are told which numbers count no more, and get the records that count under them."""

    async def main() -> None:
        upstream = Upstream()
        async with members(server, "fork", 2) as (first, second):
            stray = Batch(1, 0, 0, 0, [(TOPIC, one, msgspec.Raw(encode(quote(90 + one)))) for one in (1, 2)])
            first.stand_by(upstream)
            await until(lambda: first.backplane.is_owner)
            async with (
                Hub(desk=second.desk, epoch=second.backplane.epoch) as hub,
                connect_hub(hub.url, TOPIC, retry=Retry(first_s=0.01)) as session,
            ):
                second.backplane.take(stray, encode(stray))
                got: list[Record] = [await session.receive(timeout_s=10) for _ in range(2)]
                upstream.say(quote(1))
                upstream.say(quote(2))
                got += [await session.receive(timeout_s=10) for _ in range(3)]
                assert session.dialect.void == 2
            assert [record.received_ns for record in got if isinstance(record, Quote)] == [91, 92, 1, 2]
            assert isinstance(got[2], Gap)
            assert "quote 1 to 2: a hub that was cut off gave these" in got[2].reason
            await until(lambda: first.has() == second.has() == numbered(1, 2))
            assert second.backplane.stats.forked == 1

    run(main())


def test_a_hub_that_stands_by_ends_also_when_that_comes_together_with_an_answer(server: str, run: Run) -> None:
    """The client for NATS loses such a cancellation on Python 3.11; the lease is free for others then."""

    async def main() -> None:
        async with members(server, "cancelled", 2) as (first, second):
            lease: Any = first.backplane._lease
            bucket: Any = await lease._bucket()
            create = bucket.create

            async def lost(*args: Any) -> int:
                first.work.cancel()  # type: ignore[union-attr] # it works
                try:
                    await asyncio.sleep(10)
                except asyncio.CancelledError:
                    return int(await create(*args))
                raise AssertionError

            bucket.create = lost
            first.stand_by(Upstream())
            assert first.work is not None
            await asyncio.wait([first.work])
            assert first.work.cancelled()
            second.stand_by(Upstream())
            await until(lambda: second.backplane.is_owner)

    run(main())


def test_a_source_has_the_time_to_leave_its_upstream(server: str, run: Run) -> None:
    """It is told to end once, and not again while it says goodbye."""
    left: list[str] = []

    async def source() -> AsyncGenerator[Sequence[Record], None]:
        try:
            yield [quote(1)]
            await asyncio.sleep(20)
        finally:
            await asyncio.sleep(0.7)
            left.append("in order")

    async def main() -> None:
        async with members(server, "goodbye", 1) as (only,):
            only.work = asyncio.create_task(only.backplane.publish_from(source))
            await until(lambda: only.has() == numbered(1, 1))
        assert left == ["in order"]

    run(main())


def test_a_task_that_does_not_end_is_left_behind(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """A hub stops all the same, and says so."""

    async def main() -> None:
        is_over = asyncio.Event()

        async def stubborn() -> None:
            while not is_over.is_set():
                with suppress(asyncio.CancelledError):
                    await is_over.wait()

        task = asyncio.create_task(stubborn(), name="hub upstream")
        await asyncio.sleep(0)
        await nats_backplane._stop([task], again_s=0.01, most_s=0.05)
        assert not task.done()
        assert "hub upstream does not end" in caplog.text
        is_over.set()
        await task

    run(main())


def test_a_replica_that_does_not_answer_holds_up_one_message_and_no_more(run: Run) -> None:
    """Servers go on sending questions to one that is cut off without a word; the leader is asked in its place."""
    asked: list[bool] = []

    class Servers:
        async def get_msg(self, name: str, seq: int, direct: bool) -> int:
            asked.append(direct)
            if direct:
                raise TimeoutError
            return seq

    async def main() -> None:
        link: Any = SimpleNamespace(jetstream=lambda timeout_s: Servers())
        kept = KeptStream(link, NatsOptions(), "kept")
        assert [await kept.message_at(place) for place in (1, 2, 3)] == [1, 2, 3]
        assert asked == [True, False, False, False]

    run(main())
