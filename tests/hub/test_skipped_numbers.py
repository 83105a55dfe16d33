"""What waits for a reader when numbers behind it are skipped: everything it has not got is accounted for."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest import mock

import msgspec

from tests.hub.parts import OWNER, quote
from tests.hub.test_forks import Outbox
from wsexample.hub import readers
from wsexample.hub.desk import Desk
from wsexample.hub.ops import JSON
from wsexample.hub.readers import Reader

TOPIC = "t.A.quote"


def told_by(outbox: Outbox) -> list[Any]:
    """What was sent, in short."""
    found = []
    for payload in outbox.sent:
        said = msgspec.json.decode(payload)
        found += [
            (one["op"], one.get("seq") or one.get("count") or (one["from_seq"], one["to_seq"]))
            for one in (said if isinstance(said, list) else [said])
        ]
    return found


def publish_with_a_hole(desk: Desk) -> None:
    """Publish 1 to 3 and 7; what lies between was never seen here."""
    for seq in (1, 2, 3):
        desk.continue_at(TOPIC, quote(seq), seq)
    desk.count_from(TOPIC, 6)
    desk.continue_at(TOPIC, quote(7), 7)


async def subscribed(desk: Desk, outbox: Outbox, interval_ms: int) -> Reader:
    reader = Reader(outbox, JSON, OWNER, "r")  # type: ignore[arg-type]
    await desk.subscribe(reader, [">"], interval_ms=interval_ms)
    return reader


def test_the_newest_of_an_interval_comes_before_what_is_missed() -> None:
    """A reader with an interval gets the last record before a hole, then word of the hole, then the newest."""

    async def main() -> None:
        outbox, desk = Outbox(), Desk()
        with mock.patch.object(readers, "Broadcaster", Outbox):
            await subscribed(desk, outbox, 60_000)
            publish_with_a_hole(desk)
            desk.close()
        assert told_by(outbox) == [("data", 3), ("missed", (4, 6)), ("data", 7)]

    asyncio.run(main())


def test_a_slow_reader_is_told_of_every_number() -> None:
    """What came, what was passed over and what was missed add up to all numbers of the topic."""

    async def main() -> None:
        outbox, desk = Outbox(), Desk()
        with mock.patch.object(readers, "Broadcaster", Outbox):
            reader = await subscribed(desk, outbox, 0)
            desk._leave(reader)
            desk._too_slow(reader, [])
            publish_with_a_hole(desk)
            desk._let_catch_up(desk._stragglers[reader])
            desk.close()
        assert told_by(outbox) == [("conflated", 2), ("data", 3), ("missed", (4, 6)), ("data", 7)]

    asyncio.run(main())
