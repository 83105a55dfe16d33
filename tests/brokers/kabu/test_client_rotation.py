"""`KabuClient` with a watch list that is longer than the registration list: places, snapshots, gaps; nothing twice."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from itertools import pairwise

import pytest

from tests.brokers.kabu.memory_station import MemoryStation
from tests.conftest import Runner
from wsexample.brokers.kabu import KabuClient
from wsexample.brokers.kabu.dialect import parse_symbols, spell
from wsexample.brokers.kabu.messages import SymbolEntry
from wsexample.errors import OptionError
from wsexample.ports import Gap, Record
from wsexample.records.market import Board
from wsexample.session.testing import settle

WATCHED = "9433 8306 7203 9984 7974 6758 9432 501A 1332 1605 1925 2502 2802 2914 3382 3402"
OTHERS = ("4063", "4385", "4502", "4568")
NAMES = [spell(entry) for entry in parse_symbols(WATCHED)]


def station_of(**switches: object) -> MemoryStation:
    """A busy station with eight places."""
    symbols = (*WATCHED.split(), *OTHERS)
    return MemoryStation(symbols=symbols, ticks_per_s=1.0, register_limit=8, **switches)


def client_of(station: MemoryStation, **options: object) -> KabuClient:
    return station.client(WATCHED, **{"rotate_s": 10.0, **options})


def boards_of(records: list[Record]) -> list[Board]:
    return [record for record in records if isinstance(record, Board)]


async def begun(station: MemoryStation, client: KabuClient) -> None:
    """Open a client."""
    await station.while_waiting(client.__aenter__())


def test_every_symbol_of_a_long_list_comes_round(run: Runner[None]) -> None:
    """Each is streamed about as often as any other, and the list never holds more than there are places."""

    async def main() -> None:
        station = station_of()
        client = client_of(station)
        await begun(station, client)
        assert client.rotation is not None
        seen: Counter[str] = Counter()
        for _ in range(240):
            await station.pass_time(1.0)
            assert len(station.station.entries) <= 8
            seen.update(board.symbol for board in client.take_waiting())
        assert set(seen) == set(NAMES)
        assert client.gaps >= 16 * 2
        await station.while_waiting(client.close())
        assert station.station.entries == {}

    run(main())


def test_a_symbol_that_comes_in_brings_its_gap_and_its_board(run: Runner[None]) -> None:
    """First the gap for the time it was out, then its present board, then what is pushed; each board once."""

    async def main() -> None:
        station = station_of(snapshot_on_register=True)
        client = client_of(station)
        await begun(station, client)
        await station.pass_time(120.0)
        await station.while_waiting(client.close())
        records = client.take_waiting_records()
        for name in NAMES:
            own = [record for record in records if record.symbol == name]
            assert any(isinstance(record, Gap) for record in own)
            for before, after in pairwise(own):
                assert not (isinstance(before, Gap) and isinstance(after, Gap))
                if isinstance(before, Gap):
                    assert isinstance(after, Board)
        pushed = [board.market_value for board in boards_of(records)]
        numbers = [value for value in pushed if value is not None and value <= len(station.tape)]
        assert len(numbers) == len(set(numbers))

    run(main())


def test_what_was_missed_lies_in_the_gaps(run: Runner[None]) -> None:
    """Whatever was pushed and did not come happened while its symbol was out, and its gap says so."""

    async def main() -> None:
        station = station_of()
        client = client_of(station)
        await begun(station, client)
        await station.pass_time(90.0)
        records = client.take_waiting_records()
        came = {board.market_value for board in boards_of(records)}
        for name in NAMES:
            times = [board.received_ns for board in boards_of(records) if board.symbol == name]
            gaps = [record for record in records if isinstance(record, Gap) and record.symbol == name]
            for push in station.tape:
                if push.symbol == name and times[0] <= push.at_ns <= times[-1] and push.number not in came:
                    assert any(gap.from_ns <= push.at_ns <= gap.to_ns for gap in gaps)
        await station.while_waiting(client.close())

    run(main())


def test_a_board_that_was_read_and_pushed_is_delivered_once(run: Runner[None]) -> None:
    """Where registration brings a board by itself, the read one, which says the same, is left out."""

    async def main() -> None:
        station = MemoryStation("12:00", symbols=WATCHED.split(), register_limit=8, snapshot_on_register=True)
        client = client_of(station)
        await begun(station, client)
        await station.pass_time(60.0)
        counts = Counter(board.symbol for board in client.take_waiting())
        entered = 8 + client.gaps
        assert sum(counts.values()) <= entered + 8
        await station.while_waiting(client.close())

    run(main())


def test_pinned_symbols_are_never_out(run: Runner[None]) -> None:
    """They have no gap, and are on the list all the while."""

    async def main() -> None:
        station = station_of()
        client = client_of(station, pinned="9433 4063")
        await begun(station, client)
        for _ in range(60):
            await station.pass_time(1.0)
            assert {("9433", 1), ("4063", 1)} <= set(station.station.pushed)
        records = client.take_waiting_records()
        assert not [record for record in records if isinstance(record, Gap) and record.symbol in ("9433@1", "4063@1")]
        await station.while_waiting(client.close())

    run(main())


def test_what_an_earlier_run_has_left_is_moved_too(run: Runner[None]) -> None:
    """A program that was killed leaves its window on the list; the next run makes room by itself."""

    async def main() -> None:
        station = station_of()
        station.crowd(WATCHED.split()[8:])
        client = client_of(station)
        await begun(station, client)
        seen: set[str] = set()
        for _ in range(60):
            await station.pass_time(1.0)
            seen |= {board.symbol for board in client.take_waiting()}
        assert seen == set(NAMES)
        await station.while_waiting(client.close())

    run(main())


def test_places_of_other_programs_are_left_to_them_and_taken_when_free(
    run: Runner[None], caplog: pytest.LogCaptureFixture
) -> None:
    """The window shrinks when others register, while it runs too, and grows again when they leave."""
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        station = station_of()
        station.crowd(OTHERS[:2])
        client = client_of(station, list_check_s=5.0)
        await begun(station, client)
        assert client.rotation is not None
        assert len(client.rotation.present) == 6
        others = {(code, 1) for code in OTHERS}
        station.station.unregister_all()
        station.crowd(OTHERS)
        await station.pass_time(30.0)
        assert others <= set(station.station.pushed)
        assert len(client.rotation.present) == 4
        station.station.unregister([SymbolEntry(code, 1) for code in OTHERS])
        await station.pass_time(30.0)
        assert len(client.rotation.present) == 8
        assert len(station.station.pushed) == 8
        await station.while_waiting(client.close())

    run(main())


def test_a_symbol_that_is_not_known_is_dropped_and_told(run: Runner[None], caplog: pytest.LogCaptureFixture) -> None:
    """One contract of the watch list has expired; the others go round."""
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        station = station_of()
        client = station.client(f"{WATCHED} 4999", rotate_s=10.0)
        await begun(station, client)
        await station.pass_time(60.0)
        assert client.rotation is not None
        assert SymbolEntry("4999", 1) not in client.rotation.entries
        assert {board.symbol for board in client.take_waiting()} == set(NAMES)
        await station.while_waiting(client.close())

    run(main())
    assert "a symbol of the watch list is not known and is dropped: 4999@1: " in caplog.text


def test_a_turn_that_failed_is_made_up_for(run: Runner[None]) -> None:
    """kabu Station answers nothing for a while, then loses its list; places and boards are right again afterwards."""

    async def main() -> None:
        station = station_of()
        client = client_of(station)
        await begun(station, client)
        await station.pass_time(7.0)
        station.answer_delay_s = 60.0
        await station.pass_time(90.0)
        station.answer_delay_s = 0.0
        station.station.unregister_all()
        station.dialer.connection.drop()
        await station.pass_time(90.0)
        assert client.session.is_live
        assert client.rotation is not None
        assert set(station.station.pushed) == {(entry.Symbol, entry.Exchange) for entry in client.rotation.present}
        client.take_waiting()
        await station.pass_time(60.0)
        assert {board.symbol for board in client.take_waiting()} == set(NAMES)
        await station.while_waiting(client.close())

    run(main())


def test_symbols_join_and_leave_a_rotation(run: Runner[None]) -> None:
    """What is subscribed later is the next to come in; what is given up is off the list."""

    async def main() -> None:
        station = station_of()
        client = client_of(station)
        await begun(station, client)
        await client.subscribe("4063")
        await station.while_waiting(client.unsubscribe("9433"))
        await station.pass_time(20.0)
        assert "4063@1" in {board.symbol for board in client.take_waiting()}
        assert ("9433", 1) not in station.station.entries
        await station.pass_time(60.0)
        assert "9433@1" not in {board.symbol for board in client.take_waiting()[8:]}
        await station.while_waiting(client.close())

    run(main())


def test_a_long_list_without_a_rotation_is_refused() -> None:
    """At once, with both ways out."""
    with pytest.raises(OptionError, match="rotate through them"):
        KabuClient([str(1300 + number) for number in range(51)], token="t")


def test_a_patient_client_waits_even_for_its_first_window(run: Runner[None], caplog: pytest.LogCaptureFixture) -> None:
    """The program is started before kabu Station is, and before anybody has logged in."""
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        station = station_of()
        station.exit()
        client = client_of(station, patient=True)
        opening = asyncio.ensure_future(client.__aenter__())
        await station.pass_time(20.0)
        station.start()
        await station.pass_time(20.0)
        station.station.log_in()
        await station.while_waiting(opening)
        await settle()
        assert client.session.is_live
        await station.while_waiting(client.close())

    run(main())
    assert "cannot be reached yet" in caplog.text
    assert caplog.text.count("log in to kabu Station on the PC") == 1
