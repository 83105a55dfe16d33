"""The session's machine keeps its promises for every order of events and every jitter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.property.profiles import search
from wsexample.errors import StateError
from wsexample.ports import Silence
from wsexample.session.machine import TRANSITIONS, Machine, Phase, Signal
from wsexample.session.options import Retry, SessionOptions

TIMES = st.floats(0.0, 100.0, allow_nan=False)
TOPICS = st.sets(st.sampled_from("ABCDEF"), max_size=4)


class SessionLife(RuleBasedStateMachine):
    """Somebody drives a machine as a shell would, with any luck."""

    @initialize(
        topics=TOPICS,
        attempts=st.none() | st.integers(1, 5),
        elapsed_s=st.none() | st.floats(1.0, 500.0),
        interval_s=st.floats(0.0, 5.0),
        window=st.integers(0, 4),
        data=st.data(),
    )
    def begin(
        self,
        topics: set[str],
        attempts: int | None,
        elapsed_s: float | None,
        interval_s: float,
        window: int,
        data: st.DataObject,
    ) -> None:
        self.retry = Retry(
            max_attempts=attempts,
            max_elapsed_s=elapsed_s,
            interval_s=interval_s,
            window_attempts=window,
            window_s=60.0,
            proven_s=10.0,
        )
        self.machine = Machine(
            SessionOptions(retry=self.retry), topics, uniform=lambda: data.draw(st.floats(0.0, 1.0), label="jitter")
        )
        self.now_s = 1000.0
        self.begun: list[float] = []
        self.phase_was = self.machine.phase
        self.in_a_row = 0
        self.live_since_s: float | None = None

    def moved(self) -> None:
        """Every change of phase stands in the table."""
        if self.machine.phase is not self.phase_was:
            assert self.machine.phase in TRANSITIONS[self.phase_was].values()
            self.phase_was = self.machine.phase

    @rule(seconds=TIMES)
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @precondition(lambda self: self.machine.phase is Phase.BACKING_OFF or not self.begun)
    @rule()
    def dial(self) -> None:
        if self.machine.phase is Phase.CLOSED:
            return
        self.now_s += self.machine.wait_s(self.now_s)
        self.machine.dial(self.now_s)
        self.begun.append(self.now_s)
        self.moved()

    @precondition(lambda self: self.machine.phase is Phase.CONNECTING and self.begun)
    @rule()
    def opened(self) -> None:
        self.machine.opened(self.now_s)
        self.moved()

    @precondition(lambda self: self.machine.phase is Phase.LOGGING_IN)
    @rule()
    def logged_in(self) -> None:
        assert self.machine.logged_in(self.now_s) == tuple(self.machine.wanted)
        self.moved()
        self.settle()

    @precondition(lambda self: self.machine.phase in (Phase.SUBSCRIBING, Phase.LIVE))
    @rule(topics=TOPICS, refused=TOPICS)
    def answered(self, topics: set[str], refused: set[str]) -> None:
        answer = self.machine.answered(sorted(topics), [(topic, ValueError()) for topic in sorted(refused)])
        assert not {topic for topic, _ in answer.refused} & set(self.machine.wanted)
        self.settle()

    def settle(self) -> None:
        if self.machine.settle(self.now_s):
            self.live_since_s = self.now_s
        self.moved()

    @rule(topics=TOPICS)
    def want(self, topics: set[str]) -> None:
        asked = self.machine.want(sorted(topics))
        assert set(asked) <= set(self.machine.pending)

    @rule(topics=TOPICS)
    def drop(self, topics: set[str]) -> None:
        self.machine.drop(sorted(topics))
        assert not topics & (set(self.machine.wanted) | set(self.machine.pending) | set(self.machine.confirmed))
        self.settle()

    @precondition(lambda self: self.machine.phase not in (Phase.BACKING_OFF, Phase.CLOSED) and self.begun)
    @rule(wait_s=st.sampled_from([0.0, 0.0, 20.0]))
    def lost(self, wait_s: float) -> None:
        was_proven = self.machine.phase is Phase.LIVE and self.now_s - (self.live_since_s or 0.0) >= 10.0
        self.in_a_row = 1 if was_proven else self.in_a_row + 1
        delay_s = self.machine.lost(self.now_s, wait_s)
        self.moved()
        assert self.machine.failures == self.in_a_row
        if delay_s is None:
            limit = self.retry.max_attempts
            assert (limit is not None and self.in_a_row >= limit) or self.retry.max_elapsed_s is not None
            assert self.machine.phase is Phase.CLOSED
        else:
            assert delay_s >= wait_s - 1e-6
            assert self.retry.max_attempts is None or self.in_a_row < self.retry.max_attempts
            pace_s = self.retry.interval_s + (self.retry.window_s if self.retry.window_attempts else 0.0)
            assert delay_s <= max(self.retry.bound_s(self.in_a_row), wait_s) + pace_s

    @precondition(lambda self: self.begun)
    @rule()
    def ended(self) -> None:
        self.machine.ended(self.now_s)
        self.moved()

    @invariant()
    def attempts_keep_the_pace(self) -> None:
        if not hasattr(self, "machine"):
            return
        grain_s = 1e-5
        for before, after in zip(self.begun, self.begun[1:], strict=False):
            assert after - before >= self.retry.interval_s - grain_s
        if window := self.retry.window_attempts:
            for first, last in zip(self.begun, self.begun[window:], strict=False):
                assert last - first >= self.retry.window_s - grain_s

    @invariant()
    def every_wait_has_a_deadline(self) -> None:
        if not hasattr(self, "machine"):
            return
        machine, silence = self.machine, Silence(message_s=5.0, frame_s=60.0)
        deadline = machine.deadline(silence)
        if machine.phase in (Phase.BACKING_OFF, Phase.CLOSED):
            assert deadline is None
            assert machine.wait_s(self.now_s) < float("inf")
        else:
            assert deadline is not None
            assert deadline.at_s <= self.now_s + 60.0 + 1e-6

    @invariant()
    def topics_are_told_apart(self) -> None:
        if hasattr(self, "machine"):
            machine = self.machine
            assert set(machine.pending) <= set(machine.wanted)
            assert set(machine.confirmed) <= set(machine.wanted)
            assert not set(machine.pending) & set(machine.confirmed)
            if machine.phase is Phase.CLOSED:
                assert not machine.pending


SessionLife.TestCase.settings = search(60)
TestSessionLife = SessionLife.TestCase
TestSessionLife.__doc__ = (
    "The table is kept, attempts keep their pace, counts reset only when proven, waits are bounded."
)


@given(failures=st.integers(1, 10**6), first_s=st.floats(0.0, 100.0), factor=st.floats(1.0, 100.0))
def test_the_bound_of_a_wait_never_passes_its_limit(failures: int, first_s: float, factor: float) -> None:
    """However many failures in a row, the bound stays between nothing and max_s."""
    assert 0.0 <= Retry(first_s=first_s, factor=factor, max_s=30.0).bound_s(failures) <= 30.0


@given(phase=st.sampled_from(list(Phase)), signal=st.sampled_from(list(Signal)))
def test_only_the_table_moves_the_machine(phase: Phase, signal: Signal) -> None:
    """A signal that the table does not have in a phase is refused and changes nothing; one that it has is obeyed."""
    machine = Machine(SessionOptions(), uniform=lambda: 0.5)
    machine.phase = phase
    expected = TRANSITIONS[phase].get(signal)
    if expected is None:
        with pytest.raises(StateError):
            machine._move(signal, 0.0)
        assert machine.phase is phase
    else:
        machine._move(signal, 0.0)
        assert machine.phase is expected
