"""What a hub notes about its readers is bounded, and what is left out is told."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.hub.parts import hub
from wsexample.errors import HandshakeError
from wsexample.hub.access import Access, TokenFile
from wsexample.hub.notes import BURST_LINES, Notes
from wsexample.hub.server import Hub
from wsexample.wire.connection import connect


class Kept(logging.Handler):
    """Keeps what is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def lines(self) -> list[str]:
        return [record.getMessage() for record in self.records]


@pytest.fixture
def kept() -> Any:
    """What the hub's audit log gets."""
    logger, handler = logging.getLogger("wsexample.hub.audit"), Kept()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def _flood(notes: Notes, count: int, reason: str = "token") -> None:
    for number in range(count):
        notes.note(logging.WARNING, "refused", "refused %s: no", number, reason=reason)


def test_a_flood_is_told_in_a_few_lines_and_a_number(run: Any, kept: Kept) -> None:
    """Lines and the number of those left out are together what happened, also when it goes on."""

    async def main() -> None:
        now_s = 0.0
        notes = Notes(logging.getLogger("wsexample.hub.audit"), now_s=lambda: now_s)
        _flood(notes, 1000)
        now_s = 2.0
        _flood(notes, 2000)
        now_s = 10.0
        notes.sum_up()
        _flood(notes, 1000)  # ten more are told by now
        notes.sum_up()
        notes.sum_up()

    run(main())
    told = [record for record in kept.records if not hasattr(record, "count")]
    sums = [record for record in kept.records if hasattr(record, "count")]
    assert len(told) + sum(record.count for record in sums) == 4000
    assert len(told) < BURST_LINES + 15
    assert sums[0].getMessage() == f"refused, token: and {3000 - BURST_LINES} more in the last 10.0 s"
    assert {(record.levelname, record.event, record.reason) for record in sums} == {("WARNING", "refused", "token")}


def test_one_kind_does_not_hide_another(run: Any, kept: Kept) -> None:
    """Who knocks with wrong tokens without end does not keep a page's refusal out of the log."""

    async def main() -> None:
        notes = Notes(logging.getLogger("wsexample.hub.audit"), now_s=lambda: 0.0)
        _flood(notes, 1000)
        notes.note(logging.WARNING, "refused", "refused %s: a page", "x", reason="origin")
        notes.sum_up()

    run(main())
    assert "refused x: a page" in kept.lines


def test_a_flood_that_has_ended_is_summed_up_by_itself(run: Any, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to knock again for the number to be told."""
    monkeypatch.setattr("wsexample.hub.notes.SUMMARY_S", 0.01)

    async def main() -> None:
        notes = Notes(logging.getLogger("wsexample.hub.audit"))
        _flood(notes, BURST_LINES + 50)
        while "more in the last" not in kept.lines[-1]:
            await asyncio.sleep(0.001)

    run(main())


def test_wrong_tokens_without_end_do_not_fill_the_log(run: Any, kept: Kept, tmp_path: Any) -> None:
    """A hub counts each, tells the first of them one by one, and the rest as a number when it stops."""
    tokens = TokenFile(tmp_path / "tokens.json")
    tokens.add("somebody")

    async def main() -> int:
        async with Hub(access=Access(tokens, anybody=None)) as made:
            for _ in range(BURST_LINES + 20):
                with pytest.raises(HandshakeError):
                    await connect(made.url, headers={"Authorization": "Bearer wrong"}, proxy=None)
        return made.refused["token"]

    assert run(main()) == BURST_LINES + 20
    told = [record for record in kept.records if not hasattr(record, "count")]
    assert len(told) < BURST_LINES + 20
    assert len(told) + kept.records[-1].count == BURST_LINES + 20


def test_readers_that_come_and_go_without_end_do_not_fill_the_log(run: Any, kept: Kept) -> None:
    """Nor do those who are let in."""

    async def main() -> None:
        async with hub() as made:
            for _ in range(BURST_LINES + 20):
                async with connect(made.url, proxy=None):
                    pass

    run(main())
    counts = {record.event: record.count for record in kept.records if hasattr(record, "count")}
    assert counts.keys() == {"connected", "gone"}
    assert len([line for line in kept.lines if " has gone " in line]) < BURST_LINES + 20
