"""`Owner`: the hub that reads the upstream: numbers records, says them at once, and writes them into the stream behind.

One message at a time goes into the stream, with the place that it must get. So an owner who was replaced without knowing it
cannot write any more: its place is taken. A new owner first takes up what others have heard of the former one and the stream
has not got, and writes that with its term; from then on it numbers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from wsexample.errors import StateError
from wsexample.hub.nats_client import failures, need
from wsexample.hub.nats_messages import Batch, Kept, Takeover, encode, read_batch
from wsexample.records.market import Record

if TYPE_CHECKING:
    from wsexample.hub.nats_backplane import NatsBackplane

__all__ = ["DeposedError", "Owner"]

log = logging.getLogger("wsexample.hub")

LIVE_BYTES = 256 * 1024
"""Size from which no more records go into a batch."""
KEPT_BYTES = 512 * 1024
"""Size from which no more batches go into a message of the stream; NATS takes 1 MiB by default."""
COUNT_EVERY = 1000
"""Messages of the stream after which it is written again which topic had reached which number."""
COUNTS_IN_ONE = 2500
PATIENCE_S = 15.0
"""How long a stream may be silent before that is logged: longer than choosing a leader takes."""
WRONG_PLACE = (10071, 10164)
"""NATS server, error codes of "wrong last sequence"."""


class DeposedError(StateError):
    """Another hub has become the owner."""


class Owner:
    """One turn of a hub at the upstream.

    Parameters:
        hub: its backplane.
        revision: of the lease.
    """

    def __init__(self, hub: NatsBackplane, revision: int) -> None:
        self.term = max(revision, hub.term + 1)
        self.ready = asyncio.Event()
        """Set when the upstream may be read."""
        self._hub = hub
        self._is_deposed = False
        self._counts: dict[str, int] = {}
        self.number = 0
        """Of the newest batch that was said."""
        self._place = 0
        self._kept_number = 0
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._waiting_bytes = 0
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._since_counts = 0

    @property
    def is_ready(self) -> bool:
        """Whether it numbers."""
        return self.ready.is_set() and not self._is_deposed

    def depose(self) -> None:
        """Take note that there is another owner."""
        self._is_deposed = True
        self.ready.clear()
        self._changed.set()

    # -- publishing ------------------------------------------------------------------------------------------------

    async def publish(self, records: Sequence[Record]) -> None:
        """Number records and say them; waits only while too much waits for the stream."""
        await self._has_room.wait()
        rows: list[tuple[str, int, msgspec.Raw]] = []
        size = 0
        most_bytes = self._hub.client.max_payload // 2
        for record in records:
            data = encode(record)
            if len(data) > most_bytes:
                self._hub.stats.oversized += 1
                log.error("a record of %d bytes is too large for these NATS servers: left out", len(data))
                continue
            topic = self._hub.desk.name_of(record)
            seq = self._counts[topic] = self._counts.get(topic, 0) + 1
            rows.append((topic, seq, msgspec.Raw(data)))
            size += len(data)
            if size >= min(LIVE_BYTES, most_bytes // 2):
                await self._say(rows)
                rows, size = [], 0
        if rows:
            await self._say(rows)

    async def _say(self, rows: list[tuple[str, int, msgspec.Raw]]) -> None:
        self.number += 1
        number = self.number
        data = encode(Batch(number, self.term, self._kept_number, self._place, rows))
        self._waiting.append((number, data))
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= self._hub.options.max_waiting_bytes:
            self._has_room.clear()
        self._settled.clear()
        self._changed.set()
        await self._live(data)

    async def _live(self, data: bytes) -> None:
        if not self._is_deposed and self._hub.client.is_connected:  # the client would say it later, as another's number
            with suppress(*failures()):  # not heard live, it is fetched from the stream
                await self._hub.client.publish(self._hub.subject("live"), data)

    async def say_again(self, first: int, last: int) -> None:
        """Say batches again that the stream has not got yet."""
        for number, data in list(self._waiting):
            if first <= number <= last:
                await self._live(data)

    async def settle(self) -> None:
        """Return when everything that was said is in the stream."""
        await self._settled.wait()

    # -- writing into the stream -----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Take over, then write and give signs of life, until something goes wrong.

        Raises:
            DeposedError: another hub has become the owner.
        """
        await self._take_over()
        beating = asyncio.create_task(self._beat(), name="hub beat")
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                while self._waiting:
                    await self._write_waiting()
                if self._is_deposed:
                    raise DeposedError("another hub owns the upstream")
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _write_waiting(self) -> None:
        size, count = 0, 0
        for _, data in self._waiting:
            if count and size + len(data) > min(KEPT_BYTES, self._hub.client.max_payload // 2):
                break
            size += len(data) + 5
            count += 1
        taken = list(islice(self._waiting, count))
        await self._write(Kept(taken[-1][0], self.term, [data for _, data in taken]))
        for _ in taken:
            self._waiting_bytes -= len(self._waiting.popleft()[1])
        if not self._waiting:
            self._settled.set()
        if self._waiting_bytes < self._hub.options.max_waiting_bytes:
            self._has_room.set()
        self._since_counts += 1
        if self._since_counts >= COUNT_EVERY:
            await self._write_counts(dict(self._counts))

    async def _write_counts(self, counts: dict[str, int]) -> None:
        """Write which topic has reached which number.

        A batch that waits may be counted already; whoever begins to read between the two takes it for missed, not for new.
        """
        kept = self._kept_counts(counts)
        rows = list(kept.items())
        for start in range(0, len(rows), COUNTS_IN_ONE):
            await self._write(Kept(self._kept_number, self.term, [], dict(rows[start : start + COUNTS_IN_ONE])))
        self._since_counts = 0

    def _kept_counts(self, counts: dict[str, int]) -> dict[str, int]:
        """Return the numbers that topics have reached in the stream, without what still waits for it."""
        for _, data in reversed(self._waiting):
            for topic, seq, _ in reversed(read_batch(data).rows):
                counts[topic] = seq - 1
        return {topic: seq for topic, seq in counts.items() if seq}

    async def _write(self, kept: Kept) -> None:
        """Write one message at its place, and try again with the same name until the servers say that they have it."""
        hub = self._hub
        place = self._place + 1
        identity = f"{self.term}-{place}"
        headers = {"Nats-Msg-Id": identity, "Nats-Expected-Last-Sequence": str(self._place)}
        errors = need("nats.js.errors")
        data = encode(kept)
        began_s = time.monotonic()
        said = ""
        while True:
            if self._is_deposed:
                raise DeposedError("another hub owns the upstream")
            try:
                await hub.stream.publish(hub.subject("kept"), data, timeout=1.0, headers=dict(headers))
                break
            except errors.APIError as error:
                if error.err_code in WRONG_PLACE:
                    if await self._has_written(place, identity):
                        break
                else:
                    if error.description != said:
                        said = error.description
                        log.warning("the stream %s does not take a message: %s", hub.stream_name, said)
                    await asyncio.sleep(0.2)
            except failures() as error:
                # No answer: the servers are choosing a leader, or the connection goes to another server.
                if time.monotonic() - began_s > PATIENCE_S:
                    began_s = time.monotonic()
                    log.warning(
                        "the stream %s does not answer (%s): readers hear, nothing is kept", hub.stream_name, error
                    )
                await asyncio.sleep(0.05)
        self._place, self._kept_number = place, kept.number

    async def _has_written(self, place: int, identity: str) -> bool:
        """Whether what stands at a place of the stream is ours; False while nobody says.

        Raises:
            DeposedError: it is somebody else's.
        """
        found: Any = await self._hub.kept.message_at(place, at_once=False)
        if found is None:
            await asyncio.sleep(0.05)
            return False
        if (found.headers or {}).get("Nats-Msg-Id") != identity:
            raise DeposedError("another hub has written into the stream")
        return True

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._hub.beat_s)
            await self._live(encode(Batch(self.number, self.term, self._kept_number, self._place)))

    # -- taking over -----------------------------------------------------------------------------------------------

    async def _take_over(self) -> None:
        """Take up what was said before, shut former owners out, and say what the topics have reached."""
        hub = self._hub
        told: dict[int, tuple[int, bytes]] = {}

        async def hear(message: Any) -> None:
            batch = read_batch(message.data)
            if batch.number not in told or told[batch.number][0] < batch.term:
                told[batch.number] = (batch.term, message.data)

        hub.adopt(self.term)
        inbox = hub.client.new_inbox()
        listening = await hub.client.subscribe(inbox, cb=hear)
        try:
            await hub.client.publish(hub.subject("turn"), encode(Takeover(self.term)), reply=inbox)
            await asyncio.sleep(hub.options.gather_s)
        finally:
            with suppress(*failures()):  # the connection is on its way to another server
                await listening.unsubscribe()
        while True:
            await self._read_all()
            assert hub.number is not None
            while hub.number + 1 in told:
                data = told[hub.number + 1][1]
                hub.take(read_batch(data), data)
            self._place, self.number, self._kept_number = hub.kept_at, hub.number, hub.kept_number
            self._waiting = deque((one, hub.fresh[one]) for one in range(hub.kept_number + 1, hub.number + 1))
            self._waiting_bytes = sum(len(data) for _, data in self._waiting)
            try:
                await self._write(Kept(self._kept_number, self.term))
                break
            except DeposedError:
                if self._is_deposed:
                    raise
        while self._waiting:
            await self._write_waiting()
        self._counts = {name: topic.seq for name, topic in hub.desk.topics.items()}
        await self._write_counts(dict(self._counts))
        self.ready.set()

    async def _read_all(self) -> None:
        """Read the stream up to its end."""
        while True:
            if await self._hub.read_to_end():
                return
            await asyncio.sleep(0.05)
