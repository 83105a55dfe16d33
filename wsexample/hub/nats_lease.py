"""`Lease`: one of several hubs has it, and only for as long as it keeps saying so: a key in a NATS bucket whose values expire.

Who has it stops believing so before the server lets another one have it, by its own steady clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from wsexample.hub.nats_client import failures, need

__all__ = ["Lease"]

KEY = "owner"


class Lease:
    """A lease on a NATS cluster; made by `Lease.at`.

    Parameters:
        stream: returns the JetStream context of the connection that there is.
        name: of the bucket.
        holder: who asks, different for every process.
        ttl_s: after how many seconds a silent holder loses it.
    """

    def __init__(self, stream: Callable[[], Any], name: str, holder: str, ttl_s: float) -> None:
        self._stream = stream
        self._name = name
        self._bucket_of: tuple[Any, Any] = (None, None)
        self._holder = holder.encode()
        self.ttl_s = ttl_s
        self._revision = 0
        self._asked_s = 0.0

    def __repr__(self) -> str:
        return f"<Lease of {self.ttl_s} s>"

    @classmethod
    async def at(cls, stream: Callable[[], Any], name: str, holder: str, ttl_s: float, replicas: int) -> Lease:
        """Open a lease; the first to open it makes its bucket, and the others take its time to live.

        Parameters:
            stream: returns the JetStream context of the connection that there is; its deadline is shorter than the time to live.
            name: of the bucket.
            holder: who asks.
            ttl_s: time to live, seconds.
            replicas: on how many servers it is kept.
        """
        api, errors = need("nats.js.api"), need("nats.js.errors")
        config = api.KeyValueConfig(bucket=name, ttl=ttl_s, replicas=replicas, storage=api.StorageType.FILE)
        try:
            bucket = await stream().key_value(name)
        except errors.NotFoundError:
            with suppress(errors.BadRequestError):  # somebody else has made it in this moment
                await stream().create_key_value(config)
            bucket = await stream().key_value(name)
        return cls(stream, name, holder, (await bucket.status()).ttl or ttl_s)

    async def _bucket(self) -> Any:
        """Return the bucket on the connection that there is."""
        stream, bucket = self._bucket_of
        if stream is not self._stream():
            stream = self._stream()
            bucket = await stream.key_value(self._name)
            self._bucket_of = stream, bucket
        return bucket

    async def acquire(self) -> int:
        """Wait until nobody has it and take it; returns a number that grows from holder to holder."""
        loop = asyncio.get_running_loop()
        while True:
            self._asked_s = loop.time()
            try:
                self._revision = await (await self._bucket()).create(KEY, self._holder)
            except failures():  # somebody has it, or the servers are choosing a leader
                _end_if_cancelled()
                await asyncio.sleep(self.ttl_s / 8)
                continue
            try:
                _end_if_cancelled()
            except asyncio.CancelledError:
                await self.release()
                raise
            return self._revision

    async def hold(self) -> None:
        """Keep it; returns when it is lost, or may be by now."""
        loop = asyncio.get_running_loop()
        while True:
            ends_s = self._asked_s + self.ttl_s * 0.75
            left_s = ends_s - loop.time()
            if left_s <= 0:
                return
            await asyncio.sleep(min(self.ttl_s / 5, left_s))
            try:
                async with asyncio.timeout(max(self.ttl_s / 4, 0.05)):
                    if not await self._renew(loop.time()):
                        return
            except failures():  # the servers are choosing a leader: ask again until it is too late
                await asyncio.sleep(min(self.ttl_s / 40, max(ends_s - loop.time(), 0)))

    async def _renew(self, asked_s: float) -> bool:
        """Say that it is ours still; returns whether it is, as far as is known."""
        errors = need("nats.js.errors")
        try:
            self._revision = await (await self._bucket()).update(KEY, self._holder, last=self._revision)
        except errors.KeyWrongLastSequenceError:
            return await self._is_still_ours()
        self._asked_s = asked_s
        return True

    async def _is_still_ours(self) -> bool:
        """Whether the last word is one of ours whose answer was lost."""
        errors = need("nats.js.errors")
        try:
            found = await (await self._bucket()).get(KEY)
        except errors.KeyNotFoundError:
            return False
        except failures():  # unknown: the next renewal finds out, or it is too late then
            return True
        if found.value != self._holder:
            return False  # and its revision is not ours: `release` would end the lease of somebody else with it
        self._revision = found.revision
        return True

    async def release(self) -> None:
        """Let the next one have it at once."""
        with suppress(*failures()):  # it expires by itself where this does not arrive
            async with asyncio.timeout(self.ttl_s / 2):
                await (await self._bucket()).delete(KEY, last=self._revision)


def _end_if_cancelled() -> None:
    """End a task that was cancelled while the client waited for an answer.

    The client uses ``asyncio.wait_for``, which before Python 3.12 loses a cancellation that comes together with the answer.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
