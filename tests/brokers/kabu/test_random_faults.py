"""Two hundred faults in a day of a kabu Station: live again after each in time, every board accounted for, every break a Gap.

Everything is drawn from a seed, and the clock is moved by hand. What may go wrong is the list of names below. One client has a
place for each of its symbols, the other rotates.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from tests.brokers.kabu.market_samples import S
from tests.brokers.kabu.memory_station import STOCKS, MemoryStation
from tests.conftest import run_with_deadline
from wsexample.brokers.kabu import KabuClient
from wsexample.brokers.kabu.messages import SymbolEntry
from wsexample.ports import Gap, Record
from wsexample.records.market import Board
from wsexample.session import events
from wsexample.session.testing import settle

LIMIT = 6
CROWD = ("1332", "1605", "1925", "2502", "2802")
LIST_CHECK_S = 60.0
FAULTS = (
    *("reset", "closed", "displaced", "frozen", "restart", "logout", "logout and reset", "token stolen and reset"),
    *(
        "storm and reset",
        "slow start",
        "list emptied",
        "list emptied and reset",
        "crowd",
        "crowd and reset",
        "garbage and reset",
    ),
)
SILENCE_S = 100.0
"""Three Pongs missed and a second; nothing else is slower to be noticed."""
RETRY_S = 15.1
"""The longest back-off, and the least distance of two attempts."""
CALLS_S = 40.0
"""What registering may take: an answer that was slow to the deadline, four answers of 429, a second attempt."""


@dataclass
class Run:
    """A station, its client, and what came of them."""

    seed: int
    wanted: tuple[str, ...] = STOCKS[:5]
    rotate_s: float | None = None
    station: MemoryStation = field(init=False)
    client: KabuClient = field(init=False)
    records: list[Record] = field(default_factory=list)
    story: list[events.Event] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.station = MemoryStation("08:55", symbols=(*STOCKS, *CROWD), ticks_per_s=0.3, register_limit=LIMIT)
        self.client = self.station.client(
            " ".join(self.wanted),
            list_check_s=LIST_CHECK_S,
            rotate_s=self.rotate_s,
            random=random.Random(self.seed + 1),
        )

    # -- time ------------------------------------------------------------------------------------------------------

    async def pass_time(self, seconds: float) -> None:
        """Let time pass; the sums hold after each second."""
        for _ in range(max(round(seconds), 1)):
            await self.station.pass_time(1.0)
            self.records += self.client.take_waiting_records()
            client = self.client
            assert client.session.error is None, self.faults[-1:]
            counts = client.session.stats
            assert counts.received == counts.delivered + counts.conflated + counts.dropped + counts.waiting
            handed = client.delivered + client.conflated + client.dropped
            assert client.received + client.snapshots == handed + client.unreadable + client.waiting
            assert (client.conflated, client.dropped) == (0, 0)
            assert client.waiting == 0 or not client.session.is_live  # held back until the gap is closed

    # -- faults ----------------------------------------------------------------------------------------------------

    async def break_it(self) -> None:
        """Let something go wrong, and right again after a while."""
        name, draw, station = self.random.choice(FAULTS), self.random.uniform, self.station
        self.faults.append(name)
        connection = station.dialer.connection
        if "restart" in name:
            station.exit()
            await self.pass_time(draw(1, 60))
            station.start()
            await self.pass_time(draw(1, 200))
            station.station.log_in()
        if "logout" in name:
            station.station.log_out()
        if "token" in name:
            station.station.issue_token()
        if "storm" in name:
            station.station.storm(station.clock.now_ns() + round(draw(1, 60) * S))
        if "slow" in name:
            station.answer_delay_s = draw(0.5, 12.0)
        if "list" in name or "crowd" in name:
            station.station.unregister_all()
        if "crowd" in name:
            station.crowd(CROWD)
        if ("list" in name or "crowd" in name) and "reset" in name:
            await self.pass_time(draw(1, 50))  # the stream is open, and says nothing of what is off the list
        if "garbage" in name:
            connection.say("{}", "not json", "[]")
        if "frozen" in name:
            station.is_mute = True
        if name == "closed":
            connection.drop(1001, "going away", was_clean=True)
        elif name == "displaced":
            connection.drop(1000, was_clean=True)
        elif "reset" in name or name == "slow start":
            connection.drop()
        if name != "restart":
            await self.pass_time(draw(1, 60))
        station.answer_delay_s = 0.0
        if "crowd" in name:
            station.station.unregister([SymbolEntry(code, 1) for code in CROWD])
        if "logout" in name:
            station.station.log_in()

    @property
    def is_well(self) -> bool:
        """Whether every place is filled with a wanted symbol, and pushed to a client that is live."""
        pushed = set(self.station.station.pushed)
        is_heard = self.client.session.is_live and self.station.connection is not None
        count = min(LIMIT, len(self.wanted))
        wanted = {(code, 1) for code in self.wanted}
        return is_heard and len(pushed & wanted) == len(self.client.session.topics) == count

    async def live(self, faults: int) -> None:
        """Live through faults; each ends with a stream that is whole, in time."""

        async def follow() -> None:
            self.story.extend([event async for event in self.client.events()])

        station = self.station
        await station.while_waiting(self.client.__aenter__())
        following = asyncio.ensure_future(follow())
        for _ in range(faults):
            await self.pass_time(self.random.uniform(5, 120))
            await self.break_it()
            begun_s = station.clock.monotonic_s()
            while not self.is_well:
                await self.pass_time(1.0)
                passed_s = station.clock.monotonic_s() - begun_s
                assert passed_s <= SILENCE_S + RETRY_S + CALLS_S + LIST_CHECK_S, self.faults[-1]
        await self.pass_time(LIST_CHECK_S + 5)
        await station.while_waiting(self.client.close())
        self.records += self.client.take_waiting_records()
        await settle()
        await following

    # -- what came ---------------------------------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        return [f"{code}@1" for code in self.wanted]

    @property
    def gaps(self) -> list[Gap]:
        return [record for record in self.records if isinstance(record, Gap)]

    @property
    def boards(self) -> list[Board]:
        """Boards that were pushed; those that were read have a real market value."""
        boards = [record for record in self.records if isinstance(record, Board)]
        return [board for board in boards if (board.market_value or 0) <= len(self.station.tape)]


@pytest.fixture(scope="module", params=[None, 20.0], ids=["a place for each", "rotating"])
def outcome(request: pytest.FixtureRequest) -> Run:
    """One run of 200 faults, seen from several sides."""
    run = Run(1, STOCKS if request.param else STOCKS[:5], request.param)
    run_with_deadline(run.live(200))
    return run


def test_two_hundred_faults_take_simulated_hours(outcome: Run) -> None:
    """Every kind of fault occurred, over hours with the lunch break in them."""
    assert len(outcome.faults) == 200
    assert set(outcome.faults) == set(FAULTS)
    assert outcome.station.clock.monotonic_s() > 4 * 3600
    assert len(outcome.boards) > 10_000
    assert outcome.client.reconnects >= 100


def test_what_was_said_is_delivered_once(outcome: Run) -> None:
    """Every board that went to a connection comes out, and none twice."""
    delivered = Counter(board.market_value for board in outcome.boards)
    assert set(delivered.values()) == {1}
    said = {push.number for push in outcome.station.tape if push.was_said}
    assert said == set(delivered)


def test_what_was_not_said_lies_in_a_gap(outcome: Run) -> None:
    """Every change that did not come, after the first board of its symbol and before the last, stands under a Gap."""
    delivered = {board.market_value for board in outcome.boards}
    for name in outcome.names:
        times = [board.received_ns for board in outcome.boards if board.symbol == name]
        gaps = [gap for gap in outcome.gaps if gap.symbol in ("", name)]
        missing = [
            push.at_ns
            for push in outcome.station.tape
            if push.symbol == name and push.number not in delivered and times[0] <= push.at_ns <= times[-1]
        ]
        assert missing
        assert [at_ns for at_ns in missing if not any(gap.from_ns <= at_ns <= gap.to_ns for gap in gaps)] == []


def test_every_break_is_covered_by_a_gap(outcome: Run) -> None:
    """Each loss of the live stream lies between the beginning and the end of a Gap of the whole stream."""
    gaps = [gap for gap in outcome.gaps if not gap.symbol]
    losses = [event for event in outcome.story if isinstance(event, events.Failed) and event.phase == "live"]
    assert len(losses) >= 100
    assert all(any(gap.from_ns <= loss.at_ns <= gap.to_ns for gap in gaps) for loss in losses)
    assert len(outcome.gaps) == outcome.client.gaps


def test_boards_of_a_symbol_come_in_order(outcome: Run) -> None:
    """Whatever happens in between."""
    for name in outcome.names:
        numbers = [board.market_value or 0 for board in outcome.boards if board.symbol == name]
        assert numbers == sorted(numbers)
