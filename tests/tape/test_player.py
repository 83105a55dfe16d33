"""A tape played as a session."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.conftest import Runner
from tests.tape.tapes import BEGIN, SECOND, play, record, trade, write_tape
from wsexample.errors import ConnectionClosed
from wsexample.records.fields import decode_json
from wsexample.session.events import EndOfFeed
from wsexample.tape.player import Player
from wsexample.tape.reader import Tape


def test_a_played_tape_gives_the_records_of_the_recorded_session(run_grid: Runner[None], tmp_path: Path) -> None:
    """Trades, the gap between two connections and every time are the same to the byte, twice."""

    async def main() -> None:
        recorded = await record(tmp_path / "day.tape")
        assert any(b'"gap"' in line for line in recorded)
        assert await play(tmp_path / "day.tape") == recorded
        assert await play(tmp_path / "day.tape") == recorded

    run_grid(main())


def test_pace_changes_no_record(run: Runner[None], tmp_path: Path) -> None:
    """A tape played at a pace gives the same records as one played at once."""

    async def main() -> None:
        recorded = await record(tmp_path / "day.tape")
        assert await play(tmp_path / "day.tape", speed=200) == recorded

    run(main())


def test_a_player_can_be_printed(tmp_path: Path) -> None:
    """It says which tape it plays, and how far it is."""
    path = write_tape(tmp_path / "day.tape", [(0, '{"login": "ok"}')])
    with Player(path) as player:
        assert repr(player) == f"<Player {path}, 0 messages played>"


def test_playing_ends_before_a_moment(run: Runner[None], tmp_path: Path) -> None:
    """What is as late as ``to_ns`` or later is not played."""

    async def main() -> None:
        recorded = await record(tmp_path / "day.tape", breaks=False)
        assert await play(tmp_path / "day.tape", to_ns=BEGIN + 2 * SECOND) == recorded[:3]

    run(main())


def test_a_tape_without_its_end_ends_the_session_normally(run: Runner[None], tmp_path: Path) -> None:
    """When the recorder was killed, everything that is on the tape is played and no gap is invented."""

    async def main() -> None:
        path = write_tape(
            tmp_path / "torn.tape",
            [(0, '{"login": "ok"}'), (0, '{"have": ["A"]}'), (1, trade(1)), (2, trade(2))],
        )
        os.truncate(path, path.stat().st_size - 3)
        records = [decode_json(line) for line in await play(path)]
        assert [record.trade_id for record in records] == ["1"]  # type: ignore[union-attr]

    run(main())


def test_deadlines_of_the_session_pass_in_recorded_time(run: Runner[None], tmp_path: Path) -> None:
    """Who waits on the player's clock wakes at the recorded moment, however fast the tape runs."""

    async def main() -> None:
        path = write_tape(tmp_path / "day.tape", [(0, trade(1)), (3600, trade(2))])
        player = Player(path)  # closed by itself at the end of the tape
        woken: list[int] = []

        async def sleeper() -> None:
            await player.clock.sleep(60)
            woken.append(player.clock.now_ns())

        task = asyncio.ensure_future(sleeper())
        await asyncio.sleep(0)
        connection = await player.dial(None)  # type: ignore[arg-type]
        first = await connection.receive_stamped()
        assert (first[2], woken) == (BEGIN, [])
        second = await connection.receive_stamped()
        await task
        with pytest.raises(EndOfFeed):
            await connection.receive_stamped()
        assert (second[2], woken) == (BEGIN + 3600 * SECOND, [BEGIN + 60 * SECOND])

    run(main())


def test_topics_come_from_the_notes(run: Runner[None], tmp_path: Path) -> None:
    """Whoever plays a tape need not know what the recorded session was subscribed to."""

    async def main() -> None:
        await record(tmp_path / "day.tape", breaks=False)
        with Tape(tmp_path / "day.tape") as tape:
            assert tape.topics() == ("A",)

    run(main())


def test_a_recorder_that_was_killed_and_started_again_leaves_a_gap(run: Runner[None], tmp_path: Path) -> None:
    """Between the two runs data may be missing, and the replayed stream says so."""

    async def main() -> None:
        path = tmp_path / "day.tape"
        recorded = await record(path, breaks=False)
        os.truncate(path, path.stat().st_size - 1)  # the notes of its end are gone
        await record(path, breaks=False, mode="append")
        played = await play(path)
        gaps = [decode_json(line) for line in played if b'"gap"' in line]
        assert [line for line in played if b'"gap"' not in line] == recorded * 2
        assert [gap.reason for gap in gaps] == [str(ConnectionClosed(code=1006))]  # type: ignore[union-attr]

    run(main())
