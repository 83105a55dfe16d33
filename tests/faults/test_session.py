"""A session on a bad network: live again after each fault, every record accounted for, every break told as a gap."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from tests.conftest import Runner
from tests.faults.conftest import MakeProxy
from tests.faults.parts.session import market_through, trades_are_in_order, until
from tests.faults.proxy import ENDING, FAULTS, SILENCING, SLOWING, FaultProxy
from wsexample.ports import Gap, Record
from wsexample.session.session import Session


@pytest.mark.parametrize("fault", [fault for fault in ENDING | SILENCING if fault != "stalled up"])
def test_a_session_is_live_again_and_tells_the_gap(run: Runner[Any], fault_proxy: MakeProxy, fault: str) -> None:
    """One break, one gap, no number twice."""

    async def story(proxy: FaultProxy, session: Session, taken: list[Record]) -> None:
        await until(lambda: len(taken) > 5, session)
        FAULTS[fault](proxy)
        await until(lambda: not session.is_live or session.stats.reconnects >= 1, session)  # quicker than a look
        proxy.heal()
        await until(lambda: session.is_live and session.stats.reconnects >= 1, session)
        since = len(taken)
        await until(lambda: len(taken) > since + 5, session)

    taken = run(market_through(fault_proxy, story))
    assert any(isinstance(record, Gap) for record in taken)
    assert trades_are_in_order(taken)


@pytest.mark.parametrize("fault", [*SLOWING, "stalled up"])
def test_what_lets_records_through_breaks_nothing(run: Runner[Any], fault_proxy: MakeProxy, fault: str) -> None:
    """Every number that was said comes, in order; where the machine itself was too slow a gap says so.

    A client that only listens does not feel that nothing of it arrives.
    """

    async def story(proxy: FaultProxy, session: Session, taken: list[Record]) -> None:
        FAULTS[fault](proxy)
        await until(lambda: len(taken) > 10, session)

    assert trades_are_in_order(run(market_through(fault_proxy, story)))


def test_a_session_survives_a_row_of_faults(run: Runner[Any], fault_proxy: MakeProxy, seed: int) -> None:
    """Whatever comes one after the other, corrupted bytes among it: records flow again after each."""
    chance = random.Random(seed)
    faults = chance.sample(list(FAULTS), len(FAULTS))

    async def story(proxy: FaultProxy, session: Session, taken: list[Record]) -> None:
        for fault in faults:
            print(fault, "after", len(taken), "records")  # noqa: T201 - pytest shows it when the test fails
            FAULTS[fault](proxy)
            await asyncio.sleep(chance.random() * 0.03)
            proxy.heal()
            since = len(taken)
            await until(lambda since=since: session.is_live and len(taken) > since + 3, session)  # type: ignore[misc]

    taken = run(market_through(fault_proxy, story))
    assert any(isinstance(record, Gap) for record in taken)
