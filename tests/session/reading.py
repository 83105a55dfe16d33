"""What a test reads off a session: everything that comes, what waits, and whether the counts add up."""

from __future__ import annotations

from wsexample.ports import Record
from wsexample.session.session import Session


def assert_adds_up(session: Session) -> None:
    """received == delivered + conflated + dropped + waiting."""
    stats = session.stats
    assert stats.received == stats.delivered + stats.conflated + stats.dropped + stats.waiting


async def until_the_end(session: Session) -> tuple[list[Record], Exception | None]:
    """Everything that comes, and what ended it."""
    records = []
    try:
        async for record in session:
            records.append(record)  # noqa: PERF401 - what came before the error is wanted
    except Exception as error:  # noqa: BLE001 - it is looked at by the test
        return records, error
    return records, None


async def taken(session: Session) -> list[Record]:
    """Everything that waits now."""
    return [await session.receive(1) for _ in range(session.stats.waiting)]
