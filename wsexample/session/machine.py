"""The life of a session as a table and a few rules: which phase follows, until when to wait, when to try again.

Pure: every method that needs the time takes ``now_s``, seconds of a clock that never goes back. It opens nothing, sends
nothing and waits for nothing; the shell in `wsexample.session.session` does, and asks `Machine.deadline` when to look again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from wsexample.errors import StateError
from wsexample.ports import Silence
from wsexample.session.options import Retry, SessionOptions

__all__ = ["GRAIN_S", "TRANSITIONS", "Answer", "AttemptPace", "Deadline", "Machine", "Phase", "Signal"]


GRAIN_S = 1e-6
"""Moments nearer to each other than this are the same: clocks count in nanoseconds and floats round."""


class Phase(StrEnum):
    """Where a session stands."""

    CONNECTING = "connecting"
    """Errands are run and the WebSocket is being opened."""
    LOGGING_IN = "logging_in"
    """The WebSocket is open; the broker has not accepted the login."""
    SUBSCRIBING = "subscribing"
    """Logged in; topics asked for are not all answered."""
    LIVE = "live"
    """Everything asked for is answered; records flow."""
    BACKING_OFF = "backing_off"
    """Something failed; the next attempt is waited for."""
    CLOSED = "closed"
    """Over for good."""


class Signal(StrEnum):
    """What moves a session from one phase to another."""

    OPENED = "opened"
    """The WebSocket is open."""
    LOGGED_IN = "logged in"
    """The broker accepted the login, or wants none."""
    ANSWERED = "all topics answered"
    """Every topic asked for is confirmed or refused."""
    LOST = "lost"
    """A step failed, a deadline passed or the connection broke, and trying again may help."""
    DUE = "due"
    """The wait is over."""
    ENDED = "ended"
    """Closed by the user, a final failure, or the limits of trying again are reached."""


# Theory: a straight line from CONNECTING to LIVE; whatever goes wrong on it leads to BACKING_OFF and from there to the
# beginning of the line. Exceptions: none. A topic refused or added while LIVE does not leave LIVE, because records of the
# other topics go on flowing; a broker that wants a new login on the same socket has its dialect do that inside LOGGING_IN.
TRANSITIONS: dict[Phase, dict[Signal, Phase]] = {
    Phase.CONNECTING: {
        Signal.OPENED: Phase.LOGGING_IN,
        Signal.LOST: Phase.BACKING_OFF,
        Signal.ENDED: Phase.CLOSED,
    },
    Phase.LOGGING_IN: {
        Signal.LOGGED_IN: Phase.SUBSCRIBING,
        Signal.LOST: Phase.BACKING_OFF,
        Signal.ENDED: Phase.CLOSED,
    },
    Phase.SUBSCRIBING: {
        Signal.ANSWERED: Phase.LIVE,
        Signal.LOST: Phase.BACKING_OFF,
        Signal.ENDED: Phase.CLOSED,
    },
    Phase.LIVE: {
        Signal.LOST: Phase.BACKING_OFF,
        Signal.ENDED: Phase.CLOSED,
    },
    Phase.BACKING_OFF: {
        Signal.DUE: Phase.CONNECTING,
        Signal.ENDED: Phase.CLOSED,
    },
    Phase.CLOSED: {},
}


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when something is waited for."""

    at_s: float
    """When it passes, on the clock that never goes back."""
    step: str
    """What is waited for: "errand", "open", "login", "subscribe", "message" or "frame"."""
    timeout_s: float
    """How long the wait may take, seconds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer of the broker changed."""

    confirmed: tuple[str, ...]
    """Topics that are delivered from now on."""
    refused: tuple[tuple[str, Exception], ...]
    """Topics that are no longer wanted, and why."""


class AttemptPace:
    """Spreads connection attempts out in time; one object may be shared by sessions that share a limit.

    Parameters:
        interval_s: least time between the beginnings of two attempts, seconds.
        window_attempts: attempts that may begin within the window; 0 sets no limit.
        window_s: length of the window, seconds.
    """

    def __init__(self, interval_s: float = 0.1, window_attempts: int = 0, window_s: float = 300.0) -> None:
        self.interval_s = interval_s
        self.window_s = window_s
        self._begun: deque[float] = deque(maxlen=max(window_attempts, 1))
        self._has_window = window_attempts > 0

    def earliest_s(self, now_s: float) -> float:
        """Return when the next attempt may begin; not before now."""
        earliest = now_s
        if self._begun:
            earliest = max(earliest, self._begun[-1] + self.interval_s)
            if self._has_window and len(self._begun) == self._begun.maxlen:
                earliest = max(earliest, self._begun[0] + self.window_s)
        return earliest

    def begin(self, now_s: float) -> None:
        """Count an attempt."""
        self._begun.append(now_s)


class Machine:
    """The phase, the topics and the counts of one session.

    Parameters:
        options: deadlines and limits.
        topics: what to subscribe to first.
        uniform: returns a random number from 0 to 1; the jitter.
        pace: spreads attempts; made from the options when not given.
    """

    def __init__(
        self,
        options: SessionOptions,
        topics: Iterable[str] = (),
        *,
        uniform: Callable[[], float],
        pace: AttemptPace | None = None,
    ) -> None:
        retry = options.retry
        self._options = options
        self._uniform = uniform
        self._pace = pace or AttemptPace(retry.interval_s, retry.window_attempts, retry.window_s)
        self.phase = Phase.CONNECTING
        self.wanted: dict[str, None] = dict.fromkeys(topics)
        """Topics to be subscribed to, in the order in which they were asked for."""
        self.confirmed: dict[str, None] = {}
        """Topics that the broker delivers on this connection."""
        self.pending: dict[str, None] = {}
        """Topics asked for on this connection and not yet answered."""
        self.connections = 0
        """Attempts ever begun."""
        self.attempt = 0
        """Attempts begun since the session was last proven live."""
        self.times_live = 0
        """How often the session became live."""
        self._failures = 0
        self._first_failure_s = 0.0
        self._phase_since_s = 0.0
        self._due_s = 0.0
        self._errands = 0
        self._message_s = 0.0
        self._frame_s = 0.0

    # -- the way to a connection ---------------------------------------------------------------------------------

    def wait_s(self, now_s: float) -> float:
        """Return the seconds until the next attempt may begin, 0 when it may."""
        wait_s = max(self._due_s, self._pace.earliest_s(now_s)) - now_s
        return wait_s if wait_s > GRAIN_S else 0.0

    def hurry(self, now_s: float) -> None:
        """Let the next attempt be due now; the pace is kept all the same."""
        self._due_s = now_s

    def dial(self, now_s: float) -> int:
        """Begin an attempt; returns its number since the session was last proven live, from 1."""
        if self.phase is Phase.BACKING_OFF:
            self._move(Signal.DUE, now_s)
        self._phase_since_s = now_s
        self._pace.begin(now_s)
        self.connections += 1
        self.attempt += 1
        return self.attempt

    def errand_begun(self, now_s: float) -> None:
        """An errand is being run; the phase's own wait begins when it, and any other, is done."""
        self._errands += 1
        self._phase_since_s = now_s

    def errand_done(self, now_s: float) -> None:
        """The errand is done."""
        self._errands -= 1
        self._phase_since_s = now_s

    @property
    def is_on_errand(self) -> bool:
        """Whether an errand is being run in the phase of connecting or subscribing."""
        return self._errands > 0

    def opened(self, now_s: float) -> None:
        """The WebSocket is open."""
        self._move(Signal.OPENED, now_s)
        self.confirmed.clear()
        self.pending.clear()
        self._message_s = self._frame_s = now_s

    def logged_in(self, now_s: float) -> tuple[str, ...]:
        """The login is accepted, or none is wanted; returns the topics to ask for now."""
        self._move(Signal.LOGGED_IN, now_s)
        self.pending = dict.fromkeys(self.wanted)
        return tuple(self.pending)

    # -- topics --------------------------------------------------------------------------------------------------

    def want(self, topics: Iterable[str]) -> tuple[str, ...]:
        """Add topics; returns those to ask for now, which are none while no login is accepted."""
        new = [topic for topic in dict.fromkeys(topics) if topic not in self.wanted]
        self.wanted.update(dict.fromkeys(new))
        if self.phase not in (Phase.SUBSCRIBING, Phase.LIVE):
            return ()
        self.pending.update(dict.fromkeys(new))
        return tuple(new)

    def drop(self, topics: Iterable[str]) -> tuple[str, ...]:
        """Give topics up; returns those to tell the broker about now."""
        told = []
        for topic in dict.fromkeys(topics):
            self.wanted.pop(topic, None)
            was_pending = topic in self.pending
            self.pending.pop(topic, None)
            if topic in self.confirmed or was_pending:
                told.append(topic)
            self.confirmed.pop(topic, None)
        return tuple(told)

    def answered(self, confirmed: Iterable[str] = (), refused: Iterable[tuple[str, Exception]] = ()) -> Answer:
        """The broker answered topics; what is not wanted any more is passed over. `settle` may make the session live."""
        news = [topic for topic in confirmed if topic in self.wanted and topic not in self.confirmed]
        for topic in news:
            self.pending.pop(topic, None)
            self.confirmed[topic] = None
        lost = []
        for topic, error in refused:
            if topic in self.wanted:
                del self.wanted[topic]
                self.pending.pop(topic, None)
                self.confirmed.pop(topic, None)
                lost.append((topic, error))
        return Answer(tuple(news), tuple(lost))

    def settle(self, now_s: float) -> bool:
        """Become live when nothing is left unanswered; returns whether that happened now."""
        if self.phase is not Phase.SUBSCRIBING or self.pending or self.is_on_errand:
            return False
        self._move(Signal.ANSWERED, now_s)
        self.times_live += 1
        self._message_s = self._frame_s = now_s
        return True

    # -- signs of life -------------------------------------------------------------------------------------------

    def message_heard(self, now_s: float) -> None:
        """A message came."""
        self._message_s = self._frame_s = now_s

    def frame_heard(self, now_s: float) -> None:
        """A ping or a pong came, at or before this moment."""
        self._frame_s = max(self._frame_s, now_s)

    # -- waiting -------------------------------------------------------------------------------------------------

    def deadline(self, silence: Silence) -> Deadline | None:
        """Return what is waited for now and until when; None while there is nothing to wait for."""
        options, since_s = self._options, self._phase_since_s
        if self.is_on_errand:
            return Deadline(since_s + options.errand_timeout_s, "errand", options.errand_timeout_s)
        if self.phase is Phase.CONNECTING:
            return Deadline(since_s + options.open_timeout_s, "open", options.open_timeout_s)
        if self.phase is Phase.LOGGING_IN:
            return Deadline(since_s + options.login_timeout_s, "login", options.login_timeout_s)
        if self.phase is Phase.SUBSCRIBING:
            return Deadline(since_s + options.subscribe_timeout_s, "subscribe", options.subscribe_timeout_s)
        if self.phase is not Phase.LIVE:
            return None
        waits = []
        if silence.message_s is not None:
            waits.append(Deadline(self._message_s + silence.message_s, "message", silence.message_s))
        if silence.frame_s is not None:
            waits.append(Deadline(self._frame_s + silence.frame_s, "frame", silence.frame_s))
        return min(waits, key=lambda wait: wait.at_s, default=None)

    def overdue(self, now_s: float, silence: Silence) -> Deadline | None:
        """Return the deadline that has passed; None while all is in time."""
        deadline = self.deadline(silence)
        return deadline if deadline is not None and deadline.at_s - now_s <= GRAIN_S else None

    # -- failures ------------------------------------------------------------------------------------------------

    def lost(self, now_s: float, wait_s: float = 0.0) -> float | None:
        """An attempt or a connection failed in a way worth a retry.

        Parameters:
            now_s: the time.
            wait_s: least time to wait, as the other side asked for, seconds.

        Returns:
            Seconds until the next attempt; None when the limits are reached and the session is closed.
        """
        retry = self._options.retry
        if self.phase is Phase.LIVE and now_s - self._phase_since_s >= retry.proven_s:
            self._failures = 0
            self.attempt = 0
        self._failures += 1
        if self._failures == 1:
            self._first_failure_s = now_s
        wait = max(self._uniform() * retry.bound_s(self._failures), wait_s)
        due_s = self._pace.earliest_s(now_s + wait)
        if self._is_spent(retry, due_s):
            self.ended(now_s)
            return None
        self._move(Signal.LOST, now_s)
        self._due_s = due_s
        return due_s - now_s

    def _is_spent(self, retry: Retry, due_s: float) -> bool:
        limits = [retry.max_attempts]
        if not self.times_live:
            limits.append(retry.initial_attempts)
        if any(limit is not None and self._failures >= limit for limit in limits):
            return True
        return retry.max_elapsed_s is not None and due_s - self._first_failure_s > retry.max_elapsed_s

    @property
    def failures(self) -> int:
        """Failures in a row since the session was last proven live."""
        return self._failures

    def ended(self, now_s: float) -> None:
        """The session is over; harmless when it is already."""
        if self.phase is not Phase.CLOSED:
            self._move(Signal.ENDED, now_s)
            self.pending.clear()
            self.confirmed.clear()

    def _move(self, signal: Signal, now_s: float) -> None:
        phase = TRANSITIONS[self.phase].get(signal)
        if phase is None:
            raise StateError(f"a session that is {self.phase} cannot take {signal.value!r}")
        self.phase = phase
        self._errands = 0
        self._phase_since_s = now_s
