"""Readers with an interval: nothing comes more often because others come and go, and nothing is missing or comes twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any
from unittest import mock

import msgspec

from tests.hub.parts import OWNER, quote
from tests.hub.test_forks import Outbox
from wsexample.hub import readers
from wsexample.hub.desk import Desk
from wsexample.hub.ops import JSON
from wsexample.hub.readers import CalmGroup, Reader

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def seqs(outbox: Outbox) -> list[int]:
    """Numbers of what was sent, and nothing of it is sent again."""
    found = []
    for payload in outbox.sent:
        said = msgspec.json.decode(payload)
        found += [one["seq"] for one in (said if isinstance(said, list) else [said])]
    outbox.sent.clear()
    return found


async def come(desk: Desk) -> tuple[Reader, Outbox]:
    outbox = Outbox()
    reader = Reader(outbox, JSON, OWNER, "r")  # type: ignore[arg-type]
    await desk.subscribe(reader, [">"], interval_ms=60_000)
    return reader, outbox


def test_who_comes_and_goes_hurries_nobody() -> None:
    """What waits is sent at its time to those who stay, at once to the one who goes, and not to the one who has it already."""

    async def main() -> None:
        desk = Desk()
        with mock.patch.object(readers, "Broadcaster", Outbox):
            _, stays = await come(desk)
            goes, leaving = await come(desk)
            desk.publish([quote(1)])
            _, comes = await come(desk)
            desk.publish([quote(1, "B"), quote(2, "B")])
            desk.forget(goes)
            assert (seqs(stays), seqs(leaving), seqs(comes)) == ([], [1, 2], [1])
            (group,) = desk._groups.values()
            group.flush()
            assert (seqs(stays), seqs(comes)) == ([1, 2], [2])
            desk.publish([quote(3)])
            desk.close()
            assert (seqs(stays), seqs(comes), seqs(leaving)) == ([2], [2], [])

    asyncio.run(main())


def test_a_group_is_flushed_by_one_timer() -> None:
    """However many come and go in an interval, one flush ends it."""

    async def main() -> None:
        desk = Desk()
        with mock.patch.object(readers, "Broadcaster", Outbox):
            await come(desk)
            (group,) = desk._groups.values()
            assert isinstance(group, CalmGroup)
            timers = set()
            for number in range(20):
                desk.publish([quote(number)])
                timers.add(group.timer)
                other, _ = await come(desk)
                desk.forget(other)
            assert len(timers) == 1
            desk.close()
            assert group.timer is None

    asyncio.run(main())


def test_a_group_that_everybody_has_left_waits_for_nothing() -> None:
    """Whether its last reader goes or turns out to be slow: neither a timer nor what was offered stays behind."""

    async def main() -> None:
        desk = Desk()
        with mock.patch.object(readers, "Broadcaster", Outbox):
            for is_slow in (False, True):
                reader, outbox = await come(desk)
                (group,) = desk._groups.values()
                desk.publish([quote(1)])
                assert isinstance(group, CalmGroup)
                assert group.timer is not None
                outbox.write_buffer_bytes = is_slow << 40
                desk.forget(reader)
                assert (group.timer, group._newest, desk._groups, desk._stragglers) == (None, {}, {}, {})
            desk.close()

    asyncio.run(main())


def test_every_reader_has_the_newest_whoever_came_and_went() -> None:
    """In any order of publishing, coming, going and flushing numbers only grow, and the last flush leaves nobody behind."""

    async def main(chance: random.Random) -> None:
        desk = Desk()
        here: list[tuple[Reader, Outbox, dict[str, int]]] = []
        with mock.patch.object(readers, "Broadcaster", Outbox):
            for number in range(60):
                act = chance.choice("ppppcgf")
                if act == "p":
                    desk.publish([quote(number, chance.choice("AB"))])
                elif act == "c":
                    here.append((*await come(desk), {}))
                elif act == "g" and here:
                    desk.forget(here.pop(chance.randrange(len(here)))[0])
                elif act == "f":
                    for group in desk._groups.values():
                        group.flush()
            desk.close()
        newest = {name: topic.seq for name, topic in desk.topics.items()}
        for _, outbox, seen in here:
            for payload in outbox.sent:
                said = msgspec.json.decode(payload)
                for one in said if isinstance(said, list) else [said]:
                    assert one["seq"] > seen.get(one["topic"], 0)
                    seen[one["topic"]] = one["seq"]
            assert seen == newest

    for seed in range(100):
        asyncio.run(main(random.Random(seed)))
