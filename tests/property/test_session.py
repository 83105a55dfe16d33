"""A whole session, over connections that a broker answers well or badly, loses, cuts and lets go silent, as time passes."""

from __future__ import annotations

import asyncio
import random
import re

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from tests.property.broker import UNKNOWN, Broker, BrokerErrands
from tests.property.looping import LoopingMachine
from tests.property.profiles import search
from tests.session.toy import ToyDialect
from wsexample.errors import SlowConsumerError, StateError, WsExampleError
from wsexample.ports import Gap, Record, Silence
from wsexample.records.market import Trade
from wsexample.session import events
from wsexample.session.consumer import Consumer
from wsexample.session.machine import Phase
from wsexample.session.options import Retry
from wsexample.session.session import Session

TOPICS = st.lists(st.sampled_from(["A", "A", "B", "B", "C", UNKNOWN]), min_size=1, max_size=3)
LETTERS = {"Opened": "O", "LoggedIn": "L", "Live": "V", "Failed": "F", "Waiting": "W", "Ended": "E"}
LIFE = re.compile(r"((O(LV?)?)?FW)*(O(LV?)?)?F?E?")
"""What may happen to a session, in letters: attempts that fail and are waited for, and at most one end."""
MAX_S, INTERVAL_S, ASKED_S = 8.0, 0.1, 3.0
POLICIES = ("block", "conflate", "drop_oldest", "fail")


class SessionMachine(LoopingMachine):
    """One session, its broker, four consumers that are slow in different ways, and tasks that ask for topics."""

    @initialize(
        topics=st.lists(st.sampled_from("ABC"), max_size=3),
        login=st.booleans(),
        acks=st.booleans(),
        has_errands=st.booleans(),
        beat_s=st.sampled_from([0.0, 4.0]),
        message_s=st.sampled_from([None, 20.0]),
        frame_s=st.sampled_from([None, 10.0]),
        seed=st.integers(0, 9),
        limit=st.integers(1, 6),
    )
    def start(
        self,
        topics: list[str],
        login: bool,
        acks: bool,
        has_errands: bool,
        beat_s: float,
        message_s: float | None,
        frame_s: float | None,
        seed: int,
        limit: int,
    ) -> None:
        self.broker = Broker(self.clock, lambda: "Live" in names_of(self.seen) or self.session.stats.received > 0)
        self.errands = BrokerErrands(self.broker) if has_errands else None
        self.seen: list[events.Event] = []
        self.session = Session(
            ToyDialect(login=login, acks=acks, beat_s=beat_s, silence=Silence(message_s, frame_s)),
            dict.fromkeys(topics),
            errands=self.errands,
            dial=self.broker.dial,
            clock=self.clock,
            random=random.Random(seed),
            dedupe=lambda record: (record.symbol, record.trade_id) if isinstance(record, Trade) else None,
            tap=lambda item: self.seen.append(item) if isinstance(item, events.Event) else None,
            retry=Retry(first_s=0.5, max_s=MAX_S, interval_s=INTERVAL_S, proven_s=5.0),
            limit=limit,
            open_timeout_s=10.0,
            backfill_timeout_s=10.0,
        )
        self.consumers: dict[str, Consumer] = {
            policy: self.session.consumer(policy=policy, limit=max(limit, 3) if policy == "conflate" else limit)
            for policy in POLICIES
        }
        self.got: dict[str, list[Record]] = {policy: [] for policy in POLICIES}
        self.asking: list[tuple[asyncio.Task[None], float]] = []
        self.call(self.session.start)
        self.let_run()

    @property
    def is_over(self) -> bool:
        return self.session.phase is Phase.CLOSED

    # -- the broker's side ---------------------------------------------------------------------------------------

    @rule(topics=st.lists(st.sampled_from("ABC"), min_size=1, max_size=5), arrives=st.booleans())
    def publish(self, topics: list[str], arrives: bool) -> None:
        for topic in topics:
            self.broker.publish(topic)
        if arrives:
            self.everything_arrives()

    @rule(count=st.integers(1, 3))
    def some_arrive(self, count: int) -> None:
        if (side := self.broker.side) is not None:
            side.arrive(count)
        self.let_run()

    @rule()
    def everything_arrives(self) -> None:
        for _ in range(4):  # an answer brings the next question
            if (side := self.broker.side) is not None:
                side.arrive()
            self.let_run()

    @rule()
    def life_is_shown(self) -> None:
        if (side := self.broker.side) is not None:
            side.arrive()
            side.connection.show_life()
        self.let_run()

    @rule(code=st.sampled_from([1000, 1001, 1006, 1008, 1011, 1013, 4000]), all_arrives=st.booleans())
    def connection_ends(self, code: int, all_arrives: bool) -> None:
        if (side := self.broker.side) is not None:
            side.arrive(None if all_arrives else 0)
            side.on_the_way.clear()
            side.connection.drop(code, was_clean=code != 1006)
        self.let_run()

    @rule(backfills=st.sampled_from(["late", "hangs", "breaks"]), topic=st.sampled_from("ABC"))
    def connection_ends_twice(self, backfills: str, topic: str) -> None:
        """The next connection is lost while what was missed on the last one is still being fetched."""
        if self.errands is not None:
            self.errands.backfills = backfills
        for _ in range(2):
            self.publish([topic, topic], True)
            self.connection_ends(1006, False)
            self.publish([topic], False)
            self.pass_time(1.5)
            self.everything_arrives()

    @rule(how=st.sampled_from(["hangs", "refuses", "busy"]))
    def trouble_ahead(self, how: str) -> None:
        if len(self.broker.dials) < 2:
            self.broker.dials.append(how)

    @rule(login=st.sampled_from(["ok", "ok", "busy", None]), answers_topics=st.booleans(), answers_beats=st.booleans())
    def mood_changes(self, login: str | None, answers_topics: bool, answers_beats: bool) -> None:
        self.broker.login = login
        self.broker.answers_topics, self.broker.answers_beats = answers_topics, answers_beats

    @precondition(lambda self: self.errands is not None)
    @rule(
        prepares=st.sampled_from(["at once", "hangs", "fails"]),
        backfills=st.sampled_from(["none", "all", "all", "late", "breaks", "hangs"]),
    )
    def errands_change(self, prepares: str, backfills: str) -> None:
        assert self.errands is not None
        self.errands.prepares, self.errands.backfills = prepares, backfills

    # -- time ----------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.05, 0.5, 2.0, 6.0, 12.0, 35.0]))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        target_ns = self.clock.now_ns() + round(seconds * 1e9)
        while (wake_ns := self.clock.next_wake_ns) is not None and wake_ns <= target_ns:
            self.clock.move_to(wake_ns)
            self.let_run()
        self.clock.move_to(target_ns)
        self.let_run()

    # -- the user's side -----------------------------------------------------------------------------------------

    @rule(topics=TOPICS)
    def subscribe(self, topics: list[str]) -> None:
        due_s = self.clock.monotonic_s() + 10.0 + (30.0 if self.errands is not None else 0.0)
        self.asking.append((self.begin(self.session.subscribe(topics)), due_s))

    @rule(which=st.integers(0, 3))
    def somebody_stops_asking(self, which: int) -> None:
        if which < len(self.asking):
            self.asking[which][0].cancel()
            self.let_run()

    @rule(topics=TOPICS)
    def unsubscribe(self, topics: list[str]) -> None:
        self.broker.give_up(topics)
        self.do(self.session.unsubscribe(topics))
        self.let_run()

    @rule(policy=st.sampled_from(POLICIES))
    def take_one(self, policy: str) -> None:
        consumer = self.consumers[policy]
        if len(consumer.inbox):
            self.got[policy].append(self.do(consumer.receive()))
            self.let_run()

    @rule(policies=st.sets(st.sampled_from(POLICIES), min_size=1))
    def take_all(self, policies: set[str]) -> None:
        for policy in policies:
            self.got[policy] += self.consumers[policy].take_waiting()
        self.let_run()

    @rule()
    def reconnect(self) -> None:
        self.session.reconnect()
        self.let_run()

    @precondition(lambda self: len(self.seen) > 6)
    @rule(times=st.integers(1, 2), is_meant=st.sampled_from([False, False, False, True]))
    def close(self, times: int, is_meant: bool) -> None:
        if not is_meant:
            return
        self.broker.end()
        closings = [self.loop.create_task(self.session.close()) for _ in range(times)]
        self.let_run()
        assert all(task.done() for task in closings), "closing waits for something"
        assert self.is_over

    # -- what must hold ------------------------------------------------------------------------------------------

    @invariant()
    def life_is_as_documented(self) -> None:
        if not hasattr(self, "session"):
            return
        letters = "".join(LETTERS.get(type(event).__name__, "") for event in self.seen)
        assert LIFE.fullmatch(letters), letters
        assert [event.number for event in self.seen] == list(range(1, len(self.seen) + 1))
        assert (letters[-1:] == "E") == self.is_over
        for event in self.seen:
            if isinstance(event, events.Waiting):
                assert 0 <= event.delay_s <= max(MAX_S, ASKED_S) + INTERVAL_S + 1e-6

    @invariant()
    def sums_are_right(self) -> None:
        if not hasattr(self, "session"):
            return
        stats = self.session.stats
        assert stats.received == stats.delivered + stats.conflated + stats.dropped + stats.waiting
        for policy, consumer in self.consumers.items():
            counts = consumer.stats
            assert counts.delivered == len(self.got[policy])
            assert counts.received == counts.delivered + counts.conflated + counts.dropped + counts.waiting
        assert self.consumers["block"].stats.dropped == 0

    @invariant()
    def nobody_asks_for_ever(self) -> None:
        if not hasattr(self, "session"):
            return
        for task, due_s in list(self.asking):
            if task.done():
                self.asking.remove((task, due_s))
                if not task.cancelled():
                    assert isinstance(task.exception(), WsExampleError | None)
            else:
                assert self.clock.monotonic_s() < due_s
                assert not self.is_over

    @invariant()
    def one_connection_at_most(self) -> None:
        if hasattr(self, "session"):
            open_ones = [side for side in self.broker.sides if not side.connection.is_over]
            assert len(open_ones) <= (0 if self.is_over else 1)

    # -- the end -------------------------------------------------------------------------------------------------

    def come_to_rest(self) -> None:
        """Whatever happened: with a broker that behaves, the session is live soon; then nothing is missing unannounced."""
        if hasattr(self, "session"):
            for task, _ in self.asking:
                task.cancel()
            self.come_back()
            self.check_streams()

    def come_back(self) -> None:
        broker = self.broker
        broker.dials.clear()
        broker.login, broker.answers_topics, broker.answers_beats = "ok", True, True
        if self.errands is not None:
            self.errands.prepares, self.errands.backfills = "at once", "all"
        for _ in range(200):
            if self.is_over or (self.session.is_live and not self.session._parts.gaps.is_open):
                break
            self.take_all(set(POLICIES))
            self.everything_arrives()
            self.pass_time(0.5)
        assert self.is_over or self.session.is_live, f"still {self.session.phase}"
        self.everything_arrives()
        for _ in range(50):
            self.take_all(set(POLICIES))
            self.everything_arrives()
        broker.end()
        self.do(self.session.close())
        delivered = {policy: consumer.stats.received for policy, consumer in self.consumers.items()}
        self.let_run()
        self.take_all(set(POLICIES))
        self.life_is_as_documented()
        self.sums_are_right()
        for policy, consumer in self.consumers.items():
            assert consumer.stats.received == delivered[policy], "something came after the end"
            assert consumer.stats.waiting == 0
        for side in broker.sides:
            assert side.connection.is_over
        for work in (self.session.subscribe(["A"]), self.consumers["block"].receive()):
            with pytest.raises(WsExampleError) as caught:
                self.do(work)
            assert caught.value is self.session.error or isinstance(caught.value, StateError)

    def check_streams(self) -> None:
        stream = self.got["block"]
        gaps = [record for record in stream if isinstance(record, Gap)]
        told = [event for event in self.seen if isinstance(event, events.Gap)]
        assert [(gap.from_ns, gap.to_ns, gap.filled) for gap in gaps] == [(e.from_ns, e.to_ns, e.filled) for e in told]
        for topic in "ABC":
            self.check_topic(topic, stream)
        # The others have what the first has, but for what their policy lets go of.
        for policy in ("conflate", "drop_oldest"):
            for symbol in ("", *"ABC"):  # a conflated record has the place of the one that it replaces
                assert is_part([r for r in self.got[policy] if r.symbol == symbol], stream)
            assert [r for r in self.got[policy] if isinstance(r, Gap)] == gaps
        for topic in "ABC":
            assert numbers_of(topic, self.got["conflate"])[-1:] == numbers_of(topic, stream)[-1:]
        assert self.got["fail"] == stream[: len(self.got["fail"])]
        if self.consumers["fail"].inbox.has_failed:
            with pytest.raises(SlowConsumerError):
                self.do(self.consumers["fail"].receive())
        else:
            assert self.got["fail"] == stream

    def check_topic(self, topic: str, stream: list[Record]) -> None:
        """Numbers only go up; what is missing is in a gap that stands before what came later, which is not filled
        or of no interest, because its topic had been given up before it was fetched.
        """
        numbers = numbers_of(topic, stream)
        assert numbers == sorted(set(numbers)), f"{topic}: {numbers}"
        for one in self.broker.expected(topic):
            if one.number in numbers:
                continue
            later = next(
                (
                    i
                    for i, r in enumerate(stream)
                    if isinstance(r, Trade) and r.symbol == topic and r.price > one.number
                ),
                len(stream),
            )
            announced = [
                gap
                for gap in stream[:later]
                if isinstance(gap, Gap)
                and gap.from_ns <= one.at_ns <= gap.to_ns
                and (not gap.filled or not self.broker.is_expected(topic, one.at_ns, gap.to_ns))
            ]
            assert announced, f"{topic} {one.number} at {one.at_ns} is missing and no gap says so: {stream}"


def numbers_of(topic: str, stream: list[Record]) -> list[int]:
    return [int(record.price) for record in stream if isinstance(record, Trade) and record.symbol == topic]


def names_of(seen: list[events.Event]) -> list[str]:
    return [type(event).__name__ for event in seen]


def is_part(few: list[Record], all_of_them: list[Record]) -> bool:
    """Whether records are some of others, in their order."""
    rest = iter(all_of_them)
    return all(any(record is other for other in rest) for record in few)


TestSession = SessionMachine.TestCase
TestSession.settings = search(60)
TestSession.__doc__ = (
    "A session comes back from everything; what it did not deliver it has announced, and it leaves nothing."
)
