"""Readers who have heard a hub that was cut off from the others: what counts no more of that is told wherever they go on."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.hub.parts import Client, hub, quote
from wsexample.errors import OptionError
from wsexample.hub.ops import epoch_of, life_and_term
from wsexample.hub.server import Hub

Run = Callable[[Coroutine[Any, Any, Any]], Any]
TOPIC = "t.A.quote"
SINCE = {TOPIC: 9}


def at_term(made: Hub, term: int, first: int, last: int) -> None:
    """Hear an owner give some numbers."""
    made.desk.begin_term(term)
    for seq in range(first, last + 1):
        made.desk.continue_at(TOPIC, quote(100 * term + seq), seq)


def fork(first: int, last: int, topic: str = TOPIC) -> dict[str, Any]:
    return {"op": "missed", "topic": topic, "from_seq": first, "to_seq": last, "reason": "fork"}


def epoch(made: Hub, term: int) -> dict[str, Any]:
    return {"op": "epoch", "epoch": epoch_of(made.epoch, term)}


@pytest.mark.parametrize("last", [5, 7, 20])
def test_a_hub_that_has_heard_the_next_owner_says_at_once_what_counts_no_more(run: Run, last: int) -> None:
    """However far that one has come: the reader gets what counts under these numbers."""

    async def main() -> None:
        async with hub() as made:
            at_term(made, 1, 1, 5)
            at_term(made, 2, 6, last)
            client = await Client.to(made)
            await client.subscribe(TOPIC, since=SINCE, epoch=epoch_of(made.epoch, 1))
            assert [await client.take(), await client.take()] == [fork(6, 9), epoch(made, 2)]
            at_term(made, 2, last + 1, 21)
            assert await client.data(16) == [(TOPIC, seq) for seq in range(6, 22)]

    run(main())


def test_a_hub_that_has_not_heard_the_next_owner_says_it_when_he_begins(run: Run) -> None:
    """Until then it may be late; whoever reads beside is told of the owner alone."""

    async def main() -> None:
        async with hub() as made:
            at_term(made, 1, 1, 5)
            beside, client = await Client.to(made), await Client.to(made)
            await beside.subscribe(TOPIC, snapshot=False)
            await client.subscribe(TOPIC, since=SINCE, epoch=epoch_of(made.epoch, 1))
            assert await beside.take() == await client.take() == epoch(made, 1)
            at_term(made, 2, 6, 7)
            assert [await client.take(), await client.take()] == [fork(6, 9), epoch(made, 2)]
            assert await beside.take() == epoch(made, 2)
            for one in (client, beside):
                assert await one.data(2) == [(TOPIC, 6), (TOPIC, 7)]

    run(main())


def test_a_hub_that_was_late_says_nothing(run: Run) -> None:
    """What the reader has more comes there too, before another owner begins."""

    async def main() -> None:
        async with hub() as made:
            at_term(made, 1, 1, 5)
            client = await Client.to(made)
            await client.subscribe(TOPIC, since=SINCE, epoch=epoch_of(made.epoch, 1))
            at_term(made, 1, 6, 9)
            at_term(made, 2, 10, 10)
            assert await client.take() == epoch(made, 1)
            assert (await client.data(4))[-1] == (TOPIC, 9)
            assert await client.take() == epoch(made, 2)
            assert await client.data(1) == [(TOPIC, 10)]

    run(main())


def test_whoever_has_heard_the_owner_or_has_less_is_told_nothing(run: Run) -> None:
    """Nor is one that does not say whom it has heard."""

    async def main() -> None:
        async with hub() as made:
            at_term(made, 1, 1, 5)
            at_term(made, 2, 6, 12)
            for since, said in ((9, epoch_of(made.epoch, 2)), (5, epoch_of(made.epoch, 1)), (9, made.epoch), (9, None)):
                client = await Client.to(made)
                await client.subscribe(TOPIC, since={TOPIC: since}, **({"epoch": said} if said else {}))
                assert await client.take() == epoch(made, 2)
                assert await client.data(1) == [(TOPIC, since + 1)]

    run(main())


def test_a_topic_that_only_a_hub_that_was_cut_off_knew_counts_no_more(run: Run) -> None:
    """Nobody else has ever heard of it."""

    async def main() -> None:
        async with hub() as made:
            at_term(made, 1, 1, 5)
            soon, late = await Client.to(made), await Client.to(made)
            await soon.subscribe("t.>", since={"t.B.quote": 3, "t.>": 5}, epoch=epoch_of(made.epoch, 1))
            made.desk.begin_term(2)
            await late.say(op="since", numbers={"t.B.quote": 3})
            await late.subscribe("t.>", since={"t.>": 5}, epoch=epoch_of(made.epoch, 1))
            assert await soon.take() == epoch(made, 1)
            for client in (soon, late):
                assert [await client.take(), await client.take()] == [fork(1, 3, "t.B.quote"), epoch(made, 2)]

    run(main())


def test_numbers_that_never_come_are_told_to_those_who_listen(run: Run) -> None:
    """A hub that was away for longer than anything is kept goes on with later numbers."""

    async def main() -> None:
        async with hub() as made:
            at_term(made, 1, 1, 2)
            client = await Client.to(made)
            await client.subscribe(TOPIC, since=2, epoch=epoch_of(made.epoch, 1))
            at_term(made, 3, 9, 9)
            told = [await client.take() for _ in range(3)]
            missed = {"op": "missed", "topic": TOPIC, "from_seq": 3, "to_seq": 8, "reason": "history"}
            assert told == [epoch(made, 1), epoch(made, 3), missed]
            assert await client.data(1) == [(TOPIC, 9)]
            again = await Client.to(made)
            await again.subscribe(TOPIC, since={TOPIC: 5}, epoch=epoch_of(made.epoch, 1))
            assert [(await again.take())["op"] for _ in range(3)] == ["epoch", "missed", "data"]

    run(main())


@pytest.mark.parametrize("term", [0, 1, 10**17])
def test_an_epoch_is_read_as_it_was_written(term: int) -> None:
    """Whatever else has a slash in it is a life of another hub."""
    assert life_and_term(epoch_of("life", term)) == ("life", term)
    for other in ("life/", "life/x", "life/" + "1" * 5000, "life/\u0663"):
        assert life_and_term(other) == (other, 0)
    with pytest.raises(OptionError, match="slash"):
        Hub(epoch="life/1")
