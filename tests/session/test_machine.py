"""The life of a session, decided without a loop, a port or a sleep."""

from __future__ import annotations

import pytest

from wsexample.errors import StateError
from wsexample.ports import Silence
from wsexample.session.machine import TRANSITIONS, AttemptPace, Machine, Phase, Signal
from wsexample.session.options import Retry, SessionOptions

QUIET = Silence()


def machine(*topics: str, jitter: float = 1.0, **retry: object) -> Machine:
    """A machine whose jitter is always the same share of the bound."""
    options = SessionOptions(retry=Retry(**{"interval_s": 0.0, **retry}))  # type: ignore[arg-type]
    return Machine(options, topics, uniform=lambda: jitter)


def live(machine: Machine, now_s: float = 0.0) -> Machine:
    """Bring a machine to LIVE at a moment."""
    machine.dial(now_s)
    machine.opened(now_s)
    machine.answered(machine.logged_in(now_s))
    assert machine.settle(now_s)
    return machine


def test_every_phase_but_the_last_can_end() -> None:
    """From each phase but CLOSED there is a way to CLOSED, and from CLOSED there is none anywhere."""
    for phase, ways in TRANSITIONS.items():
        assert (ways.get(Signal.ENDED) is Phase.CLOSED) == (phase is not Phase.CLOSED)
    assert set(TRANSITIONS) == set(Phase)


def test_a_failure_leads_to_backing_off_from_every_phase_of_a_connection() -> None:
    """Connecting, logging in, subscribing and live all back off when something is lost."""
    for phase in (Phase.CONNECTING, Phase.LOGGING_IN, Phase.SUBSCRIBING, Phase.LIVE):
        assert TRANSITIONS[phase][Signal.LOST] is Phase.BACKING_OFF


def test_the_straight_line_leads_to_live() -> None:
    """Dialled, opened, logged in, answered: live."""
    subject = machine("A", "B")
    phases = [subject.phase]
    subject.dial(0.0)
    subject.opened(1.0)
    phases.append(subject.phase)
    assert subject.logged_in(2.0) == ("A", "B")
    phases.append(subject.phase)
    subject.answered(["A"])
    assert not subject.settle(3.0)
    subject.answered(["B"])
    assert subject.settle(4.0)
    assert [*phases, subject.phase] == ["connecting", "logging_in", "subscribing", "live"]


def test_without_topics_a_login_is_enough() -> None:
    """With nothing to subscribe to the session is live as soon as it is logged in."""
    subject = machine()
    subject.dial(0.0)
    subject.opened(0.0)
    assert subject.logged_in(0.0) == ()
    assert subject.settle(0.0)


@pytest.mark.parametrize(
    ("phase", "step", "timeout_s"),
    [("connecting", "open", 30), ("logging_in", "login", 10), ("subscribing", "subscribe", 10)],
)
def test_every_wait_on_the_way_has_a_deadline(phase: str, step: str, timeout_s: float) -> None:
    """Opening, login and subscription are overdue exactly when their time is up."""
    subject = machine("A")
    subject.dial(100.0)
    if phase != "connecting":
        subject.opened(100.0)
    if phase == "subscribing":
        subject.logged_in(100.0)
    assert subject.phase == phase
    assert subject.overdue(100.0 + timeout_s - 0.01, QUIET) is None
    late = subject.overdue(100.0 + timeout_s, QUIET)
    assert late is not None
    assert (late.step, late.timeout_s) == (step, timeout_s)


def test_an_errand_has_a_deadline_of_its_own() -> None:
    """While an errand runs its own time counts, and the phase's begins when it is done."""
    subject = machine("A")
    subject.dial(0.0)
    subject.errand_begun(0.0)
    assert subject.deadline(QUIET).step == "errand"  # type: ignore[union-attr]
    subject.errand_done(25.0)
    assert subject.overdue(54.0, QUIET) is None
    assert subject.overdue(55.0, QUIET).step == "open"  # type: ignore[union-attr]


def test_a_quiet_market_may_be_quiet_for_ever() -> None:
    """Live and without a limit of silence there is nothing to wait for."""
    assert live(machine("A")).deadline(QUIET) is None


def test_silence_of_messages_counts_from_the_last_message() -> None:
    """Messages push the deadline of messages; pings do not."""
    subject = live(machine("A"), 0.0)
    limits = Silence(message_s=5.0)
    subject.message_heard(10.0)
    subject.frame_heard(14.0)
    assert subject.overdue(14.9, limits) is None
    assert subject.overdue(15.0, limits).step == "message"  # type: ignore[union-attr]


def test_silence_of_frames_counts_from_any_sign_of_life() -> None:
    """Messages, pings and pongs all push the deadline of frames, and none pulls it back."""
    subject = live(machine("A"), 0.0)
    limits = Silence(frame_s=60.0)
    subject.message_heard(10.0)
    subject.frame_heard(40.0)
    subject.frame_heard(30.0)
    assert subject.deadline(limits).at_s == 100.0  # type: ignore[union-attr]


def test_the_bound_of_the_wait_doubles_up_to_its_limit() -> None:
    """With the unluckiest jitter the waits are 0.5, 1, 2, 4 and at most 30 seconds."""
    subject = machine()
    waits = []
    for _ in range(9):
        subject.dial(0.0)
        waits.append(subject.lost(0.0))
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_jitter_is_full() -> None:
    """The wait is a share between nothing and all of the bound."""
    for share in (0.0, 0.25, 1.0):
        subject = machine(jitter=share)
        subject.dial(0.0)
        assert subject.lost(0.0) == 0.5 * share


def test_failures_are_counted_anew_only_after_a_proven_live_period() -> None:
    """Being live for less than proven_s leaves the count; being live that long resets it."""
    subject = machine(proven_s=10.0)
    live(subject, 0.0)
    subject.lost(9.9)
    assert (subject.failures, subject.attempt) == (1, 1)
    live(subject, 20.0)
    subject.lost(29.9)
    assert (subject.failures, subject.attempt) == (2, 2)
    live(subject, 40.0)
    subject.lost(50.0)
    assert (subject.failures, subject.attempt) == (1, 0)


def test_the_session_gives_up_after_so_many_failures() -> None:
    """With max_attempts=3 the third failure in a row ends it."""
    subject = machine(max_attempts=3)
    for expected in (0.5, 1.0, None):
        subject.dial(0.0)
        assert subject.lost(0.0) == expected
    assert subject.phase is Phase.CLOSED


def test_the_session_gives_up_after_so_much_time() -> None:
    """No attempt is begun later than max_elapsed_s after the first failure."""
    subject = machine(max_elapsed_s=10.0, first_s=4.0, factor=1.0)
    subject.dial(100.0)
    assert subject.lost(100.0) == 4.0
    subject.dial(104.0)
    assert subject.lost(104.0) == 4.0
    subject.dial(108.0)
    assert subject.lost(108.0) is None


def test_the_first_attempts_may_have_a_limit_of_their_own() -> None:
    """initial_attempts ends a session that was never live, and no other."""
    fresh = machine(initial_attempts=1)
    fresh.dial(0.0)
    assert fresh.lost(0.0) is None
    proven = live(machine(initial_attempts=1))
    assert proven.lost(1.0) is not None


def test_the_other_side_may_ask_for_more_patience() -> None:
    """A wait that a broker asks for is a least wait, whatever the jitter says."""
    subject = machine(jitter=0.0)
    subject.dial(0.0)
    assert subject.lost(0.0, wait_s=7.0) == 7.0


def test_a_lucky_jitter_does_not_outrun_the_pace() -> None:
    """Attempts begin at least interval_s apart."""
    subject = machine(jitter=0.0, interval_s=2.0)
    subject.dial(10.0)
    assert subject.lost(10.5) == 1.5
    assert subject.wait_s(11.0) == 1.0


def test_a_window_of_attempts_is_kept() -> None:
    """With 3 attempts in 60 s, the fourth waits for the first to leave the window."""
    pace = AttemptPace(0.0, 3, 60.0)
    for moment in (0.0, 10.0, 20.0):
        assert pace.earliest_s(moment) == moment
        pace.begin(moment)
    assert pace.earliest_s(25.0) == 60.0
    assert pace.earliest_s(70.0) == 70.0


def test_a_pace_can_be_shared() -> None:
    """An attempt of one session holds up another that shares the pace."""
    pace = AttemptPace(5.0)
    one, other = (Machine(SessionOptions(), uniform=lambda: 0.0, pace=pace) for _ in range(2))
    one.dial(0.0)
    assert other.wait_s(1.0) == 4.0


def test_a_reconnect_asks_for_all_that_is_wanted_now() -> None:
    """Topics added and given up meanwhile count on the next connection."""
    subject = live(machine("A", "B"))
    assert subject.want(["B", "C"]) == ("C",)
    assert subject.drop(["A"]) == ("A",)
    subject.lost(1.0)
    assert subject.want(["D"]) == ()
    subject.dial(2.0)
    subject.opened(2.0)
    assert subject.logged_in(2.0) == ("B", "C", "D")


def test_a_topic_asked_for_while_live_leaves_the_session_live() -> None:
    """Records of the other topics go on flowing while an answer is waited for."""
    subject = live(machine("A"))
    subject.want(["B"])
    assert subject.phase is Phase.LIVE
    assert list(subject.pending) == ["B"]


def test_a_refused_topic_is_not_asked_for_again() -> None:
    """What the broker refuses is no longer wanted, and no longer waited for."""
    subject = machine("A", "B")
    subject.dial(0.0)
    subject.opened(0.0)
    subject.logged_in(0.0)
    error = ValueError("unknown")
    answer = subject.answered(["A"], [("B", error)])
    assert (answer.confirmed, answer.refused) == (("A",), (("B", error),))
    assert subject.settle(0.0)
    assert list(subject.wanted) == ["A"]


def test_answers_about_other_topics_change_nothing() -> None:
    """A broker that lists its whole set, or topics given up since, confirms only what is wanted and new."""
    subject = live(machine("A"))
    subject.want(["B"])
    assert subject.answered(["A", "B", "C"]).confirmed == ("B",)
    assert subject.answered(["A", "B", "C"], [("D", ValueError())]).refused == ()


def test_a_signal_out_of_place_is_an_error() -> None:
    """The table is the law: a login without a connection is refused, and nothing changes."""
    subject = machine()
    with pytest.raises(StateError, match="connecting"):
        subject.logged_in(0.0)
    assert subject.phase is Phase.CONNECTING


def test_the_end_is_the_end() -> None:
    """A closed session stays closed, and closing it twice is harmless."""
    subject = live(machine("A"))
    subject.ended(1.0)
    subject.ended(2.0)
    assert subject.phase is Phase.CLOSED
    assert subject.deadline(QUIET) is None
