"""A kabu client through hours and days, on a clock moved by hand: quiet markets, silence that means something, crowds."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.brokers.kabu.market_samples import at
from tests.brokers.kabu.memory_station import STOCKS, MemoryStation
from tests.conftest import Runner
from wsexample.brokers.base import Reply
from wsexample.brokers.kabu import KabuClient
from wsexample.brokers.kabu.messages import SymbolEntry
from wsexample.brokers.kabu.simulator.http import encode
from wsexample.brokers.kabu.simulator.image import draw_nothing
from wsexample.errors import RateLimitError, SubscriptionLimitError
from wsexample.ports import Gap
from wsexample.records.market import Board
from wsexample.session import events
from wsexample.session.machine import Phase

HOUR_S = 3600.0


async def opened(station: MemoryStation, client: KabuClient) -> None:
    await station.while_waiting(client.__aenter__())


async def closed(station: MemoryStation, client: KabuClient) -> None:
    await station.while_waiting(client.close())


# --- quiet and dead -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_pongs", [True, False], ids=["with Pongs", "without Pongs"])
def test_a_day_and_a_night_are_one_connection(run: Runner[None], has_pongs: bool) -> None:
    """The lunch break, the evening and the night are quiet, not dead; with and without signs of life in between."""

    async def main() -> None:
        station = MemoryStation("10:55", symbols=STOCKS, ticks_per_s=0.02)
        station.has_pongs = has_pongs
        client = station.client("9433 8306 7203", list_check_s=0)
        await opened(station, client)
        await station.pass_time(22.5 * HOUR_S, step_s=30.0)
        assert client.session.stats.attempts == 1
        boards = [board for board in client.take_waiting() if isinstance(board, Board)]
        hours = {(board.received_ns - at("00:00")) // (3600 * 10**9) for board in boards}
        assert {10, 11, 12, 15, 33} <= hours  # before and after lunch, the close, the next morning
        assert not hours & set(range(16, 32))
        await closed(station, client)

    run(main())


def test_silence_in_a_market_that_trades_is_noticed_without_any_pong(run: Runner[None]) -> None:
    """Boards came several a second and stop at once: after a minute the connection counts as dead."""

    async def main() -> None:
        station = MemoryStation(ticks_per_s=1.0)
        station.has_pongs = False
        client = station.client("9433 8306 7203 9984")
        await opened(station, client)
        await station.pass_time(60.0)
        station.is_mute = True
        await station.pass_time(80.0)
        assert client.session.stats.attempts == 2
        (gap,) = [record for record in client.take_waiting_records() if isinstance(record, Gap)]
        assert 58.0 < (gap.to_ns - gap.from_ns) / 1e9 < 80.0
        await closed(station, client)

    run(main())


def test_a_board_that_comes_back_empty_is_read_again(run: Runner[None]) -> None:
    """kabu Station waits five seconds for a symbol it has not seen yet, and then answers with nulls."""

    async def main() -> None:
        station = MemoryStation("12:00", symbols=STOCKS)
        answer, seen = station.call, set()

        async def call(method: str, path: str, **details: Any) -> Reply:
            reply = await answer(method, path, **details)
            if "/board/" not in path or path in seen:
                return reply
            seen.add(path)
            return Reply(200, reply.headers, encode(draw_nothing()))

        station.call = call  # type: ignore[method-assign]
        client = station.client("9433 8306", snapshot=True)
        await opened(station, client)
        await station.pass_time(20.0)
        boards = [board for board in client.take_waiting() if isinstance(board, Board)]
        assert [board.symbol for board in boards] == ["9433@1", "8306@1"]
        assert all(board.last_price for board in boards)
        assert client.snapshots == 2
        await closed(station, client)

    run(main())


# --- the list -----------------------------------------------------------------------------------------------------------


def test_who_fills_the_list_is_known(run: Runner[None]) -> None:
    """What this program streams, what it has only read, and what others have put there."""

    async def main() -> None:
        station = MemoryStation(symbols=STOCKS, register_limit=8)
        station.crowd(["9984", "7974"])
        client = station.client("9433 8306")
        await opened(station, client)
        await station.while_waiting(client.rest.fetch_board("7203"))
        assert client.slots.describe() == (
            "5 of 8 places are taken: 2 streamed by this program, 1 only read by this program,"
            " 2 of other programs or earlier runs"
        )
        await closed(station, client)

    run(main())


def test_reads_make_room_for_the_stream(run: Runner[None]) -> None:
    """Places that were filled by looking at boards are given up; those of other programs never are."""

    async def main() -> None:
        station = MemoryStation(symbols=STOCKS, register_limit=4)
        station.crowd(["9984"])
        client = station.client("9433 8306")
        await opened(station, client)
        await station.while_waiting(client.rest.fetch_board("7203"))
        await station.while_waiting(client.subscribe("7974"))
        assert set(station.station.pushed) == {("9984", 1), ("9433", 1), ("8306", 1), ("7974", 1)}
        with pytest.raises(SubscriptionLimitError, match=r"3 streamed by this program, 1 of other.* left out: 6758@1"):
            await station.while_waiting(client.subscribe("6758"))
        assert client.session.is_live
        await closed(station, client)

    run(main())


def test_symbols_that_lost_their_place_are_told_and_come_back(
    run: Runner[None], caplog: pytest.LogCaptureFixture
) -> None:
    """While this client was away others filled the list; as soon as there is room the stream is whole again."""
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        station = MemoryStation(symbols=STOCKS, register_limit=4, ticks_per_s=1.0)
        client = station.client("9433 8306 7203")
        await opened(station, client)
        await station.pass_time(30.0)
        station.exit()
        station.start()
        station.station.log_in()
        station.crowd(["9984", "7974"])
        await station.pass_time(60.0)
        assert client.session.topics == ("9433@1", "8306@1")
        assert "7203@1: not streamed any more: " in caplog.text
        assert "2 of other programs" in caplog.text
        station.station.unregister([SymbolEntry("9984", 1)])
        client.take_waiting_records()
        await station.pass_time(90.0)
        assert set(client.session.topics) == {"9433@1", "8306@1", "7203@1"}
        records = client.take_waiting_records()
        (gap,) = [record for record in records if isinstance(record, Gap)]
        assert (gap.symbol, gap.reason) == ("7203@1", "there was no place on the registration list")
        assert "7203@1" in {board.symbol for board in records if isinstance(board, Board)}
        await closed(station, client)

    run(main())


# --- the account of a long day ------------------------------------------------------------------------------------------


def test_a_storm_that_outlasts_the_tries_is_one_more_thing_to_wait_for(run: Runner[None]) -> None:
    """A call is given up after four answers of 429; the next attempt makes it again, when the storm is over at last."""

    async def main() -> None:
        station = MemoryStation()
        client = station.client("9433 8306")
        story: list[events.Event] = []

        async def follow() -> None:
            story.extend([event async for event in client.events()])

        await opened(station, client)
        following = asyncio.ensure_future(follow())
        station.station.storm(station.clock.now_ns() + 60 * 10**9)
        station.dialer.connection.drop()
        await station.pass_time(100.0)
        assert client.session.phase is Phase.LIVE
        assert client.reconnects == 1
        await closed(station, client)
        await following
        failures = [event.error for event in story if isinstance(event, events.Failed)]
        assert any(isinstance(error, RateLimitError) for error in failures)

    run(main())


def test_the_whole_morning_from_logout_to_the_open(run: Runner[None], caplog: pytest.LogCaptureFixture) -> None:
    """Logged out at 06:15, restarted at 06:30, logged in by a human at 08:40: boards at 09:00, one sentence, one gap."""
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        station = MemoryStation("05:50", symbols=STOCKS, ticks_per_s=0.5)
        client = station.client("9433 8306", journal=True)
        await opened(station, client)
        await station.pass_time(25 * 60.0, step_s=10.0)
        station.station.log_out()
        await station.pass_time(15 * 60.0, step_s=10.0)
        assert client.session.is_live
        station.exit()
        await station.pass_time(120.0)
        station.start()
        await station.pass_time(2 * HOUR_S, step_s=10.0)
        assert not client.session.is_live
        station.station.log_in()
        await station.pass_time(20.0)
        assert client.session.is_live
        await station.pass_time(25 * 60.0, step_s=5.0)
        boards = [record for record in client.take_waiting_records() if isinstance(record, Board)]
        assert {board.symbol for board in boards} == {"9433@1", "8306@1"}
        await closed(station, client)

    run(main())
    assert caplog.text.count("log in to kabu Station on the PC") == 1
