"""The lease without a server: whatever is answered, and however late, who has lost it knows in time and takes nobody else's."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest

from tests.property.looping import LeapingLoop
from wsexample.hub.nats_client import need
from wsexample.hub.nats_lease import Lease

TTL_S = 10.0
LOST_S = 0.3
"""After that nobody answers."""


class Bucket:
    """Refuses every renewal, and says after a while who has the lease."""

    def __init__(self, holder: bytes, late_s: Callable[[], float] = lambda: 0.0) -> None:
        self._holder, self._late_s = holder, late_s
        self.deleted: list[int] = []

    async def create(self, key: str, value: bytes) -> int:
        return 5

    async def update(self, key: str, value: bytes, last: int) -> int:
        await self._answer()
        raise need("nats.js.errors").KeyWrongLastSequenceError

    async def get(self, key: str) -> Any:
        await self._answer()
        return SimpleNamespace(revision=9, value=self._holder)

    async def _answer(self) -> None:
        late_s = self._late_s()
        await asyncio.sleep(late_s)
        if late_s == LOST_S:
            raise TimeoutError

    async def delete(self, key: str, last: int) -> None:
        self.deleted.append(last)


async def held(bucket: Bucket) -> float:
    """Take the lease, hold it until it is lost, give it back; returns how long it was believed to be held, seconds."""

    async def key_value(name: str) -> Bucket:
        return bucket

    stream = SimpleNamespace(key_value=key_value)
    lease = Lease(lambda: stream, "bucket", "me", TTL_S)
    begin_s = asyncio.get_running_loop().time()
    await lease.acquire()
    await lease.hold()
    end_s = asyncio.get_running_loop().time()
    await lease.release()
    return end_s - begin_s


def leap(work: Coroutine[Any, Any, float]) -> float:
    """Run something in a loop in which no time passes."""
    with closing(LeapingLoop()) as loop:
        return loop.run_until_complete(work)


def test_who_has_lost_the_lease_does_not_end_that_of_its_successor() -> None:
    """A hub that stops may give back what it had, and by its own revision alone."""
    bucket = Bucket(b"another")
    assert leap(held(bucket)) == TTL_S / 5
    assert bucket.deleted == [5]


@pytest.mark.parametrize("seed", range(50))
def test_nobody_believes_to_have_it_for_longer_than_it_lasts(seed: int) -> None:
    """However late the answers come, and whatever stays unknown, by then another hub may have it."""
    chance = random.Random(seed)
    bucket = Bucket(b"me", lambda: chance.choice([0.0, LOST_S, 0.7, 1.3, 2.4, 30.0]))
    assert TTL_S / 2 < leap(held(bucket)) <= TTL_S
