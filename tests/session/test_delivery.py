"""From a session to its consumers."""

from __future__ import annotations

import asyncio

import pytest

from tests.conftest import Runner
from tests.session.toy import numbers, trade
from wsexample.errors import DeadlineError
from wsexample.session.delivery import Delivery
from wsexample.session.options import SessionOptions
from wsexample.session.testing import settle


def by_id(record: object) -> str | None:
    return getattr(record, "trade_id", None)


def test_a_record_that_came_before_is_left_out() -> None:
    """By the user's key, across deliveries and within one."""
    delivery = Delivery(SessionOptions(), by_id)
    delivery.deliver([trade("A", 1), trade("A", 2)])
    delivery.deliver([trade("A", 2), trade("A", 3), trade("A", 3)])
    assert numbers(delivery.own.inbox.take_all()) == [1, 2, 3]
    assert delivery.duplicates == 2


def test_records_without_a_key_may_repeat() -> None:
    """None says that a record is not to be told from others."""
    delivery = Delivery(SessionOptions(), lambda record: None)
    delivery.deliver([trade("A", 1), trade("A", 1)])
    assert delivery.stats.received == 2


def test_the_memory_of_keys_is_bounded() -> None:
    """At least so many keys are remembered, at most twice as many, the newest."""
    delivery = Delivery(SessionOptions(dedupe_memory=10), by_id)
    for number in range(1000):
        delivery.deliver([trade("A", number)])
        assert len(delivery._keys) <= 20
    delivery.deliver([trade("A", number) for number in range(990, 1000)])
    assert delivery.duplicates == 10


def test_a_consumer_that_joins_while_records_are_held_back_gets_them_in_order() -> None:
    """The first consumer takes over what waits and what is held; a later one holds back too."""
    delivery = Delivery(SessionOptions())
    delivery.deliver([trade("A", 1)])
    delivery.hold()
    delivery.deliver([trade("A", 3)])
    first, second = delivery.consumer(), delivery.consumer()
    delivery.deliver([trade("A", 4)])
    delivery.release([trade("A", 2)])
    assert numbers(first.inbox.take_all()) == [1, 2, 3, 4]
    assert numbers(second.inbox.take_all()) == [2, 4]
    stats = delivery.stats
    assert (stats.received, stats.delivered) == (6, 6)


def test_a_consumer_that_left_stays_in_the_sums() -> None:
    """What it took and what was dropped with it still add up."""
    delivery = Delivery(SessionOptions())
    consumer = delivery.consumer()
    delivery.deliver([trade("A", 1), trade("A", 2)])
    consumer.inbox.take()
    consumer.close()
    delivery.deliver([trade("A", 3)])
    stats = delivery.stats
    assert (stats.received, stats.delivered, stats.dropped, stats.waiting) == (2, 1, 1, 0)


def test_tasks_that_share_a_consumer_share_its_records(run: Runner[None]) -> None:
    """Each record goes to exactly one of them, and all end with the session."""

    async def main() -> None:
        delivery = Delivery(SessionOptions())
        consumer, got = delivery.own, []

        async def take() -> None:
            async for record in consumer:
                got.append(record)
                await asyncio.sleep(0)

        tasks = [asyncio.create_task(take()) for _ in range(3)]
        for number in range(50):
            delivery.deliver([trade("A", number)])
            await settle()
        delivery.finish(None)
        await asyncio.gather(*tasks)
        assert sorted(numbers(got)) == list(range(50))

    run(main())


def test_receive_has_a_deadline_and_loses_nothing_by_it(run: Runner[None]) -> None:
    """A wait that passed is a DeadlineError; what comes later is still there."""

    async def main() -> None:
        delivery = Delivery(SessionOptions())
        with pytest.raises(DeadlineError, match=r"no record within 0\.01 s"):
            await delivery.own.receive(0.01)
        delivery.deliver([trade("A", 1)])
        assert numbers([await delivery.own.receive(1)]) == [1]

    run(main())


def test_a_consumer_says_what_it_holds() -> None:
    """repr shows policy and fill."""
    delivery = Delivery(SessionOptions(policy="conflate", limit=7))
    delivery.deliver([trade("A", 1)])
    assert repr(delivery.own) == "<Consumer conflate, 1 of 7 waiting>"


def test_a_consumer_of_a_session_that_is_over_ends_at_once(run: Runner[None]) -> None:
    """Whoever comes late is told so, with what ended it."""

    async def main() -> None:
        delivery = Delivery(SessionOptions())
        _ = delivery.own
        delivery.finish(ValueError("over"))
        with pytest.raises(ValueError, match="over"):
            async for _ in delivery.consumer():
                pass

    run(main())
