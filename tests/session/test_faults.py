"""Two hundred faults over simulated hours: live again after each in time, every record accounted for, every break a Gap.

A market prints trades all the time; a broker with a login, acknowledgements and an HTTP side carries them, and goes wrong in
every way that the fault names below say. Everything is drawn from a seed, and the clock is moved by hand.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.conftest import Runner, run_with_deadline
from tests.session.toy import ToyDialect, trade
from wsexample.clock import ManualClock
from wsexample.errors import BrokerUnavailableError, ConnectError, DeadlineError, HandshakeError, RateLimitError
from wsexample.ports import Errands, Gap, Record, Silence
from wsexample.records.market import Trade
from wsexample.session import events
from wsexample.session.options import Retry, SessionOptions
from wsexample.session.session import Session
from wsexample.session.testing import ScriptedDialer, settle

SYMBOLS = ("A", "B", "C")
SILENCE_S = 5.0
RETRY = Retry()
DEADLINES_S = {"login": 10.0, "subscribe": 10.0, "open": 30.0, "prepare": 30.0}

ENDS = ("cut", "going away", "restart", "mute", "burst and cut", "busy login later", "garbage and cut")
OBSTACLES = (
    *("refused", "unreachable", "HTTP 503", "HTTP 429", "hanging dial", "prepare fails", "prepare hangs"),
    *("login unanswered", "login busy", "subscription unanswered", "cut while logging in", "cut while subscribing"),
)
HISTORIES = ("complete", "complete", "complete", "fails", "hangs", "cut meanwhile")


@dataclass
class Print:
    """One trade of the market."""

    at_ns: int
    symbol: str
    number: int


@dataclass
class World:
    """The market, the broker, and the list of what is going to go wrong on the way back."""

    clock: ManualClock
    seed: int
    tape: list[Print] = field(default_factory=list)
    obstacles: list[str] = field(default_factory=list)
    history: str = "complete"
    is_mute: bool = False
    asked_s: float = 0.0
    """Waits that the broker asked for since the fault."""

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.dialer = ScriptedDialer(clock=self.clock, answer=self.answer)
        self.subscribed: set[int] = set()

    # -- the broker ------------------------------------------------------------------------------------------------

    def obstacle(self, *names: str) -> str | None:
        """The next thing to go wrong, when it is one of these."""
        if self.obstacles and self.obstacles[0] in names:
            return self.obstacles.pop(0)
        return None

    async def dial(self, options: Any) -> Any:
        match self.obstacle("refused", "unreachable", "HTTP 503", "HTTP 429", "hanging dial"):
            case "refused":
                raise ConnectError("nobody listens there", refused=True)
            case "unreachable":
                raise DeadlineError("no answer", step="connect", timeout_s=10)
            case "HTTP 503":
                raise HandshakeError("HTTP 503", status=503)
            case "HTTP 429":
                self.asked_s += 3.0
                raise HandshakeError("HTTP 429", status=429, headers={"retry-after": "3"})
            case "hanging dial":
                await asyncio.get_running_loop().create_future()
        self.is_mute = False
        return await self.dialer(options)

    def answer(self, message: str | bytes) -> list[str]:
        connection = self.dialer.connection
        match json.loads(message):
            case {"login": _}:
                fault = self.obstacle("login unanswered", "login busy", "cut while logging in")
                if fault == "cut while logging in":
                    connection.drop()
                return {"login busy": ['{"login":"busy"}'], None: ['{"login":"ok"}']}.get(fault, [])
            case {"want": topics}:
                fault = self.obstacle("subscription unanswered", "cut while subscribing")
                if fault == "cut while subscribing":
                    connection.drop()
                if fault:
                    return []
                self.subscribed.add(id(connection))
                return [json.dumps({"have": topics})]
        return []

    def print(self, count: int = 1) -> None:
        """Let the market trade, and the broker say so to who is subscribed."""
        for _ in range(count):
            item = Print(self.clock.now_ns(), self.random.choice(SYMBOLS), len(self.tape))
            self.tape.append(item)
            if self.dialer.connections and not self.is_mute:
                connection = self.dialer.connection
                if id(connection) in self.subscribed and not connection.is_over:
                    connection.say(json.dumps({"s": item.symbol, "n": item.number, "t": item.at_ns}))

    # -- what goes wrong -------------------------------------------------------------------------------------------

    def break_it(self) -> str:
        """Draw a fault: how the connection ends, what stands in the way back, and how the history behaves."""
        draw = self.random
        end = draw.choice(ENDS)
        self.obstacles = draw.choices(OBSTACLES, k=draw.choice([0, 0, 1, 1, 2, 3]))
        self.history = draw.choice(HISTORIES)
        self.asked_s = 0.0
        connection = self.dialer.connection
        match end:
            case "cut":
                connection.drop()
            case "going away":
                connection.drop(1001, "going away", was_clean=True)
            case "restart":
                connection.drop(1012, "service restart", was_clean=True)
            case "mute":
                self.is_mute = True
            case "burst and cut":
                self.print(500)
                connection.drop()
            case "garbage and cut":
                connection.say("{}", '{"unknown": 1}', "[]")
                connection.drop()
            case "busy login later":
                self.obstacles.append("login busy")
                connection.drop(1011, "internal error")
        return f"{end}, then {', '.join(self.obstacles) or 'nothing'}; history {self.history}"


class HttpSide(Errands):
    """The broker beside the socket."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def prepare(self, attempt: int) -> Mapping[str, Any]:
        match self.world.obstacle("prepare fails", "prepare hangs"):
            case "prepare fails":
                self.world.asked_s += 2.0
                raise RateLimitError("too many logins", wait_s=2.0)
            case "prepare hangs":
                await asyncio.get_running_loop().create_future()
        return {}

    async def backfill(self, gap: Gap, topics: Sequence[str]) -> AsyncIterator[Sequence[Record]]:
        how, self.world.history = self.world.history, "complete"
        missed = [
            trade(item.symbol, item.number, gap.to_ns, item.at_ns)
            for item in self.world.tape
            if gap.from_ns <= item.at_ns <= gap.to_ns
        ]
        half = len(missed) // 2
        yield missed[:half]
        match how:
            case "fails":
                raise BrokerUnavailableError("history is down")
            case "hangs":
                await asyncio.get_running_loop().create_future()
            case "cut meanwhile":
                self.world.dialer.connection.drop()
                await asyncio.get_running_loop().create_future()
        yield missed[half:]


def assert_adds_up(session: Session) -> None:
    stats = session.stats
    assert stats.received == stats.delivered + stats.conflated + stats.dropped + stats.waiting, stats


@dataclass
class Outcome:
    """What came out of a run."""

    world: World
    session: Session
    records: list[Record]
    story: list[events.Event]
    faults: list[str]
    hours: float


async def run_faults(seed: int, faults: int, policy: str, limit: int) -> Outcome:
    """Live through faults; checks after each step and each fault what must hold there."""
    clock = ManualClock()
    world = World(clock, seed)
    dialect = ToyDialect(login=True, acks=True, silence=Silence(message_s=SILENCE_S))
    session = Session(
        dialect,
        SYMBOLS,
        dial=world.dial,
        errands=HttpSide(world),
        clock=clock,
        random=random.Random(seed + 1),
        dedupe=lambda record: getattr(record, "trade_id", None),
        options=SessionOptions(retry=RETRY, policy=policy, limit=limit),
    )
    records: list[Record] = []
    story: list[events.Event] = []
    names: list[str] = []

    async def consume() -> None:
        async for record in session:
            records.append(record)
            if len(records) % 100 == 99:
                await clock.sleep(world.random.random() * 2)

    async def follow() -> None:
        story.extend([event async for event in session.events()])

    async def step() -> None:
        target_ns = clock.now_ns() + 500_000_000
        while (wake_ns := clock.next_wake_ns) is not None and wake_ns <= target_ns:
            clock.advance(max(wake_ns - clock.now_ns(), 0) / 1e9)
            await settle()
            assert_adds_up(session)
        clock.advance((target_ns - clock.now_ns()) / 1e9)
        world.print()
        await settle()
        assert_adds_up(session)

    tasks = [asyncio.create_task(consume()), asyncio.create_task(follow())]
    session.start()
    await settle()
    assert session.is_live
    for _ in range(faults):
        for _ in range(world.random.randint(1, 60)):
            await step()
        failures = session._parts.machine.failures if not _is_proven(session) else 0
        names.append(world.break_it())
        # What the way back may take: noticing, each obstacle's deadline, each wait's bound, what the broker asked for.
        count = len(world.obstacles) + 2
        allowed_s = SILENCE_S + sum(_deadline_s(name) for name in world.obstacles)
        allowed_s += sum(RETRY.bound_s(failures + n + 1) + RETRY.interval_s for n in range(count))
        if policy == "block" and limit < 1000:  # blocked by its consumer, it notices when that has caught up
            allowed_s += 120.0
        begun_s, seen = clock.monotonic_s(), session.stats.reconnects
        while not (session.is_live and session.stats.reconnects > seen and not world.obstacles):
            await step()
            assert clock.monotonic_s() - begun_s <= allowed_s + world.asked_s + 0.5, names[-1]
    for _ in range(200):  # a history that hangs ends after its deadline
        await step()
    hours = clock.monotonic_s() / 3600
    await session.close()
    while not all(task.done() for task in tasks):
        clock.advance(1.0)
        await settle()
    assert session.error is None
    assert_adds_up(session)
    return Outcome(world, session, records, story, names, hours)


def _is_proven(session: Session) -> bool:
    machine = session._parts.machine
    return session._parts.clock.monotonic_s() - machine._phase_since_s >= RETRY.proven_s


def _deadline_s(obstacle: str) -> float:
    """How long an attempt may take that meets this obstacle."""
    return {
        "hanging dial": 30.0,
        "prepare hangs": 30.0,
        "login unanswered": 10.0,
        "subscription unanswered": 10.0,
    }.get(obstacle, 0.0)


@pytest.fixture(scope="module", params=[1, 2])
def outcome(request: pytest.FixtureRequest) -> Outcome:
    """One run of 200 faults, seen from several sides."""
    return run_with_deadline(run_faults(request.param, 200, "block", 10_000))


def test_two_hundred_faults_take_simulated_hours(outcome: Outcome) -> None:
    """The script did what it says: many different faults, hours of market time, thousands of trades."""
    assert len(outcome.faults) == 200
    assert len(set(outcome.faults)) > 100
    assert outcome.hours > 1.5
    assert len(outcome.world.tape) > 20_000
    assert outcome.session.stats.reconnects >= 200


def test_every_trade_is_delivered_once_or_lies_in_a_gap(outcome: Outcome) -> None:
    """Nothing twice; what never came stands under a Gap that says that it is not filled."""
    numbers = [int(record.trade_id or 0) for record in outcome.records if isinstance(record, Trade)]
    assert len(numbers) == len(set(numbers))
    gaps = [record for record in outcome.records if isinstance(record, Gap) and not record.filled]
    delivered = set(numbers)
    missing = [item for item in outcome.world.tape if item.number not in delivered]
    uncovered = [item for item in missing if not any(gap.from_ns <= item.at_ns <= gap.to_ns for gap in gaps)]
    still_to_come = outcome.world.tape[-1].at_ns
    assert [item for item in uncovered if item.at_ns < still_to_come] == []
    assert missing, "some histories fail, so that something stays missing"


def test_every_break_is_covered_by_a_gap(outcome: Outcome) -> None:
    """Each loss of a live session lies between the beginning and the end of a Gap."""
    gaps = [record for record in outcome.records if isinstance(record, Gap)]
    losses = [event for event in outcome.story if isinstance(event, events.Failed) and event.phase == "live"]
    assert len(losses) >= 200
    assert all(any(gap.from_ns <= loss.at_ns <= gap.to_ns for gap in gaps) for loss in losses)
    assert len(gaps) == outcome.session.stats.gaps


def test_what_a_gap_calls_filled_is_all_there(outcome: Outcome) -> None:
    """Within a filled gap no trade is missing."""
    numbers = {int(record.trade_id or 0) for record in outcome.records if isinstance(record, Trade)}
    filled = [record for record in outcome.records if isinstance(record, Gap) and record.filled]
    assert len(filled) > 50
    for gap in filled:
        inside = {item.number for item in outcome.world.tape if gap.from_ns <= item.at_ns < gap.to_ns}
        assert inside <= numbers


def test_each_symbol_comes_in_order(outcome: Outcome) -> None:
    """Backfilled before live, live in the order of the market: numbers only rise, but for a new gap."""
    last = dict.fromkeys(SYMBOLS, -1)
    for record in outcome.records:
        if isinstance(record, Trade):
            number = int(record.trade_id or 0)
            assert number > last[record.symbol]
            last[record.symbol] = number


def test_waits_are_kept_and_bounded(outcome: Outcome) -> None:
    """Each attempt begins when its wait is over, not before, and no wait is longer than the largest bound asks."""
    for event, following in zip(outcome.story, outcome.story[1:], strict=False):
        if isinstance(event, events.Waiting):
            assert 0.0 <= event.delay_s <= RETRY.max_s + RETRY.interval_s
            assert following.at_ns - event.at_ns >= event.delay_s * 1e9 - 1e4 or isinstance(following, events.Closed)


@pytest.mark.parametrize("policy", ["block", "conflate", "drop_oldest"])
def test_accounting_holds_when_the_inbox_is_small(run: Runner[None], policy: str) -> None:
    """The same faults with room for few records: the sums hold at every step, and gaps are never lost."""

    async def main() -> None:
        outcome = await run_faults(3, 60, policy, 50)
        stats = outcome.session.stats
        assert (stats.conflated + stats.dropped > 0) == (policy != "block")
        assert len([record for record in outcome.records if isinstance(record, Gap)]) == stats.gaps

    run(main())
