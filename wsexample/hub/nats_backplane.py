"""`NatsBackplane`: any number of hubs share topics: live over a core subject, what ``since`` needs in a JetStream stream.

Every hub hears the owner's batches in the order of their numbers, the owner's own hub too; what is missing it reads from the
stream before it goes on. How the owner writes and how it becomes one is `wsexample.hub.nats_owner`. Of a group named NAME the
subjects are ``wsxhub.NAME.live``, ``.kept``, ``.turn`` and ``.again``. Account records travel like all others: give these to
hubs alone, by NATS users or accounts, and take ``tls://`` where the network is not yours.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from typing import Any

from wsexample.errors import StateError, StorageError, WsExampleError
from wsexample.hub.desk import Desk
from wsexample.hub.nats_client import failures, need
from wsexample.hub.nats_lease import Lease
from wsexample.hub.nats_link import NatsLink
from wsexample.hub.nats_messages import (
    UNREADABLE,
    Again,
    Batch,
    decode_record,
    encode,
    read_again,
    read_batch,
    read_kept,
    read_takeover,
)
from wsexample.hub.nats_options import NatsOptions, NatsStats
from wsexample.hub.nats_owner import DeposedError, Owner
from wsexample.hub.nats_servers import NatsServers
from wsexample.hub.nats_stream import KeptStream
from wsexample.ports import Backplane
from wsexample.records.market import Record

__all__ = ["NatsBackplane"]

log = logging.getLogger("wsexample.hub")

SIDE_BY_SIDE = 64
"""Messages of the stream that are asked for at once."""
ASK_EVERY_S = 0.25
GOODBYE_S = 10.0
"""How long a source may take to leave its upstream before it is told again, seconds: longer than a session takes to close."""
MOST_AGAIN = 500
"""Batches that an owner is asked for at once."""


class NatsBackplane(Backplane):
    """Shares a desk's topics with other hubs.

    Parameters:
        url: ``nats://user:password@host:port``; several with commas between; ``tls://`` where nothing may be said without TLS.
        desk: where the records go.
        options: group, lease, stream, certificates.

    Raises:
        OptionError: it is no such address.
        MissingExtraError: the client for NATS is not installed.
    """

    def __init__(self, url: str, desk: Desk, options: NatsOptions | None = None) -> None:
        need("nats")
        self.options = options or NatsOptions()
        self.stats = NatsStats()
        self.desk = desk
        self.name = secrets.token_hex(8)
        """What this hub is called in the lease."""
        self.number: int | None = None
        """Of the newest batch that the desk has; None before the first look at the stream."""
        self.kept_number = 0
        """Batches up to this one are in the stream, as far as is known here."""
        self.kept_at = 0
        """Place in the stream up to which everything is at the desk."""
        self.term = 0
        """The highest that was heard of."""
        self.fresh: dict[int, bytes] = {}
        """Encoded batches that are at the desk and may not be in the stream."""
        self._link = NatsLink(NatsServers.at(url), self.options.tls, self._returned)
        self.kept = KeptStream(self._link, self.options, self.subject("kept"))
        self._held: dict[int, bytes] = {}
        self._target = 0
        self._heard_s = 0.0
        self._sure_s = 0.0
        self._sure_term = 0
        self._doubted: Any = None
        self._asked_s = 0.0
        self._wanted = asyncio.Event()
        self._reading = asyncio.Lock()
        self._at_once = 1
        self._lease: Lease | None = None
        self._owner: Owner | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._turn: list[asyncio.Task[None]] = []

    def __repr__(self) -> str:
        state = "owner" if self.is_owner else "stands by"
        return f"<NatsBackplane {self._link.servers} {self.options.lease}, {state}, batch {self.number}>"

    @property
    def epoch(self) -> str:
        """A property of the stream, so it is the same for all hubs and over their restarts."""
        return self.kept.epoch

    @property
    def client(self) -> Any:
        """What speaks to the servers now."""
        return self._link.client

    @property
    def stream(self) -> Any:
        """What asks JetStream now."""
        return self.kept.jetstream

    @property
    def is_owner(self) -> bool:
        """Whether this hub reads the upstream and numbers now."""
        return self._owner is not None and self._owner.is_ready

    @property
    def stream_name(self) -> str:
        """Name of the stream."""
        return self.kept.name

    @property
    def _doubt_s(self) -> float:
        return self._lease.ttl_s / 4 if self._lease is not None else self.options.lease_s / 4

    @property
    def beat_s(self) -> float:
        """How often an owner shows that it is there: often enough that nobody doubts it, seconds."""
        return min(self.options.beat_s, self._lease.ttl_s / 10) if self._lease is not None else self.options.beat_s

    def subject(self, word: str) -> str:
        """Return a subject of the group: "live", "kept", "turn" or "again"."""
        return f"wsxhub.{self.options.lease}.{word}"

    # -- life ------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect, hear what is live, and fill the desk from the stream.

        Raises:
            ConnectError: no server answers.
            ResolveError: their names are not known.
            TlsError: a certificate is not accepted, or TLS is not to be had.
            CredentialsError: user, password or token is wrong or missing.
            PlanError: the user may not do all that a hub does.
            OptionError: a file of certificates cannot be used.
            StorageError: the servers do not make or read the stream.
        """
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._link.close)
            await self._link.open(self.options.timeout_s)
            try:
                await self._begin()
            except failures() as error:
                if isinstance(error, WsExampleError):
                    raise
                words = f"{error}".removeprefix("nats: ") or type(error).__name__
                raise StorageError(
                    f"the stream {self.stream_name} on {self._link.servers} cannot be used: {words}",
                    url=str(self._link.servers),
                ) from error
            undo.pop_all()
        loop = asyncio.get_running_loop()
        self._heard_s = self._sure_s = loop.time()
        self._tasks = [
            asyncio.create_task(self._fill_gaps(), name="hub gaps"),
            asyncio.create_task(self._watch(), name="hub watch"),
            asyncio.create_task(self._link.keep(), name="hub connection"),
        ]

    async def _begin(self) -> None:
        """Hear what is live, find stream and lease, and read what was published before."""
        hear = self._link.subscribe
        await hear(self.subject("live"), self._hear, pending_msgs_limit=1 << 20, pending_bytes_limit=1 << 28)
        await hear(self.subject("turn"), self._hear_takeover)
        await hear(self.subject("again"), self._hear_again)
        await self._link.settle()
        if self._link.denied is not None:
            raise self._link.denied
        state = await self.kept.open()
        self._lease = await self.kept.persist(self._find_lease)
        self.kept_at = max(state.first_seq - 1, state.last_seq - self.options.read_messages, 0)
        while self.kept_at < state.last_seq:
            async with asyncio.timeout(self.options.timeout_s):
                await self._read_some()
        self.number = self.number or 0
        self._drain()

    async def _find_lease(self) -> Lease:
        options = self.options
        timeout_s = max(options.lease_s / 4, 0.5)
        return await Lease.at(
            lambda: self._link.jetstream(timeout_s), self.stream_name, self.name, options.lease_s, options.replicas
        )

    async def close(self) -> None:
        """Store what waits, give the lease back, leave."""
        if self.is_owner and self._owner is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(2.0):
                    await self._owner.settle()
        had_turn = bool(self._turn)
        await self._end_turn()
        if had_turn and self._lease is not None:
            await self._lease.release()
        await _stop(self._tasks)
        await self._link.close()

    # -- hearing ---------------------------------------------------------------------------------------------------

    async def _hear(self, message: Any) -> None:
        try:
            batch = read_batch(message.data)
        except UNREADABLE:
            self.stats.unread += 1
            return
        now_s = asyncio.get_running_loop().time()
        self._heard_s = now_s
        if batch.term < self.term:
            self.stats.void += 1
            return
        if batch.term > self._sure_term or now_s - self._sure_s > self._doubt_s:
            self._doubted = message
            self._wanted.set()
            return
        self._sure_s = now_s
        self.adopt(batch.term)
        self._target = max(self._target, batch.number)
        if batch.rows:
            self.stats.heard += 1
            self.take(batch, message.data)
        else:
            self._is_forked(batch.number + 1, batch.term)
        self._note_kept(batch.kept_number, batch.kept_at)
        if self.number is None or self._target > self.number:
            self._wanted.set()
        elif self.number == batch.number:
            self.desk.begin_term(batch.term)

    async def _hear_takeover(self, message: Any) -> None:
        """Stop hearing former owners, and tell the new one what came from them."""
        try:
            term = read_takeover(message.data).term
        except UNREADABLE:
            self.stats.unread += 1
            return
        self.adopt(term)
        for data in list(self.fresh.values()):
            await self.client.publish(message.reply, data)

    def adopt(self, term: int) -> None:
        """Go over to a new owner: what is held of former ones comes from the stream, where it counts."""
        if term <= self.term:
            return
        self.term = term
        self._held.clear()
        self._target = self.number or 0
        if self._owner is not None and term > self._owner.term:
            self._owner.depose()

    def take(self, batch: Batch, data: bytes) -> None:
        """Put a batch on the desk when it is the next one, hold it when it is a later one."""
        if self.number is None:
            self._held[batch.number] = data
            return
        if batch.number <= self.number and not self._is_forked(batch.number, batch.term):
            self.stats.doubled += 1
            return
        self._held[batch.number] = data
        self._drain()

    def _is_forked(self, number: int, term: int) -> bool:
        """Whether an owner gives a number that another one had given, and who died with it; go back to before it then."""
        known = self.fresh.get(number)
        if known is None or self.number is None or read_batch(known).term == term:
            return False
        self.stats.forked += self.number - number + 1
        log.error("batches %d to %d of a former owner were heard here alone", number, self.number)
        void = [self.fresh.pop(one, None) for one in range(number, self.number + 1)]
        rows = [row for data in void if data is not None for row in read_batch(data).rows]
        for topic, seq in {topic: seq for topic, seq, _ in reversed(rows)}.items():
            self.desk.take_back(topic, seq)
        self.number = number - 1
        return True

    def _drain(self) -> None:
        assert self.number is not None
        while (data := self._held.pop(self.number + 1, None)) is not None:
            batch = read_batch(data)
            self.desk.begin_term(batch.term)
            self._deliver(batch)
            self.number = batch.number
            if batch.number > self.kept_number:
                self.fresh[batch.number] = data

    def _deliver(self, batch: Batch) -> None:
        for topic, seq, raw in batch.rows:
            try:
                record = decode_record(raw)
            except UNREADABLE:
                self.stats.unread += 1
                continue
            if self.desk.name_of(record) != topic:  # no reader could ask for it, and some would stumble over it
                self.stats.unread += 1
                continue
            if not self.desk.continue_at(topic, record, seq):
                self.desk.correct(topic, record, seq)

    def _note_kept(self, number: int, at: int) -> None:
        """Take note that batches are in the stream, up to a place."""
        if number > self.kept_number:
            self.kept_number = number
            for one in [one for one in self.fresh if one <= number]:
                del self.fresh[one]
        if self.number is not None and self.number >= number:
            self.kept_at = max(self.kept_at, at)

    # -- reading the stream ----------------------------------------------------------------------------------------

    async def _fill_gaps(self) -> None:
        """Read what did not come live as soon as it is known that there is something."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self._doubted is not None:
                await self._make_sure()
            while self.number is None or self._target > self.number:
                if not await self.read_on():
                    await self._ask_again()
                    await asyncio.sleep(0.05)

    async def _make_sure(self) -> None:
        """Read the stream to its end when there is or may have been another owner, then hear on.

        An owner gives up a quarter of the lease before another one can have it. So what comes after a shorter silence is of the
        owner that was heard before; after a longer one it may be of one that was cut off together with this hub. What such a one
        has said is compared with the stream before a new one's word counts as what is kept.
        """
        while True:
            is_read = await self.read_to_end()
            if (
                is_read and self.kept_at >= read_batch(self._doubted.data).kept_at
            ):  # a leader cut off knows an older end
                break
            await asyncio.sleep(0.05)
        self._sure_s = asyncio.get_running_loop().time()
        message, self._doubted = self._doubted, None
        self._sure_term = max(self.term, read_batch(message.data).term)
        await self._hear(message)

    async def _ask_again(self) -> None:
        """Ask the owner for what is missing: a stream that is choosing a leader takes seconds to get it."""
        loop = asyncio.get_running_loop()
        if self.number is None or loop.time() - self._asked_s < ASK_EVERY_S:
            return
        self._asked_s = loop.time()
        first = self.number + 1
        last = min([*self._held, self._target + 1]) - 1
        with suppress(*failures()):  # asked again soon
            await self.client.publish(self.subject("again"), encode(Again(first, min(last, first + MOST_AGAIN))))

    async def _hear_again(self, message: Any) -> None:
        try:
            asked = read_again(message.data)
        except UNREADABLE:
            self.stats.unread += 1
            return
        if self._owner is not None and self._owner.is_ready:
            await self._owner.say_again(asked.first, asked.last)

    async def _watch(self) -> None:
        """Look into the stream when nothing is heard of an owner: the last word may have been missed."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.options.beat_s)
            if loop.time() - self._heard_s > 3 * self.options.beat_s:
                while await self.read_on():
                    pass

    async def _returned(self) -> None:
        self._heard_s = 0.0  # so that the next look reads the stream

    async def read_on(self) -> int:
        """Read the next messages of the stream, if there are any; returns how many were taken."""
        async with self._reading:
            first = self.kept_at + 1
            asked = range(first, first + self._at_once)
            found = await asyncio.gather(*map(self.kept.message_at, asked))
            self._at_once = min(self._at_once * 2, SIDE_BY_SIDE) if found[-1] is not None else 1
            for place, message in zip(asked, found, strict=True):
                if message is None:
                    if place == first and await self._is_gone(first):
                        return 1
                    return place - first
                self._take_kept(place, message.data)
            return len(asked)

    async def read_to_end(self) -> bool:
        """Read the stream as far as it goes now; returns whether that is done, and not when nobody answers."""
        last = await self.kept.last_place()
        if last is None:
            return False
        while self.kept_at < last:
            if not await self.read_on():
                return False
        return True

    async def _read_some(self) -> None:
        """Read at least one message of the stream; there is one."""
        while True:
            if await self.read_on():
                return
            await asyncio.sleep(0.05)

    async def _is_gone(self, place: int) -> bool:
        """Whether the stream begins later than here; then go on where it begins."""
        first = await self.kept.first_place()
        if first is None or first <= place:
            return False
        self.kept_at = first - 1
        return True

    def _take_kept(self, place: int, data: bytes) -> None:
        if place <= self.kept_at:
            return
        try:
            kept = read_kept(data)
            batches = [(read_batch(one), one) for one in kept.batches]
        except UNREADABLE:
            self.stats.unread += 1
            log.exception("message %d of the stream %s is not one of this version", place, self.stream_name)
            self.kept_at = place
            return
        self.adopt(kept.term)
        first = batches[0][0].number if batches else kept.number + 1
        if self.number is None:
            self.number = first - 1
        elif first > self.number + 1:
            self.stats.lost += first - 1 - self.number
            log.error("batches %d to %d are not in the stream any more", self.number + 1, first - 1)
            self.number = first - 1
        for batch, one in batches:
            self.stats.fetched += batch.number > self.number
            self.take(batch, one)
        for topic, seq in kept.counts.items():
            known = self.desk.topics.get(topic)
            if known is None or known.seq < seq:
                self.desk.count_from(topic, seq)
        self._note_kept(kept.number, place)
        self.kept_at = max(self.kept_at, place)
        self._drain()

    # -- owning ----------------------------------------------------------------------------------------------------

    async def publish_from(self, source: Callable[[], AsyncGenerator[Sequence[Record], None]]) -> None:
        """Stand by until this hub has the lease, then publish a source until it ends; stay the owner after that.

        Raises:
            StateError: it is not open.
        """
        if self._lease is None:
            raise StateError("open the backplane before you publish")
        while True:
            term = await self._lease.acquire()
            log.info("%s owns the upstream from now on", self.options.lease)
            self.stats.turns += 1
            self._owner = owner = Owner(self, term)
            holding = asyncio.create_task(self._lease.hold(), name="hub lease")
            keeping = asyncio.create_task(owner.run(), name="hub owner")
            working = asyncio.create_task(self._work(owner, source), name="hub upstream")
            self._turn = [holding, keeping, working]
            try:
                await asyncio.wait(self._turn, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                await _stop([working], again_s=GOODBYE_S, most_s=2 * GOODBYE_S)
                raise
            if working.done() and not holding.done() and not keeping.done():
                await working
                return
            failed = keeping.exception() if keeping.done() and not keeping.cancelled() else None
            has_lease = not holding.done()
            owner.depose()  # nothing more is said, however long the source takes to leave
            await self._end_turn()
            log.warning("%s does not own the upstream any more", self.options.lease)
            if has_lease:
                await self._lease.release()
            if failed is not None and not isinstance(failed, DeposedError):
                raise failed

    async def _work(self, owner: Owner, source: Callable[[], AsyncGenerator[Sequence[Record], None]]) -> None:
        await owner.ready.wait()
        async with aclosing(source()) as batches:
            async for batch in batches:
                await owner.publish(batch)
        await owner.settle()
        while self.number is None or self.number < owner.number:  # what was not heard live is in the stream now
            if not await self.read_on():
                await asyncio.sleep(0.01)

    async def _end_turn(self) -> None:
        turn, self._turn = self._turn, []
        await _stop(turn[2:], again_s=GOODBYE_S, most_s=2 * GOODBYE_S)  # the upstream first
        await _stop(turn[1::-1])
        self._owner = None


async def _stop(tasks: Sequence[asyncio.Task[None]], *, again_s: float = 0.5, most_s: float = 10.0) -> None:
    """End tasks one after the other.

    The client may lose a cancellation that comes together with an answer, so it is said again, though not to a task that may
    need its time to clean up. One that does not end at all is left behind: a hub that stops does stop.

    Parameters:
        tasks: what to end.
        again_s: after what time they are told again, seconds.
        most_s: after what time a task is left behind, seconds.
    """
    loop = asyncio.get_running_loop()
    for task in tasks:
        ends_s = loop.time() + most_s
        while not task.done() and loop.time() < ends_s:
            task.cancel()
            await asyncio.wait([task], timeout=min(again_s, most_s))
        if task.done():
            await asyncio.gather(task, return_exceptions=True)
        else:
            log.error("%s does not end when told to: left behind", task.get_name())
